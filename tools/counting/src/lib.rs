//! How much memory something takes, and how often: an allocator that counts, for tests and benches.
//!
//! ```
//! #[global_allocator]
//! static ALLOCATOR: waypost_counting::Counting = waypost_counting::Counting;
//!
//! let before = waypost_counting::allocations();
//! let (numbers, octets) = waypost_counting::kept_by(|| vec![0_u64; 8]);
//! assert_eq!(waypost_counting::allocations() - before, 1);
//! assert_eq!(octets, size_of_val(&numbers[..]));
//! ```
//!
//! It counts for each thread by itself, so that counting costs no shared word: an allocation costs about as much
//! as without, and tests that run beside each other do not count each other's. What is counted is what was asked for;
//! what the allocator needs for itself comes on top.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// Octets that this thread has taken and not given back.
    static TAKEN: Cell<isize> = const { Cell::new(0) };
    /// How often it took some.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, counted.
#[derive(Debug)]
pub struct Counting;

// A thread that ends may be past its own variables; what it does then is not counted.

fn keeps(octets: isize) {
    let _ = TAKEN.try_with(|taken| taken.set(taken.get().wrapping_add(octets)));
}

fn allocates() {
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: every call is the system allocator's; nothing else is done to the memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        allocates();
        keeps(layout.size() as isize);
        // SAFETY: as our caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        allocates();
        keeps(layout.size() as isize);
        // SAFETY: as our caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        keeps(-(layout.size() as isize));
        // SAFETY: as our caller promises.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        allocates();
        keeps(size as isize - layout.size() as isize);
        // SAFETY: as our caller promises.
        unsafe { System.realloc(place, layout, size) }
    }
}

/// How often this thread has taken memory, or changed how much it has.
pub fn allocations() -> u64 {
    ALLOCATIONS.get()
}

/// Makes something; says how many octets it keeps.
pub fn kept_by<T>(make: impl FnOnce() -> T) -> (T, usize) {
    let before = TAKEN.get();
    let made = make();
    (made, TAKEN.get().saturating_sub(before).max(0) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[global_allocator]
    static ALLOCATOR: Counting = Counting;

    #[test]
    fn what_is_kept_counts_and_what_is_given_back_does_not() {
        let (kept, octets) = kept_by(|| {
            drop(vec![0_u8; 5000]);
            let mut grown = Vec::with_capacity(10);
            grown.extend_from_slice(&[1_u8; 10]);
            grown.reserve_exact(990);
            grown
        });
        assert_eq!(octets, kept.capacity());
        assert_eq!(octets, 1000);
    }
}

//! How much memory something takes: an allocator that counts.
//!
//! It counts for each thread by itself, so that counting costs no shared word: an allocation costs about as much
//! as without. What is counted is what was asked for; what the allocator needs for itself comes on top.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// Octets that this thread has taken and not given back.
    static TAKEN: Cell<isize> = const { Cell::new(0) };
}

/// The system's allocator, counted.
pub(crate) struct Counting;

fn count(octets: isize) {
    // A thread that ends may be past its own variables; what it does then is not counted.
    let _ = TAKEN.try_with(|taken| taken.set(taken.get().wrapping_add(octets)));
}

// SAFETY: every call is the system allocator's; nothing else is done to the memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as our caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as our caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as our caller promises.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        // SAFETY: as our caller promises.
        unsafe { System.realloc(place, layout, size) }
    }
}

/// Makes something; says how many octets it keeps.
pub(crate) fn kept_by<T>(make: impl FnOnce() -> T) -> (T, usize) {
    let before = TAKEN.get();
    let made = make();
    (made, TAKEN.get().saturating_sub(before).max(0) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

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

//! An allocator that only goes up: enough to link against `alloc`.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicUsize, Ordering};

const SIZE: usize = 1 << 20;

#[repr(align(4096))]
struct Heap {
    octets: UnsafeCell<[u8; SIZE]>,
    used: AtomicUsize,
}

// SAFETY: no octet is handed out twice, since `used` only grows, atomically.
unsafe impl Sync for Heap {}

#[global_allocator]
static HEAP: Heap = Heap {
    octets: UnsafeCell::new([0; SIZE]),
    used: AtomicUsize::new(0),
};

// SAFETY: what is returned is null, or aligned, inside the heap, and handed out once.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let place = |used: usize| {
            let begin = used.checked_next_multiple_of(layout.align())?;
            let end = begin.checked_add(layout.size())?;
            (end <= SIZE && layout.align() <= 4096).then_some((begin, end))
        };
        let claimed = self
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                Some(place(used)?.1)
            });
        match claimed.ok().and_then(place) {
            // SAFETY: `begin` is within the heap.
            Some((begin, _)) => unsafe { self.octets.get().cast::<u8>().add(begin) },
            None => null_mut(),
        }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

//! The memory that a pool carves its frames from.

use alloc::alloc::{alloc_zeroed, dealloc};
use core::alloc::Layout;
use core::ptr::NonNull;

/// A region of memory for the octets of a pool's frames.
///
/// The device crate brings one over `mmap(2)`, with huge pages; [`HeapMemory`] is the portable one.
///
/// # Safety
/// `start()..start() + len()` is valid for reads and writes by any thread for as long as the value
/// lives, initialised, aligned to 4096 octets, used by nobody else, and does not move with the value.
#[allow(unsafe_code)]
pub unsafe trait Memory: Send + Sync {
    /// The first octet.
    fn start(&self) -> NonNull<u8>;

    /// How many octets.
    fn len(&self) -> usize;

    /// Whether the region is empty.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Memory of the global allocator, zeroed and aligned to a page.
#[derive(Debug)]
pub struct HeapMemory {
    start: NonNull<u8>,
    layout: Layout,
}

impl HeapMemory {
    /// Takes `len` octets; `None` if there are none to be had.
    pub fn new(len: usize) -> Option<Self> {
        let layout = Layout::from_size_align(len.max(1), 4096).ok()?;
        // SAFETY: the layout is not of size zero.
        #[allow(unsafe_code)]
        let start = unsafe { alloc_zeroed(layout) };
        Some(Self {
            start: NonNull::new(start)?,
            layout,
        })
    }
}

impl Drop for HeapMemory {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout, and by the trait's contract nobody uses it any more.
        #[allow(unsafe_code)]
        unsafe {
            dealloc(self.start.as_ptr(), self.layout);
        }
    }
}

// SAFETY: the memory is owned by this value alone and has no tie to a thread.
#[allow(unsafe_code)]
unsafe impl Send for HeapMemory {}
// SAFETY: shared access offers only the address and the length.
#[allow(unsafe_code)]
unsafe impl Sync for HeapMemory {}

// SAFETY: a zeroed allocation of that layout, alive until the value is dropped.
#[allow(unsafe_code)]
unsafe impl Memory for HeapMemory {
    fn start(&self) -> NonNull<u8> {
        self.start
    }

    fn len(&self) -> usize {
        self.layout.size()
    }
}

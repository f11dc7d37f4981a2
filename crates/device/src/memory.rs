//! Memory for pools and for tables, mapped from the kernel.

mod words;

use std::io;
use std::ptr::{NonNull, null_mut};

use rustix::mm::{Advice, MapFlags, ProtFlags};
use waypost_packet::Memory;

pub use words::{MappedWords, WordMemory};

/// The size of a huge page on the machines that have them.
const HUGE_PAGE: usize = 2 << 20;

/// Memory for a pool, in huge pages where the kernel has some: frames lie far apart, and each would want an entry of the
/// processor's address cache for itself. The kernel hands pages out as they are first used.
#[derive(Debug)]
pub struct MappedMemory {
    mapping: NonNull<u8>,
    mapped: usize,
    /// The first octet on the boundary of a huge page.
    start: NonNull<u8>,
    len: usize,
}

impl MappedMemory {
    /// Maps at least `len` octets, all zero.
    ///
    /// # Errors
    /// There is no such memory to be had.
    pub fn new(len: usize) -> io::Result<Self> {
        let memory = Self::map(len)?;
        // A kernel without huge pages says so, and goes on with small ones.
        let _ = advise(memory.start, memory.len);
        Ok(memory)
    }

    /// Maps at least `len` octets, all zero, in pages of whatever size the kernel likes.
    fn map(len: usize) -> io::Result<Self> {
        let too_much = || io::Error::from(io::ErrorKind::OutOfMemory);
        let len = len
            .max(1)
            .checked_next_multiple_of(HUGE_PAGE)
            .ok_or_else(too_much)?;
        let mapped = len.checked_add(HUGE_PAGE).ok_or_else(too_much)?;
        let (protection, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
        // SAFETY: the kernel chooses the address: no memory in use is replaced.
        let mapping = unsafe { rustix::mm::mmap_anonymous(null_mut(), mapped, protection, flags)? };
        let mapping = NonNull::new(mapping.cast::<u8>()).ok_or_else(too_much)?;
        let before = mapping.as_ptr().align_offset(HUGE_PAGE);
        // SAFETY: less than one huge page on, and one more than `len` was mapped.
        let start = unsafe { mapping.add(before) };
        Ok(Self {
            mapping,
            mapped,
            start,
            len,
        })
    }

    /// Puts what is there already into huge pages, where the kernel can (from Linux 6.1 on); otherwise it may do so later.
    fn collapse(&self) {
        let _ = advise(self.start, self.len);
        // SAFETY: within the mapping, whose octets stay as they are.
        let _ = unsafe { libc::madvise(self.start.as_ptr().cast(), self.len, MADV_COLLAPSE) };
    }
}

/// From `linux/mman.h`.
const MADV_COLLAPSE: libc::c_int = 25;

/// Asks the kernel to keep what lies in `memory` in huge pages: advice for large tables that are read at random, given before
/// they are filled. What lies before the first boundary of a huge page, and behind the last, stays as it is.
///
/// ```
/// let mut table: Vec<[u64; 16]> = Vec::with_capacity(1 << 20);
/// if let Err(error) = waypost_device::advise_huge_pages(table.spare_capacity_mut()) {
///     eprintln!("small pages: {error}");
/// }
/// table.resize(1 << 20, [0; 16]);
/// ```
///
/// # Errors
/// The kernel has no huge pages to give on advice: `/sys/kernel/mm/transparent_hugepage/enabled` is to be `madvise` or `always`.
pub fn advise_huge_pages<T>(memory: &[T]) -> io::Result<()> {
    let len = size_of_val(memory);
    let start = NonNull::from(memory).cast::<u8>();
    let before = start.as_ptr().align_offset(HUGE_PAGE);
    let Some(whole) = len.checked_sub(before) else {
        return Ok(());
    };
    // SAFETY: within `memory`, by the subtraction.
    let start = unsafe { start.add(before) };
    advise(start, whole - whole % HUGE_PAGE)
}

/// Asks for huge pages in memory that is mapped.
fn advise(start: NonNull<u8>, len: usize) -> io::Result<()> {
    if len == 0 {
        return Ok(());
    }
    // SAFETY: the callers give memory that is mapped; its octets stay as they are.
    unsafe { rustix::mm::madvise(start.as_ptr().cast(), len, Advice::LinuxHugepage)? };
    Ok(())
}

impl Drop for MappedMemory {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`, with this length; by the trait's contract nobody uses it any more. Unmapping a valid mapping
        // does not fail.
        let _ = unsafe { rustix::mm::munmap(self.mapping.as_ptr().cast(), self.mapped) };
    }
}

// SAFETY: memory is not tied to a thread, and is owned by this value alone.
unsafe impl Send for MappedMemory {}
// SAFETY: shared access offers only the address and the length.
unsafe impl Sync for MappedMemory {}

// SAFETY: a zeroed mapping of that length and alignment, which stays where it is until the value is dropped.
unsafe impl Memory for MappedMemory {
    fn start(&self) -> NonNull<u8> {
        self.start
    }

    fn len(&self) -> usize {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use waypost_packet::Pool;

    #[test]
    fn a_pool_lies_in_it() {
        let memory = MappedMemory::new(5 << 20).unwrap();
        assert_eq!(memory.len(), 6 << 20);
        assert!(memory.start().as_ptr().addr().is_multiple_of(HUGE_PAGE));
        let pool = Pool::builder()
            .small(3072)
            .memory(Box::new(memory))
            .build()
            .unwrap();
        let mut frames = pool.allocator();
        let packets: Vec<_> = (0..3072).map(|_| frames.copy(&[7; 60]).unwrap()).collect();
        assert!(packets.iter().all(|packet| packet.octets() == [7; 60]));
        assert!(frames.packet().is_none());
    }

    #[test]
    fn more_than_there_is_cannot_be_had() {
        assert!(MappedMemory::new(usize::MAX - 5).is_err());
        assert!(MappedMemory::new(1 << 60).is_err());
    }
}

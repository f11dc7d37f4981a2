//! Memory for pools, mapped from the kernel.

use std::io;
use std::ptr::{NonNull, null_mut};

use rustix::mm::{Advice, MapFlags, ProtFlags};
use waypost_packet::Memory;

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
        // SAFETY: within the mapping. A kernel without huge pages says so, and goes on with small ones.
        let _ = unsafe { rustix::mm::madvise(start.as_ptr().cast(), len, Advice::LinuxHugepage) };
        Ok(Self {
            mapping,
            mapped,
            start,
            len,
        })
    }
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

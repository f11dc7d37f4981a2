//! The four rings that a socket shares with the kernel (linux/if_xdp.h, Documentation/networking/af_xdp.rst).
//!
//! Each has one producer and one consumer, one of them the kernel. Producer and consumer index count without end; an entry lies
//! at the index modulo the ring's size, a power of two.

use std::io;
use std::marker::PhantomData;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::sys::Mapping;

/// A ring as it lies in memory.
#[derive(Debug)]
struct Ring<T> {
    mapping: Mapping,
    /// Offsets in the mapping.
    producer: usize,
    consumer: usize,
    flags: usize,
    entries: usize,
    mask: u32,
    entry: PhantomData<T>,
}

impl<T: Copy> Ring<T> {
    /// Maps a ring of `size` entries, whose parts lie where the kernel says.
    fn new(
        socket: BorrowedFd<'_>,
        page_offset: u64,
        at: &libc::xdp_ring_offset,
        size: u32,
    ) -> io::Result<Self> {
        let entries = at.desc as usize;
        let len = entries + size as usize * size_of::<T>();
        let this = Self {
            mapping: Mapping::new(socket, len, page_offset)?,
            producer: at.producer as usize,
            consumer: at.consumer as usize,
            flags: at.flags as usize,
            entries,
            mask: size - 1,
            entry: PhantomData,
        };
        // What the accessors below rely on.
        let words = [this.producer, this.consumer, this.flags];
        let inside = words
            .iter()
            .all(|&at| at.is_multiple_of(4) && this.mapping.at(at, 4).is_some());
        if inside && size.is_power_of_two() && entries.is_multiple_of(align_of::<T>()) {
            Ok(this)
        } else {
            Err(io::ErrorKind::InvalidData.into())
        }
    }

    #[inline(always)]
    fn word(&self, at: usize) -> &AtomicU32 {
        // SAFETY: `new` has seen that the word is inside the mapping, which lives as long as `self`, and aligned. Both sides use
        // it atomically.
        unsafe { AtomicU32::from_ptr(self.mapping.start().add(at).cast().as_ptr()) }
    }

    #[inline(always)]
    fn entry(&self, index: u32) -> NonNull<T> {
        let at = self.entries + (index & self.mask) as usize * size_of::<T>();
        // SAFETY: an index under the mask is inside the mapping, whose length was made for it.
        unsafe { self.mapping.start().add(at).cast() }
    }

    fn size(&self) -> u32 {
        self.mask + 1
    }
}

/// A ring into which this process writes.
#[derive(Debug)]
pub(super) struct Producer<T> {
    ring: Ring<T>,
    /// Entries written, and those of them that the kernel has seen.
    written: u32,
    submitted: u32,
    /// The consumer's index when it was last looked at.
    consumed: u32,
    /// Entries that were seen to be taken.
    passed: u32,
}

impl<T: Copy> Producer<T> {
    pub(super) fn new(
        socket: BorrowedFd<'_>,
        page_offset: u64,
        at: &libc::xdp_ring_offset,
        size: u32,
    ) -> io::Result<Self> {
        Ok(Self {
            ring: Ring::new(socket, page_offset, at, size)?,
            written: 0,
            submitted: 0,
            consumed: 0,
            passed: 0,
        })
    }

    /// How many entries can be written; looked up again where there are fewer than `wanted`.
    #[inline]
    pub(super) fn room(&mut self, wanted: u32) -> u32 {
        let room = self.ring.size() - self.written.wrapping_sub(self.consumed);
        if room >= wanted {
            return room;
        }
        self.consumed = self.ring.word(self.ring.consumer).load(Ordering::Acquire);
        self.ring.size() - self.written.wrapping_sub(self.consumed)
    }

    /// Writes an entry, for which there is room.
    #[inline]
    pub(super) fn write(&mut self, value: T) {
        debug_assert!(self.written.wrapping_sub(self.consumed) < self.ring.size());
        // SAFETY: an entry of the ring that is this process's until it is submitted.
        unsafe { self.ring.entry(self.written).write(value) };
        self.written = self.written.wrapping_add(1);
    }

    /// Lets the kernel see what was written.
    #[inline]
    pub(super) fn submit(&mut self) {
        if self.submitted != self.written {
            self.submitted = self.written;
            self.ring
                .word(self.ring.producer)
                .store(self.written, Ordering::Release);
        }
    }

    /// How many entries the kernel has not taken.
    #[inline]
    pub(super) fn left(&mut self) -> u32 {
        self.consumed = self.ring.word(self.ring.consumer).load(Ordering::Acquire);
        self.written.wrapping_sub(self.consumed)
    }

    /// How many submitted entries the kernel has not taken, and which.
    pub(super) fn waiting(&self) -> impl ExactSizeIterator<Item = T> + '_ {
        let consumed = self.ring.word(self.ring.consumer).load(Ordering::Acquire);
        let count = self.submitted.wrapping_sub(consumed).min(self.ring.size());
        (0..count).map(move |at| {
            // SAFETY: an entry that this process has written; the kernel does not write into this ring.
            unsafe { self.ring.entry(consumed.wrapping_add(at)).read() }
        })
    }

    /// The entries that the kernel has taken and that were not passed yet, oldest first. They have to be
    /// [passed](Self::pass) before others are written over them.
    pub(super) fn taken(&self) -> impl ExactSizeIterator<Item = T> + '_ {
        let consumed = self.ring.word(self.ring.consumer).load(Ordering::Acquire);
        let count = consumed.wrapping_sub(self.passed).min(self.ring.size());
        (0..count).map(move |at| {
            // SAFETY: an entry that this process has written; the kernel does not write into this ring.
            unsafe { self.ring.entry(self.passed.wrapping_add(at)).read() }
        })
    }

    /// Passes so many of the entries [taken](Self::taken).
    #[inline]
    pub(super) fn pass(&mut self, count: u32) {
        self.passed = self.passed.wrapping_add(count);
    }

    /// Whether the kernel wants to be told of new entries.
    #[inline]
    pub(super) fn needs_wakeup(&self) -> bool {
        let flags = self.ring.word(self.ring.flags).load(Ordering::Relaxed);
        flags & libc::XDP_RING_NEED_WAKEUP != 0
    }
}

/// A ring from which this process reads.
#[derive(Debug)]
pub(super) struct Consumer<T> {
    ring: Ring<T>,
    read: u32,
    /// The producer's index when it was last looked at.
    produced: u32,
}

impl<T: Copy> Consumer<T> {
    pub(super) fn new(
        socket: BorrowedFd<'_>,
        page_offset: u64,
        at: &libc::xdp_ring_offset,
        size: u32,
    ) -> io::Result<Self> {
        Ok(Self {
            ring: Ring::new(socket, page_offset, at, size)?,
            read: 0,
            produced: 0,
        })
    }

    /// How many entries there are, up to `max`; looked up again only where none is left of the last look.
    #[inline]
    pub(super) fn available(&mut self, max: u32) -> u32 {
        if self.produced == self.read {
            self.produced = self.ring.word(self.ring.producer).load(Ordering::Acquire);
        }
        self.produced.wrapping_sub(self.read).min(max)
    }

    /// Reads the next entry, if there is one of the last look.
    #[inline]
    pub(super) fn next(&mut self) -> Option<T> {
        if self.produced == self.read {
            return None;
        }
        // SAFETY: an entry that the kernel has produced and will not touch before it is released.
        let value = unsafe { self.ring.entry(self.read).read() };
        self.read = self.read.wrapping_add(1);
        Some(value)
    }

    /// Gives what was read back to the kernel.
    #[inline]
    #[allow(
        clippy::needless_pass_by_ref_mut,
        reason = "who releases is the ring's one owner"
    )]
    pub(super) fn release(&mut self) {
        self.ring
            .word(self.ring.consumer)
            .store(self.read, Ordering::Release);
    }
}

//! The batch: what elements hand to each other.

use core::fmt;
use core::mem::MaybeUninit;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;

use waypost_wire::prefetch::prefetch_read;

use crate::descriptor::Descriptor;
use crate::packet::Packet;

/// Up to [`CAPACITY`](Self::CAPACITY) packets, in order.
///
/// It is filled up to a limit of the user's choice, and passed as `&mut`: it is never moved.
pub struct Batch {
    len: usize,
    packets: [MaybeUninit<Packet>; Self::CAPACITY],
}

impl Batch {
    /// The most packets a batch holds.
    pub const CAPACITY: usize = 256;

    /// An empty batch.
    pub const fn new() -> Self {
        Self {
            len: 0,
            packets: [const { MaybeUninit::uninit() }; Self::CAPACITY],
        }
    }

    /// How many more packets fit.
    #[inline(always)]
    pub const fn room(&self) -> usize {
        Self::CAPACITY - self.len
    }

    /// Puts a packet behind the others; gives it back if the batch is full.
    #[inline(always)]
    pub fn push(&mut self, packet: Packet) -> Result<(), Packet> {
        match self.packets.get_mut(self.len) {
            Some(place) => {
                place.write(packet);
                self.len += 1;
                Ok(())
            }
            None => Err(packet),
        }
    }

    /// Puts packets behind the others, by their descriptors.
    ///
    /// # Safety
    /// The descriptors are valid, and the caller gives them up.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub(crate) unsafe fn push_descriptors(&mut self, descriptors: &[NonNull<Descriptor>]) {
        let places = &mut self.packets[self.len..self.len + descriptors.len()];
        for (place, &descriptor) in places.iter_mut().zip(descriptors) {
            // SAFETY: by the caller's promise.
            place.write(unsafe { Packet::from_descriptor(descriptor) });
        }
        self.len += descriptors.len();
    }

    /// Asks the cache for what a look at each packet's first octets needs: for packets that come from
    /// another core. First for all descriptors, which say where the octets lie.
    #[inline]
    pub fn prefetch(&self) {
        for packet in self.iter() {
            prefetch_read(packet.raw());
        }
        for packet in self.iter() {
            prefetch_read(packet.octets());
        }
    }

    /// Takes the last packet.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub fn pop(&mut self) -> Option<Packet> {
        self.len = self.len.checked_sub(1)?;
        // SAFETY: places below the old length are initialised, and this one is no longer below it.
        Some(unsafe { self.packets[self.len].assume_init_read() })
    }

    /// Drops all packets.
    ///
    /// Where an allocator is at hand, [`Allocator::free`](crate::Allocator::free) costs less.
    pub fn clear(&mut self) {
        self.drain();
    }

    /// Takes all packets out, from first to last. Those not asked for are dropped.
    #[inline(always)]
    pub fn drain(&mut self) -> Drain<'_> {
        self.drain_front(usize::MAX)
    }

    /// Takes up to `count` packets out, from first to last. Those not asked for are dropped, those
    /// behind them move up.
    #[inline(always)]
    pub fn drain_front(&mut self, count: usize) -> Drain<'_> {
        let len = core::mem::take(&mut self.len);
        Drain {
            next: 0,
            end: count.min(len),
            len,
            batch: self,
        }
    }

    /// Keeps the packets for which `keep` says so, in order and without gaps, and hands each other to `lose`. Where all are kept,
    /// as on most paths, none is moved.
    #[inline(always)]
    pub fn retain_or(
        &mut self,
        mut keep: impl FnMut(&mut Packet) -> bool,
        lose: impl FnMut(Packet),
    ) {
        if let Some(first) = self.iter_mut().position(|packet| !keep(packet)) {
            self.retain_from(first, keep, lose);
        }
    }

    /// The rest of [`retain_or`](Self::retain_or), from the first packet on that is not kept.
    #[cold]
    fn retain_from(
        &mut self,
        first: usize,
        mut keep: impl FnMut(&mut Packet) -> bool,
        mut lose: impl FnMut(Packet),
    ) {
        let mut at = 0;
        self.filter_map(|mut packet| {
            let kept = at < first || (at > first && keep(&mut packet));
            at += 1;
            if kept {
                return Some(packet);
            }
            lose(packet);
            None
        });
    }

    /// Passes each packet through `f`; those that come back stay, in order and without gaps.
    #[inline(always)]
    pub fn filter_map(&mut self, mut f: impl FnMut(Packet) -> Option<Packet>) {
        let mut kept = Kept {
            batch: self,
            read: 0,
            written: 0,
            len: 0,
        };
        kept.len = core::mem::take(&mut kept.batch.len);
        while let Some(packet) = kept.next() {
            if let Some(packet) = f(packet) {
                kept.keep(packet);
            }
        }
    }

    /// Moves up to `count` packets from the front of `other` behind those of this batch, as far as
    /// there is room, and says how many.
    #[inline]
    pub fn take_from(&mut self, other: &mut Self, count: usize) -> usize {
        let count = count.min(self.room()).min(other.len);
        self.copy_places(&other.packets[..count]);
        let left = other.len - count;
        if left > 0 {
            // SAFETY: both ranges are within the array; the first `count` places were moved from.
            #[allow(unsafe_code)]
            unsafe {
                let start = other.packets.as_mut_ptr();
                core::ptr::copy(start.add(count), start, left);
            }
        }
        other.len = left;
        count
    }

    /// Moves all packets behind the first `len` to `other`, as far as it has room; says whether it had.
    pub fn split_off(&mut self, len: usize, other: &mut Self) -> bool {
        if len >= self.len {
            return true;
        }
        let tail = self.len - len;
        if tail > other.room() {
            return false;
        }
        other.copy_places(&self.packets[len..self.len]);
        self.len = len;
        true
    }

    /// Moves the packets in `places`, all initialised, behind those of this batch, which has room;
    /// the caller forgets them.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn copy_places(&mut self, places: &[MaybeUninit<Packet>]) {
        let room = &mut self.packets[self.len..self.len + places.len()];
        // SAFETY: the same length, and two batches do not overlap.
        unsafe { core::ptr::copy_nonoverlapping(places.as_ptr(), room.as_mut_ptr(), places.len()) };
        self.len += places.len();
    }
}

/// The loop of [`Batch::filter_map`]: if the closure panics, the rest of the packets is dropped.
struct Kept<'a> {
    batch: &'a mut Batch,
    read: usize,
    written: usize,
    len: usize,
}

impl Kept<'_> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn next(&mut self) -> Option<Packet> {
        if self.read == self.len {
            return None;
        }
        let place = self.read;
        self.read += 1;
        // SAFETY: places below `len` were initialised, and each is read once.
        Some(unsafe { self.batch.packets.get_unchecked(place).assume_init_read() })
    }

    #[inline(always)]
    #[allow(unsafe_code)]
    fn keep(&mut self, packet: Packet) {
        // SAFETY: `written < read <= len`: a packet is kept only after it was read.
        unsafe {
            self.batch
                .packets
                .get_unchecked_mut(self.written)
                .write(packet)
        };
        self.written += 1;
    }
}

impl Drop for Kept<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        while let Some(packet) = self.next() {
            drop(packet);
        }
        self.batch.len = self.written;
    }
}

/// Packets from the front of a batch, by value.
pub struct Drain<'a> {
    next: usize,
    end: usize,
    /// How many packets the batch had.
    len: usize,
    batch: &'a mut Batch,
}

impl Iterator for Drain<'_> {
    type Item = Packet;

    #[inline(always)]
    #[allow(unsafe_code)]
    fn next(&mut self) -> Option<Packet> {
        if self.next == self.end {
            return None;
        }
        let place = self.next;
        self.next += 1;
        // SAFETY: `end` is not above the length, places below it were initialised, and each is
        // read once.
        Some(unsafe { self.batch.packets.get_unchecked(place).assume_init_read() })
    }

    #[inline(always)]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.end - self.next, Some(self.end - self.next))
    }
}

impl ExactSizeIterator for Drain<'_> {}

impl Drop for Drain<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.by_ref().for_each(drop);
        let left = self.len - self.end;
        if left > 0 && self.end > 0 {
            // SAFETY: both ranges are within the array; the places before `end` were moved from.
            #[allow(unsafe_code)]
            unsafe {
                let start = self.batch.packets.as_mut_ptr();
                core::ptr::copy(start.add(self.end), start, left);
            }
        }
        self.batch.len = left;
    }
}

impl fmt::Debug for Drain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drain").field("left", &self.len()).finish()
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for Batch {
    type Target = [Packet];

    #[inline(always)]
    #[allow(unsafe_code)]
    fn deref(&self) -> &[Packet] {
        // SAFETY: places below `len` are initialised.
        unsafe { core::slice::from_raw_parts(self.packets.as_ptr().cast(), self.len) }
    }
}

impl DerefMut for Batch {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn deref_mut(&mut self) -> &mut [Packet] {
        // SAFETY: places below `len` are initialised.
        unsafe { core::slice::from_raw_parts_mut(self.packets.as_mut_ptr().cast(), self.len) }
    }
}

impl Drop for Batch {
    #[inline]
    fn drop(&mut self) {
        self.clear();
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

//! The packet: an owned handle to a buffer.

use core::fmt;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;

use crate::allocator::Allocator;
use crate::descriptor::{CHECKSUM_PARTIAL, COLOURS, Descriptor, HEADROOM, SHARED, heap};
use crate::pool::{Class, give_back};
use crate::sync::Ordering;

/// An owned handle, of the size of a pointer, to a buffer with headroom, octets, tailroom and
/// annotations.
///
/// Dropping it returns the buffer to its pool, from any thread; where an
/// [`Allocator`] is at hand, [`Allocator::free`] does the same cheaper, and in bulk.
#[repr(transparent)]
pub struct Packet {
    descriptor: NonNull<Descriptor>,
}

/// Octets of a packet that belong to whoever runs the graph; zero in a new packet.
pub type Notes = [u8; 16];

impl Packet {
    /// The most octets a packet can be made to hold, its headroom included.
    pub const CAPACITY_MAX: usize = 1 << 18;

    /// The headroom of a new packet, at most.
    pub const HEADROOM_MAX: usize = HEADROOM as usize + (COLOURS - 1) * 64;

    /// A packet on the heap with a copy of `octets`, for control planes and tests: it costs an
    /// allocation. `None` above [`CAPACITY_MAX`](Self::CAPACITY_MAX).
    pub fn on_heap(octets: &[u8]) -> Option<Self> {
        let capacity = octets
            .len()
            .checked_add(Self::HEADROOM_MAX)?
            .max(Class::Small.size());
        if capacity > Self::CAPACITY_MAX {
            return None;
        }
        let mut packet = Self {
            descriptor: heap(capacity),
        };
        packet.raw_mut().reset();
        packet.append(octets.len())?.copy_from_slice(octets);
        Some(packet)
    }

    /// The octets.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub fn octets(&self) -> &[u8] {
        let it = self.raw();
        // SAFETY: `offset + len <= capacity` always holds, and all octets of a frame are initialised.
        unsafe {
            core::slice::from_raw_parts(it.base.as_ptr().add(it.offset as usize), it.len as usize)
        }
    }

    /// The octets, to be changed. If another packet shares them, this one gets its own copy first.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub fn octets_mut(&mut self) -> &mut [u8] {
        self.make_unique();
        // SAFETY: just seen to.
        unsafe { self.own_octets_mut() }
    }

    /// The octets of a packet of which the caller knows that it shares them with nobody.
    ///
    /// # Safety
    /// Nobody shares the frame.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub(crate) unsafe fn own_octets_mut(&mut self) -> &mut [u8] {
        debug_assert!(!self.is_shared());
        let it = self.raw();
        // SAFETY: as for `octets`; nobody shares the frame, and `self` is borrowed for as long.
        unsafe {
            core::slice::from_raw_parts_mut(
                it.base.as_ptr().add(it.offset as usize),
                it.len as usize,
            )
        }
    }

    /// How many octets.
    #[inline(always)]
    #[allow(clippy::len_without_is_empty, reason = "`is_empty` stands next")]
    pub fn len(&self) -> usize {
        self.raw().len as usize
    }

    /// Whether there are no octets.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.raw().len == 0
    }

    /// Room in front of the octets.
    #[inline(always)]
    pub fn headroom(&self) -> usize {
        self.raw().offset as usize
    }

    /// Room behind the octets.
    #[inline(always)]
    pub fn tailroom(&self) -> usize {
        let it = self.raw();
        (it.capacity - it.offset - it.len) as usize
    }

    /// Takes `count` octets off the front; false, and nothing changed, if there are fewer. A checksum left
    /// unfinished that begins among them is computed before.
    #[inline(always)]
    #[must_use]
    pub fn strip_front(&mut self, count: usize) -> bool {
        let fits = count <= self.len();
        if fits {
            if self.raw().flags & CHECKSUM_PARTIAL != 0 {
                self.complete_checksum_within(count);
            }
            let it = self.raw_mut();
            // The next one is marked, since 0 is no mark.
            let first = u16::try_from(it.offset + 1).unwrap_or(0);
            if it.marks.stripped.wrapping_sub(1) > first.wrapping_sub(1) {
                it.marks.stripped = first;
            }
            it.offset += count as u32;
            it.len -= count as u32;
        }
        fits
    }

    /// Cuts the packet to `len` octets, if it is longer.
    #[inline(always)]
    pub fn truncate(&mut self, len: usize) {
        let it = self.raw_mut();
        if len < it.len as usize {
            it.len = len as u32;
        }
    }

    /// Takes `count` octets of headroom back into the packet: what an earlier [`strip_front`](Self::strip_front) took off,
    /// also where the packet has moved to another frame since, and zeros in front of that, for what a frame held before was
    /// never this packet's. Without headroom the packet moves to a larger frame. False, and nothing changed, if it would
    /// outgrow [`CAPACITY_MAX`](Self::CAPACITY_MAX).
    #[inline(always)]
    #[must_use]
    pub fn restore_front(&mut self, count: usize) -> bool {
        if count > self.stripped() {
            return self.restore_and_clear(count);
        }
        let it = self.raw_mut();
        it.offset -= count as u32;
        it.len += count as u32;
        true
    }

    /// How many octets in front of the first were stripped off, and are still there.
    #[inline(always)]
    fn stripped(&self) -> usize {
        let it = self.raw();
        match it.marks.stripped {
            0 => 0,
            first => (it.offset + 1).saturating_sub(first.into()) as usize,
        }
    }

    #[cold]
    fn restore_and_clear(&mut self, count: usize) -> bool {
        if (count > self.headroom() || self.is_shared()) && self.move_to(count, 0).is_none() {
            return false;
        }
        let unknown = count - self.stripped();
        let it = self.raw_mut();
        it.offset -= count as u32;
        it.len += count as u32;
        self.octets_mut()[..unknown].fill(0);
        true
    }

    /// Puts `count` octets in front, for the caller to write: they hold old data. Without headroom
    /// the packet moves to a larger frame; `None` if it would outgrow
    /// [`CAPACITY_MAX`](Self::CAPACITY_MAX).
    #[inline(always)]
    #[allow(unsafe_code)]
    pub fn prepend(&mut self, count: usize) -> Option<&mut [u8]> {
        if count > self.headroom() || self.is_shared() {
            self.move_to(count, 0)?;
        }
        let it = self.raw_mut();
        it.offset -= count as u32;
        it.len += count as u32;
        // SAFETY: it was not shared, or has moved.
        unsafe { self.own_octets_mut() }.get_mut(..count)
    }

    /// Puts `count` octets behind, for the caller to write: they hold old data. Without tailroom
    /// the packet moves to a larger frame; `None` if it would outgrow
    /// [`CAPACITY_MAX`](Self::CAPACITY_MAX).
    #[inline(always)]
    #[allow(unsafe_code)]
    pub fn append(&mut self, count: usize) -> Option<&mut [u8]> {
        if count > self.tailroom() || self.is_shared() {
            self.move_to(0, count)?;
        }
        let it = self.raw_mut();
        let from = it.len as usize;
        it.len += count as u32;
        // SAFETY: it was not shared, or has moved.
        unsafe { self.own_octets_mut() }.get_mut(from..)
    }

    /// Places the packet's octets in its frame: `len` octets, `offset` octets after the frame's
    /// first. False, and nothing changed, if the frame is not that long, or shared.
    ///
    /// For devices that write into the frame themselves.
    #[inline(always)]
    #[must_use]
    pub fn set_window(&mut self, offset: usize, len: usize) -> bool {
        let it = self.raw_mut();
        let end = offset.checked_add(len);
        let fits = end.is_some_and(|end| end <= it.capacity as usize) && it.flags & SHARED == 0;
        if fits {
            it.offset = offset as u32;
            it.len = len as u32;
        }
        fits
    }

    /// The size class of the packet's own buffer.
    #[inline(always)]
    pub fn class(&self) -> Class {
        self.raw().class
    }

    /// A second packet over the same octets, with annotations of its own: no octet is copied until
    /// one of the two writes. `None` if the pool has no more such packets; then copy.
    #[allow(unsafe_code)]
    pub fn share(&mut self, allocator: &mut Allocator) -> Option<Self> {
        if self.raw().class == Class::Heap {
            return allocator.copy_packet(self);
        }
        let mut second = allocator.take_clone()?;
        let owner = self.owner();
        // SAFETY: the owner's descriptor is alive as long as any packet reaches its frame; the
        // second descriptor came from the free list, and nobody else has it.
        unsafe {
            if self.raw().flags & SHARED == 0 {
                owner.as_ref().references.store(2, Ordering::Relaxed);
                self.raw_mut().flags |= SHARED;
            } else {
                owner.as_ref().references.fetch_add(1, Ordering::Relaxed);
            }
            let it = second.as_mut();
            it.base = self.raw().base;
            it.capacity = self.raw().capacity;
            it.owner = owner.as_ptr();
            it.offset = self.raw().offset;
            it.len = self.raw().len;
            it.flags = SHARED;
            let mut second = Self::from_descriptor(second);
            second.take_annotations(self);
            Some(second)
        }
    }

    /// Whether another packet shares the octets, so that a write will copy them.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub fn is_shared(&self) -> bool {
        self.raw().flags & SHARED != 0
            // SAFETY: the owner's descriptor is alive as long as any packet reaches its frame.
            && unsafe { self.owner().as_ref() }.references.load(Ordering::Acquire) != 1
    }

    /// Sees to it that nobody shares the octets, by copying them if need be.
    #[inline(always)]
    pub fn make_unique(&mut self) {
        if self.is_shared() {
            // Cannot fail: nothing grows.
            let _ = self.move_to(0, 0);
        }
    }

    /// Moves the octets to a frame of their own with room for `front` more in front and `back` more
    /// behind: one of the pool if it has one, one of the heap if not.
    #[cold]
    fn move_to(&mut self, front: usize, back: usize) -> Option<()> {
        let it = self.raw();
        let (offset, len) = (it.offset as usize, it.len as usize);
        let held = len.checked_add(front)?.checked_add(back)?;
        // Headers that were stripped off the front but are still marked move along,
        let stripped = offset - self.first_marked();
        let needed = held.checked_add(Self::HEADROOM_MAX + stripped)?;
        if needed > Self::CAPACITY_MAX {
            return None;
        }
        let mut copy = Self {
            descriptor: self
                .frame_for(needed)
                .unwrap_or_else(|| heap(needed.max(held + offset))),
        };
        copy.raw_mut().reset();
        // and so does all else in front of the octets that there is room for: it can be restored.
        let before = offset.min(copy.raw().capacity as usize - held);
        let target = front + before.max(copy.raw().offset as usize);
        let kept = target - before;
        copy.raw_mut().offset = 0;
        copy.raw_mut().len = (target + len) as u32;
        let (unknown, octets) = copy.octets_mut().split_at_mut(kept);
        // What the frame held before was never this packet's.
        unknown.fill(0);
        octets.copy_from_slice(self.octets_from(offset - before));
        copy.raw_mut().offset = target as u32;
        copy.raw_mut().len = len as u32;
        copy.take_annotations(self);
        copy.shift_marks(target as isize - offset as isize, kept);
        *self = copy;
        Some(())
    }

    /// The octets from `start`, counted from the frame's first, to the packet's last.
    #[allow(unsafe_code)]
    pub(crate) fn octets_from(&self, start: usize) -> &[u8] {
        let it = self.raw();
        let len = ((it.offset + it.len) as usize).saturating_sub(start);
        // SAFETY: `start + len <= offset + len`, which is within the capacity.
        unsafe {
            core::slice::from_raw_parts(
                it.base
                    .as_ptr()
                    .add(start.min((it.offset + it.len) as usize)),
                len,
            )
        }
    }

    /// A frame of this packet's pool, taken without an allocator.
    #[allow(unsafe_code)]
    fn frame_for(&self, needed: usize) -> Option<NonNull<Descriptor>> {
        if self.raw().class == Class::Heap {
            return None;
        }
        // SAFETY: a packet of a pooled class keeps its pool alive.
        let core = unsafe { &*self.raw().pool };
        let fitting = [Class::Small, Class::Medium, Class::Large].into_iter();
        let found = fitting
            .filter(|class| needed <= class.size())
            .find_map(|class| core.depot(class).locked(alloc::vec::Vec::pop));
        if found.is_none() {
            core.count_heap_copy();
        }
        found
    }

    /// The descriptor that owns the frame.
    #[inline(always)]
    fn owner(&self) -> NonNull<Descriptor> {
        NonNull::new(self.raw().owner).unwrap_or(self.descriptor)
    }

    #[inline(always)]
    #[allow(unsafe_code)]
    pub(crate) fn raw(&self) -> &Descriptor {
        // SAFETY: a packet's descriptor is alive, and only this packet (or the `Shared` handles it
        // was frozen into, which only read) reaches it.
        unsafe { self.descriptor.as_ref() }
    }

    #[inline(always)]
    #[allow(unsafe_code)]
    pub(crate) fn raw_mut(&mut self) -> &mut Descriptor {
        // SAFETY: as above, and `self` is borrowed mutably.
        unsafe { self.descriptor.as_mut() }
    }

    /// # Safety
    /// The descriptor is valid and nobody else has it.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub(crate) unsafe fn from_descriptor(descriptor: NonNull<Descriptor>) -> Self {
        Self { descriptor }
    }

    /// The address of the descriptor.
    #[inline(always)]
    pub(crate) fn address(&self) -> usize {
        self.descriptor.as_ptr().addr()
    }

    /// Ends the packet, and returns the descriptors that nobody reaches any more, to be given back: its own, and
    /// the one whose frame it shared.
    #[allow(unsafe_code)]
    pub(crate) fn let_go(self) -> [Option<NonNull<Descriptor>>; 2] {
        // SAFETY: the packet is at its end.
        unsafe { ManuallyDrop::new(self).release() }
    }

    /// # Safety
    /// The packet is at its end: it is not used any more.
    #[allow(unsafe_code)]
    unsafe fn release(&mut self) -> [Option<NonNull<Descriptor>>; 2] {
        if self.raw().flags & SHARED == 0 {
            return [Some(self.descriptor), None];
        }
        let owner = self.owner();
        // SAFETY: the owner's descriptor is alive as long as any packet reaches its frame.
        let references = unsafe { &owner.as_ref().references };
        // Whoever is alone stays alone: others come of those that there are.
        let last = references.load(Ordering::Acquire) == 1
            || references.fetch_sub(1, Ordering::AcqRel) == 1;
        if owner == self.descriptor {
            return [last.then_some(owner), None];
        }
        self.raw_mut().owner = core::ptr::null_mut();
        [Some(self.descriptor), last.then_some(owner)]
    }

    #[inline(always)]
    pub(crate) fn into_descriptor(self) -> NonNull<Descriptor> {
        ManuallyDrop::new(self).descriptor
    }
}

impl Drop for Packet {
    #[inline]
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: the packet is at its end and gives its descriptor up.
        unsafe {
            if self.raw().flags & SHARED == 0 {
                give_back(self.descriptor);
                return;
            }
            for descriptor in self.release().into_iter().flatten() {
                give_back(descriptor);
            }
        }
    }
}

impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packet")
            .field("len", &self.len())
            .field("headroom", &self.headroom())
            .field("class", &self.class())
            .field("shared", &self.is_shared())
            .finish_non_exhaustive()
    }
}

impl AsRef<[u8]> for Packet {
    fn as_ref(&self) -> &[u8] {
        self.octets()
    }
}

// SAFETY: a packet is the only way to its descriptor; frames that several packets reach are only
// read, and counted with atomics.
#[allow(unsafe_code)]
unsafe impl Send for Packet {}
// SAFETY: through a shared reference a packet is only read.
#[allow(unsafe_code)]
unsafe impl Sync for Packet {}

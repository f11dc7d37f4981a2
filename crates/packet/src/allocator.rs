//! A worker's own free lists.

use alloc::vec::Vec;
use core::fmt;
use core::ptr::NonNull;

use waypost_wire::prefetch::prefetch_read;

use crate::batch::Batch;
use crate::descriptor::{Descriptor, SHARED};
use crate::packet::Packet;
use crate::pool::{Class, Pool, give_back};

/// The most frames of a class that a worker's free list holds before it gives half to the pool: a
/// sixteenth of the pool, within these bounds. Who finds the pool empty gets what lies in the lists of others: see
/// [`Allocator::share`].
const LIMIT_MIN: usize = 8;
const LIMIT_MAX: usize = 1024;

/// Small frames that are taken at once: where another core has their lines, all are asked for before the first is filled, two
/// each, of which a first-level cache holds 512. A quarter as many hide less of the way, and 256 push each other out.
const PIECE: usize = 64;

/// A worker's own free lists, over a [`Pool`].
///
/// Taking and freeing touch neither locks nor atomics, but once in some hundred packets.
pub struct Allocator {
    lists: [Vec<NonNull<Descriptor>>; 4],
    limits: [usize; 4],
    /// Where the descriptors of the pool's small frames lie: the first address, and how many octets from there.
    small: (usize, usize),
    /// From this place of their list on, the small frames are those that this worker has freed itself. Those before it may have
    /// come from the pool, and their lines may lie in the cache of another core.
    cold: usize,
    /// Whether an allocation has found nothing since somebody asked.
    starved: bool,
    /// How many allocations had found nothing, of all workers, when this one shared the last time, its own apart.
    wanted: usize,
    pool: Pool,
}

impl Allocator {
    pub(crate) fn new(pool: Pool) -> Self {
        let limit = |class| (pool.core().total(class) / 16).clamp(LIMIT_MIN, LIMIT_MAX);
        let limits = Class::POOLED.map(limit);
        Self {
            lists: limits.map(|limit| Vec::with_capacity(limit + Batch::CAPACITY)),
            limits,
            small: pool.core().small_descriptors(),
            cold: 0,
            starved: false,
            wanted: pool.core().exhausted(),
            pool,
        }
    }

    /// The pool.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Whether an allocation has found nothing since this was asked last: whoever sleeps then is not told when there is memory
    /// again.
    pub fn take_starved(&mut self) -> bool {
        core::mem::take(&mut self.starved)
    }

    /// Gives all free frames to the pool if another worker has found none since this was called last. Freeing does so too; whoever
    /// frees nothing calls this now and then, and [`give_back`](Self::give_back) before it sleeps.
    #[inline(always)]
    pub fn share(&mut self) {
        if self.pool.core().exhausted() != self.wanted {
            self.give_back();
        }
    }

    /// Gives all free frames to the pool, for others to find.
    #[cold]
    pub fn give_back(&mut self) {
        self.wanted = self.pool.core().exhausted();
        for class in Class::POOLED {
            if !self.lists[class as usize].is_empty() {
                self.spill(class, 0);
            }
        }
    }

    /// An empty packet of the small class; `None` if the pool is exhausted.
    #[inline]
    pub fn packet(&mut self) -> Option<Packet> {
        self.take(Class::Small)
    }

    /// An empty packet with room for `len` octets behind its headroom; `None` if the pool has no
    /// frame of that size or larger.
    #[inline]
    #[allow(unsafe_code)]
    pub fn packet_for(&mut self, len: usize) -> Option<Packet> {
        let fits = |class: &Class| len + Packet::HEADROOM_MAX <= class.size();
        let mut descriptor = [Class::Small, Class::Medium, Class::Large]
            .into_iter()
            .filter(fits)
            .find_map(|class| self.find_descriptor(class))
            .or_else(|| self.exhausted())?;
        // SAFETY: a descriptor from the free list is reachable from nowhere else.
        Some(unsafe {
            descriptor.as_mut().reset();
            Packet::from_descriptor(descriptor)
        })
    }

    /// A packet that holds a copy of `octets`; `None` as for [`packet_for`](Self::packet_for).
    #[inline]
    pub fn copy(&mut self, octets: &[u8]) -> Option<Packet> {
        let mut packet = self.packet_for(octets.len())?;
        packet.append(octets.len())?.copy_from_slice(octets);
        Some(packet)
    }

    /// A packet that holds a copy of another's octets, with its annotations, and headers that were stripped off it but
    /// are still marked; `None` as for [`packet_for`](Self::packet_for).
    pub fn copy_packet(&mut self, packet: &Packet) -> Option<Packet> {
        let (offset, first) = (packet.headroom(), packet.first_marked());
        let octets = packet.octets_from(first);
        let mut copy = self.packet_for(octets.len())?;
        copy.append(octets.len())?.copy_from_slice(octets);
        let kept = copy.headroom();
        if !copy.strip_front(offset - first) {
            return None;
        }
        copy.take_annotations(packet);
        copy.shift_marks(copy.headroom() as isize - offset as isize, kept);
        Some(copy)
    }

    /// Fills `batch` with up to `count` empty packets of the small class, and says how many.
    #[inline]
    pub fn fill(&mut self, batch: &mut Batch, count: usize) -> usize {
        self.take_each(batch, count, |_| ())
    }

    /// Fills `batch` with up to `count` packets of the small class that hold a copy of `octets` each, and says how many: none if
    /// they do not fit that class.
    #[inline]
    #[allow(unsafe_code)]
    pub fn fill_copies(&mut self, batch: &mut Batch, count: usize, octets: &[u8]) -> usize {
        if octets.len() + Packet::HEADROOM_MAX > Class::Small.size() {
            return 0;
        }
        self.take_each(batch, count, |packet| {
            packet.raw_mut().len = octets.len() as u32;
            // SAFETY: the frame comes from the free list, and is long enough: checked above.
            copy_short(unsafe { packet.own_octets_mut() }, octets);
        })
    }

    /// Fills `batch` with up to `count` empty packets of the small class, that `each` has seen, and says how many.
    #[inline(always)]
    fn take_each(
        &mut self,
        batch: &mut Batch,
        count: usize,
        mut each: impl FnMut(&mut Packet),
    ) -> usize {
        let wanted = count.min(batch.room());
        if self.lists[0].len() < wanted {
            self.refill(Class::Small, wanted);
        }
        let count = wanted.min(self.lists[0].len());
        if count < wanted {
            self.exhausted::<()>();
        }
        let mut left = count;
        while left > 0 {
            let (from, piece) = (batch.len(), left.min(PIECE));
            self.take_piece(batch, piece);
            for packet in &mut batch[from..] {
                packet.raw_mut().reset();
                each(packet);
            }
            left -= piece;
        }
        count
    }

    /// Moves `count` small frames from the free list, which has them, to the end of `batch`, as packets still to be reset.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn take_piece(&mut self, batch: &mut Batch, count: usize) {
        let list = &mut self.lists[0];
        let first = list.len() - count;
        if first < self.cold {
            prefetch(&list[first..self.cold.min(list.len())]);
            self.cold = first;
        }
        // SAFETY: descriptors on the free list are reachable from there alone, and leave it here.
        unsafe {
            batch.push_descriptors(&list[first..]);
            list.set_len(first);
        }
    }

    /// An empty packet without octets of its own, for [`Packet::share`].
    pub(crate) fn take_clone(&mut self) -> Option<NonNull<Descriptor>> {
        self.take_descriptor(Class::Clone)
    }

    /// Frees one packet.
    #[inline]
    pub fn free_packet(&mut self, packet: Packet) {
        self.put(packet);
        self.trim();
    }

    /// Frees all packets of `batch`.
    #[inline]
    #[allow(unsafe_code)]
    pub fn free(&mut self, batch: &mut Batch) {
        self.lists[0].reserve(batch.len());
        let mut len = self.lists[0].len();
        for packet in batch.drain() {
            if self.is_plain(&packet) {
                // SAFETY: there is room for the whole batch, reserved above.
                unsafe {
                    let place = self.lists[0].as_mut_ptr().add(len);
                    place.write(packet.into_descriptor());
                }
                len += 1;
            } else if let Some(descriptor) = self.put_rare(packet) {
                // SAFETY: as above: at most one small frame comes of each packet.
                unsafe { self.lists[0].as_mut_ptr().add(len).write(descriptor) };
                len += 1;
            }
        }
        // SAFETY: written one after the other, from the old length on.
        unsafe { self.lists[0].set_len(len) };
        self.trim();
    }

    #[inline(always)]
    fn put(&mut self, packet: Packet) {
        if self.is_plain(&packet) {
            self.lists[0].push(packet.into_descriptor());
        } else if let Some(descriptor) = self.put_rare(packet) {
            self.lists[0].push(descriptor);
        }
    }

    /// Whether a packet has a small frame of this pool to itself. Told by its address, without a look at the descriptor's second
    /// cache line.
    #[inline(always)]
    fn is_plain(&self, packet: &Packet) -> bool {
        let (first, octets) = self.small;
        packet.address().wrapping_sub(first) < octets && packet.raw().flags & SHARED == 0
    }

    /// Frees a packet that is not plain: what nobody reaches any more goes into the list of its class, or wherever it belongs.
    /// A small frame of this pool is left to the caller, whose list it belongs into.
    #[cold]
    #[allow(unsafe_code)]
    fn put_rare(&mut self, packet: Packet) -> Option<NonNull<Descriptor>> {
        let mut small = None;
        for descriptor in packet.let_go().into_iter().flatten() {
            // SAFETY: nobody reaches the descriptor but through this.
            let (pool, class) = unsafe { (descriptor.as_ref().pool, descriptor.as_ref().class) };
            match class {
                // SAFETY: as above.
                _ if !core::ptr::eq(pool, self.pool.core()) => unsafe { give_back(descriptor) },
                Class::Small => small = Some(descriptor),
                // Not `Heap`, which has no pool.
                class => self.lists[class as usize].push(descriptor),
            }
        }
        small
    }

    #[inline(always)]
    #[allow(unsafe_code)]
    fn take(&mut self, class: Class) -> Option<Packet> {
        let mut descriptor = self.take_descriptor(class)?;
        // SAFETY: a descriptor from the free list is reachable from nowhere else.
        Some(unsafe {
            descriptor.as_mut().reset();
            Packet::from_descriptor(descriptor)
        })
    }

    #[inline(always)]
    fn take_descriptor(&mut self, class: Class) -> Option<NonNull<Descriptor>> {
        self.find_descriptor(class).or_else(|| self.exhausted())
    }

    /// Counts an allocation that found nothing.
    #[cold]
    fn exhausted<T>(&mut self) -> Option<T> {
        self.starved = true;
        let before = self.pool.core().count_exhausted();
        if before == self.wanted {
            self.wanted += 1;
        }
        None
    }

    #[inline(always)]
    fn find_descriptor(&mut self, class: Class) -> Option<NonNull<Descriptor>> {
        if let Some(descriptor) = self.lists[class as usize].pop() {
            return Some(descriptor);
        }
        self.refill(class, 1);
        self.lists[class as usize].pop()
    }

    /// Brings at least `count` frames from the pool, or as many as there are.
    #[cold]
    fn refill(&mut self, class: Class, count: usize) {
        let core = self.pool.core();
        core.collect_dropped();
        let list = &mut self.lists[class as usize];
        let wanted = (self.limits[class as usize] / 4).max(count - list.len().min(count));
        core.depot(class).locked(|depot| {
            let first = depot.len() - wanted.min(depot.len());
            list.extend(depot.drain(first..));
        });
        if class == Class::Small {
            self.cold = list.len();
        }
    }

    #[inline(always)]
    fn trim(&mut self) {
        self.share();
        for class in 0..self.lists.len() {
            if self.lists[class].len() > self.limits[class] {
                self.spill(Class::POOLED[class], self.limits[class] / 2);
            }
        }
    }

    /// Gives all but `keep` frames to the pool: those unused for longest.
    #[cold]
    fn spill(&mut self, class: Class, keep: usize) {
        let list = &mut self.lists[class as usize];
        let surplus = list.len() - keep.min(list.len());
        self.pool
            .core()
            .depot(class)
            .locked(|depot| depot.extend(list.drain(..surplus)));
        if class == Class::Small {
            self.cold = self.cold.saturating_sub(surplus);
        }
    }
}

impl Drop for Allocator {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl fmt::Debug for Allocator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let free: [usize; 4] = core::array::from_fn(|class| self.lists[class].len());
        f.debug_struct("Allocator")
            .field("free", &free)
            .finish_non_exhaustive()
    }
}

/// Asks the cache for what is written first of new small packets, where another core has it: the descriptor, and the first
/// octets. As for a read: asking for them to be written takes an instruction that not all x86-64 have, and was not faster.
#[cold]
#[allow(unsafe_code)]
fn prefetch(descriptors: &[NonNull<Descriptor>]) {
    // From the last on, though they are filled from the first: a hop between threads was measured to take a tenth less or better.
    for descriptor in descriptors.iter().rev() {
        // SAFETY: descriptors on the free list of small frames are alive, reachable from there alone, and have a frame.
        unsafe {
            let descriptor = descriptor.as_ref();
            prefetch_read(descriptor);
            prefetch_read(descriptor.first_octet());
        }
    }
}

/// Copies octets, mostly few: by two pieces of a fixed size that overlap, which costs no call.
#[inline(always)]
fn copy_short(to: &mut [u8], from: &[u8]) {
    #[inline(always)]
    fn by_ends<const N: usize>(to: &mut [u8], from: &[u8]) -> bool {
        let (Some(first), Some(last)) = (from.first_chunk::<N>(), from.last_chunk::<N>()) else {
            return false;
        };
        let (first, last) = (*first, *last);
        if to.len() != from.len() {
            return false;
        }
        if let Some(place) = to.first_chunk_mut() {
            *place = first;
        }
        if let Some(place) = to.last_chunk_mut() {
            *place = last;
        }
        true
    }
    let done = match from.len() {
        32..=64 => by_ends::<32>(to, from),
        16..=31 => by_ends::<16>(to, from),
        _ => false,
    };
    if !done {
        to.copy_from_slice(from);
    }
}

// SAFETY: the descriptors on the free lists are reachable through this value alone.
#[allow(unsafe_code)]
unsafe impl Send for Allocator {}

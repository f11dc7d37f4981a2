//! A worker's own free lists.

use alloc::vec::Vec;
use core::fmt;
use core::ptr::NonNull;

use crate::batch::Batch;
use crate::descriptor::{Descriptor, SHARED};
use crate::packet::Packet;
use crate::pool::{Class, Pool};

/// The most frames of a class that a worker's free list holds before it gives half to the pool: a
/// sixteenth of the pool, so that no worker starves the others, within these bounds.
const LIMIT_MIN: usize = 8;
const LIMIT_MAX: usize = 1024;

/// A worker's own free lists, over a [`Pool`].
///
/// Taking and freeing touch neither locks nor atomics, but once in some hundred packets.
pub struct Allocator {
    lists: [Vec<NonNull<Descriptor>>; 4],
    limits: [usize; 4],
    pool: Pool,
}

impl Allocator {
    pub(crate) fn new(pool: Pool) -> Self {
        let limit = |class| (pool.core().total(class) / 16).clamp(LIMIT_MIN, LIMIT_MAX);
        let limits = Class::POOLED.map(limit);
        Self {
            lists: limits.map(|limit| Vec::with_capacity(limit + Batch::CAPACITY)),
            limits,
            pool,
        }
    }

    /// The pool.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// An empty packet of the small class; `None` if the pool is exhausted.
    #[inline]
    pub fn packet(&mut self) -> Option<Packet> {
        self.take(Class::Small)
    }

    /// An empty packet with room for `len` octets behind its headroom; `None` if the pool has no
    /// frame of that size or larger.
    #[inline]
    pub fn packet_for(&mut self, len: usize) -> Option<Packet> {
        let fits = |class: &Class| len + Packet::HEADROOM_MAX <= class.size();
        [Class::Small, Class::Medium, Class::Large]
            .into_iter()
            .filter(fits)
            .find_map(|class| self.take(class))
    }

    /// A packet that holds a copy of `octets`; `None` as for [`packet_for`](Self::packet_for).
    #[inline]
    pub fn copy(&mut self, octets: &[u8]) -> Option<Packet> {
        let mut packet = self.packet_for(octets.len())?;
        packet.append(octets.len())?.copy_from_slice(octets);
        Some(packet)
    }

    /// Fills `batch` with up to `count` empty packets of the small class, and says how many.
    #[inline]
    #[allow(unsafe_code)]
    pub fn fill(&mut self, batch: &mut Batch, count: usize) -> usize {
        let count = count.min(Batch::CAPACITY - batch.len());
        if self.lists[0].len() < count {
            self.refill(Class::Small, count);
        }
        let list = &mut self.lists[0];
        let first = list.len() - count.min(list.len());
        let taken = list.len() - first;
        for mut descriptor in list.drain(first..).rev() {
            // SAFETY: a descriptor on the free list is reachable from there alone.
            let packet = unsafe {
                descriptor.as_mut().reset();
                Packet::from_descriptor(descriptor)
            };
            batch.push_within_capacity(packet);
        }
        if taken < count {
            self.pool.core().count_exhausted();
        }
        taken
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
    pub fn free(&mut self, batch: &mut Batch) {
        for packet in batch.drain() {
            self.put(packet);
        }
        self.trim();
    }

    #[inline(always)]
    #[allow(unsafe_code)]
    fn put(&mut self, packet: Packet) {
        let descriptor = packet.into_descriptor();
        // SAFETY: the packet was the owner of the descriptor, and is gone.
        let (class, flags, pool) = unsafe {
            (
                descriptor.as_ref().class,
                descriptor.as_ref().flags,
                descriptor.as_ref().pool,
            )
        };
        let ours = core::ptr::eq(pool, self.pool.core());
        if flags & SHARED == 0 && class as usize <= Class::Large as usize && ours {
            self.lists[class as usize].push(descriptor);
        } else {
            // SAFETY: the descriptor of a packet, given up just above.
            drop(unsafe { Packet::from_descriptor(descriptor) });
        }
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
        if let Some(descriptor) = self.lists[class as usize].pop() {
            return Some(descriptor);
        }
        self.refill(class, 1);
        let descriptor = self.lists[class as usize].pop();
        if descriptor.is_none() {
            self.pool.core().count_exhausted();
        }
        descriptor
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
    }

    #[inline(always)]
    fn trim(&mut self) {
        for class in 0..3 {
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
    }
}

impl Drop for Allocator {
    fn drop(&mut self) {
        for class in Class::POOLED {
            self.spill(class, 0);
        }
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

// SAFETY: the descriptors on the free lists are reachable through this value alone.
#[allow(unsafe_code)]
unsafe impl Send for Allocator {}

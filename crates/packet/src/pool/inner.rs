//! What lies behind the handles of a pool: its descriptors, its depots, and who is still out.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ptr::{NonNull, null_mut};

use super::{Class, PoolError, PoolStatistics};
use crate::descriptor::{COLOURS, Descriptor, heap_free};
use crate::memory::Memory;
use crate::sync::{
    AtomicBool, AtomicIsize, AtomicPtr, AtomicUsize, Ordering, Padded, UnsafeCell, spin_loop,
};

/// What all handles, allocators and outstanding packets of a pool share.
pub(crate) struct PoolCore {
    depots: [Padded<Depot>; 4],
    /// Packets dropped where no allocator was at hand: a stack that anybody pushes on to, and that
    /// is only ever taken whole, so that it has no ABA.
    dropped: Padded<AtomicPtr<Descriptor>>,
    pub(super) handles: Padded<AtomicUsize>,
    /// While there are handles: [`OPEN`]. After: how many packets are still out.
    outstanding: AtomicIsize,
    exhausted: AtomicUsize,
    heap_copies: AtomicUsize,
    counts: [usize; 4],
    descriptors: NonNull<[Descriptor]>,
    pub(super) memory: Box<dyn Memory>,
}

/// Larger than any count of packets; see [`PoolCore::outstanding`].
const OPEN: isize = isize::MAX / 2;

/// The head of the stack of dropped packets once the pool has no handle: nobody will take it.
fn closed() -> *mut Descriptor {
    core::ptr::without_provenance_mut(1)
}

impl PoolCore {
    #[allow(unsafe_code)]
    pub(super) fn build(
        counts: [usize; 4],
        memory: Box<dyn Memory>,
    ) -> Result<NonNull<Self>, PoolError> {
        let total: usize = counts.iter().sum();
        let mut descriptors = Vec::new();
        descriptors
            .try_reserve_exact(total)
            .map_err(|_| PoolError::OutOfMemory {
                needed: total * size_of::<Descriptor>(),
            })?;
        let start = memory.start();
        let this = NonNull::from(Box::leak(Box::new(Self {
            depots: core::array::from_fn(|class| Padded(Depot::with_capacity(counts[class]))),
            dropped: Padded(AtomicPtr::new(null_mut())),
            handles: Padded(AtomicUsize::new(1)),
            outstanding: AtomicIsize::new(OPEN),
            exhausted: AtomicUsize::new(0),
            heap_copies: AtomicUsize::new(0),
            counts,
            descriptors: NonNull::from(&mut []),
            memory,
        })));
        let mut at = 0;
        for (count, class) in counts.into_iter().zip(Class::POOLED) {
            let size = class.size();
            for index in 0..count {
                // SAFETY: `at` stays within the region: its length was checked against the sum of
                // all classes' frames.
                let base = unsafe { start.add(at) };
                let colour = if class == Class::Small {
                    (index / 2 % COLOURS) as u8
                } else {
                    0
                };
                descriptors.push(Descriptor::new(
                    base,
                    size as u32,
                    class,
                    colour,
                    this.as_ptr(),
                ));
                at += size;
            }
        }
        let descriptors = NonNull::from(Box::leak(descriptors.into_boxed_slice()));
        // SAFETY: nobody else has seen the pool yet.
        unsafe { (*this.as_ptr()).descriptors = descriptors };
        let first = descriptors.cast::<Descriptor>();
        // The last frame pushed is the first taken: begin with the first of each class.
        for index in (0..total).rev() {
            // SAFETY: `index` is within the slice, and the pool is alive.
            unsafe {
                let descriptor = first.add(index);
                let class = descriptor.as_ref().class;
                this.as_ref()
                    .depot(class)
                    .locked(|list| list.push(descriptor));
            }
        }
        Ok(this)
    }

    /// What there is, and what there was too little of.
    pub(super) fn statistics(&self) -> PoolStatistics {
        self.collect_dropped();
        PoolStatistics {
            total: self.counts,
            free: core::array::from_fn(|class| self.depots[class].locked(|list| list.len())),
            exhausted: self.exhausted.load(Ordering::Relaxed),
            heap_copies: self.heap_copies.load(Ordering::Relaxed),
        }
    }

    /// The depot of a class.
    #[inline(always)]
    pub(crate) fn depot(&self, class: Class) -> &Depot {
        &self.depots[class as usize]
    }

    /// Frames of a class that the pool was built with.
    pub(crate) fn total(&self, class: Class) -> usize {
        self.counts[class as usize]
    }

    /// Where the descriptors of the small frames lie, which are the first: an address, and how many octets from there.
    pub(crate) fn small_descriptors(&self) -> (usize, usize) {
        let octets = self.counts[Class::Small as usize] * size_of::<Descriptor>();
        (self.descriptors.as_ptr().addr(), octets)
    }

    /// Counts an allocation that found nothing, and says how many did before.
    #[cold]
    pub(crate) fn count_exhausted(&self) -> usize {
        self.exhausted.fetch_add(1, Ordering::Relaxed)
    }

    /// How many allocations found nothing.
    #[inline(always)]
    pub(crate) fn exhausted(&self) -> usize {
        self.exhausted.load(Ordering::Relaxed)
    }

    /// Counts a copy that had to take memory from the heap.
    #[cold]
    pub(crate) fn count_heap_copy(&self) {
        self.heap_copies.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes back a buffer that nobody reaches any more, from any thread.
    ///
    /// # Safety
    /// The caller gives up `descriptor`, which belongs to this pool. `this` is alive at the call,
    /// and may be gone after it.
    #[allow(unsafe_code)]
    pub(crate) unsafe fn give_back(this: *const Self, mut descriptor: NonNull<Descriptor>) {
        // SAFETY: a pool lives as long as any of its packets is out, and this one is.
        let core = unsafe { &*this };
        let mut head = core.dropped.load(Ordering::Relaxed);
        loop {
            if head == closed() {
                if core.outstanding.fetch_sub(1, Ordering::AcqRel) == 1 {
                    // SAFETY: the pool has no handle, and this was the last packet.
                    drop(unsafe { Box::from_raw(this.cast_mut()) });
                }
                return;
            }
            // SAFETY: the descriptor is the caller's until the exchange succeeds.
            unsafe { descriptor.as_mut().next = head };
            match core.dropped.compare_exchange_weak(
                head,
                descriptor.as_ptr(),
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    /// Sorts the packets that were dropped into the depots, and says whether there were any.
    ///
    /// Only holders of a handle call this: it must not run beside [`close`](Self::close).
    pub(crate) fn collect_dropped(&self) -> bool {
        if self.dropped.load(Ordering::Relaxed).is_null() {
            return false;
        }
        let chain = self.dropped.swap(null_mut(), Ordering::Acquire);
        self.sort_chain(chain) > 0
    }

    /// Sorts a chain into the depots, each of which is locked once.
    #[allow(unsafe_code)]
    fn sort_chain(&self, mut chain: *mut Descriptor) -> usize {
        let mut sorted = [null_mut(); 4];
        while let Some(mut descriptor) = NonNull::new(chain) {
            // SAFETY: the chain was taken whole: it is this thread's alone.
            unsafe {
                let it = descriptor.as_mut();
                chain = core::mem::replace(&mut it.next, sorted[it.class as usize]);
                sorted[it.class as usize] = descriptor.as_ptr();
            }
        }
        let mut count = 0;
        for (depot, &first) in self.depots.iter().zip(&sorted) {
            if first.is_null() {
                continue;
            }
            depot.locked(|list| {
                let mut next = first;
                while let Some(descriptor) = NonNull::new(next) {
                    list.push(descriptor);
                    count += 1;
                    // SAFETY: as above.
                    next = unsafe { descriptor.as_ref().next };
                }
            });
        }
        count
    }

    /// The last handle is gone: frees the pool, or leaves that to the last packet.
    #[allow(unsafe_code)]
    pub(super) fn close(this: NonNull<Self>) {
        // SAFETY: the pool is alive until `outstanding` reaches zero, which takes what follows.
        let core = unsafe { this.as_ref() };
        let chain = core.dropped.swap(closed(), Ordering::AcqRel);
        core.sort_chain(chain);
        // Emptied, so that a packet that outlives the pool finds no frame to grow into but the heap's.
        let home: usize = core
            .depots
            .iter()
            .map(|depot| depot.locked(|list| list.drain(..).count()))
            .sum();
        let total: usize = core.counts.iter().sum();
        let out = total as isize - home as isize;
        if core.outstanding.fetch_add(out - OPEN, Ordering::AcqRel) + out - OPEN == 0 {
            // SAFETY: no handle and no packet is left.
            drop(unsafe { Box::from_raw(this.as_ptr()) });
        }
    }
}

impl Drop for PoolCore {
    fn drop(&mut self) {
        // SAFETY: leaked by `build`; no packet is left that could reach a descriptor.
        #[allow(unsafe_code)]
        drop(unsafe { Box::from_raw(self.descriptors.as_ptr()) });
    }
}

/// The frames of one class that no worker holds.
pub(crate) struct Depot {
    busy: AtomicBool,
    list: UnsafeCell<Vec<NonNull<Descriptor>>>,
}

impl Depot {
    fn with_capacity(frames: usize) -> Self {
        Self {
            busy: AtomicBool::new(false),
            list: UnsafeCell::new(Vec::with_capacity(frames)),
        }
    }

    /// Runs `f` on the list, alone. A spin lock: it is held for one copy of a few hundred pointers.
    #[allow(unsafe_code)]
    pub(crate) fn locked<R>(&self, f: impl FnOnce(&mut Vec<NonNull<Descriptor>>) -> R) -> R {
        while self
            .busy
            .compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            spin_loop();
            #[cfg(loom)]
            loom::thread::yield_now();
        }
        // SAFETY: `busy` was false and is now true by this thread's doing: the list is its alone.
        let result = self.list.with_mut(|list| f(unsafe { &mut *list }));
        self.busy.store(false, Ordering::Release);
        result
    }
}

/// Gives back a descriptor that nobody reaches any more, wherever it came from.
///
/// # Safety
/// The caller gives up `descriptor`; it was handed out and not given back since.
#[allow(unsafe_code)]
pub(crate) unsafe fn give_back(descriptor: NonNull<Descriptor>) {
    // SAFETY: by the caller's promise the descriptor is alive, and so is its pool.
    unsafe {
        let (class, pool) = (descriptor.as_ref().class, descriptor.as_ref().pool);
        if class == Class::Heap {
            heap_free(descriptor);
        } else {
            PoolCore::give_back(pool, descriptor);
        }
    }
}

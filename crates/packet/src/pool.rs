//! The pool: all frames of a process, in one region of memory.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::ptr::{NonNull, null_mut};

use crate::allocator::Allocator;
use crate::descriptor::{COLOURS, Descriptor, heap_free};
use crate::memory::{HeapMemory, Memory};
use crate::packet::Packet;
use crate::sync::{
    AtomicBool, AtomicIsize, AtomicPtr, AtomicUsize, Ordering, Padded, UnsafeCell, spin_loop,
};

/// The size class of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Class {
    /// 2 KiB: a frame of an Ethernet with a standard MTU.
    Small = 0,
    /// 16 KiB: jumbo frames, NDN packets of 8800 octets.
    Medium = 1,
    /// 64 KiB and headers: super-segments.
    Large = 2,
    /// No octets of its own: a second packet over the octets of a first.
    Clone = 3,
    /// On the heap, outside any pool.
    Heap = 4,
}

impl Class {
    /// The classes that a pool holds.
    pub const POOLED: [Self; 4] = [Self::Small, Self::Medium, Self::Large, Self::Clone];

    /// The stride of the class's frames, in octets.
    pub const fn size(self) -> usize {
        match self {
            Self::Small => 2 << 10,
            Self::Medium => 16 << 10,
            Self::Large => 68 << 10,
            Self::Clone | Self::Heap => 0,
        }
    }
}

/// The frames of a process, in one region of memory.
///
/// The handle is cheap to clone. Workers take frames through an [`Allocator`] each; a frame freed by
/// another worker than it was taken by simply joins that worker's free list, and surplus and want
/// meet in the pool, hundreds of frames at a time. (A ring from each worker to each other, which
/// would carry every frame home, costs an atomic operation more and balances nothing.)
pub struct Pool {
    core: NonNull<PoolCore>,
}

/// What a pool holds and has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStatistics {
    /// Frames of each of [`Class::POOLED`] that the pool was built with.
    pub total: [usize; 4],
    /// Frames that lie in the pool itself; those in the free lists of workers are not among them.
    pub free: [usize; 4],
    /// How often an allocation found no frame.
    pub exhausted: usize,
    /// How many copies on write, or on growth, had to take memory from the heap.
    pub heap_copies: usize,
}

/// Why a pool could not be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PoolError {
    /// The memory given is smaller than the frames asked for.
    MemoryTooSmall {
        /// Octets that the frames take.
        needed: usize,
        /// Octets that were given.
        given: usize,
    },
    /// There is no memory for the frames.
    OutOfMemory {
        /// Octets that were asked for.
        needed: usize,
    },
    /// More frames were asked for than can be addressed.
    TooManyFrames,
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MemoryTooSmall { needed, given } => {
                write!(
                    f,
                    "the pool's frames take {needed} octets, the memory given has {given}"
                )
            }
            Self::OutOfMemory { needed } => {
                write!(
                    f,
                    "no memory for the pool's {needed} octets: ask for fewer frames"
                )
            }
            Self::TooManyFrames => write!(f, "the pool's size does not fit the address space"),
        }
    }
}

impl core::error::Error for PoolError {}

/// How many frames of which class a pool gets.
#[derive(Default)]
#[must_use]
pub struct PoolBuilder {
    counts: [usize; 3],
    clones: Option<usize>,
    memory: Option<Box<dyn Memory>>,
}

impl fmt::Debug for PoolBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolBuilder")
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

impl PoolBuilder {
    /// Frames of 2 KiB.
    pub fn small(mut self, frames: usize) -> Self {
        self.counts[0] = frames;
        self
    }

    /// Frames of 16 KiB.
    pub fn medium(mut self, frames: usize) -> Self {
        self.counts[1] = frames;
        self
    }

    /// Frames of 64 KiB and some.
    pub fn large(mut self, frames: usize) -> Self {
        self.counts[2] = frames;
        self
    }

    /// How many packets may exist that share the octets of others; as many as frames by default.
    pub fn clones(mut self, clones: usize) -> Self {
        self.clones = Some(clones);
        self
    }

    /// The memory for the frames; the heap's by default.
    pub fn memory(mut self, memory: Box<dyn Memory>) -> Self {
        self.memory = Some(memory);
        self
    }

    /// How many octets of memory the frames take.
    ///
    /// # Errors
    /// [`PoolError::TooManyFrames`].
    pub fn octets(&self) -> Result<usize, PoolError> {
        let mut octets = 0_usize;
        for (count, class) in self.counts.iter().zip(Class::POOLED) {
            octets = count
                .checked_mul(class.size())
                .and_then(|more| octets.checked_add(more))
                .ok_or(PoolError::TooManyFrames)?;
        }
        Ok(octets)
    }

    /// Builds the pool.
    ///
    /// # Errors
    /// There is not enough memory, or the memory given is too small.
    pub fn build(self) -> Result<Pool, PoolError> {
        let needed = self.octets()?;
        let memory = match self.memory {
            Some(memory) => memory,
            None => Box::new(HeapMemory::new(needed).ok_or(PoolError::OutOfMemory { needed })?),
        };
        if memory.len() < needed {
            return Err(PoolError::MemoryTooSmall {
                needed,
                given: memory.len(),
            });
        }
        let frames: usize = self.counts.iter().sum();
        let clones = self.clones.unwrap_or(frames);
        let counts = [self.counts[0], self.counts[1], self.counts[2], clones];
        PoolCore::build(counts, memory).map(|core| Pool { core })
    }
}

impl Pool {
    /// Starts a pool without frames; each class is asked for by name.
    pub fn builder() -> PoolBuilder {
        PoolBuilder::default()
    }

    /// A free list for one worker.
    pub fn allocator(&self) -> Allocator {
        Allocator::new(self.clone())
    }

    /// The region in which all frames lie, for a device that wants it registered.
    #[allow(unsafe_code)]
    pub fn region(&self) -> &dyn Memory {
        // SAFETY: a handle keeps the core alive.
        unsafe { &*self.core.as_ref().memory }
    }

    /// Whether the pool was built with frames for packets of so many octets: if not, waiting for one is in vain.
    pub fn has_frames_for(&self, len: usize) -> bool {
        let fits = |class: &Class| len + Packet::HEADROOM_MAX <= class.size();
        let mut classes = Class::POOLED.into_iter().filter(fits);
        classes.any(|class| self.core().total(class) > 0)
    }

    /// What the pool holds and has seen.
    #[allow(unsafe_code)]
    pub fn statistics(&self) -> PoolStatistics {
        // SAFETY: a handle keeps the core alive.
        let core = unsafe { self.core.as_ref() };
        core.collect_dropped();
        PoolStatistics {
            total: core.counts,
            free: core::array::from_fn(|class| core.depots[class].locked(|list| list.len())),
            exhausted: core.exhausted.load(Ordering::Relaxed),
            heap_copies: core.heap_copies.load(Ordering::Relaxed),
        }
    }

    #[allow(unsafe_code)]
    #[inline(always)]
    pub(crate) fn core(&self) -> &PoolCore {
        // SAFETY: a handle keeps the core alive.
        unsafe { self.core.as_ref() }
    }
}

impl Clone for Pool {
    fn clone(&self) -> Self {
        self.core().handles.fetch_add(1, Ordering::Relaxed);
        Self { core: self.core }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if self.core().handles.fetch_sub(1, Ordering::AcqRel) == 1 {
            PoolCore::close(self.core);
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.statistics().fmt(f)
    }
}

// SAFETY: the core is shared through atomics and locks only.
#[allow(unsafe_code)]
unsafe impl Send for Pool {}
// SAFETY: as above.
#[allow(unsafe_code)]
unsafe impl Sync for Pool {}

/// What all handles, allocators and outstanding packets of a pool share.
pub(crate) struct PoolCore {
    depots: [Padded<Depot>; 4],
    /// Packets dropped where no allocator was at hand: a stack that anybody pushes on to, and that
    /// is only ever taken whole, so that it has no ABA.
    dropped: Padded<AtomicPtr<Descriptor>>,
    handles: Padded<AtomicUsize>,
    /// While there are handles: [`OPEN`]. After: how many packets are still out.
    outstanding: AtomicIsize,
    exhausted: AtomicUsize,
    heap_copies: AtomicUsize,
    counts: [usize; 4],
    descriptors: NonNull<[Descriptor]>,
    memory: Box<dyn Memory>,
}

/// Larger than any count of packets; see [`PoolCore::outstanding`].
const OPEN: isize = isize::MAX / 2;

/// The head of the stack of dropped packets once the pool has no handle: nobody will take it.
fn closed() -> *mut Descriptor {
    core::ptr::without_provenance_mut(1)
}

impl PoolCore {
    #[allow(unsafe_code)]
    fn build(counts: [usize; 4], memory: Box<dyn Memory>) -> Result<NonNull<Self>, PoolError> {
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

    /// Counts an allocation that found nothing.
    #[cold]
    pub(crate) fn count_exhausted(&self) {
        self.exhausted.fetch_add(1, Ordering::Relaxed);
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
    fn close(this: NonNull<Self>) {
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

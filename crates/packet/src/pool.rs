//! The pool: all frames of a process, in one region of memory.

mod inner;

use alloc::boxed::Box;
use core::fmt;
use core::ptr::NonNull;

pub(crate) use inner::{PoolCore, give_back};

use crate::allocator::Allocator;
use crate::memory::{HeapMemory, Memory};
use crate::packet::Packet;
use crate::sync::Ordering;

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
    pub fn statistics(&self) -> PoolStatistics {
        self.core().statistics()
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

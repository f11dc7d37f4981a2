//! The end of a table that looks up.

use alloc::sync::Arc;
use core::fmt;
use core::marker::PhantomData;

use super::family::FibAddr;
use super::segment::{HeapSegment, Segment};
use super::store::TOP_WORDS;
use super::{NextHop, SEGMENT_WORDS};

/// Looks up in a table that its writer goes on changing; made by [`Fib::reader`](super::Fib::reader).
///
/// No look-up waits, whatever the writer does, and each address is answered as the table had it at some
/// moment of the look-up. A reader sees all changes, also those made after it; but what the
/// writer gives back is not used again while a reader from before is about, so each worker
/// should get a new one from time to time.
pub struct FibReader<A: FibAddr, S: Segment = HeapSegment> {
    view: Arc<[S]>,
    family: PhantomData<A>,
}

impl<A: FibAddr, S: Segment> FibReader<A, S> {
    pub(super) fn new(view: Arc<[S]>) -> Self {
        debug_assert!(view.len() * SEGMENT_WORDS >= TOP_WORDS);
        Self {
            view,
            family: PhantomData,
        }
    }

    /// The next hop of the longest prefix that holds `addr`.
    #[inline]
    pub fn lookup(&self, addr: A) -> Option<NextHop> {
        A::lookup(&self.view, addr)
    }

    /// Looks up `addrs` into `hops`, place by place, as far as the shorter of both reaches. Several times
    /// faster than [`lookup`](Self::lookup) in a loop where the table does not fit the cache.
    #[inline]
    pub fn lookup_batch(&self, addrs: &[A], hops: &mut [Option<NextHop>]) {
        A::lookup_batch(&self.view, addrs, hops);
    }
}

impl<A: FibAddr, S: Segment> Clone for FibReader<A, S> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.view))
    }
}

impl<A: FibAddr, S: Segment> fmt::Debug for FibReader<A, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FibReader")
            .field("segments", &self.view.len())
            .finish()
    }
}

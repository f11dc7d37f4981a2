//! The end of a table that looks up.

use alloc::sync::Arc;
use core::fmt;
use core::marker::PhantomData;

use super::family::FibAddr;
use super::memory::is_large;
use super::page::Page;
use super::segment::{HeapSegment, Segment};
use super::{NextHop, small};

/// Looks up in a table that its writer goes on changing; made by [`Fib::reader`](super::Fib::reader).
///
/// No look-up waits, whatever the writer does, and each address is answered as the table had it at some
/// moment of the look-up. A reader sees all changes, also those made after it; but what the
/// writer gives back is not used again while a reader from before is about, so each worker
/// should get a new one from time to time.
pub struct FibReader<A: FibAddr, S: Segment = HeapSegment> {
    /// None if the table was large when this was made, so that look-ups need not ask.
    pages: Option<Arc<[Page]>>,
    segments: Arc<[S]>,
    family: PhantomData<A>,
}

impl<A: FibAddr, S: Segment> FibReader<A, S> {
    pub(super) const fn new(pages: Option<Arc<[Page]>>, segments: Arc<[S]>) -> Self {
        Self {
            pages,
            segments,
            family: PhantomData,
        }
    }

    /// The next hop of the longest prefix that holds `addr`.
    #[inline]
    pub fn lookup(&self, addr: A) -> Option<NextHop> {
        match self.small() {
            Some(pages) => small::lookup(pages, addr),
            None => A::lookup(&self.segments, addr),
        }
    }

    /// Looks up `addrs` into `hops`, place by place, as far as the shorter of both reaches. Several times
    /// faster than [`lookup`](Self::lookup) in a loop where the table does not fit the cache.
    #[inline]
    pub fn lookup_batch(&self, addrs: &[A], hops: &mut [Option<NextHop>]) {
        match self.small() {
            Some(pages) => small::lookup_batch(pages, addrs, hops),
            None => A::lookup_batch(&self.segments, addrs, hops),
        }
    }

    /// The pages, while the table is small.
    #[inline(always)]
    fn small(&self) -> Option<&[Page]> {
        self.pages.as_deref().filter(|pages| !is_large(pages))
    }
}

impl<A: FibAddr, S: Segment> Clone for FibReader<A, S> {
    fn clone(&self) -> Self {
        Self::new(self.pages.clone(), Arc::clone(&self.segments))
    }
}

impl<A: FibAddr, S: Segment> fmt::Debug for FibReader<A, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FibReader")
            .field("large", &self.small().is_none())
            .field("segments", &self.segments.len())
            .finish()
    }
}

//! Pieces of memory of two sizes: the segments of a large table, from where the caller says, and the pages of a small one, from the
//! allocator.

use alloc::sync::Arc;
use core::sync::atomic::AtomicU32;

use super::segment::{SEGMENT_WORDS, Segment, Segments, from_heap};
use super::store::LINE;

/// Words in a page: 2 KiB.
pub(super) const PAGE_WORDS: usize = 512;

/// Memory that never moves.
pub(super) trait Piece: Clone {
    const WORDS: usize;
    /// Lines that should be left for the changes that a reader lives through.
    const ROOM: u32;

    /// Its words, which are [`WORDS`](Self::WORDS).
    fn words_of(&self) -> &[AtomicU32];

    /// How many more a store of so many should take at once.
    fn more(count: usize, has_readers: bool) -> usize;
}

/// Where a store takes pieces from.
pub(super) trait Pieces {
    type Piece: Piece;

    fn piece(&mut self) -> Option<Self::Piece>;
}

impl<S: Segment> Piece for S {
    const WORDS: usize = SEGMENT_WORDS;
    const ROOM: u32 = (SEGMENT_WORDS / LINE / 2) as u32;

    #[inline(always)]
    fn words_of(&self) -> &[AtomicU32] {
        self.words()
    }

    /// Not double, since a table's memory is to follow its routes.
    fn more(count: usize, _has_readers: bool) -> usize {
        count / 8
    }
}

impl<M: Segments> Pieces for M {
    type Piece = M::Segment;

    fn piece(&mut self) -> Option<M::Segment> {
        self.segment()
    }
}

/// A piece of a small table.
#[derive(Clone)]
pub(super) struct Page(Arc<[AtomicU32; PAGE_WORDS]>);

/// Pages from the allocator.
pub(super) struct Pages;

impl Page {
    #[inline(always)]
    pub(super) fn words(&self) -> &[AtomicU32; PAGE_WORDS] {
        &self.0
    }
}

impl Piece for Page {
    const WORDS: usize = PAGE_WORDS;
    /// For one change, whatever it is: three chunks of IPv4, or fifteen of IPv6 and one more that grows.
    const ROOM: u32 = 2 * (PAGE_WORDS / LINE) as u32;

    #[inline(always)]
    fn words_of(&self) -> &[AtomicU32] {
        self.words()
    }

    /// Readers have to change over for each growth: few, where there are any.
    fn more(count: usize, has_readers: bool) -> usize {
        if has_readers { (count / 2).max(2) } else { 1 }
    }
}

impl Pieces for Pages {
    type Piece = Page;

    fn piece(&mut self) -> Option<Page> {
        from_heap().map(Page)
    }
}

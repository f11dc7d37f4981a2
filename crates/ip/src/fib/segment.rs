//! Where the words that look-ups read come from: segments, which never move.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::AtomicU32;

/// Words in a segment.
pub const SEGMENT_WORDS: usize = 1 << SEGMENT_BITS;
/// Octets in a segment: 128 KiB.
pub const SEGMENT_BYTES: usize = SEGMENT_WORDS * size_of::<u32>();

pub(super) const SEGMENT_BITS: u32 = 15;

/// One piece of a table's memory, shared by the table and its readers.
pub trait Segment: Clone + Send + Sync {
    /// The words: always the same.
    fn words(&self) -> &[AtomicU32; SEGMENT_WORDS];
}

/// Where a large table takes segments from: the hook for memory of the caller's choice, such as huge pages. A small
/// table has pages of 2 KiB from the allocator.
///
/// A table of a million routes is read at random all over 60 MB, which is more than the processor keeps
/// translations for in pages of 4 KiB. Whoever has memory in huge pages cuts it into segments here:
///
/// ```
/// use core::sync::atomic::AtomicU32;
/// use waypost_ip::fib::{Fib, FibLimits, SEGMENT_WORDS, Segment, Segments};
/// # use std::net::Ipv4Addr;
///
/// /// A row of words that stays where it is until the process ends.
/// struct Row(&'static [AtomicU32]);
/// #[derive(Clone)]
/// struct Piece(&'static [AtomicU32; SEGMENT_WORDS]);
///
/// impl Segment for Piece {
///     fn words(&self) -> &[AtomicU32; SEGMENT_WORDS] {
///         self.0
///     }
/// }
/// impl Segments for Row {
///     type Segment = Piece;
///     fn segment(&mut self) -> Option<Piece> {
///         let (first, rest) = self.0.split_first_chunk()?;
///         self.0 = rest;
///         Some(Piece(first))
///     }
/// }
///
/// // Here from the heap; from a mapping where it matters.
/// let words: Vec<AtomicU32> = (0..4 * SEGMENT_WORDS).map(|_| AtomicU32::new(0)).collect();
/// let mut fib = Fib::<Ipv4Addr, _>::over(Row(words.leak()), FibLimits::default()).unwrap();
/// fib.enlarge().unwrap(); // By itself only with its hundredth route, more or less.
/// ```
pub trait Segments {
    /// What it gives.
    type Segment: Segment;

    /// One more segment, its words in any state; `None` when there is no more.
    fn segment(&mut self) -> Option<Self::Segment>;
}

/// Segments from the allocator.
#[derive(Clone, Copy, Debug, Default)]
pub struct Heap;

/// A segment from the allocator.
pub type HeapSegment = Arc<[AtomicU32; SEGMENT_WORDS]>;

impl Segments for Heap {
    type Segment = HeapSegment;

    fn segment(&mut self) -> Option<HeapSegment> {
        from_heap()
    }
}

/// So many words, if the allocator has them. Who makes an `Arc` cannot be refused, so a `Vec` of the same size, with its two counts, asks
/// first and gives back; the `Arc` is made in one piece then. Only what other threads take in between can come in its way.
pub(super) fn from_heap<const WORDS: usize>() -> Option<Arc<[AtomicU32; WORDS]>> {
    let mut asks = Vec::<usize>::new();
    asks.try_reserve_exact(size_of::<[AtomicU32; WORDS]>() / size_of::<usize>() + 2)
        .ok()?;
    // Else the compiler may leave out what nobody uses.
    drop(core::hint::black_box(asks));
    let words: Arc<[AtomicU32]> = (0..WORDS).map(|_| AtomicU32::new(0)).collect();
    words.try_into().ok()
}

impl Segment for HeapSegment {
    #[inline(always)]
    fn words(&self) -> &[AtomicU32; SEGMENT_WORDS] {
        self
    }
}

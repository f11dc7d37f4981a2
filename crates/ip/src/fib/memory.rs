//! The words of a table in either form: pages while it is small, segments from then on.

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

use super::limits::FibFull;
use super::page::{PAGE_WORDS, Page, Pages};
use super::segment::Segments;
use super::store::{LINE, Store};

/// Words of a large table's top: one for each value of an address's first 16 bits.
pub(super) const LARGE_TOP: usize = 1 << 16;
/// Lines of it.
pub(super) const LARGE_TOP_LINES: u32 = (LARGE_TOP / LINE) as u32;
/// Words of a small table's top: one for each value of an address's first octet.
const SMALL_TOP: usize = 1 << 8;
/// Lines of it.
pub(super) const SMALL_TOP_LINES: u32 = (SMALL_TOP / LINE) as u32;
/// The word behind a small table's top: not 0 once the table is large.
const FORM: usize = SMALL_TOP;

const _: () = assert!(FORM < PAGE_WORDS);

pub(super) struct Memory<M: Segments> {
    small: Store<Pages>,
    large: Store<M>,
    is_large: bool,
    /// Pages of the small form that readers may keep, the most last.
    left: Vec<Weak<[Page]>>,
}

/// Whether the table with these pages is large.
#[inline(always)]
pub(super) fn is_large(pages: &[Page]) -> bool {
    pages
        .first()
        .is_some_and(|page| page.words()[FORM].load(Ordering::Acquire) != 0)
}

impl<M: Segments> Memory<M> {
    /// The memory of an empty table, small, that may take so many pages, and then so many segments.
    pub(super) fn new(source: M, pages: usize, segments: usize) -> Result<Self, FibFull> {
        let mut small = Store::new(Pages, pages);
        small.reserve(SMALL_TOP_LINES + 1, 0)?;
        Ok(Self {
            small,
            large: Store::new(source, segments),
            is_large: false,
            left: Vec::new(),
        })
    }

    #[inline(always)]
    pub(super) const fn is_large(&self) -> bool {
        self.is_large
    }

    pub(super) const fn pages(&self) -> &Arc<[Page]> {
        self.small.view()
    }

    #[inline(always)]
    pub(super) const fn segments(&self) -> &Arc<[M::Segment]> {
        self.large.view()
    }

    /// The memory of the large form, to fill before anyone reads it.
    pub(super) const fn large(&mut self) -> &mut Store<M> {
        &mut self.large
    }

    /// Sees to it that there is memory for all of a small table in the large form.
    pub(super) fn reserve_large(&mut self) -> Result<(), FibFull> {
        let lines = self.small.used_lines() as u32;
        self.large.reserve(LARGE_TOP_LINES, lines)
    }

    /// From now on the large form is the table, for all who read.
    pub(super) fn turn_large(&mut self) {
        self.is_large = true;
        self.small.write(FORM as u32, 1);
        self.left = self.small.close();
    }

    /// Whether a change that was refused so is one too many for a small table. What waits for readers comes back, and only where it
    /// would not be enough for long is the table to be large for it.
    pub(super) fn is_outgrown(&self, full: FibFull) -> bool {
        !self.is_large
            && self.small.is_at_most()
            && (full == FibFull::Memory || self.small.is_nearly_full())
    }

    /// Before there is a new reader: see [`Store::renew`]. One of a small table that will soon be large gets to know
    /// the memory of the large form.
    pub(super) fn renew(&mut self) {
        if self.is_large {
            return self.large.renew();
        }
        self.small.renew();
        if self.small.is_nearly_full() {
            // Without it changes may be refused later.
            let _ = self.reserve_large();
        }
    }

    #[inline]
    pub(super) fn word(&self, place: u32) -> u32 {
        if self.is_large {
            self.large.word(place)
        } else {
            self.small.word(place)
        }
    }

    /// See [`Store::write`].
    pub(super) fn write(&self, place: u32, value: u32) {
        if self.is_large {
            self.large.write(place, value);
        } else {
            self.small.write(place, value);
        }
    }

    /// See [`Store::put`].
    pub(super) fn put(&mut self, words: &[u32]) -> Result<u32, FibFull> {
        if self.is_large {
            self.large.put(words)
        } else {
            self.small.put(words)
        }
    }

    /// See [`Store::discard`].
    pub(super) fn discard(&mut self, line: u32, words: usize) {
        if self.is_large {
            self.large.discard(line, words);
        } else {
            self.small.discard(line, words);
        }
    }

    /// See [`Store::retire`].
    pub(super) fn retire(&mut self, line: u32, words: usize) {
        if self.is_large {
            self.large.retire(line, words);
        } else {
            self.small.retire(line, words);
        }
    }

    pub(super) fn collect(&mut self) -> usize {
        self.left.retain(|pages| pages.strong_count() > 0);
        self.small.collect();
        self.large.collect();
        self.small.waiting() + self.large.waiting()
    }

    pub(super) const fn used_lines(&self) -> usize {
        self.small.used_lines() + self.large.used_lines()
    }

    pub(super) fn bytes(&self) -> usize {
        let left = self.left.iter().filter_map(Weak::upgrade);
        let (most, listed) = left.fold((0, 0), |(most, listed), pages| {
            (pages.len().max(most), listed + pages.len())
        });
        self.small.bytes()
            + self.large.bytes()
            + most * size_of::<[u32; PAGE_WORDS]>()
            + listed * size_of::<Page>()
            + self.left.capacity() * size_of::<Weak<[Page]>>()
    }
}

//! The words that look-ups read, cut into lines, and who may still be reading those that are given back.
//!
//! Lines of 16 words are handed out in blocks of a few sizes; a block never crosses a piece. Readers
//! hold a *view*: the list of pieces. All readers of one view are one *generation*. What is given back
//! while a generation reads is free again once it and all before it are gone, which the count of those
//! who share the view tells; a piece that is added later is used no earlier, since a link into it must
//! not reach a reader that does not have it.

use alloc::collections::VecDeque;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

use super::entry::MAX_LINES;
use super::limits::FibFull;
use super::page::{Piece, Pieces};

/// Words in a line: 64 octets, as the processor fetches them.
pub(super) const LINE: usize = 16;

/// The sizes of blocks, in lines.
const SIZES: [u32; 9] = [1, 2, 3, 4, 6, 8, 12, 16, 17];

/// Generations of readers that are told apart.
const GENERATIONS_MAX: usize = 8;
/// Pieces that are added at once: 2 MiB of segments.
const GROWTH_MAX: usize = 16;

/// A block to be: its first line, and which of the sizes it has.
#[derive(Clone, Copy, Debug)]
struct Block {
    line: u32,
    size: u8,
}

/// Readers of one view, and what waits for them.
struct Generation<S> {
    view: Arc<[S]>,
    retired: Vec<Block>,
    /// Up to which line the store may be used once they are gone.
    end: u32,
}

pub(super) struct Store<M: Pieces> {
    source: M,
    view: Arc<[M::Piece]>,
    older: VecDeque<Generation<M::Piece>>,
    /// Given back since the view is in use.
    retired: Vec<Block>,
    free: [Vec<u32>; SIZES.len()],
    /// Lines from here to `end` were never used.
    fresh: u32,
    end: u32,
    most: usize,
    used_lines: usize,
    /// Blocks were freed since free ones were joined.
    is_apart: bool,
}

/// The word at a place; 0 where there is none, which does not happen.
#[inline(always)]
pub(super) fn word<P: Piece>(view: &[P], place: u32) -> u32 {
    match view.get(place as usize / P::WORDS) {
        Some(piece) => piece.words_of()[place as usize % P::WORDS].load(Ordering::Acquire),
        None => 0,
    }
}

/// Writes one word, visible at once and whole; what was written before it is visible to who sees it.
pub(super) fn write<P: Piece>(view: &[P], place: u32, value: u32) {
    let piece = view.get(place as usize / P::WORDS).map(Piece::words_of);
    if let Some(word) = piece.and_then(|words| words.get(place as usize % P::WORDS)) {
        word.store(value, Ordering::Release);
    }
}

impl<M: Pieces> Store<M> {
    /// Lines in a piece.
    const LINES: u32 = (M::Piece::WORDS / LINE) as u32;

    /// A store without memory, which may take up to so many pieces.
    pub(super) fn new(source: M, most: usize) -> Self {
        Self {
            source,
            view: Arc::new([]),
            older: VecDeque::new(),
            retired: Vec::new(),
            free: Default::default(),
            fresh: 0,
            end: 0,
            most: most.min(MAX_LINES / Self::LINES as usize),
            used_lines: 0,
            is_apart: false,
        }
    }

    /// Sees to it that the first `kept` lines are there, which are never handed out, and so many others.
    pub(super) fn reserve(&mut self, kept: u32, others: u32) -> Result<(), FibFull> {
        self.collect();
        let lines = self.fresh.max(kept) + others;
        let pieces = lines.div_ceil(Self::LINES) as usize;
        if pieces > self.most {
            return Err(FibFull::Memory);
        }
        while self.end < lines {
            self.grow(pieces)?;
        }
        self.fresh = self.fresh.max(kept);
        Ok(())
    }

    /// Gives up all of it, for good; the views that readers keep, the longest last.
    pub(super) fn close(&mut self) -> Vec<Weak<[M::Piece]>> {
        let older = core::mem::take(&mut self.older).into_iter();
        let view = core::mem::replace(&mut self.view, Arc::new([]));
        self.retired = Vec::new();
        self.free = Default::default();
        (self.fresh, self.end, self.most, self.used_lines) = (0, 0, 0, 0);
        older
            .map(|it| it.view)
            .chain([view])
            .filter(|view| Arc::strong_count(view) > 1)
            .map(|view| Arc::downgrade(&view))
            .collect()
    }

    /// Whether it has taken as many pieces as it may.
    pub(super) fn is_at_most(&self) -> bool {
        self.view.len() >= self.most
    }

    /// Whether three quarters of all that it may ever have are in use.
    pub(super) const fn is_nearly_full(&self) -> bool {
        self.used_lines * LINE > self.most * M::Piece::WORDS / 4 * 3
    }

    /// The view of those who read now.
    #[inline(always)]
    pub(super) const fn view(&self) -> &Arc<[M::Piece]> {
        &self.view
    }

    /// Starts a generation of readers, unless nothing is given back since the last, with some room in
    /// what they can see.
    pub(super) fn renew(&mut self) {
        self.collect();
        if self.all_lines() - self.fresh < M::Piece::ROOM {
            // Without it changes may be refused later.
            let _ = self.grow((self.fresh + M::Piece::ROOM).div_ceil(Self::LINES) as usize);
        }
        // Where somebody keeps an old reader, what is given back waits for that one anyway: no list of pieces for each that is new.
        if !self.retired.is_empty() && self.older.len() < GENERATIONS_MAX {
            let view = self.view.iter().cloned().collect();
            self.turn(view, self.end);
        }
    }

    /// How many blocks wait for readers.
    pub(super) fn waiting(&self) -> usize {
        self.retired.len() + self.older.iter().map(|it| it.retired.len()).sum::<usize>()
    }

    pub(super) fn bytes(&self) -> usize {
        let waiting = self.older.iter().map(|it| it.retired.capacity());
        let blocks = self.retired.capacity() + waiting.sum::<usize>();
        let views = self.older.iter().map(|it| it.view.len());
        let listed = self.view.len() + views.sum::<usize>();
        self.view.len() * M::Piece::WORDS * size_of::<u32>()
            + listed * size_of::<M::Piece>()
            + blocks * size_of::<Block>()
            + self.free.iter().map(|it| it.capacity() * 4).sum::<usize>()
    }

    /// Lines in blocks that are in use.
    pub(super) const fn used_lines(&self) -> usize {
        self.used_lines
    }

    pub(super) fn word(&self, place: u32) -> u32 {
        word(&self.view, place)
    }

    /// See [`write`].
    pub(super) fn write(&self, place: u32, value: u32) {
        write(&self.view, place, value);
    }

    /// A block for these words, filled with them, that no reader knows yet; its first line.
    pub(super) fn put(&mut self, words: &[u32]) -> Result<u32, FibFull> {
        let Some(size) = size_for(words.len()) else {
            return Err(FibFull::Memory);
        };
        let line = self.take(size)?;
        self.used_lines += SIZES[size] as usize;
        for (place, value) in (line * LINE as u32..).zip(words) {
            self.write(place, *value);
        }
        Ok(line)
    }

    /// Gives back a block of so many words that no reader ever knew.
    pub(super) fn discard(&mut self, line: u32, words: usize) {
        if let Some(size) = size_for(words) {
            self.used_lines -= SIZES[size] as usize;
            self.free[size].push(line);
            self.is_apart = true;
        }
    }

    /// Gives back a block of so many words that is no longer linked.
    pub(super) fn retire(&mut self, line: u32, words: usize) {
        if let Some(size) = size_for(words) {
            self.used_lines -= SIZES[size] as usize;
            let size = size as u8;
            self.retired.push(Block { line, size });
            if self.older.is_empty() {
                self.collect();
            }
        }
    }

    fn take(&mut self, size: usize) -> Result<u32, FibFull> {
        if let Some(line) = self.free[size].pop() {
            return Ok(line);
        }
        self.collect();
        loop {
            let line = self.free[size].pop().or_else(|| self.take_fresh(size));
            if let Some(line) = line.or_else(|| self.split(size)) {
                return Ok(line);
            }
            if let Err(full) = self.grow(0) {
                self.join(size);
                return self.free[size].pop().ok_or(full);
            }
        }
    }

    /// Makes blocks of a size of smaller ones that lie side by side. It looks at all that is free, and is called where a change would be
    /// refused otherwise.
    #[cold]
    fn join(&mut self, size: usize) {
        if !core::mem::take(&mut self.is_apart) {
            return;
        }
        let mut blocks: Vec<(u32, u32)> = Vec::new();
        for (list, lines) in self.free.iter_mut().zip(SIZES) {
            blocks.extend(list.drain(..).map(|line| (line, lines)));
        }
        blocks.sort_unstable();
        let mut blocks = blocks.into_iter().peekable();
        while let Some((line, mut lines)) = blocks.next() {
            // A block never crosses a piece.
            while let Some((_, more)) =
                blocks.next_if(|next| next.0 == line + lines && next.0 % Self::LINES != 0)
            {
                lines += more;
            }
            let mut line = line;
            while lines >= SIZES[size] {
                self.free[size].push(line);
                line += SIZES[size];
                lines -= SIZES[size];
            }
            self.free_lines(line, lines);
        }
    }

    fn take_fresh(&mut self, size: usize) -> Option<u32> {
        let lines = SIZES[size];
        while self.fresh < self.end {
            let left = Self::LINES - self.fresh % Self::LINES;
            let line = self.fresh;
            if lines <= left {
                self.fresh += lines;
                let ahead = self.end - self.fresh < Self::LINES / 4;
                if ahead && self.end == self.all_lines() && self.is_shared() {
                    // Ahead of the need: readers have time to change over.
                    let _ = self.grow(0);
                }
                return Some(line);
            }
            self.fresh += left;
            self.free_lines(line, left);
        }
        None
    }

    /// Takes a block from a larger one.
    fn split(&mut self, size: usize) -> Option<u32> {
        let larger = (size + 1..SIZES.len()).find(|it| !self.free[*it].is_empty())?;
        let line = self.free[larger].pop()?;
        self.free_lines(line + SIZES[size], SIZES[larger] - SIZES[size]);
        Some(line)
    }

    fn free_lines(&mut self, mut line: u32, mut lines: u32) {
        // The largest that there are, one after the other.
        while let Some(size) = SIZES.iter().rposition(|size| *size <= lines) {
            self.free[size].push(line);
            line += SIZES[size];
            lines -= SIZES[size];
        }
    }

    fn all_lines(&self) -> u32 {
        self.view.len() as u32 * Self::LINES
    }

    fn is_shared(&mut self) -> bool {
        !self.older.is_empty() || Arc::get_mut(&mut self.view).is_none()
    }

    /// Adds pieces, to at least so many and no more than a change may wait for.
    fn grow(&mut self, least: usize) -> Result<(), FibFull> {
        if self.end < self.all_lines() {
            return Err(FibFull::Readers);
        }
        let room = self.most.saturating_sub(self.view.len());
        if room == 0 {
            return Err(self.no_memory());
        }
        let has_readers = self.is_shared();
        let count = self.view.len();
        let more = M::Piece::more(count, has_readers).max(least.saturating_sub(count));
        let more = more.clamp(1, GROWTH_MAX).min(room);
        let mut view: Vec<M::Piece> = self.view.to_vec();
        view.extend((0..more).map_while(|_| self.source.piece()));
        if view.len() == self.view.len() {
            return Err(self.no_memory());
        }
        let end = view.len() as u32 * Self::LINES;
        self.turn(view.into(), end);
        self.collect();
        if self.end == end {
            Ok(())
        } else {
            Err(FibFull::Readers)
        }
    }

    /// Why there is none: some waits for readers, or all is in use.
    fn no_memory(&self) -> FibFull {
        if self.waiting() > 0 {
            FibFull::Readers
        } else {
            FibFull::Memory
        }
    }

    /// From now on readers get `view`; when those of the old are gone, lines up to `end` are there.
    fn turn(&mut self, view: Arc<[M::Piece]>, end: u32) {
        self.older.push_back(Generation {
            view: core::mem::replace(&mut self.view, view),
            retired: core::mem::take(&mut self.retired),
            end,
        });
    }

    /// Frees what no reader can reach any more.
    pub(super) fn collect(&mut self) {
        while let Some(oldest) = self.older.front_mut() {
            // The exclusive borrow shows that every reader's last look came before.
            if Arc::get_mut(&mut oldest.view).is_none() {
                return;
            }
            if let Some(oldest) = self.older.pop_front() {
                self.end = self.end.max(oldest.end);
                self.is_apart |= !oldest.retired.is_empty();
                for block in oldest.retired {
                    self.free[usize::from(block.size)].push(block.line);
                }
            }
        }
        if !self.retired.is_empty() && Arc::get_mut(&mut self.view).is_some() {
            self.is_apart = true;
            for block in self.retired.drain(..) {
                self.free[usize::from(block.size)].push(block.line);
            }
        }
    }
}

fn size_for(words: usize) -> Option<usize> {
    SIZES
        .iter()
        .position(|lines| words <= *lines as usize * LINE)
}

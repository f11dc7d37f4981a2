//! Chunks: where each is, which is under which, and how one changes.

use alloc::vec::Vec;
use core::ops::Range;

use super::Fib;
use super::entry::Entry;
use super::family::FibAddr;
use super::limits::FibFull;
use super::memory::{LARGE_TOP_LINES, SMALL_TOP_LINES};
use super::path::{Chain, Path};
use super::ranked::{self, Block, HEADER};
use super::routes::Node;
use super::segment::Segments;
use super::store::LINE;

impl<A: FibAddr, M: Segments> Fib<A, M> {
    /// Sets one entry of a chunk on the path, that of the path's octet.
    pub(super) fn set(
        &mut self,
        path: &Path,
        chain: &Chain,
        level: usize,
        entry: Entry,
    ) -> Result<(), FibFull> {
        let octet = path.octet(level);
        if !self.is_ranked(level) {
            self.memory.write(self.place(chain, level, octet), entry.0);
            return Ok(());
        }
        let octet = usize::from(octet);
        self.edit(path, chain, level, octet..octet + 1, |_| entry.0)
    }

    /// Changes some entries of a ranked chunk: in place where its runs stay as they are, else by another block that
    /// takes its place in one write.
    pub(super) fn edit(
        &mut self,
        path: &Path,
        chain: &Chain,
        level: usize,
        octets: Range<usize>,
        change: impl Fn(u32) -> u32,
    ) -> Result<(), FibFull> {
        let chunk = chain.chunks[level];
        let line = self.line(chunk);
        let block = Block::changed(|at| self.memory.word(at), line, octets, change);
        if block.fits(|at| self.memory.word(at), line) {
            for (place, value) in (line * LINE as u32..).zip(block.words()).skip(HEADER) {
                if self.memory.word(place) != *value {
                    self.memory.write(place, *value);
                }
            }
            return Ok(());
        }
        let words = self.words(chunk);
        let new = self.memory.put(block.words())?;
        self.own(new, chunk);
        let place = self.place(chain, level - 1, path.octet(level - 1));
        self.memory.write(place, Entry::link(new).0);
        self.memory.retire(line, words);
        Ok(())
    }

    /// A chunk that says `around` but for one run, given by its first octet, how many it has and its
    /// entry; the line and the words of its block, which has the form of this version.
    pub(super) fn put(
        &mut self,
        around: Entry,
        (first, count, entry): (usize, usize, Entry),
    ) -> Result<(u32, usize), FibFull> {
        if A::RANKED {
            let block = Block::of_one(around.0, first, count, entry.0);
            return Ok((self.memory.put(block.words())?, block.words().len()));
        }
        let mut entries = [around.0; 256];
        if let Some(run) = entries.get_mut(first..first + count) {
            run.fill(entry.0);
        }
        Ok((self.memory.put(&entries)?, entries.len()))
    }

    pub(super) fn add_node(&mut self, node: Node) -> u32 {
        let line = node.line;
        let chunk = match self.free.pop() {
            Some(chunk) => {
                if let Some(place) = self.nodes.get_mut(chunk as usize) {
                    *place = node;
                }
                chunk
            }
            None => {
                if self.nodes.len() == self.nodes.capacity() {
                    self.nodes.reserve_exact((self.nodes.len() / 8).max(4));
                }
                self.nodes.push(node);
                (self.nodes.len() - 1) as u32
            }
        };
        self.own(line, chunk);
        chunk
    }

    /// Notes which chunk begins at a line.
    fn own(&mut self, line: u32, chunk: u32) {
        let at = line as usize;
        if at >= self.owner.len() {
            grow_to(&mut self.owner, at + 1);
        }
        self.owner[at] = chunk;
        if let Some(node) = self.nodes.get_mut(chunk as usize) {
            node.line = line;
        }
    }

    /// The words of a chunk's block.
    pub(super) fn words(&self, chunk: u32) -> usize {
        if A::RANKED {
            HEADER + ranked::runs(|at| self.memory.word(at), self.line(chunk)) as usize
        } else {
            256
        }
    }

    /// The chunks on a path.
    pub(super) fn chain(&self, path: &Path) -> Chain {
        let mut chunks = [0; 16];
        let mut deepest = 0;
        if self.memory.is_large() && path.level > 0 {
            chunks[1] = u32::from(path.octet(0));
            deepest = 1;
        }
        // From block to block, as look-ups go, so that no step waits for the owner of a block to be read.
        let mut line = chunks[1] * (256 / LINE) as u32;
        while deepest < path.level {
            let place = self.place_in(line, path.octet(deepest));
            let Some(below) = Entry(self.memory.word(place)).line() else {
                break;
            };
            let Some(chunk) = self.owner.get(below as usize) else {
                break;
            };
            deepest += 1;
            chunks[deepest] = *chunk;
            line = below;
        }
        Chain { chunks, deepest }
    }

    /// The chunk that an entry of the block at a line links.
    pub(super) fn below(&self, line: u32, octet: u8) -> Option<u32> {
        let below = self.entry(line, octet).line()?;
        self.owner.get(below as usize).copied()
    }

    /// The leaf of the longest route that holds the whole of the path's prefix.
    pub(super) fn covering(&self, path: &Path, chain: &Chain) -> Entry {
        let found = (0..=path.level).rev().find_map(|level| {
            let node = self.node(chain, level)?;
            let (bits, hop) = node.covering(path.branch(level))?;
            Some(Entry::leaf(8 * level as u8 + bits, hop))
        });
        found.unwrap_or(Entry::NONE)
    }

    pub(super) fn node(&self, chain: &Chain, level: usize) -> Option<&Node> {
        match level {
            0 => Some(&self.root),
            _ => self.nodes.get(chain.chunks[level] as usize),
        }
    }

    pub(super) fn node_mut(&mut self, chain: &Chain, level: usize) -> Option<&mut Node> {
        match level {
            0 => Some(&mut self.root),
            _ => self.nodes.get_mut(chain.chunks[level] as usize),
        }
    }

    pub(super) fn line(&self, chunk: u32) -> u32 {
        self.nodes.get(chunk as usize).map_or(0, |node| node.line)
    }

    /// Where the entry for an octet is in the chunk of a level; at level 0 that is the top of a small table.
    pub(super) fn place(&self, chain: &Chain, level: usize, octet: u8) -> u32 {
        let line = match level {
            0 => 0,
            _ => self.line(chain.chunks[level]),
        };
        self.place_in(line, octet)
    }

    /// Where the entry for an octet is in the block that begins at a line.
    pub(super) fn place_in(&self, line: u32, octet: u8) -> u32 {
        if A::RANKED && line >= self.top_lines() {
            ranked::place(|at| self.memory.word(at), line, octet)
        } else {
            line * LINE as u32 + u32::from(octet)
        }
    }

    pub(super) fn entry(&self, line: u32, octet: u8) -> Entry {
        Entry(self.memory.word(self.place_in(line, octet)))
    }

    /// How many levels of an address the top takes.
    pub(super) const fn top_levels(&self) -> usize {
        if self.memory.is_large() { 2 } else { 1 }
    }

    const fn top_lines(&self) -> u32 {
        if self.memory.is_large() {
            LARGE_TOP_LINES
        } else {
            SMALL_TOP_LINES
        }
    }

    /// Whether the chunks of a level keep runs of equal entries once.
    pub(super) const fn is_ranked(&self, level: usize) -> bool {
        A::RANKED && level >= self.top_levels()
    }
}

/// Lengthens a row by an eighth at least.
fn grow_to(row: &mut Vec<u32>, len: usize) {
    if len > row.capacity() {
        row.reserve_exact((row.len() / 8).max(len - row.len()).max(16));
    }
    row.resize(len, 0);
}

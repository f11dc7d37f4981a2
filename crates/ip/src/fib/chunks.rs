//! Chunks: where each is, which is under which, and how one changes.

use alloc::vec::Vec;
use core::ops::Range;

use super::Fib;
use super::entry::Entry;
use super::family::FibAddr;
use super::limits::FibFull;
use super::path::{Chain, Path};
use super::ranked::{self, Block, HEADER};
use super::routes::Node;
use super::segment::Segments;
use super::store::{LINE, TOP_LINES};

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
        if !A::RANKED || level < 2 {
            let place = self.place(chain.chunks[level], octet);
            self.store.write(place, entry.0);
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
        let block = Block::changed(self.store.view(), line, octets, change);
        if block.fits(self.store.view(), line) {
            for (place, value) in (line * LINE as u32..).zip(block.words()).skip(HEADER) {
                if self.store.word(place) != *value {
                    self.store.write(place, *value);
                }
            }
            return Ok(());
        }
        let words = self.words(chunk);
        let new = self.store.put(block.words())?;
        self.own(new, chunk);
        let place = self.place(chain.chunks[level - 1], path.octet(level - 1));
        self.store.write(place, Entry::link(new).0);
        self.store.retire(line, words);
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
            return Ok((self.store.put(block.words())?, block.words().len()));
        }
        let mut entries = [around.0; 256];
        if let Some(run) = entries.get_mut(first..first + count) {
            run.fill(entry.0);
        }
        Ok((self.store.put(&entries)?, entries.len()))
    }

    pub(super) fn add_node(&mut self, line: u32) -> u32 {
        let node = Node::at(line);
        let chunk = match self.free.pop() {
            Some(chunk) => {
                if let Some(place) = self.nodes.get_mut(chunk as usize) {
                    *place = node;
                }
                chunk
            }
            None => {
                if self.nodes.len() == self.nodes.capacity() {
                    self.nodes.reserve_exact(self.nodes.len() / 8);
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
            HEADER + ranked::runs(self.store.view(), self.line(chunk)) as usize
        } else {
            256
        }
    }

    /// The chunks on a path.
    pub(super) fn chain(&self, path: &Path) -> Chain {
        let mut chunks = [0; 16];
        let mut deepest = 0;
        if path.level > 0 {
            chunks[1] = u32::from(path.octet(0));
            deepest = 1;
        }
        // From block to block, as look-ups go, so that no step waits for the owner of a block to be read.
        let mut line = chunks[1] * (256 / LINE) as u32;
        while deepest < path.level {
            let place = self.place_in(line, path.octet(deepest));
            let Some(below) = Entry(self.store.word(place)).line() else {
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

    /// Where a chunk's entry for an octet is.
    pub(super) fn place(&self, chunk: u32, octet: u8) -> u32 {
        self.place_in(self.line(chunk), octet)
    }

    /// Where the entry for an octet is in the block that begins at a line.
    fn place_in(&self, line: u32, octet: u8) -> u32 {
        if A::RANKED && line >= TOP_LINES {
            ranked::place(self.store.view(), line, octet)
        } else {
            line * LINE as u32 + u32::from(octet)
        }
    }

    pub(super) fn entry(&self, chunk: u32, octet: u8) -> Entry {
        Entry(self.store.word(self.place(chunk, octet)))
    }
}

/// Lengthens a row by an eighth at least.
fn grow_to(row: &mut Vec<u32>, len: usize) {
    if len > row.capacity() {
        row.reserve_exact((row.len() / 8).max(len - row.len()).max(64));
    }
    row.resize(len, 0);
}

//! From the small form to the large one.

use alloc::vec::Vec;

use super::Fib;
use super::entry::Entry;
use super::family::FibAddr;
use super::limits::FibFull;
use super::memory::LARGE_TOP;
use super::ranked::{self, HEADER};
use super::routes::Node;
use super::segment::Segments;
use super::store::LINE;

/// A chunk in the large form that nobody reads yet.
struct Copied {
    chunk: u32,
    line: u32,
    words: usize,
}

impl<A: FibAddr, M: Segments> Fib<A, M> {
    /// Goes over to the form of large tables, as the table does by itself when it has outgrown the small one: for whoever knows
    /// that many routes will come, or pays 256 KiB for look-ups in fewer steps. There is no way back. It takes about half
    /// a millisecond, and no look-up waits for it.
    ///
    /// # Errors
    /// [`FibFull::Memory`] or [`FibFull::Readers`]; nothing has changed.
    pub fn enlarge(&mut self) -> Result<(), FibFull> {
        self.work(usize::MAX);
        if self.memory.is_large() {
            return Ok(());
        }
        self.memory.reserve_large()?;
        let mut copied = Vec::with_capacity(self.chunks());
        let tops = match self.copy_all(&mut copied) {
            Ok(tops) => tops,
            Err(full) => {
                for chunk in copied {
                    self.memory.large().discard(chunk.line, chunk.words);
                }
                return Err(full);
            }
        };
        let mut small = core::mem::take(&mut self.nodes);
        let mut moved = |chunk: u32, line: u32| {
            let node = small.get_mut(chunk as usize).map(core::mem::take);
            node.unwrap_or_default().moved(line)
        };
        self.free = Vec::new();
        self.owner = Vec::new();
        self.nodes.reserve_exact(tops.len() + copied.len());
        for (line, chunk) in (0..).step_by(256 / LINE).zip(tops) {
            let node = chunk.map_or_else(|| Node::at(line), |chunk| moved(chunk, line));
            self.nodes.push(node);
        }
        for chunk in copied {
            let node = moved(chunk.chunk, chunk.line);
            self.add_node(node);
        }
        self.memory.turn_large();
        Ok(())
    }

    /// The entries for all octets of a chunk of these words.
    fn entries(words: &[u32]) -> [u32; 256] {
        if A::RANKED {
            ranked::expanded(words)
        } else {
            core::array::from_fn(|octet| words.get(octet).copied().unwrap_or(0))
        }
    }

    /// Writes the large form of all there is; which chunk was there for each first octet.
    fn copy_all(&mut self, copied: &mut Vec<Copied>) -> Result<Vec<Option<u32>>, FibFull> {
        let mut tops = Vec::with_capacity(256);
        let mut place = 0;
        for first in 0..=u8::MAX {
            let entry = self.entry(0, first);
            let (chunk, entries) = match entry.line() {
                Some(line) => {
                    let words = self.copy_below(line, copied)?;
                    (self.below(0, first), Self::entries(&words))
                }
                None => (None, [entry.0; 256]),
            };
            tops.push(chunk);
            for entry in entries {
                self.memory.large().write(place, entry);
                place += 1;
            }
        }
        debug_assert_eq!(place as usize, LARGE_TOP);
        Ok(tops)
    }

    /// Writes all chunks below one; its own words, with links to those.
    fn copy_below(&mut self, line: u32, copied: &mut Vec<Copied>) -> Result<Vec<u32>, FibFull> {
        let chunk = self.chunk_at(line);
        let (first, count) = (line * LINE as u32, self.words(chunk));
        let read = |n| self.memory.word(first + n as u32);
        let mut words: Vec<u32> = (0..count).map(read).collect();
        let header = if A::RANKED { HEADER } else { 0 };
        for entry in words.iter_mut().skip(header) {
            let Some(below) = Entry(*entry).line() else {
                continue;
            };
            let chunk = self.chunk_at(below);
            let below = self.copy_below(below, copied)?;
            let line = self.memory.large().put(&below)?;
            copied.push(Copied {
                chunk,
                line,
                words: below.len(),
            });
            *entry = Entry::link(line).0;
        }
        Ok(words)
    }

    fn chunk_at(&self, line: u32) -> u32 {
        self.owner.get(line as usize).copied().unwrap_or(0)
    }
}

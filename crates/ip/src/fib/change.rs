//! Changes: what is made ready before anyone sees it, and what is then painted in slices.

use waypost_wire::Prefix;

use super::entry::Entry;
use super::family::FibAddr;
use super::limits::FibFull;
use super::page::Piece;
use super::path::{Chain, Path};
use super::ranked::{self, HEADER};
use super::routes::Node;
use super::segment::Segments;
use super::store::{LINE, word, write};
use super::{Fib, NextHop};

/// A change that not all entries show yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Painting {
    leaf: Entry,
    which: Which,
    length: u8,
    /// For each level that it has come down to: the place of the next entry, and how many are left.
    frames: [(u32, u32); 17],
    depth: usize,
}

/// Whose entries a change is for.
#[derive(Clone, Copy, Debug)]
enum Which {
    /// Those of no longer route: a route comes.
    UpTo,
    /// Those of the route itself: it goes.
    Exactly,
}

impl Painting {
    fn covers(&self, entry: Entry) -> bool {
        match self.which {
            Which::UpTo => entry.length() <= self.length,
            Which::Exactly => entry.length() == self.length,
        }
    }

    /// What becomes of an entry.
    fn painted(&self, entry: u32) -> u32 {
        let old = Entry(entry);
        if old.line().is_none() && self.covers(old) {
            self.leaf.0
        } else {
            entry
        }
    }

    /// Looks at so many entries; whether these were all.
    fn go_on<P: Piece>(&mut self, view: &[P], is_ranked: bool, mut entries: usize) -> bool {
        while let Some((place, left)) = self
            .depth
            .checked_sub(1)
            .and_then(|last| self.frames.get_mut(last))
        {
            if *left == 0 {
                self.depth -= 1;
                continue;
            }
            if entries == 0 {
                return false;
            }
            entries -= 1;
            let at = *place;
            (*place, *left) = (*place + 1, *left - 1);
            let entry = Entry(word(view, at));
            match entry.line() {
                Some(line) => {
                    let first = line * LINE as u32;
                    let frame = if is_ranked {
                        (
                            first + HEADER as u32,
                            ranked::runs(|at| word(view, at), line),
                        )
                    } else {
                        (first, 256)
                    };
                    if let Some(next) = self.frames.get_mut(self.depth) {
                        *next = frame;
                        self.depth += 1;
                    }
                }
                None if self.covers(entry) && entry != self.leaf => {
                    write(view, at, self.leaf.0);
                }
                None => {}
            }
        }
        true
    }
}

impl<A: FibAddr, M: Segments> Fib<A, M> {
    /// As [`insert`](Self::insert), but where the chunk of the prefix is there already, leaves it to
    /// [`work`](Self::work) to paint the entries: for IPv6 from /17 on, in a small table from /9 on, only those of the
    /// chunks below, whose number has no bound but the table. An address leads to the old next hop until its entry is painted, then to the new
    /// one. Finishes the change before it, if that is not done.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub fn begin_insert(
        &mut self,
        prefix: Prefix<A>,
        hop: NextHop,
    ) -> Result<Option<NextHop>, FibFull> {
        self.work(usize::MAX);
        self.or_in_the_large_form(|fib| fib.try_insert(prefix, hop))
    }

    fn try_insert(&mut self, prefix: Prefix<A>, hop: NextHop) -> Result<Option<NextHop>, FibFull> {
        let path = Path::new(prefix);
        let chain = self.chain(&path);
        let present = chain.deepest >= path.level;
        let old = if present {
            self.node(&chain, path.level)
                .and_then(|node| node.route(path.branch(path.level)))
        } else {
            None
        };
        if old.is_none() && self.len >= self.limits.routes {
            return Err(FibFull::Routes);
        }
        let painting = Painting {
            leaf: Entry::leaf(path.length, hop),
            which: Which::UpTo,
            length: path.length,
            frames: [(0, 0); 17],
            depth: 0,
        };
        if present {
            self.edit_span(&path, &chain, &painting)?;
        } else {
            self.build(&path, &chain, &painting)?;
        }
        let chain = if present { chain } else { self.chain(&path) };
        if let Some(node) = self.node_mut(&chain, path.level) {
            node.insert(path.branch(path.level), hop);
        }
        self.len += usize::from(old.is_none());
        if present {
            self.start(&path, &chain, painting);
        }
        Ok(old)
    }

    /// As [`remove`](Self::remove), but leaves a part of the work to [`work`](Self::work), as
    /// [`begin_insert`](Self::begin_insert) does.
    ///
    /// # Errors
    /// As [`remove`](Self::remove).
    pub fn begin_remove(&mut self, prefix: Prefix<A>) -> Result<Option<NextHop>, FibFull> {
        self.work(usize::MAX);
        self.or_in_the_large_form(|fib| fib.try_remove(prefix))
    }

    fn try_remove(&mut self, prefix: Prefix<A>) -> Result<Option<NextHop>, FibFull> {
        let path = Path::new(prefix);
        let chain = self.chain(&path);
        if chain.deepest < path.level {
            return Ok(None);
        }
        let branch = path.branch(path.level);
        let node = self.node_mut(&chain, path.level);
        let Some(old) = node.and_then(|node| node.remove(branch)) else {
            return Ok(None);
        };
        let painting = Painting {
            leaf: self.covering(&path, &chain),
            which: Which::Exactly,
            length: path.length,
            frames: [(0, 0); 17],
            depth: 0,
        };
        // Without room for another block the old one keeps its runs, and is painted below, if none of them reaches further than
        // the route does.
        if let Err(full) = self.edit_span(&path, &chain, &painting)
            && !self.has_runs_of_its_own(&path, &chain)
        {
            if let Some(node) = self.node_mut(&chain, path.level) {
                node.insert(branch, old);
            }
            return Err(full);
        }
        self.len -= 1;
        self.start(&path, &chain, painting);
        self.leaving = Some(prefix);
        Ok(Some(old))
    }

    /// Makes a change; if it is one that a small table has no room for, then once the table is large.
    fn or_in_the_large_form(
        &mut self,
        mut change: impl FnMut(&mut Self) -> Result<Option<NextHop>, FibFull>,
    ) -> Result<Option<NextHop>, FibFull> {
        let mut done = change(self);
        if let Err(full @ (FibFull::Memory | FibFull::Readers)) = done
            && self.memory.is_outgrown(full)
        {
            done = match self.enlarge() {
                Ok(()) => change(self),
                // It stays small, where readers may have been all that was wrong.
                Err(FibFull::Memory) => Err(full),
                Err(other) => Err(other),
            };
        }
        self.refused += u64::from(done.is_err());
        done
    }

    /// Goes on with what [`begin_insert`](Self::begin_insert) or [`begin_remove`](Self::begin_remove)
    /// left, looking at about `entries` entries at most; returns whether all is done.
    pub fn work(&mut self, entries: usize) -> bool {
        let Some(painting) = &mut self.painting else {
            return true;
        };
        let done = if self.memory.is_large() {
            painting.go_on(self.memory.segments(), A::RANKED, entries)
        } else {
            painting.go_on(self.memory.pages(), A::RANKED, entries)
        };
        if !done {
            return false;
        }
        self.painting = None;
        if let Some(prefix) = self.leaving.take() {
            self.free_idle(&Path::new(prefix));
        }
        true
    }

    /// Sets the walk over the entries of a prefix, and all below, to its beginning.
    fn start(&mut self, path: &Path, chain: &Chain, mut painting: Painting) {
        let (first, count) = path.span(self.top_levels());
        let line = self.line(chain.chunks[path.level]);
        painting.frames[0] = match path.level {
            0 => (first, count),
            level if self.is_ranked(level) => {
                let last = (first + count - 1) as u8;
                let from = self.place_in(line, first as u8);
                (from, self.place_in(line, last) + 1 - from)
            }
            _ => (line * LINE as u32 + first, count),
        };
        painting.depth = 1;
        self.painting = Some(painting);
    }

    /// Whether no run of the path's own chunk lies both within its prefix and without.
    fn has_runs_of_its_own(&self, path: &Path, chain: &Chain) -> bool {
        let (first, count) = path.span(self.top_levels());
        let line = self.line(chain.chunks[path.level]);
        let read = |at| self.memory.word(at);
        let begins = |octet| octet > 255 || ranked::begins(read, line, octet as u8);
        begins(first) && begins(first + count)
    }

    /// Paints the entries of the path's own chunk at once where runs have to be cut or joined for it.
    fn edit_span(
        &mut self,
        path: &Path,
        chain: &Chain,
        painting: &Painting,
    ) -> Result<(), FibFull> {
        if !self.is_ranked(path.level) {
            return Ok(());
        }
        let (first, count) = path.span(self.top_levels());
        let octets = first as usize..(first + count) as usize;
        self.edit(path, chain, path.level, octets, |entry| {
            painting.painted(entry)
        })
    }

    /// Makes the chunks that are missing for the prefix, its own painted, and links them when all are
    /// there.
    fn build(&mut self, path: &Path, chain: &Chain, painting: &Painting) -> Result<(), FibFull> {
        let at = self.place(chain, chain.deepest, path.octet(chain.deepest));
        let inherited = Entry(self.memory.word(at));
        // What the chunk says other than the one above it: first the route, then where it is linked.
        let (first, count) = path.span(self.top_levels());
        let mut run = (first as usize, count as usize, painting.leaf);
        let mut made: [(u32, usize); 16] = [(0, 0); 16];
        let mut result = Ok(());
        for level in (chain.deepest + 1..=path.level).rev() {
            match self.put(inherited, run) {
                Ok((line, words)) => made[level] = (line, words),
                Err(full) => {
                    result = Err(full);
                    break;
                }
            }
            let octet = path.octet(level - 1);
            run = (octet.into(), 1, Entry::link(made[level].0));
        }
        if result.is_ok() {
            let link = Entry::link(made[chain.deepest + 1].0);
            result = self.set(path, chain, chain.deepest, link);
        }
        if result.is_err() {
            for (line, words) in made.into_iter().filter(|(_, words)| *words > 0) {
                self.memory.discard(line, words);
            }
            return result;
        }
        let mut made_chain = *chain;
        for (level, (line, _)) in made
            .iter()
            .enumerate()
            .take(path.level + 1)
            .skip(chain.deepest + 1)
        {
            if let Some(above) = self.node_mut(&made_chain, level - 1) {
                above.children += 1;
            }
            made_chain.chunks[level] = self.add_node(Node::at(*line));
        }
        Ok(())
    }

    /// Gives back the chunks on the path that no route needs any more, from the longest up.
    fn free_idle(&mut self, path: &Path) {
        let chain = self.chain(path);
        for level in (self.top_levels()..=chain.deepest.min(path.level)).rev() {
            let chunk = chain.chunks[level];
            if !self.nodes.get(chunk as usize).is_some_and(Node::is_idle) {
                return;
            }
            let (line, words) = (self.line(chunk), self.words(chunk));
            // All entries of an idle chunk are the same leaf.
            let leaf = self.entry(line, 0);
            if self.set(path, &chain, level - 1, leaf).is_err() {
                let place = self.place(&chain, level - 1, path.octet(level - 1));
                self.memory.write(place, leaf.0);
            }
            self.memory.retire(line, words);
            self.free.push(chunk);
            if let Some(above) = self.node_mut(&chain, level - 1) {
                above.children -= 1;
            }
        }
    }
}

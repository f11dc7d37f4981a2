//! The forwarding table of IPv4: longest-prefix match from an address to the number of a next hop.
//!
//! # Form
//! A trie of entries of 32 bits by strides of 16, 8 and 8 bits, as DIR-24-8 (Gupta, Lin and McKeown,
//! INFOCOM 1998) with its first table paged: 2¹⁶ entries (256 KiB) for the first half of an address, and
//! chunks of 256 entries (1 KiB) under those that have routes longer than /16, again under those longer
//! than /24. Each entry holds its answer, so no look-up ever goes back up. While
//! the table fits the cache, a batch reads on at once; beyond, it is looked up level by level without
//! branches, so that the misses of all its addresses overlap.
//!
//! Why 16-8-8: bare look-ups of each form side by side in one run, 256 uniform addresses at a time, routes
//! with the lengths of BGP; median ns an address on one core of a two-core Xeon at 2.5 GHz (Cascade Lake,
//! second cache 1 MiB, third 36 MiB shared with others), pages of 4 KiB:
//!
//! | | 10 routes | 1000 | 100 000 | 1 000 000 | MB at 10, 1000, 1 000 000 |
//! |---|---|---|---|---|---|
//! | DIR-24-8, one array | 8.9 | 9.9 | 17.6 | 13.3 | 67, 67, 67 |
//! | 16-8-8 | 3.0 | 5.7 | 15.7 | 14.1 | 0.3, 1.2, 59 |
//! | 12-12-8 | 2.2 | 9.2 | 18.8 | 14.3 | 0.2, 14, 59 |
//! | 8-8-8-8 | 1.9 | 6.2 | 19.7 | 15.7 | 0.02, 1.1, 59 |
//! | 16-8-8, chunks as bitmap and ranks | 1.8 | 4.6 | 25.0 | 20.0 | 0.3, 0.3, 11 |
//!
//! The one array misses the cache even when nearly empty. On a full table one miss decides, which 16-8-8
//! has like the array, and the form of a quarter of the size has twice. The example `fib_bench` measures
//! this table beside the bare array.
//!
//! # Changes
//! A route touches the entries that it covers: at most 256 in the chunk of its length, and those of all
//! chunks below; on the machine above, over a million routes, half of all changes take less than 1 µs, a
//! /16 1.5 µs, a /8 (65 000 entries) 0.2 ms, a /2 12 ms. /0 touches none: it is the answer of entries
//! without one. Chunks that say no more than one entry could are given back and reused.
//!
//! # Readers on other threads
//! The table has two parts: cells, which look-ups read, and routes, which only changes read. A change
//! fills a chunk before it links it, links and answers are single 32-bit words, and each address goes from
//! its old answer to its new one in one write; a chunk is unlinked before it is freed. So the cells may
//! become words that are atomic, shared with readers that never wait, once freed chunks are held back
//! until every reader has passed; nothing of the methods here would change.

mod cells;
mod next_hop;
mod path;
mod routes;

use alloc::vec::Vec;
use core::fmt;
use core::net::Ipv4Addr;

use waypost_wire::Ipv4Prefix;

pub use next_hop::NextHop;

use cells::{Cells, Entry, MAX_CHUNKS, TOP};
use path::Path;
use routes::{Node, branch};

/// What a [`Fib`] may hold at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FibLimits {
    /// Routes.
    pub routes: usize,
    /// Chunks of 1 KiB, beside the 256 that every table has.
    pub chunks: usize,
}

impl Default for FibLimits {
    /// Four million routes and 256 MiB: four times what a full Internet table takes.
    fn default() -> Self {
        Self {
            routes: 1 << 22,
            chunks: 1 << 18,
        }
    }
}

/// Why a route was not inserted; the table is as before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FibFull {
    /// [`FibLimits::routes`] is reached.
    Routes,
    /// [`FibLimits::chunks`] is reached.
    Chunks,
}

impl fmt::Display for FibFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Routes => "the table already holds as many routes as its limit allows",
            Self::Chunks => "the table already takes as many chunks as its limit allows",
        })
    }
}

impl core::error::Error for FibFull {}

/// A forwarding table.
///
/// ```
/// use waypost_ip::fib::{Fib, NextHop};
///
/// let mut fib = Fib::new();
/// let (core, site) = (NextHop::new(1).unwrap(), NextHop::new(2).unwrap());
/// fib.insert("10.0.0.0/8".parse().unwrap(), core).unwrap();
/// fib.insert("10.1.2.0/24".parse().unwrap(), site).unwrap();
///
/// let addrs = ["10.9.9.9", "10.1.2.3", "192.0.2.1"].map(|addr| addr.parse().unwrap());
/// let mut hops = [None; 3];
/// fib.lookup_batch(&addrs, &mut hops);
/// assert_eq!(hops, [Some(core), Some(site), None]);
/// ```
#[derive(Clone, Debug)]
pub struct Fib {
    cells: Cells,
    /// Routes of length 1 to 8.
    root: Node,
    /// One for each chunk, free ones too.
    nodes: Vec<Node>,
    free: Vec<u32>,
    len: usize,
    limits: FibLimits,
    refused: u64,
}

impl Default for Fib {
    fn default() -> Self {
        Self::new()
    }
}

impl Fib {
    /// An empty table with the default limits.
    pub fn new() -> Self {
        Self::with_limits(FibLimits::default())
    }

    /// An empty table. Limits above 2²³ chunks (8 GiB) are taken as that.
    pub fn with_limits(limits: FibLimits) -> Self {
        let mut nodes = Vec::new();
        nodes.resize_with(TOP, Node::default);
        Self {
            cells: Cells::new(),
            root: Node::default(),
            nodes,
            free: Vec::new(),
            len: 0,
            limits: FibLimits {
                chunks: limits.chunks.min(MAX_CHUNKS - TOP),
                ..limits
            },
            refused: 0,
        }
    }

    /// The next hop of the longest prefix that holds `addr`.
    #[inline]
    pub fn lookup(&self, addr: Ipv4Addr) -> Option<NextHop> {
        self.cells.lookup(addr)
    }

    /// Looks up `addrs` into `hops`, place by place, as far as the shorter of both reaches. Several times
    /// faster than [`lookup`](Self::lookup) in a loop where the table does not fit the cache.
    #[inline]
    pub fn lookup_batch(&self, addrs: &[Ipv4Addr], hops: &mut [Option<NextHop>]) {
        self.cells.lookup_batch(addrs, hops);
    }

    /// The next hop of exactly this prefix.
    pub fn route(&self, prefix: Ipv4Prefix) -> Option<NextHop> {
        let path = Path::new(prefix);
        let Some(level) = path.level else {
            return self.cells.default;
        };
        let chunk = self.chunk_of(&path, level)?;
        self.node(level, chunk)?.route(path.branch(level))
    }

    /// Inserts a route, or replaces the one of the same prefix and returns its next hop.
    ///
    /// # Errors
    /// [`FibFull`] when a limit is reached, counted in [`refused`](Self::refused); nothing has changed.
    pub fn insert(&mut self, prefix: Ipv4Prefix, hop: NextHop) -> Result<Option<NextHop>, FibFull> {
        let old = self.route(prefix);
        if old.is_none()
            && let Err(full) = self.room_for(prefix)
        {
            self.refused += 1;
            return Err(full);
        }
        self.len += usize::from(old.is_none());
        let path = Path::new(prefix);
        let Some(level) = path.level else {
            self.cells.default = Some(hop);
            return Ok(old);
        };
        let chunk = self.make_chunk(&path, level);
        if let Some(node) = self.node_mut(level, chunk) {
            node.insert(path.branch(level), hop);
        }
        for (chunk, first, count) in path.span(level, chunk) {
            self.cells.paint(chunk, first, count, path.length, hop);
        }
        Ok(old)
    }

    /// Removes a route and returns its next hop; `None` if there is no route of exactly this prefix.
    pub fn remove(&mut self, prefix: Ipv4Prefix) -> Option<NextHop> {
        let path = Path::new(prefix);
        let Some(level) = path.level else {
            let old = self.cells.default.take()?;
            self.len -= 1;
            return Some(old);
        };
        let chunk = self.chunk_of(&path, level)?;
        let old = self.node_mut(level, chunk)?.remove(path.branch(level))?;
        self.len -= 1;
        let leaf = match self.covering(&path, level) {
            Some((length, hop)) => Entry::leaf(length, hop),
            None => Entry::NONE,
        };
        for (chunk, first, count) in path.span(level, chunk) {
            self.cells.unpaint(chunk, first, count, path.length, leaf);
        }
        self.free_idle(&path, level);
        Some(old)
    }

    /// How many routes it holds.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds no route.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many chunks are in use, beside the 256 that every table has.
    pub fn chunks(&self) -> usize {
        self.nodes.len() - TOP - self.free.len()
    }

    /// How many inserts were refused by a limit.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Bytes of memory that the table takes, room for growth included.
    pub fn bytes(&self) -> usize {
        let spare = (self.nodes.capacity() - self.nodes.len()) * size_of::<Node>();
        self.cells.bytes()
            + self.free.capacity() * size_of::<u32>()
            + spare
            + self.nodes.iter().map(Node::bytes).sum::<usize>()
    }

    /// Calls `visit` with every route, in no order to rely on.
    pub fn for_each(&self, mut visit: impl FnMut(Ipv4Prefix, NextHop)) {
        if let Some(hop) = self.cells.default {
            visit_route(&mut visit, [0; 4], 0, hop);
        }
        for (a, bits, hop) in self.root.iter() {
            visit_route(&mut visit, [a, 0, 0, 0], bits, hop);
        }
        for a in 0..=u8::MAX {
            self.visit_node(u32::from(a), [a, 0, 0, 0], 1, &mut visit);
        }
    }

    fn visit_node(
        &self,
        chunk: u32,
        octets: [u8; 4],
        level: usize,
        visit: &mut impl FnMut(Ipv4Prefix, NextHop),
    ) {
        let Some(node) = self.nodes.get(chunk as usize) else {
            return;
        };
        let mut below = octets;
        for (octet, bits, hop) in node.iter() {
            below[level] = octet;
            visit_route(visit, below, 8 * level as u8 + bits, hop);
        }
        if node.children > 0 {
            for octet in 0..=u8::MAX {
                if let Some(child) = self.cells.entry(chunk, octet).chunk() {
                    below[level] = octet;
                    self.visit_node(child, below, level + 1, visit);
                }
            }
        }
    }

    /// Whether the limits allow a new route of this prefix.
    fn room_for(&self, prefix: Ipv4Prefix) -> Result<(), FibFull> {
        if self.len >= self.limits.routes {
            return Err(FibFull::Routes);
        }
        let path = Path::new(prefix);
        let missing = match path.level {
            Some(level @ 2..) => (2..=level)
                .filter(|level| self.chunk_of(&path, *level).is_none())
                .count(),
            _ => 0,
        };
        if self.chunks() + missing > self.limits.chunks {
            return Err(FibFull::Chunks);
        }
        Ok(())
    }

    /// The chunk that holds the entries of a level on the path; at level 0, which has none, 0.
    fn chunk_of(&self, path: &Path, level: usize) -> Option<u32> {
        let mut chunk = path.top(level);
        for above in 1..level {
            chunk = self.cells.entry(chunk, path.octets[above]).chunk()?;
        }
        Some(chunk)
    }

    /// As [`chunk_of`](Self::chunk_of), making the chunks that are missing.
    fn make_chunk(&mut self, path: &Path, level: usize) -> u32 {
        let mut chunk = path.top(level);
        for above in 1..level {
            let octet = path.octets[above];
            let entry = self.cells.entry(chunk, octet);
            chunk = match entry.chunk() {
                Some(below) => below,
                None => {
                    let below = self.cells.fill_chunk(self.free.pop(), entry);
                    if below as usize == self.nodes.len() {
                        self.nodes.push(Node::default());
                    }
                    self.cells.write(chunk, octet, Entry::link(below));
                    if let Some(node) = self.nodes.get_mut(chunk as usize) {
                        node.children += 1;
                    }
                    below
                }
            };
        }
        chunk
    }

    /// Gives back the chunks on the path that no route needs any more, from the longest up.
    fn free_idle(&mut self, path: &Path, level: usize) {
        for level in (2..=level).rev() {
            let (Some(above), Some(chunk)) =
                (self.chunk_of(path, level - 1), self.chunk_of(path, level))
            else {
                return;
            };
            if !self.nodes.get(chunk as usize).is_some_and(Node::is_idle) {
                return;
            }
            // All entries of an idle chunk are the same leaf.
            let leaf = self.cells.entry(chunk, 0);
            self.cells.write(above, path.octets[level - 1], leaf);
            self.free.push(chunk);
            if let Some(node) = self.nodes.get_mut(above as usize) {
                node.children -= 1;
            }
        }
    }

    /// The longest route that holds the whole of the path's prefix, and its length.
    fn covering(&self, path: &Path, level: usize) -> Option<(u8, NextHop)> {
        (0..=level).rev().find_map(|above| {
            let chunk = self.chunk_of(path, above)?;
            let branch = if above == level {
                path.branch(level)
            } else {
                branch(path.octets[above], 8)
            };
            let (bits, hop) = self.node(above, chunk)?.covering(branch)?;
            Some((8 * above as u8 + bits, hop))
        })
    }

    fn node(&self, level: usize, chunk: u32) -> Option<&Node> {
        match level {
            0 => Some(&self.root),
            _ => self.nodes.get(chunk as usize),
        }
    }

    fn node_mut(&mut self, level: usize, chunk: u32) -> Option<&mut Node> {
        match level {
            0 => Some(&mut self.root),
            _ => self.nodes.get_mut(chunk as usize),
        }
    }
}

fn visit_route(
    visit: &mut impl FnMut(Ipv4Prefix, NextHop),
    octets: [u8; 4],
    length: u8,
    hop: NextHop,
) {
    if let Ok(prefix) = Ipv4Prefix::new(Ipv4Addr::from(octets), length) {
        visit(prefix, hop);
    }
}

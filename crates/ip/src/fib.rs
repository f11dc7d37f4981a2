//! The forwarding table of IPv4 and of IPv6: longest-prefix match from an address to the number of a next
//! hop, for any number of readers, which never wait while the table changes.
//!
//! # Form
//! A trie of entries of 32 bits. A *large* table has 2¹⁶ of them (256 KiB) for the first half of an IPv4 address, and chunks for
//! eight more bits each, where there are longer routes. Each entry holds its answer, so no look-up ever goes
//! back up. A batch is looked up level by level, so that the misses of all its addresses overlap.
//!
//! A *small* table has 2⁸ entries for the first octet instead, and chunks for each octet below: an empty one takes 3 KiB, ten routes that have
//! nothing in common 26 KiB for /24 (37 for /32), and 9 KiB for /48 of IPv6, all counts and lists included. So a thousand VRFs of ten routes of each
//! version take 35 MB, and 840 MB as large tables. Once it would take
//! more than 256 KiB, for IPv6 64 KiB, a table becomes large, and stays so until it is dropped: [`Fib::enlarge`]. Where readers are
//! made, it has memory for that from three quarters on, 512 KiB, for IPv6 384 KiB, and keeps it, even if it is small again.
//! Ten to a hundred routes of IPv4 are looked up in 1.3 to 10 ns then, not 3 to 4, and those of IPv6 in 46 ns, not 39
//! (batches within prefixes, the machine below); large tables take what they took without the small form: readers that were made of
//! a large one ask for nothing, those of a small one for one word a batch.
//!
//! For **IPv4** a chunk is 256 entries, as in DIR-24-8 (Gupta, Lin and McKeown, INFOCOM 1998) with
//! its first table paged. Bare look-ups of each form side by side in one run, 256 uniform addresses at a time,
//! routes with the lengths of BGP; median ns an address on one core of a two-core Xeon at 2.5 GHz (Cascade
//! Lake, second cache 1 MiB, third 36 MiB shared with others), pages of 4 KiB:
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
//! has like the array, and the form of a quarter of the size has twice.
//!
//! For **IPv6** a chunk is a bitmap and ranks over its runs of equal entries, mostly one line of 64 octets:
//! there are more levels and few routes in each chunk. Bare look-ups on the same machine, under load of
//! others (so: ratios), compiled for a processor that counts bits (without, all ranks cost more), addresses
//! within prefixes of /20 to /64, mostly /48 and /32; ns an address batched, and MB:
//!
//! | | 1000 routes | 100 000 | 250 000 |
//! |---|---|---|---|
//! | chunks of 256 entries | 33; 1.6 | 123; 113 | 123; 270 |
//! | 16 bits, 8, then four at a time | 50; 0.5 | 111; 16 | 78; 39 |
//! | bitmap and ranks, entries not asked for ahead | 33; 0.4 | 108; 8 | 116; 20 |
//! | bitmap and ranks | 28; 0.4 | 47; 8 | 53; 20 |
//!
//! # Readers on other threads
//! [`Fib`] changes the table, and looks up where one thread does both; a [`FibReader`] for each further thread
//! looks up meanwhile, by plain loads (`Acquire`, which costs nothing on x86), without locks or waiting. A
//! change makes a chunk ready before it links it, links and answers are single words, and each address
//! goes from its old answer to its new one in one write. So an answer is always one that the table gave at
//! some moment of the look-up.
//!
//! A chunk that was unlinked is used again when all readers that could have seen it are dropped.
//! Workers therefore get a new [`reader`](Fib::reader) now and then, between two batches: in an RCU cell, or
//! as a message. Nothing is torn if they do not: the table then runs into [`FibFull::Readers`], and does so
//! too when it has grown and older readers, which do not know the new memory, are about. An exclusive
//! `Arc` is the proof that they are gone; a cell that is set once without `unsafe` needs `std`. The price of
//! this is that a word is found by its segment, one more load a level: IPv4 batched takes mostly 1.1 to 1.3
//! times what the same table took in one row that nobody shared (side by side on a busy machine, 1000 to
//! 900 000 routes; single medians 0.9 to 1.4).
//!
//! How soon a change is refused depends on the form. A new reader of a small table, once those before it are dropped, leaves room for
//! the next change, whatever it is, and mostly for a few more: one of ten host routes of IPv4 can go and come back once before the
//! reader is in the way, one of ten /48 of IPv6 nine times; the one of IPv4 in a large table 54 times. At the very most all memory of a
//! small table is used once: 254 chunks for IPv4, 1007 lines of 64 octets for IPv6. So a worker that has nothing to do should hold no
//! reader, or be woken to take a new one. What was refused is done once all have new readers.
//!
//! A table becomes large in the same way: all of it is copied into segments that nobody looks at, one word then says that they hold,
//! and pages that look-ups are still in stay as they are. It waits for readers that do not know the segments yet; new readers do
//! from three quarters of the small form on.
//!
//! # Changes
//! A route touches the entries that it covers, in the chunk of its length and in all chunks below; /0 those
//! of the whole table that no longer route has. [`Fib::begin_insert`], [`Fib::begin_remove`] and [`Fib::work`]
//! do it in slices. The change with which a table becomes large takes half a millisecond longer, and is no slice: it copies 256 KiB at most,
//! and writes a top of 256 KiB. Chunks that say no more than one entry could are given back.
//!
//! The number of a next hop that a change gives back may still be answered until [`Fib::work`] has said that all is done, and
//! then by whoever looked it up before. It may mean something else once every reader has come to the end of the batch that
//! it worked on then.

mod change;
mod chunks;
mod dense;
mod enlarge;
mod entry;
mod family;
mod group;
mod limits;
mod memory;
mod next_hop;
mod page;
mod path;
mod ranked;
mod reader;
mod routes;
mod segment;
mod small;
mod store;

use alloc::vec::Vec;
use core::fmt;
use core::net::Ipv4Addr;

use waypost_wire::Prefix;

pub use family::FibAddr;
pub use group::{Adjacency, GroupCounters, GroupLimits, GroupReader, Groups, GroupsFull};
pub use limits::{FibFull, FibLimits};
pub use next_hop::NextHop;
pub use reader::FibReader;
pub use segment::{Heap, HeapSegment, SEGMENT_BYTES, SEGMENT_WORDS, Segment, Segments};

use change::Painting;
use memory::Memory;
use path::Path;
use routes::Node;
use store::LINE;

/// How many chunks the top of a large table takes.
const TOP: usize = 256;

/// A forwarding table, and the right to change it.
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
///
/// // What another thread looks up in.
/// let reader = fib.reader();
/// fib.remove("10.1.2.0/24".parse().unwrap()).unwrap();
/// assert_eq!(reader.lookup("10.1.2.3".parse::<std::net::Ipv4Addr>().unwrap()), Some(core));
/// ```
pub struct Fib<A: FibAddr = Ipv4Addr, M: Segments = Heap> {
    /// Read by the table's own look-ups as it is: they share nothing, so that nothing waits for them.
    memory: Memory<M>,
    family: core::marker::PhantomData<A>,
    /// Routes of length 0 to 8.
    root: Node,
    /// One for each chunk, free ones too.
    nodes: Vec<Node>,
    free: Vec<u32>,
    /// By line: the chunk that begins there.
    owner: Vec<u32>,
    painting: Option<Painting>,
    /// A route that goes, whose chunks may be given back when the painting is done.
    leaving: Option<Prefix<A>>,
    len: usize,
    limits: FibLimits,
    refused: u64,
}

impl<A: FibAddr> Default for Fib<A> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: FibAddr> Fib<A> {
    /// An empty table with the default limits.
    pub fn new() -> Self {
        Self::with_limits(FibLimits::default())
    }

    /// An empty table.
    ///
    /// # Panics
    /// When the allocator has no 2 KiB, as a `Vec` would.
    pub fn with_limits(limits: FibLimits) -> Self {
        match Self::over(Heap, limits) {
            Ok(fib) => fib,
            Err(full) => panic!("{full}"),
        }
    }
}

impl<A: FibAddr, M: Segments> Fib<A, M> {
    /// An empty table in memory of the caller's choice: see [`Segments`].
    ///
    /// # Errors
    /// [`FibFull::Memory`] when the allocator has no 2 KiB.
    ///
    /// So it is with all memory for entries, which is most of it. Lists of routes, chunks and segments grow as every `Vec` does.
    pub fn over(source: M, limits: FibLimits) -> Result<Self, FibFull> {
        Ok(Self {
            memory: Memory::new(source, A::PAGES, limits.segments)?,
            family: core::marker::PhantomData,
            root: Node::default(),
            nodes: Vec::new(),
            free: Vec::new(),
            owner: Vec::new(),
            painting: None,
            leaving: None,
            len: 0,
            limits,
            refused: 0,
        })
    }

    /// A reader for another thread: see [`FibReader`]. What is given back from now on waits until it, and
    /// all that were made before it, are dropped.
    pub fn reader(&mut self) -> FibReader<A, M::Segment> {
        self.memory.renew();
        let pages = (!self.memory.is_large()).then(|| self.memory.pages().clone());
        FibReader::new(pages, self.memory.segments().clone())
    }

    /// The next hop of the longest prefix that holds `addr`.
    #[inline]
    pub fn lookup(&self, addr: A) -> Option<NextHop> {
        if self.memory.is_large() {
            A::lookup(self.memory.segments(), addr)
        } else {
            small::lookup(self.memory.pages(), addr)
        }
    }

    /// Looks up `addrs` into `hops`, as [`FibReader::lookup_batch`] does.
    #[inline]
    pub fn lookup_batch(&self, addrs: &[A], hops: &mut [Option<NextHop>]) {
        if self.memory.is_large() {
            A::lookup_batch(self.memory.segments(), addrs, hops);
        } else {
            small::lookup_batch(self.memory.pages(), addrs, hops);
        }
    }

    /// The next hop of exactly this prefix.
    pub fn route(&self, prefix: Prefix<A>) -> Option<NextHop> {
        let path = Path::new(prefix);
        let chain = self.chain(&path);
        if chain.deepest < path.level {
            return None;
        }
        self.node(&chain, path.level)?
            .route(path.branch(path.level))
    }

    /// Inserts a route, or replaces the one of the same prefix and returns its next hop.
    ///
    /// # Errors
    /// [`FibFull`] when a limit is reached, counted in [`refused`](Self::refused); nothing has changed.
    pub fn insert(&mut self, prefix: Prefix<A>, hop: NextHop) -> Result<Option<NextHop>, FibFull> {
        let old = self.begin_insert(prefix, hop)?;
        self.work(usize::MAX);
        Ok(old)
    }

    /// Removes a route and returns its next hop; `None` if there is no route of exactly this prefix.
    ///
    /// # Errors
    /// [`FibFull`], counted in [`refused`](Self::refused), and nothing has changed: where the route shares a run of equal
    /// entries with others, and there is no memory to part them. A table of IPv4 always has what it needs.
    pub fn remove(&mut self, prefix: Prefix<A>) -> Result<Option<NextHop>, FibFull> {
        let old = self.begin_remove(prefix)?;
        self.work(usize::MAX);
        Ok(old)
    }

    /// How many routes it holds.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds no route.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether it has the form of large tables.
    pub const fn is_large(&self) -> bool {
        self.memory.is_large()
    }

    /// How many chunks are in use, beside the top.
    pub const fn chunks(&self) -> usize {
        let top = if self.memory.is_large() { TOP } else { 0 };
        self.nodes.len() - top - self.free.len()
    }

    /// Octets of the chunks in use.
    pub const fn chunk_bytes(&self) -> usize {
        self.memory.used_lines() * LINE * size_of::<u32>()
    }

    /// How many changes were refused by a limit.
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// How many blocks were given back and wait for readers to be dropped; frees those that need not
    /// wait any longer.
    pub fn collect(&mut self) -> usize {
        self.memory.collect()
    }

    /// Bytes of memory that the table takes, room for growth included, and those that readers of its small form still keep.
    pub fn bytes(&self) -> usize {
        let spare = (self.nodes.capacity() - self.nodes.len()) * size_of::<Node>();
        size_of::<Self>()
            + self.memory.bytes()
            + (self.free.capacity() + self.owner.capacity()) * size_of::<u32>()
            + spare
            + self.nodes.iter().map(Node::bytes).sum::<usize>()
    }

    /// Calls `visit` with every route, in no order to rely on.
    pub fn for_each(&self, mut visit: impl FnMut(Prefix<A>, NextHop)) {
        for (octet, bits, hop) in self.root.iter() {
            visit_route(&mut visit, [0; 16], 0, (octet, bits, hop));
        }
        let mut octets = [0; 16];
        for first in 0..=u8::MAX {
            octets[0] = first;
            let chunk = if self.memory.is_large() {
                Some(u32::from(first))
            } else {
                self.below(0, first)
            };
            if let Some(chunk) = chunk {
                self.visit_node(chunk, octets, 1, &mut visit);
            }
        }
    }

    fn visit_node(
        &self,
        chunk: u32,
        mut octets: [u8; 16],
        level: usize,
        visit: &mut impl FnMut(Prefix<A>, NextHop),
    ) {
        let Some(node) = self.nodes.get(chunk as usize) else {
            return;
        };
        for route in node.iter() {
            visit_route(visit, octets, level, route);
        }
        if node.children == 0 || level + 1 >= octets.len() {
            return;
        }
        for octet in 0..=u8::MAX {
            if let Some(child) = self.below(node.line, octet) {
                octets[level] = octet;
                self.visit_node(child, octets, level + 1, visit);
            }
        }
    }
}

impl<A: FibAddr, M: Segments> fmt::Debug for Fib<A, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fib")
            .field("routes", &self.len)
            .field("large", &self.memory.is_large())
            .field("chunks", &self.chunks())
            .field("limits", &self.limits)
            .field("refused", &self.refused)
            .finish_non_exhaustive()
    }
}

fn visit_route<A: FibAddr>(
    visit: &mut impl FnMut(Prefix<A>, NextHop),
    mut octets: [u8; 16],
    level: usize,
    (octet, bits, hop): (u8, u8, NextHop),
) {
    octets[level] = octet;
    let network = A::from_first_octets(octets);
    if let Ok(prefix) = Prefix::new(network, 8 * level as u8 + bits) {
        visit(prefix, hop);
    }
}

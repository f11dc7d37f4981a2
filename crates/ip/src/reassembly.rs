//! Reassembly of fragments (RFC 791 §3.2, RFC 8200 §4.5), for both versions of IP.
//!
//! Fragments come in as the caller's own packets and are kept as such; a datagram that became whole comes out
//! as a header to write and those packets in order ([`Whole`]). Nothing is copied on the way.
//!
//! - Fragments may come in any order. Where two overlap, the whole datagram is abandoned, and what more comes
//!   of it until its time ends (RFC 5722 §4, RFC 8200 §4.5); the same for IPv4, whose RFC 791 lets the later
//!   one win, as only attackers need (RFC 1858, RFC 3128). A copy that is equal octet by octet harms nothing.
//! - A datagram is abandoned too if its fragments contradict each other about its length, if they are too
//!   many, or if one met congestion and another cannot say so (RFC 3168 §5.3).
//! - A fragment that is all of its datagram is whole at once, whatever else is held (RFC 6946 §4, RFC 8200 §4.5).
//! - All is bounded: datagrams, fragments, fragments of one datagram, octets, time. Where one more needs room,
//!   the oldest datagram goes of that source which uses most (an address of IPv4, a /64 of IPv6): a flood from
//!   one source pushes out itself (RFC 4787 §11, REQ-14a). Of sources that use the same, the one goes that has done so
//!   the longest.
//!
//! One table serves one zone: link-local addresses of several links need a table for each. The header of a
//! packet of IPv4 is to be checked before (RFC 1812 §5.2.2).

mod config;
mod entry;
mod machine;
mod payer;
mod piece;
mod storage;
mod whole;

use core::fmt;

use waypost_wire::{Instant, IpProtocol};

pub use config::{FragmentDrop, ReassemblyConfig, ReassemblyCounters};
pub use entry::{Entry, Held};
pub use payer::Payer;
pub use piece::{FragmentProblem, Parsed, Piece, ReassembleIp};
#[cfg(feature = "alloc")]
pub use storage::GrowingReassembly;
pub use storage::{FixedReassembly, ReassemblyStorage, Stores};
pub use whole::{Part, Whole};

use crate::hash::{Chains, limit_of};
use crate::slab::{Slab, Slot};
use entry::Ends;
use payer::{Payers, Use};

/// A packet that may be a fragment.
pub trait FragmentPacket {
    /// The packet as it came, from its IP header on.
    fn octets(&self) -> &[u8];

    /// Octets of memory that it takes, to be counted against the limit.
    fn memory(&self) -> usize {
        self.octets().len()
    }
}

impl FragmentPacket for &[u8] {
    fn octets(&self) -> &[u8] {
        self
    }
}

#[cfg(feature = "alloc")]
impl FragmentPacket for alloc::vec::Vec<u8> {
    fn octets(&self) -> &[u8] {
        self
    }

    fn memory(&self) -> usize {
        self.capacity()
    }
}

/// What became of a packet given to [`Reassembly::input`].
#[derive(Debug)]
pub enum Outcome<'a, A, P, F>
where
    P: FragmentPacket,
    F: crate::storage::Store<Slot<Held<P>>>,
{
    /// It is no fragment: go on with it.
    NotFragment(P),
    /// It waits for others.
    Held,
    /// It made a datagram whole.
    Whole(Whole<'a, A, P, F>),
    /// It is of no use.
    Dropped {
        /// The packet.
        packet: P,
        /// Why.
        reason: FragmentDrop,
        /// What its source is to be told, if anything.
        problem: Option<FragmentProblem>,
    },
}

/// A datagram that was given up because its time ended.
#[derive(Debug, PartialEq, Eq)]
pub struct TimedOut<A, P> {
    /// Who sent it.
    pub source: A,
    /// To whom.
    pub destination: A,
    /// Of which protocol; 0 in IPv6.
    pub protocol: IpProtocol,
    /// Its identification.
    pub identification: u32,
    /// The fragment with the beginning of the datagram, if that came: its source is to be told "time exceeded,
    /// reassembly" about it, and without it nothing (RFC 1122 §3.3.2, RFC 8200 §4.5).
    pub first: Option<P>,
}

/// Datagrams in the making: addresses `A`, packets `P`, storage `S`.
pub struct Reassembly<A: ReassembleIp, P: FragmentPacket, S: ReassemblyStorage<A, P>> {
    entries: Slab<Entry<A>, S::Entries>,
    chains: Chains<S::Chains>,
    payers: Payers<A, S::Payers, S::Chains>,
    fragments: Slab<Held<P>, S::Fragments>,
    /// All datagrams, oldest first.
    ages: Ends,
    memory: usize,
    latest: Instant,
    config: ReassemblyConfig,
    counters: ReassemblyCounters,
}

/// Reassembly whose storage grows to its limits.
#[cfg(feature = "alloc")]
pub type VecReassembly<A, P> = Reassembly<A, P, GrowingReassembly>;

impl<A: ReassembleIp, P: FragmentPacket, S: ReassemblyStorage<A, P>> Reassembly<A, P, S> {
    /// An empty table. Limits above what storage of fixed length holds are that length.
    pub fn new(storage: S, mut config: ReassemblyConfig) -> Self {
        let (mut entries, payers, mut fragments, chains, payer_chains) = storage.into_parts();
        config.datagrams = limit_of(&mut entries, config.datagrams, Slot::EMPTY);
        config.fragments = limit_of(&mut fragments, config.fragments, Slot::EMPTY);
        let limits = Use {
            datagrams: config.datagrams,
            fragments: config.fragments,
            octets: config.octets,
        };
        Self {
            entries: Slab::new(entries, config.datagrams),
            chains: Chains::new(chains, config.datagrams),
            payers: Payers::new(payers, payer_chains, limits, config.seed),
            fragments: Slab::new(fragments, config.fragments),
            ages: Ends::EMPTY,
            memory: 0,
            latest: Instant::from_nanos(0),
            config,
            counters: ReassemblyCounters::default(),
        }
    }

    /// Takes a packet. Call [`expire`](Self::expire) first, so that no datagram lives longer than its time.
    pub fn input(&mut self, now: Instant, packet: P) -> Outcome<'_, A, P, S::Fragments> {
        let piece = match A::parse(packet.octets()) {
            Parsed::Other => return Outcome::NotFragment(packet),
            Parsed::Piece(piece) => piece,
            Parsed::Bad(reason, problem) => {
                self.counters.received += 1;
                return self.dropped(packet, reason, problem);
            }
        };
        self.counters.received += 1;
        if piece.is_atomic() {
            self.counters.atomic += 1;
            self.counters.datagrams += 1;
            self.counters.reassembled += 1;
            let held = Held::new(packet, &piece);
            return Outcome::Whole(Whole::atomic(&mut self.fragments, held));
        }
        match self.hold(now, packet, &piece) {
            Ok(index) => self.finish(index),
            Err((packet, reason)) => self.dropped(packet, reason, None),
        }
    }

    /// When [`expire`](Self::expire) is to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let oldest = self.entries.at(self.ages.head)?;
        let deadline = oldest.since.checked_add(self.config.timeout);
        Some(deadline.unwrap_or(Instant::MAX))
    }

    /// Gives up the oldest datagram whose time has ended; to be called until it returns `None`. Those that were
    /// abandoned before are forgotten on the way.
    pub fn expire(&mut self, now: Instant) -> Option<TimedOut<A, P>> {
        while self.poll_timeout().is_some_and(|deadline| deadline <= now) {
            let mut pieces = self.entries.at(self.ages.head)?.pieces;
            let entry = self.remove(self.ages.head)?;
            if entry.abandoned {
                continue;
            }
            self.counters.timed_out += 1;
            let dropped = entry.fragments as u64;
            self.counters.drop(FragmentDrop::TimedOut, dropped);
            let is_first = |held: &Held<P>| held.offset == 0;
            let first = if self.fragments.at(pieces.head).is_some_and(is_first) {
                self.take(&mut pieces)
            } else {
                None
            };
            while self.take(&mut pieces).is_some() {}
            return Some(TimedOut {
                source: entry.source,
                destination: entry.destination,
                protocol: entry.protocol,
                identification: entry.identification,
                first,
            });
        }
        None
    }

    /// How many datagrams are not yet whole, abandoned ones included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many fragments are held.
    pub fn fragments(&self) -> usize {
        self.fragments.len()
    }

    /// How many octets of memory the fragments take.
    pub const fn octets(&self) -> usize {
        self.memory
    }

    /// From how many sources the datagrams come.
    pub fn sources(&self) -> usize {
        self.payers.len()
    }

    /// What became of fragments and datagrams.
    pub const fn counters(&self) -> &ReassemblyCounters {
        &self.counters
    }
}

impl<A: ReassembleIp, P: FragmentPacket, S: ReassemblyStorage<A, P>> fmt::Debug
    for Reassembly<A, P, S>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reassembly")
            .field("datagrams", &self.len())
            .field("fragments", &self.fragments())
            .field("octets", &self.memory)
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}

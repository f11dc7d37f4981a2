//! The neighbour table: which station of the link has an address of IP.
//!
//! One table for ARP (RFC 826, RFC 1122 §2.3.2) and neighbour discovery: the states, timers and rules are
//! those of RFC 4861 §7.3, which ARP leaves open, generic over the version of IP. It is sans-IO: packets
//! and time come in, [`Event`]s come out, among them requests that the caller builds and sends.
//!
//! A sender asks [`lookup`](NeighborTable::lookup) first, which answers in one cache line while nothing
//! but sending is to be done; where it has no answer, [`send`](NeighborTable::send) takes the packet and
//! sends, holds or drops it.
//!
//! What is bounded: neighbours, among them those in resolution (so that a scan cannot push out the
//! neighbours that answer), packets that wait for one neighbour, and packets that wait for all. Where a
//! new neighbour needs room, the longest stale goes. One in resolution is never pushed out: its timer is
//! what keeps requests for its address at one a second.

mod announce;
mod arp;
mod config;
mod dad;
mod discovery;
mod entry;
mod index;
mod limit;
mod machine;
mod ndp;
mod own;
mod proxy;
mod queue;
mod storage;
mod times;
mod view;

use core::fmt;

use waypost_wire::{Instant, Ip, MacAddr};

#[cfg(feature = "alloc")]
pub use announce::VecAnnouncer;
pub use announce::{Announcement, Announcer, AnnouncerConfig, Planned};
pub use arp::ArpOutcome;
pub use config::NeighborConfig;
pub use dad::{Dad, DadConfig, DadCounters, DadEvent, DadHeard, DadState, Defence};
pub use discovery::NdpOutcome;
pub use entry::Entry;
pub use index::Bucket;
pub use machine::Answer;
pub use ndp::{
    ALL_NODES, Advertisement, NdpBody, NdpError, NdpMessage, Nonce, nonce_option, solicited_node,
};
pub use own::{MAX_ANYCAST_DELAY, Own};
#[cfg(feature = "alloc")]
pub use proxy::VecProxySet;
pub use proxy::{ProxyRule, ProxySet};
pub use queue::Held;
#[cfg(feature = "alloc")]
pub use storage::GrowingNeighbors;
pub use storage::{FixedNeighbors, NeighborStorage};
pub use view::Neighbor;

use crate::drops::{DropCounters, DropReason};
use crate::slab::Key;
use crate::wheel::Wheel;
use entry::{Entries, List};
use index::Index;
use limit::Limits;
use queue::{Packets, Verdict};
use times::ReachableTime;

/// What is known of a neighbour (RFC 4861 §7.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Asked for; no answer yet. Packets wait.
    Incomplete,
    /// It answered lately, or is known from above to receive.
    Reachable,
    /// It answered some time ago. Nothing is done until a packet is sent to it.
    Stale,
    /// A packet was sent to it while stale; it is given time to show itself.
    Delay,
    /// It is asked at its address whether it is still there; packets are sent meanwhile.
    Probe,
    /// Set by hand: never asked, never aged.
    Static,
}

impl State {
    /// Whether packets can be sent without telling the table.
    const fn is_ready(self) -> bool {
        !matches!(self, Self::Incomplete | Self::Stale)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Incomplete => "incomplete",
            Self::Reachable => "reachable",
            Self::Stale => "stale",
            Self::Delay => "delay",
            Self::Probe => "probe",
            Self::Static => "static",
        })
    }
}

/// What became of a packet given to [`NeighborTable::send`].
#[derive(Debug, PartialEq, Eq)]
pub enum Sent<P> {
    /// Send it to this address now.
    Now {
        /// The packet.
        packet: P,
        /// The neighbour's address.
        mac: MacAddr,
    },
    /// It waits, and will come back in an [`Event`].
    Held,
    /// It cannot wait.
    Dropped {
        /// The packet.
        packet: P,
        /// Why.
        reason: DropReason,
    },
    /// It waits in the place of an older packet for the same neighbour, which is dropped.
    Replaced {
        /// The older packet.
        packet: P,
        /// Why.
        reason: DropReason,
    },
}

/// What a table wants done.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<A, P> {
    /// Ask who has `target`.
    Request {
        /// The address asked for.
        target: A,
        /// The station to ask; `None`: all (broadcast, or the solicited-node group).
        to: Option<MacAddr>,
    },
    /// Send a packet that waited.
    Release {
        /// The packet.
        packet: P,
        /// The neighbour.
        target: A,
        /// The neighbour's address.
        mac: MacAddr,
    },
    /// A packet that waited is dropped.
    Drop {
        /// The packet.
        packet: P,
        /// The neighbour for which it waited.
        target: A,
        /// Why.
        reason: DropReason,
    },
}

/// What a packet told about the neighbour that sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nothing that the table keeps.
    Ignored,
    /// What was known already.
    Known,
    /// The address of a neighbour that was not known.
    New,
    /// That the neighbour has another address than before.
    Moved {
        /// The address before.
        from: MacAddr,
    },
    /// That another station claims an address that is ours or that is set by hand (RFC 5227 §2.4), or,
    /// without the right to override, a neighbour's.
    Conflict,
}

/// The neighbours on one link: addresses `A`, packets `P`, storage `S`.
pub struct NeighborTable<A: Ip, P, S: NeighborStorage<A, P>> {
    entries: Entries<A, S::Entries>,
    index: Index<A, S::Index>,
    timers: Wheel<Key, S::Timers>,
    packets: Packets<A, P, S::Packets>,
    config: NeighborConfig,
    reachable_time: ReachableTime,
    /// Neighbours in resolution.
    incomplete: usize,
    limits: Limits,
    drops: DropCounters,
    evicted: u64,
    refused: u64,
    unanswered: u64,
    suppressed: u64,
}

/// A table whose storage grows to its limits.
#[cfg(feature = "alloc")]
pub type VecNeighborTable<A, P> = NeighborTable<A, P, GrowingNeighbors>;

impl<A: Ip, P, S: NeighborStorage<A, P>> NeighborTable<A, P, S> {
    /// An empty table. Limits above what storage of fixed length holds are that length.
    pub fn new(storage: S, mut config: NeighborConfig) -> Self {
        config.retransmit_time = config.retransmit_time.max(config::MIN_RETRANSMIT_TIME);
        let (entries, index, timers, packets) = storage.into_parts();
        Self {
            entries: Entries::new(entries, config.neighbors),
            index: Index::new(index, config.seed),
            timers: Wheel::new(timers, config.neighbors),
            packets: Packets::new(packets, config.packets),
            limits: Limits::new(&config),
            reachable_time: ReachableTime::new(&config, A::VERSION == 6),
            config,
            incomplete: 0,
            drops: DropCounters::default(),
            evicted: 0,
            refused: 0,
            unanswered: 0,
            suppressed: 0,
        }
    }

    /// The address to send to at once. `None` where something else is to be done as well: give the packet
    /// to [`send`](Self::send).
    #[inline]
    pub fn lookup(&self, addr: A) -> Option<MacAddr> {
        self.index.ready(addr)
    }

    /// Sends a packet to a neighbour: at once if its address is known, else when it has answered
    /// (RFC 826 §generation, RFC 4861 §7.2.2). Groups, and all stations, are not asked for: the caller makes their
    /// address on the link of their own (RFC 1112 §6.4, RFC 2464 §7).
    pub fn send(&mut self, now: Instant, addr: A, packet: P) -> Sent<P> {
        let index = match self.index.entry(addr) {
            Some(index) => index,
            None => match self.create(now, addr, MacAddr::ZERO, State::Incomplete) {
                Ok(index) => index,
                Err(reason) => return self.dropped(packet, reason),
            },
        };
        match self.state_and_mac(index) {
            None => self.dropped(packet, DropReason::NeighborRemoved),
            Some((State::Incomplete, _)) => self.hold(index, addr, packet),
            Some((state, mac)) => {
                if state == State::Stale {
                    self.enter(now, index, State::Delay);
                }
                Sent::Now { packet, mac }
            }
        }
    }

    /// Sets a neighbour by hand, in the place of what was known; `false`, counted in
    /// [`refused`](Self::refused), if there is no room. What waited for it is released.
    pub fn insert_static(&mut self, now: Instant, addr: A, mac: MacAddr) -> bool {
        match self.index.entry(addr) {
            Some(index) => self.learn(now, index, mac, State::Static),
            None => return self.create(now, addr, mac, State::Static).is_ok(),
        }
        true
    }

    /// Forgets a neighbour, one set by hand too; `false` if it was not known. What waited for it is dropped.
    pub fn remove(&mut self, addr: A) -> bool {
        match self.index.entry(addr) {
            Some(index) => {
                self.delete(index, DropReason::NeighborRemoved);
                true
            }
            None => false,
        }
    }

    /// The next thing to do; to be called until it returns `None` after each call that changes the table.
    pub fn poll_event(&mut self) -> Option<Event<A, P>> {
        if let Some(index) = self.entries.first(List::Request) {
            self.entries.unlist(index);
            let entry = self.entries.slab.at(index)?;
            return Some(Event::Request {
                target: entry.addr,
                to: (entry.state == State::Probe).then_some(entry.mac),
            });
        }
        let (target, packet, verdict) = self.packets.collect()?;
        Some(match verdict {
            Verdict::Release(mac) => Event::Release {
                packet,
                target,
                mac,
            },
            Verdict::Drop(reason) => Event::Drop {
                packet,
                target,
                reason,
            },
        })
    }

    /// A neighbour that was a router and was given up: packets need another first hop (RFC 4861 §7.3.3). To be
    /// called after [`handle_timeout`](Self::handle_timeout) by who keeps a list of routers; those not asked
    /// for are forgotten when room is needed.
    pub fn poll_gone_router(&mut self) -> Option<A> {
        let index = self.entries.first(List::Gone)?;
        let addr = self.entries.slab.at(index)?.addr;
        self.delete(index, DropReason::NeighborRemoved);
        Some(addr)
    }

    fn hold(&mut self, index: u32, addr: A, packet: P) -> Sent<P> {
        let Some(entry) = self.entries.slab.at_mut(index) else {
            return self.dropped(packet, DropReason::NeighborRemoved);
        };
        let (packet, reason) = if entry.queue.len >= self.config.packets_each.max(1) {
            (packet, DropReason::NeighborQueueFull)
        } else {
            match self.packets.hold(&mut entry.queue, addr, packet) {
                Ok(()) => return Sent::Held,
                Err(packet) => (packet, DropReason::NeighborBacklog),
            }
        };
        // The latest packet is the one worth keeping (RFC 1122 §2.3.2.2).
        match self.packets.replace_oldest(&mut entry.queue, packet) {
            Ok(packet) => {
                self.drops.add(reason);
                Sent::Replaced { packet, reason }
            }
            Err(packet) => self.dropped(packet, reason),
        }
    }

    fn dropped(&mut self, packet: P, reason: DropReason) -> Sent<P> {
        self.drops.add(reason);
        Sent::Dropped { packet, reason }
    }
}

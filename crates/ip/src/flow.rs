//! The flow table: what a rewriter, a NAT or a firewall knows of the conversations that cross it.
//!
//! A flow has two keys: the five-tuple of the packets of the side that began, and that of the packets which
//! come back. Where nobody rewrites, one is the reverse of the other; a rewriter gives another one. A
//! look-up of either finds the flow and its direction, and [`Flow::rewritten`] what a packet is to become.
//!
//! ```
//! use core::net::Ipv4Addr;
//! use waypost_ip::flow::{Direction, FixedFlows, FlowConfig, FlowKey, FlowTable};
//! use waypost_wire::{Instant, IpProtocol};
//!
//! let mut table = FlowTable::new(FixedFlows::<_, &str, 64, 22, 128>::new(), FlowConfig::default());
//! let [host, peer, external] = [[10, 0, 0, 1], [192, 0, 2, 1], [198, 51, 100, 1]].map(Ipv4Addr::from);
//! let original = FlowKey::new(IpProtocol::UDP, (host, 4000), (peer, 53));
//! let reply = FlowKey::new(IpProtocol::UDP, (peer, 53), (external, 7000));
//! let now = Instant::from_secs(1);
//! table.insert(now, original, reply, None, "mine")?;
//!
//! let found = table.lookup(&reply).unwrap();
//! assert_eq!(found.direction, Direction::Reply);
//! table.packet(now, found, None);
//! let flow = table.flow(found.id).unwrap();
//! assert_eq!(flow.rewritten(found.direction), FlowKey::new(IpProtocol::UDP, (peer, 53), (host, 4000)));
//! # Ok::<(), waypost_ip::flow::FlowRefusal>(())
//! ```
//!
//! Every packet of a flow notes when it came and touches no timer: a timer that fires early is set again for
//! the rest. What is bounded: flows, those half open among them, and those of one source. A full table
//! gives up the oldest half-open flow first, then what has been closing for the longest, then what was
//! silent for long, connections of TCP last and not before a NAT may; never a flow that both sides use. One whose
//! sender goes on without an answer goes where nothing else can, or where such take more than half of the room of
//! those half open: of a few the one that was silent for the longest; where very many of them stand in a row, the
//! newest half-open flow goes instead. All memory is taken when the table is made.
//!
//! [`nat`] adds what a NAT needs: external addresses and ports, mappings and filtering.
//!
//! Deliberately absent: the rewriting of packets, policy (which flows may begin), and windows of TCP.

mod config;
mod ending;
mod entry;
mod hash;
mod index;
mod key;
mod map;
pub mod nat;
mod quote;
mod slots;
mod state;
mod storage;

use core::fmt;

use waypost_wire::{Instant, Ip, IpProtocol, TcpHeader, prefetch_index, prefetch_read};

pub use config::{EndReason, FlowConfig, FlowCounters, FlowRefusal};
use ending::deadline;
pub use entry::{Direction, Ended, Flow, FlowId, Found, Inserted};
pub use index::FlowBucket;
pub use key::{FlowKey, NoKey};
pub use map::{MapCell, Source};
pub use quote::{ErrorMatch, NoErrorMatch};
pub use slots::FlowSlot;
pub use state::{FlowState, FlowTimeouts};
#[cfg(feature = "alloc")]
pub use storage::GrowingFlows;
pub use storage::{FixedFlows, FlowStorage};

use crate::slab::Slot;
use crate::storage::Store;
use crate::wheel::Wheel;
use hash::Hasher;
use index::Index;
use map::Map;
use slots::Slots;
use state::{Class, Tracker};

/// Keys that are looked up together.
const BATCH: usize = 64;
/// Timers that fired early and are set again in one call.
const REARMS: usize = 256;
/// Flows of a kind that are asked, for one new flow, how long they have been silent.
const EVICTION_TRIES: usize = 8;
/// Half-open flows that are found to have been heard again, and put among such, for one new flow. Each is put there once, so that
/// it is seldom more than one.
const MOVES: usize = 64;

/// The flows between addresses `A`, each with the caller's `D`, in the storage `S`.
pub struct FlowTable<A: Ip, D, S: FlowStorage<A, D>> {
    slots: Slots<S::Slots>,
    index: Index<S::Index>,
    timers: Wheel<u32, S::Timers>,
    sources: Map<Source<A>, u32, S::Sources>,
    hasher: Hasher,
    config: FlowConfig,
    limit: usize,
    counters: FlowCounters,
}

/// A table whose storage is taken from the allocator.
#[cfg(feature = "alloc")]
pub type VecFlowTable<A, D> = FlowTable<A, D, GrowingFlows>;

impl<A: Ip, D, S: FlowStorage<A, D>> FlowTable<A, D, S> {
    /// An empty table. A limit above what storage of fixed length holds is what it holds.
    pub fn new(storage: S, config: FlowConfig) -> Self {
        let (slots, index, mut timers, sources) = storage.into_parts(&config);
        let limit = config.flows.min(index::FLOWS_MAX);
        let slots = Slots::new(slots, limit);
        let index = Index::new(index, limit.saturating_mul(2));
        while timers.items().len() < limit && timers.grow(Slot::EMPTY).is_ok() {}
        let mut limit = limit
            .min(slots.all().len())
            .min(index.capacity() / 2)
            .min(timers.items().len());
        let counted = if config.per_source < limit { limit } else { 0 };
        let sources = Map::new(sources, counted, !config.seed);
        if counted > 0 {
            limit = limit.min(sources.capacity());
        }
        Self {
            slots,
            index,
            timers: Wheel::new(timers, limit),
            sources,
            hasher: Hasher::new(config.seed),
            config,
            limit,
            counters: FlowCounters::default(),
        }
    }

    /// The flow of a packet, and in which direction of it the packet goes.
    #[inline]
    pub fn lookup(&self, key: &FlowKey<A>) -> Option<Found> {
        self.find(self.hasher.flow(key), key)
    }

    /// As [`lookup`](Self::lookup) for many packets, as many as the shorter of the slices has: their cache
    /// misses go on at the same time.
    pub fn lookup_batch(&self, keys: &[FlowKey<A>], found: &mut [Option<Found>]) {
        for (keys, found) in keys.chunks(BATCH).zip(found.chunks_mut(BATCH)) {
            self.lookup_chunk(keys, found);
        }
    }

    #[inline]
    fn lookup_chunk(&self, keys: &[FlowKey<A>], found: &mut [Option<Found>]) {
        let mut hashes = [0; BATCH];
        let mut places = [0; BATCH];
        for ((hash, home), key) in hashes.iter_mut().zip(&mut places).zip(keys) {
            *hash = self.hasher.flow(key);
            *home = self.index.prefetch(*hash);
        }
        let slots = self.slots.all();
        // What was a bucket's place becomes a flow's.
        for ((hash, place), _) in hashes.iter().zip(&mut places).zip(keys) {
            let flow = self.index.candidate(*place, *hash);
            *place = flow as usize;
            prefetch_index(slots, *place >> 1);
            if A::VERSION == 6
                && let Some(slot) = slots.get(*place >> 1)
            {
                prefetch_read(&slot.last_seen);
            }
        }
        let asked = keys.iter().zip(hashes.iter().zip(&places));
        for (found, (key, (hash, place))) in found.iter_mut().zip(asked) {
            let flow = *place as u32;
            *found = match flow {
                index::NONE => None,
                _ => self.compare(flow, key).or_else(|| self.find(*hash, key)),
            };
        }
    }

    #[inline]
    fn find(&self, hash: u64, key: &FlowKey<A>) -> Option<Found> {
        let flow = self
            .index
            .find(hash, |flow| self.compare(flow, key).is_some())?;
        self.compare(flow, key)
    }

    #[inline]
    fn compare(&self, flow: u32, key: &FlowKey<A>) -> Option<Found> {
        let index = flow >> 1;
        let slot = self.slots.at(index)?;
        let direction = Direction::of_bit(flow);
        slot.keys[direction as usize].same(key).then_some(Found {
            id: FlowId {
                index,
                generation: slot.generation,
            },
            direction,
        })
    }

    /// Enters a flow: packets of the side that begins have the key `original`, those that come back have
    /// `reply`. `tcp` is the header of the packet that begins a TCP flow, `data` what the caller keeps with
    /// the flow. A flow that had to go for it is given back.
    ///
    /// # Errors
    /// Says why there is no such flow now; counted.
    pub fn insert(
        &mut self,
        now: Instant,
        original: FlowKey<A>,
        reply: FlowKey<A>,
        tcp: Option<&TcpHeader>,
        data: D,
    ) -> Result<Inserted<A, D>, FlowRefusal> {
        let hashes = [self.hasher.flow(&original), self.hasher.flow(&reply)];
        if original.same(&reply)
            || self.find(hashes[0], &original).is_some()
            || self.find(hashes[1], &reply).is_some()
        {
            return Err(self.refuse(FlowRefusal::KeyInUse));
        }
        let source = self.source(&original);
        if self.config.per_source < self.limit
            && self.sources.value(&source).unwrap_or(0) as usize >= self.config.per_source
        {
            return Err(self.refuse(FlowRefusal::SourceLimit));
        }
        let tracker = Tracker::begin(tcp.filter(|_| original.protocol == IpProtocol::TCP));
        let protocol = original.protocol;
        let evicted = self.make_room(now, tracker.class(protocol))?;
        let Ok(id) = self.slots.insert(now, [original, reply], tracker, data) else {
            return Err(self.refuse(FlowRefusal::TableFull));
        };
        for (direction, hash) in (0..).zip(hashes) {
            self.index.insert(hash, id.index << 1 | direction);
        }
        if self.config.per_source < self.limit {
            match self.sources.value_mut(&source) {
                Some(count) => *count += 1,
                None => _ = self.sources.insert(source, 1),
            }
        }
        let deadline = now + self.config.timeouts.of(protocol, tracker.state);
        let timer = self.timers.start(deadline, id.index).ok();
        if let Some(slot) = self.slots.at_mut(id.index) {
            slot.timer = timer;
        }
        self.counters.insert();
        Ok(Inserted { id, evicted })
    }

    /// Notes a packet of a flow that was found, and returns the flow's state; `None` if it ended since. `tcp`
    /// is the header of a TCP packet.
    #[inline]
    pub fn packet(
        &mut self,
        now: Instant,
        found: Found,
        tcp: Option<&TcpHeader>,
    ) -> Option<FlowState> {
        let index = found.id.index;
        let slot = self.slots.at_mut(index)?;
        if slot.generation != found.id.generation {
            return None;
        }
        // Packets out refresh the flow, and packets in may (RFC 4787 §4.3, REQ-6).
        slot.last_seen = slot.last_seen.max(now);
        // A TCP packet without its header changes no state, nor does the header of another protocol.
        if (slot.keys[0].protocol == IpProtocol::TCP) == tcp.is_some() {
            let before = slot.tracker.state;
            slot.tracker.packet(found.direction, tcp);
            let state = slot.tracker.state;
            if state != before {
                self.state_changed(index);
            }
            return Some(state);
        }
        Some(slot.tracker.state)
    }

    /// Removes a flow; `None` if it ended before.
    pub fn remove(&mut self, id: FlowId) -> Option<Ended<A, D>> {
        self.slots.view(id)?;
        self.end(id.index, EndReason::Removed)
    }

    /// Takes one flow of which nothing was heard for its time; to be called until it returns `None`, and again when
    /// [`poll_timeout`](Self::poll_timeout) says: at once, if many timers had to be set again or moved. One call
    /// sets 256 again at most.
    pub fn expire(&mut self, now: Instant) -> Option<Ended<A, D>> {
        for _ in 0..REARMS {
            let (_, index) = self.timers.expire(now)?;
            let Some(slot) = self.slots.at_mut(index) else {
                continue;
            };
            slot.timer = None;
            let deadline = deadline(slot, &self.config);
            if deadline <= now {
                return self.end(index, EndReason::Expired);
            }
            slot.timer = self.timers.start(deadline, index).ok();
        }
        None
    }

    /// When [`expire`](Self::expire) should be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next_deadline()
    }

    /// A flow, unless it ended.
    #[inline]
    pub fn flow(&self, id: FlowId) -> Option<Flow<'_, A, D>> {
        Flow::of(self.slots.view(id)?)
    }

    /// What the caller keeps with a flow, unless the flow ended.
    #[inline]
    pub fn data_mut(&mut self, id: FlowId) -> Option<&mut D> {
        let slot = self.slots.at_mut(id.index)?;
        if slot.generation != id.generation {
            return None;
        }
        slot.data.as_mut()
    }

    /// All flows, in no order to rely on.
    pub fn iter(&self) -> impl Iterator<Item = (FlowId, Flow<'_, A, D>)> {
        let slots = (0..).zip(self.slots.all());
        slots.filter_map(|(index, slot)| {
            let generation = slot.generation;
            Some((FlowId { index, generation }, Flow::of(slot)?))
        })
    }

    /// How many flows there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Most flows that there can be.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// How many flows count as half open: those whose sides have not both shown yet that they want it, also where
    /// one refused by a RST. A connection that opens again with the ports of one that both sides closed counts as
    /// far as the limit allows, after a RST not at all: that other may go on.
    pub fn half_open(&self) -> usize {
        self.slots.count(Class::HalfOpen) + self.slots.count(Class::OneWay)
    }

    /// How many flows the source of `addr` began, where there is a limit.
    pub fn flows_of_source(&self, addr: A, zone: u16) -> usize {
        let source = self.source_of(addr, zone);
        self.sources.value(&source).unwrap_or(0) as usize
    }

    /// How many sources have flows, where there is a limit.
    pub fn sources(&self) -> usize {
        self.sources.len()
    }

    /// What was counted.
    pub fn counters(&self) -> &FlowCounters {
        &self.counters
    }

    /// The limits and times.
    pub fn config(&self) -> &FlowConfig {
        &self.config
    }

    /// The name of the flow at a place below the limit, if one is there.
    fn id_at(&self, index: usize) -> Option<FlowId> {
        let slot = self.slots.all().get(index)?;
        let generation = slot.generation;
        let id = FlowId {
            index: index as u32,
            generation,
        };
        self.slots.view(id).map(|_| id)
    }

    pub(super) fn refuse(&mut self, reason: FlowRefusal) -> FlowRefusal {
        self.counters.refuse(reason)
    }

    fn source(&self, original: &FlowKey<A>) -> Source<A> {
        self.source_of(original.source, original.zone)
    }

    fn source_of(&self, addr: A, zone: u16) -> Source<A> {
        let length = if A::VERSION == 4 {
            self.config.ipv4_source_prefix
        } else {
            self.config.ipv6_source_prefix
        };
        Source {
            network: addr.truncated(length),
            zone,
        }
    }
}

impl<A: Ip, D: fmt::Debug, S: FlowStorage<A, D>> fmt::Debug for FlowTable<A, D, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.iter().map(|(_, flow)| flow))
            .finish()
    }
}

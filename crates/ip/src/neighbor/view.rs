//! What a table holds and what it counted, for people and tests to see.

use core::fmt;

use waypost_wire::{Instant, Ip, MacAddr};

use super::{NeighborStorage, NeighborTable, State};
use crate::drops::DropCounters;

/// One row of a table, for people and tests to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbor<A> {
    /// The address of IP.
    pub addr: A,
    /// The address on the link, unless in resolution.
    pub mac: Option<MacAddr>,
    /// The state.
    pub state: State,
    /// Whether it said that it is a router.
    pub router: bool,
    /// Since when it is in that state.
    pub since: Instant,
    /// Packets that wait for it.
    pub waiting: usize,
}

impl<A: Ip, P, S: NeighborStorage<A, P>> NeighborTable<A, P, S> {
    /// The state of a neighbour.
    pub fn state(&self, addr: A) -> Option<State> {
        Some(self.state_and_mac(self.index.entry(addr)?)?.0)
    }

    /// All neighbours, in no order to rely on.
    pub fn iter(&self) -> impl Iterator<Item = Neighbor<A>> {
        self.entries.iter().map(|(_, entry)| Neighbor {
            addr: entry.addr,
            mac: (entry.state != State::Incomplete).then_some(entry.mac),
            state: entry.state,
            router: entry.router,
            since: entry.since,
            waiting: entry.queue.len,
        })
    }

    /// How many neighbours there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many packets are in the table, waiting or to be collected.
    pub fn packets(&self) -> usize {
        self.packets.len()
    }

    /// How many packets were dropped, by reason.
    pub fn drops(&self) -> &DropCounters {
        &self.drops
    }

    /// How many stale neighbours were forgotten to make room.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// How many neighbours were not entered for want of room.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// How many neighbours were given up because they did not answer.
    pub fn unanswered(&self) -> u64 {
        self.unanswered
    }

    /// How many requests did not leave because of the limits on requests: repeated ones for neighbours in
    /// resolution, which are lost, and probes of known ones, which leave later. First requests that did not
    /// leave are among the [`drops`](Self::drops).
    pub fn suppressed(&self) -> u64 {
        self.suppressed
    }
}

impl<A: Ip, P, S: NeighborStorage<A, P>> fmt::Debug for NeighborTable<A, P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

//! What a table says of its flows.

use waypost_wire::{Instant, Ip};

use super::config::EndReason;
use super::key::FlowKey;
use super::slots::FlowSlot;
use super::state::FlowState;

/// Which way a packet of a flow goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// As the packet that began the flow.
    Original,
    /// Back.
    Reply,
}

impl Direction {
    pub(super) const fn of_bit(number: u32) -> Self {
        if number & 1 == 0 {
            Self::Original
        } else {
            Self::Reply
        }
    }

    /// The other one.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Original => Self::Reply,
            Self::Reply => Self::Original,
        }
    }
}

/// Names a flow of a table until it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlowId {
    pub(super) index: u32,
    pub(super) generation: u32,
}

impl FlowId {
    /// The place of the flow, below the limit of its table.
    pub const fn index(self) -> u32 {
        self.index
    }
}

/// What a look-up found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Found {
    /// The flow.
    pub id: FlowId,
    /// Which way the packet goes.
    pub direction: Direction,
}

/// One flow, to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow<'a, A, D> {
    /// The key of packets as the first.
    pub original: FlowKey<A>,
    /// The key of packets back.
    pub reply: FlowKey<A>,
    /// What was seen of it.
    pub state: FlowState,
    /// When it began.
    pub created: Instant,
    /// When its last packet came.
    pub last_seen: Instant,
    /// What the caller keeps with it.
    pub data: &'a D,
}

impl<'a, A: Ip, D> Flow<'a, A, D> {
    pub(super) fn of(slot: &'a FlowSlot<A, D>) -> Option<Self> {
        let [original, reply] = slot.keys;
        Some(Self {
            original,
            reply,
            state: slot.tracker.state,
            created: slot.created,
            last_seen: slot.last_seen,
            data: slot.data.as_ref()?,
        })
    }

    /// What the key of a packet of that direction is after rewriting: the reverse of what comes back, in the zone
    /// from where that comes.
    #[must_use]
    pub const fn rewritten(&self, direction: Direction) -> FlowKey<A> {
        match direction {
            Direction::Original => self.reply.reversed(),
            Direction::Reply => self.original.reversed(),
        }
    }
}

/// A flow that was entered.
#[derive(Debug, PartialEq, Eq)]
pub struct Inserted<A, D> {
    /// Its name.
    pub id: FlowId,
    /// The flow that had to go for it.
    pub evicted: Option<Ended<A, D>>,
}

/// A flow that is in its table no more.
#[derive(Debug, PartialEq, Eq)]
pub struct Ended<A, D> {
    /// What its name was.
    pub id: FlowId,
    /// The key of packets as the first.
    pub original: FlowKey<A>,
    /// The key of packets back.
    pub reply: FlowKey<A>,
    /// What was seen of it.
    pub state: FlowState,
    /// When it began.
    pub created: Instant,
    /// When its last packet came.
    pub last_seen: Instant,
    /// Why it ended.
    pub reason: EndReason,
    /// What the caller kept with it.
    pub data: D,
}

impl<A, D> Ended<A, D> {
    /// The same with other data.
    pub(super) fn map<E>(self, data: impl FnOnce(D) -> E) -> Ended<A, E> {
        Ended {
            id: self.id,
            original: self.original,
            reply: self.reply,
            state: self.state,
            created: self.created,
            last_seen: self.last_seen,
            reason: self.reason,
            data: data(self.data),
        }
    }
}

//! The flows themselves, at stable places, and the lists through them: who goes first when room is needed.

use waypost_wire::{Instant, Ip};

use super::key::FlowKey;
use super::state::{Class, FlowState, Tracker};
use super::{FlowId, index};
use crate::slab::{Key, NIL};
use crate::storage::Store;

/// One flow in the storage of a table; `FlowSlot::EMPTY` is an empty place.
///
/// What every packet of IPv4 touches is in the first cache line.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub struct FlowSlot<A, D> {
    /// The keys by direction.
    pub(super) keys: [FlowKey<A>; 2],
    pub(super) last_seen: Instant,
    pub(super) tracker: Tracker,
    /// Counts the flows that lay here before.
    pub(super) generation: u32,
    /// The neighbours in the list of its class; `next` is the next empty place where there is no flow.
    prev: u32,
    next: u32,
    pub(super) timer: Option<Key>,
    pub(super) created: Instant,
    /// In whose list it is.
    pub(super) class: Class,
    /// Given by the caller; `None` where there is no flow.
    pub(super) data: Option<D>,
}

impl<A: Ip, D> FlowSlot<A, D> {
    /// An empty place; `[const { FlowSlot::EMPTY }; N]` makes an array of them.
    pub const EMPTY: Self = {
        let none = FlowKey::new(
            waypost_wire::IpProtocol(0),
            (A::UNSPECIFIED, 0),
            (A::UNSPECIFIED, 0),
        );
        Self {
            keys: [none; 2],
            last_seen: Instant::ZERO,
            tracker: Tracker::EMPTY,
            generation: 0,
            prev: NIL,
            next: NIL,
            timer: None,
            created: Instant::ZERO,
            class: Class::HalfOpen,
            data: None,
        }
    };

    /// Whether its sender goes on although nobody has answered (RFC 4787 §4.3, REQ-6: outbound packets refresh it). In
    /// a handshake it may be a forged SYN's answer that is sent again.
    pub(super) fn is_heard_again(&self) -> bool {
        self.last_seen > self.created && self.tracker.state == FlowState::Unreplied
    }
}

/// All places, with the list of those that are empty and one for each class.
#[derive(Clone, Debug)]
pub(super) struct Slots<S> {
    slots: S,
    free: u32,
    /// Places from here on were never used; they are not in the list.
    untouched: u32,
    len: u32,
    /// Head, tail and length by class.
    lists: [(u32, u32, u32); Class::COUNT],
}

impl<S> Slots<S> {
    pub(super) fn new<A: Ip, D>(mut slots: S, limit: usize) -> Self
    where
        S: Store<FlowSlot<A, D>>,
    {
        let limit = limit.min(index::FLOWS_MAX);
        while slots.items().len() < limit && slots.grow(FlowSlot::EMPTY).is_ok() {}
        for slot in slots.items_mut() {
            slot.data = None;
        }
        Self {
            slots,
            free: NIL,
            untouched: 0,
            len: 0,
            lists: [(NIL, NIL, 0); Class::COUNT],
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.len as usize
    }

    #[inline]
    pub(super) fn all<A: Ip, D>(&self) -> &[FlowSlot<A, D>]
    where
        S: Store<FlowSlot<A, D>>,
    {
        self.slots.items()
    }

    #[inline]
    pub(super) fn at<A: Ip, D>(&self, index: u32) -> Option<&FlowSlot<A, D>>
    where
        S: Store<FlowSlot<A, D>>,
    {
        self.slots.items().get(index as usize)
    }

    #[inline]
    pub(super) fn at_mut<A: Ip, D>(&mut self, index: u32) -> Option<&mut FlowSlot<A, D>>
    where
        S: Store<FlowSlot<A, D>>,
    {
        self.slots.items_mut().get_mut(index as usize)
    }

    /// The flow of an identifier, unless it ended.
    #[inline]
    pub(super) fn view<A: Ip, D>(&self, id: FlowId) -> Option<&FlowSlot<A, D>>
    where
        S: Store<FlowSlot<A, D>>,
    {
        self.at(id.index)
            .filter(|slot| slot.generation == id.generation && slot.data.is_some())
    }

    /// Puts a flow into an empty place and at the end of its list; gives `data` back if there is none.
    pub(super) fn insert<A: Ip, D>(
        &mut self,
        now: Instant,
        keys: [FlowKey<A>; 2],
        tracker: Tracker,
        data: D,
    ) -> Result<FlowId, D>
    where
        S: Store<FlowSlot<A, D>>,
    {
        let is_new = self.free == NIL;
        let index = if is_new { self.untouched } else { self.free };
        let Some(slot) = self.slots.items_mut().get_mut(index as usize) else {
            return Err(data);
        };
        if is_new {
            self.untouched += 1;
        } else {
            self.free = slot.next;
        }
        let class = tracker.class(keys[0].protocol);
        slot.keys = keys;
        slot.tracker = tracker;
        slot.last_seen = now;
        slot.created = now;
        slot.timer = None;
        slot.data = Some(data);
        let generation = slot.generation;
        self.len += 1;
        self.list(index, class);
        Ok(FlowId { index, generation })
    }

    /// Takes a flow out of its place and its list.
    pub(super) fn remove<A: Ip, D>(&mut self, index: u32) -> Option<D>
    where
        S: Store<FlowSlot<A, D>>,
    {
        let slot = self.at_mut(index)?;
        let data = slot.data.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.unlist(index);
        let free = self.free;
        if let Some(slot) = self.at_mut(index) {
            slot.next = free;
        }
        self.free = index;
        self.len -= 1;
        Some(data)
    }

    /// The first of a class: of those half open and not heard again, and of those that close, the one that has been
    /// so the longest.
    pub(super) const fn first(&self, class: Class) -> Option<u32> {
        let (head, _, _) = self.lists[class as usize];
        if head == NIL { None } else { Some(head) }
    }

    /// The last of a class: the one that has been so for the shortest.
    pub(super) const fn last(&self, class: Class) -> Option<u32> {
        let (_, tail, _) = self.lists[class as usize];
        if tail == NIL { None } else { Some(tail) }
    }

    /// How many flows are of a class.
    pub(super) const fn count(&self, class: Class) -> usize {
        self.lists[class as usize].2 as usize
    }

    /// Puts a flow at the end of the list of a class.
    pub(super) fn list<A: Ip, D>(&mut self, index: u32, class: Class)
    where
        S: Store<FlowSlot<A, D>>,
    {
        let (head, tail, len) = &mut self.lists[class as usize];
        let last = *tail;
        *tail = index;
        *len += 1;
        if last == NIL {
            *head = index;
        }
        if let Some(before) = self.at_mut(last) {
            before.next = index;
        }
        if let Some(slot) = self.at_mut(index) {
            slot.class = class;
            slot.prev = last;
            slot.next = NIL;
        }
    }

    /// Takes a flow out of its list to the end of that of a class.
    pub(super) fn move_to<A: Ip, D>(&mut self, index: u32, class: Class)
    where
        S: Store<FlowSlot<A, D>>,
    {
        self.unlist(index);
        self.list(index, class);
    }

    /// Takes a flow out of the list in which it is.
    pub(super) fn unlist<A: Ip, D>(&mut self, index: u32)
    where
        S: Store<FlowSlot<A, D>>,
    {
        let Some(slot) = self.at(index) else {
            return;
        };
        let (class, prev, next) = (slot.class, slot.prev, slot.next);
        match self.at_mut(prev) {
            Some(before) => before.next = next,
            None => self.lists[class as usize].0 = next,
        }
        match self.at_mut(next) {
            Some(after) => after.prev = prev,
            None => self.lists[class as usize].1 = prev,
        }
        self.lists[class as usize].2 -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::{Ipv4Addr, Ipv6Addr};

    #[test]
    fn a_packet_of_ipv4_touches_one_line() {
        type Slot = FlowSlot<Ipv4Addr, ()>;
        assert_eq!(size_of::<Slot>(), 128);
        assert!(core::mem::offset_of!(Slot, next) + 4 <= 64);
        assert_eq!(size_of::<FlowSlot<Ipv6Addr, ()>>(), 192);
    }
}

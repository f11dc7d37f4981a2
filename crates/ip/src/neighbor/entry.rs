//! One neighbour, and the lists that neighbours can be in.

use waypost_wire::{Instant, Ip, MacAddr};

use super::State;
use super::queue::Queue;
use crate::slab::{Key, NIL, Slab, Slot};
use crate::storage::Store;

/// One neighbour in the storage of a table.
#[derive(Clone, Debug)]
pub struct Entry<A> {
    pub(super) addr: A,
    /// Meaningless while the state is incomplete.
    pub(super) mac: MacAddr,
    pub(super) state: State,
    /// It said that it is a router (RFC 4861 §5.1).
    pub(super) router: bool,
    /// When it entered its state.
    pub(super) since: Instant,
    pub(super) timer: Option<Key>,
    /// Requests sent in this state.
    pub(super) requests: u8,
    /// Packets that wait.
    pub(super) queue: Queue,
    listed: Option<List>,
    prev: u32,
    next: u32,
}

impl<A: Ip> Entry<A> {
    pub(super) fn new(addr: A, mac: MacAddr, state: State, now: Instant) -> Self {
        Self {
            addr,
            mac,
            state,
            router: false,
            since: now,
            timer: None,
            requests: 0,
            queue: Queue::EMPTY,
            listed: None,
            prev: NIL,
            next: NIL,
        }
    }
}

/// What a neighbour can be listed for. No state asks for two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    /// Stale, longest first: the first to go when room is needed.
    Stale,
    /// A request to it is to be sent.
    Request,
    /// It was a router and answers no more. It is forgotten but for being told of.
    Gone,
}

/// All neighbours, and the ends of the lists through them.
#[derive(Clone, Debug)]
pub(super) struct Entries<A, S> {
    pub(super) slab: Slab<Entry<A>, S>,
    /// Head and tail by list.
    ends: [(u32, u32); 3],
    /// How many are listed as gone.
    gone: usize,
}

impl<A: Ip, S: Store<Slot<Entry<A>>>> Entries<A, S> {
    pub(super) fn new(slots: S, limit: usize) -> Self {
        Self {
            slab: Slab::new(slots, limit),
            ends: [(NIL, NIL); 3],
            gone: 0,
        }
    }

    /// Those that are not gone.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Key, &Entry<A>)> {
        let all = self.slab.iter();
        all.filter(|(_, entry)| entry.listed != Some(List::Gone))
    }

    /// Whether one is forgotten but for being told of.
    pub(super) fn is_gone(&self, index: u32) -> bool {
        let entry = self.slab.at(index);
        entry.is_some_and(|entry| entry.listed == Some(List::Gone))
    }

    /// How many are not gone.
    pub(super) fn len(&self) -> usize {
        self.slab.len() - self.gone
    }

    /// The first of a list.
    pub(super) fn first(&self, list: List) -> Option<u32> {
        let (head, _) = self.ends[list as usize];
        (head != NIL).then_some(head)
    }

    /// Puts a neighbour at the end of a list, out of the one in which it was.
    pub(super) fn list(&mut self, index: u32, list: List) {
        self.unlist(index);
        let (head, tail) = &mut self.ends[list as usize];
        let last = *tail;
        *tail = index;
        if last == NIL {
            *head = index;
        } else if let Some(before) = self.slab.at_mut(last) {
            before.next = index;
        }
        if let Some(entry) = self.slab.at_mut(index) {
            entry.listed = Some(list);
            self.gone += usize::from(list == List::Gone);
            entry.prev = last;
            entry.next = NIL;
        }
    }

    /// Takes a neighbour out of the list in which it is, if any.
    pub(super) fn unlist(&mut self, index: u32) {
        let Some(entry) = self.slab.at_mut(index) else {
            return;
        };
        let Some(list) = entry.listed.take() else {
            return;
        };
        self.gone -= usize::from(list == List::Gone);
        let (prev, next) = (entry.prev, entry.next);
        match self.slab.at_mut(prev) {
            Some(before) => before.next = next,
            None => self.ends[list as usize].0 = next,
        }
        match self.slab.at_mut(next) {
            Some(after) => after.prev = prev,
            None => self.ends[list as usize].1 = prev,
        }
    }
}

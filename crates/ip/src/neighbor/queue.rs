//! The packets that wait for their neighbours, and those that wait no more and are to be collected.

use waypost_wire::MacAddr;

use crate::drops::DropReason;
use crate::slab::{NIL, Slab, Slot};
use crate::storage::Store;

/// One packet in the storage of a neighbour table.
#[derive(Clone, Debug)]
pub struct Held<A, P> {
    packet: P,
    target: A,
    verdict: Option<Verdict>,
    next: u32,
}

/// What became of a packet that waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Release(MacAddr),
    Drop(DropReason),
}

/// A list of packets, oldest first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queue {
    head: u32,
    tail: u32,
    pub(super) len: usize,
}

impl Queue {
    pub(super) const EMPTY: Self = Self {
        head: NIL,
        tail: NIL,
        len: 0,
    };
}

/// All packets of a table.
#[derive(Clone, Debug)]
pub(super) struct Packets<A, P, S> {
    slab: Slab<Held<A, P>, S>,
    /// Packets with a verdict.
    outbox: Queue,
}

impl<A: Copy, P, S: Store<Slot<Held<A, P>>>> Packets<A, P, S> {
    pub(super) fn new(slots: S, limit: usize) -> Self {
        Self {
            slab: Slab::new(slots, limit),
            outbox: Queue::EMPTY,
        }
    }

    /// How many packets are here, waiting or to be collected.
    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    /// Appends a packet to a neighbour's queue, or gives it back when there is no place.
    pub(super) fn hold(&mut self, queue: &mut Queue, target: A, packet: P) -> Result<(), P> {
        let held = Held {
            packet,
            target,
            verdict: None,
            next: NIL,
        };
        match self.slab.insert(held) {
            Ok(key) => {
                self.append(queue, key.index());
                Ok(())
            }
            Err(held) => Err(held.packet),
        }
    }

    /// Puts `packet` in the place of the oldest of a queue, which is returned; gives it back when the
    /// queue is empty.
    pub(super) fn replace_oldest(&mut self, queue: &mut Queue, packet: P) -> Result<P, P> {
        let index = queue.head;
        if self.slab.at(index).is_none() {
            return Err(packet);
        }
        self.take_first(queue);
        self.append(queue, index);
        match self.slab.at_mut(index) {
            Some(held) => Ok(core::mem::replace(&mut held.packet, packet)),
            None => Err(packet),
        }
    }

    /// Gives every packet of a queue its verdict and makes it ready to be collected. Returns how many.
    pub(super) fn settle(&mut self, queue: &mut Queue, verdict: Verdict) -> usize {
        let mut settled = 0;
        while let Some(index) = self.take_first(queue) {
            if let Some(held) = self.slab.at_mut(index) {
                held.verdict = Some(verdict);
            }
            let mut outbox = self.outbox;
            self.append(&mut outbox, index);
            self.outbox = outbox;
            settled += 1;
        }
        settled
    }

    /// The next packet with a verdict.
    pub(super) fn collect(&mut self) -> Option<(A, P, Verdict)> {
        let mut outbox = self.outbox;
        let index = self.take_first(&mut outbox)?;
        self.outbox = outbox;
        let held = self.slab.remove(self.slab.key_at(index)?)?;
        Some((held.target, held.packet, held.verdict?))
    }

    fn append(&mut self, queue: &mut Queue, index: u32) {
        if let Some(held) = self.slab.at_mut(index) {
            held.next = NIL;
        }
        match self.slab.at_mut(queue.tail) {
            Some(last) => last.next = index,
            None => queue.head = index,
        }
        queue.tail = index;
        queue.len += 1;
    }

    fn take_first(&self, queue: &mut Queue) -> Option<u32> {
        let index = queue.head;
        queue.head = self.slab.at(index)?.next;
        if queue.head == NIL {
            queue.tail = NIL;
        }
        queue.len -= 1;
        Some(index)
    }
}

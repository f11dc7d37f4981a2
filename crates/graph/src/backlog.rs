//! What waits on edges, because its far end had no room or was being called.

use waypost_packet::Batch;

use crate::drop::{DropReason, OnFull};
use crate::element::Credit;
use crate::engine::Engine;
use crate::slot::End;
use crate::ways::Ways;

/// Packets that wait on an edge without anybody's waiting for them, at most: an edge that loses packets is full with so many,
/// and timers that may add to more are not called.
const WAITING_MAX: usize = Batch::CAPACITY;

impl Engine {
    /// What the far end of an edge had no room for waits there, or is lost.
    #[cold]
    pub(crate) fn hold_back(&mut self, from: usize, port: usize, batch: &mut Batch) {
        let output = &mut self.slots[from].outputs[port];
        match output.on_full {
            OnFull::Block => {
                self.backlogged += batch.len();
                output.backlog.extend(batch.drain());
            }
            OnFull::Drop(reason) => self.lose_all(from, batch, reason),
        }
    }

    /// Deals with a batch for an edge on which, or beyond which, packets wait already; false if there are none.
    #[cold]
    pub(crate) fn waits_behind(&mut self, from: usize, port: usize, batch: &mut Batch) -> bool {
        let edge = End { slot: from, port };
        if self.waiting(edge) > 0 {
            self.put_off(from, port, batch);
            return true;
        }
        // Who feeds an edge that loses packets does not wait for what is behind it: it is full while something waits there.
        let loses = self.slots[from].outputs[port].on_full != OnFull::Block;
        if loses && self.with_ways(edge, |engine, ways| ways.wait(engine, 1)) {
            self.hold_back(from, port, batch);
            return true;
        }
        false
    }

    /// What cannot be handed over now, though nobody said that there is no room, waits on its edge: it is behind others, or its
    /// target is being called, or too deep.
    #[cold]
    pub(crate) fn put_off(&mut self, from: usize, port: usize, batch: &mut Batch) {
        let output = &mut self.slots[from].outputs[port];
        let room = match output.on_full {
            OnFull::Block => usize::MAX,
            OnFull::Drop(_) => WAITING_MAX.saturating_sub(output.backlog.len()),
        };
        let count = batch.len().min(room);
        self.backlogged += count;
        output.backlog.extend(batch.drain_front(count));
        if !batch.is_empty() {
            self.hold_back(from, port, batch);
        }
    }

    /// Takes back what `push_into` has counted as handed over: of `count` packets an input has left some.
    #[cold]
    pub(crate) fn count_refused(&mut self, to: End, count: usize, left: usize) {
        let stats = &mut self.slots[to.slot].stats;
        stats.packets -= left as u64;
        if left == count {
            stats.calls -= 1;
        }
        self.moved -= left as u64;
    }

    /// Tries again to deliver what waits on edges, as far as there is room for it.
    #[cold]
    pub(crate) fn flush_backlogs(&mut self) {
        let mut batch = self.take_spare();
        for at in 0..self.slots.len() {
            for port in 0..self.slots[at].outputs.len() {
                if !self.slots[at].outputs[port].backlog.is_empty() {
                    self.flush(at, port, &mut batch);
                }
            }
        }
        self.put_spare(batch);
    }

    /// Tries again to deliver what waits on one edge. What comes to wait there meanwhile has its turn in the next round.
    fn flush(&mut self, at: usize, port: usize, batch: &mut Batch) {
        let output = &self.slots[at].outputs[port];
        // Without a far end nothing waits.
        let (Some(to), mut left) = (output.to, output.backlog.len()) else {
            return;
        };
        while left > 0 {
            let room = match self.slots[to.slot].element() {
                Some(element) => match element.credit(to.port) {
                    Credit::Packets(room) => room,
                    Credit::Through => usize::MAX,
                },
                None => 0,
            };
            let full = room == 0;
            if full && self.slots[at].outputs[port].on_full == OnFull::Block {
                return;
            }
            let count = left.min(self.batch_limit).min(room.max(1));
            left -= count;
            self.take_waiting(at, port, count, batch);
            if full {
                self.hold_back(at, port, batch);
                continue;
            }
            let taken = self.push_into(to, batch);
            if taken && !self.slots[to.slot].ends[to.port] {
                self.send(to.slot, 0, batch);
            } else if !batch.is_empty() {
                if taken {
                    self.count_refused(to, count, batch.len());
                }
                self.put_back(at, port, batch);
                return;
            }
        }
    }

    /// Takes packets from the front of what waits on an edge.
    fn take_waiting(&mut self, at: usize, port: usize, count: usize, batch: &mut Batch) {
        self.backlogged -= count;
        for packet in self.slots[at].outputs[port].backlog.drain(..count) {
            // An empty batch has room for a batch limit.
            drop(batch.push(packet));
        }
    }

    /// What was refused again goes before what was not tried.
    fn put_back(&mut self, at: usize, port: usize, batch: &mut Batch) {
        self.backlogged += batch.len();
        let backlog = &mut self.slots[at].outputs[port].backlog;
        while let Some(packet) = batch.pop() {
            backlog.push_front(packet);
        }
    }

    /// How many packets wait on an edge.
    pub(crate) fn waiting(&self, from: End) -> usize {
        self.slots[from.slot].outputs[from.port].backlog.len()
    }

    /// Whether so much waits behind an element that what it makes of itself, when its timer is due, has to wait.
    #[cold]
    pub(crate) fn is_piled_up(&mut self, at: usize) -> bool {
        (0..self.slots[at].outputs.len()).any(|port| {
            let blocks = self.slots[at].outputs[port].on_full == OnFull::Block;
            let piled_up = |engine: &Self, ways: &Ways| ways.wait(engine, WAITING_MAX);
            blocks && self.with_ways(End { slot: at, port }, piled_up)
        })
    }

    /// Asks something of the ways that begin at an output; they are found when they are asked for first.
    pub(crate) fn with_ways<R>(&mut self, from: End, ask: impl FnOnce(&Self, &Ways) -> R) -> R {
        let known = self.slots[from.slot].outputs[from.port].ways.take();
        let ways = known.unwrap_or_else(|| Box::new(Ways::beyond(&self.slots, from)));
        let answer = ask(self, &ways);
        self.slots[from.slot].outputs[from.port].ways = Some(ways);
        answer
    }

    /// Loses what waits on edges, and counts what elements hold: the graph has stopped, nothing moves any more.
    pub(crate) fn lose_kept(&mut self, reason: DropReason) {
        let mut batch = self.take_spare();
        for at in 0..self.slots.len() {
            for port in 0..self.slots[at].outputs.len() {
                while let left @ 1.. = self.slots[at].outputs[port].backlog.len() {
                    self.take_waiting(at, port, left.min(self.batch_limit), &mut batch);
                    self.lose_all(at, &mut batch, reason);
                }
            }
            let held = self.slots[at].element().map_or(0, |it| it.held());
            if held > 0 {
                self.slots[at].stats.drops.count(reason, held as u64);
            }
        }
        self.put_spare(batch);
    }
}

//! How batches move between elements: the inner loop.
//!
//! An element is taken out of its slot while it is called, so that it may hand packets on, through
//! the context, to any other. A chain of one-output elements is a loop, not a recursion; branches
//! recurse, and a batch that would recurse too deep, or comes back to an element that is being
//! called, waits on its edge for the next round.

use std::sync::Arc;
use std::task::Waker;

use waypost_packet::{Allocator, Batch, Packet};
use waypost_wire::Instant;

use crate::Cx;
use crate::drop::DropReason;
use crate::element::Element;
use crate::finish::{Crossed, Member};
use crate::peers::Peers;
use crate::plan::{Naming, Texts};
use crate::profile::{Begun, Profile};
use crate::slot::{End, Slot};
use crate::trace::Tracer;

/// Elements called within each other, at most, by branches.
const DEPTH_MAX: usize = 32;

/// Elements that pull within each other, at most. Nothing can wait half-way on a way that is pulled, and none goes round in a circle.
const PULL_DEPTH_MAX: usize = 512;

/// Elements that a batch passes at once, at most: what goes round in a circle lets others have their turn.
const HOPS_MAX: usize = 1024;

/// The slots of a graph, and what all its elements share.
pub(crate) struct Engine {
    pub(crate) slots: Vec<Slot>,
    pub(crate) names: Arc<[Naming]>,
    pub(crate) frames: Allocator,
    pub(crate) now: Instant,
    pub(crate) batch_limit: usize,
    pub(crate) waker: Waker,
    pub(crate) stopped: bool,
    /// The graph stops once nothing moves any more; sources hand out nothing.
    pub(crate) finishing: bool,
    /// This worker's part in it.
    pub(crate) finish: Member,
    pub(crate) crossed: Crossed,
    pub(crate) peers: Option<Peers>,
    pub(crate) profile: Profile,
    pub(crate) tracer: Tracer,
    /// Packets that moved over some edge, since ever: unchanged over a round, nothing happened in it.
    pub(crate) moved: u64,
    /// Packets waiting on edges.
    pub(crate) backlogged: usize,
    /// How many packets the task that runs may pull: what is pushed aside on their way has room for no more.
    pub(crate) pull_room: usize,
    pub(crate) next_timer: Option<Instant>,
    /// Whether some timer is due, but held.
    pub(crate) timers_held: bool,
    pub(crate) texts: Texts,
    trash: Batch,
    /// Boxed: batches are handed around, and not to be moved.
    #[allow(clippy::vec_box)]
    spare: Vec<Box<Batch>>,
    depth: usize,
}

impl Engine {
    pub(crate) fn new(
        slots: Vec<Slot>,
        names: Arc<[Naming]>,
        frames: Allocator,
        texts: Texts,
    ) -> Self {
        Self {
            slots,
            names,
            frames,
            now: Instant::ZERO,
            batch_limit: 32,
            waker: Waker::noop().clone(),
            stopped: false,
            finishing: false,
            finish: Member::alone(),
            crossed: Crossed::default(),
            peers: None,
            profile: Profile::default(),
            tracer: Tracer::default(),
            moved: 0,
            backlogged: 0,
            pull_room: usize::MAX,
            next_timer: None,
            timers_held: false,
            texts,
            trash: Batch::new(),
            spare: Vec::new(),
            depth: 0,
        }
    }

    /// Calls something of an element; `None` if the element is being called already.
    #[inline(always)]
    pub(crate) fn call<R>(
        &mut self,
        at: usize,
        f: impl FnOnce(&mut dyn Element, &mut Cx<'_>) -> R,
    ) -> Option<R> {
        let mut element = self.slots[at].element.take()?;
        let result = f(&mut *element, &mut Cx { engine: self, at });
        self.slots[at].element = Some(element);
        if self.slots[at].has_staged {
            self.deliver_staged(at);
        }
        Some(result)
    }

    /// Pushes a batch out of an output, and leaves it empty: what nobody takes waits or is lost, as
    /// the edge says.
    #[inline]
    pub(crate) fn send(&mut self, mut from: usize, mut port: usize, batch: &mut Batch) {
        let mut hops = HOPS_MAX;
        while !batch.is_empty() {
            let Some(output) = self.slots[from].outputs.get(port) else {
                self.lose_all(from, batch, DropReason::UNCONNECTED);
                return;
            };
            let Some(to) = output.to else {
                self.lose_all(from, batch, DropReason::UNCONNECTED);
                return;
            };
            if self.backlogged > 0 && self.waits_behind(from, port, batch) {
                return;
            }
            let count = batch.len();
            if self.depth >= DEPTH_MAX || hops == 0 || !self.push_into(to, batch) {
                self.put_off(from, port, batch);
                return;
            }
            if self.slots[to.slot].ends[to.port] {
                if !batch.is_empty() {
                    self.count_refused(to, count, batch.len());
                    self.hold_back(from, port, batch);
                }
                return;
            }
            hops -= 1;
            (from, port) = (to.slot, 0);
        }
    }

    /// Calls an element's `push`; false if it is being called already.
    #[inline(always)]
    pub(crate) fn push_into(&mut self, to: End, batch: &mut Batch) -> bool {
        let slot = &mut self.slots[to.slot];
        let Some(mut element) = slot.element.take() else {
            return false;
        };
        let count = batch.len() as u64;
        slot.stats.calls += 1;
        slot.stats.packets += count;
        self.moved += count;
        let watched = self.profile.is_on() || self.tracer.is_active();
        let begun = if watched { self.enter(to, batch) } else { None };
        element.push(
            to.port,
            batch,
            &mut Cx {
                engine: self,
                at: to.slot,
            },
        );
        if watched {
            self.leave(to.slot, begun, batch, &*element);
        }
        let slot = &mut self.slots[to.slot];
        slot.element = Some(element);
        if slot.has_staged {
            self.deliver_staged(to.slot);
        }
        true
    }

    #[cold]
    fn enter(&mut self, to: End, batch: &mut Batch) -> Option<Begun> {
        if self.tracer.is_active() {
            self.tracer.arrived(&self.names, to, self.now, batch);
        }
        self.profile.begin()
    }

    #[cold]
    fn leave(&mut self, at: usize, begun: Option<Begun>, batch: &Batch, element: &dyn Element) {
        self.slots[at].stats.nanos += self.profile.end(begun);
        if self.tracer.is_active() {
            self.tracer.left(batch, &self.names[at], self.now, element);
        }
    }

    /// Pushes a batch that an element hands on while it is called: one call within another.
    #[inline]
    pub(crate) fn push_out(&mut self, at: usize, port: usize, batch: &mut Batch) {
        self.slots[at].count_made(batch.len());
        self.trace_made(at, port, batch);
        self.depth += 1;
        self.send(at, port, batch);
        self.depth -= 1;
    }

    /// Traces what begins at an element; elsewhere packets are traced when they arrive.
    #[inline(always)]
    fn trace_made(&mut self, at: usize, port: usize, batch: &mut Batch) {
        if self.tracer.is_active() && self.slots[at].makes {
            let out = End { slot: at, port };
            self.tracer.arrived(&self.names, out, self.now, batch);
        }
    }

    /// Delivers what an element has emitted to its outputs.
    fn deliver_staged(&mut self, at: usize) {
        self.slots[at].has_staged = false;
        self.depth += 1;
        for port in 0..self.slots[at].outputs.len() {
            if let Some(mut batch) = self.slots[at].outputs[port].staged.take() {
                self.slots[at].count_made(batch.len());
                self.trace_made(at, port, &mut batch);
                self.send(at, port, &mut batch);
                self.put_spare(batch);
            }
        }
        self.depth -= 1;
    }

    /// Puts a packet among those that an element emits in this call.
    #[inline(always)]
    pub(crate) fn stage(&mut self, at: usize, port: usize, packet: Packet) {
        let slot = &mut self.slots[at];
        let Some(output) = slot.outputs.get_mut(port) else {
            self.lose(at, packet, DropReason::UNCONNECTED);
            return;
        };
        if let Some(staged) = &mut output.staged {
            match staged.push(packet) {
                Ok(()) => {}
                Err(packet) => self.stage_slow(at, port, packet),
            }
        } else {
            self.stage_slow(at, port, packet);
        }
    }

    /// The first packet for an output, or one more than a batch holds.
    #[cold]
    fn stage_slow(&mut self, at: usize, port: usize, packet: Packet) {
        if let Some(mut full) = self.slots[at].outputs[port].staged.take() {
            self.slots[at].count_made(full.len());
            self.trace_made(at, port, &mut full);
            self.depth += 1;
            self.send(at, port, &mut full);
            self.depth -= 1;
            self.put_spare(full);
        }
        let mut batch = self.take_spare();
        if let Err(packet) = batch.push(packet) {
            self.lose(at, packet, DropReason::NO_BUFFER);
        }
        let slot = &mut self.slots[at];
        slot.outputs[port].staged = Some(batch);
        slot.has_staged = true;
    }

    /// Sorts a batch by output; what belongs to output 0 stays.
    #[inline]
    pub(crate) fn distribute(
        &mut self,
        at: usize,
        batch: &mut Batch,
        outputs: &[u8; Batch::CAPACITY],
    ) {
        let any = outputs[..batch.len()]
            .iter()
            .fold(0, |any, output| any | output);
        if any == 0 {
            return;
        }
        let mut outputs = outputs.iter();
        batch.filter_map(|packet| match outputs.next() {
            Some(0) | None => Some(packet),
            Some(&output) => {
                self.stage(at, output as usize, packet);
                None
            }
        });
    }

    /// Pulls through an input, behind what is in `batch`.
    #[inline]
    pub(crate) fn fetch_input(
        &mut self,
        at: usize,
        port: usize,
        max: usize,
        batch: &mut Batch,
    ) -> usize {
        let Some(&Some(from)) = self.slots[at].inputs.get(port) else {
            return 0;
        };
        let max = max.min(batch.room()).min(self.pull_room);
        let count = if batch.is_empty() {
            self.fetch(from, max, batch);
            batch.len()
        } else {
            let mut more = self.take_spare();
            self.fetch(from, max, &mut more);
            let count = more.len();
            batch.take_from(&mut more, count);
            self.put_spare(more);
            count
        };
        if count > 0 {
            self.slots[at].stats.calls += 1;
            self.slots[at].stats.packets += count as u64;
        }
        count
    }

    /// Calls an element's `pull`.
    fn fetch(&mut self, from: End, max: usize, batch: &mut Batch) {
        let dry = self.slots[from.slot].is_dry || self.finishing && self.is_source(from.slot);
        if max == 0 || self.depth >= PULL_DEPTH_MAX || dry {
            return;
        }
        let Some(mut element) = self.slots[from.slot].element.take() else {
            return;
        };
        self.depth += 1;
        let begun = self.profile.begin();
        element.pull(
            from.port,
            max,
            batch,
            &mut Cx {
                engine: self,
                at: from.slot,
            },
        );
        if begun.is_some() || self.tracer.is_active() {
            if self.tracer.is_active() {
                self.tracer.arrived(&self.names, from, self.now, batch);
            }
            self.leave(from.slot, begun, batch, &*element);
        }
        self.depth -= 1;
        let slot = &mut self.slots[from.slot];
        slot.element = Some(element);
        slot.count_made(batch.len());
        self.moved += batch.len() as u64;
        if slot.has_staged {
            self.deliver_staged(from.slot);
        }
    }

    /// Loses a packet.
    #[inline]
    pub(crate) fn lose(&mut self, at: usize, packet: Packet, reason: DropReason) {
        self.slots[at].stats.drops.count(reason, 1);
        if self.tracer.is_active() {
            self.tracer.lost(&self.names[at], self.now, &packet, reason);
        }
        if let Err(packet) = self.trash.push(packet) {
            self.frames.free(&mut self.trash);
            self.frames.free_packet(packet);
        }
    }

    /// Loses all packets of a batch.
    pub(crate) fn lose_all(&mut self, at: usize, batch: &mut Batch, reason: DropReason) {
        self.slots[at].stats.drops.count(reason, batch.len() as u64);
        if self.tracer.is_active() {
            for packet in batch.iter() {
                self.tracer.lost(&self.names[at], self.now, packet, reason);
            }
        }
        self.frames.free(batch);
    }

    /// Frees what was lost in this round.
    #[inline]
    pub(crate) fn empty_trash(&mut self) {
        if !self.trash.is_empty() {
            self.frames.free(&mut self.trash);
        }
    }

    #[inline]
    pub(crate) fn take_spare(&mut self) -> Box<Batch> {
        self.spare.pop().unwrap_or_default()
    }

    #[inline]
    pub(crate) fn put_spare(&mut self, batch: Box<Batch>) {
        debug_assert!(batch.is_empty());
        self.spare.push(batch);
    }

    /// Who drives the graph is woken by this from now on.
    pub(crate) fn set_waker(&mut self, waker: &Waker) {
        if !self.waker.will_wake(waker) {
            self.waker.clone_from(waker);
            self.finish.listen(waker);
        }
    }

    pub(crate) fn set_timer(&mut self, at: usize, deadline: Option<Instant>) {
        self.slots[at].timer = deadline;
        if let Some(deadline) = deadline {
            self.next_timer = Some(self.next_timer.map_or(deadline, |next| next.min(deadline)));
        }
    }
}

//! What an element may do while it is called.

use std::task::Waker;

use waypost_packet::{Allocator, Batch, Packet};
use waypost_wire::Instant;

use crate::drop::DropReason;
use crate::engine::Engine;
use crate::handler::HandlerError;

/// What an element may do while it is called: hand packets on, ask for packets, lose packets, take
/// frames, look at the time.
pub struct Cx<'a> {
    pub(crate) engine: &'a mut Engine,
    pub(crate) at: usize,
}

impl Cx<'_> {
    /// The time, the same for one round of the engine.
    #[inline(always)]
    pub fn now(&self) -> Instant {
        self.engine.now
    }

    /// This worker's free lists.
    #[inline(always)]
    pub fn frames(&mut self) -> &mut Allocator {
        &mut self.engine.frames
    }

    /// How many packets the engine's user wants in a batch.
    #[inline(always)]
    pub fn batch_limit(&self) -> usize {
        self.engine.batch_limit
    }

    /// Puts a packet out of output `port`, once the element has returned. A packet for an output
    /// that is not connected is lost, and counted.
    #[inline(always)]
    pub fn emit(&mut self, port: usize, packet: Packet) {
        self.engine.stage(self.at, port, packet);
    }

    /// As [`emit`](Self::emit), but without that output the packet is lost for this reason.
    #[inline(always)]
    pub fn emit_or_drop(&mut self, port: usize, packet: Packet, reason: DropReason) {
        if self.has_output(port) {
            self.emit(port, packet);
        } else {
            self.drop(packet, reason);
        }
    }

    /// Puts a whole batch out of output `port`, at once, and leaves it empty.
    #[inline]
    pub fn push(&mut self, port: usize, batch: &mut Batch) {
        self.engine.push_out(self.at, port, batch);
    }

    /// How many packets output `port` would take now without anything waiting or getting lost; none if it is pulled, or not
    /// connected. What was [emitted](Self::emit) in this call is not on its way yet.
    pub fn room(&mut self, port: usize) -> usize {
        if !self.pushes(port) {
            return 0;
        }
        let from = crate::slot::End {
            slot: self.at,
            port,
        };
        self.engine
            .with_ways(from, |engine, ways| ways.room(engine, usize::MAX))
    }

    /// Sorts a batch by output: `output` says for each packet out of which it goes. What goes out of
    /// 0 stays in the batch, as what an element leaves there does.
    #[inline]
    pub fn split(&mut self, batch: &mut Batch, mut output: impl FnMut(&mut Packet) -> u8) {
        let mut outputs = [0; Batch::CAPACITY];
        for (packet, place) in batch.iter_mut().zip(&mut outputs) {
            *place = output(packet);
        }
        self.distribute(batch, &outputs);
    }

    /// Sorts a batch by output, as `outputs` says of each packet.
    #[inline]
    pub fn distribute(&mut self, batch: &mut Batch, outputs: &[u8; Batch::CAPACITY]) {
        self.engine.distribute(self.at, batch, outputs);
    }

    /// Asks for up to `max` packets through input `port`, puts them behind those in `batch`, and says how many.
    #[inline]
    pub fn pull(&mut self, port: usize, max: usize, batch: &mut Batch) -> usize {
        self.engine.fetch_input(self.at, port, max, batch)
    }

    /// An empty batch to work with; give it back with [`put_batch`](Self::put_batch).
    #[inline]
    pub fn take_batch(&mut self) -> Box<Batch> {
        self.engine.take_spare()
    }

    /// Gives back a batch that was taken; packets left in it are freed.
    #[inline]
    pub fn put_batch(&mut self, mut batch: Box<Batch>) {
        self.engine.frames.free(&mut batch);
        self.engine.put_spare(batch);
    }

    /// Loses a packet, and counts it.
    #[inline]
    pub fn drop(&mut self, packet: Packet, reason: DropReason) {
        self.engine.lose(self.at, packet, reason);
    }

    /// Loses all packets of a batch, and counts them.
    pub fn drop_all(&mut self, batch: &mut Batch, reason: DropReason) {
        self.engine.lose_all(self.at, batch, reason);
    }

    /// Counts packets that were lost before the engine had them, such as those a kernel overran.
    pub fn count_drops(&mut self, packets: u64, reason: DropReason) {
        self.engine.slots[self.at]
            .stats
            .drops
            .count(reason, packets);
    }

    /// Frees a batch whose packets have reached their end: they were not lost.
    #[inline(always)]
    pub fn free(&mut self, batch: &mut Batch) {
        self.engine.frames.free(batch);
    }

    /// Whether output `port` is connected.
    #[inline(always)]
    pub fn has_output(&self, port: usize) -> bool {
        port < self.engine.slots[self.at].outputs.len()
    }

    /// Whether output `port` pushes; one that is pulled is asked for its packets.
    #[inline(always)]
    pub fn pushes(&self, port: usize) -> bool {
        self.engine.slots[self.at]
            .outputs
            .get(port)
            .is_some_and(|output| output.to.is_some())
    }

    /// Whether input `port` is pulled; one that is pushed is handed its packets.
    #[inline(always)]
    pub fn pulls(&self, port: usize) -> bool {
        self.engine.slots[self.at]
            .inputs
            .get(port)
            .is_some_and(Option::is_some)
    }

    /// How many inputs the element has.
    pub fn inputs(&self) -> usize {
        self.engine.slots[self.at].inputs.len()
    }

    /// How many outputs the element has.
    pub fn outputs(&self) -> usize {
        self.engine.slots[self.at].outputs.len()
    }

    /// Has [`Element::timer`](crate::Element::timer) called at this time, or not at all. An element has one
    /// timer: what has many deadlines keeps them in a wheel, and sets the next.
    pub fn set_timer(&mut self, deadline: Option<Instant>) {
        self.engine.set_timer(self.at, deadline);
    }

    /// What to wake when a task of this element has work from outside: another thread, a future.
    pub fn waker(&self) -> &Waker {
        &self.engine.waker
    }

    /// Asks the whole graph to stop, after this round, whatever packets are on their way.
    pub fn stop(&mut self) {
        self.engine.stop();
    }

    /// Asks the whole graph to stop once nothing is on its way any more. From now on no source runs, and none is pulled from; the
    /// other elements go on until nothing moves and none has packets [in flight](crate::Element::in_flight). What then still lies
    /// in queues, nobody would take.
    pub fn finish(&mut self) {
        self.engine.finish();
    }

    /// Counts packets that the element hands to another worker: a graph that finishes waits until they are taken over there.
    pub fn count_handed_over(&mut self, packets: usize) {
        self.engine.crossed.handed_over += packets as u64;
    }

    /// Counts packets that the element has taken over from another worker, before it does anything else with them.
    pub fn count_taken_over(&mut self, packets: usize) {
        self.engine.crossed.taken_over += packets as u64;
    }

    /// Whether the graph is about to stop: an element that is a source and a sink brings in no more packets then.
    pub fn is_finishing(&self) -> bool {
        self.engine.finishing
    }

    /// Reads a handler by `element.handler`, or a router-wide one by its name. At the first of several workers this waits for the
    /// answers of the others, and makes one of all; at others, and where all workers are tasks of one thread, it is this worker's
    /// own.
    ///
    /// # Errors
    /// There is no such handler, or it refused.
    pub fn read(&mut self, handler: &str) -> Result<String, HandlerError> {
        let own = self.engine.read(handler)?;
        match &self.engine.peers {
            Some(peers) => peers.read(handler, own, self.engine.merge_of(handler)),
            None => Ok(own),
        }
    }

    /// Writes a handler by `element.handler`, or a router-wide one by its name; where there are several workers, at all: at the
    /// others a little later.
    ///
    /// # Errors
    /// There is no such handler, it refused, or another worker has not kept up with earlier writes: then nothing is written.
    pub fn write(&mut self, handler: &str, value: &str) -> Result<(), HandlerError> {
        if let Some(peers) = &self.engine.peers {
            peers.check_room()?;
        }
        self.engine.write(handler, value)?;
        if let Some(peers) = &self.engine.peers {
            peers.write(handler, value);
        }
        Ok(())
    }

    /// The element's own name.
    pub fn name(&self) -> &str {
        &self.engine.names[self.at].name
    }
}

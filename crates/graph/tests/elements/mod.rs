//! Small elements, of which the tests of the engine make graphs.
#![allow(dead_code, reason = "each test takes those that it needs")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use waypost_graph::{
    Batch, Credit, Cx, Element, Input, Instant, Output, Packet, Pool, Progress, Typed,
};

pub(crate) fn pool() -> Pool {
    Pool::builder().small(4096).build().unwrap()
}

/// Makes packets: so many, or the number left.
pub(crate) struct Source(pub(crate) usize);

impl Element for Source {
    fn push(&mut self, _: usize, _: &mut Batch, _: &mut Cx<'_>) {}

    fn is_task(&self) -> bool {
        true
    }

    fn run(&mut self, budget: usize, cx: &mut Cx<'_>) -> Progress {
        let mut batch = cx.take_batch();
        let count = cx.frames().fill(&mut batch, budget.min(self.0));
        self.0 -= count;
        cx.push(0, &mut batch);
        cx.put_batch(batch);
        if count > 0 {
            Progress::Worked
        } else {
            Progress::Idle
        }
    }
}

impl Typed for Source {
    type Inputs = ();
    type Outputs = Output<Packet>;
}

/// Hands on what it gets: one input, one output.
pub(crate) struct Pass;

impl Element for Pass {
    fn push(&mut self, _: usize, _: &mut Batch, _: &mut Cx<'_>) {}
}

impl Typed for Pass {
    type Inputs = Input<Packet>;
    type Outputs = Output<Packet>;
}

/// Hands all on through output 1: at once, or packet by packet.
pub(crate) enum Aside {
    AtOnce,
    Emitted,
}

impl Element for Aside {
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        // Some of the stack, as elements with work to do take it.
        std::hint::black_box([0_u8; 1024]);
        match self {
            Self::AtOnce => cx.push(1, batch),
            Self::Emitted => batch.drain().for_each(|packet| cx.emit(1, packet)),
        }
    }
}

impl Typed for Aside {
    type Inputs = Input<Packet>;
    type Outputs = (Output<Packet>, Output<Packet>);
}

/// Takes as many packets as it has room for, and counts them.
#[derive(Clone, Default)]
pub(crate) struct Sink {
    pub(crate) room: Arc<AtomicUsize>,
    pub(crate) seen: Arc<AtomicU64>,
}

impl Sink {
    pub(crate) fn with_room(room: usize) -> Self {
        let sink = Self::default();
        sink.room.store(room, Ordering::Relaxed);
        sink
    }

    pub(crate) fn seen(&self) -> u64 {
        self.seen.load(Ordering::Relaxed)
    }
}

impl Element for Sink {
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        let room = self.room.load(Ordering::Relaxed);
        let count = batch.len().min(room);
        self.room.store(room - count, Ordering::Relaxed);
        self.seen.fetch_add(count as u64, Ordering::Relaxed);
        let mut taken = cx.take_batch();
        taken.take_from(batch, count);
        cx.put_batch(taken);
    }

    fn credit(&self, _: usize) -> Credit {
        Credit::Packets(self.room.load(Ordering::Relaxed))
    }
}

impl Typed for Sink {
    type Inputs = Input<Packet>;
    type Outputs = ();
}

/// Runs until nothing happens; fails if something always does.
pub(crate) fn settle(graph: &mut waypost_graph::Instance) {
    assert!(
        graph.run_until_idle(Instant::ZERO, 10_000) < 10_000,
        "something always happens"
    );
    assert!(!graph.step(Instant::ZERO));
}

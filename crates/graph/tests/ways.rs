//! Who waits for whom when packets find no room.

mod elements;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use elements::{Pass, Sink, Source, pool, settle};
use waypost_graph::{
    Batch, Builder, Credit, Cx, Duration, Element, Input, Instant, OnFull, Output, Packet,
    Progress, Typed,
};

/// Two directions through one element: input 0 to output 0, and input 1 to output 1.
struct Directions;

impl Element for Directions {
    fn push(&mut self, port: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        if port == 1 {
            cx.push(1, batch);
        }
    }

    fn flows(&self, input: usize, output: usize) -> bool {
        input == output
    }
}

impl Typed for Directions {
    type Inputs = [Input<Packet>; 2];
    type Outputs = [Output<Packet>; 2];
}

#[test]
fn a_full_side_does_not_stop_the_other_direction() {
    let mut graph = Builder::new();
    let ((), there) = graph.add("there", Source(100));
    let ((), back) = graph.add("back", Source(100));
    let (inputs, [inside, outside]) = graph.add("both", Directions);
    let (full, open) = (Sink::with_room(7), Sink::with_room(usize::MAX));
    let (inside_sink, ()) = graph.add("inside", full.clone());
    let (outside_sink, ()) = graph.add("outside", open.clone());
    graph.connect(there, inputs[0]);
    graph.connect(back, inputs[1]);
    graph.connect(inside, inside_sink);
    graph.connect(outside, outside_sink);
    let mut graph = graph.build(pool().allocator()).unwrap();
    settle(&mut graph);
    assert_eq!((full.seen(), open.seen()), (7, 100));
}

/// Makes ten packets at each tick, and never asks whether there is room.
struct Ticker;

impl Element for Ticker {
    fn push(&mut self, _: usize, _: &mut Batch, cx: &mut Cx<'_>) {
        cx.set_timer(Some(cx.now()));
    }

    fn timer(&mut self, cx: &mut Cx<'_>) {
        for _ in 0..10 {
            if let Some(packet) = cx.frames().copy(&[1]) {
                cx.emit(0, packet);
            }
        }
        cx.set_timer(Some(cx.now() + Duration::from_millis(1)));
    }
}

impl Typed for Ticker {
    type Inputs = Input<Packet>;
    type Outputs = Output<Packet>;
}

#[test]
fn timers_wait_while_what_they_made_waits() {
    let pool = pool();
    let mut graph = Builder::new();
    let ((), packets) = graph.add("source", Source(1));
    let (into, ticks) = graph.add("ticker", Ticker);
    let (passed, out) = graph.add("pass", Pass);
    let sink = Sink::with_room(1);
    let (taken, ()) = graph.add("sink", sink.clone());
    graph.connect(packets, into);
    graph.connect(ticks, passed);
    graph.connect(out, taken);
    let mut graph = graph.build(pool.allocator()).unwrap();
    for at in 0..2000 {
        graph.run_until_idle(Instant::from_millis(at), 100);
    }
    assert_eq!(pool.statistics().exhausted, 0);
    assert!(
        !graph.step(Instant::from_secs(2)),
        "a timer that is held keeps nobody awake"
    );
    assert_eq!(graph.next_timer(), None);
    // As soon as there is room, it goes on.
    sink.room.store(usize::MAX, Ordering::Relaxed);
    graph.run_until_idle(Instant::from_secs(2), 100);
    let seen = sink.seen();
    assert!((261..=281).contains(&seen), "{seen}");
    assert!(graph.next_timer() > Some(Instant::from_secs(2)));
}

/// A device of two sides, which learns that it has room again when it runs.
struct Tap {
    room: usize,
    sent: Arc<AtomicUsize>,
    queue: VecDeque<Packet>,
}

impl Tap {
    fn new(queue: usize) -> Self {
        let frames = &mut pool().allocator();
        Self {
            // Full, until it runs.
            room: 0,
            sent: Arc::default(),
            queue: (0..queue).filter_map(|_| frames.copy(&[0])).collect(),
        }
    }
}

impl Element for Tap {
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        let count = batch.len().min(self.room);
        self.room -= count;
        self.sent.fetch_add(count, Ordering::Relaxed);
        let mut taken = cx.take_batch();
        taken.take_from(batch, count);
        cx.put_batch(taken);
    }

    fn credit(&self, _: usize) -> Credit {
        Credit::Packets(self.room)
    }

    fn is_task(&self) -> bool {
        true
    }

    fn run(&mut self, budget: usize, cx: &mut Cx<'_>) -> Progress {
        let grown = self.room == 0;
        self.room = 4;
        let mut batch = cx.take_batch();
        for packet in self.queue.drain(..budget.min(4).min(self.queue.len())) {
            batch.push(packet).unwrap();
        }
        let worked = grown || !batch.is_empty();
        cx.push(0, &mut batch);
        cx.put_batch(batch);
        if worked {
            Progress::Worked
        } else {
            Progress::Idle
        }
    }
}

impl Typed for Tap {
    type Inputs = Input<Packet>;
    type Outputs = Output<Packet>;
}

#[test]
fn two_devices_that_feed_each_other_both_go_on() {
    let mut graph = Builder::new();
    let (left, right) = (Tap::new(40), Tap::new(40));
    let sent = [left.sent.clone(), right.sent.clone()];
    let (into_left, from_left) = graph.add("left", left);
    let (into_right, from_right) = graph.add("right", right);
    graph.connect(from_left, into_right);
    graph.connect(from_right, into_left);
    let mut graph = graph.build(pool().allocator()).unwrap();
    settle(&mut graph);
    assert_eq!(sent.map(|it| it.load(Ordering::Relaxed)), [40, 40]);
}

/// Hands each batch to whichever output has more room.
struct Roomiest(Arc<AtomicUsize>);

impl Element for Roomiest {
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        let rooms = [cx.room(0), cx.room(1)];
        assert_eq!(cx.room(2), 0, "there is no such output");
        if rooms[1] > rooms[0] {
            self.0.fetch_add(batch.len(), Ordering::Relaxed);
            cx.push(1, batch);
        }
    }
}

impl Typed for Roomiest {
    type Inputs = Input<Packet>;
    type Outputs = [Output<Packet>; 2];
}

#[test]
fn an_element_can_ask_how_much_room_an_output_has() {
    let aside = Arc::<AtomicUsize>::default();
    let mut graph = Builder::new();
    let ((), packets) = graph.add("source", Source(100));
    let (into, outputs) = graph.add("roomiest", Roomiest(aside.clone()));
    let sinks = [Sink::with_room(50), Sink::with_room(90)];
    graph.connect(packets, into);
    for (at, (output, sink)) in outputs.into_iter().zip(&sinks).enumerate() {
        let (passed, out) = graph.add(&format!("pass{at}"), Pass);
        let (taken, ()) = graph.add(&format!("sink{at}"), sink.clone());
        // What an edge does when it is full does not say how much room there is.
        let on_full = [
            OnFull::Block,
            OnFull::Drop(waypost_graph::DropReason::BRANCH_FULL),
        ][at];
        graph.connect_on_full(output, passed, on_full);
        graph.connect(out, taken);
    }
    let mut graph = graph.build(pool().allocator()).unwrap();
    settle(&mut graph);
    assert_eq!((sinks[0].seen(), sinks[1].seen()), (32, 68));
    assert_eq!(aside.load(Ordering::Relaxed), 68);
}

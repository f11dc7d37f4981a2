//! What the inner loop promises of circles, depth, and what waits on edges.

mod elements;

use elements::{Aside, Pass, Sink, Source, pool, settle};
use waypost_graph::{Builder, DropReason, Instant, OnFull, Runtime};

#[test]
fn a_circle_of_elements_lets_others_have_their_turn() {
    let mut graph = Builder::new();
    let ((), packets) = graph.add("source", Source(1));
    let (into, out) = graph.add("first", Pass);
    let (back, round) = graph.add("second", Pass);
    graph.connect(packets, into);
    graph.connect(out, back);
    graph.connect(round, into);
    let mut graph = graph.build(pool().allocator()).unwrap();
    for _ in 0..3 {
        assert!(graph.step(Instant::ZERO), "it goes round and round");
    }
    graph.write("stop", "").unwrap();
    assert!(graph.is_stopped());
}

#[test]
fn a_long_chain_of_side_branches_takes_no_stack() {
    let mut graph = Builder::new();
    let ((), mut packets) = graph.add("source", Source(100));
    let sink = Sink::with_room(usize::MAX);
    let (taken, ()) = graph.add("sink", sink.clone());
    for at in 0..5000 {
        let (input, (straight, aside)) = graph.add(&format!("aside{at}"), Aside::AtOnce);
        graph.connect(packets, input);
        graph.connect(straight, taken);
        packets = aside;
    }
    graph.connect(packets, taken);
    let mut graph = graph.build(pool().allocator()).unwrap();
    settle(&mut graph);
    assert_eq!(sink.seen(), 100);
}

#[test]
fn an_edge_that_drops_when_full_loses_nothing_for_being_deep_or_in_a_circle() {
    const FULL: DropReason = DropReason::new("full");
    let mut graph = Builder::new();
    let ((), mut packets) = graph.add("source", Source(100));
    let sink = Sink::with_room(usize::MAX);
    let (taken, ()) = graph.add("sink", sink.clone());
    for at in 0..100 {
        let (input, (straight, aside)) = graph.add(&format!("aside{at}"), Aside::Emitted);
        graph.connect_on_full(packets, input, OnFull::Drop(FULL));
        graph.connect(straight, taken);
        packets = aside;
    }
    graph.connect_on_full(packets, taken, OnFull::Drop(FULL));
    let mut graph = graph.build(pool().allocator()).unwrap();
    settle(&mut graph);
    let lost: Vec<_> = graph
        .statistics()
        .into_iter()
        .flat_map(|it| it.drops)
        .collect();
    assert_eq!((sink.seen(), lost), (100, vec![]));
}

#[test]
fn what_an_edge_holds_when_the_graph_is_stopped_is_counted_as_lost() {
    let mut graph = Builder::new();
    let ((), packets) = graph.add("source", Source(8));
    let (input, (straight, aside)) = graph.add("twice", Twice);
    let sink = Sink::with_room(12);
    let (taken, ()) = graph.add("sink", sink.clone());
    graph.connect(packets, input);
    graph.connect(straight, taken);
    graph.connect(aside, taken);
    let mut graph = graph.build(pool().allocator()).unwrap();
    settle(&mut graph);
    assert_eq!(sink.seen(), 12);
    let running = Runtime::workers().start(vec![graph]).unwrap();
    running.handle().stop();
    let graph = running.wait().remove(0);
    assert_eq!(graph.read("twice.drop_reasons").unwrap(), "4 graph stopped");
}

/// Hands each packet on, and an empty one aside.
struct Twice;

impl waypost_graph::Element for Twice {
    fn push(&mut self, _: usize, batch: &mut waypost_graph::Batch, cx: &mut waypost_graph::Cx<'_>) {
        for _ in 0..batch.len() {
            let packet = cx.frames().copy(&[0]).unwrap();
            cx.emit(1, packet);
        }
    }
}

impl waypost_graph::Typed for Twice {
    type Inputs = waypost_graph::Input<waypost_graph::Packet>;
    type Outputs = (
        waypost_graph::Output<waypost_graph::Packet>,
        waypost_graph::Output<waypost_graph::Packet>,
    );
}

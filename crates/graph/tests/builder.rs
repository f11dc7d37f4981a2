//! What the builder refuses when it runs.

mod elements;

use elements::{Pass, Sink, Source, pool};
use waypost_graph::{Builder, Classifier, Packet};

#[test]
fn ports_of_two_builders_do_not_connect() {
    let (mut one, mut other) = (Builder::new(), Builder::new());
    let ((), packets) = one.add("source", Source(1));
    // A port that the first builder does not have, and one that it has.
    let (_, _unused) = other.add("first", Pass);
    let (sink, ()) = other.add("sink", Sink::default());
    one.connect(packets, sink);
    let wrong = one.build(pool().allocator()).unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "cannot connect output 0 of `source` to an input of another builder: both ends of a connection belong to one builder"
    );

    let ((), packets) = Builder::new().add("source", Source(1));
    let mut third = Builder::new();
    let (sink, ()) = third.add("sink", Sink::default());
    let packets = third.declare::<Packet, _>(packets);
    third.connect(packets, sink);
    let wrong = third.build(pool().allocator()).unwrap_err().to_string();
    assert!(
        wrong.starts_with("cannot connect an output of another builder to input 0 of `sink`"),
        "{wrong}"
    );
}

struct Sort;

impl Classifier for Sort {
    type Packet = Packet;
    type Class = bool;

    fn classify(&mut self, _: &mut Packet) -> bool {
        true
    }
}

#[test]
fn outputs_that_are_not_connected_are_told_when_the_graph_is_built() {
    let mut graph = Builder::new();
    let ((), packets) = graph.add("source", Source(1));
    let [yes, _no] = graph.classify("sort", packets, Sort);
    let (sink, ()) = graph.add("sink", Sink::default());
    let (_alone, ()) = graph.add("alone", Sink::default());
    graph.connect(yes, sink);
    let wrong = graph.build(pool().allocator()).unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "not connected: output 1 of `sort`, input 0 of `alone`; connect each, an output that is not wanted to `Discard`"
    );
}

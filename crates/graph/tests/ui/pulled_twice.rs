//! An input that pulls does so from one output: it is used up by being connected.
use waypost_graph::{Builder, Input, Output, Packet, Pull};

fn connect(
    graph: &mut Builder,
    [one, other]: [Output<Packet, Pull>; 2],
    to: Input<Packet, Pull>,
) {
    graph.connect(one, to);
    graph.connect(other, to);
}

fn main() {}

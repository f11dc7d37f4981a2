//! An output is used up by being connected.
use waypost_graph::{Builder, Input, Output, Packet};

fn connect(graph: &mut Builder, from: Output<Packet>, to: Input<Packet>) {
    graph.connect(from, to);
    graph.connect(from, to);
}

fn main() {}

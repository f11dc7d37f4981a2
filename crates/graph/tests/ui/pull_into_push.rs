//! An output that is pulled from is not connected to an input that is pushed into.
use waypost_graph::{Builder, Input, Output, Packet, Pull, Push};

fn connect(graph: &mut Builder, from: Output<Packet, Pull>, to: Input<Packet, Push>) {
    graph.connect(from, to);
}

fn main() {}

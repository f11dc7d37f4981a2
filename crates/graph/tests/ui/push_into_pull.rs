//! An output that pushes is not connected to an input that pulls.
use waypost_graph::{Builder, Input, Output, Packet, Pull, Push};

fn connect(graph: &mut Builder, from: Output<Packet, Push>, to: Input<Packet, Pull>) {
    graph.connect(from, to);
}

fn main() {}

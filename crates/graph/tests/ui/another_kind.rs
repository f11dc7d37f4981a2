//! An output of plain packets is not connected to an input that wants checked ones.
use waypost_graph::{Builder, Input, Output, Packet, kind};

kind!(
    /// A checked packet.
    pub Checked
);

fn connect(graph: &mut Builder, from: Output<Packet>, to: Input<Checked>) {
    graph.connect(from, to);
}

fn main() {}

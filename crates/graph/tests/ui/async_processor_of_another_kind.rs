//! An asynchronous processor is not put behind an output of another kind, nor does what it makes pass for something else.
use std::sync::Arc;

use waypost_graph::{AsyncProcessor, Builder, Input, Order, Output, Packet, Verdict, kind};

kind!(
    /// A checked packet.
    pub Checked
);

struct NeedsChecked;

impl AsyncProcessor for NeedsChecked {
    type Input = Checked;
    type Output = Packet;

    fn process(
        self: &Arc<Self>,
        packet: Checked,
    ) -> impl Future<Output = Verdict<Packet>> + Send + 'static + use<> {
        async { Verdict::Next(waypost_graph::Kind::unwrap(packet)) }
    }
}

fn before(graph: &mut Builder, from: Output<Packet>) {
    let _ = graph.chain_async("checked", from, NeedsChecked, 8, Order::Kept);
}

fn behind(graph: &mut Builder, from: Output<Checked>, to: Input<Checked>) {
    let done = graph.chain_async("checked", from, NeedsChecked, 8, Order::Kept);
    graph.connect(done, to);
}

fn main() {}

//! A processor is not put behind an output of another kind.
use waypost_graph::{Builder, Output, Packet, Processor, Verdict, kind};

kind!(
    /// A checked packet.
    pub Checked
);

struct NeedsChecked;

impl Processor for NeedsChecked {
    type Input = Checked;
    type Output = Checked;

    fn process(&mut self, packet: Checked) -> Verdict<Checked> {
        Verdict::Next(packet)
    }
}

fn chain(graph: &mut Builder, from: Output<Packet>) {
    let _ = graph.chain("checked", from, NeedsChecked);
}

fn main() {}

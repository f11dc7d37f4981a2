//! A classifier is not put behind an output of another kind.
use waypost_graph::{Builder, Classifier, Output, Packet, kind};

kind!(
    /// A checked packet.
    pub Checked
);

struct NeedsChecked;

impl Classifier for NeedsChecked {
    type Packet = Checked;
    type Class = bool;

    fn classify(&mut self, _: &mut Checked) -> bool {
        true
    }
}

fn classify(graph: &mut Builder, from: Output<Packet>) {
    let [_, _] = graph.classify("checked", from, NeedsChecked);
}

fn main() {}

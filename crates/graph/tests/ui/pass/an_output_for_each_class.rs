//! A classifier with an output for each of its classes: what is refused elsewhere, is refused for their number.
use waypost_graph::{Builder, Classifier, Output, Packet, classes};

classes!(enum Kind { Ip, Arp, Other });

struct Sort;

impl Classifier for Sort {
    type Packet = Packet;
    type Class = Kind;

    fn classify(&mut self, _: &mut Packet) -> Kind {
        Kind::Other
    }
}

fn sort(graph: &mut Builder, from: Output<Packet>) {
    let [_ip, _arp, _other] = graph.classify("sort", from, Sort);
}

fn main() {
    let _: fn(&mut Builder, Output<Packet>) = sort;
}

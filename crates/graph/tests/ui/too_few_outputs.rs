//! A classifier has an output for each of its classes, not fewer.
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
    let [_ip, _arp] = graph.classify("sort", from, Sort);
}

fn main() {
    let _: fn(&mut Builder, Output<Packet>) = sort;
}

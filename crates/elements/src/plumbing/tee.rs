//! Tee: each packet to all outputs.

use waypost_graph::{
    Args, Batch, BuildCx, ConfigError, Cx, DropReason, Element, ElementClass, Packet,
};

use crate::args::TypedArgs;

pub(crate) const CLASS: ElementClass = ElementClass {
    name: "Tee",
    ports: "1/1-",
    processing: "h/h",
    flow: "x/x",
    doc: "Hands each packet to all outputs.

Argument: `Tee(N)`: the number of outputs, which is also that of the connections.

No octets are copied: the packets share them until somebody writes to one.",
    handlers: &[],
    build,
};

fn build(args: &mut Args, cx: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    match args.optional::<usize>("N")? {
        Some(count) if count != cx.outputs => Err(ConfigError::new(format!(
            "{} outputs are connected, and N says {count}",
            cx.outputs
        ))),
        _ => Ok(Box::new(Tee)),
    }
}

struct Tee;

impl Element for Tee {
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        for output in 1..cx.outputs() {
            for packet in batch.iter_mut() {
                match second(packet, cx) {
                    Some(second) => cx.emit(output, second),
                    None => cx.count_drops(1, DropReason::NO_BUFFER),
                }
            }
        }
    }
}

/// The packet once more: its octets are shared if they can be, and copied if not.
pub(crate) fn second(packet: &mut Packet, cx: &mut Cx<'_>) -> Option<Packet> {
    packet.share(cx.frames()).or_else(|| {
        let mut copy = cx.frames().copy(packet.octets())?;
        copy.copy_annotations(packet);
        Some(copy)
    })
}

#[cfg(test)]
mod tests {
    use crate::testing::run;

    #[test]
    fn each_output_gets_every_packet_and_writes_are_its_own() {
        let text = "InfiniteSource(DATA \\<0102 0304>, LIMIT 100) -> t :: Tee(3);
            t[0] -> a :: Counter -> Discard;
            t[1] -> Strip(1) -> EtherEncap(0x0800, 1:1:1:1:1:1, 2:2:2:2:2:2) -> b :: Counter -> Discard;
            t[2] -> k :: Classifier(0/01020304, -); k[0] -> c :: Counter -> Discard; k[1] -> Discard;";
        let graph = run(text);
        assert_eq!(graph.read("a.byte_count").unwrap(), "400");
        assert_eq!(graph.read("b.byte_count").unwrap(), "1700");
        assert_eq!(graph.read("c.count").unwrap(), "100");
    }
}

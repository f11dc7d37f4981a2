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

No octets are copied: the packets share them until somebody writes to one.

Deviations: packets travel in batches, so one output has all of a batch before the next has the first; in Click each packet
goes to all outputs before the next does.",
    handlers: &[],
    build,
};

fn build(args: &mut Args, cx: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    if let Some(count) = args.optional::<usize>("N") {
        let outputs = cx.outputs;
        if count != outputs {
            let wrong = format!("{outputs} outputs are connected, and N says {count}");
            args.refuse("N", wrong);
        }
    }
    Ok(Box::new(Tee))
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
    packet
        .share(cx.frames())
        .or_else(|| cx.frames().copy_packet(packet))
}

#[cfg(test)]
mod tests {
    use waypost_graph::{Instant, Pool};

    use crate::testing::{graphs, run};

    /// Without packets to share octets, Tee copies them, into frames whose octets begin elsewhere.
    #[test]
    fn a_copy_is_marked_where_the_original_is() {
        let text = "InfiniteSource(DATA \\<45000014000000004001000001010101 0a000002>, LIMIT 1) -> Strip(0)
                -> MarkIPHeader -> GetIPAddress(16) -> EtherEncap(0x0800, 1:1:1:1:1:1, 2:2:2:2:2:2) -> STRIP -> t :: Tee(2);
            t[0] -> Discard;
            t[1] -> DecIPTTL -> Unstrip(UNSTRIP) -> k :: Classifier(OFFSET/450000140000000 OFFSET_TTL/3f, -);
            k[0] -> right :: Discard; k[1] -> Print(wrong) -> wrong :: Discard;";
        for (strip, unstrip, offset) in [
            ("Strip(0)", 0, 14),
            ("Strip(14)", 0, 0),
            ("Strip(20)", 6, 0),
        ] {
            let text = text
                .replace("UNSTRIP", &unstrip.to_string())
                .replace("STRIP", strip)
                .replace("OFFSET_TTL", &(offset + 8).to_string())
                .replace(
                    "OFFSET/450000140000000",
                    &format!("{offset}/4500001400000000"),
                );
            let pool = Pool::builder().small(64).clones(0).build().unwrap();
            let mut graph = graphs(&text, 1, &pool).remove(0);
            graph.run_until_idle(Instant::ZERO, 100);
            assert_eq!(graph.read("right.count").unwrap(), "1", "{strip}");
        }
    }

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

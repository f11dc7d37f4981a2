//! Strip and Unstrip: octets off the front, and back.

use waypost_graph::{Batch, Cx, DropReason, Element, ElementClass};

use crate::args::TypedArgs;

/// A packet has fewer octets than are to be taken off.
pub const TOO_SHORT: DropReason = DropReason::new("too short to strip");
/// A packet would become longer than any may be.
pub const NO_HEADROOM: DropReason = DropReason::new("no headroom to unstrip");

pub(crate) const STRIP: ElementClass = ElementClass {
    name: "Strip",
    ports: "1",
    processing: "a/a",
    flow: "x/x",
    doc: "Takes octets off the front of packets.

Argument: `Strip(LENGTH)`. A packet that is shorter is dropped.

Deviations: Click takes all octets of a packet that is shorter, and passes it on.",
    handlers: &[],
    build: |args, _| {
        Ok(Box::new(Strip {
            len: args.mandatory("LENGTH")?,
        }))
    },
};

pub(crate) const UNSTRIP: ElementClass = ElementClass {
    name: "Unstrip",
    ports: "1",
    processing: "a/a",
    flow: "x/x",
    doc:
        "Puts back octets that were taken off the front of packets.

Argument: `Unstrip(LENGTH)`. A packet that would become longer than any may be is dropped.

Deviations: what was never taken off is zeros here; in Click it is whatever the memory held before.",
    handlers: &[],
    build: |args, _| {
        Ok(Box::new(Unstrip {
            len: args.mandatory("LENGTH")?,
        }))
    },
};

struct Strip {
    len: usize,
}

impl Element for Strip {
    #[inline]
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        let len = self.len;
        batch.filter_map(|mut packet| {
            if packet.strip_front(len) {
                return Some(packet);
            }
            cx.drop(packet, TOO_SHORT);
            None
        });
    }
}

struct Unstrip {
    len: usize,
}

impl Element for Unstrip {
    #[inline]
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        let len = self.len;
        batch.filter_map(|mut packet| {
            if packet.restore_front(len) {
                return Some(packet);
            }
            cx.drop(packet, NO_HEADROOM);
            None
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::run;

    #[test]
    fn what_was_stripped_comes_back() {
        let text = "InfiniteSource(DATA \\<01 02 03>, LIMIT 4) -> Strip(2) -> k :: Classifier(0/03, -)
            -> Unstrip(2) -> l :: Classifier(0/010203, -) -> a :: Discard; k[1] -> Discard; l[1] -> Discard;
            InfiniteSource(DATA x, LIMIT 2) -> s :: Strip(2) -> Discard;
            InfiniteSource(DATA x, LIMIT 2) -> u :: Unstrip(300000) -> Discard;";
        let graph = run(text);
        assert_eq!(graph.read("a.count").unwrap(), "4");
        assert_eq!(graph.read("s.drops").unwrap(), "2");
        assert_eq!(graph.read("u.drops").unwrap(), "2");
    }
}

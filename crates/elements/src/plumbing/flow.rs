//! Null and DropWhenFull: packets pass unchanged.

use waypost_graph::{
    Batch, Cx, DropReason, Element, ElementClass, OnFull, Processor, Verdict, processor,
};
use waypost_packet::Packet;

pub(crate) const NULL: ElementClass = ElementClass {
    name: "Null",
    ports: "1",
    processing: "a/a",
    flow: "x/x",
    doc: "Passes packets on unchanged.",
    handlers: &[],
    build: |_, _| Ok(processor(Null)),
};

pub(crate) const DROP_WHEN_FULL: ElementClass = ElementClass {
    name: "DropWhenFull",
    ports: "1",
    processing: "h/h",
    flow: "x/x",
    doc: "Marks a branch that loses packets when it is full, instead of making whoever feeds it wait, and its siblings with
it. The packets are counted as dropped, for `branch full`.

Not in Click, where a full branch always loses packets.",
    handlers: &[],
    build: |_, _| Ok(Box::new(DropWhenFull)),
};

/// Passes packets on unchanged.
#[derive(Clone, Copy, Debug)]
pub struct Null;

impl Processor for Null {
    type Input = Packet;
    type Output = Packet;

    #[inline(always)]
    fn process(&mut self, packet: Packet) -> Verdict<Packet> {
        Verdict::Next(packet)
    }
}

struct DropWhenFull;

impl Element for DropWhenFull {
    fn push(&mut self, _: usize, _: &mut Batch, _: &mut Cx<'_>) {}

    fn on_full(&self, _: usize) -> OnFull {
        OnFull::Drop(DropReason::BRANCH_FULL)
    }
}

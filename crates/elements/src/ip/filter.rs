//! DropBroadcasts, FixIPSrc, PaintTee: small things that a router does to packets by their annotations.

use std::net::Ipv4Addr;

use waypost_graph::{Batch, Cx, DropReason, Element, ElementClass, Handler, HandlerError};
use waypost_packet::LinkDestination;
use waypost_wire::{ChecksumDelta, Ipv4Header};

use crate::args::TypedArgs;
use crate::plumbing::{COLOR, read_colour, second, write_colour};

/// A packet came to all, or to a group, of its link: a router does not forward it.
pub const LINK_BROADCAST: DropReason = DropReason::new("link broadcast");

pub(crate) const DROP_BROADCASTS: ElementClass = ElementClass {
    name: "DropBroadcasts",
    ports: "1",
    processing: "a/a",
    flow: "x/x",
    doc: "Drops packets that came to all, or to a group, of their link (RFC 1122 §3.3.6).",
    handlers: &[],
    build: |_, _| Ok(Box::new(DropBroadcasts)),
};

pub(crate) const FIX_IP_SRC: ElementClass = ElementClass {
    name: "FixIPSrc",
    ports: "1",
    processing: "a/a",
    flow: "x/x",
    doc: "Gives packets that an `ICMPError` made the source address of the interface by which they leave.

Argument: `FixIPSrc(IPADDR)`.",
    handlers: &[],
    build: |args, _| Ok(Box::new(FixIpSrc { address: args.mandatory("IPADDR")? })),
};

pub(crate) const PAINT_TEE: ElementClass = ElementClass {
    name: "PaintTee",
    ports: "1/2",
    processing: "h/h",
    flow: "x/x",
    doc: "Hands packets to output 0, and those whose paint annotation is the argument to output 1 as well.

Argument: `PaintTee(COLOR)`.

Deviations: Click's `ANNO` is not there: there is one paint.",
    handlers: COLOR,
    build: |args, _| Ok(Box::new(PaintTee { colour: args.mandatory("COLOR")? })),
};

struct DropBroadcasts;

impl Element for DropBroadcasts {
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        batch.filter_map(|packet| {
            if matches!(
                packet.link_destination(),
                LinkDestination::Broadcast | LinkDestination::Multicast
            ) {
                cx.drop(packet, LINK_BROADCAST);
                return None;
            }
            Some(packet)
        });
    }
}

struct FixIpSrc {
    address: Ipv4Addr,
}

impl Element for FixIpSrc {
    fn push(&mut self, _: usize, batch: &mut Batch, _: &mut Cx<'_>) {
        for packet in batch.iter_mut().filter(|packet| packet.fixes_source()) {
            packet.set_fixes_source(false);
            let Some(octets) = packet.network_mut() else {
                continue;
            };
            if let Ok((header, _)) = Ipv4Header::split_from_mut(octets) {
                let delta = ChecksumDelta::new().replace_ipv4(header.source(), self.address);
                header.set_source(self.address);
                header.update_checksum(delta);
            }
        }
    }
}

struct PaintTee {
    colour: u8,
}

impl Element for PaintTee {
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        for packet in batch
            .iter_mut()
            .filter(|packet| packet.paint() == self.colour)
        {
            match second(packet, cx) {
                Some(second) => cx.emit(1, second),
                None => cx.count_drops(1, DropReason::NO_BUFFER),
            }
        }
    }

    fn handlers(&self) -> &'static [Handler] {
        COLOR
    }

    fn read(&self, handler: &str, _: &str) -> Result<String, HandlerError> {
        read_colour(self.colour, handler)
    }

    fn write(&mut self, handler: &str, value: &str, _: &mut Cx<'_>) -> Result<(), HandlerError> {
        write_colour(&mut self.colour, handler, value)
    }
}

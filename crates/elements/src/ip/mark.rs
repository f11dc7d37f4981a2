//! MarkIPHeader and GetIPAddress: annotations from headers.

use std::net::Ipv4Addr;

use waypost_graph::{Batch, Cx, DropReason, Element, ElementClass};
use waypost_wire::Ipv4Header;

use crate::args::TypedArgs;

/// A packet ends before the address.
pub const NO_ADDRESS: DropReason = DropReason::new("too short for an address");

pub(crate) const MARK_IP_HEADER: ElementClass = ElementClass {
    name: "MarkIPHeader",
    ports: "1",
    processing: "a/a",
    flow: "x/x",
    doc: "Marks where the IP header begins, without checking it.

Argument: `MarkIPHeader(OFFSET)`, 0 by default.",
    handlers: &[],
    build: |args, _| {
        Ok(Box::new(MarkIpHeader {
            offset: args.optional("OFFSET")?.unwrap_or(0),
        }))
    },
};

pub(crate) const GET_IP_ADDRESS: ElementClass = ElementClass {
    name: "GetIPAddress",
    ports: "1",
    processing: "a/a",
    flow: "x/x",
    doc: "Sets the destination annotation to the four octets at an offset of the packet; 16 is an IP header's destination.

Argument: `GetIPAddress(OFFSET)`. A packet that ends before is dropped.

Deviations: Click's `ANNO` and named fields are not there.",
    handlers: &[],
    build: |args, _| Ok(Box::new(GetIpAddress { offset: args.mandatory("OFFSET")? })),
};

struct MarkIpHeader {
    offset: usize,
}

impl Element for MarkIpHeader {
    #[inline]
    fn push(&mut self, _: usize, batch: &mut Batch, _: &mut Cx<'_>) {
        for packet in batch.iter_mut() {
            let header = packet
                .octets()
                .get(self.offset..)
                .and_then(|octets| Ipv4Header::split_from(octets).ok());
            let transport = header.map(|(header, _)| self.offset + header.header_len());
            packet.set_network_offset(self.offset);
            if let Some(transport) = transport {
                packet.set_transport_offset(transport);
            }
        }
    }
}

struct GetIpAddress {
    offset: usize,
}

impl Element for GetIpAddress {
    #[inline]
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        let offset = self.offset;
        batch.filter_map(|mut packet| {
            let address = packet
                .octets()
                .get(offset..)
                .and_then(|octets| octets.first_chunk::<4>().copied());
            match address {
                Some(address) => {
                    packet.set_destination(Ipv4Addr::from(address));
                    Some(packet)
                }
                None => {
                    cx.drop(packet, NO_ADDRESS);
                    None
                }
            }
        });
    }
}

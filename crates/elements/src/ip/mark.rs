//! MarkIPHeader and GetIPAddress: annotations from headers.

use std::net::Ipv4Addr;

use waypost_graph::{Args, Batch, BuildCx, ConfigError, Cx, DropReason, Element, ElementClass};
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
            offset: args.optional::<u16>("OFFSET").unwrap_or(0).into(),
        }))
    },
};

pub(crate) const GET_IP_ADDRESS: ElementClass = ElementClass {
    name: "GetIPAddress",
    ports: "1",
    processing: "a/a",
    flow: "x/x",
    doc: "Sets the destination annotation to the four octets at an offset of the packet; 16 is an IP header's destination.

Argument: `GetIPAddress(OFFSET)`. A packet that ends before is dropped. In place of an offset there may be the keyword `IP`:
`src` or `dst`, which are that address of the marked network header.

Deviations: Click's `ANNO` is not there. In Click a packet that ends before is not dropped, but has an address of chance.",
    handlers: &[],
    build: get_ip_address,
};

fn get_ip_address(args: &mut Args, _: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let named = args.choice("IP", &[("src", 12), ("dst", 16)]);
    let at = match named {
        Some(offset) => At::Network(offset),
        None if args.number_of("IP").is_some() => At::Network(0),
        None => At::Packet(args.mandatory("OFFSET")?),
    };
    Ok(Box::new(GetIpAddress { at }))
}

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
            match transport {
                Some(transport) => packet.set_transport_offset(transport),
                None => packet.clear_transport(),
            }
        }
    }
}

struct GetIpAddress {
    at: At,
}

/// Where the address is: so far from the packet's beginning, or from its network header's.
#[derive(Clone, Copy)]
enum At {
    Packet(usize),
    Network(usize),
}

impl Element for GetIpAddress {
    #[inline]
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        let at = self.at;
        batch.filter_map(|mut packet| {
            let (octets, offset) = match at {
                At::Packet(offset) => (Some(packet.octets()), offset),
                At::Network(offset) => (packet.network(), offset),
            };
            let address =
                octets.and_then(|octets| octets.get(offset..)?.first_chunk::<4>().copied());
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

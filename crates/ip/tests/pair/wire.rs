//! Messages of neighbour discovery, as octets and back.

use std::net::Ipv6Addr;

use waypost_ip::neighbor::{Advertisement, NdpMessage, Nonce, nonce_option};
use waypost_wire::icmpv6::Icmpv6Message;
use waypost_wire::icmpv6::ndp::{LinkLayerAddressOption, NeighborSolicitation};
use waypost_wire::{Checksum, IpProtocol, Ipv6Header, Ipv6Packet, MacAddr};

/// A solicitation: with a nonce from nobody, or else from `source`, whose address on the link it tells.
pub(crate) fn solicitation(
    source: Ipv6Addr,
    to: Ipv6Addr,
    target: Ipv6Addr,
    by: Result<MacAddr, Nonce>,
) -> Vec<u8> {
    let option = match by {
        Ok(mac) => *LinkLayerAddressOption::source(mac).as_bytes(),
        Err(nonce) => nonce_option(nonce),
    };
    let head = NeighborSolicitation::new(target);
    packet(source, to, [&head.as_bytes()[..], &option].concat())
}

/// An advertisement from its target, whose address on the link is `mac`.
pub(crate) fn advertisement(it: &Advertisement, mac: MacAddr) -> Vec<u8> {
    let (header, option) = (it.header(), LinkLayerAddressOption::target(mac));
    let message = [&header.as_bytes()[..], option.as_bytes()].concat();
    packet(it.target, it.to, message)
}

fn packet(source: Ipv6Addr, to: Ipv6Addr, mut message: Vec<u8>) -> Vec<u8> {
    let len = message.len() as u32;
    let sum = Checksum::ipv6_pseudo_header(source, to, IpProtocol::ICMPV6, len);
    let sum = sum.add_bytes(&message).finish();
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let mut header = Ipv6Header::new(IpProtocol::ICMPV6, source, to, len as u16);
    header.set_hop_limit(255);
    [&header.as_bytes()[..], &message].concat()
}

pub(crate) fn parse(octets: &[u8]) -> NdpMessage {
    let packet = Ipv6Packet::parse(octets).unwrap();
    let header = packet.header();
    let message = Icmpv6Message::parse(packet.payload()).unwrap();
    let (from, to) = (header.source(), header.destination());
    NdpMessage::check(from, to, header.hop_limit(), &message).unwrap()
}

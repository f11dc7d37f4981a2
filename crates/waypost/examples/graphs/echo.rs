//! What routers and hosts send each other.

use std::net::Ipv4Addr;

use waypost_wire::icmpv4::Icmpv4Header;
use waypost_wire::{IpProtocol, Ipv4Header};

/// An echo request, from its IP header on, as the hexadecimal digits that a graph's text takes.
pub(crate) fn echo(from: Ipv4Addr, to: Ipv4Addr) -> String {
    let text = b"under virtual time";
    let mut message = Icmpv4Header::echo_request(7, 1);
    message.fill_checksum(text);
    let message = [message.as_bytes(), &text[..]].concat();
    let mut header = Ipv4Header::new(IpProtocol::ICMP, from, to, message.len() as u16);
    header.fill_checksum();
    let octets = [&header.as_bytes()[..], &message].concat();
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

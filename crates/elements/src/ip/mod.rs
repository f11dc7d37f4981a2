//! Elements of IP, ICMP, ARP and Ethernet.

mod arp_news;
mod arp_querier;
mod arp_responder;
mod check_ip_header;
mod classifier;
mod dec_ip_ttl;
mod ether_encap;
mod expression;
mod filter;
mod fragmenter;
mod icmp_error;
mod ip_filter;
mod lookup;
mod mark;
mod ping;
mod print;
mod print_transport;
mod route_memory;

use waypost_graph::{ElementClass, kind};
use waypost_wire::arp::ArpPacket;
use waypost_wire::{EtherType, EthernetHeader};

pub use arp_querier::UNRESOLVED;
pub use arp_responder::NOT_ASKED;
pub use check_ip_header::{BAD_HEADER, CheckIpHeader};
pub use classifier::NO_EXPRESSION;
pub use dec_ip_ttl::{DecIpTtl, TTL_EXPIRED};
pub use ether_encap::EtherEncap;
pub use filter::LINK_BROADCAST;
pub use fragmenter::FRAGMENTATION_NEEDED;
pub use icmp_error::NO_ERROR_ALLOWED;
pub use ip_filter::FILTERED;
pub use lookup::{IpLookup, NO_ROUTE};
pub use mark::NO_ADDRESS;
pub use ping::NOT_ECHO;
pub use route_memory::{RouteMemory, RouteSegment};

kind! {
    /// An IPv4 packet whose header was checked and is marked as the network header, and whose
    /// destination annotation is set: what [`CheckIpHeader`] lets pass.
    pub Ipv4
}

/// The ARP packet that an Ethernet frame holds, if it says that it does.
fn arp_packet(frame: &[u8]) -> Option<ArpPacket<'_>> {
    let (header, octets) = EthernetHeader::split_from(frame).ok()?;
    let is_arp = header.ethertype() == EtherType::ARP;
    ArpPacket::parse(octets).ok().filter(|_| is_arp)
}

/// The classes of this folder.
pub const CLASSES: &[ElementClass] = &[
    arp_querier::CLASS,
    arp_responder::CLASS,
    check_ip_header::CLASS,
    classifier::CLASS,
    dec_ip_ttl::CLASS,
    ether_encap::CLASS,
    filter::DROP_BROADCASTS,
    filter::FIX_IP_SRC,
    filter::PAINT_TEE,
    fragmenter::CLASS,
    icmp_error::CLASS,
    ip_filter::CLASS,
    lookup::DIRECT,
    lookup::LINEAR,
    lookup::RADIX,
    mark::GET_IP_ADDRESS,
    mark::MARK_IP_HEADER,
    ping::CLASS,
    print::CLASS,
];

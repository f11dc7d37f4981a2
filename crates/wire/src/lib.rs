//! Network headers, read and written where they lie, and the small types that all protocol code
//! shares: addresses, prefixes, checksums, sequence numbers, time.
//!
//! ```
//! use core::net::Ipv4Addr;
//! use waypost_wire::{EthernetFrame, EtherType, Ipv4Packet, Ipv4PacketMut, UdpDatagram};
//! # use waypost_wire::{EthernetHeader, IpProtocol, Ipv4Header, MacAddr, UdpHeader};
//!
//! // Build: headers are values, to be written one after the other.
//! let (source, destination) = (Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(198, 51, 100, 7));
//! let mut udp = UdpHeader::new(40_000, 53, 5);
//! udp.fill_checksum(source, destination, b"query");
//! let mut ip = Ipv4Header::new(IpProtocol::UDP, source, destination, 13);
//! ip.fill_checksum();
//! let ethernet = EthernetHeader::new(MacAddr::BROADCAST, MacAddr::ZERO, EtherType::IPV4);
//! let mut frame = [&ethernet.as_bytes()[..], ip.as_bytes(), udp.as_bytes(), b"query"].concat();
//!
//! // Forward: change a header where it lies; the checksum follows.
//! let mut packet = Ipv4PacketMut::parse(&mut frame[EthernetHeader::LEN..])?;
//! assert!(packet.header_mut().decrement_ttl());
//!
//! // Read: a checked type exists only where the lengths are right.
//! let frame = EthernetFrame::parse(&frame)?;
//! assert_eq!(frame.header().ethertype(), EtherType::IPV4);
//! let packet = Ipv4Packet::parse(frame.payload())?;
//! assert!(packet.has_valid_checksum());
//! let datagram = UdpDatagram::parse(packet.payload())?;
//! assert_eq!(datagram.payload(), b"query");
//! assert_eq!(packet.to_string(), "192.0.2.1 > 198.51.100.7: UDP, ttl 63, id 0, length 33");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Two types for each protocol
//!
//! * `…Header` ([`Ipv4Header`], [`TcpHeader`]) is the fixed part: a struct over any bytes, of
//!   alignment 1, with its fields in the order of the RFC. `split_from` and `split_from_mut` view
//!   it in place, `new` and setters make one, `as_bytes` gives its octets. It promises nothing
//!   about what the fields say.
//! * `…Packet`, `…Datagram`, `…Segment`, `…Message`, `…Frame` are made by `parse` alone, which
//!   checks versions and lengths against the bytes at hand and cuts padding off. They offer header,
//!   options and payload. A twin that ends in `Mut` can be changed.
//!
//! Options and extension headers are iterators over the octets; what they cannot read they yield as
//! an error, once, and end.
//!
//! # What always holds
//!
//! * No bytes make anything here panic, loop without end or read out of bounds.
//! * `unsafe` is in [`view`] and [`prefetch`] only. [`header!`] declares further headers without
//!   any, in any crate.
//! * [`VlanId`], [`Prefix`], [`Dscp`] hold only values that exist; [`SeqNumber`] compares only as
//!   RFC 9293 says.
//! * Arithmetic on [`Duration`], [`Instant`] and [`WallTime`] saturates.
//! * No `std`, no allocation, no dependency.
//!
//! # What is not here
//!
//! Anything with a state: neighbour caches, reassembly, connections and the rules on which messages
//! to believe. Checksums are never checked on the way, since a device may have done it: ask
//! `has_valid_checksum`. Jumbograms (RFC 2675), the ICMP extensions of RFC 4884, IGMP and MLD are
//! not taken apart.
#![no_std]
#![deny(unsafe_code)]

pub mod addr;
pub mod arp;
pub mod checksum;
pub mod ethernet;
pub mod icmpv4;
pub mod icmpv6;
pub mod integers;
pub mod ip;
pub mod ipv4;
pub mod ipv6;
mod numbers;
mod options;
pub mod prefetch;
pub mod prefix;
pub mod seq;
pub mod tcp;
pub mod time;
pub mod udp;
pub mod view;
pub mod vlan;

pub use addr::MacAddr;
pub use arp::{ArpHeader, ArpOperation, ArpPacket};
pub use checksum::{Checksum, ChecksumDelta};
pub use ethernet::{EtherType, EthernetFrame, EthernetHeader};
pub use icmpv4::{Icmpv4Body, Icmpv4Header, Icmpv4Message, Icmpv4Type};
pub use icmpv6::{Icmpv6Body, Icmpv6Header, Icmpv6Message, Icmpv6Type};
pub use integers::{U16, U32, U64, U128};
pub use ip::{Dscp, Ecn, Ip, IpProtocol};
pub use ipv4::{Ipv4Header, Ipv4Packet, Ipv4PacketMut};
pub use ipv6::{Ipv6Header, Ipv6Packet, Ipv6PacketMut};
pub use prefetch::{prefetch_index, prefetch_read};
pub use prefix::{IpPrefix, Ipv4Prefix, Ipv6Prefix, Prefix};
pub use seq::SeqNumber;
pub use tcp::{TcpFlags, TcpHeader, TcpSegment, TcpSegmentMut};
pub use time::{Duration, Instant, WallTime};
pub use udp::{UdpDatagram, UdpDatagramMut, UdpHeader};
pub use view::{Stored, Truncated, View};
pub use vlan::{VlanId, VlanTag, VlanTags};

//! Typed network headers viewed in place, addresses, and time.
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

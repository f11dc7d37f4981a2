//! Typed network headers viewed in place, addresses, and time.
#![no_std]
#![deny(unsafe_code)]

pub mod addr;
pub mod arp;
pub mod checksum;
pub mod ethernet;
pub mod integers;
pub mod ip;
pub mod ipv4;
pub mod prefetch;
pub mod time;
pub mod view;
pub mod vlan;

pub use addr::MacAddr;
pub use arp::{ArpHeader, ArpOperation, ArpPacket};
pub use checksum::{Checksum, ChecksumDelta};
pub use ethernet::{EtherType, EthernetFrame, EthernetHeader};
pub use integers::{U16, U32, U64, U128};
pub use ip::{Dscp, Ecn, Ip, IpProtocol};
pub use ipv4::{Ipv4Header, Ipv4Packet, Ipv4PacketMut};
pub use time::{Duration, Instant, WallTime};
pub use view::{Stored, Truncated, View};
pub use vlan::{VlanId, VlanTag, VlanTags};

//! IPv6 (RFC 8200).
//!
//! [`Ipv6Header`] is the fixed 40 octets over any bytes. [`Ipv6Packet`] exists only where version
//! and payload length were checked against the bytes at hand; [`Ipv6PacketMut`] is the same, to be
//! changed. [`ExtensionHeaders`] walks from there to the upper layer. Jumbograms (RFC 2675) are not
//! supported: a payload length of 0 means no payload.

mod extensions;
mod options;
mod packet;
mod walk;

use core::fmt;
use core::net::Ipv6Addr;

use crate::checksum::Checksum;
use crate::integers::{U16, U32};
use crate::ip::{Dscp, Ecn, IpProtocol};
use crate::view::header;

pub use extensions::{ExtensionHeader, Ipv6FragmentHeader};
pub use options::{Ipv6Option, Ipv6OptionError, Ipv6Options, UnknownOptionAction};
pub use packet::{Ipv6Error, Ipv6Packet, Ipv6PacketMut};
pub use walk::{ExtensionError, ExtensionHeaders, UpperLayer};

header! {
    /// The fixed header.
    pub struct Ipv6Header {
        version_class_flow: U32;
        /// Octets that follow the fixed header, extension headers included.
        payload_length: U16 => u16, set_payload_length;
        /// What follows: an extension header or the upper layer.
        next_header: u8 => IpProtocol, set_next_header;
        /// Hops that the packet may still make.
        hop_limit: u8 => u8, set_hop_limit;
        /// Who sent the packet.
        source: [u8; 16] => Ipv6Addr, set_source;
        /// To whom it goes.
        destination: [u8; 16] => Ipv6Addr, set_destination;
    }
}

impl Ipv6Header {
    const FLOW_LABEL: u32 = 0x000f_ffff;

    /// A header with a hop limit of 64 (RFC 1700), and traffic class and flow label zero.
    /// `payload_length` is in octets.
    #[inline]
    pub const fn new(
        next_header: IpProtocol,
        source: Ipv6Addr,
        destination: Ipv6Addr,
        payload_length: u16,
    ) -> Self {
        Self {
            version_class_flow: U32::new(0x6000_0000),
            payload_length: U16::new(payload_length),
            next_header: next_header.0,
            hop_limit: 64,
            source: source.octets(),
            destination: destination.octets(),
        }
    }

    /// The version, which should be 6.
    #[inline]
    pub const fn version(&self) -> u8 {
        (self.version_class_flow.get() >> 28) as u8
    }

    /// DSCP and ECN in one octet.
    #[inline]
    pub const fn traffic_class(&self) -> u8 {
        (self.version_class_flow.get() >> 20) as u8
    }

    /// Sets DSCP and ECN.
    #[inline]
    pub const fn set_traffic_class(&mut self, class: u8) {
        let rest = self.version_class_flow.get() & !(0xff << 20);
        self.version_class_flow = U32::new(rest | (class as u32) << 20);
    }

    /// The differentiated services code point.
    #[inline]
    pub const fn dscp(&self) -> Dscp {
        Dscp::from_traffic_class(self.traffic_class())
    }

    /// Sets the differentiated services code point.
    #[inline]
    pub const fn set_dscp(&mut self, dscp: Dscp) {
        self.set_traffic_class(self.traffic_class() & 0b11 | dscp.value() << 2);
    }

    /// The congestion notification.
    #[inline]
    pub const fn ecn(&self) -> Ecn {
        Ecn::from_traffic_class(self.traffic_class())
    }

    /// Sets the congestion notification.
    #[inline]
    pub const fn set_ecn(&mut self, ecn: Ecn) {
        self.set_traffic_class(self.traffic_class() & !0b11 | ecn as u8);
    }

    /// Marks the packet as having met congestion, or returns `false` and changes nothing if its
    /// sender does not understand that (RFC 3168 §5).
    #[inline]
    #[must_use]
    pub const fn mark_congestion(&mut self) -> bool {
        let capable = self.ecn().is_capable();
        if capable {
            self.set_ecn(Ecn::Ce);
        }
        capable
    }

    /// The flow label, 20 bits (RFC 6437).
    #[inline]
    pub const fn flow_label(&self) -> u32 {
        self.version_class_flow.get() & Self::FLOW_LABEL
    }

    /// Sets the flow label; bits above the lower 20 are ignored.
    #[inline]
    pub const fn set_flow_label(&mut self, label: u32) {
        let rest = self.version_class_flow.get() & !Self::FLOW_LABEL;
        self.version_class_flow = U32::new(rest | label & Self::FLOW_LABEL);
    }

    /// Takes one hop off, or returns `false` and changes nothing if the packet may go no further:
    /// its hop limit is 1 or 0 (RFC 8200 §3).
    #[inline]
    #[must_use]
    pub const fn decrement_hop_limit(&mut self) -> bool {
        if self.hop_limit <= 1 {
            return false;
        }
        self.hop_limit -= 1;
        true
    }

    /// The pseudo-header for an upper layer of this packet (RFC 8200 §8.1): `length` is that of its
    /// header and data in octets. With a routing header, the last destination counts, which is not
    /// the one in this header.
    #[inline]
    pub fn pseudo_header(&self, protocol: IpProtocol, length: u32) -> Checksum {
        Checksum::ipv6_pseudo_header(self.source(), self.destination(), protocol, length)
    }
}

/// `2001:db8::1 > 2001:db8::2: UDP, hlim 64, flow 0x12345, length 48`
impl fmt::Display for Ipv6Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (source, destination) = (self.source(), self.destination());
        write!(
            f,
            "{source} > {destination}: {}, hlim {}",
            self.next_header(),
            self.hop_limit
        )?;
        if self.traffic_class() != 0 {
            write!(f, ", {} {}", self.dscp(), self.ecn())?;
        }
        if self.flow_label() != 0 {
            write!(f, ", flow {:#07x}", self.flow_label())?;
        }
        write!(f, ", length {}", self.payload_length)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    const HEADER: [u8; 40] = [
        0x6b, 0xb1, 0x23, 0x45, 0x00, 0x08, 17, 64, // EF and CE, flow 12345, 8 octets of UDP
        0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, // source
        0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, // destination
    ];

    #[test]
    fn reads_the_fields() {
        let header = Ipv6Header::from_bytes(HEADER);
        assert_eq!(
            (header.version(), header.dscp(), header.ecn()),
            (6, Dscp::EF, Ecn::Ce)
        );
        assert_eq!((header.flow_label(), header.payload_length()), (0x12345, 8));
        assert_eq!(
            header.to_string(),
            "2001:db8::1 > 2001:db8::2: UDP, hlim 64, EF CE, flow 0x12345, length 8"
        );
    }

    #[test]
    fn builds_the_same() {
        let source = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
        let destination = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);
        let mut header = Ipv6Header::new(IpProtocol::UDP, source, destination, 8);
        header.set_flow_label(0xfff1_2345);
        assert_eq!((header.version(), header.traffic_class()), (6, 0));
        header.set_flow_label(0x12345);
        header.set_dscp(Dscp::EF);
        assert!(!header.mark_congestion());
        header.set_ecn(Ecn::Ect1);
        assert!(header.mark_congestion());
        assert_eq!(*header.as_bytes(), HEADER);
    }

    #[test]
    fn hops_end_at_one() {
        let mut header = Ipv6Header::from_bytes(HEADER);
        header.set_hop_limit(2);
        assert!(header.decrement_hop_limit() && header.hop_limit() == 1);
        assert!(!header.decrement_hop_limit() && header.hop_limit() == 1);
    }
}

//! IPv4 (RFC 791).
//!
//! [`Ipv4Header`] is the fixed 20 octets over any bytes. [`Ipv4Packet`] exists only where version,
//! header length and total length were checked against the bytes at hand; [`Ipv4PacketMut`] is the
//! same, to be changed. The checksum is checked apart, since a device may have done it.

mod options;
mod packet;

use core::fmt;
use core::net::Ipv4Addr;

use crate::checksum::{Checksum, ChecksumDelta, sum_of_20};
use crate::integers::U16;
use crate::ip::{Dscp, Ecn, IpProtocol};
use crate::view::header;

pub use options::{Ipv4Option, Ipv4OptionError, Ipv4Options};
pub use packet::{Ipv4Error, Ipv4Packet, Ipv4PacketMut};

header! {
    /// The fixed part of the header.
    pub struct Ipv4Header {
        version_ihl: u8;
        /// DSCP and ECN in one octet, once "type of service".
        traffic_class: u8 => u8, set_traffic_class;
        /// Length of header and payload in octets.
        total_length: U16 => u16, set_total_length;
        /// What fragments of one packet have in common (RFC 6864).
        identification: U16 => u16, set_identification;
        flags_fragment: U16;
        /// Hops that the packet may still make.
        ttl: u8 => u8, set_ttl;
        /// What the packet carries.
        protocol: u8 => IpProtocol, set_protocol;
        /// Checksum over the header.
        checksum: U16 => u16, set_checksum;
        /// Who sent the packet.
        source: [u8; 4] => Ipv4Addr, set_source;
        /// To whom it goes.
        destination: [u8; 4] => Ipv4Addr, set_destination;
    }
}

impl Ipv4Header {
    /// The longest header, with options, in octets.
    pub const MAX_LEN: usize = 60;

    const DONT_FRAGMENT: u16 = 0x4000;
    const MORE_FRAGMENTS: u16 = 0x2000;
    const OFFSET: u16 = 0x1fff;

    /// A header without options, with a TTL of 64 (RFC 1700), everything else zero, and its
    /// checksum not yet filled in.
    ///
    /// `payload_len` is in octets; more than 65515 do not fit, and the total length then saturates
    /// at 65535.
    #[inline]
    pub const fn new(
        protocol: IpProtocol,
        source: Ipv4Addr,
        destination: Ipv4Addr,
        payload_len: u16,
    ) -> Self {
        Self {
            version_ihl: 0x45,
            traffic_class: 0,
            total_length: U16::new(payload_len.saturating_add(Self::LEN as u16)),
            identification: U16::new(0),
            flags_fragment: U16::new(0),
            ttl: 64,
            protocol: protocol.0,
            checksum: U16::new(0),
            source: source.octets(),
            destination: destination.octets(),
        }
    }

    /// The version, which should be 4.
    #[inline]
    pub const fn version(&self) -> u8 {
        self.version_ihl >> 4
    }

    /// The header length in octets as the header says it: a multiple of 4 up to 60, and less than
    /// 20 in a malformed one.
    #[inline]
    pub const fn header_len(&self) -> usize {
        (self.version_ihl & 0x0f) as usize * 4
    }

    /// Sets the header length in octets, rounded down to a multiple of 4, modulo 64; the version
    /// becomes 4.
    #[inline]
    pub const fn set_header_len(&mut self, octets: usize) {
        self.version_ihl = 0x40 | ((octets / 4) & 0x0f) as u8;
    }

    /// The differentiated services code point.
    #[inline]
    pub const fn dscp(&self) -> Dscp {
        Dscp::from_traffic_class(self.traffic_class)
    }

    /// Sets the differentiated services code point.
    #[inline]
    pub const fn set_dscp(&mut self, dscp: Dscp) {
        self.traffic_class = self.traffic_class & 0b11 | dscp.value() << 2;
    }

    /// The congestion notification.
    #[inline]
    pub const fn ecn(&self) -> Ecn {
        Ecn::from_traffic_class(self.traffic_class)
    }

    /// Sets the congestion notification; the checksum is left as it was.
    #[inline]
    pub const fn set_ecn(&mut self, ecn: Ecn) {
        self.traffic_class = self.traffic_class & !0b11 | ecn as u8;
    }

    /// Whether routers must not fragment the packet.
    #[inline]
    pub const fn dont_fragment(&self) -> bool {
        self.flags_fragment.get() & Self::DONT_FRAGMENT != 0
    }

    /// Sets whether routers must not fragment the packet.
    #[inline]
    pub const fn set_dont_fragment(&mut self, set: bool) {
        self.set_flag(Self::DONT_FRAGMENT, set);
    }

    /// Whether more fragments follow this one.
    #[inline]
    pub const fn more_fragments(&self) -> bool {
        self.flags_fragment.get() & Self::MORE_FRAGMENTS != 0
    }

    /// Sets whether more fragments follow this one.
    #[inline]
    pub const fn set_more_fragments(&mut self, set: bool) {
        self.set_flag(Self::MORE_FRAGMENTS, set);
    }

    #[inline]
    const fn set_flag(&mut self, flag: u16, set: bool) {
        let rest = self.flags_fragment.get() & !flag;
        self.flags_fragment = U16::new(if set { rest | flag } else { rest });
    }

    /// Where in the whole payload this fragment begins, in octets: a multiple of 8 up to 65528.
    #[inline]
    pub const fn fragment_offset(&self) -> u16 {
        (self.flags_fragment.get() & Self::OFFSET) << 3
    }

    /// Sets where in the whole payload this fragment begins, in octets, rounded down to a multiple
    /// of 8.
    #[inline]
    pub const fn set_fragment_offset(&mut self, octets: u16) {
        self.flags_fragment = U16::new(self.flags_fragment.get() & !Self::OFFSET | octets >> 3);
    }

    /// Whether this is a part of a packet only.
    #[inline]
    pub const fn is_fragment(&self) -> bool {
        self.flags_fragment.get() & (Self::MORE_FRAGMENTS | Self::OFFSET) != 0
    }

    /// Whether the checksum of a header without options is right.
    ///
    /// Octets beyond the twentieth are not seen here: for any packet use
    /// [`Ipv4Packet::has_valid_checksum`].
    #[inline]
    pub fn has_valid_checksum(&self) -> bool {
        sum_of_20(self.as_bytes()).is_valid()
    }

    /// Fills in the checksum of a header without options; with options use
    /// [`Ipv4PacketMut::fill_checksum`].
    #[inline]
    pub fn fill_checksum(&mut self) {
        self.checksum = U16::new(0);
        self.checksum = U16::new(sum_of_20(self.as_bytes()).finish());
    }

    /// Corrects the checksum after fields were changed (RFC 1624).
    #[inline]
    pub const fn update_checksum(&mut self, delta: ChecksumDelta) {
        self.checksum = U16::new(delta.apply(self.checksum.get()));
    }

    /// Takes one hop off and corrects the checksum, or returns `false` and changes nothing if the
    /// packet may go no further: its TTL is 1 or 0 (RFC 1812 §5.3.1).
    #[inline]
    #[must_use]
    pub const fn decrement_ttl(&mut self) -> bool {
        if self.ttl <= 1 {
            return false;
        }
        self.ttl -= 1;
        // RFC 1624 equation 3 for a word that becomes less by 0x0100: ~m + m' is 0xfeff whatever m
        // was.
        let sum = !self.checksum.get() as u32 + 0xfeff;
        self.checksum = U16::new(!(sum + (sum >> 16)) as u16);
        true
    }

    /// Marks the packet as having met congestion and corrects the checksum, or returns `false` and
    /// changes nothing if its sender does not understand that (RFC 3168 §5).
    #[inline]
    #[must_use]
    pub const fn mark_congestion(&mut self) -> bool {
        if !self.ecn().is_capable() {
            return false;
        }
        let old = u16::from_be_bytes([self.version_ihl, self.traffic_class]);
        self.traffic_class |= 0b11;
        let new = u16::from_be_bytes([self.version_ihl, self.traffic_class]);
        self.update_checksum(ChecksumDelta::new().replace_u16(old, new));
        true
    }

    /// The pseudo-header for a transport of this packet; `length` is that of the transport's header
    /// and data, in octets.
    #[inline]
    pub fn pseudo_header(&self, length: u16) -> Checksum {
        Checksum::ipv4_pseudo_header(self.source(), self.destination(), self.protocol(), length)
    }
}

/// `10.0.0.1 > 10.0.0.2: UDP, ttl 64, id 7, DF, length 48`
impl fmt::Display for Ipv4Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} > {}: {}, ttl {}, id {}",
            self.source(),
            self.destination(),
            self.protocol(),
            self.ttl,
            self.identification
        )?;
        if self.traffic_class != 0 {
            write!(f, ", {} {}", self.dscp(), self.ecn())?;
        }
        if self.dont_fragment() {
            f.write_str(", DF")?;
        }
        if self.is_fragment() {
            let more = if self.more_fragments() { "+" } else { "" };
            write!(f, ", frag {}{more}", self.fragment_offset())?;
        }
        write!(f, ", length {}", self.total_length)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    /// 192.0.2.1 to 198.51.100.2, UDP, TTL 64, DF, identification 0x1c46, total length 60; checksum
    /// worked out by hand.
    const HEADER: [u8; 20] = [
        0x45, 0x00, 0x00, 0x3c, 0x1c, 0x46, 0x40, 0x00, 0x40, 0x11, 0x32, 0x34, 192, 0, 2, 1, 198,
        51, 100, 2,
    ];

    #[test]
    fn reads_the_fields() {
        let header = Ipv4Header::from_bytes(HEADER);
        assert_eq!(
            (header.version(), header.header_len(), header.total_length()),
            (4, 20, 60)
        );
        assert_eq!((header.identification(), header.ttl()), (0x1c46, 64));
        assert!(header.dont_fragment() && !header.more_fragments() && !header.is_fragment());
        assert_eq!(header.protocol(), IpProtocol::UDP);
        assert!(header.has_valid_checksum());
        assert_eq!(
            header.to_string(),
            "192.0.2.1 > 198.51.100.2: UDP, ttl 64, id 7238, DF, length 60"
        );
    }

    #[test]
    fn builds_the_same() {
        let (source, destination) = (Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(198, 51, 100, 2));
        let mut header = Ipv4Header::new(IpProtocol::UDP, source, destination, 40);
        header.set_identification(0x1c46);
        header.set_dont_fragment(true);
        header.fill_checksum();
        assert_eq!(*header.as_bytes(), HEADER);
    }

    #[test]
    fn bit_fields_do_not_touch_each_other() {
        let mut header = Ipv4Header::from_bytes([0; 20]);
        header.set_fragment_offset(65_535);
        assert_eq!(
            (header.fragment_offset(), header.dont_fragment()),
            (65_528, false)
        );
        header.set_dont_fragment(true);
        header.set_more_fragments(true);
        header.set_fragment_offset(8);
        assert_eq!(header.as_bytes()[6..8], [0x60, 0x01]);
        header.set_dscp(Dscp::EF);
        header.set_ecn(Ecn::Ce);
        assert_eq!(
            (header.traffic_class(), header.dscp(), header.ecn()),
            (0xbb, Dscp::EF, Ecn::Ce)
        );
        header.set_header_len(60);
        assert_eq!((header.version(), header.header_len()), (4, 60));
    }

    #[test]
    fn a_hop_keeps_the_checksum_right() {
        let mut header = Ipv4Header::from_bytes(HEADER);
        for ttl in (1..64).rev() {
            assert!(header.decrement_ttl());
            assert!(header.ttl() == ttl && header.has_valid_checksum());
        }
        let before = header;
        assert!(!header.decrement_ttl());
        assert_eq!(header, before);
        header.set_ttl(0);
        assert!(!header.decrement_ttl());
    }

    #[test]
    fn congestion_is_marked_where_the_sender_allows_it() {
        let mut header = Ipv4Header::from_bytes(HEADER);
        assert!(!header.mark_congestion());
        header.set_ecn(Ecn::Ect0);
        header.fill_checksum();
        assert!(header.mark_congestion());
        assert!(header.ecn() == Ecn::Ce && header.has_valid_checksum());
    }
}

//! Ethernet II and 802.3 frames (IEEE 802.3 §3.1; RFC 894, RFC 2464).
//!
//! The preamble and the frame check sequence belong to the card and are never seen here. VLAN tags
//! are in [`vlan`](crate::vlan).

use core::fmt;

use crate::addr::MacAddr;
use crate::integers::U16;
use crate::numbers::stored;
use crate::view::{Truncated, header};

/// What a frame carries (IEEE 802 §9.2.1); values below 0x0600 are the length of an 802.3 frame
/// instead.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EtherType(pub u16);

impl EtherType {
    /// IPv4 (RFC 894).
    pub const IPV4: Self = Self(0x0800);
    /// ARP (RFC 826).
    pub const ARP: Self = Self(0x0806);
    /// Customer VLAN tag (IEEE 802.1Q).
    pub const VLAN: Self = Self(0x8100);
    /// IPv6 (RFC 2464).
    pub const IPV6: Self = Self(0x86dd);
    /// Slow protocols, LACP among them (IEEE 802.3 annex 57A).
    pub const SLOW_PROTOCOLS: Self = Self(0x8809);
    /// MPLS (RFC 5332).
    pub const MPLS: Self = Self(0x8847);
    /// PPPoE discovery (RFC 2516).
    pub const PPPOE_DISCOVERY: Self = Self(0x8863);
    /// PPPoE session (RFC 2516).
    pub const PPPOE_SESSION: Self = Self(0x8864);
    /// Service VLAN tag (IEEE 802.1ad, now 802.1Q).
    pub const SERVICE_VLAN: Self = Self(0x88a8);
    /// LLDP (IEEE 802.1AB).
    pub const LLDP: Self = Self(0x88cc);
    /// MACsec (IEEE 802.1AE).
    pub const MACSEC: Self = Self(0x88e5);
    /// PTP (IEEE 1588).
    pub const PTP: Self = Self(0x88f7);
    /// NDN, directly over Ethernet, as NFD sends it.
    pub const NDN: Self = Self(0x8624);

    /// Whether the number is the length of an 802.3 frame and no type.
    #[inline]
    pub const fn is_length(self) -> bool {
        self.0 < 0x0600
    }

    /// Whether a VLAN tag follows.
    #[inline]
    pub const fn is_vlan(self) -> bool {
        matches!(self, Self::VLAN | Self::SERVICE_VLAN)
    }

    /// The usual name, where there is one.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::IPV4 => "IPv4",
            Self::ARP => "ARP",
            Self::VLAN => "802.1Q",
            Self::IPV6 => "IPv6",
            Self::SLOW_PROTOCOLS => "slow protocols",
            Self::MPLS => "MPLS",
            Self::PPPOE_DISCOVERY => "PPPoE discovery",
            Self::PPPOE_SESSION => "PPPoE session",
            Self::SERVICE_VLAN => "802.1ad",
            Self::LLDP => "LLDP",
            Self::MACSEC => "MACsec",
            Self::PTP => "PTP",
            Self::NDN => "NDN",
            _ => return None,
        })
    }
}

stored!(EtherType in U16);

impl fmt::Display for EtherType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None if self.is_length() => write!(f, "802.3 length {}", self.0),
            None => write!(f, "ethertype {:#06x}", self.0),
        }
    }
}

impl fmt::Debug for EtherType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

header! {
    /// The 14 octets at the beginning of a frame.
    pub struct EthernetHeader {
        /// To whom the frame goes.
        destination: MacAddr => MacAddr, set_destination;
        /// Who sent it.
        source: MacAddr => MacAddr, set_source;
        /// What it carries, or its length.
        ethertype: U16 => EtherType, set_ethertype;
    }
}

impl EthernetHeader {
    /// A header from its fields.
    #[inline]
    pub const fn new(destination: MacAddr, source: MacAddr, ethertype: EtherType) -> Self {
        Self {
            destination,
            source,
            ethertype: U16::new(ethertype.0),
        }
    }
}

/// `02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, ARP`
impl fmt::Display for EthernetHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} > {}, {}",
            self.source,
            self.destination,
            self.ethertype()
        )
    }
}

/// Why bytes are no Ethernet frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EthernetError {
    /// Fewer bytes than the header.
    Truncated(Truncated),
    /// The length field of an 802.3 frame counts more payload than there is.
    Length {
        /// What the field says, in octets.
        length: u16,
        /// Payload octets that are there.
        found: usize,
    },
}

impl From<Truncated> for EthernetError {
    fn from(error: Truncated) -> Self {
        Self::Truncated(error)
    }
}

impl fmt::Display for EthernetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated(error) => write!(f, "Ethernet header: {error}"),
            Self::Length { length, found } => {
                write!(
                    f,
                    "802.3 length field: expected {length} octets of payload, found {found}"
                )
            }
        }
    }
}

impl core::error::Error for EthernetError {}

/// A frame whose length was checked.
///
/// With a type, the payload is all that follows the header, padding included, for only the next
/// header knows its length. With an 802.3 length, the payload is as long as that says.
#[derive(Clone, Copy, Debug)]
pub struct EthernetFrame<'a> {
    header: &'a EthernetHeader,
    payload: &'a [u8],
}

impl<'a> EthernetFrame<'a> {
    /// Checks a frame without preamble and frame check sequence.
    ///
    /// # Errors
    /// Says what is missing.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, EthernetError> {
        let (header, payload) = EthernetHeader::split_from(bytes)?;
        let ethertype = header.ethertype();
        if !ethertype.is_length() {
            return Ok(Self { header, payload });
        }
        match payload.get(..usize::from(ethertype.0)) {
            Some(payload) => Ok(Self { header, payload }),
            None => Err(EthernetError::Length {
                length: ethertype.0,
                found: payload.len(),
            }),
        }
    }

    /// The header.
    #[inline]
    pub const fn header(&self) -> &'a EthernetHeader {
        self.header
    }

    /// What follows the header.
    #[inline]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }
}

impl fmt::Display for EthernetFrame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, length {}",
            self.header,
            EthernetHeader::LEN + self.payload.len()
        )
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    const FRAME: [u8; 18] = [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // destination
        0x02, 0x00, 0x00, 0x00, 0x00, 0x01, // source
        0x08, 0x06, // ARP
        1, 2, 3, 4,
    ];

    #[test]
    fn reads_a_frame() {
        let frame = EthernetFrame::parse(&FRAME).unwrap();
        assert_eq!(frame.header().destination(), MacAddr::BROADCAST);
        assert_eq!(frame.header().source(), MacAddr::new([2, 0, 0, 0, 0, 1]));
        assert_eq!(frame.header().ethertype(), EtherType::ARP);
        assert_eq!(frame.payload(), [1, 2, 3, 4]);
        assert_eq!(
            frame.to_string(),
            "02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, ARP, length 18"
        );
    }

    #[test]
    fn builds_a_header() {
        let source = MacAddr::new([2, 0, 0, 0, 0, 1]);
        let header = EthernetHeader::new(MacAddr::BROADCAST, source, EtherType::ARP);
        assert_eq!(header.as_bytes()[..], FRAME[..14]);
    }

    #[test]
    fn an_802_3_length_cuts_the_padding_off() {
        let mut frame = FRAME;
        frame[12..14].copy_from_slice(&[0, 3]);
        assert_eq!(EthernetFrame::parse(&frame).unwrap().payload(), [1, 2, 3]);
        frame[13] = 5;
        let error = EthernetFrame::parse(&frame).unwrap_err();
        assert_eq!(
            error,
            EthernetError::Length {
                length: 5,
                found: 4
            }
        );
        assert_eq!(
            error.to_string(),
            "802.3 length field: expected 5 octets of payload, found 4"
        );
    }

    #[test]
    fn a_short_frame_is_refused() {
        let error = EthernetFrame::parse(&FRAME[..13]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Ethernet header: expected at least 14 bytes, found 13"
        );
    }
}

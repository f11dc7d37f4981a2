//! ARP for IPv4 over Ethernet (RFC 826), with the probes and announcements of RFC 5227.

use core::fmt;
use core::net::Ipv4Addr;

use crate::addr::MacAddr;
use crate::ethernet::EtherType;
use crate::integers::U16;
use crate::numbers::{named_values, stored};
use crate::view::{Truncated, header};

named_values! {
    /// What an ARP packet wants (IANA "ARP Parameters").
    pub struct ArpOperation(u16), "operation" {
        /// Who has this address?
        REQUEST = 1, "request";
        /// I have it.
        REPLY = 2, "reply";
    }
}

stored!(ArpOperation in U16);

header! {
    /// The 28 octets of an ARP packet for IPv4 over Ethernet.
    pub struct ArpHeader {
        /// Kind of link: 1 is Ethernet.
        hardware_type: U16 => u16, set_hardware_type;
        /// Kind of protocol, an EtherType.
        protocol_type: U16 => EtherType, set_protocol_type;
        /// Octets of a hardware address: 6 for Ethernet.
        hardware_len: u8 => u8, set_hardware_len;
        /// Octets of a protocol address: 4 for IPv4.
        protocol_len: u8 => u8, set_protocol_len;
        /// What the packet wants.
        operation: U16 => ArpOperation, set_operation;
        /// Hardware address of the sender.
        sender_mac: MacAddr => MacAddr, set_sender_mac;
        /// Protocol address of the sender.
        sender_ip: [u8; 4] => Ipv4Addr, set_sender_ip;
        /// Hardware address of the target, unknown in a request.
        target_mac: MacAddr => MacAddr, set_target_mac;
        /// Protocol address of the target.
        target_ip: [u8; 4] => Ipv4Addr, set_target_ip;
    }
}

impl ArpHeader {
    /// The hardware type of Ethernet (IANA "ARP Parameters").
    pub const ETHERNET: u16 = 1;

    const fn new(
        operation: ArpOperation,
        sender_mac: MacAddr,
        sender_ip: Ipv4Addr,
        target_mac: MacAddr,
        target_ip: Ipv4Addr,
    ) -> Self {
        Self {
            hardware_type: U16::new(Self::ETHERNET),
            protocol_type: U16::new(EtherType::IPV4.0),
            hardware_len: 6,
            protocol_len: 4,
            operation: U16::new(operation.0),
            sender_mac,
            sender_ip: sender_ip.octets(),
            target_mac,
            target_ip: target_ip.octets(),
        }
    }

    /// "Who has `target_ip`?", asked by the owner of `sender_ip`. It goes to the broadcast address.
    #[inline]
    pub const fn request(sender_mac: MacAddr, sender_ip: Ipv4Addr, target_ip: Ipv4Addr) -> Self {
        Self::new(
            ArpOperation::REQUEST,
            sender_mac,
            sender_ip,
            MacAddr::ZERO,
            target_ip,
        )
    }

    /// "I have `sender_ip`", told to the one who asked.
    #[inline]
    pub const fn reply(
        sender_mac: MacAddr,
        sender_ip: Ipv4Addr,
        target_mac: MacAddr,
        target_ip: Ipv4Addr,
    ) -> Self {
        Self::new(
            ArpOperation::REPLY,
            sender_mac,
            sender_ip,
            target_mac,
            target_ip,
        )
    }

    /// "Does anybody use `candidate`?", which teaches nobody anything (RFC 5227 §2.1.1).
    #[inline]
    pub const fn probe(sender_mac: MacAddr, candidate: Ipv4Addr) -> Self {
        Self::request(sender_mac, Ipv4Addr::UNSPECIFIED, candidate)
    }

    /// "`address` is mine now", which corrects stale entries (RFC 5227 §2.3): a request for one's
    /// own address.
    #[inline]
    pub const fn announcement(sender_mac: MacAddr, address: Ipv4Addr) -> Self {
        Self::request(sender_mac, address, address)
    }

    /// Whether this is a probe (RFC 5227 §1.1).
    #[inline]
    pub fn is_probe(&self) -> bool {
        self.operation() == ArpOperation::REQUEST && self.sender_ip().is_unspecified()
    }

    /// Whether sender and target are the same address: an announcement, also called gratuitous ARP,
    /// of either operation.
    #[inline]
    pub fn is_announcement(&self) -> bool {
        self.sender_ip == self.target_ip
    }
}

/// `ARP request who-has 10.0.0.2 tell 10.0.0.1`
impl fmt::Display for ArpHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sender, target) = (self.sender_ip(), self.target_ip());
        match self.operation() {
            ArpOperation::REQUEST if self.is_probe() => write!(f, "ARP probe {target}"),
            _ if self.is_announcement() => {
                write!(f, "ARP announcement {sender} is-at {}", self.sender_mac)
            }
            ArpOperation::REQUEST => write!(f, "ARP request who-has {target} tell {sender}"),
            ArpOperation::REPLY => write!(f, "ARP reply {sender} is-at {}", self.sender_mac),
            other => write!(f, "ARP {other} {sender} > {target}"),
        }
    }
}

/// Why bytes are no ARP packet for IPv4 over Ethernet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArpError {
    /// Fewer bytes than the packet takes.
    Truncated(Truncated),
    /// Another kind of link than Ethernet, or addresses of a wrong length.
    Hardware {
        /// The hardware type found.
        hardware_type: u16,
        /// The length of hardware addresses found.
        len: u8,
    },
    /// Another protocol than IPv4, or addresses of a wrong length.
    Protocol {
        /// The protocol type found.
        protocol_type: EtherType,
        /// The length of protocol addresses found.
        len: u8,
    },
}

impl From<Truncated> for ArpError {
    fn from(error: Truncated) -> Self {
        Self::Truncated(error)
    }
}

impl fmt::Display for ArpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated(error) => write!(f, "ARP packet: {error}"),
            Self::Hardware { hardware_type, len } => write!(
                f,
                "expected ARP for hardware type 1 with addresses of 6 octets, found type {hardware_type} with {len}"
            ),
            Self::Protocol { protocol_type, len } => write!(
                f,
                "expected ARP for IPv4 with addresses of 4 octets, found {protocol_type} with {len}"
            ),
        }
    }
}

impl core::error::Error for ArpError {}

/// An ARP packet that is for IPv4 over Ethernet indeed. Its operation may be any.
#[derive(Clone, Copy, Debug)]
pub struct ArpPacket<'a> {
    header: &'a ArpHeader,
}

impl<'a> ArpPacket<'a> {
    /// Checks the packet; what follows it is padding.
    ///
    /// # Errors
    /// Says what is missing, or for what else the packet is.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ArpError> {
        // Types and lengths come first in any ARP packet, so a short one for another link is told
        // as what it is.
        if let Some(&[a, b, c, d, hardware_len, protocol_len]) = bytes.first_chunk() {
            let hardware_type = u16::from_be_bytes([a, b]);
            if (hardware_type, hardware_len) != (ArpHeader::ETHERNET, 6) {
                return Err(ArpError::Hardware {
                    hardware_type,
                    len: hardware_len,
                });
            }
            let protocol_type = EtherType(u16::from_be_bytes([c, d]));
            if (protocol_type, protocol_len) != (EtherType::IPV4, 4) {
                return Err(ArpError::Protocol {
                    protocol_type,
                    len: protocol_len,
                });
            }
        }
        let (header, _padding) = ArpHeader::split_from(bytes)?;
        Ok(Self { header })
    }

    /// The fields.
    #[inline]
    pub const fn header(&self) -> &'a ArpHeader {
        self.header
    }
}

impl fmt::Display for ArpPacket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.header.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    const MAC: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 1]);
    const REQUEST: [u8; 28] = [
        0, 1, 8, 0, 6, 4, 0, 1, // Ethernet, IPv4, request
        2, 0, 0, 0, 0, 1, 10, 0, 0, 1, // sender
        0, 0, 0, 0, 0, 0, 10, 0, 0, 2, // target
    ];

    #[test]
    fn reads_a_padded_request() {
        let mut frame = [0; 46];
        frame[..28].copy_from_slice(&REQUEST);
        let packet = ArpPacket::parse(&frame).unwrap();
        let header = packet.header();
        assert_eq!(
            (header.operation(), header.sender_mac()),
            (ArpOperation::REQUEST, MAC)
        );
        assert_eq!(header.sender_ip(), Ipv4Addr::new(10, 0, 0, 1));
        assert_eq!(
            (header.target_mac(), header.target_ip()),
            (MacAddr::ZERO, Ipv4Addr::new(10, 0, 0, 2))
        );
        assert_eq!(
            packet.to_string(),
            "ARP request who-has 10.0.0.2 tell 10.0.0.1"
        );
    }

    #[test]
    fn builds_all_kinds() {
        let (a, b) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
        assert_eq!(*ArpHeader::request(MAC, a, b).as_bytes(), REQUEST);
        let probe = ArpHeader::probe(MAC, a);
        assert!(probe.is_probe() && !probe.is_announcement());
        assert_eq!(probe.to_string(), "ARP probe 10.0.0.1");
        let announcement = ArpHeader::announcement(MAC, a);
        assert!(announcement.is_announcement() && !announcement.is_probe());
        let reply = ArpHeader::reply(MAC, a, MacAddr::new([2, 0, 0, 0, 0, 2]), b);
        assert_eq!(
            reply.to_string(),
            "ARP reply 10.0.0.1 is-at 02:00:00:00:00:01"
        );
        assert_eq!(reply.as_bytes()[6..8], [0, 2]);
    }

    #[test]
    fn other_links_and_protocols_are_refused() {
        let mut packet = REQUEST;
        packet[1] = 6;
        assert_eq!(
            ArpPacket::parse(&packet).unwrap_err(),
            ArpError::Hardware {
                hardware_type: 6,
                len: 6
            }
        );
        packet = REQUEST;
        packet[5] = 16;
        let error = ArpPacket::parse(&packet[..8]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected ARP for IPv4 with addresses of 4 octets, found IPv4 with 16"
        );
        assert!(matches!(
            ArpPacket::parse(&REQUEST[..27]),
            Err(ArpError::Truncated(_))
        ));
        assert!(matches!(ArpPacket::parse(&[]), Err(ArpError::Truncated(_))));
    }
}

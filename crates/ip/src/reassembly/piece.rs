//! What a fragment says of itself, in both versions of IP, and the header of the whole datagram.

use core::net::{Ipv4Addr, Ipv6Addr};

use waypost_wire::icmpv6::ParameterProblem;
use waypost_wire::ipv6::{ExtensionHeader, Ipv6FragmentHeader};
use waypost_wire::{Ecn, Ip, IpProtocol, Ipv4Header, Ipv4Packet, Ipv6Header, Ipv6Packet};

use super::FragmentDrop;
use crate::fragment::upper_header_len;

/// What the sender of a fragment is to be told about it, by an ICMPv6 error of type "parameter problem".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentProblem {
    /// The code.
    pub code: ParameterProblem,
    /// The octet of the packet that is wrong.
    pub pointer: u32,
}

/// What a fragment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<A> {
    /// Who sent it.
    pub source: A,
    /// To whom.
    pub destination: A,
    /// Of which protocol, which tells datagrams of IPv4 apart (RFC 791 §3.2); 0 in IPv6.
    pub protocol: IpProtocol,
    /// What the fragments of a datagram have in common.
    pub identification: u32,
    /// Where in the datagram it lies, in octets.
    pub offset: u32,
    /// Whether others follow it.
    pub more: bool,
    /// Length of what of its headers belongs to the datagram: with options, without the fragment header.
    pub header_len: usize,
    /// Where in the packet its part of the datagram begins.
    pub start: usize,
    /// How long that is, in octets.
    pub len: usize,
    /// Whether it met congestion.
    pub ecn: Ecn,
}

impl<A> Piece<A> {
    /// Whether it is all of its datagram.
    pub const fn is_atomic(&self) -> bool {
        self.offset == 0 && !self.more
    }
}

/// What a packet turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed<A> {
    /// No fragment.
    Other,
    /// A fragment.
    Piece(Piece<A>),
    /// A fragment that cannot be part of any datagram.
    Bad(FragmentDrop, Option<FragmentProblem>),
}

/// A version of IP whose fragments can be put together: both.
pub trait ReassembleIp: Ip {
    /// How many first bits of an address tell who sends.
    const SOURCE_BITS: u8;

    /// Reads a packet.
    fn parse(octets: &[u8]) -> Parsed<Self>;

    /// Whether a datagram with the headers of `first`, in octets, and this much behind may exist.
    fn is_too_long(header_len: usize, len: usize) -> bool;

    /// Writes the header of the whole: that of `first`, its first fragment, for `len` octets behind it.
    fn write_header(
        first: &[u8],
        header_len: usize,
        len: usize,
        ecn: Ecn,
        buffer: &mut [u8],
    ) -> Option<usize>;
}

impl ReassembleIp for Ipv4Addr {
    const SOURCE_BITS: u8 = 32;

    fn parse(octets: &[u8]) -> Parsed<Self> {
        let Ok(packet) = Ipv4Packet::parse(octets) else {
            return Parsed::Bad(FragmentDrop::Malformed, None);
        };
        let header = packet.header();
        if !header.is_fragment() {
            return Parsed::Other;
        }
        let (header_len, len) = (header.header_len(), packet.payload().len());
        let (offset, more) = (u32::from(header.fragment_offset()), header.more_fragments());
        let is_tcp = header.protocol() == IpProtocol::TCP;
        let bad = if len == 0 {
            Some(FragmentDrop::Empty)
        } else if more && len % 8 != 0 {
            Some(FragmentDrop::Unaligned)
        } else if Self::is_too_long(header_len, offset as usize + len) {
            Some(FragmentDrop::Overlong)
        } else if is_tcp && (offset == 0 && len < MIN_TCP || offset == 8) {
            Some(FragmentDrop::Tiny)
        } else {
            None
        };
        if let Some(reason) = bad {
            return Parsed::Bad(reason, None);
        }
        Parsed::Piece(Piece {
            source: header.source(),
            destination: header.destination(),
            protocol: header.protocol(),
            identification: u32::from(header.identification()),
            offset,
            more,
            header_len,
            start: header_len,
            len,
            ecn: header.ecn(),
        })
    }

    fn is_too_long(header_len: usize, len: usize) -> bool {
        header_len + len > usize::from(u16::MAX)
    }

    fn write_header(
        first: &[u8],
        header_len: usize,
        len: usize,
        ecn: Ecn,
        buffer: &mut [u8],
    ) -> Option<usize> {
        let total = u16::try_from(header_len + len).ok()?;
        let buffer = buffer.get_mut(..header_len)?;
        buffer.copy_from_slice(first.get(..header_len)?);
        let (header, options) = Ipv4Header::split_from_mut(buffer).ok()?;
        header.set_total_length(total);
        header.set_more_fragments(false);
        header.set_fragment_offset(0);
        header.set_ecn(ecn);
        header.set_checksum(0);
        let sum = waypost_wire::Checksum::new()
            .add_bytes(header.as_bytes())
            .add_bytes(options);
        header.set_checksum(sum.finish());
        Some(header_len)
    }
}

/// Octets of TCP that a first fragment holds at least: ports, sequence numbers and flags, at which filters
/// look (RFC 1858 §3.2.1). A fragment at 8 octets, which would overwrite the flags, is none (RFC 1858 §4.2,
/// RFC 3128 §3).
const MIN_TCP: usize = 16;

impl ReassembleIp for Ipv6Addr {
    /// A site has as many addresses of a /64 as it likes.
    const SOURCE_BITS: u8 = 64;

    fn parse(octets: &[u8]) -> Parsed<Self> {
        let Ok(packet) = Ipv6Packet::parse(octets) else {
            return Parsed::Bad(FragmentDrop::Malformed, None);
        };
        let mut walk = packet.extension_headers();
        let (at, fragment) = loop {
            let at = walk.offset();
            match walk.next() {
                Some(Ok(ExtensionHeader::Fragment(fragment))) => break (at, fragment),
                Some(Ok(_)) => {}
                // Who looks for the upper layer will find what is wrong.
                Some(Err(_)) | None => return Parsed::Other,
            }
        };
        let start = Ipv6Header::LEN + at + Ipv6FragmentHeader::LEN;
        let len = packet.as_bytes().len().saturating_sub(start);
        let (offset, more) = (
            u32::from(fragment.fragment_offset()),
            fragment.more_fragments(),
        );
        let erroneous = |pointer| {
            let code = ParameterProblem::ERRONEOUS_FIELD;
            Some(FragmentProblem { code, pointer })
        };
        // RFC 8200 §4.5, RFC 7112 §5: each of the three errors with what the source is to be told.
        if more && len % 8 != 0 {
            return Parsed::Bad(FragmentDrop::Unaligned, erroneous(4));
        }
        if Self::is_too_long(Ipv6Header::LEN + at, offset as usize + len) {
            let pointer = (Ipv6Header::LEN + at + 2) as u32;
            return Parsed::Bad(FragmentDrop::Overlong, erroneous(pointer));
        }
        if offset == 0 && more {
            let broken = walk.by_ref().any(|extension| extension.is_err());
            let upper = walk.remaining();
            if broken || upper.len() < upper_header_len(walk.next_header(), upper).max(1) {
                let code = ParameterProblem::INCOMPLETE_HEADER_CHAIN;
                let problem = FragmentProblem { code, pointer: 0 };
                return Parsed::Bad(FragmentDrop::HeaderChain, Some(problem));
            }
        }
        if len == 0 && !fragment.is_atomic() {
            return Parsed::Bad(FragmentDrop::Empty, None);
        }
        let header = packet.header();
        Parsed::Piece(Piece {
            source: header.source(),
            destination: header.destination(),
            protocol: IpProtocol(0),
            identification: fragment.identification(),
            offset,
            more,
            header_len: Ipv6Header::LEN + at,
            start,
            len,
            ecn: header.ecn(),
        })
    }

    fn is_too_long(header_len: usize, len: usize) -> bool {
        header_len - Ipv6Header::LEN + len > usize::from(u16::MAX)
    }

    /// Without the fragment header, which the header ahead of it names no more (RFC 8200 §4.5).
    fn write_header(
        first: &[u8],
        header_len: usize,
        len: usize,
        ecn: Ecn,
        buffer: &mut [u8],
    ) -> Option<usize> {
        let payload_len = u16::try_from(header_len - Ipv6Header::LEN + len).ok()?;
        let next = *first.get(header_len)?;
        let packet = Ipv6Packet::parse(first).ok()?;
        let mut walk = packet.extension_headers();
        let mut named_at = None;
        while Ipv6Header::LEN + walk.offset() < header_len {
            named_at = Some(Ipv6Header::LEN + walk.offset());
            walk.next()?.ok()?;
        }
        let buffer = buffer.get_mut(..header_len)?;
        buffer.copy_from_slice(first.get(..header_len)?);
        let (header, _) = Ipv6Header::split_from_mut(buffer).ok()?;
        header.set_payload_length(payload_len);
        header.set_ecn(ecn);
        match named_at {
            None => header.set_next_header(IpProtocol(next)),
            Some(at) => *buffer.get_mut(at)? = next,
        }
        Some(header_len)
    }
}

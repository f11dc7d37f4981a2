//! What tells flows apart: addresses, ports or what stands in their place, protocol, zone.

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};

use waypost_wire::{
    Icmpv4Header, Icmpv4Type, Icmpv6Type, Ip, IpProtocol, Ipv4Packet, Ipv6Packet, UdpHeader,
};

/// DCCP (RFC 4340) and UDP-Lite (RFC 3828), whose ports lie where those of UDP do.
const DCCP: IpProtocol = IpProtocol(33);
const UDP_LITE: IpProtocol = IpProtocol(136);

/// The five-tuple of the packets of one direction of a flow, with the zone in which they travel.
///
/// The identifier of an ICMP query stands for the port of the host that asks: the source port of a
/// request, the destination port of its reply. Protocols without ports have 0 for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C)]
pub struct FlowKey<A> {
    /// Who sends.
    pub source: A,
    /// Who receives.
    pub destination: A,
    /// The sender's port, or the identifier of an ICMP request.
    pub source_port: u16,
    /// The receiver's port, or the identifier of an ICMP reply.
    pub destination_port: u16,
    /// Which of several networks with the same addresses: a VRF, a tenant; 0 where there is one.
    pub zone: u16,
    /// The protocol.
    pub protocol: IpProtocol,
    pub(super) query: Query,
}

/// What kind of ICMP query a packet is, so that a request is never taken for a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(super) enum Query {
    None,
    EchoRequest,
    EchoReply,
    TimestampRequest,
    TimestampReply,
}

impl Query {
    const fn reversed(self) -> Self {
        match self {
            Self::None => Self::None,
            Self::EchoRequest => Self::EchoReply,
            Self::EchoReply => Self::EchoRequest,
            Self::TimestampRequest => Self::TimestampReply,
            Self::TimestampReply => Self::TimestampRequest,
        }
    }

    const fn is_request(self) -> bool {
        matches!(self, Self::EchoRequest | Self::TimestampRequest)
    }

    fn of(protocol: IpProtocol, message_type: u8) -> Option<Self> {
        let is_v6 = protocol == IpProtocol::ICMPV6;
        Some(match (is_v6, message_type) {
            (true, kind) if kind == Icmpv6Type::ECHO_REQUEST.0 => Self::EchoRequest,
            (true, kind) if kind == Icmpv6Type::ECHO_REPLY.0 => Self::EchoReply,
            (false, kind) if kind == Icmpv4Type::ECHO_REQUEST.0 => Self::EchoRequest,
            (false, kind) if kind == Icmpv4Type::ECHO_REPLY.0 => Self::EchoReply,
            (false, kind) if kind == Icmpv4Type::TIMESTAMP_REQUEST.0 => Self::TimestampRequest,
            (false, kind) if kind == Icmpv4Type::TIMESTAMP_REPLY.0 => Self::TimestampReply,
            _ => return None,
        })
    }
}

impl<A: Ip> FlowKey<A> {
    /// The key of packets with ports, of zone 0.
    #[inline]
    pub const fn new(protocol: IpProtocol, source: (A, u16), destination: (A, u16)) -> Self {
        Self {
            source: source.0,
            destination: destination.0,
            source_port: source.1,
            destination_port: destination.1,
            zone: 0,
            protocol,
            query: Query::None,
        }
    }

    /// The key of echo requests of zone 0; that of the replies is its [reverse](Self::reversed).
    #[inline]
    pub const fn echo_request(source: A, destination: A, identifier: u16) -> Self {
        let protocol = if A::VERSION == 4 {
            IpProtocol::ICMP
        } else {
            IpProtocol::ICMPV6
        };
        let mut key = Self::new(protocol, (source, identifier), (destination, 0));
        key.query = Query::EchoRequest;
        key
    }

    /// The same key in another zone.
    #[inline]
    #[must_use]
    pub const fn in_zone(mut self, zone: u16) -> Self {
        self.zone = zone;
        self
    }

    /// The key of packets the other way, as long as nobody rewrites them.
    #[inline]
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self {
            source: self.destination,
            destination: self.source,
            source_port: self.destination_port,
            destination_port: self.source_port,
            zone: self.zone,
            protocol: self.protocol,
            query: self.query.reversed(),
        }
    }

    /// The key of a packet of `protocol` that carries `payload`, or the beginning of it: 8 octets are
    /// enough, which every ICMP error quotes.
    ///
    /// # Errors
    /// Says why the packet belongs to no flow of its own.
    #[inline]
    pub fn of_payload(
        protocol: IpProtocol,
        source: A,
        destination: A,
        payload: &[u8],
    ) -> Result<Self, NoKey> {
        let mut key = Self::new(protocol, (source, 0), (destination, 0));
        match protocol {
            IpProtocol::TCP | IpProtocol::UDP | IpProtocol::SCTP | DCCP | UDP_LITE => {
                // All have their ports where UDP has them.
                let (header, _) =
                    UdpHeader::split_from(payload).map_err(|_| NoKey::Truncated(payload.len()))?;
                key.source_port = header.source_port();
                key.destination_port = header.destination_port();
            }
            IpProtocol::ICMP | IpProtocol::ICMPV6 => {
                // Both have identifier and sequence number in the same places.
                let (header, _) = Icmpv4Header::split_from(payload)
                    .map_err(|_| NoKey::Truncated(payload.len()))?;
                let message_type = header.message_type().0;
                key.query = Query::of(protocol, message_type).ok_or(NoKey::Icmp(message_type))?;
                let identifier = header.word_1();
                if key.query.is_request() {
                    key.source_port = identifier;
                } else {
                    key.destination_port = identifier;
                }
            }
            _ => {}
        }
        Ok(key)
    }

    /// Whether it has ports, or identifiers in their place.
    pub(super) fn has_ports(&self) -> bool {
        self.query != Query::None
            || matches!(
                self.protocol,
                IpProtocol::TCP | IpProtocol::UDP | IpProtocol::SCTP | DCCP | UDP_LITE
            )
    }

    /// Protocol, ports and query as one number.
    #[inline]
    pub(super) fn tail(&self) -> u64 {
        u64::from(self.source_port)
            | u64::from(self.destination_port) << 16
            | u64::from(self.zone) << 32
            | u64::from(self.protocol.0) << 48
            | u64::from(self.query as u8) << 56
    }

    /// Whether two keys are the same, without a branch between the fields.
    #[inline]
    pub(super) fn same(&self, other: &Self) -> bool {
        (self.source == other.source)
            & (self.destination == other.destination)
            & (self.tail() == other.tail())
    }
}

impl FlowKey<Ipv4Addr> {
    /// The key of a packet, of zone 0.
    ///
    /// # Errors
    /// Says why the packet belongs to no flow of its own.
    #[inline]
    pub fn of_ipv4(packet: &Ipv4Packet<'_>) -> Result<Self, NoKey> {
        let header = packet.header();
        if header.fragment_offset() != 0 {
            return Err(NoKey::LaterFragment);
        }
        let (source, destination) = (header.source(), header.destination());
        Self::of_payload(header.protocol(), source, destination, packet.payload())
    }
}

impl FlowKey<Ipv6Addr> {
    /// The key of a packet, of zone 0.
    ///
    /// # Errors
    /// Says why the packet belongs to no flow of its own.
    #[inline]
    pub fn of_ipv6(packet: &Ipv6Packet<'_>) -> Result<Self, NoKey> {
        let header = packet.header();
        let upper = packet
            .upper_layer()
            .map_err(|_| NoKey::Truncated(packet.payload().len()))?;
        if !upper.is_beginning() {
            return Err(NoKey::LaterFragment);
        }
        let (source, destination) = (header.source(), header.destination());
        Self::of_payload(upper.protocol, source, destination, upper.payload)
    }
}

/// `UDP 192.0.2.1:40000 > 198.51.100.7:53`
impl<A: Ip> fmt::Display for FlowKey<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.source, self.destination);
        let (open, close) = if A::VERSION == 6 {
            ("[", "]")
        } else {
            ("", "")
        };
        let (source_port, destination_port) = (self.source_port, self.destination_port);
        write!(
            f,
            "{} {open}{from}{close}:{source_port} > {open}{to}{close}:{destination_port}",
            self.protocol
        )?;
        if self.zone != 0 {
            write!(f, " zone {}", self.zone)?;
        }
        Ok(())
    }
}

/// Why a packet belongs to no flow of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoKey {
    /// A fragment but the first: the ports are in the first one, so put the packet together.
    LaterFragment,
    /// Too short for its ports, with that many octets of payload, or its extension headers are broken.
    Truncated(usize),
    /// An ICMP message of that type, which is no query. An error belongs to the flow that it quotes.
    Icmp(u8),
    /// A quoted packet of another version of IP than the error, or with a header shorter than there is.
    Version(u8),
}

impl fmt::Display for NoKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LaterFragment => {
                f.write_str("expected a packet or its first fragment, found a later one")
            }
            Self::Truncated(found) => {
                write!(f, "expected an upper-layer header, found {found} octets")
            }
            Self::Version(found) => write!(
                f,
                "expected a quoted packet of the error's version of IP, found version {found}"
            ),
            Self::Icmp(found) => write!(f, "expected an ICMP query, found type {found}"),
        }
    }
}

impl core::error::Error for NoKey {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    const A: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
    const B: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);

    #[test]
    fn ports_and_identifiers_are_found_in_eight_octets() {
        let tcp = [0x9c, 0x40, 0, 80, 1, 2, 3, 4];
        let key = FlowKey::of_payload(IpProtocol::TCP, A, B, &tcp).unwrap();
        assert_eq!(key, FlowKey::new(IpProtocol::TCP, (A, 40_000), (B, 80)));
        assert_eq!(key.to_string(), "TCP 192.0.2.1:40000 > 198.51.100.7:80");
        assert_eq!(
            FlowKey::of_payload(IpProtocol::TCP, A, B, &tcp[..7]),
            Err(NoKey::Truncated(7))
        );
        let request = [8, 0, 0, 0, 0x12, 0x34, 0, 1];
        let key = FlowKey::of_payload(IpProtocol::ICMP, A, B, &request).unwrap();
        assert_eq!(key, FlowKey::echo_request(A, B, 0x1234));
        let reply = [0, 0, 0, 0, 0x12, 0x34, 0, 1];
        let back = FlowKey::of_payload(IpProtocol::ICMP, B, A, &reply).unwrap();
        assert_eq!(back, key.reversed());
        assert_eq!(
            FlowKey::of_payload(IpProtocol::ICMP, A, B, &[3; 8]),
            Err(NoKey::Icmp(3))
        );
        let gre = FlowKey::of_payload(IpProtocol::GRE, A, B, &[]).unwrap();
        assert_eq!((gre.source_port, gre.destination_port), (0, 0));
    }

    #[test]
    fn a_request_is_never_a_reply() {
        let ours = FlowKey::echo_request(A, B, 0);
        let theirs = FlowKey::echo_request(B, A, 0);
        assert_ne!(ours.reversed(), theirs);
        assert_eq!(ours.reversed().reversed(), ours);
        assert_ne!(ours, ours.in_zone(1));
    }
}

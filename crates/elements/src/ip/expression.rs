//! Expressions over the headers of an IP packet.

mod parse;
mod values;
mod words;

use waypost_wire::{IpProtocol, Ipv4Header, Ipv4Prefix};

/// The name of an ICMP type.
pub(super) fn icmp_type_name(kind: u8) -> Option<&'static str> {
    let mut known = words::ICMP_TYPES.iter();
    known
        .find(|(_, number)| *number == u16::from(kind))
        .map(|(name, _)| *name)
}

/// The headers of a packet, as expressions see them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Headers<'a> {
    ip: &'a Ipv4Header,
    octets: &'a [u8],
    /// Nothing in a fragment but the first.
    transport: &'a [u8],
}

impl<'a> Headers<'a> {
    /// The headers of a packet that begins with an IP header.
    pub(crate) fn of(octets: &'a [u8]) -> Option<Self> {
        let (ip, _) = Ipv4Header::split_from(octets).ok()?;
        let first = ip.fragment_offset() == 0;
        let transport = octets
            .get(ip.header_len()..)
            .filter(|_| first)
            .unwrap_or_default();
        Some(Self {
            ip,
            octets,
            transport,
        })
    }
}

/// Up to four octets as a number.
fn number(octets: &[u8], at: usize, len: usize) -> Option<u32> {
    let octets = octets.get(at..at.checked_add(len)?)?;
    Some(
        octets
            .iter()
            .fold(0, |it, &octet| it << 8 | u32::from(octet)),
    )
}

/// What holds for some packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expression {
    Always(bool),
    Not(Box<Self>),
    All(Box<[Self]>),
    Any(Box<[Self]>),
    /// If the first holds, whether the second does, and else whether the third does.
    Choice(Box<[Self; 3]>),
    Protocol(u8),
    Address(Side, Ipv4Prefix),
    /// An address under a mask that is no prefix's.
    MaskedAddress(Side, u32, u32),
    /// Ports of one protocol, or of TCP and UDP.
    Port(Side, Option<u8>, Test),
    Number(Quantity, Test),
    Fragment,
}

/// Whose address or port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Source,
    Destination,
    Either,
    Both,
}

impl Side {
    fn holds(self, source: bool, destination: bool) -> bool {
        match self {
            Self::Source => source,
            Self::Destination => destination,
            Self::Either => source || destination,
            Self::Both => source && destination,
        }
    }
}

/// A number that the headers hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quantity {
    Protocol,
    Dscp,
    Ecn,
    HeaderLength,
    Identification,
    TimeToLive,
    TypeOfService,
    Version,
    TcpFlags,
    TcpWindow,
    IcmpType,
    /// So many octets from there on in the IP header and what follows it.
    Ip(usize, usize),
    /// So many octets from there on in the transport header, of one protocol or any.
    Transport(Option<u8>, usize, usize),
}

impl Quantity {
    /// The greatest that is asked for; of octets, whatever fits a number.
    const fn most(self) -> u32 {
        match self {
            Self::Ecn => 3,
            Self::HeaderLength | Self::Version => 15,
            Self::Dscp => 63,
            Self::Protocol
            | Self::TimeToLive
            | Self::TypeOfService
            | Self::TcpFlags
            | Self::IcmpType => 0xff,
            Self::Identification | Self::TcpWindow => 0xffff,
            Self::Ip(..) | Self::Transport(..) => u32::MAX,
        }
    }

    /// Nothing where the packet has no such number.
    fn of(self, headers: &Headers<'_>) -> Option<u32> {
        let ip = headers.ip;
        let transport = |protocol: IpProtocol, at, len| {
            let right = ip.protocol() == protocol;
            right.then(|| number(headers.transport, at, len)).flatten()
        };
        Some(match self {
            Self::Protocol => ip.protocol().0.into(),
            Self::Dscp => u32::from(ip.traffic_class() >> 2),
            Self::Ecn => u32::from(ip.traffic_class() & 3),
            Self::HeaderLength => ip.header_len() as u32 / 4,
            Self::Identification => ip.identification().into(),
            Self::TimeToLive => ip.ttl().into(),
            Self::TypeOfService => ip.traffic_class().into(),
            Self::Version => ip.version().into(),
            Self::TcpFlags => transport(IpProtocol::TCP, 13, 1)?,
            Self::TcpWindow => transport(IpProtocol::TCP, 14, 2)?,
            Self::IcmpType => transport(IpProtocol::ICMP, 0, 1)?,
            Self::Ip(at, len) => number(headers.octets, at, len)?,
            Self::Transport(None, at, len) => number(headers.transport, at, len)?,
            Self::Transport(Some(protocol), at, len) => transport(IpProtocol(protocol), at, len)?,
        })
    }
}

/// What a number is compared with, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Test {
    mask: u32,
    comparison: Comparison,
    first: u32,
    /// The end of a range; other than `first` only where numbers are compared for being equal.
    last: u32,
}

impl Test {
    #[inline]
    fn holds(&self, found: u32) -> bool {
        let found = found & self.mask;
        let inside = (self.first..=self.last).contains(&found);
        match self.comparison {
            Comparison::Equal => inside,
            Comparison::NotEqual => !inside,
            Comparison::Less => found < self.first,
            Comparison::Greater => found > self.first,
            Comparison::LessOrEqual => found <= self.first,
            Comparison::GreaterOrEqual => found >= self.first,
        }
    }
}

/// How a number is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
}

impl Expression {
    /// Whether it holds for a packet.
    pub(crate) fn holds(&self, headers: &Headers<'_>) -> bool {
        let ip = headers.ip;
        match self {
            Self::Always(holds) => *holds,
            Self::Not(inner) => !inner.holds(headers),
            Self::All(inner) => inner.iter().all(|it| it.holds(headers)),
            Self::Any(inner) => inner.iter().any(|it| it.holds(headers)),
            Self::Choice(three) => {
                let [condition, yes, no] = &**three;
                let chosen = if condition.holds(headers) { yes } else { no };
                chosen.holds(headers)
            }
            Self::Protocol(number) => ip.protocol().0 == *number,
            Self::Address(side, prefix) => side.holds(
                prefix.contains(ip.source()),
                prefix.contains(ip.destination()),
            ),
            Self::MaskedAddress(side, address, mask) => side.holds(
                ip.source().to_bits() & mask == *address,
                ip.destination().to_bits() & mask == *address,
            ),
            Self::Port(side, protocol, test) => port(headers, *side, *protocol, test),
            Self::Number(quantity, test) => {
                quantity.of(headers).is_some_and(|found| test.holds(found))
            }
            Self::Fragment => ip.is_fragment(),
        }
    }
}

fn port(headers: &Headers<'_>, side: Side, protocol: Option<u8>, test: &Test) -> bool {
    let found = headers.ip.protocol();
    let right = match protocol {
        Some(number) => found.0 == number,
        None => matches!(found, IpProtocol::TCP | IpProtocol::UDP),
    };
    let ports = number(headers.transport, 0, 2).zip(number(headers.transport, 2, 2));
    let Some((source, destination)) = ports.filter(|_| right) else {
        return false;
    };
    match test.comparison {
        // Neither is it, or the one that is asked for is not.
        Comparison::NotEqual => {
            let equal = Test {
                comparison: Comparison::Equal,
                ..*test
            };
            !side.holds(equal.holds(source), equal.holds(destination))
        }
        _ => side.holds(test.holds(source), test.holds(destination)),
    }
}

//! An error that came, read back to the flow that it is about.
//!
//! All errors go to the upper layer, by the protocol of the packet that they quote (RFC 1122 §3.2.2, §3.2.2.1,
//! §3.2.2.4, §3.2.2.5; RFC 4443 §2.4, §3.1, §3.2, §3.3, §3.4). Nothing here is to be believed as it is: anyone can
//! send an error. The caller finds the flow by its addresses and ports, and, before it acts, looks whether the
//! quoted sequence number is in flight (RFC 5927 §4.1).

use core::net::{Ipv4Addr, Ipv6Addr};

use waypost_wire::icmpv4::{DestinationUnreachable, Icmpv4Message, Icmpv4Type};
use waypost_wire::icmpv6::{
    DestinationUnreachable as Unreachable6, Icmpv6Message, Icmpv6Type, ParameterProblem,
};
use waypost_wire::ipv6::{ExtensionHeader, ExtensionHeaders};
use waypost_wire::{Ip, IpProtocol, Ipv4Header, Ipv6Header};

use super::{ExtensionObjects, Quoted};

/// What an error says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The packet does not get to where it should; the code is that of the version of IP.
    Unreachable {
        /// Why.
        code: u8,
    },
    /// The packet was too long for a link.
    TooBig {
        /// What would fit, in octets; 0 if an old router does not say it (RFC 1191 §3).
        mtu: u32,
    },
    /// The packet made too many hops.
    HopLimit,
    /// The packet's fragments did not all come in time.
    Reassembly,
    /// The packet's header is wrong.
    ParameterProblem {
        /// What is wrong with it.
        code: u8,
        /// At which octet.
        pointer: u32,
    },
    /// "Send less": ignored (RFC 6633 §3, §4; RFC 5927 §6.2).
    SourceQuench,
    /// There is a better way for the packet.
    Redirect {
        /// For which packets.
        code: u8,
        /// Through this router.
        gateway: Ipv4Addr,
    },
    /// A type of error that is not known here, which goes to the upper layer all the same (RFC 4443 §2.4 (a)).
    Other {
        /// The type.
        message_type: u8,
        /// The code.
        code: u8,
    },
}

/// What an error means to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    /// Nothing.
    None,
    /// Send shorter packets: the path's MTU is less than thought.
    TooBig,
    /// Something that may pass: the user may be told, and the connection goes on (RFC 1122 §3.2.2.1, §4.2.3.9).
    Soft,
    /// Something that stays: a connection that is being set up may be given up (RFC 1122 §4.2.3.9); one that is
    /// set up should treat it as soft, since errors are easily forged (RFC 5461 §4.1, RFC 5927 §5.2).
    Hard,
}

/// Which flow of a transport a packet belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transport {
    /// A protocol with ports.
    Ports {
        /// From which.
        source: u16,
        /// To which.
        destination: u16,
        /// TCP's sequence number, if it is TCP and was quoted.
        sequence: Option<u32>,
    },
    /// An echo request or reply.
    Echo {
        /// Which asker.
        identifier: u16,
        /// Which of his questions.
        sequence: u16,
    },
    /// A protocol without what is known here, too little of it, or a fragment but the first.
    Unknown,
}

/// The packet that an error is about, as its sender sent it: `source` is the node that is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow<A> {
    /// Who sent it.
    pub source: A,
    /// To whom.
    pub destination: A,
    /// The upper layer, behind all extension headers.
    pub protocol: IpProtocol,
    /// Its flow of that.
    pub transport: Transport,
    /// How long it was when the error was made, in octets, header included.
    pub len: u32,
    /// How long its header was, in octets: with options, without extension headers.
    pub header_len: u32,
    /// Its fragment's identification and offset, if it is a fragment.
    pub fragment: Option<(u32, u16)>,
}

/// An error that came. Whoever reads it has checked the message's checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorReport<'a, A> {
    /// What it says.
    pub kind: ErrorKind,
    /// What that means.
    pub severity: Severity,
    /// Which packet it is about.
    pub flow: Flow<A>,
    /// What else it says.
    pub extensions: ExtensionObjects<'a>,
}

impl<'a> ErrorReport<'a, Ipv4Addr> {
    /// Reads an error of IPv4; `None` if it is no error or quotes no packet.
    pub fn of_icmpv4(message: &Icmpv4Message<'a>) -> Option<Self> {
        let quoted = Quoted::of_icmpv4(message)?;
        let header = message.header();
        let (code, [pointer, ..]) = (header.code(), header.rest());
        let kind = match header.message_type() {
            Icmpv4Type::DESTINATION_UNREACHABLE
                if code == DestinationUnreachable::FRAGMENTATION_NEEDED.0 =>
            {
                let mtu = u32::from(header.word_2());
                ErrorKind::TooBig { mtu }
            }
            Icmpv4Type::DESTINATION_UNREACHABLE => ErrorKind::Unreachable { code },
            Icmpv4Type::TIME_EXCEEDED if code == 0 => ErrorKind::HopLimit,
            Icmpv4Type::TIME_EXCEEDED => ErrorKind::Reassembly,
            Icmpv4Type::PARAMETER_PROBLEM => {
                let pointer = u32::from(pointer);
                ErrorKind::ParameterProblem { code, pointer }
            }
            Icmpv4Type::SOURCE_QUENCH => ErrorKind::SourceQuench,
            Icmpv4Type::REDIRECT => {
                let gateway = Ipv4Addr::from_octets(header.rest());
                ErrorKind::Redirect { code, gateway }
            }
            Icmpv4Type(message_type) => ErrorKind::Other { message_type, code },
        };
        // RFC 1122 §4.2.3.9: protocol and port are hard, network, host and source route are not. RFC 1812
        // §5.2.7.1 has added what is prohibited (9, 10, 13), which stays as it is too.
        let severity = match kind {
            ErrorKind::Unreachable {
                code: 2 | 3 | 9 | 10 | 13,
            } => Severity::Hard,
            ErrorKind::TooBig { .. } => Severity::TooBig,
            ErrorKind::SourceQuench | ErrorKind::Redirect { .. } => Severity::None,
            _ => Severity::Soft,
        };
        Some(Self {
            kind,
            severity,
            flow: flow4(quoted.packet)?,
            extensions: quoted.extensions,
        })
    }
}

impl<'a> ErrorReport<'a, Ipv6Addr> {
    /// Reads an error of IPv6; `None` if it is no error or quotes no packet.
    pub fn of_icmpv6(message: &Icmpv6Message<'a>) -> Option<Self> {
        let quoted = Quoted::of_icmpv6(message)?;
        let header = message.header();
        let (code, word) = (header.code(), header.word());
        let kind = match header.message_type() {
            Icmpv6Type::DESTINATION_UNREACHABLE => ErrorKind::Unreachable { code },
            // RFC 4443 §3.2: the code is ignored.
            Icmpv6Type::PACKET_TOO_BIG => ErrorKind::TooBig { mtu: word },
            Icmpv6Type::TIME_EXCEEDED if code == 0 => ErrorKind::HopLimit,
            Icmpv6Type::TIME_EXCEEDED => ErrorKind::Reassembly,
            Icmpv6Type::PARAMETER_PROBLEM => ErrorKind::ParameterProblem {
                code,
                pointer: word,
            },
            Icmpv6Type(message_type) => ErrorKind::Other { message_type, code },
        };
        // The counterparts of what is hard in IPv4.
        const PROHIBITED: u8 = Unreachable6::ADMINISTRATIVELY_PROHIBITED.0;
        const PORT: u8 = Unreachable6::PORT.0;
        const NEXT_HEADER: u8 = ParameterProblem::UNKNOWN_NEXT_HEADER.0;
        let severity = match kind {
            ErrorKind::Unreachable {
                code: PROHIBITED | PORT,
            } => Severity::Hard,
            ErrorKind::ParameterProblem {
                code: NEXT_HEADER, ..
            } => Severity::Hard,
            ErrorKind::TooBig { .. } => Severity::TooBig,
            _ => Severity::Soft,
        };
        Some(Self {
            kind,
            severity,
            flow: flow6(quoted.packet)?,
            extensions: quoted.extensions,
        })
    }
}

fn flow4(quoted: &[u8]) -> Option<Flow<Ipv4Addr>> {
    let (header, _) = Ipv4Header::split_from(quoted).ok()?;
    if header.version() != 4 || header.header_len() < Ipv4Header::LEN {
        return None;
    }
    let len = usize::from(header.total_length());
    let quoted = quoted.get(..len).unwrap_or(quoted);
    let upper = quoted.get(header.header_len()..).unwrap_or_default();
    let offset = header.fragment_offset();
    Some(Flow {
        source: header.source(),
        destination: header.destination(),
        protocol: header.protocol(),
        transport: transport::<Ipv4Addr>(header.protocol(), upper, offset == 0),
        len: len as u32,
        header_len: header.header_len() as u32,
        fragment: header
            .is_fragment()
            .then(|| (u32::from(header.identification()), offset)),
    })
}

fn flow6(quoted: &[u8]) -> Option<Flow<Ipv6Addr>> {
    let (header, rest) = Ipv6Header::split_from(quoted).ok()?;
    if header.version() != 6 {
        return None;
    }
    let len = usize::from(header.payload_length());
    let rest = rest.get(..len).unwrap_or(rest);
    let mut walk = ExtensionHeaders::new(header.next_header(), rest);
    let (mut fragment, mut broken) = (None, false);
    for extension in walk.by_ref() {
        match extension {
            Ok(ExtensionHeader::Fragment(it)) => {
                fragment = Some((it.identification(), it.fragment_offset()));
            }
            Ok(_) => {}
            Err(_) => broken = true,
        }
    }
    let begins = !broken && fragment.is_none_or(|(_, offset)| offset == 0);
    let protocol = walk.next_header();
    Some(Flow {
        source: header.source(),
        destination: header.destination(),
        protocol,
        transport: transport::<Ipv6Addr>(protocol, walk.remaining(), begins),
        len: (Ipv6Header::LEN + len) as u32,
        header_len: Ipv6Header::LEN as u32,
        fragment,
    })
}

fn transport<A: Ip>(protocol: IpProtocol, upper: &[u8], begins: bool) -> Transport {
    const DCCP: IpProtocol = IpProtocol(33);
    const UDP_LITE: IpProtocol = IpProtocol(136);
    let half = |at: usize| {
        let octets = upper.get(at..)?.first_chunk::<2>()?;
        Some(u16::from_be_bytes(*octets))
    };
    let found = match protocol {
        _ if !begins => None,
        IpProtocol::TCP | IpProtocol::UDP | IpProtocol::SCTP | DCCP | UDP_LITE => {
            let sequence = upper.get(4..).and_then(<[u8]>::first_chunk::<4>);
            let sequence = sequence.filter(|_| protocol == IpProtocol::TCP);
            half(0)
                .zip(half(2))
                .map(|(source, destination)| Transport::Ports {
                    source,
                    destination,
                    sequence: sequence.map(|octets| u32::from_be_bytes(*octets)),
                })
        }
        IpProtocol::ICMP | IpProtocol::ICMPV6 => {
            let is_echo = match (A::VERSION, protocol, upper.first()) {
                (4, IpProtocol::ICMP, Some(kind)) => matches!(kind, 0 | 8),
                (6, IpProtocol::ICMPV6, Some(kind)) => matches!(kind, 128 | 129),
                _ => false,
            };
            let words = half(4).zip(half(6)).filter(|_| is_echo);
            words.map(|(identifier, sequence)| Transport::Echo {
                identifier,
                sequence,
            })
        }
        _ => None,
    };
    found.unwrap_or(Transport::Unknown)
}

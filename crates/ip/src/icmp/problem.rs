//! Which error for which problem.

use waypost_wire::icmpv4::{self, Icmpv4Header};
use waypost_wire::icmpv6::{self, Icmpv6Header, ParameterProblem};

/// What is wrong with a packet, or with the way to where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Problem {
    /// No route leads there.
    NoRoute,
    /// Its destination, or the next router, does not answer on its link.
    HostUnreachable,
    /// Nobody here takes its protocol; `pointer`: where IPv6 names it.
    Protocol {
        /// The octet of the packet.
        pointer: u32,
    },
    /// Nobody listens at its port.
    Port,
    /// A filter forbids it.
    Prohibited,
    /// Its destination is beyond the scope of its source (RFC 4291 §2.5.6).
    BeyondScope,
    /// A filter forbids its source.
    SourcePolicy,
    /// The route to where it goes is one that rejects.
    RejectRoute,
    /// It may make no more hops.
    HopLimit,
    /// Its fragments did not all come in time.
    Reassembly,
    /// It is longer than the next link carries.
    TooBig {
        /// What would fit, in octets.
        mtu: u32,
    },
    /// A field of its header is wrong.
    Field {
        /// The octet of the packet.
        pointer: u32,
    },
    /// An option, which its type says must be known, is not.
    Option {
        /// The octet of the packet.
        pointer: u32,
    },
    /// Its first fragment does not hold all headers (RFC 7112 §5).
    HeaderChain,
    /// Its source route leads nowhere.
    SourceRoute,
}

impl Problem {
    /// The message of ICMPv4, with the codes of RFC 1812 §5.2.7, and the MTU of the next hop where a packet is
    /// too long for it (RFC 1191 §4); `None` where none is sent for it.
    pub const fn to_icmpv4(self) -> Option<Icmpv4Header> {
        use icmpv4::DestinationUnreachable as Code;
        let code = match self {
            Self::NoRoute | Self::BeyondScope => Code::NETWORK,
            Self::HostUnreachable => Code::HOST,
            Self::Protocol { .. } => Code::PROTOCOL,
            Self::Port => Code::PORT,
            Self::Prohibited | Self::SourcePolicy | Self::RejectRoute => {
                Code::ADMINISTRATIVELY_PROHIBITED
            }
            Self::SourceRoute => Code::SOURCE_ROUTE_FAILED,
            Self::TooBig { mtu } => {
                let mtu = if mtu > 0xffff { 0xffff } else { mtu as u16 };
                return Some(Icmpv4Header::fragmentation_needed(mtu));
            }
            Self::HopLimit => {
                return Some(Icmpv4Header::time_exceeded(
                    icmpv4::TimeExceeded::IN_TRANSIT,
                ));
            }
            Self::Reassembly => {
                return Some(Icmpv4Header::time_exceeded(
                    icmpv4::TimeExceeded::REASSEMBLY,
                ));
            }
            Self::Field { pointer } if pointer <= 0xff => {
                return Some(Icmpv4Header::parameter_problem(pointer as u8));
            }
            // RFC 1122 §3.2.1.8: options that are not known are ignored.
            Self::Field { .. } | Self::Option { .. } | Self::HeaderChain => return None,
        };
        Some(Icmpv4Header::destination_unreachable(code))
    }

    /// The message of ICMPv6 (RFC 4443 §3); `None` where none is sent for it. There is no problem for a packet
    /// that congestion lost (RFC 4443 §3.1), and nobody is told to send less (RFC 6633 §3).
    pub const fn to_icmpv6(self) -> Option<Icmpv6Header> {
        use icmpv6::DestinationUnreachable as Code;
        let code = match self {
            Self::NoRoute => Code::NO_ROUTE,
            Self::HostUnreachable => Code::ADDRESS,
            Self::Port => Code::PORT,
            Self::Prohibited => Code::ADMINISTRATIVELY_PROHIBITED,
            Self::BeyondScope => Code::BEYOND_SCOPE,
            Self::SourcePolicy => Code::SOURCE_POLICY,
            Self::RejectRoute => Code::REJECT_ROUTE,
            Self::TooBig { mtu } => return Some(Icmpv6Header::packet_too_big(mtu)),
            Self::HopLimit => {
                return Some(Icmpv6Header::time_exceeded(
                    icmpv6::TimeExceeded::IN_TRANSIT,
                ));
            }
            Self::Reassembly => {
                return Some(Icmpv6Header::time_exceeded(
                    icmpv6::TimeExceeded::REASSEMBLY,
                ));
            }
            Self::Field { pointer } => {
                return Some(wrong(ParameterProblem::ERRONEOUS_FIELD, pointer));
            }
            Self::Protocol { pointer } => {
                return Some(wrong(ParameterProblem::UNKNOWN_NEXT_HEADER, pointer));
            }
            Self::Option { pointer } => {
                return Some(wrong(ParameterProblem::UNKNOWN_OPTION, pointer));
            }
            Self::HeaderChain => return Some(wrong(ParameterProblem::INCOMPLETE_HEADER_CHAIN, 0)),
            Self::SourceRoute => return None,
        };
        Some(Icmpv6Header::destination_unreachable(code))
    }
}

const fn wrong(code: ParameterProblem, pointer: u32) -> Icmpv6Header {
    Icmpv6Header::parameter_problem(code, pointer)
}

//! Types and codes of ICMP for IPv6 (IANA "ICMPv6 Parameters").

use core::fmt;

use crate::view::Stored;

/// What a message is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Icmpv6Type(pub u8);

impl Icmpv6Type {
    /// A packet does not get to where it should (RFC 4443 §3.1).
    pub const DESTINATION_UNREACHABLE: Self = Self(1);
    /// A packet is too long for the next link (RFC 4443 §3.2).
    pub const PACKET_TOO_BIG: Self = Self(2);
    /// A packet lived too long (RFC 4443 §3.3).
    pub const TIME_EXCEEDED: Self = Self(3);
    /// A packet's header is wrong (RFC 4443 §3.4).
    pub const PARAMETER_PROBLEM: Self = Self(4);
    /// "Are you there?" (RFC 4443 §4.1).
    pub const ECHO_REQUEST: Self = Self(128);
    /// The answer to that (RFC 4443 §4.2).
    pub const ECHO_REPLY: Self = Self(129);
    /// "Who listens to this group?" (RFC 3810).
    pub const MULTICAST_LISTENER_QUERY: Self = Self(130);
    /// "I listen to this group" (RFC 2710).
    pub const MULTICAST_LISTENER_REPORT: Self = Self(131);
    /// "I listen no longer" (RFC 2710).
    pub const MULTICAST_LISTENER_DONE: Self = Self(132);
    /// "Is there a router?" (RFC 4861 §4.1).
    pub const ROUTER_SOLICITATION: Self = Self(133);
    /// A router tells of itself (RFC 4861 §4.2).
    pub const ROUTER_ADVERTISEMENT: Self = Self(134);
    /// "Who has this address?" (RFC 4861 §4.3).
    pub const NEIGHBOR_SOLICITATION: Self = Self(135);
    /// "I have it" (RFC 4861 §4.4).
    pub const NEIGHBOR_ADVERTISEMENT: Self = Self(136);
    /// There is a better way (RFC 4861 §4.5).
    pub const REDIRECT: Self = Self(137);
    /// "I listen to these groups, from these sources" (RFC 3810).
    pub const MULTICAST_LISTENER_REPORT_V2: Self = Self(143);

    /// Whether such a message is about a packet, so that none may be sent about it (RFC 4443 §2.1
    /// and §2.4 (e)). A redirect is not an error, yet none may be sent about it either.
    #[inline]
    pub const fn is_error(self) -> bool {
        self.0 < 128
    }
}

impl Stored<Icmpv6Type> for u8 {
    #[inline]
    fn load(self) -> Icmpv6Type {
        Icmpv6Type(self)
    }
    #[inline]
    fn store(value: Icmpv6Type) -> Self {
        value.0
    }
}

impl fmt::Display for Icmpv6Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match *self {
            Self::DESTINATION_UNREACHABLE => "destination unreachable",
            Self::PACKET_TOO_BIG => "packet too big",
            Self::TIME_EXCEEDED => "time exceeded",
            Self::PARAMETER_PROBLEM => "parameter problem",
            Self::ECHO_REQUEST => "echo request",
            Self::ECHO_REPLY => "echo reply",
            Self::MULTICAST_LISTENER_QUERY => "multicast listener query",
            Self::MULTICAST_LISTENER_REPORT => "multicast listener report",
            Self::MULTICAST_LISTENER_DONE => "multicast listener done",
            Self::ROUTER_SOLICITATION => "router solicitation",
            Self::ROUTER_ADVERTISEMENT => "router advertisement",
            Self::NEIGHBOR_SOLICITATION => "neighbor solicitation",
            Self::NEIGHBOR_ADVERTISEMENT => "neighbor advertisement",
            Self::REDIRECT => "redirect",
            Self::MULTICAST_LISTENER_REPORT_V2 => "multicast listener report v2",
            Self(other) => return write!(f, "type {other}"),
        })
    }
}

/// Why a destination is unreachable (RFC 4443 §3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DestinationUnreachable(pub u8);

impl DestinationUnreachable {
    /// There is no route.
    pub const NO_ROUTE: Self = Self(0);
    /// A filter forbids it.
    pub const ADMINISTRATIVELY_PROHIBITED: Self = Self(1);
    /// It would leave the scope of its source address.
    pub const BEYOND_SCOPE: Self = Self(2);
    /// The last router cannot reach the host.
    pub const ADDRESS: Self = Self(3);
    /// Nobody listens at the port.
    pub const PORT: Self = Self(4);
    /// The source address is not allowed there.
    pub const SOURCE_POLICY: Self = Self(5);
    /// The route says to reject it.
    pub const REJECT_ROUTE: Self = Self(6);
}

impl fmt::Display for DestinationUnreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match *self {
            Self::NO_ROUTE => "no route",
            Self::ADMINISTRATIVELY_PROHIBITED => "administratively prohibited",
            Self::BEYOND_SCOPE => "beyond scope",
            Self::ADDRESS => "address",
            Self::PORT => "port",
            Self::SOURCE_POLICY => "source policy",
            Self::REJECT_ROUTE => "reject route",
            Self(other) => return write!(f, "code {other}"),
        })
    }
}

/// Which time was exceeded (RFC 4443 §3.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeExceeded(pub u8);

impl TimeExceeded {
    /// The hop limit ended at a router.
    pub const IN_TRANSIT: Self = Self(0);
    /// Some fragments did not come in time.
    pub const REASSEMBLY: Self = Self(1);
}

impl fmt::Display for TimeExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match *self {
            Self::IN_TRANSIT => "in transit",
            Self::REASSEMBLY => "reassembly",
            Self(other) => return write!(f, "code {other}"),
        })
    }
}

/// What is wrong with a header (RFC 4443 §3.4, RFC 7112 §5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParameterProblem(pub u8);

impl ParameterProblem {
    /// A field has a value that it must not have.
    pub const ERRONEOUS_FIELD: Self = Self(0);
    /// A next header is not known.
    pub const UNKNOWN_NEXT_HEADER: Self = Self(1);
    /// An option is not known.
    pub const UNKNOWN_OPTION: Self = Self(2);
    /// The first fragment does not hold all headers.
    pub const INCOMPLETE_HEADER_CHAIN: Self = Self(3);
}

impl fmt::Display for ParameterProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match *self {
            Self::ERRONEOUS_FIELD => "erroneous field",
            Self::UNKNOWN_NEXT_HEADER => "unknown next header",
            Self::UNKNOWN_OPTION => "unknown option",
            Self::INCOMPLETE_HEADER_CHAIN => "incomplete header chain",
            Self(other) => return write!(f, "code {other}"),
        })
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn names_or_numbers() {
        assert_eq!(
            Icmpv6Type::NEIGHBOR_SOLICITATION.to_string(),
            "neighbor solicitation"
        );
        assert_eq!(Icmpv6Type(200).to_string(), "type 200");
        assert_eq!(ParameterProblem(9).to_string(), "code 9");
        assert!(Icmpv6Type::PARAMETER_PROBLEM.is_error() && !Icmpv6Type::REDIRECT.is_error());
    }
}

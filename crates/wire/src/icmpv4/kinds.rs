//! Types and codes of ICMP for IPv4 (IANA "ICMP Type Numbers").

use core::fmt;

use crate::view::Stored;

/// What a message is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Icmpv4Type(pub u8);

impl Icmpv4Type {
    /// The answer to an echo request (RFC 792).
    pub const ECHO_REPLY: Self = Self(0);
    /// A packet does not get to where it should (RFC 792).
    pub const DESTINATION_UNREACHABLE: Self = Self(3);
    /// Slow down; no longer sent (RFC 6633).
    pub const SOURCE_QUENCH: Self = Self(4);
    /// There is a better way (RFC 792).
    pub const REDIRECT: Self = Self(5);
    /// "Are you there?" (RFC 792).
    pub const ECHO_REQUEST: Self = Self(8);
    /// A router tells of itself (RFC 1256).
    pub const ROUTER_ADVERTISEMENT: Self = Self(9);
    /// "Is there a router?" (RFC 1256).
    pub const ROUTER_SOLICITATION: Self = Self(10);
    /// A packet lived too long (RFC 792).
    pub const TIME_EXCEEDED: Self = Self(11);
    /// A packet's header is wrong (RFC 792).
    pub const PARAMETER_PROBLEM: Self = Self(12);
    /// "What time is it?" (RFC 792).
    pub const TIMESTAMP_REQUEST: Self = Self(13);
    /// The answer to that (RFC 792).
    pub const TIMESTAMP_REPLY: Self = Self(14);

    /// Whether such a message is about a packet, so that none may be sent about it (RFC 1122
    /// §3.2.2).
    #[inline]
    pub const fn is_error(self) -> bool {
        matches!(
            self,
            Self::DESTINATION_UNREACHABLE
                | Self::SOURCE_QUENCH
                | Self::REDIRECT
                | Self::TIME_EXCEEDED
                | Self::PARAMETER_PROBLEM
        )
    }
}

impl Stored<Icmpv4Type> for u8 {
    #[inline]
    fn load(self) -> Icmpv4Type {
        Icmpv4Type(self)
    }
    #[inline]
    fn store(value: Icmpv4Type) -> Self {
        value.0
    }
}

impl fmt::Display for Icmpv4Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match *self {
            Self::ECHO_REPLY => "echo reply",
            Self::DESTINATION_UNREACHABLE => "destination unreachable",
            Self::SOURCE_QUENCH => "source quench",
            Self::REDIRECT => "redirect",
            Self::ECHO_REQUEST => "echo request",
            Self::ROUTER_ADVERTISEMENT => "router advertisement",
            Self::ROUTER_SOLICITATION => "router solicitation",
            Self::TIME_EXCEEDED => "time exceeded",
            Self::PARAMETER_PROBLEM => "parameter problem",
            Self::TIMESTAMP_REQUEST => "timestamp request",
            Self::TIMESTAMP_REPLY => "timestamp reply",
            Self(other) => return write!(f, "type {other}"),
        })
    }
}

/// Why a destination is unreachable (RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DestinationUnreachable(pub u8);

impl DestinationUnreachable {
    /// There is no route.
    pub const NETWORK: Self = Self(0);
    /// The last router cannot reach the host.
    pub const HOST: Self = Self(1);
    /// The host does not speak the protocol.
    pub const PROTOCOL: Self = Self(2);
    /// Nobody listens at the port.
    pub const PORT: Self = Self(3);
    /// It is too long for the next link, and must not be fragmented.
    pub const FRAGMENTATION_NEEDED: Self = Self(4);
    /// The source route leads nowhere.
    pub const SOURCE_ROUTE_FAILED: Self = Self(5);
    /// The network is forbidden.
    pub const NETWORK_PROHIBITED: Self = Self(9);
    /// The host is forbidden.
    pub const HOST_PROHIBITED: Self = Self(10);
    /// A filter forbids it.
    pub const ADMINISTRATIVELY_PROHIBITED: Self = Self(13);
}

impl fmt::Display for DestinationUnreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match *self {
            Self::NETWORK => "network",
            Self::HOST => "host",
            Self::PROTOCOL => "protocol",
            Self::PORT => "port",
            Self::FRAGMENTATION_NEEDED => "fragmentation needed",
            Self::SOURCE_ROUTE_FAILED => "source route failed",
            Self::NETWORK_PROHIBITED => "network prohibited",
            Self::HOST_PROHIBITED => "host prohibited",
            Self::ADMINISTRATIVELY_PROHIBITED => "administratively prohibited",
            Self(other) => return write!(f, "code {other}"),
        })
    }
}

/// Which time was exceeded (RFC 792).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeExceeded(pub u8);

impl TimeExceeded {
    /// The TTL ended at a router.
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

/// For which packets a redirect is meant (RFC 792).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RedirectCode(pub u8);

impl RedirectCode {
    /// For the network; not sent since RFC 1812 §5.2.7.2.
    pub const NETWORK: Self = Self(0);
    /// For the host.
    pub const HOST: Self = Self(1);
}

impl fmt::Display for RedirectCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match *self {
            Self::NETWORK => "network",
            Self::HOST => "host",
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
        assert_eq!(Icmpv4Type::TIME_EXCEEDED.to_string(), "time exceeded");
        assert_eq!(Icmpv4Type(42).to_string(), "type 42");
        assert_eq!(DestinationUnreachable(15).to_string(), "code 15");
        assert!(!Icmpv4Type::ECHO_REPLY.is_error());
    }
}

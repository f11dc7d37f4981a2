//! Types and codes of ICMP for IPv4 (IANA "ICMP Type Numbers").

use crate::numbers::{named_values, stored};

named_values! {
    /// What a message is.
    pub struct Icmpv4Type(u8), "type" {
        /// The answer to an echo request (RFC 792).
        ECHO_REPLY = 0, "echo reply";
        /// A packet does not get to where it should (RFC 792).
        DESTINATION_UNREACHABLE = 3, "destination unreachable";
        /// Slow down; no longer sent (RFC 6633).
        SOURCE_QUENCH = 4, "source quench";
        /// There is a better way (RFC 792).
        REDIRECT = 5, "redirect";
        /// "Are you there?" (RFC 792).
        ECHO_REQUEST = 8, "echo request";
        /// A router tells of itself (RFC 1256).
        ROUTER_ADVERTISEMENT = 9, "router advertisement";
        /// "Is there a router?" (RFC 1256).
        ROUTER_SOLICITATION = 10, "router solicitation";
        /// A packet lived too long (RFC 792).
        TIME_EXCEEDED = 11, "time exceeded";
        /// A packet's header is wrong (RFC 792).
        PARAMETER_PROBLEM = 12, "parameter problem";
        /// "What time is it?" (RFC 792).
        TIMESTAMP_REQUEST = 13, "timestamp request";
        /// The answer to that (RFC 792).
        TIMESTAMP_REPLY = 14, "timestamp reply";
    }
}

impl Icmpv4Type {
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

stored!(Icmpv4Type in u8);

named_values! {
    /// Why a destination is unreachable (RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1).
    pub struct DestinationUnreachable(u8), "code" {
        /// There is no route.
        NETWORK = 0, "network";
        /// The last router cannot reach the host.
        HOST = 1, "host";
        /// The host does not speak the protocol.
        PROTOCOL = 2, "protocol";
        /// Nobody listens at the port.
        PORT = 3, "port";
        /// It is too long for the next link, and must not be fragmented.
        FRAGMENTATION_NEEDED = 4, "fragmentation needed";
        /// The source route leads nowhere.
        SOURCE_ROUTE_FAILED = 5, "source route failed";
        /// The network is forbidden.
        NETWORK_PROHIBITED = 9, "network prohibited";
        /// The host is forbidden.
        HOST_PROHIBITED = 10, "host prohibited";
        /// A filter forbids it.
        ADMINISTRATIVELY_PROHIBITED = 13, "administratively prohibited";
    }
}

named_values! {
    /// Which time was exceeded (RFC 792).
    pub struct TimeExceeded(u8), "code" {
        /// The TTL ended at a router.
        IN_TRANSIT = 0, "in transit";
        /// Some fragments did not come in time.
        REASSEMBLY = 1, "reassembly";
    }
}

named_values! {
    /// For which packets a redirect is meant (RFC 792).
    pub struct RedirectCode(u8), "code" {
        /// For the network; not sent since RFC 1812 §5.2.7.2.
        NETWORK = 0, "network";
        /// For the host.
        HOST = 1, "host";
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

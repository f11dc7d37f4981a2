//! Types and codes of ICMP for IPv6 (IANA "ICMPv6 Parameters").

use crate::numbers::{named_values, stored};

named_values! {
    /// What a message is.
    pub struct Icmpv6Type(u8), "type" {
        /// A packet does not get to where it should (RFC 4443 §3.1).
        DESTINATION_UNREACHABLE = 1, "destination unreachable";
        /// A packet is too long for the next link (RFC 4443 §3.2).
        PACKET_TOO_BIG = 2, "packet too big";
        /// A packet lived too long (RFC 4443 §3.3).
        TIME_EXCEEDED = 3, "time exceeded";
        /// A packet's header is wrong (RFC 4443 §3.4).
        PARAMETER_PROBLEM = 4, "parameter problem";
        /// "Are you there?" (RFC 4443 §4.1).
        ECHO_REQUEST = 128, "echo request";
        /// The answer to that (RFC 4443 §4.2).
        ECHO_REPLY = 129, "echo reply";
        /// "Who listens to this group?" (RFC 3810).
        MULTICAST_LISTENER_QUERY = 130, "multicast listener query";
        /// "I listen to this group" (RFC 2710).
        MULTICAST_LISTENER_REPORT = 131, "multicast listener report";
        /// "I listen no longer" (RFC 2710).
        MULTICAST_LISTENER_DONE = 132, "multicast listener done";
        /// "Is there a router?" (RFC 4861 §4.1).
        ROUTER_SOLICITATION = 133, "router solicitation";
        /// A router tells of itself (RFC 4861 §4.2).
        ROUTER_ADVERTISEMENT = 134, "router advertisement";
        /// "Who has this address?" (RFC 4861 §4.3).
        NEIGHBOR_SOLICITATION = 135, "neighbor solicitation";
        /// "I have it" (RFC 4861 §4.4).
        NEIGHBOR_ADVERTISEMENT = 136, "neighbor advertisement";
        /// There is a better way (RFC 4861 §4.5).
        REDIRECT = 137, "redirect";
        /// "I listen to these groups, from these sources" (RFC 3810).
        MULTICAST_LISTENER_REPORT_V2 = 143, "multicast listener report v2";
    }
}

impl Icmpv6Type {
    /// Whether such a message is about a packet, so that none may be sent about it (RFC 4443 §2.1
    /// and §2.4 (e)). A redirect is not an error, yet none may be sent about it either.
    #[inline]
    pub const fn is_error(self) -> bool {
        self.0 < 128
    }
}

stored!(Icmpv6Type in u8);

named_values! {
    /// Why a destination is unreachable (RFC 4443 §3.1).
    pub struct DestinationUnreachable(u8), "code" {
        /// There is no route.
        NO_ROUTE = 0, "no route";
        /// A filter forbids it.
        ADMINISTRATIVELY_PROHIBITED = 1, "administratively prohibited";
        /// It would leave the scope of its source address.
        BEYOND_SCOPE = 2, "beyond scope";
        /// The last router cannot reach the host.
        ADDRESS = 3, "address";
        /// Nobody listens at the port.
        PORT = 4, "port";
        /// The source address is not allowed there.
        SOURCE_POLICY = 5, "source policy";
        /// The route says to reject it.
        REJECT_ROUTE = 6, "reject route";
    }
}

named_values! {
    /// Which time was exceeded (RFC 4443 §3.3).
    pub struct TimeExceeded(u8), "code" {
        /// The hop limit ended at a router.
        IN_TRANSIT = 0, "in transit";
        /// Some fragments did not come in time.
        REASSEMBLY = 1, "reassembly";
    }
}

named_values! {
    /// What is wrong with a header (RFC 4443 §3.4, RFC 7112 §5).
    pub struct ParameterProblem(u8), "code" {
        /// A field has a value that it must not have.
        ERRONEOUS_FIELD = 0, "erroneous field";
        /// A next header is not known.
        UNKNOWN_NEXT_HEADER = 1, "unknown next header";
        /// An option is not known.
        UNKNOWN_OPTION = 2, "unknown option";
        /// The first fragment does not hold all headers.
        INCOMPLETE_HEADER_CHAIN = 3, "incomplete header chain";
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

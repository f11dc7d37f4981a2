//! ICMPv6 messages, checked, and what they say.

use core::fmt;
use core::net::Ipv6Addr;

use super::ndp::{
    NdpOptions, NdpRedirect, NeighborAdvertisement, NeighborSolicitation, RouterAdvertisement,
    RouterSolicitation,
};
use super::{DestinationUnreachable, Icmpv6Header, Icmpv6Type, ParameterProblem, TimeExceeded};
use crate::checksum::Checksum;
use crate::ip::IpProtocol;
use crate::view::Truncated;

/// What a message says.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Icmpv6Body<'a> {
    /// "Are you there?"
    EchoRequest {
        /// Which asker.
        identifier: u16,
        /// Which of his questions.
        sequence: u16,
        /// To be sent back as it is.
        data: &'a [u8],
    },
    /// "Yes."
    EchoReply {
        /// From the request.
        identifier: u16,
        /// From the request.
        sequence: u16,
        /// From the request.
        data: &'a [u8],
    },
    /// A packet does not get to where it should.
    DestinationUnreachable {
        /// Why.
        code: DestinationUnreachable,
        /// As much of the packet as fits.
        quoted: &'a [u8],
    },
    /// A packet is too long for the next link.
    PacketTooBig {
        /// What would fit, in octets.
        mtu: u32,
        /// As much of the packet as fits.
        quoted: &'a [u8],
    },
    /// A packet lived too long, or its fragments did not all come.
    TimeExceeded {
        /// Which of the two.
        code: TimeExceeded,
        /// As much of the packet as fits.
        quoted: &'a [u8],
    },
    /// A packet's header is wrong.
    ParameterProblem {
        /// What is wrong with it.
        code: ParameterProblem,
        /// At which octet of the packet, perhaps beyond what is quoted.
        pointer: u32,
        /// As much of the packet as fits.
        quoted: &'a [u8],
    },
    /// "Is there a router?"
    RouterSolicitation(&'a RouterSolicitation, NdpOptions<'a>),
    /// A router tells of itself.
    RouterAdvertisement(&'a RouterAdvertisement, NdpOptions<'a>),
    /// "Who has this address?"
    NeighborSolicitation(&'a NeighborSolicitation, NdpOptions<'a>),
    /// "I have it."
    NeighborAdvertisement(&'a NeighborAdvertisement, NdpOptions<'a>),
    /// There is a better way.
    Redirect(&'a NdpRedirect, NdpOptions<'a>),
    /// Any other type.
    Unknown {
        /// The type.
        message_type: Icmpv6Type,
        /// The code.
        code: u8,
        /// What follows the 8 octets.
        data: &'a [u8],
    },
}

impl<'a> Icmpv6Body<'a> {
    /// As much as fits of the packet that an error is about, `None` in messages that are no errors.
    pub const fn quoted(&self) -> Option<&'a [u8]> {
        match *self {
            Self::DestinationUnreachable { quoted, .. }
            | Self::PacketTooBig { quoted, .. }
            | Self::TimeExceeded { quoted, .. }
            | Self::ParameterProblem { quoted, .. } => Some(quoted),
            _ => None,
        }
    }
}

impl fmt::Display for Icmpv6Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = match self {
            Self::EchoRequest {
                identifier,
                sequence,
                data,
            } => {
                let length = data.len();
                return write!(
                    f,
                    "echo request, id {identifier}, seq {sequence}, length {length}"
                );
            }
            Self::EchoReply {
                identifier,
                sequence,
                data,
            } => {
                let length = data.len();
                return write!(
                    f,
                    "echo reply, id {identifier}, seq {sequence}, length {length}"
                );
            }
            Self::DestinationUnreachable { code, .. } => {
                return write!(f, "destination unreachable: {code}");
            }
            Self::PacketTooBig { mtu, .. } => return write!(f, "packet too big (mtu {mtu})"),
            Self::TimeExceeded { code, .. } => return write!(f, "time exceeded: {code}"),
            Self::ParameterProblem { code, pointer, .. } => {
                return write!(f, "parameter problem: {code} at octet {pointer}");
            }
            Self::Unknown {
                message_type,
                code,
                data,
            } => {
                return write!(f, "{message_type}, code {code}, length {}", data.len());
            }
            Self::RouterSolicitation(message, options) => {
                message.fmt(f)?;
                options
            }
            Self::RouterAdvertisement(message, options) => {
                message.fmt(f)?;
                options
            }
            Self::NeighborSolicitation(message, options) => {
                message.fmt(f)?;
                options
            }
            Self::NeighborAdvertisement(message, options) => {
                message.fmt(f)?;
                options
            }
            Self::Redirect(message, options) => {
                message.fmt(f)?;
                options
            }
        };
        for option in options.clone() {
            match option {
                Ok(option) => write!(f, ", {option}")?,
                Err(error) => write!(f, ", bad option: {error}")?,
            }
        }
        Ok(())
    }
}

/// A message that has at least its 8 octets. ICMP has no length of its own, so it is as long as the
/// upper layer of IP.
#[derive(Clone, Copy, Debug)]
pub struct Icmpv6Message<'a> {
    bytes: &'a [u8],
    header: &'a Icmpv6Header,
    payload: &'a [u8],
}

impl<'a> Icmpv6Message<'a> {
    /// Checks the message that takes all of `bytes`.
    ///
    /// # Errors
    /// [`Truncated`] if there are fewer than 8 octets.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Truncated> {
        let (header, payload) = Icmpv6Header::split_from(bytes)?;
        Ok(Self {
            bytes,
            header,
            payload,
        })
    }

    /// The 8 octets at the beginning.
    #[inline]
    pub const fn header(&self) -> &'a Icmpv6Header {
        self.header
    }

    /// What follows them.
    #[inline]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// What the message says.
    ///
    /// # Errors
    /// [`Truncated`] if a message of neighbour discovery has fewer octets than its type takes.
    pub fn body(&self) -> Result<Icmpv6Body<'a>, Truncated> {
        let (bytes, header, data) = (self.bytes, self.header, self.payload);
        let (identifier, sequence) = (header.word_1(), header.word_2());
        let code = header.code();
        Ok(match header.message_type() {
            Icmpv6Type::ECHO_REQUEST => Icmpv6Body::EchoRequest {
                identifier,
                sequence,
                data,
            },
            Icmpv6Type::ECHO_REPLY => Icmpv6Body::EchoReply {
                identifier,
                sequence,
                data,
            },
            Icmpv6Type::DESTINATION_UNREACHABLE => {
                let code = DestinationUnreachable(code);
                Icmpv6Body::DestinationUnreachable { code, quoted: data }
            }
            Icmpv6Type::PACKET_TOO_BIG => Icmpv6Body::PacketTooBig {
                mtu: header.word(),
                quoted: data,
            },
            Icmpv6Type::TIME_EXCEEDED => Icmpv6Body::TimeExceeded {
                code: TimeExceeded(code),
                quoted: data,
            },
            Icmpv6Type::PARAMETER_PROBLEM => Icmpv6Body::ParameterProblem {
                code: ParameterProblem(code),
                pointer: header.word(),
                quoted: data,
            },
            Icmpv6Type::ROUTER_SOLICITATION => {
                let (message, options) = RouterSolicitation::split_from(bytes)?;
                Icmpv6Body::RouterSolicitation(message, NdpOptions::new(options))
            }
            Icmpv6Type::ROUTER_ADVERTISEMENT => {
                let (message, options) = RouterAdvertisement::split_from(bytes)?;
                Icmpv6Body::RouterAdvertisement(message, NdpOptions::new(options))
            }
            Icmpv6Type::NEIGHBOR_SOLICITATION => {
                let (message, options) = NeighborSolicitation::split_from(bytes)?;
                Icmpv6Body::NeighborSolicitation(message, NdpOptions::new(options))
            }
            Icmpv6Type::NEIGHBOR_ADVERTISEMENT => {
                let (message, options) = NeighborAdvertisement::split_from(bytes)?;
                Icmpv6Body::NeighborAdvertisement(message, NdpOptions::new(options))
            }
            Icmpv6Type::REDIRECT => {
                let (message, options) = NdpRedirect::split_from(bytes)?;
                Icmpv6Body::Redirect(message, NdpOptions::new(options))
            }
            message_type => Icmpv6Body::Unknown {
                message_type,
                code,
                data,
            },
        })
    }

    /// Whether the checksum is right between these addresses.
    #[inline]
    pub fn has_valid_checksum(&self, source: Ipv6Addr, destination: Ipv6Addr) -> bool {
        let length = self.bytes.len() as u32;
        Checksum::ipv6_pseudo_header(source, destination, IpProtocol::ICMPV6, length)
            .add_bytes(self.bytes)
            .is_valid()
    }
}

impl fmt::Display for Icmpv6Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.body() {
            Ok(body) => write!(f, "ICMPv6 {body}"),
            Err(error) => write!(f, "ICMPv6 {}: {error}", self.header.message_type()),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    const A: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    const B: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);

    /// An echo request between A and B, identifier 0x1234, sequence 1, "ping"; checksum worked out
    /// apart from this code.
    const ECHO: [u8; 12] = [128, 0, 0x33, 0x3e, 0x12, 0x34, 0, 1, b'p', b'i', b'n', b'g'];

    #[test]
    fn reads_and_builds_an_echo() {
        let message = Icmpv6Message::parse(&ECHO).unwrap();
        assert!(message.has_valid_checksum(A, B) && !message.has_valid_checksum(A, A));
        assert_eq!(
            message.to_string(),
            "ICMPv6 echo request, id 4660, seq 1, length 4"
        );
        let mut header = Icmpv6Header::echo_request(0x1234, 1);
        header.fill_checksum(A, B, b"ping");
        assert_eq!(header.as_bytes()[..], ECHO[..8]);
        assert!(Icmpv6Message::parse(&ECHO[..7]).is_err());
    }

    #[test]
    fn errors_quote_their_packet() {
        for (header, text) in [
            (
                Icmpv6Header::destination_unreachable(DestinationUnreachable::PORT),
                "ICMPv6 destination unreachable: port",
            ),
            (
                Icmpv6Header::packet_too_big(1280),
                "ICMPv6 packet too big (mtu 1280)",
            ),
            (
                Icmpv6Header::time_exceeded(TimeExceeded::REASSEMBLY),
                "ICMPv6 time exceeded: reassembly",
            ),
            (
                Icmpv6Header::parameter_problem(ParameterProblem::UNKNOWN_OPTION, 42),
                "ICMPv6 parameter problem: unknown option at octet 42",
            ),
        ] {
            let mut bytes = [0x60; 10];
            bytes[..8].copy_from_slice(header.as_bytes());
            let message = Icmpv6Message::parse(&bytes).unwrap();
            assert_eq!(message.to_string(), text);
            assert_eq!(message.body().unwrap().quoted(), Some(&[0x60, 0x60][..]));
        }
    }

    #[test]
    fn a_cut_neighbour_message_is_refused() {
        let mut bytes = [0; 23];
        bytes[0] = Icmpv6Type::NEIGHBOR_SOLICITATION.0;
        let message = Icmpv6Message::parse(&bytes).unwrap();
        assert_eq!(
            message.body().unwrap_err(),
            Truncated {
                needed: 24,
                found: 23
            }
        );
        assert!(
            message
                .to_string()
                .ends_with("expected at least 24 bytes, found 23")
        );
    }
}

//! ICMP for IPv4 (RFC 792, with RFC 1191 and RFC 1812).
//!
//! [`Icmpv4Header`] is the 8 octets that every message begins with; [`Icmpv4Message`] exists only
//! where they are there, and [`Icmpv4Body`] is what they and the rest mean. The extensions of RFC
//! 4884 are not taken apart: they lie at the end of what is quoted.

mod kinds;

use core::fmt;
use core::net::Ipv4Addr;

use crate::checksum::{Checksum, ChecksumDelta};
use crate::integers::U16;
use crate::view::{Truncated, header};

pub use kinds::{DestinationUnreachable, Icmpv4Type, RedirectCode, TimeExceeded};

header! {
    /// The 8 octets at the beginning of every message; what the last four mean depends on the type.
    pub struct Icmpv4Header {
        /// What the message is.
        message_type: u8 => Icmpv4Type, set_message_type;
        /// What it is more precisely.
        code: u8 => u8, set_code;
        /// Checksum over the message.
        checksum: U16 => u16, set_checksum;
        /// The first of the two words whose meaning depends on the type: an echo's identifier.
        word_1: U16 => u16, set_word_1;
        /// The second of them: an echo's sequence number, the MTU of "fragmentation needed".
        word_2: U16 => u16, set_word_2;
    }
}

impl Icmpv4Header {
    const fn new(message_type: Icmpv4Type, code: u8, rest: [u8; 4]) -> Self {
        let [a, b, c, d] = rest;
        Self {
            message_type: message_type.0,
            code,
            checksum: U16::new(0),
            word_1: U16::new(u16::from_be_bytes([a, b])),
            word_2: U16::new(u16::from_be_bytes([c, d])),
        }
    }

    /// "Are you there?"; the data of the echo follows.
    #[inline]
    pub const fn echo_request(identifier: u16, sequence: u16) -> Self {
        let ([a, b], [c, d]) = (identifier.to_be_bytes(), sequence.to_be_bytes());
        Self::new(Icmpv4Type::ECHO_REQUEST, 0, [a, b, c, d])
    }

    /// "Yes"; the data of the request follows.
    #[inline]
    pub const fn echo_reply(identifier: u16, sequence: u16) -> Self {
        let ([a, b], [c, d]) = (identifier.to_be_bytes(), sequence.to_be_bytes());
        Self::new(Icmpv4Type::ECHO_REPLY, 0, [a, b, c, d])
    }

    /// "It does not get there"; the beginning of the packet follows, as in all errors.
    #[inline]
    pub const fn destination_unreachable(code: DestinationUnreachable) -> Self {
        Self::new(Icmpv4Type::DESTINATION_UNREACHABLE, code.0, [0; 4])
    }

    /// "It is too long for the next link, and may not be fragmented": `mtu` octets would fit (RFC
    /// 1191 §4).
    #[inline]
    pub const fn fragmentation_needed(mtu: u16) -> Self {
        let [c, d] = mtu.to_be_bytes();
        let code = DestinationUnreachable::FRAGMENTATION_NEEDED.0;
        Self::new(Icmpv4Type::DESTINATION_UNREACHABLE, code, [0, 0, c, d])
    }

    /// "It lived too long."
    #[inline]
    pub const fn time_exceeded(code: TimeExceeded) -> Self {
        Self::new(Icmpv4Type::TIME_EXCEEDED, code.0, [0; 4])
    }

    /// "Its octet at `pointer` is wrong."
    #[inline]
    pub const fn parameter_problem(pointer: u8) -> Self {
        Self::new(Icmpv4Type::PARAMETER_PROBLEM, 0, [pointer, 0, 0, 0])
    }

    /// "Send such packets to `gateway` instead."
    #[inline]
    pub const fn redirect(code: RedirectCode, gateway: Ipv4Addr) -> Self {
        Self::new(Icmpv4Type::REDIRECT, code.0, gateway.octets())
    }

    /// The four octets whose meaning depends on the type.
    #[inline]
    pub const fn rest(&self) -> [u8; 4] {
        let ([a, b], [c, d]) = (self.word_1.octets(), self.word_2.octets());
        [a, b, c, d]
    }

    /// Fills in the checksum over the header and what follows it.
    #[inline]
    pub fn fill_checksum(&mut self, payload: &[u8]) {
        self.checksum = U16::new(0);
        let sum = Checksum::new()
            .add_bytes(self.as_bytes())
            .add_bytes(payload);
        self.checksum = U16::new(sum.finish());
    }

    /// Corrects the checksum after something under it was changed (RFC 1624).
    #[inline]
    pub const fn update_checksum(&mut self, delta: ChecksumDelta) {
        self.checksum = U16::new(delta.apply(self.checksum.get()));
    }
}

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Icmpv4Body<'a> {
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
        /// With [`DestinationUnreachable::FRAGMENTATION_NEEDED`], the MTU of the next link in
        /// octets; 0 if its router does not say it.
        next_hop_mtu: u16,
        /// The beginning of the packet: its header and at least 8 octets, if the sender keeps to
        /// the rules.
        quoted: &'a [u8],
    },
    /// A packet lived too long, or its fragments did not all come.
    TimeExceeded {
        /// Which of the two.
        code: TimeExceeded,
        /// The beginning of the packet.
        quoted: &'a [u8],
    },
    /// A packet's header is wrong.
    ParameterProblem {
        /// At which octet.
        pointer: u8,
        /// The beginning of the packet.
        quoted: &'a [u8],
    },
    /// There is a better way.
    Redirect {
        /// For which packets.
        code: RedirectCode,
        /// Through this router.
        gateway: Ipv4Addr,
        /// The beginning of the packet.
        quoted: &'a [u8],
    },
    /// Any other type.
    Unknown {
        /// The type.
        message_type: Icmpv4Type,
        /// The code.
        code: u8,
        /// What follows the 8 octets.
        data: &'a [u8],
    },
}

impl<'a> Icmpv4Body<'a> {
    /// The beginning of the packet that an error is about, `None` in messages that are no errors.
    pub const fn quoted(&self) -> Option<&'a [u8]> {
        match *self {
            Self::DestinationUnreachable { quoted, .. }
            | Self::TimeExceeded { quoted, .. }
            | Self::ParameterProblem { quoted, .. }
            | Self::Redirect { quoted, .. } => Some(quoted),
            _ => None,
        }
    }
}

impl fmt::Display for Icmpv4Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::EchoRequest {
                identifier,
                sequence,
                data,
            } => {
                write!(
                    f,
                    "echo request, id {identifier}, seq {sequence}, length {}",
                    data.len()
                )
            }
            Self::EchoReply {
                identifier,
                sequence,
                data,
            } => {
                write!(
                    f,
                    "echo reply, id {identifier}, seq {sequence}, length {}",
                    data.len()
                )
            }
            Self::DestinationUnreachable {
                code, next_hop_mtu, ..
            } => match next_hop_mtu {
                0 => write!(f, "destination unreachable: {code}"),
                mtu => write!(f, "destination unreachable: {code} (mtu {mtu})"),
            },
            Self::TimeExceeded { code, .. } => write!(f, "time exceeded: {code}"),
            Self::ParameterProblem { pointer, .. } => {
                write!(f, "parameter problem at octet {pointer}")
            }
            Self::Redirect { code, gateway, .. } => write!(f, "redirect {code} to {gateway}"),
            Self::Unknown {
                message_type,
                code,
                data,
            } => {
                write!(f, "{message_type}, code {code}, length {}", data.len())
            }
        }
    }
}

/// A message that has at least its 8 octets. ICMP has no length of its own, so it is as long as the
/// payload of IP.
#[derive(Clone, Copy, Debug)]
pub struct Icmpv4Message<'a> {
    bytes: &'a [u8],
    header: &'a Icmpv4Header,
    payload: &'a [u8],
}

impl<'a> Icmpv4Message<'a> {
    /// Checks the message that takes all of `bytes`.
    ///
    /// # Errors
    /// [`Truncated`] if there are fewer than 8 octets.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Truncated> {
        let (header, payload) = Icmpv4Header::split_from(bytes)?;
        Ok(Self {
            bytes,
            header,
            payload,
        })
    }

    /// The 8 octets at the beginning.
    #[inline]
    pub const fn header(&self) -> &'a Icmpv4Header {
        self.header
    }

    /// What follows them.
    #[inline]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// What the message says.
    pub fn body(&self) -> Icmpv4Body<'a> {
        let (header, data) = (self.header, self.payload);
        let (identifier, sequence) = (header.word_1(), header.word_2());
        match header.message_type() {
            Icmpv4Type::ECHO_REQUEST => Icmpv4Body::EchoRequest {
                identifier,
                sequence,
                data,
            },
            Icmpv4Type::ECHO_REPLY => Icmpv4Body::EchoReply {
                identifier,
                sequence,
                data,
            },
            Icmpv4Type::DESTINATION_UNREACHABLE => {
                let code = DestinationUnreachable(header.code());
                let has_mtu = code == DestinationUnreachable::FRAGMENTATION_NEEDED;
                let next_hop_mtu = if has_mtu { header.word_2() } else { 0 };
                Icmpv4Body::DestinationUnreachable {
                    code,
                    next_hop_mtu,
                    quoted: data,
                }
            }
            Icmpv4Type::TIME_EXCEEDED => Icmpv4Body::TimeExceeded {
                code: TimeExceeded(header.code()),
                quoted: data,
            },
            Icmpv4Type::PARAMETER_PROBLEM => Icmpv4Body::ParameterProblem {
                pointer: header.rest()[0],
                quoted: data,
            },
            Icmpv4Type::REDIRECT => Icmpv4Body::Redirect {
                code: RedirectCode(header.code()),
                gateway: Ipv4Addr::from_octets(header.rest()),
                quoted: data,
            },
            message_type => Icmpv4Body::Unknown {
                message_type,
                code: header.code(),
                data,
            },
        }
    }

    /// Whether the checksum is right.
    #[inline]
    pub fn has_valid_checksum(&self) -> bool {
        Checksum::new().add_bytes(self.bytes).is_valid()
    }
}

impl fmt::Display for Icmpv4Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ICMP {}", self.body())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    /// An echo request, identifier 0x1234, sequence 1, "ping".
    const ECHO: [u8; 12] = [8, 0, 0x06, 0xfa, 0x12, 0x34, 0, 1, b'p', b'i', b'n', b'g'];

    #[test]
    fn reads_an_echo() {
        let message = Icmpv4Message::parse(&ECHO).unwrap();
        assert!(message.has_valid_checksum());
        assert_eq!(
            message.body(),
            Icmpv4Body::EchoRequest {
                identifier: 0x1234,
                sequence: 1,
                data: b"ping"
            }
        );
        assert_eq!(
            message.to_string(),
            "ICMP echo request, id 4660, seq 1, length 4"
        );
        assert_eq!(
            Icmpv4Message::parse(&ECHO[..7]).unwrap_err(),
            Truncated {
                needed: 8,
                found: 7
            }
        );
    }

    #[test]
    fn builds_an_echo_and_turns_it_round() {
        let mut header = Icmpv4Header::echo_request(0x1234, 1);
        header.fill_checksum(b"ping");
        assert_eq!(header.as_bytes()[..], ECHO[..8]);
        header.set_message_type(Icmpv4Type::ECHO_REPLY);
        header.update_checksum(ChecksumDelta::new().replace_u16(0x0800, 0x0000));
        let mut reply = Icmpv4Header::echo_reply(0x1234, 1);
        reply.fill_checksum(b"ping");
        assert_eq!(header, reply);
    }

    #[test]
    fn errors_quote_their_packet() {
        for (header, text) in [
            (
                Icmpv4Header::destination_unreachable(DestinationUnreachable::PORT),
                "ICMP destination unreachable: port",
            ),
            (
                Icmpv4Header::fragmentation_needed(1400),
                "ICMP destination unreachable: fragmentation needed (mtu 1400)",
            ),
            (
                Icmpv4Header::time_exceeded(TimeExceeded::IN_TRANSIT),
                "ICMP time exceeded: in transit",
            ),
            (
                Icmpv4Header::parameter_problem(20),
                "ICMP parameter problem at octet 20",
            ),
            (
                Icmpv4Header::redirect(RedirectCode::HOST, Ipv4Addr::new(10, 0, 0, 254)),
                "ICMP redirect host to 10.0.0.254",
            ),
        ] {
            let mut bytes = [0x45; 10];
            bytes[..8].copy_from_slice(header.as_bytes());
            let message = Icmpv4Message::parse(&bytes).unwrap();
            assert_eq!(message.to_string(), text);
            assert_eq!(message.body().quoted(), Some(&[0x45, 0x45][..]));
            assert!(header.message_type().is_error());
        }
    }
}

//! ICMP for IPv6 (RFC 4443) and neighbour discovery (RFC 4861).
//!
//! [`Icmpv6Header`] is the 8 octets that every message defined so far begins with: type, code and
//! checksum of RFC 4443 §2.1 and the word that all have after them. [`Icmpv6Message`] exists only
//! where they are there, and [`Icmpv6Body`] is what they and the rest mean. The messages of
//! neighbour discovery are headers of their own in [`ndp`]. Whether a message may be believed (hop
//! limit 255, sources, targets: RFC 4861 §6.1 and §7.1) is for the neighbour cache to decide.

mod body;
mod kinds;
pub mod ndp;

use core::net::Ipv6Addr;

use crate::checksum::{Checksum, ChecksumDelta};
use crate::integers::U16;
use crate::ip::IpProtocol;
use crate::view::header;

pub use body::{Icmpv6Body, Icmpv6Message};
pub use kinds::{DestinationUnreachable, Icmpv6Type, ParameterProblem, TimeExceeded};

header! {
    /// The 8 octets at the beginning of every message; what the last four mean depends on the type.
    pub struct Icmpv6Header {
        /// What the message is.
        message_type: u8 => Icmpv6Type, set_message_type;
        /// What it is more precisely.
        code: u8 => u8, set_code;
        /// Checksum over pseudo-header and message.
        checksum: U16 => u16, set_checksum;
        /// The first half of the word whose meaning depends on the type: an echo's identifier.
        word_1: U16 => u16, set_word_1;
        /// The second half of it: an echo's sequence number.
        word_2: U16 => u16, set_word_2;
    }
}

impl Icmpv6Header {
    const fn new(message_type: Icmpv6Type, code: u8, rest: [u8; 4]) -> Self {
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
        Self::new(Icmpv6Type::ECHO_REQUEST, 0, [a, b, c, d])
    }

    /// "Yes"; the data of the request follows.
    #[inline]
    pub const fn echo_reply(identifier: u16, sequence: u16) -> Self {
        let ([a, b], [c, d]) = (identifier.to_be_bytes(), sequence.to_be_bytes());
        Self::new(Icmpv6Type::ECHO_REPLY, 0, [a, b, c, d])
    }

    /// "It does not get there"; as much of the packet follows as fits into 1280 octets, as in all
    /// errors.
    #[inline]
    pub const fn destination_unreachable(code: DestinationUnreachable) -> Self {
        Self::new(Icmpv6Type::DESTINATION_UNREACHABLE, code.0, [0; 4])
    }

    /// "It is too long for the next link": `mtu` octets would fit.
    #[inline]
    pub const fn packet_too_big(mtu: u32) -> Self {
        Self::new(Icmpv6Type::PACKET_TOO_BIG, 0, mtu.to_be_bytes())
    }

    /// "It lived too long."
    #[inline]
    pub const fn time_exceeded(code: TimeExceeded) -> Self {
        Self::new(Icmpv6Type::TIME_EXCEEDED, code.0, [0; 4])
    }

    /// "Its octet at `pointer` is wrong."
    #[inline]
    pub const fn parameter_problem(code: ParameterProblem, pointer: u32) -> Self {
        Self::new(Icmpv6Type::PARAMETER_PROBLEM, code.0, pointer.to_be_bytes())
    }

    /// The word whose meaning depends on the type: an MTU, a pointer.
    #[inline]
    pub const fn word(&self) -> u32 {
        let ([a, b], [c, d]) = (self.word_1.octets(), self.word_2.octets());
        u32::from_be_bytes([a, b, c, d])
    }
}

/// The checksum of a message whose own checksum field is zero, in two pieces.
#[inline]
fn checksum(source: Ipv6Addr, destination: Ipv6Addr, head: &[u8], rest: &[u8]) -> u16 {
    let length = (head.len() + rest.len()) as u32;
    Checksum::ipv6_pseudo_header(source, destination, IpProtocol::ICMPV6, length)
        .add_bytes(head)
        .add_bytes(rest)
        .finish()
}

/// Every message has its checksum at the same place and computes it the same way.
macro_rules! checksum_of_message {
    ($($header:ty)*) => {$(
        impl $header {
            /// Fills in the checksum between these addresses, over this header and what follows it.
            #[inline]
            pub fn fill_checksum(&mut self, source: Ipv6Addr, destination: Ipv6Addr, rest: &[u8]) {
                self.set_checksum(0);
                self.set_checksum(checksum(source, destination, self.as_bytes(), rest));
            }

            /// Corrects the checksum after something under it was changed (RFC 1624).
            #[inline]
            pub fn update_checksum(&mut self, delta: ChecksumDelta) {
                self.set_checksum(delta.apply(self.checksum()));
            }
        }
    )*};
}

checksum_of_message! {
    Icmpv6Header
    ndp::RouterSolicitation
    ndp::RouterAdvertisement
    ndp::NeighborSolicitation
    ndp::NeighborAdvertisement
    ndp::NdpRedirect
}

//! What an error quotes, and the extension objects that may follow (RFC 4884).

use waypost_wire::Checksum;
use waypost_wire::icmpv4::{Icmpv4Message, Icmpv4Type};
use waypost_wire::icmpv6::{Icmpv6Message, Icmpv6Type};

/// The least that a message with extension objects quotes, in octets (RFC 4884 §3).
const MIN_QUOTED: usize = 128;

/// The version of the extension header (RFC 4884 §7).
const VERSION: u8 = 2;

/// What is behind the 8 octets of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quoted<'a> {
    /// The beginning of the packet that the error is about. With extension objects, zeros may follow it.
    pub packet: &'a [u8],
    /// The extension objects.
    pub extensions: ExtensionObjects<'a>,
}

impl<'a> Quoted<'a> {
    /// What an error of IPv4 quotes; `None` if it is no error.
    pub fn of_icmpv4(message: &Icmpv4Message<'a>) -> Option<Self> {
        let header = message.header();
        if !header.message_type().is_error() {
            return None;
        }
        // RFC 4884 §4: words of 4 octets, in the second octet, of three types.
        let words = match header.message_type() {
            Icmpv4Type::DESTINATION_UNREACHABLE
            | Icmpv4Type::TIME_EXCEEDED
            | Icmpv4Type::PARAMETER_PROBLEM => header.rest()[1],
            _ => 0,
        };
        Some(Self::split(message.payload(), usize::from(words) * 4))
    }

    /// What an error of IPv6 quotes; `None` if it is no error.
    pub fn of_icmpv6(message: &Icmpv6Message<'a>) -> Option<Self> {
        let header = message.header();
        if !header.message_type().is_error() {
            return None;
        }
        // RFC 4884 §4: words of 8 octets, in the first octet, of two types.
        let words = match header.message_type() {
            Icmpv6Type::DESTINATION_UNREACHABLE | Icmpv6Type::TIME_EXCEEDED => {
                header.word().to_be_bytes()[0]
            }
            _ => 0,
        };
        Some(Self::split(message.payload(), usize::from(words) * 8))
    }

    /// A length of 0 says that there are no extension objects (RFC 4884 §5.5); one that is too short or beyond
    /// the end says nothing that can be believed.
    fn split(payload: &'a [u8], len: usize) -> Self {
        let split = match len {
            ..MIN_QUOTED => None,
            len => payload.split_at_checked(len),
        };
        let (packet, extensions) = split.unwrap_or((payload, &[]));
        Self {
            packet,
            extensions: ExtensionObjects::new(extensions),
        }
    }
}

/// One extension object (RFC 4884 §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtensionObject<'a> {
    /// What it is about: 1 is a stack of MPLS labels (RFC 4950), 2 an interface (RFC 5837).
    pub class: u8,
    /// What it is more precisely.
    pub kind: u8,
    /// What it says.
    pub data: &'a [u8],
}

/// The extension objects of an error, one after the other, up to the first that is broken. None where version
/// or checksum of the whole are wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExtensionObjects<'a>(&'a [u8]);

impl<'a> ExtensionObjects<'a> {
    fn new(structure: &'a [u8]) -> Self {
        let Some(([version, _, sum @ ..], objects)) = structure.split_first_chunk::<4>() else {
            return Self(&[]);
        };
        // RFC 4884 §7: a checksum of zero means that there is none.
        let is_right = *sum == [0; 2] || Checksum::new().add_bytes(structure).is_valid();
        if version >> 4 == VERSION && is_right {
            Self(objects)
        } else {
            Self(&[])
        }
    }
}

impl<'a> Iterator for ExtensionObjects<'a> {
    type Item = ExtensionObject<'a>;

    fn next(&mut self) -> Option<ExtensionObject<'a>> {
        let objects = core::mem::take(&mut self.0);
        let [high, low, class, kind, ..] = *objects else {
            return None;
        };
        let len = usize::from(u16::from_be_bytes([high, low]));
        let (object, rest) = objects.split_at_checked(len)?;
        let data = object.get(4..)?;
        self.0 = rest;
        Some(ExtensionObject { class, kind, data })
    }
}

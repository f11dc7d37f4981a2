//! Extension headers, one by one (RFC 8200 §4, RFC 4302, RFC 7045).

use core::fmt;

use super::Ipv6Options;
use crate::integers::{U16, U32};
use crate::ip::IpProtocol;
use crate::view::header;

header! {
    /// The fragment header (RFC 8200 §4.5).
    pub struct Ipv6FragmentHeader {
        /// What the fragmentable part begins with.
        next_header: u8 => IpProtocol, set_next_header;
        reserved: u8;
        offset_more: U16;
        /// What fragments of one packet have in common.
        identification: U32 => u32, set_identification;
    }
}

impl Ipv6FragmentHeader {
    /// A header of the fragment at `offset` octets, rounded down to a multiple of 8.
    #[inline]
    pub const fn new(
        next_header: IpProtocol,
        offset: u16,
        more_fragments: bool,
        identification: u32,
    ) -> Self {
        Self {
            next_header: next_header.0,
            reserved: 0,
            offset_more: U16::new(offset & !7 | more_fragments as u16),
            identification: U32::new(identification),
        }
    }

    /// Where in the fragmentable part this fragment begins, in octets: a multiple of 8 up to 65528.
    #[inline]
    pub const fn fragment_offset(&self) -> u16 {
        self.offset_more.get() & !7
    }

    /// Sets where this fragment begins, in octets, rounded down to a multiple of 8.
    #[inline]
    pub const fn set_fragment_offset(&mut self, octets: u16) {
        self.offset_more = U16::new(octets & !7 | self.offset_more.get() & 7);
    }

    /// Whether more fragments follow this one.
    #[inline]
    pub const fn more_fragments(&self) -> bool {
        self.offset_more.get() & 1 != 0
    }

    /// Sets whether more fragments follow this one.
    #[inline]
    pub const fn set_more_fragments(&mut self, more: bool) {
        self.offset_more = U16::new(self.offset_more.get() & !1 | more as u16);
    }

    /// Whether this is the only fragment, and so a whole packet (RFC 6946).
    #[inline]
    pub const fn is_atomic(&self) -> bool {
        self.offset_more.get() & !6 == 0
    }
}

/// `frag 1448+ id 0x00000007`
impl fmt::Display for Ipv6FragmentHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = if self.more_fragments() { "+" } else { "" };
        write!(
            f,
            "frag {}{more} id {:#010x}",
            self.fragment_offset(),
            self.identification()
        )
    }
}

/// One extension header, without its next-header and length octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExtensionHeader<'a> {
    /// Options for every hop (RFC 8200 §4.3): give the octets to [`Ipv6Options`].
    HopByHop(&'a [u8]),
    /// Nodes to visit (RFC 8200 §4.4).
    Routing {
        /// Which kind of routing header: 0 is forbidden (RFC 5095), 4 is segment routing (RFC
        /// 8754).
        routing_type: u8,
        /// Nodes still to visit.
        segments_left: u8,
        /// What follows.
        data: &'a [u8],
    },
    /// The packet is a part of one (RFC 8200 §4.5).
    Fragment(&'a Ipv6FragmentHeader),
    /// Options for the destination (RFC 8200 §4.6): give the octets to [`Ipv6Options`].
    Destination(&'a [u8]),
    /// Authentication (RFC 4302 §2): what follows next-header and length.
    Authentication(&'a [u8]),
    /// Mobility, HIP or Shim6, which have the common form (RFC 6564) and are not taken apart here.
    Other {
        /// Which of them.
        protocol: IpProtocol,
        /// What follows next-header and length.
        data: &'a [u8],
    },
}

impl fmt::Display for ExtensionHeader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, options) = match self {
            Self::HopByHop(options) => ("hop-by-hop", options),
            Self::Destination(options) => ("destination options", options),
            Self::Routing {
                routing_type,
                segments_left,
                ..
            } => {
                return write!(
                    f,
                    "routing type {routing_type}, segments left {segments_left}"
                );
            }
            Self::Fragment(fragment) => return fragment.fmt(f),
            Self::Authentication(data) => return write!(f, "AH, {} octets", data.len() + 2),
            Self::Other { protocol, data } => {
                return write!(f, "{protocol}, {} octets", data.len() + 2);
            }
        };
        f.write_str(name)?;
        for option in Ipv6Options::new(options) {
            match option {
                Ok(option) => write!(f, " ({option})")?,
                Err(error) => write!(f, " ({error})")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragment_headers_are_built() {
        let mut header = Ipv6FragmentHeader::new(IpProtocol::UDP, 1449, true, 7);
        assert_eq!(*header.as_bytes(), [17, 0, 0x05, 0xa9, 0, 0, 0, 7]);
        header.set_more_fragments(false);
        header.set_fragment_offset(0);
        assert!(header.is_atomic());
    }
}

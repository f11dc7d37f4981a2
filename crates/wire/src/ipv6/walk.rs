//! The way through the extension headers to the upper layer.

use core::fmt;
use core::iter::FusedIterator;

use super::{ExtensionHeader, Ipv6FragmentHeader};
use crate::ip::IpProtocol;

/// Why the chain of extension headers is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExtensionError {
    /// A header is longer than what is left of the packet.
    Truncated {
        /// Which header.
        header: IpProtocol,
        /// Octets that it takes.
        needed: usize,
        /// Octets that are left.
        found: usize,
    },
    /// Hop-by-hop options come elsewhere than first (RFC 8200 §4.1).
    MisplacedHopByHop {
        /// Where in the payload, in octets.
        offset: usize,
    },
    /// There are more than [`ExtensionHeaders::MAX`].
    TooMany,
}

impl fmt::Display for ExtensionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated {
                header,
                needed,
                found,
            } => {
                write!(
                    f,
                    "expected {needed} octets of IPv6 extension header {header}, found {found}"
                )
            }
            Self::MisplacedHopByHop { offset } => {
                write!(
                    f,
                    "expected hop-by-hop options directly after the IPv6 header, found them at offset {offset}"
                )
            }
            Self::TooMany => {
                let max = ExtensionHeaders::MAX;
                write!(
                    f,
                    "expected at most {max} IPv6 extension headers, found more"
                )
            }
        }
    }
}

impl core::error::Error for ExtensionError {}

/// What comes after the extension headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpperLayer<'a> {
    /// What it is; [`IpProtocol::NO_NEXT_HEADER`] means that there is none. ESP counts as an upper
    /// layer, for nobody can look behind it.
    pub protocol: IpProtocol,
    /// Where it begins, in octets from the end of the fixed header.
    pub offset: usize,
    /// Its octets.
    pub payload: &'a [u8],
    /// The fragment header on the way, if any. In a fragment other than the first, `payload` is a
    /// piece out of the middle of what `protocol` names: an extension header or the upper layer.
    pub fragment: Option<&'a Ipv6FragmentHeader>,
}

impl UpperLayer<'_> {
    /// Whether `payload` begins where the upper layer does: not so in fragments other than the
    /// first.
    #[inline]
    pub fn is_beginning(&self) -> bool {
        self.fragment
            .is_none_or(|fragment| fragment.fragment_offset() == 0)
    }
}

/// The extension headers of a packet, one after the other.
///
/// The walk ends at the upper layer, at a fragment other than the first, and after an error. It
/// takes at most [`MAX`](Self::MAX) steps.
#[derive(Clone, Debug)]
pub struct ExtensionHeaders<'a> {
    next_header: IpProtocol,
    payload: &'a [u8],
    offset: usize,
    steps: usize,
    done: bool,
}

impl<'a> ExtensionHeaders<'a> {
    /// The most extension headers that are walked through. RFC 8200 §4.1 foresees seven; more only
    /// cost time.
    pub const MAX: usize = 16;

    /// Mobility (RFC 6275), HIP (RFC 7401), Shim6 (RFC 5533).
    const OTHERS: [u8; 3] = [135, 139, 140];

    /// The extension headers at the beginning of the payload of a packet with this next header.
    #[inline]
    pub const fn new(next_header: IpProtocol, payload: &'a [u8]) -> Self {
        Self {
            next_header,
            payload,
            offset: 0,
            steps: 0,
            done: false,
        }
    }

    /// What comes after the headers seen so far.
    #[inline]
    pub const fn next_header(&self) -> IpProtocol {
        self.next_header
    }

    /// Where it begins, in octets from the end of the fixed header.
    #[inline]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// The octets after the headers seen so far.
    #[inline]
    pub fn remaining(&self) -> &'a [u8] {
        self.payload.get(self.offset..).unwrap_or_default()
    }

    /// Walks to the end and tells what is there.
    ///
    /// # Errors
    /// [`ExtensionError`] if the chain is broken.
    #[inline]
    pub fn upper_layer(mut self) -> Result<UpperLayer<'a>, ExtensionError> {
        let mut fragment = None;
        for extension in self.by_ref() {
            if let ExtensionHeader::Fragment(header) = extension? {
                fragment = Some(header);
            }
        }
        let (protocol, offset, payload) = (self.next_header, self.offset, self.remaining());
        Ok(UpperLayer {
            protocol,
            offset,
            payload,
            fragment,
        })
    }

    /// Reads the header that `next_header` names; `None` if that is the upper layer.
    fn step(&mut self) -> Option<Result<ExtensionHeader<'a>, ExtensionError>> {
        let header = self.next_header;
        let rest = self.remaining();
        let length_octet = rest.get(1).copied().map(usize::from);
        // RFC 8200 counts in units of 8 octets without the first, RFC 4302 in units of 4 without
        // the first two.
        let needed = match header {
            IpProtocol::FRAGMENT => Ipv6FragmentHeader::LEN,
            IpProtocol::AH => length_octet.map_or(2, |length| (length + 2) * 4),
            IpProtocol::HOP_BY_HOP | IpProtocol::ROUTING | IpProtocol::DESTINATION_OPTIONS => {
                length_octet.map_or(2, |length| (length + 1) * 8)
            }
            IpProtocol(other) if Self::OTHERS.contains(&other) => {
                length_octet.map_or(2, |length| (length + 1) * 8)
            }
            _ => return None,
        };
        if self.steps == Self::MAX {
            return Some(Err(ExtensionError::TooMany));
        }
        if header == IpProtocol::HOP_BY_HOP && self.offset != 0 {
            return Some(Err(ExtensionError::MisplacedHopByHop {
                offset: self.offset,
            }));
        }
        let truncated = ExtensionError::Truncated {
            header,
            needed,
            found: rest.len(),
        };
        let Some(&[next_header, _, ref data @ ..]) = rest.get(..needed) else {
            return Some(Err(truncated));
        };
        let extension = match (header, data) {
            (IpProtocol::HOP_BY_HOP, options) => ExtensionHeader::HopByHop(options),
            (IpProtocol::DESTINATION_OPTIONS, options) => ExtensionHeader::Destination(options),
            (IpProtocol::ROUTING, &[routing_type, segments_left, ref data @ ..]) => {
                ExtensionHeader::Routing {
                    routing_type,
                    segments_left,
                    data,
                }
            }
            (IpProtocol::FRAGMENT, _) => match Ipv6FragmentHeader::split_from(rest) {
                Ok((fragment, _)) => {
                    self.done = fragment.fragment_offset() != 0;
                    ExtensionHeader::Fragment(fragment)
                }
                Err(_) => return Some(Err(truncated)),
            },
            (IpProtocol::AH, data) => ExtensionHeader::Authentication(data),
            (protocol, data) => ExtensionHeader::Other { protocol, data },
        };
        self.next_header = IpProtocol(next_header);
        self.offset += needed;
        self.steps += 1;
        Some(Ok(extension))
    }
}

impl<'a> Iterator for ExtensionHeaders<'a> {
    type Item = Result<ExtensionHeader<'a>, ExtensionError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let extension = self.step();
        self.done |= !matches!(extension, Some(Ok(_)));
        extension
    }
}

impl FusedIterator for ExtensionHeaders<'_> {}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;
    use std::vec;
    use std::vec::Vec;

    #[test]
    fn the_whole_chain_is_walked() {
        let payload = [
            &[43, 0, 5, 2, 0, 0, 1, 0][..], // hop-by-hop: router alert, PadN
            &[44, 0, 4, 1, 0, 0, 0, 0],     // routing
            &[51, 0, 0, 1, 0, 0, 0, 7],     // first fragment
            &[60, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2], // AH: (4 + 2) * 4 octets
            &[0; 12],                       // its integrity check value
            &[135, 0, 1, 4, 0, 0, 0, 0],    // destination options: PadN
            &[17, 0, 5, 0, 0, 0, 0, 0],     // mobility
            &[1, 2, 3],                     // UDP
        ]
        .concat();
        let walk = ExtensionHeaders::new(IpProtocol::HOP_BY_HOP, &payload);
        let upper = walk.clone().upper_layer().unwrap();
        assert_eq!(
            (upper.protocol, upper.offset, upper.payload),
            (IpProtocol::UDP, 64, &[1, 2, 3][..])
        );
        assert!(upper.is_beginning() && upper.fragment.unwrap().more_fragments());
        let names: Vec<_> = walk
            .map(|extension| extension.unwrap().to_string())
            .collect();
        assert_eq!(
            names,
            [
                "hop-by-hop (router alert 0) (pad 2)",
                "routing type 4, segments left 1",
                "frag 0+ id 0x00000007",
                "AH, 24 octets",
                "destination options (pad 6)",
                "protocol 135, 8 octets",
            ]
        );
    }

    #[test]
    fn later_fragments_end_the_walk() {
        let payload = [&[60, 0, 0, 8, 0, 0, 0, 7][..], &[9; 8]].concat();
        let upper = ExtensionHeaders::new(IpProtocol::FRAGMENT, &payload)
            .upper_layer()
            .unwrap();
        assert_eq!(
            (upper.protocol, upper.offset),
            (IpProtocol::DESTINATION_OPTIONS, 8)
        );
        assert!(!upper.is_beginning());
    }

    #[test]
    fn broken_chains_are_told() {
        let walk = |next, payload: &[u8]| {
            ExtensionHeaders::new(next, payload)
                .upper_layer()
                .map(|upper| upper.protocol)
        };
        let (header, needed) = (IpProtocol::HOP_BY_HOP, 16);
        assert_eq!(
            walk(header, &[6, 1, 0]),
            Err(ExtensionError::Truncated {
                header,
                needed,
                found: 3
            })
        );
        let (header, needed) = (IpProtocol::ROUTING, 2);
        assert_eq!(
            walk(header, &[6]),
            Err(ExtensionError::Truncated {
                header,
                needed,
                found: 1
            })
        );
        let (header, needed) = (IpProtocol::FRAGMENT, 8);
        assert_eq!(
            walk(header, &[6; 7]),
            Err(ExtensionError::Truncated {
                header,
                needed,
                found: 7
            })
        );
        let misplaced = [&[0, 0, 1, 4, 0, 0, 0, 0][..], &[6, 0, 1, 4, 0, 0, 0, 0]].concat();
        assert_eq!(
            walk(IpProtocol::DESTINATION_OPTIONS, &misplaced),
            Err(ExtensionError::MisplacedHopByHop { offset: 8 })
        );
        let many = vec![60; 8 * 1000]
            .chunks(8)
            .flat_map(|_| [60, 0, 1, 4, 0, 0, 0, 0])
            .collect::<Vec<u8>>();
        assert_eq!(
            walk(IpProtocol::DESTINATION_OPTIONS, &many),
            Err(ExtensionError::TooMany)
        );
        assert_eq!(
            walk(IpProtocol::NO_NEXT_HEADER, &[1]),
            Ok(IpProtocol::NO_NEXT_HEADER)
        );
    }
}

//! Fragmentation of IPv6 by the packet's source (RFC 8200 §4.5).

use core::ops::Range;

use waypost_wire::IpProtocol;
use waypost_wire::ipv6::{ExtensionHeader, Ipv6FragmentHeader, Ipv6Header, Ipv6Packet};

use super::FragmentError;

/// What every link must carry in one piece, in octets (RFC 8200 §5). No path's MTU is less, whatever is
/// reported, so nothing is cut smaller.
pub const MIN_IPV6_MTU: usize = 1280;

/// One fragment to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ipv6Fragment<'a> {
    fixed: Ipv6Header,
    /// The extension headers of the unfragmentable part.
    extensions: &'a [u8],
    /// Which of their octets names the fragment header, if they do.
    patched: Option<usize>,
    /// Absent from a packet that fits.
    fragment: Option<Ipv6FragmentHeader>,
    payload: Range<usize>,
}

impl Ipv6Fragment<'_> {
    /// Length of all that comes ahead of the payload, in octets.
    pub fn header_len(&self) -> usize {
        let fragment = self.fragment.map_or(0, |_| Ipv6FragmentHeader::LEN);
        Ipv6Header::LEN + self.extensions.len() + fragment
    }

    /// Writes the headers of the fragment to the beginning of `buffer` and returns their length; `None`, and
    /// nothing written, if it is shorter than [`header_len`](Self::header_len).
    pub fn write_header(&self, buffer: &mut [u8]) -> Option<usize> {
        let buffer = buffer.get_mut(..self.header_len())?;
        let (fixed, rest) = buffer.split_at_mut_checked(Ipv6Header::LEN)?;
        let (extensions, fragment) = rest.split_at_mut_checked(self.extensions.len())?;
        fixed.copy_from_slice(self.fixed.as_bytes());
        extensions.copy_from_slice(self.extensions);
        if let Some(octet) = self.patched.and_then(|at| extensions.get_mut(at)) {
            *octet = IpProtocol::FRAGMENT.0;
        }
        if let Some(header) = &self.fragment {
            fragment.copy_from_slice(header.as_bytes());
        }
        Some(self.header_len())
    }

    /// What part of the packet's payload, which begins after the fixed header, follows the headers.
    pub fn payload(&self) -> Range<usize> {
        self.payload.clone()
    }

    /// The fragment header; `None` for a packet that fits.
    pub const fn fragment(&self) -> Option<&Ipv6FragmentHeader> {
        self.fragment.as_ref()
    }

    /// Length of the fragment in octets, headers included.
    #[allow(clippy::len_without_is_empty)] // never empty
    pub fn len(&self) -> usize {
        self.header_len() + self.payload.len()
    }
}

/// The fragments of a packet, first to last; a packet that fits comes as it is, without a fragment header.
///
/// ```
/// use waypost_ip::fragment::Ipv6Fragments;
/// use waypost_wire::{IpProtocol, Ipv6Header, Ipv6Packet};
///
/// let header = Ipv6Header::new(IpProtocol::UDP, "2001:db8::1".parse()?, "2001:db8::2".parse()?, 3000);
/// let bytes = [&header.as_bytes()[..], &[7; 3000]].concat();
/// let packet = Ipv6Packet::parse(&bytes)?;
///
/// let fragments = Ipv6Fragments::new(&packet, 1280, 0x1234_5678)?;
/// let lengths: Vec<usize> = fragments.map(|fragment| fragment.len()).collect();
/// assert_eq!(lengths, [1280, 1280, 584]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Ipv6Fragments<'a> {
    header: &'a Ipv6Header,
    payload: &'a [u8],
    /// Where in the payload the fragmentable part begins.
    start: usize,
    /// Which octet of the payload names what the fragmentable part begins with; `None`: the fixed header.
    named_at: Option<usize>,
    named: IpProtocol,
    identification: u32,
    mtu: usize,
    fits: bool,
    /// Where in the payload the next fragment begins; `None` after the last.
    next: Option<usize>,
}

impl<'a> Ipv6Fragments<'a> {
    /// Plans the fragments of `packet`, which this node sends, for a path that carries `mtu` octets.
    ///
    /// The identification must be unlike that of any other packet that was sent lately between the same
    /// addresses (RFC 8200 §4.5), and hard to guess (RFC 7739 §5).
    ///
    /// # Errors
    /// Says why the packet, which does not fit, cannot be fragmented.
    pub fn new(
        packet: &Ipv6Packet<'a>,
        mtu: usize,
        identification: u32,
    ) -> Result<Self, FragmentError> {
        if mtu < MIN_IPV6_MTU {
            return Err(FragmentError::Mtu {
                least: MIN_IPV6_MTU,
                found: mtu,
            });
        }
        let mut fragments = Self {
            header: packet.header(),
            payload: packet.payload(),
            start: 0,
            named_at: None,
            named: packet.header().next_header(),
            identification,
            mtu,
            fits: packet.as_bytes().len() <= mtu,
            next: Some(0),
        };
        if !fragments.fits {
            fragments.divide(packet)?;
            fragments.next = Some(fragments.start);
        }
        Ok(fragments)
    }

    /// Finds where the fragmentable part begins: behind the last routing header, or else behind the
    /// hop-by-hop options, or else behind the fixed header (RFC 8200 §4.5). Destination options ahead of a
    /// routing header are so in the unfragmentable part, those without one are not.
    fn divide(&mut self, packet: &Ipv6Packet<'a>) -> Result<(), FragmentError> {
        let mut walk = packet.extension_headers();
        loop {
            let at = walk.offset();
            let Some(extension) = walk.next() else {
                break;
            };
            match extension.map_err(FragmentError::Extensions)? {
                ExtensionHeader::HopByHop(_) | ExtensionHeader::Routing { .. } => {
                    self.start = walk.offset();
                    self.named_at = Some(at);
                    self.named = walk.next_header();
                }
                ExtensionHeader::Fragment(_) => return Err(FragmentError::AlreadyFragment),
                _ => {}
            }
        }
        // RFC 8200 §4.5, RFC 7112 §5: the first fragment holds all headers up to the upper layer's.
        let upper = upper_header_len(walk.next_header(), walk.remaining());
        let needed = Ipv6Header::LEN + Ipv6FragmentHeader::LEN + walk.offset() + upper;
        let room = Ipv6Header::LEN + Ipv6FragmentHeader::LEN + self.start + self.room();
        if needed > room || self.room() == 0 {
            return Err(FragmentError::HeaderChain {
                needed,
                mtu: self.mtu,
            });
        }
        Ok(())
    }

    /// How much of the fragmentable part goes into a fragment other than the last: all lengths but the
    /// last's are multiples of 8 octets, since offsets count in those (RFC 8200 §4.5). Each begins where the one
    /// before it ends: none overlaps another (RFC 5722 §4).
    fn room(&self) -> usize {
        let headers = Ipv6Header::LEN + self.start + Ipv6FragmentHeader::LEN;
        self.mtu.saturating_sub(headers) & !7
    }

    fn plan(&self, start: usize) -> Ipv6Fragment<'a> {
        let mut fixed = *self.header;
        if self.fits {
            return Ipv6Fragment {
                fixed,
                extensions: &[],
                patched: None,
                fragment: None,
                payload: 0..self.payload.len(),
            };
        }
        let left = self.payload.len() - start;
        let headers = Ipv6Header::LEN + self.start + Ipv6FragmentHeader::LEN;
        let is_last = headers + left <= self.mtu;
        let len = if is_last { left } else { self.room() };
        fixed.set_payload_length((self.start + Ipv6FragmentHeader::LEN + len) as u16);
        if self.named_at.is_none() {
            fixed.set_next_header(IpProtocol::FRAGMENT);
        }
        let offset = (start - self.start) as u16;
        Ipv6Fragment {
            fixed,
            extensions: self.payload.get(..self.start).unwrap_or_default(),
            patched: self.named_at,
            fragment: Some(Ipv6FragmentHeader::new(
                self.named,
                offset,
                !is_last,
                self.identification,
            )),
            payload: start..start + len,
        }
    }
}

impl<'a> Iterator for Ipv6Fragments<'a> {
    type Item = Ipv6Fragment<'a>;

    fn next(&mut self) -> Option<Ipv6Fragment<'a>> {
        let fragment = self.plan(self.next?);
        let end = fragment.payload.end;
        self.next = (end < self.payload.len()).then_some(end);
        Some(fragment)
    }
}

/// Octets of an upper layer's header, which a first fragment must hold; 8 where its length is not known
/// here, but never more than there is.
pub(crate) fn upper_header_len(protocol: IpProtocol, upper: &[u8]) -> usize {
    match protocol {
        IpProtocol::NO_NEXT_HEADER => 0,
        IpProtocol::TCP => upper
            .get(12)
            .map_or(20, |octet| (usize::from(octet >> 4) * 4).max(20)),
        IpProtocol::UDP | IpProtocol::ICMPV6 => 8,
        IpProtocol::SCTP => 12,
        _ => upper.len().min(8),
    }
}

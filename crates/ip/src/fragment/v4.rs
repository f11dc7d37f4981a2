//! Fragmentation of IPv4 (RFC 791 §3.2).

use core::ops::Range;

use waypost_wire::Checksum;
use waypost_wire::ipv4::{Ipv4Header, Ipv4Option, Ipv4OptionError, Ipv4Packet};

use super::FragmentError;

/// What every link must carry in one piece, in octets (RFC 791 §3.2): a header of 60 and 8 of payload.
pub const MIN_MTU: usize = 68;

/// One fragment to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    header: [u8; Ipv4Header::MAX_LEN],
    header_len: usize,
    payload: Range<usize>,
}

impl Fragment {
    /// The header as it travels, with options and checksum.
    pub fn header(&self) -> &[u8] {
        &self.header[..self.header_len]
    }

    /// What part of the packet's payload follows the header.
    pub fn payload(&self) -> Range<usize> {
        self.payload.clone()
    }

    /// Length of the fragment in octets, header included.
    #[allow(clippy::len_without_is_empty)] // never empty
    pub fn len(&self) -> usize {
        self.header_len + self.payload.len()
    }
}

/// The fragments of a packet, first to last; a packet that fits comes as it is.
///
/// ```
/// use waypost_ip::fragment::Fragments;
/// use waypost_wire::{IpProtocol, Ipv4Header, Ipv4Packet};
///
/// let (from, to) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
/// let mut header = Ipv4Header::new(IpProtocol::UDP, from, to, 1000);
/// header.fill_checksum();
/// let bytes = [&header.as_bytes()[..], &[7; 1000]].concat();
/// let packet = Ipv4Packet::parse(&bytes).unwrap();
///
/// let fragments = Fragments::new(&packet, 576).unwrap();
/// let lengths: Vec<usize> = fragments.map(|fragment| fragment.len()).collect();
/// assert_eq!(lengths, [572, 468]);
/// ```
#[derive(Clone, Debug)]
pub struct Fragments<'a> {
    header: &'a Ipv4Header,
    /// Of the first fragment.
    options: &'a [u8],
    /// Of all others.
    copied: CopiedOptions,
    payload_len: usize,
    mtu: usize,
    /// Where the next fragment begins; `None` after the last.
    next: Option<usize>,
}

impl<'a> Fragments<'a> {
    /// Plans the fragments of `packet` for a link that carries `mtu` octets.
    ///
    /// # Errors
    /// Says why the packet, which does not fit, cannot be fragmented.
    pub fn new(packet: &Ipv4Packet<'a>, mtu: usize) -> Result<Self, FragmentError> {
        let fits = packet.as_bytes().len() <= mtu;
        if packet.header().dont_fragment() && !fits {
            return Err(FragmentError::DontFragment { mtu });
        }
        Self::ignoring_dont_fragment(packet, mtu)
    }

    /// As [`new`](Self::new), but for a packet that says "don't fragment" too, against RFC 791 §3.2: some
    /// tunnels must. The flag stays set in the fragments.
    ///
    /// # Errors
    /// As [`new`](Self::new), that one apart.
    pub fn ignoring_dont_fragment(
        packet: &Ipv4Packet<'a>,
        mtu: usize,
    ) -> Result<Self, FragmentError> {
        if mtu < MIN_MTU {
            return Err(FragmentError::Mtu {
                least: MIN_MTU,
                found: mtu,
            });
        }
        let (header, payload_len) = (packet.header(), packet.payload().len());
        let mut copied = CopiedOptions::NONE;
        if packet.as_bytes().len() > mtu {
            let end = usize::from(header.fragment_offset()) + payload_len;
            if end > usize::from(u16::MAX) {
                return Err(FragmentError::Overlong { end });
            }
            copied = CopiedOptions::of(packet).map_err(FragmentError::Options)?;
        }
        Ok(Self {
            header,
            options: packet.options_bytes(),
            copied,
            payload_len,
            mtu,
            next: Some(0),
        })
    }

    fn plan(&self, start: usize) -> Fragment {
        let options = if start == 0 {
            self.options
        } else {
            self.copied.as_bytes()
        };
        let header_len = Ipv4Header::LEN + options.len();
        let left = self.payload_len - start;
        let is_last = header_len + left <= self.mtu;
        // All but the last carry a multiple of 8 octets, since offsets count in those.
        let len = if is_last {
            left
        } else {
            (self.mtu - header_len) & !7
        };

        let mut fixed = *self.header;
        if self.payload_len > len {
            fixed.set_header_len(header_len);
            fixed.set_total_length((header_len + len) as u16);
            fixed.set_fragment_offset(self.header.fragment_offset() + start as u16);
            fixed.set_more_fragments(!is_last || self.header.more_fragments());
            fixed.set_checksum(0);
            let sum = Checksum::new()
                .add_bytes(fixed.as_bytes())
                .add_bytes(options);
            fixed.set_checksum(sum.finish());
        }
        let mut header = [0; Ipv4Header::MAX_LEN];
        for (to, from) in header
            .iter_mut()
            .zip(fixed.as_bytes().iter().chain(options))
        {
            *to = *from;
        }
        Fragment {
            header,
            header_len,
            payload: start..start + len,
        }
    }
}

impl Iterator for Fragments<'_> {
    type Item = Fragment;

    fn next(&mut self) -> Option<Fragment> {
        let fragment = self.plan(self.next?);
        let end = fragment.payload.end;
        self.next = (end < self.payload_len).then_some(end);
        Some(fragment)
    }
}

/// The options that go into every fragment (RFC 791 §3.1: those whose type has the copied flag), padded
/// with ends of list to a multiple of 4.
#[derive(Clone, Copy, Debug)]
struct CopiedOptions {
    bytes: [u8; Self::MAX],
    len: usize,
}

impl CopiedOptions {
    const MAX: usize = Ipv4Header::MAX_LEN - Ipv4Header::LEN;
    const NONE: Self = Self {
        bytes: [0; Self::MAX],
        len: 0,
    };

    fn of(packet: &Ipv4Packet<'_>) -> Result<Self, Ipv4OptionError> {
        let mut copied = Self::NONE;
        let mut options = packet.options();
        loop {
            let before = options.remaining();
            let Some(option) = options.next() else {
                break;
            };
            let option: Ipv4Option<'_> = option?;
            if option.is_copied() {
                let octets = &before[..before.len() - options.remaining().len()];
                for (to, from) in copied.bytes[copied.len..].iter_mut().zip(octets) {
                    *to = *from;
                }
                copied.len += octets.len();
            }
        }
        copied.len = copied.len.next_multiple_of(4).min(Self::MAX);
        Ok(copied)
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec;
    use std::vec::Vec;
    use waypost_wire::IpProtocol;

    fn packet(options: &[u8], payload: usize, change: impl FnOnce(&mut Ipv4Header)) -> Vec<u8> {
        let (from, to) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        let len = (options.len() + payload) as u16;
        let mut header = Ipv4Header::new(IpProtocol::UDP, from, to, len);
        header.set_header_len(20 + options.len());
        header.set_identification(77);
        change(&mut header);
        let sum = Checksum::new()
            .add_bytes(header.as_bytes())
            .add_bytes(options);
        header.set_checksum(sum.finish());
        let mut bytes = Vec::from(header.as_bytes());
        bytes.extend_from_slice(options);
        bytes.extend((0..payload).map(|n| (n / 3) as u8));
        bytes
    }

    fn cut(bytes: &[u8], mtu: usize) -> Result<Vec<Vec<u8>>, FragmentError> {
        let packet = Ipv4Packet::parse(bytes).unwrap();
        let whole = packet.payload();
        Ok(Fragments::new(&packet, mtu)?
            .map(|fragment| [fragment.header(), &whole[fragment.payload()]].concat())
            .collect())
    }

    #[test]
    fn what_fits_comes_as_it_is() {
        let bytes = packet(&[], 500, |header| header.set_dont_fragment(true));
        assert_eq!(cut(&bytes, 520).unwrap().concat(), bytes);
        assert_eq!(
            cut(&bytes, 519),
            Err(FragmentError::DontFragment { mtu: 519 })
        );
        let packet = Ipv4Packet::parse(&bytes).unwrap();
        let forced = Fragments::ignoring_dont_fragment(&packet, 519).unwrap();
        assert_eq!(forced.count(), 2);
    }

    #[test]
    fn what_cannot_be_cut_is_refused() {
        let bytes = packet(&[], 500, |_| {});
        assert_eq!(
            cut(&bytes, 67),
            Err(FragmentError::Mtu {
                least: 68,
                found: 67
            })
        );
        let far = packet(&[], 500, |header| header.set_fragment_offset(65_528));
        assert_eq!(cut(&far, 68), Err(FragmentError::Overlong { end: 66_028 }));
        let bad = packet(&[0x82, 40, 0, 0], 500, |_| {});
        assert!(matches!(cut(&bad, 68), Err(FragmentError::Options(_))));
    }

    #[test]
    fn only_copied_options_are_in_every_fragment() {
        // Record route (not copied), router alert (copied), no operation, an unknown copied one of 3.
        let options = [7, 7, 4, 0, 0, 0, 0, 0x94, 4, 0, 0, 1, 0x9e, 3, 5, 0];
        let bytes = packet(&options, 200, |_| {});
        let fragments = cut(&bytes, 100).unwrap();
        let first = Ipv4Packet::parse(&fragments[0]).unwrap();
        assert_eq!(first.options_bytes(), options);
        for bytes in &fragments[1..] {
            let other = Ipv4Packet::parse(bytes).unwrap();
            assert_eq!(other.options_bytes(), [0x94, 4, 0, 0, 0x9e, 3, 5, 0]);
        }
    }

    proptest! {
        #[test]
        fn put_together_again_it_is_the_same(
            payload in 0usize..9000,
            mtu in MIN_MTU..3000,
            offset in 0u16..50_000,
            more in any::<bool>(),
            options in prop_oneof![Just(vec![]), Just(vec![0x94, 4, 0, 0]), Just(vec![7, 7, 4, 0, 0, 0, 0, 1]), Just(vec![1; 40])],
        ) {
            let offset = offset & !7;
            let bytes = packet(&options, payload, |header| {
                header.set_fragment_offset(offset);
                header.set_more_fragments(more);
            });
            let original = Ipv4Packet::parse(&bytes).unwrap();
            let mut whole = Vec::new();
            let fragments = cut(&bytes, mtu).unwrap();
            let count = fragments.len();
            for (number, bytes) in fragments.iter().enumerate() {
                prop_assert!(bytes.len() <= mtu);
                let fragment = Ipv4Packet::parse(bytes).unwrap();
                prop_assert_eq!(fragment.as_bytes().len(), bytes.len());
                prop_assert!(fragment.has_valid_checksum());
                let header = fragment.header();
                prop_assert_eq!(usize::from(header.fragment_offset()), usize::from(offset) + whole.len());
                prop_assert_eq!(header.more_fragments(), more || number + 1 < count);
                prop_assert_eq!(header.identification(), 77);
                if number + 1 < count {
                    prop_assert_eq!(fragment.payload().len() % 8, 0);
                    prop_assert!(!fragment.payload().is_empty());
                }
                whole.extend_from_slice(fragment.payload());
            }
            prop_assert_eq!(whole, original.payload());
        }

        #[test]
        fn no_packet_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 20..200), options in 5u8..16, mtu in 0usize..200) {
            let mut bytes = bytes;
            bytes[0] = 0x40 | options;
            bytes[2] = 0;
            bytes[3] = bytes.len() as u8;
            if let Ok(packet) = Ipv4Packet::parse(&bytes)
                && let Ok(fragments) = Fragments::ignoring_dont_fragment(&packet, mtu)
            {
                prop_assert!(fragments.count() <= 200);
            }
        }
    }
}

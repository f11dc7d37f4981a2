//! The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
//!
//! [`Checksum`] is a sum under way: add bytes, words, pseudo-headers and other sums in any order of
//! calls, then [`finish`](Checksum::finish) it. [`ChecksumDelta`] is what a rewrite of some fields
//! does to a checksum; it is computed once and applied to any number of packets.
//!
//! ```
//! use waypost_wire::Checksum;
//!
//! let whole = Checksum::new().add_bytes(b"waypost").finish();
//! let pieces = Checksum::new().add_bytes(b"way").combine(Checksum::new().add_bytes(b"post"));
//! assert_eq!(whole, pieces.finish());
//! ```

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::ip::IpProtocol;

/// A one's complement sum under way.
///
/// The sum is kept in 64 bits and in the byte order of the machine, which RFC 1071 §2(B) allows,
/// and is folded to 16 bits only at the end. It knows whether an odd number of octets was added so
/// far, so what follows lands in the right half of its word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Checksum {
    sum: u64,
    odd: bool,
}

impl Checksum {
    /// The sum of nothing.
    #[inline]
    pub const fn new() -> Self {
        Self { sum: 0, odd: false }
    }

    /// The pseudo-header over IPv4 (RFC 768, RFC 9293 §3.1): `length` is that of the upper-layer
    /// header and data, in octets.
    #[inline]
    pub const fn ipv4_pseudo_header(
        source: Ipv4Addr,
        destination: Ipv4Addr,
        protocol: IpProtocol,
        length: u16,
    ) -> Self {
        let sum = source.to_bits() as u64
            + destination.to_bits() as u64
            + protocol.0 as u64
            + length as u64;
        Self {
            sum: network_order(sum),
            odd: false,
        }
    }

    /// The pseudo-header over IPv6 (RFC 8200 §8.1): `length` is that of the upper-layer header and
    /// data, in octets.
    #[inline]
    pub const fn ipv6_pseudo_header(
        source: Ipv6Addr,
        destination: Ipv6Addr,
        protocol: IpProtocol,
        length: u32,
    ) -> Self {
        let (source, destination) = (source.to_bits(), destination.to_bits());
        let mut sum = add(source as u64, (source >> 64) as u64);
        sum = add(sum, destination as u64);
        sum = add(sum, (destination >> 64) as u64);
        sum = add(sum, length as u64 + protocol.0 as u64);
        Self {
            sum: network_order(sum),
            odd: false,
        }
    }

    /// Adds octets, in the order in which they travel.
    #[inline]
    pub fn add_bytes(self, bytes: &[u8]) -> Self {
        self.combine(Self {
            sum: sum_of(bytes),
            odd: bytes.len() % 2 == 1,
        })
    }

    /// Adds a number of two octets.
    #[inline]
    pub const fn add_u16(self, value: u16) -> Self {
        self.combine(Self {
            sum: value.to_be() as u64,
            odd: false,
        })
    }

    /// Adds a number of four octets.
    #[inline]
    pub const fn add_u32(self, value: u32) -> Self {
        self.combine(Self {
            sum: value.to_be() as u64,
            odd: false,
        })
    }

    /// Adds the sum of octets that follow those added so far.
    #[inline]
    pub const fn combine(self, following: Self) -> Self {
        // After an odd number of octets each octet goes to the other half of its word, which a
        // rotation of the whole sum does, since 2^8 stays 2^8 modulo 2^16 - 1.
        let shift = if self.odd { 8 } else { 0 };
        Self {
            sum: add(self.sum, following.sum.rotate_left(shift)),
            odd: self.odd ^ following.odd,
        }
    }

    /// The sum folded to 16 bits, not complemented: what a device that completes checksums wants to
    /// find in the field.
    #[inline]
    pub const fn folded(self) -> u16 {
        u16::from_be(fold(self.sum))
    }

    /// The checksum: the complement of the folded sum.
    #[inline]
    pub const fn finish(self) -> u16 {
        !self.folded()
    }

    /// Whether octets that include their checksum were added and agree with it.
    #[inline]
    pub const fn is_valid(self) -> bool {
        fold(self.sum) == 0xffff // the same in both byte orders
    }
}

/// The change of a checksum when fields under it change: RFC 1624 equation 3.
///
/// ```
/// use waypost_wire::{Checksum, ChecksumDelta};
///
/// let before = Checksum::new().add_u16(0x4500).add_u32(0x0a00_0001).finish();
/// let after = Checksum::new().add_u16(0x4500).add_u32(0xc633_6407).finish();
/// let delta = ChecksumDelta::new().replace_u32(0x0a00_0001, 0xc633_6407);
/// assert_eq!(delta.apply(before), after);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct ChecksumDelta {
    /// The sum of `~m + m'` over all replaced words `m`, as a number.
    sum: u64,
}

impl ChecksumDelta {
    /// No change.
    #[inline]
    pub const fn new() -> Self {
        Self { sum: 0 }
    }

    /// A number of two octets at an even offset becomes another.
    #[inline]
    pub const fn replace_u16(self, old: u16, new: u16) -> Self {
        Self {
            sum: add(self.sum, !old as u64 + new as u64),
        }
    }

    /// A number of four octets at an even offset becomes another.
    #[inline]
    pub const fn replace_u32(self, old: u32, new: u32) -> Self {
        Self {
            sum: add(self.sum, !old as u64 + new as u64),
        }
    }

    /// An IPv4 address becomes another.
    #[inline]
    pub const fn replace_ipv4(self, old: Ipv4Addr, new: Ipv4Addr) -> Self {
        self.replace_u32(old.to_bits(), new.to_bits())
    }

    /// An IPv6 address becomes another.
    #[inline]
    pub const fn replace_ipv6(self, old: Ipv6Addr, new: Ipv6Addr) -> Self {
        let (old, new) = (!old.to_bits(), new.to_bits());
        let sum = add(
            add(old as u64, (old >> 64) as u64),
            add(new as u64, (new >> 64) as u64),
        );
        Self {
            sum: add(self.sum, sum),
        }
    }

    /// Both changes.
    #[inline]
    pub const fn combine(self, other: Self) -> Self {
        Self {
            sum: add(self.sum, other.sum),
        }
    }

    /// The change that undoes this one.
    #[inline]
    pub const fn inverse(self) -> Self {
        Self { sum: !self.sum }
    }

    /// The checksum after the change.
    ///
    /// It equals the one computed afresh unless everything under the checksum is now zero, which no
    /// header that has one ever is.
    #[inline]
    pub const fn apply(self, checksum: u16) -> u16 {
        !fold(add(self.sum, !checksum as u64))
    }
}

/// One's complement addition: a carry out of the top comes back in at the bottom.
#[inline]
const fn add(a: u64, b: u64) -> u64 {
    let (sum, carry) = a.overflowing_add(b);
    sum + carry as u64 // cannot overflow: after a carry the sum is not all ones
}

/// Folds 64 bits to 16. The sum of a word and its own rotation by half has both halves and the
/// carry between them in its upper half.
#[inline]
const fn fold(sum: u64) -> u16 {
    let sum = (sum.wrapping_add(sum.rotate_right(32)) >> 32) as u32;
    (sum.wrapping_add(sum.rotate_right(16)) >> 16) as u16
}

/// A sum of big-endian numbers as the sum of their octets in the order of the machine.
#[inline]
const fn network_order(sum: u64) -> u64 {
    sum.to_be()
}

/// The sum of octets in the order of the machine, an odd last one padded with zero.
///
/// Two sums run side by side, since each addition waits for the carry of the one before it.
#[inline]
fn sum_of(bytes: &[u8]) -> u64 {
    let (mut even, mut odd) = (0_u128, 0_u128);
    let (blocks, rest) = bytes.as_chunks::<16>();
    for block in blocks {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *block;
        even += u128::from(u64::from_ne_bytes([a, b, c, d, e, f, g, h]));
        odd += u128::from(u64::from_ne_bytes([i, j, k, l, m, n, o, p]));
    }
    let mut sum = add(
        add(even as u64, (even >> 64) as u64),
        add(odd as u64, (odd >> 64) as u64),
    );
    // At most 15 octets are left: one piece of each size.
    let mut rest = rest;
    if let Some((piece, after)) = rest.split_first_chunk() {
        sum = add(sum, u64::from_ne_bytes(*piece));
        rest = after;
    }
    if let Some((piece, after)) = rest.split_first_chunk() {
        sum = add(sum, u32::from_ne_bytes(*piece) as u64);
        rest = after;
    }
    if let Some((piece, after)) = rest.split_first_chunk() {
        sum = add(sum, u16::from_ne_bytes(*piece) as u64);
        rest = after;
    }
    match *rest {
        [last, ..] => add(sum, u16::from_ne_bytes([last, 0]) as u64),
        [] => sum,
    }
}

/// The sum of an IPv4 header without options: three loads, two additions with carry.
#[inline]
pub(crate) fn sum_of_20(header: &[u8; 20]) -> Checksum {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t] = *header;
    let first = u64::from_ne_bytes([a, b, c, d, e, f, g, h]);
    let second = u64::from_ne_bytes([i, j, k, l, m, n, o, p]);
    let third = u32::from_ne_bytes([q, r, s, t]);
    Checksum {
        sum: add(add(first, second), u64::from(third)),
        odd: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, word by word.
    fn slow(bytes: &[u8]) -> u16 {
        let mut sum = 0_u32;
        for pair in bytes.chunks(2) {
            let low = pair.get(1).copied().unwrap_or(0);
            sum += u32::from(u16::from_be_bytes([pair[0], low]));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }

    #[test]
    fn the_example_of_rfc_1071() {
        // §3: 00 01 f2 03 f4 f5 f6 f7 sums to ddf2.
        let sum = Checksum::new().add_bytes(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
        assert_eq!((sum.folded(), sum.finish()), (0xddf2, 0x220d));
    }

    #[test]
    fn every_length_and_alignment() {
        let mut bytes = [0_u8; 200];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = (index * 151 + 7) as u8 | 0x80;
        }
        for start in 0..9 {
            for end in start..bytes.len() {
                let part = &bytes[start..end];
                assert_eq!(
                    Checksum::new().add_bytes(part).finish(),
                    slow(part),
                    "{start}..{end}"
                );
                let (a, b) = part.split_at(part.len() / 3);
                assert_eq!(
                    Checksum::new().add_bytes(a).add_bytes(b).finish(),
                    slow(part)
                );
            }
        }
        let all_ones = [0xff; 100];
        assert_eq!(Checksum::new().add_bytes(&all_ones).finish(), 0);
    }

    #[test]
    fn numbers_count_as_their_octets() {
        let sum = Checksum::new()
            .add_bytes(&[1])
            .add_u16(0x0203)
            .add_u32(0x0405_0607);
        assert_eq!(sum.finish(), slow(&[1, 2, 3, 4, 5, 6, 7]));
    }

    #[test]
    fn pseudo_headers_count_as_their_octets() {
        let source = Ipv4Addr::new(192, 0, 2, 1);
        let destination = Ipv4Addr::new(198, 51, 100, 200);
        let pseudo = [192, 0, 2, 1, 198, 51, 100, 200, 0, 17, 0xff, 0xfe];
        let sum = Checksum::ipv4_pseudo_header(source, destination, IpProtocol::UDP, 0xfffe);
        assert_eq!(sum.finish(), slow(&pseudo));

        let source = Ipv6Addr::new(0x2001, 0xdb8, 1, 2, 3, 4, 5, 6);
        let destination = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 0xabcd);
        let mut pseudo = [0; 40];
        pseudo[..16].copy_from_slice(&source.octets());
        pseudo[16..32].copy_from_slice(&destination.octets());
        pseudo[32..36].copy_from_slice(&0x0001_0203_u32.to_be_bytes());
        pseudo[39] = 58;
        let sum =
            Checksum::ipv6_pseudo_header(source, destination, IpProtocol::ICMPV6, 0x0001_0203);
        assert_eq!(sum.finish(), slow(&pseudo));
    }

    #[test]
    fn the_example_of_rfc_1624() {
        // §4: HC = dd2f, m = 5555, m' = 3285 gives 0000, where equation 2 would give ffff.
        assert_eq!(
            ChecksumDelta::new()
                .replace_u16(0x5555, 0x3285)
                .apply(0xdd2f),
            0x0000
        );
    }

    #[test]
    fn a_change_and_its_inverse_cancel() {
        let delta = ChecksumDelta::new()
            .replace_ipv4(Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(203, 0, 113, 9))
            .replace_u16(40_000, 53);
        assert_eq!(delta.inverse().apply(delta.apply(0x1234)), 0x1234);
    }

    #[test]
    fn twenty_octets_are_a_special_case_of_the_same() {
        let mut header = [0; 20];
        for (index, byte) in header.iter_mut().enumerate() {
            *byte = 255 - index as u8;
        }
        assert_eq!(sum_of_20(&header).finish(), slow(&header));
    }
}

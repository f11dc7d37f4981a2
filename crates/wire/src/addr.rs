//! Link-layer addresses.

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

/// An IEEE 802 48-bit address (EUI-48), as it lies in a frame.
///
/// ```
/// use waypost_wire::MacAddr;
///
/// let mac: MacAddr = "02:00:5e:10:00:01".parse().unwrap();
/// assert!(mac.is_local() && !mac.is_multicast());
/// assert_eq!(mac.to_string(), "02:00:5e:10:00:01");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct MacAddr([u8; 6]);

impl MacAddr {
    /// Length in octets.
    pub const LEN: usize = 6;
    /// `ff:ff:ff:ff:ff:ff`, all stations of the link.
    pub const BROADCAST: Self = Self([0xff; 6]);
    /// `00:00:00:00:00:00`, which no station has: the unknown hardware address of an ARP request.
    pub const ZERO: Self = Self([0; 6]);

    /// The address with these octets.
    #[inline]
    pub const fn new(octets: [u8; 6]) -> Self {
        Self(octets)
    }

    /// The octets in the order in which they travel.
    #[inline]
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }

    /// The address as the low 48 bits of a number, first octet highest: a key for hash tables.
    #[inline]
    pub const fn to_u64(self) -> u64 {
        let [a, b, c, d, e, f] = self.0;
        u64::from_be_bytes([0, 0, a, b, c, d, e, f])
    }

    /// Whether this is [`MacAddr::BROADCAST`].
    #[inline]
    pub const fn is_broadcast(self) -> bool {
        self.to_u64() == Self::BROADCAST.to_u64()
    }

    /// Whether this is [`MacAddr::ZERO`].
    #[inline]
    pub const fn is_zero(self) -> bool {
        self.to_u64() == 0
    }

    /// Whether the group bit is set: multicast, or broadcast, which is the multicast to all (IEEE
    /// 802 §8.2).
    #[inline]
    pub const fn is_multicast(self) -> bool {
        self.0[0] & 0x01 != 0
    }

    /// Whether the address can name one station: neither a group nor zero.
    #[inline]
    pub const fn is_unicast(self) -> bool {
        !self.is_multicast() && !self.is_zero()
    }

    /// Whether the local bit is set: assigned here, not by a manufacturer (IEEE 802 §8.2).
    #[inline]
    pub const fn is_local(self) -> bool {
        self.0[0] & 0x02 != 0
    }

    /// Whether this is one of `01:80:c2:00:00:00` to `-0f`, which a bridge must not forward (IEEE
    /// 802.1Q §8.6.3).
    #[inline]
    pub const fn is_link_local_group(self) -> bool {
        self.to_u64() >> 4 == 0x0180_c200_0000 >> 4
    }

    /// The group to which an IPv4 multicast is sent: `01:00:5e` and its low 23 bits (RFC 1112
    /// §6.4).
    #[inline]
    pub const fn from_ipv4_multicast(group: Ipv4Addr) -> Self {
        let [_, b, c, d] = group.octets();
        Self([0x01, 0x00, 0x5e, b & 0x7f, c, d])
    }

    /// The group to which an IPv6 multicast is sent: `33:33` and its last four octets (RFC 2464
    /// §7).
    #[inline]
    pub const fn from_ipv6_multicast(group: Ipv6Addr) -> Self {
        let [.., a, b, c, d] = group.octets();
        Self([0x33, 0x33, a, b, c, d])
    }

    /// The modified EUI-64 interface identifier of this address (RFC 4291 appendix A).
    #[inline]
    pub const fn to_interface_id(self) -> [u8; 8] {
        let [a, b, c, d, e, f] = self.0;
        [a ^ 0x02, b, c, 0xff, 0xfe, d, e, f]
    }
}

impl From<[u8; 6]> for MacAddr {
    #[inline]
    fn from(octets: [u8; 6]) -> Self {
        Self(octets)
    }
}

impl From<MacAddr> for [u8; 6] {
    #[inline]
    fn from(mac: MacAddr) -> Self {
        mac.0
    }
}

/// Lower-case hexadecimal with colons, padded to the width asked for.
impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut text = [b':'; 17];
        for (pair, octet) in text.chunks_mut(3).zip(self.0) {
            pair[0] = HEX[usize::from(octet >> 4)];
            pair[1] = HEX[usize::from(octet & 0xf)];
        }
        f.pad(core::str::from_utf8(&text).unwrap_or_default()) // always ASCII
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is not a [`MacAddr`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseMacError {
    /// There are not six groups.
    Groups {
        /// How many there are.
        found: usize,
    },
    /// A group is not two hexadecimal digits.
    Digits {
        /// Which group, counted from 1.
        group: usize,
    },
    /// Some groups are separated by `:` and some by `-`.
    MixedSeparators,
}

impl fmt::Display for ParseMacError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Groups { found } => write!(
                f,
                "expected 6 groups of two hexadecimal digits, found {found}"
            ),
            Self::Digits { group } => write!(
                f,
                "expected two hexadecimal digits in group {group} of the hardware address"
            ),
            Self::MixedSeparators => {
                f.write_str("expected either ':' or '-' between all groups, found both")
            }
        }
    }
}

impl core::error::Error for ParseMacError {}

/// Accepts six groups of two hexadecimal digits of either case, separated by `:` or by `-`.
impl FromStr for MacAddr {
    type Err = ParseMacError;

    fn from_str(text: &str) -> Result<Self, ParseMacError> {
        let separator = if text.contains('-') { '-' } else { ':' };
        if separator == '-' && text.contains(':') {
            return Err(ParseMacError::MixedSeparators);
        }
        let found = text.split(separator).count();
        if found != Self::LEN {
            return Err(ParseMacError::Groups { found });
        }
        let mut octets = [0; 6];
        for (index, (octet, group)) in octets.iter_mut().zip(text.split(separator)).enumerate() {
            let digits = group.len() == 2 && group.bytes().all(|digit| digit.is_ascii_hexdigit());
            match u8::from_str_radix(group, 16) {
                Ok(value) if digits => *octet = value,
                _ => return Err(ParseMacError::Digits { group: index + 1 }),
            }
        }
        Ok(Self(octets))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn text_goes_both_ways() {
        let mac = MacAddr::new([0x02, 0x00, 0x5e, 0xab, 0xcd, 0x01]);
        assert_eq!(mac.to_string(), "02:00:5e:ab:cd:01");
        assert_eq!("02:00:5e:ab:cd:01".parse(), Ok(mac));
        assert_eq!("02-00-5E-AB-CD-01".parse(), Ok(mac));
    }

    #[test]
    fn bad_texts_say_what_is_wrong() {
        let parse = |text: &str| text.parse::<MacAddr>().unwrap_err();
        assert_eq!(parse("02:00:5e:ab:cd"), ParseMacError::Groups { found: 5 });
        assert_eq!(parse(""), ParseMacError::Groups { found: 1 });
        assert_eq!(
            parse("02:00:5e:ab:cd:1"),
            ParseMacError::Digits { group: 6 }
        );
        assert_eq!(
            parse("+2:00:5e:ab:cd:01"),
            ParseMacError::Digits { group: 1 }
        );
        assert_eq!(parse("02:00-5e:ab:cd:01"), ParseMacError::MixedSeparators);
    }

    #[test]
    fn kinds_of_addresses() {
        assert!(
            MacAddr::BROADCAST.is_broadcast()
                && MacAddr::BROADCAST.is_multicast()
                && !MacAddr::BROADCAST.is_unicast()
        );
        assert!(!MacAddr::ZERO.is_unicast());
        let bpdu = MacAddr::new([0x01, 0x80, 0xc2, 0, 0, 0]);
        assert!(bpdu.is_link_local_group() && bpdu.is_multicast() && !bpdu.is_local());
        assert!(!MacAddr::new([0x01, 0x80, 0xc2, 0, 0, 0x10]).is_link_local_group());
    }

    #[test]
    fn groups_of_ip_multicasts() {
        assert_eq!(
            MacAddr::from_ipv4_multicast(Ipv4Addr::new(224, 128, 0, 251)).to_string(),
            "01:00:5e:00:00:fb"
        );
        let solicited = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 0x1234);
        assert_eq!(
            MacAddr::from_ipv6_multicast(solicited).to_string(),
            "33:33:ff:00:12:34"
        );
    }

    #[test]
    fn interface_id_flips_the_local_bit() {
        // RFC 4291 appendix A: 34-56-78-9A-BC-DE becomes 36-56-78-FF-FE-9A-BC-DE.
        let mac = MacAddr::new([0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde]);
        assert_eq!(
            mac.to_interface_id(),
            [0x36, 0x56, 0x78, 0xff, 0xfe, 0x9a, 0xbc, 0xde]
        );
    }
}

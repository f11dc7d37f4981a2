//! What IPv4 and IPv6 share: protocol numbers, DSCP, ECN, and the trait for code that is generic
//! over the version.

use core::fmt;
use core::hash::Hash;
use core::net::{Ipv4Addr, Ipv6Addr};

use crate::checksum::Checksum;
use crate::numbers::stored;
use crate::view::View;

mod traffic_class;

pub use traffic_class::{Dscp, Ecn};

/// A protocol number: IPv4's protocol, IPv6's next header (IANA "Assigned Internet Protocol
/// Numbers").
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IpProtocol(pub u8);

impl IpProtocol {
    /// IPv6 hop-by-hop options (RFC 8200 §4.3).
    pub const HOP_BY_HOP: Self = Self(0);
    /// ICMP for IPv4 (RFC 792).
    pub const ICMP: Self = Self(1);
    /// IGMP (RFC 9776).
    pub const IGMP: Self = Self(2);
    /// IPv4 in IP (RFC 2003).
    pub const IPV4: Self = Self(4);
    /// TCP (RFC 9293).
    pub const TCP: Self = Self(6);
    /// UDP (RFC 768).
    pub const UDP: Self = Self(17);
    /// IPv6 in IP (RFC 2473).
    pub const IPV6: Self = Self(41);
    /// IPv6 routing header (RFC 8200 §4.4).
    pub const ROUTING: Self = Self(43);
    /// IPv6 fragment header (RFC 8200 §4.5).
    pub const FRAGMENT: Self = Self(44);
    /// GRE (RFC 2784).
    pub const GRE: Self = Self(47);
    /// ESP (RFC 4303).
    pub const ESP: Self = Self(50);
    /// Authentication header (RFC 4302).
    pub const AH: Self = Self(51);
    /// ICMP for IPv6 (RFC 4443).
    pub const ICMPV6: Self = Self(58);
    /// IPv6 no next header (RFC 8200 §4.7).
    pub const NO_NEXT_HEADER: Self = Self(59);
    /// IPv6 destination options (RFC 8200 §4.6).
    pub const DESTINATION_OPTIONS: Self = Self(60);
    /// OSPF (RFC 2328).
    pub const OSPF: Self = Self(89);
    /// VRRP (RFC 9568).
    pub const VRRP: Self = Self(112);
    /// SCTP (RFC 9260).
    pub const SCTP: Self = Self(132);

    /// The usual name, where there is one.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::HOP_BY_HOP => "hop-by-hop",
            Self::ICMP => "ICMP",
            Self::IGMP => "IGMP",
            Self::IPV4 => "IPv4",
            Self::TCP => "TCP",
            Self::UDP => "UDP",
            Self::IPV6 => "IPv6",
            Self::ROUTING => "routing",
            Self::FRAGMENT => "fragment",
            Self::GRE => "GRE",
            Self::ESP => "ESP",
            Self::AH => "AH",
            Self::ICMPV6 => "ICMPv6",
            Self::NO_NEXT_HEADER => "no next header",
            Self::DESTINATION_OPTIONS => "destination options",
            Self::OSPF => "OSPF",
            Self::VRRP => "VRRP",
            Self::SCTP => "SCTP",
            _ => return None,
        })
    }
}

stored!(IpProtocol in u8);

impl fmt::Display for IpProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "protocol {}", self.0),
        }
    }
}

impl fmt::Debug for IpProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

mod sealed {
    #[allow(unnameable_types)] // that nobody can name it is what seals
    pub trait Sealed {}
    impl Sealed for core::net::Ipv4Addr {}
    impl Sealed for core::net::Ipv6Addr {}
}

/// An address of one version of IP, for code that is generic over the version. There are two:
/// [`Ipv4Addr`] and [`Ipv6Addr`].
pub trait Ip:
    sealed::Sealed + Copy + Eq + Ord + Hash + fmt::Debug + fmt::Display + Send + Sync + 'static
{
    /// The address as a number: `u32` or `u128`.
    type Bits: Copy + Eq + Ord + Hash + fmt::Debug + fmt::Binary + Send + Sync + 'static;
    /// The octets of the address: `[u8; 4]` or `[u8; 16]`.
    type Octets: View + AsRef<[u8]>;

    /// 4 or 6.
    const VERSION: u8;
    /// Length in bits, which is the length of the longest prefix: 32 or 128.
    const BITS: u8;
    /// `0.0.0.0` or `::`.
    const UNSPECIFIED: Self;

    /// The address as a number, its first octet highest.
    fn to_bits(self) -> Self::Bits;
    /// The address of a number.
    fn from_bits(bits: Self::Bits) -> Self;
    /// The octets in the order in which they travel.
    fn octets(self) -> Self::Octets;
    /// The bit at `index`, counted from the highest (0); beyond the last, `false`.
    fn bit(self, index: u8) -> bool;
    /// The address with all but its first `length` bits cleared. Lengths above [`BITS`](Self::BITS)
    /// leave it as it is.
    #[must_use]
    fn truncated(self, length: u8) -> Self;
    /// The address with all but its first `length` bits set.
    #[must_use]
    fn filled(self, length: u8) -> Self;
    /// How many first bits two addresses share.
    fn common_bits(self, other: Self) -> u8;
    /// Whether this is a multicast address.
    fn is_multicast(self) -> bool;
    /// The pseudo-header of a transport (RFC 768, RFC 8200 §8.1); `length` in octets, of which IPv4
    /// takes the low 16 bits.
    fn pseudo_header(
        source: Self,
        destination: Self,
        protocol: IpProtocol,
        length: u32,
    ) -> Checksum;
}

macro_rules! ip_version {
    ($addr:ident, $bits:ident, $octets:literal, $version:literal, $pseudo:ident, $length:ident) => {
        impl Ip for $addr {
            type Bits = $bits;
            type Octets = [u8; $octets];

            const VERSION: u8 = $version;
            const BITS: u8 = $bits::BITS as u8;
            const UNSPECIFIED: Self = Self::UNSPECIFIED;

            #[inline]
            fn to_bits(self) -> $bits {
                Self::to_bits(self)
            }
            #[inline]
            fn from_bits(bits: $bits) -> Self {
                Self::from_bits(bits)
            }
            #[inline]
            fn octets(self) -> [u8; $octets] {
                Self::octets(&self)
            }
            #[inline]
            fn bit(self, index: u8) -> bool {
                let top = (1 as $bits).rotate_right(1);
                top.checked_shr(u32::from(index))
                    .is_some_and(|mask| self.to_bits() & mask != 0)
            }
            #[inline]
            fn truncated(self, length: u8) -> Self {
                Self::from_bits(
                    self.to_bits() & !$bits::MAX.checked_shr(u32::from(length)).unwrap_or(0),
                )
            }
            #[inline]
            fn filled(self, length: u8) -> Self {
                Self::from_bits(
                    self.to_bits() | $bits::MAX.checked_shr(u32::from(length)).unwrap_or(0),
                )
            }
            #[inline]
            fn common_bits(self, other: Self) -> u8 {
                (self.to_bits() ^ other.to_bits()).leading_zeros() as u8
            }
            #[inline]
            fn is_multicast(self) -> bool {
                Self::is_multicast(&self)
            }
            #[inline]
            fn pseudo_header(
                source: Self,
                destination: Self,
                protocol: IpProtocol,
                length: u32,
            ) -> Checksum {
                Checksum::$pseudo(source, destination, protocol, length as $length)
            }
        }
    };
}

ip_version!(Ipv4Addr, u32, 4, 4, ipv4_pseudo_header, u16);
ip_version!(Ipv6Addr, u128, 16, 6, ipv6_pseudo_header, u32);

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn bits_of_addresses() {
        let v4 = Ipv4Addr::new(128, 0, 0, 1);
        assert!(v4.bit(0) && !v4.bit(1) && v4.bit(31) && !v4.bit(32) && !v4.bit(255));
        assert_eq!(
            Ip::truncated(Ipv4Addr::new(10, 1, 2, 3), 0),
            Ipv4Addr::UNSPECIFIED
        );
        assert_eq!(
            Ip::truncated(Ipv4Addr::new(10, 1, 2, 3), 31),
            Ipv4Addr::new(10, 1, 2, 2)
        );
        assert_eq!(
            Ip::truncated(Ipv4Addr::new(10, 1, 2, 3), 32),
            Ipv4Addr::new(10, 1, 2, 3)
        );
        let v6 = Ipv6Addr::new(0x8000, 0, 0, 0, 0, 0, 0, 1);
        assert!(v6.bit(0) && v6.bit(127) && !v6.bit(126) && !v6.bit(128));
        assert_eq!(
            v6.common_bits(Ipv6Addr::new(0x8000, 0, 0, 0, 0, 0, 0, 3)),
            126
        );
        assert_eq!(v6.common_bits(v6), 128);
    }

    #[test]
    fn protocols_are_named_or_numbered() {
        assert_eq!(IpProtocol::TCP.to_string(), "TCP");
        assert_eq!(IpProtocol(253).to_string(), "protocol 253");
    }
}

//! IP prefixes: an address and how many of its first bits count (RFC 4632 §3.1, RFC 4291 §2.3).
//!
//! The bits that do not count are always zero, so that equal prefixes are equal values. An address
//! with a length whose other bits matter (that of an interface) is not a prefix.

mod parse;

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::ip::Ip;

pub use parse::ParsePrefixError;

/// A prefix of one version of IP.
///
/// Order is by network, then by length, so that a prefix comes before everything that it covers.
///
/// ```
/// use core::net::Ipv4Addr;
/// use waypost_wire::Ipv4Prefix;
///
/// let prefix: Ipv4Prefix = "192.0.2.0/24".parse().unwrap();
/// assert!(prefix.contains(Ipv4Addr::new(192, 0, 2, 77)));
/// assert_eq!(prefix, "192.0.2.0/255.255.255.0".parse().unwrap());
/// assert!("192.0.2.1/24".parse::<Ipv4Prefix>().is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix<A: Ip> {
    network: A,
    length: u8,
}

/// A prefix of IPv4.
pub type Ipv4Prefix = Prefix<Ipv4Addr>;
/// A prefix of IPv6.
pub type Ipv6Prefix = Prefix<Ipv6Addr>;

impl<A: Ip> Prefix<A> {
    /// The prefix that covers everything: `0.0.0.0/0` or `::/0`.
    pub const DEFAULT: Self = Self {
        network: A::UNSPECIFIED,
        length: 0,
    };

    /// The prefix of the first `length` bits of `network`.
    ///
    /// # Errors
    /// [`PrefixError`] if there are not so many bits, or if one behind them is not zero.
    #[inline]
    pub fn new(network: A, length: u8) -> Result<Self, PrefixError> {
        let prefix = Self::new_truncated(network, length)?;
        if prefix.network != network {
            return Err(PrefixError::HostBits { length });
        }
        Ok(prefix)
    }

    /// The prefix of the first `length` bits of `address`, whatever comes behind them.
    ///
    /// # Errors
    /// [`PrefixError`] if there are not so many bits.
    #[inline]
    pub fn new_truncated(address: A, length: u8) -> Result<Self, PrefixError> {
        if length > A::BITS {
            return Err(PrefixError::Length {
                found: length,
                max: A::BITS,
            });
        }
        Ok(Self {
            network: address.truncated(length),
            length,
        })
    }

    /// The prefix that covers one address only: a host route.
    #[inline]
    pub const fn host(address: A) -> Self {
        Self {
            network: address,
            length: A::BITS,
        }
    }

    /// The first address, all bits behind the prefix zero.
    #[inline]
    pub const fn network(&self) -> A {
        self.network
    }

    /// How many bits count.
    #[inline]
    pub const fn length(&self) -> u8 {
        self.length
    }

    /// The last address, all bits behind the prefix one: with IPv4 the directed broadcast address,
    /// where there is one (not in a /31 or /32, RFC 3021).
    #[inline]
    pub fn last(&self) -> A {
        self.network.filled(self.length)
    }

    /// The mask: as many ones as the prefix is long, then zeros.
    #[inline]
    pub fn mask(&self) -> A {
        A::UNSPECIFIED.filled(0).truncated(self.length)
    }

    /// Whether the prefix covers one address only.
    #[inline]
    pub fn is_host(&self) -> bool {
        self.length == A::BITS
    }

    /// Whether the prefix covers everything.
    #[inline]
    pub const fn is_default(&self) -> bool {
        self.length == 0
    }

    /// Whether the address begins with the prefix.
    #[inline]
    pub fn contains(&self, address: A) -> bool {
        address.truncated(self.length) == self.network
    }

    /// Whether all addresses of `other` are also of `self`; a prefix covers itself.
    #[inline]
    pub fn covers(&self, other: &Self) -> bool {
        self.length <= other.length && self.contains(other.network)
    }

    /// Whether some address is of both, which means that one covers the other.
    #[inline]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.covers(other) || other.covers(self)
    }

    /// The longest prefix that covers both.
    #[inline]
    #[must_use]
    pub fn common(&self, other: &Self) -> Self {
        let shared = self.network.common_bits(other.network);
        let length = shared.min(self.length).min(other.length);
        Self {
            network: self.network.truncated(length),
            length,
        }
    }

    /// The prefix one bit shorter, or `None` of the default.
    #[inline]
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let length = self.length.checked_sub(1)?;
        Some(Self {
            network: self.network.truncated(length),
            length,
        })
    }

    /// The two prefixes one bit longer, lower half first, or `None` of a host route.
    #[inline]
    pub fn halves(&self) -> Option<[Self; 2]> {
        if self.is_host() {
            return None;
        }
        let length = self.length + 1;
        let upper = self.last().truncated(length);
        Some([
            Self {
                network: self.network,
                length,
            },
            Self {
                network: upper,
                length,
            },
        ])
    }

    /// The bit at `index`, counted from the highest; `false` behind the prefix.
    #[inline]
    pub fn bit(&self, index: u8) -> bool {
        self.network.bit(index)
    }
}

impl Ipv4Prefix {
    /// The directed broadcast address, or `None` in a /31 (RFC 3021) and a /32, which have none.
    #[inline]
    pub fn broadcast(&self) -> Option<Ipv4Addr> {
        (self.length < 31).then(|| self.last())
    }
}

impl<A: Ip> Default for Prefix<A> {
    /// [`Prefix::DEFAULT`].
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl<A: Ip> From<A> for Prefix<A> {
    /// [`Prefix::host`].
    fn from(address: A) -> Self {
        Self::host(address)
    }
}

/// `192.0.2.0/24`
impl<A: Ip> fmt::Display for Prefix<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.length)
    }
}

impl<A: Ip> fmt::Debug for Prefix<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why an address and a length are no prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PrefixError {
    /// The address has not so many bits.
    Length {
        /// The length found.
        found: u8,
        /// The bits of an address.
        max: u8,
    },
    /// A bit behind the prefix is not zero.
    HostBits {
        /// The length of the prefix.
        length: u8,
    },
}

impl fmt::Display for PrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { found, max } => {
                write!(
                    f,
                    "expected a prefix length of at most {max}, found {found}"
                )
            }
            Self::HostBits { length } => {
                write!(
                    f,
                    "expected zeros behind the first {length} bits of a prefix, found ones"
                )
            }
        }
    }
}

impl core::error::Error for PrefixError {}

/// A prefix of either version. IPv4 comes before IPv6.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IpPrefix {
    /// Of IPv4.
    V4(Ipv4Prefix),
    /// Of IPv6.
    V6(Ipv6Prefix),
}

impl IpPrefix {
    /// The prefix of the first `length` bits of `network`.
    ///
    /// # Errors
    /// As [`Prefix::new`].
    pub fn new(network: IpAddr, length: u8) -> Result<Self, PrefixError> {
        Ok(match network {
            IpAddr::V4(network) => Self::V4(Prefix::new(network, length)?),
            IpAddr::V6(network) => Self::V6(Prefix::new(network, length)?),
        })
    }

    /// The first address.
    pub const fn network(&self) -> IpAddr {
        match self {
            Self::V4(prefix) => IpAddr::V4(prefix.network()),
            Self::V6(prefix) => IpAddr::V6(prefix.network()),
        }
    }

    /// How many bits count.
    pub const fn length(&self) -> u8 {
        match self {
            Self::V4(prefix) => prefix.length(),
            Self::V6(prefix) => prefix.length(),
        }
    }

    /// Whether the address is of the same version and begins with the prefix.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self, address) {
            (Self::V4(prefix), IpAddr::V4(address)) => prefix.contains(address),
            (Self::V6(prefix), IpAddr::V6(address)) => prefix.contains(address),
            _ => false,
        }
    }

    /// Whether `other` is of the same version and all its addresses are also of `self`.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::V4(prefix), Self::V4(other)) => prefix.covers(other),
            (Self::V6(prefix), Self::V6(other)) => prefix.covers(other),
            _ => false,
        }
    }
}

impl From<Ipv4Prefix> for IpPrefix {
    fn from(prefix: Ipv4Prefix) -> Self {
        Self::V4(prefix)
    }
}

impl From<Ipv6Prefix> for IpPrefix {
    fn from(prefix: Ipv6Prefix) -> Self {
        Self::V6(prefix)
    }
}

impl fmt::Display for IpPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(prefix) => prefix.fmt(f),
            Self::V6(prefix) => prefix.fmt(f),
        }
    }
}

impl fmt::Debug for IpPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    fn v4(text: &str) -> Ipv4Prefix {
        text.parse().unwrap()
    }

    #[test]
    fn the_invariant_is_kept() {
        let address = Ipv4Addr::new(10, 1, 2, 3);
        assert_eq!(
            Prefix::new(address, 8),
            Err(PrefixError::HostBits { length: 8 })
        );
        assert_eq!(
            Prefix::new(address, 33),
            Err(PrefixError::Length { found: 33, max: 32 })
        );
        assert_eq!(
            Prefix::new_truncated(address, 8).unwrap().to_string(),
            "10.0.0.0/8"
        );
        assert_eq!(Prefix::new_truncated(address, 0), Ok(Prefix::DEFAULT));
        assert!(Prefix::new(Ipv6Addr::LOCALHOST, 128).is_ok());
        assert!(Prefix::new_truncated(Ipv6Addr::LOCALHOST, 129).is_err());
    }

    #[test]
    fn the_ends_of_a_prefix() {
        let prefix = v4("192.0.2.64/26");
        assert_eq!(prefix.last(), Ipv4Addr::new(192, 0, 2, 127));
        assert_eq!(prefix.mask(), Ipv4Addr::new(255, 255, 255, 192));
        assert_eq!(prefix.broadcast(), Some(prefix.last()));
        assert_eq!(
            (
                v4("192.0.2.0/31").broadcast(),
                v4("192.0.2.0/32").broadcast()
            ),
            (None, None)
        );
        assert_eq!(Ipv4Prefix::DEFAULT.last(), Ipv4Addr::BROADCAST);
        assert_eq!(Ipv4Prefix::DEFAULT.mask(), Ipv4Addr::UNSPECIFIED);
    }

    #[test]
    fn relations() {
        let (ten, ten_one) = (v4("10.0.0.0/8"), v4("10.1.0.0/16"));
        assert!(ten.covers(&ten_one) && ten.covers(&ten) && !ten_one.covers(&ten));
        assert!(
            ten.overlaps(&ten_one) && ten_one.overlaps(&ten) && !ten.overlaps(&v4("11.0.0.0/8"))
        );
        assert_eq!(
            v4("10.1.0.0/16").common(&v4("10.2.0.0/16")),
            v4("10.0.0.0/14")
        );
        assert_eq!(ten.parent(), Some(v4("10.0.0.0/7")));
        assert_eq!(Ipv4Prefix::DEFAULT.parent(), None);
        assert_eq!(ten.halves(), Some([v4("10.0.0.0/9"), v4("10.128.0.0/9")]));
        assert_eq!(v4("10.0.0.1/32").halves(), None);
        assert!(ten < ten_one);
        assert!(ten_one.bit(15) && !ten_one.bit(14));
    }

    #[test]
    fn versions_do_not_mix() {
        let prefix = IpPrefix::from(v4("0.0.0.0/0"));
        assert!(prefix.contains(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        assert!(!prefix.contains(IpAddr::V6(Ipv6Addr::LOCALHOST)));
        assert!(!prefix.covers(&IpPrefix::from(Ipv6Prefix::DEFAULT)));
        assert!(IpPrefix::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 64).is_err());
    }
}

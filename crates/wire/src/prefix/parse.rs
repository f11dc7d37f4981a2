//! Prefixes from text.

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

use super::{IpPrefix, Ipv4Prefix, Ipv6Prefix, PrefixError};

/// Why a text is no prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParsePrefixError {
    /// There is no `/`.
    NoLength,
    /// What stands before the `/` is no address of the version.
    Address,
    /// What stands after the `/` is no length and no mask.
    Length,
    /// The mask has ones after a zero.
    Mask {
        /// The mask.
        found: Ipv4Addr,
    },
    /// Address and length do not go together.
    Prefix(PrefixError),
}

impl From<PrefixError> for ParsePrefixError {
    fn from(error: PrefixError) -> Self {
        Self::Prefix(error)
    }
}

impl fmt::Display for ParsePrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLength => f.write_str("expected a prefix with '/' and a length, found no '/'"),
            Self::Address => f.write_str("expected an IP address before the '/' of a prefix"),
            Self::Length => f.write_str("expected a prefix length after the '/' of a prefix"),
            Self::Mask { found } => {
                write!(
                    f,
                    "expected a mask of ones followed by zeros, found {found}"
                )
            }
            Self::Prefix(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ParsePrefixError {}

fn length(text: &str) -> Result<u8, ParsePrefixError> {
    // `u8` itself would take a plus sign.
    if !text.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(ParsePrefixError::Length);
    }
    text.parse().map_err(|_| ParsePrefixError::Length)
}

fn mask_length(mask: Ipv4Addr) -> Result<u8, ParsePrefixError> {
    let bits = mask.to_bits();
    let ones = bits.leading_ones();
    if ones + bits.trailing_zeros() < u32::BITS {
        return Err(ParsePrefixError::Mask { found: mask });
    }
    Ok(ones as u8)
}

/// Accepts `10.0.0.0/8` and `10.0.0.0/255.0.0.0`.
impl FromStr for Ipv4Prefix {
    type Err = ParsePrefixError;

    fn from_str(text: &str) -> Result<Self, ParsePrefixError> {
        let (network, rest) = text.split_once('/').ok_or(ParsePrefixError::NoLength)?;
        let network: Ipv4Addr = network.parse().map_err(|_| ParsePrefixError::Address)?;
        let length = match rest.parse::<Ipv4Addr>() {
            Ok(mask) => mask_length(mask)?,
            Err(_) => length(rest)?,
        };
        Ok(Self::new(network, length)?)
    }
}

/// Accepts `2001:db8::/32`.
impl FromStr for Ipv6Prefix {
    type Err = ParsePrefixError;

    fn from_str(text: &str) -> Result<Self, ParsePrefixError> {
        let (network, rest) = text.split_once('/').ok_or(ParsePrefixError::NoLength)?;
        let network: Ipv6Addr = network.parse().map_err(|_| ParsePrefixError::Address)?;
        Ok(Self::new(network, length(rest)?)?)
    }
}

/// Accepts what a prefix of either version accepts.
impl FromStr for IpPrefix {
    type Err = ParsePrefixError;

    fn from_str(text: &str) -> Result<Self, ParsePrefixError> {
        let network = text.split_once('/').map_or(text, |(network, _)| network);
        if network.contains(':') {
            text.parse().map(Self::V6)
        } else {
            text.parse().map(Self::V4)
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    #[test]
    fn both_forms_and_both_versions() {
        assert_eq!(
            "10.0.0.0/255.0.0.0".parse::<Ipv4Prefix>(),
            "10.0.0.0/8".parse()
        );
        assert_eq!("0.0.0.0/0.0.0.0".parse(), Ok(Ipv4Prefix::DEFAULT));
        assert_eq!(
            "10.0.0.1/255.255.255.255".parse(),
            Ok(Ipv4Prefix::host(Ipv4Addr::new(10, 0, 0, 1)))
        );
        assert_eq!("::/0".parse(), Ok(Ipv6Prefix::DEFAULT));
        assert!(matches!("2001:db8::/32".parse(), Ok(IpPrefix::V6(_))));
        assert!(matches!("192.0.2.0/24".parse(), Ok(IpPrefix::V4(_))));
    }

    #[test]
    fn bad_texts_say_what_is_wrong() {
        let parse = |text: &str| text.parse::<Ipv4Prefix>().unwrap_err();
        assert_eq!(parse("10.0.0.0"), ParsePrefixError::NoLength);
        assert_eq!(parse("10.0.0/8"), ParsePrefixError::Address);
        for length in ["", "+8", "-1", "8 ", "256", "x"] {
            let text = ["10.0.0.0/", length].concat();
            assert_eq!(parse(&text), ParsePrefixError::Length, "{text}");
        }
        let found = Ipv4Addr::new(255, 0, 255, 0);
        assert_eq!(
            parse("10.0.0.0/255.0.255.0"),
            ParsePrefixError::Mask { found }
        );
        assert_eq!(
            parse("10.0.0.1/8"),
            PrefixError::HostBits { length: 8 }.into()
        );
        assert_eq!(
            parse("10.0.0.0/33"),
            PrefixError::Length { found: 33, max: 32 }.into()
        );
        assert!("10.0.0.0/8".parse::<Ipv6Prefix>().is_err());
        assert!("2001:db8::/ffff::".parse::<IpPrefix>().is_err());
    }
}

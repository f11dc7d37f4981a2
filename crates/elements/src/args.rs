//! Typed arguments: what the words of a configuration string mean.

use std::net::Ipv4Addr;

use waypost_graph::{Args, ConfigError, HandlerError};
use waypost_wire::{Duration, Ipv4Prefix, MacAddr};

/// A type that an argument can have.
pub(crate) trait Arg: Sized {
    /// What is expected, for messages: "an IPv4 address".
    const EXPECTED: &'static str;

    /// The value of a word, quotes already taken off.
    fn parse(word: &str) -> Option<Self>;
}

/// Reads typed arguments. What is not of its type is refused, and reading goes on as if it were not there: so that all mistakes are
/// told at once. Whoever opens something, or takes memory as an argument says, asks for all arguments and ends the reading
/// ([`Args::finish`]) before.
pub(crate) trait TypedArgs {
    /// An argument that has to be there, by keyword or by position. Its error is refused already, and need not be looked at
    /// before all others are read.
    fn mandatory<T: Arg>(&mut self, keyword: &str) -> Result<T, ConfigError>;

    /// An argument that may be there, by keyword or by position.
    fn optional<T: Arg>(&mut self, keyword: &str) -> Option<T>;

    /// An argument that may be there, by keyword alone.
    fn keyword<T: Arg>(&mut self, keyword: &str) -> Option<T>;

    /// An argument that is one of a few words, by keyword alone.
    fn choice<T: Copy>(&mut self, keyword: &str, choices: &[(&str, T)]) -> Option<T>;

    /// Refuses an argument that is of its type, but is not as expected.
    fn require(&mut self, keyword: &str, holds: bool, what: &str, found: impl ToString);
}

impl TypedArgs for Args {
    fn mandatory<T: Arg>(&mut self, keyword: &str) -> Result<T, ConfigError> {
        let word = self.take_mandatory(keyword).map_err(ConfigError::from);
        word.and_then(|word| parse(keyword, &word))
            .inspect_err(|error| self.refuse(keyword, error.clone()))
    }

    fn optional<T: Arg>(&mut self, keyword: &str) -> Option<T> {
        let word = self.take_or_positional(keyword)?;
        known(self, keyword, parse(keyword, &word))
    }

    fn keyword<T: Arg>(&mut self, keyword: &str) -> Option<T> {
        let word = self.take(keyword)?;
        known(self, keyword, parse(keyword, &word))
    }

    fn choice<T: Copy>(&mut self, keyword: &str, choices: &[(&str, T)]) -> Option<T> {
        let word = self.take(keyword)?;
        let found = choices.iter().find(|(choice, _)| *choice == word.trim());
        let found = found.map(|(_, meant)| *meant).ok_or_else(|| {
            let words: Vec<&str> = choices.iter().map(|(choice, _)| *choice).collect();
            let (last, others) = words.split_last().unwrap_or((&"", &[]));
            let expected = format!("{keyword} {} or {last}", others.join(", "));
            ConfigError::expected(&expected, &word)
        });
        known(self, keyword, found)
    }

    fn require(&mut self, keyword: &str, holds: bool, what: &str, found: impl ToString) {
        if !holds {
            self.refuse(keyword, ConfigError::expected(what, &found.to_string()));
        }
    }
}

fn parse<T: Arg>(keyword: &str, word: &str) -> Result<T, ConfigError> {
    T::parse(word.trim())
        .ok_or_else(|| ConfigError::expected(&format!("{} for {keyword}", T::EXPECTED), word))
}

/// A value, or nothing where it is refused.
fn known<T>(args: &mut Args, keyword: &str, read: Result<T, ConfigError>) -> Option<T> {
    read.map_err(|error| args.refuse(keyword, error)).ok()
}

/// The sign of an integer, its digits, and their base: as in Click 16 behind `0x`, and 8 behind another `0`.
fn split_integer(word: &str) -> Option<(&str, &str, u32)> {
    let unsigned = word.trim_start_matches(['+', '-']);
    let sign = &word[..word.len() - unsigned.len()];
    let hexadecimal = unsigned.strip_prefix("0x");
    let hexadecimal = hexadecimal.or_else(|| unsigned.strip_prefix("0X"));
    let (digits, radix) = match (hexadecimal, unsigned.strip_prefix('0')) {
        (Some(digits), _) => (digits, 16),
        (None, Some(digits)) if !digits.is_empty() => (digits, 8),
        _ => (unsigned, 10),
    };
    let is_number = sign.len() < 2 && digits.starts_with(|it: char| it.is_digit(radix));
    is_number.then_some((sign, digits, radix))
}

macro_rules! integer {
    ($($type:ty => $expected:literal),+) => {$(
        impl Arg for $type {
            const EXPECTED: &'static str = $expected;

            fn parse(word: &str) -> Option<Self> {
                let (sign, digits, radix) = split_integer(word)?;
                Self::from_str_radix(&format!("{sign}{digits}"), radix).ok()
            }
        }
    )+};
}

integer!(
    u8 => "a number from 0 to 255",
    u16 => "a number from 0 to 65535",
    u32 => "a number",
    u64 => "a number",
    usize => "a number",
    i32 => "an integer",
    i64 => "an integer"
);

impl Arg for bool {
    const EXPECTED: &'static str = "true or false";

    fn parse(word: &str) -> Option<Self> {
        match word {
            "true" | "yes" | "1" | "TRUE" | "YES" => Some(true),
            "false" | "no" | "0" | "FALSE" | "NO" => Some(false),
            _ => None,
        }
    }
}

impl Arg for String {
    const EXPECTED: &'static str = "a word";

    fn parse(word: &str) -> Option<Self> {
        waypost_graph::unquote_text(word)
    }
}

impl Arg for f64 {
    const EXPECTED: &'static str = "a number";

    fn parse(word: &str) -> Option<Self> {
        word.parse().ok().filter(|it: &Self| it.is_finite())
    }
}

impl Arg for Ipv4Addr {
    const EXPECTED: &'static str = "an IPv4 address";

    fn parse(word: &str) -> Option<Self> {
        word.parse().ok()
    }
}

impl Arg for Ipv4Prefix {
    const EXPECTED: &'static str = "an IPv4 address or prefix";

    /// As in Click, octets at the end may be left out in front of a length, which may be a mask, and what
    /// is beyond the length does not count: `10.1/16`, `0/0`, `10.1.2.3/255.255.0.0`.
    fn parse(word: &str) -> Option<Self> {
        let InterfaceAddress { address, network } = InterfaceAddress::parse(word)?;
        Some(network.unwrap_or_else(|| Self::host(address)))
    }
}

/// An address of an interface, and the prefix of its network, if it is written.
pub(crate) struct InterfaceAddress {
    pub(crate) address: Ipv4Addr,
    pub(crate) network: Option<Ipv4Prefix>,
}

impl Arg for InterfaceAddress {
    const EXPECTED: &'static str = "an IPv4 address, or one with its prefix's length or mask";

    /// In the forms of a prefix.
    fn parse(word: &str) -> Option<Self> {
        let Some((address, length)) = word.split_once('/') else {
            let address = Ipv4Addr::parse(word)?;
            return Some(Self {
                address,
                network: None,
            });
        };
        let missing = 3_usize.checked_sub(address.matches('.').count())?;
        let address = Ipv4Addr::parse(&format!("{address}{}", ".0".repeat(missing)))?;
        let length = length.parse().ok().or_else(|| {
            let mask = Ipv4Addr::parse(length)?.to_bits();
            (mask.count_ones() == mask.leading_ones()).then_some(mask.leading_ones() as u8)
        })?;
        let network = Ipv4Prefix::new_truncated(address, length).ok()?;
        Some(Self {
            address,
            network: Some(network),
        })
    }
}

impl Arg for MacAddr {
    const EXPECTED: &'static str = "an Ethernet address";

    /// As in Click, an octet may be written with one digit.
    fn parse(word: &str) -> Option<Self> {
        let separator = if word.contains('-') { '-' } else { ':' };
        let octet = |part: &str| match part.len() {
            1 | 2 => u8::from_str_radix(part, 16).ok(),
            _ => None,
        };
        let octets: Vec<u8> = word.split(separator).map(octet).collect::<Option<_>>()?;
        Some(Self::new(octets.try_into().ok()?))
    }
}

impl Arg for Duration {
    const EXPECTED: &'static str = "a time such as `2`, `1.5s`, `20ms` or `3min`";

    /// A bare number is seconds.
    fn parse(word: &str) -> Option<Self> {
        let units = [
            ("nsec", 1.0),
            ("usec", 1e3),
            ("msec", 1e6),
            ("sec", 1e9),
            ("ns", 1.0),
            ("us", 1e3),
        ];
        let more = [
            ("ms", 1e6),
            ("min", 60e9),
            ("m", 60e9),
            ("h", 3600e9),
            ("hr", 3600e9),
            ("d", 86_400e9),
            ("day", 86_400e9),
            ("s", 1e9),
            ("", 1e9),
        ];
        let (number, scale) = units.into_iter().chain(more).find_map(|(unit, scale)| {
            Some((word.strip_suffix(unit)?.trim().parse::<f64>().ok()?, scale))
        })?;
        (number.is_finite() && number >= 0.0).then(|| Self::from_nanos((number * scale) as u64))
    }
}

/// Octets, as written in a quotation: `"text"`, `\\<01 02>`.
pub(crate) struct Octets(pub(crate) Vec<u8>);

impl Arg for Octets {
    const EXPECTED: &'static str = "octets";

    fn parse(word: &str) -> Option<Self> {
        Some(Self(waypost_graph::unquote(word)))
    }
}

impl Octets {
    /// Octets as they are written in a text.
    pub(crate) fn show(octets: &[u8]) -> String {
        let digits: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
        format!("\\<{digits}>")
    }
}

/// A bandwidth in octets a second.
pub(crate) struct Bandwidth(pub(crate) f64);

impl Arg for Bandwidth {
    const EXPECTED: &'static str = "a bandwidth such as `100kbps`, `1.5Mbps` or `64000Bps`";

    /// A bare number is octets a second, as in Click.
    fn parse(word: &str) -> Option<Self> {
        let (word, scale) = ["bps", "b/s", "baud"]
            .iter()
            .find_map(|unit| Some((word.strip_suffix(unit)?, 0.125)))
            .or_else(|| {
                let octets = ["Bps", "B/s"].iter();
                octets
                    .map(|unit| word.strip_suffix(unit))
                    .find_map(|it| Some((it?, 1.0)))
            })
            .unwrap_or((word, 1.0));
        let prefixes = [("k", 1e3), ("K", 1e3), ("M", 1e6), ("G", 1e9), ("", 1.0)];
        let (number, prefix) = prefixes.into_iter().find_map(|(prefix, scale)| {
            Some((f64::parse(word.strip_suffix(prefix)?.trim())?, scale))
        })?;
        (number >= 0.0).then_some(Self(number * prefix * scale))
    }
}

/// A value written to a handler.
pub(crate) fn handler_value<T: Arg>(value: &str) -> Result<T, HandlerError> {
    let value = value.trim();
    T::parse(value)
        .ok_or_else(|| HandlerError::new(format!("expected {}, found `{value}`", T::EXPECTED)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_decimal_octal_or_hexadecimal() {
        for (word, expected) in [
            ("0", Some(0)),
            ("10", Some(10)),
            ("+10", Some(10)),
            ("-10", Some(-10)),
            ("010", Some(8)),
            ("-010", Some(-8)),
            ("007", Some(7)),
            ("00", Some(0)),
            ("08", None),
            ("0x10", Some(16)),
            ("-0X1f", Some(-31)),
            ("0x", None),
            ("0x-1", None),
            ("0-1", None),
            ("--1", None),
            ("", None),
            ("-", None),
            ("ten", None),
            ("\u{660}", None),
        ] {
            assert_eq!(i32::parse(word), expected, "{word}");
        }
        assert_eq!(u8::parse("0377"), Some(255));
        assert_eq!(u8::parse("0400"), None);
        assert_eq!(u8::parse("-1"), None);
    }

    #[test]
    fn times_have_clicks_units() {
        for (word, nanos) in [
            ("2", 2_000_000_000),
            ("1.5s", 1_500_000_000),
            ("2 sec", 2_000_000_000),
            ("20ms", 20_000_000),
            ("20msec", 20_000_000),
            ("7us", 7000),
            ("7usec", 7000),
            ("9ns", 9),
            ("9nsec", 9),
            ("3m", 180_000_000_000),
            ("3min", 180_000_000_000),
            ("2h", 7_200_000_000_000),
            ("2hr", 7_200_000_000_000),
            ("1d", 86_400_000_000_000),
            ("1day", 86_400_000_000_000),
        ] {
            let found = Duration::parse(word).map(|it| it.as_nanos());
            assert_eq!(found, Some(nanos), "{word}");
        }
        for word in ["", "hr", "2 hours", "-1s", "1e400"] {
            assert_eq!(Duration::parse(word), None, "{word}");
        }
    }

    #[test]
    fn an_address_of_an_interface_is_written_with_a_length_or_a_mask_or_alone() {
        let parse = |word| {
            let it = InterfaceAddress::parse(word)?;
            Some((it.address.to_string(), it.network.map(|it| it.to_string())))
        };
        let both = |address: &str, network: &str| Some((address.to_owned(), Some(network.into())));
        assert_eq!(parse("192.0.0.1/8"), both("192.0.0.1", "192.0.0.0/8"));
        assert_eq!(
            parse("192.0.0.1/255.0.0.0"),
            both("192.0.0.1", "192.0.0.0/8")
        );
        assert_eq!(parse("10.1/16"), both("10.1.0.0", "10.1.0.0/16"));
        assert_eq!(parse("10.1.2.3"), Some(("10.1.2.3".to_owned(), None)));
        for word in [
            "10.1.2.3/33",
            "10.1.2.3/255.0.255.0",
            "10.1",
            "10.1.2.3/",
            "/8",
        ] {
            assert_eq!(parse(word), None, "{word}");
        }
    }
}

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

macro_rules! integer {
    ($($type:ty => $expected:literal),+) => {$(
        impl Arg for $type {
            const EXPECTED: &'static str = $expected;

            fn parse(word: &str) -> Option<Self> {
                match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
                    Some(digits) => Self::from_str_radix(digits, 16).ok(),
                    None => word.parse().ok(),
                }
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
        let Some((address, length)) = word.split_once('/') else {
            return Self::new_truncated(Ipv4Addr::parse(word)?, 32).ok();
        };
        let missing = 3_usize.checked_sub(address.matches('.').count())?;
        let address = Ipv4Addr::parse(&format!("{address}{}", ".0".repeat(missing)))?;
        let length = length.parse().ok().or_else(|| {
            let mask = Ipv4Addr::parse(length)?.to_bits();
            (mask.count_ones() == mask.leading_ones()).then_some(mask.leading_ones() as u8)
        })?;
        Self::new_truncated(address, length).ok()
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

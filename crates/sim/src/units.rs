//! Values as people write them: `10Mbps`, `5ms`, `0.1%`, `64KiB`. Schedules of faults are read with these, and whatever else
//! describes networks as text should be.
//!
//! A number has decimals if it needs them, and a unit always, with or without a blank between them. Units are case-sensitive:
//! `10MBps` would be another rate, and is refused.
//!
//! ```
//! use waypost_sim::units;
//! use waypost_wire::Duration;
//!
//! assert_eq!(units::duration("1.5ms")?, Duration::from_micros(1500));
//! assert_eq!(units::rate("10 Mbps")?, 10_000_000);
//! assert_eq!(units::share("0.1%")?, 1000);
//! assert_eq!(units::octets("64KiB")?, 65536);
//! assert!(units::duration("5").unwrap_err().to_string().contains("in ns, us, ms, s, min or h"));
//! # Ok::<(), units::UnitError>(())
//! ```

use std::fmt;

use waypost_wire::Duration;

/// A text is no such value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitError {
    expected: &'static str,
    found: String,
}

impl fmt::Display for UnitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, found `{}`", self.expected, self.found)
    }
}

impl std::error::Error for UnitError {}

fn error(expected: &'static str, text: &str) -> UnitError {
    UnitError {
        expected,
        found: text.trim().to_owned(),
    }
}

/// What a number may be followed by, and how much that is.
type Units = &'static [(&'static str, u64)];

const TIMES: Units = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("min", 60_000_000_000),
    ("s", 1_000_000_000),
    ("h", 3_600_000_000_000),
];

const RATES: Units = &[
    ("kbit/s", 1_000),
    ("Mbit/s", 1_000_000),
    ("Gbit/s", 1_000_000_000),
    ("bit/s", 1),
    ("kbps", 1_000),
    ("Kbps", 1_000),
    ("Mbps", 1_000_000),
    ("Gbps", 1_000_000_000),
    ("bps", 1),
];

const SIZES: Units = &[
    ("kB", 1_000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("B", 1),
];

const SHARES: Units = &[("%", 10_000), ("ppm", 1)];

/// A span of time, in `ns`, `us` or `µs`, `ms`, `s`, `min` or `h`. What is finer than a nanosecond is left out.
///
/// # Errors
/// It is none, or longer than five hundred years.
pub fn duration(text: &str) -> Result<Duration, UnitError> {
    let nanos = measure(text, TIMES, Exact::Down);
    let nanos = nanos.ok_or_else(|| {
        let expected = "a time such as `5ms`, in ns, us, ms, s, min or h";
        error(expected, text)
    })?;
    Ok(Duration::from_nanos(nanos))
}

/// Bits a second, in `bps`, `kbps`, `Mbps` or `Gbps`, or in `bit/s` and so on.
///
/// # Errors
/// It is none, or not of whole bits.
pub fn rate(text: &str) -> Result<u64, UnitError> {
    let bits = measure(text, RATES, Exact::Yes);
    bits.ok_or_else(|| {
        let expected = "a rate such as `10Mbps`, in bps, kbps, Mbps or Gbps, or in bit/s, kbit/s, Mbit/s or Gbit/s";
        error(expected, text)
    })
}

/// A part of a whole in parts per million, written in `%` or `ppm`.
///
/// # Errors
/// It is none, finer than a part per million, or more than the whole.
pub fn share(text: &str) -> Result<u32, UnitError> {
    let ppm = measure(text, SHARES, Exact::Yes).and_then(|ppm| u32::try_from(ppm).ok());
    ppm.filter(|ppm| *ppm <= 1_000_000).ok_or_else(|| {
        let expected = "a share such as `0.1%` or `1000ppm`, of whole ppm and up to 100%";
        error(expected, text)
    })
}

/// Octets, in `B`, `kB`, `KiB`, `MB` or `MiB`.
///
/// # Errors
/// It is none, or not of whole octets.
pub fn octets(text: &str) -> Result<usize, UnitError> {
    let octets = measure(text, SIZES, Exact::Yes).and_then(|it| usize::try_from(it).ok());
    octets.ok_or_else(|| {
        let expected = "octets such as `64KiB`, in B, kB, KiB, MB or MiB";
        error(expected, text)
    })
}

/// Whether what is finer than the smallest unit is left out or refused.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Exact {
    Down,
    Yes,
}

/// A decimal number and a unit, with or without a blank between them.
fn measure(text: &str, units: Units, exact: Exact) -> Option<u64> {
    let text = text.trim();
    let found = |(unit, factor): &(&str, u64)| Some((text.strip_suffix(unit)?, *factor));
    // The longest unit that fits: `ms` is no `s` with an `m` before it.
    let fits = units
        .iter()
        .filter_map(found)
        .filter(|(digits, _)| digits.trim_end().ends_with(|it: char| it.is_ascii_digit()));
    let (digits, factor) = fits.min_by_key(|(digits, _)| digits.len())?;
    let digits = digits.trim_end();
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
    let are_digits = |part: &str| part.bytes().all(|it| it.is_ascii_digit() || it == b'_');
    if whole.is_empty() || !are_digits(whole) || !are_digits(decimals) || decimals.len() > 12 {
        return None;
    }
    let number = |part: &str| part.replace('_', "").parse::<u64>().ok();
    let decimals = decimals.replace('_', "");
    let scale = 10_u128.pow(decimals.len() as u32);
    let part = match decimals.as_str() {
        "" => 0,
        some => u128::from(number(some)?) * u128::from(factor),
    };
    if exact == Exact::Yes && !part.is_multiple_of(scale) {
        return None;
    }
    let sum = u128::from(number(whole)?) * u128::from(factor) + part / scale;
    u64::try_from(sum).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_as_people_write_them() {
        let time = |text| duration(text).map(Duration::as_nanos).ok();
        assert_eq!(time("5ms"), Some(5_000_000));
        assert_eq!(time(" 1.5 s "), Some(1_500_000_000));
        assert_eq!(time("2min"), Some(120_000_000_000));
        assert_eq!(time("3µs"), time("3us"));
        assert_eq!(time("0.5ns"), Some(0));
        assert_eq!(time("1_000h"), Some(3_600_000_000_000_000));
        for wrong in [
            "",
            "5",
            "ms",
            "-1s",
            "1.s.",
            "1e3s",
            "1 m",
            "9999999999999h",
            ".5s",
            "_",
        ] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        assert_eq!(rate("10Mbps"), Ok(10_000_000));
        assert_eq!(rate("2.5 Gbit/s"), Ok(2_500_000_000));
        assert_eq!(rate("0bps"), Ok(0));
        for wrong in ["10mbps", "10MBps", "10", "0.5bps", "10 Mb"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
        assert_eq!(share("0.1%"), Ok(1000));
        assert_eq!(share("100 %"), Ok(1_000_000));
        assert_eq!(share("7ppm"), Ok(7));
        for wrong in ["0.00001%", "101%", "1000001ppm", "1"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
        assert_eq!(octets("64KiB"), Ok(65536));
        assert_eq!(octets("1.5 kB"), Ok(1500));
        assert!(octets("1KB").is_err());
    }
}

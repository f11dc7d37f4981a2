//! Schedules as text: `at 1.5s for 200ms down core`, one line each.

use std::fmt;
use std::str::FromStr;

use waypost_wire::{Duration, Instant};

use super::{Change, Disturbance, Fault, FaultSchedule};

/// A text is no schedule of faults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultTextError {
    /// The line, from 1.
    pub line: usize,
    /// What is the matter.
    pub what: String,
}

impl fmt::Display for FaultTextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for FaultTextError {}

impl fmt::Display for Disturbance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down(link) => write!(f, "down {link}"),
            Self::Partition(nodes) => write!(f, "partition {}", nodes.join(",")),
            Self::Pause(node) => write!(f, "pause {node}"),
            Self::Restart(node) => write!(f, "restart {node}"),
            Self::Change(link, change) => match change {
                Change::Rate(bits) => write!(f, "rate {link} {bits}bit/s"),
                Change::Delay(delay) => write!(f, "delay {link} {delay}"),
                Change::Jitter(width) => write!(f, "jitter {link} {width}"),
                Change::Loss(ppm) => write!(f, "loss {link} {ppm}ppm"),
                Change::Duplication(ppm) => write!(f, "duplication {link} {ppm}ppm"),
                Change::Corruption(ppm) => write!(f, "corruption {link} {ppm}ppm"),
                Change::Reordering(ppm) => write!(f, "reordering {link} {ppm}ppm"),
                Change::Queue(frames) => write!(f, "queue {link} {frames}"),
                Change::Mtu(octets) => write!(f, "mtu {link} {octets}"),
            },
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at - Instant::ZERO;
        write!(f, "at {at} for {} {}", self.lasts, self.what)
    }
}

impl fmt::Display for FaultSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.faults
            .iter()
            .try_for_each(|fault| writeln!(f, "{fault}"))
    }
}

impl FromStr for FaultSchedule {
    type Err = FaultTextError;

    /// Empty lines, and what stands behind `#`, are passed over.
    fn from_str(text: &str) -> Result<Self, FaultTextError> {
        let mut faults = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let words = line.split('#').next().unwrap_or_default();
            let words: Vec<_> = words.split_whitespace().collect();
            if words.is_empty() {
                continue;
            }
            let fault = fault(&words).map_err(|what| FaultTextError {
                line: number + 1,
                what,
            })?;
            faults.push(fault);
        }
        Ok(Self { faults })
    }
}

fn fault(words: &[&str]) -> Result<Fault, String> {
    let ["at", at, "for", lasts, kind, whom, rest @ ..] = words else {
        return Err(format!(
            "expected `at TIME for TIME FAULT NAME`, found `{}`",
            words.join(" ")
        ));
    };
    let name = || (*whom).to_owned();
    let mut rest = rest.iter();
    let mut value = || {
        rest.next()
            .ok_or_else(|| format!("`{kind}` expects a value behind the name"))
    };
    let what = match *kind {
        "down" => Disturbance::Down(name()),
        "pause" => Disturbance::Pause(name()),
        "restart" => Disturbance::Restart(name()),
        "partition" => Disturbance::Partition(whom.split(',').map(str::to_owned).collect()),
        _ => {
            let change = match *kind {
                "rate" => Change::Rate(number(value()?, "bit/s")?),
                "delay" => Change::Delay(duration(value()?)?),
                "jitter" => Change::Jitter(duration(value()?)?),
                "loss" => Change::Loss(ppm(value()?)?),
                "duplication" => Change::Duplication(ppm(value()?)?),
                "corruption" => Change::Corruption(ppm(value()?)?),
                "reordering" => Change::Reordering(ppm(value()?)?),
                "queue" => Change::Queue(number(value()?, "")?),
                "mtu" => Change::Mtu(number(value()?, "")?),
                _ => {
                    return Err(format!(
                        "no fault is called `{kind}`: expected down, partition, pause, restart, rate, delay, jitter, \
                         loss, duplication, corruption, reordering, queue or mtu"
                    ));
                }
            };
            Disturbance::Change(name(), change)
        }
    };
    if let Some(more) = rest.next() {
        return Err(format!("`{more}` is one word too much for `{kind}`"));
    }
    Ok(Fault {
        at: Instant::ZERO + duration(at)?,
        lasts: duration(lasts)?,
        what,
    })
}

fn number<T: FromStr>(word: &str, unit: &str) -> Result<T, String> {
    let digits = word.strip_suffix(unit).and_then(|it| it.parse().ok());
    digits.ok_or_else(|| format!("expected a number{}, found `{word}`", in_unit(unit)))
}

fn in_unit(unit: &str) -> String {
    if unit.is_empty() {
        String::new()
    } else {
        format!(" followed by `{unit}`")
    }
}

fn ppm(word: &str) -> Result<u32, String> {
    let ppm = number(word, "ppm")?;
    if ppm > 1_000_000 {
        return Err(format!("expected at most 1000000ppm, found `{word}`"));
    }
    Ok(ppm)
}

/// `1.5s`, `20ms`, `3µs`, `3us`, `7ns`: exact, up to nine decimals.
fn duration(word: &str) -> Result<Duration, String> {
    let units = [
        ("ns", 1),
        ("µs", 1_000),
        ("us", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
    ];
    let parse = || {
        let found = |(unit, nanos)| word.strip_suffix(unit).map(|digits| (digits, nanos));
        let (digits, nanos): (&str, u64) = units.into_iter().find_map(found)?;
        let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
        let whole = whole.parse::<u64>().ok()?.checked_mul(nanos)?;
        let is_number = decimals.chars().all(|digit| digit.is_ascii_digit());
        if !is_number || decimals.len() > 9 {
            return None;
        }
        let scale = 10_u64.pow(decimals.len() as u32);
        let decimals = decimals.parse().unwrap_or(0_u64);
        let part = u128::from(decimals) * u128::from(nanos) / u128::from(scale);
        whole.checked_add(part as u64)
    };
    parse().map(Duration::from_nanos).ok_or_else(|| {
        format!("expected a time such as `1.5s`, `20ms`, `3us` or `7ns`, found `{word}`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FaultBounds, FaultKind, Rng};

    #[test]
    fn what_is_printed_is_read_again() {
        let bounds = FaultBounds {
            faults_max: 200,
            links: vec!["a-b".to_owned(), "core".to_owned()],
            nodes: ["x", "y", "z"].map(str::to_owned).to_vec(),
            kinds: FaultKind::ALL.to_vec(),
            ..FaultBounds::default()
        };
        for seed in 0..50 {
            let schedule = FaultSchedule::random(&mut Rng::new(seed), &bounds);
            assert_eq!(schedule.to_string().parse(), Ok(schedule));
        }
        let odd =
            "  # nothing\n\nat 0.000000001s for 1.5us mtu l 9 # short\n at 3ns for 2µs queue l 0\n";
        let schedule: FaultSchedule = odd.parse().unwrap();
        assert_eq!(
            schedule.to_string(),
            "at 1ns for 1.5µs mtu l 9\nat 3ns for 2µs queue l 0\n"
        );
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        for (text, what) in [
            (
                "down l",
                "expected `at TIME for TIME FAULT NAME`, found `down l`",
            ),
            ("at 1 for 2s down l", "expected a time such as"),
            ("at 1s for 1.x2s down l", "expected a time such as"),
            ("at 99999999999s for 1s down l", "expected a time such as"),
            ("at 1s for 2s melt l", "no fault is called `melt`"),
            ("at 1s for 2s loss l", "`loss` expects a value"),
            (
                "at 1s for 2s loss l 5",
                "expected a number followed by `ppm`",
            ),
            (
                "at 1s for 2s loss l 1000001ppm",
                "expected at most 1000000ppm",
            ),
            (
                "at 1s for 2s down l m",
                "`m` is one word too much for `down`",
            ),
        ] {
            let error = format!("\n{text}").parse::<FaultSchedule>().unwrap_err();
            assert_eq!(error.line, 2);
            assert!(error.what.contains(what), "{error}");
        }
    }
}

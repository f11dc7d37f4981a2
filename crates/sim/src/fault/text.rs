//! Schedules as text: `at 1.5s for 200ms down core`, one line each.

use std::fmt;
use std::str::FromStr;

use waypost_wire::Instant;

use super::{Change, Disturbance, Fault, FaultSchedule};
use crate::units::{self, UnitError};

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
                Change::Bursts { begin_ppm, end_ppm } => {
                    write!(f, "bursts {link} {begin_ppm}ppm {end_ppm}ppm")
                }
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

const BURSTS_END: &str =
    "`bursts` expects two values: how likely one begins at a frame, and how likely it ends";

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
                "rate" => Change::Rate(in_unit(units::rate(value()?))?),
                "delay" => Change::Delay(in_unit(units::duration(value()?))?),
                "jitter" => Change::Jitter(in_unit(units::duration(value()?))?),
                "loss" => Change::Loss(in_unit(units::share(value()?))?),
                "bursts" => Change::Bursts {
                    begin_ppm: in_unit(units::share(value()?))?,
                    end_ppm: in_unit(units::share(value().map_err(|_| BURSTS_END.to_owned())?))?,
                },
                "duplication" => Change::Duplication(in_unit(units::share(value()?))?),
                "corruption" => Change::Corruption(in_unit(units::share(value()?))?),
                "reordering" => Change::Reordering(in_unit(units::share(value()?))?),
                "queue" => Change::Queue(number(value()?)?),
                "mtu" => Change::Mtu(number(value()?)?),
                _ => {
                    return Err(format!(
                        "no fault is called `{kind}`: expected down, partition, pause, restart, rate, delay, jitter, \
                         loss, bursts, duplication, corruption, reordering, queue or mtu"
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
        at: Instant::ZERO + in_unit(units::duration(at))?,
        lasts: in_unit(units::duration(lasts))?,
        what,
    })
}

fn number(word: &str) -> Result<usize, String> {
    let number = word.parse();
    number.map_err(|_| format!("expected a whole number, found `{word}`"))
}

fn in_unit<T>(value: Result<T, UnitError>) -> Result<T, String> {
    value.map_err(|error| error.to_string())
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
        let people: FaultSchedule = "at 1min for 1h loss l 0.1%\nat 1s for 1s rate l 1.5Mbps"
            .parse()
            .unwrap();
        assert_eq!(
            people.to_string(),
            "at 60s for 3600s loss l 1000ppm\nat 1s for 1s rate l 1500000bit/s\n"
        );
        let bursts: FaultSchedule = "at 1s for 1s bursts l 0.1% 25%".parse().unwrap();
        assert_eq!(
            bursts.to_string(),
            "at 1s for 1s bursts l 1000ppm 250000ppm\n"
        );
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
            ("at 1s for 2s loss l 5", "expected a share such as `0.1%`"),
            ("at 1s for 2s bursts l 1%", "`bursts` expects two values"),
            (
                "at 1s for 2s loss l 1000001ppm",
                "and up to 100%, found `1000001ppm`",
            ),
            ("at 1s for 2s queue l 1%", "expected a whole number"),
            ("at 1s for 2s rate l 1MBps", "expected a rate such as"),
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

//! Many seeds, and the least that makes one of them fail.

use std::fmt::{self, Display};
use std::sync::atomic::{AtomicU8, Ordering};

use waypost_sim::{FaultSchedule, Keep};

use super::network::{End, Network};
use super::topology::Topology;

/// Runs that may be spent on finding less.
const RUNS_MAX: usize = 500;

/// Seeds to try: from the first up to, and not including, the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seeds(pub(crate) u64, pub(crate) u64);

impl Seeds {
    /// `A..B`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let seeds = text
            .split_once("..")
            .and_then(|(from, to)| Some(Self(from.trim().parse().ok()?, to.trim().parse().ok()?)));
        seeds.filter(|Self(from, to)| from < to).ok_or_else(|| {
            "expected seeds such as `0..100`: the first, and the one behind the last".to_owned()
        })
    }
}

/// What came of trying seeds.
#[derive(Clone, Debug)]
pub(crate) enum Tried {
    /// None of so many fails.
    AllHold(u64),
    /// This one does.
    Fails(Box<Failing>),
    /// The user did not want to wait.
    Stopped { signal: u8, tried: u64 },
}

/// A seed that fails, and what is needed for that.
#[derive(Clone, Debug)]
pub(crate) struct Failing {
    seed: u64,
    why: String,
    /// Why it fails with the least faults.
    with_least: String,
    faults: usize,
    least: FaultSchedule,
    runs: usize,
    is_minimal: bool,
}

/// Tries one seed after the other, until one fails.
pub(crate) fn try_all(
    topology: &Topology,
    seeds: Seeds,
    signal: &AtomicU8,
) -> Result<Tried, String> {
    let Seeds(from, to) = seeds;
    for seed in from..to {
        let faults = topology.faults.schedule(seed);
        let failure = failure(topology, seed, &faults, signal)?;
        let stopped = signal.load(Ordering::Relaxed);
        if stopped != 0 {
            let tried = seed - from;
            return Ok(Tried::Stopped {
                signal: stopped,
                tried,
            });
        }
        let Some(failure) = failure else { continue };
        // What fails has to be the same, or the search would end at another mistake.
        let fails = |schedule: &FaultSchedule| {
            let again = self::failure(topology, seed, schedule, signal);
            again.is_ok_and(|again| again.is_some_and(|it| it.what == failure.what))
        };
        let shrunk = faults.shrink(RUNS_MAX, fails);
        let (least, runs, is_minimal) = match shrunk {
            Some(shrunk) => (shrunk.schedule, shrunk.runs, shrunk.is_minimal),
            None => (faults.clone(), 1, false),
        };
        let again = self::failure(topology, seed, &least, signal)?;
        return Ok(Tried::Fails(Box::new(Failing {
            seed,
            with_least: again.map_or_else(|| failure.why.clone(), |it| it.why),
            why: failure.why,
            faults: faults.faults().len(),
            least,
            runs,
            is_minimal,
        })));
    }
    Ok(Tried::AllHold(to - from))
}

/// Why a run fails.
struct Failure {
    /// What it is that does not hold.
    what: String,
    why: String,
}

fn failure(
    topology: &Topology,
    seed: u64,
    faults: &FaultSchedule,
    signal: &AtomicU8,
) -> Result<Option<Failure>, String> {
    let mut network = Network::build(topology, seed, faults, Keep::Nothing, None)?;
    match network.run(topology, signal, &mut |_| Ok(()))? {
        End::Signal(_) => Ok(None),
        End::Stuck(stuck) => Ok(Some(Failure {
            what: "time stands still".to_owned(),
            why: stuck.to_string(),
        })),
        End::Time => {
            let judgements = network.judge(topology)?;
            let failed = judgements.into_iter().find(|it| !it.holds);
            Ok(failed.map(|it| Failure {
                why: it.to_string(),
                what: it.text,
            }))
        }
    }
}

/// As a text that can be put into the topology's, in place of what it says about seed and faults.
impl Display for Failing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seed,
            why,
            with_least,
            faults,
            least,
            runs,
            is_minimal,
        } = self;
        let needed = least.faults().len();
        writeln!(f, "# seed {seed} fails: {why}")?;
        if *faults == 0 {
            writeln!(f, "# it has no faults: nothing is to be left out")?;
        } else {
            let found = if *is_minimal {
                "less does not fail"
            } else {
                "there may be less that fails"
            };
            writeln!(
                f,
                "# of {faults} faults {needed} are needed, found in {runs} runs; {found}"
            )?;
            writeln!(f, "# with these alone: {with_least}")?;
        }
        writeln!(f, "# in place of `seed` and `[faults]` this is that run:")?;
        writeln!(f, "seed = {seed}")?;
        if needed > 0 {
            write!(f, "\n[faults]\nscript = '''\n{least}'''\n")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_range() {
        assert_eq!(Seeds::parse("3..10"), Ok(Seeds(3, 10)));
        for wrong in ["3", "3..3", "4..3", "-1..3", "a..b", ""] {
            assert!(Seeds::parse(wrong).is_err(), "{wrong}");
        }
    }
}

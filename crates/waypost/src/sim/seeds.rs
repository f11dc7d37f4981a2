//! Many seeds, and the least that makes one of them fail.

use std::fmt::{self, Display};
use std::sync::atomic::AtomicU8;

use waypost_sim::{FaultSchedule, Keep};

use super::network::{End, Network, Wrong};
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
    /// The signal that ended the search, or 0.
    pub(crate) stopped: u8,
}

/// Tries one seed after the other, until one fails.
pub(crate) fn try_all(
    topology: &Topology,
    seeds: Seeds,
    signal: &AtomicU8,
) -> Result<Tried, Wrong> {
    let Seeds(from, to) = seeds;
    for seed in from..to {
        let faults = topology.faults.schedule(seed);
        match outcome(topology, seed, &faults, None, signal)? {
            Outcome::Holds => {}
            Outcome::Stopped(signal) => {
                let tried = seed - from;
                return Ok(Tried::Stopped { signal, tried });
            }
            Outcome::Fails(what, why) => {
                let failing = least(topology, seed, &faults, (what, why), signal);
                return Ok(Tried::Fails(Box::new(failing)));
            }
        }
    }
    Ok(Tried::AllHold(to - from))
}

/// Finds less of the faults that makes the same fail: if it were anything, the search would end at another mistake.
fn least(
    topology: &Topology,
    seed: u64,
    faults: &FaultSchedule,
    (what, why): (What, String),
    signal: &AtomicU8,
) -> Failing {
    let (mut with_least, mut runs, mut stopped) = (why.clone(), 0, 0);
    let shrunk = faults.shrink(RUNS_MAX, |schedule| {
        if stopped != 0 {
            return false;
        }
        runs += 1;
        match outcome(topology, seed, schedule, Some(what), signal) {
            Ok(Outcome::Fails(_, why)) => {
                with_least = why;
                true
            }
            Ok(Outcome::Stopped(signal)) => {
                stopped = signal;
                false
            }
            Ok(Outcome::Holds) | Err(_) => false,
        }
    });
    let (least, is_minimal) = match shrunk {
        Some(shrunk) => (shrunk.schedule, shrunk.is_minimal && stopped == 0),
        // Stopped before anything was tried.
        None => (faults.clone(), false),
    };
    Failing {
        seed,
        why,
        with_least,
        faults: faults.faults().len(),
        least,
        runs,
        is_minimal,
        stopped,
    }
}

/// What it is that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// Time goes on.
    Time,
    /// An expectation, by its place in the list.
    Expectation(usize),
}

/// What a run comes to.
enum Outcome {
    Holds,
    /// This does not hold, and why.
    Fails(What, String),
    /// A signal ended it.
    Stopped(u8),
}

/// Runs a schedule, and looks at all expectations, or at one thing alone.
fn outcome(
    topology: &Topology,
    seed: u64,
    faults: &FaultSchedule,
    only: Option<What>,
    signal: &AtomicU8,
) -> Result<Outcome, Wrong> {
    let network = Network::build(topology, seed, faults, Keep::Nothing, None);
    let mut network = network.map_err(Wrong::Plain)?;
    let fails = match network.run(topology, signal, &mut |_| Ok(())) {
        End::Signal(signal) => return Ok(Outcome::Stopped(signal)),
        End::Failed(wrong) => return Err(wrong),
        End::Stuck(stuck) => Some((What::Time, stuck.to_string())),
        End::Time => {
            let all = network.judge(topology).into_iter().enumerate();
            let failed = all.filter(|(_, it)| !it.holds);
            let mut failed = failed.map(|(at, it)| (What::Expectation(at), it.to_string()));
            failed.find(|(what, _)| only.is_none_or(|only| only == *what))
        }
    };
    let fails = fails.filter(|(what, _)| only.is_none_or(|only| only == *what));
    Ok(fails.map_or(Outcome::Holds, |(what, why)| Outcome::Fails(what, why)))
}

impl Failing {
    /// As a text that can be put into the topology's, in place of what it says about seed and faults; the command line has to say
    /// the rest, if it `given` any, again.
    pub(crate) fn with(&self, given: &[String]) -> impl Display {
        let given = match given {
            [] => String::new(),
            given => format!(", with {},", given.join(" ")),
        };
        fmt::from_fn(move |f| self.write(f, &given))
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, given: &str) -> fmt::Result {
        let Self {
            seed,
            why,
            with_least,
            faults,
            least,
            runs,
            is_minimal,
            stopped: _,
        } = self;
        let needed = least.faults().len();
        writeln!(f, "# seed {seed} fails: {why}")?;
        if *faults == 0 {
            writeln!(f, "# it has no faults: nothing is to be left out")?;
        } else {
            let found = if *is_minimal {
                "needed, found in"
            } else {
                "left, and perhaps not all of them needed, after"
            };
            let end = if *is_minimal {
                "; less does not fail"
            } else {
                ""
            };
            writeln!(
                f,
                "# of {faults} faults {needed} are {found} {runs} runs{end}"
            )?;
            writeln!(f, "# with these alone: {with_least}")?;
        }
        writeln!(
            f,
            "# in place of `seed` and `[faults]`{given} this is that run:"
        )?;
        writeln!(f, "seed = {seed}")?;
        if needed > 0 {
            write!(f, "\n[faults]\nscript = '''\n{least}'''\n")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use waypost_graph_text::Source;

    use super::super::topology::Given;
    use super::*;

    /// Of two faults the first makes the second expectation fail, and the lack of the second the first.
    const TWO: &str = r#"
until = "4s"
[talker.a]
ask = ["b"]
every = "10ms"
[talker.b]
[talker.c]
ask = ["d"]
every = "10ms"
[talker.d]
[link.ab]
ends = ["a", "b"]
[link.cd]
ends = ["c", "d"]
[faults]
script = """
at 1s for 1s down ab
at 1s for 1s down cd
"""
[end]
expect = ["cd/down > 0", "ab/down == 0"]
"#;

    fn tried(signal: u8) -> Failing {
        let source = Source::new("two.toml", TWO);
        let topology = Topology::read(&source, Path::new(""), &Given::default()).unwrap();
        let faults = topology.faults.schedule(1);
        let holding = outcome(&topology, 1, &faults, None, &AtomicU8::new(0));
        let Ok(Outcome::Fails(what, why)) = holding else {
            panic!("it fails");
        };
        assert_eq!(what, What::Expectation(1));
        least(&topology, 1, &faults, (what, why), &AtomicU8::new(signal))
    }

    #[test]
    fn less_may_fail_in_more_ways() {
        let failing = tried(0);
        let said = failing.with(&["--until 4s".to_owned()]).to_string();
        assert_eq!(failing.least.faults().len(), 1, "{said}");
        assert!(
            said.contains("# with these alone: ab/down == 0: found 1,"),
            "{said}"
        );
        assert!(said.contains("# of 2 faults 1 are needed"), "{said}");
        assert!(
            said.contains(
                "# in place of `seed` and `[faults]`, with --until 4s, this is that run:"
            ),
            "{said}"
        );
    }

    #[test]
    fn a_search_that_was_stopped_claims_nothing() {
        let failing = tried(15);
        let said = failing.with(&[]).to_string();
        assert_eq!((failing.stopped, failing.least.faults().len()), (15, 2));
        assert!(said.contains("perhaps not all of them needed"), "{said}");
        assert!(!said.contains("less does not fail"), "{said}");
    }

    #[test]
    fn seeds_are_a_range() {
        assert_eq!(Seeds::parse("3..10"), Ok(Seeds(3, 10)));
        for wrong in ["3", "3..3", "4..3", "-1..3", "a..b", ""] {
            assert!(Seeds::parse(wrong).is_err(), "{wrong}");
        }
    }
}

//! Cases that take turns, and the medians of their turns.

use std::error::Error;
use std::io::IsTerminal as _;
use std::time::Instant;

use crate::cycles;
use crate::report::{Report, Row};

/// How long and what to measure.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) turns: u32,
    pub(crate) only: Option<String>,
}

impl Settings {
    /// Whether a case or a group of this name is wanted.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.contains(only))
    }
}

/// What one turn came to, for each packet, or whatever else is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) nanoseconds: f64,
    pub(crate) cycles: Option<f64>,
}

impl Sample {
    /// Measures what is done to so many.
    pub(crate) fn of(count: u64, work: impl FnOnce()) -> Self {
        let (begun, from) = (Instant::now(), cycles::now());
        work();
        let (ticks, elapsed) = (cycles::now() - from, begun.elapsed());
        Self {
            nanoseconds: elapsed.as_nanos() as f64 / count as f64,
            cycles: (ticks > 0).then_some(ticks as f64 / count as f64),
        }
    }
}

/// Something that is measured.
pub(crate) struct Case<'a> {
    /// What it is a case of: cases of one group stand beside each other.
    pub(crate) group: String,
    pub(crate) name: String,
    pub(crate) batch: usize,
    /// The most turns that it takes, where each takes long: spread over the run, and none to warm up.
    pub(crate) most: Option<u32>,
    pub(crate) turn: Box<dyn FnMut() -> Result<Sample, String> + 'a>,
}

impl Case<'_> {
    /// Whether it has its turn when the others have their `turn`-th of so many; turn 0 is to warm up.
    fn has(&self, turn: u32, turns: u32) -> bool {
        let share = |turn: u32, most: u32| u64::from(turn) * u64::from(most) / u64::from(turns);
        match self.most {
            Some(most) if most < turns => turn > 0 && share(turn, most) > share(turn - 1, most),
            _ => true,
        }
    }
}

/// Lets all cases take turns, and reports the medians.
pub(crate) fn run(
    bench: &'static str,
    ratio_to: &'static str,
    settings: &Settings,
    cases: Vec<Case<'_>>,
    missing: Vec<String>,
) -> Result<Report, Box<dyn Error>> {
    let mut report = Report::new(bench, "packet", ratio_to, settings.turns);
    report.rows = take_turns(settings, cases)?;
    report.missing = missing;
    Ok(report)
}

/// Lets those cases that are wanted take turns, and takes the medians.
pub(crate) fn take_turns(
    settings: &Settings,
    mut cases: Vec<Case<'_>>,
) -> Result<Vec<Row>, Box<dyn Error>> {
    cases.retain(|case| settings.wants(&case.group) || settings.wants(&case.name));
    let mut samples: Vec<Vec<Sample>> = cases.iter().map(|_| Vec::new()).collect();
    let count = cases.len();
    let shows_progress = std::io::stderr().is_terminal();
    for turn in 0..=settings.turns {
        // Whoever begins differs from turn to turn.
        for at in (0..count).map(|at| (at + turn as usize) % count) {
            let case = &mut cases[at];
            if !case.has(turn, settings.turns) {
                continue;
            }
            let sample = (case.turn)().map_err(|why| format!("{}: {why}", case.name))?;
            // The first turn is to warm up.
            if turn > 0 {
                samples[at].push(sample);
            }
        }
        if shows_progress {
            eprint!("\r{turn} of {} turns", settings.turns);
        }
    }
    if shows_progress {
        eprint!("\r                      \r");
    }
    let mut rows: Vec<Row> = Vec::new();
    for (case, samples) in cases.iter().zip(&mut samples) {
        samples.sort_by(|a, b| a.nanoseconds.total_cmp(&b.nanoseconds));
        let at = |quarter: usize| samples[(samples.len() - 1) * quarter / 4];
        let median = at(2);
        let first = rows
            .iter()
            .find(|row| row.group == case.group && row.batch == case.batch);
        rows.push(Row {
            group: case.group.clone(),
            name: case.name.clone(),
            batch: case.batch,
            turns: samples.len(),
            nanoseconds: median.nanoseconds,
            cycles: median.cycles,
            quartiles: [at(1).nanoseconds, at(3).nanoseconds],
            ratio: first.map_or(1.0, |first| median.nanoseconds / first.nanoseconds),
        });
    }
    Ok(rows)
}

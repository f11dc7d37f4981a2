//! Cases that take turns, and the table of their medians.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use serde::Serialize;

use crate::cycles;
use crate::machine::Machine;

/// How long and what to measure.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) turns: u32,
    pub(crate) only: Option<String>,
}

impl Settings {
    /// Whether a case of this name is wanted.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.contains(only))
    }
}

/// What one turn came to, for each packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) nanoseconds: f64,
    pub(crate) cycles: Option<f64>,
}

impl Sample {
    /// Measures some packets' way.
    pub(crate) fn of(packets: u64, way: impl FnOnce()) -> Self {
        let (begun, from) = (Instant::now(), cycles::now());
        way();
        let (ticks, elapsed) = (cycles::now() - from, begun.elapsed());
        Self {
            nanoseconds: elapsed.as_nanos() as f64 / packets as f64,
            cycles: (ticks > 0).then_some(ticks as f64 / packets as f64),
        }
    }
}

/// Something that is measured.
pub(crate) struct Case<'a> {
    /// What it is a case of: cases of one group stand beside each other.
    pub(crate) group: String,
    pub(crate) name: String,
    pub(crate) batch: usize,
    pub(crate) turn: Box<dyn FnMut() -> Result<Sample, String> + 'a>,
}

/// One line of the table.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) group: String,
    pub(crate) name: String,
    pub(crate) batch: usize,
    /// The median of all turns, for each packet.
    pub(crate) nanoseconds: f64,
    pub(crate) cycles: Option<f64>,
    /// A quarter of the turns took less, a quarter more.
    pub(crate) quartiles: [f64; 2],
    /// Of the group's first case at the same batch limit.
    pub(crate) ratio: f64,
}

/// What a run has measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) bench: &'static str,
    pub(crate) machine: Machine,
    pub(crate) turns: u32,
    /// What the ratios are to.
    pub(crate) ratio_to: &'static str,
    pub(crate) rows: Vec<Row>,
    /// What could not be measured, and why.
    pub(crate) missing: Vec<String>,
    /// What else follows from the rows.
    pub(crate) notes: Vec<String>,
}

/// Lets all cases take turns, and takes the medians.
pub(crate) fn run(
    bench: &'static str,
    ratio_to: &'static str,
    settings: &Settings,
    mut cases: Vec<Case<'_>>,
    missing: Vec<String>,
) -> Result<Report, Box<dyn Error>> {
    cases.retain(|case| settings.wants(&case.group) || settings.wants(&case.name));
    let machine = Machine::this();
    let mut samples: Vec<Vec<Sample>> = cases.iter().map(|_| Vec::new()).collect();
    let count = cases.len();
    for turn in 0..=settings.turns as usize {
        // Whoever begins differs from turn to turn.
        for at in (0..count).map(|at| (at + turn) % count) {
            let case = &mut cases[at];
            let sample = (case.turn)().map_err(|why| format!("{}: {why}", case.name))?;
            // The first turn is to warm up.
            if turn > 0 {
                samples[at].push(sample);
            }
        }
        eprint!("\r{turn} of {} turns", settings.turns);
    }
    eprint!("\r                      \r");
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
            nanoseconds: median.nanoseconds,
            cycles: median.cycles,
            quartiles: [at(1).nanoseconds, at(3).nanoseconds],
            ratio: first.map_or(1.0, |first| median.nanoseconds / first.nanoseconds),
        });
    }
    Ok(Report {
        bench,
        machine,
        turns: settings.turns,
        ratio_to,
        rows,
        missing,
        notes: Vec::new(),
    })
}

impl Report {
    /// Prints the table.
    pub(crate) fn print(&self) {
        let machine = &self.machine;
        println!(
            "bench {}: {}, {} cores, Linux {}, load {}; medians of {} turns",
            self.bench, machine.processor, machine.cores, machine.kernel, machine.load, self.turns
        );
        println!("for each packet; the ratio is to {}\n", self.ratio_to);
        let width = self
            .rows
            .iter()
            .map(|row| row.name.len())
            .max()
            .unwrap_or(0);
        println!(
            "{:width$}  batch       ns   cycles  ratio  quartiles (ns)",
            ""
        );
        let mut group = "";
        for row in &self.rows {
            if row.group != group {
                group = &row.group;
                println!("{group}");
            }
            let cycles = row
                .cycles
                .map_or_else(|| "-".to_owned(), |cycles| format!("{cycles:.1}"));
            println!(
                "{:width$}  {:>5} {:>8.2} {cycles:>8} {:>6.2}  {:.2}–{:.2}",
                row.name, row.batch, row.nanoseconds, row.ratio, row.quartiles[0], row.quartiles[1]
            );
        }
        for note in &self.notes {
            println!("\n{note}");
        }
        for missing in &self.missing {
            println!("\nnot measured: {missing}");
        }
    }

    /// Writes all of it to a file.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Box<dyn Error>> {
        let text = serde_json::to_string_pretty(self)?;
        std::fs::write(path, text + "\n")
            .map_err(|error| format!("{}: {error}", path.display()).into())
    }
}

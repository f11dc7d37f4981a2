//! What a run has measured: tables to read, and the same as JSON.

use std::error::Error;
use std::path::Path;

use serde::Serialize;

use crate::machine::Machine;

/// The median of the turns of one case.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) group: String,
    pub(crate) name: String,
    pub(crate) batch: usize,
    /// How many turns it is the median of.
    pub(crate) turns: usize,
    /// The median of all turns, for each one that is counted.
    pub(crate) nanoseconds: f64,
    pub(crate) cycles: Option<f64>,
    /// A quarter of the turns took less, a quarter more.
    pub(crate) quartiles: [f64; 2],
    /// Of the group's first case, at the same batch limit where the group has several of one limit.
    pub(crate) ratio: f64,
}

/// How much single ones differ: most matter by their worst. In nanoseconds, what the machine gave to others
/// in the midst of one included.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Spread {
    pub(crate) group: String,
    pub(crate) name: String,
    pub(crate) count: usize,
    pub(crate) median: u64,
    pub(crate) percentile_99: u64,
    pub(crate) worst: u64,
    /// Of the median of the group's first.
    pub(crate) ratio: f64,
}

/// What is no time of many turns: seconds of one build, octets.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) group: String,
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    pub(crate) value: f64,
    /// Of the first of the same group and unit.
    pub(crate) ratio: f64,
}

/// What a run has measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) bench: &'static str,
    pub(crate) machine: Machine,
    pub(crate) turns: u32,
    /// What the rows count.
    pub(crate) of_each: &'static str,
    /// What the ratios are to.
    pub(crate) ratio_to: &'static str,
    pub(crate) rows: Vec<Row>,
    pub(crate) spreads: Vec<Spread>,
    pub(crate) figures: Vec<Figure>,
    /// What could not be measured, and why.
    pub(crate) missing: Vec<String>,
    /// What else follows from the rows.
    pub(crate) notes: Vec<String>,
}

impl Report {
    /// An empty one, of this machine as it is now.
    pub(crate) fn new(
        bench: &'static str,
        of_each: &'static str,
        ratio_to: &'static str,
        turns: u32,
    ) -> Self {
        Self {
            bench,
            machine: Machine::this(),
            turns,
            of_each,
            ratio_to,
            rows: Vec::new(),
            spreads: Vec::new(),
            figures: Vec::new(),
            missing: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Adds rows whose ratios are to the first of their group, whatever its batch limit.
    pub(crate) fn add_rows(&mut self, rows: Vec<Row>) {
        for mut row in rows {
            let first = self.rows.iter().find(|first| first.group == row.group);
            row.ratio = first.map_or(1.0, |first| row.nanoseconds / first.nanoseconds);
            self.rows.push(row);
        }
    }

    /// Adds how much single ones differ; nothing if there are none.
    pub(crate) fn add_spread(&mut self, group: &str, name: &str, mut nanoseconds: Vec<u64>) {
        nanoseconds.sort_unstable();
        let Some(last) = nanoseconds.len().checked_sub(1) else {
            return;
        };
        let median = nanoseconds[last / 2];
        let first = self.spreads.iter().find(|first| first.group == group);
        let ratio = first.map_or(1.0, |first| median as f64 / first.median as f64);
        self.spreads.push(Spread {
            group: group.to_owned(),
            name: name.to_owned(),
            count: nanoseconds.len(),
            median,
            percentile_99: nanoseconds[last * 99 / 100],
            worst: nanoseconds[last],
            ratio,
        });
    }

    /// Adds a figure.
    pub(crate) fn add_figure(&mut self, group: &str, name: &str, value: f64, unit: &'static str) {
        let mut same = self.figures.iter();
        let first = same.find(|first| first.group == group && first.unit == unit);
        let ratio = first.map_or(1.0, |first| value / first.value);
        self.figures.push(Figure {
            group: group.to_owned(),
            name: name.to_owned(),
            unit,
            value,
            ratio,
        });
    }

    /// Prints the tables.
    pub(crate) fn print(&self) {
        let machine = &self.machine;
        println!(
            "bench {}: {}, {} cores, Linux {}, load {}; medians of {} turns",
            self.bench, machine.processor, machine.cores, machine.kernel, machine.load, self.turns
        );
        println!(
            "for each {}; the ratio is to {}",
            self.of_each, self.ratio_to
        );
        let rows = self.rows.iter().map(|row| &row.name);
        let spreads = self.spreads.iter().map(|spread| &spread.name);
        let figures = self.figures.iter().map(|figure| &figure.name);
        let names = rows.chain(spreads).chain(figures);
        let width = names.map(|name| name.chars().count()).max().unwrap_or(0);
        self.print_rows(width);
        self.print_spreads(width);
        self.print_figures(width);
        for note in &self.notes {
            println!("\n{note}");
        }
        for missing in &self.missing {
            println!("\nnot measured: {missing}");
        }
    }

    fn print_rows(&self, width: usize) {
        if !self.rows.is_empty() {
            println!(
                "\n{:width$}  batch       ns   cycles  ratio  quartiles (ns)",
                ""
            );
        }
        let mut group = "";
        for row in &self.rows {
            heading(&mut group, &row.group);
            let cycles = row
                .cycles
                .map_or_else(|| "-".to_owned(), |cycles| format!("{cycles:.1}"));
            println!(
                "{:width$}  {:>5} {:>8.2} {cycles:>8} {:>6.2}  {:.2}–{:.2}",
                row.name, row.batch, row.nanoseconds, row.ratio, row.quartiles[0], row.quartiles[1]
            );
        }
    }

    fn print_spreads(&self, width: usize) {
        if !self.spreads.is_empty() {
            println!(
                "\n{:width$}    count  median µs     99 % µs    worst µs  ratio",
                "single ones"
            );
        }
        let mut group = "";
        for spread in &self.spreads {
            heading(&mut group, &spread.group);
            let micros = |nanoseconds: u64| nanoseconds as f64 / 1e3;
            println!(
                "{:width$} {:>8} {:>10.2} {:>11.2} {:>11.2} {:>6.2}",
                spread.name,
                spread.count,
                micros(spread.median),
                micros(spread.percentile_99),
                micros(spread.worst),
                spread.ratio
            );
        }
    }

    fn print_figures(&self, width: usize) {
        if !self.figures.is_empty() {
            println!();
        }
        let mut group = "";
        for figure in &self.figures {
            heading(&mut group, &figure.group);
            let value = if figure.value < 100.0 {
                format!("{:.4}", figure.value)
            } else {
                format!("{:.0}", figure.value)
            };
            println!(
                "{:width$}  {value:>12} {:9} {:>6.2}",
                figure.name, figure.unit, figure.ratio
            );
        }
    }

    /// Writes all of it to a file.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Box<dyn Error>> {
        let text = serde_json::to_string_pretty(self)?;
        std::fs::write(path, text + "\n")
            .map_err(|error| format!("{}: {error}", path.display()).into())
    }
}

/// Prints the name of a group before its first line.
fn heading<'a>(last: &mut &'a str, group: &'a str) {
    if *last != group {
        println!("{group}");
        *last = group;
    }
}

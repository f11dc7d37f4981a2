//! `waypost sim`: a network as a text, under virtual time.

mod faults;
mod figure;
mod files;
mod keys;
mod link;
mod mistake;
mod network;
mod node;
mod output;
mod report;
mod seeds;
mod signals;
mod table;
#[cfg(test)]
mod tests;
mod topology;
mod values;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU8;
use std::time::Instant;

use clap::Args;
use waypost_graph_text::Source;
use waypost_sim::{Keep, units};
use waypost_wire::Duration;

use crate::out::{self, Failure};
use files::NewFile;
pub(crate) use mistake::Mistake;
use network::{End, Network};
use report::{Clock, Report};
use seeds::{Seeds, Tried};
use topology::{Given, Topology, TopologyError};

/// The report's name below the directory of `--out`.
const REPORT: &str = "report.txt";

/// What to run.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The topology text (`-`: standard input); docs/simulation.md says what it may hold
    #[arg(value_name = "FILE", required_unless_present = "keys")]
    file: Option<String>,
    /// Decide about all that is left to chance by this, and not by the text's seed
    #[arg(long, value_name = "N", value_parser = seed, allow_negative_numbers = true)]
    seed: Option<u64>,
    /// Run seeds from A on, up to B, until expectations of one fail, and say the least faults that make it fail
    #[arg(long, value_name = "A..B", value_parser = Seeds::parse, conflicts_with_all = ["seed", "out", "log", "json"])]
    seeds: Option<Seeds>,
    /// Run so long, and not as long as the text says
    #[arg(long, value_name = "TIME", value_parser = positive)]
    until: Option<Duration>,
    /// Write captures and drawings below this directory, and the report too, as report.txt
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write all that happens into this file, a line each (`-`: standard output)
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Give a variable of the text another value
    #[arg(long = "set", value_name = "VAR=VALUE", value_parser = variable)]
    variables: Vec<(String, String)>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// Print all keys that a text may have, as tables of Markdown
    #[arg(long, conflicts_with = "file")]
    keys: bool,
}

fn seed(text: &str) -> Result<u64, String> {
    let seed = text.parse();
    seed.map_err(|_| format!("expected a whole number from 0 on and up to {}", u64::MAX))
}

fn positive(text: &str) -> Result<Duration, String> {
    let span = units::duration(text).map_err(|error| error.to_string())?;
    let some = Some(span).filter(|it| !it.is_zero());
    some.ok_or_else(|| "expected more than no time".to_owned())
}

fn variable(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, value) = pair.ok_or("expected `VAR=VALUE`")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Runs it.
pub(crate) fn execute(arguments: &Arguments) -> Result<(), Failure> {
    let Some(file) = &arguments.file else {
        let tables: Vec<_> = keys::SECTIONS.iter().map(|it| keys::markdown(it)).collect();
        out::text(tables.join("\n"));
        return Ok(());
    };
    let (source, folder) = read(file)?;
    let given = Given {
        seed: arguments.seed,
        until: arguments.until,
        variables: arguments.variables.clone(),
    };
    let topology = Topology::read(&source, &folder, &given).map_err(|error| match error {
        TopologyError::Text(mistakes) => Failure::Topology(mistakes),
        TopologyError::Given(message) => Failure::Plain(message),
    })?;
    let signal = signals::listen().map_err(Failure::Plain)?;
    match arguments.seeds {
        Some(seeds) => try_seeds(&topology, seeds, &signal),
        None => run(&topology, arguments, &signal),
    }
}

/// The text, and where its relative paths begin.
fn read(file: &str) -> Result<(Source, PathBuf), Failure> {
    let mut octets = Vec::new();
    let (name, folder, result) = if file == "-" {
        let result = std::io::stdin().lock().read_to_end(&mut octets);
        ("standard input", PathBuf::new(), result)
    } else {
        let folder = Path::new(file).parent().unwrap_or_else(|| Path::new(""));
        let opened = std::fs::File::open(file);
        let result = opened.and_then(|mut file| file.read_to_end(&mut octets));
        (file, folder.to_owned(), result)
    };
    result.map_err(|error| Failure::new(format!("cannot read `{name}`: {error}")))?;
    let text = String::from_utf8(octets).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at].split(|it| *it == b'\n').count();
        Failure::new(format!("`{name}` is no text: line {line} is not UTF-8"))
    })?;
    Ok((Source::new(name, text), folder))
}

fn run(topology: &Topology, arguments: &Arguments, signal: &AtomicU8) -> Result<(), Failure> {
    let out = arguments.out.clone().unwrap_or_default();
    let seed = topology.seed;
    let faults = topology.faults.schedule(seed);
    let keep = match arguments.log {
        Some(_) => Keep::All,
        None => Keep::Nothing,
    };
    let mut log = Log::create(arguments.log.as_deref()).map_err(Failure::Plain)?;
    let network = Network::build(topology, seed, &faults, keep, Some(&out));
    let mut network = network.map_err(Failure::Plain)?;
    let started = Instant::now();
    let end = network.run(topology, signal, &mut |line| log.line(line));
    let seconds = started.elapsed().as_secs_f64();
    let end = end.map_err(Failure::Plain)?;
    log.finish().map_err(Failure::Plain)?;
    let report = Report::new(topology, seed, &network, end.clone());
    let mut report = report.map_err(Failure::Plain)?;
    report.files = network.finish(topology, &out).map_err(Failure::Plain)?;
    let clock = Clock {
        seconds,
        events: network.net.events(),
    };
    if arguments.out.is_some() {
        let text = report.to_string();
        NewFile::write(&out.join(REPORT), text.as_bytes()).map_err(Failure::Plain)?;
    }
    if arguments.json {
        out::line(format_args!("{:#}", report.json(clock)));
    } else {
        out::text(&report);
        out::note(clock);
    }
    match end {
        End::Signal(number) => Err(Failure::Signal(number)),
        End::Stuck(stuck) => Err(Failure::new(stuck.to_string())),
        End::Time => {
            let failed = report.failed();
            if failed.is_empty() {
                return Ok(());
            }
            let all = report.judgements.iter().flatten().count();
            let lines: Vec<_> = failed.iter().map(|it| format!("\n  {it}")).collect();
            Err(Failure::new(format!(
                "{} of {all} expectations failed{}",
                failed.len(),
                lines.concat()
            )))
        }
    }
}

fn try_seeds(topology: &Topology, seeds: Seeds, signal: &AtomicU8) -> Result<(), Failure> {
    if topology.expectations.is_empty() {
        return Err(Failure::new(
            "--seeds: the text has no `expect`, so that no seed could fail",
        ));
    }
    match seeds::try_all(topology, seeds, signal).map_err(Failure::Plain)? {
        Tried::AllHold(count) => {
            out::line(format_args!("all expectations hold with {count} seeds"));
            Ok(())
        }
        Tried::Fails(failing) => {
            out::text(&failing);
            Err(Failure::new("a seed fails: standard output says which"))
        }
        Tried::Stopped { signal, tried } => {
            out::line(format_args!(
                "all expectations hold with {tried} seeds so far"
            ));
            Err(Failure::Signal(signal))
        }
    }
}

/// Where the lines of the log go.
enum Log {
    Nowhere,
    Output,
    File(Box<NewFile>, std::io::BufWriter<std::fs::File>),
}

impl Log {
    fn create(path: Option<&Path>) -> Result<Self, String> {
        match path {
            None => Ok(Self::Nowhere),
            Some(path) if path == Path::new("-") => Ok(Self::Output),
            Some(path) => {
                let (file, stream) = NewFile::create(path)?;
                Ok(Self::File(Box::new(file), stream))
            }
        }
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        match self {
            Self::Nowhere => Ok(()),
            Self::Output => {
                out::line(line);
                Ok(())
            }
            Self::File(file, stream) => {
                writeln!(stream, "{line}").map_err(|error| files::cannot(file.path(), &error))
            }
        }
    }

    fn finish(self) -> Result<(), String> {
        let Self::File(file, mut stream) = self else {
            return Ok(());
        };
        let flushed = stream.flush();
        flushed.map_err(|error| files::cannot(file.path(), &error))?;
        file.keep()
    }
}

//! `waypost sim`: a network as a text, under virtual time.

mod faults;
mod figure;
mod files;
mod keys;
mod link;
mod log;
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

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU8;
use std::time::Instant;

use clap::error::ErrorKind;
use clap::{Args, Command};
use waypost_graph_text::Source;
use waypost_sim::{Keep, units};
use waypost_wire::Duration;

use crate::out::{self, Failure};
use files::NewFile;
use log::Log;
pub(crate) use mistake::Mistake;
use network::{End, Network, Wrong};
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

impl Arguments {
    /// What the command line says about the run beside its seed.
    fn given(&self) -> Vec<String> {
        let until = self.until.map(|it| format!("--until {it}"));
        let set = self.variables.iter();
        let set = set.map(|(name, value)| format!("--set {name}={value}"));
        until.into_iter().chain(set).collect()
    }
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
    if arguments.json && arguments.log.as_deref() == Some(Path::new("-")) {
        // As for all conflicts; but this one hangs on a value.
        let message = "`--json` and `--log -` are both for standard output: expected one of them, or a file for the log";
        let mut command = Arguments::augment_args(Command::new("waypost sim"));
        command.error(ErrorKind::ArgumentConflict, message).exit();
    }
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
        Some(seeds) => try_seeds(&topology, arguments, seeds, &signal),
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
    // All files are begun before the run: what cannot be written is not to be found out after an hour.
    let log = arguments.log.as_deref();
    claim_log(topology, log, arguments.out.as_deref()).map_err(Failure::Plain)?;
    let mut log = Log::create(log).map_err(Failure::Plain)?;
    let file = arguments
        .out
        .as_ref()
        .map(|out| NewFile::create(&out.join(REPORT)));
    let file = file.transpose().map_err(Failure::Plain)?;
    let network = Network::build(topology, seed, &faults, keep, Some(&out));
    let mut network = network.map_err(Failure::Plain)?;
    let started = Instant::now();
    let end = network.run(topology, signal, &mut |line| log.line(line));
    let clock = Clock {
        seconds: started.elapsed().as_secs_f64(),
        events: network.net.events(),
    };
    let mut report = Report::new(topology, seed, &network, end.clone());
    let (files, mut wrong) = network.finish(topology);
    report.files = files;
    wrong.extend(log.finish().err());
    if let Some((file, stream)) = file {
        wrong.extend(file.fill(stream, report.to_string().as_bytes()).err());
    }
    if arguments.json {
        out::line(format_args!("{:#}", report.json(clock)));
    } else {
        out::text(&report);
        out::note(clock);
    }
    ended(&report, end, wrong)
}

/// What a run that was reported comes to, with what is wrong beside it.
fn ended(report: &Report, end: End, mut wrong: Vec<String>) -> Result<(), Failure> {
    let last = match end {
        End::Signal(number) => Err(Failure::Signal(number)),
        End::Failed(Wrong::There(mistake)) => Err(Failure::Refused(mistake)),
        End::Failed(Wrong::Plain(message)) => {
            wrong.retain(|it| *it != message);
            Err(Failure::Plain(message))
        }
        End::Stuck(stuck) => Err(Failure::new(stuck.to_string())),
        End::Time => match report.failed() {
            failed if failed.is_empty() => Ok(()),
            failed => {
                let (failed, all) = (failed.len(), report.judgements.iter().flatten().count());
                // The report is printed, and has each of them with what was found.
                let message =
                    format!("{failed} of {all} expectations failed: the report says which");
                Err(Failure::new(message))
            }
        },
    };
    let last = match last {
        Ok(()) => wrong.pop().map_or(Ok(()), |it| Err(Failure::Plain(it))),
        last => last,
    };
    for wrong in wrong {
        out::failure(&Failure::Plain(wrong));
    }
    last
}

/// The log is no file that something else is written into.
fn claim_log(topology: &Topology, log: Option<&Path>, out: Option<&Path>) -> Result<(), String> {
    let Some(log) = log.filter(|it| *it != Path::new("-")) else {
        return Ok(());
    };
    let captures = topology.captures.iter().map(|it| it.file.as_str());
    let plots = topology.plots.iter().map(|it| it.file.as_str());
    let report = out.map(|_| REPORT);
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let below = out.unwrap_or_else(|| Path::new(""));
    let same = |file: &&str| absolute(&below.join(file)) == absolute(log);
    match captures.chain(plots).chain(report).find(same) {
        None => Ok(()),
        Some(file) => Err(format!("--log: `{file}` is to be written there already")),
    }
}

fn try_seeds(
    topology: &Topology,
    arguments: &Arguments,
    seeds: Seeds,
    signal: &AtomicU8,
) -> Result<(), Failure> {
    if topology.expectations.is_empty() {
        return Err(Failure::new(
            "--seeds: the text has no `expect`, so that no seed could fail",
        ));
    }
    let tried = seeds::try_all(topology, seeds, signal).map_err(|wrong| match wrong {
        Wrong::There(mistake) => Failure::Refused(mistake),
        Wrong::Plain(message) => Failure::Plain(message),
    });
    match tried? {
        Tried::AllHold(count) => {
            out::line(format_args!("all expectations hold with {count} seeds"));
            Ok(())
        }
        Tried::Fails(failing) => {
            out::text(failing.with(&arguments.given()));
            match failing.stopped {
                0 => Err(Failure::new("a seed fails: standard output says which")),
                signal => Err(Failure::Signal(signal)),
            }
        }
        Tried::Stopped { signal, tried } => {
            out::line(format_args!(
                "all expectations hold with {tried} seeds so far"
            ));
            Err(Failure::Signal(signal))
        }
    }
}

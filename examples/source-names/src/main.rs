//! Prints the IPv4 packets of a capture file, with the name of each one's source.
#![forbid(unsafe_code)]

use std::error::Error;
use std::fmt::Display;
use std::fs::File;
use std::io::BufReader;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use waypost::device::pcap::Reader;
use waypost::elements::registry;
use waypost::graph::{Options, Pool, Program, Runtime, Source};
use waypost_source_names::{CLASS, LOG_CLASS};

/// The longest Ethernet frame of an IPv4 packet, in octets.
const FRAME_MAX: usize = 14 + 65_535;

/// Prints the IPv4 packets of a capture file, with the name of each one's source.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The capture file, pcap or pcapng, of Ethernet frames
    file: PathBuf,
    /// The DNS server to ask
    #[arg(long, value_name = "ADDRESS:PORT")]
    server: SocketAddr,
    /// How many questions are asked at once
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=256))]
    concurrency: u16,
    /// Print packets as their names become known, not in the file's order
    #[arg(long)]
    unordered: bool,
    /// Wait so long for an answer before asking again
    #[arg(long, default_value_t = 2.0, value_name = "SECONDS")]
    timeout: f64,
    /// Run as a task of a multi-threaded tokio runtime, not on a thread of the graph's own
    #[arg(long)]
    tokio: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let limit = count(arguments)?;
    if limit == 0 {
        return Ok(());
    }
    let mut registry = registry();
    registry.add(CLASS);
    registry.add(LOG_CLASS);
    let source = Source::new("source-names", text(arguments, limit));
    let program = Program::parse(&source, &registry, &mut Options::default())?;
    // Enough for all questions and a batch that waits, whatever the size of their frames.
    let pool = Pool::builder().small(1024).medium(512).large(512).build()?;
    let instances = program.instances(1, &pool)?;
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let runtime = if arguments.tokio {
        Runtime::tokio(tokio.handle().clone())
    } else {
        Runtime::workers()
    };
    runtime.start(instances)?.wait();
    Ok(())
}

/// How many frames the file has: the log stops the graph once it has seen them all.
fn count(arguments: &Arguments) -> Result<u64, Box<dyn Error>> {
    let named = |error: &dyn Display| format!("`{}`: {error}", arguments.file.display());
    let file = File::open(&arguments.file).map_err(|error| named(&error))?;
    let mut reader = Reader::new(BufReader::new(file)).map_err(|error| named(&error))?;
    let mut count = 0;
    while let Some(record) = reader.next().map_err(|error| named(&error))? {
        let len = record.octets.len();
        if len > FRAME_MAX {
            let error = format!("expected frames of {FRAME_MAX} octets at most, found {len}");
            return Err(named(&error).into());
        }
        count += 1;
    }
    Ok(count)
}

/// The graph. Captures of a host's own packets have checksums that a card would have finished: they are not asked for.
fn text(arguments: &Arguments, limit: u64) -> String {
    let Arguments {
        server,
        concurrency,
        timeout,
        ..
    } = arguments;
    let file = arguments.file.to_string_lossy();
    let file = file
        .replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('$', r"\$");
    let ordered = !arguments.unordered;
    format!(
        r#"FromDump("{file}") -> c :: Classifier(12/0800, -);
           c[0] -> Strip(14) -> check :: CheckIPHeader(CHECKSUM false)
                -> SourceNames({server}, TIMEOUT {timeout}, CONCURRENCY {concurrency}, ORDER {ordered})
                -> log :: SourceLog({limit});
           c[1] -> [1] log; check[1] -> [1] log;"#
    )
}

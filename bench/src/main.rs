//! How fast Waypost is: each figure beside its peers, in one run.
//!
//! All cases that stand beside each other take turns, many short turns each, on one core; what is printed is the median of
//! the turns, so that a noisy neighbour of a moment spoils a few turns and no figure.
//! `cargo xtask bench` builds this, brings the peers, and runs it.
#![deny(unsafe_code)]
#![allow(clippy::print_stdout)] // a program for the terminal

#[allow(unsafe_code)]
mod cycles;
mod device;
#[allow(unsafe_code)]
mod floor;
mod graph;
mod ip;
mod machine;
mod measure;
#[allow(unsafe_code)]
mod report;
mod testpmd;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use waypost_counting::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How fast it is, beside its peers in the same run.
#[derive(Parser)]
#[command(name = "cargo xtask bench", disable_version_flag = true)]
struct Arguments {
    #[command(subcommand)]
    bench: Bench,
    /// Writes what was measured to a file, as JSON.
    #[arg(long, global = true, value_name = "FILE")]
    json: Option<PathBuf>,
    /// How often each case takes its turn.
    #[arg(long, global = true, default_value_t = 31, value_parser = clap::value_parser!(u32).range(1..))]
    turns: u32,
    /// Measures only the cases whose name contains this.
    #[arg(long, global = true, value_name = "TEXT")]
    only: Option<String>,
}

#[derive(Clone, Copy, Subcommand)]
enum Bench {
    /// Packets through graphs in memory, on one core, beside the bare floor and DPDK's testpmd.
    Graph,
    /// Packets from one virtual wire to another, beside DPDK's testpmd over the same drivers and the kernel's own forwarding.
    Device,
    /// The tables of IP and the timer wheel, beside other crates and what the memory of this machine allows.
    Ip,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let settings = measure::Settings {
        turns: arguments.turns,
        only: arguments.only,
    };
    let report = match arguments.bench {
        Bench::Graph => graph::run(&settings),
        Bench::Device => device::run(&settings),
        Bench::Ip => ip::run(&settings),
    };
    let written = report.and_then(|report| {
        report.print();
        arguments.json.map_or(Ok(()), |path| report.write(&path))
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

//! The `waypost` command.
#![forbid(unsafe_code)]

mod graph;
mod out;
mod sim;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A user-space network platform.
#[derive(Parser)]
#[command(name = "waypost", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Packet graphs in the Click language: run them, check them, look at them
    #[command(subcommand)]
    Graph(graph::Command),
    /// Simulated networks: run a topology text under virtual time, with captures, drawings and a report
    Sim(sim::Arguments),
}

fn main() -> ExitCode {
    let Cli { command } = Cli::parse();
    let result = match command {
        Command::Graph(command) => graph::execute(command),
        Command::Sim(arguments) => sim::execute(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            out::failure(&failure);
            failure.status()
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}

//! The `waypost` command.
#![forbid(unsafe_code)]

mod graph;
mod out;

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
}

fn main() -> ExitCode {
    let Cli { command } = Cli::parse();
    let result = match command {
        Command::Graph(command) => graph::execute(command),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            out::failure(&failure);
            ExitCode::FAILURE
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

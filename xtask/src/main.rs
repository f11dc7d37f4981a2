//! One command for each chore of the project: `cargo xtask` lists them.
//!
//! A chore is a module with one `run`, and a line in [`COMMANDS`]. Everything that a chore needs from outside
//! the tool chain stands in one table, in [`prerequisites`].
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout)] // a program for the terminal

mod bench;
mod demo;
mod prerequisites;
mod suggest;
mod test;
mod tidy;
mod workspace;

use std::error::Error;
use std::process::ExitCode;

use workspace::Workspace;

/// What a chore returns: nothing, or a sentence for whoever typed the command.
type Outcome = Result<(), Box<dyn Error>>;

/// A chore of the project.
struct Command {
    name: &'static str,
    /// One line.
    help: &'static str,
    run: fn(&Workspace, &[String]) -> Outcome,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "demo",
        help: "two Linux hosts talk through a router that is a graph, and a network is simulated; --help tells more",
        run: demo::run,
    },
    Command {
        name: "test",
        help: "every check of the project; --long adds the long ones, --help tells more",
        run: test::run,
    },
    Command {
        name: "bench",
        help: "how fast it is, beside its peers in the same run: `bench graph`, `device` or `ip`; --help tells more",
        run: bench::run,
    },
    Command {
        name: "ci",
        help: "the same as CI runs it: what is missing fails instead of being skipped",
        run: test::run_in_ci,
    },
    Command {
        name: "tidy",
        help: "the rules that no compiler knows: who may depend on whom, and how files look",
        run: tidy::run,
    },
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "help".to_owned());
    let arguments: Vec<String> = arguments.collect();
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        print_help();
        return ExitCode::SUCCESS;
    }
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        let names = COMMANDS.iter().map(|command| command.name);
        eprintln!(
            "error: there is no command `{name}`{}",
            suggest::hint(&name, names)
        );
        eprintln!("       `cargo xtask` lists the commands");
        return ExitCode::from(2);
    };
    let outcome = Workspace::load().and_then(|workspace| (command.run)(&workspace, &arguments));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print_help() {
    println!(
        "One command for each chore of the project.\n\nUsage: cargo xtask COMMAND [OPTIONS]\n"
    );
    for command in COMMANDS {
        println!("  {:<6} {}", command.name, command.help);
    }
}

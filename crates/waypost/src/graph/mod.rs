//! `waypost graph`: packet graphs in the Click language.

mod dot;
mod elements;
mod read;
mod run;
mod statistics;
mod text;
mod watch;

use clap::Subcommand;
pub(crate) use text::library;

use crate::out::{self, Failure};

/// What can be done with graphs.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run a graph until it stops, or is stopped by Ctrl-C; SIGUSR1 prints statistics, as `--statistics` does
    Run(run::Arguments),
    /// Follow packets: run a graph, and print the way of the first packets through an element
    Trace(run::TraceArguments),
    /// Say what is wrong with a text: its words and connections and, where these are right, the arguments of all elements;
    /// opens none of their files and interfaces
    Check(text::Text),
    /// Print a text with its compounds expanded
    Flatten(text::Text),
    /// Draw a graph: in the DOT language, or as SVG
    Dot(dot::Arguments),
    /// List the element classes, or explain one
    Elements(elements::Arguments),
}

/// Does it.
pub(crate) fn execute(command: Command) -> Result<(), Failure> {
    match command {
        Command::Run(arguments) => run::run(arguments),
        Command::Trace(arguments) => run::trace(arguments),
        Command::Check(arguments) => text::check(&arguments),
        Command::Flatten(arguments) => text::print_flat(&arguments),
        Command::Dot(arguments) => dot::draw(&arguments),
        Command::Elements(arguments) => elements::show(&arguments),
    }
}

/// Prints the warnings that a text has.
fn warn(program: &waypost_graph::Program<'_>) {
    program
        .graph()
        .graph()
        .warnings()
        .iter()
        .for_each(out::diagnostic);
}

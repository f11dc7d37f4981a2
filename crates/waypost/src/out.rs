//! What the command prints. A reader that went away is no error: there is nobody to tell.

use std::fmt::{self, Display};
use std::io::{self, IsTerminal, Write};

use std::process::ExitCode;

use miette::{GraphicalReportHandler, GraphicalTheme};
use waypost_graph_text::{Diagnostic, Diagnostics};

use crate::sim::Mistake;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Mistakes in a text, each with its place.
    Text(Diagnostics),
    /// Mistakes in a topology text.
    Topology(Vec<Mistake>),
    /// A mistake that showed when the text was running already.
    Refused(Box<Mistake>),
    /// A signal ended it; what was is said already.
    Signal(u8),
    /// Anything else, in words that say what to do.
    Plain(String),
}

impl Failure {
    /// A failure in words.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self::Plain(message.into())
    }

    /// What the command ends with. Shells know ends by a signal as 128 and its number.
    pub(crate) fn status(&self) -> ExitCode {
        match self {
            Self::Signal(number) => ExitCode::from(128_u8.saturating_add(*number)),
            _ => ExitCode::FAILURE,
        }
    }
}

impl From<Diagnostics> for Failure {
    fn from(diagnostics: Diagnostics) -> Self {
        Self::Text(diagnostics)
    }
}

/// Prints a line on standard output.
pub(crate) fn line(text: impl Display) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// Prints text on standard output as it is.
pub(crate) fn text(text: impl Display) {
    let mut out = io::stdout().lock();
    let _ = write!(out, "{text}");
    let _ = out.flush();
}

/// Prints a line on standard error.
pub(crate) fn note(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Prints why a command failed.
pub(crate) fn failure(failure: &Failure) {
    match failure {
        Failure::Plain(message) => note(format_args!("error: {message}")),
        Failure::Signal(_) => {}
        Failure::Refused(mistake) => draw(&**mistake),
        Failure::Text(diagnostics) => {
            diagnostics.iter().for_each(diagnostic);
            nothing_was_run(diagnostics.iter().count());
        }
        Failure::Topology(mistakes) => {
            mistakes.iter().for_each(|it| draw(it));
            nothing_was_run(mistakes.len());
        }
    }
}

fn nothing_was_run(count: usize) {
    let plural = if count == 1 { "" } else { "s" };
    note(format_args!("{count} mistake{plural}: nothing was run"));
}

/// Prints a mistake of a graph's text.
pub(crate) fn diagnostic(diagnostic: &Diagnostic) {
    draw(diagnostic);
}

/// Prints a mistake with the text underlined, in colours where there is a terminal.
fn draw(diagnostic: &dyn miette::Diagnostic) {
    note(drawn(diagnostic));
}

/// A mistake with the text underlined.
pub(crate) fn drawn(diagnostic: &dyn miette::Diagnostic) -> String {
    let theme = if io::stderr().is_terminal() {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let mut report = String::new();
    let drawn = GraphicalReportHandler::new_themed(theme)
        .with_width(100)
        .render_report(&mut report, diagnostic);
    match drawn {
        Ok(()) => report.trim_end().to_owned(),
        Err(fmt::Error) => diagnostic.to_string(),
    }
}

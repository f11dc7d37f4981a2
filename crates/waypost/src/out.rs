//! What the command prints. A reader that went away is no error: there is nobody to tell.

use std::fmt::{self, Display};
use std::io::{self, IsTerminal, Write};

use miette::{GraphicalReportHandler, GraphicalTheme};
use waypost_graph_text::{Diagnostic, Diagnostics};

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Mistakes in a text, each with its place.
    Text(Diagnostics),
    /// Anything else, in words that say what to do.
    Plain(String),
}

impl Failure {
    /// A failure in words.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self::Plain(message.into())
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
        Failure::Text(diagnostics) => {
            diagnostics.iter().for_each(diagnostic);
            let count = diagnostics.iter().count();
            note(format_args!(
                "{count} mistake{}: nothing was run",
                if count == 1 { "" } else { "s" }
            ));
        }
    }
}

/// Prints a mistake with the text underlined, in colours where there is a terminal.
pub(crate) fn diagnostic(diagnostic: &Diagnostic) {
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
        Ok(()) => note(report.trim_end()),
        Err(fmt::Error) => note(format_args!("{diagnostic:#}")),
    }
}

//! The command as tests run it, and what it left to look at.

use std::process::{Command, Output, Stdio};

/// The command, whose snapshots are of plain text of one width.
pub(crate) fn waypost(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waypost"));
    command.args(words).stdin(Stdio::null());
    command.env("NO_COLOR", "1").env("COLUMNS", "100");
    command
}

/// Standard output, standard error and the status, one below the other; `text` makes of the first two what is compared.
pub(crate) fn transcript(output: &Output, text: impl Fn(&str) -> String) -> String {
    let text = |octets: &[u8]| text(String::from_utf8_lossy(octets).trim_end());
    let parts = [
        text(&output.stdout),
        text(&output.stderr),
        format!("status {}", output.status.code().unwrap_or(-1)),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|it| !it.is_empty()).collect();
    parts.join("\n")
}

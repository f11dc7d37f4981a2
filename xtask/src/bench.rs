//! `cargo xtask bench`: how fast it is, beside its peers in the same run.

use crate::workspace::{Workspace, run as run_command};
use crate::{Outcome, prerequisites, suggest};

const BENCHES: [&str; 3] = ["graph", "device", "ip"];

pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Outcome {
    // Told before minutes of building; all else of the line is for the program to read.
    if let Some(name) = arguments.first().map(String::as_str)
        && !name.starts_with('-')
        && name != "help"
        && !BENCHES.contains(&name)
    {
        let hint = suggest::hint(name, BENCHES);
        return Err(
            format!("there is no bench `{name}`: expected graph, device or ip{hint}").into(),
        );
    }
    // Who only asks installs nothing, and the peers of `ip` are crates.
    let needs_none = |word: &String| matches!(word.as_str(), "--help" | "-h" | "help" | "ip");
    if !arguments.is_empty() && !arguments.iter().any(needs_none) {
        prerequisites::for_benches();
    }
    run_command(
        workspace
            .cargo("run")
            .args(["--release", "--quiet", "--package", "waypost-bench", "--"])
            .args(arguments),
    )
}

//! `cargo xtask bench`: how fast it is, beside its peers in the same run.

use crate::Outcome;
use crate::prerequisites;
use crate::workspace::{Workspace, run as run_command};

pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Outcome {
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

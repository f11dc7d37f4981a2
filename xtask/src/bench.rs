//! `cargo xtask bench`: how fast it is, beside its peers in the same run.

use crate::Outcome;
use crate::prerequisites;
use crate::workspace::{Workspace, run as run_command};

pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Outcome {
    // Who only asks installs nothing.
    let asks = |word: &String| matches!(word.as_str(), "--help" | "-h" | "help");
    if !arguments.is_empty() && !arguments.iter().any(asks) {
        prerequisites::for_benches();
    }
    run_command(
        workspace
            .cargo("run")
            .args(["--release", "--quiet", "--package", "waypost-bench", "--"])
            .args(arguments),
    )
}

//! `cargo xtask bench`: how fast it is, beside its peers in the same run.

use crate::Outcome;
use crate::prerequisites::{self, Missing, Need};
use crate::workspace::{Workspace, run as run_command};

pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Outcome {
    prerequisites::check(&[Need::Bench], Missing::Tell)?;
    run_command(
        workspace
            .cargo("run")
            .args(["--release", "--quiet", "--package", "waypost-bench", "--"])
            .args(arguments),
    )
}

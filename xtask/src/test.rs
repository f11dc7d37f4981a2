//! `cargo xtask test`: every check of the project, from fast to slow.

mod demo;
mod fuzz;
mod no_std;
mod stages;

use std::time::Duration;

use crate::prerequisites::{self, Missing};
use crate::workspace::{Workspace, run as run_command};
use crate::{Outcome, suggest, tidy};

use stages::{Stage, run_all};

const HELP: &str = "\
Every check of the project, from fast to slow.

Usage: cargo xtask test [OPTIONS]

  --long            also the long runs: properties with many cases, live fuzzing
  --minutes N       how long each fuzz target runs (with --long; default 2)
  --only STAGE,...  only these stages
  --list            name the stages and end
";

/// What the command line asks for.
struct Plan {
    long: bool,
    minutes_per_target: u64,
    only: Vec<String>,
    list: bool,
    missing: Missing,
}

/// The command, as a developer runs it: what is missing makes tests skip, loudly. Where the environment says
/// that this is CI, it is [`run_in_ci`].
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Outcome {
    let in_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    let missing = if in_ci { Missing::Fail } else { Missing::Tell };
    execute(workspace, arguments, missing)
}

/// The command, as CI runs it: what is missing fails.
pub(crate) fn run_in_ci(workspace: &Workspace, arguments: &[String]) -> Outcome {
    execute(workspace, arguments, Missing::Fail)
}

fn execute(workspace: &Workspace, arguments: &[String], missing: Missing) -> Outcome {
    let Some(plan) = Plan::read(arguments, missing)? else {
        print!("{HELP}");
        return Ok(());
    };
    let mut stages = stages_of(&plan);
    if plan.list {
        for stage in &stages {
            println!("  {:<8} {}", stage.name, stage.what);
        }
        return Ok(());
    }
    for name in &plan.only {
        if !stages.iter().any(|stage| stage.name == name) {
            return Err(why_not(name).into());
        }
    }
    if !plan.only.is_empty() {
        stages.retain(|stage| plan.only.iter().any(|name| name == stage.name));
    }
    run_all(workspace, &stages)
}

/// Why a run has no stage of this name.
fn why_not(name: &str) -> String {
    let stages = stages_of(&Plan {
        long: true,
        ..Plan::default()
    });
    let mut names = stages.iter().map(|stage| stage.name);
    if names.any(|known| known == name) {
        return format!("stage `{name}` is one of the long runs: add --long");
    }
    let hint = suggest::hint(name, stages.iter().map(|stage| stage.name));
    format!("there is no stage `{name}`{hint}")
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            long: false,
            minutes_per_target: 2,
            only: Vec::new(),
            list: false,
            missing: Missing::Tell,
        }
    }
}

impl Plan {
    /// Reads the command line; `None` asks for help.
    fn read(
        arguments: &[String],
        missing: Missing,
    ) -> Result<Option<Self>, Box<dyn std::error::Error>> {
        let mut plan = Self {
            missing,
            ..Self::default()
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--long" => plan.long = true,
                "--list" => plan.list = true,
                "--help" | "-h" => return Ok(None),
                "--minutes" => {
                    let value = arguments.next().map(|value| value.parse());
                    let Some(Ok(minutes)) = value else {
                        return Err("--minutes: expected a whole number of minutes".into());
                    };
                    plan.minutes_per_target = minutes;
                }
                "--only" => {
                    let Some(value) = arguments.next() else {
                        return Err(
                            "--only: expected the names of stages, with commas between".into()
                        );
                    };
                    plan.only.extend(value.split(',').map(str::to_owned));
                }
                other => {
                    let known = ["--long", "--minutes", "--only", "--list", "--help"];
                    let hint = suggest::hint(other, known);
                    return Err(format!("unknown option `{other}`{hint}").into());
                }
            }
        }
        Ok(Some(plan))
    }
}

/// The stages of a run, in order. Tests and demo come last, so that what they print stands at the end.
fn stages_of(plan: &Plan) -> Vec<Stage> {
    let missing = plan.missing;
    let minutes = plan.minutes_per_target;
    let long = plan.long;
    let mut stages = vec![
        Stage::new("prepare", "the programs that tests need", move |_| {
            prerequisites::for_tests(long, missing)
        }),
        Stage::new("fmt", "every file as rustfmt writes it", |workspace| {
            run_command(workspace.cargo("fmt").args(["--all", "--check"]))
        }),
        Stage::new("tidy", "dependencies and files", tidy::check),
        Stage::new(
            "no-std",
            "the no_std crates link without std",
            no_std::prove,
        ),
        Stage::new(
            "clippy",
            "every target and feature, warnings denied",
            |workspace| {
                let mut clippy = workspace.cargo("clippy");
                clippy.args(["--workspace", "--all-targets", "--all-features"]);
                run_command(clippy.args(["--", "-D", "warnings"]))
            },
        ),
        Stage::new(
            "doc",
            "the documentation builds, warnings denied",
            |workspace| {
                let mut doc = workspace.cargo("doc");
                doc.args(["--workspace", "--all-features", "--no-deps"]);
                run_command(doc.env("RUSTDOCFLAGS", "-D warnings"))
            },
        ),
        Stage::new(
            "loom",
            "the lock-free code under every interleaving",
            |workspace| {
                let mut test = workspace.cargo("test");
                test.args(["--package", "waypost-packet", "--test", "loom", "--release"]);
                test.arg("--target-dir").arg(workspace.target.join("loom"));
                run_command(test.env("RUSTFLAGS", "--cfg loom"))
            },
        ),
        Stage::new(
            "build",
            "the programs that end-to-end tests run",
            |workspace| run_command(workspace.cargo("build").args(["--workspace", "--bins"])),
        ),
        Stage::new(
            "test",
            "unit, integration, documentation and end-to-end tests",
            move |workspace| test_workspace(workspace, missing),
        ),
        Stage::new(
            "demo",
            "the demo, as root and without: to its end, kept up, interrupted, killed",
            move |workspace| demo::run(workspace, missing),
        ),
    ];
    if plan.long {
        stages.push(Stage::new(
            "cases",
            "the properties with many more cases",
            |workspace| {
                let mut test = workspace.cargo("test");
                // As they were built before, with the checks for overflow that a release is without.
                test.args(["--workspace", "--lib", "--tests", "--no-fail-fast"]);
                run_command(
                    test.env("PROPTEST_CASES", "20000")
                        .env("INSTA_UPDATE", "no"),
                )
            },
        ));
        stages.push(Stage::new(
            "fuzz",
            "each fuzz target, live",
            move |workspace| fuzz::run(workspace, Duration::from_secs(60 * minutes)),
        ));
    }
    stages
}

fn test_workspace(workspace: &Workspace, missing: Missing) -> Outcome {
    // End-to-end tests run the programs that stand beside them.
    run_command(
        workspace
            .cargo("build")
            .args(["--workspace", "--bins", "--all-features"]),
    )?;
    let mut test = workspace.cargo("test");
    // One failing crate does not hide the others.
    test.args(["--workspace", "--all-features", "--no-fail-fast"]);
    test.env("INSTA_UPDATE", "no");
    if missing == Missing::Fail {
        // Where it is set, a test fails that would skip elsewhere.
        test.env("CI", "true");
    }
    run_command(&mut test)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_that_this_run_has_not_is_explained() {
        assert_eq!(
            why_not("fuzz"),
            "stage `fuzz` is one of the long runs: add --long"
        );
        assert!(why_not("tydi").starts_with("there is no stage `tydi`"));
    }
}

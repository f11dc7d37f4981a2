//! Running stages one after the other, and saying at the end how each went.

use std::time::{Duration, Instant};

use crate::Outcome;
use crate::workspace::Workspace;

type Run = Box<dyn Fn(&Workspace) -> Outcome>;

/// A part of a test run that passes or fails as a whole.
pub(super) struct Stage {
    pub(super) name: &'static str,
    /// What it shows, in a few words.
    pub(super) what: &'static str,
    run: Run,
}

impl Stage {
    pub(super) fn new(
        name: &'static str,
        what: &'static str,
        run: impl Fn(&Workspace) -> Outcome + 'static,
    ) -> Self {
        Self {
            name,
            what,
            run: Box::new(run),
        }
    }
}

/// Runs them all, also after one failed, and ends with a table of how each went.
pub(super) fn run_all(workspace: &Workspace, stages: &[Stage]) -> Outcome {
    let begin = Instant::now();
    let mut results = Vec::new();
    for stage in stages {
        println!("\n=== {}: {}", stage.name, stage.what);
        let begin = Instant::now();
        let outcome = (stage.run)(workspace);
        let took = begin.elapsed();
        match &outcome {
            Ok(()) => println!("=== {} passed in {}", stage.name, Seconds(took)),
            Err(error) => println!("=== {} FAILED in {}: {error}", stage.name, Seconds(took)),
        }
        results.push((stage, outcome.is_ok(), took));
    }
    println!("\n=== summary");
    for (stage, passed, took) in &results {
        let verdict = if *passed { "ok" } else { "FAILED" };
        println!(
            "{:<8} {verdict:<6} {:>9}  {}",
            stage.name,
            Seconds(*took).to_string(),
            stage.what
        );
    }
    let failed: Vec<_> = results.iter().filter(|(_, passed, _)| !passed).collect();
    println!(
        "all of it took {}\nstages: {} passed, {} failed",
        Seconds(begin.elapsed()),
        results.len() - failed.len(),
        failed.len()
    );
    match failed.as_slice() {
        [] => Ok(()),
        failed => {
            let names: Vec<_> = failed.iter().map(|(stage, ..)| stage.name).collect();
            Err(format!("failed: {}", names.join(", ")).into())
        }
    }
}

struct Seconds(Duration);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.1} s", self.0.as_secs_f64())
    }
}

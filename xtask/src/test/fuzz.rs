//! Live fuzzing: libFuzzer's driver around the targets of the package `fuzz`, with the stable compiler.

use std::fs;
use std::time::Duration;

use crate::Outcome;
use crate::workspace::{Workspace, run as run_command};

/// What makes the compiler count edges and comparisons for libFuzzer, without flags of a nightly compiler.
const INSTRUMENTATION: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions -Coverflow-checks";

/// Runs every target for `each`, from its committed corpus; what it finds new stays under the target
/// directory, and an input that crashes goes to the corpus, to be replayed by `cargo test` from then on.
pub(super) fn run(workspace: &Workspace, each: Duration) -> Outcome {
    // A target triple keeps the flags away from build scripts.
    let triple = host_triple(workspace)?;
    let build = workspace.target.join("fuzz");
    let mut cargo = workspace.cargo("build");
    cargo.args([
        "--package",
        "fuzz",
        "--bin",
        "fuzz",
        "--release",
        "--target",
        &triple,
    ]);
    cargo
        .arg("--target-dir")
        .arg(&build)
        .env("RUSTFLAGS", INSTRUMENTATION);
    run_command(&mut cargo)?;
    let program = build.join(&triple).join("release/fuzz");

    let mut failed = Vec::new();
    let folders = fs::read_dir(workspace.root.join("fuzz/corpus"))?;
    let mut folders: Vec<_> = folders.flatten().map(|entry| entry.path()).collect();
    folders.sort();
    for seeds in folders {
        let Some(target) = seeds
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
        else {
            continue;
        };
        println!("--- {target}, for {} s", each.as_secs());
        let found = build.join("corpus").join(&target);
        fs::create_dir_all(&found)?;
        let mut fuzz = std::process::Command::new(&program);
        fuzz.arg(&found).arg(&seeds).env("FUZZ_TARGET", &target);
        fuzz.arg(format!("-max_total_time={}", each.as_secs()));
        fuzz.arg(format!("-artifact_prefix={}/", seeds.display()));
        fuzz.args([
            "-max_len=4096",
            "-timeout=10",
            "-rss_limit_mb=2048",
            "-print_final_stats=1",
            "-verbosity=0",
        ]);
        if let Err(error) = run_command(&mut fuzz) {
            println!("{error}");
            failed.push(target);
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "found inputs that crash {}; they are in fuzz/corpus now",
            failed.join(", ")
        )
        .into())
    }
}

fn host_triple(workspace: &Workspace) -> Result<String, Box<dyn std::error::Error>> {
    let output = std::process::Command::new("rustc")
        .current_dir(&workspace.root)
        .arg("-vV")
        .output()?;
    let version = String::from_utf8(output.stdout)?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("`rustc -vV` names no host")?.to_owned())
}

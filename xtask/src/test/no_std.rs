//! The proof that the `no_std` crates need no std: a program without it links against them.

use crate::Outcome;
use crate::workspace::{Workspace, run};

/// Links the program in `tools/no-std-proof` twice: with the crates that need no allocator, and with those
/// that need one as well. Without std, libc and start files, any use of them is an undefined symbol, and any
/// use of `alloc` in the first is a missing allocator.
///
/// It is no member of the workspace, so that its form and its lints are looked at here as well.
pub(crate) fn prove(workspace: &Workspace) -> Outcome {
    let cargo = |command: &str| {
        let mut cargo = workspace.cargo(command);
        cargo.arg("--manifest-path");
        cargo.arg(workspace.root.join("tools/no-std-proof/Cargo.toml"));
        cargo
    };
    run(cargo("fmt").arg("--check"))?;
    for features in ["", "alloc"] {
        let build = |command: &str| {
            let mut build = cargo(command);
            build
                .arg("--target-dir")
                .arg(workspace.target.join("no-std"));
            build.args(["--release", "--quiet", "--features", features]);
            build
        };
        run(build("clippy").args(["--", "-D", "warnings"]))?;
        let mut link = build("rustc");
        link.arg("--");
        for flag in ["-nostartfiles", "-nodefaultlibs", "-static"] {
            link.arg(format!("-Clink-arg={flag}"));
        }
        run(&mut link)?;
        let what = if features.is_empty() {
            "without an allocator"
        } else {
            "with an allocator"
        };
        println!("linked {what}");
    }
    Ok(())
}

//! The proof that the `no_std` crates need no std: a program without it links against them.

use crate::Outcome;
use crate::workspace::{Workspace, run};

/// Links the program in `tools/no-std-proof` twice: with the crates that need no allocator, and with those
/// that need one as well. Without std, libc and start files, any use of them is an undefined symbol, and any
/// use of `alloc` in the first is a missing allocator.
pub(crate) fn prove(workspace: &Workspace) -> Outcome {
    for features in ["", "alloc"] {
        let mut link = workspace.cargo("rustc");
        link.arg("--manifest-path");
        link.arg(workspace.root.join("tools/no-std-proof/Cargo.toml"));
        link.arg("--target-dir")
            .arg(workspace.target.join("no-std"));
        link.args(["--release", "--quiet", "--features", features, "--"]);
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

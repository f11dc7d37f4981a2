//! Makes the compiler expect `cfg(fuzzing)`, which a build for live fuzzing sets.
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(fuzzing)");
}

//! Makes the compiler expect `cfg(fuzzing)`, which `cargo xtask test --long` sets.
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(fuzzing)");
}

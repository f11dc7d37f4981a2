//! Runs a fuzz target on files: `fuzz TARGET FILE…`. Built with `--cfg fuzzing`, it is libFuzzer's program,
//! and the environment names the target. The stable compiler and a C++ compiler are enough:
//!
//! ```console
//! $ triple=$(rustc -vV | sed -n 's/^host: //p')    # named, it keeps the flags away from build scripts
//! $ edges=-Cllvm-args=-sanitizer-coverage
//! $ RUSTFLAGS="--cfg fuzzing -Cdebug-assertions -Coverflow-checks -Cpasses=sancov-module $edges-level=4 \
//!     $edges-inline-8bit-counters $edges-pc-table $edges-trace-compares" \
//!     cargo build --package fuzz --release --target $triple --target-dir target/fuzz
//! $ mkdir -p target/fuzz/found
//! $ FUZZ_TARGET=wire target/fuzz/$triple/release/fuzz -max_total_time=60 -close_fd_mask=3 \
//!     -artifact_prefix=fuzz/corpus/wire/ target/fuzz/found fuzz/corpus/wire
//! ```
#![forbid(unsafe_code)]
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
static TARGET: std::sync::LazyLock<fn(&[u8])> = std::sync::LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    fuzz::target(&name).unwrap_or_else(|| panic!("FUZZ_TARGET: there is no target `{name}`"))
});

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| TARGET(data));

#[cfg(not(fuzzing))]
fn main() -> Result<(), String> {
    let mut words = std::env::args().skip(1);
    let name = words.next().unwrap_or_default();
    let Some(target) = fuzz::target(&name) else {
        let names: Vec<_> = fuzz::TARGETS.iter().map(|(name, _)| *name).collect();
        return Err(format!(
            "usage: fuzz TARGET FILE…, with TARGET one of {}",
            names.join(", ")
        ));
    };
    for file in words {
        let data = std::fs::read(&file).map_err(|error| format!("{file}: {error}"))?;
        target(&data);
    }
    Ok(())
}

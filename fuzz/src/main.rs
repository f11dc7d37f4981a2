//! Runs a fuzz target on files: `fuzz TARGET FILE…`. Built with `--cfg fuzzing`, it is libFuzzer's program,
//! and the environment names the target: `FUZZ_TARGET=wire fuzz CORPUS`.
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

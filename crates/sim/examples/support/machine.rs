//! What the machine says of this process.

use std::time::Instant as Clock;

/// How long something is computed; by the clock, where the system does not tell.
pub(crate) struct Stopwatch(Option<f64>, Clock);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(computed_secs(), Clock::now())
    }

    pub(crate) fn secs(&self) -> f64 {
        match computed_secs().zip(self.0) {
            Some((now, before)) => now - before,
            None => self.1.elapsed().as_secs_f64(),
        }
    }
}

/// For how long the processor has worked for this process, as Linux says.
fn computed_secs() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    let nanos = text.split_whitespace().next()?.parse::<f64>().ok()?;
    Some(nanos / 1e9)
}

/// What memory the process has, as Linux says.
pub(crate) fn resident() -> String {
    let kib = || -> Option<u64> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    kib().map_or_else(|| "?".to_owned(), |kib| format!("{kib} KiB"))
}

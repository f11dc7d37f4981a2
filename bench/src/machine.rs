//! On what it was measured.

use std::fs;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::Serialize;

/// The machine, as far as figures hang on it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    /// Runnable threads, on average over the minute before.
    pub(crate) load: String,
}

impl Machine {
    /// This machine, now.
    pub(crate) fn this() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let processors = read("/proc/cpuinfo");
        let model = processors
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let load = read("/proc/loadavg");
        Self {
            processor: model.map_or_else(|| "unknown".to_owned(), |(_, name)| name.to_owned()),
            // What this thread may run on is fewer: it keeps to one.
            cores: processors
                .lines()
                .filter(|line| line.starts_with("processor"))
                .count(),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load: load.split(' ').next().unwrap_or_default().to_owned(),
        }
    }
}

/// The cores that this process may run on.
pub(crate) fn cores() -> Vec<usize> {
    let set = sched_getaffinity(None).unwrap_or_default();
    (0..CpuSet::MAX_CPU).filter(|&at| set.is_set(at)).collect()
}

/// Keeps the calling thread on one core. Where that is refused, the figures have more noise.
pub(crate) fn pin(core: usize) {
    let mut set = CpuSet::new();
    set.set(core);
    if let Err(error) = sched_setaffinity(None, &set) {
        eprintln!("could not stay on core {core}: {error}");
    }
}

/// For how many seconds a core has been busy so far, with its kernel's own work, as the kernel counts it.
pub(crate) fn busy(core: usize) -> Result<f64, String> {
    let counts =
        fs::read_to_string("/proc/stat").map_err(|error| format!("/proc/stat: {error}"))?;
    let name = format!("cpu{core} ");
    let line = counts
        .lines()
        .find_map(|line| line.strip_prefix(&name))
        .ok_or_else(|| format!("/proc/stat has no line of core {core}"))?;
    // user, nice, system, idle, iowait, irq, softirq
    let ticks: Vec<f64> = line
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    let busy: f64 = [0, 1, 2, 5, 6].iter().filter_map(|&at| ticks.get(at)).sum();
    Ok(busy / rustix::param::clock_ticks_per_second() as f64)
}

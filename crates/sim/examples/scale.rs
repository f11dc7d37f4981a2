//! How the cost of a simulation grows with its nodes: `cargo run --release -p waypost-sim --example scale`.
//!
//! Hosts talk over a tree of switches, each a thousand times a second. Printed are events in a second of computing (of
//! the clock, where the system does not tell), and what memory the process has.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout)]

mod support;

use std::error::Error;
use std::time::Instant as Clock;

use waypost_sim::Talker;
use waypost_wire::{Duration, Instant};

fn main() -> Result<(), Box<dyn Error>> {
    let millions: u64 = match std::env::args().nth(1) {
        Some(word) => word.parse()?,
        None => 5,
    };
    println!("hosts  virtual      events  events/s    resident  digest");
    for hosts in [10, 100, 1000] {
        let (mut net, talkers) = support::tree(1, hosts)?;
        let (computed, clock) = (computed_secs(), Clock::now());
        while net.events() < millions * 1_000_000 {
            net.run_until(net.now() + Duration::from_millis(10))?;
        }
        let elapsed = match computed_secs().zip(computed) {
            Some((now, before)) => now - before,
            None => clock.elapsed().as_secs_f64(),
        };
        let rate = net.events() as f64 / elapsed / 1e6;
        let virtual_time = (net.now() - Instant::ZERO).as_secs_f64();
        let resident = resident_kib().map_or_else(|| "?".to_owned(), |it| format!("{} KiB", it));
        println!(
            "{hosts:5}  {virtual_time:6.2}s  {:10}  {rate:6.2} M  {resident:>10}  {:016x}",
            net.events(),
            net.log().digest()
        );
        let counters = talkers.iter().filter_map(|id| net.node::<Talker>(*id));
        let lost: u64 = counters
            .map(|talker| talker.counters().requests - talker.counters().replies)
            .sum();
        println!("       requests without a reply: {lost}");
    }
    Ok(())
}

/// For how long the processor has worked for this process, as Linux says.
fn computed_secs() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    let nanos = text.split_whitespace().next()?.parse::<f64>().ok()?;
    Some(nanos / 1e9)
}

/// What memory the process has, as Linux says.
fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

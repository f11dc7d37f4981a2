//! How the cost of a simulation grows with its nodes: `cargo run --release -p waypost-sim --example scale`.
//!
//! Hosts talk over a tree of switches, each a thousand times a second, for five million events, or as many millions as are
//! asked for. Printed are events in a second of computing (of the clock, where the system does not tell), and what memory
//! the process has. The first events are dear, since switches flood what they have not learned.
//!
//! What whole routers cost is shown by `cargo run --release -p waypost --example graphs`.
//!
//! `scale hour` lets a hundred hosts, which talk ten times a second, run for a virtual hour, twice.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout)]

#[path = "support/machine.rs"]
mod machine;
mod support;

use std::error::Error;

use machine::{Stopwatch, resident};
use waypost_sim::{Simulation, Talker};
use waypost_wire::{Duration, Instant};

fn main() -> Result<(), Box<dyn Error>> {
    let word = std::env::args().nth(1);
    println!("hosts   virtual      events    events/s    resident  digest            unanswered");
    if word.as_deref() == Some("hour") {
        let hour = Instant::from_secs(3600);
        let runs = [
            run(100, 100, |net| net.now() >= hour)?,
            run(100, 100, |net| net.now() >= hour)?,
        ];
        println!("the same twice: {}", runs[0] == runs[1]);
        return Ok(());
    }
    let millions: u64 = word.map_or(Ok(5), |word| word.parse())?;
    for hosts in [10, 100, 1000] {
        run(hosts, 1, |net| net.events() >= millions * 1_000_000)?;
    }
    Ok(())
}

/// Runs hosts that ask at such intervals until it is enough, prints what that cost, and returns the digest.
fn run(
    hosts: usize,
    interval_ms: u64,
    is_enough: impl Fn(&Simulation) -> bool,
) -> Result<u64, Box<dyn Error>> {
    let (mut net, talkers) = support::tree(1, hosts, Duration::from_millis(interval_ms))?;
    let running = Stopwatch::start();
    while !is_enough(&net) {
        net.run_until(net.now() + Duration::from_millis(10))?;
    }
    let elapsed = running.secs();
    let counters = talkers.iter().filter_map(|id| net.node::<Talker>(*id));
    let missing = |talker: &Talker| talker.counters().requests - talker.counters().replies;
    println!(
        "{hosts:5}  {:7.2}s  {:10}  {:8.2} M  {:>10}  {:016x}  {:10}",
        (net.now() - Instant::ZERO).as_secs_f64(),
        net.events(),
        net.events() as f64 / elapsed / 1e6,
        resident(),
        net.log().digest(),
        counters.map(missing).sum::<u64>()
    );
    Ok(net.log().digest())
}

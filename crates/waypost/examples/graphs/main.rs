//! How the cost of simulated graphs grows with their number: `cargo run --release -p waypost --example graphs`.
//!
//! Whole routers stand in a ring, each with memory for 64 packets, and each pings the one four hops behind it ten times a
//! second, for a million events, or as many millions as are asked for. Printed are how long building took, what each router
//! keeps of memory, what the process has, events in a second of computing, and pings without a reply: those that are on
//! their way.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout)]

#[path = "../../../sim/examples/support/machine.rs"]
mod machine;
mod ring;

use std::error::Error;

use machine::{Stopwatch, resident};
use waypost_counting::{Counting, kept_by};
use waypost_wire::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> Result<(), Box<dyn Error>> {
    let millions = std::env::args().nth(1);
    let millions: u64 = millions.map_or(Ok(1), |word| word.parse())?;
    println!(
        "graphs     built  each keeps   virtual     events  events/s    resident  digest            unanswered"
    );
    for graphs in [10, 100, 1000] {
        run(graphs, millions * 1_000_000)?;
    }
    Ok(())
}

fn run(graphs: usize, events: u64) -> Result<(), Box<dyn Error>> {
    let building = Stopwatch::start();
    let (built, kept) = kept_by(|| ring::ring(1, graphs));
    let (mut net, nodes) = built?;
    let built = building.secs();
    let running = Stopwatch::start();
    while net.events() < events {
        net.run_until(net.now() + Duration::from_millis(10))?;
    }
    let elapsed = running.secs();
    let sent = ring::sum(&net, &nodes, "pings")?;
    println!(
        "{graphs:6}  {:6.1}ms  {:6.1} KiB  {:7.2}s  {:9}  {:6.2} M  {:>10}  {:016x}  {:10}",
        built * 1e3,
        kept as f64 / 1024.0 / graphs as f64,
        (net.now() - Instant::ZERO).as_secs_f64(),
        net.events(),
        net.events() as f64 / elapsed / 1e6,
        resident(),
        net.log().digest(),
        sent - ring::sum(&net, &nodes, "replies")?
    );
    Ok(())
}

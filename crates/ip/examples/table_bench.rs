//! Measures the neighbour table's fast path and the timer wheel. `cargo run --release -p waypost-ip
//! --features alloc --example table_bench`, pinned to one core for steady figures.
#![allow(clippy::print_stdout)] // it prints what it measured

use std::collections::BTreeMap;
use std::hint::black_box;
use std::net::Ipv4Addr;
use std::time;

use waypost_ip::neighbor::{GrowingNeighbors, NeighborConfig, VecNeighborTable};
use waypost_ip::wheel::VecWheel;
use waypost_wire::{Instant, MacAddr};

const RUNS: usize = 15;

fn main() {
    for count in [1, 64, 1000, 10_000] {
        let (table, addrs) = neighbors(count);
        let rounds = (1 << 20) / count;
        let ns = median(rounds * count, || {
            for _ in 0..rounds {
                for addr in black_box(&addrs) {
                    black_box(table.lookup(*addr).is_some());
                }
            }
        });
        println!("neighbour look-up, {count:6} neighbours: {ns:6.2} ns");
    }
    for count in [1000, 100_000, 1_000_000] {
        let spans = spans(count);
        let wheel = median(count, || run_wheel(&spans));
        let tree = median(count, || run_tree(&spans));
        println!(
            "{count:8} timers started, half cancelled, half fired: wheel {wheel:6.1} ns each, BTreeMap {tree:6.1}"
        );
    }
}

fn neighbors(count: usize) -> (VecNeighborTable<Ipv4Addr, ()>, Vec<Ipv4Addr>) {
    let config = NeighborConfig {
        neighbors: count,
        seed: 0x5eed,
        ..NeighborConfig::default()
    };
    let mut table = VecNeighborTable::new(GrowingNeighbors, config);
    let addrs: Vec<Ipv4Addr> = (0..count as u32)
        .map(|n| Ipv4Addr::from_bits(0x0a00_0001 + n))
        .collect();
    for addr in &addrs {
        table.insert_static(Instant::ZERO, *addr, MacAddr::new([2, 0, 0, 0, 0, 1]));
    }
    (table, addrs)
}

/// Deadlines within a minute, in ns.
fn spans(count: usize) -> Vec<u64> {
    (0..count as u64)
        .map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 60_000_000_000)
        .collect()
}

fn run_wheel(spans: &[u64]) {
    let mut wheel = VecWheel::new(Vec::new(), spans.len());
    let keys: Vec<_> = spans
        .iter()
        .map(|span| {
            wheel
                .start(Instant::from_nanos(*span), ())
                .expect("the limit is their number")
        })
        .collect();
    for key in keys.iter().step_by(2) {
        wheel.cancel(*key);
    }
    while let Some(next) = wheel.next_deadline() {
        while wheel.expire(next).is_some() {}
    }
}

fn run_tree(spans: &[u64]) {
    let mut tree = BTreeMap::new();
    for (number, span) in spans.iter().enumerate() {
        tree.insert((*span, number), ());
    }
    for (number, span) in spans.iter().enumerate().step_by(2) {
        tree.remove(&(*span, number));
    }
    while let Some(first) = tree.pop_first() {
        black_box(first);
    }
}

/// Nanoseconds for one of `count`, the median of several runs.
fn median(count: usize, mut run: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = time::Instant::now();
            run();
            start.elapsed().as_nanos() as f64 / count as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[RUNS / 2]
}

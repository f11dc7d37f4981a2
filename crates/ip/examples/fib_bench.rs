//! Measures the forwarding table of IPv4: look-up, build, update and memory at 1000, 100 000 and 1 000 000
//! routes like those of the Internet. `cargo run --release -p waypost-ip --features alloc --example
//! fib_bench`, pinned to one core for steady figures.
#![allow(clippy::print_stdout)] // it prints what it measured

#[path = "../tests/bgp/mod.rs"]
mod bgp;

use std::hint::black_box;
use std::net::Ipv4Addr;
use std::time::Instant;

use waypost_ip::fib::{Fib, NextHop};
use waypost_wire::Ipv4Prefix;

const ADDRS: usize = 1 << 20;
const BATCH: usize = 256;
const RUNS: usize = 9;

fn main() {
    for count in [10, 1000, 100_000, 1_000_000] {
        measure(count);
    }
}

fn measure(count: usize) {
    let prefixes = bgp::prefixes(count);
    let start = Instant::now();
    let mut fib = Fib::new();
    insert_all(&mut fib, &prefixes);
    let build = start.elapsed();
    println!(
        "{count} routes: built in {build:.1?}, {:.1} MB, {} chunks",
        fib.bytes() as f64 / 1e6,
        fib.chunks()
    );

    let mut random = bgp::Random::new(7);
    let uniform: Vec<Ipv4Addr> = (0..ADDRS).map(|_| random.addr()).collect();
    let within: Vec<Ipv4Addr> = (0..ADDRS).map(|_| within(&prefixes, &mut random)).collect();
    let hot: Vec<Ipv4Addr> = within.iter().cycle().take(4096).copied().collect();
    let floor = Floor::new(&prefixes);
    for (name, addrs) in [
        ("uniform", &uniform),
        ("in prefixes", &within),
        ("4096 hot", &hot),
    ] {
        let [batched, floor, singly] = medians([
            &|| lookup_batches(&fib, addrs),
            &|| floor.lookup_batches(addrs),
            &|| lookup_singly(&fib, addrs),
        ]);
        println!(
            "  {name:12} {batched:6.2} ns batched ({:.2} of the floor's {floor:.2}), {singly:6.2} ns one by one",
            batched / floor
        );
    }

    let mut changes: Vec<u64> = Vec::new();
    for prefix in prefixes.iter().cycle().step_by(7).take(100_000) {
        let start = Instant::now();
        let hop = fib.remove(*prefix);
        let middle = Instant::now();
        if let Some(hop) = hop {
            fib.insert(*prefix, hop).expect("there was room before");
        }
        changes.push((middle - start).as_nanos() as u64);
        changes.push(middle.elapsed().as_nanos() as u64);
    }
    changes.sort_unstable();
    println!(
        "  update       median {} ns, 99 % {} ns, slowest {} ns",
        changes[changes.len() / 2],
        changes[changes.len() / 100 * 99],
        changes[changes.len() - 1]
    );
    for text in ["0.0.0.0/0", "64.0.0.0/2", "100.0.0.0/8", "100.100.0.0/16"] {
        let prefix: Ipv4Prefix = text.parse().expect("a prefix");
        let spare = fib.remove(prefix);
        let start = Instant::now();
        fib.insert(prefix, next_hop(1))
            .expect("there was room before");
        let insert = start.elapsed();
        let start = Instant::now();
        fib.remove(prefix);
        println!(
            "  {text:14} inserted in {insert:.1?}, removed in {:.1?}",
            start.elapsed()
        );
        if let Some(hop) = spare {
            fib.insert(prefix, hop).expect("there was room before");
        }
    }
}

fn next_hop(index: usize) -> NextHop {
    NextHop::new(index as u32 % 1000).expect("less than 24 bits")
}

fn insert_all(fib: &mut Fib, prefixes: &[Ipv4Prefix]) {
    for (index, prefix) in prefixes.iter().enumerate() {
        fib.insert(*prefix, next_hop(index))
            .expect("the limits allow a full table");
    }
}

fn within(prefixes: &[Ipv4Prefix], random: &mut bgp::Random) -> Ipv4Addr {
    let prefix = prefixes[random.below(prefixes.len() as u64) as usize];
    let host = random.addr().to_bits() & !prefix.mask().to_bits();
    Ipv4Addr::from_bits(prefix.network().to_bits() | host)
}

/// Nanoseconds a look-up of each of `runs`, in turn, as medians.
fn medians<const N: usize>(runs: [&dyn Fn() -> usize; N]) -> [f64; N] {
    let mut times = [const { Vec::new() }; N];
    for _ in 0..RUNS {
        for (times, run) in times.iter_mut().zip(runs) {
            let start = Instant::now();
            let mut done = 0;
            while done < ADDRS {
                done += run();
            }
            times.push(start.elapsed().as_nanos() as f64 / done as f64);
        }
    }
    times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[RUNS / 2]
    })
}

/// What cannot be undercut by much: DIR-24-8's first table alone, one array of 2²⁴ answers, 64 MiB however
/// few the routes.
struct Floor(Vec<u32>);

impl Floor {
    fn new(prefixes: &[Ipv4Prefix]) -> Self {
        let mut table = vec![0; 1 << 24];
        let mut by_length: Vec<(usize, &Ipv4Prefix)> = prefixes.iter().enumerate().collect();
        by_length.sort_by_key(|(_, prefix)| prefix.length());
        for (index, prefix) in by_length {
            let first = (prefix.network().to_bits() >> 8) as usize;
            let last = (prefix.last().to_bits() >> 8) as usize;
            table[first..=last].fill(index as u32 + 1);
        }
        Self(table)
    }

    fn lookup_batches(&self, addrs: &[Ipv4Addr]) -> usize {
        let mut hops = [0; BATCH];
        for batch in addrs.chunks(BATCH) {
            for (addr, hop) in batch.iter().zip(&mut hops) {
                *hop = self.0[(addr.to_bits() >> 8) as usize];
            }
            black_box(&hops);
        }
        addrs.len()
    }
}

fn lookup_batches(fib: &Fib, addrs: &[Ipv4Addr]) -> usize {
    let mut hops = [None; BATCH];
    for batch in addrs.chunks(BATCH) {
        fib.lookup_batch(batch, &mut hops);
        black_box(&hops);
    }
    addrs.len()
}

fn lookup_singly(fib: &Fib, addrs: &[Ipv4Addr]) -> usize {
    for addr in addrs {
        black_box(fib.lookup(*addr));
    }
    addrs.len()
}

//! Measures the forwarding tables beside other crates, in turn in one run: look-up, build, update and memory
//! with routes like those of the Internet, 1000, 100 000 and 1 000 000 of IPv4, 250 000 of IPv6.
//! `cargo run --release -p waypost-ip --features alloc --example fib_bench [-- 4|6]`, pinned to one core.
#![allow(clippy::print_stdout)] // it prints what it measured

#[path = "../tests/bgp/mod.rs"]
mod bgp;

use std::hint::black_box;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use ip_network_table_deps_treebitmap::IpLookupTable;
use poptrie::Poptrie;
use prefix_trie::PrefixMap;
use waypost_ip::fib::{Fib, FibAddr, FibReader, NextHop};
use waypost_wire::{Ip, Ipv4Prefix, Ipv6Prefix, Prefix};

const ADDRS: usize = 1 << 18;
const BATCH: usize = 256;
/// Addresses whose time is taken at once: short enough that most samples see no other process.
const SAMPLE: usize = 4096;
const RUNS: usize = 7;

fn main() {
    let version = std::env::args().nth(1);
    let wanted = |name: &str| version.as_deref().is_none_or(|it| it == name);
    for count in [1000, 100_000, 1_000_000] {
        if wanted("4") {
            ipv4(count);
        }
    }
    for count in [1000, 100_000, 250_000] {
        if wanted("6") {
            ipv6(count);
        }
    }
}

/// What looks up a few addresses.
type Lookups<'a, A> = Box<dyn Fn(&[A]) + 'a>;
/// A way to look up, by name.
type Case<'a, A> = (&'static str, Lookups<'a, A>);

fn ipv4(count: usize) {
    let prefixes = bgp::prefixes(count);
    let mut fib = build(&prefixes);
    let mut random = bgp::Random::new(7);
    let uniform = (0..ADDRS).map(|_| random.addr()).collect();
    let within = |prefix: Ipv4Prefix, random: &mut bgp::Random| {
        let mask = prefix.network().to_bits() ^ prefix.last().to_bits();
        Ipv4Addr::from_bits(prefix.network().to_bits() | random.addr().to_bits() & mask)
    };
    let within = some(&prefixes, &mut random, within);
    let keyed = || {
        prefixes
            .iter()
            .map(|it| (it.network().to_bits(), it.length()))
    };
    let trie: PrefixMap<(u32, u8), u32> = peer("prefix-trie", || keyed().zip(0..).collect());
    let poptrie: Poptrie<(Ipv4Addr, u8), u32> = peer("poptrie", || {
        let keyed = prefixes.iter().map(|it| (it.network(), it.length()));
        keyed.zip(0..).collect()
    });
    let bitmap = peer("treebitmap", || {
        let mut table = IpLookupTable::new();
        for (prefix, n) in prefixes.iter().zip(0u32..) {
            table.insert(prefix.network(), prefix.length().into(), n);
        }
        table
    });
    let floor = floor(&prefixes);
    let reader = fib.reader();
    let cases: [Case<'_, Ipv4Addr>; 6] = [
        ("batched", Box::new(|addrs| batches(&reader, addrs))),
        ("one by one", each(|addr| reader.lookup(addr))),
        (
            "one array",
            each(|addr: Ipv4Addr| floor[(addr.to_bits() >> 8) as usize]),
        ),
        (
            "prefix-trie",
            each(|addr: Ipv4Addr| trie.get_lpm(&(addr.to_bits(), 32))),
        ),
        ("poptrie", each(|addr| poptrie.lookup(addr))),
        ("treebitmap", each(|addr| bitmap.longest_match(addr))),
    ];
    compare(uniform, within, &cases);
    drop(cases);
    drop(reader);
    updates(&mut fib, &prefixes);
    for text in ["0.0.0.0/0", "64.0.0.0/2", "100.0.0.0/8", "100.100.0.0/16"] {
        wide(&mut fib, text.parse().expect("a prefix"));
    }
}

fn ipv6(count: usize) {
    let prefixes = bgp::prefixes6(count);
    let mut fib = build(&prefixes);
    let mut random = bgp::Random::new(7);
    // Within 2000::/3, where nearly all misses.
    let uniform = (0..ADDRS)
        .map(|_| Ipv6Addr::from_bits(1 << 125 | random.addr6().to_bits() >> 3))
        .collect();
    let within = some(&prefixes, &mut random, bgp::within6);
    let keyed = || {
        prefixes
            .iter()
            .map(|it| (it.network().to_bits(), it.length()))
    };
    let trie: PrefixMap<(u128, u8), u32> = peer("prefix-trie", || keyed().zip(0..).collect());
    let poptrie: Poptrie<(Ipv6Addr, u8), u32> = peer("poptrie", || {
        let keyed = prefixes.iter().map(|it| (it.network(), it.length()));
        keyed.zip(0..).collect()
    });
    let bitmap = peer("treebitmap", || {
        let mut table = IpLookupTable::new();
        for (prefix, n) in prefixes.iter().zip(0u32..) {
            table.insert(prefix.network(), prefix.length().into(), n);
        }
        table
    });
    let reader = fib.reader();
    let cases: [Case<'_, Ipv6Addr>; 5] = [
        ("batched", Box::new(|addrs| batches(&reader, addrs))),
        ("one by one", each(|addr| reader.lookup(addr))),
        (
            "prefix-trie",
            each(|addr: Ipv6Addr| trie.get_lpm(&(addr.to_bits(), 128))),
        ),
        ("poptrie", each(|addr| poptrie.lookup(addr))),
        ("treebitmap", each(|addr| bitmap.longest_match(addr))),
    ];
    compare(uniform, within, &cases);
    drop(cases);
    drop(reader);
    updates(&mut fib, &prefixes);
    for text in ["::/0", "2000::/3", "2a00::/12", "2a00::/16"] {
        let prefix: Ipv6Prefix = text.parse().expect("a prefix");
        wide(&mut fib, prefix);
    }
}

fn next_hop(index: usize) -> NextHop {
    NextHop::new(index as u32 % 1000).expect("less than 22 bits")
}

fn build<A: FibAddr>(prefixes: &[Prefix<A>]) -> Fib<A> {
    let start = Instant::now();
    let mut fib = Fib::new();
    for (index, prefix) in prefixes.iter().enumerate() {
        fib.insert(*prefix, next_hop(index))
            .expect("the limits allow a full table");
    }
    println!(
        "IPv{}, {} routes: built in {:.1?}, {:.1} MB, of which {:.1} in {} chunks",
        A::VERSION,
        prefixes.len(),
        start.elapsed(),
        fib.bytes() as f64 / 1e6,
        fib.chunk_bytes() as f64 / 1e6,
        fib.chunks()
    );
    fib
}

/// Builds a peer; its memory is by how much the process has grown.
fn peer<T>(name: &str, build: impl FnOnce() -> T) -> T {
    let (before, start) = (resident_mb(), Instant::now());
    let table = build();
    let grown = resident_mb() - before;
    println!(
        "  {name}: built in {:.1?}, about {grown:.1} MB",
        start.elapsed()
    );
    table
}

fn resident_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = status.split(' ').nth(1).and_then(|it| it.parse().ok());
    pages.unwrap_or(0.0) * 4096.0 / 1e6
}

fn some<A: Ip>(
    prefixes: &[Prefix<A>],
    random: &mut bgp::Random,
    within: impl Fn(Prefix<A>, &mut bgp::Random) -> A,
) -> Vec<A> {
    let pick = |_| {
        let prefix = prefixes[random.below(prefixes.len() as u64) as usize];
        within(prefix, random)
    };
    (0..ADDRS).map(pick).collect()
}

/// What cannot be undercut by much: DIR-24-8's first table alone, one array of 2²⁴ answers, 64 MiB however
/// few the routes.
fn floor(prefixes: &[Ipv4Prefix]) -> Vec<u32> {
    let mut table = vec![0; 1 << 24];
    let mut by_length: Vec<(usize, &Ipv4Prefix)> = prefixes.iter().enumerate().collect();
    by_length.sort_by_key(|(_, prefix)| prefix.length());
    for (index, prefix) in by_length {
        let first = (prefix.network().to_bits() >> 8) as usize;
        let last = (prefix.last().to_bits() >> 8) as usize;
        table[first..=last].fill(index as u32 + 1);
    }
    table
}

fn each<'a, A: Copy, T>(lookup: impl Fn(A) -> T + 'a) -> Lookups<'a, A> {
    Box::new(move |addrs| {
        for addr in addrs {
            black_box(lookup(*addr));
        }
    })
}

fn batches<A: FibAddr>(reader: &FibReader<A>, addrs: &[A]) {
    let mut hops = [None; BATCH];
    for batch in addrs.chunks(BATCH) {
        reader.lookup_batch(batch, &mut hops);
        black_box(&hops);
    }
}

fn compare<A: Copy>(uniform: Vec<A>, within: Vec<A>, cases: &[Case<'_, A>]) {
    let hot: Vec<A> = within.iter().cycle().take(SAMPLE).copied().collect();
    for (name, addrs) in [
        ("uniform", uniform),
        ("in prefixes", within),
        ("4096 hot", hot),
    ] {
        print!("  {name:12}");
        for ((name, _), ns) in cases.iter().zip(medians(&addrs, cases)) {
            print!(" {name} {ns:.1},");
        }
        println!(" ns");
    }
}

/// Nanoseconds a look-up of each case: they take turns, and the median of all samples counts.
fn medians<A: Copy>(addrs: &[A], cases: &[Case<'_, A>]) -> Vec<f64> {
    let mut times = vec![Vec::new(); cases.len()];
    for _ in 0..RUNS {
        for (times, (_, run)) in times.iter_mut().zip(cases) {
            for sample in addrs.chunks(SAMPLE).cycle().take(64) {
                let start = Instant::now();
                run(sample);
                times.push(start.elapsed().as_nanos() as f64 / sample.len() as f64);
            }
        }
    }
    let middle = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    times.into_iter().map(middle).collect()
}

/// Routes go and come back, with a reader about that is renewed now and then.
fn updates<A: FibAddr>(fib: &mut Fib<A>, prefixes: &[Prefix<A>]) {
    let mut times: Vec<Duration> = Vec::new();
    let mut reader = fib.reader();
    let mut full = 0;
    for (n, prefix) in prefixes.iter().cycle().step_by(7).take(100_000).enumerate() {
        let start = Instant::now();
        let hop = fib.remove(*prefix);
        let middle = Instant::now();
        if let Some(hop) = hop {
            while fib.insert(*prefix, hop).is_err() {
                full += 1;
                reader = fib.reader();
            }
        }
        times.extend([middle - start, middle.elapsed()]);
        if n % 256 == 0 {
            reader = fib.reader();
        }
    }
    drop(reader);
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 1000];
    println!(
        "  update: median {:.1?}, 99 % {:.1?}, slowest {:.1?}; {full} waited for readers; {:.1} MB",
        at(500),
        at(990),
        at(1000),
        fib.bytes() as f64 / 1e6
    );
}

/// A route that covers much, which most tables do not have.
fn wide<A: FibAddr>(fib: &mut Fib<A>, prefix: Prefix<A>) {
    let spare = fib.remove(prefix);
    let start = Instant::now();
    fib.insert(prefix, next_hop(1))
        .expect("there was room before");
    let insert = start.elapsed();
    let start = Instant::now();
    fib.remove(prefix);
    println!(
        "  {prefix}: inserted in {insert:.1?}, removed in {:.1?}",
        start.elapsed()
    );
    if let Some(hop) = spare {
        fib.insert(prefix, hop).expect("there was room before");
    }
}

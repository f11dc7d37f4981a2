//! Measures look-ups in the flow table beside `hashbrown` with its own hasher, both keys of every flow in
//! either, asked for in random order. `cargo run --release -p waypost-ip --features alloc --example
//! flow_bench`, pinned to one core for steady figures. Both fare better in huge pages, which glibc's
//! allocator takes with `GLIBC_TUNABLES=glibc.malloc.hugetlb=1`.
#![allow(clippy::print_stdout)] // it prints what it measured

use std::hint::black_box;
use std::net::Ipv4Addr;
use std::time;

use hashbrown::HashMap;
use waypost_ip::flow::{FlowConfig, FlowKey, Found, GrowingFlows, VecFlowTable};
use waypost_wire::{Instant, IpProtocol};

const RUNS: usize = 15;
/// Look-ups in a run.
const LOOKUPS: usize = 1 << 20;
const WAYS: [&str; 6] = [
    "batches of 32",
    "batches of 64",
    "batches of 64, packet noted",
    "one by one",
    "hashbrown one by one",
    "batches of 64, none there",
];

type Key = FlowKey<Ipv4Addr>;

fn main() {
    for count in [1000, 100_000, 1_000_000] {
        let mut random = Random(0x5eed);
        let config = FlowConfig {
            flows: count,
            half_open: count,
            per_source: usize::MAX,
            seed: 0x5eed,
            ..FlowConfig::default()
        };
        let mut table: VecFlowTable<Ipv4Addr, ()> = VecFlowTable::new(GrowingFlows, config);
        let mut map = HashMap::with_capacity(2 * count);
        let mut keys = Vec::with_capacity(2 * count);
        let start = time::Instant::now();
        while table.len() < count {
            let [a, b] = [(); 2].map(|()| {
                (
                    Ipv4Addr::from_bits(random.next() as u32),
                    random.next() as u16,
                )
            });
            let original = Key::new(IpProtocol::UDP, a, b);
            if table
                .insert(Instant::ZERO, original, original.reversed(), None, ())
                .is_ok()
            {
                keys.extend([original, original.reversed()]);
            }
        }
        let insert_ns = start.elapsed().as_nanos() as f64 / count as f64;
        for (number, key) in (0_u32..).zip(&keys) {
            map.insert(packed(key), number);
        }
        let asked: Vec<Key> = (0..LOOKUPS)
            .map(|_| keys[(random.next() % keys.len() as u64) as usize])
            .collect();
        let unknown: Vec<Key> = asked.iter().map(|key| key.in_zone(7)).collect();

        let mut times = [const { Vec::new() }; WAYS.len()];
        for _ in 0..RUNS {
            for (way, times) in times.iter_mut().enumerate() {
                let start = time::Instant::now();
                let found = match way {
                    0 => batched::<32>(&table, &asked),
                    1 => batched::<64>(&table, &asked),
                    2 => noted(&mut table, &asked),
                    3 => asked
                        .iter()
                        .filter(|key| table.lookup(black_box(key)).is_some())
                        .count(),
                    4 => asked
                        .iter()
                        .filter(|key| map.contains_key(&packed(black_box(key))))
                        .count(),
                    _ => LOOKUPS - batched::<64>(&table, &unknown),
                };
                times.push(start.elapsed().as_nanos() as f64 / LOOKUPS as f64);
                assert_eq!(found, LOOKUPS);
            }
        }
        println!("{count} flows, entered in {insert_ns:.0} ns each:");
        for (way, mut times) in WAYS.iter().zip(times) {
            times.sort_by(f64::total_cmp);
            println!(
                "  {way:28} {:6.1} ns a look-up, at best {:.1}",
                times[RUNS / 2],
                times[0]
            );
        }
    }
}

fn batched<const N: usize>(table: &VecFlowTable<Ipv4Addr, ()>, asked: &[Key]) -> usize {
    let mut found = [None; N];
    let mut count = 0;
    for keys in asked.chunks(N) {
        table.lookup_batch(black_box(keys), &mut found);
        count += found.iter().filter(|found| found.is_some()).count();
    }
    count
}

fn noted(table: &mut VecFlowTable<Ipv4Addr, ()>, asked: &[Key]) -> usize {
    let mut found: [Option<Found>; 64] = [None; 64];
    let mut count = 0;
    for keys in asked.chunks(64) {
        table.lookup_batch(black_box(keys), &mut found);
        for found in found.iter().flatten() {
            count += usize::from(table.packet(Instant::ZERO, *found, None).is_some());
        }
    }
    count
}

/// The key in the form that is cheapest to hash and to compare.
fn packed(key: &Key) -> (u64, u64) {
    let addrs = u64::from(key.source.to_bits()) << 32 | u64::from(key.destination.to_bits());
    let rest = u64::from(key.source_port) << 48
        | u64::from(key.destination_port) << 32
        | u64::from(key.zone) << 8
        | u64::from(key.protocol.0);
    (addrs, rest)
}

/// xorshift64*: the same keys in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

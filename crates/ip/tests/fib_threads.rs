//! Readers on threads of their own while a writer changes the table: every answer is one that the table
//! gives, and memory is used again.
#![cfg(feature = "alloc")]

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, TrySendError};
use std::thread;

use waypost_ip::fib::{Fib, FibAddr, FibLimits, FibReader, NextHop};
use waypost_wire::Prefix;

fn hop(index: u32) -> NextHop {
    NextHop::new(index).unwrap()
}

/// Each prefix has a next hop of its own, so that an answer says which route gave it.
#[derive(Default)]
struct Hops(BTreeMap<(Vec<u8>, u8), u32>);

impl Hops {
    fn of<A: FibAddr>(&mut self, prefix: Prefix<A>) -> NextHop {
        let network = prefix.network().octets().as_ref().to_vec();
        let next = self.0.len() as u32;
        hop(*self.0.entry((network, prefix.length())).or_insert(next))
    }
}

/// Routes that cover one another, of every length from `lengths`: those at even places come and go, those at
/// odd places stay. So an address has the longest that stays, or one of its own that is longer.
fn stress<A: FibAddr>(addrs: &[A], lengths: &[u8], segments: usize, rounds: u32) {
    for is_large in [false, true] {
        stress_one_form(addrs, lengths, segments, rounds, is_large);
    }
}

fn stress_one_form<A: FibAddr>(
    addrs: &[A],
    lengths: &[u8],
    segments: usize,
    rounds: u32,
    is_large: bool,
) {
    let limits = FibLimits {
        segments,
        ..FibLimits::default()
    };
    let mut fib = Fib::<A>::with_limits(limits);
    if is_large {
        fib.enlarge().unwrap();
    }
    let mut hops = Hops::default();
    let prefix = |addr: A, length: u8| Prefix::new_truncated(addr, length).unwrap();
    let stay = || lengths.iter().skip(1).step_by(2);
    let longest_that_stays = stay().max().unwrap();
    let mut allowed = Vec::new();
    for addr in addrs {
        for length in stay() {
            let route = prefix(*addr, *length);
            fib.insert(route, hops.of(route)).unwrap();
        }
        let longer = lengths
            .iter()
            .step_by(2)
            .filter(|it| *it > longest_that_stays);
        let answers = longer.chain([longest_that_stays]);
        let answers = answers.map(|length| hops.of(prefix(*addr, *length)));
        allowed.push(answers.collect::<Vec<_>>());
    }
    let done = AtomicBool::new(false);
    let looked = AtomicUsize::new(0);
    thread::scope(|scope| {
        let mut workers = Vec::new();
        for _ in 0..2 {
            let (send, receive) = mpsc::sync_channel::<FibReader<A>>(1);
            let mut reader = fib.reader();
            let (done, looked, allowed) = (&done, &looked, &allowed);
            scope.spawn(move || {
                let mut found = vec![None; addrs.len()];
                while !done.load(Ordering::Relaxed) {
                    reader.lookup_batch(addrs, &mut found);
                    for ((addr, found), allowed) in addrs.iter().zip(&found).zip(allowed) {
                        for found in [*found, reader.lookup(*addr)] {
                            let is_allowed = found.is_some_and(|it| allowed.contains(&it));
                            assert!(is_allowed, "{addr}: {found:?}, of {allowed:?}");
                        }
                    }
                    looked.fetch_add(1, Ordering::Relaxed);
                    if let Ok(new) = receive.try_recv() {
                        reader = new;
                    }
                }
            });
            workers.push(send);
        }
        let mut refused = 0u64;
        let mut round = 0;
        while round < rounds || looked.load(Ordering::Relaxed) < 100 {
            round += 1;
            for addr in addrs {
                for length in lengths.iter().step_by(2) {
                    let route = prefix(*addr, *length);
                    let begun = if round % 2 == 0 {
                        fib.begin_remove(route)
                    } else {
                        fib.begin_insert(route, hops.of(route))
                    };
                    refused += u64::from(begun.is_err());
                    while !fib.work(500) {}
                }
            }
            for (n, worker) in workers.iter().enumerate() {
                // Readers of different ages; one that is still to be taken will do; a worker that is gone has failed.
                let is_due = n == 0 || round % 5 == 0;
                if is_due && let Err(TrySendError::Disconnected(_)) = worker.try_send(fib.reader())
                {
                    done.store(true, Ordering::Relaxed);
                    return;
                }
            }
        }
        assert_eq!(fib.refused(), refused);
        done.store(true, Ordering::Relaxed);
    });
    fib.reader();
    assert_eq!(fib.collect(), 0);
}

/// A table that grows from few routes to many: each address is answered by its own route from the moment that one is there,
/// in the form of before and in that of after.
fn grows<A: FibAddr>(routes: &[(Prefix<A>, A)]) {
    let mut fib = Fib::<A>::new();
    let there = AtomicUsize::new(0);
    let looked = AtomicUsize::new(0);
    let addrs: Vec<A> = routes.iter().map(|(_, addr)| *addr).collect();
    thread::scope(|scope| {
        let mut workers = Vec::new();
        for _ in 0..2 {
            let (send, receive) = mpsc::sync_channel::<FibReader<A>>(1);
            let mut reader = fib.reader();
            let (there, looked, addrs) = (&there, &looked, &addrs);
            scope.spawn(move || {
                let mut found = vec![None; addrs.len()];
                let mut seen = 0;
                while seen < addrs.len() {
                    let before = there.load(Ordering::Acquire);
                    reader.lookup_batch(addrs, &mut found);
                    for (n, (addr, found)) in addrs.iter().zip(&found).enumerate() {
                        let own = Some(hop(n as u32));
                        let is_there = n < before;
                        assert!(
                            *found == own || !is_there && found.is_none(),
                            "{n}: {found:?}"
                        );
                        let found = reader.lookup(*addr);
                        assert!(
                            found == own || !is_there && found.is_none(),
                            "{n}: {found:?}"
                        );
                    }
                    seen = before;
                    looked.fetch_add(1, Ordering::Relaxed);
                    if let Ok(new) = receive.try_recv() {
                        reader = new;
                    }
                }
            });
            workers.push(send);
        }
        for (n, (prefix, _)) in routes.iter().enumerate() {
            while fib.insert(*prefix, hop(n as u32)).is_err() {
                for worker in &workers {
                    let _ = worker.try_send(fib.reader());
                }
                thread::yield_now();
            }
            there.store(n + 1, Ordering::Release);
            let looked_before = looked.load(Ordering::Relaxed);
            while n % 16 == 0 && looked.load(Ordering::Relaxed) == looked_before {
                thread::yield_now();
            }
        }
    });
    assert!(fib.is_large());
}

#[test]
fn readers_see_no_gap_while_a_small_table_becomes_large() {
    for start in 0..4u32 {
        let routes: Vec<_> = (0..400u32)
            .map(|n| Ipv4Addr::from_bits((n + start).wrapping_mul(0x9e37_79b9)))
            .map(|addr| (Prefix::host(addr), addr))
            .collect();
        grows(&routes);
        let routes: Vec<_> = (0..400u128)
            .map(|n| {
                (n + u128::from(start)).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
            })
            .map(Ipv6Addr::from_bits)
            .map(|addr| (Prefix::new_truncated(addr, 64).unwrap(), addr))
            .collect();
        grows(&routes);
    }
}

#[test]
fn readers_of_ipv4_see_only_what_the_table_says() {
    let addrs: Vec<Ipv4Addr> = (0..60u8).map(|n| Ipv4Addr::new(10, n % 7, n, n)).collect();
    stress(
        &addrs,
        &[32, 0, 31, 4, 28, 8, 20, 9, 25, 12, 24, 16, 17, 10],
        5,
        60,
    );
    stress(&addrs, &[32, 8, 30, 16, 24, 17, 26, 20], 5, 60);
}

#[test]
fn readers_of_ipv6_see_only_what_the_table_says() {
    let addrs: Vec<Ipv6Addr> = (0..60u16)
        .map(|n| Ipv6Addr::new(0x2001, 0xdb8 + n % 3, n, n % 5, 0, 0, 0, n))
        .collect();
    stress(&addrs, &[128, 0, 64, 16, 48, 20, 33, 32], 3, 60);
    stress(&addrs, &[128, 16, 127, 29, 64, 32, 56, 40, 52, 44], 3, 60);
}

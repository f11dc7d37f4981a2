//! Readers on threads of their own while a writer changes the table: every answer is one that the table
//! gives, and memory is used again.
#![cfg(feature = "alloc")]

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, TrySendError};
use std::thread;

use waypost_ip::fib::{Fib, FibAddr, FibLimits, FibReader, NextHop};
use waypost_wire::Prefix;

fn hop(index: u32) -> NextHop {
    NextHop::new(index).unwrap()
}

/// Routes that cover one another, of every length from `lengths`: those at even places come and go, those at
/// odd places stay and say which lengths may answer.
fn stress<A: FibAddr>(addrs: &[A], lengths: &[u8], rounds: u32) {
    let limits = FibLimits {
        segments: 8,
        ..FibLimits::default()
    };
    let mut fib = Fib::<A>::with_limits(limits);
    let prefix = |addr: A, length: u8| Prefix::new_truncated(addr, length).unwrap();
    for addr in addrs {
        for length in lengths.iter().skip(1).step_by(2) {
            fib.insert(prefix(*addr, *length), hop((*length).into()))
                .unwrap();
        }
    }
    let longest_that_stays = *lengths.iter().skip(1).step_by(2).next_back().unwrap();
    let done = AtomicBool::new(false);
    let looked = AtomicUsize::new(0);
    thread::scope(|scope| {
        let mut workers = Vec::new();
        for _ in 0..2 {
            let (send, receive) = mpsc::sync_channel::<FibReader<A>>(1);
            let mut reader = fib.reader();
            let (done, looked) = (&done, &looked);
            scope.spawn(move || {
                let mut hops = vec![None; addrs.len()];
                while !done.load(Ordering::Relaxed) {
                    reader.lookup_batch(addrs, &mut hops);
                    for (addr, found) in addrs.iter().zip(&hops) {
                        for found in [*found, reader.lookup(*addr)] {
                            // A hop's number is its route's length, with 1000 added while it comes
                            // and goes.
                            let length = found.map_or(0, NextHop::index) % 1000;
                            assert!(
                                length >= longest_that_stays.into()
                                    && lengths.iter().any(|it| u32::from(*it) == length),
                                "{addr}: {found:?}"
                            );
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
                    if round % 2 == 0 {
                        fib.remove(route);
                    } else if fib
                        .begin_insert(route, hop(1000 + u32::from(*length)))
                        .is_err()
                    {
                        refused += 1;
                    }
                    while !fib.work(500) {}
                }
            }
            for worker in &workers {
                // One that is still to be taken will do; a worker that is gone has failed.
                if let Err(TrySendError::Disconnected(_)) = worker.try_send(fib.reader()) {
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

#[test]
fn readers_of_ipv4_see_only_what_the_table_says() {
    let addrs: Vec<Ipv4Addr> = (0..60u8).map(|n| Ipv4Addr::new(10, n % 7, n, n)).collect();
    stress(
        &addrs,
        &[32, 0, 31, 4, 28, 8, 20, 9, 25, 12, 24, 16, 17, 10],
        60,
    );
    stress(&addrs, &[32, 8, 30, 16, 24, 17, 26, 20], 60);
}

#[test]
fn readers_of_ipv6_see_only_what_the_table_says() {
    let addrs: Vec<Ipv6Addr> = (0..60u16)
        .map(|n| Ipv6Addr::new(0x2001, 0xdb8 + n % 3, n, n % 5, 0, 0, 0, n))
        .collect();
    stress(&addrs, &[128, 0, 64, 16, 48, 20, 33, 32], 60);
    stress(&addrs, &[128, 16, 127, 29, 64, 32, 56, 40, 52, 44], 60);
}

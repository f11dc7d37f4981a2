//! What tables of both versions keep, as they say and as the allocator counts.
#![cfg(feature = "alloc")]

mod bgp;

use std::net::{Ipv4Addr, Ipv6Addr};

use waypost_counting::{Counting, kept_by};
use waypost_ip::fib::{Fib, FibAddr, FibFull, FibLimits, NextHop};
use waypost_wire::{Ipv4Prefix, Ipv6Prefix, Prefix};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn table<A: FibAddr>(prefixes: impl IntoIterator<Item = Prefix<A>>) -> Fib<A> {
    let mut fib = Fib::new();
    for (n, prefix) in (0..).zip(prefixes) {
        fib.insert(prefix, NextHop::new(n).unwrap()).unwrap();
    }
    fib
}

/// Builds a table; what it keeps with itself, which must be what it says but for what each allocation takes for counts.
fn kept<A: FibAddr>(prefixes: Vec<Prefix<A>>) -> usize {
    let (table, octets) = kept_by(|| Box::new(table(prefixes)));
    let (said, most) = (table.bytes(), octets + octets / 50);
    assert!(
        octets <= said + said / 50 + 256 && said <= most,
        "{octets} kept, {said} said"
    );
    octets
}

fn ten_of_ipv4(random: &mut bgp::Random, length: u8) -> Vec<Ipv4Prefix> {
    let mut prefix = |_| Prefix::new_truncated(random.addr(), length).unwrap();
    (0..10).map(&mut prefix).collect()
}

fn ten_of_ipv6(random: &mut bgp::Random, length: u8) -> Vec<Ipv6Prefix> {
    let mut prefix = |_| Prefix::new_truncated(random.addr6(), length).unwrap();
    (0..10).map(&mut prefix).collect()
}

#[test]
fn an_empty_table_takes_a_page() {
    assert!(kept::<Ipv4Addr>(Vec::new()) <= 4096);
    assert!(kept::<Ipv6Addr>(Vec::new()) <= 4096);
}

#[test]
fn ten_routes_take_some_kilobytes_wherever_they_lie() {
    let mut random = bgp::Random::new(3);
    for (length, kib) in [(8, 4), (16, 16), (24, 26), (32, 40)] {
        let octets = kept(ten_of_ipv4(&mut random, length));
        assert!(octets <= kib << 10, "/{length}: {octets}");
    }
    for (length, kib) in [(32, 7), (48, 10), (64, 13), (128, 26)] {
        let octets = kept(ten_of_ipv6(&mut random, length));
        assert!(octets <= kib << 10, "/{length}: {octets}");
    }
}

#[test]
fn a_thousand_tables_of_both_versions_take_what_their_routes_do() {
    let mut random = bgp::Random::new(11);
    let (tables, octets) = kept_by(|| {
        let pair = |_| {
            let of_ipv4 = table(ten_of_ipv4(&mut random, 24));
            (of_ipv4, table(ten_of_ipv6(&mut random, 48)))
        };
        (0..1000).map(pair).collect::<Vec<_>>()
    });
    let said = tables.iter().map(|(a, b)| a.bytes() + b.bytes());
    let said: usize = said.sum();
    assert!(octets < 37_000_000 && said < 37_000_000, "{octets}, {said}");
    assert!(octets.abs_diff(said) < octets / 50, "{octets}, {said}");
}

/// With readers too, which hold no copy of anything.
#[test]
fn a_reader_costs_room_for_changes_and_no_more() {
    let mut random = bgp::Random::new(12);
    let mut fib = table(ten_of_ipv6(&mut random, 48));
    let before = fib.bytes();
    let (readers, octets) = kept_by(|| (0..8).map(|_| fib.reader()).collect::<Vec<_>>());
    assert!(octets < 8 << 10, "{octets}");
    assert!(fib.bytes() - before < 8 << 10);
    assert!(!fib.is_large() && readers.len() == 8);
}

/// No step up in memory is more than what the table took before and the top of a large table.
#[test]
fn memory_follows_the_routes() {
    let (mut fib, mut last) = (Fib::<Ipv4Addr>::new(), usize::MAX);
    for (n, prefix) in bgp::prefixes(20_000).into_iter().enumerate() {
        fib.insert(prefix, NextHop::new(n as u32).unwrap()).unwrap();
        let bytes = fib.bytes();
        let most = last.saturating_add(last / 4 + (640 << 10));
        assert!(bytes <= most, "{n} routes: {last}, then {bytes}");
        assert!(bytes <= n * 2600 + (700 << 10), "{n} routes: {bytes}");
        last = bytes;
    }
    assert!(fib.is_large());
    let fib = table(bgp::prefixes6(50_000));
    assert!(fib.bytes() < 50_000 * 200, "{} bytes", fib.bytes());
}

/// Host routes that have nothing in common.
fn apart(number: u32) -> Prefix<Ipv4Addr> {
    Prefix::host(Ipv4Addr::from_bits(number << 24 | 1))
}

#[test]
fn a_small_table_whose_readers_are_in_the_way_says_so() {
    let limits = FibLimits {
        segments: 0,
        ..FibLimits::default()
    };
    let mut fib = Fib::<Ipv4Addr>::with_limits(limits);
    let hop = NextHop::new(1).unwrap();
    let mut count = 0;
    while fib.insert(apart(count), hop).is_ok() {
        count += 1;
    }
    let reader = fib.reader();
    assert_eq!(fib.remove(apart(0)), Ok(Some(hop)));
    assert_eq!(fib.insert(apart(0), hop), Err(FibFull::Readers));
    drop(reader);
    assert_eq!(fib.insert(apart(0), hop), Ok(None));
    assert_eq!(fib.insert(apart(count), hop), Err(FibFull::Memory));
}

#[test]
fn a_route_that_comes_and_goes_makes_no_table_large() {
    let mut fib = Fib::<Ipv4Addr>::new();
    let hop = NextHop::new(1).unwrap();
    for number in 0..10 {
        fib.insert(apart(number), hop).unwrap();
    }
    // A worker that gets a new reader only when it must.
    let mut reader = fib.reader();
    for _ in 0..2000 {
        fib.remove(apart(3)).unwrap();
        while let Err(full) = fib.insert(apart(3), hop) {
            assert_eq!(full, FibFull::Readers);
            reader = fib.reader();
        }
        assert_eq!(reader.lookup(apart(3).network()), Some(hop));
    }
    assert!(!fib.is_large() && fib.bytes() < 384 << 10);
}

#[test]
fn the_pages_that_readers_of_the_small_form_keep_are_counted() {
    let hop = NextHop::new(1).unwrap();
    let ((mut fib, mut readers), octets) = kept_by(|| {
        let (mut fib, mut readers) = (Fib::<Ipv4Addr>::new(), Vec::with_capacity(100));
        for number in 0..70 {
            fib.insert(apart(number), hop).unwrap();
        }
        // Of two generations.
        for number in 0..2 {
            readers.push(fib.reader());
            fib.remove(apart(number)).unwrap();
        }
        fib.enlarge().unwrap();
        (fib, readers)
    });
    let counts = 100 * size_of_val(&readers[0]);
    let said = fib.bytes() + counts - size_of_val(&fib);
    assert!(
        fib.is_large() && octets.abs_diff(said) < octets / 50,
        "{octets}, {said}"
    );
    let before = fib.bytes();
    readers.clear();
    let given_back = before - fib.bytes();
    assert!((210 << 10..258 << 10).contains(&given_back), "{given_back}");
    assert_eq!(fib.collect(), 0);
}

/// From three quarters of the small form on, and not before, a table with readers has memory for the large form, which it keeps.
#[test]
fn a_table_with_readers_that_is_nearly_large_takes_up_to_768_kib() {
    let hop = NextHop::new(1).unwrap();
    let mut fib = Fib::<Ipv4Addr>::new();
    for number in 0..63 {
        fib.insert(apart(number), hop).unwrap();
    }
    drop(fib.reader());
    // 189 of 254 chunks.
    assert!(fib.bytes() < 256 << 10, "{}", fib.bytes());
    for number in 63..68 {
        fib.insert(apart(number), hop).unwrap();
    }
    assert!(fib.bytes() < 256 << 10, "without readers: {}", fib.bytes());
    // 204: four fifths.
    drop(fib.reader());
    assert!(
        !fib.is_large() && fib.bytes() <= 768 << 10,
        "{}",
        fib.bytes()
    );
    for number in 0..68 {
        fib.remove(apart(number)).unwrap();
    }
    fib.collect();
    assert!(fib.bytes() > 512 << 10, "{}", fib.bytes());

    let mut random = bgp::Random::new(4);
    let mut fib = Fib::<Ipv6Addr>::new();
    while fib.chunk_bytes() < 52 << 10 {
        let prefix = Prefix::new_truncated(random.addr6(), 48).unwrap();
        fib.insert(prefix, hop).unwrap();
    }
    assert!(fib.bytes() < 96 << 10, "{}", fib.bytes());
    drop(fib.reader());
    assert!(
        !fib.is_large() && fib.bytes() <= 480 << 10,
        "{}",
        fib.bytes()
    );
}

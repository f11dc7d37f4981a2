//! The forwarding table of IPv4 against plain models.
#![cfg(feature = "alloc")]

mod bgp;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use proptest::prelude::*;
use waypost_ip::fib::{Fib, FibFull, FibLimits, NextHop};
use waypost_wire::Ipv4Prefix;

fn hop(index: u32) -> NextHop {
    NextHop::new(index).unwrap()
}

fn prefix(text: &str) -> Ipv4Prefix {
    text.parse().unwrap()
}

/// An empty table in the form of large ones.
fn large() -> Fib {
    let mut fib = Fib::new();
    fib.enlarge().unwrap();
    fib
}

/// All routes in a list; the answer is found by looking at each.
#[derive(Default)]
struct Linear(BTreeMap<Ipv4Prefix, NextHop>);

impl Linear {
    fn lookup(&self, addr: Ipv4Addr) -> Option<NextHop> {
        let matching = self.0.iter().filter(|(prefix, _)| prefix.contains(addr));
        matching
            .max_by_key(|(prefix, _)| prefix.length())
            .map(|(_, hop)| *hop)
    }
}

/// One map for each length; the answer is found by asking from the longest down.
struct ByLength(Vec<BTreeMap<Ipv4Addr, NextHop>>);

impl ByLength {
    fn lookup(&self, addr: Ipv4Addr) -> Option<NextHop> {
        (0..=32u8).rev().find_map(|length| {
            let network = Ipv4Prefix::new_truncated(addr, length).unwrap().network();
            self.0[usize::from(length)].get(&network).copied()
        })
    }
}

#[test]
fn a_next_hop_is_22_bits() {
    assert_eq!(hop(0).index(), 0);
    assert_eq!(hop(NextHop::MAX_INDEX).index(), 0x3f_ffff);
    assert_eq!(NextHop::new(NextHop::MAX_INDEX + 1), None);
    assert_eq!(size_of::<Option<NextHop>>(), 4);
}

#[test]
fn the_longest_prefix_wins_and_uncovers_the_next() {
    wins_and_uncovers(Fib::new(), 3);
    wins_and_uncovers(large(), 2);
}

fn wins_and_uncovers(mut fib: Fib, chunks: usize) {
    let addr = Ipv4Addr::new(10, 1, 2, 3);
    let routes = [0u8, 1, 7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 32];
    let under = |length| Ipv4Prefix::new_truncated(addr, length).unwrap();
    for length in routes {
        assert_eq!(fib.insert(under(length), hop(length.into())), Ok(None));
        assert_eq!(fib.lookup(addr), Some(hop(length.into())));
    }
    assert_eq!(fib.len(), routes.len());
    assert_eq!(fib.chunks(), chunks);
    for length in routes.into_iter().rev() {
        assert_eq!(fib.lookup(addr), Some(hop(length.into())));
        assert_eq!(fib.remove(under(length)), Ok(Some(hop(length.into()))));
        assert_eq!(fib.remove(under(length)), Ok(None));
    }
    assert_eq!(fib.lookup(addr), None);
    assert!(fib.is_empty());
    assert_eq!(fib.chunks(), 0);
}

#[test]
fn a_later_route_of_the_same_prefix_replaces() {
    let mut fib = Fib::new();
    for text in [
        "0.0.0.0/0",
        "10.0.0.0/8",
        "10.1.0.0/16",
        "10.1.2.0/24",
        "10.1.2.3/32",
    ] {
        assert_eq!(fib.insert(prefix(text), hop(1)), Ok(None));
        assert_eq!(fib.insert(prefix(text), hop(2)), Ok(Some(hop(1))));
        assert_eq!(fib.lookup(prefix(text).network()), Some(hop(2)));
        assert_eq!(fib.route(prefix(text)), Some(hop(2)));
    }
    assert_eq!(fib.len(), 5);
}

#[test]
fn a_full_table_refuses_counts_and_stays_as_it_is() {
    let limits = FibLimits {
        routes: 129,
        segments: 3,
    };
    let mut fib = Fib::with_limits(limits);
    fib.enlarge().unwrap();
    // One segment beside the top's two: 128 chunks, here one for each route.
    let one_chunk = |n: u8| Ipv4Prefix::new(Ipv4Addr::new(10, n, 2, 0), 24).unwrap();
    for n in 0..127 {
        fib.insert(one_chunk(n), hop(1)).unwrap();
    }
    let two_chunks = prefix("11.1.2.3/32");
    assert_eq!(fib.insert(two_chunks, hop(1)), Err(FibFull::Memory));
    assert_eq!(fib.lookup(two_chunks.network()), None);
    assert_eq!((fib.chunks(), fib.len()), (127, 127));
    fib.insert(one_chunk(127), hop(1)).unwrap();
    assert_eq!(fib.insert(one_chunk(128), hop(1)), Err(FibFull::Memory));
    fib.insert(prefix("10.1.3.0/24"), hop(1)).unwrap();
    assert_eq!(
        fib.insert(prefix("10.0.0.0/8"), hop(1)),
        Err(FibFull::Routes)
    );
    assert_eq!(fib.insert(prefix("10.1.3.0/24"), hop(2)), Ok(Some(hop(1))));
    assert_eq!(fib.refused(), 3);
    assert_eq!(fib.lookup(Ipv4Addr::new(10, 9, 9, 9)), None);
    // A chunk that is given back serves again.
    fib.remove(prefix("10.1.2.0/24")).unwrap();
    fib.remove(prefix("10.1.3.0/24")).unwrap();
    assert_eq!(fib.insert(one_chunk(200), hop(3)), Ok(None));
    assert_eq!(fib.lookup(Ipv4Addr::new(10, 200, 2, 2)), Some(hop(3)));
}

#[test]
fn a_batch_answers_as_one_by_one() {
    let mut fib = Fib::new();
    for (index, prefix) in (0..).zip(bgp::prefixes(1000)) {
        fib.insert(prefix, hop(index)).unwrap();
    }
    fib.insert(prefix("200.1.2.3/32"), hop(9999)).unwrap();
    let mut random = bgp::Random::new(1);
    for count in [0, 1, 63, 64, 65, 255, 256, 300] {
        let mut addrs: Vec<Ipv4Addr> = (0..count).map(|_| random.addr()).collect();
        if let Some(first) = addrs.first_mut() {
            *first = Ipv4Addr::new(200, 1, 2, 3);
        }
        let mut hops = vec![Some(hop(1)); count + 1];
        fib.lookup_batch(&addrs, &mut hops);
        for (addr, found) in addrs.iter().zip(&hops) {
            assert_eq!(*found, fib.lookup(*addr));
        }
        assert_eq!(
            hops[count],
            Some(hop(1)),
            "beyond the addresses nothing is written"
        );
        let mut short = vec![None; count / 2];
        fib.lookup_batch(&addrs, &mut short);
        assert_eq!(short, hops[..count / 2]);
    }
}

#[test]
fn a_hundred_thousand_routes_come_and_go() {
    // Among those of BGP, host routes and others longer than /24.
    let mut prefixes = bgp::prefixes(90_000);
    let longer = (0..)
        .zip(&prefixes[..10_000])
        .map(|(n, prefix)| Ipv4Prefix::new_truncated(prefix.last(), 25 + (n % 8) as u8).unwrap());
    let longer: Vec<Ipv4Prefix> = longer.collect();
    prefixes.extend(longer);
    prefixes.sort_unstable();
    prefixes.dedup();
    let mut fib = Fib::new();
    let mut model = ByLength(vec![BTreeMap::new(); 33]);
    let mut random = bgp::Random::new(7);
    let check = |fib: &Fib, model: &ByLength, random: &mut bgp::Random| {
        let (mut addrs, mut expected) = (Vec::new(), Vec::new());
        for n in 0..50_000 {
            // Half anywhere, half at the edges of prefixes.
            let some = prefixes[random.below(prefixes.len() as u64) as usize];
            let addr = match n % 4 {
                0 => some.network(),
                1 => some.last(),
                _ => random.addr(),
            };
            let found = model.lookup(addr);
            assert_eq!(fib.lookup(addr), found, "{addr}");
            addrs.push(addr);
            expected.push(found);
        }
        let mut hops = vec![None; addrs.len()];
        fib.lookup_batch(&addrs, &mut hops);
        assert!(hops == expected, "batches answer as single look-ups do");
    };
    for (index, prefix) in (0..).zip(&prefixes) {
        assert_eq!(fib.insert(*prefix, hop(index)), Ok(None));
        model.0[usize::from(prefix.length())].insert(prefix.network(), hop(index));
    }
    check(&fib, &model, &mut random);
    let mut listed = 0;
    fib.for_each(|prefix, hop| {
        assert_eq!(
            model.0[usize::from(prefix.length())].get(&prefix.network()),
            Some(&hop)
        );
        listed += 1;
    });
    assert_eq!((listed, fib.len()), (prefixes.len(), prefixes.len()));
    let chunks = fib.chunks();
    for prefix in prefixes.iter().step_by(2) {
        assert!(fib.remove(*prefix).unwrap().is_some());
        model.0[usize::from(prefix.length())].remove(&prefix.network());
    }
    check(&fib, &model, &mut random);
    for prefix in prefixes.iter().skip(1).step_by(2) {
        assert!(fib.remove(*prefix).unwrap().is_some());
    }
    assert_eq!((fib.len(), fib.chunks()), (0, 0));
    for (index, prefix) in (0..).zip(&prefixes) {
        fib.insert(*prefix, hop(index)).unwrap();
    }
    assert_eq!(fib.chunks(), chunks, "what was given back is used again");
}

/// Prefixes that lie under, over and beside one another: few addresses, all lengths.
fn crowded() -> impl Strategy<Value = Ipv4Prefix> {
    let octet = || prop_oneof![Just(0u8), Just(1), Just(127), Just(128), Just(255)];
    (octet(), octet(), octet(), octet(), 0u8..=32).prop_map(|(a, b, c, d, length)| {
        Ipv4Prefix::new_truncated(Ipv4Addr::new(a, b, c, d), length).unwrap()
    })
}

proptest! {
    #[test]
    fn any_changes_give_what_a_list_gives(
        ops in prop::collection::vec((any::<bool>(), crowded(), 0u32..5), 1..120),
        addrs in prop::collection::vec(any::<u32>(), 20),
        is_large in any::<bool>(),
    ) {
        let mut fib = if is_large { large() } else { Fib::new() };
        let mut model = Linear::default();
        let mut touched: Vec<Ipv4Addr> = addrs.into_iter().map(Ipv4Addr::from_bits).collect();
        for (insert, prefix, index) in ops {
            if insert {
                prop_assert_eq!(fib.insert(prefix, hop(index)), Ok(model.0.insert(prefix, hop(index))));
            } else {
                // Mostly one that is there.
                let present = model.0.keys().nth(index as usize).copied().unwrap_or(prefix);
                prop_assert_eq!(fib.remove(present), Ok(model.0.remove(&present)));
                touched.extend([present.network(), present.last()]);
            }
            let (first, last) = (prefix.network().to_bits(), prefix.last().to_bits());
            let around = [first, last, first.wrapping_sub(1), last.wrapping_add(1)];
            touched.extend(around.map(Ipv4Addr::from_bits));
            prop_assert_eq!(fib.len(), model.0.len());
            prop_assert_eq!(fib.route(prefix), model.0.get(&prefix).copied());
        }
        let mut hops = vec![None; touched.len()];
        fib.lookup_batch(&touched, &mut hops);
        for (addr, found) in touched.iter().zip(hops) {
            prop_assert_eq!(found, model.lookup(*addr), "batch {}", addr);
            prop_assert_eq!(fib.lookup(*addr), found, "single {}", addr);
        }
        let mut listed = BTreeMap::new();
        fib.for_each(|prefix, hop| { listed.insert(prefix, hop); });
        prop_assert_eq!(&listed, &model.0);
        for prefix in model.0.keys() {
            fib.remove(*prefix).unwrap();
        }
        prop_assert_eq!((fib.len(), fib.chunks()), (0, 0));
    }
}

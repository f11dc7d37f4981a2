//! The times of a neighbour table: the reachable time, which is drawn at random, and what a router advertisement sets
//! while the table lives.
#![cfg(feature = "alloc")]

use std::net::{Ipv4Addr, Ipv6Addr};

use waypost_ip::neighbor::{GrowingNeighbors, NeighborConfig, Sent, State, VecNeighborTable};
use waypost_wire::icmpv6::ndp::RouterAdvertisement;
use waypost_wire::{Duration, Instant, MacAddr};

type Table = VecNeighborTable<Ipv6Addr, u32>;

const PEER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);
const PEER_MAC: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 2]);

const fn ms(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn seeded(seed: u64) -> NeighborConfig {
    NeighborConfig {
        seed,
        ..NeighborConfig::default()
    }
}

/// A table that has heard the peer.
fn stale(seed: u64) -> Table {
    let mut table = Table::new(GrowingNeighbors, seeded(seed));
    table.handle_request(ms(0), PEER, PEER_MAC, true);
    assert_eq!(table.state(PEER), Some(State::Stale));
    table
}

/// A table that has just asked for the peer.
fn asking() -> Table {
    let mut table = Table::new(GrowingNeighbors, seeded(0));
    assert_eq!(table.send(ms(0), PEER, 7), Sent::Held);
    assert_eq!(drain(&mut table), 1);
    table
}

/// How many events there are.
fn drain(table: &mut Table) -> usize {
    std::iter::from_fn(|| table.poll_event()).count()
}

/// How long the peer is reachable after an answer at a time: it is to the millisecond as long as the table says.
fn reachable_for(table: &mut Table, now: u64) -> u64 {
    table.confirm(ms(now), PEER);
    let time = table.reachable_time().as_millis();
    table.handle_timeout(ms(now + time - 1));
    assert_eq!(table.state(PEER), Some(State::Reachable));
    table.handle_timeout(ms(now + time));
    assert_eq!(table.state(PEER), Some(State::Stale));
    time
}

#[test]
fn the_reachable_time_is_drawn_around_its_base_every_few_hours() {
    const HOURS: u64 = 2 * 3_600_000;
    let (mut tenths, mut same, mut changed) = ([0; 10], 0, 0);
    for seed in 0..1000 {
        let mut table = stale(seed);
        let start = 5 * seed;
        let time = reachable_for(&mut table, start);
        assert!((15_000..=45_000).contains(&time), "{seed}: {time}");
        tenths[(time as usize - 15_000) / 3_001] += 1;
        // It stays what it is, and then is another.
        for later in [100_000, HOURS - 1] {
            same += usize::from(reachable_for(&mut table, start + later) == time);
        }
        let other = reachable_for(&mut table, start + HOURS);
        changed += usize::from(other != time);
        assert!((15_000..=45_000).contains(&other), "{seed}: {other}");
        assert_eq!(reachable_for(&mut table, start + 2 * HOURS - 1), other);
    }
    assert!(
        tenths.iter().all(|count| (70..130).contains(count)),
        "{tenths:?}"
    );
    assert_eq!(same, 2000);
    assert!(changed > 990, "{changed}");
}

/// RFC 4861 §6.3.4: what is told is taken; what is left open, as zero, stays.
#[test]
fn a_router_advertisement_sets_the_times() {
    let take = |table: &mut Table, reachable_time_ms, retrans_timer_ms| {
        let mut head = RouterAdvertisement::new(Duration::from_secs(1800));
        head.set_reachable_time_ms(reachable_time_ms);
        head.set_retrans_timer_ms(retrans_timer_ms);
        table.set_times(
            Duration::from_millis(head.reachable_time_ms().into()),
            Duration::from_millis(head.retrans_timer_ms().into()),
        );
    };
    let mut table = stale(0);
    let first = reachable_for(&mut table, 0);
    // The same base, or none: nothing is drawn.
    for told in [30_000, 0] {
        take(&mut table, told, 0);
        assert_eq!(reachable_for(&mut table, 100_000), first);
    }
    let mut times = Vec::new();
    for told in [600_000, 2_000, 3_600_000, 30_000, 1] {
        take(&mut table, told, 0);
        let time = reachable_for(&mut table, 10_000_000);
        let told = u64::from(told);
        assert!(
            (told.div_ceil(2)..=told * 3 / 2).contains(&time),
            "{told}: {time}"
        );
        times.push(time);
    }
    assert_ne!(times[3], first);
    // No base is too great or too small for a time to be drawn.
    for base in [Duration::from_nanos(1), Duration::MAX] {
        table.set_times(base, Duration::ZERO);
        let least = Duration::from_millis(1).max(base / 2 - Duration::from_millis(1));
        assert!(table.reachable_time() >= least, "{base}");
    }
    // Who is reachable keeps the time that runs.
    take(&mut table, 4_000, 0);
    table.confirm(ms(20_000_000), PEER);
    let running = table.reachable_time().as_millis();
    take(&mut table, 400_000, 0);
    table.handle_timeout(ms(20_000_000 + running));
    assert_eq!(table.state(PEER), Some(State::Stale));

    let asked = |table: &mut Table, at: u64| {
        table.handle_timeout(ms(at));
        drain(table)
    };
    for (told, is) in [(3_000, 3_000), (0, 3_000), (10, 10)] {
        let mut table = asking();
        take(&mut table, 0, 3_000);
        take(&mut table, 0, told);
        // The first request was sent before, the next a second later.
        assert_eq!((asked(&mut table, 999), asked(&mut table, 1000)), (0, 1));
        assert_eq!(asked(&mut table, 1000 + is - 1), 0);
        assert_eq!(asked(&mut table, 1000 + is), 1);
    }
    let mut table = asking();
    table.set_times(Duration::ZERO, Duration::from_nanos(1));
    assert_eq!(asked(&mut table, 1000), 1);
    assert_eq!(table.poll_timeout(), Some(ms(1001)));
}

/// Of ARP nothing asks for a random time: it is what it is set to, whatever the seed and the hour.
#[test]
fn the_reachable_time_of_arp_is_not_drawn() {
    for seed in 0..20 {
        let peer = Ipv4Addr::new(10, 0, 0, 2);
        let mut table = VecNeighborTable::<_, u32>::new(GrowingNeighbors, seeded(seed));
        table.handle_request(ms(0), peer, PEER_MAC, true);
        for (now, told, is) in [
            (0, 0, 30_000),
            (50_000_000, 0, 30_000),
            (60_000_000, 7_000, 7_000),
        ] {
            table.set_times(Duration::from_millis(told), Duration::ZERO);
            table.confirm(ms(now), peer);
            assert_eq!(table.reachable_time(), Duration::from_millis(is));
            table.handle_timeout(ms(now + is - 1));
            assert_eq!(table.state(peer), Some(State::Reachable));
            table.handle_timeout(ms(now + is));
            assert_eq!(table.state(peer), Some(State::Stale));
        }
    }
}

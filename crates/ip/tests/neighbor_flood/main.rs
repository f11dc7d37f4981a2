//! Floods against the neighbour table, and what it answers for others: a scan of a /16 and of an IPv6 /64
//! leave memory at its bound, requests at their rate, neighbours served, and counters right (RFC 6583).
#![cfg(feature = "alloc")]

mod scan;

use std::net::{Ipv4Addr, Ipv6Addr};

use waypost_ip::neighbor::{
    Answer, Event, GrowingNeighbors, Heard, NeighborConfig, Own, ProxyRule, ProxySet, Sent, State,
    VecNeighborTable,
};
use waypost_ip::{DropCounters, DropReason};
use waypost_wire::arp::ArpHeader;
use waypost_wire::{Duration, Instant, Ip, MacAddr};

const MAC: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 1]);
const ANSWER: Answer = Answer {
    solicited: true,
    overrides: true,
};

fn mac_of(n: usize) -> MacAddr {
    let [.., a, b] = n.to_be_bytes();
    MacAddr::new([2, 0, 0, 1, a, b])
}

const GOOD: usize = 200;
const SECONDS: u64 = 120;

/// What a scan left behind.
#[derive(Debug, Default)]
struct Toll {
    requests: usize,
    sent: usize,
    /// Per second, the most requests that left.
    busiest: usize,
}

/// For two minutes: each second a part of the scan, and one packet to each good neighbour, all of which
/// answer what they are asked at once. One new neighbour comes every second.
fn scan<A: Ip>(
    config: NeighborConfig,
    good: impl Fn(usize) -> A,
    late: impl Fn(usize) -> A,
    scanned: impl Fn(usize) -> A,
    per_second: usize,
) -> Toll {
    let mut table: VecNeighborTable<A, usize> = VecNeighborTable::new(GrowingNeighbors, config);
    let mut toll = Toll::default();
    for n in 0..GOOD {
        table.handle_request(Instant::ZERO, good(n), mac_of(n), true);
    }
    let (mut inside, mut dropped) = (0u64, [0u64; DropReason::COUNT]);
    for second in 0..SECONDS {
        let now = Instant::from_secs(second);
        let mut asked = 0;
        for n in 0..per_second {
            match table.send(now, scanned(second as usize * per_second + n), 0) {
                Sent::Held => inside += 1,
                Sent::Dropped { reason, .. } | Sent::Replaced { reason, .. } => {
                    dropped[reason as usize] += 1;
                }
                Sent::Now { .. } => panic!("nobody is there"),
            }
            assert!(table.len() <= config.neighbors && table.packets() <= config.packets);
        }
        for n in 0..GOOD {
            match table.lookup(good(n)) {
                Some(mac) => assert_eq!(mac, mac_of(n)),
                None => match table.send(now, good(n), 1) {
                    Sent::Now { mac, .. } => assert_eq!(mac, mac_of(n)),
                    other => panic!("neighbour {n} at {second} s: {other:?}"),
                },
            }
            toll.sent += 1;
        }
        // One that was never heard of, on a prefix that nobody scans.
        let newcomer = late(second as usize);
        assert_eq!(table.send(now, newcomer, 2), Sent::Held);
        inside += 1;
        for half in 0..2 {
            let now = now + Duration::from_millis(500 * half);
            table.handle_timeout(now);
            while let Some(event) = table.poll_event() {
                match event {
                    Event::Request { target, to } => {
                        asked += 1;
                        if let Some(n) = (0..GOOD).find(|n| good(*n) == target) {
                            assert_eq!(to, Some(mac_of(n)), "a known neighbour is asked itself");
                            table.handle_answer(now, target, mac_of(n), ANSWER);
                        } else if target == newcomer {
                            table.handle_answer(now, target, mac_of(999), ANSWER);
                        }
                    }
                    Event::Release { target, .. } => {
                        assert_eq!(target, newcomer);
                        inside -= 1;
                    }
                    Event::Drop { target, reason, .. } => {
                        assert_ne!(target, newcomer);
                        dropped[reason as usize] += 1;
                        inside -= 1;
                    }
                }
            }
        }
        assert_eq!(
            table.state(newcomer),
            Some(State::Reachable),
            "at {second} s"
        );
        toll.requests += asked;
        toll.busiest = toll.busiest.max(asked);
        let incomplete = table.iter().filter(|it| it.state == State::Incomplete);
        assert!(incomplete.count() <= config.incomplete);
    }
    assert_eq!(table.packets() as u64, inside);
    let drops = table.drops();
    check_drops(drops, &dropped);
    assert!(drops.count(DropReason::NeighborRateLimit) > 0);
    assert!(drops.count(DropReason::NeighborUnresolved) > 0);
    assert!((0..GOOD).all(|n| table.state(good(n)).is_some()));
    toll
}

/// What was counted is what was said, reason by reason.
fn check_drops(drops: &DropCounters, said: &[u64; DropReason::COUNT]) {
    for reason in DropReason::ALL {
        assert_eq!(drops.count(reason), said[reason as usize], "{reason}");
    }
}

fn check(toll: &Toll, config: &NeighborConfig) {
    let (rate, burst) = (config.requests_per_sec, config.requests_burst);
    let bound = u64::from(rate) * SECONDS + u64::from(burst);
    assert!(toll.requests as u64 <= bound, "{toll:?}");
    assert!(toll.busiest <= (rate + burst) as usize, "{toll:?}");
    assert_eq!(toll.sent, GOOD * SECONDS as usize);
}

fn config() -> NeighborConfig {
    NeighborConfig {
        neighbors: 1024,
        incomplete: 256,
        packets: 300,
        requests_per_sec: 200,
        requests_burst: 400,
        prefix_requests_per_sec: 10,
        prefix_requests_burst: 20,
        // With it the prefixes of these tests have limits of their own.
        seed: 0x5eed,
        ..NeighborConfig::default()
    }
}

#[test]
fn a_scan_of_an_ipv4_24_leaves_room_for_newcomers_of_others() {
    let net = |n: usize| Ipv4Addr::from_bits(0x0a01_0000 | n as u32);
    // One /24 over and over. Newcomers come from another, which may share its place with the scan by chance,
    // but does not with this seed.
    let config = NeighborConfig {
        prefix_requests_per_sec: 64,
        prefix_requests_burst: 128,
        incomplete: 1024,
        neighbors: 2048,
        requests_per_sec: 4000,
        requests_burst: 4000,
        packets: 4096,
        ..config()
    };
    let one_24 = scan(
        config,
        |n| Ipv4Addr::from_bits(0x0a02_0000 | n as u32),
        |n| Ipv4Addr::from_bits(0x0a03_0000 | n as u32),
        |n| net(n & 0xff),
        2000,
    );
    check(&one_24, &config);
    // One /24 alone causes no more than its share: first requests and repeated ones together.
    let probes = GOOD * SECONDS as usize / 30;
    let share = 64 * SECONDS as usize + 128;
    assert!(
        one_24.requests <= share + 2 * probes + SECONDS as usize,
        "{one_24:?}"
    );
}

#[test]
fn a_scan_of_an_ipv4_16_meets_the_limit_of_the_whole_table() {
    let mut table: VecNeighborTable<Ipv4Addr, u32> =
        VecNeighborTable::new(GrowingNeighbors, config());
    for n in 0..GOOD {
        table.handle_request(
            Instant::ZERO,
            Ipv4Addr::from_bits(n as u32 + 1),
            mac_of(n),
            true,
        );
    }
    let (mut requests, mut dropped) = (0, [0u64; DropReason::COUNT]);
    for second in 0..60 {
        let now = Instant::from_secs(second);
        table.handle_timeout(now);
        for n in 0..65_536u32 {
            let sent = table.send(now, Ipv4Addr::from_bits(0x0a01_0000 | n), n);
            if let Sent::Dropped { reason, .. } | Sent::Replaced { reason, .. } = sent {
                dropped[reason as usize] += 1;
            }
        }
        for n in 0..GOOD {
            let sent = table.send(now, Ipv4Addr::from_bits(n as u32 + 1), 0);
            assert!(
                matches!(sent, Sent::Now { .. }),
                "{n} at {second} s: {sent:?}"
            );
        }
        while let Some(event) = table.poll_event() {
            match event {
                Event::Request { target, to } => {
                    requests += 1;
                    if let Some(mac) = to {
                        table.handle_answer(now, target, mac, ANSWER);
                    }
                }
                Event::Drop { reason, .. } => dropped[reason as usize] += 1,
                Event::Release { target, .. } => panic!("{target} did not answer"),
            }
        }
        assert!(table.len() <= 1024 && table.packets() <= 300);
    }
    assert!(requests <= 60 * 200 + 400, "{requests}");
    let drops = table.drops();
    check_drops(drops, &dropped);
    let gone = drops.total() + table.packets() as u64;
    assert_eq!(gone, 60 * 65_536);
    assert!(table.suppressed() > 0);
    // Most were refused before they took a place, some for want of one, and those that had one found nobody.
    assert!(drops.count(DropReason::NeighborRateLimit) > 3_000_000);
    assert!(drops.count(DropReason::NeighborUnresolved) > 0);
    assert_eq!(drops.count(DropReason::NeighborRemoved), 0);
}

#[test]
fn a_scan_of_an_ipv6_64_costs_known_neighbours_nothing() {
    let net =
        |prefix: u128, n: usize| Ipv6Addr::from_bits(0x2001_0db8 << 96 | prefix << 64 | n as u128);
    // Places are shared by chance: the newcomers' prefix has another with this seed.
    let toll = scan(
        config(),
        |n| net(1, n + 1),
        |n| net(2, n + 1),
        // No address twice, in the prefix of the good neighbours.
        |n| net(1, 0x1_0000 + n.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        5000,
    );
    check(&toll, &config());
    let probes = GOOD * SECONDS as usize / 30;
    let share = 10 * SECONDS as usize + 20;
    assert!(
        toll.requests <= share + 2 * probes + SECONDS as usize,
        "{toll:?}"
    );
}

#[test]
fn more_probes_than_the_rate_wait_and_lose_nobody() {
    let config = NeighborConfig {
        requests_per_sec: 10,
        requests_burst: 10,
        ..config()
    };
    let mut table: VecNeighborTable<Ipv4Addr, u32> =
        VecNeighborTable::new(GrowingNeighbors, config);
    let addr = |n: usize| Ipv4Addr::from_bits(n as u32 + 1);
    for n in 0..GOOD {
        table.handle_request(Instant::ZERO, addr(n), mac_of(n), true);
        table.send(Instant::ZERO, addr(n), 0);
    }
    let mut probes = 0;
    for second in 5..40 {
        let now = Instant::from_secs(second);
        table.handle_timeout(now);
        let mut at_once = 0;
        while let Some(event) = table.poll_event() {
            if let Event::Request {
                target,
                to: Some(mac),
            } = event
            {
                at_once += 1;
                table.handle_answer(now, target, mac, ANSWER);
            }
        }
        assert!(at_once <= 10);
        probes += at_once;
        assert!((0..GOOD).all(|n| table.lookup(addr(n)).is_some() || second >= 35));
    }
    assert_eq!((probes, table.len(), table.unanswered()), (GOOD, GOOD, 0));
    assert!(table.suppressed() > 0);
}

#[test]
fn a_proxy_answers_for_others_and_leaves_them_their_addresses() {
    let mut table: VecNeighborTable<Ipv4Addr, u32> =
        VecNeighborTable::new(GrowingNeighbors, NeighborConfig::default());
    let mut set: ProxySet<Ipv4Addr, _> = ProxySet::new([None; 2], 2);
    set.insert(ProxyRule {
        prefix: "10.1.0.0/16".parse().unwrap(),
        answers: true,
    });
    let us = Ipv4Addr::new(10, 0, 0, 1);
    // The subnet at the other side of the router; 10.1.9.* is on this one.
    let own = |addr: Ipv4Addr| match addr {
        addr if addr == us => Some(Own::Unicast),
        addr if set.answers(addr, |addr| addr.octets()[2] == 9) => Some(Own::Proxied),
        _ => None,
    };
    let (asker, asker_mac) = (Ipv4Addr::new(10, 0, 0, 2), mac_of(2));
    let target = Ipv4Addr::new(10, 1, 2, 3);
    let now = Instant::ZERO;
    let outcome =
        table.handle_arp_for(now, &ArpHeader::request(asker_mac, asker, target), MAC, own);
    assert_eq!(
        outcome.reply,
        Some(ArpHeader::reply(MAC, target, asker_mac, asker))
    );
    assert!(outcome.delayed && outcome.heard == Heard::New);
    let here = ArpHeader::request(asker_mac, asker, Ipv4Addr::new(10, 1, 9, 3));
    assert_eq!(table.handle_arp_for(now, &here, MAC, own).reply, None);
    // The owner itself, on whatever link, is neither a conflict nor answered when it announces.
    let announced = ArpHeader::announcement(mac_of(3), target);
    let outcome = table.handle_arp_for(now, &announced, MAC, own);
    assert_eq!((outcome.heard, outcome.reply), (Heard::Ignored, None));
    let thief = ArpHeader::announcement(mac_of(3), us);
    assert_eq!(
        table.handle_arp_for(now, &thief, MAC, own).heard,
        Heard::Conflict
    );
    assert!(
        !table
            .handle_arp_for(now, &ArpHeader::request(asker_mac, asker, us), MAC, own)
            .delayed
    );
}

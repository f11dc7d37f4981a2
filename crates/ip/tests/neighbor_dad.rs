//! Duplicate address detection and address conflict detection under virtual time: when probes leave, what
//! is an objection, what is our own echo, how an address is defended, what slows down, and what must hold
//! for several who want the same address.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use waypost_ip::neighbor::{
    Dad, DadConfig, DadEvent, DadHeard, DadState, Defence, NdpBody, NdpMessage, Nonce, Own,
    solicited_node,
};
use waypost_wire::arp::ArpHeader;
use waypost_wire::{Instant, MacAddr};

const MAC: MacAddr = mac(1);
const OTHER: MacAddr = mac(2);
const V4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

const fn mac(last: u8) -> MacAddr {
    MacAddr::new([2, 0, 0, 0, 0, last])
}

const fn ms(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// What happens when nobody says anything until `until`, with the milliseconds.
fn run<A: waypost_wire::Ip>(dad: &mut Dad<A>, until: Instant) -> Vec<(u64, DadEvent<A>)> {
    let mut events = Vec::new();
    let mut now = Instant::ZERO;
    loop {
        while let Some(event) = dad.poll_event() {
            events.push((now.as_millis(), event));
        }
        match dad.poll_timeout() {
            Some(next) if next <= until => now = next,
            _ => return events,
        }
        dad.handle_timeout(now);
    }
}

fn v4(config: DadConfig) -> Dad<Ipv4Addr> {
    let mut dad = Dad::new(config, MAC);
    dad.start(ms(0), V4);
    dad
}

fn assigned_v4(config: DadConfig) -> Dad<Ipv4Addr> {
    let mut dad = v4(config);
    run(&mut dad, ms(20_000));
    assert_eq!(dad.state(), DadState::Assigned);
    dad
}

fn probe_from(source: Ipv6Addr, nonce: Option<Nonce>) -> NdpMessage {
    NdpMessage {
        source,
        destination: solicited_node(V6),
        body: NdpBody::Solicitation {
            target: V6,
            mac: None,
            nonce,
        },
    }
}

fn advertisement(mac: MacAddr) -> NdpMessage {
    NdpMessage {
        source: V6,
        destination: V6,
        body: NdpBody::Advertisement {
            target: V6,
            mac: Some(mac),
            router: false,
            solicited: false,
            overrides: true,
        },
    }
}

fn is_own(mac: MacAddr) -> bool {
    mac == MAC
}

#[test]
fn ipv4_probes_three_times_waits_and_announces_twice() {
    for seed in 0..50 {
        let config = DadConfig {
            seed,
            ..DadConfig::IPV4
        };
        let mut dad = v4(config);
        assert_eq!((dad.state(), dad.own()), (DadState::Tentative, None));
        let events = run(&mut dad, Instant::MAX);
        let times: Vec<u64> = events.iter().map(|it| it.0).collect();
        assert!(times[0] < 1000);
        assert!((1000..=2000).contains(&(times[1] - times[0])));
        assert!((1000..=2000).contains(&(times[2] - times[1])));
        assert!(
            events[..3]
                .iter()
                .all(|(_, it)| matches!(it, DadEvent::Probe { .. }))
        );
        assert_eq!(events[3].1, DadEvent::Assigned { addr: V4 });
        let announce = DadEvent::Announce { addr: V4 };
        assert_eq!(
            (events[4].1, events[5].1, events.len()),
            (announce, announce, 6)
        );
        assert!(times[3] - times[2] >= 2000 && times[4] == times[3]);
        assert!((2000..=2001).contains(&(times[5] - times[4])));
        assert_eq!(dad.own(), Some((V4, Own::Unicast)));
    }
}

#[test]
fn ipv4_objections_while_probing() {
    let lost = DadEvent::Lost {
        addr: V4,
        by: Some(OTHER),
        was_used: false,
    };
    for objection in [
        ArpHeader::reply(OTHER, V4, MAC, Ipv4Addr::UNSPECIFIED),
        ArpHeader::request(OTHER, V4, Ipv4Addr::new(10, 0, 0, 9)),
        ArpHeader::announcement(OTHER, V4),
        ArpHeader::probe(OTHER, V4),
    ] {
        let mut dad = v4(DadConfig::IPV4);
        assert_eq!(
            dad.handle_arp(ms(10), &objection, is_own),
            DadHeard::Conflict
        );
        assert_eq!(
            (dad.poll_event(), dad.state()),
            (Some(lost), DadState::Idle)
        );
        assert_eq!((dad.poll_event(), dad.poll_timeout()), (None, None));
    }
    // A request for it by one who looks for the owner, our own echoes, and others' business.
    for nothing in [
        ArpHeader::request(OTHER, Ipv4Addr::new(10, 0, 0, 9), V4),
        ArpHeader::probe(MAC, V4),
        ArpHeader::probe(OTHER, Ipv4Addr::new(10, 0, 0, 9)),
    ] {
        let mut dad = v4(DadConfig::IPV4);
        assert_ne!(dad.handle_arp(ms(10), &nothing, is_own), DadHeard::Conflict);
        assert_eq!(dad.state(), DadState::Tentative);
    }
}

#[test]
fn ipv4_objections_count_until_two_seconds_after_the_last_probe() {
    let mut dad = v4(DadConfig::IPV4);
    let mut probes = 0;
    let mut now = ms(0);
    while probes < 3 {
        now = dad.poll_timeout().unwrap();
        dad.handle_timeout(now);
        probes += usize::from(matches!(dad.poll_event(), Some(DadEvent::Probe { .. })));
    }
    let last = now + waypost_wire::Duration::from_millis(1999);
    dad.handle_timeout(last);
    let reply = ArpHeader::reply(OTHER, V4, MAC, Ipv4Addr::UNSPECIFIED);
    assert_eq!(dad.handle_arp(last, &reply, is_own), DadHeard::Conflict);
    assert_eq!(dad.state(), DadState::Idle);
}

#[test]
fn an_address_is_defended_once_in_ten_seconds() {
    let thief = ArpHeader::announcement(OTHER, V4);
    let config = |defence| DadConfig {
        defence,
        ..DadConfig::IPV4
    };
    let lost = DadEvent::Lost {
        addr: V4,
        by: Some(OTHER),
        was_used: true,
    };
    let announce = DadEvent::Announce { addr: V4 };

    let mut dad = assigned_v4(config(Defence::Never));
    dad.handle_arp(ms(30_000), &thief, is_own);
    assert_eq!((dad.poll_event(), dad.own()), (Some(lost), None));

    let mut dad = assigned_v4(config(Defence::Once));
    dad.handle_arp(ms(30_000), &thief, is_own);
    assert_eq!((dad.poll_event(), dad.poll_event()), (Some(announce), None));
    // Eleven seconds later it is a conflict of its own; nine later it is too much.
    dad.handle_arp(ms(41_000), &thief, is_own);
    assert_eq!(dad.poll_event(), Some(announce));
    dad.handle_arp(ms(50_000), &thief, is_own);
    assert_eq!(
        (dad.poll_event(), dad.state()),
        (Some(lost), DadState::Idle)
    );

    let mut dad = assigned_v4(config(Defence::Always));
    let mut announced = 0;
    for second in 30..130 {
        assert_eq!(
            dad.handle_arp(ms(second * 1000), &thief, is_own),
            DadHeard::Conflict
        );
        announced += std::iter::from_fn(|| dad.poll_event())
            .filter(|it| *it == announce)
            .count();
    }
    assert_eq!((announced, dad.state()), (10, DadState::Assigned));
    assert_eq!(
        (dad.counters().conflicts, dad.counters().defences),
        (100, 10)
    );
    // A probe for it is answered by the table, and is no conflict.
    let probe = ArpHeader::probe(OTHER, V4);
    assert_eq!(
        dad.handle_arp(ms(200_000), &probe, is_own),
        DadHeard::Nothing
    );
}

#[test]
fn ten_conflicts_slow_down_to_one_address_a_minute() {
    let mut dad: Dad<Ipv4Addr> = Dad::new(DadConfig::IPV4, MAC);
    let mut now = ms(0);
    let mut begun = Vec::new();
    for last in 0..14 {
        let addr = Ipv4Addr::new(169, 254, 1, last);
        dad.start(now, addr);
        now = dad.poll_timeout().unwrap();
        dad.handle_timeout(now);
        begun.push(now.as_millis());
        dad.handle_arp(now, &ArpHeader::announcement(OTHER, addr), is_own);
        assert!(matches!(dad.poll_event(), Some(DadEvent::Lost { .. })));
    }
    assert!(begun[9] < 10_000);
    for pair in begun[9..].windows(2) {
        assert!(pair[1] - pair[0] >= 59_000, "{begun:?}");
    }
    assert_eq!((dad.counters().slowed, dad.counters().conflicts), (4, 14));
    dad.forget_conflicts();
    dad.start(now, V4);
    assert!(dad.poll_timeout().unwrap() < now + waypost_wire::Duration::from_secs(1));
}

#[test]
fn conflicts_over_an_address_that_is_ours_slow_down_as_well() {
    let config = DadConfig {
        defence: Defence::Always,
        ..DadConfig::IPV4
    };
    let thief = ArpHeader::announcement(OTHER, V4);
    for (defences, first) in [(9, 20_000), (10, 60_000)] {
        // It was begun with at 0.
        let mut dad = assigned_v4(config);
        for n in 0..defences {
            dad.handle_arp(ms(20_000 + n * 10_000), &thief, is_own);
        }
        assert_eq!(dad.counters().defences, defences);
        dad.start(ms(20_000), Ipv4Addr::new(10, 0, 0, 2));
        let next = dad.poll_timeout().unwrap();
        assert!((ms(first)..ms(first + 1000)).contains(&next), "{next:?}");
    }
}

#[test]
fn ipv6_solicits_once_and_waits_a_second() {
    let mut dad = Dad::new(DadConfig::IPV6, MAC);
    dad.start(ms(0), V6);
    // Nobody is answered for it meanwhile.
    assert_eq!((dad.state(), dad.own()), (DadState::Tentative, None));
    let first = dad.poll_timeout().unwrap();
    dad.handle_timeout(first);
    assert_eq!(dad.own(), None);
    let mut dad = Dad::new(DadConfig::IPV6, MAC);
    dad.start(ms(0), V6);
    let events = run(&mut dad, Instant::MAX);
    assert_eq!(dad.own(), Some((V6, Own::Unicast)));
    assert_eq!(events.len(), 2);
    assert!(events[0].0 < 1000 && matches!(events[0].1, DadEvent::Probe { .. }));
    assert_eq!(events[1].1, DadEvent::Assigned { addr: V6 });
    assert!((1000..=1001).contains(&(events[1].0 - events[0].0)));
    // With none to send, nothing is checked.
    let mut dad = Dad::new(
        DadConfig {
            probes: 0,
            ..DadConfig::IPV6
        },
        MAC,
    );
    dad.start(ms(0), V6);
    assert_eq!(
        run(&mut dad, Instant::MAX),
        [(0, DadEvent::Assigned { addr: V6 })]
    );
}

#[test]
fn ipv6_objections() {
    let start = |optimistic| {
        let mut dad = Dad::new(
            DadConfig {
                optimistic,
                ..DadConfig::IPV6
            },
            MAC,
        );
        dad.start(ms(0), V6);
        dad
    };
    let nobody = Ipv6Addr::UNSPECIFIED;
    for (message, by) in [
        (probe_from(nobody, None), None),
        (probe_from(nobody, Some([9; 6])), None),
        (advertisement(OTHER), Some(OTHER)),
    ] {
        let mut dad = start(false);
        assert_eq!(dad.handle_ndp(ms(1), &message, is_own), DadHeard::Conflict);
        assert_eq!(
            dad.poll_event(),
            Some(DadEvent::Lost {
                addr: V6,
                by,
                was_used: false
            })
        );
        assert_eq!(dad.own(), None);
    }
    // From the beginning, ahead of the first solicitation, until a second after the last.
    for late in [false, true] {
        let mut dad = start(false);
        let mut now = dad.poll_timeout().unwrap();
        if late {
            dad.handle_timeout(now);
            assert!(matches!(dad.poll_event(), Some(DadEvent::Probe { .. })));
            now += waypost_wire::Duration::from_millis(999);
        }
        dad.handle_ndp(now, &probe_from(nobody, None), is_own);
        assert!(matches!(dad.poll_event(), Some(DadEvent::Lost { .. })));
    }
    // Somebody who wants to send to the owner does not object, our own advertisement neither.
    let mut dad = start(true);
    assert_eq!(dad.own(), Some((V6, Own::Optimistic)));
    let asks = probe_from("fe80::9".parse().unwrap(), None);
    assert_eq!(dad.handle_ndp(ms(1), &asks, is_own), DadHeard::Nothing);
    assert_eq!(
        dad.handle_ndp(ms(1), &advertisement(MAC), is_own),
        DadHeard::Echo
    );
    dad.handle_ndp(ms(1), &advertisement(OTHER), is_own);
    let lost = DadEvent::Lost {
        addr: V6,
        by: Some(OTHER),
        was_used: true,
    };
    assert_eq!(dad.poll_event(), Some(lost));
    // Once it is ours, another is counted; the table tells of it, and answers who checks.
    let mut dad = start(false);
    run(&mut dad, Instant::MAX);
    assert_eq!(
        dad.handle_ndp(ms(9000), &advertisement(OTHER), is_own),
        DadHeard::Conflict
    );
    assert_eq!(
        dad.handle_ndp(ms(9000), &probe_from(nobody, None), is_own),
        DadHeard::Nothing
    );
    assert_eq!((dad.state(), dad.poll_event()), (DadState::Assigned, None));
    assert_eq!(dad.counters().conflicts, 1);
}

#[test]
fn a_probe_that_comes_back_is_no_objection() {
    let mut dad = Dad::new(
        DadConfig {
            seed: 7,
            ..DadConfig::IPV6
        },
        MAC,
    );
    dad.start(ms(0), V6);
    let mut nonces = Vec::new();
    let mut now = ms(0);
    while dad.state() == DadState::Tentative {
        now = dad.poll_timeout().unwrap();
        dad.handle_timeout(now);
        while let Some(event) = dad.poll_event() {
            if let DadEvent::Probe { nonce, .. } = event {
                assert!(!nonces.contains(&nonce), "each has a nonce of its own");
                nonces.push(nonce);
                // The link echoes the first two.
                if nonces.len() <= 2 {
                    let echo = probe_from(Ipv6Addr::UNSPECIFIED, Some(nonce));
                    assert_eq!(dad.handle_ndp(now, &echo, is_own), DadHeard::Echo);
                }
            }
        }
    }
    // One, three more because of the first echo, three more because of the second.
    assert_eq!((nonces.len(), dad.counters().echoes), (7, 2));
    assert_eq!(dad.state(), DadState::Assigned);
    assert!(now >= ms(6000));
}

proptest! {
    /// Several want one address on a link that loses nothing: at most one gets it, and if their times do not
    /// cross, one does.
    #[test]
    fn at_most_one_gets_the_address(
        starts in prop::collection::vec(0u64..12_000, 2..6),
        seed in any::<u64>(),
        version in any::<bool>(),
    ) {
        let winners = if version { contest_v4(&starts, seed) } else { contest_v6(&starts, seed) };
        prop_assert!(winners <= 1, "{} have it", winners);
        let spread = starts.iter().max().unwrap() - starts.iter().min().unwrap();
        if starts.len() == 2 && spread > 8000 {
            prop_assert_eq!(winners, 1);
        }
    }
}

fn contest_v4(starts: &[u64], seed: u64) -> usize {
    contest(
        starts,
        seed,
        DadConfig::IPV4,
        V4,
        |now, event, from, dads| {
            let packet = match event {
                DadEvent::Probe { addr, .. } => ArpHeader::probe(from, addr),
                DadEvent::Announce { addr } => ArpHeader::announcement(from, addr),
                _ => return,
            };
            let mut replies = Vec::new();
            for (mac, dad) in dads.iter_mut() {
                let owns = |it: MacAddr| it == *mac;
                if packet.is_probe()
                    && *mac != from
                    && let Some((addr, _)) = dad.own()
                {
                    replies.push(ArpHeader::reply(*mac, addr, from, Ipv4Addr::UNSPECIFIED));
                }
                dad.handle_arp(now, &packet, owns);
            }
            for reply in replies {
                for (mac, dad) in dads.iter_mut() {
                    dad.handle_arp(now, &reply, |it| it == *mac);
                }
            }
        },
    )
}

fn contest_v6(starts: &[u64], seed: u64) -> usize {
    contest(
        starts,
        seed,
        DadConfig::IPV6,
        V6,
        |now, event, from, dads| {
            let DadEvent::Probe { nonce, .. } = event else {
                return;
            };
            let message = probe_from(Ipv6Addr::UNSPECIFIED, Some(nonce));
            let mut owners = Vec::new();
            for (mac, dad) in dads.iter_mut() {
                if dad.own().is_some() {
                    owners.push(*mac);
                }
                if *mac != from {
                    dad.handle_ndp(now, &message, |it| it == *mac);
                }
            }
            for owner in owners {
                for (mac, dad) in dads.iter_mut() {
                    dad.handle_ndp(now, &advertisement(owner), |it| it == *mac);
                }
            }
        },
    )
}

fn contest<A: waypost_wire::Ip>(
    starts: &[u64],
    seed: u64,
    config: DadConfig,
    addr: A,
    deliver: impl Fn(Instant, DadEvent<A>, MacAddr, &mut [(MacAddr, Dad<A>)]),
) -> usize {
    let mut waiting: Vec<Option<u64>> = starts.iter().copied().map(Some).collect();
    let mut dads: Vec<(MacAddr, Dad<A>)> = (0..starts.len() as u8)
        .map(|n| (mac(n), Dad::new(DadConfig { seed, ..config }, mac(n))))
        .collect();
    loop {
        let timers = dads.iter().filter_map(|(_, dad)| dad.poll_timeout());
        let begins = waiting.iter().flatten().map(|at| ms(*at));
        let Some(now) = timers.chain(begins).min() else {
            break;
        };
        for index in 0..dads.len() {
            if waiting[index].is_some_and(|at| ms(at) <= now) {
                waiting[index] = None;
                dads[index].1.start(now, addr);
            }
            dads[index].1.handle_timeout(now);
            while let Some(event) = dads[index].1.poll_event() {
                deliver(now, event, dads[index].0, &mut dads);
            }
        }
    }
    dads.iter()
        .filter(|(_, dad)| dad.state() == DadState::Assigned)
        .count()
}

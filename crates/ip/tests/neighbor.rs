//! The neighbour table through its public interface: the states of RFC 4861 under virtual time, ARP as RFC
//! 826 and 5227 have it, every limit, and random operations against what must always hold.
#![cfg(feature = "alloc")]

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use waypost_ip::DropReason;
use waypost_ip::neighbor::{
    Answer, Event, FixedNeighbors, GrowingNeighbors, Heard, NeighborConfig, NeighborTable, Sent,
    State, VecNeighborTable,
};
use waypost_wire::arp::{ArpHeader, ArpOperation};
use waypost_wire::{Duration, Instant, MacAddr};

type Table = VecNeighborTable<Ipv4Addr, u32>;

const OWN_MAC: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 1]);
const OWN: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const PEER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const PEER_MAC: MacAddr = mac(2);

const fn mac(last: u8) -> MacAddr {
    MacAddr::new([2, 0, 0, 0, 0, last])
}

const fn ms(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn table(config: NeighborConfig) -> Table {
    Table::new(GrowingNeighbors, config)
}

fn events(table: &mut Table) -> Vec<Event<Ipv4Addr, u32>> {
    std::iter::from_fn(|| table.poll_event()).collect()
}

fn hear(table: &mut Table, now: Instant, arp: &ArpHeader) -> (Heard, Option<ArpHeader>) {
    let outcome = table.handle_arp(now, arp, OWN_MAC, |addr| addr == OWN);
    (outcome.heard, outcome.reply)
}

fn answered(table: &mut Table, now: Instant) {
    let reply = ArpHeader::reply(PEER_MAC, PEER, OWN_MAC, OWN);
    assert_eq!(hear(table, now, &reply).0, Heard::New);
}

const ASK_ALL: Event<Ipv4Addr, u32> = Event::Request {
    target: PEER,
    to: None,
};
const ASK_PEER: Event<Ipv4Addr, u32> = Event::Request {
    target: PEER,
    to: Some(PEER_MAC),
};

fn released(packet: u32) -> Event<Ipv4Addr, u32> {
    Event::Release {
        packet,
        target: PEER,
        mac: PEER_MAC,
    }
}

/// With no time between requests, and none allowed, a timeout ends all the same.
#[test]
fn no_time_between_requests_is_taken_as_a_little() {
    let config = NeighborConfig {
        retransmit_time: Duration::ZERO,
        requests_per_sec: 0,
        requests_burst: 0,
        ..NeighborConfig::default()
    };
    let mut table = table(config);
    table.handle_request(ms(0), PEER, PEER_MAC, true);
    assert_eq!(table.state(PEER), Some(State::Stale));
    let _ = table.send(ms(0), PEER, 0);
    for now in 5000..5010 {
        table.handle_timeout(ms(now));
        assert_eq!(table.state(PEER), Some(State::Probe));
        assert_eq!(table.poll_timeout(), Some(ms(now + 1)));
    }
}

#[test]
fn packets_wait_for_the_answer_in_order() {
    let mut table = table(NeighborConfig::default());
    assert_eq!(table.lookup(PEER), None);
    for packet in 0..3 {
        assert_eq!(table.send(ms(0), PEER, packet), Sent::Held);
    }
    assert_eq!(events(&mut table), [ASK_ALL]);
    answered(&mut table, ms(5));
    assert_eq!(events(&mut table), [released(0), released(1), released(2)]);
    assert_eq!(table.lookup(PEER), Some(PEER_MAC));
    assert_eq!(table.state(PEER), Some(State::Reachable));
    assert_eq!(table.packets(), 0);
}

#[test]
fn three_requests_a_second_apart_then_the_packets_are_given_back() {
    let mut table = table(NeighborConfig::default());
    assert_eq!(table.send(ms(0), PEER, 7), Sent::Held);
    assert_eq!(events(&mut table), [ASK_ALL]);
    for second in 1..3 {
        assert_eq!(table.poll_timeout(), Some(ms(1000 * second)));
        table.handle_timeout(ms(1000 * second - 1));
        assert_eq!(events(&mut table), []);
        table.handle_timeout(ms(1000 * second));
        assert_eq!(events(&mut table), [ASK_ALL]);
    }
    table.handle_timeout(ms(3000));
    let dropped = Event::Drop {
        packet: 7,
        target: PEER,
        reason: DropReason::NeighborUnresolved,
    };
    assert_eq!(events(&mut table), [dropped]);
    assert_eq!((table.len(), table.unanswered()), (0, 1));
    assert_eq!(table.drops().count(DropReason::NeighborUnresolved), 1);
    assert_eq!(table.poll_timeout(), None);
}

#[test]
fn a_neighbour_ages_is_probed_and_confirmed_or_lost() {
    let config = NeighborConfig::default();
    let mut table = table(config);
    table.send(ms(0), PEER, 0);
    answered(&mut table, ms(0));
    events(&mut table);
    // Reachable for 30 s, then stale: the fast path asks the table.
    table.handle_timeout(ms(30_000));
    assert_eq!(
        (table.state(PEER), table.lookup(PEER)),
        (Some(State::Stale), None)
    );
    // The first packet goes out at once and starts the delay.
    let now = Sent::Now {
        packet: 1,
        mac: PEER_MAC,
    };
    assert_eq!(table.send(ms(40_000), PEER, 1), now);
    assert_eq!(table.state(PEER), Some(State::Delay));
    assert_eq!(table.lookup(PEER), Some(PEER_MAC));
    // Five seconds later it is asked itself.
    table.handle_timeout(ms(45_000));
    assert_eq!(table.state(PEER), Some(State::Probe));
    assert_eq!(events(&mut table), [ASK_PEER]);
    let reply = ArpHeader::reply(PEER_MAC, PEER, OWN_MAC, OWN);
    assert_eq!(hear(&mut table, ms(45_100), &reply).0, Heard::Known);
    assert_eq!(table.state(PEER), Some(State::Reachable));
    // Next time it is gone: three probes, then it is forgotten.
    table.handle_timeout(ms(80_000));
    table.send(ms(80_000), PEER, 2);
    table.handle_timeout(ms(85_000));
    table.handle_timeout(ms(86_000));
    table.handle_timeout(ms(87_000));
    assert_eq!(
        events(&mut table).len(),
        1,
        "a request not yet collected is one request"
    );
    assert_eq!(table.lookup(PEER), Some(PEER_MAC));
    table.handle_timeout(ms(88_000));
    assert_eq!((table.len(), table.lookup(PEER)), (0, None));
}

#[test]
fn confirmation_from_above_spares_the_probe() {
    let mut table = table(NeighborConfig::default());
    table.send(ms(0), PEER, 0);
    table.confirm(ms(0), PEER);
    assert_eq!(table.state(PEER), Some(State::Incomplete));
    answered(&mut table, ms(0));
    table.handle_timeout(ms(30_000));
    table.send(ms(30_000), PEER, 1);
    table.confirm(ms(31_000), PEER);
    assert_eq!(table.state(PEER), Some(State::Reachable));
    assert_eq!(table.poll_timeout(), Some(ms(61_000)));
}

#[test]
fn a_stale_neighbour_to_which_nothing_is_sent_is_forgotten() {
    let mut table = table(NeighborConfig::default());
    let request = ArpHeader::request(PEER_MAC, PEER, OWN);
    let (heard, reply) = hear(&mut table, ms(0), &request);
    assert_eq!(heard, Heard::New);
    assert_eq!(reply, Some(ArpHeader::reply(OWN_MAC, OWN, PEER_MAC, PEER)));
    assert_eq!(table.state(PEER), Some(State::Stale));
    table.handle_timeout(ms(20 * 60 * 1000));
    assert!(table.is_empty());
}

#[test]
fn arp_teaches_what_rfc_826_says_and_no_more() {
    let mut table = table(NeighborConfig::default());
    let other = Ipv4Addr::new(10, 0, 0, 3);
    // A request between others enters nobody, an announcement neither.
    let between = ArpHeader::request(PEER_MAC, PEER, other);
    assert_eq!(hear(&mut table, ms(0), &between), (Heard::Ignored, None));
    let announcement = ArpHeader::announcement(PEER_MAC, PEER);
    assert_eq!(hear(&mut table, ms(0), &announcement).0, Heard::Ignored);
    let unasked = ArpHeader::reply(PEER_MAC, PEER, OWN_MAC, OWN);
    assert_eq!(hear(&mut table, ms(0), &unasked).0, Heard::Ignored);
    assert!(table.is_empty());
    // A request for us enters who asks, and is answered.
    let (heard, reply) = hear(&mut table, ms(0), &ArpHeader::request(PEER_MAC, PEER, OWN));
    assert_eq!(heard, Heard::New);
    let reply = reply.unwrap();
    assert_eq!(reply.operation(), ArpOperation::REPLY);
    assert_eq!((reply.sender_mac(), reply.sender_ip()), (OWN_MAC, OWN));
    assert_eq!((reply.target_mac(), reply.target_ip()), (PEER_MAC, PEER));
    assert_eq!(table.state(PEER), Some(State::Stale));
    assert!(table.remove(PEER));
    // Once it is known, an announcement from another station moves it.
    table.send(ms(0), PEER, 0);
    answered(&mut table, ms(0));
    let moved = ArpHeader::announcement(mac(9), PEER);
    assert_eq!(
        hear(&mut table, ms(1), &moved).0,
        Heard::Moved { from: PEER_MAC }
    );
    assert_eq!(table.state(PEER), Some(State::Stale));
    let sent = Sent::Now {
        packet: 5,
        mac: mac(9),
    };
    assert_eq!(table.send(ms(2), PEER, 5), sent);
    // A request of the neighbour in resolution resolves it (RFC 4861 §7.2.3).
    table.send(ms(2), other, 6);
    hear(&mut table, ms(3), &ArpHeader::request(mac(3), other, PEER));
    assert_eq!(table.state(other), Some(State::Delay));
}

#[test]
fn probes_conflicts_and_nonsense() {
    let mut table = table(NeighborConfig::default());
    // A probe for our address is answered, and its sender not entered (RFC 5227 §2.1.1).
    let (heard, reply) = hear(&mut table, ms(0), &ArpHeader::probe(PEER_MAC, OWN));
    assert_eq!(heard, Heard::Ignored);
    let reply = reply.unwrap();
    assert_eq!((reply.sender_mac(), reply.sender_ip()), (OWN_MAC, OWN));
    assert_eq!(
        (reply.target_mac(), reply.target_ip()),
        (PEER_MAC, Ipv4Addr::UNSPECIFIED)
    );
    // So is a request of somebody with an address.
    let (heard, reply) = hear(&mut table, ms(0), &ArpHeader::request(PEER_MAC, PEER, OWN));
    assert_eq!((heard, reply.unwrap().target_ip()), (Heard::New, PEER));
    assert!(table.remove(PEER));
    // Our own packets that come back say nothing.
    let echo = ArpHeader::announcement(OWN_MAC, OWN);
    assert_eq!(hear(&mut table, ms(0), &echo), (Heard::Ignored, None));
    // Another station with our address.
    let thief = ArpHeader::announcement(PEER_MAC, OWN);
    assert_eq!(hear(&mut table, ms(0), &thief), (Heard::Conflict, None));
    // Addresses that no station has.
    for (mac, ip) in [
        (MacAddr::BROADCAST, PEER),
        (MacAddr::ZERO, PEER),
        (MacAddr::new([1, 0, 0x5e, 0, 0, 5]), PEER),
        (PEER_MAC, Ipv4Addr::BROADCAST),
        (PEER_MAC, Ipv4Addr::new(224, 0, 0, 1)),
    ] {
        assert_eq!(
            hear(&mut table, ms(0), &ArpHeader::request(mac, ip, OWN)).0,
            Heard::Ignored
        );
    }
    let mut strange = ArpHeader::request(PEER_MAC, PEER, OWN);
    strange.set_operation(ArpOperation(9));
    assert_eq!(hear(&mut table, ms(0), &strange), (Heard::Ignored, None));
    assert!(table.is_empty());
}

#[test]
fn what_is_set_by_hand_stays() {
    let mut table = table(NeighborConfig::default());
    table.send(ms(0), PEER, 1);
    events(&mut table);
    assert!(table.insert_static(ms(0), PEER, PEER_MAC));
    assert_eq!(events(&mut table), [released(1)]);
    assert_eq!(table.poll_timeout(), None);
    let reply = ArpHeader::reply(mac(9), PEER, OWN_MAC, OWN);
    assert_eq!(hear(&mut table, ms(1), &reply).0, Heard::Conflict);
    let request = ArpHeader::request(mac(9), PEER, OWN);
    assert_eq!(hear(&mut table, ms(1), &request).0, Heard::Conflict);
    table.handle_timeout(ms(1 << 40));
    assert_eq!(table.lookup(PEER), Some(PEER_MAC));
    assert!(table.remove(PEER));
    assert!(!table.remove(PEER));
    assert_eq!(table.lookup(PEER), None);
}

#[test]
fn neighbour_discovery_flags_decide() {
    let mut table: VecNeighborTable<Ipv6Addr, u32> =
        NeighborTable::new(GrowingNeighbors, NeighborConfig::default());
    let peer: Ipv6Addr = "fe80::2".parse().unwrap();
    let answer = |solicited, overrides| Answer {
        solicited,
        overrides,
    };
    table.send(ms(0), peer, 1);
    assert_eq!(
        table.handle_answer(ms(0), peer, mac(2), answer(false, false)),
        Heard::New
    );
    assert_eq!(
        table.state(peer),
        Some(State::Delay),
        "a packet was sent to it, stale as it is"
    );
    table.handle_answer(ms(0), peer, mac(2), answer(true, false));
    assert_eq!(table.state(peer), Some(State::Reachable));
    // Without the right to override, another address is not taken, but ours is doubted.
    assert_eq!(
        table.handle_answer(ms(0), peer, mac(3), answer(true, false)),
        Heard::Conflict
    );
    assert_eq!(table.state(peer), Some(State::Stale));
    let heard = table.handle_answer(ms(0), peer, mac(3), answer(true, true));
    assert_eq!(heard, Heard::Moved { from: mac(2) });
    assert_eq!(
        (table.state(peer), table.lookup(peer)),
        (Some(State::Reachable), Some(mac(3)))
    );
}

#[test]
fn the_queue_of_a_neighbour_keeps_the_latest() {
    let mut table = table(NeighborConfig {
        packets_each: 2,
        ..NeighborConfig::default()
    });
    assert_eq!(table.send(ms(0), PEER, 0), Sent::Held);
    assert_eq!(table.send(ms(0), PEER, 1), Sent::Held);
    let reason = DropReason::NeighborQueueFull;
    assert_eq!(
        table.send(ms(0), PEER, 2),
        Sent::Replaced { packet: 0, reason }
    );
    assert_eq!(table.drops().count(reason), 1);
    events(&mut table);
    answered(&mut table, ms(1));
    assert_eq!(events(&mut table), [released(1), released(2)]);
}

#[test]
fn the_queue_of_a_neighbour_holds_one_at_least() {
    let mut table = table(NeighborConfig {
        packets_each: 0,
        ..NeighborConfig::default()
    });
    assert_eq!(table.send(ms(0), PEER, 0), Sent::Held);
    let reason = DropReason::NeighborQueueFull;
    let replaced = Sent::Replaced { packet: 0, reason };
    assert_eq!(table.send(ms(0), PEER, 1), replaced);
    events(&mut table);
    answered(&mut table, ms(1));
    assert_eq!(events(&mut table), [released(1)]);
}

#[test]
fn the_packets_of_all_neighbours_are_bounded() {
    let mut table = table(NeighborConfig {
        packets: 2,
        ..NeighborConfig::default()
    });
    let reason = DropReason::NeighborBacklog;
    assert_eq!(table.send(ms(0), PEER, 0), Sent::Held);
    assert_eq!(table.send(ms(0), Ipv4Addr::new(10, 0, 0, 3), 1), Sent::Held);
    let dropped = Sent::Dropped { packet: 2, reason };
    assert_eq!(table.send(ms(0), Ipv4Addr::new(10, 0, 0, 4), 2), dropped);
    assert_eq!(
        table.send(ms(0), PEER, 3),
        Sent::Replaced { packet: 0, reason }
    );
    assert_eq!((table.packets(), table.drops().count(reason)), (2, 2));
}

#[test]
fn a_scan_leaves_known_neighbours_alone() {
    let config = NeighborConfig {
        neighbors: 64,
        incomplete: 16,
        ..NeighborConfig::default()
    };
    let mut table = table(config);
    for last in 2..50 {
        let addr = Ipv4Addr::new(10, 0, 0, last);
        hear(&mut table, ms(0), &ArpHeader::request(mac(last), addr, OWN));
        table.send(ms(0), addr, 0);
        table.confirm(ms(0), addr);
    }
    let mut requests = 0;
    for n in 0..65_536u32 {
        table.send(ms(1), Ipv4Addr::from_bits(0x0a01_0000 | n), n);
        requests += events(&mut table).len();
    }
    assert_eq!(requests, 16);
    assert_eq!(table.len(), 64);
    assert_eq!(table.refused(), 65_536 - 16);
    assert_eq!(
        table.drops().count(DropReason::NeighborTableFull),
        65_536 - 16
    );
    for last in 2..50 {
        assert_eq!(table.lookup(Ipv4Addr::new(10, 0, 0, last)), Some(mac(last)));
    }
}

#[test]
fn the_longest_stale_makes_room() {
    let mut table = table(NeighborConfig {
        neighbors: 4,
        ..NeighborConfig::default()
    });
    for last in 2..10 {
        let addr = Ipv4Addr::new(10, 0, 0, last);
        hear(
            &mut table,
            ms(u64::from(last)),
            &ArpHeader::request(mac(last), addr, OWN),
        );
    }
    let mut left: Vec<u8> = table
        .iter()
        .map(|neighbor| neighbor.addr.octets()[3])
        .collect();
    left.sort_unstable();
    assert_eq!(left, [6, 7, 8, 9]);
    assert_eq!(table.evicted(), 4);
    // Where none is stale, nothing gives way.
    for last in 6..10 {
        table.confirm(ms(20), Ipv4Addr::new(10, 0, 0, last));
    }
    let addr = Ipv4Addr::new(10, 0, 0, 99);
    hear(&mut table, ms(30), &ArpHeader::request(mac(99), addr, OWN));
    assert_eq!((table.state(addr), table.refused()), (None, 1));
}

#[test]
fn a_table_in_fixed_storage_needs_no_allocator() {
    type Fixed = FixedNeighbors<Ipv4Addr, u32, 4, 8, 2>;
    let mut table: NeighborTable<Ipv4Addr, u32, Fixed> =
        NeighborTable::new(Fixed::new(), NeighborConfig::default());
    for last in 2..8 {
        table.send(ms(0), Ipv4Addr::new(10, 0, 0, last), u32::from(last));
    }
    assert_eq!((table.len(), table.packets(), table.refused()), (4, 2, 2));
    table.handle_timeout(ms(1000));
    table.handle_timeout(ms(2000));
    table.handle_timeout(ms(3000));
    assert!(table.is_empty());
    assert_eq!(table.unanswered(), 4);
}

#[derive(Clone, Debug)]
enum Op {
    Send(u8),
    Request(u8, u8, bool),
    Answer(u8, u8, bool, bool),
    Confirm(u8),
    Static(u8),
    Remove(u8),
    Sleep(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let host = 0u8..24;
    prop_oneof![
        6 => host.clone().prop_map(Op::Send),
        1 => (host.clone(), 1u8..4, any::<bool>()).prop_map(|(h, m, c)| Op::Request(h, m, c)),
        2 => (host.clone(), 1u8..4, any::<bool>(), any::<bool>()).prop_map(|(h, m, s, o)| Op::Answer(h, m, s, o)),
        1 => host.clone().prop_map(Op::Confirm),
        1 => host.clone().prop_map(Op::Static),
        1 => host.prop_map(Op::Remove),
        4 => (0u64..15_000).prop_map(Op::Sleep),
    ]
}

proptest! {
    /// Whatever happens: no packet is lost or doubled, every limit holds, the fast path agrees with the
    /// states, and no address is asked for twice within a second while it stays in the table.
    #[test]
    fn what_must_always_hold(ops in prop::collection::vec(op(), 1..300)) {
        let config = NeighborConfig { neighbors: 12, incomplete: 6, packets_each: 3, packets: 10, ..NeighborConfig::default() };
        let mut table = table(config);
        let (mut now, mut next_packet) = (0u64, 0u32);
        let mut inside = std::collections::BTreeSet::new();
        let mut asked: BTreeMap<Ipv4Addr, u64> = BTreeMap::new();
        for op in ops {
            let addr = |host: u8| Ipv4Addr::new(10, 0, 0, host + 2);
            let mut until = now;
            match op {
                Op::Send(host) => {
                    let packet = next_packet;
                    next_packet += 1;
                    let known = table.lookup(addr(host));
                    match table.send(ms(now), addr(host), packet) {
                        Sent::Now { packet: sent, mac } => {
                            prop_assert_eq!(sent, packet);
                            prop_assert!(known.is_none_or(|known| known == mac));
                        }
                        Sent::Held => { inside.insert(packet); }
                        Sent::Dropped { packet: dropped, .. } => prop_assert_eq!(dropped, packet),
                        Sent::Replaced { packet: dropped, .. } => {
                            inside.insert(packet);
                            prop_assert!(inside.remove(&dropped));
                        }
                    }
                }
                Op::Request(host, m, create) => { table.handle_request(ms(now), addr(host), mac(m), create); }
                Op::Answer(host, m, solicited, overrides) => {
                    table.handle_answer(ms(now), addr(host), mac(m), Answer { solicited, overrides });
                }
                Op::Confirm(host) => table.confirm(ms(now), addr(host)),
                Op::Static(host) => { table.insert_static(ms(now), addr(host), mac(9)); }
                Op::Remove(host) => { table.remove(addr(host)); }
                Op::Sleep(span) => until = now + span,
            }
            // Follow the deadlines up to the end of the sleep.
            loop {
                while let Some(event) = table.poll_event() {
                    match event {
                        Event::Request { target, .. } => {
                            if let Some(before) = asked.insert(target, now) {
                                prop_assert!(now - before >= 1000, "{} asked at {} and {}", target, before, now);
                            }
                        }
                        Event::Release { packet, .. } | Event::Drop { packet, .. } => {
                            prop_assert!(inside.remove(&packet));
                        }
                    }
                }
                match table.poll_timeout() {
                    Some(next) if next <= ms(until) => {
                        // In whole milliseconds, never before the deadline.
                        now = now.max(next.as_nanos().div_ceil(1_000_000));
                        table.handle_timeout(ms(now));
                    }
                    _ => break,
                }
            }
            now = until;
            // Only who was forgotten, by hand or for another, is not known to have been asked.
            asked.retain(|target, _| table.state(*target).is_some());

            prop_assert_eq!(table.packets(), inside.len());
            prop_assert!(table.len() <= config.neighbors && inside.len() <= config.packets);
            let mut waiting = 0;
            for neighbor in table.iter() {
                waiting += neighbor.waiting;
                prop_assert!(neighbor.waiting <= config.packets_each);
                prop_assert!(neighbor.waiting == 0 || neighbor.state == State::Incomplete);
                let ready = !matches!(neighbor.state, State::Incomplete | State::Stale);
                prop_assert_eq!(table.lookup(neighbor.addr), neighbor.mac.filter(|_| ready));
                prop_assert_eq!(table.state(neighbor.addr), Some(neighbor.state));
            }
            prop_assert_eq!(waiting, inside.len());
            let incomplete = table.iter().filter(|n| n.state == State::Incomplete).count();
            prop_assert!(incomplete <= config.incomplete);
        }
        // Left alone, every packet comes back and only static neighbours stay.
        while let Some(next) = table.poll_timeout() {
            table.handle_timeout(next);
            while let Some(event) = table.poll_event() {
                if let Event::Release { packet, .. } | Event::Drop { packet, .. } = event {
                    prop_assert!(inside.remove(&packet));
                }
            }
        }
        prop_assert!(inside.is_empty());
        prop_assert!(table.iter().all(|neighbor| neighbor.state == State::Static));
    }
}

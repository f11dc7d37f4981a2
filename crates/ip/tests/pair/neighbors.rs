//! Two stations that send each other packets, and have to find and keep each other's address on the link.

use std::collections::{BTreeSet, VecDeque};
use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use waypost_ip::neighbor::{
    Event, GrowingNeighbors, NeighborConfig, Own, Sent, State, VecNeighborTable, solicited_node,
};
use waypost_sim::{Core, LinkConfig, Pair, Side};
use waypost_wire::arp::{ArpHeader, ArpPacket};
use waypost_wire::{Duration, Instant, Ip, MacAddr};

use super::{link, mac, quick, secs, wire};

/// What the first octet of a frame says of the others: a message of the protocol that finds neighbours, or, behind the address that it
/// is sent to, a packet.
const MESSAGE: u8 = 0;
const PACKET: u8 = 1;

const EACH: Duration = Duration::from_millis(500);

trait Version: Ip {
    fn addr(last: u8) -> Self;
    fn request(from: u8, target: Self) -> Vec<u8>;
    /// Takes in a message, and answers.
    fn hear(station: &mut Station<Self>, now: Instant, message: &[u8]) -> Option<Vec<u8>>;
}

/// A station that sends a packet to the other twice a second, until a time.
struct Station<A: Version> {
    last: u8,
    table: VecNeighborTable<A, u32>,
    next: Instant,
    until: Instant,
    out: VecDeque<Vec<u8>>,
    /// Packets given to the table, those that left it, and those that it dropped.
    given: u32,
    sent: BTreeSet<u32>,
    dropped: BTreeSet<u32>,
    received: BTreeSet<u32>,
    /// Requests to all, and to the other alone.
    requests: [u32; 2],
}

impl<A: Version> Station<A> {
    fn new(last: u8, seed: u64, until: Instant) -> Self {
        let config = NeighborConfig {
            seed,
            reachable_time: Duration::from_secs(10),
            ..NeighborConfig::default()
        };
        Self {
            last,
            table: VecNeighborTable::new(GrowingNeighbors, config),
            next: Instant::ZERO,
            until,
            out: VecDeque::new(),
            given: 0,
            sent: BTreeSet::new(),
            dropped: BTreeSet::new(),
            received: BTreeSet::new(),
            requests: [0; 2],
        }
    }

    fn other(&self) -> A {
        A::addr(3 - self.last)
    }

    fn transmit(&mut self, packet: u32, to: MacAddr) {
        assert!(self.sent.insert(packet), "{packet} left the table twice");
        let mut frame = vec![PACKET];
        frame.extend(to.octets());
        frame.extend(packet.to_be_bytes());
        self.out.push_back(frame);
    }

    fn give(&mut self, now: Instant) {
        let packet = self.given;
        self.given += 1;
        let other = self.other();
        if let Some(mac) = self.table.lookup(other) {
            return self.transmit(packet, mac);
        }
        match self.table.send(now, other, packet) {
            Sent::Now { packet, mac } => self.transmit(packet, mac),
            Sent::Held => {}
            Sent::Dropped { packet, .. } | Sent::Replaced { packet, .. } => {
                assert!(self.dropped.insert(packet));
            }
        }
    }

    fn settle(&mut self) {
        while let Some(event) = self.table.poll_event() {
            match event {
                Event::Request { target, to } => {
                    assert_eq!(target, self.other());
                    self.requests[usize::from(to.is_some())] += 1;
                    let message = A::request(self.last, target);
                    self.out.push_back([&[MESSAGE][..], &message].concat());
                }
                Event::Release { packet, mac, .. } => self.transmit(packet, mac),
                Event::Drop { packet, .. } => assert!(self.dropped.insert(packet)),
            }
        }
    }
}

impl<A: Version> Core for Station<A> {
    type Event = ();

    fn handle_input(&mut self, now: Instant, octets: &[u8]) {
        match octets {
            [MESSAGE, message @ ..] => {
                let answer = A::hear(self, now, message);
                let answer = answer.map(|it| [&[MESSAGE][..], &it].concat());
                self.out.extend(answer);
            }
            [PACKET, a, b, c, d, e, f, number @ ..] => {
                let to = MacAddr::new([*a, *b, *c, *d, *e, *f]);
                assert_eq!(to, mac(self.last), "a packet for another station");
                let number = u32::from_be_bytes(number.try_into().unwrap());
                self.received.insert(number);
            }
            _ => unreachable!("nobody sends that: {octets:?}"),
        }
        self.settle();
    }

    fn poll_output(&mut self, _: Instant, out: &mut Vec<u8>) -> bool {
        super::send_first(&mut self.out, out)
    }

    fn poll_event(&mut self) -> Option<()> {
        None
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let next = (self.next < self.until).then_some(self.next);
        next.into_iter().chain(self.table.poll_timeout()).min()
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.next <= now && self.next < self.until {
            self.next += EACH;
            self.give(now);
        }
        self.table.handle_timeout(now);
        self.settle();
    }
}

impl Version for Ipv4Addr {
    fn addr(last: u8) -> Self {
        Self::new(192, 0, 2, last)
    }

    fn request(from: u8, target: Self) -> Vec<u8> {
        ArpHeader::request(mac(from), Self::addr(from), target)
            .as_bytes()
            .to_vec()
    }

    fn hear(station: &mut Station<Self>, now: Instant, message: &[u8]) -> Option<Vec<u8>> {
        let arp = ArpPacket::parse(message).unwrap();
        let own = Self::addr(station.last);
        let is_own = |addr| addr == own;
        let outcome = station
            .table
            .handle_arp(now, arp.header(), mac(station.last), is_own);
        outcome.reply.map(|it| it.as_bytes().to_vec())
    }
}

impl Version for Ipv6Addr {
    fn addr(last: u8) -> Self {
        Self::new(0xfe80, 0, 0, 0, 0, 0, 0, last.into())
    }

    fn request(from: u8, target: Self) -> Vec<u8> {
        let source = Self::addr(from);
        wire::solicitation(source, solicited_node(target), target, Ok(mac(from)))
    }

    fn hear(station: &mut Station<Self>, now: Instant, message: &[u8]) -> Option<Vec<u8>> {
        let (own_addr, own_mac) = (Self::addr(station.last), mac(station.last));
        let own = |addr| (addr == own_addr).then_some(Own::Unicast);
        let message = wire::parse(message);
        let outcome = station.table.handle_ndp(now, &message, own_mac, false, own);
        outcome.reply.map(|it| wire::advertisement(&it, own_mac))
    }
}

/// Each packet left the table once, was dropped, or waits; and only those that left can have come.
fn accounted<A: Version>(from: &Station<A>, to: &Station<A>) -> Result<(), TestCaseError> {
    prop_assert!(from.sent.is_disjoint(&from.dropped));
    let gone = from.sent.len() + from.dropped.len();
    prop_assert_eq!(from.given as usize, gone + from.table.packets());
    prop_assert!(to.received.is_subset(&from.sent));
    Ok(())
}

type Stations<A> = Pair<Station<A>, Station<A>>;

/// So long is the link bad, and so long it is good then.
const BAD: u64 = 120;
const GOOD: u64 = 120;

fn found_again_through_loss<A: Version>(seed: u64, link: LinkConfig) -> Result<(), TestCaseError> {
    let until = secs(BAD + GOOD);
    let stations = (Station::new(1, seed, until), Station::new(2, !seed, until));
    let mut pair: Stations<A> = Pair::new(stations.0, stations.1, link, seed);
    pair.run_until(secs(BAD)).unwrap();
    accounted(pair.a(), pair.b())?;
    accounted(pair.b(), pair.a())?;
    for side in [Side::A, Side::B] {
        pair.set_config(side, quick(10, 10));
    }
    // One that was given up is asked for anew at the next packet; an answer takes a request, which comes each second.
    pair.run_until(secs(BAD + 10)).unwrap();
    let given = [pair.a().given, pair.b().given];
    pair.run_until(until).unwrap();
    for station in [pair.a(), pair.b()] {
        prop_assert!(matches!(
            station.table.state(station.other()),
            Some(State::Reachable | State::Stale | State::Delay | State::Probe)
        ));
    }
    pair.run_until(until + Duration::from_secs(60)).unwrap();
    for (from, to, first) in [
        (pair.a(), pair.b(), given[0]),
        (pair.b(), pair.a(), given[1]),
    ] {
        accounted(from, to)?;
        prop_assert_eq!(from.table.packets(), 0);
        prop_assert!((first..from.given).all(|packet| to.received.contains(&packet)));
    }
    Ok(())
}

/// Over a link that loses nothing nobody is asked for twice, nothing is dropped, and who is known is asked at its own address alone.
fn kept<A: Version>(seed: u64, link: LinkConfig) -> Result<(), TestCaseError> {
    let until = secs(BAD);
    let stations = (Station::new(1, seed, until), Station::new(2, !seed, until));
    let mut pair: Stations<A> = Pair::new(stations.0, stations.1, link, seed);
    pair.run_until(secs(BAD + 60)).unwrap();
    for (from, to) in [(pair.a(), pair.b()), (pair.b(), pair.a())] {
        accounted(from, to)?;
        prop_assert_eq!(to.received.len(), from.given as usize);
        prop_assert!(from.requests[0] <= 1, "{:?}", from.requests);
        // Of ARP each 15 seconds: it is reachable for 10, and is given 5 to show itself. Of NDP each 10 to 21, as drawn.
        prop_assert!((4..=13).contains(&from.requests[1]), "{:?}", from.requests);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn neighbors_of_ipv4_find_each_other_again_through_loss(seed: u64, link in link(700_000)) {
        found_again_through_loss::<Ipv4Addr>(seed, link)?;
    }

    #[test]
    fn neighbors_of_ipv6_find_each_other_again_through_loss(seed: u64, link in link(700_000)) {
        found_again_through_loss::<Ipv6Addr>(seed, link)?;
    }

    #[test]
    fn neighbors_of_ipv4_keep_each_other(seed: u64, link in link(0)) {
        kept::<Ipv4Addr>(seed, link)?;
    }

    #[test]
    fn neighbors_of_ipv6_keep_each_other(seed: u64, link in link(0)) {
        kept::<Ipv6Addr>(seed, link)?;
    }
}

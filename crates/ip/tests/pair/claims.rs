//! Two stations that want one address: its check, and the neighbour table that answers once it is ours.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use waypost_ip::neighbor::{
    Dad, DadConfig, DadEvent, DadHeard, DadState, GrowingNeighbors, NeighborConfig,
    VecNeighborTable, solicited_node,
};
use waypost_sim::{Core, LinkConfig, Pair, Side};
use waypost_wire::arp::{ArpHeader, ArpPacket};
use waypost_wire::{Duration, Instant, Ip, MacAddr};

use super::{link, mac, quick, secs, wire};

const ADDR4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);
const ADDR6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 7);

/// What a version of IP does with events and frames of an address's check.
trait Version: Ip {
    const ADDR: Self;
    const CONFIG: DadConfig;
    fn probe(mac: MacAddr, nonce: waypost_ip::neighbor::Nonce) -> Vec<u8>;
    fn announcement(mac: MacAddr) -> Vec<u8>;
    /// What is said of the address; what is answered is written into `out`.
    fn hear(station: &mut Station<Self>, now: Instant, frame: &[u8]) -> DadHeard;
}

/// A station that wants the address from a time on.
struct Station<A: Version> {
    mac: MacAddr,
    dad: Dad<A>,
    table: VecNeighborTable<A, ()>,
    start: Option<Instant>,
    out: VecDeque<Vec<u8>>,
    events: VecDeque<DadEvent<A>>,
    /// Conflicts that were heard of.
    conflicts: u32,
}

impl<A: Version> Station<A> {
    fn new(last: u8, seed: u64, start: Duration) -> Self {
        let config = DadConfig { seed, ..A::CONFIG };
        Self {
            mac: mac(last),
            dad: Dad::new(config, mac(last)),
            table: VecNeighborTable::new(GrowingNeighbors, NeighborConfig::default()),
            start: Some(Instant::ZERO + start),
            out: VecDeque::new(),
            events: VecDeque::new(),
            conflicts: 0,
        }
    }

    fn has_it(&self) -> bool {
        self.dad.state() == DadState::Assigned
    }

    fn settle(&mut self) {
        while let Some(event) = self.dad.poll_event() {
            match event {
                DadEvent::Probe { nonce, .. } => self.out.push_back(A::probe(self.mac, nonce)),
                DadEvent::Announce { .. } => self.out.push_back(A::announcement(self.mac)),
                DadEvent::Assigned { .. } | DadEvent::Lost { .. } => self.events.push_back(event),
            }
        }
    }
}

impl<A: Version> Core for Station<A> {
    type Event = DadEvent<A>;

    fn handle_input(&mut self, now: Instant, octets: &[u8]) {
        let is_checking = self.dad.state() == DadState::Tentative;
        let heard = A::hear(self, now, octets);
        // All that crosses is about the address: RFC 5227 §2.1.1, RFC 4862 §5.4.3 and §5.4.4.
        if is_checking {
            assert_eq!(heard, DadHeard::Conflict);
            assert_eq!(self.dad.state(), DadState::Idle);
        }
        assert_ne!(heard, DadHeard::Echo, "a probe of another is no echo");
        self.conflicts += u32::from(heard == DadHeard::Conflict);
        self.settle();
    }

    fn poll_output(&mut self, _: Instant, out: &mut Vec<u8>) -> bool {
        self.settle();
        super::send_first(&mut self.out, out)
    }

    fn poll_event(&mut self) -> Option<DadEvent<A>> {
        self.events.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let times = [
            self.start,
            self.dad.poll_timeout(),
            self.table.poll_timeout(),
        ];
        times.into_iter().flatten().min()
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.start.is_some_and(|at| at <= now) {
            self.start = None;
            self.dad.start(now, A::ADDR);
        }
        self.dad.handle_timeout(now);
        self.table.handle_timeout(now);
        self.settle();
    }
}

impl Version for Ipv4Addr {
    const ADDR: Self = ADDR4;
    const CONFIG: DadConfig = DadConfig::IPV4;

    fn probe(mac: MacAddr, _: waypost_ip::neighbor::Nonce) -> Vec<u8> {
        ArpHeader::probe(mac, ADDR4).as_bytes().to_vec()
    }

    fn announcement(mac: MacAddr) -> Vec<u8> {
        ArpHeader::announcement(mac, ADDR4).as_bytes().to_vec()
    }

    fn hear(station: &mut Station<Self>, now: Instant, frame: &[u8]) -> DadHeard {
        let arp = *ArpPacket::parse(frame).unwrap().header();
        let own_mac = station.mac;
        let is_ours = |addr| station.dad.own().is_some_and(|(own, _)| own == addr);
        let outcome = station.table.handle_arp(now, &arp, own_mac, is_ours);
        let reply = outcome.reply.map(|it| it.as_bytes().to_vec());
        station.out.extend(reply);
        station.dad.handle_arp(now, &arp, |mac| mac == own_mac)
    }
}

impl Version for Ipv6Addr {
    const ADDR: Self = ADDR6;
    const CONFIG: DadConfig = DadConfig::IPV6;

    fn probe(_: MacAddr, nonce: waypost_ip::neighbor::Nonce) -> Vec<u8> {
        let (nobody, to) = (Self::UNSPECIFIED, solicited_node(ADDR6));
        wire::solicitation(nobody, to, ADDR6, Err(nonce))
    }

    fn announcement(_: MacAddr) -> Vec<u8> {
        unreachable!("IPv6 announces nothing here")
    }

    fn hear(station: &mut Station<Self>, now: Instant, frame: &[u8]) -> DadHeard {
        let message = wire::parse(frame);
        let own_mac = station.mac;
        let own = |addr| station.dad.own().filter(|(own, _)| *own == addr);
        let outcome = station
            .table
            .handle_ndp(now, &message, own_mac, false, |addr| {
                own(addr).map(|(_, own)| own)
            });
        let reply = outcome.reply.map(|it| wire::advertisement(&it, own_mac));
        station.out.extend(reply);
        station.dad.handle_ndp(now, &message, |mac| mac == own_mac)
    }
}

type Stations<A> = Pair<Station<A>, Station<A>>;

/// Lets two stations check the address, the second so many milliseconds after the first, until all probes and announcements are
/// through.
fn checked<A: Version>(seed: u64, after: u64, link: LinkConfig) -> Stations<A> {
    let a = Station::new(1, seed, Duration::ZERO);
    let b = Station::new(2, seed.rotate_left(32) ^ 1, Duration::from_millis(after));
    let mut pair = Pair::new(a, b, link, seed);
    pair.run_until(secs(30)).unwrap();
    pair
}

fn owners<A: Version>(pair: &Stations<A>) -> usize {
    usize::from(pair.a().has_it()) + usize::from(pair.b().has_it())
}

/// Who once had the address and lost it was told by whom.
fn losses_are_told<A: Version>(pair: &mut Stations<A>) -> Result<(), TestCaseError> {
    let a: Vec<_> = pair.take_events_a().collect();
    let b: Vec<_> = pair.take_events_b().collect();
    for (events, other, has_it) in [
        (a, mac(2), pair.a().has_it()),
        (b, mac(1), pair.b().has_it()),
    ] {
        let mut had = false;
        for (_, event) in events {
            match event {
                DadEvent::Assigned { .. } => had = true,
                DadEvent::Lost { by, was_used, .. } => {
                    prop_assert_eq!(was_used, had);
                    prop_assert!(by.is_none_or(|by| by == other));
                    had = false;
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }
        prop_assert_eq!(had, has_it);
    }
    Ok(())
}

/// Where nothing is lost, and an answer comes in a second, no two get an address.
fn one_at_most<A: Version>(seed: u64, after: u64, link: LinkConfig) -> Result<(), TestCaseError> {
    let mut pair = checked::<A>(seed, after, link);
    prop_assert!(owners(&pair) <= 1);
    if after >= 10_000 {
        // The first has it before the second begins, keeps it and says so.
        prop_assert!(pair.a().has_it());
    }
    prop_assert!(pair.a().conflicts + pair.b().conflicts > 0);
    losses_are_told(&mut pair)
}

proptest! {
    #[test]
    fn two_get_no_address_of_ipv4_where_nothing_is_lost(
        seed: u64,
        after in prop_oneof![0..2000_u64, 0..20_000_u64],
        link in link(0),
    ) {
        one_at_most::<Ipv4Addr>(seed, after, link)?;
    }

    #[test]
    fn two_get_no_address_of_ipv6_where_nothing_is_lost(
        seed: u64,
        after in prop_oneof![0..2000_u64, 0..20_000_u64],
        link in link(0),
    ) {
        one_at_most::<Ipv6Addr>(seed, after, link)?;
    }

    /// RFC 5227 §2.4: what the check has missed is found once one speaks, and one of the two gives way.
    #[test]
    fn of_two_that_have_an_address_of_ipv4_one_gives_way(
        seed: u64,
        after in 0..5000_u64,
        link in link(1_000_000),
        waits in 0..20_u64,
    ) {
        let mut pair = checked::<Ipv4Addr>(seed, after, link);
        for side in [Side::A, Side::B] {
            pair.set_config(side, quick(10, 10));
        }
        pair.run_until(secs(31 + waits)).unwrap();
        let before = owners(&pair);
        if pair.a().has_it() {
            let asks = ArpHeader::request(mac(1), ADDR4, Ipv4Addr::new(192, 0, 2, 1));
            pair.a_mut().out.push_back(asks.as_bytes().to_vec());
        }
        pair.run_until(secs(60)).unwrap();
        prop_assert!(owners(&pair) <= 1);
        if before > 0 {
            prop_assert_eq!(owners(&pair), 1);
        }
        losses_are_told(&mut pair)?;
    }

    /// RFC 4862 §5.4 promises no more: one probe may be lost. But whoever heard of the other while it checked, gave way.
    #[test]
    fn two_have_an_address_of_ipv6_only_if_no_probe_came_through(
        seed: u64,
        after in 0..5000_u64,
        link in link(1_000_000),
    ) {
        let mut pair = checked::<Ipv6Addr>(seed, after, link);
        if owners(&pair) == 2 {
            prop_assert_eq!((pair.a().conflicts, pair.b().conflicts), (0, 0));
        }
        losses_are_told(&mut pair)?;
    }
}

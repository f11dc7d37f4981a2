//! The neighbour table beside a plain model: rows in a list, every rule written out, over random ARP and
//! neighbour discovery, for both versions of IP, without limits of requests and with all kinds of them.
#![cfg(feature = "alloc")]

mod model;
#[path = "../plain/mod.rs"]
mod plain;

use std::net::{Ipv4Addr, Ipv6Addr};

use model::{Model, Said};
use proptest::prelude::*;
use waypost_ip::DropReason;
use waypost_ip::neighbor::{
    Event, GrowingNeighbors, NdpBody, NdpMessage, NeighborConfig, Own, Sent, State,
    VecNeighborTable,
};
use waypost_wire::arp::ArpHeader;
use waypost_wire::{Duration, Instant, Ip, MacAddr};

const NEIGHBORS: usize = 8;
const INCOMPLETE: usize = 4;
const QUEUE: usize = 3;

const fn mac(last: u8) -> MacAddr {
    MacAddr::new([2, 0, 0, 0, 0, last])
}

const OWN_MAC: MacAddr = mac(0xff);

const fn ms(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// How each version says the same. Hosts are of two prefixes, by turns.
trait Family: Ip {
    fn host(number: u8) -> Self;
    fn us() -> Self;
    fn ask(table: &mut Table<Self>, model: &mut Model<Self>, op: &Ask);
    fn tell(table: &mut Table<Self>, model: &mut Model<Self>, op: &Tell);
}

type Table<A> = VecNeighborTable<A, u32>;

/// "I, `mac`, ask for you", or for somebody else.
#[derive(Clone, Debug)]
struct Ask {
    now: u64,
    host: u8,
    mac: u8,
    for_us: bool,
}

/// "I have it", with the flags of an advertisement, of which ARP has none.
#[derive(Clone, Debug)]
struct Tell {
    now: u64,
    host: u8,
    mac: Option<u8>,
    solicited: bool,
    overrides: bool,
    router: bool,
}

impl Family for Ipv4Addr {
    fn host(number: u8) -> Self {
        Self::new(10, 0, number % 2, number + 2)
    }
    fn us() -> Self {
        Self::new(10, 0, 0, 1)
    }
    fn ask(table: &mut Table<Self>, model: &mut Model<Self>, op: &Ask) {
        let target = if op.for_us {
            Self::us()
        } else {
            Self::new(10, 0, 0, 200)
        };
        let request = ArpHeader::request(mac(op.mac), Self::host(op.host), target);
        table.handle_arp(ms(op.now), &request, OWN_MAC, |addr| addr == Self::us());
        model.request(op.now, Self::host(op.host), mac(op.mac), op.for_us);
    }
    fn tell(table: &mut Table<Self>, model: &mut Model<Self>, op: &Tell) {
        let Some(last) = op.mac else { return };
        let host = Self::host(op.host);
        let asked = model
            .row(host)
            .is_some_and(|row| matches!(row.state, State::Incomplete | State::Probe));
        // A reply to us, or an announcement.
        let reply = if op.solicited {
            ArpHeader::reply(mac(last), host, OWN_MAC, Self::us())
        } else {
            ArpHeader::reply(mac(last), host, MacAddr::BROADCAST, host)
        };
        table.handle_arp(ms(op.now), &reply, OWN_MAC, |addr| addr == Self::us());
        model.drawn(op.now, table.reachable_time());
        model.answer(
            op.now,
            host,
            Some(mac(last)),
            op.solicited && asked,
            true,
            None,
        );
    }
}

impl Family for Ipv6Addr {
    fn host(number: u8) -> Self {
        Self::new(
            0xfe80,
            0,
            0,
            u16::from(number % 2),
            0,
            0,
            0,
            number as u16 + 2,
        )
    }
    fn us() -> Self {
        Self::new(0xfe80, 0, 0, 0, 0, 0, 0, 1)
    }
    fn ask(table: &mut Table<Self>, model: &mut Model<Self>, op: &Ask) {
        let target = if op.for_us {
            Self::us()
        } else {
            Self::new(0xfe80, 0, 0, 0, 0, 0, 0, 99)
        };
        let body = NdpBody::Solicitation {
            target,
            mac: Some(mac(op.mac)),
            nonce: None,
        };
        handle(table, op.now, Self::host(op.host), body);
        if op.for_us {
            model.request(op.now, Self::host(op.host), mac(op.mac), true);
        }
    }
    fn tell(table: &mut Table<Self>, model: &mut Model<Self>, op: &Tell) {
        let target = Self::host(op.host);
        let Tell {
            solicited,
            overrides,
            router,
            ..
        } = *op;
        let mac = op.mac.map(mac);
        let body = NdpBody::Advertisement {
            target,
            mac,
            router,
            solicited,
            overrides,
        };
        let was_router = model.row(target).is_some_and(|row| row.router);
        let lost = handle(table, op.now, target, body);
        model.drawn(op.now, table.reachable_time());
        model.answer(op.now, target, mac, solicited, overrides, Some(router));
        let is_router = model.row(target).is_some_and(|row| row.router);
        assert_eq!(lost, (was_router && !is_router).then_some(target));
    }
}

fn handle(
    table: &mut Table<Ipv6Addr>,
    now: u64,
    source: Ipv6Addr,
    body: NdpBody,
) -> Option<Ipv6Addr> {
    let us = Ipv6Addr::us();
    let message = NdpMessage {
        source,
        destination: us,
        body,
    };
    let own = |addr| (addr == us).then_some(Own::Unicast);
    table
        .handle_ndp(ms(now), &message, OWN_MAC, false, own)
        .router_lost
}

#[derive(Clone, Debug)]
enum Op {
    Send(u8),
    Ask(u8, u8, bool),
    Tell(u8, Option<u8>, [bool; 3]),
    Confirm(u8),
    Static(u8),
    Remove(u8),
    /// Asks for the routers that are gone.
    Gone,
    /// Sets the base of the reachable time and the time between requests, in milliseconds.
    Times(u64, u64),
    Sleep(u64),
}

/// Rates and bursts of requests, and how many packets may wait.
fn limits() -> impl Strategy<Value = NeighborConfig> {
    let rates = || prop::sample::select(vec![0u32, 1, 1, 2, 5, u32::MAX]);
    let bursts = || prop::sample::select(vec![0u32, 1, 2, 3, 4, 8, u32::MAX]);
    let packets = prop::sample::select(vec![0usize, 1, 4, 6, 1024]);
    (rates(), bursts(), rates(), bursts(), packets).prop_map(
        |(total, burst, each, at_once, packets)| NeighborConfig {
            requests_per_sec: total,
            requests_burst: burst,
            prefix_requests_per_sec: each,
            prefix_requests_burst: at_once,
            packets,
            ..unlimited()
        },
    )
}

fn unlimited() -> NeighborConfig {
    NeighborConfig {
        neighbors: NEIGHBORS,
        incomplete: INCOMPLETE,
        packets_each: QUEUE,
        requests_per_sec: u32::MAX,
        requests_burst: u32::MAX,
        prefix_requests_per_sec: u32::MAX,
        prefix_requests_burst: u32::MAX,
        ..NeighborConfig::default()
    }
}

fn op() -> impl Strategy<Value = Op> {
    let host = 0u8..14;
    let tell = (
        host.clone(),
        prop::option::weighted(0.8, 1u8..4),
        any::<[bool; 3]>(),
    );
    prop_oneof![
        8 => host.clone().prop_map(Op::Send),
        4 => (host.clone(), 1u8..4, prop::bool::weighted(0.7)).prop_map(|(h, m, us)| Op::Ask(h, m, us)),
        8 => tell.prop_map(|(h, m, flags)| Op::Tell(h, m, flags)),
        2 => host.clone().prop_map(Op::Confirm),
        1 => (0u8..3).prop_map(Op::Static),
        1 => host.prop_map(Op::Remove),
        1 => Just(Op::Gone),
        1 => times().prop_map(|(base, retransmit)| Op::Times(base, retransmit)),
        6 => (0u64..3_000).prop_map(Op::Sleep),
        2 => (0u64..60_000).prop_map(Op::Sleep),
        1 => (0u64..2_000_000).prop_map(Op::Sleep),
    ]
}

fn times() -> impl Strategy<Value = (u64, u64)> {
    let bases = prop::sample::select(vec![0u64, 1, 2, 1_000, 30_000, 30_001, 3_600_000]);
    let between = prop::sample::select(vec![0u64, 500, 1_000, 60_000]);
    (bases, between)
}

/// What the table wants done is what the model wants, and both know the same.
fn compare<A: Family>(table: &mut Table<A>, model: &mut Model<A>) {
    let (mut requests, mut packets) = (Vec::new(), Vec::new());
    while let Some(event) = table.poll_event() {
        match event {
            Event::Request { target, to } => requests.push((target, to)),
            Event::Release { packet, mac, .. } => packets.push((packet, Some(mac))),
            Event::Drop { packet, .. } => packets.push((packet, None)),
        }
    }
    assert_eq!(requests, std::mem::take(&mut model.requests));
    assert_eq!(packets, std::mem::take(&mut model.packets));
    let mut rows: Vec<_> = table
        .iter()
        .map(|row| {
            (
                row.addr,
                row.mac,
                row.state,
                row.router,
                row.since,
                row.waiting,
            )
        })
        .collect();
    let mut wanted: Vec<_> = model
        .rows
        .iter()
        .map(|row| {
            let mac = (row.state != State::Incomplete).then_some(row.mac);
            (
                row.addr,
                mac,
                row.state,
                row.router,
                ms(row.since),
                row.queue.len(),
            )
        })
        .collect();
    rows.sort_by_key(|row| row.0);
    wanted.sort_by_key(|row| row.0);
    assert_eq!(rows, wanted);
    assert_eq!(
        (table.evicted(), table.refused(), table.unanswered()),
        (model.evicted, model.refused, model.unanswered)
    );
    assert_eq!(table.suppressed(), model.suppressed);
    for reason in DropReason::ALL {
        let counted = table.drops().count(reason);
        assert_eq!(counted, model.drops[reason as usize], "{reason}");
    }
    let waiting: usize = model.rows.iter().map(|row| row.queue.len()).sum();
    assert_eq!(table.packets(), waiting);
    // Where a timer was cancelled, the table may ask for a call before anything is due.
    match (table.poll_timeout(), model.next()) {
        (Some(table), Some(model)) => assert!(table <= ms(model)),
        (table, model) => assert!(model.is_none() && table.is_none(), "{table:?} {model:?}"),
    }
}

fn run<A: Family>(config: NeighborConfig, ops: Vec<Op>) {
    let mut table = Table::new(GrowingNeighbors, config);
    let mut model = Model::new(config);
    model.drawn(0, table.reachable_time());
    let mut now = 0;
    for (packet, op) in (0u32..).zip(ops) {
        let mut until = now;
        match op {
            Op::Send(host) => {
                let addr = A::host(host);
                if let Some(mac) = table.lookup(addr) {
                    assert_eq!(model.row(addr).map(|row| row.mac), Some(mac));
                }
                let said = match table.send(ms(now), addr, packet) {
                    Sent::Now { mac, .. } => Said::Now(mac),
                    Sent::Held => Said::Held,
                    Sent::Dropped { reason, .. } => Said::Dropped(reason),
                    Sent::Replaced { packet, reason } => Said::Replaced(packet, reason),
                };
                assert_eq!(said, model.send(now, addr, packet));
            }
            Op::Ask(host, mac, for_us) => {
                A::ask(
                    &mut table,
                    &mut model,
                    &Ask {
                        now,
                        host,
                        mac,
                        for_us,
                    },
                );
            }
            Op::Tell(host, mac, [solicited, overrides, router]) => {
                let tell = Tell {
                    now,
                    host,
                    mac,
                    solicited,
                    overrides,
                    router,
                };
                A::tell(&mut table, &mut model, &tell);
            }
            Op::Confirm(host) => {
                table.confirm(ms(now), A::host(host));
                model.drawn(now, table.reachable_time());
                if let Some(place) = model.place(A::host(host))
                    && !matches!(model.rows[place].state, State::Incomplete | State::Static)
                {
                    model.enter(now, place, State::Reachable);
                }
            }
            Op::Static(host) => {
                table.insert_static(ms(now), A::host(host), mac(1));
                match model.place(A::host(host)) {
                    Some(place) => model.learn(now, place, mac(1), State::Static),
                    None => {
                        let _ = model.create(now, A::host(host), mac(1), State::Static);
                    }
                }
            }
            Op::Remove(host) => {
                let place = model.place(A::host(host));
                assert_eq!(table.remove(A::host(host)), place.is_some());
                if let Some(place) = place {
                    model.delete(place, DropReason::NeighborRemoved);
                }
            }
            Op::Gone => {
                while let Some(router) = table.poll_gone_router() {
                    assert_eq!(router, model.gone.remove(0));
                }
                assert!(model.gone.is_empty());
            }
            Op::Times(base, retransmit) => {
                table.set_times(
                    Duration::from_millis(base),
                    Duration::from_millis(retransmit),
                );
                model.set_times(base, retransmit);
            }
            Op::Sleep(span) => until = now + span,
        }
        model.drawn(now, table.reachable_time());
        compare(&mut table, &mut model);
        while let Some(next) = model.next().filter(|next| *next <= until) {
            now = next;
            table.handle_timeout(ms(now));
            model.timeout(now);
            compare(&mut table, &mut model);
        }
        now = until;
        table.handle_timeout(ms(now));
        compare(&mut table, &mut model);
    }
}

proptest! {
    #[test]
    fn arp_does_what_the_model_does(ops in prop::collection::vec(op(), 1..400)) {
        run::<Ipv4Addr>(unlimited(), ops);
    }

    #[test]
    fn neighbour_discovery_does_what_the_model_does(ops in prop::collection::vec(op(), 1..400)) {
        run::<Ipv6Addr>(unlimited(), ops);
    }

    #[test]
    fn arp_under_limits_does_what_the_model_does(
        config in limits(),
        ops in prop::collection::vec(op(), 1..200),
    ) {
        run::<Ipv4Addr>(config, ops);
    }

    #[test]
    fn neighbour_discovery_under_limits_does_what_the_model_does(
        config in limits(),
        ops in prop::collection::vec(op(), 1..200),
    ) {
        run::<Ipv6Addr>(config, ops);
    }
}

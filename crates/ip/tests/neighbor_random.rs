//! The neighbour table beside a plain model: rows in a list, every rule written out, over random ARP and
//! neighbour discovery, for both versions of IP.
#![cfg(feature = "alloc")]

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use waypost_ip::neighbor::{
    Event, GrowingNeighbors, NdpBody, NdpMessage, NeighborConfig, Own, Sent, State,
    VecNeighborTable,
};
use waypost_wire::arp::ArpHeader;
use waypost_wire::{Instant, Ip, MacAddr};

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

/// How each version says the same.
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
        Self::new(10, 0, 0, number + 2)
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
        Self::new(0xfe80, 0, 0, 0, 0, 0, 0, number as u16 + 2)
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
struct Row<A> {
    addr: A,
    mac: MacAddr,
    state: State,
    router: bool,
    since: u64,
    requests: u8,
    /// When its timer fires, and the order in which timers were set.
    due: Option<(u64, u64)>,
    /// When it became stale, in the order of all.
    order: u64,
    queue: Vec<u32>,
}

struct Model<A> {
    rows: Vec<Row<A>>,
    clock: u64,
    requests: Vec<(A, Option<MacAddr>)>,
    packets: Vec<(u32, Option<MacAddr>)>,
    evicted: u64,
    refused: u64,
    unanswered: u64,
}

impl<A: Ip> Model<A> {
    fn row(&self, addr: A) -> Option<&Row<A>> {
        self.rows.iter().find(|row| row.addr == addr)
    }

    fn place(&self, addr: A) -> Option<usize> {
        self.rows.iter().position(|row| row.addr == addr)
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn enter(&mut self, now: u64, place: usize, state: State) {
        let order = self.tick();
        let row = &mut self.rows[place];
        (row.state, row.since, row.requests, row.order) = (state, now, 0, order);
        let span = match state {
            State::Incomplete | State::Probe => return self.ask(now, place),
            State::Reachable => Some(30_000),
            State::Stale => Some(1_200_000),
            State::Delay => Some(5_000),
            State::Static => None,
        };
        row.due = span.map(|span| (now + span, order));
    }

    fn ask(&mut self, now: u64, place: usize) {
        let order = self.tick();
        let row = &mut self.rows[place];
        row.requests += 1;
        row.due = Some((now + 1000, order));
        self.requests
            .push((row.addr, (row.state == State::Probe).then_some(row.mac)));
    }

    fn create(&mut self, now: u64, addr: A, mac: MacAddr, state: State) -> Option<usize> {
        let incomplete = self
            .rows
            .iter()
            .filter(|row| row.state == State::Incomplete)
            .count();
        if state == State::Incomplete && incomplete >= INCOMPLETE {
            self.refused += 1;
            return None;
        }
        if self.rows.len() >= NEIGHBORS {
            let stale = self.rows.iter().filter(|row| row.state == State::Stale);
            let Some(oldest) = stale.min_by_key(|row| row.order).map(|row| row.addr) else {
                self.refused += 1;
                return None;
            };
            self.rows.retain(|row| row.addr != oldest);
            self.evicted += 1;
        }
        self.rows.push(Row {
            addr,
            mac,
            state,
            router: false,
            since: now,
            requests: 0,
            due: None,
            order: 0,
            queue: Vec::new(),
        });
        let place = self.rows.len() - 1;
        self.enter(now, place, state);
        Some(place)
    }

    /// RFC 4861 §7.2.3, RFC 826.
    fn request(&mut self, now: u64, addr: A, mac: MacAddr, create: bool) {
        match self.place(addr) {
            None if create => {
                self.create(now, addr, mac, State::Stale);
            }
            None => {}
            Some(place) if self.rows[place].state == State::Incomplete => {
                self.learn(now, place, mac, State::Stale);
            }
            Some(place) => {
                let row = &self.rows[place];
                if row.mac != mac && row.state != State::Static {
                    self.learn(now, place, mac, State::Stale);
                }
            }
        }
    }

    /// RFC 4861 §7.2.5.
    fn answer(
        &mut self,
        now: u64,
        addr: A,
        mac: Option<MacAddr>,
        s: bool,
        o: bool,
        r: Option<bool>,
    ) {
        let Some(place) = self.place(addr) else {
            return;
        };
        let next = if s { State::Reachable } else { State::Stale };
        let row = &mut self.rows[place];
        let differs = mac.is_some_and(|mac| mac != row.mac);
        match row.state {
            State::Incomplete => {
                let Some(mac) = mac else { return };
                row.router = r.unwrap_or(false);
                self.learn(now, place, mac, next);
                return;
            }
            State::Static if differs => return,
            State::Static => {}
            state if differs && !o => {
                if state == State::Reachable {
                    self.enter(now, place, State::Stale);
                }
                return;
            }
            _ if differs => {
                let mac = mac.unwrap_or(row.mac);
                self.learn(now, place, mac, next);
            }
            _ if s => self.enter(now, place, State::Reachable),
            _ => {}
        }
        if let Some(router) = r {
            self.rows[place].router = router;
        }
    }

    fn learn(&mut self, now: u64, place: usize, mac: MacAddr, state: State) {
        let queue = std::mem::take(&mut self.rows[place].queue);
        self.rows[place].mac = mac;
        // Packets go out to it, so that a stale one is given its delay.
        self.enter(now, place, state);
        if !queue.is_empty() && state == State::Stale {
            self.enter(now, place, State::Delay);
        }
        self.packets
            .extend(queue.into_iter().map(|packet| (packet, Some(mac))));
    }

    fn delete(&mut self, place: usize) {
        let row = self.rows.remove(place);
        self.packets
            .extend(row.queue.into_iter().map(|packet| (packet, None)));
    }

    fn send(&mut self, now: u64, addr: A, packet: u32) -> Said {
        let place = match self.place(addr) {
            Some(place) => place,
            None => match self.create(now, addr, MacAddr::ZERO, State::Incomplete) {
                Some(place) => place,
                None => return Said::Dropped,
            },
        };
        let row = &mut self.rows[place];
        match row.state {
            State::Incomplete => {
                row.queue.push(packet);
                if row.queue.len() > QUEUE {
                    return Said::Replaced(row.queue.remove(0));
                }
                return Said::Held;
            }
            State::Stale => self.enter(now, place, State::Delay),
            _ => {}
        }
        Said::Now(self.rows[place].mac)
    }

    fn next(&self) -> Option<u64> {
        self.rows
            .iter()
            .filter_map(|row| row.due)
            .min()
            .map(|due| due.0)
    }

    fn timeout(&mut self, now: u64) {
        loop {
            let due = self
                .rows
                .iter()
                .filter(|row| row.due.is_some_and(|due| due.0 <= now));
            let Some(addr) = due.min_by_key(|row| row.due).map(|row| row.addr) else {
                return;
            };
            let place = self.place(addr).unwrap();
            self.rows[place].due = None;
            let row = &self.rows[place];
            match row.state {
                State::Incomplete | State::Probe if row.requests < 3 => self.ask(now, place),
                State::Incomplete | State::Probe => {
                    self.unanswered += 1;
                    self.delete(place);
                }
                State::Reachable => self.enter(now, place, State::Stale),
                State::Delay => self.enter(now, place, State::Probe),
                State::Stale => self.delete(place),
                State::Static => {}
            }
        }
    }
}

#[derive(Debug, PartialEq)]
enum Said {
    Now(MacAddr),
    Held,
    Dropped,
    Replaced(u32),
}

#[derive(Clone, Debug)]
enum Op {
    Send(u8),
    Ask(u8, u8, bool),
    Tell(u8, Option<u8>, [bool; 3]),
    Confirm(u8),
    Static(u8),
    Remove(u8),
    Sleep(u64),
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
        6 => (0u64..3_000).prop_map(Op::Sleep),
        2 => (0u64..60_000).prop_map(Op::Sleep),
        1 => (0u64..2_000_000).prop_map(Op::Sleep),
    ]
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
    // Where a timer was cancelled, the table may ask for a call before anything is due.
    match (table.poll_timeout(), model.next()) {
        (Some(table), Some(model)) => assert!(table <= ms(model)),
        (table, model) => assert!(model.is_none() && table.is_none(), "{table:?} {model:?}"),
    }
}

fn run<A: Family>(ops: Vec<Op>) {
    let config = NeighborConfig {
        neighbors: NEIGHBORS,
        incomplete: INCOMPLETE,
        packets_each: QUEUE,
        requests_per_sec: u32::MAX,
        requests_burst: u32::MAX,
        prefix_requests_per_sec: u32::MAX,
        prefix_requests_burst: u32::MAX,
        ..NeighborConfig::default()
    };
    let mut table = Table::new(GrowingNeighbors, config);
    let mut model = Model {
        rows: Vec::new(),
        clock: 0,
        requests: Vec::new(),
        packets: Vec::new(),
        evicted: 0,
        refused: 0,
        unanswered: 0,
    };
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
                    Sent::Dropped { .. } => Said::Dropped,
                    Sent::Replaced { packet, .. } => Said::Replaced(packet),
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
                        model.create(now, A::host(host), mac(1), State::Static);
                    }
                }
            }
            Op::Remove(host) => {
                let place = model.place(A::host(host));
                assert_eq!(table.remove(A::host(host)), place.is_some());
                if let Some(place) = place {
                    model.delete(place);
                }
            }
            Op::Sleep(span) => until = now + span,
        }
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
        run::<Ipv4Addr>(ops);
    }

    #[test]
    fn neighbour_discovery_does_what_the_model_does(ops in prop::collection::vec(op(), 1..400)) {
        run::<Ipv6Addr>(ops);
    }
}

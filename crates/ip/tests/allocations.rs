//! In the steady state no table allocates: once each has been as large as it gets, whatever comes changes places
//! that are there.
#![cfg(feature = "alloc")]

use std::net::{Ipv4Addr, Ipv6Addr};

use waypost_counting::{Counting, allocations};
use waypost_ip::fib::{Fib, FibAddr, NextHop};
use waypost_ip::flow::nat::{GrowingNat, NatConfig, NatTable};
use waypost_ip::flow::{FlowConfig, FlowKey, GrowingFlows, VecFlowTable};
use waypost_ip::neighbor::{Answer, GrowingNeighbors, NeighborConfig, VecNeighborTable};
use waypost_ip::pmtu::{Belief, GrowingPmtu, PmtuConfig, TooBig, VecPmtuCache};
use waypost_ip::reassembly::{GrowingReassembly, Outcome, ReassemblyConfig, VecReassembly};
use waypost_ip::wheel::VecWheel;
use waypost_wire::{
    Duration, Instant, Ip, IpProtocol, Ipv4Header, MacAddr, Prefix, SeqNumber, TcpFlags, TcpHeader,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Does the same thing, with numbers that count on, until every place was used; then it is counted what it takes.
fn allocates_nothing(warm: u32, counted: u32, mut step: impl FnMut(u32)) {
    (0..warm).for_each(&mut step);
    let before = allocations();
    (warm..warm + counted).for_each(&mut step);
    assert_eq!(allocations() - before, 0);
}

fn v4(n: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 | n)
}

fn v6(n: u32) -> Ipv6Addr {
    Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(n) << 64 | 1)
}

fn neighbors<A: Ip>(addr: impl Fn(u32) -> A) {
    let config = NeighborConfig {
        neighbors: 64,
        incomplete: 16,
        packets: 32,
        ..NeighborConfig::default()
    };
    let mut table = VecNeighborTable::<A, u32>::new(GrowingNeighbors, config);
    allocates_nothing(2000, 10_000, |n| {
        let now = Instant::from_millis(u64::from(n) * 20);
        table.handle_timeout(now);
        let mac = MacAddr::new([2, 0, 0, 0, (n >> 8) as u8, n as u8]);
        let _ = table.send(now, addr(n % 200), n);
        let _ = table.send(now, addr(n % 7), n);
        table.handle_request(now, addr(n % 90), mac, true);
        let answer = Answer {
            solicited: true,
            overrides: true,
        };
        table.handle_answer(now, addr(n % 50), mac, answer);
        while table.poll_event().is_some() {}
        assert!(table.lookup(addr(500)).is_none());
    });
    assert!(table.len() > 32);
}

#[test]
fn neighbours_take_their_places_once() {
    neighbors(v4);
    neighbors(v6);
}

#[test]
fn fragments_take_their_places_once() {
    let config = ReassemblyConfig {
        datagrams: 150,
        fragments: 400,
        ..ReassemblyConfig::default()
    };
    let packets: Vec<Vec<u8>> = (0..600_u32)
        .map(|n| {
            let offset = n % 3;
            let mut header = Ipv4Header::new(IpProtocol::UDP, v4(n / 30), v4(900), 16);
            header.set_identification((n / 3) as u16);
            header.set_fragment_offset(offset as u16 * 16);
            header.set_more_fragments(offset < 2);
            header.fill_checksum();
            [&header.as_bytes()[..], &[7; 16]].concat()
        })
        .collect();
    let mut table = VecReassembly::<Ipv4Addr, &[u8]>::new(GrowingReassembly, config);
    let mut whole = 0;
    let mut buffer = [0; 100];
    allocates_nothing(6000, 20_000, |n| {
        // At times few come, at others many.
        let now = Instant::from_millis(u64::from(n) * 100 + u64::from(n / 4000) * 100_000);
        while table.expire(now).is_some() {}
        // Each fifth is lost.
        let packet = &packets[((n ^ 1) % 600) as usize];
        if n % 5 > 0
            && let Outcome::Whole(datagram) = table.input(now, packet)
        {
            assert_eq!(datagram.write(&mut buffer), Some(68));
            whole += 1;
        }
    });
    assert!(whole > 1000 && table.counters().timed_out > 0, "{table:?}");
}

fn pmtu<A: Ip>(addr: impl Fn(u32) -> A) {
    let config = PmtuConfig {
        paths: 64,
        rate: 1_000_000,
        ..PmtuConfig::default()
    };
    let mut cache = VecPmtuCache::<A>::new(GrowingPmtu, config, Instant::ZERO);
    allocates_nothing(500, 10_000, |n| {
        let now = Instant::from_secs(u64::from(n));
        while cache.expire(now).is_some() {}
        let report = TooBig {
            mtu: 1300 + n % 100,
            quoted_len: 0,
            header_len: 0,
        };
        let belief = [Belief::Doubt, Belief::Likely, Belief::Proven][(n % 3) as usize];
        cache.report(now, addr(n % 100), report, 1500, |_| belief);
        cache.no_progress(now, addr(n % 13));
        cache.acknowledged(addr(n % 17), 1500);
        cache.probed(now, addr(n % 40), 1400);
    });
    assert!(cache.counters().evicted > 0);
}

#[test]
fn paths_take_their_places_once() {
    pmtu(v4);
    pmtu(v6);
}

fn syn() -> TcpHeader {
    let number = SeqNumber::new(100);
    TcpHeader::new(1, 2, number, number, TcpFlags::SYN, 0)
}

fn flows<A: Ip>(addr: impl Fn(u32) -> A) {
    let config = FlowConfig {
        flows: 256,
        half_open: 100,
        per_source: 10,
        ..FlowConfig::default()
    };
    let mut table = VecFlowTable::<A, u32>::new(GrowingFlows, config);
    let mut found = [None; 64];
    allocates_nothing(2000, 10_000, |n| {
        let now = Instant::from_millis(u64::from(n) * 100);
        while table.expire(now).is_some() {}
        let key = |n| {
            let protocol = [IpProtocol::UDP, IpProtocol::TCP][(n % 2) as usize];
            FlowKey::new(protocol, (addr(n % 300), n as u16), (addr(9000), 53))
        };
        let (key, other) = (key(n), key(n / 2));
        let header = (key.protocol == IpProtocol::TCP).then(syn);
        let _ = table.insert(now, key, key.reversed(), header.as_ref(), n);
        if let Some(found) = table.lookup(&other.reversed()) {
            table.packet(now, found, None);
        }
        table.lookup_batch(&[key; 64], &mut found);
        if n % 10 == 0
            && let Some(found) = table.lookup(&other)
        {
            table.remove(found.id);
        }
    });
    assert!(table.counters().inserted() > 5000);
}

#[test]
fn flows_take_their_places_once() {
    flows(v4);
    flows(v6);
}

#[test]
fn mappings_take_their_places_once() {
    let config = FlowConfig {
        flows: 256,
        half_open: 100,
        ..FlowConfig::default()
    };
    let mut nat = NatTable::<Ipv4Addr, u32, _, _>::new(
        GrowingFlows,
        GrowingNat,
        config,
        NatConfig::default(),
    )
    .unwrap();
    assert!(nat.add_address(Ipv4Addr::new(198, 51, 100, 1)));
    let mut entered = 0;
    allocates_nothing(2000, 10_000, |n| {
        let now = Instant::from_millis(u64::from(n) * 100);
        while nat.expire(now).is_some() {}
        let peer = Ipv4Addr::new(192, 0, 2, n as u8 % 3);
        let packet = FlowKey::new(IpProtocol::UDP, (v4(n % 300), 4000), (peer, 53));
        if let Ok(inserted) = nat.outbound(now, packet, None, n) {
            entered += 1;
            let reply = nat.flows().flow(inserted.id).map(|flow| flow.reply);
            let reply = reply.unwrap_or(packet);
            if let Some(found) = nat.flows().lookup(&reply) {
                nat.packet(now, found, None);
            }
            let from = (peer, 99);
            let to = (reply.destination, reply.destination_port);
            let _ = nat.inbound(now, FlowKey::new(IpProtocol::UDP, from, to), None, n);
        }
    });
    assert!(entered > 1000, "{entered}");
}

#[test]
fn timers_take_their_places_once() {
    let mut wheel = VecWheel::new(Vec::new(), 1000);
    let mut keys = [None; 64];
    allocates_nothing(5000, 20_000, |n| {
        let now = Instant::from_micros(u64::from(n) * 700);
        while wheel.expire(now).is_some() {}
        let after = u64::from(n).wrapping_mul(0x9e37_79b9) % 1_000_000;
        let deadline = now + Duration::from_micros(after);
        let key = &mut keys[n as usize % 64];
        if let Some(key) = *key {
            wheel.restart(key, deadline + Duration::from_millis(1));
        }
        *key = wheel.start(deadline, n).ok();
        if n % 3 == 0
            && let Some(key) = keys[n as usize / 2 % 64]
        {
            wheel.cancel(key);
        }
    });
    assert!(wheel.refused() > 0 || wheel.len() > 300, "{}", wheel.len());
}

fn routes<A: FibAddr>(prefix: impl Fn(u32) -> Prefix<A>) {
    let mut fib = Fib::<A>::default();
    let mut hops = [None; 32];
    for n in 0..2000 {
        let hop = NextHop::new(n % 9 + 1).unwrap();
        fib.insert(prefix(n), hop).unwrap();
    }
    let reader = fib.reader();
    fib.remove(prefix(1)).unwrap();
    allocates_nothing(0, 8000, |n| {
        let addr = prefix(n % 2000).network();
        assert!(n % 2000 == 1 || reader.lookup(addr).is_some());
        reader.lookup_batch(&[addr; 32], &mut hops);
        fib.lookup_batch(&[addr; 32], &mut hops);
        assert_eq!(fib.lookup(addr), hops[31]);
    });
}

#[test]
fn addresses_are_looked_up_in_place() {
    routes(|n| {
        let length = [16, 20, 24, 28][(n % 4) as usize];
        Prefix::new_truncated(Ipv4Addr::from_bits(n.wrapping_mul(0x9e37_79b1)), length).unwrap()
    });
    routes(|n| {
        let length = [32, 40, 48, 64][(n % 4) as usize];
        let bits = 0x2000 << 112 | u128::from(n.wrapping_mul(0x9e37_79b1)) << 70;
        Prefix::new_truncated(Ipv6Addr::from_bits(bits), length).unwrap()
    });
}

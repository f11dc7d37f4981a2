//! What a NAT keeps: mappings, filtering and ports as RFC 4787, 5382, 5508 and
//! 6056 have them. Errors are in `errors.rs`, random operations against a plain model in `random.rs`.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use waypost_ip::flow::nat::{
    Endpoint, Filtering, FixedNat, GrowingNat, Mapping, NatConfig, NatTable, Pooling, Translated,
};
use waypost_ip::flow::{
    Direction, FixedFlows, FlowConfig, FlowKey, FlowRefusal, FlowState, FlowTimeouts, GrowingFlows,
};
use waypost_wire::{Duration, IpProtocol, SeqNumber, TcpFlags, TcpHeader};

use super::*;

#[test]
fn flows_of_one_endpoint_share_one_mapping() {
    for protocol in [UDP, IpProtocol::TCP, IpProtocol::SCTP] {
        let mut nat = nat(NatConfig::default());
        let packet = |peer| FlowKey::new(protocol, (host(1), 4000), peer);
        let (first, external) = open(&mut nat, secs(0), packet(PEER)).unwrap();
        let (second, again) = open(&mut nat, secs(0), packet(OTHER)).unwrap();
        assert_eq!(external, again);
        let endpoint = Endpoint::destination(&nat.flows().flow(first).unwrap().reply);
        let internal = nat.mapping(&endpoint).unwrap();
        assert_eq!(
            (internal.addr, internal.port, internal.flows),
            (host(1), 4000, 2)
        );
        assert_eq!(nat.ports_in_use(EXTERNAL, &packet(PEER)), 1);
        // The mapping lives as long as one of them.
        nat.remove(first).unwrap();
        assert_eq!(open(&mut nat, secs(0), packet(PEER)).unwrap().1, external);
        nat.remove(second).unwrap();
        assert!(nat.mapping(&endpoint).is_some());
    }
}

#[test]
fn queries_of_one_identifier_share_one_mapping() {
    let mut nat = nat(NatConfig::default());
    let echo = |peer| FlowKey::echo_request(host(1), peer, 77);
    let (id, external) = open(&mut nat, secs(0), echo(PEER.0)).unwrap();
    assert_eq!(open(&mut nat, secs(0), echo(OTHER.0)).unwrap().1, external);
    let reply = FlowKey::echo_request(EXTERNAL, PEER.0, external.1).reversed();
    let found = nat.flows().lookup(&reply).unwrap();
    assert_eq!((found.id, found.direction), (id, Direction::Reply));
    let inside = nat.flows().flow(id).unwrap().rewritten(Direction::Reply);
    assert_eq!(inside, echo(PEER.0).reversed());
    // Nobody else answers, or asks.
    let forged = FlowKey::echo_request(EXTERNAL, Ipv4Addr::new(9, 9, 9, 9), external.1).reversed();
    let refused = nat.inbound(secs(0), forged, None, 0);
    assert_eq!(refused.unwrap_err(), FlowRefusal::NoMapping);
}

#[test]
fn mappings_by_peer_have_a_port_each() {
    let config = NatConfig {
        mapping: Mapping::AddressAndPortDependent,
        ..NatConfig::default()
    };
    let mut nat = nat(config);
    let (id, first) = open(&mut nat, secs(0), udp(1, 4000, PEER)).unwrap();
    let (_, second) = open(&mut nat, secs(0), udp(1, 4000, OTHER)).unwrap();
    assert_ne!(first, second);
    assert_eq!(nat.mappings().count(), 2);
    nat.remove(id).unwrap();
    assert_eq!(nat.mappings().count(), 1);
    assert_eq!(nat.ports_in_use(EXTERNAL, &udp(1, 4000, PEER)), 1);
}

#[test]
fn parity_and_range_of_ports_are_kept() {
    let mut nat = nat(NatConfig::default());
    for (last, port) in [
        (1, 4000),
        (1, 4001),
        (2, 100),
        (2, 101),
        (3, 1023),
        (3, 1024),
    ] {
        let (_, external) = open(&mut nat, secs(0), udp(last, port, PEER)).unwrap();
        assert_eq!(external.1 % 2, port % 2);
        assert_eq!(external.1 < 1024, port < 1024);
    }
    let config = NatConfig {
        preserve_port: true,
        ..NatConfig::default()
    };
    let mut nat = self::nat(config);
    assert_eq!(
        open(&mut nat, secs(0), udp(1, 4000, PEER)).unwrap().1.1,
        4000
    );
    assert_ne!(
        open(&mut nat, secs(0), udp(2, 4000, PEER)).unwrap().1.1,
        4000
    );
}

#[test]
fn exhausted_ports_are_a_refusal_and_come_back() {
    let flows = FlowConfig {
        flows: 70_000,
        half_open: 70_000,
        per_source: usize::MAX,
        ..FlowConfig::default()
    };
    let mut nat = nat_with(flows, NatConfig::default());
    // 511 even ports below 1024.
    for last in 0..511 {
        open(&mut nat, secs(u64::from(last)), udp(last, 100, PEER)).unwrap();
    }
    let refused = open(&mut nat, secs(511), udp(600, 100, PEER));
    assert_eq!(refused.unwrap_err(), FlowRefusal::PortsExhausted);
    assert_eq!(
        nat.flows().counters().refused(FlowRefusal::PortsExhausted),
        1
    );
    // Others go on: odd ones, higher ones, a known endpoint, another protocol.
    open(&mut nat, secs(511), udp(600, 101, PEER)).unwrap();
    open(&mut nat, secs(511), udp(600, 1100, PEER)).unwrap();
    open(&mut nat, secs(511), udp(0, 100, OTHER)).unwrap();
    let tcp = FlowKey::new(IpProtocol::TCP, (host(600), 100), PEER);
    open(&mut nat, secs(511), tcp).unwrap();
    while nat.expire(secs(511)).is_some() {}
    open(&mut nat, secs(511), udp(600, 100, PEER)).unwrap();

    // With another address and arbitrary pooling a host takes what is left there.
    let config = NatConfig {
        pooling: Pooling::Arbitrary,
        ..NatConfig::default()
    };
    let mut nat = nat_with(flows, config);
    nat.add_address(Ipv4Addr::new(198, 51, 100, 2));
    for last in 0..1022 {
        open(&mut nat, secs(0), udp(last, 100, PEER)).unwrap();
    }
    let refused = open(&mut nat, secs(0), udp(2000, 100, PEER));
    assert_eq!(refused.unwrap_err(), FlowRefusal::PortsExhausted);
    let mut none = Nat::new(GrowingFlows, GrowingNat, flows, NatConfig::default()).unwrap();
    let refused = none.outbound(secs(0), udp(1, 1, PEER), None, 0);
    assert_eq!(refused.unwrap_err(), FlowRefusal::NoAddress);
}

fn from_100(protocol: IpProtocol, last: u32, peer: (Ipv4Addr, u16)) -> Key {
    match protocol {
        IpProtocol::ICMP => FlowKey::echo_request(host(last), peer.0, 100),
        _ => FlowKey::new(protocol, (host(last), 100), peer),
    }
}

#[test]
fn no_port_stands_for_two_endpoints() {
    for protocol in [UDP, IpProtocol::TCP, IpProtocol::SCTP, IpProtocol::ICMP] {
        let mut nat = nat(NatConfig::default());
        let mut taken = BTreeSet::new();
        for last in 0..511 {
            // Not even where the peers differ.
            let peer = (Ipv4Addr::from_bits(0xc000_0200 + last), 53);
            let packet = from_100(protocol, last, peer);
            let (_, external) = open(&mut nat, secs(0), packet).unwrap();
            assert!(taken.insert(external), "{packet} as {external:?}");
        }
        // Identifiers have no range of their own.
        if protocol != IpProtocol::ICMP {
            let one_more = from_100(protocol, 600, OTHER);
            let refused = open(&mut nat, secs(0), one_more);
            assert_eq!(refused.unwrap_err(), FlowRefusal::PortsExhausted);
        }
    }
}

#[test]
fn ports_are_shared_only_where_that_is_asked_for() {
    let overload = |mapping| NatConfig {
        mapping,
        overload: true,
        ..NatConfig::default()
    };
    let mut shared = nat(overload(Mapping::AddressAndPortDependent));
    // More flows than there are ports, to different peers.
    for last in 0..4000 {
        let peer = (Ipv4Addr::from_bits(0xc000_0200 + last), 53);
        open(&mut shared, secs(0), udp(last, 100, peer)).unwrap();
    }
    assert_eq!(shared.mappings().count(), 0);
    let unknown = FlowKey::new(UDP, PEER, (EXTERNAL, 100));
    let refused = shared.inbound(secs(0), unknown, None, 0);
    assert_eq!(refused.unwrap_err(), FlowRefusal::NoMapping);
    // It is ignored where mappings are independent of the peer.
    let mut apart = nat(overload(Mapping::EndpointIndependent));
    for last in 0..511 {
        open(&mut apart, secs(0), udp(last, 100, PEER)).unwrap();
    }
    let refused = open(&mut apart, secs(0), udp(600, 100, OTHER));
    assert_eq!(refused.unwrap_err(), FlowRefusal::PortsExhausted);
}

#[test]
fn filtering_lets_in_whom_it_says() {
    use Filtering::{AddressAndPortDependent, AddressDependent, EndpointIndependent};
    let other_port = (PEER.0, 9999);
    for (protocol, (filtering, from_peer, from_other)) in
        [UDP, IpProtocol::TCP].into_iter().flat_map(|protocol| {
            let cases = [
                (EndpointIndependent, true, true),
                (AddressDependent, true, false),
                (AddressAndPortDependent, false, false),
            ];
            cases.map(|case| (protocol, case))
        })
    {
        let inside = (host(1), 4000);
        let config = NatConfig {
            filtering,
            ..NatConfig::default()
        };
        let mut nat = nat(config);
        let first = FlowKey::new(protocol, inside, PEER);
        let (id, external) = open(&mut nat, secs(0), first).unwrap();
        for (from, allowed) in [(other_port, from_peer), (OTHER, from_other)] {
            let packet = FlowKey::new(protocol, from, external);
            let result = nat
                .inbound(secs(0), packet, None, 0)
                .map(|inserted| inserted.id);
            match result {
                Ok(id) => {
                    let flow = nat.flows().flow(id).unwrap();
                    let seen = flow.rewritten(Direction::Original);
                    assert_eq!(seen, FlowKey::new(protocol, from, inside));
                    let answer = FlowKey::new(protocol, inside, from);
                    let answer = nat.flows().lookup(&answer).unwrap();
                    assert_eq!((answer.id, answer.direction), (id, Direction::Reply));
                    // Nobody is let in for having been let in.
                    nat.remove(id).unwrap();
                }
                Err(reason) => assert_eq!(reason, FlowRefusal::Filtered),
            }
            assert_eq!(result.is_ok(), allowed, "{filtering:?}");
        }
        nat.remove(id).unwrap();
        let packet = FlowKey::new(protocol, other_port, external);
        let refused = nat.inbound(secs(0), packet, None, 0);
        assert_eq!(refused.unwrap_err(), FlowRefusal::NoMapping);
    }
}

#[test]
fn two_hosts_inside_meet_by_their_external_endpoints() {
    for protocol in [UDP, IpProtocol::TCP] {
        let config = NatConfig {
            filtering: Filtering::EndpointIndependent,
            ..NatConfig::default()
        };
        let mut nat = nat(config);
        let (near, far) = ((host(1), 4000), (host(2), 5000));
        let (_, far_external) = open(&mut nat, secs(0), FlowKey::new(protocol, far, PEER)).unwrap();
        let (_, near_external) =
            open(&mut nat, secs(0), FlowKey::new(protocol, near, PEER)).unwrap();
        let packet = FlowKey::new(protocol, near, far_external);
        let id = nat.outbound(secs(0), packet, None, 0).unwrap().id;
        let flow = nat.flows().flow(id).unwrap();
        assert!(flow.data.is_hairpin());
        assert_eq!(flow.data.external(), Some(near_external));
        // The far host sees the external address and port of the near one, and answers there.
        let seen = flow.rewritten(Direction::Original);
        assert_eq!(seen, FlowKey::new(protocol, near_external, far));
        let answer = nat.flows().lookup(&seen.reversed()).unwrap();
        assert_eq!((answer.id, answer.direction), (id, Direction::Reply));
        let flow = nat.flows().flow(id).unwrap();
        let seen = flow.rewritten(Direction::Reply);
        assert_eq!(seen, FlowKey::new(protocol, far_external, near));
    }
    // Filtering holds inside too.
    let mut nat = nat(NatConfig::default());
    let (_, far) = open(&mut nat, secs(0), udp(2, 5000, PEER)).unwrap();
    let refused = open(&mut nat, secs(0), udp(1, 4000, far));
    assert_eq!(refused.unwrap_err(), FlowRefusal::Filtered);
    assert_eq!(nat.ports_in_use(EXTERNAL, &udp(1, 1, PEER)), 1);
}

#[test]
fn times_are_never_shorter_than_a_nat_may_have_them() {
    let short = Duration::from_secs(1);
    let long = Duration::from_secs(100_000);
    let all = |time| FlowTimeouts {
        tcp_established: time,
        tcp_opening: time,
        tcp_closing: time,
        udp: time,
        udp_unreplied: time,
        icmp: time,
        other: time,
    };
    let of = |timeouts| {
        let flows = FlowConfig {
            timeouts,
            ..FlowConfig::default()
        };
        nat_with(flows, NatConfig::default())
            .flows()
            .config()
            .timeouts
    };
    assert_eq!(of(all(long)), all(long));
    let found = of(all(short));
    assert_eq!(found, FlowTimeouts::LEAST);
    // RFC 4787 §4.3, RFC 5382 §5, RFC 5508 §3.2
    assert_eq!(
        [found.udp, found.udp_unreplied],
        [Duration::from_secs(120); 2]
    );
    assert_eq!(found.tcp_established, Duration::from_secs(7440));
    assert_eq!(
        [found.tcp_opening, found.tcp_closing],
        [Duration::from_secs(240); 2]
    );
    assert_eq!(found.icmp, Duration::from_secs(60));
}

#[test]
fn both_sides_of_a_connection_may_open_it_through_the_nat() {
    let mut nat = nat(NatConfig::default());
    let packet = FlowKey::new(IpProtocol::TCP, (host(1), 4000), PEER);
    let segment = |flags, sequence, acknowledgment| {
        let [sequence, acknowledgment] = [sequence, acknowledgment].map(SeqNumber::new);
        TcpHeader::new(1, 2, sequence, acknowledgment, flags, 0)
    };
    let syn = segment(TcpFlags::SYN, 100, 0);
    let id = nat.outbound(secs(0), packet, Some(&syn), 0).unwrap().id;
    let reply = nat.flows().flow(id).unwrap().reply;
    let found = nat.flows().lookup(&reply).unwrap();
    let crossed = segment(TcpFlags::SYN, 900, 0);
    assert_eq!(
        nat.packet(secs(0), found, Some(&crossed)),
        Some(FlowState::SynReceived)
    );
    let found = nat.flows().lookup(&packet).unwrap();
    let both = segment(TcpFlags::SYN | TcpFlags::ACK, 100, 901);
    assert_eq!(
        nat.packet(secs(0), found, Some(&both)),
        Some(FlowState::Established)
    );
}

#[test]
fn connections_from_outside_are_followed_as_those_from_inside() {
    let config = NatConfig {
        filtering: Filtering::EndpointIndependent,
        ..NatConfig::default()
    };
    let mut nat = nat(config);
    let inside = (host(1), 4000);
    let first = FlowKey::new(IpProtocol::TCP, inside, PEER);
    let (_, external) = open(&mut nat, secs(0), first).unwrap();
    let [inbound, answer] = [
        FlowKey::new(IpProtocol::TCP, OTHER, external),
        FlowKey::new(IpProtocol::TCP, inside, OTHER),
    ];
    let segment = |flags, sequence, acknowledgment| {
        let [sequence, acknowledgment] = [sequence, acknowledgment].map(SeqNumber::new);
        TcpHeader::new(1, 2, sequence, acknowledgment, flags, 0)
    };
    let (syn, ack, fin) = (TcpFlags::SYN, TcpFlags::ACK, TcpFlags::FIN | TcpFlags::ACK);
    let id = nat
        .inbound(secs(0), inbound, Some(&segment(syn, 100, 0)), 0)
        .unwrap()
        .id;
    for (key, segment, state) in [
        (answer, segment(syn | ack, 900, 101), FlowState::SynReceived),
        (inbound, segment(ack, 101, 901), FlowState::Established),
        (answer, segment(ack, 901, 101), FlowState::Established),
        (
            inbound,
            segment(fin, 101, 901),
            FlowState::HalfClosed {
                by: Direction::Original,
            },
        ),
        (answer, segment(fin, 901, 102), FlowState::Closing),
        (inbound, segment(ack, 102, 902), FlowState::Closing),
        // The host inside connects with the same ports.
        (answer, segment(syn, 5000, 0), FlowState::SynReceived),
        (
            inbound,
            segment(syn | ack, 7000, 5001),
            FlowState::Established,
        ),
        (answer, segment(ack, 5001, 7001), FlowState::Established),
    ] {
        let found = nat.flows().lookup(&key).unwrap();
        assert_eq!(found.id, id);
        assert_eq!(nat.packet(secs(0), found, Some(&segment)), Some(state));
    }
}

#[test]
fn protocols_without_ports_have_one_host_for_a_peer() {
    let mut nat = nat(NatConfig::default());
    let gre = |last, peer| FlowKey::new(IpProtocol::GRE, (host(last), 0), (peer, 0));
    let (id, external) = open(&mut nat, secs(0), gre(1, PEER.0)).unwrap();
    assert_eq!(external, (EXTERNAL, 0));
    open(&mut nat, secs(0), gre(2, OTHER.0)).unwrap();
    let refused = open(&mut nat, secs(0), gre(2, PEER.0));
    assert_eq!(refused.unwrap_err(), FlowRefusal::ProtocolInUse);
    nat.remove(id).unwrap();
    open(&mut nat, secs(0), gre(2, PEER.0)).unwrap();
}

/// A flood of outbound flows against few places and few external ports: nothing that it held is lost.
#[test]
fn a_flood_leaves_no_port_behind() {
    let flows = FlowConfig {
        flows: 256,
        half_open: 128,
        per_source: usize::MAX,
        ..FlowConfig::default()
    };
    let mut nat = nat_with(flows, NatConfig::default());
    let (id, external) = open(&mut nat, secs(0), udp(0, 4000, PEER)).unwrap();
    let back = nat
        .flows()
        .lookup(&FlowKey::new(UDP, PEER, external))
        .unwrap();
    nat.packet(secs(0), back, None);
    for number in 1..=100_000 {
        let packet = udp(number, (number % 7) as u16 + 100, PEER);
        open(&mut nat, secs(0), packet).unwrap();
    }
    assert_eq!(nat.flows().len(), 129);
    assert_eq!(nat.mappings().count(), 129);
    assert_eq!(nat.ports_in_use(EXTERNAL, &udp(0, 0, PEER)), 129);
    assert!(nat.flows().flow(id).is_some());
    while nat.expire(secs(10_000)).is_some() {}
    assert_eq!((nat.flows().len(), nat.mappings().count()), (0, 0));
    assert_eq!(nat.ports_in_use(EXTERNAL, &udp(0, 0, PEER)), 0);
}

#[test]
fn storage_of_fixed_length_is_enough() {
    const FLOWS: usize = 28;
    let flows = FixedFlows::<Ipv4Addr, Translated<Ipv4Addr, ()>, FLOWS, 10, 56>::new();
    let mappings = FixedNat::<Ipv4Addr, 114, 1>::new();
    let mut nat =
        NatTable::new(flows, mappings, FlowConfig::default(), NatConfig::default()).unwrap();
    assert!(nat.add_address(EXTERNAL));
    assert!(!nat.add_address(Ipv4Addr::LOCALHOST));
    for last in 0..100 {
        nat.outbound(secs(0), udp(last, 4000, PEER), None, ())
            .unwrap();
    }
    assert_eq!((nat.flows().len(), nat.mappings().count()), (FLOWS, FLOWS));
}

//! What a NAT keeps, through its public interface: mappings, filtering, ports and errors as RFC 4787, 5382,
//! 5508 and 6056 have them, and random operations against a plain model.
#![cfg(feature = "alloc")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use waypost_ip::flow::nat::{
    Endpoint, Filtering, FixedNat, GrowingNat, Mapping, NatConfig, NatTable, Pooling, Translated,
};
use waypost_ip::flow::{
    Direction, ErrorMatch, FixedFlows, FlowConfig, FlowId, FlowKey, FlowRefusal, FlowState,
    FlowTimeouts, GrowingFlows, NoErrorMatch, NoKey,
};
use waypost_wire::{
    Duration, Icmpv4Header, Instant, IpProtocol, Ipv4Header, SeqNumber, TcpFlags, TcpHeader,
    UdpHeader,
};

type Key = FlowKey<Ipv4Addr>;
type Nat = NatTable<Ipv4Addr, u32, GrowingFlows, GrowingNat>;

const EXTERNAL: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const PEER: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 53);
const OTHER: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 2), 53);
const UDP: IpProtocol = IpProtocol::UDP;

const fn secs(secs: u64) -> Instant {
    Instant::from_secs(secs)
}

fn host(last: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 + last)
}

fn nat_with(flows: FlowConfig, config: NatConfig) -> Nat {
    let config = NatConfig {
        seed: 0x5eed,
        ..config
    };
    let mut nat = Nat::new(GrowingFlows, GrowingNat, flows, config);
    assert!(nat.add_address(EXTERNAL));
    nat
}

fn nat(config: NatConfig) -> Nat {
    nat_with(FlowConfig::default(), config)
}

/// Enters a flow from inside and returns what stands for its inside.
fn open(
    nat: &mut Nat,
    now: Instant,
    packet: Key,
) -> Result<(FlowId, (Ipv4Addr, u16)), FlowRefusal> {
    let id = nat.outbound(now, packet, None, 0)?.id;
    let reply = nat.flows().flow(id).unwrap().reply;
    Ok((id, (reply.destination, reply.destination_port)))
}

fn udp(last: u32, port: u16, peer: (Ipv4Addr, u16)) -> Key {
    FlowKey::new(UDP, (host(last), port), peer)
}

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
fn a_host_keeps_its_external_address() {
    let mut nat = nat(NatConfig::default());
    for last in 2..=8 {
        assert!(nat.add_address(Ipv4Addr::new(198, 51, 100, last)));
    }
    let mut used = BTreeSet::new();
    for last in 0..64 {
        let flows = (0..20).map(|port| udp(last, 4000 + port, PEER));
        let addrs: BTreeSet<Ipv4Addr> = flows
            .map(|packet| open(&mut nat, secs(0), packet).unwrap().1.0)
            .collect();
        assert_eq!(addrs.len(), 1);
        used.extend(addrs);
    }
    assert_eq!(used.len(), 8);
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
    let mut none = Nat::new(GrowingFlows, GrowingNat, flows, NatConfig::default());
    let refused = none.outbound(secs(0), udp(1, 1, PEER), None, 0);
    assert_eq!(refused.unwrap_err(), FlowRefusal::NoAddress);
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
    for (filtering, from_peer, from_other) in [
        (EndpointIndependent, true, true),
        (AddressDependent, true, false),
        (AddressAndPortDependent, false, false),
    ] {
        let config = NatConfig {
            filtering,
            ..NatConfig::default()
        };
        let mut nat = nat(config);
        let (id, external) = open(&mut nat, secs(0), udp(1, 4000, PEER)).unwrap();
        for (from, allowed) in [(other_port, from_peer), (OTHER, from_other)] {
            let packet = FlowKey::new(UDP, from, external);
            let result = nat
                .inbound(secs(0), packet, None, 0)
                .map(|inserted| inserted.id);
            match result {
                Ok(id) => {
                    let flow = nat.flows().flow(id).unwrap();
                    let inside = flow.rewritten(Direction::Original);
                    assert_eq!(inside, FlowKey::new(UDP, from, (host(1), 4000)));
                    let answer = nat.flows().lookup(&udp(1, 4000, from)).unwrap();
                    assert_eq!((answer.id, answer.direction), (id, Direction::Reply));
                    // Nobody is let in for having been let in.
                    nat.remove(id).unwrap();
                }
                Err(reason) => assert_eq!(reason, FlowRefusal::Filtered),
            }
            assert_eq!(result.is_ok(), allowed, "{filtering:?}");
        }
        nat.remove(id).unwrap();
        let packet = FlowKey::new(UDP, other_port, external);
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
    let flows = FlowConfig {
        timeouts: FlowTimeouts {
            udp: Duration::from_secs(1),
            ..FlowTimeouts::default()
        },
        ..FlowConfig::default()
    };
    let nat = nat_with(flows, NatConfig::default());
    assert_eq!(nat.flows().config().timeouts.udp, Duration::from_secs(120));
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

/// A packet's header and the first 8 octets behind it, which is all that has to be quoted.
fn quote(packet: &Key, payload: &[u8; 8]) -> Vec<u8> {
    let header = Ipv4Header::new(packet.protocol, packet.source, packet.destination, 1000);
    [&header.as_bytes()[..], payload].concat()
}

#[test]
fn errors_find_their_flow_by_what_they_quote() {
    let mut nat = nat(NatConfig::default());
    let packet = udp(1, 4000, PEER);
    let (id, external) = open(&mut nat, secs(0), packet).unwrap();
    let sent = FlowKey::new(UDP, external, PEER);
    let octets = quote(&sent, UdpHeader::new(external.1, PEER.1, 8).as_bytes());
    let quoted = FlowKey::of_quoted_ipv4(&octets).unwrap();
    assert_eq!(quoted, sent);
    // From the peer, from a router on the way.
    let router = Ipv4Addr::new(203, 0, 113, 9);
    for (source, expected) in [(PEER.0, Some(PEER.0)), (router, None)] {
        let error = nat.flows().lookup_error(source, EXTERNAL, &quoted).unwrap();
        let found = error.found;
        assert_eq!((found.id, found.direction), (id, Direction::Reply));
        let ErrorMatch {
            quoted,
            destination,
            source,
            ..
        } = error;
        assert_eq!((quoted, destination, source), (packet, host(1), expected));
    }
    // From inside, about a packet that came back: its sender is hidden as its packets are.
    let delivered = FlowKey::new(UDP, PEER, (host(1), 4000));
    let error = nat
        .flows()
        .lookup_error(host(1), PEER.0, &delivered)
        .unwrap();
    assert_eq!(error.found.direction, Direction::Original);
    assert_eq!(error.quoted, FlowKey::new(UDP, PEER, external));
    assert_eq!((error.destination, error.source), (PEER.0, Some(EXTERNAL)));

    let misdirected = nat.flows().lookup_error(PEER.0, router, &quoted);
    assert_eq!(misdirected, Err(NoErrorMatch::Misdirected));
    let mut wrong_port = quoted;
    wrong_port.source_port ^= 1;
    let unknown = nat.flows().lookup_error(PEER.0, EXTERNAL, &wrong_port);
    assert_eq!(unknown, Err(NoErrorMatch::Unknown));
    let mut octets = octets;
    assert_eq!(
        FlowKey::of_quoted_ipv4(&octets[..27]),
        Err(NoKey::Truncated(7))
    );
    octets[7] = 1;
    assert_eq!(FlowKey::of_quoted_ipv4(&octets), Err(NoKey::LaterFragment));
    octets[0] = 0x65;
    assert_eq!(FlowKey::of_quoted_ipv4(&octets), Err(NoKey::Version(6)));
}

#[test]
fn errors_about_queries_are_found_too() {
    let mut nat = nat(NatConfig::default());
    let echo = FlowKey::echo_request(host(1), PEER.0, 77);
    let (id, (_, identifier)) = open(&mut nat, secs(0), echo).unwrap();
    let sent = FlowKey::echo_request(EXTERNAL, PEER.0, identifier);
    let octets = quote(&sent, Icmpv4Header::echo_request(identifier, 1).as_bytes());
    let quoted = FlowKey::of_quoted_ipv4(&octets).unwrap();
    let error = nat.flows().lookup_error(PEER.0, EXTERNAL, &quoted).unwrap();
    assert_eq!((error.found.id, error.quoted), (id, echo));
}

#[test]
fn errors_between_two_hosts_inside_are_translated() {
    let config = NatConfig {
        filtering: Filtering::EndpointIndependent,
        ..NatConfig::default()
    };
    let mut nat = nat(config);
    let (_, far) = open(&mut nat, secs(0), udp(2, 5000, PEER)).unwrap();
    let packet = udp(1, 4000, far);
    let (id, near) = open(&mut nat, secs(0), packet).unwrap();
    // The far host complains about what it got, then the near one about an answer.
    let got = FlowKey::new(UDP, near, (host(2), 5000));
    let error = nat.flows().lookup_error(host(2), near.0, &got).unwrap();
    assert_eq!((error.found.id, error.quoted), (id, packet));
    assert_eq!((error.destination, error.source), (host(1), Some(far.0)));
    let answered = packet.reversed();
    let error = nat.flows().lookup_error(host(1), far.0, &answered).unwrap();
    assert_eq!((error.found.id, error.quoted), (id, got.reversed()));
    assert_eq!((error.destination, error.source), (host(2), Some(near.0)));
}

#[test]
fn errors_neither_refresh_nor_end_a_flow() {
    let mut nat = nat(NatConfig::default());
    let (_, external) = open(&mut nat, secs(0), udp(1, 4000, PEER)).unwrap();
    let quoted = FlowKey::new(UDP, external, PEER);
    for second in 0..120 {
        assert!(nat.expire(secs(second)).is_none());
        assert!(nat.flows().lookup_error(PEER.0, EXTERNAL, &quoted).is_ok());
    }
    assert!(nat.expire(secs(120)).is_some());
    assert_eq!(nat.ports_in_use(EXTERNAL, &quoted), 0);
}

#[test]
fn quotes_of_ipv6_are_read_through_their_extension_headers() {
    let (from, to) = (Ipv6Addr::from_bits(1), Ipv6Addr::from_bits(2));
    let mut octets = vec![0x60, 0, 0, 0, 3, 232, 60, 64];
    octets.extend(from.octets());
    octets.extend(to.octets());
    octets.extend([17, 0, 1, 4, 0, 0, 0, 0]);
    octets.extend(UdpHeader::new(4000, 53, 984).as_bytes());
    let key = FlowKey::of_quoted_ipv6(&octets).unwrap();
    assert_eq!(key, FlowKey::new(UDP, (from, 4000), (to, 53)));
    for len in 0..octets.len() {
        assert!(FlowKey::of_quoted_ipv6(&octets[..len]).is_err());
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
    let mappings = FixedNat::<Ipv4Addr, 58, 1>::new();
    let mut nat = NatTable::new(flows, mappings, FlowConfig::default(), NatConfig::default());
    assert!(nat.add_address(EXTERNAL));
    assert!(!nat.add_address(Ipv4Addr::LOCALHOST));
    for last in 0..100 {
        nat.outbound(secs(0), udp(last, 4000, PEER), None, ())
            .unwrap();
    }
    assert_eq!((nat.flows().len(), nat.mappings().count()), (FLOWS, FLOWS));
}

#[derive(Clone, Debug)]
enum Op {
    Outbound {
        last: u32,
        port: u16,
        peer: u8,
    },
    Hairpin {
        last: u32,
        port: u16,
        mapping: usize,
    },
    Inbound {
        peer: u8,
        mapping: usize,
    },
    Remove {
        flow: usize,
    },
    Pass {
        secs: u64,
    },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0_u32..5, 0_u16..3, 0_u8..4).prop_map(|(last, port, peer)| Op::Outbound { last, port, peer }),
        1 => (0_u32..5, 0_u16..3, any::<usize>())
            .prop_map(|(last, port, mapping)| Op::Hairpin { last, port, mapping }),
        2 => (0_u8..6, any::<usize>()).prop_map(|(peer, mapping)| Op::Inbound { peer, mapping }),
        1 => any::<usize>().prop_map(|flow| Op::Remove { flow }),
        1 => (0_u64..100).prop_map(|secs| Op::Pass { secs }),
    ]
}

proptest! {
    /// Whatever happens: mappings are those of the flows and of nothing else, no external port stands for
    /// two endpoints, with independent mapping no endpoint has two ports, and all is free in the end.
    #[test]
    fn mappings_are_those_of_the_flows(
        ops in prop::collection::vec(op(), 1..200),
        independent in any::<bool>(),
        filtering in prop::sample::select(&[
            Filtering::EndpointIndependent,
            Filtering::AddressDependent,
            Filtering::AddressAndPortDependent,
        ][..]),
        flows in 1_usize..24,
        seed in any::<u64>(),
    ) {
        let mapping = if independent { Mapping::EndpointIndependent } else { Mapping::AddressAndPortDependent };
        let config = NatConfig { mapping, filtering, seed, ..NatConfig::default() };
        let flow_config = FlowConfig { flows, half_open: flows, seed, ..FlowConfig::default() };
        let mut nat = nat_with(flow_config, config);
        nat.add_address(Ipv4Addr::new(198, 51, 100, 2));
        let mut now = secs(0);
        // External endpoint to internal one and number of flows.
        let mut model: BTreeMap<Endpoint<Ipv4Addr>, (Ipv4Addr, u16, u32)> = BTreeMap::new();
        for op in ops {
            let externals: Vec<Endpoint<Ipv4Addr>> = model.keys().copied().collect();
            let peer = |peer: u8| (Ipv4Addr::new(192, 0, 2, peer / 2), u16::from(peer));
            match op {
                Op::Outbound { last, port, peer: number } => {
                    let _ = nat.outbound(now, udp(last, 4000 + port, peer(number)), None, 0);
                }
                Op::Hairpin { last, port, mapping } if !externals.is_empty() => {
                    let target = externals[mapping % externals.len()];
                    let packet = udp(last, 4000 + port, (target.addr, target.port));
                    let _ = nat.outbound(now, packet, None, 0);
                }
                Op::Inbound { peer: number, mapping } if !externals.is_empty() => {
                    let target = externals[mapping % externals.len()];
                    let remote = peer(number);
                    let packet = FlowKey::new(UDP, remote, (target.addr, target.port));
                    let known = nat.flows().lookup(&packet).is_some();
                    let talks = nat.flows().iter().any(|(_, flow)| {
                        let own = flow.data.external() == Some((target.addr, target.port));
                        own && [flow.original.source, flow.original.destination].contains(&remote.0)
                    });
                    // With mappings by peer, the host may have a flow with the remote by another port.
                    let (addr, port, _) = model[&target];
                    let answer = FlowKey::new(UDP, (addr, port), remote);
                    let is_new = !known && nat.flows().lookup(&answer).is_none();
                    let let_in = is_new && match filtering {
                        Filtering::EndpointIndependent => true,
                        Filtering::AddressDependent => talks,
                        Filtering::AddressAndPortDependent => false,
                    };
                    let result = nat.inbound(now, packet, None, 0);
                    prop_assert_eq!(result.is_ok(), let_in, "{:?}", result);
                }
                Op::Remove { flow } if !nat.flows().is_empty() => {
                    let ids: Vec<FlowId> = nat.flows().iter().map(|(id, _)| id).collect();
                    prop_assert!(nat.remove(ids[flow % ids.len()]).is_some());
                }
                Op::Pass { secs } => {
                    now += Duration::from_secs(secs);
                    while nat.expire(now).is_some() {}
                }
                _ => {}
            }
            model = nat
                .mappings()
                .map(|(external, internal)| (external, (internal.addr, internal.port, internal.flows)))
                .collect();
            let mut held: BTreeMap<Endpoint<Ipv4Addr>, u32> = BTreeMap::new();
            for (_, flow) in nat.flows().iter() {
                let (addr, port) = flow.data.external().unwrap();
                *held.entry(Endpoint { addr, port, zone: 0, protocol: UDP }).or_default() += 1;
                if flow.data.is_hairpin() {
                    *held.entry(Endpoint::destination(&flow.original)).or_default() += 1;
                }
            }
            let expected: BTreeMap<_, _> = model.iter().map(|(external, (.., flows))| (*external, *flows)).collect();
            prop_assert_eq!(held, expected);
            if independent {
                let internal: BTreeSet<_> = model.values().map(|(addr, port, _)| (*addr, *port)).collect();
                prop_assert_eq!(internal.len(), model.len());
            }
            prop_assert_eq!(nat.mappings().count(), model.len());
        }
        while nat.expire(now + Duration::from_secs(10_000)).is_some() {}
        prop_assert_eq!(nat.mappings().count(), 0);
        for last in 1..=2 {
            prop_assert_eq!(nat.ports_in_use(Ipv4Addr::new(198, 51, 100, last), &udp(0, 0, PEER)), 0);
        }
    }

    /// No octets make the reading of quotes panic.
    #[test]
    fn quotes_of_any_octets_are_read_or_refused(octets in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = FlowKey::of_quoted_ipv4(&octets);
        let _ = FlowKey::of_quoted_ipv6(&octets);
        for protocol in 0..=255 {
            let _ = FlowKey::of_payload(IpProtocol(protocol), host(1), host(2), &octets);
        }
    }
}

//! Mappings that are there without flows: who comes in and goes out by them, what is in their way, how they end.

use std::net::Ipv4Addr;

use waypost_ip::flow::nat::{
    Endpoint, Filtering, FixedNat, Mapping, NatConfig, NatTable, StaticRefusal,
};
use waypost_ip::flow::{Direction, EndReason, FixedFlows, FlowConfig, FlowKey, FlowRefusal};
use waypost_wire::IpProtocol;

use super::*;

const SERVER: u32 = 80;
const SECOND: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);

/// An internal endpoint of UDP.
fn inside(last: u32, port: u16) -> Endpoint<Ipv4Addr> {
    Endpoint {
        addr: host(last),
        port,
        zone: 0,
        protocol: UDP,
    }
}

/// All ways in which mappings and filtering may be.
fn configs() -> impl Iterator<Item = NatConfig> {
    let filterings = [
        Filtering::EndpointIndependent,
        Filtering::AddressDependent,
        Filtering::AddressAndPortDependent,
    ];
    filterings.into_iter().flat_map(|filtering| {
        [
            (Mapping::EndpointIndependent, false),
            (Mapping::AddressAndPortDependent, false),
            (Mapping::AddressAndPortDependent, true),
        ]
        .map(|(mapping, overload)| NatConfig {
            mapping,
            filtering,
            overload,
            ..NatConfig::default()
        })
    })
}

#[test]
fn a_static_mapping_is_there_without_flows() {
    for config in configs() {
        let mut nat = nat(config);
        let external = nat
            .add_static(inside(SERVER, 8443), (EXTERNAL, 443))
            .unwrap();
        for round in 0..3 {
            let now = secs(round * 10_000);
            let mapping = nat.mapping(&external).unwrap();
            assert!(mapping.is_static());
            assert_eq!((mapping.addr, mapping.port), (host(SERVER), 8443));
            assert_eq!(mapping.flows, 0);
            // Anybody comes in.
            for peer in [PEER, OTHER] {
                let packet = FlowKey::new(UDP, peer, (EXTERNAL, 443));
                let id = nat.inbound(now, packet, None, 0).unwrap().id;
                let flow = nat.flows().flow(id).unwrap();
                let seen = flow.rewritten(Direction::Original);
                assert_eq!(seen, FlowKey::new(UDP, peer, (host(SERVER), 8443)));
                assert_eq!(flow.rewritten(Direction::Reply), packet.reversed());
            }
            // The server goes out by it.
            for peer in [5, 6] {
                let packet = udp(SERVER, 8443, (PEER.0, peer));
                assert_eq!(open(&mut nat, now, packet).unwrap().1, (EXTERNAL, 443));
            }
            assert_eq!(nat.mapping(&external).unwrap().flows, 4);
            assert_eq!(nat.mappings().count(), 1);
            assert_eq!(nat.ports_in_use(EXTERNAL, &udp(0, 0, PEER)), 0);
            while nat
                .expire(now + waypost_wire::Duration::from_secs(5000))
                .is_some()
            {}
            assert!(nat.flows().is_empty());
        }
        // Of another protocol, and of another zone, it is none.
        let tcp = FlowKey::new(IpProtocol::TCP, PEER, (EXTERNAL, 443));
        let zone = FlowKey::new(UDP, PEER, (EXTERNAL, 443)).in_zone(3);
        for packet in [tcp, zone] {
            let refused = nat.inbound(secs(0), packet, None, 0);
            assert_eq!(refused.unwrap_err(), FlowRefusal::NoMapping);
        }
    }
}

#[test]
fn hosts_inside_meet_a_server_by_its_static_mapping() {
    for config in configs() {
        let mut nat = nat(config);
        let external = nat
            .add_static(inside(SERVER, 8443), (EXTERNAL, 443))
            .unwrap();
        let packet = udp(1, 4000, (EXTERNAL, 443));
        let (id, near) = open(&mut nat, secs(0), packet).unwrap();
        let flow = nat.flows().flow(id).unwrap();
        assert!(flow.data.is_hairpin());
        let seen = flow.rewritten(Direction::Original);
        assert_eq!(seen, FlowKey::new(UDP, near, (host(SERVER), 8443)));
        assert_eq!(flow.rewritten(Direction::Reply), packet.reversed());
        // Another server is seen by its own static endpoint.
        nat.add_static(inside(SERVER + 1, 9000), (EXTERNAL, 900))
            .unwrap();
        let packet = udp(SERVER + 1, 9000, (EXTERNAL, 443));
        assert_eq!(open(&mut nat, secs(0), packet).unwrap().1, (EXTERNAL, 900));
        assert_eq!(nat.mapping(&external).unwrap().flows, 2);
    }
}

#[test]
fn what_is_in_the_way_of_a_static_mapping_is_told() {
    for config in configs() {
        let mut nat = nat(NatConfig {
            statics: 2,
            ..config
        });
        let expect = |nat: &mut Nat, inside, external, reason: StaticRefusal| {
            let before = nat.mappings().count();
            assert_eq!(nat.add_static(inside, external), Err(reason), "{reason}");
            assert_eq!(nat.mappings().count(), before);
        };
        let server = inside(SERVER, 8443);
        for (protocol, own, external) in [
            (IpProtocol::ICMP, 7, 7),
            (IpProtocol::GRE, 0, 0),
            (UDP, 0, 443),
            (UDP, 8443, 0),
        ] {
            let inside = Endpoint {
                port: own,
                protocol,
                ..server
            };
            expect(
                &mut nat,
                inside,
                (EXTERNAL, external),
                StaticRefusal::NoPort,
            );
        }
        expect(&mut nat, server, (SECOND, 443), StaticRefusal::NoAddress);
        // A service has the port.
        assert!(nat.reserve_port(EXTERNAL, UDP, 443));
        expect(
            &mut nat,
            server,
            (EXTERNAL, 443),
            StaticRefusal::ExternalInUse,
        );
        assert!(nat.release_port(EXTERNAL, UDP, 443));
        // A flow has it, and a mapping its inside.
        let (id, taken) = open(&mut nat, secs(0), udp(1, 4000, PEER)).unwrap();
        expect(&mut nat, server, taken, StaticRefusal::ExternalInUse);
        if config.mapping == Mapping::EndpointIndependent {
            expect(
                &mut nat,
                inside(1, 4000),
                (EXTERNAL, 443),
                StaticRefusal::InternalInUse,
            );
        }
        nat.remove(id).unwrap();
        nat.add_static(server, taken).unwrap();
        // Another static one has both.
        expect(&mut nat, inside(2, 1), taken, StaticRefusal::ExternalInUse);
        expect(
            &mut nat,
            server,
            (EXTERNAL, 444),
            StaticRefusal::InternalInUse,
        );
        assert!(!nat.reserve_port(EXTERNAL, UDP, taken.1));
        assert!(!nat.release_port(EXTERNAL, UDP, taken.1));
        // Protocols other than TCP, UDP and ICMP share their ports.
        let sctp = Endpoint {
            protocol: IpProtocol::SCTP,
            ..server
        };
        nat.add_static(sctp, taken).unwrap();
        let lite = Endpoint {
            protocol: IpProtocol(136),
            ..server
        };
        expect(&mut nat, lite, taken, StaticRefusal::LimitReached);
        let external = sctp.at_external(taken);
        assert!(nat.remove_static(&external, |_| {}));
        nat.add_static(lite, taken).unwrap();
        expect(&mut nat, sctp, (EXTERNAL, 9), StaticRefusal::LimitReached);
    }
}

trait AtExternal {
    fn at_external(self, external: (Ipv4Addr, u16)) -> Self;
}

impl AtExternal for Endpoint<Ipv4Addr> {
    fn at_external(self, (addr, port): (Ipv4Addr, u16)) -> Self {
        Self { addr, port, ..self }
    }
}

/// Flows are given no port that stands for a server, not even where they share ports.
#[test]
fn ports_of_static_mappings_are_not_given() {
    for config in configs() {
        let mut nat = nat(NatConfig {
            preserve_port: true,
            ports: waypost_ip::flow::nat::PortRange::new(5000, 5003),
            ..config
        });
        nat.add_static(inside(SERVER, 8443), (EXTERNAL, 5000))
            .unwrap();
        let (_, external) = open(&mut nat, secs(0), udp(1, 5000, PEER)).unwrap();
        assert_eq!(external.1, 5002);
        let refused = open(&mut nat, secs(0), udp(2, 5000, PEER));
        assert_eq!(refused, Err(FlowRefusal::PortsExhausted));
    }
}

#[test]
fn a_static_mapping_that_is_taken_away_ends_its_flows() {
    for config in configs() {
        let mut nat = nat(config);
        let server = inside(SERVER, 8443);
        let external = nat.add_static(server, (EXTERNAL, 443)).unwrap();
        let (kept, near) = open(&mut nat, secs(0), udp(1, 4000, PEER)).unwrap();
        let packet = FlowKey::new(UDP, OTHER, (EXTERNAL, 443));
        nat.inbound(secs(0), packet, None, 0).unwrap();
        open(&mut nat, secs(0), udp(SERVER, 8443, PEER)).unwrap();
        open(&mut nat, secs(0), udp(1, 4000, (EXTERNAL, 443))).unwrap();
        // A mapping of flows is none to take away.
        let dynamic = Endpoint::destination(&FlowKey::new(UDP, PEER, near));
        assert!(!nat.remove_static(&dynamic, |_| panic!("of another mapping")));
        let mut ended = 0;
        assert!(nat.remove_static(&external, |flow| {
            assert_eq!(flow.reason, EndReason::Removed);
            ended += 1;
        }));
        assert_eq!((ended, nat.flows().len()), (3, 1));
        assert!(nat.flows().flow(kept).is_some());
        assert!(!nat.remove_static(&external, |_| {}));
        let refused = nat.inbound(secs(0), packet, None, 0);
        assert_eq!(refused.unwrap_err(), FlowRefusal::NoMapping);
        // All of it is free again.
        nat.add_static(inside(1, 443), (EXTERNAL, 443)).unwrap();
        nat.add_static(server, (EXTERNAL, 444)).unwrap();
        assert!(nat.remove_static(&external, |_| {}));
        assert!(nat.reserve_port(EXTERNAL, UDP, 443));
    }
}

#[test]
fn static_mappings_go_with_their_address() {
    for config in configs() {
        let mut nat = nat(config);
        assert!(nat.add_address(SECOND));
        for number in 0..200 {
            let addr = [EXTERNAL, SECOND][usize::from(number % 2)];
            nat.add_static(inside(SERVER, 1000 + number), (addr, 1 + number))
                .unwrap();
        }
        // A host inside whose own port is shared, with a server at the address that stays.
        let (_, near) = (1..)
            .map(|last| open(&mut nat, secs(0), udp(last, 4000, (SECOND, 2))).unwrap())
            .find(|(_, external)| external.0 == EXTERNAL)
            .unwrap();
        assert_eq!(near.0, EXTERNAL);
        assert!(nat.remove_address(EXTERNAL, |_| {}));
        assert!(nat.mappings().all(|(external, _)| external.addr == SECOND));
        let statics = nat.mappings().filter(|(_, internal)| internal.is_static());
        assert_eq!(statics.count(), 100);
        assert!(
            nat.flows()
                .iter()
                .all(|(_, flow)| flow.reply.destination == SECOND)
        );
        // The server, which was at the first address, goes on at the second (RFC 4787 §4.1, REQ-2), though there
        // are others.
        for last in 3..20 {
            assert!(nat.add_address(Ipv4Addr::new(198, 51, 100, last)));
        }
        for port in 4000..4020 {
            let (_, external) = open(&mut nat, secs(0), udp(SERVER, port, PEER)).unwrap();
            assert_eq!(external.0, SECOND);
        }
        // When the address is back, nothing of what was there is.
        assert!(nat.add_address(EXTERNAL));
        let packet = FlowKey::new(UDP, PEER, (EXTERNAL, 1));
        let refused = nat.inbound(secs(0), packet, None, 0);
        assert_eq!(refused.unwrap_err(), FlowRefusal::NoMapping);
        nat.add_static(inside(SERVER, 1000), (EXTERNAL, 1)).unwrap();
    }
}

/// RFC 4787 §4.1, REQ-2: a server's other flows have the address by which it is known.
#[test]
fn a_host_with_a_static_mapping_keeps_its_address() {
    let mut nat = nat(NatConfig::default());
    for last in 2..=8 {
        assert!(nat.add_address(Ipv4Addr::new(198, 51, 100, last)));
    }
    for last in 0..32 {
        let addr = Ipv4Addr::new(198, 51, 100, 1 + last as u8 % 8);
        nat.add_static(inside(last, 443), (addr, 1000 + last as u16))
            .unwrap();
        let (_, external) = open(&mut nat, secs(0), udp(last, 4000, PEER)).unwrap();
        assert_eq!(external.0, addr);
    }
}

/// A flow that needs the room leaves a static mapping where it is, and there is room for as many as were asked for
/// beside those of the flows.
#[test]
fn static_mappings_have_room_of_their_own() {
    const FLOWS: usize = 8;
    const STATICS: usize = 5;
    let flows = FixedFlows::new();
    let mappings = FixedNat::<Ipv4Addr, { 4 * FLOWS + 2 + 2 * STATICS }, 1>::new();
    let flows: FixedFlows<Ipv4Addr, _, FLOWS, 3, 16> = flows;
    let config = NatConfig {
        statics: STATICS,
        filtering: Filtering::EndpointIndependent,
        ..NatConfig::default()
    };
    let mut nat =
        NatTable::<_, (), _, _>::new(flows, mappings, FlowConfig::default(), config).unwrap();
    assert!(nat.add_address(EXTERNAL));
    for number in 1..=STATICS as u16 {
        nat.add_static(inside(SERVER, number), (EXTERNAL, number))
            .unwrap();
    }
    let more = nat.add_static(inside(SERVER, 99), (EXTERNAL, 99));
    assert_eq!(more, Err(StaticRefusal::LimitReached));
    for last in 0..100 {
        nat.outbound(secs(0), udp(last, 4000, PEER), None, ())
            .unwrap();
        let from = FlowKey::new(UDP, (PEER.0, 1 + last as u16), (EXTERNAL, 3));
        nat.inbound(secs(0), from, None, ()).unwrap();
    }
    assert_eq!(nat.flows().len(), FLOWS);
    assert_eq!(nat.mappings().count(), FLOWS / 2 + STATICS);

    // Without that room they take the flows', and a flow that finds none is refused.
    let config = NatConfig {
        statics: 100,
        ..config
    };
    let flows: FixedFlows<Ipv4Addr, _, FLOWS, 3, 16> = FixedFlows::new();
    let mappings = FixedNat::<Ipv4Addr, 8, 1>::new();
    let mut nat =
        NatTable::<_, (), _, _>::new(flows, mappings, FlowConfig::default(), config).unwrap();
    assert!(nat.add_address(EXTERNAL));
    for number in 1..=4 {
        nat.add_static(inside(SERVER, number), (EXTERNAL, number))
            .unwrap();
    }
    let more = nat.add_static(inside(SERVER, 99), (EXTERNAL, 99));
    assert_eq!(more, Err(StaticRefusal::LimitReached));
    assert!(
        nat.reserve_port(EXTERNAL, UDP, 99),
        "the port is free again"
    );
    let refused = nat.outbound(secs(0), udp(1, 4000, PEER), None, ());
    assert_eq!(refused.unwrap_err(), FlowRefusal::TableFull);
}

//! The external addresses of a NAT: which one a host gets and keeps, ports that are reserved, addresses that go.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use waypost_ip::flow::nat::{Filtering, Mapping, NatConfig};
use waypost_ip::flow::{EndReason, FlowKey, FlowRefusal};
use waypost_wire::IpProtocol;

use super::*;

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

/// RFC 4787 §4.1, REQ-2: also of a host that has sessions when addresses are added.
#[test]
fn a_host_with_mappings_keeps_its_external_address_when_others_are_added() {
    let mut nat = nat(NatConfig::default());
    for last in 0..64 {
        open(&mut nat, secs(0), udp(last, 4000, PEER)).unwrap();
    }
    for last in 2..=8 {
        assert!(nat.add_address(Ipv4Addr::new(198, 51, 100, last)));
    }
    for last in 0..64 {
        let packet = FlowKey::new(IpProtocol::TCP, (host(last), 4001), PEER);
        let (_, external) = open(&mut nat, secs(1), packet).unwrap();
        assert_eq!(external.0, EXTERNAL);
    }
    // Who has no mapping left goes to where there is room.
    while nat.expire(secs(10_000)).is_some() {}
    let used: BTreeSet<Ipv4Addr> = (0..64)
        .map(|last| open(&mut nat, secs(10_000), udp(last, 4000, PEER)).unwrap())
        .map(|(_, external)| external.0)
        .collect();
    assert_eq!(used.len(), 8);
}

/// The packet of a host's protocol, from its port 100 or, of queries, with that identifier.
/// An address that the provider gives to somebody else: nothing is sent from it any more.
#[test]
fn flows_of_an_address_that_is_taken_away_end() {
    let config = NatConfig {
        filtering: Filtering::EndpointIndependent,
        ..NatConfig::default()
    };
    let mut nat = nat(config);
    let second = Ipv4Addr::new(198, 51, 100, 2);
    let gre = FlowKey::new(IpProtocol::GRE, (host(1), 0), (PEER.0, 0));
    open(&mut nat, secs(0), gre).unwrap();
    let (_, near) = open(&mut nat, secs(0), udp(1, 4000, PEER)).unwrap();
    nat.inbound(secs(0), FlowKey::new(UDP, OTHER, near), None, 0)
        .unwrap();
    assert!(nat.add_address(second));
    let (kept, far) = (1000..)
        .map(|last| open(&mut nat, secs(0), udp(last, 4000, PEER)).unwrap())
        .find(|(_, external)| external.0 == second)
        .unwrap();
    open(&mut nat, secs(0), udp(1, 4001, far)).unwrap();
    let before = nat.flows().len();

    assert!(!nat.remove_address(PEER.0, |_| panic!("of another address")));
    let mut ended = 0;
    assert!(nat.remove_address(EXTERNAL, |flow| {
        assert_eq!(flow.reason, EndReason::Removed);
        ended += 1;
    }));
    assert_eq!((nat.flows().len(), ended), (1, before - 1));
    assert!(nat.flows().flow(kept).is_some());
    assert!(nat.mappings().all(|(external, _)| external.addr == second));
    let (_, external) = open(&mut nat, secs(0), udp(1, 4000, PEER)).unwrap();
    assert_eq!(external.0, second);
    // It may come back.
    assert!(nat.add_address(EXTERNAL));
    assert_eq!(nat.ports_in_use(EXTERNAL, &udp(0, 0, PEER)), 0);
    assert!(nat.remove_address(second, |_| {}) && nat.remove_address(EXTERNAL, |_| {}));
    let refused = open(&mut nat, secs(0), udp(1, 4000, PEER));
    assert_eq!(refused, Err(FlowRefusal::NoAddress));
}

/// RFC 6056 §3.2: an address that is the router's own too has services.
#[test]
fn ports_of_services_are_not_given() {
    let overload = NatConfig {
        mapping: Mapping::AddressAndPortDependent,
        overload: true,
        ..NatConfig::default()
    };
    for config in [NatConfig::default(), overload] {
        let mut nat = nat(NatConfig {
            preserve_port: true,
            ..config
        });
        assert!(!nat.reserve_port(PEER.0, UDP, 179));
        for port in (1..1024).filter(|port| port % 8 != 3).chain([4000]) {
            assert!(nat.reserve_port(EXTERNAL, UDP, port));
            assert!(!nat.reserve_port(EXTERNAL, UDP, port));
        }
        assert_eq!(nat.ports_in_use(EXTERNAL, &udp(0, 0, PEER)), 0);
        for last in 0..5 {
            let (_, external) = open(&mut nat, secs(0), udp(last, 179, PEER)).unwrap();
            assert_eq!((external.1 < 1024, external.1 % 8), (true, 3));
        }
        let (_, external) = open(&mut nat, secs(0), udp(1, 4000, PEER)).unwrap();
        assert_ne!(external.1, 4000);
        // Another protocol has ports of its own, and what a flow has is not to be reserved.
        let tcp = FlowKey::new(IpProtocol::TCP, (host(1), 4000), PEER);
        let (_, external) = open(&mut nat, secs(0), tcp).unwrap();
        assert!(!nat.reserve_port(EXTERNAL, IpProtocol::TCP, external.1));
    }
}

/// A service that ends leaves its port to flows; a flow's is not given away.
#[test]
fn ports_that_services_no_longer_have_are_given_again() {
    let overload = NatConfig {
        mapping: Mapping::AddressAndPortDependent,
        overload: true,
        ..NatConfig::default()
    };
    let dependent = NatConfig {
        overload: false,
        ..overload
    };
    for config in [NatConfig::default(), dependent, overload] {
        let mut nat = nat(NatConfig {
            keep_parity: false,
            ..config
        });
        // All that a flow of such a port may get.
        for port in 1..1024 {
            assert!(nat.reserve_port(EXTERNAL, UDP, port));
        }
        let refused = open(&mut nat, secs(0), udp(1, 179, PEER));
        assert_eq!(refused, Err(FlowRefusal::PortsExhausted));
        assert!(!nat.release_port(PEER.0, UDP, 500), "no such address");
        assert!(!nat.release_port(EXTERNAL, IpProtocol::TCP, 500), "free");
        for port in (4..1024).step_by(8) {
            assert!(nat.release_port(EXTERNAL, UDP, port));
            assert!(!nat.release_port(EXTERNAL, UDP, port), "free");
        }
        let (id, (_, port)) = open(&mut nat, secs(0), udp(1, 179, PEER)).unwrap();
        assert_eq!((port < 1024, port % 8), (true, 4));
        assert!(!nat.release_port(EXTERNAL, UDP, port), "a flow's");
        let in_use = nat.ports_in_use(EXTERNAL, &udp(0, 0, PEER));
        assert_eq!(in_use, usize::from(!config.overload));
        nat.remove(id).unwrap();
        assert_eq!(nat.ports_in_use(EXTERNAL, &udp(0, 0, PEER)), 0);
        assert!(nat.reserve_port(EXTERNAL, UDP, port));
    }
}

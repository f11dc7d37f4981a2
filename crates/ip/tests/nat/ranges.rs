//! The ports and identifiers that a configuration allows: flows get those and no others, and what no flow could use
//! is refused when the table is made.

use std::collections::BTreeSet;

use waypost_ip::flow::nat::{
    GrowingNat, Mapping, NatConfig, NatConfigError, NatTable, Pooling, PortRange,
};
use waypost_ip::flow::{FlowConfig, FlowKey, FlowRefusal, GrowingFlows};
use waypost_wire::IpProtocol;

use super::*;

/// The ports that flows of one internal port get, up to the last that is free.
fn all_of(config: NatConfig, packet: impl Fn(u32) -> Key) -> BTreeSet<u16> {
    let flows = FlowConfig {
        flows: 70_000,
        half_open: 70_000,
        ..FlowConfig::default()
    };
    let mut nat = nat_with(flows, config);
    let mut taken = BTreeSet::new();
    for last in 0.. {
        match open(&mut nat, secs(0), packet(last)) {
            Ok((_, (addr, port))) => {
                assert_eq!(addr, EXTERNAL);
                assert!(taken.insert(port), "{port} was given twice");
            }
            Err(reason) => {
                assert_eq!(reason, FlowRefusal::PortsExhausted);
                break;
            }
        }
    }
    taken
}

#[test]
fn flows_get_ports_of_the_range_alone() {
    for protocol in [UDP, IpProtocol::TCP, IpProtocol::SCTP] {
        for (first, last) in [(49_152, 65_535), (5000, 5001), (5001, 5100), (700, 900)] {
            let config = NatConfig {
                ports: PortRange::new(first, last),
                ..NatConfig::default()
            };
            // Ports below 1024 too, where the range has none of those, and the other way round.
            for own in [100, 101, 4000, 4001] {
                let packet = |n| FlowKey::new(protocol, (host(n), own), PEER);
                let expected = (first..=last).filter(|port| port % 2 == own % 2);
                assert_eq!(all_of(config, packet), expected.collect());
            }
            let config = NatConfig {
                keep_parity: false,
                ..config
            };
            let packet = |n| FlowKey::new(protocol, (host(n), 4000), PEER);
            assert_eq!(all_of(config, packet), (first..=last).collect());
        }
    }
}

#[test]
fn a_range_on_both_sides_of_1024_is_two() {
    let config = NatConfig {
        ports: PortRange::new(1000, 1047),
        keep_parity: false,
        ..NatConfig::default()
    };
    assert_eq!(
        all_of(config, |n| udp(n, 100, PEER)),
        (1000..1024).collect()
    );
    assert_eq!(
        all_of(config, |n| udp(n, 4000, PEER)),
        (1024..1048).collect()
    );
    let config = NatConfig {
        keep_range: false,
        ..config
    };
    assert_eq!(
        all_of(config, |n| udp(n, 100, PEER)),
        (1024..1048).collect()
    );
}

#[test]
fn a_port_is_preserved_only_in_the_range() {
    for overload in [false, true] {
        let mut nat = nat(NatConfig {
            mapping: Mapping::AddressAndPortDependent,
            overload,
            preserve_port: true,
            ports: PortRange::new(5000, 5099),
            ..NatConfig::default()
        });
        for (last, own) in [(1, 5000), (2, 5001), (3, 5099)] {
            let (_, external) = open(&mut nat, secs(0), udp(last, own, PEER)).unwrap();
            assert_eq!(external.1, own);
        }
        for (last, own) in [(1, 4998), (2, 5100), (4, 5000)] {
            let (_, external) = open(&mut nat, secs(0), udp(last, own, PEER)).unwrap();
            assert_ne!(external.1, own);
            assert!((5000..5100).contains(&external.1) && external.1 % 2 == 0);
        }
        // With another peer the port is free where it may be shared.
        let (_, external) = open(&mut nat, secs(0), udp(4, 5001, OTHER)).unwrap();
        assert_eq!(external.1 == 5001, overload);
    }
}

#[test]
fn ports_of_a_range_may_be_shared() {
    let mut nat = nat(NatConfig {
        mapping: Mapping::AddressAndPortDependent,
        overload: true,
        ports: PortRange::new(5000, 5003),
        ..NatConfig::default()
    });
    for peer in [PEER, OTHER] {
        let mut taken = BTreeSet::new();
        for last in 0..2 {
            taken.insert(open(&mut nat, secs(0), udp(last, 4000, peer)).unwrap().1.1);
        }
        assert_eq!(taken, BTreeSet::from([5000, 5002]));
        let refused = open(&mut nat, secs(0), udp(2, 4000, peer));
        assert_eq!(refused, Err(FlowRefusal::PortsExhausted));
    }
}

/// The range of ports is not that of identifiers, which have their own.
#[test]
fn identifiers_have_a_range_of_their_own() {
    let echo = |n| FlowKey::echo_request(host(n), PEER.0, 7);
    let config = NatConfig {
        ports: PortRange::new(49_152, 65_535),
        ..NatConfig::default()
    };
    assert_eq!(all_of(config, echo).len(), 65_536);
    for (first, last) in [(0, 0), (300, 399), (65_000, 65_535)] {
        let config = NatConfig {
            identifiers: PortRange::new(first, last),
            ..config
        };
        assert_eq!(all_of(config, echo), (first..=last).collect());
    }
}

#[test]
fn a_range_that_is_used_up_goes_on_at_the_next_address() {
    let config = NatConfig {
        pooling: Pooling::Arbitrary,
        ports: PortRange::new(6000, 6003),
        ..NatConfig::default()
    };
    let mut nat = nat(config);
    let second = Ipv4Addr::new(198, 51, 100, 2);
    assert!(nat.add_address(second));
    let taken: BTreeSet<_> = (0..4)
        .map(|last| open(&mut nat, secs(0), udp(last, 4000, PEER)).unwrap().1)
        .collect();
    let all = [EXTERNAL, second].map(|addr| [(addr, 6000), (addr, 6002)]);
    assert_eq!(taken, all.as_flattened().iter().copied().collect());
    let refused = open(&mut nat, secs(0), udp(4, 4000, PEER));
    assert_eq!(refused, Err(FlowRefusal::PortsExhausted));
}

/// Also where the range is short: what was given back comes last.
#[test]
fn all_of_a_short_range_is_used_before_a_port_comes_again() {
    let mut nat = nat(NatConfig {
        ports: PortRange::new(7000, 7099),
        keep_parity: false,
        ..NatConfig::default()
    });
    let mut draw = || {
        let (id, external) = open(&mut nat, secs(0), udp(1, 4000, PEER)).unwrap();
        nat.remove(id).unwrap();
        external.1
    };
    let first: Vec<u16> = (0..100).map(|_| draw()).collect();
    assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), 100);
    for round in 0..10_000 {
        assert_eq!(draw(), first[round % 100], "{round}");
    }
}

#[test]
fn what_no_flow_could_use_is_refused_at_once() {
    let table = |config| {
        let table: Result<Nat, _> =
            NatTable::new(GrowingFlows, GrowingNat, FlowConfig::default(), config);
        table.map(|_| ())
    };
    let default = NatConfig::default();
    let of = |first, last| NatConfig {
        ports: PortRange::new(first, last),
        ..default
    };
    let range = PortRange::new;
    for (config, error, text) in [
        (
            of(6000, 5999),
            NatConfigError::EmptyRange(range(6000, 5999)),
            "expected a range that begins before it ends, found 6000-5999",
        ),
        (
            NatConfig {
                identifiers: range(1, 0),
                ..default
            },
            NatConfigError::EmptyRange(range(1, 0)),
            "expected a range that begins before it ends, found 1-0",
        ),
        (
            of(0, 100),
            NatConfigError::PortZero(range(0, 100)),
            "expected ports from 1 on, found 0-100",
        ),
        (
            of(6000, 6000),
            NatConfigError::OneParity(range(6000, 6000)),
            "expected an even and an odd port to keep the parity with, found 6000-6000 alone for some flows",
        ),
        // The part for ports below 1024, and that for others.
        (
            of(1023, 2000),
            NatConfigError::OneParity(range(1023, 1023)),
            "expected an even and an odd port to keep the parity with, found 1023-1023 alone for some flows",
        ),
        (
            of(900, 1024),
            NatConfigError::OneParity(range(1024, 1024)),
            "expected an even and an odd port to keep the parity with, found 1024-1024 alone for some flows",
        ),
    ] {
        assert_eq!(table(config), Err(error));
        assert_eq!(error.to_string(), text);
    }
    for config in [
        of(1, 2),
        of(65_534, 65_535),
        NatConfig {
            keep_parity: false,
            ..of(6000, 6000)
        },
        NatConfig {
            keep_range: false,
            ..of(1023, 2000)
        },
        NatConfig {
            identifiers: range(0, 0),
            ..default
        },
    ] {
        assert_eq!(table(config), Ok(()));
    }
}

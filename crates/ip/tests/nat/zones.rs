//! Several networks behind one NAT, and flows between hosts inside: zones, and room for their mappings.

use waypost_ip::flow::nat::{Filtering, NatConfig};
use waypost_ip::flow::{Direction, FlowConfig, FlowKey};

use super::*;

/// Tenants with the same addresses behind one NAT: what goes in or comes out is in the zone of the side it is on,
/// of two hosts inside too.
#[test]
fn each_side_is_in_its_own_zone() {
    const OUTSIDE: u16 = 9;
    let config = NatConfig {
        filtering: Filtering::EndpointIndependent,
        external_zone: OUTSIDE,
        ..NatConfig::default()
    };
    let mut nat = nat(config);
    let inside = (host(1), 4000);
    let mut externals = Vec::new();
    for zone in [1, 2] {
        let packet = FlowKey::new(UDP, inside, PEER).in_zone(zone);
        let (id, external) = open(&mut nat, secs(0), packet).unwrap();
        externals.push(external);
        let flow = nat.flows().flow(id).unwrap();
        let out = flow.rewritten(Direction::Original);
        assert_eq!(out, FlowKey::new(UDP, external, PEER).in_zone(OUTSIDE));
        let back = nat.flows().lookup(&out.reversed()).unwrap();
        assert_eq!((back.id, back.direction), (id, Direction::Reply));
        assert_eq!(flow.rewritten(Direction::Reply), packet.reversed());
        // From outside.
        let packet = FlowKey::new(UDP, OTHER, external).in_zone(OUTSIDE);
        let id = nat.inbound(secs(0), packet, None, 0).unwrap().id;
        let flow = nat.flows().flow(id).unwrap();
        let seen = FlowKey::new(UDP, OTHER, inside).in_zone(zone);
        assert_eq!(flow.rewritten(Direction::Original), seen);
        assert_eq!(flow.rewritten(Direction::Reply), packet.reversed());
    }
    assert_ne!(externals[0], externals[1]);
    for (near, far) in [(1, 2), (2, 1)] {
        let (own, other) = (externals[near - 1], externals[far - 1]);
        let packet = FlowKey::new(UDP, inside, other).in_zone(near as u16);
        let id = nat.outbound(secs(0), packet, None, 0).unwrap().id;
        let flow = nat.flows().flow(id).unwrap();
        assert!(flow.data.is_hairpin());
        let seen = flow.rewritten(Direction::Original);
        assert_eq!(seen, FlowKey::new(UDP, own, inside).in_zone(far as u16));
        let answer = nat.flows().lookup(&seen.reversed()).unwrap();
        assert_eq!((answer.id, answer.direction), (id, Direction::Reply));
        assert_eq!(flow.rewritten(Direction::Reply), packet.reversed());
        nat.remove(id).unwrap();
    }
}

/// RFC 4787 §6: where both sides of a flow are inside, it keeps two mappings, and there is room for them.
#[test]
fn flows_between_hosts_inside_have_room_for_both_mappings() {
    const FLOWS: u32 = 64;
    let flows = FlowConfig {
        flows: FLOWS as usize,
        half_open: FLOWS as usize,
        ..FlowConfig::default()
    };
    let config = NatConfig {
        filtering: Filtering::EndpointIndependent,
        ..NatConfig::default()
    };
    let mut nat = nat_with(flows, config);
    for n in 0..FLOWS {
        let far = udp(1000 + n, 4000, PEER);
        if n + 1 < FLOWS {
            let (id, external) = open(&mut nat, secs(0), far).unwrap();
            nat.outbound(secs(0), udp(n, 4000, external), None, 0)
                .unwrap();
            nat.remove(id).unwrap();
        } else {
            open(&mut nat, secs(0), far).unwrap();
        }
    }
    assert_eq!(nat.flows().len(), FLOWS as usize);
    assert_eq!(nat.mappings().count(), 2 * FLOWS as usize - 1);
}

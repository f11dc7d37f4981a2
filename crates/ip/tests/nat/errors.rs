//! ICMP errors through a NAT, as RFC 5508, 4787 §9 and 5382 §7.3 have them: they find their flow by what they quote,
//! are translated in both directions, and change nothing.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use waypost_ip::flow::nat::{Filtering, NatConfig};
use waypost_ip::flow::{Direction, ErrorMatch, FlowKey, NoErrorMatch, NoKey};
use waypost_wire::{Icmpv4Header, IpProtocol, Ipv4Header, UdpHeader};

use super::*;

/// The packet of a host's protocol, from its port 100 or, of queries, with that identifier.
fn from_100(protocol: IpProtocol, last: u32, peer: (Ipv4Addr, u16)) -> Key {
    match protocol {
        IpProtocol::ICMP => FlowKey::echo_request(host(last), peer.0, 100),
        _ => FlowKey::new(protocol, (host(last), 100), peer),
    }
}

/// A packet's header and the first 8 octets behind it, which is all that has to be quoted.
fn quote(packet: &Key, payload: &[u8; 8]) -> Vec<u8> {
    let header = Ipv4Header::new(packet.protocol, packet.source, packet.destination, 1000);
    [&header.as_bytes()[..], payload].concat()
}

#[test]
fn errors_find_their_flow_by_what_they_quote() {
    for protocol in [UDP, IpProtocol::TCP] {
        errors_find_their_flow(protocol);
    }
}

fn errors_find_their_flow(protocol: IpProtocol) {
    let mut nat = nat(NatConfig::default());
    let packet = FlowKey::new(protocol, (host(1), 4000), PEER);
    let (id, external) = open(&mut nat, secs(0), packet).unwrap();
    let sent = FlowKey::new(protocol, external, PEER);
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
    let delivered = FlowKey::new(protocol, PEER, (host(1), 4000));
    let error = nat
        .flows()
        .lookup_error(host(1), PEER.0, &delivered)
        .unwrap();
    assert_eq!(error.found.direction, Direction::Original);
    assert_eq!(error.quoted, FlowKey::new(protocol, PEER, external));
    assert_eq!((error.destination, error.source), (PEER.0, Some(EXTERNAL)));

    // A router inside is hidden by an address of the NAT's own (RFC 5508 §4.2.2).
    let error = nat.flows().lookup_error(host(9), PEER.0, &delivered);
    assert_eq!(error.map(|error| error.source), Ok(None));

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
    // From inside, about the answer.
    let answer = echo.reversed();
    let error = nat.flows().lookup_error(host(1), PEER.0, &answer).unwrap();
    assert_eq!((error.found.id, error.quoted), (id, sent.reversed()));
    assert_eq!((error.destination, error.source), (PEER.0, Some(EXTERNAL)));
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
    for (protocol, end) in [(UDP, 120), (IpProtocol::TCP, 240), (IpProtocol::ICMP, 60)] {
        let mut nat = nat(NatConfig::default());
        let packet = from_100(protocol, 1, PEER);
        let (id, external) = open(&mut nat, secs(0), packet).unwrap();
        // Of a packet that went out, and of one that came back and was passed on.
        let sent = nat.flows().flow(id).unwrap().rewritten(Direction::Original);
        let delivered = packet.reversed();
        for second in 0..end {
            assert!(nat.expire(secs(second)).is_none());
            let found = nat.flows().lookup_error(PEER.0, EXTERNAL, &sent).unwrap();
            assert_eq!((found.found.id, found.quoted), (id, packet));
            let found = nat.flows().lookup_error(host(1), PEER.0, &delivered);
            assert_eq!(found.unwrap().found.id, id);
        }
        assert!(nat.expire(secs(end)).is_some());
        assert_eq!(nat.ports_in_use(external.0, &packet), 0);
        // Without its flow an error has no one to go to.
        let found = nat.flows().lookup_error(PEER.0, EXTERNAL, &sent);
        assert_eq!(found, Err(NoErrorMatch::Unknown));
    }
}

/// RFC 5508 §4.1, REQ-3: behind the options of the quoted header, without a look at the checksum of what follows.
#[test]
fn quotes_are_read_behind_their_options() {
    let sent = FlowKey::new(IpProtocol::TCP, (EXTERNAL, 7000), PEER);
    for options in [0, 4, 12, 40] {
        let mut octets = quote(&sent, &[0x1b, 0x58, 0, 53, 1, 2, 3, 4]);
        octets[0] = 0x45 + options as u8 / 4;
        // Options that would be ports elsewhere.
        octets.splice(20..20, vec![1; options]);
        assert_eq!(FlowKey::of_quoted_ipv4(&octets), Ok(sent));
        let cut = &octets[..octets.len() - 1];
        assert_eq!(FlowKey::of_quoted_ipv4(cut), Err(NoKey::Truncated(7)));
        // Padding and extension objects behind it are of no matter.
        octets.extend([0; 100]);
        assert_eq!(FlowKey::of_quoted_ipv4(&octets), Ok(sent));
    }
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

proptest! {
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

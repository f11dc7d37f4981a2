//! Neighbour discovery through the neighbour table: what is discarded, what messages teach, what is answered
//! and when, routers that are none any more, redirects.
#![cfg(feature = "alloc")]

use std::net::Ipv6Addr;

use waypost_ip::neighbor::{
    ALL_NODES, Advertisement, Event, GrowingNeighbors, Heard, NdpBody, NdpError, NdpMessage,
    NdpOutcome, NeighborConfig, Own, Sent, State, VecNeighborTable, nonce_option, solicited_node,
};
use waypost_wire::icmpv6::Icmpv6Message;
use waypost_wire::icmpv6::ndp::{
    LinkLayerAddressOption, NdpRedirect, NeighborAdvertisement, NeighborSolicitation,
    RouterAdvertisement, RouterSolicitation,
};
use waypost_wire::{Checksum, Duration, Instant, IpProtocol, MacAddr};

type Table = VecNeighborTable<Ipv6Addr, u32>;

const OWN_MAC: MacAddr = mac(1);
const OWN: Ipv6Addr = link_local(1);
const ANYCAST: Ipv6Addr = link_local(0xa);
const PROXIED: Ipv6Addr = link_local(0xb);
const OPTIMISTIC: Ipv6Addr = link_local(0xc);
const PEER: Ipv6Addr = link_local(2);
const PEER_MAC: MacAddr = mac(2);
const NOBODY: Ipv6Addr = Ipv6Addr::UNSPECIFIED;

const fn mac(last: u8) -> MacAddr {
    MacAddr::new([2, 0, 0, 0, 0, last])
}

const fn link_local(last: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last)
}

const fn ms(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn own(addr: Ipv6Addr) -> Option<Own> {
    match addr {
        OWN => Some(Own::Unicast),
        ANYCAST => Some(Own::Anycast),
        PROXIED => Some(Own::Proxied),
        OPTIMISTIC => Some(Own::Optimistic),
        _ => None,
    }
}

fn table() -> Table {
    Table::new(GrowingNeighbors, NeighborConfig::default())
}

/// A message's octets with the right checksum.
fn seal(source: Ipv6Addr, to: Ipv6Addr, mut octets: Vec<u8>) -> Vec<u8> {
    octets[2..4].fill(0);
    let length = octets.len() as u32;
    let sum = Checksum::ipv6_pseudo_header(source, to, IpProtocol::ICMPV6, length)
        .add_bytes(&octets)
        .finish();
    octets[2..4].copy_from_slice(&sum.to_be_bytes());
    octets
}

fn check(
    source: Ipv6Addr,
    to: Ipv6Addr,
    head: &[u8],
    options: &[&[u8]],
) -> Result<NdpMessage, NdpError> {
    let octets = seal(source, to, [head, &options.concat()].concat());
    NdpMessage::check(source, to, 255, &Icmpv6Message::parse(&octets).unwrap())
}

fn source_option(mac: MacAddr) -> [u8; 8] {
    *LinkLayerAddressOption::source(mac).as_bytes()
}

fn target_option(mac: MacAddr) -> [u8; 8] {
    *LinkLayerAddressOption::target(mac).as_bytes()
}

fn solicitation(source: Ipv6Addr, to: Ipv6Addr, target: Ipv6Addr, mac: MacAddr) -> NdpMessage {
    let head = NeighborSolicitation::new(target);
    check(source, to, head.as_bytes(), &[&source_option(mac)]).unwrap()
}

/// From the peer, with flags as letters.
fn advertisement(target: Ipv6Addr, mac: Option<MacAddr>, flags: &str) -> NdpMessage {
    let mut head = NeighborAdvertisement::new(target);
    head.set_router(flags.contains('R'));
    head.set_solicited(flags.contains('S'));
    head.set_override(flags.contains('O'));
    let to = if head.is_solicited() { OWN } else { ALL_NODES };
    let option = mac.map(target_option);
    let options: Vec<&[u8]> = option.iter().map(|it| &it[..]).collect();
    check(PEER, to, head.as_bytes(), &options).unwrap()
}

fn hear(table: &mut Table, now: Instant, message: &NdpMessage) -> NdpOutcome {
    table.handle_ndp(now, message, OWN_MAC, false, own)
}

fn drain(table: &mut Table) -> Vec<Event<Ipv6Addr, u32>> {
    std::iter::from_fn(|| table.poll_event()).collect()
}

/// A table that knows the peer, in a state.
fn knowing(state: State) -> Table {
    let mut table = table();
    match state {
        State::Incomplete => {
            table.send(ms(0), PEER, 7);
        }
        _ => {
            let from_peer = solicitation(PEER, OWN, OWN, PEER_MAC);
            assert_eq!(hear(&mut table, ms(0), &from_peer).heard, Heard::New);
        }
    }
    match state {
        State::Reachable => table.confirm(ms(0), PEER),
        State::Delay | State::Probe => {
            table.send(ms(0), PEER, 7);
        }
        _ => {}
    }
    if state == State::Probe {
        table.handle_timeout(ms(5000));
    }
    drain(&mut table);
    assert_eq!(table.state(PEER), Some(state));
    table
}

#[test]
fn forged_and_malformed_messages_are_discarded() {
    let head = *NeighborSolicitation::new(OWN).as_bytes();
    let octets = seal(PEER, OWN, [&head[..], &source_option(PEER_MAC)].concat());
    let parse = |octets: &[u8], hop_limit| {
        NdpMessage::check(PEER, OWN, hop_limit, &Icmpv6Message::parse(octets).unwrap())
    };
    assert!(parse(&octets, 255).is_ok());
    assert_eq!(parse(&octets, 254), Err(NdpError::HopLimit { found: 254 }));
    let mut wrong = octets.clone();
    wrong[3] ^= 1;
    assert_eq!(parse(&wrong, 255), Err(NdpError::Checksum));
    let mut wrong = octets.clone();
    wrong[1] = 1;
    let wrong = seal(PEER, OWN, wrong);
    assert_eq!(parse(&wrong, 255), Err(NdpError::Code { found: 1 }));
    let short = seal(PEER, OWN, head[..20].to_vec());
    assert!(matches!(parse(&short, 255), Err(NdpError::Truncated(_))));
    // An option of length zero.
    let zero = check(PEER, OWN, &head, &[&[1, 0, 0, 0, 0, 0, 0, 0]]);
    assert!(matches!(zero, Err(NdpError::Option(_))));
    // Options that nobody knows are passed over.
    assert!(check(PEER, OWN, &head, &[&[77, 1, 0, 0, 0, 0, 0, 0]]).is_ok());
    let echo = seal(PEER, OWN, vec![128, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(parse(&echo, 255), Err(NdpError::OtherType));
}

/// The head of each of the five messages, as the peer may send it.
fn heads() -> [Vec<u8>; 5] {
    [
        RouterSolicitation::new().as_bytes().to_vec(),
        RouterAdvertisement::new(Duration::from_secs(9))
            .as_bytes()
            .to_vec(),
        NeighborSolicitation::new(OWN).as_bytes().to_vec(),
        NeighborAdvertisement::new(PEER).as_bytes().to_vec(),
        NdpRedirect::new(PEER, PEER).as_bytes().to_vec(),
    ]
}

/// RFC 4861 §6.1.1, §6.1.2, §7.1.1, §7.1.2, §8.1: what they have in common.
#[test]
fn every_message_passes_the_checks_of_all() {
    for (head, least) in heads().into_iter().zip([8, 16, 24, 24, 40]) {
        assert_eq!(head.len(), least);
        let parse = |octets: &[u8], hop_limit| {
            NdpMessage::check(PEER, OWN, hop_limit, &Icmpv6Message::parse(octets).unwrap())
        };
        let good = seal(PEER, OWN, head.clone());
        assert!(parse(&good, 255).is_ok());
        for found in [0, 1, 64, 254] {
            assert_eq!(parse(&good, found), Err(NdpError::HopLimit { found }));
        }
        let mut wrong = good.clone();
        wrong[2] ^= 0x10;
        assert_eq!(parse(&wrong, 255), Err(NdpError::Checksum));
        for found in [1, 255] {
            let mut code = good.clone();
            code[1] = found;
            let code = parse(&seal(PEER, OWN, code), 255);
            assert_eq!(code, Err(NdpError::Code { found }));
        }
        for len in 8..least {
            let short = parse(&seal(PEER, OWN, head[..len].to_vec()), 255);
            assert!(matches!(short, Err(NdpError::Truncated(_))), "{short:?}");
        }
        // An option of length zero, or that does not end, wherever it stands.
        for option in [
            &[9, 0][..],
            &[1, 0, 0, 0, 0, 0, 0, 0],
            &[77, 2, 0, 0],
            &[77],
        ] {
            for before in [&[][..], &[77, 1, 0, 0, 0, 0, 0, 0]] {
                let broken = check(PEER, OWN, &head, &[before, option]);
                assert!(matches!(broken, Err(NdpError::Option(_))), "{broken:?}");
            }
        }
        // The reserved fields are not looked at: of most messages the octets behind the checksum.
        if ![134, 136].contains(&head[0]) {
            let mut reserved = head.clone();
            reserved[4..8].fill(0xff);
            assert_eq!(
                check(PEER, OWN, &reserved, &[]),
                check(PEER, OWN, &head, &[])
            );
        }
    }
    // In an advertisement they come after the flags.
    let [_, _, _, head, _] = heads();
    let mut reserved = head.clone();
    reserved[4] |= 0x1f;
    reserved[5..8].fill(0xff);
    assert_eq!(
        check(PEER, OWN, &reserved, &[]),
        check(PEER, OWN, &head, &[])
    );
}

/// RFC 4861 §4.6.1, §7.1.1, §9: what an option that does not belong there holds is of no matter.
#[test]
fn options_that_do_not_belong_to_a_message_are_passed_over() {
    let foreign: [&[u8]; 5] = [
        &[77, 1, 0, 0, 0, 0, 0, 0],
        // Prefix, MTU and DNS servers in lengths that are none of theirs.
        &[3, 1, 0, 0, 0, 0, 0, 0],
        &[5, 2, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[25, 1, 0, 0, 0, 0, 0, 0],
        &[4, 1, 0, 0, 0, 0, 0, 0],
    ];
    let [source, target] = [source_option(mac(7)), target_option(mac(8))];
    for head in heads() {
        for option in foreign {
            let bare = check(PEER, OWN, &head, &[]).unwrap();
            assert_eq!(check(PEER, OWN, &head, &[option]), Ok(bare));
            // Those behind it and ahead of it count, in any order.
            let plain = check(PEER, OWN, &head, &[&source, &target]);
            let mixed = [option, &target, option, &source, option];
            assert_eq!(check(PEER, OWN, &head, &mixed), plain);
        }
        // Of the two only the one that belongs there tells an address.
        let expected = match head[0] {
            136 | 137 => mac(8),
            _ => mac(7),
        };
        let message = check(PEER, OWN, &head, &[&target, &source]).unwrap();
        let (NdpBody::Solicitation { mac, .. }
        | NdpBody::Advertisement { mac, .. }
        | NdpBody::RouterSolicitation { mac }
        | NdpBody::RouterAdvertisement { mac }
        | NdpBody::Redirect { mac, .. }) = message.body;
        assert_eq!(mac, Some(expected));
    }
    // From nobody, a source's address on the link is wrong in whatever length.
    let head = *NeighborSolicitation::new(OWN).as_bytes();
    let long = [1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let with = check(NOBODY, solicited_node(OWN), &head, &[foreign[1], &long]);
    assert_eq!(with, Err(NdpError::Source));
}

#[test]
fn solicitations_that_nobody_may_send_are_discarded() {
    let group = NeighborSolicitation::new(ALL_NODES);
    assert_eq!(
        check(PEER, OWN, group.as_bytes(), &[]),
        Err(NdpError::Target)
    );
    // Without an address: only to the solicited-node group, and without a link-layer address.
    let head = *NeighborSolicitation::new(OWN).as_bytes();
    assert!(check(NOBODY, solicited_node(OWN), &head, &[]).is_ok());
    assert_eq!(check(NOBODY, OWN, &head, &[]), Err(NdpError::Source));
    assert_eq!(check(NOBODY, ALL_NODES, &head, &[]), Err(NdpError::Source));
    let with = check(
        NOBODY,
        solicited_node(OWN),
        &head,
        &[&source_option(PEER_MAC)],
    );
    assert_eq!(with, Err(NdpError::Source));
    assert_eq!(check(ALL_NODES, OWN, &head, &[]), Err(NdpError::Source));
    let asks = RouterSolicitation::new();
    let with = check(
        NOBODY,
        ALL_NODES,
        asks.as_bytes(),
        &[&source_option(PEER_MAC)],
    );
    assert_eq!(with, Err(NdpError::Source));
    let message = check(PEER, OWN, &head, &[&nonce_option([1, 2, 3, 4, 5, 6])]).unwrap();
    let NdpBody::Solicitation { nonce, .. } = message.body else {
        panic!("{message:?}");
    };
    assert_eq!(nonce, Some([1, 2, 3, 4, 5, 6]));
}

#[test]
fn advertisements_that_nobody_may_send_are_discarded() {
    let mut head = NeighborAdvertisement::new(PEER);
    head.set_solicited(true);
    let to_group = check(PEER, ALL_NODES, head.as_bytes(), &[]);
    assert_eq!(to_group, Err(NdpError::SolicitedGroup));
    head.set_target(ALL_NODES);
    assert_eq!(
        check(PEER, OWN, head.as_bytes(), &[]),
        Err(NdpError::Target)
    );
    let global: Ipv6Addr = "2001:db8::2".parse().unwrap();
    let router = RouterAdvertisement::new(Duration::from_secs(9));
    let from_far = check(global, ALL_NODES, router.as_bytes(), &[]);
    assert_eq!(from_far, Err(NdpError::Source));
}

#[test]
fn a_solicitation_enters_who_asks_and_is_answered() {
    let mut table = table();
    let asked = solicitation(PEER, solicited_node(OWN), OWN, PEER_MAC);
    let outcome = hear(&mut table, ms(0), &asked);
    assert_eq!(outcome.heard, Heard::New);
    assert_eq!(table.state(PEER), Some(State::Stale));
    let reply = outcome.reply.unwrap();
    let expected = Advertisement {
        target: OWN,
        to: PEER,
        mac: Some(PEER_MAC),
        router: false,
        solicited: true,
        overrides: true,
        delayed: false,
    };
    assert_eq!(reply, expected);
    let header = reply.header();
    assert!(header.is_solicited() && header.is_override() && !header.is_router());
    assert_eq!(header.target(), OWN);
    let by_router = table.handle_ndp(ms(0), &asked, OWN_MAC, true, own).reply;
    let expected = Advertisement {
        router: true,
        ..expected
    };
    assert_eq!(by_router, Some(expected));
    assert!(expected.header().is_router());
    // Another address on the link is taken, and doubted.
    table.confirm(ms(0), PEER);
    let moved = solicitation(PEER, OWN, OWN, mac(9));
    assert_eq!(
        hear(&mut table, ms(1), &moved).heard,
        Heard::Moved { from: PEER_MAC }
    );
    assert_eq!(table.state(PEER), Some(State::Stale));
    // One that tells no address on the link is answered too.
    let head = NeighborSolicitation::new(OWN);
    let bare = check(link_local(3), OWN, head.as_bytes(), &[]).unwrap();
    let outcome = hear(&mut table, ms(2), &bare);
    assert_eq!(
        (outcome.heard, outcome.reply.unwrap().mac),
        (Heard::Ignored, None)
    );
    // One for another's address is none of ours.
    let other = solicitation(link_local(4), solicited_node(PEER), PEER, mac(4));
    assert_eq!(hear(&mut table, ms(2), &other).reply, None);
    assert_eq!(table.len(), 1);
}

#[test]
fn who_checks_for_duplicates_is_told_before_all_nodes() {
    let mut table = table();
    let head = NeighborSolicitation::new(OWN);
    let probe = check(NOBODY, solicited_node(OWN), head.as_bytes(), &[]).unwrap();
    let reply = hear(&mut table, ms(0), &probe).reply.unwrap();
    assert_eq!((reply.to, reply.mac), (ALL_NODES, None));
    assert!(!reply.solicited && reply.overrides);
    assert!(table.is_empty());
}

#[test]
fn what_nobody_asked_for_says_so() {
    for (router, overrides) in [(false, true), (true, false)] {
        let told = Advertisement::unsolicited(OWN, router, overrides);
        let header = told.header();
        assert_eq!((told.to, header.target()), (ALL_NODES, OWN));
        assert!(!header.is_solicited() && !told.delayed);
        assert_eq!(
            (header.is_router(), header.is_override()),
            (router, overrides)
        );
        // Who hears it takes it for no answer.
        let mut table = knowing(State::Stale);
        let heard = advertisement(PEER, Some(PEER_MAC), "R");
        hear(&mut table, ms(1), &heard);
        assert_eq!(table.state(PEER), Some(State::Stale));
    }
}

#[test]
fn answers_for_others_wait_and_do_not_override() {
    let mut table = table();
    for shared in [ANYCAST, PROXIED] {
        let asked = solicitation(PEER, solicited_node(shared), shared, PEER_MAC);
        let reply = hear(&mut table, ms(0), &asked).reply.unwrap();
        assert!(reply.delayed && !reply.overrides && reply.solicited);
        let chosen = solicitation(PEER, shared, shared, PEER_MAC);
        assert!(!hear(&mut table, ms(0), &chosen).reply.unwrap().delayed);
    }
    let asked = solicitation(PEER, solicited_node(OPTIMISTIC), OPTIMISTIC, PEER_MAC);
    let reply = hear(&mut table, ms(0), &asked).reply.unwrap();
    assert!(!reply.delayed && !reply.overrides);
}

/// RFC 4861 §7.2.5 and appendix C: every state, with every flag, the same address and another.
#[test]
fn advertisements_do_what_the_table_of_the_rfc_says() {
    use State::{Delay, Incomplete, Probe, Reachable, Stale};
    let other = Some(mac(9));
    let same = Some(PEER_MAC);
    for state in [Reachable, Stale, Delay, Probe] {
        let doubted = if state == Reachable { Stale } else { state };
        for (mac, flags, after, known) in [
            (same, "", state, PEER_MAC),
            (same, "O", state, PEER_MAC),
            (same, "S", Reachable, PEER_MAC),
            (same, "SO", Reachable, PEER_MAC),
            (None, "", state, PEER_MAC),
            (None, "S", Reachable, PEER_MAC),
            (None, "SO", Reachable, PEER_MAC),
            (other, "", doubted, PEER_MAC),
            (other, "S", doubted, PEER_MAC),
            (other, "O", Stale, mac(9)),
            (other, "SO", Reachable, mac(9)),
        ] {
            let mut table = knowing(state);
            hear(&mut table, ms(5001), &advertisement(PEER, mac, flags));
            let row = table.iter().next().unwrap();
            assert_eq!(
                (row.state, row.mac),
                (after, Some(known)),
                "{state} {mac:?} {flags}"
            );
        }
    }
    for (flags, after) in [
        ("", Delay),
        ("O", Delay),
        ("S", Reachable),
        ("SO", Reachable),
    ] {
        let mut table = knowing(Incomplete);
        // Without an address on the link it is no answer.
        assert_eq!(
            hear(&mut table, ms(1), &advertisement(PEER, None, flags)),
            NdpOutcome {
                heard: Heard::Ignored,
                reply: None,
                router_lost: None,
            }
        );
        assert_eq!(table.state(PEER), Some(Incomplete));
        assert_eq!(
            hear(&mut table, ms(1), &advertisement(PEER, same, flags)).heard,
            Heard::New
        );
        // A packet was released to it, so that a stale one is in its delay already.
        assert_eq!(table.state(PEER), Some(after));
        let released = Event::Release {
            packet: 7,
            target: PEER,
            mac: PEER_MAC,
        };
        assert_eq!(drain(&mut table), [released]);
    }
    // Who was not asked for is not entered.
    let mut table = table();
    assert_eq!(
        hear(&mut table, ms(0), &advertisement(PEER, same, "SO")).heard,
        Heard::Ignored
    );
    assert!(table.is_empty());
}

#[test]
fn a_router_that_is_none_any_more_is_told() {
    let mut table = knowing(State::Stale);
    let router = |table: &Table| table.iter().next().unwrap().router;
    assert!(!router(&table));
    let is_router = advertisement(PEER, None, "R");
    assert_eq!(hear(&mut table, ms(0), &is_router).router_lost, None);
    assert!(router(&table));
    // A solicitation says nothing about it.
    hear(&mut table, ms(0), &solicitation(PEER, OWN, OWN, PEER_MAC));
    assert!(router(&table));
    // One that may not override changes nothing.
    let strange = advertisement(PEER, Some(mac(9)), "");
    assert_eq!(hear(&mut table, ms(0), &strange).router_lost, None);
    assert!(router(&table));
    let is_host = advertisement(PEER, None, "");
    assert_eq!(hear(&mut table, ms(0), &is_host).router_lost, Some(PEER));
    assert_eq!(hear(&mut table, ms(0), &is_host).router_lost, None);
    assert!(!router(&table));
}

#[test]
fn a_router_that_does_not_answer_is_told() {
    let config = NeighborConfig {
        neighbors: 2,
        ..NeighborConfig::default()
    };
    let mut table = Table::new(GrowingNeighbors, config);
    let lose = |table: &mut Table, at: u64, peers: u16| {
        for last in 2..2 + peers {
            let asks = solicitation(link_local(last), OWN, OWN, PEER_MAC);
            assert_eq!(hear(table, ms(at), &asks).heard, Heard::New);
            table.set_router(link_local(last), last == 2);
            table.send(ms(at), link_local(last), 1);
        }
        for second in 5..9 {
            table.handle_timeout(ms(at + second * 1000));
        }
        drain(table);
        assert!(table.is_empty() && table.iter().count() == 0);
        assert_eq!((table.state(PEER), table.poll_timeout()), (None, None));
    };
    lose(&mut table, 0, 2);
    assert_eq!(table.poll_gone_router(), Some(PEER), "the other is a host");
    assert_eq!(table.poll_gone_router(), None);
    // Not asked for, it does not stand in the way of others, its own next life neither.
    lose(&mut table, 100_000, 1);
    lose(&mut table, 200_000, 2);
    assert_eq!(table.unanswered(), 5);
    assert_eq!(table.poll_gone_router(), Some(PEER));
    assert_eq!(table.poll_gone_router(), None);
}

#[test]
fn routers_tell_of_themselves_and_are_asked() {
    let mut table = table();
    let head = RouterAdvertisement::new(Duration::from_secs(1800));
    let tells = check(
        PEER,
        ALL_NODES,
        head.as_bytes(),
        &[&source_option(PEER_MAC)],
    )
    .unwrap();
    assert_eq!(hear(&mut table, ms(0), &tells).heard, Heard::New);
    let row = table.iter().next().unwrap();
    assert!(row.router && row.state == State::Stale);
    let asks = check(
        PEER,
        ALL_NODES,
        RouterSolicitation::new().as_bytes(),
        &[&source_option(PEER_MAC)],
    )
    .unwrap();
    // A host leaves the question to routers; to a router it says that a host asks.
    assert_eq!(hear(&mut table, ms(0), &asks).heard, Heard::Ignored);
    let outcome = table.handle_ndp(ms(0), &asks, OWN_MAC, true, own);
    assert_eq!(
        (outcome.heard, outcome.router_lost),
        (Heard::Known, Some(PEER))
    );
    // Without an address on the link, both tell what they are all the same, and enter nobody.
    let tells = check(PEER, ALL_NODES, head.as_bytes(), &[]).unwrap();
    let asks = RouterSolicitation::new();
    let [asks, stranger, nobody] = [PEER, link_local(9), NOBODY]
        .map(|source| check(source, ALL_NODES, asks.as_bytes(), &[]).unwrap());
    assert_eq!(hear(&mut table, ms(0), &tells).router_lost, None);
    assert!(table.iter().next().unwrap().router);
    assert_eq!(
        hear(&mut table, ms(0), &asks),
        hear(&mut table, ms(0), &nobody)
    );
    assert!(table.iter().next().unwrap().router);
    let outcome = table.handle_ndp(ms(0), &asks, OWN_MAC, true, own);
    assert_eq!(
        (outcome.heard, outcome.router_lost),
        (Heard::Ignored, Some(PEER))
    );
    assert!(!table.iter().next().unwrap().router);
    for message in [stranger, nobody] {
        let outcome = table.handle_ndp(ms(0), &message, OWN_MAC, true, own);
        assert_eq!((outcome.heard, outcome.router_lost), (Heard::Ignored, None));
    }
    assert_eq!(table.len(), 1);
    // Another address on the link is taken, and doubted.
    table.confirm(ms(0), PEER);
    let moved = check(
        PEER,
        ALL_NODES,
        RouterSolicitation::new().as_bytes(),
        &[&source_option(mac(9))],
    );
    table.handle_ndp(ms(0), &moved.unwrap(), OWN_MAC, true, own);
    let row = table.iter().next().unwrap();
    assert_eq!((row.state, row.mac), (State::Stale, Some(mac(9))));
}

#[test]
fn conflicts_and_echoes() {
    let mut table = table();
    let thief = advertisement(OWN, Some(mac(9)), "O");
    assert_eq!(hear(&mut table, ms(0), &thief).heard, Heard::Conflict);
    let thief = solicitation(OWN, solicited_node(OWN), OWN, mac(9));
    let outcome = hear(&mut table, ms(0), &thief);
    assert_eq!((outcome.heard, outcome.reply), (Heard::Conflict, None));
    let router = *RouterAdvertisement::new(Duration::from_secs(9)).as_bytes();
    let asks = *RouterSolicitation::new().as_bytes();
    for head in [&router[..], &asks] {
        let from_us = |option: &[u8]| check(OWN, ALL_NODES, head, &[option]).unwrap();
        for (message, heard) in [
            (from_us(&source_option(mac(9))), Heard::Conflict),
            (from_us(&source_option(OWN_MAC)), Heard::Ignored),
            // It may be ours.
            (from_us(&[]), Heard::Ignored),
        ] {
            let outcome = table.handle_ndp(ms(0), &message, OWN_MAC, true, own);
            assert_eq!((outcome.heard, outcome.router_lost), (heard, None));
        }
    }
    assert!(table.is_empty(), "we are no neighbour of ours");
    // Ours that come back say nothing.
    let echo = advertisement(OWN, Some(OWN_MAC), "O");
    assert_eq!(hear(&mut table, ms(0), &echo).heard, Heard::Ignored);
    // The owner of an address that we answer for may speak for itself.
    table.send(ms(0), PROXIED, 1);
    let owner = advertisement(PROXIED, Some(mac(5)), "SO");
    assert_eq!(hear(&mut table, ms(0), &owner).heard, Heard::New);
    assert!(table.insert_static(ms(0), PEER, PEER_MAC));
    let strange = advertisement(PEER, Some(mac(9)), "SO");
    assert_eq!(hear(&mut table, ms(0), &strange).heard, Heard::Conflict);
    assert_eq!(table.lookup(PEER), Some(PEER_MAC));
}

#[test]
fn redirects_teach_the_address_of_their_target() {
    let far: Ipv6Addr = "2001:db8:f::1".parse().unwrap();
    let redirect = |source, target, destination: Ipv6Addr| {
        let head = NdpRedirect::new(target, destination);
        check(source, OWN, head.as_bytes(), &[&target_option(mac(7))])
    };
    // By one that is no neighbour, to one that is none, of a group.
    assert_eq!(redirect(far, PEER, far), Err(NdpError::Source));
    assert_eq!(
        redirect(PEER, "2001:db8::9".parse().unwrap(), far),
        Err(NdpError::Target)
    );
    assert_eq!(
        redirect(PEER, link_local(7), ALL_NODES),
        Err(NdpError::Target)
    );
    let mut table = table();
    let message = redirect(PEER, link_local(7), far).unwrap();
    assert_eq!(hear(&mut table, ms(0), &message).heard, Heard::Ignored);
    let through = |router, destination| router == PEER && destination == far;
    assert_eq!(table.handle_redirect(ms(0), &message, |_, _| false), None);
    assert!(table.is_empty());
    assert_eq!(
        table.handle_redirect(ms(0), &message, through),
        Some(Heard::New)
    );
    let row = table.iter().next().unwrap();
    assert_eq!(
        (row.addr, row.mac, row.state),
        (link_local(7), Some(mac(7)), State::Stale)
    );
    assert!(row.router, "who takes packets for others is a router");
    // A neighbour itself is not known to be one.
    let message = redirect(PEER, far, far).unwrap();
    assert_eq!(
        table.handle_redirect(ms(0), &message, through),
        Some(Heard::New)
    );
    assert!(table.iter().any(|row| row.addr == far && !row.router));
    // The same address again leaves the state alone.
    table.confirm(ms(1), far);
    assert_eq!(
        table.handle_redirect(ms(2), &message, through),
        Some(Heard::Known)
    );
    assert_eq!(table.state(far), Some(State::Reachable));
    assert_eq!(
        table.send(ms(3), far, 1),
        Sent::Now {
            packet: 1,
            mac: mac(7)
        }
    );
}

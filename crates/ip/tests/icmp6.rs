//! ICMPv6 errors and echo replies, through the public interface.

use std::net::Ipv6Addr;

use proptest::prelude::*;
use waypost_ip::icmp::v6::{MAX_ERROR_LEN, Origin, may_send, reply_to_echo, write_error};
use waypost_ip::icmp::{NotAnswered, NotSent, Problem};
use waypost_wire::icmpv6::{
    DestinationUnreachable, Icmpv6Body, Icmpv6Header, Icmpv6Message, Icmpv6Type, ParameterProblem,
    TimeExceeded,
};
use waypost_wire::ipv6::{Ipv6Header, Ipv6Packet, Ipv6PacketMut};
use waypost_wire::{Icmpv4Header, IpProtocol};

const HOST: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9);
const PEER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 7);
const ROUTER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const GROUP: Ipv6Addr = Ipv6Addr::new(0xff0e, 0, 0, 0, 0, 0, 0, 0x101);

fn packet(protocol: IpProtocol, from: Ipv6Addr, to: Ipv6Addr, payload: &[u8]) -> Vec<u8> {
    let header = Ipv6Header::new(protocol, from, to, payload.len() as u16);
    [&header.as_bytes()[..], payload].concat()
}

fn check(bytes: &[u8], message: Icmpv6Header, origin: &Origin) -> Result<(), NotSent> {
    may_send(&Ipv6Packet::parse(bytes).unwrap(), &message, origin)
}

fn time_exceeded() -> Icmpv6Header {
    Icmpv6Header::time_exceeded(TimeExceeded::IN_TRANSIT)
}

#[test]
fn an_error_quotes_as_much_as_1280_octets_hold() {
    let mut origin = Origin::new(ROUTER);
    origin.hop_limit = 200;
    for (payload, expected) in [(0, 88), (8, 96), (1192, 1280), (1400, MAX_ERROR_LEN)] {
        let bytes = packet(IpProtocol::UDP, HOST, PEER, &vec![3; payload]);
        let original = Ipv6Packet::parse(&bytes).unwrap();
        let mut buffer = [0xee; 2000];
        let len = write_error(&mut buffer, &original, time_exceeded(), &origin).unwrap();
        assert_eq!(len, expected);
        assert!(buffer[len..].iter().all(|octet| *octet == 0xee));
        let error = Ipv6Packet::parse(&buffer).unwrap();
        let header = error.header();
        assert_eq!((header.source(), header.destination()), (ROUTER, HOST));
        assert_eq!(header.hop_limit(), 200);
        let message = Icmpv6Message::parse(error.payload()).unwrap();
        assert!(message.has_valid_checksum(ROUTER, HOST));
        match message.body().unwrap() {
            Icmpv6Body::TimeExceeded { quoted, .. } => assert_eq!(quoted, &bytes[..len - 48]),
            other => panic!("{other}"),
        }
        let short = &mut buffer[..48 + payload.min(8) + 39];
        let result = write_error(short, &original, time_exceeded(), &origin);
        assert_eq!(result, Err(NotSent::NoRoom));
    }
}

#[test]
fn no_error_is_sent_where_none_may_be() {
    let origin = Origin::new(ROUTER);
    let udp = |from, to| packet(IpProtocol::UDP, from, to, &[0; 8]);
    assert_eq!(check(&udp(HOST, PEER), time_exceeded(), &origin), Ok(()));
    // Errors, known and unknown, redirects, and what cannot be told from them.
    for kind in [1, 2, 3, 4, 100, 127, 137] {
        let about = packet(IpProtocol::ICMPV6, HOST, PEER, &[kind, 0, 0, 0, 0, 0, 0, 0]);
        let result = check(&about, time_exceeded(), &origin);
        assert_eq!(result, Err(NotSent::AboutError), "{kind}");
        let behind = [&[58, 0, 1, 4, 0, 0, 0, 0][..], &about[40..]].concat();
        let about = packet(IpProtocol::DESTINATION_OPTIONS, HOST, PEER, &behind);
        let result = check(&about, time_exceeded(), &origin);
        assert_eq!(result, Err(NotSent::AboutError), "{kind}");
    }
    let later = packet(
        IpProtocol::FRAGMENT,
        HOST,
        PEER,
        &[58, 0, 0, 8, 0, 0, 0, 1, 128],
    );
    let empty = packet(IpProtocol::ICMPV6, HOST, PEER, &[]);
    for about in [later, empty] {
        let result = check(&about, time_exceeded(), &origin);
        assert_eq!(result, Err(NotSent::AboutError));
    }
    let echo = packet(IpProtocol::ICMPV6, HOST, PEER, &[128, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(check(&echo, time_exceeded(), &origin), Ok(()));
    for from in [Ipv6Addr::UNSPECIFIED, GROUP] {
        let result = check(&udp(from, PEER), time_exceeded(), &origin);
        assert_eq!(result, Err(NotSent::Source));
    }
    let anycast = Origin {
        anycast_source: true,
        ..origin
    };
    let result = check(&udp(HOST, PEER), time_exceeded(), &anycast);
    assert_eq!(result, Err(NotSent::Source));
}

#[test]
fn packets_to_many_are_answered_for_the_mtu_and_for_options_that_ask() {
    let origin = Origin::new(ROUTER);
    let link = Origin {
        link_broadcast: true,
        ..origin
    };
    // Options of which one asks for an error even to a group (10), and one does not (11).
    let options = [17, 0, 0x80 | 0x1e, 0, 0xc0 | 0x1e, 0, 1, 0];
    let to_group = packet(IpProtocol::DESTINATION_OPTIONS, HOST, GROUP, &options);
    let by_link = packet(IpProtocol::DESTINATION_OPTIONS, HOST, PEER, &options);
    let option = |pointer| Problem::Option { pointer }.to_icmpv6().unwrap();
    for (bytes, origin, reason) in [
        (&to_group, &origin, NotSent::Destination),
        (&by_link, &link, NotSent::LinkBroadcast),
    ] {
        assert_eq!(check(bytes, time_exceeded(), origin), Err(reason));
        assert_eq!(check(bytes, option(44), origin), Err(reason));
        assert_eq!(check(bytes, option(9999), origin), Err(reason));
        assert_eq!(check(bytes, option(42), origin), Ok(()));
        let too_big = Icmpv6Header::packet_too_big(1300);
        assert_eq!(check(bytes, too_big, origin), Ok(()));
    }
}

#[test]
fn each_problem_has_its_message() {
    use Problem as P;
    let (pointer, mtu) = (40, 1400);
    for (problem, v4, v6) in [
        (P::NoRoute, Some((3, 0)), Some((1, 0))),
        (P::HostUnreachable, Some((3, 1)), Some((1, 3))),
        (P::Protocol { pointer }, Some((3, 2)), Some((4, 1))),
        (P::Port, Some((3, 3)), Some((1, 4))),
        (P::Prohibited, Some((3, 13)), Some((1, 1))),
        (P::BeyondScope, Some((3, 0)), Some((1, 2))),
        (P::SourcePolicy, Some((3, 13)), Some((1, 5))),
        (P::RejectRoute, Some((3, 13)), Some((1, 6))),
        (P::HopLimit, Some((11, 0)), Some((3, 0))),
        (P::Reassembly, Some((11, 1)), Some((3, 1))),
        (P::TooBig { mtu }, Some((3, 4)), Some((2, 0))),
        (P::Field { pointer }, Some((12, 0)), Some((4, 0))),
        (P::Field { pointer: 256 }, None, Some((4, 0))),
        (P::Option { pointer }, None, Some((4, 2))),
        (P::HeaderChain, None, Some((4, 3))),
        (P::SourceRoute, Some((3, 5)), None),
    ] {
        let of4 = |it: Icmpv4Header| (it.message_type().0, it.code());
        let of6 = |it: Icmpv6Header| (it.message_type().0, it.code());
        assert_eq!(problem.to_icmpv4().map(of4), v4, "{problem:?}");
        assert_eq!(problem.to_icmpv6().map(of6), v6, "{problem:?}");
    }
    assert_eq!(P::TooBig { mtu }.to_icmpv6().unwrap().word(), mtu);
    assert_eq!(
        P::TooBig { mtu }.to_icmpv4().unwrap().rest(),
        [0, 0, 5, 0x78]
    );
    let huge = P::TooBig { mtu: 70_000 }.to_icmpv4().unwrap();
    assert_eq!(huge.word_2(), 0xffff);
}

fn echo(to: Ipv6Addr, data: &[u8]) -> Vec<u8> {
    let mut message = Icmpv6Header::echo_request(7, 9);
    message.fill_checksum(HOST, to, data);
    let behind = [&[58, 0, 1, 4, 0, 0, 0, 0], &message.as_bytes()[..], data].concat();
    packet(IpProtocol::DESTINATION_OPTIONS, HOST, to, &behind)
}

#[test]
fn an_echo_request_becomes_its_reply() {
    // Of one node, of a group, an anycast address.
    for (to, own) in [(ROUTER, None), (GROUP, Some(ROUTER)), (PEER, Some(ROUTER))] {
        let mut bytes = echo(to, b"same data");
        let view = &mut Ipv6PacketMut::parse(&mut bytes).unwrap();
        let len = reply_to_echo(view, 64, own).unwrap();
        assert_eq!(len, bytes.len());
        let packet = Ipv6Packet::parse(&bytes).unwrap();
        let header = packet.header();
        assert_eq!((header.source(), header.destination()), (ROUTER, HOST));
        let message = Icmpv6Message::parse(packet.upper_layer().unwrap().payload).unwrap();
        assert!(message.has_valid_checksum(ROUTER, HOST));
        assert!(matches!(
            message.body().unwrap(),
            Icmpv6Body::EchoReply {
                identifier: 7,
                sequence: 9,
                data: b"same data"
            }
        ));
    }
}

/// RFC 8200 §4.4: who has no node left to visit passes over the routing header, of whatever type; §8.4: nothing that
/// answers takes the route back.
#[test]
fn a_routing_header_that_is_used_up_is_left_out_of_the_reply() {
    let routing = |next, kind, octets: usize| {
        let mut header = vec![0xab; octets];
        header[..4].copy_from_slice(&[next, (octets / 8 - 1) as u8, kind, 0]);
        header
    };
    let options = |next| vec![next, 0, 1, 4, 0, 0, 0, 0];
    let mut message = Icmpv6Header::echo_request(7, 9);
    message.fill_checksum(HOST, ROUTER, b"same data");
    let echo = [&message.as_bytes()[..], b"same data"].concat();
    // In front of it nothing or options, behind it nothing, options or one more; with what is left of each.
    for (first, chain, left_first, left) in [
        (43, vec![routing(58, 0, 24)], 58, vec![]),
        (43, vec![routing(58, 4, 40)], 58, vec![]),
        (
            0,
            vec![options(43), routing(60, 253, 8), options(58)],
            0,
            vec![options(60), options(58)],
        ),
        (
            43,
            vec![routing(60, 2, 24), options(58)],
            60,
            vec![options(58)],
        ),
        (
            60,
            vec![options(43), routing(43, 4, 8), routing(58, 0, 16)],
            60,
            vec![options(58)],
        ),
    ] {
        let whole = |first, chain: Vec<Vec<u8>>, message: &[u8]| {
            let payload = [&chain.concat(), message].concat();
            packet(IpProtocol(first), HOST, ROUTER, &payload)
        };
        let mut bytes = whole(first, chain, &echo);
        let view = &mut Ipv6PacketMut::parse(&mut bytes).unwrap();
        let len = reply_to_echo(view, 64, None).unwrap();
        let mut reply = Icmpv6Header::echo_request(7, 9);
        reply.set_message_type(Icmpv6Type::ECHO_REPLY);
        reply.fill_checksum(ROUTER, HOST, b"same data");
        let mut expected = whole(
            left_first,
            left,
            &[&reply.as_bytes()[..], b"same data"].concat(),
        );
        let header = Ipv6PacketMut::parse(&mut expected).unwrap().into_parts().0;
        header.set_source(ROUTER);
        header.set_destination(HOST);
        assert_eq!(bytes[..len], expected);
    }
}

#[test]
fn what_is_not_answered_does_not_change() {
    let mut from_nobody = echo(ROUTER, &[]);
    from_nobody[8..24].fill(0);
    let unreachable = Icmpv6Header::destination_unreachable(DestinationUnreachable::PORT);
    for (bytes, reason) in [
        (echo(GROUP, &[]), NotAnswered::Address),
        (from_nobody, NotAnswered::Address),
        (
            packet(IpProtocol::UDP, HOST, ROUTER, &[128; 8]),
            NotAnswered::NotEcho,
        ),
        (
            packet(IpProtocol::ICMPV6, HOST, ROUTER, &[128; 3]),
            NotAnswered::NotEcho,
        ),
        (
            packet(IpProtocol::ICMPV6, HOST, ROUTER, unreachable.as_bytes()),
            NotAnswered::NotEcho,
        ),
        (
            packet(
                IpProtocol::FRAGMENT,
                HOST,
                ROUTER,
                &[58, 0, 0, 1, 0, 0, 0, 1, 128, 0],
            ),
            NotAnswered::Fragment,
        ),
        (
            packet(
                IpProtocol::ROUTING,
                HOST,
                ROUTER,
                &[58, 0, 4, 1, 0, 0, 0, 0, 128, 0, 0, 0, 0, 0, 0, 0],
            ),
            NotAnswered::SourceRoute,
        ),
    ] {
        let mut changed = bytes.clone();
        let mut view = Ipv6PacketMut::parse(&mut changed).unwrap();
        assert_eq!(reply_to_echo(&mut view, 64, None), Err(reason));
        assert_eq!(changed, bytes);
    }
    // Nor does a group answer, whoever says that it is one's own.
    let mut bytes = echo(GROUP, &[]);
    let mut view = Ipv6PacketMut::parse(&mut bytes).unwrap();
    let result = reply_to_echo(&mut view, 64, Some(GROUP));
    assert_eq!(result, Err(NotAnswered::Address));
    assert_eq!(bytes, echo(GROUP, &[]));
}

proptest! {
    #[test]
    fn no_packet_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 40..120), room in 0usize..1400, next in prop::sample::select(vec![58u8, 0, 43, 44, 60]), pointer: u32) {
        let mut bytes = bytes;
        let len = (bytes.len() - 40) as u16;
        bytes[0] = 0x60;
        bytes[4..6].copy_from_slice(&len.to_be_bytes());
        bytes[6] = next;
        let packet = Ipv6Packet::parse(&bytes).unwrap();
        let mut buffer = vec![0; room];
        let message = Icmpv6Header::parameter_problem(ParameterProblem::UNKNOWN_OPTION, pointer);
        let origin = Origin::new(ROUTER);
        if let Ok(len) = write_error(&mut buffer, &packet, message, &origin) {
            let error = Ipv6Packet::parse(&buffer[..len]).unwrap();
            let message = Icmpv6Message::parse(error.payload()).unwrap();
            prop_assert!(message.has_valid_checksum(ROUTER, packet.header().source()));
        }
        let result = reply_to_echo(&mut Ipv6PacketMut::parse(&mut bytes).unwrap(), 64, Some(ROUTER));
        if let Ok(len) = result {
            prop_assert!(len <= bytes.len());
            let reply = Ipv6Packet::parse(&bytes[..len]).unwrap();
            let upper = reply.upper_layer().unwrap();
            prop_assert_eq!(upper.payload[0], Icmpv6Type::ECHO_REPLY.0);
        }
    }
}

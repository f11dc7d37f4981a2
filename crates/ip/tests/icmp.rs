//! ICMP errors and echo replies, through the public interface.

use std::net::Ipv4Addr;

use proptest::prelude::*;
use waypost_ip::icmp::{
    ErrorSender, LimitConfig, MAX_ERROR_LEN, NotAnswered, NotSent, Origin, PrefixBucket, may_send,
    reply_to_echo, write_error,
};
use waypost_wire::icmpv4::{
    DestinationUnreachable, Icmpv4Body, Icmpv4Header, Icmpv4Message, TimeExceeded,
};
use waypost_wire::ipv4::{Ipv4Header, Ipv4Packet, Ipv4PacketMut};
use waypost_wire::{Duration, Instant, IpProtocol};

const HOST: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);
const PEER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

fn packet(protocol: IpProtocol, from: Ipv4Addr, to: Ipv4Addr, payload: &[u8]) -> Vec<u8> {
    let mut header = Ipv4Header::new(protocol, from, to, payload.len() as u16);
    header.fill_checksum();
    [&header.as_bytes()[..], payload].concat()
}

fn check(bytes: &[u8], origin: &Origin) -> Result<(), NotSent> {
    may_send(&Ipv4Packet::parse(bytes).unwrap(), origin)
}

#[test]
fn an_error_quotes_as_much_as_576_octets_hold() {
    let mut origin = Origin::new(ROUTER);
    origin.ttl = 200;
    for (payload, expected) in [
        (0, 48),
        (8, 56),
        (500, 548),
        (528, 576),
        (1400, MAX_ERROR_LEN),
    ] {
        let bytes = packet(IpProtocol::UDP, HOST, PEER, &vec![3; payload]);
        let original = Ipv4Packet::parse(&bytes).unwrap();
        let mut buffer = [0xee; 2000];
        let message = Icmpv4Header::time_exceeded(TimeExceeded::IN_TRANSIT);
        let len = write_error(&mut buffer, &original, message, &origin).unwrap();
        assert_eq!(len, expected);
        assert!(buffer[len..].iter().all(|octet| *octet == 0xee));

        let error = Ipv4Packet::parse(&buffer).unwrap();
        assert!(error.has_valid_checksum());
        let header = error.header();
        assert_eq!((header.source(), header.destination()), (ROUTER, HOST));
        assert_eq!((header.ttl(), header.traffic_class()), (200, 0xc0));
        let message = Icmpv4Message::parse(error.payload()).unwrap();
        assert!(message.has_valid_checksum());
        match message.body() {
            Icmpv4Body::TimeExceeded { code, quoted } => {
                assert_eq!(code, TimeExceeded::IN_TRANSIT);
                assert_eq!(quoted, &bytes[..len - 28]);
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn the_mtu_of_the_next_hop_is_told() {
    let bytes = packet(IpProtocol::TCP, HOST, PEER, &[0; 1480]);
    let original = Ipv4Packet::parse(&bytes).unwrap();
    let mut buffer = [0; MAX_ERROR_LEN];
    let message = Icmpv4Header::fragmentation_needed(1400);
    let len = write_error(&mut buffer, &original, message, &Origin::new(ROUTER)).unwrap();
    let error = Ipv4Packet::parse(&buffer[..len]).unwrap();
    let body = Icmpv4Message::parse(error.payload()).unwrap().body();
    assert!(matches!(
        body,
        Icmpv4Body::DestinationUnreachable {
            code: DestinationUnreachable::FRAGMENTATION_NEEDED,
            next_hop_mtu: 1400,
            ..
        }
    ));
}

#[test]
fn a_short_buffer_shortens_the_quotation_down_to_8_octets() {
    let bytes = packet(IpProtocol::UDP, HOST, PEER, &[3; 100]);
    let original = Ipv4Packet::parse(&bytes).unwrap();
    let message = Icmpv4Header::destination_unreachable(DestinationUnreachable::HOST);
    let mut buffer = [0; 56];
    let origin = Origin::new(ROUTER);
    assert_eq!(
        write_error(&mut buffer, &original, message, &origin),
        Ok(56)
    );
    assert!(Ipv4Packet::parse(&buffer).unwrap().has_valid_checksum());
    let short = &mut buffer[..55];
    assert_eq!(
        write_error(short, &original, message, &origin),
        Err(NotSent::NoRoom)
    );
}

#[test]
fn no_error_is_sent_where_none_may_be() {
    let origin = Origin::new(ROUTER);
    let udp = |from, to| packet(IpProtocol::UDP, from, to, &[0; 8]);
    assert_eq!(check(&udp(HOST, PEER), &origin), Ok(()));

    for message_type in [3, 4, 5, 11, 12] {
        let about = packet(
            IpProtocol::ICMP,
            HOST,
            PEER,
            &[message_type, 0, 0, 0, 0, 0, 0, 0],
        );
        assert_eq!(check(&about, &origin), Err(NotSent::AboutError));
    }
    let empty = packet(IpProtocol::ICMP, HOST, PEER, &[]);
    assert_eq!(check(&empty, &origin), Err(NotSent::AboutError));
    let echo = packet(IpProtocol::ICMP, HOST, PEER, &[8, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(check(&echo, &origin), Ok(()));

    for to in [
        Ipv4Addr::BROADCAST,
        Ipv4Addr::new(224, 0, 0, 5),
        Ipv4Addr::new(239, 1, 2, 3),
    ] {
        assert_eq!(check(&udp(HOST, to), &origin), Err(NotSent::Destination));
    }
    let directed = Origin {
        directed_broadcast: true,
        ..origin
    };
    assert_eq!(
        check(&udp(HOST, PEER), &directed),
        Err(NotSent::Destination)
    );
    let link = Origin {
        link_broadcast: true,
        ..origin
    };
    assert_eq!(check(&udp(HOST, PEER), &link), Err(NotSent::LinkBroadcast));
    let from_all = Origin {
        broadcast_source: true,
        ..origin
    };
    assert_eq!(check(&udp(HOST, PEER), &from_all), Err(NotSent::Source));

    for from in [
        [0, 0, 0, 0],
        [0, 1, 2, 3],
        [127, 0, 0, 1],
        [224, 0, 0, 1],
        [240, 0, 0, 1],
        [255; 4],
    ] {
        assert_eq!(
            check(&udp(from.into(), PEER), &origin),
            Err(NotSent::Source)
        );
    }

    let mut fragment = udp(HOST, PEER);
    let mut view = Ipv4PacketMut::parse(&mut fragment).unwrap();
    view.header_mut().set_more_fragments(true);
    assert_eq!(check(&fragment, &origin), Ok(()));
    let mut view = Ipv4PacketMut::parse(&mut fragment).unwrap();
    view.header_mut().set_fragment_offset(8);
    assert_eq!(check(&fragment, &origin), Err(NotSent::LaterFragment));
}

#[test]
fn errors_are_limited_and_counted() {
    let start = Instant::from_secs(5);
    let config = LimitConfig {
        rate: 10,
        burst: 3,
        jitter: 0,
        ..LimitConfig::IPV4
    };
    let places = [PrefixBucket::<Ipv4Addr>::EMPTY; 4];
    let mut errors = ErrorSender::new(places, config, start);
    let bytes = packet(IpProtocol::UDP, HOST, PEER, &[0; 8]);
    let original = Ipv4Packet::parse(&bytes).unwrap();
    let message = Icmpv4Header::time_exceeded(TimeExceeded::IN_TRANSIT);
    let mut buffer = [0; MAX_ERROR_LEN];
    let origin = Origin::new(ROUTER);
    let mut write = |now, origin: &Origin| {
        errors
            .write(now, &mut buffer, &original, message, origin)
            .is_ok()
    };
    let link = Origin {
        link_broadcast: true,
        ..origin
    };
    assert!(!write(start, &link));
    for _ in 0..3 {
        assert!(write(start, &origin));
    }
    for _ in 0..5 {
        assert!(!write(start, &origin));
    }
    assert!(!write(start, &link));
    assert!(write(start + Duration::from_millis(100), &origin));
    assert_eq!(errors.sent(), 4);
    assert_eq!(errors.not_sent(NotSent::RateLimit), 5);
    assert_eq!(errors.not_sent(NotSent::LinkBroadcast), 2);
}

fn echo(data: &[u8], change: impl FnOnce(&mut Ipv4Header)) -> Vec<u8> {
    let mut message = Icmpv4Header::echo_request(7, 9);
    message.fill_checksum(data);
    let payload = [&message.as_bytes()[..], data].concat();
    let mut bytes = packet(IpProtocol::ICMP, HOST, ROUTER, &payload);
    let mut view = Ipv4PacketMut::parse(&mut bytes).unwrap();
    change(view.header_mut());
    view.fill_checksum();
    bytes
}

fn reply(bytes: &mut [u8]) -> Result<(), NotAnswered> {
    reply_to_echo(&mut Ipv4PacketMut::parse(bytes).unwrap(), 64, None)
}

#[test]
fn an_echo_request_becomes_its_reply() {
    for ttl in [1, 3, 64, 255] {
        let mut bytes = echo(b"same data", |header| {
            header.set_ttl(ttl);
            header.set_traffic_class(0x28);
        });
        reply(&mut bytes).unwrap();
        let packet = Ipv4Packet::parse(&bytes).unwrap();
        assert!(packet.has_valid_checksum());
        let header = packet.header();
        assert_eq!((header.source(), header.destination()), (ROUTER, HOST));
        assert_eq!((header.ttl(), header.traffic_class()), (64, 0x28));
        let message = Icmpv4Message::parse(packet.payload()).unwrap();
        assert!(message.has_valid_checksum());
        let expected = Icmpv4Body::EchoReply {
            identifier: 7,
            sequence: 9,
            data: b"same data",
        };
        assert_eq!(message.body(), expected);
        assert_eq!(reply(&mut bytes), Err(NotAnswered::NotEcho));
    }
}

/// RFC 1122 §3.2.1.3, §3.2.2.6: the reply comes from an address of the interface, and from none of many.
#[test]
fn a_request_to_many_is_answered_from_an_own_address_or_not_at_all() {
    let group = Ipv4Addr::new(224, 0, 0, 1);
    let network = Ipv4Addr::new(10, 0, 0, 255);
    let reserved = Ipv4Addr::new(240, 0, 0, 1);
    for asked in [group, network, Ipv4Addr::BROADCAST] {
        let mut bytes = echo(b"data", |header| header.set_destination(asked));
        reply_to_echo(
            &mut Ipv4PacketMut::parse(&mut bytes).unwrap(),
            64,
            Some(ROUTER),
        )
        .unwrap();
        let packet = Ipv4Packet::parse(&bytes).unwrap();
        assert!(packet.has_valid_checksum());
        let header = packet.header();
        assert_eq!((header.source(), header.destination()), (ROUTER, HOST));
    }
    for none in [group, Ipv4Addr::BROADCAST, Ipv4Addr::UNSPECIFIED, reserved] {
        let to_many = echo(&[], |header| header.set_destination(none));
        let mut changed = to_many.clone();
        assert_eq!(reply(&mut changed), Err(NotAnswered::Address), "{none}");
        assert_eq!(changed, to_many);
        let mut changed = echo(&[], |_| {});
        let mut view = Ipv4PacketMut::parse(&mut changed).unwrap();
        let result = reply_to_echo(&mut view, 64, Some(none));
        assert_eq!(result, Err(NotAnswered::Address), "{none}");
        assert_eq!(changed, echo(&[], |_| {}));
    }
}

/// RFC 1122 §3.2.2.6, RFC 791 §3.1: the route goes on to who answers, where there is room.
#[test]
fn a_reply_goes_on_with_a_recorded_route() {
    let reply_with = |options: &[u8]| {
        let mut bytes = [&[0; 20], options, &[8, 0, 0xf7, 0xff, 0, 0, 0, 0]].concat();
        bytes[0] = 0x40 + (5 + options.len() / 4) as u8;
        (bytes[3], bytes[8], bytes[9]) = (bytes.len() as u8, 3, 1);
        bytes[12..20].copy_from_slice(&[10, 0, 0, 9, 10, 0, 0, 1]);
        let mut view = Ipv4PacketMut::parse(&mut bytes).unwrap();
        view.fill_checksum();
        reply_to_echo(&mut view, 64, None).unwrap();
        let packet = Ipv4Packet::parse(&bytes).unwrap();
        assert!(packet.has_valid_checksum());
        packet.options_bytes().to_vec()
    };
    for (before, after) in [
        // Room for the first, wherever the option begins.
        ([7, 7, 4, 0, 0, 0, 0, 0], [7, 7, 8, 10, 0, 0, 1, 0]),
        ([1, 7, 7, 4, 0, 0, 0, 0], [1, 7, 7, 8, 10, 0, 0, 1]),
        // Full; with too little room left; pointing into the option's own head; another option.
        ([7, 7, 8, 9, 9, 9, 9, 0], [7, 7, 8, 9, 9, 9, 9, 0]),
        ([7, 7, 5, 9, 9, 9, 9, 0], [7, 7, 5, 9, 9, 9, 9, 0]),
        ([7, 7, 3, 9, 9, 9, 9, 0], [7, 7, 3, 9, 9, 9, 9, 0]),
        ([7, 7, 255, 9, 9, 9, 9, 0], [7, 7, 255, 9, 9, 9, 9, 0]),
        ([68, 8, 5, 0, 0, 0, 0, 0], [68, 8, 5, 0, 0, 0, 0, 0]),
        ([0, 7, 7, 4, 0, 0, 0, 0], [0, 7, 7, 4, 0, 0, 0, 0]),
    ] {
        assert_eq!(reply_with(&before), after, "{before:?}");
    }
    // Behind another, in the second of three places.
    let before = [
        148, 4, 0, 0, 7, 15, 8, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    let after = [
        148, 4, 0, 0, 7, 15, 12, 1, 2, 3, 4, 10, 0, 0, 1, 0, 0, 0, 0, 0,
    ];
    assert_eq!(reply_with(&before), after);
}

#[test]
fn what_is_not_answered_does_not_change() {
    let mut source_route = [&[0x46; 1][..], &[0; 23], &[8, 0, 0, 0, 0, 0, 0, 0]].concat();
    source_route[3] = 32;
    source_route[9] = 1;
    source_route[12..20].copy_from_slice(&[10, 0, 0, 9, 10, 0, 0, 1]);
    source_route[20..24].copy_from_slice(&[0x83, 3, 4, 0]);
    let cases = [
        (
            echo(&[], |header| header.set_protocol(IpProtocol::UDP)),
            NotAnswered::NotEcho,
        ),
        (
            echo(&[], |header| header.set_more_fragments(true)),
            NotAnswered::Fragment,
        ),
        (
            echo(&[], |header| header.set_fragment_offset(8)),
            NotAnswered::Fragment,
        ),
        (
            echo(&[], |header| header.set_destination(Ipv4Addr::BROADCAST)),
            NotAnswered::Address,
        ),
        (
            echo(&[], |header| header.set_source(Ipv4Addr::UNSPECIFIED)),
            NotAnswered::Address,
        ),
        (
            packet(IpProtocol::ICMP, HOST, ROUTER, &[8, 0, 0]),
            NotAnswered::NotEcho,
        ),
        (
            packet(IpProtocol::ICMP, HOST, ROUTER, &[0; 8]),
            NotAnswered::NotEcho,
        ),
        (source_route, NotAnswered::SourceRoute),
    ];
    for (bytes, reason) in cases {
        let mut changed = bytes.clone();
        assert_eq!(reply(&mut changed), Err(reason));
        assert_eq!(changed, bytes);
    }
}

proptest! {
    #[test]
    fn any_echo_request_gets_a_reply_with_right_checksums(data in prop::collection::vec(any::<u8>(), 0..200), ttl: u8, class: u8) {
        let mut bytes = echo(&data, |header| {
            header.set_ttl(ttl);
            header.set_traffic_class(class);
        });
        reply(&mut bytes).unwrap();
        let packet = Ipv4Packet::parse(&bytes).unwrap();
        prop_assert!(packet.has_valid_checksum());
        prop_assert!(Icmpv4Message::parse(packet.payload()).unwrap().has_valid_checksum());
    }

    #[test]
    fn no_packet_makes_an_error_panic(bytes in prop::collection::vec(any::<u8>(), 20..100), room in 0usize..700, own: Option<u32>) {
        let mut bytes = bytes;
        bytes[0] = 0x45;
        bytes[2] = 0;
        bytes[3] = bytes.len() as u8;
        let packet = Ipv4Packet::parse(&bytes).unwrap();
        let mut buffer = vec![0; room];
        let message = Icmpv4Header::parameter_problem(1);
        if let Ok(len) = write_error(&mut buffer, &packet, message, &Origin::new(ROUTER)) {
            let error = Ipv4Packet::parse(&buffer[..len]).unwrap();
            prop_assert!(error.has_valid_checksum());
            prop_assert!(Icmpv4Message::parse(error.payload()).unwrap().has_valid_checksum());
        }
        let mut view = Ipv4PacketMut::parse(&mut bytes).unwrap();
        view.fill_checksum();
        if reply_to_echo(&mut view, 64, own.map(Ipv4Addr::from_bits)).is_ok() {
            prop_assert!(Ipv4Packet::parse(&bytes).unwrap().has_valid_checksum());
        }
    }
}

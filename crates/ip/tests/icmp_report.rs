//! Errors read back to their flows, and the limits under which errors are sent.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use waypost_ip::icmp::{
    ErrorKind, ErrorLimiter, ErrorReport, LimitConfig, NotSent, Origin, PrefixBucket, Problem,
    Severity, Transport, v6, write_error,
};
use waypost_wire::ipv6::Ipv6FragmentHeader;
use waypost_wire::{
    Checksum, Duration, Icmpv4Header, Icmpv4Message, Icmpv6Message, Instant, IpProtocol,
    Ipv4Header, Ipv4Packet, Ipv6Header, Ipv6Packet,
};

const A4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);
const B4: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
const A6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9);
const B6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 7);

fn packet4(protocol: IpProtocol, payload: &[u8]) -> Vec<u8> {
    let mut header = Ipv4Header::new(protocol, A4, B4, payload.len() as u16);
    header.fill_checksum();
    [&header.as_bytes()[..], payload].concat()
}

fn packet6(protocol: IpProtocol, payload: &[u8]) -> Vec<u8> {
    let header = Ipv6Header::new(protocol, A6, B6, payload.len() as u16);
    [&header.as_bytes()[..], payload].concat()
}

/// The payload of the error about a packet.
fn error4(bytes: &[u8], problem: Problem) -> Vec<u8> {
    let mut buffer = [0; 576];
    let message = problem.to_icmpv4().unwrap();
    let packet = Ipv4Packet::parse(bytes).unwrap();
    let len = write_error(&mut buffer, &packet, message, &Origin::new(B4)).unwrap();
    buffer[20..len].to_vec()
}

fn error6(bytes: &[u8], problem: Problem) -> Vec<u8> {
    let mut buffer = [0; 1280];
    let message = problem.to_icmpv6().unwrap();
    let packet = Ipv6Packet::parse(bytes).unwrap();
    let len = v6::write_error(&mut buffer, &packet, message, &v6::Origin::new(B6)).unwrap();
    buffer[40..len].to_vec()
}

fn report4(message: &[u8]) -> Option<ErrorReport<'_, Ipv4Addr>> {
    ErrorReport::of_icmpv4(&Icmpv4Message::parse(message).unwrap())
}

fn report6(message: &[u8]) -> Option<ErrorReport<'_, Ipv6Addr>> {
    ErrorReport::of_icmpv6(&Icmpv6Message::parse(message).unwrap())
}

const TCP: [u8; 20] = [
    0x12, 0x34, 0, 80, 1, 2, 3, 4, 0, 0, 0, 0, 0x50, 0x10, 0, 0, 0, 0, 0, 0,
];
const TCP_FLOW: Transport = Transport::Ports {
    source: 0x1234,
    destination: 80,
    sequence: Some(0x0102_0304),
};

#[test]
fn an_error_leads_back_to_its_flow() {
    let payload = [&TCP[..], &[0; 1400]].concat();
    let error = error4(
        &packet4(IpProtocol::TCP, &payload),
        Problem::TooBig { mtu: 1300 },
    );
    let report = report4(&error).unwrap();
    assert_eq!(report.kind, ErrorKind::TooBig { mtu: 1300 });
    assert_eq!(report.severity, Severity::TooBig);
    let flow = report.flow;
    assert_eq!((flow.source, flow.destination), (A4, B4));
    assert_eq!((flow.protocol, flow.transport), (IpProtocol::TCP, TCP_FLOW));
    assert_eq!((flow.len, flow.fragment), (1440, None));
    assert_eq!(flow.header_len, 20);

    let behind = [&[6, 0, 1, 4, 0, 0, 0, 0][..], &payload].concat();
    let error = error6(
        &packet6(IpProtocol::HOP_BY_HOP, &behind),
        Problem::TooBig { mtu: 1400 },
    );
    let report = report6(&error).unwrap();
    assert_eq!(report.kind, ErrorKind::TooBig { mtu: 1400 });
    let flow = report.flow;
    assert_eq!((flow.source, flow.destination), (A6, B6));
    assert_eq!((flow.protocol, flow.transport), (IpProtocol::TCP, TCP_FLOW));
    assert_eq!((flow.len, flow.fragment), (1468, None));
}

#[test]
fn echoes_and_fragments_are_known_again() {
    let echo = [8, 0, 0, 0, 0, 7, 0, 9];
    let error = error4(&packet4(IpProtocol::ICMP, &echo), Problem::HopLimit);
    let found = Transport::Echo {
        identifier: 7,
        sequence: 9,
    };
    assert_eq!(report4(&error).unwrap().flow.transport, found);
    let echo = [128, 0, 0, 0, 0, 7, 0, 9];
    let error = error6(&packet6(IpProtocol::ICMPV6, &echo), Problem::HopLimit);
    assert_eq!(report6(&error).unwrap().flow.transport, found);
    for (offset, transport) in [(0, TCP_FLOW), (8, Transport::Unknown)] {
        let fragment = Ipv6FragmentHeader::new(IpProtocol::TCP, offset, true, 77);
        let bytes = packet6(
            IpProtocol::FRAGMENT,
            &[&fragment.as_bytes()[..], &TCP].concat(),
        );
        let error = error6(&bytes, Problem::HopLimit);
        let flow = report6(&error).unwrap().flow;
        assert_eq!(
            (flow.fragment, flow.transport),
            (Some((77, offset)), transport)
        );
    }
    let other = error4(&packet4(IpProtocol::GRE, &[0; 8]), Problem::NoRoute);
    assert_eq!(report4(&other).unwrap().flow.transport, Transport::Unknown);
}

#[test]
fn hard_errors_are_those_that_stay() {
    use Severity::{Hard, None, Soft, TooBig};
    let about4 = packet4(IpProtocol::UDP, &[0; 8]);
    let about6 = packet6(IpProtocol::UDP, &[0; 8]);
    let raw4 = |kind, code| {
        let mut bytes = vec![kind, code, 0, 0, 0, 0, 0, 0];
        bytes.extend(&about4);
        report4(&bytes).map(|report| report.severity)
    };
    let raw6 = |kind, code| {
        let mut bytes = vec![kind, code, 0, 0, 0, 0, 0, 0];
        bytes.extend(&about6);
        report6(&bytes).map(|report| report.severity)
    };
    for (code, severity) in [
        (0, Soft),
        (1, Soft),
        (2, Hard),
        (3, Hard),
        (4, TooBig),
        (5, Soft),
        (13, Hard),
    ] {
        assert_eq!(raw4(3, code), Some(severity), "{code}");
    }
    for (kind, severity) in [(4, None), (5, None), (11, Soft), (12, Soft)] {
        assert_eq!(raw4(kind, 0), Some(severity), "{kind}");
    }
    assert_eq!(raw4(8, 0), Option::None);
    for (kind, code, severity) in [
        (1, 0, Soft),
        (1, 1, Hard),
        (1, 3, Soft),
        (1, 4, Hard),
        (2, 0, TooBig),
        (2, 7, TooBig),
        (3, 0, Soft),
        (4, 0, Soft),
        (4, 1, Hard),
        (4, 2, Soft),
        (100, 0, Soft),
    ] {
        assert_eq!(raw6(kind, code), Some(severity), "{kind} {code}");
    }
    assert_eq!(raw6(129, 0), Option::None);
    // The code of "packet too big" says nothing; what is not known is an error all the same.
    let error6 = |bytes: &[u8]| {
        let bytes = [bytes, &about6].concat();
        report6(&bytes).map(|report| (report.kind, report.flow.protocol))
    };
    let too_big = ErrorKind::TooBig { mtu: 1300 };
    assert_eq!(
        error6(&[2, 7, 0, 0, 0, 0, 5, 20]),
        Some((too_big, IpProtocol::UDP))
    );
    let (message_type, code) = (100, 3);
    let other = ErrorKind::Other { message_type, code };
    assert_eq!(
        error6(&[100, 3, 0, 0, 0, 0, 0, 0]),
        Some((other, IpProtocol::UDP))
    );
    assert_eq!(error6(&[200, 0, 0, 0, 0, 0, 0, 0]), Option::None);
}

#[test]
fn extension_objects_are_no_part_of_the_quoted_packet() {
    // 128 octets quoted, then a label stack and an object of another class.
    let quoted = packet4(IpProtocol::UDP, &[5; 108]);
    let mut structure = vec![0x20, 0, 0, 0, 0, 8, 1, 1, 1, 2, 3, 4, 0, 4, 9, 0];
    let sum = Checksum::new().add_bytes(&structure).finish();
    structure[2..4].copy_from_slice(&sum.to_be_bytes());
    let mut header = Icmpv4Header::from_bytes([11, 0, 0, 0, 0, 32, 0, 0]);
    header.fill_checksum(&[]);
    let bytes = [&header.as_bytes()[..], &quoted, &structure].concat();
    let report = report4(&bytes).unwrap();
    let objects: Vec<_> = report
        .extensions
        .map(|it| (it.class, it.kind, it.data))
        .collect();
    assert_eq!(objects, [(1, 1, &[1, 2, 3, 4][..]), (9, 0, &[])]);
    assert_eq!(report.flow.len, 128);
    // A wrong checksum, a length beyond the end or too short, no length: no objects, the flow all the same.
    let mut wrong = bytes.clone();
    *wrong.last_mut().unwrap() = 1;
    let with_length = |length| {
        let mut bytes = bytes.clone();
        bytes[5] = length;
        bytes
    };
    for bytes in [wrong, with_length(200), with_length(31), with_length(0)] {
        let report = report4(&bytes).unwrap();
        assert_eq!(report.extensions.count(), 0);
        assert_eq!(report.flow.destination, B4);
    }
    // The same in IPv6, whose length counts in 8 octets and stands elsewhere.
    let quoted = packet6(IpProtocol::UDP, &[5; 88]);
    let bytes = [&[3, 0, 0, 0, 16, 0, 0, 0][..], &quoted, &structure].concat();
    assert_eq!(report6(&bytes).unwrap().extensions.count(), 2);
}

fn config() -> LimitConfig {
    LimitConfig {
        rate: 100,
        burst: 50,
        prefix_rate: 10,
        prefix_burst: 5,
        prefixes: 64,
        jitter: 0,
        seed: 7,
        ..LimitConfig::IPV6
    }
}

fn limiter(config: LimitConfig) -> ErrorLimiter<Ipv6Addr, [PrefixBucket<Ipv6Addr>; 64]> {
    ErrorLimiter::new([PrefixBucket::EMPTY; 64], config, Instant::from_secs(0))
}

fn of_site(site: u16, host: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 7, site, 0, 0, 0, host)
}

#[test]
fn one_prefix_cannot_use_up_what_is_for_all() {
    let mut limiter = limiter(config());
    let (mut sent, mut good) = (0, 0);
    for ms in 0..10_000u64 {
        let now = Instant::from_millis(ms);
        // Each flooding host has its own address in the same /64.
        let flood = of_site(1, ms as u16);
        match limiter.check(now, flood) {
            Ok(()) => {
                limiter.take(now, flood);
                sent += 1;
            }
            Err(reason) => assert_eq!(reason, NotSent::PrefixLimit),
        }
        if ms % 200 == 0 {
            let to = of_site(2, 1);
            assert_eq!(limiter.check(now, to), Ok(()));
            limiter.take(now, to);
            good += 1;
        }
    }
    assert_eq!((sent, good), (5 + 99, 50));
    assert_eq!(limiter.replaced(), 0);
}

#[test]
fn all_prefixes_together_stay_within_the_limit_of_all() {
    let mut limiter = limiter(config());
    let mut sent = 0u64;
    for ms in 0..10_000u64 {
        let now = Instant::from_millis(ms);
        for n in 0..20 {
            let to = of_site((ms * 20 + n) as u16, 1);
            if limiter.check(now, to).is_ok() {
                limiter.take(now, to);
                sent += 1;
            }
        }
    }
    assert!((1000..=1050).contains(&sent), "{sent}");
    assert!(limiter.replaced() > 0);
}

#[test]
fn how_many_errors_went_to_others_cannot_be_counted() {
    let mut counts = std::collections::BTreeSet::new();
    for seed in 0..32 {
        let config = LimitConfig {
            prefix_rate: 1000,
            prefix_burst: 1000,
            jitter: 1,
            seed,
            ..config()
        };
        let mut limiter = limiter(config);
        let now = Instant::from_secs(1) + Duration::from_millis(1);
        let mut sent = 0;
        while limiter.check(now, A6).is_ok() {
            limiter.take(now, A6);
            sent += 1;
        }
        assert!((25..=50).contains(&sent));
        counts.insert(sent);
    }
    assert!(counts.len() > 3, "{counts:?}");
}

#[test]
fn prefixes_are_spread_over_all_places() {
    let mut limiter = limiter(config());
    for round in 0..3 {
        let now = Instant::from_secs(1 + round);
        for site in 0..10 {
            let to = of_site(site, 1);
            assert_eq!(limiter.check(now, to), Ok(()));
            limiter.take(now, to);
        }
    }
    assert_eq!(limiter.replaced(), 0);
    let now = Instant::from_secs(4);
    for _ in 0..5 {
        limiter.take(now, of_site(3, 7));
    }
    assert_eq!(limiter.check(now, of_site(3, 8)), Err(NotSent::PrefixLimit));
    assert_eq!(limiter.check(now, of_site(4, 8)), Ok(()));
}

#[test]
fn without_places_the_limit_of_all_holds() {
    let now = Instant::from_secs(0);
    let mut limiter = ErrorLimiter::new([PrefixBucket::EMPTY; 0], config(), now);
    for _ in 0..50 {
        assert_eq!(limiter.check(now, A6), Ok(()));
        limiter.take(now, A6);
    }
    assert_eq!(limiter.check(now, A6), Err(NotSent::RateLimit));
}

proptest! {
    #[test]
    fn no_octets_make_it_panic(kind: u8, rest in prop::collection::vec(any::<u8>(), 7..200), first in prop::sample::select(vec![0x45u8, 0x4f, 0x60])) {
        let mut bytes = [&[kind][..], &rest].concat();
        if let Some(octet) = bytes.get_mut(8) {
            *octet = first;
        }
        if let Some(report) = report4(&bytes) {
            let _ = report.extensions.count();
        }
        if let Some(report) = report6(&bytes) {
            let _ = report.extensions.count();
        }
    }

    #[test]
    fn any_cut_of_a_quotation_is_read_as_far_as_it_goes(len in 0usize..60) {
        let whole = error4(&packet4(IpProtocol::TCP, &TCP), Problem::Port);
        let bytes = &whole[..(8 + len).min(whole.len())];
        let transport = report4(bytes).map(|report| report.flow.transport);
        match len {
            ..20 => prop_assert_eq!(transport, None),
            20..24 => prop_assert_eq!(transport, Some(Transport::Unknown)),
            24..28 => prop_assert_eq!(transport, Some(Transport::Ports { source: 0x1234, destination: 80, sequence: None })),
            _ => prop_assert_eq!(transport, Some(TCP_FLOW)),
        }
    }
}

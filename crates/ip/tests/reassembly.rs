//! Reassembly, through the public interface: both versions of IP, what is refused, and floods. What holds for
//! random fragments is in `reassembly_random.rs`.
#![cfg(feature = "alloc")]

mod fragments;

use std::net::{Ipv4Addr, Ipv6Addr};

use fragments::{Became, Told, Version, at, conserved, data, expect_whole, input, table, told};
use waypost_ip::reassembly::{
    FixedReassembly, FragmentDrop, FragmentProblem, Outcome, Reassembly, ReassemblyConfig,
};
use waypost_wire::icmpv6::ParameterProblem;
use waypost_wire::{Duration, Ecn, IpProtocol, Ipv4Header, Ipv4Packet, Ipv6Packet};

/// Gives a fragment to a table of either version.
type Give<'a> = dyn FnMut(Told, &[u8]) -> Became + 'a;

fn both(test: fn(&mut Give<'_>)) {
    let mut v4 = table::<Ipv4Addr>(ReassemblyConfig::default());
    test(&mut |told, payload| input(&mut v4, at(1), Ipv4Addr::fragment(told, payload)));
    let mut v6 = table::<Ipv6Addr>(ReassemblyConfig::default());
    test(&mut |told, payload| input(&mut v6, at(1), Ipv6Addr::fragment(told, payload)));
}

#[test]
fn fragments_in_any_order_become_whole() {
    both(|give| {
        let all = data(40, 0);
        for (id, order) in [
            [0, 1, 2],
            [0, 2, 1],
            [1, 0, 2],
            [1, 2, 0],
            [2, 0, 1],
            [2, 1, 0],
        ]
        .into_iter()
        .enumerate()
        {
            let mut became = Became::Held;
            for n in order {
                assert_eq!(became, Became::Held);
                let end = (n * 16 + 16).min(40);
                became = give(told(id as u16, n * 16, n < 2), &all[n * 16..end]);
            }
            expect_whole(became, &all);
        }
    });
}

#[test]
fn overlaps_discard_the_whole_datagram() {
    both(|give| {
        let all = data(64, 0);
        for (id, (offset, len)) in [(0, 32), (8, 16), (8, 40), (24, 16), (16, 8), (0, 16)]
            .into_iter()
            .enumerate()
        {
            let id = id as u16;
            assert_eq!(give(told(id, 16, true), &all[16..32]), Became::Held);
            assert_eq!(give(told(id, 0, true), &all[..8]), Became::Held);
            let overlap = give(told(id, offset, true), &all[offset..offset + len]);
            assert_eq!(overlap, Became::Dropped(FragmentDrop::Overlap));
            // All that comes later, until its time ends, is dropped too.
            for (offset, end) in [(0, 16), (16, 32), (32, 64)] {
                let late = give(told(id, offset, end < 64), &all[offset..end]);
                assert_eq!(late, Became::Dropped(FragmentDrop::Abandoned));
            }
        }
        // The same octets with another content are no copy.
        assert_eq!(give(told(99, 8, true), &all[8..16]), Became::Held);
        let other = give(told(99, 8, true), &all[16..24]);
        assert_eq!(other, Became::Dropped(FragmentDrop::Overlap));
    });
}

/// RFC 8200 §4.5: of an overlap nobody is told.
#[test]
fn overlaps_are_silent() {
    fn run<A: Version>() {
        let mut table = table::<A>(ReassemblyConfig::default());
        let all = data(32, 0);
        table.input(at(1), A::fragment(told(1, 0, true), &all[..16]));
        for (offset, end) in [(8, 24), (24, 32), (0, 16)] {
            let fragment = A::fragment(told(1, offset, end < 32), &all[offset..end]);
            match table.input(at(1), fragment) {
                Outcome::Dropped { problem, .. } => assert_eq!(problem, None),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(table.fragments(), 0);
        assert_eq!(table.expire(at(100)), None);
    }
    run::<Ipv4Addr>();
    run::<Ipv6Addr>();
}

/// RFC 1122 §3.3.2, RFC 8200 §5: as long as a packet may be, in fragments as short as those of any link.
#[test]
fn a_packet_of_any_length_is_put_together() {
    fn run<A: Version>(longest: usize, mtu: usize) {
        let mut table = table::<A>(ReassemblyConfig::default());
        for (id, len) in (1..).zip([576, 1500, 9000, longest]) {
            let all = data(len, 0);
            let part = (mtu - 60) / 8 * 8;
            let mut became = Became::Held;
            for offset in (0..len).step_by(part) {
                assert_eq!(became, Became::Held);
                let end = (offset + part).min(len);
                let fragment = A::fragment(told(id, offset, end < len), &all[offset..end]);
                // Whole fragments come out, too long to be looked at by parts.
                became = match table.input(at(1), fragment) {
                    Outcome::Held => Became::Held,
                    Outcome::Whole(whole) => {
                        let mut copy = vec![0; whole.len()];
                        whole.write(&mut copy).unwrap();
                        Became::Whole(copy)
                    }
                    other => panic!("{other:?}"),
                };
            }
            if len > part {
                expect_whole(became, &all);
            }
        }
        conserved(&table);
    }
    run::<Ipv4Addr>(65_515, 576);
    run::<Ipv6Addr>(65_535, 1280);
}

#[test]
fn exact_copies_harm_nothing() {
    both(|give| {
        let all = data(24, 0);
        for _ in 0..3 {
            let became = give(told(1, 16, false), &all[16..]);
            assert!(matches!(
                became,
                Became::Held | Became::Dropped(FragmentDrop::Duplicate)
            ));
        }
        expect_whole(give(told(1, 0, true), &all[..16]), &all);
    });
}

#[test]
fn lengths_that_contradict_each_other_discard_the_datagram() {
    both(|give| {
        let all = data(64, 0);
        let inconsistent = Became::Dropped(FragmentDrop::Inconsistent);
        // Beyond the last; a second last; a last within; one that goes on to where the last ended.
        assert_eq!(give(told(1, 8, false), &all[8..16]), Became::Held);
        assert_eq!(give(told(1, 16, true), &all[16..24]), inconsistent);
        assert_eq!(give(told(2, 8, false), &all[8..16]), Became::Held);
        assert_eq!(give(told(2, 16, false), &all[16..24]), inconsistent);
        assert_eq!(give(told(3, 16, true), &all[16..24]), Became::Held);
        assert_eq!(give(told(3, 8, false), &all[8..16]), inconsistent);
        assert_eq!(give(told(4, 16, false), &all[16..24]), Became::Held);
        assert_eq!(give(told(4, 24, true), &all[24..32]), inconsistent);
    });
}

#[test]
fn congestion_is_not_lost() {
    both(|give| {
        let all = data(32, 0);
        let mut send = |id, codes: [Ecn; 2]| {
            let part = |offset, more, ecn| Told {
                ecn,
                ..told(id, offset, more)
            };
            give(part(0, true, codes[0]), &all[..16]);
            give(part(16, false, codes[1]), &all[16..])
        };
        for (id, codes, expected) in [
            (1, [Ecn::Ect0, Ecn::Ect0], Ecn::Ect0),
            (2, [Ecn::Ect0, Ecn::Ce], Ecn::Ce),
            (3, [Ecn::Ce, Ecn::Ect1], Ecn::Ce),
            (4, [Ecn::Ce, Ecn::Ce], Ecn::Ce),
            (5, [Ecn::NotEct, Ecn::NotEct], Ecn::NotEct),
        ] {
            let Became::Whole(datagram) = send(id, codes) else {
                panic!("expected a whole datagram");
            };
            let ecn = match datagram[0] >> 4 {
                4 => Ipv4Packet::parse(&datagram).unwrap().header().ecn(),
                _ => Ipv6Packet::parse(&datagram).unwrap().header().ecn(),
            };
            assert_eq!(ecn, expected);
        }
        let dropped = Became::Dropped(FragmentDrop::Congestion);
        assert_eq!(send(6, [Ecn::NotEct, Ecn::Ce]), dropped);
        assert_eq!(send(7, [Ecn::Ce, Ecn::NotEct]), dropped);
    });
}

#[test]
fn time_ends_sixty_seconds_after_the_first_arrival() {
    fn run<A: Version>() {
        let mut table = table::<A>(ReassemblyConfig::default());
        let first = A::fragment(told(1, 0, true), &data(16, 0));
        assert_eq!(
            input(&mut table, at(1), A::fragment(told(1, 24, false), &[1])),
            Became::Held
        );
        assert_eq!(input(&mut table, at(40), first.clone()), Became::Held);
        assert_eq!(
            input(
                &mut table,
                at(2),
                A::fragment(told(2, 8, true), &data(8, 0))
            ),
            Became::Held
        );
        assert_eq!(table.poll_timeout(), Some(at(61)));
        assert_eq!(table.expire(at(61) - Duration::from_nanos(1)), None);
        // Only with the beginning of the datagram is its source told.
        assert_eq!(table.expire(at(61)).unwrap().first, Some(first));
        let late = at(200);
        assert_eq!(table.expire(late).unwrap().first, None);
        assert_eq!(table.expire(late), None);
        assert_eq!(table.counters().dropped(FragmentDrop::TimedOut), 3);
        assert_eq!(
            (table.counters().timed_out, table.poll_timeout()),
            (2, None)
        );
        conserved(&table);
        // An abandoned datagram ends without a word.
        let all = data(16, 0);
        input(&mut table, late, A::fragment(told(3, 0, true), &all));
        input(&mut table, late, A::fragment(told(3, 8, true), &all));
        assert_eq!(table.len(), 1);
        assert_eq!(table.expire(at(260)), None);
        assert!(table.is_empty());
        conserved(&table);
    }
    run::<Ipv4Addr>();
    run::<Ipv6Addr>();
}

#[test]
fn atomic_fragments_are_whole_at_once() {
    let mut table = table::<Ipv6Addr>(ReassemblyConfig::default());
    let held = Ipv6Addr::fragment(told(1, 8, false), &data(8, 0));
    assert_eq!(input(&mut table, at(1), held), Became::Held);
    // The same identification: neither is harmed (RFC 6946 §4, RFC 8200 §4.5).
    let atomic = Ipv6Addr::fragment(told(1, 0, false), &data(30, 5));
    expect_whole(input(&mut table, at(1), atomic), &data(30, 5));
    let first = Ipv6Addr::fragment(told(1, 0, true), &data(8, 1));
    let Became::Whole(datagram) = input(&mut table, at(1), first) else {
        panic!("expected a whole datagram");
    };
    assert_eq!(
        Ipv6Addr::payload(&datagram),
        [data(8, 1), data(8, 0)].concat()
    );
    assert_eq!(
        (table.counters().atomic, table.counters().datagrams),
        (1, 2)
    );
    conserved(&table);
}

#[test]
fn sources_of_bad_fragments_are_told_what_is_wrong() {
    let mut table = table::<Ipv6Addr>(ReassemblyConfig::default());
    let mut problem = |told, len| match table.input(at(1), Ipv6Addr::fragment(told, &data(len, 0)))
    {
        Outcome::Dropped {
            reason, problem, ..
        } => (reason, problem),
        other => panic!("{other:?}"),
    };
    let code = ParameterProblem::ERRONEOUS_FIELD;
    let unaligned = Some(FragmentProblem { code, pointer: 4 });
    assert_eq!(
        problem(told(1, 8, true), 9),
        (FragmentDrop::Unaligned, unaligned)
    );
    let overlong = Some(FragmentProblem { code, pointer: 42 });
    assert_eq!(
        problem(told(1, 65528, false), 8),
        (FragmentDrop::Overlong, overlong)
    );
    let code = ParameterProblem::INCOMPLETE_HEADER_CHAIN;
    let chain = Some(FragmentProblem { code, pointer: 0 });
    let tcp = Told {
        protocol: IpProtocol::TCP,
        ..told(1, 0, true)
    };
    assert_eq!(problem(tcp, 16), (FragmentDrop::HeaderChain, chain));
    let options = Told {
        protocol: IpProtocol::DESTINATION_OPTIONS,
        ..tcp
    };
    let mut cut = table_input(options, &[6, 9, 1, 4, 0, 0, 0, 0]);
    assert_eq!(cut.pop(), Some((FragmentDrop::HeaderChain, chain)));
    assert_eq!(problem(told(1, 8, false), 0), (FragmentDrop::Empty, None));
}

fn table_input(told: Told, payload: &[u8]) -> Vec<(FragmentDrop, Option<FragmentProblem>)> {
    let mut table = table::<Ipv6Addr>(ReassemblyConfig::default());
    match table.input(at(1), Ipv6Addr::fragment(told, payload)) {
        Outcome::Dropped {
            reason, problem, ..
        } => vec![(reason, problem)],
        _ => Vec::new(),
    }
}

#[test]
fn fragments_of_ipv4_that_no_sender_makes_are_refused() {
    let mut table = table::<Ipv4Addr>(ReassemblyConfig::default());
    let mut give = |told, len| input(&mut table, at(1), Ipv4Addr::fragment(told, &data(len, 0)));
    let dropped = Became::Dropped;
    let tcp = |offset| Told {
        protocol: IpProtocol::TCP,
        ..told(1, offset, true)
    };
    assert_eq!(give(tcp(0), 8), dropped(FragmentDrop::Tiny));
    assert_eq!(give(tcp(8), 16), dropped(FragmentDrop::Tiny));
    assert_eq!(give(tcp(0), 16), Became::Held);
    assert_eq!(give(told(2, 0, true), 8), Became::Held);
    assert_eq!(give(told(2, 8, true), 9), dropped(FragmentDrop::Unaligned));
    assert_eq!(
        give(told(2, 65528, false), 8),
        dropped(FragmentDrop::Overlong)
    );
    assert_eq!(give(told(2, 8, true), 0), dropped(FragmentDrop::Empty));
    assert_eq!(give(told(2, 0, false), 8), Became::NotFragment);
    assert_eq!(
        input(&mut table, at(1), vec![0x45; 19]),
        dropped(FragmentDrop::Malformed)
    );
}

#[test]
fn the_first_fragments_headers_count() {
    // The last fragment fits with its own header, but not behind the first, which has options.
    let mut table = table::<Ipv4Addr>(ReassemblyConfig::default());
    let with_options = |mut bytes: Vec<u8>| {
        bytes.splice(20..20, [1; 40]);
        let total = bytes.len() as u16;
        let (header, _) = Ipv4Header::split_from_mut(&mut bytes).unwrap();
        header.set_header_len(60);
        header.set_total_length(total);
        bytes
    };
    for offset in (0..65504).step_by(1024) {
        let len = 1024.min(65504 - offset);
        let mut fragment = Ipv4Addr::fragment(told(1, offset, true), &data(len, 0));
        if offset == 0 {
            fragment = with_options(fragment);
        }
        assert_eq!(input(&mut table, at(1), fragment), Became::Held);
    }
    // It is said to be dropped, and not to be held.
    let last = Ipv4Addr::fragment(told(1, 65504, false), &[1; 8]);
    let became = input(&mut table, at(1), last);
    assert_eq!(became, Became::Dropped(FragmentDrop::Overlong));
    assert!(table.counters().dropped(FragmentDrop::Overlong) > 60);
    assert_eq!((table.fragments(), table.counters().datagrams), (0, 0));
    conserved(&table);
}

/// RFC 8200 §5: of 1500 octets, headers included, however short the fragments are.
#[test]
fn the_packet_that_every_node_takes_may_come_in_the_shortest_fragments() {
    let mut table = table::<Ipv6Addr>(ReassemblyConfig::default());
    let all = data(1460, 0);
    let mut became = Became::Held;
    for (offset, part) in (0..).step_by(8).zip(all.chunks(8)) {
        assert_eq!(became, Became::Held);
        let told = told(1, offset, offset + 8 < all.len());
        became = input(&mut table, at(1), Ipv6Addr::fragment(told, part));
    }
    expect_whole(became, &all);
}

#[test]
fn limits_hold_in_storage_of_fixed_length() {
    let config = ReassemblyConfig {
        fragments_each: 3,
        ..ReassemblyConfig::default()
    };
    let storage: FixedReassembly<Ipv4Addr, Vec<u8>, 3, 8> = FixedReassembly::new();
    let mut table = Reassembly::new(storage, config);
    for id in 0..100u16 {
        for n in 0..5 {
            let fragment = Ipv4Addr::fragment(told(id, n * 8, true), &data(8, 0));
            table.input(at(1), fragment);
            assert!(table.len() <= 3 && table.fragments() <= 8);
        }
    }
    assert_eq!(table.counters().dropped(FragmentDrop::TooMany), 100 * 4);
    assert_eq!(table.counters().dropped(FragmentDrop::Abandoned), 100);
    assert_eq!(table.counters().evicted, 97);
    let none: FixedReassembly<Ipv4Addr, Vec<u8>, 0, 0> = FixedReassembly::new();
    let mut none = Reassembly::new(none, ReassemblyConfig::default());
    none.input(at(1), Ipv4Addr::fragment(told(1, 8, true), &data(8, 0)));
    assert_eq!(none.counters().dropped(FragmentDrop::NoRoom), 1);
}

/// One source sends fragments that never become whole, `flood` for each of a good source, whose datagrams of
/// many fragments are put together all the same.
fn flood<A: Version>(mut attack: impl FnMut(u32) -> Vec<u8>, spare_fragments: bool) {
    let config = ReassemblyConfig {
        datagrams: 64,
        fragments: if spare_fragments { 4096 } else { 256 },
        octets: 64 << 10,
        ..ReassemblyConfig::default()
    };
    let (datagrams, fragments, octets) = (config.datagrams, config.fragments, config.octets);
    let mut table = table::<A>(config);
    let mut sent = 0;
    for id in 0..200u16 {
        let now = at(u64::from(id));
        while table.expire(now).is_some() {}
        let all = data(8000, usize::from(id));
        let mut became = Became::Held;
        for (n, part) in all.chunks(800).enumerate() {
            for _ in 0..50 {
                sent += 1;
                input(&mut table, now, attack(sent));
                assert!(table.len() <= datagrams && table.fragments() <= fragments);
                assert!(table.octets() <= octets);
            }
            let good = Told {
                source: 2,
                ..told(id, n * 800, n < 9)
            };
            became = input(&mut table, now, A::fragment(good, part));
        }
        expect_whole(became, &all);
    }
    assert_eq!(table.counters().datagrams, 200);
    assert!(table.counters().evicted > 100, "{:?}", table.counters());
    conserved(&table);
}

#[test]
fn a_flood_of_first_fragments_pushes_out_only_itself() {
    let first = |n: u32| told(n as u16, 0, true);
    flood::<Ipv4Addr>(|n| Ipv4Addr::fragment(first(n), &data(8, 0)), true);
    flood::<Ipv6Addr>(|n| Ipv6Addr::fragment(first(n), &data(8, 0)), true);
}

#[test]
fn a_flood_of_large_fragments_pushes_out_only_itself() {
    let first = |n: u32| told(n as u16, 0, true);
    flood::<Ipv4Addr>(|n| Ipv4Addr::fragment(first(n), &data(1400, 0)), true);
    flood::<Ipv6Addr>(|n| Ipv6Addr::fragment(first(n), &data(1400, 0)), true);
}

#[test]
fn a_flood_of_many_fragments_pushes_out_only_itself() {
    let many = |n: u32| told((n / 60) as u16, (n % 60) as usize * 16 + 8, true);
    flood::<Ipv4Addr>(|n| Ipv4Addr::fragment(many(n), &data(8, 0)), false);
    flood::<Ipv6Addr>(|n| Ipv6Addr::fragment(many(n), &data(8, 0)), false);
}

#[test]
fn a_flood_from_many_sources_stays_within_its_bounds() {
    fn run<A: Version>() {
        let config = ReassemblyConfig {
            datagrams: 64,
            fragments: 128,
            octets: 32 << 10,
            ..ReassemblyConfig::default()
        };
        let mut table = table::<A>(config);
        for n in 0..20_000usize {
            let fragment = Told {
                source: (n / 3) as u16,
                ..told((n / 2) as u16, n % 3 * 400, true)
            };
            let packet = A::fragment(fragment, &data(n % 50 * 8 + 8, 0));
            input(&mut table, at(n as u64 / 100), packet);
            assert!(table.len() <= 64 && table.fragments() <= 128);
            assert!(table.octets() <= 32 << 10 && table.sources() <= table.len());
            // Whoever sends his fragments one after the other is served all the same.
            if n % 100 == 0 {
                let good = |offset, more| Told {
                    source: 0xffff,
                    ..told(n as u16, offset, more)
                };
                let all = data(32, n);
                let now = at(n as u64 / 100);
                input(&mut table, now, A::fragment(good(0, true), &all[..16]));
                // Others come between them; the sources that were there before go for those.
                for forged in 0..40 {
                    let fragment = Told {
                        source: 0x8000 | (n + forged) as u16,
                        ..told(forged as u16, 0, true)
                    };
                    input(&mut table, now, A::fragment(fragment, &data(16, 0)));
                }
                let last = A::fragment(good(16, false), &all[16..]);
                expect_whole(input(&mut table, now, last), &all);
            }
        }
        assert_eq!(table.counters().datagrams, 200);
        conserved(&table);
        while table.expire(at(1000)).is_some() {}
        assert!(table.is_empty());
        conserved(&table);
    }
    run::<Ipv4Addr>();
    run::<Ipv6Addr>();
}

#[test]
fn what_has_no_room_at_all_pushes_out_nothing() {
    let config = ReassemblyConfig {
        octets: 3000,
        ..ReassemblyConfig::default()
    };
    let all = data(1000, 0);
    let mut table = table::<Ipv4Addr>(config);
    let good = |id, offset: usize, end: usize| {
        let told = Told {
            source: 2,
            ..told(id, offset, end < 1000)
        };
        Ipv4Addr::fragment(told, &all[offset..end])
    };
    for id in 0..3 {
        assert_eq!(input(&mut table, at(1), good(id, 0, 504)), Became::Held);
    }
    // Too large alone, and together with what it joins.
    let no_room = Became::Dropped(FragmentDrop::NoRoom);
    let large = Ipv4Addr::fragment(told(7, 0, true), &data(4000, 0));
    assert_eq!(input(&mut table, at(1), large), no_room);
    let part = |offset| Ipv4Addr::fragment(told(8, offset, true), &data(1200, 0));
    assert_eq!(input(&mut table, at(1), part(0)), Became::Held);
    let large = Ipv4Addr::fragment(told(8, 1200, true), &data(2000, 0));
    assert_eq!(input(&mut table, at(1), large), no_room);
    assert_eq!(table.counters().evicted, 0);
    for id in 0..3 {
        expect_whole(input(&mut table, at(1), good(id, 504, 1000)), &all);
    }
    conserved(&table);
}

#[test]
fn the_largest_source_makes_room_for_its_own_oldest_datagram() {
    let config = ReassemblyConfig {
        octets: 2800,
        ..ReassemblyConfig::default()
    };
    let all = data(2000, 0);
    let mut table = table::<Ipv4Addr>(config);
    let mut give = |id, offset: usize, end: usize| {
        let fragment = Ipv4Addr::fragment(told(id, offset, end < 2000), &all[offset..end]);
        input(&mut table, at(1), fragment)
    };
    assert_eq!(give(1, 0, 1000), Became::Held);
    assert_eq!(give(2, 0, 1000), Became::Held);
    // The next younger goes for it, not the datagram that is about to be whole.
    expect_whole(give(1, 1000, 2000), &all);
    // Alone, and too large for all there is, it goes itself.
    for (n, expected) in [
        Became::Held,
        Became::Held,
        Became::Dropped(FragmentDrop::NoRoom),
    ]
    .into_iter()
    .enumerate()
    {
        let offset = n * 1000 % 3000;
        let fragment = Ipv4Addr::fragment(told(3, offset, true), &data(1000, 0));
        assert_eq!(input(&mut table, at(1), fragment), expected);
    }
    assert_eq!(table.counters().evicted, 1);
    conserved(&table);
}

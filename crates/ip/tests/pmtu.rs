//! The path MTU cache, through the public interface: against a plain model, and under floods of forged reports.
#![cfg(feature = "alloc")]

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use waypost_ip::icmp::{ErrorReport, Origin, Problem, write_error};
use waypost_ip::pmtu::{
    Aged, Belief, FixedPmtu, GrowingPmtu, Ignored, Path, PmtuCache, PmtuConfig, Reported, TooBig,
    VecPmtuCache,
};
use waypost_wire::{Duration, Icmpv4Message, Instant, Ip, IpProtocol, Ipv4Header, Ipv4Packet};

const A4: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
const A6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 7);

const LINK: u32 = 1500;

fn at(secs: u64) -> Instant {
    Instant::from_secs(secs)
}

fn cache<A: Ip>(config: PmtuConfig) -> VecPmtuCache<A> {
    PmtuCache::new(GrowingPmtu, config, at(0))
}

fn says(mtu: u32) -> TooBig {
    quotes(mtu, 0)
}

fn quotes(mtu: u32, quoted_len: u32) -> TooBig {
    TooBig {
        mtu,
        quoted_len,
        header_len: 20,
    }
}

fn report<A: Ip>(
    cache: &mut VecPmtuCache<A>,
    secs: u64,
    to: A,
    mtu: u32,
    belief: Belief,
) -> Reported {
    cache.report(at(secs), to, says(mtu), LINK, |_| belief)
}

#[test]
fn a_report_lowers_and_never_raises() {
    let mut cache = cache(PmtuConfig::default());
    assert_eq!(cache.mtu(A4), None);
    let lowered = |mtu| Reported::Lowered { mtu };
    let larger = Reported::Ignored(Ignored::NotSmaller);
    assert_eq!(report(&mut cache, 1, A4, 1500, Belief::Proven), larger);
    assert_eq!(
        report(&mut cache, 1, A4, 1400, Belief::Proven),
        lowered(1400)
    );
    assert_eq!(report(&mut cache, 2, A4, 1450, Belief::Proven), larger);
    assert_eq!(
        report(&mut cache, 2, A4, 1400, Belief::Proven),
        Reported::Known
    );
    assert_eq!(
        report(&mut cache, 3, A4, 1300, Belief::Likely),
        lowered(1300)
    );
    assert_eq!(cache.mtu(A4), Some(1300));
    // Another path to the same destination is another estimate.
    let (destination, tag) = (A4, 5);
    assert_eq!(cache.mtu(Path { destination, tag }), None);
    assert!(cache.remove(A4) && !cache.remove(A4));
    assert_eq!((cache.mtu(A4), cache.len()), (None, 0));
}

#[test]
fn an_error_that_came_is_a_report() {
    let mut header = Ipv4Header::new(IpProtocol::UDP, [10, 0, 0, 9].into(), A4, 1400);
    header.fill_checksum();
    let bytes = [&header.as_bytes()[..], &[0; 1400]].concat();
    let packet = Ipv4Packet::parse(&bytes).unwrap();
    let mut buffer = [0; 576];
    let mut error = |problem: Problem| {
        let message = problem.to_icmpv4().unwrap();
        let len = write_error(&mut buffer, &packet, message, &Origin::new(A4)).unwrap();
        let message = Icmpv4Message::parse(&buffer[20..len]).unwrap();
        TooBig::of(&ErrorReport::of_icmpv4(&message).unwrap())
    };
    assert_eq!(
        error(Problem::TooBig { mtu: 1300 }),
        Some(quotes(1300, 1420))
    );
    assert_eq!(error(Problem::Port), None);
}

#[test]
fn no_estimate_goes_below_the_least() {
    let mut v4 = cache(PmtuConfig::default());
    let lowered = report(&mut v4, 1, A4, 20, Belief::Proven);
    assert_eq!(lowered, Reported::Lowered { mtu: 68 });
    let mut v6 = cache(PmtuConfig::default());
    let below = Reported::Ignored(Ignored::BelowLeast);
    for mtu in [0, 68, 1279] {
        assert_eq!(report(&mut v6, 1, A6, mtu, Belief::Proven), below);
    }
    assert_eq!(v6.len(), 0);
    let lowered = report(&mut v6, 1, A6, 1280, Belief::Proven);
    assert_eq!(lowered, Reported::Lowered { mtu: 1280 });
    assert_eq!(report(&mut v6, 1, A6, 1000, Belief::Proven), below);
    assert_eq!(v6.mtu(A6), Some(1280));
    assert!(v6.probed(at(1), A6, 100) && v4.probed(at(1), A4, 0));
    assert_eq!((v6.mtu(A6), v4.mtu(A4)), (Some(1280), Some(68)));
    let config = PmtuConfig {
        least: 552,
        ..PmtuConfig::default()
    };
    let mut v4 = cache(config);
    let lowered = report(&mut v4, 1, A4, 68, Belief::Proven);
    assert_eq!(lowered, Reported::Lowered { mtu: 552 });
}

#[test]
fn old_routers_are_met_by_plateaus() {
    let mut cache = cache(PmtuConfig::default());
    let mut found = Vec::new();
    let mut len = LINK;
    loop {
        // Some count the header twice (RFC 1191 §5).
        match cache.report(at(1), A4, quotes(0, len + 20), LINK, |_| Belief::Proven) {
            Reported::Lowered { mtu } => found.push(mtu),
            other => {
                assert_eq!(other, Reported::Ignored(Ignored::BelowLeast));
                break;
            }
        }
        len = *found.last().unwrap();
    }
    assert_eq!(found, [1492, 1006, 508, 296, 68]);
}

#[test]
fn the_length_that_an_old_router_quotes_is_corrected_where_it_may_be_wrong() {
    let report = |quoted_len, header_len| {
        let mut cache = cache(PmtuConfig::default());
        let old = TooBig {
            header_len,
            ..quotes(0, quoted_len)
        };
        cache.report(at(1), A4, old, LINK, |_| Belief::Proven)
    };
    for (len, header_len, mtu) in [
        // The router may have added 20 to 1480, or 60 to 1440.
        (1500, 20, 1006),
        (1500, 60, 1006),
        (1513, 20, 1492),
        (1520, 20, 1492),
        // More than was sent even so.
        (9000, 20, 1492),
        // What is less than the estimate is right, or less than it was.
        (1499, 20, 1492),
        (1006, 20, 508),
        // It does not say.
        (0, 20, 1492),
    ] {
        assert_eq!(report(len, header_len), Reported::Lowered { mtu }, "{len}");
    }
    let nonsense = TooBig {
        header_len: 9999,
        ..quotes(0, 1600)
    };
    let mut cache = cache::<Ipv4Addr>(PmtuConfig::default());
    let reported = cache.report(at(1), A4, nonsense, LINK, |_| Belief::Proven);
    assert_eq!(reported, Reported::Ignored(Ignored::BelowLeast));
}

#[test]
fn what_cannot_be_true_is_ignored_without_asking() {
    let mut cache = cache::<Ipv6Addr>(PmtuConfig::default());
    let mut judge = |mtu, quoted_len| {
        cache.report(at(1), A6, quotes(mtu, quoted_len), LINK, |_| {
            panic!("asked")
        })
    };
    assert_eq!(judge(1400, 1400), Reported::Ignored(Ignored::WouldFit));
    assert_eq!(judge(1400, 1300), Reported::Ignored(Ignored::WouldFit));
    assert_eq!(judge(1600, 1700), Reported::Ignored(Ignored::NotSmaller));
    assert_eq!(judge(1279, 1500), Reported::Ignored(Ignored::BelowLeast));
    let refused = report(&mut cache, 1, A6, 1400, Belief::Refuse);
    assert_eq!(refused, Reported::Ignored(Ignored::Refused));
    assert_eq!((cache.len(), cache.counters().ignored_total()), (0, 5));
}

#[test]
fn a_doubtful_report_waits_for_evidence() {
    let mut cache = cache(PmtuConfig::default());
    assert_eq!(
        report(&mut cache, 1, A4, 1000, Belief::Doubt),
        Reported::Pending
    );
    assert_eq!((cache.mtu(A4), cache.pending(A4)), (None, Some(1000)));
    // Something that would have fitted shows nothing; something longer shows that it was forged.
    cache.acknowledged(A4, 1000);
    assert_eq!(cache.pending(A4), Some(1000));
    cache.acknowledged(A4, 1001);
    assert_eq!((cache.pending(A4), cache.len()), (None, 0));
    assert_eq!(cache.no_progress(at(2), A4), None);
    report(&mut cache, 3, A4, 900, Belief::Doubt);
    assert_eq!(cache.no_progress(at(4), A4), Some(900));
    assert_eq!((cache.mtu(A4), cache.pending(A4)), (Some(900), None));
    let counters = cache.counters();
    assert_eq!(
        (counters.pending, counters.confirmed, counters.refuted),
        (2, 1, 1)
    );
    // Of two the one that claims more is kept. Refuting does not touch what is known.
    report(&mut cache, 5, A4, 70, Belief::Doubt);
    report(&mut cache, 5, A4, 800, Belief::Doubt);
    cache.acknowledged(A4, 850);
    assert_eq!((cache.mtu(A4), cache.pending(A4)), (Some(900), None));
}

#[test]
fn estimates_age_and_are_tried_again() {
    let config = PmtuConfig {
        max_age: Duration::from_secs(1),
        ..PmtuConfig::default()
    };
    let mut short = cache(config);
    report(&mut short, 10, A4, 1400, Belief::Proven);
    // Not before 5 minutes, whatever is asked; never, if that is.
    assert_eq!(short.poll_timeout(), Some(at(310)));
    assert_eq!(short.expire(at(310) - Duration::from_nanos(1)), None);
    assert_eq!(short.mtu(A4), Some(1400));
    let config = PmtuConfig {
        max_age: Duration::MAX,
        ..PmtuConfig::default()
    };
    let mut never = cache(config);
    report(&mut never, 10, A4, 1400, Belief::Proven);
    assert_eq!(never.expire(at(u32::MAX.into())), None);

    let mut cache = cache(PmtuConfig::default());
    let other = Ipv4Addr::LOCALHOST;
    report(&mut cache, 10, A4, 1400, Belief::Proven);
    report(&mut cache, 20, other, 1300, Belief::Likely);
    report(&mut cache, 30, A4, 1400, Belief::Proven);
    report(&mut cache, 40, Ipv4Addr::UNSPECIFIED, 1300, Belief::Doubt);
    assert_eq!(cache.poll_timeout(), Some(at(620)));
    assert_eq!(cache.expire(at(620) - Duration::from_nanos(1)), None);
    let aged = |path: Ipv4Addr, mtu| {
        Some(Aged {
            path: path.into(),
            mtu,
        })
    };
    assert_eq!(cache.expire(at(700)), aged(other, 1300));
    assert_eq!(cache.expire(at(700)), aged(A4, 1400));
    assert_eq!((cache.expire(at(700)), cache.len()), (None, 0));
    assert_eq!((cache.poll_timeout(), cache.counters().aged), (None, 2));
    let again = report(&mut cache, 700, A4, 1450, Belief::Proven);
    assert_eq!(again, Reported::Lowered { mtu: 1450 });
}

/// Forged reports, each of a little less than the last, neither shut out what is true nor go on for ever.
#[test]
fn forged_steps_do_not_shut_out_the_truth() {
    // What may be true as well goes down to the next usual MTU; what is certain to where it is.
    for (belief, mtu) in [(Belief::Likely, 508), (Belief::Proven, 1000)] {
        let mut cache = cache(PmtuConfig::default());
        for mtu in (1401..1500).rev() {
            report(&mut cache, 1, A4, mtu, Belief::Likely);
        }
        assert_eq!(cache.mtu(A4), Some(1006));
        let truth = report(&mut cache, 2, A4, 1000, belief);
        assert_eq!(truth, Reported::Lowered { mtu });
    }
}

#[test]
fn forged_steps_come_to_an_end() {
    let mut cache = cache(PmtuConfig::default());
    let config = PmtuConfig::default();
    let mut lowered = 0;
    for mtu in (68..1500).rev() {
        if let Reported::Lowered { mtu: to } = report(&mut cache, 1, A4, mtu, Belief::Likely) {
            lowered += 1;
            // Small steps first, then from one usual MTU to the next.
            let coarse = [1006, 508, 296, 68].contains(&to);
            assert_eq!(coarse, lowered > u32::from(config.changes_each), "{to}");
        }
    }
    assert_eq!(lowered, 16 + 4);
    assert_eq!(cache.counters().coarse, 4);
    assert_eq!(cache.mtu(A4), Some(68));
}

#[test]
fn what_is_proven_is_believed_however_often() {
    let mut cache = cache(PmtuConfig::default());
    for mtu in (1000..1500).rev() {
        let lowered = report(&mut cache, 1, A4, mtu, Belief::Proven);
        assert_eq!(lowered, Reported::Lowered { mtu });
    }
    assert_eq!(cache.counters().coarse, 0);
}

#[test]
fn doubtful_steps_come_to_an_end() {
    let mut cache = cache(PmtuConfig::default());
    for mtu in (1400..1500).rev() {
        report(&mut cache, 1, A4, mtu, Belief::Doubt);
        cache.no_progress(at(1), A4);
        if cache.mtu(A4).unwrap() < 1484 {
            break;
        }
    }
    assert_eq!(cache.mtu(A4), Some(1006));
}

#[test]
fn a_probe_begins_anew() {
    let mut cache = cache(PmtuConfig::default());
    for mtu in (1484..1500).rev() {
        report(&mut cache, 1, A4, mtu, Belief::Likely);
    }
    assert!(cache.probed(at(2), A4, 1450));
    let fine = report(&mut cache, 3, A4, 1449, Belief::Likely);
    assert_eq!(fine, Reported::Lowered { mtu: 1449 });
}

#[test]
fn probes_set_what_they_find() {
    let mut cache = cache(PmtuConfig::default());
    report(&mut cache, 1, A4, 1000, Belief::Likely);
    assert!(cache.probed(at(2), A4, 1400));
    assert_eq!(cache.mtu(A4), Some(1400));
    let none: FixedPmtu<Ipv4Addr, 0> = FixedPmtu::new();
    let mut none = PmtuCache::new(none, PmtuConfig::default(), at(0));
    assert!(!none.probed(at(2), A4, 1400));
}

/// Forged reports about made-up destinations, ten thousand a second.
fn flood<A: Ip>(address: impl Fn(u32) -> A, belief: Belief) {
    let config = PmtuConfig {
        paths: 256,
        ..PmtuConfig::default()
    };
    let mut cache = cache::<A>(config);
    let good = |n: u32| address(0x8000_0000 | n);
    for n in 0..200 {
        let lowered = report(&mut cache, 1, good(n), 1400, Belief::Proven);
        assert_eq!(lowered, Reported::Lowered { mtu: 1400 });
    }
    for n in 0..100_000u32 {
        let now = Instant::from_millis(2000 + u64::from(n / 10));
        cache.report(now, address(n), says(1280), LINK, |_| belief);
        assert!(cache.len() <= 256);
    }
    for n in 0..200 {
        assert_eq!(cache.mtu(good(n)), Some(1400));
    }
    // One that is proven finds room all the same.
    let late = report(&mut cache, 12, good(999), 1400, Belief::Proven);
    assert_eq!(late, Reported::Lowered { mtu: 1400 });
    let counters = *cache.counters();
    let taken = counters.accepted + counters.pending - 201;
    assert!((1000..=1200).contains(&taken), "{counters:?}");
    assert_eq!(counters.ignored(Ignored::RateLimit), 100_000 - taken);
    assert_eq!(counters.received, 201 + taken + counters.ignored_total());
    assert_eq!(counters.evicted, 201 + taken - 256);
}

#[test]
fn forged_reports_push_out_nothing_that_is_proven() {
    for belief in [Belief::Doubt, Belief::Likely] {
        flood(Ipv4Addr::from_bits, belief);
        flood(|n| Ipv6Addr::from_bits(u128::from(n) << 64 | 1), belief);
    }
}

#[test]
fn the_least_recently_confirmed_goes_first() {
    let storage: FixedPmtu<Ipv4Addr, 3> = FixedPmtu::new();
    let mut cache = PmtuCache::new(storage, PmtuConfig::default(), at(0));
    let mut say = |secs, n: u32, belief| {
        let to = Ipv4Addr::from_bits(n);
        cache.report(at(secs), to, says(1400), LINK, |_| belief)
    };
    for n in 1..4 {
        say(1, n, Belief::Proven);
    }
    say(2, 1, Belief::Proven);
    // What is not proven gets no place of what is.
    assert_eq!(
        say(3, 9, Belief::Likely),
        Reported::Ignored(Ignored::NoRoom)
    );
    say(3, 4, Belief::Proven);
    let mut left: Vec<u32> = cache
        .iter()
        .map(|(path, _)| path.destination.to_bits())
        .collect();
    left.sort_unstable();
    assert_eq!(left, [1, 3, 4]);
    assert_eq!(cache.counters().evicted, 1);
}

#[test]
fn a_proof_lifts_a_path_above_the_doubtful() {
    let storage: FixedPmtu<Ipv4Addr, 2> = FixedPmtu::new();
    let mut cache = PmtuCache::new(storage, PmtuConfig::default(), at(0));
    let mut say = |n: u32, belief| {
        let to = Ipv4Addr::from_bits(n);
        cache.report(at(1), to, says(1400), LINK, |_| belief)
    };
    say(1, Belief::Likely);
    assert_eq!(say(1, Belief::Proven), Reported::Known);
    for n in 2..50 {
        say(n, Belief::Likely);
    }
    assert_eq!(cache.mtu(Ipv4Addr::from_bits(1)), Some(1400));
    assert_eq!(cache.counters().evicted, 47);
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Report(u8, u32, u32, Belief),
    Acknowledged(u8, u32),
    NoProgress(u8),
    Probed(u8, u32),
    Remove(u8),
    Wait(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let belief = prop::sample::select(vec![
        Belief::Refuse,
        Belief::Doubt,
        Belief::Likely,
        Belief::Proven,
    ]);
    let mtu = prop_oneof![Just(0u32), 1u32..100, 1200u32..1600];
    let len = prop_oneof![Just(0u32), 1u32..100, 1200u32..1600];
    let to = 0u8..4;
    prop_oneof![
        6 => (to.clone(), mtu, len.clone(), belief).prop_map(|(to, mtu, len, belief)| Op::Report(to, mtu, len, belief)),
        2 => (to.clone(), len.clone()).prop_map(|(to, len)| Op::Acknowledged(to, len)),
        2 => to.clone().prop_map(Op::NoProgress),
        1 => (to.clone(), 0u32..1500).prop_map(|(to, mtu)| Op::Probed(to, mtu)),
        1 => to.prop_map(Op::Remove),
        2 => (0u64..400).prop_map(Op::Wait),
    ]
}

/// What is true of a path, plainly.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    mtu: Option<u32>,
    pending: Option<u32>,
    since: u64,
    changes: u8,
}

fn against_the_model<A: Ip>(ops: &[Op], address: impl Fn(u8) -> A) -> Result<(), TestCaseError> {
    let config = PmtuConfig {
        rate: 1_000_000,
        burst: 1_000_000,
        changes_each: 3,
        ..PmtuConfig::default()
    };
    let mut cache = cache::<A>(config);
    let mut model: BTreeMap<u8, Known> = BTreeMap::new();
    let least = if A::VERSION == 4 { 68 } else { 1280 };
    let mut now = 0;
    for op in ops {
        match *op {
            Op::Report(to, mtu, quoted_len, belief) => {
                let reported = quotes(mtu, quoted_len);
                cache.report(at(now), address(to), reported, LINK, |_| belief);
                let known = model.get(&to).copied().unwrap_or_else(|| Known {
                    since: now,
                    ..Known::default()
                });
                let current = known.mtu.unwrap_or(LINK).min(LINK);
                let len = if quoted_len == 0 {
                    u32::MAX
                } else {
                    quoted_len
                };
                let plateaus = [1492, 1006, 508, 296, 68];
                let sure = match len {
                    u32::MAX => len,
                    _ if len >= current => len - 20,
                    _ => len,
                };
                let claimed = match (A::VERSION, mtu) {
                    (4, 0) => plateaus.into_iter().find(|it| *it < sure.min(current)),
                    (4, mtu) => Some(mtu.max(least)),
                    (_, mtu) => Some(mtu).filter(|mtu| *mtu >= least),
                };
                let Some(mtu) = claimed.filter(|mtu| *mtu <= current && *mtu < len) else {
                    continue;
                };
                let lowers = mtu < current;
                let nothing = !lowers && known.mtu.is_none();
                if nothing || belief == Belief::Refuse {
                    continue;
                }
                // What is not proven goes down by a usual MTU at least, after a few times.
                let is_coarse = lowers && known.changes >= 3 && belief != Belief::Proven;
                let below = plateaus.into_iter().find(|it| *it < current).unwrap_or(0);
                let mtu = if is_coarse {
                    mtu.min(below).max(least)
                } else {
                    mtu
                };
                let mut next = known;
                if belief == Belief::Doubt {
                    if !lowers {
                        continue;
                    }
                    next.pending = next.pending.max(Some(mtu));
                } else {
                    next.mtu = Some(mtu);
                    next.since = now;
                    next.changes += u8::from(lowers && belief != Belief::Proven);
                    next.pending = next.pending.filter(|pending| *pending < mtu);
                }
                model.insert(to, next);
            }
            Op::Acknowledged(to, len) => {
                cache.acknowledged(address(to), len);
                if let Some(known) = model.get_mut(&to)
                    && known.pending.is_some_and(|pending| len > pending)
                {
                    known.pending = None;
                    if known.mtu.is_none() {
                        model.remove(&to);
                    }
                }
            }
            Op::NoProgress(to) => {
                let expected = model.get_mut(&to).and_then(|known| {
                    let mtu = known.pending.take()?;
                    known.mtu = Some(mtu);
                    known.since = now;
                    known.changes += 1;
                    Some(mtu)
                });
                prop_assert_eq!(cache.no_progress(at(now), address(to)), expected);
            }
            Op::Probed(to, mtu) => {
                cache.probed(at(now), address(to), mtu);
                let known = model.entry(to).or_default();
                (known.mtu, known.pending, known.since) = (Some(mtu.max(least)), None, now);
                known.changes = 0;
            }
            Op::Remove(to) => {
                prop_assert_eq!(cache.remove(address(to)), model.remove(&to).is_some());
            }
            Op::Wait(secs) => {
                now += secs;
                while cache.expire(at(now)).is_some() {}
                model.retain(|_, known| known.since + 600 > now);
            }
        }
        prop_assert_eq!(cache.len(), model.len());
        for to in 0..4 {
            let known = model.get(&to).copied().unwrap_or_default();
            prop_assert_eq!(cache.mtu(address(to)), known.mtu);
            prop_assert_eq!(cache.pending(address(to)), known.pending);
        }
        let next = model.values().map(|known| at(known.since + 600)).min();
        prop_assert_eq!(cache.poll_timeout(), next);
    }
    let counters = cache.counters();
    prop_assert_eq!(
        counters.received,
        counters.accepted + counters.pending + counters.ignored_total()
    );
    Ok(())
}

proptest! {
    #[test]
    fn agrees_with_a_plain_model(ops in prop::collection::vec(op(), 1..80)) {
        against_the_model(&ops, |to| Ipv4Addr::new(192, 0, 2, to))?;
        against_the_model(&ops, |to| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(to)))?;
    }
}

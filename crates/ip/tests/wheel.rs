//! The timer wheel against a sorted map, at its ends and at its limits.
#![cfg(feature = "alloc")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use waypost_ip::slab::{Key, Slot};
use waypost_ip::wheel::{VecWheel, Wheel};
use waypost_wire::Instant;

const fn at(ns: u64) -> Instant {
    Instant::from_nanos(ns)
}

#[test]
fn equal_deadlines_fire_in_the_order_of_their_start() {
    let mut wheel = VecWheel::new(Vec::new(), 100);
    for n in 0..100 {
        wheel.start(at(77_000_000_000), n).unwrap();
    }
    let fired: Vec<i32> = std::iter::from_fn(|| wheel.expire(at(78_000_000_000)))
        .map(|(_, n)| n)
        .collect();
    assert!(fired.iter().copied().eq(0..100));
}

#[test]
fn a_full_wheel_refuses_and_counts() {
    let mut wheel = Wheel::new([const { Slot::EMPTY }; 2], 9);
    wheel.start(at(1), 'a').unwrap();
    let b = wheel.start(at(2), 'b').unwrap();
    assert_eq!(wheel.start(at(3), 'c'), Err('c'));
    assert_eq!(wheel.refused(), 1);
    assert_eq!(wheel.cancel(b), Some('b'));
    assert!(wheel.start(at(3), 'c').is_ok());
}

#[test]
fn the_end_of_time_is_reached() {
    let mut wheel = VecWheel::with_tick(Vec::new(), 4, 0);
    wheel.start(Instant::MAX, 'z').unwrap();
    assert_eq!(wheel.next_deadline(), Some(Instant::MAX));
    assert_eq!(wheel.expire(at(u64::MAX - 1)), None);
    assert_eq!(wheel.expire(Instant::MAX), Some((Instant::MAX, 'z')));
}

#[test]
fn a_million_timers_in_one_tick() {
    let mut wheel = VecWheel::new(Vec::new(), 1 << 20);
    for n in 0..1_000_000u64 {
        wheel
            .start(at(n.wrapping_mul(0x9e37_79b9) % (1 << 20)), n)
            .unwrap();
    }
    let mut last = at(0);
    while !wheel.is_empty() {
        while let Some((deadline, _)) = wheel.expire(at(1 << 20)) {
            assert!(deadline >= last);
            last = deadline;
        }
    }
}

/// Many timers minutes ahead, in one slot of a high level: they move down over many calls, each of which says that
/// another is to follow, and then fire in order.
#[test]
fn a_crowded_slot_moves_over_many_calls() {
    const COUNT: u64 = 100_000;
    let deadline = |n: u64| at(300_000_000_000 + n.wrapping_mul(0x9e37_79b9) % 40_000_000_000);
    let mut wheel = VecWheel::new(Vec::new(), 1 << 18);
    for n in 0..COUNT {
        wheel.start(deadline(n), n).unwrap();
    }
    let now = at(350_000_000_000);
    let (mut calls, mut late) = (0, 0);
    while wheel.expire(now).is_none() {
        assert!(wheel.next_deadline().unwrap() <= now);
        calls += 1;
        // What is started meanwhile with the deadline of another comes behind it.
        wheel.start(deadline(late), COUNT + late).unwrap();
        late += 1;
    }
    assert!((90..1000).contains(&calls), "{calls}");
    let mut fired = Vec::new();
    while !wheel.is_empty() {
        fired.extend(std::iter::from_fn(|| wheel.expire(now)));
    }
    // The first is the one with which the loop above ended.
    assert_eq!(fired.len() as u64, COUNT + late - 1);
    assert!(fired.is_sorted_by_key(|(deadline, _)| *deadline));
    for n in 1..late {
        let place = |wanted| fired.iter().position(|(_, n)| *n == wanted).unwrap();
        assert!(place(n) < place(COUNT + n));
    }
}

/// A caller who starts more timers than one call moves, for the same time, does not keep them from firing.
#[test]
fn a_slot_is_emptied_however_many_are_started() {
    let mut wheel = VecWheel::new(Vec::new(), 1 << 18);
    let deadline = at(300_000_000_000);
    for n in 0..50_000 {
        wheel.start(deadline, n).unwrap();
    }
    let mut calls = 0;
    while wheel.expire(at(350_000_000_000)).is_none() {
        for n in 0..2000 {
            wheel.start(deadline, n).unwrap();
        }
        calls += 1;
        assert!(calls < 100);
    }
}

#[test]
fn an_earlier_now_finds_what_was_due_then() {
    let mut wheel = VecWheel::new(Vec::new(), 9);
    for secs in [5, 6, 7, 900] {
        wheel.start(Instant::from_secs(secs), secs).unwrap();
    }
    let mut expire = |secs| Some(wheel.expire(Instant::from_secs(secs))?.1);
    assert_eq!(expire(100), Some(5));
    assert_eq!(expire(4), None);
    assert_eq!(expire(6), Some(6));
    assert_eq!(expire(6), None);
    assert_eq!(expire(0), None);
    assert_eq!(wheel.next_deadline(), Some(Instant::from_secs(7)));
    wheel.start(Instant::from_secs(3), 3).unwrap();
    let mut expire = |secs| Some(wheel.expire(Instant::from_secs(secs))?.1);
    assert_eq!((expire(2), expire(3), expire(3)), (None, Some(3), None));
    assert_eq!((expire(899), expire(899)), (Some(7), None));
    assert_eq!(expire(900), Some(900));
}

#[derive(Clone, Debug)]
enum Op {
    Start(u64),
    Cancel(usize),
    Restart(usize, u64),
    Sleep(u64),
    ToNext,
}

fn span() -> impl Strategy<Value = u64> {
    (0u32..64, any::<u64>()).prop_map(|(bits, value)| value & ((1u64 << bits) - 1))
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => span().prop_map(Op::Start),
        1 => any::<usize>().prop_map(Op::Cancel),
        1 => (any::<usize>(), span()).prop_map(|(which, span)| Op::Restart(which, span)),
        1 => span().prop_map(Op::Sleep),
        2 => Just(Op::ToNext),
    ]
}

proptest! {
    #[test]
    fn fires_what_a_sorted_map_fires(ops in prop::collection::vec(op(), 0..200), tick in 0u32..30, start in span()) {
        let mut wheel = VecWheel::with_tick(Vec::new(), 1000, tick);
        let mut model: BTreeMap<(u64, u64), u64> = BTreeMap::new();
        let mut keys: Vec<(Key, (u64, u64))> = Vec::new();
        let (mut now, mut sequence) = (start, 0u64);
        for op in ops {
            match op {
                Op::Start(span) => {
                    let deadline = now.saturating_add(span);
                    keys.push((wheel.start(at(deadline), sequence).unwrap(), (deadline, sequence)));
                    model.insert((deadline, sequence), sequence);
                    sequence += 1;
                }
                Op::Cancel(which) if !keys.is_empty() => {
                    let (key, place) = keys[which % keys.len()];
                    prop_assert_eq!(wheel.cancel(key), model.remove(&place));
                }
                Op::Restart(which, span) if !keys.is_empty() => {
                    let which = which % keys.len();
                    let (key, place) = keys[which];
                    let deadline = now.saturating_add(span);
                    let payload = model.remove(&place);
                    prop_assert_eq!(wheel.restart(key, at(deadline)), payload.is_some());
                    if let Some(payload) = payload {
                        // As if started now: it fires after those of its deadline that ran before.
                        keys[which].1 = (deadline, sequence);
                        model.insert((deadline, sequence), payload);
                        sequence += 1;
                    }
                }
                Op::Cancel(_) | Op::Restart(..) => {}
                Op::Sleep(span) => now = now.saturating_add(span),
                Op::ToNext => {
                    let first = model.keys().next().map(|(deadline, _)| *deadline);
                    let next = wheel.next_deadline().map(Instant::as_nanos);
                    prop_assert_eq!(first.is_some(), next.is_some());
                    if let (Some(first), Some(next)) = (first, next) {
                        prop_assert!(next <= first);
                        now = now.max(next);
                    }
                }
            }
            while let Some((deadline, payload)) = wheel.expire(at(now)) {
                let (place, expected) = model.pop_first().unwrap();
                prop_assert_eq!((deadline.as_nanos(), payload), (place.0, expected));
            }
            if let Some(((deadline, _), _)) = model.first_key_value() {
                prop_assert!(*deadline > now);
            }
            prop_assert_eq!(wheel.len(), model.len());
        }
        // Following next_deadline alone fires all that is left, in few steps.
        let mut steps = 0;
        while let Some(next) = wheel.next_deadline() {
            now = now.max(next.as_nanos());
            while let Some((deadline, payload)) = wheel.expire(at(now)) {
                let (place, expected) = model.pop_first().unwrap();
                prop_assert_eq!((deadline.as_nanos(), payload), (place.0, expected));
            }
            steps += 1;
            prop_assert!(steps < 10_000);
        }
        prop_assert!(model.is_empty());
    }
}

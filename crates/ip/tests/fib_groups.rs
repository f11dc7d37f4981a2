//! Groups of next hops: shares, and who moves when members come and go.
#![cfg(feature = "alloc")]

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use proptest::prelude::*;
use waypost_ip::fib::{Adjacency, GroupLimits, GroupReader, Groups, GroupsFull, NextHop};

fn adjacency(index: u32) -> Adjacency {
    Adjacency::new(index).unwrap()
}

fn weight(weight: u16) -> NonZeroU16 {
    NonZeroU16::new(weight).unwrap()
}

/// The member of each of a group's buckets.
fn row(reader: &GroupReader, group: NextHop, buckets: u32) -> Vec<Option<Adjacency>> {
    let step = u32::MAX / buckets + 1;
    (0..buckets)
        .map(|bucket| reader.select(group, bucket * step + step / 3))
        .collect()
}

fn changed(before: &[Option<Adjacency>], after: &[Option<Adjacency>]) -> usize {
    before.iter().zip(after).filter(|(a, b)| a != b).count()
}

#[test]
fn limits_are_kept_and_counted() {
    let mut groups = Groups::new(GroupLimits {
        groups: 2,
        members: 2,
        buckets: 1,
    });
    let first = groups.add().unwrap();
    let second = groups.add().unwrap();
    assert_eq!(groups.add(), Err(GroupsFull::Groups));
    groups.join(first, adjacency(1), weight(1)).unwrap();
    groups.join(first, adjacency(2), weight(1)).unwrap();
    assert_eq!(
        groups.join(first, adjacency(3), weight(1)),
        Err(GroupsFull::Members)
    );
    groups.join(first, adjacency(2), weight(2)).unwrap();
    assert_eq!(groups.counters().refused, 2);
    let reader = groups.reader();
    assert_eq!(reader.select(second, 7), None);
    assert_eq!(reader.select(NextHop::new(2).unwrap(), 7), None);
    assert!(groups.remove(first) && !groups.remove(first));
    assert_eq!(row(&reader, first, 64), [None; 64]);
    assert_eq!(groups.add(), Ok(first));
    let none = NextHop::new(9).unwrap();
    assert_eq!(
        groups.join(none, adjacency(1), weight(1)),
        Err(GroupsFull::NoGroup)
    );
    assert_eq!(groups.settle(none, 9), 0);
    assert!(!groups.leave(none, adjacency(1)) && !groups.remove(none));
}

#[test]
fn who_leaves_moves_nobody_else_and_who_comes_takes_only_its_share() {
    let mut groups = Groups::new(GroupLimits {
        buckets: 1024,
        ..GroupLimits::default()
    });
    let group = groups.add().unwrap();
    let reader = groups.reader();
    for n in 0..4 {
        groups.join(group, adjacency(n), weight(1)).unwrap();
    }
    assert_eq!(groups.settle(group, usize::MAX), 768);
    let before = row(&reader, group, 1024);
    assert!(groups.leave(group, adjacency(2)));
    let after = row(&reader, group, 1024);
    assert_eq!(changed(&before, &after), 256);
    assert!(
        before
            .iter()
            .zip(&after)
            .all(|(a, b)| a == b || *a == Some(adjacency(2)))
    );
    assert_eq!(groups.settle(group, usize::MAX), 0);
    groups.join(group, adjacency(2), weight(1)).unwrap();
    assert_eq!(groups.settle(group, 100), 100);
    assert_eq!(groups.settle(group, usize::MAX), 156);
    assert_eq!(changed(&after, &row(&reader, group, 1024)), 256);
    assert_eq!(groups.counters().moved, 768 + 256 + 256);
}

proptest! {
    #[test]
    fn shares_are_fair_and_moves_few(
        ops in prop::collection::vec((0u8..4, 0u32..6, 1u16..50, 0usize..40), 1..80),
        buckets in prop_oneof![Just(64u32), Just(256)],
    ) {
        let mut groups = Groups::new(GroupLimits { groups: 3, members: 5, buckets });
        groups.add().unwrap();
        let group = groups.add().unwrap();
        let reader = groups.reader();
        let mut model: BTreeMap<u32, u16> = BTreeMap::new();
        for (op, member, its_weight, most) in ops {
            let before = row(&reader, group, buckets);
            match op {
                0 | 1 => {
                    let joined = groups.join(group, adjacency(member), weight(its_weight));
                    if model.len() < 5 || model.contains_key(&member) {
                        prop_assert_eq!(joined, Ok(()));
                        if !model.is_empty() {
                            prop_assert_eq!(&before, &row(&reader, group, buckets));
                        }
                        model.insert(member, its_weight);
                    } else {
                        prop_assert_eq!(joined, Err(GroupsFull::Members));
                    }
                }
                2 => {
                    let left = groups.leave(group, adjacency(member));
                    prop_assert_eq!(left, model.remove(&member).is_some());
                    let after = row(&reader, group, buckets);
                    for (a, b) in before.iter().zip(&after) {
                        prop_assert!(a == b || *a == Some(adjacency(member)));
                    }
                }
                _ => {
                    let moved = groups.settle(group, most);
                    prop_assert!(moved <= most);
                    prop_assert!(changed(&before, &row(&reader, group, buckets)) <= moved);
                    let settled = row(&reader, group, buckets);
                    if moved < most {
                        let weights: u32 = model.values().map(|it| u32::from(*it)).sum();
                        for (member, weight) in &model {
                            let has = settled.iter().filter(|it| **it == Some(adjacency(*member)));
                            let share = f64::from(buckets) * f64::from(*weight) / f64::from(weights);
                            prop_assert!((has.count() as f64 - share).abs() < 1.0);
                        }
                    }
                }
            }
            let now = row(&reader, group, buckets);
            for it in &now {
                let known = it.map(Adjacency::index).map(|it| model.contains_key(&it));
                prop_assert_eq!(known.unwrap_or(false), !model.is_empty());
            }
            for (member, _, has) in groups.members(group) {
                prop_assert_eq!(now.iter().filter(|it| **it == Some(member)).count(), has as usize);
            }
            let other = NextHop::new(0).unwrap();
            prop_assert!(row(&reader, other, buckets).iter().all(Option::is_none));
        }
    }
}

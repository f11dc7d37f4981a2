//! For which addresses a proxy answers, beside a list of rules that is searched whole, for both versions of IP and
//! for storage that grows and that does not.
#![cfg(feature = "alloc")]

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use waypost_ip::neighbor::{ProxyRule, ProxySet};
use waypost_ip::storage::Store;
use waypost_wire::{Ip, Prefix};

#[derive(Clone, Debug)]
enum Op {
    Insert(u16, u8, bool),
    Remove(u16, u8),
    /// One of the rules there are.
    RemoveOne(usize),
    Ask(u16, bool),
}

fn op() -> impl Strategy<Value = Op> {
    // Prefixes that lie in each other, all the way down, and at both ends of all that is.
    let addr = || {
        prop_oneof![
            0u16..16,
            0xfff0u16..=0xffff,
            any::<u16>(),
            Just(0xe000),
            Just(0)
        ]
    };
    prop_oneof![
        4 => (addr(), 0u8..=16, any::<bool>()).prop_map(|(addr, len, yes)| Op::Insert(addr, len, yes)),
        1 => (addr(), 0u8..=16).prop_map(|(addr, len)| Op::Remove(addr, len)),
        1 => any::<usize>().prop_map(Op::RemoveOne),
        4 => (addr(), prop::bool::weighted(0.2)).prop_map(|(addr, here)| Op::Ask(addr, here)),
    ]
}

/// How each version spreads 16 bits over its address.
trait Spread: Ip {
    fn spread(bits: u16) -> Self;
    fn len(len: u8) -> u8;
}

impl Spread for Ipv4Addr {
    fn spread(bits: u16) -> Self {
        let [a, b] = bits.to_be_bytes();
        Self::new(a, 0, 0, b)
    }
    fn len(len: u8) -> u8 {
        if len <= 8 { len } else { len + 16 }
    }
}

impl Spread for Ipv6Addr {
    fn spread(bits: u16) -> Self {
        let [a, b] = bits.to_be_bytes();
        Self::new(u16::from(a) << 8, 0, 0, 0, 0, 0, 0, b.into())
    }
    fn len(len: u8) -> u8 {
        if len <= 8 { len } else { len + 112 }
    }
}

fn run<A: Spread, S: Store<Option<ProxyRule<A>>>>(
    storage: S,
    places: usize,
    limit: usize,
    ops: &[Op],
) {
    let mut set = ProxySet::<A, S>::new(storage, limit);
    let mut model: Vec<ProxyRule<A>> = Vec::new();
    let mut refused = 0;
    let prefix = |bits, len| Prefix::new_truncated(A::spread(bits), A::len(len)).unwrap();
    for op in ops {
        match *op {
            Op::Insert(bits, len, answers) => {
                let rule = ProxyRule {
                    prefix: prefix(bits, len),
                    answers,
                };
                let there = model.iter_mut().find(|it| it.prefix == rule.prefix);
                let is_new = there.is_none();
                if let Some(there) = there {
                    *there = rule;
                } else if model.len() < limit.min(places) {
                    model.push(rule);
                } else {
                    refused += 1;
                    assert!(!set.insert(rule));
                    continue;
                }
                assert!(set.insert(rule), "{is_new}");
            }
            Op::Remove(bits, len) => {
                let gone = prefix(bits, len);
                let before = model.len();
                model.retain(|it| it.prefix != gone);
                assert_eq!(set.remove(gone), model.len() < before);
            }
            Op::RemoveOne(number) => {
                if let Some(place) = number.checked_rem(model.len()) {
                    assert!(set.remove(model.swap_remove(place).prefix));
                }
            }
            Op::Ask(bits, is_here) => {
                let target = A::spread(bits);
                let holding = model.iter().filter(|it| it.prefix.contains(target));
                let longest = holding.max_by_key(|it| it.prefix.length());
                let wanted = longest.is_some_and(|it| it.answers)
                    && !is_here
                    && target != A::UNSPECIFIED
                    && !target.is_multicast();
                let here = |asked| {
                    assert_eq!(asked, target);
                    is_here
                };
                assert_eq!(set.answers(target, here), wanted, "{target}");
            }
        }
        assert_eq!(set.refused(), refused);
        let mut sorted = model.clone();
        sorted.sort_by_key(|it| (u8::MAX - it.prefix.length(), it.prefix.network()));
        assert!(set.rules().eq(&sorted), "longest first, then by address");
    }
}

proptest! {
    #[test]
    fn the_longest_prefix_decides_as_in_a_list(
        limit in 0usize..8,
        ops in prop::collection::vec(op(), 1..80),
    ) {
        run::<Ipv4Addr, _>(Vec::new(), usize::MAX, limit, &ops);
        run::<Ipv6Addr, _>(Vec::new(), usize::MAX, limit, &ops);
        run::<Ipv4Addr, _>([None; 4], 4, limit, &ops);
        run::<Ipv6Addr, _>([None; 4], 4, limit, &ops);
    }
}

//! For which addresses of others we answer: proxy ARP (RFC 925, RFC 1027) and proxy neighbour discovery (RFC
//! 4861 §7.2.8). A proxy after RFC 4389, which passes the messages of one link on to another with addresses
//! changed, is a bridge, and not here.
//!
//! A [`ProxySet`] says yes or no by the longest of its prefixes that holds the address, so that a part of
//! a prefix can be left out. With [`Own::Proxied`](super::Own::Proxied) the table then answers as a proxy
//! has to: late, and without overriding what the owner says of itself. A proxy for IPv6 listens in the
//! solicited-node groups of the addresses it answers for, which is its caller's to arrange.

use waypost_wire::{Ip, Prefix};

use crate::storage::Store;

/// One prefix in the storage of a [`ProxySet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyRule<A: Ip> {
    /// The addresses.
    pub prefix: Prefix<A>,
    /// Whether to answer for them.
    pub answers: bool,
}

/// The prefixes of one interface, longest first. Looking an address up takes a step for each.
#[derive(Clone, Debug)]
pub struct ProxySet<A, S> {
    rules: S,
    len: usize,
    limit: usize,
    refused: u64,
    addr: core::marker::PhantomData<A>,
}

/// A set whose storage grows to its limit.
#[cfg(feature = "alloc")]
pub type VecProxySet<A> = ProxySet<A, alloc::vec::Vec<Option<ProxyRule<A>>>>;

impl<A: Ip, S: Store<Option<ProxyRule<A>>>> ProxySet<A, S> {
    /// A set of at most `limit` prefixes, empty.
    pub fn new(rules: S, limit: usize) -> Self {
        Self {
            rules,
            len: 0,
            limit,
            refused: 0,
            addr: core::marker::PhantomData,
        }
    }

    /// Adds a rule in the place of one for the same prefix; `false`, counted in [`refused`](Self::refused),
    /// if there is no room.
    pub fn insert(&mut self, rule: ProxyRule<A>) -> bool {
        let place = self.place(rule.prefix);
        if let Some(Some(there)) = self.rules.items_mut().get_mut(place)
            && place < self.len
            && there.prefix == rule.prefix
        {
            *there = rule;
            return true;
        }
        let is_full = self.len >= self.limit
            || self.len >= self.rules.items().len() && self.rules.grow(None).is_err();
        let room = self.rules.items_mut().get_mut(place..=self.len);
        let Some(room) = room.filter(|_| !is_full) else {
            self.refused += 1;
            return false;
        };
        room.rotate_right(1);
        room[0] = Some(rule);
        self.len += 1;
        true
    }

    /// Removes the rule for a prefix; `false` if there is none.
    pub fn remove(&mut self, prefix: Prefix<A>) -> bool {
        let place = self.place(prefix);
        let Some(rules) = self.rules.items_mut().get_mut(place..self.len) else {
            return false;
        };
        if rules.first().copied().flatten().map(|rule| rule.prefix) != Some(prefix) {
            return false;
        }
        rules[0] = None;
        rules.rotate_left(1);
        self.len -= 1;
        true
    }

    /// Whether to answer for `target` when somebody asks. `is_here` says whether packets for it go out on
    /// the interface on which it was asked: the owner hears the question itself, and a proxy that answers
    /// for it would draw its packets away.
    pub fn answers(&self, target: A, is_here: impl FnOnce(A) -> bool) -> bool {
        let may_be = target != A::UNSPECIFIED && !target.is_multicast();
        let rule = self.rules().find(|rule| rule.prefix.contains(target));
        may_be && rule.is_some_and(|rule| rule.answers) && !is_here(target)
    }

    /// All rules, longest prefix first.
    pub fn rules(&self) -> impl Iterator<Item = &ProxyRule<A>> {
        self.rules.items().iter().take(self.len).flatten()
    }

    /// How many rules found no room.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Where a prefix is or belongs.
    fn place(&self, prefix: Prefix<A>) -> usize {
        let key = |prefix: Prefix<A>| (u8::MAX - prefix.length(), prefix.network());
        let rules = self.rules.items().get(..self.len).unwrap_or_default();
        rules.partition_point(|rule| rule.is_some_and(|rule| key(rule.prefix) < key(prefix)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::{Ipv4Addr, Ipv6Addr};

    fn rule<A: Ip>(prefix: &str, answers: bool) -> ProxyRule<A>
    where
        Prefix<A>: core::str::FromStr<Err: core::fmt::Debug>,
    {
        let prefix = prefix.parse().unwrap();
        ProxyRule { prefix, answers }
    }

    #[test]
    fn the_longest_prefix_decides() {
        let mut set: ProxySet<Ipv4Addr, _> = ProxySet::new([None; 4], 3);
        assert!(set.insert(rule("10.0.0.0/8", true)));
        assert!(set.insert(rule("10.1.2.0/24", false)));
        assert!(set.insert(rule("10.1.2.9/32", true)));
        assert!(!set.insert(rule("11.0.0.0/8", true)));
        assert!(set.insert(rule("10.0.0.0/8", true)), "it is there already");
        assert_eq!(set.refused(), 1);
        let answers =
            |set: &ProxySet<_, _>, a, b, c, d| set.answers(Ipv4Addr::new(a, b, c, d), |_| false);
        assert!(answers(&set, 10, 3, 4, 5) && answers(&set, 10, 1, 2, 9));
        assert!(!answers(&set, 10, 1, 2, 8) && !answers(&set, 11, 0, 0, 1));
        assert!(
            !set.answers(Ipv4Addr::new(10, 3, 4, 5), |_| true),
            "it is on this link itself"
        );
        assert!(set.remove("10.1.2.0/24".parse().unwrap()));
        assert!(!set.remove("10.1.2.0/24".parse().unwrap()));
        assert!(answers(&set, 10, 1, 2, 8));
        assert_eq!(set.rules().count(), 2);
    }

    #[test]
    fn groups_and_nobody_are_not_answered_for() {
        let mut set: ProxySet<Ipv6Addr, _> = ProxySet::new([None; 1], 8);
        assert!(set.insert(rule("::/0", true)));
        assert!(
            !set.insert(rule("2001:db8::/32", true)),
            "storage is at its end"
        );
        for none in [Ipv6Addr::UNSPECIFIED, crate::neighbor::ALL_NODES] {
            assert!(!set.answers(none, |_| false));
        }
        assert!(set.answers(Ipv6Addr::LOCALHOST, |_| false));
    }
}

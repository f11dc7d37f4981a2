//! The way from an address to its neighbour: a hash table with open addressing whose places hold what the
//! fast path needs, so that a hit touches one cache line.

use waypost_wire::{Ip, MacAddr};

use crate::hash::{fold, secrets};
use crate::slab::NIL;
use crate::storage::Store;

/// One place of the index of a neighbour table.
#[derive(Clone, Copy, Debug)]
pub struct Bucket<A> {
    addr: A,
    /// Place of the neighbour in the table, [`NIL`] where the bucket is empty.
    entry: u32,
    mac: MacAddr,
    /// Whether packets may be sent to `mac` without telling the table.
    ready: bool,
}

impl<A: Ip> Bucket<A> {
    /// An empty place.
    pub const EMPTY: Self = Self {
        addr: A::UNSPECIFIED,
        entry: NIL,
        mac: MacAddr::ZERO,
        ready: false,
    };
}

/// Places up to which there are four for each address: twice as many, which is where this ends, are 256 KiB of IPv4, and a second
/// cache holds them.
const SMALL: usize = 8192;

/// So many places farther from where they want to be than twice what chance does, all together, addresses may lie.
const STRAYS: u64 = 4;

/// How many secrets are tried at most until the table has grown by an eighth, or as many addresses have left it as are a
/// quarter of its places.
const TRIES: u8 = 4;

/// Linear probing, at most half full, a quarter where it is small and can grow, deletion by shifting back: no place is ever wasted on a grave.
///
/// One multiplication spreads the addresses of a link, which mostly follow one upon the other, better than chance would: but with some
/// secrets, of eight about one or two, it heaps them up (measured: four to six times as long a look-up). How far they stray is counted, and
/// other secrets are taken where that is much.
#[derive(Clone, Debug)]
pub(super) struct Index<A, S> {
    buckets: S,
    /// The number of places in use is a power of two; this is one less.
    mask: usize,
    len: usize,
    /// How many places behind that where it wants to be each address lies, all together.
    strays: usize,
    /// So many addresses there are to be before more secrets are tried than are left.
    patience: usize,
    tries: u8,
    /// Addresses removed since more secrets might be tried for that.
    removed: usize,
    secrets: [u64; 2],
    addr: core::marker::PhantomData<A>,
}

impl<A: Ip, S: Store<Bucket<A>>> Index<A, S> {
    pub(super) fn new(mut buckets: S, seed: u64) -> Self {
        // An empty growable store takes its first two places; a store of fixed length 0 or 1 holds nothing.
        while buckets.items().len() < 2 && buckets.grow(Bucket::EMPTY).is_ok() {}
        let places = buckets.items().len();
        let mask = if places == 0 {
            0
        } else {
            (1 << places.ilog2()) - 1
        };
        buckets.items_mut().fill(Bucket::EMPTY);
        Self {
            buckets,
            mask,
            len: 0,
            strays: 0,
            patience: 0,
            tries: 0,
            removed: 0,
            secrets: secrets(seed),
            addr: core::marker::PhantomData,
        }
    }

    /// The address to send to at once, if there is one.
    #[inline]
    pub(super) fn ready(&self, addr: A) -> Option<MacAddr> {
        let (_, bucket) = self.search(addr)?;
        bucket.ready.then_some(bucket.mac)
    }

    /// The place of a neighbour in the table.
    #[inline]
    pub(super) fn entry(&self, addr: A) -> Option<u32> {
        Some(self.search(addr)?.1.entry)
    }

    /// Tells the fast path what it may answer.
    pub(super) fn update(&mut self, addr: A, mac: MacAddr, ready: bool) {
        if let Some(place) = self.find(addr)
            && let Some(bucket) = self.buckets.items_mut().get_mut(place)
        {
            bucket.mac = mac;
            bucket.ready = ready;
        }
    }

    /// Whether there is no room for the next address.
    pub(super) fn is_full(&self) -> bool {
        (self.len + 1) * 2 > self.mask + 1
    }

    /// Whether [`double`](Self::double) is of use before the next address: when full, and while small at half of that, since a
    /// look-up that finds its address in the first place costs no wrong guess of a branch (of 4096 it then takes two thirds of the time).
    fn is_crowded(&self) -> bool {
        let is_small = self.mask < SMALL;
        is_small && (self.len + 1) * 4 > self.mask + 1 || self.is_full()
    }

    /// Adds an address that is not there yet, to an index that is not full.
    pub(super) fn insert(&mut self, addr: A, entry: u32, mac: MacAddr, ready: bool) {
        let home = self.home(addr);
        let mut place = home;
        while let Some(bucket) = self.buckets.items_mut().get_mut(place) {
            if bucket.entry == NIL {
                *bucket = Bucket {
                    addr,
                    entry,
                    mac,
                    ready,
                };
                self.len += 1;
                self.strays += self.distance(home, place);
                return;
            }
            place = (place + 1) & self.mask;
        }
    }

    /// How many places lie from one to another.
    #[inline]
    fn distance(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & self.mask
    }

    pub(super) fn remove(&mut self, addr: A) {
        let Some(mut hole) = self.find(addr) else {
            return;
        };
        self.len -= 1;
        self.strays -= self.distance(self.home(addr), hole);
        self.removed += 1;
        if self.removed > self.mask / 4 {
            // Others may lie here by now, which other secrets fit: a table that was fuller once gets them too. A try costs a walk
            // through all places, a few steps for each address that left.
            (self.removed, self.tries) = (0, TRIES);
        }
        let mut place = hole;
        loop {
            place = (place + 1) & self.mask;
            let Some(bucket) = self.buckets.items().get(place).copied() else {
                return;
            };
            if bucket.entry == NIL {
                break;
            }
            // It may move into the hole unless its home lies after the hole.
            let home = self.home(bucket.addr);
            let nearer = self.distance(hole, place);
            if self.distance(home, place) >= nearer {
                self.strays -= nearer;
                self.buckets.items_mut()[hole] = bucket;
                hole = place;
            }
        }
        self.buckets.items_mut()[hole] = Bucket::EMPTY;
    }

    /// Takes more places, or other secrets, if that is of use before the next address: whether it did, and is empty now, for the owner
    /// to insert all again and ask once more.
    pub(super) fn rearrange(&mut self) -> bool {
        if self.is_crowded() && self.double() {
            return true;
        }
        // By chance each lies load / (2 - 2 load) behind (Knuth, TAOCP 3, §6.4).
        let free = (self.mask + 1 - self.len).max(1);
        let by_chance_twice = self.len as u64 * self.len as u64 / free as u64;
        if self.strays as u64 <= by_chance_twice + STRAYS {
            return false;
        }
        if self.len >= self.patience {
            // Most secrets are good ones, but nobody can be sure: so that it ends, not more often than the table grows or is
            // exchanged.
            self.patience = self.len + self.len / 8 + 1;
            self.tries = TRIES;
        }
        if self.tries == 0 {
            return false;
        }
        self.tries -= 1;
        self.secrets = secrets(self.secrets[0]);
        self.clear();
        true
    }

    /// Doubles growable storage and empties it; `false`, and nothing changed, if the storage cannot grow.
    fn double(&mut self) -> bool {
        let places = (self.mask + 1) * 2;
        while self.buckets.items().len() < places {
            if self.buckets.grow(Bucket::EMPTY).is_err() {
                return false;
            }
        }
        self.mask = places - 1;
        self.clear();
        true
    }

    fn clear(&mut self) {
        self.buckets.items_mut().fill(Bucket::EMPTY);
        (self.len, self.strays) = (0, 0);
    }

    #[inline]
    fn find(&self, addr: A) -> Option<usize> {
        Some(self.search(addr)?.0)
    }

    #[inline]
    fn search(&self, addr: A) -> Option<(usize, &Bucket<A>)> {
        let buckets = self.buckets.items();
        let mut place = self.home(addr);
        loop {
            let bucket = buckets.get(place)?;
            if bucket.addr == addr && bucket.entry != NIL {
                return Some((place, bucket));
            }
            if bucket.entry == NIL {
                return None;
            }
            place = (place + 1) & self.mask;
        }
    }

    /// Where an address wants to be. Both what it is mixed with and the factor are secret, which keeps others from
    /// choosing addresses that all want the same.
    #[inline]
    fn home(&self, addr: A) -> usize {
        let [first, factor] = self.secrets;
        let mix = |hash: u64, part: u64| fold(part ^ hash, factor);
        let octets = addr.octets();
        let (parts, rest) = octets.as_ref().as_chunks::<8>();
        let hash = parts
            .iter()
            .fold(first, |hash, part| mix(hash, u64::from_ne_bytes(*part)));
        let hash = match rest.first_chunk::<4>() {
            Some(part) => mix(hash, u64::from(u32::from_ne_bytes(*part))),
            None => hash,
        };
        hash as usize & self.mask
    }
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use alloc::vec::Vec;
    use core::net::Ipv4Addr;
    use proptest::prelude::*;

    fn insert<S: Store<Bucket<Ipv4Addr>>>(index: &mut Index<Ipv4Addr, S>, key: u32, entry: u32) {
        index.insert(Ipv4Addr::from_bits(key), entry, MacAddr::ZERO, false);
    }

    #[test]
    fn a_fixed_index_is_full_at_half() {
        let mut index = Index::new([Bucket::EMPTY; 9], 1);
        for n in 0..4 {
            assert!(!index.is_full());
            insert(&mut index, n, n);
        }
        assert!(index.is_full() && !index.rearrange());
        assert_eq!(index.entry(Ipv4Addr::from_bits(3)), Some(3));
        assert_eq!(index.entry(Ipv4Addr::from_bits(4)), None);
        let none: Index<Ipv4Addr, [Bucket<Ipv4Addr>; 0]> = Index::new([], 1);
        assert!(none.is_full());
        assert_eq!(none.entry(Ipv4Addr::LOCALHOST), None);
    }

    /// How far all addresses lie from where they want to be, one by one.
    fn strays<S: Store<Bucket<Ipv4Addr>>>(index: &Index<Ipv4Addr, S>) -> usize {
        let used = index.buckets.items().iter().enumerate();
        used.filter(|(_, bucket)| bucket.entry != NIL)
            .map(|(place, bucket)| index.distance(index.home(bucket.addr), place))
            .sum()
    }

    #[test]
    fn addresses_in_a_row_are_not_heaped_up_whatever_the_seed() {
        let mut bad_seeds = 0;
        for seed in 0..200 {
            let mut index = Index::new(Vec::new(), seed);
            fill(&mut index, 256);
            // With so few, chance alone makes a crowd.
            let early = index.secrets;
            fill(&mut index, 4096);
            bad_seeds += usize::from(index.secrets != early);
            // By chance it would be a sixth of a place each.
            assert!(index.strays < 4096, "{seed}: {}", index.strays);
        }
        assert!(bad_seeds > 20, "hardly a seed was bad: {bad_seeds}");
    }

    /// Addresses in a row, up to so many.
    fn fill<S: Store<Bucket<Ipv4Addr>>>(index: &mut Index<Ipv4Addr, S>, count: u32) {
        for n in index.len as u32..count {
            while index.rearrange() {
                (0..n).for_each(|n| insert(index, 0x0a00_0000 + n, n));
            }
            insert(index, 0x0a00_0000 + n, n);
        }
    }

    fn empty<S: Store<Bucket<Ipv4Addr>>>(index: &mut Index<Ipv4Addr, S>) {
        (0..index.len as u32).for_each(|n| index.remove(Ipv4Addr::from_bits(0x0a00_0000 + n)));
    }

    #[test]
    fn nor_are_they_in_a_table_that_was_fuller_once() {
        let new = |seed| Index::new([Bucket::EMPTY; 4096], seed);
        let bad = (0..).find_map(|seed| {
            let mut index = new(seed);
            (0..1024).for_each(|n| insert(&mut index, 0x0a00_0000 + n, n));
            (index.strays > 4096).then_some(index.secrets)
        });
        let bad = bad.unwrap();
        // The last of as many as there may be finds a crowd.
        let mut index = new(1);
        index.secrets = bad;
        (0..2047).for_each(|n| insert(&mut index, 0x0a00_0000 + n, n));
        fill(&mut index, 2048);
        assert!(index.is_full() && index.secrets != bad);
        empty(&mut index);
        // Others come for which the secrets are bad ones, again and again.
        for round in 0..20 {
            index.secrets = bad;
            fill(&mut index, 1024);
            assert!(index.strays < 1024, "{round}: {}", index.strays);
            empty(&mut index);
        }
    }

    /// Addresses that are neighbours by number are spread, whatever the seed; where each goes depends on it.
    #[test]
    fn addresses_are_spread_by_the_seed() {
        let homes = |seed| {
            let index = Index::new([Bucket::EMPTY; 1024], seed);
            let homes = (0..1024).map(|n| index.home(Ipv4Addr::from_bits(0x0a00_0000 + n)));
            homes.collect::<Vec<_>>()
        };
        for seed in 0..50 {
            let mut crowds = [0; 64];
            let (here, there) = (homes(seed), homes(seed + 1));
            for home in &here {
                crowds[home / 16] += 1;
            }
            assert!(crowds.iter().all(|count| *count < 60), "{seed}: {crowds:?}");
            let same = here.iter().zip(&there).filter(|(a, b)| a == b);
            assert!(same.count() < 64);
        }
    }

    proptest! {
        #[test]
        fn finds_what_a_map_finds(
            ops in prop::collection::vec((any::<bool>(), 0u32..200), 0..600),
            seed in any::<u64>(),
        ) {
            let mut index = Index::new(Vec::new(), seed);
            let mut model = BTreeMap::new();
            for (number, (add, key)) in (0u32..).zip(ops) {
                if !add {
                    index.remove(Ipv4Addr::from_bits(key));
                    model.remove(&key);
                } else if !model.contains_key(&key) {
                    while index.rearrange() {
                        for (key, number) in &model {
                            insert(&mut index, *key, *number);
                        }
                    }
                    insert(&mut index, key, number);
                    model.insert(key, number);
                }
                prop_assert_eq!(index.len, model.len());
                prop_assert_eq!(index.strays, strays(&index));
            }
            for key in 0..200 {
                prop_assert_eq!(index.entry(Ipv4Addr::from_bits(key)), model.get(&key).copied());
            }
        }
    }
}

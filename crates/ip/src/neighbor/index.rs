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

/// Linear probing, at most half full, a quarter where it is small and can grow, deletion by shifting back: no place is ever wasted on a grave.
#[derive(Clone, Debug)]
pub(super) struct Index<A, S> {
    buckets: S,
    /// The number of places in use is a power of two; this is one less.
    mask: usize,
    len: usize,
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

    /// Whether the next address needs [`double`](Self::double) first.
    pub(super) fn is_full(&self) -> bool {
        (self.len + 1) * 2 > self.mask + 1
    }

    /// Whether [`double`](Self::double) is of use before the next address: when full, and while small at half of that, since a
    /// look-up that finds its address in the first place costs no wrong guess of a branch (of 4096 it then takes two thirds of the time).
    pub(super) fn is_crowded(&self) -> bool {
        let is_small = self.mask < SMALL;
        is_small && (self.len + 1) * 4 > self.mask + 1 || self.is_full()
    }

    /// Adds an address that is not there yet, to an index that is not full.
    pub(super) fn insert(&mut self, addr: A, entry: u32, mac: MacAddr, ready: bool) {
        let mut place = self.home(addr);
        while let Some(bucket) = self.buckets.items_mut().get_mut(place) {
            if bucket.entry == NIL {
                *bucket = Bucket {
                    addr,
                    entry,
                    mac,
                    ready,
                };
                self.len += 1;
                return;
            }
            place = (place + 1) & self.mask;
        }
    }

    pub(super) fn remove(&mut self, addr: A) {
        let Some(mut hole) = self.find(addr) else {
            return;
        };
        self.len -= 1;
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
            if (place.wrapping_sub(home) & self.mask) >= (place.wrapping_sub(hole) & self.mask) {
                self.buckets.items_mut()[hole] = bucket;
                hole = place;
            }
        }
        self.buckets.items_mut()[hole] = Bucket::EMPTY;
    }

    /// Doubles growable storage and empties it, for the owner to insert all again; `false`, and nothing
    /// changed, if the storage cannot grow.
    pub(super) fn double(&mut self) -> bool {
        let places = (self.mask + 1) * 2;
        while self.buckets.items().len() < places {
            if self.buckets.grow(Bucket::EMPTY).is_err() {
                return false;
            }
        }
        self.buckets.items_mut().fill(Bucket::EMPTY);
        self.mask = places - 1;
        self.len = 0;
        true
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
        assert!(index.is_full() && !index.double());
        assert_eq!(index.entry(Ipv4Addr::from_bits(3)), Some(3));
        assert_eq!(index.entry(Ipv4Addr::from_bits(4)), None);
        let none: Index<Ipv4Addr, [Bucket<Ipv4Addr>; 0]> = Index::new([], 1);
        assert!(none.is_full());
        assert_eq!(none.entry(Ipv4Addr::LOCALHOST), None);
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
                    if index.is_full() {
                        prop_assert!(index.double());
                        for (key, number) in &model {
                            insert(&mut index, *key, *number);
                        }
                    }
                    insert(&mut index, key, number);
                    model.insert(key, number);
                }
                prop_assert_eq!(index.len, model.len());
            }
            for key in 0..200 {
                prop_assert_eq!(index.entry(Ipv4Addr::from_bits(key)), model.get(&key).copied());
            }
        }
    }
}

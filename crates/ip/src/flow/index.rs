//! The way from a key to its flow: buckets of one cache line with ten places each, which a look-up tells
//! apart by 16 bits of the hash, so that it touches one line of the index and one of the flow.
//!
//! A full bucket passes what it has no room for to the next and counts that; removing counts back. So a
//! look-up goes on only where something was passed on, and nothing is left behind by what was removed: a
//! table that was full once is as fast as a new one (as F14 does it: Bronson and Shi, 2019).

use waypost_wire::prefetch_index;

use crate::storage::Store;

/// Places in a bucket.
pub(super) const PLACES: usize = 10;
/// How full buckets are at most, on average, in places. With 7, one key in twenty is passed on, and each
/// costs a cache miss that nothing hides; with 6 one in eighty.
pub(super) const PLACES_USED: usize = 6;
/// No place is like this one: the flow of the highest number does not exist.
pub(super) const NONE: u32 = u32::MAX;

/// Most flows: twice the number, and the number of the direction, are to fit below [`NONE`].
pub(super) const FLOWS_MAX: usize = NONE as usize / 2 - 1;

/// One bucket of the index of a flow table.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub struct FlowBucket {
    /// 16 bits of the hash each, four to a number; 0 where the place is empty.
    tags: [u64; 2],
    last_tags: u32,
    /// How many keys were passed on by this bucket.
    passed: u32,
    /// The number of the flow, twice, and the direction of the key.
    flows: [u32; PLACES],
}

impl FlowBucket {
    /// An empty bucket.
    pub const EMPTY: Self = Self {
        tags: [0; 2],
        last_tags: 0,
        passed: 0,
        flows: [NONE; PLACES],
    };

    /// The places whose tag may be this one; every place whose tag it is is among them.
    #[inline]
    fn places(&self, tag: u16) -> Places {
        let [a, b] = self.tags;
        let last = fits(u64::from(self.last_tags), tag) & 0xffff_ffff;
        Places(fits(a, tag) >> 15 | fits(b, tag) >> 14 | last >> 13)
    }

    fn tag(&self, place: usize) -> u16 {
        let word = match place / 4 {
            0 => self.tags[0],
            1 => self.tags[1],
            _ => u64::from(self.last_tags),
        };
        (word >> (place % 4 * 16)) as u16
    }

    fn set(&mut self, place: usize, tag: u16, flow: u32) {
        let shift = place % 4 * 16;
        let put = |word: u64| word & !(0xffff << shift) | u64::from(tag) << shift;
        match place / 4 {
            0 => self.tags[0] = put(self.tags[0]),
            1 => self.tags[1] = put(self.tags[1]),
            _ => self.last_tags = put(u64::from(self.last_tags)) as u32,
        }
        if let Some(place) = self.flows.get_mut(place) {
            *place = flow;
        }
    }
}

/// The highest bit of each of the four tags in a number that may be this one. The borrow of one that is
/// goes into the one above, so that its bit may be set as well; that costs a comparison of keys.
#[inline]
const fn fits(tags: u64, tag: u16) -> u64 {
    const ONES: u64 = 0x0001_0001_0001_0001;
    let differ = tags ^ (ONES * tag as u64);
    differ.wrapping_sub(ONES) & !differ & ONES << 15
}

/// Some of a bucket's places: bit `16 * i + j` is that of place `4 * j + i`.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Places(u64);

impl Iterator for Places {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let bit = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(bit % 16 * 4 + bit / 16)
    }
}

/// All buckets. Their number is what the storage has from the beginning.
#[derive(Clone, Debug)]
pub(super) struct Index<S> {
    buckets: S,
    /// Buckets that are in use: all that exist.
    count: usize,
}

/// How many buckets that many keys need.
pub(super) const fn buckets_for(keys: usize) -> usize {
    keys.div_ceil(PLACES_USED)
}

impl<S: Store<FlowBucket>> Index<S> {
    /// Room for `keys`, in storage that grows, or for what the storage of fixed length has room for.
    pub(super) fn new(mut buckets: S, keys: usize) -> Self {
        let wanted = buckets_for(keys);
        while buckets.items().len() < wanted && buckets.grow(FlowBucket::EMPTY).is_ok() {}
        buckets.items_mut().fill(FlowBucket::EMPTY);
        let count = buckets.items().len().min(wanted);
        Self { buckets, count }
    }

    /// How many keys it has room for.
    pub(super) fn capacity(&self) -> usize {
        self.count * PLACES_USED
    }

    #[inline]
    fn tag(hash: u64) -> u16 {
        (hash as u16).max(1)
    }

    /// The bucket by the high bits of the hash, of which the tag has the low ones.
    #[inline]
    fn home(&self, hash: u64) -> usize {
        ((u128::from(hash) * self.count as u128) >> 64) as usize
    }

    #[inline]
    fn next(&self, bucket: usize) -> usize {
        if bucket + 1 < self.count {
            bucket + 1
        } else {
            0
        }
    }

    /// Asks for the bucket of a hash and says which it is.
    #[inline(always)]
    pub(super) fn prefetch(&self, hash: u64) -> usize {
        let home = self.home(hash);
        prefetch_index(self.buckets.items(), home);
        home
    }

    /// The first flow that may be the one, [`NONE`] if there is none.
    #[inline]
    pub(super) fn candidate(&self, home: usize, hash: u64) -> u32 {
        let mut at = home;
        for _ in 0..self.count {
            let Some(bucket) = self.buckets.items().get(at) else {
                break;
            };
            let first = bucket.places(Self::tag(hash)).next();
            if let Some(flow) = first.and_then(|place| bucket.flows.get(place)) {
                return *flow;
            }
            if bucket.passed == 0 {
                break;
            }
            at = self.next(at);
        }
        NONE
    }

    /// The flow of that hash which `is` the one.
    #[inline]
    pub(super) fn find(&self, hash: u64, mut is: impl FnMut(u32) -> bool) -> Option<u32> {
        let tag = Self::tag(hash);
        let mut at = self.home(hash);
        for _ in 0..self.count {
            let bucket = self.buckets.items().get(at)?;
            for place in bucket.places(tag) {
                let flow = *bucket.flows.get(place)?;
                if is(flow) {
                    return Some(flow);
                }
            }
            if bucket.passed == 0 {
                return None;
            }
            at = self.next(at);
        }
        None
    }

    /// Adds a key that is not there; `false`, and nothing changed, if all places are taken.
    pub(super) fn insert(&mut self, hash: u64, flow: u32) -> bool {
        let mut at = self.home(hash);
        for _ in 0..self.count {
            let Some(bucket) = self.buckets.items_mut().get_mut(at) else {
                return false;
            };
            let empty = bucket.places(0).find(|place| bucket.tag(*place) == 0);
            if let Some(place) = empty {
                bucket.set(place, Self::tag(hash), flow);
                return true;
            }
            bucket.passed += 1;
            at = self.next(at);
        }
        // Every bucket passed it on: each counts back.
        for bucket in self.buckets.items_mut().iter_mut().take(self.count) {
            bucket.passed -= 1;
        }
        false
    }

    /// Removes a key that is there.
    pub(super) fn remove(&mut self, hash: u64, flow: u32) {
        let mut at = self.home(hash);
        for _ in 0..self.count {
            let Some(bucket) = self.buckets.items_mut().get_mut(at) else {
                return;
            };
            if let Some(place) = bucket.flows.iter().position(|other| *other == flow) {
                bucket.set(place, 0, NONE);
                return;
            }
            bucket.passed = bucket.passed.saturating_sub(1);
            at = self.next(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::vec::Vec;

    #[test]
    fn every_tag_is_found_in_its_place() {
        let mut bucket = FlowBucket::EMPTY;
        for place in 0..PLACES {
            bucket.set(place, 0x7fff + place as u16, place as u32);
        }
        for place in 0..PLACES {
            let tag = 0x7fff + place as u16;
            assert_eq!(bucket.tag(place), tag);
            assert_eq!(bucket.places(tag).next(), Some(place));
        }
        assert_eq!(bucket.places(1).next(), None);
        assert_eq!(size_of::<FlowBucket>(), 64);
    }

    #[test]
    fn a_full_index_refuses_and_stays_as_it_is() {
        let mut index = Index::new([FlowBucket::EMPTY; 2], 12);
        assert_eq!(index.capacity(), 12);
        for flow in 0..20 {
            assert!(index.insert(7, flow));
        }
        assert!(!index.insert(7, 20));
        for flow in 0..20 {
            index.remove(7, flow);
        }
        assert!(index.buckets.iter().all(|bucket| bucket.passed == 0));
        let mut none = Index::new([FlowBucket::EMPTY; 0], 14);
        assert!(!none.insert(7, 0));
        assert_eq!(none.find(7, |_| true), None);
    }

    proptest! {
        /// Hashes from few values, so that buckets overflow all the time; after everything is removed,
        /// nothing is left.
        #[test]
        fn finds_what_a_map_finds(ops in prop::collection::vec((any::<bool>(), 0_u32..60), 0..400)) {
            let hash = |flow: u32| u64::from(flow % 5) << 62 | u64::from(flow % 3);
            let mut index = Index::new([FlowBucket::EMPTY; 6], 36);
            let mut model = BTreeMap::new();
            for (add, flow) in ops {
                if !add {
                    if model.remove(&flow).is_some() {
                        index.remove(hash(flow), flow);
                    }
                } else if !model.contains_key(&flow) && model.len() < index.capacity() {
                    prop_assert!(index.insert(hash(flow), flow));
                    model.insert(flow, ());
                }
                for flow in 0..60 {
                    let expected = model.contains_key(&flow).then_some(flow);
                    prop_assert_eq!(index.find(hash(flow), |other| other == flow), expected);
                    if expected.is_some() {
                        let home = index.prefetch(hash(flow));
                        prop_assert_ne!(index.candidate(home, hash(flow)), NONE);
                    }
                }
            }
            let flows: Vec<u32> = model.into_keys().collect();
            for flow in flows {
                index.remove(hash(flow), flow);
            }
            prop_assert!(index.buckets.iter().all(|bucket| bucket.passed == 0 && bucket.tags == [0; 2] && bucket.last_tags == 0));
        }
    }
}

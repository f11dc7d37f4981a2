//! A small map of the flow table's bookkeeping: open addressing with linear probing, at most half full,
//! deletion by shifting back, so that nothing is left behind by what was removed.

use waypost_wire::Ip;

use super::hash::Hasher;
use crate::storage::Store;

/// What can be a key of a [`Map`].
pub(super) trait MapKey: Copy + Eq {
    fn hash(&self, hasher: &Hasher) -> u64;
}

/// One place of the bookkeeping of a flow table. `MapCell::EMPTY` is an empty one.
#[derive(Clone, Copy, Debug)]
pub struct MapCell<K, V>(Option<(K, V)>);

impl<K, V> MapCell<K, V> {
    /// An empty place; `[const { MapCell::EMPTY }; N]` makes an array of them.
    pub const EMPTY: Self = Self(None);
}

/// Addresses that are taken as one: for the limit by source those of a prefix, for a NAT those of one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source<A> {
    pub(super) network: A,
    pub(super) zone: u16,
}

impl<A: Ip> MapKey for Source<A> {
    fn hash(&self, hasher: &Hasher) -> u64 {
        hasher.addr(self.network, u64::from(self.zone))
    }
}

/// Places in the storage.
#[derive(Clone, Debug)]
pub(super) struct Map<K, V, S> {
    cells: S,
    count: usize,
    len: usize,
    hasher: Hasher,
    item: core::marker::PhantomData<fn(K) -> V>,
}

impl<K: MapKey, V: Copy, S: Store<MapCell<K, V>>> Map<K, V, S> {
    /// Room for `len` keys, in storage that grows, or for what the storage of fixed length has room for.
    pub(super) fn new(mut cells: S, len: usize, seed: u64) -> Self {
        let wanted = len.saturating_mul(2);
        while cells.items().len() < wanted && cells.grow(MapCell::EMPTY).is_ok() {}
        for cell in cells.items_mut() {
            *cell = MapCell::EMPTY;
        }
        let count = cells.items().len().min(wanted);
        Self {
            cells,
            count,
            len: 0,
            hasher: Hasher::new(seed),
            item: core::marker::PhantomData,
        }
    }

    /// How many keys it has room for.
    pub(super) fn capacity(&self) -> usize {
        self.count / 2
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn value(&self, key: &K) -> Option<V> {
        let MapCell(found) = self.cells.items().get(self.find(key)?)?;
        found.map(|(_, value)| value)
    }

    #[inline]
    pub(super) fn value_mut(&mut self, key: &K) -> Option<&mut V> {
        let at = self.find(key)?;
        let MapCell(found) = self.cells.items_mut().get_mut(at)?;
        found.as_mut().map(|(_, value)| value)
    }

    /// Adds a key that is not there; `false`, and nothing changed, if there is no room.
    pub(super) fn insert(&mut self, key: K, value: V) -> bool {
        if self.len >= self.capacity() {
            return false;
        }
        let mut at = self.home(&key);
        for _ in 0..self.count {
            match self.cells.items_mut().get_mut(at) {
                Some(cell) if cell.0.is_none() => {
                    cell.0 = Some((key, value));
                    self.len += 1;
                    return true;
                }
                _ => at = self.next(at),
            }
        }
        false
    }

    /// Removes a key and returns its value.
    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let mut hole = self.find(key)?;
        let (_, value) = self.cells.items_mut().get_mut(hole)?.0.take()?;
        self.len -= 1;
        let mut at = hole;
        loop {
            at = self.next(at);
            let Some(MapCell(Some((other, _)))) = self.cells.items().get(at) else {
                return Some(value);
            };
            // It may move into the hole unless its home lies after the hole.
            let from_home = self.distance(self.home(other), at);
            if from_home >= self.distance(hole, at) {
                self.cells.items_mut().swap(hole, at);
                hole = at;
            }
        }
    }

    /// Every key with its value, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (K, V)> {
        self.cells.items().iter().filter_map(|cell| cell.0)
    }

    #[inline]
    fn find(&self, key: &K) -> Option<usize> {
        let mut at = self.home(key);
        loop {
            let MapCell(cell) = self.cells.items().get(at)?;
            match cell {
                None => return None,
                Some((other, _)) if other == key => return Some(at),
                Some(_) => at = self.next(at),
            }
        }
    }

    #[inline]
    fn home(&self, key: &K) -> usize {
        ((u128::from(key.hash(&self.hasher)) * self.count as u128) >> 64) as usize
    }

    #[inline]
    fn next(&self, at: usize) -> usize {
        if at + 1 < self.count { at + 1 } else { 0 }
    }

    /// How many places it is from one to another, going on.
    fn distance(&self, from: usize, to: usize) -> usize {
        if to >= from {
            to - from
        } else {
            to + self.count - from
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv4Addr;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn no_room_is_no_room() {
        let mut none: Map<Source<Ipv4Addr>, u32, _> = Map::new([MapCell::EMPTY; 0], 4, 1);
        let key = Source {
            network: Ipv4Addr::LOCALHOST,
            zone: 0,
        };
        assert!(!none.insert(key, 1));
        assert_eq!(none.value(&key), None);
        assert_eq!(none.remove(&key), None);
        let mut one = Map::new([MapCell::EMPTY; 3], 4, 1);
        assert!(one.insert(key, 1));
        assert!(!one.insert(Source { zone: 1, ..key }, 1));
        assert_eq!((one.len(), one.value(&key)), (1, Some(1)));
    }

    proptest! {
        #[test]
        fn finds_what_a_map_finds(
            ops in prop::collection::vec((any::<bool>(), 0_u16..40), 0..400),
            seed in any::<u64>(),
        ) {
            let mut map = Map::new([MapCell::EMPTY; 64], 32, seed);
            let mut model = BTreeMap::new();
            let key = |zone| Source { network: Ipv4Addr::LOCALHOST, zone };
            for (number, (add, zone)) in (0_u32..).zip(ops) {
                if !add {
                    prop_assert_eq!(map.remove(&key(zone)), model.remove(&zone));
                } else if let Some(value) = map.value_mut(&key(zone)) {
                    *value = number;
                    prop_assert!(model.insert(zone, number).is_some());
                } else {
                    let room = model.len() < 32;
                    prop_assert_eq!(map.insert(key(zone), number), room);
                    if room {
                        model.insert(zone, number);
                    }
                }
                prop_assert_eq!(map.len(), model.len());
            }
            for zone in 0..40 {
                prop_assert_eq!(map.value(&key(zone)), model.get(&zone).copied());
            }
        }
    }
}

//! A slab: items at stable places, taken and given back in constant time, named by keys that outlive
//! nothing: a key whose item is gone is refused, even when its place is in use again.

use core::marker::PhantomData;

use crate::storage::Store;

/// No place: the end of a list.
pub(crate) const NIL: u32 = u32::MAX;

/// Names an item in a [`Slab`] until that item is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    index: u32,
    generation: u32,
}

impl Key {
    /// The place of the item, below the limit of its slab.
    pub const fn index(self) -> u32 {
        self.index
    }
}

/// One place of a [`Slab`]'s storage. `Slot::default()` is an empty place.
#[derive(Clone, Debug)]
pub struct Slot<T> {
    generation: u32,
    state: State<T>,
}

#[derive(Clone, Debug)]
enum State<T> {
    Free { next: u32 },
    Used(T),
}

impl<T> Slot<T> {
    /// An empty place; `[const { Slot::EMPTY }; N]` makes an array of them.
    pub const EMPTY: Self = Self {
        generation: 0,
        state: State::Free { next: NIL },
    };
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// The places of the items, with the list of those that are free.
#[derive(Clone, Debug)]
pub struct Slab<T, S> {
    slots: S,
    free: u32,
    /// Places from here on were never used; they are not in the free list.
    untouched: u32,
    len: u32,
    limit: u32,
    item: PhantomData<fn(T) -> T>,
}

impl<T, S: Store<Slot<T>>> Slab<T, S> {
    /// A slab of at most `limit` items in `slots`, whose present content is forgotten place by place.
    pub fn new(slots: S, limit: usize) -> Self {
        Self {
            slots,
            free: NIL,
            untouched: 0,
            len: 0,
            limit: u32::try_from(limit).unwrap_or(NIL).min(NIL - 1),
            item: PhantomData,
        }
    }

    /// How many items it holds.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether the limit is reached. Storage of fixed length may be at its end before that: whoever asks gives a limit
    /// no greater than such storage has places.
    pub fn is_full(&self) -> bool {
        self.len >= self.limit
    }

    /// Takes a place for `item`.
    ///
    /// # Errors
    /// Gives `item` back when the limit is reached or the storage cannot grow.
    pub fn insert(&mut self, item: T) -> Result<Key, T> {
        if self.len >= self.limit {
            return Err(item);
        }
        let index = if self.free != NIL {
            self.free
        } else {
            if self.untouched as usize >= self.slots.items().len()
                && self.slots.grow(Slot::EMPTY).is_err()
            {
                return Err(item);
            }
            self.untouched
        };
        let Some(slot) = self.slots.items_mut().get_mut(index as usize) else {
            return Err(item);
        };
        if index == self.untouched {
            self.untouched += 1;
        } else if let State::Free { next } = slot.state {
            self.free = next;
        }
        slot.state = State::Used(item);
        self.len += 1;
        Ok(Key {
            index,
            generation: slot.generation,
        })
    }

    /// Gives the item's place back and returns the item; `None` if it is gone already.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        if key.index >= self.untouched {
            return None;
        }
        let slot = self.slots.items_mut().get_mut(key.index as usize)?;
        if slot.generation != key.generation || matches!(slot.state, State::Free { .. }) {
            return None;
        }
        let state = core::mem::replace(&mut slot.state, State::Free { next: self.free });
        slot.generation = slot.generation.wrapping_add(1);
        self.free = key.index;
        self.len -= 1;
        match state {
            State::Used(item) => Some(item),
            State::Free { .. } => None,
        }
    }

    /// The item named by `key`.
    pub fn view(&self, key: Key) -> Option<&T> {
        let slot = self.slots.items().get(key.index as usize)?;
        if slot.generation != key.generation {
            return None;
        }
        self.at(key.index)
    }

    /// The item named by `key`, to change.
    pub fn view_mut(&mut self, key: Key) -> Option<&mut T> {
        self.view(key)?;
        self.at_mut(key.index)
    }

    /// The item at a place, whatever its generation: for lists that live inside the slab and are kept
    /// exact by their owner.
    pub(crate) fn at(&self, index: u32) -> Option<&T> {
        if index >= self.untouched {
            return None;
        }
        match &self.slots.items().get(index as usize)?.state {
            State::Used(item) => Some(item),
            State::Free { .. } => None,
        }
    }

    pub(crate) fn at_mut(&mut self, index: u32) -> Option<&mut T> {
        if index >= self.untouched {
            return None;
        }
        match &mut self.slots.items_mut().get_mut(index as usize)?.state {
            State::Used(item) => Some(item),
            State::Free { .. } => None,
        }
    }

    /// The key of the item at a place.
    pub(crate) fn key_at(&self, index: u32) -> Option<Key> {
        self.at(index)?;
        let generation = self.slots.items().get(index as usize)?.generation;
        Some(Key { index, generation })
    }

    /// Every item with its key, by place.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        let used = self.slots.items().iter().take(self.untouched as usize);
        (0u32..).zip(used).filter_map(|(index, slot)| {
            let State::Used(item) = &slot.state else {
                return None;
            };
            let generation = slot.generation;
            Some((Key { index, generation }, item))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_store_is_full_at_its_length() {
        let mut slab = Slab::new([const { Slot::EMPTY }; 2], 8);
        let a = slab.insert('a').unwrap();
        let b = slab.insert('b').unwrap();
        assert_eq!(slab.insert('c'), Err('c'));
        assert_eq!(slab.remove(a), Some('a'));
        assert_eq!(slab.remove(a), None);
        let c = slab.insert('c').unwrap();
        assert_eq!(c.index(), a.index());
        assert_eq!(slab.view(a), None);
        assert_eq!(slab.view(b), Some(&'b'));
        assert_eq!(slab.view(c), Some(&'c'));
        assert_eq!(
            slab.iter()
                .map(|(_, item)| *item)
                .collect::<std::string::String>(),
            "cb"
        );
    }

    #[cfg(feature = "alloc")]
    #[test]
    fn a_growing_store_is_full_at_its_limit() {
        let mut slab = Slab::new(alloc::vec::Vec::new(), 3);
        let keys: alloc::vec::Vec<Key> = (0..3).map(|item| slab.insert(item).unwrap()).collect();
        assert!(slab.is_full());
        assert_eq!(slab.insert(3), Err(3));
        for key in keys {
            assert!(slab.remove(key).is_some());
        }
        assert!(slab.is_empty());
    }
}

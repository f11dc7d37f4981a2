//! The paths of a cache: found by a keyed hash, and listed by how well they are proven and for how long.

use waypost_wire::{Instant, Ip};

use super::{Path, PmtuStorage};
use crate::hash::{Chains, Hash, limit_of};
use crate::slab::{NIL, Slab, Slot};

/// A path in the storage of a cache.
#[derive(Clone, Debug)]
pub struct Entry<A> {
    pub(super) path: Path<A>,
    /// The estimate, if a report was believed.
    pub(super) mtu: Option<u32>,
    /// What a report claims that waits to be confirmed or refuted.
    pub(super) pending: Option<u32>,
    /// When the last report came that was believed, or, before one was, the first.
    pub(super) since: Instant,
    /// How often the estimate was lowered.
    pub(super) changes: u8,
    class: Class,
    chained: u32,
    prev: u32,
    next: u32,
}

/// How well a path is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// Anyone may have made it up.
    Doubtful,
    /// It was confirmed.
    Proven,
}

/// A list of paths, the least recently reported first.
#[derive(Clone, Copy, Debug)]
struct Ends {
    head: u32,
    tail: u32,
}

pub(super) struct Table<A: Ip, S: PmtuStorage<A>> {
    slab: Slab<Entry<A>, S::Entries>,
    chains: Chains<S::Chains>,
    lists: [Ends; 2],
    seed: u64,
}

impl<A: Ip, S: PmtuStorage<A>> Table<A, S> {
    pub(super) fn new(storage: S, paths: usize, seed: u64) -> Self {
        let (mut entries, chains) = storage.into_parts();
        let paths = limit_of(&mut entries, paths, Slot::EMPTY);
        Self {
            slab: Slab::new(entries, paths),
            chains: Chains::new(chains, paths),
            lists: [Ends {
                head: NIL,
                tail: NIL,
            }; 2],
            seed,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    pub(super) fn find(&self, path: Path<A>) -> Option<u32> {
        let mut index = self.chains.first(self.hash(path));
        while let Some(entry) = self.slab.at(index) {
            if entry.path == path {
                return Some(index);
            }
            index = entry.chained;
        }
        None
    }

    pub(super) fn at(&self, index: u32) -> Option<&Entry<A>> {
        self.slab.at(index)
    }

    pub(super) fn at_mut(&mut self, index: u32) -> Option<&mut Entry<A>> {
        self.slab.at_mut(index)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry<A>> {
        self.slab.iter().map(|(_, entry)| entry)
    }

    /// The least recently reported path of a class.
    pub(super) fn oldest(&self, class: Class) -> Option<u32> {
        let head = self.lists[class as usize].head;
        (head != NIL).then_some(head)
    }

    /// Which path goes for a new one of a class: none that is better proven. `Ok(None)` if there is room.
    pub(super) fn victim(&self, class: Class) -> Result<Option<u32>, ()> {
        if self.chains.is_empty() {
            return Err(());
        }
        if !self.slab.is_full() {
            return Ok(None);
        }
        let proven = || {
            self.oldest(Class::Proven)
                .filter(|_| class == Class::Proven)
        };
        let victim = self.oldest(Class::Doubtful).or_else(proven);
        victim.map(Some).ok_or(())
    }

    pub(super) fn insert(&mut self, path: Path<A>, class: Class, now: Instant) -> Option<u32> {
        let hash = self.hash(path);
        let entry = Entry {
            path,
            mtu: None,
            pending: None,
            since: now,
            changes: 0,
            class,
            chained: self.chains.first(hash),
            prev: NIL,
            next: NIL,
        };
        let index = self.slab.insert(entry).ok()?.index();
        self.chains.set_first(hash, index);
        self.link(index);
        Some(index)
    }

    pub(super) fn remove(&mut self, index: u32) -> Option<Entry<A>> {
        self.unlink(index);
        let entry = self.slab.remove(self.slab.key_at(index)?)?;
        let hash = self.hash(entry.path);
        let mut before = self.chains.first(hash);
        if before == index {
            self.chains.set_first(hash, entry.chained);
        }
        while let Some(other) = self.slab.at_mut(before) {
            if other.chained == index {
                other.chained = entry.chained;
                break;
            }
            before = other.chained;
        }
        Some(entry)
    }

    /// Makes a path the most recently reported of its class, or of a better one.
    pub(super) fn refresh(&mut self, index: u32, class: Class, now: Instant) {
        self.unlink(index);
        if let Some(entry) = self.slab.at_mut(index) {
            entry.class = entry.class.max(class);
            entry.since = now;
        }
        self.link(index);
    }

    fn link(&mut self, index: u32) {
        let Some(class) = self.slab.at(index).map(|entry| entry.class as usize) else {
            return;
        };
        let tail = self.lists[class].tail;
        if let Some(entry) = self.slab.at_mut(index) {
            entry.prev = tail;
            entry.next = NIL;
        }
        match self.slab.at_mut(tail) {
            Some(before) => before.next = index,
            None => self.lists[class].head = index,
        }
        self.lists[class].tail = index;
    }

    fn unlink(&mut self, index: u32) {
        let Some(entry) = self.slab.at(index) else {
            return;
        };
        let (class, prev, next) = (entry.class as usize, entry.prev, entry.next);
        match self.slab.at_mut(prev) {
            Some(before) => before.next = next,
            None => self.lists[class].head = next,
        }
        match self.slab.at_mut(next) {
            Some(after) => after.prev = prev,
            None => self.lists[class].tail = prev,
        }
    }

    fn hash(&self, path: Path<A>) -> u64 {
        Hash::new(self.seed)
            .octets(path.destination.octets().as_ref())
            .word(u64::from(path.tag))
            .finish()
    }
}

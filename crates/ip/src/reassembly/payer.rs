//! Who pays for what a table holds: its sources, in order of how much they use.
//!
//! A source's use is the largest of its shares in the three limits: datagrams, fragments, octets ("dominant
//! share", Ghodsi et al., NSDI 2011). Sources lie in 64 classes, four for each doubling of the share, so that
//! one of the largest users is found in constant time, to within a fifth.

use waypost_wire::Ip;

use super::entry::{Ends, Links};
use crate::hash::{Chains, Hash};
use crate::slab::{NIL, Slab, Slot};
use crate::storage::Store;

const CLASSES: usize = 64;

/// A source in the storage of a table: an address of IPv4, a /64 of IPv6.
#[derive(Clone, Debug)]
pub struct Payer<A> {
    prefix: A,
    chained: u32,
    class: usize,
    links: Links,
    datagrams: usize,
    fragments: usize,
    octets: usize,
    /// Its datagrams, oldest first.
    pub(super) entries: Ends,
}

/// What a source uses, or what a table has at most.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Use {
    pub(super) datagrams: usize,
    pub(super) fragments: usize,
    pub(super) octets: usize,
}

pub(super) struct Payers<A, S, H> {
    slab: Slab<Payer<A>, S>,
    chains: Chains<H>,
    /// The sources of each class, who has been in it longest first.
    classes: [Ends; CLASSES],
    /// A bit for each class that is not empty.
    occupied: u64,
    limits: Use,
    seed: u64,
}

impl<A: Ip, S: Store<Slot<Payer<A>>>, H: Store<u32>> Payers<A, S, H> {
    pub(super) fn new(slots: S, heads: H, limits: Use, seed: u64) -> Self {
        Self {
            slab: Slab::new(slots, limits.datagrams),
            chains: Chains::new(heads, limits.datagrams),
            classes: [Ends::EMPTY; CLASSES],
            occupied: 0,
            limits,
            seed,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    pub(super) fn at_mut(&mut self, index: u32) -> Option<&mut Payer<A>> {
        self.slab.at_mut(index)
    }

    /// The source that pays for `prefix`, entered if it is new; `None` if there is no room.
    pub(super) fn of(&mut self, prefix: A) -> Option<u32> {
        if self.chains.is_empty() {
            return None;
        }
        let hash = self.hash(prefix);
        let first = self.chains.first(hash);
        let mut index = first;
        while let Some(payer) = self.slab.at(index) {
            if payer.prefix == prefix {
                return Some(index);
            }
            index = payer.chained;
        }
        let payer = Payer {
            prefix,
            chained: first,
            class: 0,
            links: Links::NONE,
            datagrams: 0,
            fragments: 0,
            octets: 0,
            entries: Ends::EMPTY,
        };
        let index = self.slab.insert(payer).ok()?.index();
        self.chains.set_first(hash, index);
        self.enter(index, 0);
        Some(index)
    }

    /// The oldest datagram of one of the largest users, other than `spared`, which a fragment is about to join. Of
    /// users that are equal it is the one that has been so the longest: made-up sources push out those made up
    /// before them, and not who comes last.
    pub(super) fn victim(&self, next_sibling: impl Fn(u32) -> u32, spared: u32) -> Option<u32> {
        let class = self.occupied.checked_ilog2()? as usize;
        let oldest = self.slab.at(self.classes[class].head)?.entries.head;
        let victim = if oldest == spared {
            next_sibling(oldest)
        } else {
            oldest
        };
        (victim != NIL).then_some(victim)
    }

    /// Charges a source, and gives its place back when it has nothing left.
    pub(super) fn charge(&mut self, index: u32, more: Use, less: Use) {
        let Some(payer) = self.slab.at_mut(index) else {
            return;
        };
        payer.datagrams = (payer.datagrams + more.datagrams).saturating_sub(less.datagrams);
        payer.fragments = (payer.fragments + more.fragments).saturating_sub(less.fragments);
        payer.octets = (payer.octets + more.octets).saturating_sub(less.octets);
        let share = |part: usize, whole: usize| part.saturating_mul(0xffff) / whole.max(1);
        let share = share(payer.datagrams, self.limits.datagrams)
            .max(share(payer.fragments, self.limits.fragments))
            .max(share(payer.octets, self.limits.octets));
        let (class, is_gone) = (class_of(share), payer.datagrams == 0);
        if is_gone {
            self.leave(index);
            self.remove(index);
        } else if class != payer.class {
            self.leave(index);
            self.enter(index, class);
        }
    }

    fn remove(&mut self, index: u32) {
        let Some(payer) = self.slab.at(index) else {
            return;
        };
        let (hash, next) = (self.hash(payer.prefix), payer.chained);
        let mut before = self.chains.first(hash);
        if before == index {
            self.chains.set_first(hash, next);
        }
        while let Some(payer) = self.slab.at_mut(before) {
            if payer.chained == index {
                payer.chained = next;
                break;
            }
            before = payer.chained;
        }
        if let Some(key) = self.slab.key_at(index) {
            self.slab.remove(key);
        }
    }

    fn enter(&mut self, index: u32, class: usize) {
        let prev = self.classes[class].tail;
        if let Some(payer) = self.slab.at_mut(index) {
            payer.class = class;
            payer.links = Links { prev, next: NIL };
        }
        match self.slab.at_mut(prev) {
            Some(payer) => payer.links.next = index,
            None => self.classes[class].head = index,
        }
        self.classes[class].tail = index;
        self.occupied |= 1 << class;
    }

    fn leave(&mut self, index: u32) {
        let Some(payer) = self.slab.at(index) else {
            return;
        };
        let (class, Links { prev, next }) = (payer.class, payer.links);
        match self.slab.at_mut(prev) {
            Some(payer) => payer.links.next = next,
            None => self.classes[class].head = next,
        }
        match self.slab.at_mut(next) {
            Some(payer) => payer.links.prev = prev,
            None => self.classes[class].tail = prev,
        }
        if self.classes[class].head == NIL {
            self.occupied &= !(1 << class);
        }
    }

    fn hash(&self, prefix: A) -> u64 {
        Hash::new(self.seed)
            .octets(prefix.octets().as_ref())
            .finish()
    }
}

/// Four classes for each doubling.
fn class_of(share: usize) -> usize {
    let share = share.clamp(1, 0xffff);
    let log = share.ilog2() as usize;
    (log * 4 + ((share << 2) >> log) % 4).min(CLASSES - 1)
}

#[cfg(test)]
mod tests {
    use super::class_of;

    #[test]
    fn larger_shares_are_in_higher_classes() {
        let mut last = 0;
        for share in 0..=0xffff {
            let class = class_of(share);
            assert!(class >= last && class < 64);
            last = class;
        }
        assert_eq!(last, 63);
        assert!(class_of(500) < class_of(600));
    }
}

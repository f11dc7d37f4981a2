//! Groups of next hops: equal and weighted multipath, with as few flows moved as can be.
//!
//! Each group has a row of buckets, and a flow's hash names one of them: from a look-up's answer to the
//! member is one more access. Resilient hashing, so that a change disrupts little (RFC 2992 says how much
//! others do): a member that leaves gives away its own buckets and no other is touched; one that comes, or changes its weight, gets
//! its share by and by, as the caller [settles](Groups::settle) the group.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::num::{NonZeroU16, NonZeroU32};
use core::sync::atomic::{AtomicU32, Ordering};

use super::NextHop;

/// Binary logarithm of the most buckets of a group.
const MAX_BITS: u32 = 10;

// The place of any bucket of any group is a number of 32 bits: no shift loses any, wherever this runs.
const _: () = assert!(NextHop::MAX_INDEX <= u32::MAX >> MAX_BITS);

/// What [`Groups`] may hold; memory for all buckets, 4 octets each, is taken at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupLimits {
    /// Groups, 2²² at most, and no more than this machine can address the buckets of.
    pub groups: u32,
    /// Members of each.
    pub members: usize,
    /// Buckets of each: a power of two from 64 to 1024 (others are rounded up into that). A member's share
    /// is exact to one bucket.
    pub buckets: u32,
}

impl Default for GroupLimits {
    /// 1024 groups of up to 32 members in 128 buckets: 512 KiB.
    fn default() -> Self {
        Self {
            groups: 1024,
            members: 32,
            buckets: 128,
        }
    }
}

/// Why a group or a member was not added; nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupsFull {
    /// [`GroupLimits::groups`] is reached.
    Groups,
    /// [`GroupLimits::members`] is reached.
    Members,
    /// There is no group of this number.
    NoGroup,
}

impl fmt::Display for GroupsFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Groups => "there are already as many groups as the limit allows",
            Self::Members => "the group already has as many members as the limit allows",
            Self::NoGroup => "expected the number of a group, found one that is none",
        })
    }
}

impl core::error::Error for GroupsFull {}

/// The number of a member, in a table that is the caller's: where packets really go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Adjacency(NonZeroU32);

impl Adjacency {
    /// The adjacency with this index; `None` for [`u32::MAX`].
    pub const fn new(index: u32) -> Option<Self> {
        match NonZeroU32::new(index.wrapping_add(1)) {
            Some(stored) => Some(Self(stored)),
            None => None,
        }
    }

    /// The index.
    pub const fn index(self) -> u32 {
        self.0.get() - 1
    }
}

/// The groups, and the right to change them.
///
/// ```
/// use std::num::NonZeroU16;
/// use waypost_ip::fib::{Adjacency, GroupLimits, Groups};
///
/// let mut groups = Groups::new(GroupLimits::default());
/// let group = groups.add().unwrap();
/// let [left, right] = [0, 1].map(|n| Adjacency::new(n).unwrap());
/// groups.join(group, left, NonZeroU16::new(1).unwrap()).unwrap();
/// groups.join(group, right, NonZeroU16::new(3).unwrap()).unwrap();
/// // All flows still go left; a quarter of the buckets may change now.
/// assert_eq!(groups.settle(group, 32), 32);
///
/// let reader = groups.reader();
/// assert!(reader.select(group, 0x9e37_79b9).is_some());
/// ```
#[derive(Debug)]
pub struct Groups {
    buckets: GroupReader,
    groups: Vec<Option<Group>>,
    free: Vec<u32>,
    limits: GroupLimits,
    counters: GroupCounters,
}

/// What happened to [`Groups`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupCounters {
    /// Groups and members that a limit refused.
    pub refused: u64,
    /// Buckets that went from a member to another, since one left or one settled.
    pub moved: u64,
}

#[derive(Debug, Default)]
struct Group {
    members: Vec<Member>,
    /// From which bucket to look for one to take: in turn, so that not always the same flows move.
    next: u32,
}

#[derive(Debug)]
struct Member {
    adjacency: Adjacency,
    weight: NonZeroU16,
    buckets: u32,
}

/// Finds members, on any thread, beside whoever changes the groups.
#[derive(Clone, Debug)]
pub struct GroupReader {
    words: Arc<[AtomicU32]>,
    /// Binary logarithm of the buckets of a group.
    bits: u32,
}

impl GroupReader {
    /// The member of a group for a flow, by a hash of 32 good bits; `None` when the group has no members,
    /// or is none.
    #[inline]
    pub fn select(&self, group: NextHop, hash: u32) -> Option<Adjacency> {
        let bucket = (group.index() as usize) << self.bits | (hash >> (32 - self.bits)) as usize;
        let stored = self.words.get(bucket)?.load(Ordering::Acquire);
        NonZeroU32::new(stored).map(Adjacency)
    }
}

impl Groups {
    /// No groups.
    pub fn new(limits: GroupLimits) -> Self {
        let buckets = limits.buckets.clamp(64, 1 << MAX_BITS).next_power_of_two();
        let limits = GroupLimits {
            groups: limits.groups.min(most_groups(isize::MAX as u64, buckets)),
            buckets,
            ..limits
        };
        let words = limits.groups as usize * limits.buckets as usize;
        Self {
            buckets: GroupReader {
                words: (0..words).map(|_| AtomicU32::new(0)).collect(),
                bits: limits.buckets.ilog2(),
            },
            groups: Vec::new(),
            free: Vec::new(),
            limits,
            counters: GroupCounters::default(),
        }
    }

    /// What finds members, for another thread; it sees all changes.
    pub fn reader(&self) -> GroupReader {
        self.buckets.clone()
    }

    /// A group without members, as the next hop to give to routes.
    ///
    /// # Errors
    /// [`GroupsFull::Groups`], counted.
    pub fn add(&mut self) -> Result<NextHop, GroupsFull> {
        let len = self.groups.len() as u32;
        let index = match self.free.pop() {
            Some(index) => index,
            None if len < self.limits.groups => {
                self.groups.push(None);
                len
            }
            None => return Err(self.refuse(GroupsFull::Groups)),
        };
        if let Some(place) = self.groups.get_mut(index as usize) {
            *place = Some(Group::default());
        }
        NextHop::new(index).ok_or(GroupsFull::Groups)
    }

    /// Removes a group: no route may lead to it any more, and no reader hold an answer that does, since the
    /// number is used again. Returns whether there was such a group.
    pub fn remove(&mut self, group: NextHop) -> bool {
        let Some(place) = self.groups.get_mut(group.index() as usize) else {
            return false;
        };
        if place.take().is_none() {
            return false;
        }
        self.free.push(group.index());
        for word in self.row(group) {
            word.store(0, Ordering::Release);
        }
        true
    }

    /// Adds a member, or changes its weight. It gets buckets when the group is [settled](Self::settle);
    /// the first member all at once.
    ///
    /// # Errors
    /// [`GroupsFull`], counted.
    pub fn join(
        &mut self,
        group: NextHop,
        adjacency: Adjacency,
        weight: NonZeroU16,
    ) -> Result<(), GroupsFull> {
        let most = self.limits.members;
        let joined = match self.group_mut(group) {
            None => Err(GroupsFull::NoGroup),
            Some(it) => {
                let room = it.members.len() < most;
                match it.members.iter_mut().find(|it| it.adjacency == adjacency) {
                    Some(member) => {
                        member.weight = weight;
                        Ok(())
                    }
                    None if room => {
                        it.members.push(Member {
                            adjacency,
                            weight,
                            buckets: 0,
                        });
                        Ok(())
                    }
                    None => Err(GroupsFull::Members),
                }
            }
        };
        joined.map_err(|full| self.refuse(full))?;
        self.fill(group, None);
        Ok(())
    }

    /// Removes a member at once: its buckets, and no others, go to those who have least of their share.
    /// Returns whether it was one.
    pub fn leave(&mut self, group: NextHop, adjacency: Adjacency) -> bool {
        let Some(it) = self.group_mut(group) else {
            return false;
        };
        let Some(at) = it.members.iter().position(|it| it.adjacency == adjacency) else {
            return false;
        };
        let gone = it.members.remove(at);
        if !it.members.is_empty() {
            self.counters.moved += u64::from(gone.buckets);
        }
        self.fill(group, Some(adjacency));
        true
    }

    /// Moves up to `most` buckets to members that have less than their share, and returns how many:
    /// 0 once each has its share but for a fraction of a bucket. How often, and how many at once, is how
    /// fast flows move.
    pub fn settle(&mut self, group: NextHop, most: usize) -> usize {
        let buckets = self.limits.buckets;
        let mut moved = 0;
        while moved < most {
            let Some(it) = self
                .groups
                .get_mut(group.index() as usize)
                .and_then(Option::as_mut)
            else {
                break;
            };
            let Some((from, to)) = it.imbalance(buckets) else {
                break;
            };
            let row = (group.index() as usize) << self.buckets.bits;
            let words = &self.buckets.words;
            let found = (0..buckets).map(|n| (it.next + n) % buckets).find(|n| {
                let word = words.get(row + *n as usize);
                word.is_some_and(|word| word.load(Ordering::Relaxed) == from.0.get())
            });
            let Some(bucket) = found else {
                break;
            };
            if let Some(word) = words.get(row + bucket as usize) {
                word.store(to.0.get(), Ordering::Release);
            }
            // Far from the last, and coming by all in the end: an odd step.
            it.next = (bucket + buckets / 2 + 1) % buckets;
            for member in &mut it.members {
                member.buckets -= u32::from(member.adjacency == from);
                member.buckets += u32::from(member.adjacency == to);
            }
            moved += 1;
        }
        self.counters.moved += moved as u64;
        moved
    }

    /// The members of a group: each with its weight and how many buckets it has.
    pub fn members(
        &self,
        group: NextHop,
    ) -> impl Iterator<Item = (Adjacency, NonZeroU16, u32)> + '_ {
        let group = self.groups.get(group.index() as usize);
        let members = group.and_then(Option::as_ref).map(|it| it.members.iter());
        let shown = |it: &Member| (it.adjacency, it.weight, it.buckets);
        members.into_iter().flatten().map(shown)
    }

    /// What happened so far.
    pub const fn counters(&self) -> GroupCounters {
        self.counters
    }

    const fn refuse(&mut self, full: GroupsFull) -> GroupsFull {
        self.counters.refused += 1;
        full
    }

    fn group_mut(&mut self, group: NextHop) -> Option<&mut Group> {
        self.groups.get_mut(group.index() as usize)?.as_mut()
    }

    fn row(&self, group: NextHop) -> &[AtomicU32] {
        let first = (group.index() as usize) << self.buckets.bits;
        let row = first..first + self.limits.buckets as usize;
        self.buckets.words.get(row).unwrap_or_default()
    }

    /// Gives the buckets of a member that is gone, or those that nobody has, to the members.
    fn fill(&mut self, group: NextHop, gone: Option<Adjacency>) {
        let gone = gone.map_or(0, |gone| gone.0.get());
        let first = (group.index() as usize) << self.buckets.bits;
        let Some(Some(it)) = self.groups.get_mut(group.index() as usize) else {
            return;
        };
        let row = first..first + self.limits.buckets as usize;
        for word in self.buckets.words.get(row).unwrap_or_default() {
            if word.load(Ordering::Relaxed) == gone {
                let to = it.neediest(self.limits.buckets).map(|member| {
                    member.buckets += 1;
                    member.adjacency.0.get()
                });
                word.store(to.unwrap_or(0), Ordering::Release);
            }
        }
    }
}

/// How many groups there can be where one piece of memory is no longer than `octets`.
fn most_groups(octets: u64, buckets: u32) -> u32 {
    let group = size_of::<AtomicU32>() as u64 * u64::from(buckets);
    let most = u64::from(NextHop::MAX_INDEX) + 1;
    (octets / group).min(most) as u32
}

impl Group {
    fn weights(&self) -> i64 {
        self.members
            .iter()
            .map(|it| i64::from(it.weight.get()))
            .sum()
    }

    /// The member that lacks most of its share.
    fn neediest(&mut self, buckets: u32) -> Option<&mut Member> {
        let weights = self.weights();
        self.members
            .iter_mut()
            .min_by_key(|it| it.surplus(buckets, weights))
    }

    /// From whom to whom a bucket should go: someone lacks a whole one, or has a whole one too many.
    fn imbalance(&self, buckets: u32) -> Option<(Adjacency, Adjacency)> {
        let weights = self.weights();
        let surplus = |it: &&Member| it.surplus(buckets, weights);
        let most = self.members.iter().max_by_key(surplus)?;
        let least = self.members.iter().min_by_key(surplus)?;
        let whole = surplus(&least) <= -weights || surplus(&most) >= weights;
        whole.then_some((most.adjacency, least.adjacency))
    }
}

impl Member {
    /// What it has beyond its share, in buckets times the sum of all weights.
    fn surplus(&self, buckets: u32, weights: i64) -> i64 {
        i64::from(self.buckets) * weights - i64::from(self.weight.get()) * i64::from(buckets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where addresses have 32 bits, all groups of all buckets would be more words than can be counted.
    #[test]
    fn there_are_no_more_groups_than_memory_can_hold() {
        for (buckets, most) in [(64, 1 << 22), (128, (1 << 22) - 1), (1024, (1 << 19) - 1)] {
            assert_eq!(most_groups(i64::MAX as u64, buckets), 1 << 22);
            assert_eq!(most_groups(i32::MAX as u64, buckets), most);
        }
        assert_eq!(most_groups(0, 64), 0);
    }
}

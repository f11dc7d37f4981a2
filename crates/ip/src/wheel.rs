//! A hierarchical timer wheel (Varghese and Lauck, SOSP 1987, scheme 7): starting, moving and cancelling a
//! timer take constant time, and the caller passes the time in.
//!
//! Time is cut into ticks. A timer lies in one of 64 slots of one of 8 levels: the level is the highest
//! group of 6 bits in which the tick of its deadline differs from the current tick, the slot is that group
//! of the deadline. When the current tick enters a slot of a higher level, its timers move down; what is
//! left of the current tick and before lies in the list of those due, sorted by deadline when it is read.
//! So timers fire in order of their deadlines to the nanosecond, never early, whatever the tick: the tick
//! only says how finely the work is spread. Timers of equal deadline fire in the order in which they were
//! started.

use crate::slab::{Key, NIL, Slab, Slot};
use crate::storage::Store;
use waypost_wire::Instant;

/// Bits of the tick that one level resolves.
const LEVEL_BITS: u32 = 6;
const SLOTS: usize = 1 << LEVEL_BITS;
const LEVELS: usize = 8;
/// Bits of the 64-bit nanosecond that the levels leave to the tick at least.
const MIN_TICK_LOG2: u32 = 64 - LEVEL_BITS * LEVELS as u32;
/// The number of the list of those due; slots have the numbers below.
const DUE: u16 = (LEVELS * SLOTS) as u16;

/// One running timer, in the storage of a [`Wheel`].
#[derive(Clone, Debug)]
pub struct Timer<K> {
    deadline: Instant,
    payload: K,
    prev: u32,
    next: u32,
    /// Level × 64 + slot, or [`DUE`].
    list: u16,
}

/// A list of timers through the slab.
#[derive(Clone, Copy, Debug)]
struct List {
    head: u32,
    tail: u32,
    /// Not later than any deadline in the list; exact until a timer is cancelled.
    earliest: Instant,
}

impl List {
    const EMPTY: Self = Self {
        head: NIL,
        tail: NIL,
        earliest: Instant::MAX,
    };
}

/// Timers that carry a `K` each, over the storage `S`.
///
/// ```
/// use waypost_ip::slab::Slot;
/// use waypost_ip::wheel::Wheel;
/// use waypost_wire::Instant;
///
/// let mut wheel = Wheel::new([const { Slot::EMPTY }; 16], 16);
/// let probe = wheel.start(Instant::from_secs(5), "probe").unwrap();
/// wheel.start(Instant::from_secs(1), "request").unwrap();
/// assert_eq!(wheel.next_deadline(), Some(Instant::from_secs(1)));
/// wheel.cancel(probe);
/// assert_eq!(wheel.expire(Instant::from_secs(9)), Some((Instant::from_secs(1), "request")));
/// assert_eq!(wheel.expire(Instant::from_secs(9)), None);
/// ```
#[derive(Clone, Debug)]
pub struct Wheel<K, S> {
    timers: Slab<Timer<K>, S>,
    slots: [[List; SLOTS]; LEVELS],
    /// Per level, one bit for each slot that is not empty.
    occupied: [u64; LEVELS],
    due: List,
    due_sorted: bool,
    /// The tick up to which slots have been emptied.
    current: u64,
    tick_log2: u32,
    refused: u64,
}

/// A wheel whose storage grows to its limit.
#[cfg(feature = "alloc")]
pub type VecWheel<K> = Wheel<K, alloc::vec::Vec<Slot<Timer<K>>>>;

impl<K, S: Store<Slot<Timer<K>>>> Wheel<K, S> {
    /// A wheel of at most `limit` timers with ticks of 2²⁰ ns, about a millisecond: right for the timeouts
    /// of protocols, which are rarely shorter.
    pub fn new(storage: S, limit: usize) -> Self {
        Self::with_tick(storage, limit, 20)
    }

    /// A wheel with ticks of 2<sup>`tick_log2`</sup> ns; taken as 16 (66 µs) if less and 63 if more.
    pub fn with_tick(storage: S, limit: usize, tick_log2: u32) -> Self {
        Self {
            timers: Slab::new(storage, limit),
            slots: [[List::EMPTY; SLOTS]; LEVELS],
            occupied: [0; LEVELS],
            due: List::EMPTY,
            due_sorted: true,
            current: 0,
            tick_log2: tick_log2.clamp(MIN_TICK_LOG2, 63),
            refused: 0,
        }
    }

    /// How many timers run.
    pub fn len(&self) -> usize {
        self.timers.len()
    }

    /// Whether no timer runs.
    pub fn is_empty(&self) -> bool {
        self.timers.is_empty()
    }

    /// How many timers were refused because the limit or the end of the storage was reached.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Starts a timer. A deadline in the past fires at the next [`expire`](Self::expire).
    ///
    /// # Errors
    /// Gives the payload back, and counts it in [`refused`](Self::refused), when there is no place left.
    pub fn start(&mut self, deadline: Instant, payload: K) -> Result<Key, K> {
        let timer = Timer {
            deadline,
            payload,
            prev: NIL,
            next: NIL,
            list: DUE,
        };
        match self.timers.insert(timer) {
            Ok(key) => {
                self.link(key.index());
                Ok(key)
            }
            Err(timer) => {
                self.refused += 1;
                Err(timer.payload)
            }
        }
    }

    /// Moves a running timer to another deadline; `false` if it runs no more.
    pub fn restart(&mut self, key: Key, deadline: Instant) -> bool {
        if self.timers.view(key).is_none() {
            return false;
        }
        self.unlink(key.index());
        if let Some(timer) = self.timers.at_mut(key.index()) {
            timer.deadline = deadline;
        }
        self.link(key.index());
        true
    }

    /// Stops a timer and returns its payload; `None` if it runs no more.
    pub fn cancel(&mut self, key: Key) -> Option<K> {
        self.timers.view(key)?;
        self.unlink(key.index());
        Some(self.timers.remove(key)?.payload)
    }

    /// When a running timer fires; `None` if it runs no more.
    pub fn deadline(&self, key: Key) -> Option<Instant> {
        Some(self.timers.view(key)?.deadline)
    }

    /// When [`expire`](Self::expire) should be called next: the earliest deadline, or an instant before it
    /// where the earliest timer was cancelled; `None` when no timer runs. Takes constant time.
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.due.head != NIL {
            return Some(self.due.earliest);
        }
        let (level, slot) = self.next_slot()?;
        Some(self.slots[level][slot].earliest)
    }

    /// Takes the earliest timer whose deadline is not after `now`, with its deadline; to be called until it
    /// returns `None`. A `now` before that of an earlier call finds nothing new.
    pub fn expire(&mut self, now: Instant) -> Option<(Instant, K)> {
        self.advance(now);
        if !self.due_sorted {
            self.sort_due();
        }
        let head = self.due.head;
        let deadline = self.timers.at(head)?.deadline;
        self.due.earliest = deadline;
        if deadline > now {
            return None;
        }
        let key = self.timers.key_at(head)?;
        self.unlink(head);
        if let Some(next) = self.timers.at(self.due.head) {
            self.due.earliest = next.deadline;
        }
        Some((deadline, self.timers.remove(key)?.payload))
    }

    /// The first slot in order of time that holds a timer. Slots of a lower level come before all of the
    /// higher ones, and within a level all lie after the current tick, since bits above are equal.
    fn next_slot(&self) -> Option<(usize, usize)> {
        let level = self.occupied.iter().position(|bits| *bits != 0)?;
        Some((level, self.occupied[level].trailing_zeros() as usize))
    }

    /// Makes the tick of `now` the current one and moves all that is due by then to the list of those due.
    fn advance(&mut self, now: Instant) {
        let target = now.as_nanos() >> self.tick_log2;
        if target <= self.current {
            return;
        }
        while let Some((level, slot)) = self.next_slot() {
            let shift = LEVEL_BITS * level as u32;
            let above = (self.current >> shift) >> LEVEL_BITS << LEVEL_BITS;
            let start = (above | slot as u64) << shift;
            if start > target {
                break;
            }
            self.current = start;
            self.occupied[level] &= !(1 << slot);
            let list = core::mem::replace(&mut self.slots[level][slot], List::EMPTY);
            let mut index = list.head;
            while let Some(timer) = self.timers.at(index) {
                let next = timer.next;
                self.link(index);
                index = next;
            }
        }
        self.current = target;
    }

    /// Appends a timer to the list where its deadline belongs.
    fn link(&mut self, index: u32) {
        let Some(timer) = self.timers.at(index) else {
            return;
        };
        let deadline = timer.deadline;
        let tick = deadline.as_nanos() >> self.tick_log2;
        let number = if tick <= self.current {
            DUE
        } else {
            let highest = 63 - (tick ^ self.current).leading_zeros();
            let level = highest / LEVEL_BITS;
            let slot = (tick >> (level * LEVEL_BITS)) as usize % SLOTS;
            (level as usize * SLOTS + slot) as u16
        };
        let tail = self.list(number).tail;
        if number == DUE {
            let ordered = self
                .timers
                .at(tail)
                .is_none_or(|last| last.deadline <= deadline);
            self.due_sorted &= ordered;
        } else {
            self.occupied[usize::from(number) / SLOTS] |= 1 << (usize::from(number) % SLOTS);
        }
        if let Some(timer) = self.timers.at_mut(index) {
            timer.list = number;
            timer.prev = tail;
            timer.next = NIL;
        }
        match self.timers.at_mut(tail) {
            Some(last) => last.next = index,
            None => self.list(number).head = index,
        }
        let list = self.list(number);
        list.tail = index;
        list.earliest = list.earliest.min(deadline);
    }

    /// Takes a timer out of its list.
    fn unlink(&mut self, index: u32) {
        let Some(timer) = self.timers.at(index) else {
            return;
        };
        let (number, prev, next) = (timer.list, timer.prev, timer.next);
        match self.timers.at_mut(prev) {
            Some(before) => before.next = next,
            None => self.list(number).head = next,
        }
        match self.timers.at_mut(next) {
            Some(after) => after.prev = prev,
            None => self.list(number).tail = prev,
        }
        if self.list(number).head == NIL {
            self.list(number).earliest = Instant::MAX;
            if number == DUE {
                self.due_sorted = true;
            } else {
                self.occupied[usize::from(number) / SLOTS] &= !(1 << (usize::from(number) % SLOTS));
            }
        }
    }

    fn list(&mut self, number: u16) -> &mut List {
        let number = usize::from(number);
        match self.slots.get_mut(number / SLOTS) {
            Some(level) => &mut level[number % SLOTS],
            None => &mut self.due,
        }
    }

    /// Sorts the list of those due by deadline: natural merge sort, stable and in place, one pass for a
    /// list of two ordered runs.
    fn sort_due(&mut self) {
        loop {
            let (mut rest, mut runs) = (self.due.head, 0);
            self.due.head = NIL;
            self.due.tail = NIL;
            while rest != NIL {
                let (first, second_and_on) = self.split_run(rest);
                let (second, beyond) = self.split_run(second_and_on);
                self.merge(first, second);
                rest = beyond;
                runs += 1;
            }
            if runs <= 1 {
                break;
            }
        }
        self.due_sorted = true;
    }

    /// Cuts the ordered run that starts at `head` off what follows; both may be [`NIL`].
    fn split_run(&mut self, head: u32) -> (u32, u32) {
        let mut last = head;
        while let Some(timer) = self.timers.at(last) {
            let (deadline, next) = (timer.deadline, timer.next);
            match self.timers.at(next) {
                Some(following) if following.deadline >= deadline => last = next,
                _ => {
                    if let Some(timer) = self.timers.at_mut(last) {
                        timer.next = NIL;
                    }
                    return (head, next);
                }
            }
        }
        (head, NIL)
    }

    /// Appends two ordered runs, merged, to the list of those due.
    fn merge(&mut self, mut a: u32, mut b: u32) {
        loop {
            let taken = match (self.timers.at(a), self.timers.at(b)) {
                (None, None) => break,
                (Some(_), None) => &mut a,
                (None, Some(_)) => &mut b,
                (Some(first), Some(second)) if second.deadline < first.deadline => &mut b,
                (Some(_), Some(_)) => &mut a,
            };
            let index = *taken;
            let tail = self.due.tail;
            if let Some(timer) = self.timers.at_mut(index) {
                *taken = timer.next;
                timer.prev = tail;
                timer.next = NIL;
            }
            match self.timers.at_mut(tail) {
                Some(last) => last.next = index,
                None => self.due.head = index,
            }
            self.due.tail = index;
        }
    }
}

//! A hierarchical timer wheel (Varghese and Lauck, SOSP 1987, scheme 7): starting, moving and cancelling a
//! timer take constant time, and the caller passes the time in.
//!
//! Time is cut into ticks. A timer lies in one of 64 slots of one of 8 levels: the level is the highest
//! group of 6 bits in which the tick of its deadline differs from the current tick, the slot is that group
//! of the deadline. The current tick goes from one slot that holds timers to the next; their timers move down,
//! and those of the current tick lie in the list of those due, sorted by deadline when it is read.
//! So timers fire in order of their deadlines to the nanosecond, never early, whatever the tick: the tick
//! only says how finely the work is spread. Timers of equal deadline fire in the order in which they were
//! started.
//!
//! One call of [`expire`](Wheel::expire) moves 1024 timers at most: where a slot of a higher level has more, they
//! move over as many calls as that takes, and [`next_deadline`](Wheel::next_deadline) says meanwhile that there is
//! something to do. What is sorted at once is what fires in one tick, of which a caller who starts so many that it
//! matters should make the tick shorter.

mod due;

use waypost_wire::Instant;

use crate::slab::{Key, NIL, Slab, Slot};
use crate::storage::Store;

/// Bits of the tick that one level resolves.
const LEVEL_BITS: u32 = 6;
const SLOTS: usize = 1 << LEVEL_BITS;
const LEVELS: usize = 8;
/// Bits of the 64-bit nanosecond that the levels leave to the tick at least.
const MIN_TICK_LOG2: u32 = 64 - LEVEL_BITS * LEVELS as u32;
/// The number of the list of those due; slots have the numbers below.
const DUE: u16 = (LEVELS * SLOTS) as u16;
/// Timers that one call moves down.
const MOVES: usize = 1024;
/// Timers that one which is started moves down, so that however many are, there is an end to a slot.
const MOVES_EACH: usize = 4;
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
    /// The tick up to which slots have been emptied, that of the one which is being emptied apart.
    current: u64,
    /// The slot whose timers are moving down: its level and the tick at which it begins.
    moving: Option<(usize, u64)>,
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
            moving: None,
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
        self.move_down(&mut { MOVES_EACH });
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
        self.move_down(&mut { MOVES_EACH });
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
    /// where the earliest timer was cancelled or restarted, or many move; `None` when no timer runs. Takes constant
    /// time.
    pub fn next_deadline(&self) -> Option<Instant> {
        if let Some((_, start)) = self.moving {
            let start = Instant::from_nanos(start << self.tick_log2);
            return Some(start.min(self.due.earliest));
        }
        if self.due.head != NIL {
            return Some(self.due.earliest);
        }
        let (level, slot) = self.next_slot()?;
        Some(self.slots[level][slot].earliest)
    }

    /// Takes the earliest timer whose deadline is not after `now`, with its deadline; to be called until it
    /// returns `None`, and again when [`next_deadline`](Self::next_deadline) says: at once, if more timers have to
    /// move first than one call moves. A `now` before that of an earlier call finds those whose deadline is not
    /// after it, if any are left.
    pub fn expire(&mut self, now: Instant) -> Option<(Instant, K)> {
        let (key, deadline) = self.due(now)?;
        self.unlink(key.index());
        if let Some(next) = self.timers.at(self.due.head) {
            self.due.earliest = next.deadline;
        }
        Some((deadline, self.timers.remove(key)?.payload))
    }

    /// The timer that [`expire`](Self::expire) would take, with its deadline. It runs on: to be
    /// [`restart`](Self::restart)ed under the same key, or taken.
    pub(crate) fn due(&mut self, now: Instant) -> Option<(Key, Instant)> {
        if !self.advance(now) {
            return None;
        }
        if !self.due_sorted {
            self.sort_due();
        }
        let head = self.due.head;
        let deadline = self.timers.at(head)?.deadline;
        self.due.earliest = deadline;
        if deadline > now {
            return None;
        }
        Some((self.timers.key_at(head)?, deadline))
    }

    /// What a running timer carries, to change.
    pub(crate) fn payload_mut(&mut self, key: Key) -> Option<&mut K> {
        Some(&mut self.timers.view_mut(key)?.payload)
    }

    /// The first slot in order of time that holds a timer. Slots of a lower level come before all of the
    /// higher ones, and within a level all lie after the current tick, since bits above are equal.
    fn next_slot(&self) -> Option<(usize, usize)> {
        let level = self.occupied.iter().position(|bits| *bits != 0)?;
        Some((level, self.occupied[level].trailing_zeros() as usize))
    }

    /// Goes on to the next slot that holds timers, until some are due or there is none up to the tick of `now`, which
    /// is the current one then. `false` if that takes more moves than one call may make.
    fn advance(&mut self, now: Instant) -> bool {
        let target = now.as_nanos() >> self.tick_log2;
        let mut moves = MOVES;
        loop {
            if !self.move_down(&mut moves) {
                return false;
            }
            if self.due.head != NIL {
                return true;
            }
            let next = self.next_slot().map(|(level, slot)| {
                let shift = LEVEL_BITS * level as u32;
                let above = (self.current >> shift) >> LEVEL_BITS << LEVEL_BITS;
                (level, (above | slot as u64) << shift)
            });
            match next {
                Some((level, start)) if start <= target => {
                    self.current = start;
                    self.moving = Some((level, start));
                }
                _ => {
                    self.current = self.current.max(target);
                    return true;
                }
            }
        }
    }

    /// Moves timers of the slot that is being emptied to where they belong now; `false` if some are left.
    fn move_down(&mut self, moves: &mut usize) -> bool {
        while let Some((level, start)) = self.moving {
            let slot = (start >> (LEVEL_BITS * level as u32)) as usize % SLOTS;
            let index = self.slots[level][slot].head;
            if index == NIL {
                self.moving = None;
                break;
            }
            if *moves == 0 {
                return false;
            }
            *moves -= 1;
            self.unlink(index);
            self.place(index);
        }
        true
    }

    /// Puts a timer into the list where its deadline belongs. Where that is a slot whose timers are moving, it waits
    /// for its turn behind those that were started before.
    fn link(&mut self, index: u32) {
        let Some(timer) = self.timers.at(index) else {
            return;
        };
        let tick = timer.deadline.as_nanos() >> self.tick_log2;
        match self.moving {
            Some((level, start)) if is_within(tick, level, start) => {
                self.append(index, number_of(tick, level));
            }
            _ => self.place(index),
        }
    }

    /// Puts a timer into the slot in which it lies as seen from the current tick, or among those due.
    fn place(&mut self, index: u32) {
        let Some(timer) = self.timers.at(index) else {
            return;
        };
        let tick = timer.deadline.as_nanos() >> self.tick_log2;
        if tick <= self.current {
            self.place_due(index);
        } else {
            let highest = 63 - (tick ^ self.current).leading_zeros();
            self.append(index, number_of(tick, (highest / LEVEL_BITS) as usize));
        }
    }

    fn append(&mut self, index: u32, number: u16) {
        let tail = self.list(number).tail;
        self.insert(index, number, tail, NIL);
    }

    /// Puts a timer between two neighbours of a list.
    fn insert(&mut self, index: u32, number: u16, before: u32, after: u32) {
        let Some(timer) = self.timers.at_mut(index) else {
            return;
        };
        let deadline = timer.deadline;
        timer.list = number;
        timer.prev = before;
        timer.next = after;
        if number != DUE {
            self.occupied[usize::from(number) / SLOTS] |= 1 << (usize::from(number) % SLOTS);
        }
        match self.timers.at_mut(before) {
            Some(timer) => timer.next = index,
            None => self.list(number).head = index,
        }
        match self.timers.at_mut(after) {
            Some(timer) => timer.prev = index,
            None => self.list(number).tail = index,
        }
        let list = self.list(number);
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
}

/// The number of the slot of a level in which a tick lies.
const fn number_of(tick: u64, level: usize) -> u16 {
    let slot = (tick >> (LEVEL_BITS * level as u32)) as usize % SLOTS;
    (level * SLOTS + slot) as u16
}

/// Whether a tick lies in the slot of a level that begins at `start`.
const fn is_within(tick: u64, level: usize, start: u64) -> bool {
    let shift = LEVEL_BITS * level as u32;
    tick >> shift == start >> shift
}

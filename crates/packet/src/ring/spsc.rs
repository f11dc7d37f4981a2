//! A bounded ring with one producer and one consumer.
//!
//! Each end looks at the other's position only when what it saw last is not enough, and a consumer may give many places back at
//! once: so the lines of the positions seldom go from core to core.

use alloc::boxed::Box;
use core::cell::Cell;
use core::fmt;
use core::mem::MaybeUninit;

use super::is_alone;
use crate::sync::{Arc, AtomicUsize, Ordering, Padded, UnsafeCell};

/// A ring for `capacity` items, rounded up to a power of two.
pub fn ring<T: Send>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    let capacity = capacity.clamp(1, 1 << 31).next_power_of_two();
    let places = (0..capacity)
        .map(|_| UnsafeCell::new(MaybeUninit::uninit()))
        .collect();
    let ring = Arc::new(Ring {
        head: Padded(AtomicUsize::new(0)),
        tail: Padded(AtomicUsize::new(0)),
        places,
    });
    let producer = Producer {
        ring: Arc::clone(&ring),
        tail: 0,
        head_seen: Cell::new(0),
    };
    (
        producer,
        Consumer {
            ring,
            head: 0,
            given_back: 0,
            tail_seen: Cell::new(0),
        },
    )
}

/// Positions count items since the beginning, and wrap with `usize`.
struct Ring<T> {
    /// The first item not yet taken; written by the consumer.
    head: Padded<AtomicUsize>,
    /// The first place not yet filled; written by the producer.
    tail: Padded<AtomicUsize>,
    places: Box<[UnsafeCell<MaybeUninit<T>>]>,
}

impl<T> Ring<T> {
    #[inline(always)]
    fn place(&self, position: usize) -> &UnsafeCell<MaybeUninit<T>> {
        // The mask keeps the index within the power of two that is the length.
        &self.places[position & (self.places.len() - 1)]
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        let tail = self.tail.load(Ordering::Acquire);
        let mut head = self.head.load(Ordering::Acquire);
        while head != tail {
            // SAFETY: places from head to tail are filled, and both ends of the ring are gone.
            #[allow(unsafe_code)]
            self.place(head)
                .with_mut(|place| unsafe { (*place).assume_init_drop() });
            head = head.wrapping_add(1);
        }
    }
}

// SAFETY: a place is written by the producer alone before it is published by `tail`, and read by the
// consumer alone before it is given back by `head`.
#[allow(unsafe_code)]
unsafe impl<T: Send> Sync for Ring<T> {}
// SAFETY: as above.
#[allow(unsafe_code)]
unsafe impl<T: Send> Send for Ring<T> {}

/// The end that fills.
pub struct Producer<T> {
    ring: Arc<Ring<T>>,
    tail: usize,
    /// The head when it was last looked at: it can only have moved on.
    head_seen: Cell<usize>,
}

impl<T: Send> Producer<T> {
    /// How many items the ring holds at most.
    pub fn capacity(&self) -> usize {
        self.ring.places.len()
    }

    /// For how many more items there is room, at least.
    #[inline]
    pub fn room(&self) -> usize {
        self.head_seen.set(self.ring.head.load(Ordering::Acquire));
        self.room_seen()
    }

    /// For how many more items there is room, at least; looks at what the consumer has given back only if `wanted` would not fit.
    #[inline]
    pub fn room_for(&self, wanted: usize) -> usize {
        let room = self.room_seen();
        if room < wanted { self.room() } else { room }
    }

    #[inline(always)]
    fn room_seen(&self) -> usize {
        self.capacity() - self.tail.wrapping_sub(self.head_seen.get())
    }

    /// Puts one item into the ring; gives it back if the ring is full.
    #[inline]
    pub fn push(&mut self, item: T) -> Result<(), T> {
        let mut item = Some(item);
        self.push_from(1, || item.take());
        item.map_or(Ok(()), Err)
    }

    /// Puts items into the ring, as `next` gives them, until it gives none, the ring is full or
    /// `max` are in; publishes them at once, and says how many.
    #[inline]
    pub fn push_from(&mut self, max: usize, mut next: impl FnMut() -> Option<T>) -> usize {
        let room = self.room_for(max).min(max);
        let mut count = 0;
        while count < room {
            let Some(item) = next() else { break };
            let place = self.ring.place(self.tail.wrapping_add(count));
            // SAFETY: the place lies before `head + capacity` and after `tail`: the consumer does
            // not look at it before `tail` is moved over it.
            #[allow(unsafe_code)]
            place.with_mut(|place| unsafe { (*place).write(item) });
            count += 1;
        }
        if count > 0 {
            self.tail = self.tail.wrapping_add(count);
            self.ring.tail.store(self.tail, Ordering::Release);
        }
        count
    }

    /// Whether the consumer is gone, so that nobody will ever take what is in the ring.
    pub fn is_abandoned(&self) -> bool {
        is_alone(&self.ring)
    }
}

/// The end that takes.
pub struct Consumer<T> {
    ring: Arc<Ring<T>>,
    head: usize,
    /// The head as the producer may know it.
    given_back: usize,
    /// The tail when it was last looked at: it can only have moved on.
    tail_seen: Cell<usize>,
}

impl<T: Send> Consumer<T> {
    /// How many items the ring holds at most.
    pub fn capacity(&self) -> usize {
        self.ring.places.len()
    }

    /// How many items wait, at least.
    #[inline]
    #[allow(
        clippy::len_without_is_empty,
        reason = "`len` changes under the caller's feet"
    )]
    pub fn len(&self) -> usize {
        self.tail_seen.set(self.ring.tail.load(Ordering::Acquire));
        self.len_seen()
    }

    #[inline(always)]
    fn len_seen(&self) -> usize {
        self.tail_seen.get().wrapping_sub(self.head)
    }

    /// Takes the oldest item.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        let mut item = None;
        self.pop_into(1, |it| item = Some(it));
        item
    }

    /// Hands up to `max` items to `each`, oldest first, gives their places back at once, and says how many.
    #[inline]
    pub fn pop_into(&mut self, max: usize, each: impl FnMut(T)) -> usize {
        let count = self.take_into(max, each);
        self.give_back();
        count
    }

    /// Hands up to `max` items to `each`, oldest first, and says how many. Their places are not given back before
    /// [`give_back`](Self::give_back): a producer that looks at them seldom has room for many at once.
    #[inline]
    pub fn take_into(&mut self, max: usize, mut each: impl FnMut(T)) -> usize {
        let mut count = self.len_seen();
        if count < max {
            count = self.len();
        }
        let count = count.min(max);
        for _ in 0..count {
            let place = self.ring.place(self.head);
            // Before `each`, which may panic: the ring must not drop the item again.
            self.head = self.head.wrapping_add(1);
            // SAFETY: the place lay between `head` and `tail`, is read once, and the producer does not write it before it is
            // given back.
            #[allow(unsafe_code)]
            each(place.with(|place| unsafe { (*place).assume_init_read() }));
        }
        count
    }

    /// How many places of items that were taken the producer does not have back.
    #[inline]
    pub fn kept(&self) -> usize {
        self.head.wrapping_sub(self.given_back)
    }

    /// Gives the places of all items that were taken back to the producer.
    #[inline]
    pub fn give_back(&mut self) {
        if self.kept() > 0 {
            self.given_back = self.head;
            self.ring.head.store(self.head, Ordering::Release);
        }
    }

    /// Whether the producer is gone, so that nothing will come after what is in the ring. What it put into it last may
    /// have come after the last pop: whoever is told so pops once more.
    pub fn is_abandoned(&self) -> bool {
        is_alone(&self.ring)
    }
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        // The ring drops what lies between the positions: not what was taken.
        self.ring.head.store(self.head, Ordering::Release);
    }
}

impl<T> fmt::Debug for Producer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("capacity", &self.ring.places.len())
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Consumer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("capacity", &self.ring.places.len())
            .finish_non_exhaustive()
    }
}

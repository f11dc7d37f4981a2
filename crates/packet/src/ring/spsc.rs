//! A bounded ring with one producer and one consumer.

use alloc::boxed::Box;
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
        head_seen: 0,
    };
    (
        producer,
        Consumer {
            ring,
            head: 0,
            tail_seen: 0,
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
    head_seen: usize,
}

impl<T: Send> Producer<T> {
    /// How many items the ring holds at most.
    pub fn capacity(&self) -> usize {
        self.ring.places.len()
    }

    /// For how many more items there is room, at least.
    #[inline]
    pub fn room(&mut self) -> usize {
        self.head_seen = self.ring.head.load(Ordering::Acquire);
        self.capacity() - self.tail.wrapping_sub(self.head_seen)
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
        let mut room = self.capacity() - self.tail.wrapping_sub(self.head_seen);
        if room < max {
            room = self.room();
        }
        let mut count = 0;
        while count < room.min(max) {
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
    /// The tail when it was last looked at: it can only have moved on.
    tail_seen: usize,
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
    pub fn len(&mut self) -> usize {
        self.tail_seen = self.ring.tail.load(Ordering::Acquire);
        self.tail_seen.wrapping_sub(self.head)
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
    pub fn pop_into(&mut self, max: usize, mut each: impl FnMut(T)) -> usize {
        let mut count = self.tail_seen.wrapping_sub(self.head);
        if count < max {
            count = self.len();
        }
        let mut taken = Taken {
            count: count.min(max),
            taken: 0,
            consumer: self,
        };
        while let Some(item) = taken.next() {
            each(item);
        }
        taken.taken
    }

    /// Whether the producer is gone, so that nothing will come after what is in the ring. What it put into it last may
    /// have come after the last pop: whoever is told so pops once more.
    pub fn is_abandoned(&self) -> bool {
        is_alone(&self.ring)
    }
}

/// Gives places back when it is dropped, also by a panic of the closure.
struct Taken<'a, T: Send> {
    consumer: &'a mut Consumer<T>,
    count: usize,
    taken: usize,
}

impl<T: Send> Taken<'_, T> {
    #[inline(always)]
    fn next(&mut self) -> Option<T> {
        if self.taken == self.count {
            return None;
        }
        let place = self
            .consumer
            .ring
            .place(self.consumer.head.wrapping_add(self.taken));
        self.taken += 1;
        // SAFETY: the place lies between `head` and `tail`, is read once, and the producer does not
        // write it before `head` is moved over it.
        #[allow(unsafe_code)]
        Some(place.with(|place| unsafe { (*place).assume_init_read() }))
    }
}

impl<T: Send> Drop for Taken<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.taken > 0 {
            self.consumer.head = self.consumer.head.wrapping_add(self.taken);
            self.consumer
                .ring
                .head
                .store(self.consumer.head, Ordering::Release);
        }
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

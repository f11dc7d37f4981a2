//! A bounded ring with many producers and one consumer.
//!
//! A producer claims places with one exchange for a whole batch, fills them, and marks each as
//! filled, so that nobody ever reads a place that is not. A producer that is interrupted between the
//! two delays the items behind its own, and loses nothing.

use alloc::boxed::Box;
use core::fmt;

use super::is_alone;
use crate::sync::{Arc, AtomicUsize, Ordering, Padded, UnsafeCell};

/// A ring for `capacity` items, rounded up to a power of two.
pub fn ring<T: Send>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    let capacity = capacity.clamp(1, 1 << 31).next_power_of_two();
    let places = (0..capacity)
        .map(|_| Place {
            filled: AtomicUsize::new(0),
            item: UnsafeCell::new(None),
        })
        .collect();
    let ring = Arc::new(Ring {
        head: Padded(AtomicUsize::new(0)),
        tail: Padded(AtomicUsize::new(0)),
        places,
    });
    (
        Producer {
            ring: Arc::clone(&ring),
        },
        Consumer { ring, head: 0 },
    )
}

/// Positions count items since the beginning, and wrap with `usize`.
struct Ring<T> {
    /// The first position not yet taken; written by the consumer.
    head: Padded<AtomicUsize>,
    /// The first position that no producer has claimed.
    tail: Padded<AtomicUsize>,
    places: Box<[Place<T>]>,
}

struct Place<T> {
    /// The position for which the place was filled last, and one: never that of a position to come.
    filled: AtomicUsize,
    /// Nothing, where a producer claimed more than it had.
    item: UnsafeCell<Option<T>>,
}

impl<T> Ring<T> {
    #[inline(always)]
    fn place(&self, position: usize) -> &Place<T> {
        // The mask keeps the index within the power of two that is the length.
        &self.places[position & (self.places.len() - 1)]
    }
}

// SAFETY: an item is written by the one producer that claimed its position, published by `filled`,
// and read by the consumer alone.
#[allow(unsafe_code)]
unsafe impl<T: Send> Sync for Ring<T> {}
// SAFETY: as above.
#[allow(unsafe_code)]
unsafe impl<T: Send> Send for Ring<T> {}

/// An end that fills; clone it for each thread.
pub struct Producer<T> {
    ring: Arc<Ring<T>>,
}

impl<T: Send> Producer<T> {
    /// How many items the ring holds at most.
    pub fn capacity(&self) -> usize {
        self.ring.places.len()
    }

    /// For how many more items there is room now; other producers may be faster.
    pub fn room(&self) -> usize {
        self.look().1
    }

    /// The tail, and for how many items there is room behind it.
    fn look(&self) -> (usize, usize) {
        loop {
            let tail = self.ring.tail.load(Ordering::Relaxed);
            let head = self.ring.head.load(Ordering::Acquire);
            // A head read after the tail may have passed it: then the tail has moved, which is seen now that the head is.
            if let Some(room) = self.capacity().checked_sub(tail.wrapping_sub(head)) {
                return (tail, room);
            }
        }
    }

    /// Puts one item into the ring; gives it back if the ring is full.
    pub fn push(&self, item: T) -> Result<(), T> {
        let mut claim = self.claim(1);
        if claim.is_empty() {
            Err(item)
        } else {
            claim.push(item)
        }
    }

    /// Claims room for up to `max` items, as much as there is.
    pub fn claim(&self, max: usize) -> Claim<'_, T> {
        loop {
            let (tail, room) = self.look();
            let count = room.min(max);
            if count == 0 {
                return Claim {
                    ring: &self.ring,
                    next: tail,
                    end: tail,
                };
            }
            let end = tail.wrapping_add(count);
            let claimed = self.ring.tail.compare_exchange_weak(
                tail,
                end,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
            if claimed.is_ok() {
                return Claim {
                    ring: &self.ring,
                    next: tail,
                    end,
                };
            }
        }
    }
}

/// Places that one producer has claimed. What it leaves unfilled is skipped by the consumer.
pub struct Claim<'a, T: Send> {
    ring: &'a Ring<T>,
    next: usize,
    end: usize,
}

impl<T: Send> Claim<'_, T> {
    /// How many more items fit.
    pub fn len(&self) -> usize {
        self.end.wrapping_sub(self.next)
    }

    /// Whether no more item fits.
    pub fn is_empty(&self) -> bool {
        self.next == self.end
    }

    /// Puts an item into the next of the places; gives it back if there is none.
    #[inline]
    pub fn push(&mut self, item: T) -> Result<(), T> {
        if self.is_empty() {
            return Err(item);
        }
        self.fill(Some(item));
        Ok(())
    }

    #[inline(always)]
    fn fill(&mut self, item: Option<T>) {
        let place = self.ring.place(self.next);
        self.next = self.next.wrapping_add(1);
        // SAFETY: the position is this claim's alone, and lies before `head + capacity`: the
        // consumer has taken what was there before.
        #[allow(unsafe_code)]
        place.item.with_mut(|it| unsafe { *it = item });
        place.filled.store(self.next, Ordering::Release);
    }
}

impl<T: Send> Drop for Claim<'_, T> {
    fn drop(&mut self) {
        while !self.is_empty() {
            self.fill(None);
        }
    }
}

impl<T> Clone for Producer<T> {
    fn clone(&self) -> Self {
        Self {
            ring: Arc::clone(&self.ring),
        }
    }
}

/// The end that takes.
pub struct Consumer<T> {
    ring: Arc<Ring<T>>,
    head: usize,
}

impl<T: Send> Consumer<T> {
    /// How many items the ring holds at most.
    pub fn capacity(&self) -> usize {
        self.ring.places.len()
    }

    /// Takes the oldest item.
    pub fn pop(&mut self) -> Option<T> {
        let mut item = None;
        self.pop_into(1, |it| item = Some(it));
        item
    }

    /// Hands up to `max` items to `each`, in the order of their claims, and says how many.
    #[inline]
    pub fn pop_into(&mut self, max: usize, mut each: impl FnMut(T)) -> usize {
        let mut count = 0;
        while count < max && self.is_ready() {
            let place = self.ring.place(self.head);
            // SAFETY: the place is filled for this position, and the producers do not touch it
            // before `head` is moved over it.
            #[allow(unsafe_code)]
            let item = place.item.with_mut(|it| unsafe { (*it).take() });
            self.head = self.head.wrapping_add(1);
            if let Some(item) = item {
                count += 1;
                each(item);
            }
        }
        if self.ring.head.load(Ordering::Relaxed) != self.head {
            self.ring.head.store(self.head, Ordering::Release);
        }
        count
    }

    /// Whether an item, or a skipped place, is there to be taken.
    #[inline]
    pub fn is_ready(&self) -> bool {
        self.ring.place(self.head).filled.load(Ordering::Acquire) == self.head.wrapping_add(1)
    }

    /// Whether all producers are gone, so that nothing will come after what is in the ring. What they put into it last
    /// may have come after the last pop: whoever is told so pops once more.
    pub fn is_abandoned(&self) -> bool {
        is_alone(&self.ring)
    }
}

impl<T> fmt::Debug for Producer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("capacity", &self.ring.places.len())
            .finish_non_exhaustive()
    }
}

impl<T: Send> fmt::Debug for Claim<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim")
            .field("len", &self.len())
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

//! What is to happen when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use waypost_wire::Instant;

/// Events in the order of their times, and those of one time in the order in which they came: a total order, so that a run
/// can be repeated.
///
/// ```
/// use waypost_sim::Schedule;
/// use waypost_wire::Instant;
///
/// let mut schedule = Schedule::new();
/// for (at, name) in [(2, "c"), (1, "a"), (1, "b")] {
///     schedule.push(Instant::from_secs(at), name);
/// }
/// assert_eq!(schedule.next_time(), Some(Instant::from_secs(1)));
/// let names: Vec<_> = std::iter::from_fn(|| schedule.pop()).map(|(_, name)| name).collect();
/// assert_eq!(names, ["a", "b", "c"]);
/// ```
#[derive(Debug)]
pub struct Schedule<T> {
    /// Keys alone are moved about in the heap; events stay where they are. A heap with four children to a node was measured:
    /// it is not faster.
    keys: BinaryHeap<Reverse<Key>>,
    events: Vec<Option<T>>,
    free: Vec<u32>,
    /// How many events have come.
    pushed: u64,
}

/// Compared field by field; two never have the same number.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    at: Instant,
    number: u64,
    slot: u32,
}

impl<T> Default for Schedule<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Schedule<T> {
    /// Nothing is to happen.
    pub const fn new() -> Self {
        Self {
            keys: BinaryHeap::new(),
            events: Vec::new(),
            free: Vec::new(),
            pushed: 0,
        }
    }

    /// Lets `event` happen at a time, after what was put there before.
    pub fn push(&mut self, at: Instant, event: T) {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.events[slot as usize] = Some(event);
                slot
            }
            None => {
                self.events.push(Some(event));
                // Two to the 32 events would not fit into memory.
                (self.events.len() - 1) as u32
            }
        };
        let number = self.number();
        self.keys.push(Reverse(Key { at, number, slot }));
    }

    /// The number of the next event that comes, which is given away.
    pub(crate) const fn number(&mut self) -> u64 {
        self.pushed += 1;
        self.pushed - 1
    }

    /// When the next event is to happen, and how many came before it.
    pub(crate) fn next_key(&self) -> Option<(Instant, u64)> {
        self.keys.peek().map(|key| (key.0.at, key.0.number))
    }

    /// When the next event is to happen.
    pub fn next_time(&self) -> Option<Instant> {
        self.keys.peek().map(|key| key.0.at)
    }

    /// Takes the next event, and its time.
    pub fn pop(&mut self) -> Option<(Instant, T)> {
        let Reverse(key) = self.keys.pop()?;
        let event = self.events[key.slot as usize].take()?;
        self.free.push(key.slot);
        Some((key.at, event))
    }

    /// How many events are to come.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether nothing is to happen.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;

    #[test]
    fn a_model_pops_the_same() {
        let (mut schedule, mut model) = (Schedule::new(), Vec::new());
        let mut rng = Rng::new(3);
        for number in 0..10_000_u64 {
            let at = Instant::from_nanos(rng.below(50));
            schedule.push(at, number);
            model.push((at, number));
            if rng.below(2) == 0 {
                let first = model.iter().copied().min();
                assert_eq!(schedule.next_time(), first.map(|(at, _)| at));
                assert_eq!(schedule.pop(), first);
                model.retain(|it| Some(*it) != first);
            }
        }
        assert_eq!(schedule.len(), model.len());
        model.sort_unstable();
        assert!(model.into_iter().all(|it| schedule.pop() == Some(it)));
        assert!(schedule.is_empty() && schedule.pop().is_none());
        assert!(schedule.events.len() < 10_000);
    }
}

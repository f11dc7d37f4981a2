//! When nodes are to be polled.

use waypost_wire::Instant;

/// A place in the heap that is none.
const NOWHERE: u32 = u32::MAX;

/// One timer for each node, at most: a heap in which a timer is moved, so that none is left behind when a nearer one is set.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    /// A binary heap, the earliest in front.
    heap: Vec<Timer>,
    /// Where each node's timer is in the heap.
    places: Vec<u32>,
}

/// Compared field by field; two never have the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Timer {
    at: Instant,
    number: u64,
    node: u32,
}

impl Timers {
    /// When a node's timer is set for.
    pub(crate) fn of(&self, node: usize) -> Option<Instant> {
        let place = *self.places.get(node)?;
        self.heap.get(place as usize).map(|timer| timer.at)
    }

    /// When the next timer is set for, and the number that it was given.
    pub(crate) fn next_key(&self) -> Option<(Instant, u64)> {
        self.heap.first().map(|timer| (timer.at, timer.number))
    }

    /// Sets the timer of a node, in place of what it was set for. Timers of one time are in the order of their numbers.
    pub(crate) fn set(&mut self, node: usize, at: Instant, number: u64) {
        if self.places.len() <= node {
            self.places.resize(node + 1, NOWHERE);
        }
        let timer = Timer {
            at,
            number,
            node: node as u32,
        };
        let place = self.places[node] as usize;
        if place < self.heap.len() {
            self.heap[place] = timer;
            self.settle(place);
        } else {
            self.heap.push(timer);
            self.rise(self.heap.len() - 1);
        }
    }

    /// Takes the timer of a node away.
    pub(crate) fn clear(&mut self, node: usize) {
        let place = self.places.get(node).map_or(NOWHERE, |place| *place) as usize;
        if place >= self.heap.len() {
            return;
        }
        self.places[node] = NOWHERE;
        let last = self.heap.pop();
        if let Some(last) = last.filter(|_| place < self.heap.len()) {
            self.heap[place] = last;
            self.settle(place);
        }
    }

    /// Takes the next timer, and says whose it is.
    pub(crate) fn pop(&mut self) -> Option<usize> {
        let node = self.heap.first()?.node as usize;
        self.clear(node);
        Some(node)
    }

    /// A timer was put to a place that may be too high or too low for it.
    fn settle(&mut self, place: usize) {
        if self.rise(place) == place {
            self.sink(place);
        }
    }

    fn rise(&mut self, mut place: usize) -> usize {
        let timer = self.heap[place];
        while place > 0 {
            let parent = (place - 1) / 2;
            if self.heap[parent] < timer {
                break;
            }
            self.put(place, self.heap[parent]);
            place = parent;
        }
        self.put(place, timer);
        place
    }

    fn sink(&mut self, mut place: usize) {
        let timer = self.heap[place];
        loop {
            let children = 2 * place + 1..self.heap.len().min(2 * place + 3);
            let Some(child) = children.min_by_key(|child| self.heap[*child]) else {
                break;
            };
            if timer < self.heap[child] {
                break;
            }
            self.put(place, self.heap[child]);
            place = child;
        }
        self.put(place, timer);
    }

    fn put(&mut self, place: usize, timer: Timer) {
        self.heap[place] = timer;
        self.places[timer.node as usize] = place as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;

    #[test]
    fn a_model_has_the_same_timers() {
        let (mut timers, mut model) = (Timers::default(), [None; 20]);
        let mut rng = Rng::new(7);
        for number in 0..20_000 {
            let node = rng.below(20) as usize;
            match rng.below(4) {
                0 => {
                    timers.clear(node);
                    model[node] = None;
                }
                1 => {
                    let first = (0..20).filter(|it| model[*it].is_some());
                    let first = first.min_by_key(|it| model[*it]);
                    assert_eq!(timers.next_key(), first.and_then(|it| model[it]));
                    assert_eq!(timers.pop(), first);
                    if let Some(first) = first {
                        model[first] = None;
                    }
                }
                _ => {
                    let at = Instant::from_nanos(rng.below(50));
                    timers.set(node, at, number);
                    model[node] = Some((at, number));
                }
            }
            for (node, timer) in model.iter().enumerate() {
                assert_eq!(timers.of(node), timer.map(|(at, _)| at));
            }
        }
    }
}

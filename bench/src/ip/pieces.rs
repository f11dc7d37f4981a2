//! Turns in short pieces.

use std::time::{Duration, Instant};

use crate::measure::Sample;

/// How many are done in one piece: few enough that most pieces see no other process.
pub(super) const PIECE: usize = 4096;
/// Pieces to bring back into the caches what others drove out, and the most time that they may take.
const WARM_UP: (usize, Duration) = (16, Duration::from_millis(10));
/// Pieces whose time is taken, and the most time that they may take.
const TIMED: (usize, Duration) = (24, Duration::from_millis(6));
/// Pieces whose time is taken however long they take.
const AT_LEAST: usize = 3;

/// One turn: some pieces to warm up, then the median of some more.
pub(super) fn turn(each: usize, mut piece: impl FnMut()) -> Sample {
    let begun = Instant::now();
    for _ in 0..WARM_UP.0 {
        piece();
        if begun.elapsed() > WARM_UP.1 {
            break;
        }
    }
    let begun = Instant::now();
    let mut samples = Vec::with_capacity(TIMED.0);
    while samples.len() < AT_LEAST || samples.len() < TIMED.0 && begun.elapsed() < TIMED.1 {
        samples.push(Sample::of(each as u64, &mut piece));
    }
    samples.sort_by(|a, b| a.nanoseconds.total_cmp(&b.nanoseconds));
    samples[samples.len() / 2]
}

/// Goes through some items round and round, a piece at a time.
pub(super) struct Ring<T> {
    items: std::rc::Rc<[T]>,
    at: usize,
}

impl<T> Ring<T> {
    pub(super) fn new(items: std::rc::Rc<[T]>) -> Self {
        Self { items, at: 0 }
    }

    /// How many items a piece has.
    pub(super) fn each(&self) -> usize {
        self.items.len().min(PIECE)
    }

    /// The next piece.
    pub(super) fn next(&mut self) -> &[T] {
        let each = self.each();
        if self.at + each > self.items.len() {
            self.at = 0;
        }
        let from = self.at;
        self.at += each;
        &self.items[from..self.at]
    }

    /// One turn over the next pieces.
    pub(super) fn turn(&mut self, mut work: impl FnMut(&[T])) -> Sample {
        turn(self.each(), || work(self.next()))
    }
}

//! Cases, and turns of them in short pieces.

use std::hint::black_box;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::measure::{Case, Sample};

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

/// A case that has all turns, of work on so many at a time.
pub(super) fn case(
    group: &str,
    name: &str,
    batch: usize,
    turn: impl FnMut() -> Result<Sample, String> + 'static,
) -> Case<'static> {
    Case {
        group: group.to_owned(),
        name: name.to_owned(),
        batch,
        most: None,
        turn: Box::new(turn),
    }
}

/// A case that goes through some items round and round, a piece at a time.
pub(super) fn going_round<T: 'static>(
    group: &str,
    name: &str,
    batch: usize,
    items: &Rc<[T]>,
    mut work: impl FnMut(&[T]) + 'static,
) -> Case<'static> {
    let mut ring = Ring {
        items: items.clone(),
        at: 0,
    };
    case(group, name, batch, move || {
        Ok(turn(ring.each(), || work(ring.next())))
    })
}

/// A case that asks for one item after the other.
pub(super) fn one_by_one<T: 'static, R>(
    group: &str,
    name: &str,
    items: &Rc<[T]>,
    find: impl Fn(&T) -> R + 'static,
) -> Case<'static> {
    going_round(group, name, 1, items, move |items| {
        for item in items {
            black_box(find(item));
        }
    })
}

struct Ring<T> {
    items: Rc<[T]>,
    at: usize,
}

impl<T> Ring<T> {
    /// How many items a piece has.
    fn each(&self) -> usize {
        self.items.len().min(PIECE)
    }

    /// The next piece.
    fn next(&mut self) -> &[T] {
        let each = self.each();
        if self.at + each > self.items.len() {
            self.at = 0;
        }
        let from = self.at;
        self.at += each;
        &self.items[from..self.at]
    }
}

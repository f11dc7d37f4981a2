//! The list of those due: in the order of their deadlines, as a rule kept so, else sorted when it is read.

use super::{DUE, Timer, Wheel};
use crate::slab::{NIL, Slot};
use crate::storage::Store;

/// Timers of those due that are passed by to find the place of another.
const STEPS: usize = 32;

impl<K, S: Store<Slot<Timer<K>>>> Wheel<K, S> {
    /// Puts a timer among those due where it belongs, or, if that is far from both ends, at the end, to be sorted.
    pub(super) fn place_due(&mut self, index: u32) {
        let Some(deadline) = self.timers.at(index).map(|timer| timer.deadline) else {
            return;
        };
        let is_after = |this: &Self, other: u32| {
            let other = this.timers.at(other);
            other.is_some_and(|other| other.deadline > deadline)
        };
        if !self.due_sorted {
            return self.append(index, DUE);
        }
        let (mut before, mut after) = (self.due.tail, NIL);
        if is_after(self, self.due.head) {
            (before, after) = (NIL, self.due.head);
        }
        for _ in 0..STEPS {
            if !is_after(self, before) {
                break;
            }
            after = before;
            before = self.timers.at(before).map_or(NIL, |timer| timer.prev);
        }
        if is_after(self, before) {
            self.due_sorted = false;
            return self.append(index, DUE);
        }
        self.insert(index, DUE, before, after);
    }

    /// Sorts the list of those due by deadline: natural merge sort, stable and in place, one pass for a
    /// list of two ordered runs.
    pub(super) fn sort_due(&mut self) {
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

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use crate::wheel::VecWheel;
    use alloc::vec::Vec;
    use waypost_wire::Instant;

    /// A caller who is late and starts a periodic timer again from its old deadline does not make every call walk
    /// through all that are due.
    #[test]
    fn what_is_started_late_finds_its_place_near_the_ends() {
        for span in [1 << 30, 1 << 12] {
            let mut wheel = VecWheel::new(Vec::new(), 2000);
            for n in 0..1000_u64 {
                let deadline = Instant::from_nanos(5_000_000_000 + n * span / 1000);
                wheel.start(deadline, n).unwrap();
            }
            let now = Instant::from_secs(100);
            let mut last = Instant::ZERO;
            for _ in 0..10_000 {
                let Some((deadline, n)) = wheel.expire(now) else {
                    assert!(wheel.moving.is_some());
                    continue;
                };
                assert!(deadline >= last && wheel.due_sorted);
                last = deadline;
                let again = Instant::from_nanos(deadline.as_nanos() + span);
                wheel.start(again, n).unwrap();
                assert!(wheel.due_sorted);
            }
        }
    }
}

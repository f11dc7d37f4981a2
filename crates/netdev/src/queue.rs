//! Frames that wait in fixed slots, first in, first out.

use crate::slot::Slot;
use crate::{LentRx, LentTx};

/// Frames in the order in which they were sent.
#[derive(Debug)]
pub(crate) struct Queue<const SLOTS: usize, const OCTETS: usize> {
    slots: [Slot<OCTETS>; SLOTS],
    /// Where the first frame lies.
    head: usize,
    len: usize,
    too_long: u64,
}

impl<const SLOTS: usize, const OCTETS: usize> Queue<SLOTS, OCTETS> {
    pub(crate) const fn new() -> Self {
        Self {
            slots: [const { Slot::EMPTY }; SLOTS],
            head: 0,
            len: 0,
            too_long: 0,
        }
    }

    /// How many more frames it takes.
    pub(crate) const fn room(&self) -> usize {
        SLOTS - self.len
    }

    /// Frames refused because they were longer than a slot.
    pub(crate) const fn too_long(&self) -> u64 {
        self.too_long
    }

    /// The body of [`NetDev::transmit`](crate::NetDev::transmit).
    pub(crate) fn transmit(&mut self, max: usize, mut each: impl FnMut(LentTx<'_>)) -> usize {
        let mut count = 0;
        while count < max && self.len < SLOTS {
            let slot = &mut self.slots[(self.head + self.len) % SLOTS];
            if !slot.write(&mut self.too_long, &mut each) {
                break;
            }
            self.len += 1;
            count += 1;
        }
        count
    }

    /// The body of [`NetDev::receive`](crate::NetDev::receive).
    pub(crate) fn receive(&mut self, max: usize, mut each: impl FnMut(LentRx<'_>)) -> usize {
        let mut count = 0;
        while count < max && self.len > 0 && self.slots[self.head].lend(&mut each) {
            self.head = (self.head + 1) % SLOTS;
            self.len -= 1;
            count += 1;
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FrameMeta, RxFrame, TxFrame};

    fn put(queue: &mut Queue<3, 4>, octet: u8) -> usize {
        let meta = FrameMeta {
            flow_hash: u32::from(octet),
            ..FrameMeta::default()
        };
        queue.transmit(1, |slot| slot.send(2, meta, |octets| octets.fill(octet)))
    }

    #[test]
    fn the_slots_are_used_in_a_ring() {
        let mut queue = Queue::new();
        for round in 0..10 {
            assert_eq!(
                (put(&mut queue, round), put(&mut queue, round + 100)),
                (1, 1)
            );
            let mut wanted = [round, round + 100].into_iter();
            let count = queue.receive(usize::MAX, |frame| {
                let octet = wanted.next().unwrap_or_default();
                assert_eq!(frame.octets(), [octet; 2]);
                assert_eq!(frame.meta().flow_hash, u32::from(octet));
            });
            assert_eq!((count, queue.room()), (2, 3));
        }
    }

    #[test]
    fn what_is_too_long_is_counted_and_ends_the_call() {
        let mut queue = Queue::<3, 4>::new();
        let sent = queue.transmit(3, |slot| slot.send(5, FrameMeta::default(), |_| ()));
        assert_eq!((sent, queue.too_long(), queue.room()), (0, 1, 3));
        assert_eq!(queue.transmit(3, |_| ()), 0);
        assert_eq!(queue.too_long(), 1);
    }

    #[test]
    fn what_is_left_stays_and_comes_first() {
        let mut queue = Queue::new();
        assert_eq!((put(&mut queue, 1), put(&mut queue, 2)), (1, 1));
        let mut seen = 0;
        let count = queue.receive(9, |mut frame| {
            seen += 1;
            if seen == 2 {
                frame.octets_mut()[0] = 7;
                frame.leave();
            }
        });
        assert_eq!((count, seen, queue.room()), (1, 2, 2));
        let count = queue.receive(9, |frame| assert_eq!(frame.octets(), [7, 2]));
        assert_eq!((count, queue.room()), (1, 3));
    }

    #[test]
    fn without_slots_nothing_is_taken() {
        let mut queue = Queue::<0, 4>::new();
        assert_eq!(
            (queue.transmit(1, |_| ()), queue.receive(1, |_| ())),
            (0, 0)
        );
    }
}

//! A device that loses, duplicates, damages and reorders frames, as wires do, the same way each time.

mod dice;
mod faults;
mod line;

use waypost_wire::Instant;

use crate::{Capabilities, DeviceError, Direction, LentRx, LentTx, NetDev, RxFrame};
use dice::Random;
pub use faults::{FaultCounters, Faults};
use line::{Crossed, Line};

/// Frames that one call takes from the device without handing any out, at most: a device that is never
/// empty and loses everything must not keep its caller.
const UNSEEN_MAX: usize = 256;

/// A device whose frames meet [`Faults`], in both directions; the same seed and the same calls give the
/// same faults.
///
/// In each direction up to `SLOTS` frames wait, of up to `OCTETS` octets each: frames to send until the
/// device within takes them, copies of received frames until they are asked for, those that are held
/// back, and one that whoever receives has left though it is owned. The last free slot is for frames that are not, so `SLOTS` is at least 1, and 2 for reordering.
///
/// Frames that wait move only when the device is called: it wants to be at
/// [`next_deadline`](Self::next_deadline) as well, or the last ones stay.
#[derive(Debug)]
pub struct Fault<D, const SLOTS: usize, const OCTETS: usize> {
    device: D,
    receive: Line<SLOTS, OCTETS>,
    transmit: Line<SLOTS, OCTETS>,
}

impl<D: NetDev, const SLOTS: usize, const OCTETS: usize> Fault<D, SLOTS, OCTETS> {
    /// Lets the frames of `device` meet no faults so far; `seed` decides about all to come.
    pub fn new(device: D, seed: u64) -> Self {
        const { assert!(SLOTS > 0, "frames to send pass through a slot") };
        let mut seeds = Random(seed);
        Self {
            device,
            receive: Line::new(seeds.next()),
            transmit: Line::new(seeds.next()),
        }
    }

    /// Lets the frames of one direction meet `faults`.
    #[must_use]
    pub fn with_faults(mut self, direction: Direction, faults: Faults) -> Self {
        self.set_faults(direction, faults);
        self
    }

    /// Lets the frames of one direction meet `faults` from now on.
    pub fn set_faults(&mut self, direction: Direction, faults: Faults) {
        match direction {
            Direction::Receive => self.receive.dice.faults = faults,
            Direction::Transmit => self.transmit.dice.faults = faults,
        }
    }

    /// What went wrong in one direction so far.
    pub const fn counters(&self, direction: Direction) -> FaultCounters {
        match direction {
            Direction::Receive => self.receive.dice.counters,
            Direction::Transmit => self.transmit.dice.counters,
        }
    }

    /// How many slots of one direction hold a frame.
    pub fn waiting(&self, direction: Direction) -> usize {
        match direction {
            Direction::Receive => SLOTS - self.receive.free(),
            Direction::Transmit => SLOTS - self.transmit.free(),
        }
    }

    /// When the next frame that is held back stops waiting to be overtaken: the device wants to be called
    /// then. `None` if none is, or for ever.
    pub fn next_deadline(&self) -> Option<Instant> {
        let deadlines = [self.receive.deadline(), self.transmit.deadline()];
        deadlines.into_iter().flatten().min()
    }

    /// The device within.
    pub const fn device(&self) -> &D {
        &self.device
    }

    /// The device within. What is received or sent on it directly meets no faults.
    pub const fn device_mut(&mut self) -> &mut D {
        &mut self.device
    }

    /// The device, without faults; frames that wait are lost.
    pub fn into_device(self) -> D {
        self.device
    }

    /// Sends what is due, as far as the device takes it.
    fn flush(&mut self, now: Instant) -> Result<(), DeviceError> {
        while self.transmit.send(now, &mut self.device)? {}
        if self.device.unsent() > 0 {
            self.device.transmit(now, 0, |_| ())?;
        }
        Ok(())
    }

    fn header_len(&self) -> usize {
        self.device.capabilities().medium.header_len()
    }
}

impl<D: NetDev, const SLOTS: usize, const OCTETS: usize> NetDev for Fault<D, SLOTS, OCTETS> {
    type RxFrame<'a> = LentRx<'a>;
    type TxFrame<'a> = LentTx<'a>;

    fn capabilities(&self) -> Capabilities {
        let capabilities = self.device.capabilities();
        let slot = OCTETS.saturating_sub(capabilities.medium.header_len());
        Capabilities {
            mtu: capabilities.mtu.min(slot),
            ..capabilities
        }
    }

    fn receive(
        &mut self,
        now: Instant,
        max: usize,
        mut each: impl FnMut(LentRx<'_>),
    ) -> Result<usize, DeviceError> {
        self.flush(now)?;
        let header_len = self.header_len();
        let (mut count, mut unseen) = (0, 0);
        while count < max && unseen < UNSEEN_MAX {
            let Self {
                device, receive, ..
            } = self;
            match receive.hand_out(now, &mut each) {
                Crossed::Taken => {
                    count += 1;
                    continue;
                }
                Crossed::Left => break,
                Crossed::Unseen => {}
            }
            let mut crossed = Crossed::Unseen;
            let came = device.receive(now, 1, |mut frame| {
                let meta = frame.meta();
                crossed = receive.cross(now, header_len, frame.octets_mut(), meta, &mut each);
                if crossed == Crossed::Left {
                    frame.leave();
                }
            });
            if crossed == Crossed::Left {
                // One that is owned is gone from the device all the same, and so is what came before a failure.
                receive.left(came == Ok(0));
            }
            match (came?, crossed) {
                (0, _) | (_, Crossed::Left) => break,
                (_, Crossed::Taken) => count += 1,
                (_, Crossed::Unseen) => unseen += 1,
            }
        }
        Ok(count)
    }

    fn transmit(
        &mut self,
        now: Instant,
        max: usize,
        mut each: impl FnMut(LentTx<'_>),
    ) -> Result<usize, DeviceError> {
        self.flush(now)?;
        let header_len = self.header_len();
        let mut count = 0;
        while count < max && self.transmit.accept(now, header_len, &mut each) {
            count += 1;
            self.flush(now)?;
        }
        Ok(count)
    }

    fn room(&mut self, now: Instant) -> usize {
        // A failure leaves the frames waiting, and is told by the call that would send more.
        let _ = self.flush(now);
        self.transmit.free()
    }

    fn unsent(&self) -> usize {
        SLOTS.saturating_sub(self.transmit.free()) + self.device.unsent()
    }

    crate::forward!(device: overruns, wants_memory, wakeup, register);
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::{FrameMeta, Loopback, Medium, TxFrame};
    use std::vec::Vec;
    use waypost_wire::Duration;

    const ALWAYS: u32 = 1_000_000;
    const NOW: Instant = Instant::ZERO;
    type Device<const SLOTS: usize> = Fault<Loopback<8, 16>, SLOTS, 16>;

    fn fault<const SLOTS: usize>() -> Device<SLOTS> {
        Fault::new(Loopback::new(Medium::Ip), 1)
    }

    /// Sends a frame of 4 octets, and says whether it was taken.
    fn send<const SLOTS: usize>(device: &mut Device<SLOTS>, octet: u8) -> bool {
        let each =
            |slot: LentTx<'_>| slot.send(4, FrameMeta::default(), |octets| octets.fill(octet));
        device.transmit(NOW, 1, each) == Ok(1)
    }

    /// The first octets of what is received.
    fn receive<const SLOTS: usize>(device: &mut Device<SLOTS>, now: Instant) -> Vec<u8> {
        let mut octets = Vec::new();
        let count = device.receive(now, usize::MAX, |frame| octets.push(frame.octets()[0]));
        assert_eq!(count, Ok(octets.len()));
        octets
    }

    #[test]
    fn a_frame_is_held_back_behind_the_next_and_at_most_for_its_time() {
        for direction in [Direction::Receive, Direction::Transmit] {
            let mut device = fault::<4>();
            let faults = Faults {
                reordering_ppm: ALWAYS,
                gap: 2,
                ..Faults::default()
            };
            device.set_faults(direction, faults);
            assert!(send(&mut device, 1));
            assert!(receive(&mut device, NOW).is_empty());
            let deadline = NOW + faults.hold;
            assert_eq!(device.next_deadline(), Some(deadline));
            device.set_faults(direction, Faults::default());
            assert!((2..6).all(|octet| send(&mut device, octet)));
            assert_eq!(receive(&mut device, NOW), [2, 3, 1, 4, 5]);
            device.set_faults(direction, faults);
            assert!(send(&mut device, 6));
            assert!(receive(&mut device, NOW).is_empty());
            assert_eq!(device.waiting(direction), 1);
            assert_eq!(receive(&mut device, deadline), [6]);
            assert_eq!(
                (device.next_deadline(), device.waiting(direction)),
                (None, 0)
            );
        }
    }

    #[test]
    fn the_copy_of_a_frame_follows_it_or_is_held_back() {
        for direction in [Direction::Receive, Direction::Transmit] {
            let mut device = fault::<4>();
            let mut faults = Faults {
                duplication_ppm: ALWAYS,
                ..Faults::default()
            };
            device.set_faults(direction, faults);
            assert!(send(&mut device, 1) && send(&mut device, 2));
            assert_eq!(receive(&mut device, NOW), [1, 1, 2, 2]);
            (faults.reordering_ppm, faults.gap) = (ALWAYS, 1);
            device.set_faults(direction, faults);
            assert!(send(&mut device, 3));
            assert_eq!(receive(&mut device, NOW), [3]);
            device.set_faults(direction, Faults::default());
            assert!(send(&mut device, 4) && send(&mut device, 5));
            assert_eq!(receive(&mut device, NOW), [4, 3, 5]);
        }
    }

    #[test]
    fn the_last_slot_holds_nothing_back() {
        for direction in [Direction::Receive, Direction::Transmit] {
            let faults = Faults {
                reordering_ppm: ALWAYS,
                hold: Duration::MAX,
                ..Faults::default()
            };
            let mut device = fault::<2>().with_faults(direction, faults);
            assert!((1..4).all(|octet| send(&mut device, octet)));
            assert_eq!(receive(&mut device, NOW), [2, 3]);
            let counters = device.counters(direction);
            assert_eq!((counters.reordered, counters.omitted), (1, 2));
            assert_eq!(device.next_deadline(), None);
            assert_eq!(receive(&mut device, Instant::MAX), [1]);
        }
    }

    #[test]
    fn a_full_device_leaves_frames_in_the_slots_and_then_with_the_sender() {
        let mut device = fault::<2>();
        assert!((0..10).all(|octet| send(&mut device, octet)));
        assert_eq!((device.room(NOW), send(&mut device, 10)), (0, false));
        assert_eq!(device.waiting(Direction::Transmit), 2);
        assert_eq!(receive(&mut device, NOW).len(), 8);
        assert_eq!(receive(&mut device, NOW), [8, 9]);
        assert_eq!(device.room(NOW), 2);
    }

    #[test]
    fn frames_are_cut_to_the_mtu() {
        let faults = Faults {
            mtu: Some(3),
            ..Faults::default()
        };
        let mut device = fault::<1>().with_faults(Direction::Receive, faults);
        assert!(send(&mut device, 1));
        let count = device.receive(NOW, 1, |frame| assert_eq!(frame.octets(), [1; 3]));
        assert_eq!(
            (count, device.counters(Direction::Receive).truncated),
            (Ok(1), 1)
        );
    }

    #[test]
    fn a_frame_that_is_left_is_decided_about_once() {
        let faults = Faults {
            corruption_ppm: ALWAYS,
            duplication_ppm: ALWAYS,
            mtu: Some(3),
            ..Faults::default()
        };
        let mut device = fault::<2>().with_faults(Direction::Receive, faults);
        assert!(send(&mut device, 0));
        for _ in 0..5 {
            assert_eq!(device.receive(NOW, 9, |frame| frame.leave()), Ok(0));
        }
        let mut bits = 0;
        let count = device.receive(NOW, 9, |frame| {
            assert_eq!(frame.octets().len(), 3);
            bits += frame.octets().iter().map(|it| it.count_ones()).sum::<u32>();
        });
        assert_eq!((count, bits), (Ok(2), 2), "the frame and its copy");
        let counters = device.counters(Direction::Receive);
        assert_eq!((counters.frames, counters.duplicated), (1, 1));
        assert_eq!((counters.corrupted, counters.truncated), (1, 1));
    }

    #[test]
    fn what_no_room_holds_is_counted() {
        let mut device = Fault::<_, 1, 20>::new(Loopback::<1, 10>::new(Medium::Ip), 1);
        assert_eq!(device.capabilities().mtu, 10);
        for (len, taken) in [(21, 0), (11, 1)] {
            let sent = device.transmit(NOW, 1, |slot| slot.send(len, FrameMeta::default(), |_| ()));
            assert_eq!(sent, Ok(taken));
        }
        let counters = device.counters(Direction::Transmit);
        assert_eq!(
            (counters.refused, counters.too_long, counters.frames),
            (1, 1, 1)
        );
        assert_eq!((device.room(NOW), device.into_device().room(NOW)), (1, 1));
    }
}

//! One direction of a device with faults: the frames that wait in it, and who goes next.

use waypost_wire::Instant;

use super::dice::Dice;
use crate::slot::Slot;
use crate::{DeviceError, FrameMeta, LentRx, LentTx, NetDev, TxFrame};

/// Frames that wait, in slots.
#[derive(Debug)]
pub(super) struct Line<const SLOTS: usize, const OCTETS: usize> {
    pub(super) dice: Dice,
    slots: [(Slot<OCTETS>, Option<Waiting>); SLOTS],
    /// How many frames have come.
    sequence: u64,
    left: Option<Left>,
}

/// What was decided about a received frame that was left in the device.
#[derive(Debug)]
struct Left {
    /// How long it is now.
    len: usize,
    meta: FrameMeta,
    /// The slot of its copy, until it is known whether the device keeps it.
    copy: Option<usize>,
}

/// What became of a frame that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Crossed {
    /// It was handed out, and taken.
    Taken,
    /// It was offered, and left.
    Left,
    /// There was none, or it is lost, or waits.
    Unseen,
}

/// Why the frame in a slot is there.
#[derive(Debug)]
struct Waiting {
    /// Its place among all frames, by their coming.
    sequence: u64,
    /// How many later frames are to overtake it.
    behind: u32,
    /// When it stops waiting for them.
    until: Instant,
    /// How many later frames are to overtake the copy that goes after it.
    again: Option<u32>,
}

impl Waiting {
    fn is_due(&self, now: Instant) -> bool {
        self.behind == 0 || self.until <= now
    }
}

impl<const SLOTS: usize, const OCTETS: usize> Line<SLOTS, OCTETS> {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed),
            slots: [const { (Slot::EMPTY, None) }; SLOTS],
            sequence: 0,
            left: None,
        }
    }

    /// How many slots hold no frame.
    pub(super) fn free(&self) -> usize {
        SLOTS - self.waiting().count()
    }

    /// When the first frame that waits for others stops waiting.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let held = self.waiting().filter(|frame| frame.behind > 0);
        let first = held.map(|frame| frame.until).min();
        first.filter(|until| *until < Instant::MAX)
    }

    /// Takes one frame to send, written by `each`, and says whether there was one.
    pub(super) fn accept(
        &mut self,
        now: Instant,
        header_len: usize,
        each: impl FnOnce(LentTx<'_>),
    ) -> bool {
        let others = self.free().saturating_sub(1);
        let Some((slot, waiting)) = self.slots.iter_mut().find(|(_, frame)| frame.is_none()) else {
            return false;
        };
        let dice = &mut self.dice;
        if !slot.write(&mut dice.counters.refused, each) {
            return false;
        }
        self.sequence += 1;
        let fate = dice.roll(header_len, &mut slot.octets[..slot.len], &mut slot.meta);
        slot.len = fate.len;
        if fate.lost {
            return true;
        }
        // A slot stays free of frames that wait for others, or none would come to overtake them.
        let held = fate.held && others > 0;
        dice.counters.reordered += u64::from(held);
        dice.counters.omitted += u64::from(fate.held && !held);
        dice.counters.duplicated += u64::from(fate.duplicated);
        let gap = if held { dice.faults.gap } else { 0 };
        *waiting = Some(Waiting {
            sequence: self.sequence,
            behind: if fate.duplicated { 0 } else { gap },
            until: now + dice.faults.hold,
            again: fate.duplicated.then_some(gap),
        });
        true
    }

    /// Sends the next frame on `device`, if one is due and there is room, and says whether one left.
    pub(super) fn send<D: NetDev>(
        &mut self,
        now: Instant,
        device: &mut D,
    ) -> Result<bool, DeviceError> {
        let Some(index) = self.due(now) else {
            return Ok(false);
        };
        let (slot, mut too_long) = (&self.slots[index].0, false);
        let octets = &slot.octets[..slot.len];
        let sent = device.transmit(now, 1, |room| {
            too_long = slot.len > room.capacity();
            room.send(slot.len, slot.meta, |room| room.copy_from_slice(octets));
        })?;
        if too_long {
            self.dice.counters.too_long += 1;
        } else if sent == 0 {
            return Ok(false);
        }
        self.gone(index);
        Ok(true)
    }

    /// Hands the next frame to `each` if one is due.
    pub(super) fn hand_out(&mut self, now: Instant, each: impl FnOnce(LentRx<'_>)) -> Crossed {
        let Some(index) = self.due(now) else {
            return Crossed::Unseen;
        };
        if !self.slots[index].0.lend(each) {
            return Crossed::Left;
        }
        self.gone(index);
        Crossed::Taken
    }

    /// Takes a received frame: hands it to `each`, or keeps it, or loses it.
    pub(super) fn cross(
        &mut self,
        now: Instant,
        header_len: usize,
        octets: &mut [u8],
        mut meta: FrameMeta,
        each: impl FnOnce(LentRx<'_>),
    ) -> Crossed {
        if let Some(Left { len, meta, .. }) = self.left.take() {
            let len = len.min(octets.len());
            return self.offer(&mut octets[..len], meta, each);
        }
        self.sequence += 1;
        let fate = self.dice.roll(header_len, octets, &mut meta);
        if fate.lost {
            return Crossed::Unseen;
        }
        let octets = &mut octets[..fate.len];
        let (gap, hold) = (self.dice.faults.gap, self.dice.faults.hold);
        // As when sending: a slot stays free of frames that wait for others.
        let held =
            fate.held && self.free() > 1 && self.keep(octets, meta, gap, now + hold).is_some();
        let duplicated = fate.duplicated && (held || self.keep(octets, meta, 0, now).is_some());
        let counters = &mut self.dice.counters;
        counters.reordered += u64::from(held);
        counters.duplicated += u64::from(duplicated);
        counters.omitted += u64::from(fate.held && !held);
        counters.omitted += u64::from(fate.duplicated && !duplicated);
        if held && !duplicated {
            return Crossed::Unseen;
        }
        self.offer(octets, meta, each)
    }

    /// Offers the frame that came last.
    fn offer(
        &mut self,
        octets: &mut [u8],
        meta: FrameMeta,
        each: impl FnOnce(LentRx<'_>),
    ) -> Crossed {
        let mut left = false;
        each(LentRx::new(octets, meta, &mut left));
        if left {
            // It is not known yet whether it can be left.
            let copy = self.keep(octets, meta, 0, Instant::MAX);
            let len = octets.len();
            self.left = Some(Left { len, meta, copy });
            return Crossed::Left;
        }
        self.overtake(self.sequence);
        Crossed::Taken
    }

    /// The frame that was left just now is still in the device, or is not.
    pub(super) fn left(&mut self, stays: bool) {
        let Some(copy) = self.left.as_mut().map(|it| it.copy.take()) else {
            return;
        };
        match copy {
            Some(index) if stays => self.slots[index].1 = None,
            None if !stays => self.dice.counters.lost += 1,
            _ => {}
        }
        if !stays {
            self.left = None;
        }
    }

    /// Copies the frame that came last into a slot, if there is one that it fits, and says into which.
    fn keep(
        &mut self,
        octets: &[u8],
        meta: FrameMeta,
        behind: u32,
        until: Instant,
    ) -> Option<usize> {
        let index = self.slots.iter().position(|(_, frame)| frame.is_none())?;
        let (slot, waiting) = &mut self.slots[index];
        let kept = slot.store(octets, meta);
        *waiting = kept.then_some(Waiting {
            sequence: self.sequence,
            behind,
            until,
            again: None,
        });
        kept.then_some(index)
    }

    fn waiting(&self) -> impl Iterator<Item = &Waiting> {
        self.slots.iter().filter_map(|(_, frame)| frame.as_ref())
    }

    /// The slot of the frame that goes next: of those that wait for no other, the first that came.
    fn due(&self, now: Instant) -> Option<usize> {
        let frames = self.slots.iter().enumerate();
        let due = frames.filter_map(|(index, (_, frame))| {
            let frame = frame.as_ref().filter(|frame| frame.is_due(now))?;
            Some((frame.sequence, index))
        });
        due.min().map(|(_, index)| index)
    }

    /// The frame of a slot has left: its copy waits there now, or nothing.
    fn gone(&mut self, index: usize) {
        let waiting = &mut self.slots[index].1;
        let Some(frame) = waiting else { return };
        let sequence = frame.sequence;
        match frame.again.take() {
            Some(behind) => frame.behind = behind,
            None => *waiting = None,
        }
        self.overtake(sequence);
    }

    /// A frame has left: those that came before it have been overtaken.
    fn overtake(&mut self, sequence: u64) {
        let frames = self
            .slots
            .iter_mut()
            .filter_map(|(_, frame)| frame.as_mut());
        for frame in frames.filter(|frame| frame.sequence < sequence) {
            frame.behind = frame.behind.saturating_sub(1);
        }
    }
}

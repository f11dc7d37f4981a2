//! One direction of a link: a queue, a transmitter, a line with faults.

mod config;
mod dice;
mod ecn;
mod fate;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use waypost_wire::Instant;

use crate::{Frame, Rng};
pub use config::{Framing, Jitter, LinkConfig, Loss, Queue};
use dice::Dice;
pub use fate::{DropReason, Fate, LinkCounters};

/// A frame on a link.
#[derive(Debug)]
pub(crate) struct Transit {
    pub(crate) frame: Frame,
    /// Frames are numbered as they are sent; copies have the number of theirs.
    pub(crate) number: u64,
    /// How often the link had gone down when the frame set out.
    epoch: u32,
}

/// What a direction asks of whoever runs it.
pub(crate) trait Run {
    /// Let the frame arrive then: call [`Direction::arrive`].
    fn arrive(&mut self, at: Instant, transit: Transit);
    /// Call [`Direction::ready`] then.
    fn ready(&mut self, at: Instant);
    /// This has befallen a frame; so many frames and octets wait.
    fn happened(&mut self, fate: Fate, number: u64, frame: &Frame, queued: (usize, usize));
}

/// One direction of a link, without clock and schedule. While the transmitter is free and the queue empty, which is most of
/// the time on most links, a frame costs one event.
#[derive(Debug)]
pub(crate) struct Direction {
    config: LinkConfig,
    counters: LinkCounters,
    dice: Dice,
    queue: VecDeque<Transit>,
    queued_octets: usize,
    /// When the transmitter is free again.
    busy_until: Instant,
    /// [`Run::ready`] was asked for at this time, and has not come.
    waiting: Option<Instant>,
    /// No frame that keeps its order arrives before.
    last_arrival: Instant,
    next_number: u64,
    up: bool,
    epoch: u32,
}

impl Direction {
    pub(crate) fn new(config: LinkConfig, seed: &Rng) -> Self {
        Self {
            config,
            counters: LinkCounters::default(),
            dice: Dice::new(seed),
            queue: VecDeque::new(),
            queued_octets: 0,
            busy_until: Instant::ZERO,
            waiting: None,
            last_arrival: Instant::ZERO,
            next_number: 0,
            up: true,
            epoch: 0,
        }
    }

    pub(crate) const fn config(&self) -> &LinkConfig {
        &self.config
    }

    pub(crate) const fn counters(&self) -> &LinkCounters {
        &self.counters
    }

    /// Frames and octets that wait.
    pub(crate) fn queued(&self) -> (usize, usize) {
        (self.queue.len(), self.queued_octets)
    }

    pub(crate) const fn is_up(&self) -> bool {
        self.up
    }

    /// How many frames of any length would be taken now without loss. A link that is down takes all, and loses them.
    pub(crate) fn room(&self, now: Instant) -> usize {
        // What was queued while there was a rate is still ahead of others.
        if !self.up || (self.config.rate.is_none() && !self.is_busy(now)) {
            return usize::MAX;
        }
        let queue = &self.config.queue;
        let longest = self.config.tagged_frame_max().clamp(1, 1 << 16);
        let octets = queue.octets.saturating_sub(self.queued_octets) / longest;
        let room = queue.frames.saturating_sub(self.queue.len()).min(octets);
        room.saturating_add(usize::from(!self.is_busy(now)))
    }

    /// Whether a frame of this length would be taken now without loss for want of room.
    pub(crate) fn has_room(&self, now: Instant, len: usize) -> bool {
        !self.up
            || !self.is_busy(now)
            || len > self.config.tagged_frame_max()
            || !self.lacks_room(len)
    }

    /// When the transmitter is free, if nobody was asked to look after that.
    pub(crate) fn free_at(&self) -> Option<Instant> {
        let foreseen = self.waiting.is_some() || self.stands_still();
        (!foreseen).then_some(self.busy_until)
    }

    fn is_busy(&self, now: Instant) -> bool {
        self.waiting.is_some() || self.busy_until > now || self.stands_still()
    }

    fn stands_still(&self) -> bool {
        self.config.rate == Some(0)
    }

    /// A node sends a frame.
    pub(crate) fn send(&mut self, now: Instant, frame: Frame, run: &mut impl Run) {
        let number = self.next_number;
        self.next_number += 1;
        let mut transit = Transit {
            frame,
            number,
            epoch: self.epoch,
        };
        let len = transit.frame.len();
        let crosses = self.config.takes(&transit.frame);
        let waits = self.up && crosses && self.is_busy(now);
        self.tell_sent(&transit, waits && !self.lacks_room(len), run);
        if !self.up {
            return self.drop(DropReason::Down, &transit, run);
        }
        if !crosses {
            return self.drop(DropReason::TooLong, &transit, run);
        }
        if !waits {
            return self.transmit(now, transit, run);
        }
        // Nothing makes room for what never fits.
        let queue = &self.config.queue;
        if queue.frames == 0 || len > queue.octets {
            return self.drop(DropReason::QueueFull, &transit, run);
        }
        while self.lacks_room(len) {
            let head = if self.config.queue.drop_head {
                self.queue.pop_front()
            } else {
                None
            };
            let Some(head) = head else {
                return self.drop(DropReason::QueueFull, &transit, run);
            };
            self.queued_octets -= head.frame.len();
            self.drop(DropReason::QueueHead, &head, run);
        }
        let marks = |from: usize| self.queue.len() >= from;
        if self.config.queue.mark_from.is_some_and(marks)
            && ecn::mark(self.config.framing, &mut transit.frame)
        {
            self.tell(Fate::Marked, number, &transit.frame, run);
        }
        self.queued_octets += len;
        self.queue.push_back(transit);
        self.counters.queued_max = self.counters.queued_max.max(self.queue.len());
        self.wait(run);
    }

    /// Who looks at the queue then sees this frame in it, if it is to wait.
    fn tell_sent(&mut self, transit: &Transit, waits: bool, run: &mut impl Run) {
        let fate = Fate::Sent {
            queued: self.queue.len() as u32,
        };
        let len = transit.frame.len();
        let (mut frames, mut octets) = self.queued();
        if waits {
            (frames, octets) = (frames + 1, octets + len);
        }
        self.counters.count(fate, len);
        run.happened(fate, transit.number, &transit.frame, (frames, octets));
    }

    /// Has the transmitter looked after when it is free, if there is something to send.
    fn wait(&mut self, run: &mut impl Run) {
        if self.waiting.is_none() && !self.queue.is_empty() && !self.stands_still() {
            self.waiting = Some(self.busy_until);
            run.ready(self.busy_until);
        }
    }

    fn lacks_room(&self, len: usize) -> bool {
        let queue = &self.config.queue;
        self.queue.len() >= queue.frames || self.queued_octets.saturating_add(len) > queue.octets
    }

    /// The transmitter is free, unless the link has changed since that was foreseen.
    pub(crate) fn ready(&mut self, now: Instant, run: &mut impl Run) {
        if self.waiting != Some(now) {
            return;
        }
        self.waiting = None;
        while self.busy_until <= now
            && !self.stands_still()
            && let Some(next) = self.queue.pop_front()
        {
            self.queued_octets -= next.frame.len();
            self.transmit(now, next, run);
        }
        self.wait(run);
    }

    /// A frame leaves; what is to befall it is decided here.
    fn transmit(&mut self, now: Instant, mut transit: Transit, run: &mut impl Run) {
        let sent = now + self.config.transmission_time(transit.frame.len());
        self.busy_until = sent;
        let number = transit.number;
        // All are decided for each frame, so that one fault moves no decision of another.
        let lost = self.dice.loses(&self.config.loss, number);
        let duplicated = self.dice.duplicates(&self.config);
        let held = self.dice.holds(&self.config);
        let delay = self.dice.delay(&self.config);
        let bits = self.dice.corrupt(&self.config, &mut transit.frame);
        let copy_delay = duplicated.then(|| self.dice.copy_delay(&self.config));
        if lost {
            return self.drop(DropReason::Lost, &transit, run);
        }
        if bits > 0 {
            self.tell(Fate::Corrupted { bits }, number, &transit.frame, run);
        }
        let copy = copy_delay.map(|delay| {
            self.tell(Fate::Duplicated, number, &transit.frame, run);
            let frame = transit.frame.clone();
            (sent + delay, Transit { frame, ..transit })
        });
        let arrival = if held {
            self.tell(Fate::Held, number, &transit.frame, run);
            sent + delay + self.config.reordering_delay
        } else {
            self.in_order(sent + delay)
        };
        run.arrive(arrival, transit);
        // Behind the frame itself, which a copy does not delay.
        if let Some((arrival, copy)) = copy {
            let arrival = self.in_order(arrival);
            run.arrive(arrival, copy);
        }
    }

    fn in_order(&mut self, arrival: Instant) -> Instant {
        if !self.config.keep_order {
            return arrival;
        }
        self.last_arrival = self.last_arrival.max(arrival);
        self.last_arrival
    }

    /// A frame arrives, and is handed out unless the link went down since it set out.
    pub(crate) fn arrive(
        &mut self,
        transit: Transit,
        open: bool,
        run: &mut impl Run,
    ) -> Option<Frame> {
        if transit.epoch != self.epoch {
            self.drop(DropReason::Cut, &transit, run);
            return None;
        }
        if !open {
            self.drop(DropReason::NodePaused, &transit, run);
            return None;
        }
        self.tell(Fate::Delivered, transit.number, &transit.frame, run);
        Some(transit.frame)
    }

    /// The link goes down, which loses what waits and what is on its way, or up.
    pub(crate) fn set_up(&mut self, now: Instant, up: bool, run: &mut impl Run) {
        if up == self.up {
            return;
        }
        self.up = up;
        if !up {
            self.epoch = self.epoch.wrapping_add(1);
            self.busy_until = self.busy_until.min(now);
            self.waiting = None;
            // Frames that are gone delay nobody.
            self.last_arrival = Instant::ZERO;
            self.queued_octets = 0;
            while let Some(waiting) = self.queue.pop_front() {
                self.drop(DropReason::Down, &waiting, run);
            }
        }
    }

    /// Lets the link be like this from now on. Frames that wait stay, whatever the new bound of the queue; the one that is
    /// being sent is sent as before.
    pub(crate) fn set_config(&mut self, now: Instant, config: LinkConfig, run: &mut impl Run) {
        if config.loss != self.config.loss {
            self.dice.end_burst();
        }
        self.config = config;
        if self.busy_until <= now && self.waiting.is_none() {
            self.busy_until = now;
        }
        self.wait(run);
    }

    fn tell(&mut self, fate: Fate, number: u64, frame: &Frame, run: &mut impl Run) {
        self.counters.count(fate, frame.len());
        run.happened(fate, number, frame, self.queued());
    }

    fn drop(&mut self, reason: DropReason, transit: &Transit, run: &mut impl Run) {
        self.tell(Fate::Dropped(reason), transit.number, &transit.frame, run);
    }
}

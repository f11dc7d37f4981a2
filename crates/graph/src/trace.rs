//! The way of single packets through the graph.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use waypost_packet::{Batch, Packet};
use waypost_wire::{Duration, Instant};

use crate::drop::DropReason;
use crate::element::Element;
use crate::plan::Naming;
use crate::slot::End;

/// Steps kept of all traced packets together, at most; older ones are forgotten.
const STEPS_MAX: usize = 16 << 10;

/// For how long no traced packet is seen before it is held that there is none any more.
const QUIET: Duration = Duration::from_secs(10);

/// One step of a traced packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceStep {
    /// The packet's number.
    pub packet: u32,
    /// When.
    pub time: Instant,
    /// The element's name.
    pub element: Arc<str>,
    /// What happened there.
    pub event: TraceEvent,
}

/// What happened to a traced packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TraceEvent {
    /// It arrived, at this input (or left this output, where it was pulled or made), with so many octets.
    Arrived {
        /// The port.
        port: usize,
        /// The packet's length, in octets.
        len: usize,
    },
    /// What the element says of it.
    Note(String),
    /// It was lost.
    Dropped(DropReason),
}

impl fmt::Display for TraceStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{} {} {}", self.packet, self.time, self.element)?;
        match &self.event {
            TraceEvent::Arrived { port, len } => write!(f, " [{port}] {len} octets"),
            TraceEvent::Note(note) => write!(f, ": {note}"),
            TraceEvent::Dropped(reason) => write!(f, " DROPPED: {reason}"),
        }
    }
}

/// Follows packets that carry a trace number.
#[derive(Default)]
pub(crate) struct Tracer {
    active: bool,
    /// The element whose packets are given numbers, and how many more.
    from: Option<(usize, u32)>,
    /// The last number given.
    number: u32,
    /// The worker, and how many there are: each gives numbers of its own.
    worker: (u32, u32),
    /// When a traced packet was seen last.
    seen: Instant,
    steps: VecDeque<TraceStep>,
}

impl Tracer {
    #[inline(always)]
    pub(crate) fn is_active(&self) -> bool {
        self.active
    }

    /// Gives the next `count` packets that reach a slot a number each, and follows them; with none, follows nothing any more.
    pub(crate) fn start(&mut self, slot: usize, count: u32) {
        self.from = (count > 0).then_some((slot, count));
        self.active = count > 0;
    }

    /// Has this worker give numbers that the others do not give.
    pub(crate) fn share_numbers(&mut self, worker: usize, workers: usize) {
        self.worker = (worker as u32, workers as u32);
    }

    /// Ends when all numbers were given, and none of these packets was seen for long.
    #[cold]
    pub(crate) fn end_if_quiet(&mut self, now: Instant) {
        if self.from.is_none_or(|(_, left)| left == 0) && now >= self.seen + QUIET {
            (self.from, self.active) = (None, false);
        }
    }

    /// The steps so far, in order of time.
    pub(crate) fn steps(&self) -> impl Iterator<Item = &TraceStep> {
        self.steps.iter()
    }

    pub(crate) fn wants(&mut self, slot: usize) -> Option<u32> {
        let (from, left) = self.from.as_mut()?;
        if *from != slot || *left == 0 {
            return None;
        }
        *left -= 1;
        self.number += match (self.number, self.worker) {
            (0, (worker, _)) => worker + 1,
            (_, (_, workers)) => workers.max(1),
        };
        Some(self.number)
    }

    pub(crate) fn arrived(&mut self, names: &[Naming], at: End, now: Instant, batch: &mut Batch) {
        for packet in batch.iter_mut() {
            if packet.trace().is_none()
                && let Some(number) = self.wants(at.slot)
            {
                packet.set_trace(Some(number));
            }
            if let Some(number) = packet.trace() {
                let event = TraceEvent::Arrived {
                    port: at.port,
                    len: packet.len(),
                };
                self.add(TraceStep {
                    packet: number,
                    time: now,
                    element: names[at.slot].name.clone(),
                    event,
                });
            }
        }
    }

    pub(crate) fn left(&mut self, batch: &Batch, at: &Naming, now: Instant, element: &dyn Element) {
        for packet in batch.iter() {
            let Some(number) = packet.trace() else {
                continue;
            };
            if let Some(note) = element.note(packet) {
                let event = TraceEvent::Note(note);
                self.add(TraceStep {
                    packet: number,
                    time: now,
                    element: at.name.clone(),
                    event,
                });
            }
        }
    }

    pub(crate) fn lost(&mut self, at: &Naming, now: Instant, packet: &Packet, reason: DropReason) {
        if let Some(number) = packet.trace() {
            let event = TraceEvent::Dropped(reason);
            self.add(TraceStep {
                packet: number,
                time: now,
                element: at.name.clone(),
                event,
            });
        }
    }

    fn add(&mut self, step: TraceStep) {
        self.seen = step.time;
        if self.steps.len() == STEPS_MAX {
            self.steps.pop_front();
        }
        self.steps.push_back(step);
    }
}

//! Protocol cores.

use std::collections::VecDeque;
use std::fmt;

use waypost_wire::Instant;

use crate::traffic::OUTPUTS_MAX;
use crate::{Frame, Node, Output};

/// A protocol core without I/O: octets and time go in; octets, events and a deadline come out.
///
/// All cores of the project have these five functions, or ones from which they are made in a line each.
pub trait Core {
    /// What it tells its user.
    type Event;

    /// A frame, packet or message of the other side comes.
    fn handle_input(&mut self, now: Instant, octets: &[u8]);

    /// Appends the next frame to send to `out`, which is empty, and says whether there is one.
    fn poll_output(&mut self, now: Instant, out: &mut Vec<u8>) -> bool;

    /// The next thing to tell.
    fn poll_event(&mut self) -> Option<Self::Event>;

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    fn poll_timeout(&self) -> Option<Instant>;

    /// The time has come.
    fn handle_timeout(&mut self, now: Instant);
}

/// A core as a [`Node`] with one port. What it tells is kept until somebody asks. One that sends and tells a million times when
/// it is called once is taken for one that never ends, which the simulation tells as [`Stuck`](crate::Stuck).
pub struct CoreNode<C: Core> {
    core: C,
    events: VecDeque<(Instant, C::Event)>,
    events_max: usize,
    forgotten: u64,
}

impl<C: Core> CoreNode<C> {
    /// A node of a core, which keeps 65536 events.
    pub const fn new(core: C) -> Self {
        Self {
            core,
            events: VecDeque::new(),
            events_max: 1 << 16,
            forgotten: 0,
        }
    }

    /// The core.
    pub const fn core(&self) -> &C {
        &self.core
    }

    /// The core. [`wake`](crate::Simulation::wake) the node if it is to do something about what was changed.
    pub const fn core_mut(&mut self) -> &mut C {
        &mut self.core
    }

    /// Takes what it told, and when, in order.
    pub fn take_events(&mut self) -> impl Iterator<Item = (Instant, C::Event)> {
        self.events.drain(..)
    }

    /// The oldest events, which were forgotten because nobody took them.
    pub const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    fn settle(&mut self, now: Instant, out: &mut Output<'_>) {
        let mut outputs = 0;
        while let Some(frame) = output(&mut self.core, now) {
            out.send(0, frame);
            outputs += 1;
            if outputs > OUTPUTS_MAX || out.is_storm() {
                return out.give_up(outputs);
            }
        }
        while let Some(event) = self.core.poll_event() {
            if self.events.len() == self.events_max {
                self.events.pop_front();
                self.forgotten += 1;
            }
            self.events.push_back((now, event));
            outputs += 1;
            if outputs > OUTPUTS_MAX {
                return out.give_up(outputs);
            }
        }
    }
}

/// What a core sends next.
pub(crate) fn output(core: &mut impl Core, now: Instant) -> Option<Frame> {
    let mut any = false;
    let frame = Frame::build(|octets| any = core.poll_output(now, octets));
    any.then_some(frame)
}

impl<C: Core + 'static> Node for CoreNode<C> {
    fn receive(&mut self, now: Instant, _: usize, frame: Frame, out: &mut Output<'_>) {
        self.core.handle_input(now, &frame);
        self.settle(now, out);
    }

    fn poll(&mut self, now: Instant, out: &mut Output<'_>) {
        if self.core.poll_timeout().is_some_and(|at| at <= now) {
            self.core.handle_timeout(now);
        }
        self.settle(now, out);
    }

    fn next_poll(&self) -> Option<Instant> {
        self.core.poll_timeout()
    }
}

impl<C: Core + fmt::Debug> fmt::Debug for CoreNode<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CoreNode")
            .field("core", &self.core)
            .finish_non_exhaustive()
    }
}

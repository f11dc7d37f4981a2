//! The pair: how it runs.

use std::collections::VecDeque;

use waypost_wire::Instant;

use super::{EVENTS_MAX, Effects, Event, Outcome, Pair, World};
use crate::link::Direction;
use crate::sans_io::output;
use crate::traffic::{EVENTS_AT_ONCE_MAX, OUTPUTS_MAX};
use crate::{Core, Side, Storm, Stuck};

impl<A: Core, B: Core> Pair<A, B> {
    /// Runs until a time, which it is then.
    ///
    /// # Errors
    /// Time stands still: cores answer each other at one instant without end, or one wants to be called, or sends, again and
    /// again. Or there is a storm.
    pub fn run_until(&mut self, until: Instant) -> Result<(), Stuck> {
        self.settle()?;
        while self.next_time().is_some_and(|at| at <= until) {
            self.step()?;
        }
        self.set_now(until);
        Ok(())
    }

    /// Runs until nothing is on its way and no core waits for a time, or to a deadline.
    ///
    /// # Errors
    /// As [`run_until`](Self::run_until).
    pub fn run_until_quiet(&mut self, deadline: Instant) -> Result<Outcome, Stuck> {
        self.settle()?;
        while let Some(at) = self.next_time() {
            if at > deadline {
                self.set_now(deadline);
                return Ok(Outcome::Deadline);
            }
            self.step()?;
        }
        Ok(Outcome::Quiet(self.world.now))
    }

    /// When the next thing happens; what cores want to send now is not counted. `None` if all is quiet.
    pub fn next_time(&self) -> Option<Instant> {
        let [a, b] = self.timeouts();
        let times = [self.world.schedule.next_time(), a, b];
        let next = times.into_iter().flatten().min();
        // A deadline at the end of all times never comes.
        let next = next.filter(|at| *at != Instant::MAX);
        next.map(|at| at.max(self.world.now))
    }

    /// Lets the next thing happen: something on the link first, then a timeout of `a`, then one of `b`.
    ///
    /// # Errors
    /// As [`run_until`](Self::run_until).
    pub fn step(&mut self) -> Result<(), Stuck> {
        let Some(at) = self.next_time() else {
            return Ok(());
        };
        self.set_now(at);
        if self.world.schedule.next_time().is_some_and(|it| it <= at) {
            let event = self.world.schedule.pop().map(|(_, event)| event);
            let called = self.happen(at, event);
            self.count(called)?;
        } else {
            let due = |timeout: Option<Instant>| timeout.is_some_and(|it| it <= at);
            while due(self.timeouts()[0]) {
                self.a.handle_timeout(at);
                self.settle()?;
                self.count(Some(Side::A))?;
            }
            while due(self.timeouts()[1]) {
                self.b.handle_timeout(at);
                self.settle()?;
                self.count(Some(Side::B))?;
            }
        }
        self.settle()
    }

    fn set_now(&mut self, now: Instant) {
        if now > self.world.now {
            self.world.now = now;
            self.world.at_once = 0;
        }
    }

    /// Something has happened, to a core or on the link: was it too much?
    fn count(&mut self, to: Option<Side>) -> Result<(), Stuck> {
        self.world.at_once += 1;
        if self.world.at_once > EVENTS_AT_ONCE_MAX {
            return Err(self.stuck(self.world.at_once, to));
        }
        Ok(())
    }

    fn stuck(&self, events: u64, last: Option<Side>) -> Stuck {
        let frames = self.world.traffic.frames;
        let storm = || Storm {
            frames,
            link: "link".to_owned(),
            on_link: frames,
        };
        let name = match last {
            Some(Side::A) => "a",
            Some(Side::B) => "b",
            None => "link",
        };
        Stuck {
            at: self.world.now,
            events,
            node: name.to_owned(),
            storm: self.world.traffic.is_storm().then(storm),
        }
    }

    /// Says which core was called.
    fn happen(&mut self, now: Instant, event: Option<Event>) -> Option<Side> {
        match event {
            Some(Event::Arrive(side, transit)) => {
                self.world.traffic.ends(&transit.frame);
                let open = !self.paused[side.other() as usize];
                let mut effects = Effects(&mut self.world, side);
                let line = &mut self.lines[side as usize];
                if let Some(frame) = line.arrive(transit, open, &mut effects) {
                    match side {
                        Side::A => self.b.handle_input(now, &frame),
                        Side::B => self.a.handle_input(now, &frame),
                    }
                    return Some(side.other());
                }
            }
            Some(Event::Ready(side)) => {
                let mut effects = Effects(&mut self.world, side);
                self.lines[side as usize].ready(now, &mut effects);
            }
            Some(Event::Fault(turn)) if turn == self.fault_turn => {
                let turning = self.faults.turning(now);
                let texts = turning.map(|fault| fault.what.to_string());
                texts.for_each(|text| self.world.log.fault(now, text));
                self.settle_faults();
            }
            Some(Event::Fault(_)) | None => {}
        }
        None
    }

    fn timeouts(&self) -> [Option<Instant>; 2] {
        let [a, b] = self.paused.map(|paused| !paused);
        [
            self.a.poll_timeout().filter(|_| a),
            self.b.poll_timeout().filter(|_| b),
        ]
    }

    /// Lets the link and the cores be as the faults want them.
    pub(super) fn settle_faults(&mut self) {
        let now = self.world.now;
        let down = self.faults.is_down(now, "link", ["a", "b"]);
        for side in Side::ALL {
            let line = &mut self.lines[side as usize];
            let config = self
                .faults
                .config(now, "link", &self.configs[side as usize]);
            let mut effects = Effects(&mut self.world, side);
            if *line.config() != config {
                line.set_config(now, config, &mut effects);
            }
            line.set_up(now, !down, &mut effects);
        }
        self.paused = ["a", "b"].map(|name| self.faults.is_paused(now, name));
    }

    /// Sends what the cores want to send, and keeps what they tell.
    fn settle(&mut self) -> Result<(), Stuck> {
        for side in Side::ALL {
            if self.paused[side as usize] {
                continue;
            }
            let (world, line) = (&mut self.world, &mut self.lines[side as usize]);
            let outputs = match side {
                Side::A => settle_core(&mut self.a, &mut self.events_a, world, line, side),
                Side::B => settle_core(&mut self.b, &mut self.events_b, world, line, side),
            };
            if outputs > OUTPUTS_MAX || self.world.traffic.is_storm() {
                return Err(self.stuck(outputs, Some(side)));
            }
        }
        Ok(())
    }
}

/// Says how much the core had to send and to tell, up to where it is too much.
fn settle_core<C: Core>(
    core: &mut C,
    events: &mut VecDeque<(Instant, C::Event)>,
    world: &mut World,
    line: &mut Direction,
    side: Side,
) -> u64 {
    let (now, mut outputs) = (world.now, 0);
    let mut effects = Effects(world, side);
    while outputs <= OUTPUTS_MAX
        && !effects.0.traffic.is_storm()
        && let Some(frame) = output(core, now)
    {
        line.send(now, frame, &mut effects);
        outputs += 1;
    }
    while outputs <= OUTPUTS_MAX
        && let Some(event) = core.poll_event()
    {
        if events.len() == EVENTS_MAX {
            events.pop_front();
        }
        events.push_back((now, event));
        outputs += 1;
    }
    outputs
}

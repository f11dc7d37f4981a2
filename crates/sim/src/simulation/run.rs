//! The network: how it runs.

use waypost_wire::Instant;

use super::Simulation;
use crate::network::Event;
use crate::{BuildError, NodeId, Output, Stuck};

impl Simulation {
    /// Lets everything happen up to `until`, included, and says how many events that were. The time is `until` then.
    ///
    /// # Errors
    /// Time stands still at an instant before.
    pub fn run_until(&mut self, until: Instant) -> Result<u64, Stuck> {
        let before = self.events;
        while self.next_time().is_some_and(|at| at <= until) {
            self.step()?;
        }
        if self.now() < until {
            self.set_now(until);
        }
        Ok(self.events - before)
    }

    /// Lets the next event happen, and says whether there was one.
    ///
    /// # Errors
    /// Time stands still.
    pub fn step(&mut self) -> Result<bool, Stuck> {
        let Some((at, event)) = self.network.world.schedule.pop() else {
            return Ok(false);
        };
        if at > self.now() {
            self.set_now(at);
        }
        self.events += 1;
        self.at_once += 1;
        if self.at_once > self.at_once_max {
            return Err(Stuck {
                at,
                events: self.at_once,
                node: self.name(self.last_node).to_owned(),
            });
        }
        match event {
            Event::Arrive(line, transit) => {
                let (id, port) = self.network.end(line);
                let open = !self.nodes[id.index()].paused;
                if let Some(frame) = self.network.arrive(line, transit, open) {
                    let now = self.now();
                    let mut out = Output::new(&mut self.network, id);
                    let node = &mut self.nodes[id.index()].node;
                    node.receive(now, port, frame, &mut out);
                    self.called(id);
                }
            }
            Event::Ready(line) => self.network.ready(line),
            Event::Timer(id) => {
                let participant = &mut self.nodes[id.index()];
                if participant.armed == Some(at) && !participant.paused {
                    participant.armed = None;
                    let due = participant.node.next_poll();
                    if due.is_some_and(|due| due <= at) {
                        self.poll(id);
                    } else {
                        self.called(id);
                    }
                }
            }
            Event::Fault => self.turn_faults(),
            Event::Wake(id) => {
                if !self.nodes[id.index()].paused {
                    self.poll(id);
                }
            }
        }
        Ok(true)
    }

    /// When the next event is to happen.
    pub fn next_time(&self) -> Option<Instant> {
        self.network.world.schedule.next_time()
    }

    /// How many events have happened.
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// Has a node polled at once, or when the simulation runs on.
    ///
    /// # Errors
    /// The node is not there.
    pub fn wake(&mut self, node: NodeId) -> Result<(), BuildError> {
        self.participant(node)?;
        let now = self.now();
        self.network.world.schedule.push(now, Event::Wake(node));
        Ok(())
    }

    fn set_now(&mut self, now: Instant) {
        self.network.world.now = now;
        self.at_once = 0;
    }

    fn poll(&mut self, id: NodeId) {
        let now = self.now();
        let mut out = Output::new(&mut self.network, id);
        self.nodes[id.index()].node.poll(now, &mut out);
        self.called(id);
    }

    /// A node was called: its timer is set anew, if it is to come earlier.
    #[inline]
    fn called(&mut self, id: NodeId) {
        self.last_node = id;
        let now = self.now();
        let participant = &mut self.nodes[id.index()];
        let Some(next) = participant.node.next_poll() else {
            return;
        };
        let next = next.max(now);
        // One that is set for an earlier time is set again when that has come: many timers are moved on and on.
        if next != Instant::MAX && participant.armed.is_none_or(|armed| next < armed) {
            participant.armed = Some(next);
            self.network.world.schedule.push(next, Event::Timer(id));
        }
    }
}

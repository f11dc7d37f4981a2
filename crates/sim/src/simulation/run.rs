//! The network: how it runs.

use waypost_wire::Instant;

use super::Simulation;
use crate::network::{Event, World};
use crate::{BuildError, LinkId, NodeId, Output, Storm, Stuck};

impl Simulation {
    /// Lets everything happen up to `until`, included, and says how many events that were. The time is `until` then.
    ///
    /// # Errors
    /// Time stands still at an instant before, or there is a storm.
    pub fn run_until(&mut self, until: Instant) -> Result<u64, Stuck> {
        let before = self.events;
        while self.next_time().is_some_and(|at| at <= until) {
            self.step()?;
        }
        if self.now() < until {
            self.set_now(until);
        }
        let World { now, observers, .. } = &mut self.network.world;
        for observer in observers {
            observer.reached(*now);
        }
        Ok(self.events - before)
    }

    /// Lets the next event happen, and says whether there was one.
    ///
    /// # Errors
    /// As [`run_until`](Self::run_until).
    pub fn step(&mut self) -> Result<bool, Stuck> {
        let world = &mut self.network.world;
        // Timers and events are in one order.
        let (timer, event) = (world.timers.next_key(), world.schedule.next_key());
        let is_timer = match (timer, event) {
            (Some(timer), Some(event)) => timer < event,
            (timer, _) => timer.is_some(),
        };
        let Some((at, _)) = (if is_timer { timer } else { event }) else {
            return Ok(false);
        };
        if at > self.now() {
            self.set_now(at);
        }
        self.events += 1;
        self.at_once += 1;
        if is_timer {
            if let Some(node) = self.network.world.timers.pop() {
                self.time_has_come(NodeId(node as u32));
            }
        } else if let Some((_, event)) = self.network.world.schedule.pop() {
            self.happen(event);
        }
        self.check()?;
        Ok(true)
    }

    fn happen(&mut self, event: Event) {
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
            Event::Fault(turn) => {
                if turn == self.fault_turn {
                    self.turn_faults();
                }
            }
            Event::Wake(id) => {
                if !self.nodes[id.index()].paused {
                    self.poll(id);
                }
            }
        }
    }

    /// The timer of a node was set for now.
    fn time_has_come(&mut self, id: NodeId) {
        let due = self.nodes[id.index()].node.next_poll();
        if due.is_some_and(|due| due <= self.now()) {
            self.poll(id);
        } else {
            // It was moved on meanwhile, which holds no time still.
            self.at_once -= 1;
            self.called(id);
        }
    }

    /// Whether it can go on.
    fn check(&self) -> Result<(), Stuck> {
        let world = &self.network.world;
        let stuck = |storm| Stuck {
            at: world.now,
            events: self.at_once + world.endless,
            node: self.name(self.last_node).to_owned(),
            storm,
        };
        if world.traffic.is_storm() {
            let (link, on_link) = self.network.busiest().unwrap_or((LinkId(0), 0));
            return Err(stuck(Some(Storm {
                frames: world.traffic.frames,
                link: self.link_name(link).to_owned(),
                on_link,
            })));
        }
        if self.at_once > self.at_once_max || world.endless > 0 {
            return Err(stuck(None));
        }
        Ok(())
    }

    /// When the next event is to happen.
    pub fn next_time(&self) -> Option<Instant> {
        let World {
            timers, schedule, ..
        } = &self.network.world;
        let timer = timers.next_key().map(|(at, _)| at);
        let times = [timer, schedule.next_time()];
        times.into_iter().flatten().min()
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
        let Some(next) = self.nodes[id.index()].node.next_poll() else {
            return;
        };
        let next = next.max(now);
        let World {
            timers, schedule, ..
        } = &mut self.network.world;
        // One that is set for an earlier time is set again when that has come: many timers are moved on and on.
        if next != Instant::MAX && timers.of(id.index()).is_none_or(|armed| next < armed) {
            timers.set(id.index(), next, schedule.number());
        }
    }
}

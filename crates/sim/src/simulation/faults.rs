//! The network: what goes wrong, by hand and by a schedule.

use super::Simulation;
use crate::network::Event;
use crate::{BuildError, Disturbance, FaultSchedule, LinkConfig, LinkId, NodeId, Output, Side};

impl Simulation {
    /// Lets these faults happen, in place of those that were given before. What began in the past and goes on is in force at
    /// once.
    ///
    /// # Errors
    /// A fault names a link or a node that is not there.
    pub fn set_faults(&mut self, faults: FaultSchedule) -> Result<(), BuildError> {
        for fault in faults.faults() {
            match &fault.what {
                Disturbance::Down(link) | Disturbance::Change(link, _) => {
                    self.check_link_name(link)?;
                }
                Disturbance::Pause(node) | Disturbance::Restart(node) => {
                    self.check_node_name(node)?;
                }
                Disturbance::Partition(nodes) => {
                    nodes
                        .iter()
                        .try_for_each(|node| self.check_node_name(node))?;
                }
            }
        }
        let now = self.now();
        let turns = faults.faults().iter().flat_map(|it| [it.at, it.end()]);
        let mut turns: Vec<_> = turns.filter(|at| *at >= now).collect();
        turns.sort_unstable();
        turns.dedup();
        // Those of the schedule before are nobody's from now on.
        self.fault_turn += 1;
        for at in turns {
            let event = Event::Fault(self.fault_turn);
            self.network.world.schedule.push(at, event);
        }
        self.faults = faults;
        self.links().for_each(|link| self.settle_link(link));
        self.nodes().for_each(|node| self.settle_node(node));
        Ok(())
    }

    /// The faults that were given.
    pub const fn faults(&self) -> &FaultSchedule {
        &self.faults
    }

    /// Lets one direction of a link be like this from now on, but for what faults change. Frames that wait stay, whatever
    /// the bound of the new queue; what was sent keeps its fate.
    ///
    /// # Errors
    /// The link is not there.
    pub fn set_config(
        &mut self,
        link: LinkId,
        side: Side,
        config: &LinkConfig,
    ) -> Result<(), BuildError> {
        self.check_link(link)?;
        let from = self.links[link.index()].ends[side as usize].0;
        let text = format!("change {} from {}", self.link_name(link), self.name(from));
        self.tell_fault(text);
        self.links[link.index()].configs[side as usize] = config.clone();
        self.settle_link(link);
        Ok(())
    }

    /// Lets a link go down, which loses what waits and what is on its way, or up again, unless a fault keeps it down.
    ///
    /// # Errors
    /// The link is not there.
    pub fn set_up(&mut self, link: LinkId, up: bool) -> Result<(), BuildError> {
        self.check_link(link)?;
        let what = if up { "up" } else { "down" };
        self.tell_fault(format!("{what} {}", self.link_name(link)));
        self.links[link.index()].up = up;
        self.settle_link(link);
        Ok(())
    }

    /// Stops a node: frames that arrive are lost, time passes by. Or lets it go on, unless a fault stops it: it is polled.
    ///
    /// # Errors
    /// The node is not there.
    pub fn set_paused(&mut self, node: NodeId, paused: bool) -> Result<(), BuildError> {
        self.participant(node)?;
        let what = if paused { "pause" } else { "resume" };
        self.tell_fault(format!("{what} {}", self.name(node)));
        self.nodes[node.index()].is_held = paused;
        self.settle_node(node);
        Ok(())
    }

    /// Has a node forget what it does not keep when it is switched off, and polls it.
    ///
    /// # Errors
    /// The node is not there.
    pub fn restart(&mut self, node: NodeId) -> Result<(), BuildError> {
        self.participant(node)?;
        self.tell_fault(format!("restart {}", self.name(node)));
        self.begin_anew(node);
        Ok(())
    }

    /// The time of an end or a beginning has come.
    pub(super) fn turn_faults(&mut self) {
        let now = self.now();
        let turning: Vec<_> = self.faults.turning(now).cloned().collect();
        for fault in &turning {
            for (turn, at) in [("begins", fault.at), ("ends", fault.end())] {
                if at == now {
                    self.tell_fault(format!("{turn}: {}", fault.what));
                }
            }
        }
        for fault in turning {
            match &fault.what {
                Disturbance::Down(name) | Disturbance::Change(name, _) => {
                    if let Some(link) = self.link_named(name) {
                        self.settle_link(link);
                    }
                }
                Disturbance::Partition(_) => self.links().for_each(|link| self.settle_link(link)),
                Disturbance::Pause(name) | Disturbance::Restart(name) => {
                    let Some(node) = self.node_named(name) else {
                        continue;
                    };
                    let restarts = matches!(fault.what, Disturbance::Restart(_));
                    if restarts && fault.end() == now {
                        self.begin_anew(node);
                    }
                    self.settle_node(node);
                }
            }
        }
    }

    /// Lets a link be as the hand and the faults want it.
    pub(super) fn settle_link(&mut self, id: LinkId) {
        let now = self.now();
        let link = &self.links[id.index()];
        let ends = link
            .ends
            .map(|(node, _)| self.nodes[node.index()].name.as_str());
        let up = link.up && !self.faults.is_down(now, &link.name, ends);
        for side in Side::ALL {
            let base = &link.configs[side as usize];
            let config = self.faults.config(now, &link.name, base);
            self.network.set_config(id, side, config);
        }
        self.network.set_up(id, up);
    }

    /// Lets a node stand still, or go on.
    fn settle_node(&mut self, id: NodeId) {
        let now = self.now();
        let participant = &mut self.nodes[id.index()];
        let paused = participant.is_held || self.faults.is_paused(now, &participant.name);
        if participant.paused != paused {
            participant.paused = paused;
            self.network.world.timers.clear(id.index());
            if !paused {
                self.network.world.schedule.push(now, Event::Wake(id));
            }
        }
    }

    fn begin_anew(&mut self, id: NodeId) {
        let now = self.now();
        let mut out = Output::new(&mut self.network, id);
        self.nodes[id.index()].node.restart(now, &mut out);
        self.network.world.timers.clear(id.index());
        self.network.world.schedule.push(now, Event::Wake(id));
    }

    /// Writes down that the network is changed.
    fn tell_fault(&mut self, text: String) {
        let now = self.now();
        self.network.world.log.fault(now, text);
    }

    fn check_link(&self, link: LinkId) -> Result<(), BuildError> {
        let exists = link.index() < self.links.len();
        exists.then_some(()).ok_or(BuildError::NoLink(link))
    }

    fn check_link_name(&self, name: &str) -> Result<(), BuildError> {
        let found = self.link_named(name).map(|_| ());
        found.ok_or_else(|| BuildError::NoLinkNamed(name.to_owned()))
    }

    fn check_node_name(&self, name: &str) -> Result<(), BuildError> {
        let found = self.node_named(name).map(|_| ());
        found.ok_or_else(|| BuildError::NoNodeNamed(name.to_owned()))
    }
}

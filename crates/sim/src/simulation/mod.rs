//! The network: what it is made of.

mod faults;
mod run;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;

use waypost_wire::Instant;

use crate::log::Line;
use crate::network::{Event, Network};
use crate::traffic::EVENTS_AT_ONCE_MAX;
use crate::{
    BuildError, FaultSchedule, Keep, LinkConfig, LinkCounters, LinkId, Log, Node, NodeId, Observer,
    ObserverId, Rng, Series, Side,
};

/// Ports of a node have numbers up to this.
pub const PORT_MAX: usize = 4095;

/// A network of [`Node`]s and links under virtual time. The same seed, construction and calls give the same run, event for
/// event.
///
/// Each link draws from a generator of its own, which belongs to its name: another link more changes nothing of its faults.
#[derive(Debug)]
pub struct Simulation {
    seed: Rng,
    nodes: Vec<Participant>,
    links: Vec<Link>,
    /// Numbers of nodes and links, by name.
    node_names: BTreeMap<String, NodeId>,
    link_names: BTreeMap<String, LinkId>,
    network: Network,
    faults: FaultSchedule,
    /// How often faults were given.
    fault_turn: u32,
    events: u64,
    /// Events at this instant.
    at_once: u64,
    at_once_max: u64,
    last_node: NodeId,
}

/// A node, and what is to be done about it.
struct Participant {
    name: String,
    node: Box<dyn Node>,
    paused: bool,
    /// It was paused by hand.
    is_held: bool,
}

impl fmt::Debug for Participant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// A link, as it was built.
#[derive(Debug)]
struct Link {
    name: String,
    ends: [(NodeId, usize); 2],
    /// What it is like without faults.
    configs: [LinkConfig; 2],
    up: bool,
}

impl Simulation {
    /// An empty network at time 0, in which `seed` decides about all that is left to chance.
    pub fn new(seed: u64) -> Self {
        Self {
            seed: Rng::new(seed),
            nodes: Vec::new(),
            links: Vec::new(),
            node_names: BTreeMap::new(),
            link_names: BTreeMap::new(),
            network: Network::default(),
            faults: FaultSchedule::default(),
            fault_turn: 0,
            events: 0,
            at_once: 0,
            at_once_max: EVENTS_AT_ONCE_MAX,
            last_node: NodeId(0),
        }
    }

    /// Keeps so much of the log, from now on.
    #[must_use]
    pub fn keep(mut self, keep: Keep) -> Self {
        self.network.world.log.set_keep(keep);
        self
    }

    /// Takes so many events at one instant for time that stands still.
    #[must_use]
    pub const fn events_at_once_max(mut self, events: u64) -> Self {
        self.at_once_max = events;
        self
    }

    /// Takes more octets of frames on their way than so many for a storm: frames that multiply until there is no memory for
    /// them. A frame counts as the memory that it takes: 256 octets, 2048, or what a longer one has; those in queues do
    /// not count. Without this it is 512 MiB.
    #[must_use]
    pub const fn in_flight_max(mut self, octets: usize) -> Self {
        self.network.world.traffic.octets_max = octets;
        self
    }

    /// A generator that belongs to `label`, for a node that is to draw.
    #[must_use]
    pub fn rng(&self, label: &str) -> Rng {
        self.seed.split("user").split(label)
    }

    /// Adds a node, which is polled for the first time as soon as the simulation runs on.
    ///
    /// # Errors
    /// The name is none, or given already.
    pub fn add(&mut self, name: &str, node: impl Node) -> Result<NodeId, BuildError> {
        check_name(name, self.node_names.contains_key(name))?;
        let id = NodeId(self.nodes.len() as u32);
        self.nodes.push(Participant {
            name: name.to_owned(),
            node: Box::new(node),
            paused: false,
            is_held: false,
        });
        self.node_names.insert(name.to_owned(), id);
        self.network.add_node();
        let now = self.now();
        self.network.world.schedule.push(now, Event::Wake(id));
        Ok(id)
    }

    /// Joins two nodes at the first port of each that has no link, by a link that is the same in both directions.
    ///
    /// # Errors
    /// As [`connect_ports`](Self::connect_ports).
    pub fn connect(
        &mut self,
        name: &str,
        a: NodeId,
        b: NodeId,
        config: LinkConfig,
    ) -> Result<LinkId, BuildError> {
        for node in [a, b] {
            self.participant(node)?;
        }
        let port_a = self.network.free_port(a);
        let mut port_b = self.network.free_port(b);
        if a == b {
            while port_b == port_a || self.network.has_link(b, port_b) {
                port_b += 1;
            }
        }
        self.connect_ports(name, (a, port_a), (b, port_b), [config.clone(), config])
    }

    /// Joins two ports of nodes by a link; its first configuration is that of what `a` sends.
    ///
    /// # Errors
    /// The name is none, or given already; a node is not there, or has a link at that port.
    pub fn connect_ports(
        &mut self,
        name: &str,
        a: (NodeId, usize),
        b: (NodeId, usize),
        configs: [LinkConfig; 2],
    ) -> Result<LinkId, BuildError> {
        check_name(name, self.link_names.contains_key(name))?;
        for (node, port) in [a, b] {
            let participant = self.participant(node)?;
            if port > PORT_MAX {
                return Err(BuildError::PortTooHigh(port));
            }
            if self.network.has_link(node, port) || (a == b) {
                return Err(BuildError::PortTaken(participant.name.clone(), port));
            }
        }
        let id = LinkId(self.links.len() as u32);
        self.link_names.insert(name.to_owned(), id);
        let seed = self.seed.split("link").split(name);
        self.network.add_link([a, b], configs.clone(), &seed);
        self.links.push(Link {
            name: name.to_owned(),
            ends: [a, b],
            configs,
            up: true,
        });
        self.settle_link(id);
        Ok(id)
    }

    /// Lets somebody look at links.
    ///
    /// # Errors
    /// A link is not there.
    pub fn observe(
        &mut self,
        links: &[LinkId],
        observer: impl Observer,
    ) -> Result<ObserverId, BuildError> {
        if let Some(missing) = links.iter().find(|link| link.index() >= self.links.len()) {
            return Err(BuildError::NoLink(*missing));
        }
        let observers = &mut self.network.world.observers;
        let id = ObserverId(observers.len() as u32);
        observers.push(Box::new(observer));
        for link in links {
            self.network.watch(*link, id.0);
        }
        Ok(id)
    }

    /// The time.
    pub const fn now(&self) -> Instant {
        self.network.now()
    }

    /// What happened so far.
    pub const fn log(&self) -> &Log {
        &self.network.world.log
    }

    /// The entries of the log that are kept, one line each.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let node = |id: NodeId| self.name(id);
        let link = |id: LinkId| {
            let link = &self.links[id.index()];
            (link.name.as_str(), link.ends.map(|(node, _)| node))
        };
        let entries = self.network.world.log.entries();
        entries.map(move |entry| Line { entry, node, link }.to_string())
    }

    /// Forgets the entries of the log that are kept, for whoever has written down the [`lines`](Self::lines) so far. Its
    /// count and digest stay.
    pub fn forget_lines(&mut self) {
        self.network.world.log.forget_entries();
    }

    /// A node, if it is of this kind.
    pub fn node<T: Node>(&self, id: NodeId) -> Option<&T> {
        let node: &dyn Any = &*self.nodes.get(id.index())?.node;
        node.downcast_ref()
    }

    /// A node, if it is of this kind. [`wake`](Self::wake) it if it is to do something about what was changed.
    pub fn node_mut<T: Node>(&mut self, id: NodeId) -> Option<&mut T> {
        let node: &mut dyn Any = &mut *self.nodes.get_mut(id.index())?.node;
        node.downcast_mut()
    }

    /// An observer, if it is of this kind.
    pub fn observer<T: Observer>(&self, id: ObserverId) -> Option<&T> {
        let observer: &dyn Any = &**self.network.world.observers.get(id.0 as usize)?;
        observer.downcast_ref()
    }

    /// An observer, if it is of this kind: to take what it has gathered.
    pub fn observer_mut<T: Observer>(&mut self, id: ObserverId) -> Option<&mut T> {
        let observers = &mut self.network.world.observers;
        let observer: &mut dyn Any = &mut **observers.get_mut(id.0 as usize)?;
        observer.downcast_mut()
    }

    /// What a node is called; nothing if it is not there.
    pub fn name(&self, id: NodeId) -> &str {
        let node = self.nodes.get(id.index());
        node.map_or("", |node| &node.name)
    }

    /// What a link is called; nothing if it is not there.
    pub fn link_name(&self, id: LinkId) -> &str {
        let link = self.links.get(id.index());
        link.map_or("", |link| &link.name)
    }

    /// All nodes, in the order in which they were added.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes.len() as u32).map(NodeId)
    }

    /// All links, in the order in which they were added.
    pub fn links(&self) -> impl Iterator<Item = LinkId> + use<> {
        (0..self.links.len() as u32).map(LinkId)
    }

    /// The node of a name.
    pub fn node_named(&self, name: &str) -> Option<NodeId> {
        self.node_names.get(name).copied()
    }

    /// The link of a name.
    pub fn link_named(&self, name: &str) -> Option<LinkId> {
        self.link_names.get(name).copied()
    }

    /// The nodes and ports that a link joins, side A first.
    pub fn ends(&self, link: LinkId) -> Option<[(NodeId, usize); 2]> {
        self.links.get(link.index()).map(|link| link.ends)
    }

    /// What became of the frames that an end of a link sent.
    pub fn counters(&self, link: LinkId, side: Side) -> Option<LinkCounters> {
        let direction = self.network.direction(link, side)?;
        Some(*direction.counters())
    }

    /// What the link is like now, for frames of this side.
    pub fn config(&self, link: LinkId, side: Side) -> Option<&LinkConfig> {
        Some(self.network.direction(link, side)?.config())
    }

    /// Whether a link is up.
    pub fn is_up(&self, link: LinkId) -> bool {
        let direction = self.network.direction(link, Side::A);
        direction.is_some_and(crate::link::Direction::is_up)
    }

    /// Frames and octets that wait to be sent by an end of a link.
    pub fn queued(&self, link: LinkId, side: Side) -> (usize, usize) {
        let direction = self.network.direction(link, side);
        direction.map_or((0, 0), crate::link::Direction::queued)
    }

    /// What a node has measured, in the order in which it began to.
    pub fn series(&self, node: NodeId) -> &[Series] {
        self.network.series(node)
    }

    fn participant(&self, id: NodeId) -> Result<&Participant, BuildError> {
        self.nodes.get(id.index()).ok_or(BuildError::NoNode(id))
    }
}

fn check_name(name: &str, taken: bool) -> Result<(), BuildError> {
    if taken {
        return Err(BuildError::NameTaken(name.to_owned()));
    }
    // Names stand in lines of the log, and in texts of faults, where `,` and `#` have a meaning.
    let is_part = |letter: char| letter.is_alphanumeric() || "-_.:/+@".contains(letter);
    if name.is_empty() || !name.chars().all(is_part) {
        return Err(BuildError::NotAName(name.to_owned()));
    }
    Ok(())
}

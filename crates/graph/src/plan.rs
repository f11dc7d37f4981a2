//! From elements and connections to a graph that runs: what all front ends end in.

use std::fmt;
use std::sync::Arc;

use waypost_packet::{Allocator, Pool};

use crate::drop::OnFull;
use crate::element::Element;
use crate::engine::{End, Engine, Naming, Output, Slot};
use crate::schedule::Instance;

/// Elements and their connections, not yet running.
#[derive(Default)]
pub(crate) struct Plan {
    pub(crate) nodes: Vec<Node>,
    pub(crate) edges: Vec<Edge>,
    pub(crate) config: String,
}

/// An element of a plan.
pub(crate) struct Node {
    pub(crate) element: Box<dyn Element>,
    pub(crate) naming: Naming,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
}

/// A connection of a plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge {
    pub(crate) from: End,
    pub(crate) to: End,
    pub(crate) pull: bool,
    pub(crate) on_full: OnFull,
}

impl Plan {
    /// Adds an element.
    pub(crate) fn add(
        &mut self,
        name: &str,
        class: &str,
        config: &str,
        element: Box<dyn Element>,
        ports: (usize, usize),
    ) -> usize {
        let naming = Naming { name: name.into(), class: class.into(), config: config.into() };
        self.nodes.push(Node { element, naming, inputs: ports.0, outputs: ports.1 });
        self.nodes.len() - 1
    }

    /// Makes it run on one worker.
    ///
    /// # Errors
    /// A port that packets need is not connected.
    pub(crate) fn start(self, frames: Allocator, worker: usize) -> Result<Instance, BuildError> {
        let mut missing = Vec::new();
        let mut names: Vec<Naming> = Vec::with_capacity(self.nodes.len());
        let mut slots: Vec<Slot> = Vec::with_capacity(self.nodes.len());
        for (at, node) in self.nodes.into_iter().enumerate() {
            let outputs: Box<[Output]> = (0..node.outputs)
                .map(|port| {
                    let edge = self.edges.iter().find(|edge| edge.from == End { slot: at, port });
                    if edge.is_none() {
                        missing.push(format!("output {port} of `{}`", node.naming.name));
                    }
                    let pushed = edge.filter(|edge| !edge.pull);
                    Output::new(pushed.map(|edge| edge.to), edge.map_or(OnFull::Block, |edge| edge.on_full))
                })
                .collect();
            let inputs: Box<[Option<End>]> = (0..node.inputs)
                .map(|port| {
                    let mut edges = self.edges.iter().filter(|edge| edge.to == End { slot: at, port });
                    let edge = edges.next();
                    if edge.is_none() {
                        missing.push(format!("input {port} of `{}`", node.naming.name));
                    }
                    edge.filter(|edge| edge.pull).map(|edge| edge.from)
                })
                .collect();
            slots.push(Slot::new(node.element, outputs, inputs));
            names.push(node.naming);
        }
        if !missing.is_empty() {
            return Err(BuildError::Unconnected(missing));
        }
        let engine = Engine::new(slots, names.into(), frames, Arc::from(self.config));
        Ok(Instance::new(engine, worker))
    }
}

/// A graph could not be built.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// Two elements have this name.
    NameTaken(String),
    /// These ports are connected to nothing.
    Unconnected(Vec<String>),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameTaken(name) => write!(f, "two elements are named `{name}`: give one another name"),
            Self::Unconnected(ports) => {
                write!(f, "not connected: {}; connect each, an output that is not wanted to `Discard`", ports.join(", "))
            }
        }
    }
}

impl std::error::Error for BuildError {}

/// The frames of a graph that was given none: enough for queues of the usual size.
pub(crate) fn default_pool() -> Result<Pool, waypost_packet::PoolError> {
    Pool::builder().small(16 << 10).medium(512).large(128).build()
}

//! From elements and connections to a graph that runs: what all front ends end in.

use std::fmt;
use std::sync::Arc;

use waypost_graph_text::FlowCode;
use waypost_packet::Allocator;

use crate::drop::OnFull;
use crate::element::Element;
use crate::engine::Engine;
use crate::schedule::Instance;
use crate::slot::{End, Output, Slot};

/// Elements and their connections, not yet running.
#[derive(Default)]
pub(crate) struct Plan {
    pub(crate) nodes: Vec<Node>,
    pub(crate) edges: Vec<Edge>,
    pub(crate) texts: Texts,
}

/// A graph as text; empty where there is none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Texts {
    /// As it was given.
    pub(crate) given: Arc<str>,
    /// Flattened.
    pub(crate) flat: Arc<str>,
}

/// An element of a plan.
pub(crate) struct Node {
    pub(crate) element: Box<dyn Element>,
    pub(crate) naming: Naming,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    /// Between which ports packets flow, if a class says so.
    pub(crate) flow: Option<FlowCode>,
}

/// What is said of an element, apart from what is touched per batch.
#[derive(Clone, Debug)]
pub(crate) struct Naming {
    pub(crate) name: Arc<str>,
    pub(crate) class: Arc<str>,
    pub(crate) config: Arc<str>,
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
        flow: Option<FlowCode>,
    ) -> usize {
        let naming = Naming {
            name: name.into(),
            class: class.into(),
            config: config.into(),
        };
        self.nodes.push(Node {
            element,
            naming,
            inputs: ports.0,
            outputs: ports.1,
            flow,
        });
        self.nodes.len() - 1
    }

    /// Makes it run on one worker, if all ports are connected.
    ///
    /// # Errors
    /// A port is not connected.
    pub(crate) fn start(self, frames: Allocator) -> Result<Instance, BuildError> {
        let mut missing = Vec::new();
        for (slot, node) in self.nodes.iter().enumerate() {
            let sides = [("input", node.inputs), ("output", node.outputs)];
            for (side, count) in sides {
                missing.extend((0..count).filter_map(|port| {
                    let end = End { slot, port };
                    let here = |edge: &Edge| {
                        if side == "input" {
                            edge.to == end
                        } else {
                            edge.from == end
                        }
                    };
                    let connected = self.edges.iter().any(here);
                    (!connected).then(|| format!("{side} {port} of `{}`", node.naming.name))
                }));
            }
        }
        if missing.is_empty() {
            Ok(self.start_checked(frames, 0))
        } else {
            Err(BuildError::Unconnected(missing))
        }
    }

    /// Makes it run on one worker, where a checker has seen to the connections.
    pub(crate) fn start_checked(self, frames: Allocator, worker: usize) -> Instance {
        let mut names: Vec<Naming> = Vec::with_capacity(self.nodes.len());
        let mut slots: Vec<Slot> = Vec::with_capacity(self.nodes.len());
        for node in self.nodes {
            let outputs = (0..node.outputs)
                .map(|_| Output::new(None, OnFull::Block))
                .collect();
            slots.push(Slot::new(
                node.element,
                outputs,
                vec![None; node.inputs].into(),
                node.flow.as_ref(),
            ));
            names.push(node.naming);
        }
        for edge in self.edges {
            if edge.pull {
                slots[edge.to.slot].inputs[edge.to.port] = Some(edge.from);
            } else {
                let slot = &mut slots[edge.from.slot];
                let own = slot
                    .element()
                    .map_or(OnFull::Block, |element| element.on_full(edge.from.port));
                let on_full = if edge.on_full == OnFull::Block {
                    own
                } else {
                    edge.on_full
                };
                slot.outputs[edge.from.port] = Output::new(Some(edge.to), on_full);
            }
        }
        Instance::new(Engine::new(slots, names.into(), frames, self.texts), worker)
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
    /// These two ports do not belong to one builder.
    OtherBuilder(String),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameTaken(name) => {
                write!(f, "two elements are named `{name}`: give one another name")
            }
            Self::OtherBuilder(ports) => write!(
                f,
                "cannot connect {ports}: both ends of a connection belong to one builder"
            ),
            Self::Unconnected(ports) => {
                write!(
                    f,
                    "not connected: {}; connect each, an output that is not wanted to `Discard`",
                    ports.join(", ")
                )
            }
        }
    }
}

impl std::error::Error for BuildError {}

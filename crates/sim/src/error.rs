//! What cannot be built, and what cannot go on.

use std::fmt;

use waypost_wire::Instant;

use crate::{LinkId, NodeId};

/// A network cannot be built like this. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// There is a node, or a link, of this name.
    NameTaken(String),
    /// A name is a word: no blanks, and at least one letter.
    NotAName(String),
    /// There is a link at this port of this node.
    PortTaken(String, usize),
    /// A port number above the greatest that a node may have.
    PortTooHigh(usize),
    /// There is no such node in this simulation.
    NoNode(NodeId),
    /// There is no such link in this simulation.
    NoLink(LinkId),
    /// A fault schedule names a node that is not there.
    NoNodeNamed(String),
    /// A fault schedule names a link that is not there.
    NoLinkNamed(String),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameTaken(name) => {
                write!(
                    f,
                    "`{name}` has been given already: each name is given once"
                )
            }
            Self::NotAName(name) => {
                write!(f, "`{name}` is no name: expected a word without blanks")
            }
            Self::PortTaken(node, port) => {
                write!(f, "port {port} of `{node}` has a link already")
            }
            Self::PortTooHigh(port) => {
                write!(f, "port {port}: expected at most {}", crate::PORT_MAX)
            }
            Self::NoNode(id) => write!(
                f,
                "no node has the number {}: it is of another simulation",
                id.0
            ),
            Self::NoLink(id) => write!(
                f,
                "no link has the number {}: it is of another simulation",
                id.0
            ),
            Self::NoNodeNamed(name) => write!(f, "no node is named `{name}`"),
            Self::NoLinkNamed(name) => write!(f, "no link is named `{name}`"),
        }
    }
}

impl std::error::Error for BuildError {}

/// A network that cannot go on. So much happens at one instant that time stands still: nodes that answer each other over links
/// without delay, or one that wants to be polled at once each time it is. Or there is a [`Storm`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// When.
    pub at: Instant,
    /// How many events happened then.
    pub events: u64,
    /// The node that was called last.
    pub node: String,
    /// If there is more on its way than there may be.
    pub storm: Option<Storm>,
}

/// Frames that multiply faster than they arrive, as in a circle of switches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storm {
    /// Frames that are on their way.
    pub frames: u64,
    /// The link on which the most of them are.
    pub link: String,
    /// How many are on that link.
    pub on_link: u64,
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            at,
            events,
            node,
            storm,
        } = self;
        match storm {
            Some(Storm {
                frames,
                link,
                on_link,
            }) => write!(
                f,
                "{frames} frames are on their way at {at}, {on_link} of them on `{link}`, the most of all links: a storm"
            ),
            None => write!(
                f,
                "time stands still at {at}: {events} events, the last at `{node}`"
            ),
        }
    }
}

impl std::error::Error for Stuck {}

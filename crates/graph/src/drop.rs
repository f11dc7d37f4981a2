//! Why packets are lost.

use std::fmt;

/// Why a packet was lost: a short name, the same in counters, traces and captures.
///
/// A crate lists its own as constants: `const TTL_EXPIRED: DropReason = DropReason::new("ttl expired");`
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DropReason(&'static str);

impl DropReason {
    /// The edge leads nowhere.
    pub const UNCONNECTED: Self = Self::new("output not connected");
    /// The branch was full, and was marked to lose packets then.
    pub const BRANCH_FULL: Self = Self::new("branch full");
    /// The pool had no frame for a copy.
    pub const NO_BUFFER: Self = Self::new("no buffer");
    /// The graph was stopped with the packet in it.
    pub const STOPPED: Self = Self::new("graph stopped");

    /// A reason by its name: lowercase words.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The name.
    pub const fn name(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DropReason({:?})", self.0)
    }
}

/// What becomes of packets on an edge whose target is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFull {
    /// They wait, and whoever feeds the edge, its siblings included, waits with them: nothing is lost.
    #[default]
    Block,
    /// They are lost for this reason, and counted; the siblings run on. What cannot be handed over for another reason than want
    /// of room (the target is being called, the calls are nested too deep) waits, a batch of it at most.
    Drop(DropReason),
}

/// Packets lost, by reason. An element loses packets for few reasons: a list is searched fastest.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drops(Vec<(DropReason, u64)>);

impl Drops {
    #[inline]
    pub(crate) fn count(&mut self, reason: DropReason, packets: u64) {
        match self.0.iter_mut().find(|(it, _)| *it == reason) {
            Some((_, count)) => *count += packets,
            None => self.0.push((reason, packets)),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (DropReason, u64)> {
        self.0.iter().copied()
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }
}

//! What happened, in order, and the digest by which two runs are compared.

use std::collections::VecDeque;
use std::fmt;

use waypost_wire::Instant;

use crate::digest::Digest;
use crate::{DropReason, Fate, LinkId, NodeId, Side};

/// How much of the log is kept to be read. Its [`digest`](Log::digest) covers all in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// Everything. A frame costs two entries at least.
    All,
    /// So many of the last entries.
    Last(usize),
    /// Nothing.
    #[default]
    Nothing,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: Instant,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// This befell a frame.
    Frame {
        /// On which link.
        link: LinkId,
        /// Which end sent it.
        side: Side,
        /// Its number among the frames of this direction, from 0.
        number: u64,
        /// Its octets.
        len: usize,
        /// What befell it.
        fate: Fate,
    },
    /// A node sent a frame through a port without a link: it is gone.
    Unconnected {
        /// The node.
        node: NodeId,
        /// The port.
        port: usize,
    },
    /// A node has something to say.
    Note {
        /// The node.
        node: NodeId,
        /// What it says, in one line.
        text: String,
    },
    /// A fault begins or ends, or the network was changed.
    Fault {
        /// What is changed, in one line.
        text: String,
    },
}

/// The log of a run.
#[derive(Debug, Default)]
pub struct Log {
    keep: Keep,
    entries: VecDeque<Entry>,
    count: u64,
    digest: Digest,
}

impl Log {
    /// Entries that are kept, the oldest first. [`Simulation::lines`](crate::Simulation::lines) prints them.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// How many entries there were.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// A digest of all entries, and of the octets of each frame when it is sent and when it is delivered: the identity of a run.
    /// It is no defence against anybody.
    pub fn digest(&self) -> u64 {
        self.digest.finish()
    }

    pub(crate) fn set_keep(&mut self, keep: Keep) {
        self.keep = keep;
        self.forget();
    }

    #[inline]
    pub(crate) fn frame(
        &mut self,
        at: Instant,
        (link, side): (LinkId, Side),
        number: u64,
        octets: &[u8],
        fate: Fate,
    ) {
        let (kind, argument) = code(fate);
        let place = u64::from(link.0) << 32 | (side as u64) << 8 | kind;
        self.digest.words(at.as_nanos(), place);
        self.digest.words(number, argument);
        // What a frame holds is told when it sets out, and when it comes to an end.
        if matches!(fate, Fate::Sent { .. } | Fate::Delivered) {
            self.digest.octets(octets);
        }
        self.count += 1;
        if self.keep != Keep::Nothing {
            let what = What::Frame {
                link,
                side,
                number,
                len: octets.len(),
                fate,
            };
            self.keep(Entry { at, what });
        }
    }

    pub(crate) fn unconnected(&mut self, at: Instant, node: NodeId, port: usize) {
        self.digest.words(at.as_nanos(), 1 << 16);
        self.digest.words(u64::from(node.0), port as u64);
        self.count += 1;
        if self.keep != Keep::Nothing {
            let what = What::Unconnected { node, port };
            self.keep(Entry { at, what });
        }
    }

    pub(crate) fn note(&mut self, at: Instant, node: NodeId, text: String) {
        self.digest
            .words(at.as_nanos(), 2 << 16 | u64::from(node.0) << 32);
        self.text(at, text, |text| What::Note { node, text });
    }

    pub(crate) fn fault(&mut self, at: Instant, text: String) {
        self.digest.words(at.as_nanos(), 3 << 16);
        self.text(at, text, |text| What::Fault { text });
    }

    fn text(&mut self, at: Instant, text: String, what: impl FnOnce(String) -> What) {
        // An entry is one line, whatever was said.
        let text = if text.contains(['\n', '\r']) {
            text.replace(['\n', '\r'], " ")
        } else {
            text
        };
        self.digest.octets(text.as_bytes());
        self.count += 1;
        if self.keep != Keep::Nothing {
            let what = what(text);
            self.keep(Entry { at, what });
        }
    }

    fn keep(&mut self, entry: Entry) {
        self.entries.push_back(entry);
        self.forget();
    }

    pub(crate) fn forget_entries(&mut self) {
        self.entries.clear();
    }

    fn forget(&mut self) {
        let limit = match self.keep {
            Keep::All => return,
            Keep::Last(limit) => limit,
            Keep::Nothing => 0,
        };
        while self.entries.len() > limit {
            self.entries.pop_front();
        }
    }
}

/// A fate as two numbers.
fn code(fate: Fate) -> (u64, u64) {
    match fate {
        Fate::Sent { queued } => (0, u64::from(queued)),
        Fate::Marked => (1, 0),
        Fate::Corrupted { bits } => (2, u64::from(bits)),
        Fate::Held => (3, 0),
        Fate::Duplicated => (4, 0),
        Fate::Delivered => (5, 0),
        Fate::Dropped(reason) => (6, reason as u64),
    }
}

/// An entry with the names of what it is about.
pub(crate) struct Line<'a, N, L> {
    pub(crate) entry: &'a Entry,
    /// The name of a node.
    pub(crate) node: N,
    /// The name of a link, and of its ends.
    pub(crate) link: L,
}

impl<'a, N, L> fmt::Display for Line<'a, N, L>
where
    N: Fn(NodeId) -> &'a str,
    L: Fn(LinkId) -> (&'a str, [NodeId; 2]),
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Entry { at, what } = self.entry;
        write!(f, "{at} ")?;
        match what {
            What::Frame {
                link,
                side,
                number,
                len,
                fate,
            } => {
                let (name, ends) = (self.link)(*link);
                let from = (self.node)(ends[*side as usize]);
                let to = (self.node)(ends[side.other() as usize]);
                write!(f, "{name} {from} > {to} #{number} {len} octets {fate}")
            }
            What::Unconnected { node, port } => {
                let name = (self.node)(*node);
                write!(f, "{name} sends to port {port}, which has no link")
            }
            What::Note { node, text } => write!(f, "{}: {text}", (self.node)(*node)),
            What::Fault { text } => write!(f, "fault {text}"),
        }
    }
}

/// The reasons have their numbers in the digest.
const _: () = assert!(DropReason::ALL.len() < 256);

#[cfg(test)]
mod tests {
    use super::*;

    fn note(log: &mut Log, text: &str) {
        log.note(Instant::ZERO, NodeId(0), text.to_owned());
    }

    #[test]
    fn what_is_kept_does_not_change_the_digest() {
        let digests = [Keep::All, Keep::Last(2), Keep::Nothing].map(|keep| {
            let mut log = Log::default();
            log.set_keep(keep);
            for text in ["a", "b", "c\nd"] {
                note(&mut log, text);
            }
            let kept = match keep {
                Keep::All => 3,
                Keep::Last(number) => number,
                Keep::Nothing => 0,
            };
            assert_eq!((log.entries().count(), log.count()), (kept, 3));
            log.digest()
        });
        assert_eq!(digests, [digests[0]; 3]);
    }

    #[test]
    fn each_difference_changes_the_digest() {
        let link = (LinkId(1), Side::A);
        let frame = |at, place, number, octets: &[u8], fate| {
            let mut log = Log::default();
            log.frame(Instant::from_nanos(at), place, number, octets, fate);
            log.digest()
        };
        let sent = Fate::Sent { queued: 0 };
        let mut digests = vec![
            frame(1, link, 1, &[1; 9], sent),
            frame(2, link, 1, &[1; 9], sent),
            frame(1, (LinkId(2), Side::A), 1, &[1; 9], sent),
            frame(1, (LinkId(1), Side::B), 1, &[1; 9], sent),
            frame(1, link, 2, &[1; 9], sent),
            frame(1, link, 1, &[1; 10], sent),
            frame(1, link, 1, &[2; 9], sent),
            frame(1, link, 1, &[1; 9], Fate::Delivered),
            frame(1, link, 1, &[1; 9], Fate::Sent { queued: 1 }),
            frame(1, link, 1, &[1; 9], Fate::Dropped(DropReason::Down)),
            frame(1, link, 1, &[1; 9], Fate::Dropped(DropReason::Lost)),
        ];
        let count = digests.len();
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), count);
    }
}

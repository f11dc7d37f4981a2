//! What becomes of frames.

use std::fmt;

/// Why a frame did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// The link was down when the frame was to be sent, or went down while it waited.
    Down,
    /// The link went down while the frame was on its way.
    Cut,
    /// The packet is longer than the MTU.
    TooLong,
    /// The queue had no room for it.
    QueueFull,
    /// It was the oldest in a queue that needed room.
    QueueHead,
    /// It vanished on the way, by the link's model of loss.
    Lost,
    /// The node that it arrived at was paused.
    NodePaused,
}

impl DropReason {
    /// All of them, in the order of [`LinkCounters::dropped`].
    pub const ALL: [Self; 7] = [
        Self::Down,
        Self::Cut,
        Self::TooLong,
        Self::QueueFull,
        Self::QueueHead,
        Self::Lost,
        Self::NodePaused,
    ];

    /// In a few words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Down => "link down",
            Self::Cut => "cut off on its way",
            Self::TooLong => "too long",
            Self::QueueFull => "queue full",
            Self::QueueHead => "made room in the queue",
            Self::Lost => "lost",
            Self::NodePaused => "node paused",
        }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What befalls a frame on a link. Each frame is sent once; it ends, and each copy of it, as delivered or dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// The node handed it to the link.
    Sent {
        /// Frames that waited in the queue ahead of it.
        queued: u32,
    },
    /// It was marked as having met congestion.
    Marked,
    /// It was damaged.
    Corrupted {
        /// How many bits were inverted, if none was twice.
        bits: u32,
    },
    /// It was held back.
    Held,
    /// A copy of it was made.
    Duplicated,
    /// It arrived, or a copy of it.
    Delivered,
    /// It will not arrive.
    Dropped(DropReason),
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sent { queued: 0 } => f.write_str("sent"),
            Self::Sent { queued } => write!(f, "sent behind {queued}"),
            Self::Marked => f.write_str("marked"),
            Self::Corrupted { bits } => write!(f, "corrupted in {bits} bits"),
            Self::Held => f.write_str("held back"),
            Self::Duplicated => f.write_str("duplicated"),
            Self::Delivered => f.write_str("delivered"),
            Self::Dropped(reason) => write!(f, "dropped: {reason}"),
        }
    }
}

/// What became of the frames of one direction: once nothing is on its way, `sent + duplicated = delivered + dropped`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkCounters {
    /// Frames that the node handed to the link.
    pub sent: u64,
    /// Their octets.
    pub sent_octets: u64,
    /// Frames that arrived, copies included.
    pub delivered: u64,
    /// Their octets.
    pub delivered_octets: u64,
    /// Copies that were made.
    pub duplicated: u64,
    /// Frames that were damaged, and not lost.
    pub corrupted: u64,
    /// Frames that were held back, and not lost.
    pub held: u64,
    /// Frames that were marked as having met congestion.
    pub marked: u64,
    /// The most frames that ever waited.
    pub queued_max: usize,
    dropped: [u64; DropReason::ALL.len()],
}

impl LinkCounters {
    /// Frames that did not arrive for this reason.
    pub const fn dropped(&self, reason: DropReason) -> u64 {
        self.dropped[reason as usize]
    }

    /// Frames that did not arrive.
    pub fn dropped_all(&self) -> u64 {
        self.dropped.iter().sum()
    }

    pub(super) fn count(&mut self, fate: Fate, len: usize) {
        match fate {
            Fate::Sent { .. } => {
                self.sent += 1;
                self.sent_octets += len as u64;
            }
            Fate::Marked => self.marked += 1,
            Fate::Corrupted { .. } => self.corrupted += 1,
            Fate::Held => self.held += 1,
            Fate::Duplicated => self.duplicated += 1,
            Fate::Delivered => {
                self.delivered += 1;
                self.delivered_octets += len as u64;
            }
            Fate::Dropped(reason) => self.dropped[reason as usize] += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_counter_and_a_name_of_its_own() {
        let mut counters = LinkCounters::default();
        for (count, reason) in DropReason::ALL.into_iter().enumerate() {
            (0..count).for_each(|_| counters.count(Fate::Dropped(reason), 1));
        }
        for (count, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(counters.dropped(reason), count as u64);
            let same = |other: &&DropReason| other.name() == reason.name();
            assert_eq!(DropReason::ALL.iter().filter(same).count(), 1);
        }
        assert_eq!(counters.dropped_all(), 21);
    }
}

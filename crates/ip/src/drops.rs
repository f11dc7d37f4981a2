//! Why a packet that was given to this crate does not go on.

use core::fmt;

/// The reasons for which packets are dropped, each counted by the table that drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// The neighbour answered none of the requests: to a router, host unreachable (RFC 1812 §5.2.7.1).
    NeighborUnresolved,
    /// A newer packet took the place of this one, the oldest that waited for its neighbour.
    NeighborQueueFull,
    /// The packets waiting for all neighbours together reached their limit.
    NeighborBacklog,
    /// There is no room for one more neighbour, or one more in resolution.
    NeighborTableFull,
    /// The neighbour was removed from the table while the packet waited.
    NeighborRemoved,
    /// Too many unknown neighbours were asked for lately.
    NeighborRateLimit,
}

impl DropReason {
    /// How many reasons there are.
    pub const COUNT: usize = 6;

    /// All reasons, in the order of their numbers.
    pub const ALL: [Self; Self::COUNT] = [
        Self::NeighborUnresolved,
        Self::NeighborQueueFull,
        Self::NeighborBacklog,
        Self::NeighborTableFull,
        Self::NeighborRemoved,
        Self::NeighborRateLimit,
    ];

    /// The name of the reason's counter.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NeighborUnresolved => "neighbor-unresolved",
            Self::NeighborQueueFull => "neighbor-queue-full",
            Self::NeighborBacklog => "neighbor-backlog",
            Self::NeighborTableFull => "neighbor-table-full",
            Self::NeighborRemoved => "neighbor-removed",
            Self::NeighborRateLimit => "neighbor-rate-limit",
        }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One counter for each reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DropCounters([u64; DropReason::COUNT]);

impl DropCounters {
    /// How many packets were dropped for a reason.
    pub const fn count(&self, reason: DropReason) -> u64 {
        self.0[reason as usize]
    }

    /// How many packets were dropped for all reasons together.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    pub(crate) fn add(&mut self, reason: DropReason) {
        self.0[reason as usize] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_counter_and_name() {
        let mut counters = DropCounters::default();
        for (number, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, number);
            counters.add(reason);
            assert_eq!(counters.count(reason), 1);
            let same = DropReason::ALL
                .iter()
                .filter(|other| other.name() == reason.name());
            assert_eq!(same.count(), 1);
        }
        assert_eq!(counters.total(), DropReason::COUNT as u64);
    }
}

//! Limits and times of a neighbour table.

use waypost_wire::Duration;

/// Limits and times of a table. The defaults of the times are those of RFC 4861 §10.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeighborConfig {
    /// Most neighbours.
    pub neighbors: usize,
    /// Most neighbours in resolution at once.
    pub incomplete: usize,
    /// Most packets that wait for one neighbour; at least 1 (RFC 1122 §2.3.2.2).
    pub packets_each: usize,
    /// Most packets in the table: waiting, or waiting to be collected by [`NeighborTable::poll_event`](super::NeighborTable::poll_event).
    pub packets: usize,
    /// How long an answer shows that the neighbour is there (`REACHABLE_TIME`). RFC 4861 §6.3.2 asks for a
    /// value drawn anew, every few hours, between half and one and a half times a base.
    pub reachable_time: Duration,
    /// Time between requests (`RETRANS_TIMER`).
    pub retransmit_time: Duration,
    /// Time from the first packet to a stale neighbour until it is asked (`DELAY_FIRST_PROBE_TIME`).
    pub delay_time: Duration,
    /// How long a neighbour to which nothing is sent is remembered.
    pub stale_time: Duration,
    /// Requests to all stations until one is given up (`MAX_MULTICAST_SOLICIT`).
    pub broadcast_requests: u8,
    /// Requests to the neighbour itself until it is given up (`MAX_UNICAST_SOLICIT`).
    pub unicast_requests: u8,
    /// A secret that decides where addresses lie in the table, so that nobody can choose addresses that
    /// all lie in one place. From a source of entropy; a constant is safe only on a link without strangers.
    pub seed: u64,
}

impl Default for NeighborConfig {
    fn default() -> Self {
        Self {
            neighbors: 4096,
            incomplete: 1024,
            packets_each: 8,
            packets: 1024,
            reachable_time: Duration::from_secs(30),
            retransmit_time: Duration::from_secs(1),
            delay_time: Duration::from_secs(5),
            stale_time: Duration::from_secs(20 * 60),
            broadcast_requests: 3,
            unicast_requests: 3,
            seed: 0,
        }
    }
}

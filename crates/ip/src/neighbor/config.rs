//! Limits and times of a neighbour table.

use waypost_wire::Duration;

/// Limits and times of a table. The defaults of the times are those of RFC 4861 §10.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeighborConfig {
    /// Most neighbours.
    pub neighbors: usize,
    /// Most neighbours in resolution at once. What [`neighbors`](Self::neighbors) are more is for those that are known,
    /// of whom no scan pushes out any while they have room there.
    pub incomplete: usize,
    /// Most packets that wait for one neighbour; at least 1 (RFC 1122 §2.3.2.2).
    pub packets_each: usize,
    /// Most packets in the table: waiting, or waiting to be collected by [`NeighborTable::poll_event`](super::NeighborTable::poll_event).
    pub packets: usize,
    /// How long an answer shows that the neighbour is there (`REACHABLE_TIME`). For IPv6 it is the base of a time that the
    /// table draws, at random between half and one and a half times of it, in whole milliseconds, and anew every two hours
    /// (RFC 4861 §6.3.2). For ARP, of which nothing asks that, it is the time itself.
    /// [`NeighborTable::set_times`](super::NeighborTable::set_times) changes it.
    pub reachable_time: Duration,
    /// Time between requests (`RETRANS_TIMER`); taken as a millisecond, the least that RFC 4861 §4.2 can say, if
    /// less. [`NeighborTable::set_times`](super::NeighborTable::set_times) changes it.
    pub retransmit_time: Duration,
    /// Time from the first packet to a stale neighbour until it is asked (`DELAY_FIRST_PROBE_TIME`).
    pub delay_time: Duration,
    /// How long a neighbour to which nothing is sent is remembered.
    pub stale_time: Duration,
    /// Requests to all stations until one is given up (`MAX_MULTICAST_SOLICIT`).
    pub broadcast_requests: u8,
    /// Requests to the neighbour itself until it is given up (`MAX_UNICAST_SOLICIT`).
    pub unicast_requests: u8,
    /// Requests a second in total, and at once. Half of what leaves at once is kept for known neighbours; a
    /// probe of one that finds no room waits.
    pub requests_per_sec: u32,
    /// Requests at once in total.
    pub requests_burst: u32,
    /// Requests a second for unknown neighbours of one prefix, a /24 or a /64: what a scan can cause
    /// (RFC 6583 §7.2). Prefixes share a small number of such limits. Within a prefix who is asked for first comes first:
    /// while it is scanned, a newcomer in it is found by speaking itself, and hardly by being asked for.
    pub prefix_requests_per_sec: u32,
    /// Requests at once for unknown neighbours of one prefix.
    pub prefix_requests_burst: u32,
    /// A secret that decides where addresses lie in the table, so that nobody can choose addresses that
    /// all lie in one place; random times are drawn from it too. From a source of entropy; a constant is safe only on a link without strangers.
    pub seed: u64,
}

impl NeighborConfig {
    /// What [`default`](Self::default) gives.
    ///
    /// One prefix can have 640 neighbours in resolution with these limits (256 at once and 128 in each of 3
    /// seconds), so that a scan of one leaves room for others.
    pub const DEFAULT: Self = Self {
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
        requests_per_sec: 1024,
        requests_burst: 2048,
        prefix_requests_per_sec: 128,
        prefix_requests_burst: 256,
        seed: 0,
    };
}

/// The least time between requests: with none, a request that has to wait would be tried again without end.
pub(super) const MIN_RETRANSMIT_TIME: Duration = Duration::from_millis(1);

impl Default for NeighborConfig {
    fn default() -> Self {
        Self::DEFAULT
    }
}

//! Limits of a flow table, and what it counts.

use core::fmt;

use waypost_wire::Duration;

use super::state::FlowTimeouts;

/// Limits and times of a flow table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowConfig {
    /// Most flows.
    pub flows: usize,
    /// Most flows that are half open, those included that a RST ended before they were established. The oldest of
    /// them goes for the next, unless its sender goes on without an answer. Such streams in one direction have half
    /// of this room; who expects more of them at once says more. Where very many of them began in a row, the newest
    /// goes once.
    pub half_open: usize,
    /// Most flows that one source began, the hosts of one prefix being one source; more than
    /// [`flows`](Self::flows) for no limit, which saves the storage of the counts.
    pub per_source: usize,
    /// Length of the prefix that is one source of IPv4, in bits.
    pub ipv4_source_prefix: u8,
    /// Length of the prefix that is one source of IPv6, in bits: a host has a whole /64 to itself if it
    /// likes (RFC 7934).
    pub ipv6_source_prefix: u8,
    /// How long a flow that both sides use, and that is no connection of TCP, must have been silent to be pushed out of a full
    /// table: by default no less than RFC 4787 §4.3 asks for.
    pub idle_before_eviction: Duration,
    /// The same for an established connection of TCP: by default what RFC 5382 §5 asks for. Who fears being shut out by a flood of
    /// complete connections more than the end of a silent one says less.
    pub tcp_idle_before_eviction: Duration,
    /// How long flows live.
    pub timeouts: FlowTimeouts,
    /// A secret that decides where flows lie in the table, so that nobody can choose packets whose flows
    /// all lie in one place. From a source of entropy.
    pub seed: u64,
}

impl Default for FlowConfig {
    fn default() -> Self {
        Self {
            flows: 65_536,
            half_open: 16_384,
            per_source: 4096,
            ipv4_source_prefix: 32,
            ipv6_source_prefix: 64,
            idle_before_eviction: FlowTimeouts::LEAST.udp,
            tcp_idle_before_eviction: FlowTimeouts::LEAST.tcp_established,
            timeouts: FlowTimeouts::default(),
            seed: 0,
        }
    }
}

/// Why a flow is not entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FlowRefusal {
    /// A key of the flow is that of another, or both its keys are the same.
    KeyInUse,
    /// Its source has all the flows that it may have.
    SourceLimit,
    /// The table is full of flows that are in use.
    TableFull,
    /// No port of the right range and parity is free at the external address.
    PortsExhausted,
    /// There is no external address.
    NoAddress,
    /// The protocol has no ports, and another host uses it with the same peer.
    ProtocolInUse,
    /// Nothing internal stands behind the external address and port.
    NoMapping,
    /// Packets of that sender are not let in.
    Filtered,
}

impl FlowRefusal {
    /// How many reasons there are.
    pub const COUNT: usize = 8;

    /// All reasons, in the order of their numbers.
    pub const ALL: [Self; Self::COUNT] = [
        Self::KeyInUse,
        Self::SourceLimit,
        Self::TableFull,
        Self::PortsExhausted,
        Self::NoAddress,
        Self::ProtocolInUse,
        Self::NoMapping,
        Self::Filtered,
    ];

    /// The name of the reason's counter.
    pub const fn name(self) -> &'static str {
        match self {
            Self::KeyInUse => "key-in-use",
            Self::SourceLimit => "source-limit",
            Self::TableFull => "table-full",
            Self::PortsExhausted => "ports-exhausted",
            Self::NoAddress => "no-address",
            Self::ProtocolInUse => "protocol-in-use",
            Self::NoMapping => "no-mapping",
            Self::Filtered => "filtered",
        }
    }
}

impl fmt::Display for FlowRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeyInUse => "expected a new flow, found its key in use",
            Self::SourceLimit => "the source has all the flows that it may have",
            Self::TableFull => "the table is full of flows that are in use",
            Self::PortsExhausted => "no port of the right range and parity is free",
            Self::NoAddress => "expected an external address, found none",
            Self::NoMapping => "nothing internal stands behind the address and port",
            Self::Filtered => "packets of the sender are not let in",
            Self::ProtocolInUse => {
                "expected a protocol with ports, or a peer without another flow of it"
            }
        })
    }
}

impl core::error::Error for FlowRefusal {}

/// Why a flow ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndReason {
    /// Nothing was heard of it for its time.
    Expired,
    /// It was the oldest half-open flow, or the newest where very many streams in one direction stand before it, or of
    /// too many such streams one that was silent for longer than others, and the room was needed.
    EvictedHalfOpen,
    /// It was closing, or opened again after that while too many were half open, for the longest time, and the
    /// room was needed.
    EvictedClosing,
    /// It had been silent for long, and the room was needed.
    EvictedIdle,
    /// The caller removed it.
    Removed,
}

impl EndReason {
    /// How many reasons there are.
    pub const COUNT: usize = 5;

    /// All reasons, in the order of their numbers.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Expired,
        Self::EvictedHalfOpen,
        Self::EvictedClosing,
        Self::EvictedIdle,
        Self::Removed,
    ];

    /// The name of the reason's counter.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::EvictedHalfOpen => "evicted-half-open",
            Self::EvictedClosing => "evicted-closing",
            Self::EvictedIdle => "evicted-idle",
            Self::Removed => "removed",
        }
    }
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a flow table counted since it was made: flows entered are those that ended and those that are
/// there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowCounters {
    inserted: u64,
    refused: [u64; FlowRefusal::COUNT],
    ended: [u64; EndReason::COUNT],
}

impl FlowCounters {
    /// How many flows were entered.
    pub const fn inserted(&self) -> u64 {
        self.inserted
    }

    /// How many flows were not entered for a reason.
    pub const fn refused(&self, reason: FlowRefusal) -> u64 {
        self.refused[reason as usize]
    }

    /// How many flows ended for a reason.
    pub const fn ended(&self, reason: EndReason) -> u64 {
        self.ended[reason as usize]
    }

    pub(super) const fn insert(&mut self) {
        self.inserted += 1;
    }

    pub(super) const fn refuse(&mut self, reason: FlowRefusal) -> FlowRefusal {
        self.refused[reason as usize] += 1;
        reason
    }

    pub(super) const fn end(&mut self, reason: EndReason) {
        self.ended[reason as usize] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_counter_and_name() {
        let mut counters = FlowCounters::default();
        for (number, reason) in FlowRefusal::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, number);
            counters.refuse(reason);
            assert_eq!(counters.refused(reason), 1);
            let same = FlowRefusal::ALL.iter();
            assert_eq!(
                same.filter(|other| other.name() == reason.name()).count(),
                1
            );
        }
        for (number, reason) in EndReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, number);
            counters.end(reason);
            assert_eq!(counters.ended(reason), 1);
            let same = EndReason::ALL.iter();
            assert_eq!(
                same.filter(|other| other.name() == reason.name()).count(),
                1
            );
        }
    }
}

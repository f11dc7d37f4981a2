//! Numbers and times of the check of an address.

use waypost_wire::Duration;

/// What to do when another uses an address that is ours (RFC 5227 §2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Defence {
    /// Give it up at once (a).
    Never,
    /// Announce it once; give it up when that did not help (b).
    Once,
    /// Keep it, and announce it no more often than allowed (c): for addresses on which others rely.
    Always,
    /// Keep it and say nothing: IPv6 has no defence but the answer to who checks for duplicates.
    Silent,
}

/// Numbers and times of the check of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DadConfig {
    /// How often to ask (`PROBE_NUM`; `DupAddrDetectTransmits`); at 0 addresses are not checked.
    pub probes: u8,
    /// The first probe leaves after a random time below this (`PROBE_WAIT`; `MAX_RTR_SOLICITATION_DELAY`).
    pub first_delay: Duration,
    /// Least time between probes (`PROBE_MIN`; `RetransTimer`).
    pub probe_min: Duration,
    /// Longest time between probes (`PROBE_MAX`; `RetransTimer`).
    pub probe_max: Duration,
    /// Time after the last probe in which an objection counts (`ANNOUNCE_WAIT`; `RetransTimer`).
    pub settle: Duration,
    /// How often an address that became ours is announced (`ANNOUNCE_NUM`).
    pub announcements: u8,
    /// Time between announcements (`ANNOUNCE_INTERVAL`).
    pub announce_interval: Duration,
    /// How many more probes follow where ours come back (`MAX_MULTICAST_SOLICIT`, RFC 7527 §4.1).
    pub echo_probes: u8,
    /// Whether an address is used, carefully, while it is checked (RFC 4429): only for such as are unlikely
    /// to be another's.
    pub optimistic: bool,
    /// What to do when another uses an address that is ours.
    pub defence: Defence,
    /// Least time between two defences (`DEFEND_INTERVAL`).
    pub defend_interval: Duration,
    /// After how many conflicts new addresses are tried slowly (`MAX_CONFLICTS`).
    pub max_conflicts: u32,
    /// Time between two addresses then (`RATE_LIMIT_INTERVAL`).
    pub rate_limit_interval: Duration,
    /// What decides random times and nonces: from a source of entropy.
    pub seed: u64,
}

impl DadConfig {
    /// Address conflict detection of IPv4, with the numbers of RFC 5227 §1.1.
    pub const IPV4: Self = Self {
        probes: 3,
        first_delay: Duration::from_secs(1),
        probe_min: Duration::from_secs(1),
        probe_max: Duration::from_secs(2),
        settle: Duration::from_secs(2),
        announcements: 2,
        announce_interval: Duration::from_secs(2),
        echo_probes: 0,
        optimistic: false,
        defence: Defence::Once,
        defend_interval: Duration::from_secs(10),
        max_conflicts: 10,
        rate_limit_interval: Duration::from_secs(60),
        seed: 0,
    };

    /// Duplicate address detection of IPv6, with the numbers of RFC 4862 §5.1 and RFC 4861 §10.
    pub const IPV6: Self = Self {
        probes: 1,
        first_delay: Duration::from_secs(1),
        probe_min: Duration::from_secs(1),
        probe_max: Duration::from_secs(1),
        settle: Duration::from_secs(1),
        announcements: 0,
        announce_interval: Duration::from_secs(1),
        echo_probes: 3,
        optimistic: false,
        defence: Defence::Silent,
        defend_interval: Duration::from_secs(10),
        max_conflicts: u32::MAX,
        rate_limit_interval: Duration::ZERO,
        seed: 0,
    };
}

//! Limits of a cache, why reports are ignored, and the counters.

use core::fmt;

use waypost_wire::Duration;

/// Limits and times of a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PmtuConfig {
    /// Most paths.
    pub paths: usize,
    /// How long after the last report a larger MTU is tried again: better 10 minutes, and taken as 5 if
    /// less (RFC 1191 §3, RFC 8201 §4).
    pub max_age: Duration,
    /// What no report lowers an estimate below, in octets; taken as the least that the version of IP allows
    /// if that is more: 68 (RFC 1191 §3), 1280 (RFC 8201 §4).
    pub least: u32,
    /// Reports a second, other than proven ones, on which is acted.
    pub rate: u64,
    /// As many at once.
    pub burst: u32,
    /// How often reports that are not proven may lower one estimate by as little as they like, until it is tried
    /// anew. Each that follows goes down to the next usual MTU at least, of which there are 11 (RFC 1191 §7).
    pub changes_each: u8,
    /// A secret that decides where paths lie in the table; from a source of entropy.
    pub seed: u64,
}

impl Default for PmtuConfig {
    fn default() -> Self {
        Self {
            paths: 4096,
            max_age: Duration::from_secs(10 * 60),
            least: 0,
            rate: 100,
            burst: 100,
            changes_each: 16,
            seed: 0,
        }
    }
}

/// Why a report changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ignored {
    /// It says no less than is known.
    NotSmaller,
    /// The packet that it quotes would have fitted.
    WouldFit,
    /// It says less than every link of IPv6 carries, or is about a packet that every link of IPv4 carries.
    BelowLeast,
    /// The caller did not send what it quotes.
    Refused,
    /// Too many reports, none of them proven, came in a short time.
    RateLimit,
    /// There is no room, and it is not proven enough for another to go.
    NoRoom,
}

impl Ignored {
    /// How many reasons there are.
    pub const COUNT: usize = 6;

    /// The name of the reason's counter.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotSmaller => "pmtu-not-smaller",
            Self::WouldFit => "pmtu-would-fit",
            Self::BelowLeast => "pmtu-below-least",
            Self::Refused => "pmtu-refused",
            Self::RateLimit => "pmtu-rate-limit",
            Self::NoRoom => "pmtu-no-room",
        }
    }
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What became of reports and estimates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PmtuCounters {
    /// Reports that came.
    pub received: u64,
    /// Reports that lowered an estimate, or showed that it still holds.
    pub accepted: u64,
    /// Reports, of those accepted or waiting, that lowered an estimate further than they said, since it had been
    /// lowered [`changes_each`](PmtuConfig::changes_each) times.
    pub coarse: u64,
    /// Reports that wait to be confirmed or refuted.
    pub pending: u64,
    /// Of those, the ones that were confirmed: nothing got through.
    pub confirmed: u64,
    /// Of those, the ones that were refuted: something longer got through.
    pub refuted: u64,
    /// Paths that were forgotten to make room.
    pub evicted: u64,
    /// Estimates whose time ended.
    pub aged: u64,
    pub(super) ignored: [u64; Ignored::COUNT],
}

impl PmtuCounters {
    /// Reports that were ignored for a reason.
    pub const fn ignored(&self, reason: Ignored) -> u64 {
        self.ignored[reason as usize]
    }

    /// Reports that were ignored for all reasons together.
    pub fn ignored_total(&self) -> u64 {
        self.ignored.iter().sum()
    }
}

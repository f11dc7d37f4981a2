//! Limits of reassembly, why fragments are dropped, and the counters.

use core::fmt;

use waypost_wire::Duration;

/// Limits of a table of datagrams. Reaching each has its [`FragmentDrop`], which is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReassemblyConfig {
    /// Most datagrams that are put together at once, those abandoned included until their time ends.
    pub datagrams: usize,
    /// Most fragments held.
    pub fragments: usize,
    /// Most fragments of one datagram: a bound on the work that one more causes. 65535 octets come in 45
    /// fragments of 1500 octets, in 119 of 576; the 1500 octets that there must be of IPv6 in 183 at most, of 8
    /// octets each.
    pub fragments_each: usize,
    /// Most octets held, as [`FragmentPacket::memory`](super::FragmentPacket::memory) counts them. Enough for one
    /// datagram as long as IP allows; 576 octets of IPv4 and 1500 of IPv6 there must be (RFC 791 §3.2,
    /// RFC 1122 §3.3.2, RFC 8200 §5).
    pub octets: usize,
    /// How long after its first fragment came a datagram is given up: 60 s (RFC 8200 §4.5), which is also
    /// the least of what RFC 1122 §3.3.2 allows for IPv4 (60 to 120 s).
    pub timeout: Duration,
    /// A secret that decides where datagrams lie in the table; from a source of entropy.
    pub seed: u64,
}

impl Default for ReassemblyConfig {
    fn default() -> Self {
        Self {
            datagrams: 1024,
            fragments: 8192,
            fragments_each: 192,
            octets: 4 << 20,
            timeout: Duration::from_secs(60),
            seed: 0,
        }
    }
}

/// Why a fragment is not put together with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FragmentDrop {
    /// It is no packet of this version of IP.
    Malformed,
    /// It carries nothing.
    Empty,
    /// Others follow it, and its length is no multiple of 8 octets.
    Unaligned,
    /// The datagram would be longer than IP allows.
    Overlong,
    /// It is cut such that filters cannot see TCP's flags, or such that it overwrites them (RFC 1858).
    Tiny,
    /// It is the first and does not hold all headers (RFC 7112).
    HeaderChain,
    /// It is there already, octet by octet: the datagram is not harmed.
    Duplicate,
    /// It overlaps another; the whole datagram is abandoned.
    Overlap,
    /// It contradicts the length of the datagram, which is abandoned.
    Inconsistent,
    /// Of the datagram's fragments one met congestion and another cannot say so; it is abandoned.
    Congestion,
    /// Its datagram was abandoned before.
    Abandoned,
    /// The datagram has too many fragments, and is abandoned.
    TooMany,
    /// There is no room, and nothing that may go instead.
    NoRoom,
    /// It was held, and had to go for another source's fragment or a newer one.
    Evicted,
    /// It was held until the time of its datagram ended.
    TimedOut,
}

impl FragmentDrop {
    /// How many reasons there are.
    pub const COUNT: usize = 15;

    /// The name of the reason's counter.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "fragment-malformed",
            Self::Empty => "fragment-empty",
            Self::Unaligned => "fragment-unaligned",
            Self::Overlong => "fragment-overlong",
            Self::Tiny => "fragment-tiny",
            Self::HeaderChain => "fragment-header-chain",
            Self::Duplicate => "fragment-duplicate",
            Self::Overlap => "fragment-overlap",
            Self::Inconsistent => "fragment-inconsistent",
            Self::Congestion => "fragment-congestion",
            Self::Abandoned => "fragment-abandoned",
            Self::TooMany => "fragment-too-many",
            Self::NoRoom => "fragment-no-room",
            Self::Evicted => "fragment-evicted",
            Self::TimedOut => "fragment-timed-out",
        }
    }
}

impl fmt::Display for FragmentDrop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What became of fragments and datagrams. Every fragment that came is held, part of a whole datagram, or
/// dropped for one reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReassemblyCounters {
    /// Fragments that came.
    pub received: u64,
    /// Fragments that went into whole datagrams.
    pub reassembled: u64,
    /// Datagrams that became whole, of one fragment too.
    pub datagrams: u64,
    /// Fragments that were all of their datagram.
    pub atomic: u64,
    /// Datagrams that were abandoned for what one of their fragments was.
    pub abandoned: u64,
    /// Datagrams that had to go for others.
    pub evicted: u64,
    /// Datagrams whose time ended.
    pub timed_out: u64,
    pub(super) dropped: [u64; FragmentDrop::COUNT],
}

impl ReassemblyCounters {
    /// Fragments dropped for a reason.
    pub const fn dropped(&self, reason: FragmentDrop) -> u64 {
        self.dropped[reason as usize]
    }

    /// Fragments dropped for all reasons together.
    pub fn dropped_total(&self) -> u64 {
        self.dropped.iter().sum()
    }

    pub(super) fn drop(&mut self, reason: FragmentDrop, fragments: u64) {
        self.dropped[reason as usize] += fragments;
    }
}

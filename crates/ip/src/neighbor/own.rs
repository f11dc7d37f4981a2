//! In what way an address is ours, which decides how we answer for it.

use waypost_wire::Duration;

/// Longest time to wait with an answer that others may give as well (`MAX_ANYCAST_DELAY_TIME`, RFC 4861 §10).
pub const MAX_ANYCAST_DELAY: Duration = Duration::from_secs(1);

/// In what way an address is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Own {
    /// Ours alone.
    Unicast,
    /// Ours alone, we hope: it is being checked, and used meanwhile (RFC 4429). What others know of it is
    /// not overridden (RFC 4429 §3.3).
    Optimistic,
    /// Ours and others' (RFC 4861 §7.2.7).
    Anycast,
    /// Another's, for whom we answer (RFC 4861 §7.2.8, RFC 925, RFC 1027).
    Proxied,
}

impl Own {
    /// Whether nobody else may have it.
    pub const fn is_exclusive(self) -> bool {
        matches!(self, Self::Unicast | Self::Optimistic)
    }

    /// Whether others may answer for it as well.
    pub const fn is_shared(self) -> bool {
        !self.is_exclusive()
    }
}

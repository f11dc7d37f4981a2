//! The control bits of TCP.

use core::fmt;
use core::ops::{BitOr, BitOrAssign, Not, Sub};

/// A set of control bits (RFC 9293 §3.1; AE is RFC 9768).
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct TcpFlags(u16);

impl TcpFlags {
    /// No bit.
    pub const EMPTY: Self = Self(0);
    /// No more data from the sender.
    pub const FIN: Self = Self(0x001);
    /// Synchronize sequence numbers.
    pub const SYN: Self = Self(0x002);
    /// Reset the connection.
    pub const RST: Self = Self(0x004);
    /// Push: give the data to the application now.
    pub const PSH: Self = Self(0x008);
    /// The acknowledgment field is meaningful.
    pub const ACK: Self = Self(0x010);
    /// The urgent pointer is meaningful.
    pub const URG: Self = Self(0x020);
    /// Echo of a congestion mark (RFC 3168 §6.1).
    pub const ECE: Self = Self(0x040);
    /// Congestion window reduced (RFC 3168 §6.1).
    pub const CWR: Self = Self(0x080);
    /// Accurate ECN (RFC 9768 §3.1), once the nonce sum.
    pub const AE: Self = Self(0x100);

    const ALL: u16 = 0x1ff;

    /// The flags in the lower nine bits of the header's seventh word; the other bits are ignored.
    #[inline]
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits & Self::ALL)
    }

    /// The lower nine bits of the header's seventh word.
    #[inline]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Whether all of `other` are set.
    #[inline]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of `other` is set.
    #[inline]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether none is set.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Both sets, in a constant.
    #[inline]
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// How many sequence numbers the flags take: one each for SYN and FIN (RFC 9293 §3.4).
    #[inline]
    pub const fn sequence_len(self) -> u32 {
        (self.0 & (Self::SYN.0 | Self::FIN.0)).count_ones()
    }
}

impl BitOr for TcpFlags {
    type Output = Self;
    #[inline]
    fn bitor(self, other: Self) -> Self {
        self.union(other)
    }
}

impl BitOrAssign for TcpFlags {
    #[inline]
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// The flags of the left set that are not in the right one.
impl Sub for TcpFlags {
    type Output = Self;
    #[inline]
    fn sub(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl Not for TcpFlags {
    type Output = Self;
    #[inline]
    fn not(self) -> Self {
        Self(!self.0 & Self::ALL)
    }
}

/// One letter each, as `tcpdump` prints them: `S.` is SYN and ACK; `none` is none.
impl fmt::Display for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LETTERS: [(TcpFlags, &str); 9] = [
            (TcpFlags::FIN, "F"),
            (TcpFlags::SYN, "S"),
            (TcpFlags::RST, "R"),
            (TcpFlags::PSH, "P"),
            (TcpFlags::URG, "U"),
            (TcpFlags::CWR, "W"),
            (TcpFlags::ECE, "E"),
            (TcpFlags::AE, "e"),
            (TcpFlags::ACK, "."),
        ];
        if self.is_empty() {
            return f.write_str("none");
        }
        LETTERS
            .iter()
            .filter(|(flag, _)| self.contains(*flag))
            .try_for_each(|(_, letter)| f.write_str(letter))
    }
}

impl fmt::Debug for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TcpFlags({self})")
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn sets() {
        let flags = TcpFlags::SYN | TcpFlags::ACK;
        assert!(flags.contains(TcpFlags::SYN) && !flags.contains(TcpFlags::SYN | TcpFlags::FIN));
        assert!(
            flags.intersects(TcpFlags::SYN | TcpFlags::FIN) && !flags.intersects(TcpFlags::RST)
        );
        assert_eq!(flags - TcpFlags::SYN, TcpFlags::ACK);
        assert_eq!(!TcpFlags::EMPTY, TcpFlags::from_bits(u16::MAX));
        assert_eq!((flags | TcpFlags::FIN).sequence_len(), 2);
    }

    #[test]
    fn letters() {
        assert_eq!((TcpFlags::PSH | TcpFlags::ACK).to_string(), "P.");
        assert_eq!(TcpFlags::EMPTY.to_string(), "none");
        assert_eq!((!TcpFlags::EMPTY).to_string(), "FSRPUWEe.");
    }
}

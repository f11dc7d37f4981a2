//! Sequence numbers: 32 bits that wrap around (RFC 9293 §3.4).

use core::fmt;
use core::ops::{Add, AddAssign, Sub, SubAssign};

use crate::integers::U32;
use crate::numbers::stored;

/// A sequence number of TCP.
///
/// Comparison is modulo 2^32: `a` is before `b` if the way from `a` up to `b` is the shorter one.
/// That is no order (it goes in a circle), so there is no `<` but methods with names.
///
/// ```
/// use waypost_wire::SeqNumber;
///
/// let last = SeqNumber::new(u32::MAX);
/// assert!(last.is_before(last + 1));
/// assert_eq!((last + 1).since(last), 1);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SeqNumber(u32);

impl SeqNumber {
    /// The sequence number with this value.
    #[inline]
    pub const fn new(value: u32) -> Self {
        Self(value)
    }

    /// The value.
    #[inline]
    pub const fn value(self) -> u32 {
        self.0
    }

    /// How far `self` is past `earlier`, going up and around: never negative.
    #[inline]
    pub const fn since(self, earlier: Self) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }

    /// The shortest way from `other` to `self`: negative if `self` is before it.
    #[inline]
    pub const fn offset_from(self, other: Self) -> i32 {
        self.since(other) as i32
    }

    /// `self < other` modulo 2^32. Of two numbers exactly 2^31 apart each is before the other.
    #[inline]
    pub const fn is_before(self, other: Self) -> bool {
        self.offset_from(other) < 0
    }

    /// `self <= other` modulo 2^32.
    #[inline]
    pub const fn is_at_or_before(self, other: Self) -> bool {
        self.0 == other.0 || self.is_before(other)
    }

    /// `self > other` modulo 2^32.
    #[inline]
    pub const fn is_after(self, other: Self) -> bool {
        other.is_before(self)
    }

    /// `self >= other` modulo 2^32.
    #[inline]
    pub const fn is_at_or_after(self, other: Self) -> bool {
        other.is_at_or_before(self)
    }

    /// Whether `self` is one of the `len` numbers from `start` on; right for any window, even one
    /// of more than 2^31.
    #[inline]
    pub const fn is_within(self, start: Self, len: u32) -> bool {
        self.since(start) < len
    }

    /// The later of two.
    #[inline]
    #[must_use]
    pub const fn later(self, other: Self) -> Self {
        if self.is_before(other) { other } else { self }
    }

    /// The earlier of two.
    #[inline]
    #[must_use]
    pub const fn earlier(self, other: Self) -> Self {
        if other.is_before(self) { other } else { self }
    }
}

impl Add<u32> for SeqNumber {
    type Output = Self;
    #[inline]
    fn add(self, octets: u32) -> Self {
        Self(self.0.wrapping_add(octets))
    }
}

impl AddAssign<u32> for SeqNumber {
    #[inline]
    fn add_assign(&mut self, octets: u32) {
        *self = *self + octets;
    }
}

impl Sub<u32> for SeqNumber {
    type Output = Self;
    #[inline]
    fn sub(self, octets: u32) -> Self {
        Self(self.0.wrapping_sub(octets))
    }
}

impl SubAssign<u32> for SeqNumber {
    #[inline]
    fn sub_assign(&mut self, octets: u32) {
        *self = *self - octets;
    }
}

stored!(SeqNumber in U32);

impl fmt::Display for SeqNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparison_goes_around() {
        let (a, b) = (SeqNumber::new(0xffff_fff0), SeqNumber::new(0x10));
        assert!(a.is_before(b) && b.is_after(a) && !b.is_before(a));
        assert!(a.is_at_or_before(a) && a.is_at_or_after(a) && !a.is_before(a));
        assert_eq!(
            (b.since(a), b.offset_from(a), a.offset_from(b)),
            (32, 32, -32)
        );
        assert_eq!((a.later(b), a.earlier(b), b.later(a)), (b, a, b));
    }

    #[test]
    fn windows_go_around() {
        let start = SeqNumber::new(0xffff_fffe);
        assert!((start + 3).is_within(start, 4) && !(start + 4).is_within(start, 4));
        assert!(!(start - 1).is_within(start, 4) && !start.is_within(start, 0));
        assert!((start - 2).is_within(start, u32::MAX));
    }
}

//! Spans of time.

use core::fmt;
use core::ops::{Add, AddAssign, Div, Mul, Sub, SubAssign};

use super::{NANOS_PER_MICRO, NANOS_PER_MILLI, NANOS_PER_SEC};

/// A span of time in whole nanoseconds, up to 584 years.
///
/// It takes half the space of [`core::time::Duration`] and adds in one instruction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(u64);

impl Duration {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// The longest span, about 584 years.
    pub const MAX: Self = Self(u64::MAX);

    /// A span of `secs` seconds, or [`Duration::MAX`] if that is too long.
    #[inline]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(NANOS_PER_SEC))
    }

    /// A span of `millis` milliseconds, or [`Duration::MAX`] if that is too long.
    #[inline]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(NANOS_PER_MILLI))
    }

    /// A span of `micros` microseconds, or [`Duration::MAX`] if that is too long.
    #[inline]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros.saturating_mul(NANOS_PER_MICRO))
    }

    /// A span of `nanos` nanoseconds.
    #[inline]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Whole seconds, rounded down.
    #[inline]
    pub const fn as_secs(self) -> u64 {
        self.0 / NANOS_PER_SEC
    }

    /// Whole milliseconds, rounded down.
    #[inline]
    pub const fn as_millis(self) -> u64 {
        self.0 / NANOS_PER_MILLI
    }

    /// Whole microseconds, rounded down.
    #[inline]
    pub const fn as_micros(self) -> u64 {
        self.0 / NANOS_PER_MICRO
    }

    /// Nanoseconds.
    #[inline]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Seconds as a floating-point number, for rates and reports.
    #[inline]
    pub const fn as_secs_f64(self) -> f64 {
        self.0 as f64 / NANOS_PER_SEC as f64
    }

    /// Whether this is [`Duration::ZERO`].
    #[inline]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// `self + other`, or `None` if that is longer than [`Duration::MAX`].
    #[inline]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// `self - other`, or `None` if `other` is the longer one.
    #[inline]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// `self * factor`, or `None` if that is longer than [`Duration::MAX`].
    #[inline]
    pub const fn checked_mul(self, factor: u64) -> Option<Self> {
        match self.0.checked_mul(factor) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// `self / divisor` rounded down, or `None` if `divisor` is 0.
    #[inline]
    pub const fn checked_div(self, divisor: u64) -> Option<Self> {
        match self.0.checked_div(divisor) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// The distance between two spans.
    #[inline]
    pub const fn abs_diff(self, other: Self) -> Self {
        Self(self.0.abs_diff(other.0))
    }
}

impl Add for Duration {
    type Output = Self;
    #[inline]
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Duration {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Duration {
    type Output = Self;
    #[inline]
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl SubAssign for Duration {
    #[inline]
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Mul<u64> for Duration {
    type Output = Self;
    #[inline]
    fn mul(self, factor: u64) -> Self {
        Self(self.0.saturating_mul(factor))
    }
}

impl Div<u64> for Duration {
    type Output = Self;
    /// Division by 0 saturates like the other operators: [`Duration::MAX`], or zero for a zero
    /// span.
    #[inline]
    fn div(self, divisor: u64) -> Self {
        match self.0.checked_div(divisor) {
            Some(nanos) => Self(nanos),
            None if self.0 == 0 => Self::ZERO,
            None => Self::MAX,
        }
    }
}

impl From<core::time::Duration> for Duration {
    /// Saturates at [`Duration::MAX`].
    #[inline]
    fn from(other: core::time::Duration) -> Self {
        Self(u64::try_from(other.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<Duration> for core::time::Duration {
    #[inline]
    fn from(span: Duration) -> Self {
        Self::from_nanos(span.0)
    }
}

/// In the largest unit that makes it at least 1, without trailing zeros: `1.5s`, `20ms`, `250µs`,
/// `7ns`.
impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name, mut digits) = match self.0 {
            NANOS_PER_SEC.. => (NANOS_PER_SEC, "s", 9),
            NANOS_PER_MILLI.. => (NANOS_PER_MILLI, "ms", 6),
            NANOS_PER_MICRO.. => (NANOS_PER_MICRO, "µs", 3),
            0 => return f.write_str("0s"),
            nanos => return write!(f, "{nanos}ns"),
        };
        let mut fraction = self.0 % unit;
        if fraction == 0 {
            return write!(f, "{}{name}", self.0 / unit);
        }
        while fraction.is_multiple_of(10) {
            fraction /= 10;
            digits -= 1;
        }
        write!(f, "{}.{fraction:0digits$}{name}", self.0 / unit)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn operators_saturate() {
        let (nano, second) = (Duration::from_nanos(1), Duration::from_secs(1));
        assert_eq!(Duration::MAX + nano, Duration::MAX);
        assert_eq!(nano - second, Duration::ZERO);
        assert_eq!(Duration::from_secs(u64::MAX), Duration::MAX);
        assert_eq!(Duration::MAX * 2, Duration::MAX);
        assert_eq!(
            (second / 0, Duration::ZERO / 0),
            (Duration::MAX, Duration::ZERO)
        );
    }

    #[test]
    fn checked_operations_tell() {
        let (nano, second) = (Duration::from_nanos(1), Duration::from_secs(1));
        assert_eq!(Duration::MAX.checked_add(nano), None);
        assert_eq!(
            (nano.checked_sub(second), second.checked_div(0)),
            (None, None)
        );
        assert_eq!(Duration::MAX.checked_mul(2), None);
        assert_eq!(second.checked_div(4), Some(Duration::from_millis(250)));
        assert_eq!(nano.abs_diff(second), second - nano);
    }

    #[test]
    fn durations_are_printed_in_their_largest_unit() {
        for (span, text) in [
            (Duration::ZERO, "0s"),
            (Duration::from_nanos(7), "7ns"),
            (Duration::from_nanos(1_500), "1.5µs"),
            (Duration::from_micros(20_000), "20ms"),
            (Duration::from_millis(1_500), "1.5s"),
            (Duration::from_nanos(1_000_000_001), "1.000000001s"),
            (Duration::from_nanos(1_000_050), "1.00005ms"),
        ] {
            assert_eq!(span.to_string(), text);
        }
    }

    #[test]
    fn core_durations_convert_both_ways() {
        let span = core::time::Duration::new(3, 14);
        assert_eq!(core::time::Duration::from(Duration::from(span)), span);
        assert_eq!(Duration::from(core::time::Duration::MAX), Duration::MAX);
    }
}

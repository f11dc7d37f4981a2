//! Time as the protocol cores see it: u64 nanoseconds, handed in as an argument, never read from a clock.
//!
//! [`Instant`] is monotonic and has an arbitrary origin (a simulator starts at zero). [`WallTime`] is for signatures, certificates and
//! logs. [`Duration`] is the distance between two of either. Operators saturate: a deadline computed from hostile input lies at worst
//! 584 years ahead, and no arithmetic on time panics.

use core::fmt;
use core::ops::{Add, AddAssign, Div, Mul, Sub, SubAssign};

const NANOS_PER_SEC: u64 = 1_000_000_000;
const NANOS_PER_MILLI: u64 = 1_000_000;
const NANOS_PER_MICRO: u64 = 1_000;

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
    /// Division by 0 saturates like the other operators: [`Duration::MAX`], or zero for a zero span.
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

/// In the largest unit that makes it at least 1, without trailing zeros: `1.5s`, `20ms`, `250µs`, `7ns`.
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

/// A point on a monotonic clock: nanoseconds since an origin that the caller chose.
///
/// Instants of different clocks must not be mixed; nothing here can notice that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The origin of the clock.
    pub const ZERO: Self = Self(0);
    /// The last instant: a deadline there never comes.
    pub const MAX: Self = Self(u64::MAX);

    /// The instant `nanos` nanoseconds after the origin.
    #[inline]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// The instant `micros` microseconds after the origin, saturating.
    #[inline]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros.saturating_mul(NANOS_PER_MICRO))
    }

    /// The instant `millis` milliseconds after the origin, saturating.
    #[inline]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(NANOS_PER_MILLI))
    }

    /// The instant `secs` seconds after the origin, saturating.
    #[inline]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(NANOS_PER_SEC))
    }

    /// Nanoseconds since the origin.
    #[inline]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Whole microseconds since the origin.
    #[inline]
    pub const fn as_micros(self) -> u64 {
        self.0 / NANOS_PER_MICRO
    }

    /// Whole milliseconds since the origin.
    #[inline]
    pub const fn as_millis(self) -> u64 {
        self.0 / NANOS_PER_MILLI
    }

    /// The time from `earlier` to `self`, zero if `earlier` is in fact later.
    #[inline]
    pub const fn duration_since(self, earlier: Self) -> Duration {
        Duration(self.0.saturating_sub(earlier.0))
    }

    /// The time from `earlier` to `self`, or `None` if `earlier` is in fact later.
    #[inline]
    pub const fn checked_duration_since(self, earlier: Self) -> Option<Duration> {
        match self.0.checked_sub(earlier.0) {
            Some(nanos) => Some(Duration(nanos)),
            None => None,
        }
    }

    /// `self + span`, or `None` past [`Instant::MAX`].
    #[inline]
    pub const fn checked_add(self, span: Duration) -> Option<Self> {
        match self.0.checked_add(span.0) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// `self - span`, or `None` before [`Instant::ZERO`].
    #[inline]
    pub const fn checked_sub(self, span: Duration) -> Option<Self> {
        match self.0.checked_sub(span.0) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }
}

/// Nanoseconds since the Unix epoch (1970-01-01 00:00 UTC, leap seconds not counted), up to the year 2554.
///
/// It may jump when the host's clock is set; for time-outs use [`Instant`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime(u64);

impl WallTime {
    /// 1970-01-01 00:00 UTC.
    pub const UNIX_EPOCH: Self = Self(0);
    /// The last time that can be told.
    pub const MAX: Self = Self(u64::MAX);

    /// The time `secs` seconds after the Unix epoch, saturating.
    #[inline]
    pub const fn from_unix_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(NANOS_PER_SEC))
    }

    /// The time `millis` milliseconds after the Unix epoch, saturating.
    #[inline]
    pub const fn from_unix_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(NANOS_PER_MILLI))
    }

    /// The time `nanos` nanoseconds after the Unix epoch.
    #[inline]
    pub const fn from_unix_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Whole seconds since the Unix epoch.
    #[inline]
    pub const fn as_unix_secs(self) -> u64 {
        self.0 / NANOS_PER_SEC
    }

    /// Whole milliseconds since the Unix epoch.
    #[inline]
    pub const fn as_unix_millis(self) -> u64 {
        self.0 / NANOS_PER_MILLI
    }

    /// Nanoseconds since the Unix epoch.
    #[inline]
    pub const fn as_unix_nanos(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to `self`, zero if `earlier` is in fact later.
    #[inline]
    pub const fn duration_since(self, earlier: Self) -> Duration {
        Duration(self.0.saturating_sub(earlier.0))
    }

    /// `self + span`, or `None` past [`WallTime::MAX`].
    #[inline]
    pub const fn checked_add(self, span: Duration) -> Option<Self> {
        match self.0.checked_add(span.0) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// `self - span`, or `None` before the Unix epoch.
    #[inline]
    pub const fn checked_sub(self, span: Duration) -> Option<Self> {
        match self.0.checked_sub(span.0) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }
}

/// Both clocks have the same arithmetic.
macro_rules! clock_operators {
    ($($clock:ident)*) => {$(
        impl Add<Duration> for $clock {
            type Output = Self;
            #[inline]
            fn add(self, span: Duration) -> Self {
                Self(self.0.saturating_add(span.0))
            }
        }

        impl AddAssign<Duration> for $clock {
            #[inline]
            fn add_assign(&mut self, span: Duration) {
                *self = *self + span;
            }
        }

        impl Sub<Duration> for $clock {
            type Output = Self;
            #[inline]
            fn sub(self, span: Duration) -> Self {
                Self(self.0.saturating_sub(span.0))
            }
        }

        impl SubAssign<Duration> for $clock {
            #[inline]
            fn sub_assign(&mut self, span: Duration) {
                *self = *self - span;
            }
        }

        impl Sub for $clock {
            type Output = Duration;
            #[inline]
            fn sub(self, earlier: Self) -> Duration {
                self.duration_since(earlier)
            }
        }
    )*};
}

clock_operators!(Instant WallTime);

/// Seconds since the origin with all nine decimals, so that a column of instants lines up.
impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}.{:09}s",
            self.0 / NANOS_PER_SEC,
            self.0 % NANOS_PER_SEC
        )
    }
}

/// UTC in the form of RFC 3339, with nanoseconds: `2026-11-21T01:20:57.000000000Z`.
impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.as_unix_secs();
        let (year, month, day) = civil_date(secs / 86_400);
        let (hour, minute, second) = (secs / 3_600 % 24, secs / 60 % 60, secs % 60);
        let nanos = self.0 % NANOS_PER_SEC;
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z"
        )
    }
}

/// The proleptic Gregorian date of a day counted from 1970-01-01.
///
/// The year is taken to begin in March, so that the leap day comes last and month lengths follow the 153-days-in-five-months pattern.
fn civil_date(days_since_epoch: u64) -> (u64, u64, u64) {
    const DAYS_PER_400_YEARS: u64 = 146_097;
    let days = days_since_epoch + 719_468; // days from 0000-03-01 to 1970-01-01
    let era = days / DAYS_PER_400_YEARS;
    let day_of_era = days % DAYS_PER_400_YEARS;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn operators_saturate() {
        assert_eq!(Duration::MAX + Duration::from_nanos(1), Duration::MAX);
        assert_eq!(
            Duration::from_nanos(1) - Duration::from_secs(1),
            Duration::ZERO
        );
        assert_eq!(Duration::from_secs(u64::MAX), Duration::MAX);
        assert_eq!(Duration::from_secs(3) / 0, Duration::MAX);
        assert_eq!(Duration::ZERO / 0, Duration::ZERO);
        assert_eq!(Duration::MAX * 2, Duration::MAX);
        assert_eq!(Instant::ZERO - Duration::from_secs(1), Instant::ZERO);
        assert_eq!(
            Instant::from_secs(1) - Instant::from_secs(2),
            Duration::ZERO
        );
        assert_eq!(Instant::MAX + Duration::from_secs(1), Instant::MAX);
        assert_eq!(
            Instant::from_secs(1).checked_duration_since(Instant::from_secs(2)),
            None
        );
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
    fn wall_time_is_printed_as_rfc_3339() {
        assert_eq!(
            WallTime::UNIX_EPOCH.to_string(),
            "1970-01-01T00:00:00.000000000Z"
        );
        assert_eq!(
            WallTime::from_unix_secs(951_782_400).to_string(),
            "2000-02-29T00:00:00.000000000Z"
        );
        assert_eq!(
            WallTime::from_unix_secs(951_868_799).to_string(),
            "2000-02-29T23:59:59.000000000Z"
        );
        assert_eq!(
            WallTime::from_unix_millis(1_000_000_000_123).to_string(),
            "2001-09-09T01:46:40.123000000Z"
        );
        assert_eq!(
            WallTime::from_unix_secs(4_102_444_800).to_string(),
            "2100-01-01T00:00:00.000000000Z"
        );
    }

    #[test]
    fn core_durations_convert_both_ways() {
        let span = core::time::Duration::new(3, 14);
        assert_eq!(core::time::Duration::from(Duration::from(span)), span);
        assert_eq!(Duration::from(core::time::Duration::MAX), Duration::MAX);
    }
}

//! Points in time: one clock for deadlines, one for people and certificates.

use core::fmt;
use core::ops::{Add, AddAssign, Sub, SubAssign};

use super::{Duration, NANOS_PER_MICRO, NANOS_PER_MILLI, NANOS_PER_SEC};

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

    /// The time from `earlier` to `self`, or `None` if `earlier` is in fact later.
    #[inline]
    pub const fn checked_duration_since(self, earlier: Self) -> Option<Duration> {
        match self.0.checked_sub(earlier.0) {
            Some(nanos) => Some(Duration::from_nanos(nanos)),
            None => None,
        }
    }
}

/// Nanoseconds since the Unix epoch (1970-01-01 00:00 UTC, leap seconds not counted), up to the
/// year 2554.
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
}

/// Both clocks have the same arithmetic.
macro_rules! clock_arithmetic {
    ($($clock:ident)*) => {$(
        impl $clock {
            /// The time from `earlier` to `self`, zero if `earlier` is in fact later.
            #[inline]
            pub const fn duration_since(self, earlier: Self) -> Duration {
                Duration::from_nanos(self.0.saturating_sub(earlier.0))
            }

            /// `self + span`, or `None` past [`MAX`](Self::MAX).
            #[inline]
            pub const fn checked_add(self, span: Duration) -> Option<Self> {
                match self.0.checked_add(span.as_nanos()) {
                    Some(nanos) => Some(Self(nanos)),
                    None => None,
                }
            }

            /// `self - span`, or `None` before the origin.
            #[inline]
            pub const fn checked_sub(self, span: Duration) -> Option<Self> {
                match self.0.checked_sub(span.as_nanos()) {
                    Some(nanos) => Some(Self(nanos)),
                    None => None,
                }
            }
        }

        impl Add<Duration> for $clock {
            type Output = Self;
            #[inline]
            fn add(self, span: Duration) -> Self {
                Self(self.0.saturating_add(span.as_nanos()))
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
                Self(self.0.saturating_sub(span.as_nanos()))
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

clock_arithmetic!(Instant WallTime);

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
/// The year is taken to begin in March, so that the leap day comes last and month lengths follow
/// the 153-days-in-five-months pattern.
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
        let second = Duration::from_secs(1);
        assert_eq!(Instant::ZERO - second, Instant::ZERO);
        assert_eq!(
            Instant::from_secs(1) - Instant::from_secs(2),
            Duration::ZERO
        );
        assert_eq!(Instant::MAX + second, Instant::MAX);
        assert_eq!(WallTime::MAX + second, WallTime::MAX);
        assert_eq!(
            Instant::from_secs(1).checked_duration_since(Instant::from_secs(2)),
            None
        );
        assert_eq!(
            (
                Instant::MAX.checked_add(second),
                Instant::ZERO.checked_sub(second)
            ),
            (None, None)
        );
    }

    #[test]
    fn instants_are_printed_with_all_decimals() {
        assert_eq!(Instant::from_micros(1_500_000).to_string(), "1.500000000s");
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
}

//! A token bucket in integer arithmetic.
//!
//! Credit is counted in billionths of a token, which one nanosecond at one token a second earns, so no
//! refill is ever rounded: over any span the bucket gives exactly `rate × span + burst` tokens at most.

use waypost_wire::{Duration, Instant};

/// Credit for one token: nanoseconds in a second.
const TOKEN: u64 = 1_000_000_000;

/// Tokens that come at a steady rate and are kept up to a burst. A token is whatever is limited: a
/// packet, an octet, an ICMP error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenBucket {
    /// Tokens a second.
    rate: u64,
    /// Most tokens kept.
    burst: u32,
    credit: u64,
    updated: Instant,
}

impl TokenBucket {
    /// A full bucket of `burst` tokens that refills by `rate` tokens a second from `now` on. At rate 0 it
    /// never refills; at burst 0 it never gives.
    pub const fn new(rate: u64, burst: u32, now: Instant) -> Self {
        Self {
            rate,
            burst,
            credit: burst as u64 * TOKEN,
            updated: now,
        }
    }

    /// The rate, in tokens a second.
    pub const fn rate(&self) -> u64 {
        self.rate
    }

    /// The burst, in tokens.
    pub const fn burst(&self) -> u32 {
        self.burst
    }

    /// Changes rate and burst from `now` on; tokens above the new burst are lost.
    pub fn reconfigure(&mut self, rate: u64, burst: u32, now: Instant) {
        self.refill(now);
        self.rate = rate;
        self.burst = burst;
        self.credit = self.credit.min(self.capacity());
    }

    /// Takes `tokens`, all or none, and says whether they were there.
    pub fn take(&mut self, tokens: u32, now: Instant) -> bool {
        self.refill(now);
        let cost = u64::from(tokens) * TOKEN;
        let enough = cost <= self.credit;
        if enough {
            self.credit -= cost;
        }
        enough
    }

    /// Whole tokens there at `now`.
    pub fn available(&mut self, now: Instant) -> u32 {
        self.refill(now);
        u32::try_from(self.credit / TOKEN).unwrap_or(u32::MAX)
    }

    /// The first instant at which [`take`](Self::take) would give `tokens`: `now` if they are there,
    /// `None` if they never will be (more than the burst, rate 0, or beyond the end of time).
    pub fn ready_at(&mut self, tokens: u32, now: Instant) -> Option<Instant> {
        self.refill(now);
        let cost = u64::from(tokens) * TOKEN;
        if cost <= self.credit {
            return Some(now);
        }
        if tokens > self.burst || self.rate == 0 {
            return None;
        }
        let wait = (cost - self.credit).div_ceil(self.rate);
        self.updated.checked_add(Duration::from_nanos(wait))
    }

    const fn capacity(&self) -> u64 {
        // Below 2⁶² for any burst: 2³² × 10⁹ < 2⁶².
        self.burst as u64 * TOKEN
    }

    /// Earns the credit since the last call. A `now` before that earns nothing and moves nothing.
    fn refill(&mut self, now: Instant) {
        let Some(span) = now.checked_duration_since(self.updated) else {
            return;
        };
        self.updated = now;
        let earned = u128::from(span.as_nanos()) * u128::from(self.rate);
        let room = self.capacity() - self.credit;
        // The minimum fits in 64 bits since `room` does.
        self.credit += u64::try_from(earned.min(u128::from(room))).unwrap_or(room);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn at(ns: u64) -> Instant {
        Instant::from_nanos(ns)
    }

    #[test]
    fn a_burst_then_the_rate() {
        let mut bucket = TokenBucket::new(10, 3, at(0));
        assert!(bucket.take(3, at(0)));
        assert!(!bucket.take(1, at(99_999_999)));
        assert_eq!(bucket.ready_at(1, at(99_999_999)), Some(at(100_000_000)));
        assert!(bucket.take(1, at(100_000_000)));
        assert_eq!(bucket.available(at(10_000_000_000)), 3);
    }

    #[test]
    fn what_never_comes() {
        let mut bucket = TokenBucket::new(10, 3, at(0));
        assert_eq!(bucket.ready_at(4, at(0)), None);
        let mut none = TokenBucket::new(0, 1, at(0));
        assert!(none.take(1, at(0)));
        assert_eq!(none.ready_at(1, at(0)), None);
        let mut slow = TokenBucket::new(1, 1, Instant::MAX);
        assert!(slow.take(1, Instant::MAX));
        assert_eq!(slow.ready_at(1, Instant::MAX), None);
    }

    #[test]
    fn time_that_goes_back_earns_nothing() {
        let mut bucket = TokenBucket::new(1_000_000_000, 1, at(1000));
        assert!(bucket.take(1, at(1000)));
        assert!(!bucket.take(1, at(10)));
        assert!(bucket.take(1, at(1001)));
    }

    #[test]
    fn a_smaller_burst_takes_tokens_away() {
        let mut bucket = TokenBucket::new(1, 100, at(0));
        bucket.reconfigure(1, 5, at(0));
        assert_eq!(bucket.available(at(0)), 5);
    }

    proptest! {
        #[test]
        fn never_more_than_rate_times_span_plus_burst(
            rate in 0u64..20_000_000_000,
            burst in 0u32..100_000,
            steps in prop::collection::vec((0u64..5_000_000_000, 0u32..200_000), 1..50),
        ) {
            let mut bucket = TokenBucket::new(rate, burst, at(0));
            let (mut now, mut taken) = (0u64, 0u128);
            for (step, tokens) in steps {
                now += step;
                if bucket.take(tokens, at(now)) {
                    taken += u128::from(tokens);
                }
                let bound = u128::from(rate) * u128::from(now) + u128::from(burst) * u128::from(TOKEN);
                prop_assert!(taken * u128::from(TOKEN) <= bound);
            }
        }

        #[test]
        fn ready_at_is_exact(rate in 1u64..10_000_000, burst in 1u32..1000, spent in 0u32..1000, tokens in 0u32..1000) {
            let mut bucket = TokenBucket::new(rate, burst, at(0));
            bucket.take(spent.min(burst), at(0));
            match bucket.ready_at(tokens, at(0)) {
                None => prop_assert!(tokens > burst),
                Some(when) => {
                    if when > at(0) {
                        let before = at(when.as_nanos() - 1);
                        let mut early = bucket;
                        prop_assert!(!early.take(tokens, before));
                    }
                    prop_assert!(bucket.take(tokens, when));
                }
            }
        }
    }
}

//! A token bucket as plain as can be, for the models of what is limited.
#![allow(dead_code)] // each test uses some

/// Nanoseconds of one token at one token a second.
const TOKEN: u128 = 1_000_000_000;

#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    rate: u128,
    burst: u128,
    credit: u128,
    at: u64,
}

impl Bucket {
    /// A full one, at `now` in nanoseconds, as all times here.
    pub(crate) fn new(rate: u64, burst: u32, now: u64) -> Self {
        let burst = u128::from(burst);
        Self {
            rate: u128::from(rate),
            burst,
            credit: burst * TOKEN,
            at: now,
        }
    }

    /// Whole tokens that are there.
    pub(crate) fn tokens(&mut self, now: u64) -> u128 {
        let earned = u128::from(now - self.at) * self.rate;
        self.credit = (self.credit + earned).min(self.burst * TOKEN);
        self.at = now;
        self.credit / TOKEN
    }

    /// Takes `tokens`, or what credit there is.
    pub(crate) fn take_up_to(&mut self, tokens: u128, now: u64) {
        self.tokens(now);
        self.credit = self.credit.saturating_sub(tokens * TOKEN);
    }

    /// Takes one if it is there.
    pub(crate) fn take(&mut self, now: u64) -> bool {
        let there = self.tokens(now) > 0;
        if there {
            self.take_up_to(1, now);
        }
        there
    }

    /// When the next one is there, if ever.
    pub(crate) fn ready(&mut self, now: u64) -> Option<u64> {
        if self.tokens(now) > 0 {
            return Some(now);
        }
        let missing = TOKEN - self.credit;
        let never = self.burst == 0 || self.rate == 0;
        (!never).then(|| now + missing.div_ceil(self.rate) as u64)
    }
}

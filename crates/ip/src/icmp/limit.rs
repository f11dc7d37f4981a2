//! How many errors are sent: to all, and to each prefix.

use waypost_wire::{Instant, Ip};

use super::NotSent;
use crate::hash::{Hash, limit_of};
use crate::rate::TokenBucket;
use crate::storage::Store;

/// Limits of errors. The defaults are 1000 a second to all and 50 a second to one prefix, with bursts of as
/// many as come in a fifth of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitConfig {
    /// Errors a second to all.
    pub rate: u64,
    /// Errors to all at once.
    pub burst: u32,
    /// Errors a second to one prefix.
    pub prefix_rate: u64,
    /// Errors to one prefix at once.
    pub prefix_burst: u32,
    /// How many bits of an address are its prefix; more than it has mean all.
    pub prefix_len: u8,
    /// How many prefixes are told apart.
    pub prefixes: usize,
    /// By how many tokens at most an error may cost more than one of the limit of all, as chance has it: who can
    /// provoke errors to himself must not learn by counting them how many went to others ("SAD DNS", Man et
    /// al., CCS 2020).
    pub jitter: u32,
    /// A secret, from a source of entropy.
    pub seed: u64,
}

impl LimitConfig {
    /// The defaults for IPv4, by /24.
    pub const IPV4: Self = Self {
        rate: 1000,
        burst: 200,
        prefix_rate: 50,
        prefix_burst: 10,
        prefix_len: 24,
        prefixes: 1024,
        jitter: 1,
        seed: 0,
    };
    /// The defaults for IPv6, by /64.
    pub const IPV6: Self = Self {
        prefix_len: 64,
        ..Self::IPV4
    };
}

/// Prefixes that hash alike share this many places.
const WAYS: usize = 4;

/// The place of a prefix in the storage of an [`ErrorLimiter`].
#[derive(Clone, Copy, Debug)]
pub struct PrefixBucket<A> {
    prefix: A,
    used: bool,
    bucket: TokenBucket,
}

impl<A: Ip> PrefixBucket<A> {
    /// An empty place.
    pub const EMPTY: Self = Self {
        prefix: A::UNSPECIFIED,
        used: false,
        bucket: TokenBucket::new(0, 0, Instant::from_nanos(0)),
    };
}

/// Token buckets, one for all errors and one for each prefix to which errors went lately, so that no prefix can
/// use up what is for all (RFC 4443 §2.4 (f), RFC 1812 §4.3.2.8).
///
/// A new prefix takes the place of the one, of four, that used its tokens least. With no place at all only the
/// limit of all holds.
#[derive(Clone, Debug)]
pub struct ErrorLimiter<A, S> {
    global: TokenBucket,
    places: S,
    /// How many of the places are used: whole sets of [`WAYS`].
    len: usize,
    /// Where the last prefix was found: an error is first asked for and then counted.
    last: usize,
    config: LimitConfig,
    chance: u64,
    replaced: u64,
    prefix: core::marker::PhantomData<A>,
}

impl<A: Ip, S: Store<PrefixBucket<A>>> ErrorLimiter<A, S> {
    /// Full buckets. Storage that grows takes all its places now.
    pub fn new(mut places: S, config: LimitConfig, now: Instant) -> Self {
        let limit = limit_of(&mut places, config.prefixes, PrefixBucket::EMPTY);
        while places.items().len() < limit && places.grow(PrefixBucket::EMPTY).is_ok() {}
        places.items_mut().fill(PrefixBucket::EMPTY);
        let len = limit.min(places.items().len());
        Self {
            global: TokenBucket::new(config.rate, config.burst, now),
            places,
            len: if len < WAYS { len } else { len - len % WAYS },
            last: 0,
            config,
            chance: Hash::new(config.seed).word(1).finish() | 1,
            replaced: 0,
            prefix: core::marker::PhantomData,
        }
    }

    /// Whether one more error may go to `to`.
    ///
    /// # Errors
    /// [`NotSent::PrefixLimit`] or [`NotSent::RateLimit`].
    pub fn check(&mut self, now: Instant, to: A) -> Result<(), NotSent> {
        if let Some(place) = self.place(now, to)
            && place.bucket.available(now) == 0
        {
            return Err(NotSent::PrefixLimit);
        }
        if self.global.available(now) == 0 {
            return Err(NotSent::RateLimit);
        }
        Ok(())
    }

    /// Counts an error to `to` against the limits.
    pub fn take(&mut self, now: Instant, to: A) {
        if let Some(place) = self.place(now, to) {
            place.bucket.take(1, now);
        }
        // Xorshift (Marsaglia, J. Stat. Softw. 2003): enough where nobody sees its numbers themselves.
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        let extra = (self.chance >> 32) % (u64::from(self.config.jitter) + 1);
        let cost = u32::try_from(extra + 1).unwrap_or(u32::MAX);
        let cost = cost.min(self.global.available(now));
        self.global.take(cost, now);
    }

    /// How many prefixes lost their place to others while they had used tokens.
    pub const fn replaced(&self) -> u64 {
        self.replaced
    }

    fn place(&mut self, now: Instant, to: A) -> Option<&mut PrefixBucket<A>> {
        let prefix = to.truncated(self.config.prefix_len);
        let is_of = |it: &PrefixBucket<A>| it.used && it.prefix == prefix;
        if self.places.items().get(self.last).is_some_and(is_of) {
            return self.places.items_mut().get_mut(self.last);
        }
        let sets = self.len.div_ceil(WAYS);
        let hash = Hash::new(self.config.seed)
            .octets(prefix.octets().as_ref())
            .finish();
        let start = (hash % sets.max(1) as u64) as usize * WAYS;
        let end = (start + WAYS).min(self.len);
        let set = self.places.items_mut().get_mut(start..end)?;
        let index = match set.iter().position(is_of) {
            Some(index) => index,
            None => {
                let idle = |it: &mut PrefixBucket<A>| match it.used {
                    true => it.bucket.available(now),
                    false => u32::MAX,
                };
                let least = (0..set.len()).max_by_key(|n| set.get_mut(*n).map_or(0, idle))?;
                let place = set.get_mut(least)?;
                let (rate, burst) = (self.config.prefix_rate, self.config.prefix_burst);
                if place.used && place.bucket.available(now) < burst {
                    self.replaced += 1;
                }
                *place = PrefixBucket {
                    prefix,
                    used: true,
                    bucket: TokenBucket::new(rate, burst, now),
                };
                least
            }
        };
        self.last = start + index;
        set.get_mut(index)
    }
}

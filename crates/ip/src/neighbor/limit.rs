//! How many requests leave: a scan of many addresses makes no more than these (RFC 6583 §7.1, §7.2).
//!
//! One bucket for all requests, and a few for those about unknown neighbours, by the prefix that they
//! belong to. Those about unknown neighbours leave half of the first bucket to the probes of known
//! neighbours, so that whoever is known stays known, whatever is asked for.
//!
//! What a scan leaves to whom:
//! - A neighbour that is known is sent to at once, one that went stale too, and is probed from its half. None loses
//!   its place to a scan while no more are known than [`NeighborConfig::neighbors`] less
//!   [`NeighborConfig::incomplete`]. Where there are more, the longest stale go, and are newcomers when they are
//!   needed again.
//! - A newcomer of a prefix that is not scanned is asked for at once; but by chance a prefix in [`PREFIXES`]
//!   shares its limit with the scanned one, and a scan of many prefixes uses up the half of all unknown ones.
//! - A newcomer inside the scanned prefix is no more than one more address of the scan: requests go to those first
//!   that come first, so that a fast scan leaves it next to nothing. It is found once it asks for us, as a host does
//!   that has something to send, which takes no request; or once the scan ends.

use waypost_wire::{Instant, Ip};

use super::NeighborConfig;
use crate::hash::Hash;
use crate::rate::TokenBucket;

/// How many buckets the prefixes share.
const PREFIXES: usize = 16;

/// The requests that may leave now.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    total: TokenBucket,
    prefixes: [TokenBucket; PREFIXES],
    seed: u64,
}

impl Limits {
    pub(super) fn new(config: &NeighborConfig) -> Self {
        let bucket = |rate: u32, burst: u32| TokenBucket::new(rate as u64, burst, Instant::ZERO);
        Self {
            total: bucket(config.requests_per_sec, config.requests_burst),
            prefixes: [bucket(config.prefix_requests_per_sec, config.prefix_requests_burst);
                PREFIXES],
            seed: config.seed,
        }
    }

    /// Takes a request about an address of which nothing is known; whether it may leave.
    pub(super) fn unknown<A: Ip>(&mut self, now: Instant, addr: A) -> bool {
        // What is left to known neighbours.
        let reserve = self.total.burst() / 2;
        if self.total.available(now) <= reserve {
            return false;
        }
        // Prefixes of links: /24 and /64.
        let prefix = addr.truncated(if A::VERSION == 4 { 24 } else { 64 });
        let hash = Hash::new(self.seed)
            .octets(prefix.octets().as_ref())
            .finish();
        let place = hash as usize % PREFIXES;
        self.prefixes[place].take(1, now) && self.total.take(1, now)
    }

    /// Takes a request to a known neighbour; whether it may leave.
    pub(super) fn known(&mut self, now: Instant) -> bool {
        self.total.take(1, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::{Ipv4Addr, Ipv6Addr};

    const fn config(total: u32, prefix: u32) -> NeighborConfig {
        NeighborConfig {
            requests_per_sec: total,
            requests_burst: total,
            prefix_requests_per_sec: prefix,
            prefix_requests_burst: prefix,
            ..NeighborConfig::DEFAULT
        }
    }

    fn scan(limits: &mut Limits, now: Instant, prefixes: u32) -> usize {
        let addrs = (0..prefixes << 8).map(|n| Ipv4Addr::from_bits(0x0a00_0000 + n));
        addrs.filter(|addr| limits.unknown(now, *addr)).count()
    }

    #[test]
    fn one_prefix_does_not_take_all_and_all_leave_half() {
        let mut limits = Limits::new(&config(100, 10));
        assert_eq!(scan(&mut limits, Instant::ZERO, 1), 10);
        assert_eq!(scan(&mut limits, Instant::ZERO, 256), 40);
        let known = (0..1000).filter(|_| limits.known(Instant::ZERO)).count();
        assert_eq!(known, 50);
        assert_eq!(scan(&mut limits, Instant::from_secs(2), 256), 50);
    }

    #[test]
    fn an_ipv6_prefix_is_a_64() {
        let mut limits = Limits::new(&config(100, 10));
        let net = 0x2001_0db8u128 << 96;
        let addrs = (0..1000u128).map(|n| Ipv6Addr::from_bits(net + (n << 50)));
        assert_eq!(
            addrs
                .filter(|addr| limits.unknown(Instant::ZERO, *addr))
                .count(),
            10
        );
    }

    #[test]
    fn no_limit_at_all() {
        let mut limits = Limits::new(&config(u32::MAX, u32::MAX));
        assert_eq!(scan(&mut limits, Instant::ZERO, 64), 64 << 8);
    }
}

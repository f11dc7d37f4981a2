//! Errors under a limit, counted.

use core::net::{Ipv4Addr, Ipv6Addr};

use waypost_wire::{Icmpv4Header, Icmpv6Header, Instant, Ip, Ipv4Packet, Ipv6Packet};

use super::{ErrorLimiter, LimitConfig, NotSent, Origin, PrefixBucket, v6};
use crate::storage::Store;

/// Errors of one version of IP under a limit, with what became of them counted (RFC 1812 §4.3.2.8, RFC 4443
/// §2.4 (f)).
#[derive(Clone, Debug)]
pub struct ErrorSender<A, S> {
    limiter: ErrorLimiter<A, S>,
    sent: u64,
    not_sent: [u64; NotSent::COUNT],
}

impl<A: Ip, S: Store<PrefixBucket<A>>> ErrorSender<A, S> {
    /// A sender of which nothing was sent yet, with places for prefixes.
    pub fn new(places: S, config: LimitConfig, now: Instant) -> Self {
        Self {
            limiter: ErrorLimiter::new(places, config, now),
            sent: 0,
            not_sent: [0; NotSent::COUNT],
        }
    }

    /// How many errors were written.
    pub const fn sent(&self) -> u64 {
        self.sent
    }

    /// How many errors were not written for a reason.
    pub const fn not_sent(&self, reason: NotSent) -> u64 {
        self.not_sent[reason as usize]
    }

    /// Only an error that is written counts against the limits.
    fn limited(
        &mut self,
        now: Instant,
        to: A,
        allowed: Result<(), NotSent>,
        write: impl FnOnce() -> Result<usize, NotSent>,
    ) -> Result<usize, NotSent> {
        let result = allowed
            .and_then(|()| self.limiter.check(now, to))
            .and_then(|()| write());
        match result {
            Ok(_) => {
                self.limiter.take(now, to);
                self.sent += 1;
            }
            Err(reason) => self.not_sent[reason as usize] += 1,
        }
        result
    }
}

impl<S: Store<PrefixBucket<Ipv4Addr>>> ErrorSender<Ipv4Addr, S> {
    /// As [`write_error`](super::write_error), under the limits.
    ///
    /// # Errors
    /// As [`write_error`](super::write_error), and those of the limits; each counted.
    pub fn write(
        &mut self,
        now: Instant,
        buffer: &mut [u8],
        packet: &Ipv4Packet<'_>,
        message: Icmpv4Header,
        origin: &Origin,
    ) -> Result<usize, NotSent> {
        let allowed = super::may_send(packet, origin);
        self.limited(now, packet.header().source(), allowed, || {
            super::write_error(buffer, packet, message, origin)
        })
    }
}

impl<S: Store<PrefixBucket<Ipv6Addr>>> ErrorSender<Ipv6Addr, S> {
    /// As [`v6::write_error`], under the limits.
    ///
    /// # Errors
    /// As [`v6::write_error`], and those of the limits; each counted.
    pub fn write(
        &mut self,
        now: Instant,
        buffer: &mut [u8],
        packet: &Ipv6Packet<'_>,
        message: Icmpv6Header,
        origin: &v6::Origin,
    ) -> Result<usize, NotSent> {
        let allowed = v6::may_send(packet, &message, origin);
        self.limited(now, packet.header().source(), allowed, || {
            v6::write_error(buffer, packet, message, origin)
        })
    }
}

//! Announcements that nobody asked for, and answers that are to wait: sent in time, and not too many.
//!
//! After a change of address or a failover an [`Announcer`] tells all addresses that are ours now, each a
//! few times (RFC 5227 §2.3, §3; RFC 4861 §7.2.6), all together no faster than its rate. Answers for anycast
//! and proxied addresses wait in it for a random time, so that not all who answer do so at once (RFC 4861
//! §7.2.7, §7.2.8).

use waypost_wire::{Duration, Instant, Ip, MacAddr};

use super::MAX_ANYCAST_DELAY;
use crate::hash::Hash;
use crate::rate::TokenBucket;
use crate::slab::{Key, Slot};
use crate::storage::Store;
use crate::wheel::{Timer, Wheel};

/// Limits and times of an [`Announcer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnnouncerConfig {
    /// Most addresses that are being announced and answers that wait, together.
    pub limit: usize,
    /// How many times an address is announced.
    pub repeats: u8,
    /// Time between two announcements of an address.
    pub interval: Duration,
    /// Packets a second.
    pub packets_per_sec: u32,
    /// Packets at once.
    pub packets_burst: u32,
    /// What decides random delays: from a source of entropy, so that no two nodes wait for the same time.
    pub seed: u64,
}

impl AnnouncerConfig {
    /// As RFC 5227 §1.1 has it for IPv4: twice (`ANNOUNCE_NUM`), 2 s apart (`ANNOUNCE_INTERVAL`).
    pub const IPV4: Self = Self {
        limit: 1024,
        repeats: 2,
        interval: Duration::from_secs(2),
        packets_per_sec: 1000,
        packets_burst: 64,
        seed: 0,
    };

    /// As RFC 4861 §10 has it for IPv6: three times (`MAX_NEIGHBOR_ADVERTISEMENT`), 1 s apart (`RetransTimer`).
    pub const IPV6: Self = Self {
        repeats: 3,
        interval: Duration::from_secs(1),
        ..Self::IPV4
    };
}

/// What is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announcement<A> {
    /// Tell all nodes that an address is ours: an ARP announcement, or an unsolicited advertisement.
    Address(A),
    /// Answer for `target`, now that others had their chance.
    Reply {
        /// The address asked for.
        target: A,
        /// Who asked; unspecified if without an address.
        to: A,
        /// Its address on the link, if it told.
        mac: Option<MacAddr>,
    },
}

/// One thing to be sent, in the storage of an [`Announcer`].
#[derive(Clone, Copy, Debug)]
pub struct Planned<A> {
    announcement: Announcement<A>,
    /// How many times yet.
    left: u8,
}

/// Announcements and delayed answers of one interface.
#[derive(Clone, Debug)]
pub struct Announcer<A, S> {
    planned: Wheel<Planned<A>, S>,
    bucket: TokenBucket,
    config: AnnouncerConfig,
    /// How many random numbers were drawn.
    draws: u64,
    sent: u64,
}

/// An announcer whose storage grows to its limit.
#[cfg(feature = "alloc")]
pub type VecAnnouncer<A> = Announcer<A, alloc::vec::Vec<Slot<Timer<Planned<A>>>>>;

impl<A: Ip, S: Store<Slot<Timer<Planned<A>>>>> Announcer<A, S> {
    /// With nothing to send.
    pub fn new(storage: S, config: AnnouncerConfig) -> Self {
        let rate = u64::from(config.packets_per_sec);
        Self {
            planned: Wheel::new(storage, config.limit),
            bucket: TokenBucket::new(rate, config.packets_burst, Instant::ZERO),
            config,
            draws: 0,
            sent: 0,
        }
    }

    /// Announces an address, the first time at once. The key [`cancel`](Self::cancel)s what is left of it:
    /// to be kept where an address may be lost again or announced anew meanwhile.
    ///
    /// `None`, counted in [`refused`](Self::refused), if there is no room.
    pub fn announce(&mut self, now: Instant, addr: A) -> Option<Key> {
        let planned = Planned {
            announcement: Announcement::Address(addr),
            left: self.config.repeats.max(1),
        };
        self.planned.start(now, planned).ok()
    }

    /// Answers `to`, who asked for `target`, after a random time below [`MAX_ANYCAST_DELAY`]; `None`, counted
    /// in [`refused`](Self::refused), if there is no room.
    pub fn reply(&mut self, now: Instant, target: A, to: A, mac: Option<MacAddr>) -> Option<Key> {
        let planned = Planned {
            announcement: Announcement::Reply { target, to, mac },
            left: 1,
        };
        let delay = random(self.config.seed, self.draws, MAX_ANYCAST_DELAY);
        self.draws += 1;
        self.planned.start(now + delay, planned).ok()
    }

    /// Forgets what is planned; `false` if nothing of it was left.
    pub fn cancel(&mut self, key: Key) -> bool {
        self.planned.cancel(key).is_some()
    }

    /// What is to be sent now; to be called until it returns `None`.
    pub fn poll_output(&mut self, now: Instant) -> Option<Announcement<A>> {
        if self.bucket.available(now) == 0 {
            return None;
        }
        let (key, _) = self.planned.due(now)?;
        let planned = self.planned.payload_mut(key)?;
        planned.left = planned.left.saturating_sub(1);
        let planned = *planned;
        self.bucket.take(1, now);
        self.sent += 1;
        // Under the key that its owner has, who may cancel what is left.
        if planned.left == 0 || !self.planned.restart(key, now + self.config.interval) {
            self.planned.expire(now);
        }
        Some(planned.announcement)
    }

    /// When [`poll_output`](Self::poll_output) has something again.
    pub fn poll_timeout(&mut self, now: Instant) -> Option<Instant> {
        let next = self.planned.next_deadline()?;
        Some(self.bucket.ready_at(1, now)?.max(next))
    }

    /// How many addresses and answers are planned.
    pub fn len(&self) -> usize {
        self.planned.len()
    }

    /// Whether nothing is planned.
    pub fn is_empty(&self) -> bool {
        self.planned.is_empty()
    }

    /// How many packets were handed out.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// How many addresses and answers found no room.
    pub fn refused(&self) -> u64 {
        self.planned.refused()
    }
}

/// A time below `span` that only who knows the seed can tell.
pub(super) fn random(seed: u64, number: u64, span: Duration) -> Duration {
    let hash = Hash::new(seed).word(number).finish();
    let scaled = (u128::from(hash) * u128::from(span.as_nanos())) >> 64;
    Duration::from_nanos(scaled as u64)
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use core::net::{Ipv4Addr, Ipv6Addr};

    const fn ms(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn drain<A: Ip>(
        announcer: &mut VecAnnouncer<A>,
        until: Instant,
    ) -> Vec<(u64, Announcement<A>)> {
        let (mut now, mut sent) = (Instant::ZERO, Vec::new());
        loop {
            while let Some(announcement) = announcer.poll_output(now) {
                sent.push((now.as_millis(), announcement));
            }
            match announcer.poll_timeout(now) {
                Some(next) if next <= until => now = now.max(next),
                _ => return sent,
            }
        }
    }

    #[test]
    fn an_address_is_announced_twice_or_three_times() {
        let mut announcer = VecAnnouncer::new(Vec::new(), AnnouncerConfig::IPV4);
        announcer.announce(ms(0), Ipv4Addr::LOCALHOST);
        let address = Announcement::Address(Ipv4Addr::LOCALHOST);
        assert_eq!(
            drain(&mut announcer, Instant::MAX),
            [(0, address), (2000, address)]
        );
        let mut announcer = VecAnnouncer::new(Vec::new(), AnnouncerConfig::IPV6);
        announcer.announce(ms(0), Ipv6Addr::LOCALHOST);
        let times: Vec<u64> = drain(&mut announcer, Instant::MAX)
            .iter()
            .map(|it| it.0)
            .collect();
        assert_eq!(times, [0, 1000, 2000]);
        assert!(announcer.is_empty() && announcer.sent() == 3);
    }

    #[test]
    fn an_address_that_is_lost_between_two_announcements_is_not_announced_again() {
        let mut announcer = VecAnnouncer::new(Vec::new(), AnnouncerConfig::IPV6);
        let key = announcer.announce(ms(0), Ipv6Addr::LOCALHOST).unwrap();
        let address = Announcement::Address(Ipv6Addr::LOCALHOST);
        assert_eq!(
            drain(&mut announcer, ms(1500)),
            [(0, address), (1000, address)]
        );
        assert!(announcer.cancel(key) && !announcer.cancel(key));
        assert_eq!(drain(&mut announcer, Instant::MAX), []);
        assert!(announcer.is_empty());
    }

    #[test]
    fn a_failover_of_many_addresses_keeps_the_rate() {
        let config = AnnouncerConfig {
            packets_per_sec: 100,
            packets_burst: 10,
            limit: 500,
            ..AnnouncerConfig::IPV4
        };
        let mut announcer = VecAnnouncer::new(Vec::new(), config);
        for n in 0..600 {
            announcer.announce(ms(0), Ipv4Addr::from_bits(n));
        }
        assert_eq!((announcer.len(), announcer.refused()), (500, 100));
        let sent = drain(&mut announcer, Instant::MAX);
        assert_eq!(sent.len(), 1000);
        for (number, (when, _)) in sent.iter().enumerate() {
            assert!(number as u64 <= 10 + when / 10, "{number} at {when}");
        }
        // Nobody is told twice before everybody was told once.
        assert!(sent[..500].iter().all(|(_, it)| {
            let Announcement::Address(addr) = it else {
                return false;
            };
            sent[..500]
                .iter()
                .filter(|(_, other)| *other == Announcement::Address(*addr))
                .count()
                == 1
        }));
    }

    #[test]
    fn answers_for_others_wait_for_a_random_time() {
        let mut announcer = VecAnnouncer::new(Vec::new(), AnnouncerConfig::IPV6);
        let (target, to) = (Ipv6Addr::LOCALHOST, Ipv6Addr::UNSPECIFIED);
        for _ in 0..100 {
            announcer.reply(ms(0), target, to, None);
        }
        let cancelled = announcer.reply(ms(0), target, to, None).unwrap();
        assert!(announcer.cancel(cancelled) && !announcer.cancel(cancelled));
        let sent = drain(&mut announcer, Instant::MAX);
        assert_eq!(sent.len(), 100);
        assert!(sent.iter().all(|(when, _)| *when < 1000));
        let early = sent.iter().filter(|(when, _)| *when < 500).count();
        assert!((30..70).contains(&early), "{early}");
    }
}

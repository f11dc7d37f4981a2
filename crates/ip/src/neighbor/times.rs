//! Times of a link that change while a table lives: how long an answer counts, which is drawn at random (RFC 4861
//! §6.3.2), and the time between requests.

use waypost_wire::{Duration, Instant, Ip};

use super::config::MIN_RETRANSMIT_TIME;
use super::{NeighborConfig, NeighborStorage, NeighborTable};
use crate::hash::Hash;

/// After how long another time is drawn: RFC 4861 §6.3.2 says "every few hours".
const REDRAW: Duration = Duration::from_secs(2 * 60 * 60);

/// Keeps apart what is made of a seed for different ends.
const END: u64 = u64::from_be_bytes(*b"ReachTim");

/// How long an answer shows that a neighbour is there.
#[derive(Clone, Debug)]
pub(super) struct ReachableTime {
    base: Duration,
    /// Whether it is drawn around the base, and not the base itself.
    is_drawn: bool,
    time: Duration,
    /// Until when it holds: `None` until it is used.
    until: Option<Instant>,
    seed: u64,
    draws: u64,
}

impl ReachableTime {
    pub(super) fn new(config: &NeighborConfig, is_drawn: bool) -> Self {
        let mut new = Self {
            base: config.reachable_time,
            is_drawn,
            time: config.reachable_time,
            until: None,
            seed: config.seed,
            draws: 0,
        };
        new.draw();
        new
    }

    /// That of an answer which comes now.
    pub(super) fn at(&mut self, now: Instant) -> Duration {
        if self.until.is_none_or(|until| until <= now) {
            if self.until.is_some() {
                self.draw();
            }
            self.until = Some(now.checked_add(REDRAW).unwrap_or(Instant::MAX));
        }
        self.time
    }

    fn set_base(&mut self, base: Duration) {
        if base != self.base {
            self.base = base;
            self.until = None;
            self.draw();
        }
    }

    /// Uniformly between `MIN_RANDOM_FACTOR` and `MAX_RANDOM_FACTOR`, a half and one and a half, times the base, in whole
    /// milliseconds (RFC 4861 §6.3.2, §10).
    fn draw(&mut self) {
        if !self.is_drawn {
            self.time = self.base;
            return;
        }
        let base = self.base.as_millis().max(1);
        let (least, most) = (base.div_ceil(2), base + base / 2);
        self.draws = self.draws.wrapping_add(1);
        let random = Hash::new(self.seed).word(END).word(self.draws).finish();
        let beyond = (u128::from(random) * u128::from(most - least + 1)) >> 64;
        self.time = Duration::from_millis(least + beyond as u64);
    }
}

impl<A: Ip, P, S: NeighborStorage<A, P>> NeighborTable<A, P, S> {
    /// Sets the base of the reachable time ([`NeighborConfig::reachable_time`]) and the time between requests
    /// ([`NeighborConfig::retransmit_time`]): what a host takes from the fields Reachable Time and Retrans Timer of each router
    /// advertisement that it believes (RFC 4861 §6.3.4). A time of zero says nothing, and the one before stays.
    ///
    /// They hold for what comes: a neighbour that is reachable, or that was asked, keeps the time that runs.
    pub fn set_times(&mut self, base_reachable_time: Duration, retransmit_time: Duration) {
        if !base_reachable_time.is_zero() {
            self.reachable_time.set_base(base_reachable_time);
        }
        if !retransmit_time.is_zero() {
            self.config.retransmit_time = retransmit_time.max(MIN_RETRANSMIT_TIME);
        }
    }

    /// How long an answer shows that the neighbour is there: for IPv6 what is drawn around the base, for ARP the
    /// base itself.
    pub fn reachable_time(&self) -> Duration {
        self.reachable_time.time
    }
}

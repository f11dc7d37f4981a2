//! Whether an address is ours alone: before it is used, and while it is.
//!
//! One machine for duplicate address detection (RFC 4862 §5.4, with the nonces of RFC 7527 and the optimism
//! of RFC 4429) and for address conflict detection of IPv4 (RFC 5227): wait for a random time, probe, wait
//! whether anybody objects, tell the verdict, announce; afterwards defend the address or give it up. A
//! [`Dad`] is for one place of an interface that wants an address: after a conflict it takes the next
//! candidate, and remembers how many conflicts there were, since too many slow it down (RFC 5227 §2.1.1).

mod config;
mod v4;
mod v6;

use waypost_wire::{Duration, Instant, Ip, MacAddr};

use super::announce::random;
use super::{Nonce, Own};
use crate::hash::Hash;
pub use config::{DadConfig, Defence};

/// How far an address has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DadState {
    /// There is none.
    Idle,
    /// It is being checked; nothing may be sent from it.
    Tentative,
    /// It is being checked, and may be used carefully (RFC 4429 §3.3).
    Optimistic,
    /// It is ours.
    Assigned,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DadEvent<A> {
    /// Ask whether anybody has the address: an ARP probe, or a solicitation from nobody to the address's
    /// solicited-node group, with this nonce.
    Probe {
        /// The address.
        addr: A,
        /// For [`nonce_option`](super::nonce_option). ARP has none.
        nonce: Nonce,
    },
    /// The address is ours: it may be used.
    Assigned {
        /// The address.
        addr: A,
    },
    /// Tell all that the address is ours: an ARP announcement or an unsolicited advertisement.
    Announce {
        /// The address.
        addr: A,
    },
    /// Another has the address. It is not to be used; connections from it are to end.
    Lost {
        /// The address.
        addr: A,
        /// The other's address on the link, if it told.
        by: Option<MacAddr>,
        /// Whether it may have been used: it was ours, or optimistic.
        was_used: bool,
    },
}

/// What a packet did to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DadHeard {
    /// It says nothing about the address.
    Nothing,
    /// It is our own that came back (RFC 7527 §4.2).
    Echo,
    /// Another uses or wants the address.
    Conflict,
}

/// The check of one address.
#[derive(Clone, Debug)]
pub struct Dad<A> {
    config: DadConfig,
    mac: MacAddr,
    addr: A,
    state: DadState,
    /// Probes of this address sent.
    probes: u32,
    /// How many are to be sent.
    wanted: u32,
    /// Whether one of ours came back since the last probes were planned.
    echoed: bool,
    announced: u8,
    timer: Option<Instant>,
    /// When this address was last defended.
    defended: Option<Instant>,
    /// Conflicts on this interface by which an address was lost, or had to be defended.
    conflicts: u32,
    /// When the last address was begun with.
    began: Option<Instant>,
    /// How many addresses were begun with: no random time comes twice.
    rounds: u64,
    verdict: Option<DadEvent<A>>,
    probe: bool,
    announce: bool,
    total: DadCounters,
}

/// What happened, all addresses together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DadCounters {
    /// Conflicts.
    pub conflicts: u64,
    /// Probes of our own that came back.
    pub echoes: u64,
    /// Announcements that defended an address.
    pub defences: u64,
    /// Addresses that had to wait because of many conflicts.
    pub slowed: u64,
}

impl<A: Ip> Dad<A> {
    /// For an interface whose address on the link is `mac`.
    pub const fn new(config: DadConfig, mac: MacAddr) -> Self {
        Self {
            config,
            mac,
            addr: A::UNSPECIFIED,
            state: DadState::Idle,
            probes: 0,
            wanted: 0,
            echoed: false,
            announced: 0,
            timer: None,
            defended: None,
            conflicts: 0,
            began: None,
            rounds: 0,
            verdict: None,
            probe: false,
            announce: false,
            total: DadCounters {
                conflicts: 0,
                echoes: 0,
                defences: 0,
                slowed: 0,
            },
        }
    }

    /// Begins with an address, in the place of one before. It is checked once, and never again while it is
    /// kept (RFC 5227 §2.1). Not for anycast addresses, of which there are
    /// several (RFC 4862 §5.4).
    pub fn start(&mut self, now: Instant, addr: A) {
        self.stop();
        self.addr = addr;
        self.rounds += 1;
        self.wanted = u32::from(self.config.probes);
        if self.wanted == 0 {
            self.assign(now);
            return;
        }
        self.state = if self.config.optimistic {
            DadState::Optimistic
        } else {
            DadState::Tentative
        };
        // RFC 5227 §2.1.1: after too many conflicts, one address in a while.
        let mut begin = now;
        if self.conflicts >= self.config.max_conflicts
            && let Some(before) = self.began
        {
            let earliest = before + self.config.rate_limit_interval;
            if earliest > now {
                self.total.slowed += 1;
                begin = earliest;
            }
        }
        self.began = Some(begin);
        // All who start together do not ask together (RFC 4862 §5.4.2, RFC 5227 §2.1.1).
        self.timer = Some(begin + self.random(self.config.first_delay));
    }

    /// Has no address any more.
    pub fn stop(&mut self) {
        self.state = DadState::Idle;
        self.timer = None;
        self.defended = None;
        (self.probes, self.announced, self.echoed) = (0, 0, false);
        (self.verdict, self.probe, self.announce) = (None, false, false);
    }

    /// Forgets how many conflicts there were: right when the interface is on another link.
    pub const fn forget_conflicts(&mut self) {
        self.conflicts = 0;
    }

    /// How far the address has come.
    pub const fn state(&self) -> DadState {
        self.state
    }

    /// The address, and in what way it is ours: what the neighbour table is to be told. `None` while it is
    /// tentative: nobody is answered for it (RFC 4862 §5.4.3).
    pub fn own(&self) -> Option<(A, Own)> {
        match self.state {
            DadState::Idle | DadState::Tentative => None,
            DadState::Optimistic => Some((self.addr, Own::Optimistic)),
            DadState::Assigned => Some((self.addr, Own::Unicast)),
        }
    }

    /// What happened so far.
    pub const fn counters(&self) -> DadCounters {
        self.total
    }

    /// The next thing to do; to be called until it returns `None` after each call that changes something.
    pub fn poll_event(&mut self) -> Option<DadEvent<A>> {
        if let Some(verdict) = self.verdict.take() {
            return Some(verdict);
        }
        let addr = self.addr;
        if core::mem::take(&mut self.probe) {
            let nonce = self.nonce(self.probes);
            return Some(DadEvent::Probe { addr, nonce });
        }
        core::mem::take(&mut self.announce).then_some(DadEvent::Announce { addr })
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub const fn poll_timeout(&self) -> Option<Instant> {
        self.timer
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.timer.is_none_or(|due| due > now) {
            return;
        }
        self.timer = None;
        match self.state {
            DadState::Idle => {}
            DadState::Tentative | DadState::Optimistic => {
                // Ours came back: some more, until they do so no longer (RFC 7527 §4.1).
                if self.probes >= self.wanted && self.echoed {
                    self.echoed = false;
                    self.wanted = self.wanted.saturating_add(self.config.echo_probes.into());
                }
                if self.probes >= self.wanted {
                    self.assign(now);
                } else {
                    self.probe(now);
                }
            }
            DadState::Assigned => self.announce(now),
        }
    }

    fn probe(&mut self, now: Instant) {
        self.probes += 1;
        self.probe = true;
        let wait = if self.probes < self.wanted {
            let spread = self.config.probe_max.abs_diff(self.config.probe_min);
            self.config.probe_min + self.random(spread)
        } else {
            self.config.settle
        };
        self.timer = Some(now + wait);
    }

    fn assign(&mut self, now: Instant) {
        self.state = DadState::Assigned;
        self.verdict = Some(DadEvent::Assigned { addr: self.addr });
        if self.config.announcements > 0 {
            self.announce(now);
        }
    }

    /// RFC 5227 §2.3.
    fn announce(&mut self, now: Instant) {
        self.announced += 1;
        self.announce = true;
        self.timer = (self.announced < self.config.announcements)
            .then(|| now + self.config.announce_interval);
    }

    /// Takes in that another uses or wants our address, which is then not assigned
    /// (RFC 4862 §5.4.5), or defended (RFC 5227 §2.4).
    fn conflict(&mut self, now: Instant, by: Option<MacAddr>) {
        self.total.conflicts += 1;
        let was_used = self.state != DadState::Tentative;
        if self.state == DadState::Assigned {
            // RFC 5227 §2.4
            let lately = self
                .defended
                .is_some_and(|before| now < before + self.config.defend_interval);
            match self.config.defence {
                Defence::Never => {}
                Defence::Once if lately => {}
                Defence::Always if lately => return,
                Defence::Once | Defence::Always => {
                    self.defended = Some(now);
                    self.conflicts = self.conflicts.saturating_add(1);
                    self.total.defences += 1;
                    self.announce = true;
                    return;
                }
                Defence::Silent => return,
            }
        }
        let addr = self.addr;
        self.stop();
        self.conflicts = self.conflicts.saturating_add(1);
        self.verdict = Some(DadEvent::Lost { addr, by, was_used });
    }

    const fn is_checking(&self) -> bool {
        matches!(self.state, DadState::Tentative | DadState::Optimistic)
    }

    /// The nonce of a probe of this address, by its number.
    fn nonce(&self, probe: u32) -> Nonce {
        let [a, b, c, d, e, f, ..] = Hash::new(self.config.seed)
            .word(self.mac.to_u64())
            .octets(self.addr.octets().as_ref())
            .word(self.rounds << 32 | u64::from(probe))
            .finish()
            .to_be_bytes();
        [a, b, c, d, e, f]
    }

    /// A random time below `span`; for each step of each address another.
    fn random(&self, span: Duration) -> Duration {
        let number = self.rounds << 32 | u64::from(self.probes);
        random(self.config.seed ^ self.mac.to_u64(), number, span)
    }
}

//! The path MTU cache: how long packets to a destination may be (RFC 1191, RFC 8201).
//!
//! Routers report what is too long; anyone can pretend to be one (RFC 5927 §7). So a report is weighed:
//!
//! - What cannot be true is ignored: a report that says no less than is known (RFC 8201 §4), about a packet that
//!   would have fitted, or, in IPv6, of less than 1280 octets (RFC 8201 §4).
//! - Whether the quoted packet is one that was sent, only the caller knows: it is asked for its [`Belief`]. TCP
//!   compares the quoted sequence number with what is in flight, and still doubts: the report waits until
//!   something longer gets through ([`acknowledged`](PmtuCache::acknowledged)) or nothing does
//!   ([`no_progress`](PmtuCache::no_progress); RFC 5927 §7.2).
//! - No report raises an estimate (RFC 1191 §3, RFC 8201 §4), and each that an old router sends without an MTU
//!   lowers it by a good step, so that there is an end to them (RFC 1191 §3).
//! - Reports that are not proven are limited in rate, do not push out paths that are, and none lowers an
//!   estimate below the least that the version of IP allows. Nor do small steps go on for ever: after a few, each
//!   goes down to the next usual MTU at least. None is ignored for what others said before it, so that nobody can
//!   shut out the truth by forging reports of a little less.
//!
//! An estimate is forgotten 10 minutes after the last report, or as configured (RFC 1191 §6.3, RFC 8201 §5.3;
//! [`expire`](PmtuCache::expire)): what is sent then is as long as the first link carries, which tries again whether
//! the path does.

mod claim;
mod config;
mod storage;
mod table;

use core::fmt;

use waypost_wire::{Duration, Instant, Ip};

pub use claim::TooBig;
pub use config::{Ignored, PmtuConfig, PmtuCounters};
#[cfg(feature = "alloc")]
pub use storage::GrowingPmtu;
pub use storage::{FixedPmtu, PmtuStorage};
pub use table::Entry;

use crate::rate::TokenBucket;
use table::{Class, Table};

/// What an estimate is for: a destination, and what tells paths to it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Path<A> {
    /// Where the packets go.
    pub destination: A,
    /// The caller's number of a next hop, a flow, a table of routes; 0 where all packets to the destination take
    /// one path (RFC 8201 §5.2).
    pub tag: u32,
}

impl<A> From<A> for Path<A> {
    fn from(destination: A) -> Self {
        Self {
            destination,
            tag: 0,
        }
    }
}

/// What the caller thinks of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Belief {
    /// It quotes nothing that was sent.
    Refuse,
    /// It may be true: it waits for more evidence.
    Doubt,
    /// It may be true, and no more evidence can come: it is acted upon.
    Likely,
    /// It is certain: the quoted packet has what only routers on the path saw.
    Proven,
}

/// What became of a report: what the upper layers that use the path are to be told (RFC 1191 §6.2, RFC 8201 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reported {
    /// Packets may be this long now, in octets: shorter than before.
    Lowered {
        /// The MTU.
        mtu: u32,
    },
    /// The estimate holds on.
    Known,
    /// It waits to be confirmed or refuted.
    Pending,
    /// It changes nothing.
    Ignored(Ignored),
}

/// An estimate whose time ended: packets may be as long as the first link carries, and will show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aged<A> {
    /// The path.
    pub path: Path<A>,
    /// What it was thought to carry, in octets.
    pub mtu: u32,
}

/// How soon after a report a larger MTU may be tried (RFC 1191 §3, RFC 8201 §4).
const MIN_AGE: Duration = Duration::from_secs(5 * 60);

/// The MTUs of paths to addresses `A`, in storage `S`.
pub struct PmtuCache<A: Ip, S: PmtuStorage<A>> {
    table: Table<A, S>,
    config: PmtuConfig,
    bucket: TokenBucket,
    latest: Instant,
    counters: PmtuCounters,
}

/// A cache whose storage grows to its limit.
#[cfg(feature = "alloc")]
pub type VecPmtuCache<A> = PmtuCache<A, GrowingPmtu>;

impl<A: Ip, S: PmtuStorage<A>> PmtuCache<A, S> {
    /// An empty cache. A limit above what storage of fixed length holds is that length.
    pub fn new(storage: S, mut config: PmtuConfig, now: Instant) -> Self {
        config.max_age = config.max_age.max(MIN_AGE);
        Self {
            table: Table::new(storage, config.paths, config.seed),
            bucket: TokenBucket::new(config.rate, config.burst, now),
            latest: now,
            counters: PmtuCounters::default(),
            config,
        }
    }

    /// What a path carries, in octets, as far as it is known to be less than the first link does.
    pub fn mtu(&self, path: impl Into<Path<A>>) -> Option<u32> {
        self.table.at(self.table.find(path.into())?)?.mtu
    }

    /// What a report that waits claims of a path, in octets.
    pub fn pending(&self, path: impl Into<Path<A>>) -> Option<u32> {
        self.table.at(self.table.find(path.into())?)?.pending
    }

    /// Takes a report about a path whose first link carries `link_mtu` octets. `judge` is asked only if the
    /// report can be true and says something; it is told the MTU that would be taken.
    pub fn report(
        &mut self,
        now: Instant,
        path: impl Into<Path<A>>,
        report: TooBig,
        link_mtu: u32,
        judge: impl FnOnce(u32) -> Belief,
    ) -> Reported {
        self.counters.received += 1;
        let result = self.weigh(now, path.into(), report, link_mtu, judge);
        match result {
            Ok(reported) => reported,
            Err(reason) => {
                self.counters.ignored[reason as usize] += 1;
                Reported::Ignored(reason)
            }
        }
    }

    /// Sets what own probes found (RFC 8899 §4.1), more or less than is known; less than every link of the version carries is
    /// taken as that.
    pub fn probed(&mut self, now: Instant, path: impl Into<Path<A>>, mtu: u32) -> bool {
        self.latest = self.latest.max(now);
        let Some(index) = self.enter(path.into(), Class::Proven) else {
            return false;
        };
        if let Some(entry) = self.table.at_mut(index) {
            entry.mtu = Some(mtu.max(claim::least_of_version::<A>()));
            entry.pending = None;
            entry.changes = 0;
        }
        self.table.refresh(index, Class::Proven, self.latest);
        true
    }

    /// Tells that a packet of `len` octets got through: a report of less that waits was forged (RFC 5927 §7.2).
    pub fn acknowledged(&mut self, path: impl Into<Path<A>>, len: u32) {
        let Some(index) = self.table.find(path.into()) else {
            return;
        };
        let Some(entry) = self.table.at_mut(index) else {
            return;
        };
        if entry.pending.is_none_or(|pending| len <= pending) {
            return;
        }
        entry.pending = None;
        let is_empty = entry.mtu.is_none();
        self.counters.refuted += 1;
        if is_empty {
            self.table.remove(index);
        }
    }

    /// Tells that packets to a path do not get through: a report that waits is acted upon (RFC 5927 §7.2). Returns
    /// what packets may be long now.
    pub fn no_progress(&mut self, now: Instant, path: impl Into<Path<A>>) -> Option<u32> {
        let index = self.table.find(path.into())?;
        let entry = self.table.at_mut(index)?;
        let mtu = entry.pending.take()?;
        entry.mtu = Some(mtu);
        entry.changes = entry.changes.saturating_add(1);
        self.latest = self.latest.max(now);
        self.table.refresh(index, Class::Proven, self.latest);
        self.counters.confirmed += 1;
        Some(mtu)
    }

    /// When [`expire`](Self::expire) is to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        Some(self.next()?.1)
    }

    /// Forgets the estimate that was reported longest ago, if its time has ended; to be called until it returns
    /// `None`.
    pub fn expire(&mut self, now: Instant) -> Option<Aged<A>> {
        while let Some((index, deadline)) = self.next() {
            if deadline > now {
                return None;
            }
            let entry = self.table.remove(index)?;
            if let Some(mtu) = entry.mtu {
                self.counters.aged += 1;
                let path = entry.path;
                return Some(Aged { path, mtu });
            }
        }
        None
    }

    /// Forgets a path, because it goes elsewhere now.
    pub fn remove(&mut self, path: impl Into<Path<A>>) -> bool {
        let index = self.table.find(path.into());
        index.and_then(|index| self.table.remove(index)).is_some()
    }

    /// All paths with an estimate, in no order to rely on.
    pub fn iter(&self) -> impl Iterator<Item = (Path<A>, u32)> {
        self.table
            .iter()
            .filter_map(|entry| Some((entry.path, entry.mtu?)))
    }

    /// How many paths there are, those included of which only a report waits.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.table.len() == 0
    }

    /// What became of reports and estimates.
    pub const fn counters(&self) -> &PmtuCounters {
        &self.counters
    }

    fn weigh(
        &mut self,
        now: Instant,
        path: Path<A>,
        report: TooBig,
        link_mtu: u32,
        judge: impl FnOnce(u32) -> Belief,
    ) -> Result<Reported, Ignored> {
        let found = self.table.find(path).and_then(|index| self.table.at(index));
        let is_often = found.is_some_and(|entry| entry.changes >= self.config.changes_each);
        let estimate = found.and_then(|entry| entry.mtu);
        let current = estimate.map_or(link_mtu, |mtu| mtu.min(link_mtu));
        let claimed = report.claim::<A>(current, &self.config)?;
        let mut mtu = claimed;
        let lowers = mtu < current;
        if !lowers && estimate.is_none() {
            return Err(Ignored::NotSmaller);
        }
        let class = match judge(claimed) {
            Belief::Refuse => return Err(Ignored::Refused),
            Belief::Doubt if !lowers => return Err(Ignored::NotSmaller),
            belief @ (Belief::Doubt | Belief::Likely) => {
                if !self.bucket.take(1, now) {
                    return Err(Ignored::RateLimit);
                }
                if lowers && is_often {
                    mtu = claim::coarse::<A>(claimed, current, &self.config);
                    self.counters.coarse += u64::from(mtu < claimed);
                }
                if belief == Belief::Doubt {
                    return self.hold(now, path, mtu);
                }
                Class::Doubtful
            }
            Belief::Proven => Class::Proven,
        };
        self.latest = self.latest.max(now);
        let index = self.enter(path, class).ok_or(Ignored::NoRoom)?;
        if let Some(entry) = self.table.at_mut(index) {
            entry.mtu = Some(mtu);
            let counts = lowers && class == Class::Doubtful;
            entry.changes = entry.changes.saturating_add(u8::from(counts));
            entry.pending = entry.pending.filter(|pending| *pending < mtu);
        }
        self.table.refresh(index, class, self.latest);
        self.counters.accepted += 1;
        Ok(if lowers {
            Reported::Lowered { mtu }
        } else {
            Reported::Known
        })
    }

    /// Keeps a report until it is confirmed or refuted. Of several the one that claims most is kept: if it is true
    /// that less fits, the router will say so again, and if it is not, nobody has pushed the estimate down.
    fn hold(&mut self, now: Instant, path: Path<A>, mtu: u32) -> Result<Reported, Ignored> {
        self.latest = self.latest.max(now);
        let index = self.enter(path, Class::Doubtful).ok_or(Ignored::NoRoom)?;
        if let Some(entry) = self.table.at_mut(index) {
            entry.pending = entry.pending.max(Some(mtu));
        }
        self.counters.pending += 1;
        Ok(Reported::Pending)
    }

    /// The place of a path, made if it is new and there is room.
    fn enter(&mut self, path: Path<A>, class: Class) -> Option<u32> {
        if let Some(index) = self.table.find(path) {
            return Some(index);
        }
        if let Some(victim) = self.table.victim(class).ok()? {
            self.table.remove(victim);
            self.counters.evicted += 1;
        }
        self.table.insert(path, class, self.latest)
    }

    /// What ends next, and when.
    fn next(&self) -> Option<(u32, Instant)> {
        let end = |class| {
            let index = self.table.oldest(class)?;
            let since = self.table.at(index)?.since;
            let end = since.checked_add(self.config.max_age);
            Some((index, end.unwrap_or(Instant::MAX)))
        };
        let ends = [end(Class::Doubtful), end(Class::Proven)];
        ends.into_iter().flatten().min_by_key(|(_, end)| *end)
    }
}

impl<A: Ip, S: PmtuStorage<A>> fmt::Debug for PmtuCache<A, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

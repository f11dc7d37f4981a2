//! The plain model of the neighbour table: rows in a list, every rule written out.

use waypost_ip::DropReason;
use waypost_ip::neighbor::{GrowingNeighbors, NeighborConfig, Sent, State};
use waypost_wire::{Duration, Ip, MacAddr};

use crate::plain::Bucket;
use crate::{Family, INCOMPLETE, NEIGHBORS, QUEUE, Table, ms};

#[derive(Clone, Debug)]
pub(crate) struct Row<A> {
    pub(crate) addr: A,
    pub(crate) mac: MacAddr,
    pub(crate) state: State,
    pub(crate) router: bool,
    pub(crate) since: u64,
    pub(crate) requests: u8,
    /// When its timer fires, and the order in which timers were set.
    pub(crate) due: Option<(u64, u64)>,
    /// When it became stale, in the order of all.
    pub(crate) order: u64,
    pub(crate) queue: Vec<u32>,
}

pub(crate) struct Model<A> {
    pub(crate) rows: Vec<Row<A>>,
    /// Routers that were given up, of which nobody was told yet.
    pub(crate) gone: Vec<A>,
    pub(crate) config: NeighborConfig,
    /// Base and time for which an answer counts, and when it is drawn again: `None` until it is used.
    pub(crate) base: u64,
    pub(crate) reachable: Option<u64>,
    pub(crate) redraw: Option<u64>,
    pub(crate) retransmit: u64,
    /// What limits requests: all of them, and those about unknown neighbours of each prefix.
    pub(crate) total: Bucket,
    pub(crate) prefixes: Vec<(A, Bucket)>,
    pub(crate) clock: u64,
    pub(crate) requests: Vec<(A, Option<MacAddr>)>,
    pub(crate) packets: Vec<(u32, Option<MacAddr>)>,
    pub(crate) evicted: u64,
    pub(crate) refused: u64,
    pub(crate) unanswered: u64,
    pub(crate) suppressed: u64,
    pub(crate) drops: [u64; DropReason::COUNT],
}

impl<A: Family> Model<A> {
    pub(crate) fn new(config: NeighborConfig) -> Self {
        let each = u64::from(config.prefix_requests_per_sec);
        let bucket = Bucket::new(each, config.prefix_requests_burst, 0);
        let mut prefixes = vec![(prefix(A::host(0)), bucket.clone())];
        if !share_a_limit::<A>() {
            prefixes.push((prefix(A::host(1)), bucket));
        }
        Self {
            rows: Vec::new(),
            gone: Vec::new(),
            base: 30_000,
            reachable: None,
            redraw: None,
            retransmit: 1000,
            config,
            total: Bucket::new(config.requests_per_sec.into(), config.requests_burst, 0),
            prefixes,
            clock: 0,
            requests: Vec::new(),
            packets: Vec::new(),
            evicted: 0,
            refused: 0,
            unanswered: 0,
            suppressed: 0,
            drops: [0; DropReason::COUNT],
        }
    }

    /// Whether a request about one of whom nothing is known may leave: half of what leaves at once is for those of
    /// whom something is.
    pub(crate) fn may_ask(&mut self, now: u64, addr: A) -> bool {
        let now = now * 1_000_000;
        if self.total.tokens(now) <= u128::from(self.config.requests_burst / 2) {
            return false;
        }
        let place = self.prefixes.iter().position(|it| it.0 == prefix(addr));
        self.prefixes[place.unwrap_or(0)].1.take(now) && self.total.take(now)
    }

    /// Takes over the time for which an answer counts, which chance decides: RFC 4861 §6.3.2 says between what, and when it
    /// may be another. That of ARP is no matter of chance.
    pub(crate) fn drawn(&mut self, now: u64, reachable: Duration) {
        let drawn = reachable.as_millis();
        assert_eq!(reachable, Duration::from_millis(drawn));
        let least = self.base.div_ceil(2);
        let range = match A::VERSION {
            4 => self.base..=self.base,
            _ => least..=self.base * 3 / 2,
        };
        assert!(range.contains(&drawn), "{drawn} of {}", self.base);
        if self.redraw.is_none_or(|redraw| now < redraw) {
            assert!(self.reachable.is_none_or(|reachable| reachable == drawn));
        }
        self.reachable = Some(drawn);
    }

    /// RFC 4861 §6.3.4: zero leaves as it is.
    pub(crate) fn set_times(&mut self, base: u64, retransmit: u64) {
        if base != 0 && base != self.base {
            (self.base, self.reachable, self.redraw) = (base, None, None);
        }
        if retransmit != 0 {
            self.retransmit = retransmit;
        }
    }

    pub(crate) fn drop(&mut self, reason: DropReason) -> DropReason {
        self.drops[reason as usize] += 1;
        reason
    }

    pub(crate) fn row(&self, addr: A) -> Option<&Row<A>> {
        self.rows.iter().find(|row| row.addr == addr)
    }

    pub(crate) fn place(&self, addr: A) -> Option<usize> {
        self.rows.iter().position(|row| row.addr == addr)
    }

    pub(crate) fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    pub(crate) fn enter(&mut self, now: u64, place: usize, state: State) {
        let order = self.tick();
        let row = &mut self.rows[place];
        (row.state, row.since, row.requests, row.order) = (state, now, 0, order);
        let span = match state {
            State::Incomplete | State::Probe => return self.ask(now, place),
            State::Reachable => {
                if self.redraw.is_none_or(|redraw| redraw <= now) {
                    self.redraw = Some(now + 2 * 3_600_000);
                }
                self.reachable
            }
            State::Stale => Some(1_200_000),
            State::Delay => Some(5_000),
            State::Static => None,
        };
        row.due = span.map(|span| (now + span, order));
    }

    pub(crate) fn ask(&mut self, now: u64, place: usize) {
        let order = self.tick();
        let (addr, known) = (
            self.rows[place].addr,
            self.rows[place].state == State::Probe,
        );
        // The first about an unknown one was paid for when it was entered.
        let may_ask = match known {
            true => self.total.take(now * 1_000_000),
            false => self.rows[place].requests == 0 || self.may_ask(now, addr),
        };
        let row = &mut self.rows[place];
        row.due = Some((now + self.retransmit, order));
        // A known one is asked later instead; an unknown one has one request less.
        row.requests += u8::from(may_ask || !known);
        if may_ask {
            self.requests.push((addr, known.then_some(row.mac)));
        } else {
            self.suppressed += 1;
        }
    }

    pub(crate) fn create(
        &mut self,
        now: u64,
        addr: A,
        mac: MacAddr,
        state: State,
    ) -> Result<usize, DropReason> {
        let incomplete = self
            .rows
            .iter()
            .filter(|row| row.state == State::Incomplete)
            .count();
        if state == State::Incomplete && incomplete >= INCOMPLETE {
            self.refused += 1;
            return Err(DropReason::NeighborTableFull);
        }
        if state == State::Incomplete && !self.may_ask(now, addr) {
            return Err(DropReason::NeighborRateLimit);
        }
        if self.rows.len() + self.gone.len() >= NEIGHBORS && !self.gone.is_empty() {
            self.gone.remove(0);
        } else if self.rows.len() >= NEIGHBORS {
            let stale = self.rows.iter().filter(|row| row.state == State::Stale);
            let Some(oldest) = stale.min_by_key(|row| row.order).map(|row| row.addr) else {
                self.refused += 1;
                return Err(DropReason::NeighborTableFull);
            };
            self.rows.retain(|row| row.addr != oldest);
            self.evicted += 1;
        }
        self.rows.push(Row {
            addr,
            mac,
            state,
            router: false,
            since: now,
            requests: 0,
            due: None,
            order: 0,
            queue: Vec::new(),
        });
        let place = self.rows.len() - 1;
        self.enter(now, place, state);
        Ok(place)
    }

    /// RFC 4861 §7.2.3, RFC 826.
    pub(crate) fn request(&mut self, now: u64, addr: A, mac: MacAddr, create: bool) {
        match self.place(addr) {
            None if create => {
                let _ = self.create(now, addr, mac, State::Stale);
            }
            None => {}
            Some(place) if self.rows[place].state == State::Incomplete => {
                self.learn(now, place, mac, State::Stale);
            }
            Some(place) => {
                let row = &self.rows[place];
                if row.mac != mac && row.state != State::Static {
                    self.learn(now, place, mac, State::Stale);
                }
            }
        }
    }

    /// RFC 4861 §7.2.5.
    pub(crate) fn answer(
        &mut self,
        now: u64,
        addr: A,
        mac: Option<MacAddr>,
        s: bool,
        o: bool,
        r: Option<bool>,
    ) {
        let Some(place) = self.place(addr) else {
            return;
        };
        let next = if s { State::Reachable } else { State::Stale };
        let row = &mut self.rows[place];
        let differs = mac.is_some_and(|mac| mac != row.mac);
        match row.state {
            State::Incomplete => {
                let Some(mac) = mac else { return };
                row.router = r.unwrap_or(false);
                self.learn(now, place, mac, next);
                return;
            }
            State::Static if differs => return,
            State::Static => {}
            state if differs && !o => {
                if state == State::Reachable {
                    self.enter(now, place, State::Stale);
                }
                return;
            }
            _ if differs => {
                let mac = mac.unwrap_or(row.mac);
                self.learn(now, place, mac, next);
            }
            _ if s => self.enter(now, place, State::Reachable),
            _ => {}
        }
        if let Some(router) = r {
            self.rows[place].router = router;
        }
    }

    pub(crate) fn learn(&mut self, now: u64, place: usize, mac: MacAddr, state: State) {
        let queue = std::mem::take(&mut self.rows[place].queue);
        self.rows[place].mac = mac;
        // Packets go out to it, so that a stale one is given its delay.
        self.enter(now, place, state);
        if !queue.is_empty() && state == State::Stale {
            self.enter(now, place, State::Delay);
        }
        self.packets
            .extend(queue.into_iter().map(|packet| (packet, Some(mac))));
    }

    pub(crate) fn delete(&mut self, place: usize, reason: DropReason) {
        let row = self.rows.remove(place);
        for packet in row.queue {
            self.packets.push((packet, None));
            self.drop(reason);
        }
    }

    pub(crate) fn send(&mut self, now: u64, addr: A, packet: u32) -> Said {
        let place = match self.place(addr) {
            Some(place) => place,
            None => match self.create(now, addr, MacAddr::ZERO, State::Incomplete) {
                Ok(place) => place,
                Err(reason) => return Said::Dropped(self.drop(reason)),
            },
        };
        let waiting: usize = self.rows.iter().map(|row| row.queue.len()).sum();
        let row = &mut self.rows[place];
        match row.state {
            State::Incomplete => {
                let reason = if row.queue.len() >= QUEUE {
                    DropReason::NeighborQueueFull
                } else if waiting >= self.config.packets {
                    DropReason::NeighborBacklog
                } else {
                    row.queue.push(packet);
                    return Said::Held;
                };
                // Its own oldest goes for it, if there is one.
                if row.queue.is_empty() {
                    return Said::Dropped(self.drop(reason));
                }
                row.queue.push(packet);
                let oldest = row.queue.remove(0);
                return Said::Replaced(oldest, self.drop(reason));
            }
            State::Stale => self.enter(now, place, State::Delay),
            _ => {}
        }
        Said::Now(self.rows[place].mac)
    }

    pub(crate) fn next(&self) -> Option<u64> {
        self.rows
            .iter()
            .filter_map(|row| row.due)
            .min()
            .map(|due| due.0)
    }

    pub(crate) fn timeout(&mut self, now: u64) {
        loop {
            let due = self
                .rows
                .iter()
                .filter(|row| row.due.is_some_and(|due| due.0 <= now));
            let Some(addr) = due.min_by_key(|row| row.due).map(|row| row.addr) else {
                return;
            };
            let place = self.place(addr).unwrap();
            self.rows[place].due = None;
            let row = &self.rows[place];
            match row.state {
                State::Incomplete | State::Probe if row.requests < 3 => self.ask(now, place),
                State::Incomplete | State::Probe => {
                    self.unanswered += 1;
                    if row.router {
                        self.gone.push(addr);
                    }
                    self.delete(place, DropReason::NeighborUnresolved);
                }
                State::Reachable => self.enter(now, place, State::Stale),
                State::Delay => self.enter(now, place, State::Probe),
                State::Stale => self.delete(place, DropReason::NeighborRemoved),
                State::Static => {}
            }
        }
    }
}

#[derive(Debug, PartialEq)]
pub(crate) enum Said {
    Now(MacAddr),
    Held,
    Dropped(DropReason),
    Replaced(u32, DropReason),
}

/// The prefix by which requests are limited.
pub(crate) fn prefix<A: Ip>(addr: A) -> A {
    addr.truncated(if A::VERSION == 4 { 24 } else { 64 })
}

/// Whether the two prefixes share a limit, as chance and the seed have it: told by a table in which the first uses it
/// up.
pub(crate) fn share_a_limit<A: Family>() -> bool {
    let config = NeighborConfig {
        prefix_requests_per_sec: 0,
        prefix_requests_burst: 1,
        ..NeighborConfig::default()
    };
    let mut table = Table::<A>::new(GrowingNeighbors, config);
    assert_eq!(table.send(ms(0), A::host(0), 0), Sent::Held);
    table.send(ms(0), A::host(1), 0) != Sent::Held
}

//! The states of a neighbour and what moves it from one to the next (RFC 4861 §7.3.2 and appendix C,
//! applied to ARP as well).

use waypost_wire::{Duration, Instant, Ip, MacAddr};

use super::entry::{Entry, List};
use super::queue::Verdict;
use super::{Heard, NeighborStorage, NeighborTable, State};
use crate::drops::DropReason;

/// What an answer says about itself: the flags of a neighbour advertisement (RFC 4861 §4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// It answers a request of ours, so the neighbour hears us.
    pub solicited: bool,
    /// Its address replaces the one that we know.
    pub overrides: bool,
}

impl<A: Ip, P, S: NeighborStorage<A, P>> NeighborTable<A, P, S> {
    /// Takes in a request that a neighbour sent, with its own addresses (RFC 4861 §7.2.3; RFC 826's
    /// "merge"). With `create`, a neighbour not known yet is entered: right when the request was for us.
    pub fn handle_request(&mut self, now: Instant, sender: A, mac: MacAddr, create: bool) -> Heard {
        if !usable(sender, mac) {
            return Heard::Ignored;
        }
        let Some(index) = self.index.entry(sender) else {
            return match create.then(|| self.create(now, sender, mac, State::Stale)) {
                Some(Ok(_)) => Heard::New,
                _ => Heard::Ignored,
            };
        };
        let Some((state, known)) = self.state_and_mac(index) else {
            return Heard::Ignored;
        };
        match state {
            State::Incomplete => {
                self.learn(now, index, mac, State::Stale);
                Heard::New
            }
            _ if known == mac => Heard::Known,
            State::Static => Heard::Conflict,
            _ => {
                self.learn(now, index, mac, State::Stale);
                Heard::Moved { from: known }
            }
        }
    }

    /// Takes in an answer or announcement of a neighbour (RFC 4861 §7.2.5). One not known is not entered:
    /// nothing was to be sent to it.
    pub fn handle_answer(
        &mut self,
        now: Instant,
        sender: A,
        mac: MacAddr,
        answer: Answer,
    ) -> Heard {
        if !usable(sender, mac) {
            return Heard::Ignored;
        }
        let Some(index) = self.index.entry(sender) else {
            return Heard::Ignored;
        };
        let Some((state, known)) = self.state_and_mac(index) else {
            return Heard::Ignored;
        };
        let next = if answer.solicited {
            State::Reachable
        } else {
            State::Stale
        };
        match state {
            State::Incomplete => {
                self.learn(now, index, mac, next);
                Heard::New
            }
            State::Static if known == mac => Heard::Known,
            State::Static => Heard::Conflict,
            _ if known == mac => {
                if answer.solicited {
                    self.enter(now, index, State::Reachable);
                }
                Heard::Known
            }
            _ if answer.overrides => {
                self.learn(now, index, mac, next);
                Heard::Moved { from: known }
            }
            _ => {
                // Two claim the address: keep ours, but find out soon.
                if state == State::Reachable {
                    self.enter(now, index, State::Stale);
                }
                Heard::Conflict
            }
        }
    }

    /// Tells that packets to this neighbour arrive, known from above, as by an acknowledgement of new data
    /// (RFC 4861 §7.3.1): it need not be asked.
    pub fn confirm(&mut self, now: Instant, addr: A) {
        if let Some(index) = self.index.entry(addr)
            && let Some((state, _)) = self.state_and_mac(index)
            && !matches!(state, State::Incomplete | State::Static)
        {
            self.enter(now, index, State::Reachable);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next, or a little before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next_deadline()
    }

    /// Does what is due: repeats requests, gives up, lets neighbours age. To be called again when
    /// [`poll_timeout`](Self::poll_timeout) says.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((_, key)) = self.timers.expire(now) {
            let Some(entry) = self.entries.slab.view_mut(key) else {
                continue;
            };
            entry.timer = None;
            let index = key.index();
            match entry.state {
                State::Incomplete if entry.requests < self.config.broadcast_requests => {
                    self.request_again(now, index);
                }
                State::Probe if entry.requests < self.config.unicast_requests => {
                    self.request_again(now, index);
                }
                State::Incomplete | State::Probe => {
                    self.unanswered += 1;
                    self.give_up(index);
                }
                State::Reachable => self.enter(now, index, State::Stale),
                State::Delay => self.enter(now, index, State::Probe),
                State::Stale => self.delete(index, DropReason::NeighborRemoved),
                State::Static => {}
            }
        }
    }

    pub(super) fn state_and_mac(&self, index: u32) -> Option<(State, MacAddr)> {
        let entry = self.entries.slab.at(index)?;
        Some((entry.state, entry.mac))
    }

    /// Makes room if it must and enters a neighbour that is not known yet.
    pub(super) fn create(
        &mut self,
        now: Instant,
        addr: A,
        mac: MacAddr,
        state: State,
    ) -> Result<u32, DropReason> {
        if state == State::Incomplete {
            if self.incomplete >= self.config.incomplete {
                self.refused += 1;
                return Err(DropReason::NeighborTableFull);
            }
            // Not even a place is taken for what may not be asked for (RFC 6583 §7.2).
            if !self.limits.unknown(now, addr) {
                return Err(DropReason::NeighborRateLimit);
            }
        }
        let mut entry = Entry::new(addr, mac, state, now);
        let key = loop {
            while self.index.rearrange() {
                for (key, entry) in self.entries.iter() {
                    let ready = entry.state.is_ready();
                    self.index.insert(entry.addr, key.index(), entry.mac, ready);
                }
            }
            if !self.index.is_full() {
                match self.entries.slab.insert(entry) {
                    Ok(key) => break key,
                    Err(back) => entry = back,
                }
            }
            // Nobody asked about the routers that are gone.
            if let Some(gone) = self.entries.first(List::Gone) {
                self.delete(gone, DropReason::NeighborRemoved);
                continue;
            }
            // The longest stale is of least use: nobody has sent to it since.
            let Some(stale) = self.entries.first(List::Stale) else {
                self.refused += 1;
                return Err(DropReason::NeighborTableFull);
            };
            self.evicted += 1;
            self.delete(stale, DropReason::NeighborRemoved);
        };
        self.index.insert(addr, key.index(), mac, state.is_ready());
        if state == State::Incomplete {
            self.incomplete += 1;
        }
        self.enter(now, key.index(), state);
        Ok(key.index())
    }

    /// Gives a neighbour its address, enters `state`, and releases what waited.
    pub(super) fn learn(&mut self, now: Instant, index: u32, mac: MacAddr, state: State) {
        let Some(entry) = self.entries.slab.at_mut(index) else {
            return;
        };
        entry.mac = mac;
        let waited = entry.queue.len > 0;
        self.packets.settle(&mut entry.queue, Verdict::Release(mac));
        self.enter(now, index, state);
        // Packets were just sent to a stale neighbour, which is what starts the delay (RFC 4861 §7.3.3).
        if waited && state == State::Stale {
            self.enter(now, index, State::Delay);
        }
    }

    /// Enters a state: its timer, its list, its first request, its word to the fast path.
    pub(super) fn enter(&mut self, now: Instant, index: u32, state: State) {
        self.entries.unlist(index);
        let Some(entry) = self.entries.slab.at_mut(index) else {
            return;
        };
        if entry.state == State::Incomplete && state != State::Incomplete {
            self.incomplete -= 1;
        }
        entry.state = state;
        entry.since = now;
        entry.requests = 0;
        let (addr, mac) = (entry.addr, entry.mac);
        self.index.update(addr, mac, state.is_ready());
        match state {
            State::Incomplete | State::Probe => self.request_again(now, index),
            State::Reachable => {
                let span = self.reachable_time.at(now);
                self.time(now, index, span);
            }
            State::Delay => self.time(now, index, self.config.delay_time),
            State::Stale => {
                self.entries.list(index, List::Stale);
                self.time(now, index, self.config.stale_time);
            }
            State::Static => {
                if let Some(timer) = self.entries.slab.at_mut(index).and_then(|e| e.timer.take()) {
                    self.timers.cancel(timer);
                }
            }
        }
    }

    /// Asks for one more request. The next follows after the retransmission time at the earliest, which
    /// is what keeps requests for one address at one a second (RFC 1122 §2.3.2.1, RFC 4861 §7.2.2, §7.3.3).
    ///
    /// Where the limit for all requests is reached, a known neighbour is asked later, with nothing lost; one
    /// in resolution has lost this request, so that it leaves in time.
    fn request_again(&mut self, now: Instant, index: u32) {
        let Some(entry) = self.entries.slab.at_mut(index) else {
            return;
        };
        let known = entry.state == State::Probe;
        let allowed = if known {
            self.limits.known(now)
        } else {
            // The first was paid for when the neighbour was entered.
            entry.requests == 0 || self.limits.unknown(now, entry.addr)
        };
        if allowed || !known {
            entry.requests += 1;
        }
        if allowed {
            self.entries.list(index, List::Request);
        } else {
            self.suppressed += 1;
        }
        self.time(now, index, self.config.retransmit_time);
    }

    fn time(&mut self, now: Instant, index: u32, span: Duration) {
        let deadline = now.checked_add(span).unwrap_or(Instant::MAX);
        let Some(key) = self.entries.slab.key_at(index) else {
            return;
        };
        let Some(entry) = self.entries.slab.at_mut(index) else {
            return;
        };
        let moved = entry
            .timer
            .is_some_and(|timer| self.timers.restart(timer, deadline));
        if !moved {
            entry.timer = self.timers.start(deadline, key).ok();
        }
    }

    /// Removes a neighbour that does not answer; a router is to be told of first.
    fn give_up(&mut self, index: u32) {
        let reason = DropReason::NeighborUnresolved;
        if self.entries.slab.at(index).is_some_and(|it| it.router) {
            self.forget(index, reason);
            self.entries.list(index, List::Gone);
        } else {
            self.delete(index, reason);
        }
    }

    /// Removes a neighbour; what waited for it is dropped.
    pub(super) fn delete(&mut self, index: u32, reason: DropReason) {
        self.forget(index, reason);
        if let Some(key) = self.entries.slab.key_at(index) {
            self.entries.slab.remove(key);
        }
    }

    /// Takes a neighbour out of everything but its place.
    fn forget(&mut self, index: u32, reason: DropReason) {
        let is_gone = self.entries.is_gone(index);
        self.entries.unlist(index);
        let Some(entry) = self.entries.slab.at_mut(index).filter(|_| !is_gone) else {
            return;
        };
        if entry.state == State::Incomplete {
            self.incomplete -= 1;
        }
        if let Some(timer) = entry.timer.take() {
            self.timers.cancel(timer);
        }
        self.index.remove(entry.addr);
        let dropped = self.packets.settle(&mut entry.queue, Verdict::Drop(reason));
        for _ in 0..dropped {
            self.drops.add(reason);
        }
    }
}

/// Whether these can be a neighbour's addresses at all: one station's, and not nobody's.
fn usable<A: Ip>(addr: A, mac: MacAddr) -> bool {
    mac.is_unicast() && !mac.is_zero() && !addr.is_multicast() && addr != A::UNSPECIFIED
}

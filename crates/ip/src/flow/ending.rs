//! How flows end: by time, for others, or because somebody said so.

use waypost_wire::{Duration, Instant, Ip};

use super::slots::FlowSlot;
use super::state::Class;
use super::storage::FlowStorage;
use super::{EVICTION_TRIES, EndReason, Ended, FlowConfig, FlowId, FlowRefusal, FlowTable, MOVES};

impl<A: Ip, D, S: FlowStorage<A, D>> FlowTable<A, D, S> {
    /// Makes room for a flow that begins as one of `class`, if there is none, by ending one.
    pub(super) fn make_room(
        &mut self,
        now: Instant,
        class: Class,
    ) -> Result<Option<Ended<A, D>>, FlowRefusal> {
        let too_many = class == Class::HalfOpen && self.half_open() >= self.config.half_open;
        if !too_many && self.len() < self.limit {
            return Ok(None);
        }
        let victim = match self.half_open_victim() {
            Some(index) => Some((index, EndReason::EvictedHalfOpen)),
            None if too_many => None,
            None => self.other_victim(now),
        };
        // Who goes on without an answer goes last, but goes: others would be shut out else.
        let one_way = || Some((self.most_silent(Class::OneWay)?, EndReason::EvictedHalfOpen));
        match victim.or_else(one_way) {
            Some((index, reason)) => Ok(self.end(index, reason)),
            None => Err(self.refuse(FlowRefusal::TableFull)),
        }
    }

    /// A half-open flow that may go before all others: the oldest that was not heard again, unless those that were have
    /// more than their half of the room; then the most silent of a few of these. Where very many in a row were heard
    /// again, the newest flow.
    ///
    /// A forged flow counts as heard again for a second packet. Such compete by silence, with each other and with
    /// whoever really sends (RFC 4787 §4.3, REQ-6), and the other half of the room is never theirs. A stream that begins during a flood is
    /// among them if its second packet comes before the flood has gone through that other half.
    fn half_open_victim(&mut self) -> Option<u32> {
        let share = self.config.half_open.min(self.limit) / 2;
        for _ in 0..MOVES {
            if self.slots.count(Class::OneWay) > share {
                return self.most_silent(Class::OneWay);
            }
            let index = self.slots.first(Class::HalfOpen)?;
            if !self.slots.at(index)?.is_heard_again() {
                return Some(index);
            }
            self.slots.move_to(index, Class::OneWay);
        }
        let index = self.slots.last(Class::HalfOpen)?;
        let is_new = !self.slots.at(index)?.is_heard_again();
        is_new.then_some(index)
    }

    /// What else may go from a full table.
    fn other_victim(&mut self, now: Instant) -> Option<(u32, EndReason)> {
        if let Some(index) = self.slots.first(Class::Closing) {
            return Some((index, EndReason::EvictedClosing));
        }
        // A connection last, and not before RFC 5382 §5 lets it go.
        let idle = [
            (Class::Settled, self.config.idle_before_eviction),
            (Class::Connected, self.config.tcp_idle_before_eviction),
        ];
        let found = idle
            .into_iter()
            .find_map(|(class, silence)| self.first_silent(now, class, silence));
        Some((found?, EndReason::EvictedIdle))
    }

    /// Of the first few flows of a class the one that was silent for the longest; all go to the end of their list.
    fn most_silent(&mut self, class: Class) -> Option<u32> {
        let mut found: Option<(u32, Instant)> = None;
        for _ in 0..EVICTION_TRIES.min(self.slots.count(class)) {
            let index = self.slots.first(class)?;
            let last_seen = self.slots.at(index)?.last_seen;
            if found.is_none_or(|(_, oldest)| last_seen < oldest) {
                found = Some((index, last_seen));
            }
            self.slots.move_to(index, class);
        }
        found.map(|(index, _)| index)
    }

    /// A flow of a class that was silent for so long, if one of the first few was; the others go to the end of their list.
    fn first_silent(&mut self, now: Instant, class: Class, silence: Duration) -> Option<u32> {
        for _ in 0..EVICTION_TRIES {
            let index = self.slots.first(class)?;
            let last_seen = self.slots.at(index)?.last_seen;
            if now.duration_since(last_seen) >= silence {
                return Some(index);
            }
            self.slots.move_to(index, class);
        }
        None
    }

    /// Moves a flow to the list of its new class, and its timer if the flow is to end earlier now. One that opens
    /// again stays among those that close where too many are half open: no flow of the caller's has to go for it,
    /// and it goes before those that are established.
    pub(super) fn state_changed(&mut self, index: u32) {
        let Some(slot) = self.slots.at(index) else {
            return;
        };
        let (before, class) = (slot.class, slot.tracker.class(slot.keys[0].protocol));
        let (timer, deadline) = (slot.timer, deadline(slot, &self.config));
        let is_crowded = class == Class::HalfOpen && self.half_open() >= self.config.half_open;
        // Who went on without an answer was half open before: it may be the SYN of a connection now.
        if class != before && (!is_crowded || before == Class::OneWay) {
            self.slots.move_to(index, class);
        }
        if let Some(timer) = timer
            && self
                .timers
                .deadline(timer)
                .is_some_and(|set| deadline < set)
        {
            self.timers.restart(timer, deadline);
        }
    }

    pub(super) fn end(&mut self, index: u32, reason: EndReason) -> Option<Ended<A, D>> {
        let slot = self.slots.at(index)?;
        let [original, reply] = slot.keys;
        let (timer, state) = (slot.timer, slot.tracker.state);
        let generation = slot.generation;
        let (created, last_seen) = (slot.created, slot.last_seen);
        let data = self.slots.remove(index)?;
        for (direction, key) in [(0, &original), (1, &reply)] {
            self.index
                .remove(self.hasher.flow(key), index << 1 | direction);
        }
        if let Some(timer) = timer {
            self.timers.cancel(timer);
        }
        let source = self.source(&original);
        match self.sources.value_mut(&source) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) => _ = self.sources.remove(&source),
            None => {}
        }
        self.counters.end(reason);
        Some(Ended {
            id: FlowId { index, generation },
            original,
            reply,
            state,
            created,
            last_seen,
            reason,
            data,
        })
    }
}

/// When a flow ends if nothing more is heard of it.
pub(super) fn deadline<A: Ip, D>(slot: &FlowSlot<A, D>, config: &FlowConfig) -> Instant {
    let protocol = slot.keys[0].protocol;
    slot.last_seen + config.timeouts.of(protocol, slot.tracker.state)
}

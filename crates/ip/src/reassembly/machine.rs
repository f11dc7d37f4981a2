//! What a fragment changes: its way in, room made for it, and datagrams that end.

use waypost_wire::Instant;

use super::entry::{Ends, Entry, Held, Links};
use super::payer::Use;
use super::{
    FragmentDrop, FragmentPacket, FragmentProblem, Outcome, Piece, ReassembleIp, Reassembly,
    ReassemblyStorage, Whole,
};
use crate::hash::Hash;
use crate::slab::NIL;

impl<A: ReassembleIp, P: FragmentPacket, S: ReassemblyStorage<A, P>> Reassembly<A, P, S> {
    /// Puts a fragment to those of its datagram, whose place is returned.
    pub(super) fn hold(
        &mut self,
        now: Instant,
        packet: P,
        piece: &Piece<A>,
    ) -> Result<u32, (P, FragmentDrop)> {
        let hash = self.hash(piece);
        let found = self.find(hash, piece);
        let mut place = None;
        if let Some(entry) = self.entries.at(found) {
            if entry.abandoned {
                return Err((packet, FragmentDrop::Abandoned));
            }
            let checked = entry
                .place(&self.fragments, piece, packet.octets())
                .and_then(|place| {
                    if entry.fragments >= self.config.fragments_each {
                        Err(FragmentDrop::TooMany)
                    } else if self.is_too_long(entry, piece) {
                        Err(FragmentDrop::Overlong)
                    } else {
                        Ok(place)
                    }
                });
            match checked {
                Ok(checked) => place = Some(checked),
                Err(FragmentDrop::Duplicate) => return Err((packet, FragmentDrop::Duplicate)),
                Err(reason) => {
                    self.abandon(found, reason);
                    return Err((packet, reason));
                }
            }
        }
        let memory = packet.memory();
        if !self.make_room(found, memory) {
            self.abandon(found, FragmentDrop::NoRoom);
            return Err((packet, FragmentDrop::NoRoom));
        }
        let index = match found {
            NIL => self.create(now, piece, hash),
            found => found,
        };
        let held = Held::new(packet, piece);
        let Some(entry) = self.entries.at_mut(index) else {
            return Err((held.packet, FragmentDrop::NoRoom));
        };
        let checked = match place {
            Some(place) => Ok(place),
            None => entry.place(&self.fragments, piece, &[]),
        };
        let inserted = match checked {
            Ok(place) => entry.insert(&mut self.fragments, held, place, memory),
            Err(_) => Err(held.packet),
        };
        let payer = entry.payer;
        if let Err(packet) = inserted {
            self.abandon(index, FragmentDrop::NoRoom);
            return Err((packet, FragmentDrop::NoRoom));
        }
        self.memory += memory;
        let more = Use {
            datagrams: 0,
            fragments: 1,
            octets: memory,
        };
        self.payers.charge(payer, more, Use::default());
        Ok(index)
    }

    /// Delivers a datagram if it is whole.
    pub(super) fn finish(&mut self, index: u32) -> Outcome<'_, A, P, S::Fragments> {
        let Some((len, pieces)) = self
            .entries
            .at(index)
            .and_then(|entry| Some((entry.complete()?, entry.pieces)))
        else {
            return Outcome::Held;
        };
        let Some(entry) = self.remove(index) else {
            return Outcome::Held;
        };
        self.counters.datagrams += 1;
        self.counters.reassembled += entry.fragments as u64;
        let congestion = entry.met_congestion();
        Outcome::Whole(Whole::new(
            &mut self.fragments,
            pieces.head,
            len,
            congestion,
        ))
    }

    pub(super) fn dropped(
        &mut self,
        packet: P,
        reason: FragmentDrop,
        problem: Option<FragmentProblem>,
    ) -> Outcome<'_, A, P, S::Fragments> {
        self.counters.drop(reason, 1);
        Outcome::Dropped {
            packet,
            reason,
            problem,
        }
    }

    /// Whether a datagram is longer than IP allows once a fragment joins it, as far as its beginning and its end
    /// are there. Each fragment was checked with its own headers; those of the first are the ones that count.
    fn is_too_long(&self, entry: &Entry<A>, piece: &Piece<A>) -> bool {
        let len = match piece.more {
            true => entry.total(),
            false => Some(piece.offset as usize + piece.len),
        };
        let header_len = match piece.offset {
            0 => Some(piece.header_len),
            _ => {
                let first = self.fragments.at(entry.pieces.head);
                first.filter(|it| it.offset == 0).map(|it| it.header_len)
            }
        };
        let both = header_len.zip(len);
        both.is_some_and(|(header_len, len)| A::is_too_long(header_len, len))
    }

    /// Makes room for a fragment of the datagram at `joined`, or of a new one; `false` if nothing may go, and where
    /// it would not be enough if all others went, none has gone.
    fn make_room(&mut self, joined: u32, memory: usize) -> bool {
        let is_new = joined == NIL;
        let own = self.entries.at(joined);
        let own = own.map_or((0, 0), |entry| (entry.fragments, entry.memory));
        if own.0 >= self.config.fragments || own.1.saturating_add(memory) > self.config.octets {
            return false;
        }
        loop {
            let full = self.fragments.is_full()
                || self.memory.saturating_add(memory) > self.config.octets
                || is_new && self.entries.is_full();
            if !full {
                return true;
            }
            let next = |index| self.entries.at(index).map_or(NIL, |e| e.siblings.next);
            let Some(victim) = self.payers.victim(next, joined) else {
                return false;
            };
            let Some(mut pieces) = self.entries.at(victim).map(|entry| entry.pieces) else {
                return false;
            };
            let Some(entry) = self.remove(victim) else {
                return false;
            };
            self.counters.evicted += 1;
            let dropped = entry.fragments as u64;
            self.counters.drop(FragmentDrop::Evicted, dropped);
            while self.take(&mut pieces).is_some() {}
        }
    }

    /// Drops the fragments of a datagram, for `reason`, and remembers it as one that is not to become whole.
    fn abandon(&mut self, index: u32, reason: FragmentDrop) {
        let Some(entry) = self.entries.at_mut(index) else {
            return;
        };
        let (mut pieces, fragments, memory) = (entry.pieces, entry.fragments, entry.memory);
        let payer = entry.payer;
        entry.abandon();
        self.counters.abandoned += 1;
        self.counters.drop(reason, fragments as u64);
        self.memory -= memory;
        let less = Use {
            datagrams: 0,
            fragments,
            octets: memory,
        };
        self.payers.charge(payer, Use::default(), less);
        while self.take(&mut pieces).is_some() {}
    }

    /// Takes the first of a list of fragments.
    pub(super) fn take(&mut self, pieces: &mut Ends) -> Option<P> {
        let held = self.fragments.remove(self.fragments.key_at(pieces.head)?)?;
        pieces.head = held.next;
        Some(held.packet)
    }

    fn hash(&self, piece: &Piece<A>) -> u64 {
        let last = u64::from(piece.identification) << 8 | u64::from(piece.protocol.0);
        Hash::new(self.config.seed)
            .octets(piece.source.octets().as_ref())
            .octets(piece.destination.octets().as_ref())
            .word(last)
            .finish()
    }

    fn find(&self, hash: u64, piece: &Piece<A>) -> u32 {
        let mut index = self.chains.first(hash);
        while let Some(entry) = self.entries.at(index) {
            if entry.is_of(piece) {
                return index;
            }
            index = entry.chained;
        }
        NIL
    }

    /// Enters a datagram; [`NIL`] if there is no room.
    fn create(&mut self, now: Instant, piece: &Piece<A>, hash: u64) -> u32 {
        // Ages stay in order even if the caller's clock does not.
        self.latest = self.latest.max(now);
        let prefix = piece.source.truncated(A::SOURCE_BITS);
        if self.chains.is_empty() || self.entries.is_full() {
            return NIL;
        }
        let Some(payer) = self.payers.of(prefix) else {
            return NIL;
        };
        let entry = Entry::new(piece, hash, payer, self.latest);
        let Ok(key) = self.entries.insert(entry) else {
            self.payers.charge(payer, Use::default(), Use::default());
            return NIL;
        };
        let index = key.index();
        let siblings = self.payers.at_mut(payer).map_or(NIL, |payer| {
            let tail = payer.entries.tail;
            payer.entries.tail = index;
            if tail == NIL {
                payer.entries.head = index;
            }
            tail
        });
        let (first, age) = (self.chains.first(hash), self.ages.tail);
        if let Some(entry) = self.entries.at_mut(index) {
            entry.chained = first;
            entry.age.prev = age;
            entry.siblings.prev = siblings;
        }
        self.chains.set_first(hash, index);
        if let Some(before) = self.entries.at_mut(siblings) {
            before.siblings.next = index;
        }
        match self.entries.at_mut(age) {
            Some(before) => before.age.next = index,
            None => self.ages.head = index,
        }
        self.ages.tail = index;
        let more = Use {
            datagrams: 1,
            ..Use::default()
        };
        self.payers.charge(payer, more, Use::default());
        index
    }

    /// Takes a datagram out of all lists; its fragments stay where they are.
    pub(super) fn remove(&mut self, index: u32) -> Option<Entry<A>> {
        let entry = self.entries.remove(self.entries.key_at(index)?)?;
        let mut before = self.chains.first(entry.hash);
        if before == index {
            self.chains.set_first(entry.hash, entry.chained);
        }
        while let Some(other) = self.entries.at_mut(before) {
            if other.chained == index {
                other.chained = entry.chained;
                break;
            }
            before = other.chained;
        }
        let Links { prev, next } = entry.age;
        match self.entries.at_mut(prev) {
            Some(other) => other.age.next = next,
            None => self.ages.head = next,
        }
        match self.entries.at_mut(next) {
            Some(other) => other.age.prev = prev,
            None => self.ages.tail = prev,
        }
        let Links { prev, next } = entry.siblings;
        if let Some(other) = self.entries.at_mut(prev) {
            other.siblings.next = next;
        } else if let Some(payer) = self.payers.at_mut(entry.payer) {
            payer.entries.head = next;
        }
        if let Some(other) = self.entries.at_mut(next) {
            other.siblings.prev = prev;
        } else if let Some(payer) = self.payers.at_mut(entry.payer) {
            payer.entries.tail = prev;
        }
        self.memory -= entry.memory;
        let less = Use {
            datagrams: 1,
            fragments: entry.fragments,
            octets: entry.memory,
        };
        self.payers.charge(entry.payer, Use::default(), less);
        Some(entry)
    }
}

//! One datagram and its fragments, which lie in a list in order of their offsets; no list ever holds two that
//! overlap.

use waypost_wire::{Ecn, Instant, IpProtocol};

use super::piece::Piece;
use super::{FragmentDrop, FragmentPacket};
use crate::slab::{NIL, Slab, Slot};
use crate::storage::Store;

/// A fragment in the storage of a table.
#[derive(Clone, Debug)]
pub struct Held<P> {
    pub(super) packet: P,
    pub(super) offset: u32,
    pub(super) more: bool,
    pub(super) header_len: usize,
    pub(super) start: usize,
    pub(super) len: usize,
    pub(super) ecn: Ecn,
    pub(super) prev: u32,
    pub(super) next: u32,
}

impl<P: FragmentPacket> Held<P> {
    pub(super) fn new<A>(packet: P, piece: &Piece<A>) -> Self {
        Self {
            packet,
            offset: piece.offset,
            more: piece.more,
            header_len: piece.header_len,
            start: piece.start,
            len: piece.len,
            ecn: piece.ecn,
            prev: NIL,
            next: NIL,
        }
    }

    /// Its part of the datagram.
    pub(super) fn payload(&self) -> &[u8] {
        let octets = self.packet.octets();
        octets
            .get(self.start..self.start + self.len)
            .unwrap_or_default()
    }

    fn end(&self) -> u32 {
        self.offset + self.len as u32
    }
}

/// Two neighbours in a list through a slab.
#[derive(Clone, Copy, Debug)]
pub(super) struct Links {
    pub(super) prev: u32,
    pub(super) next: u32,
}

impl Links {
    pub(super) const NONE: Self = Self {
        prev: NIL,
        next: NIL,
    };
}

/// The ends of such a list, oldest first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    pub(super) head: u32,
    pub(super) tail: u32,
}

impl Ends {
    pub(super) const EMPTY: Self = Self {
        head: NIL,
        tail: NIL,
    };
}

/// A datagram in the storage of a table.
#[derive(Clone, Debug)]
pub struct Entry<A> {
    pub(super) source: A,
    pub(super) destination: A,
    pub(super) protocol: IpProtocol,
    pub(super) identification: u32,
    /// When its first fragment came.
    pub(super) since: Instant,
    /// Its hash, and the next of its chain.
    pub(super) hash: u64,
    pub(super) chained: u32,
    /// Who pays for it.
    pub(super) payer: u32,
    /// Among all, and among those of the same payer, by age.
    pub(super) age: Links,
    pub(super) siblings: Links,
    /// Its fragments, by offset.
    pub(super) pieces: Ends,
    pub(super) fragments: usize,
    /// Octets of the datagram that are there.
    received: u32,
    /// How long it is, once its last fragment came.
    total: Option<u32>,
    pub(super) memory: usize,
    /// Which congestion codes its fragments carry, a bit for each.
    congestion: u8,
    /// It is never to become whole; it has no fragments.
    pub(super) abandoned: bool,
}

/// Where a fragment goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    after: u32,
    before: u32,
}

impl<A: Copy + Eq> Entry<A> {
    pub(super) fn new(piece: &Piece<A>, hash: u64, payer: u32, now: Instant) -> Self {
        Self {
            source: piece.source,
            destination: piece.destination,
            protocol: piece.protocol,
            identification: piece.identification,
            since: now,
            hash,
            chained: NIL,
            payer,
            age: Links::NONE,
            siblings: Links::NONE,
            pieces: Ends::EMPTY,
            fragments: 0,
            received: 0,
            total: None,
            memory: 0,
            congestion: 0,
            abandoned: false,
        }
    }

    pub(super) fn is_of(&self, piece: &Piece<A>) -> bool {
        self.identification == piece.identification
            && self.source == piece.source
            && self.destination == piece.destination
            && self.protocol == piece.protocol
    }

    /// Finds the place of a fragment among those that are there.
    ///
    /// The search begins at that end of the list at which most fragments arrive: the last, or, where they come
    /// from behind, the first. It takes as many steps as a datagram may have fragments, at most.
    ///
    /// Errors: why it cannot go in.
    pub(super) fn place<P, S>(
        &self,
        slab: &Slab<Held<P>, S>,
        piece: &Piece<A>,
        octets: &[u8],
    ) -> Result<Place, FragmentDrop>
    where
        P: FragmentPacket,
        S: Store<Slot<Held<P>>>,
    {
        let begins = |index: u32| slab.at(index).map(|held| held.offset);
        let end = piece.offset + piece.len as u32;
        let (mut after, mut before) = (self.pieces.tail, NIL);
        if begins(self.pieces.head).is_some_and(|first| end <= first) {
            (after, before) = (NIL, self.pieces.head);
        }
        while begins(after).is_some_and(|offset| offset > piece.offset) {
            before = after;
            after = slab.at(after).map_or(NIL, |held| held.prev);
        }
        if let Some(held) = slab.at(after)
            && held.end() > piece.offset
        {
            let payload = octets.get(piece.start..piece.start + piece.len);
            // RFC 8200 §4.5 allows to keep a datagram of which exact copies come: exact to the octet.
            let same = held.offset == piece.offset
                && held.more == piece.more
                && payload == Some(held.payload());
            return Err(if same {
                FragmentDrop::Duplicate
            } else {
                FragmentDrop::Overlap
            });
        }
        if begins(before).is_some_and(|offset| offset < end) {
            return Err(FragmentDrop::Overlap);
        }
        let fits = match (self.total, piece.more) {
            (Some(total), true) => end < total,
            (Some(total), false) => end == total,
            (None, true) => true,
            (None, false) => before == NIL,
        };
        if !fits {
            return Err(FragmentDrop::Inconsistent);
        }
        let codes = self.congestion | 1 << piece.ecn as u8;
        // RFC 3168 §5.3: congestion is not to be lost, nor told to who did not ask.
        if codes & (1 << Ecn::Ce as u8) != 0 && codes & (1 << Ecn::NotEct as u8) != 0 {
            return Err(FragmentDrop::Congestion);
        }
        Ok(Place { after, before })
    }

    /// Puts a fragment where [`place`](Self::place) said; gives it back if there is no room.
    pub(super) fn insert<P, S>(
        &mut self,
        slab: &mut Slab<Held<P>, S>,
        mut held: Held<P>,
        place: Place,
        memory: usize,
    ) -> Result<(), P>
    where
        P: FragmentPacket,
        S: Store<Slot<Held<P>>>,
    {
        let (len, end) = (held.len as u32, held.end());
        let (more, ecn) = (held.more, held.ecn);
        held.prev = place.after;
        held.next = place.before;
        let index = match slab.insert(held) {
            Ok(key) => key.index(),
            Err(held) => return Err(held.packet),
        };
        match slab.at_mut(place.after) {
            Some(before) => before.next = index,
            None => self.pieces.head = index,
        }
        match slab.at_mut(place.before) {
            Some(after) => after.prev = index,
            None => self.pieces.tail = index,
        }
        self.fragments += 1;
        self.received += len;
        self.memory += memory;
        self.congestion |= 1 << ecn as u8;
        if !more {
            self.total = Some(end);
        }
        Ok(())
    }

    /// How long the datagram is to be, once its last fragment came.
    pub(super) fn total(&self) -> Option<usize> {
        self.total.map(|total| total as usize)
    }

    /// How long the datagram is, if all of it is there: nothing overlaps, so the lengths add up to it.
    pub(super) fn complete(&self) -> Option<usize> {
        self.total
            .filter(|total| *total == self.received)
            .map(|total| total as usize)
    }

    /// Whether one of its fragments met congestion.
    pub(super) fn met_congestion(&self) -> bool {
        self.congestion & 1 << Ecn::Ce as u8 != 0
    }

    /// Forgets the fragments, which the caller has taken.
    pub(super) fn abandon(&mut self) {
        self.pieces = Ends::EMPTY;
        self.fragments = 0;
        self.memory = 0;
        self.abandoned = true;
    }
}

//! A datagram all of whose fragments came.

use core::fmt;
use core::marker::PhantomData;
use core::ops::Range;

use waypost_wire::Ecn;

use super::entry::Held;
use super::{FragmentPacket, ReassembleIp};
use crate::slab::{NIL, Slab, Slot};
use crate::storage::Store;

/// One fragment of a whole datagram.
#[derive(Debug, PartialEq, Eq)]
pub struct Part<P> {
    /// The packet.
    pub packet: P,
    /// Which of its octets are the part of the datagram.
    pub payload: Range<usize>,
}

/// A whole datagram: a header to write, and fragments in order whose payloads follow it. Whoever has it
/// chains the fragments or copies them once; those that are not taken are dropped with it.
pub struct Whole<'a, A, P: FragmentPacket, S: Store<Slot<Held<P>>>> {
    slab: &'a mut Slab<Held<P>, S>,
    next: u32,
    /// The one fragment that is all of the datagram.
    atomic: Option<Held<P>>,
    /// Whether the first fragment, from which the header is made, is still here.
    has_first: bool,
    header_len: usize,
    len: usize,
    ecn: Ecn,
    version: PhantomData<A>,
}

impl<'a, A: ReassembleIp, P: FragmentPacket, S: Store<Slot<Held<P>>>> Whole<'a, A, P, S> {
    pub(super) fn new(
        slab: &'a mut Slab<Held<P>, S>,
        first: u32,
        len: usize,
        met_congestion: bool,
    ) -> Self {
        let (header_len, ecn) = slab
            .at(first)
            .map_or((0, Ecn::NotEct), |held| (held.header_len, held.ecn));
        Self {
            slab,
            next: first,
            atomic: None,
            has_first: true,
            header_len,
            len,
            ecn: if met_congestion { Ecn::Ce } else { ecn },
            version: PhantomData,
        }
    }

    pub(super) fn atomic(slab: &'a mut Slab<Held<P>, S>, held: Held<P>) -> Self {
        let (header_len, len, ecn) = (held.header_len, held.len, held.ecn);
        Self {
            slab,
            next: NIL,
            atomic: Some(held),
            has_first: true,
            header_len,
            len,
            ecn,
            version: PhantomData,
        }
    }

    /// Length of the header in octets, with the first fragment's options or extension headers.
    pub const fn header_len(&self) -> usize {
        self.header_len
    }

    /// Length of the datagram in octets, header included.
    #[allow(clippy::len_without_is_empty)] // never empty
    pub const fn len(&self) -> usize {
        self.header_len + self.len
    }

    /// Writes the header to the beginning of `buffer` and returns its length; `None` if the buffer is shorter
    /// than [`header_len`](Self::header_len), or the first fragment was taken.
    pub fn write_header(&self, buffer: &mut [u8]) -> Option<usize> {
        if !self.has_first {
            return None;
        }
        let first = self.first()?.packet.octets();
        A::write_header(first, self.header_len, self.len, self.ecn, buffer)
    }

    /// The payloads of the fragments that were not taken, in order.
    pub fn payloads(&self) -> impl Iterator<Item = &[u8]> {
        let mut next = self.next;
        let atomic = self.atomic.as_ref().map(Held::payload);
        atomic.into_iter().chain(core::iter::from_fn(move || {
            let held = self.slab.at(next)?;
            next = held.next;
            Some(held.payload())
        }))
    }

    /// Writes the datagram to the beginning of `buffer` and returns its length; `None` if the buffer is
    /// shorter than [`len`](Self::len), or fragments were taken.
    pub fn write(&self, buffer: &mut [u8]) -> Option<usize> {
        let buffer = buffer.get_mut(..self.len())?;
        let mut at = self.write_header(buffer)?;
        for payload in self.payloads() {
            buffer
                .get_mut(at..at + payload.len())?
                .copy_from_slice(payload);
            at += payload.len();
        }
        Some(at)
    }

    /// Takes the next fragment, in order.
    pub fn take_part(&mut self) -> Option<Part<P>> {
        let held = self.atomic.take().or_else(|| self.take_next())?;
        self.has_first = false;
        Some(Part {
            payload: held.start..held.start + held.len,
            packet: held.packet,
        })
    }

    fn first(&self) -> Option<&Held<P>> {
        self.atomic.as_ref().or_else(|| self.slab.at(self.next))
    }
}

impl<A, P: FragmentPacket, S: Store<Slot<Held<P>>>> Whole<'_, A, P, S> {
    fn take_next(&mut self) -> Option<Held<P>> {
        let held = self.slab.remove(self.slab.key_at(self.next)?)?;
        self.next = held.next;
        Some(held)
    }
}

impl<A, P: FragmentPacket, S: Store<Slot<Held<P>>>> Drop for Whole<'_, A, P, S> {
    fn drop(&mut self) {
        while self.take_next().is_some() {}
    }
}

impl<A, P: FragmentPacket, S: Store<Slot<Held<P>>>> fmt::Debug for Whole<'_, A, P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Whole")
            .field("header_len", &self.header_len)
            .field("len", &self.len)
            .field("ecn", &self.ecn)
            .finish_non_exhaustive()
    }
}

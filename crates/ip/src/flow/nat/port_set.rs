//! Which ports of an external address are taken, and which of them a flow may get.

use waypost_wire::{Ip, IpProtocol};

use super::config::{NatConfig, PortRange};

/// Protocols whose ports are apart: TCP, UDP, ICMP's identifiers, all others.
const CLASSES: usize = 4;
const ICMP: usize = 2;
const WORDS: usize = 1 << 16 >> 6;
/// Ports that are tried where they are shared.
const SHARED_TRIES: u32 = 128;
/// The even ones of 64 ports.
const EVEN: u64 = 0x5555_5555_5555_5555;

/// An external address with its ports, one bit each: 32 KiB. `PortSets::EMPTY` is a place for one.
#[derive(Clone, Debug)]
pub struct PortSets<A> {
    pub(super) addr: Option<A>,
    used: [[u64; WORDS]; CLASSES],
    pub(super) counts: [u32; CLASSES],
}

impl<A: Ip> PortSets<A> {
    /// A place for an address.
    pub const EMPTY: Self = Self {
        addr: None,
        used: [[0; WORDS]; CLASSES],
        counts: [0; CLASSES],
    };
}

pub(super) fn class(protocol: IpProtocol) -> usize {
    match protocol {
        IpProtocol::TCP => 0,
        IpProtocol::UDP => 1,
        IpProtocol::ICMP | IpProtocol::ICMPV6 => ICMP,
        _ => 3,
    }
}

/// Whether a port of one protocol is the same port of the other.
pub(super) fn are_shared(one: IpProtocol, other: IpProtocol) -> bool {
    class(one) == class(other)
}

/// Which ports a flow may get: `first..=last`, of which those with a bit in `mask`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    first: u32,
    last: u32,
    mask: u64,
}

impl Range {
    pub(super) fn of(class: usize, port: u16, config: &NatConfig) -> Self {
        let PortRange { first, last } = match class {
            ICMP => config.identifiers,
            _ => config.ports_for(port),
        };
        let [first, last] = [first, last].map(u32::from);
        let mask = match (class == ICMP || !config.keep_parity, port % 2) {
            (true, _) => u64::MAX,
            (false, 0) => EVEN,
            (false, _) => !EVEN,
        };
        Self { first, last, mask }
    }

    pub(super) fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port.into()) && self.mask >> (port % 64) & 1 != 0
    }

    /// The port that many places from the first.
    pub(super) fn at(self, offset: u64) -> u32 {
        self.first + (offset % u64::from(self.len())) as u32
    }

    /// How many places it is from one port to another, going on.
    pub(super) fn distance(self, from: u32, to: u32) -> u32 {
        if to >= from {
            to - from
        } else {
            to + self.len() - from
        }
    }

    fn len(self) -> u32 {
        self.last - self.first + 1
    }
}

/// The first port from `from` to `last` that is free and in the range.
fn first_free(used: &[u64; WORDS], from: u32, last: u32, mask: u64) -> Option<u32> {
    let mut word = from / 64;
    let mut wanted = mask & (u64::MAX << (from % 64));
    while word <= last / 64 {
        let free = !used.get(word as usize)? & wanted;
        if free != 0 {
            let port = word * 64 + free.trailing_zeros();
            return (port <= last).then_some(port);
        }
        word += 1;
        wanted = mask;
    }
    None
}

/// The first free of some ports of a range that others may have too, with other peers.
pub(super) fn shared(range: Range, offset: u64, is_free: impl Fn(u16) -> bool) -> Option<u16> {
    (0..u64::from(2 * SHARED_TRIES))
        .map(|step| range.at(offset.wrapping_add(step)) as u16)
        .filter(|port| range.contains(*port))
        .find(|port| is_free(*port))
}

impl<A> PortSets<A> {
    pub(super) fn is_used(&self, class: usize, port: u16) -> bool {
        self.used[class][usize::from(port / 64)] >> (port % 64) & 1 != 0
    }

    /// At most the 1024 words of the set are looked at, where all are taken.
    pub(super) fn find(&self, class: usize, range: Range, offset: u64) -> Option<u16> {
        let from = range.at(offset);
        let used = &self.used[class];
        let port = first_free(used, from, range.last, range.mask)
            .or_else(|| first_free(used, range.first, from, range.mask))?;
        Some(port as u16)
    }

    /// Marks a free port as used, though no flow has it.
    pub(super) fn reserve(&mut self, class: usize, port: u16) -> bool {
        let is_free = !self.is_used(class, port);
        self.used[class][usize::from(port / 64)] |= 1 << (port % 64);
        is_free
    }

    /// Ends a reservation.
    pub(super) fn give_up(&mut self, class: usize, port: u16) -> bool {
        let is_used = self.is_used(class, port);
        self.used[class][usize::from(port / 64)] &= !(1 << (port % 64));
        is_used
    }

    pub(super) fn mark(&mut self, class: usize, port: u16, used: bool) {
        let bit = 1 << (port % 64);
        let word = &mut self.used[class][usize::from(port / 64)];
        let count = &mut self.counts[class];
        if used && *word & bit == 0 {
            *word |= bit;
            *count += 1;
        } else if !used && *word & bit != 0 {
            *word &= !bit;
            *count -= 1;
        }
    }
}

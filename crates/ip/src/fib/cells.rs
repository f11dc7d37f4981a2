//! The part of the table that look-ups read: entries in chunks of 256, nothing else.
//!
//! Chunks 0 to 255 are the top: together one entry for each value of an address's first 16 bits. An entry
//! there, or in a chunk for the next 8 bits, either is a leaf or links a chunk for the 8 bits that follow.

use alloc::vec;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use waypost_wire::prefetch::prefetch_index;

use super::NextHop;

/// How many entries a chunk has: one for each value of an octet.
pub(super) const CHUNK: usize = 256;
/// How many chunks the top takes.
pub(super) const TOP: usize = 256;
/// Addresses that one round of a batch works on: enough to keep every outstanding miss of a core busy,
/// few enough for their entries to stay in the first cache.
const GROUP: usize = 64;
/// Up to how many chunks the second and third caches of a core are taken to hold the table. Below,
/// reading on at once costs less than a round of prefetching; above, it was measured to take twice as
/// long, since the misses of later addresses then wait for those of earlier ones.
const CACHED: usize = 4096;

/// What an address leads to in a chunk.
///
/// A link: bit 31 set, the number of a chunk in bits 8–30, so that the octet that follows only has to be put
/// in to have the place of the next entry. A leaf: bits 25–30 the length of the prefix that the
/// leaf belongs to, bits 0–24 one more than the index of its next hop. 0: nothing longer than /0 matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(super) struct Entry(pub(super) u32);

const LINK: u32 = 1 << 31;
/// How many chunks can be numbered.
pub(super) const MAX_CHUNKS: usize = 1 << 23;
const HOP_BITS: u32 = 25;
const HOP_MASK: u32 = (1 << HOP_BITS) - 1;

impl Entry {
    pub(super) const NONE: Self = Self(0);

    pub(super) const fn leaf(length: u8, hop: NextHop) -> Self {
        Self((length as u32) << HOP_BITS | hop.stored())
    }

    pub(super) const fn link(chunk: u32) -> Self {
        Self(LINK | chunk << 8)
    }

    pub(super) const fn chunk(self) -> Option<u32> {
        if self.0 & LINK != 0 {
            Some((self.0 & !LINK) >> 8)
        } else {
            None
        }
    }

    /// The length of the prefix of a leaf; 0 where none matches.
    const fn length(self) -> u8 {
        (self.0 >> HOP_BITS) as u8
    }
}

/// All chunks in one row, so that a look-up needs no pointer but one.
#[derive(Clone, Debug)]
pub(super) struct Cells {
    chunks: Vec<[Entry; CHUNK]>,
    /// The answer where no entry has one.
    pub(super) default: Option<NextHop>,
}

impl Cells {
    pub(super) fn new() -> Self {
        Self {
            chunks: vec![[Entry::NONE; CHUNK]; TOP],
            default: None,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.chunks.capacity() * size_of::<[Entry; CHUNK]>()
    }

    /// Adds a chunk or takes `reuse`, filled with `entry`; returns its number.
    pub(super) fn fill_chunk(&mut self, reuse: Option<u32>, entry: Entry) -> u32 {
        match reuse {
            Some(chunk) => {
                if let Some(entries) = self.chunks.get_mut(chunk as usize) {
                    entries.fill(entry);
                }
                chunk
            }
            None => {
                if self.chunks.len() == self.chunks.capacity() {
                    // By an eighth, not by double: a table's memory is to follow its routes.
                    self.chunks.reserve_exact((self.chunks.len() / 8).max(8));
                }
                self.chunks.push([entry; CHUNK]);
                (self.chunks.len() - 1) as u32
            }
        }
    }

    #[inline]
    pub(super) fn entry(&self, chunk: u32, octet: u8) -> Entry {
        match self.chunks.get(chunk as usize) {
            Some(entries) => entries[usize::from(octet)],
            None => Entry::NONE,
        }
    }

    pub(super) fn write(&mut self, chunk: u32, octet: u8, entry: Entry) {
        if let Some(entries) = self.chunks.get_mut(chunk as usize) {
            entries[usize::from(octet)] = entry;
        }
    }

    /// Gives `count` entries of a chunk from `first` on, and all below them, to a route of `length`, where
    /// they do not belong to a longer one.
    pub(super) fn paint(&mut self, chunk: u32, first: u8, count: usize, length: u8, hop: NextHop) {
        let leaf = Entry::leaf(length, hop);
        self.repaint(chunk, first, count, leaf, |entry| entry.length() <= length);
    }

    /// Gives those of `count` entries of a chunk from `first` on, and below, that belong to a route of
    /// `length` to the route behind `leaf`.
    pub(super) fn unpaint(&mut self, chunk: u32, first: u8, count: usize, length: u8, leaf: Entry) {
        self.repaint(chunk, first, count, leaf, |entry| entry.length() == length);
    }

    fn repaint(
        &mut self,
        chunk: u32,
        first: u8,
        count: usize,
        leaf: Entry,
        covers: impl Fn(Entry) -> bool + Copy,
    ) {
        for place in usize::from(first)..(usize::from(first) + count).min(CHUNK) {
            let Some(entries) = self.chunks.get_mut(chunk as usize) else {
                return;
            };
            let entry = entries[place];
            match entry.chunk() {
                Some(below) => self.repaint(below, 0, CHUNK, leaf, covers),
                None if covers(entry) => entries[place] = leaf,
                None => {}
            }
        }
    }

    #[inline]
    pub(super) fn lookup(&self, addr: Ipv4Addr) -> Option<NextHop> {
        let [a, b, c, d] = addr.octets();
        let mut entry = self.chunks[usize::from(a)][usize::from(b)];
        for octet in [c, d] {
            match entry.chunk() {
                Some(chunk) => entry = self.entry(chunk, octet),
                None => break,
            }
        }
        self.answer(entry.0)
    }

    pub(super) fn lookup_batch(&self, addrs: &[Ipv4Addr], hops: &mut [Option<NextHop>]) {
        let cells = self.chunks.as_flattened();
        let Some(top) = cells.first_chunk::<{ TOP * CHUNK }>() else {
            return;
        };
        if self.chunks.len() <= CACHED {
            for (addr, hop) in addrs.iter().zip(hops) {
                let bits = addr.to_bits();
                let mut entry = descend(cells, top[(bits >> 16) as usize].0, bits >> 8);
                if entry & LINK != 0 {
                    entry = descend(cells, entry, bits);
                }
                *hop = self.answer(entry);
            }
            return;
        }
        let len = addrs.len().min(hops.len());
        let (groups, rest) = addrs[..len].as_chunks::<GROUP>();
        let (group_hops, rest_hops) = hops[..len].as_chunks_mut::<GROUP>();
        for (addrs, hops) in groups.iter().zip(group_hops) {
            self.lookup_group(top, cells, addrs, hops);
        }
        self.lookup_group(top, cells, rest, rest_hops);
    }

    /// Up to [`GROUP`] addresses, level by level, so that the misses of all run at once. The step from one
    /// level to the next has no branch: a leaf reads entry 0 of the table and keeps itself.
    #[inline(always)]
    fn lookup_group(
        &self,
        top: &[Entry; TOP * CHUNK],
        cells: &[Entry],
        addrs: &[Ipv4Addr],
        hops: &mut [Option<NextHop>],
    ) {
        let mut entries = [0u32; GROUP];
        for (addr, entry) in addrs.iter().zip(&mut entries) {
            let bits = addr.to_bits();
            *entry = top[(bits >> 16) as usize].0;
            prefetch_index(cells, step(*entry, bits >> 8).0);
        }
        let mut any = 0;
        for (addr, entry) in addrs.iter().zip(&mut entries) {
            *entry = descend(cells, *entry, addr.to_bits() >> 8);
            any |= *entry;
        }
        if any & LINK != 0 {
            for (addr, entry) in addrs.iter().zip(&mut entries) {
                *entry = descend(cells, *entry, addr.to_bits());
            }
        }
        for (hop, entry) in hops.iter_mut().zip(entries) {
            *hop = self.answer(entry);
        }
    }

    #[inline(always)]
    fn answer(&self, leaf: u32) -> Option<NextHop> {
        NextHop::from_stored(leaf & HOP_MASK).or(self.default)
    }
}

/// The entry below a link for the octet in the low bits of `octet`; a leaf stays as it is.
#[inline(always)]
fn descend(cells: &[Entry], entry: u32, octet: u32) -> u32 {
    let (place, keep) = step(entry, octet);
    entry & keep | cells[place].0 & !keep
}

/// Which entry of all to read on from `entry` with the octet in the low bits of `octet`, and the mask that
/// keeps a leaf as it is.
#[inline(always)]
const fn step(entry: u32, octet: u32) -> (usize, u32) {
    let link = ((entry as i32) >> 31) as u32;
    let place = link & (entry & !LINK | octet & 0xff);
    (place as usize, !link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_a_link_or_a_leaf() {
        let hop = NextHop::new(NextHop::MAX_INDEX).unwrap();
        let leaf = Entry::leaf(32, hop);
        assert_eq!(leaf.chunk(), None);
        assert_eq!(leaf.length(), 32);
        assert_eq!(NextHop::from_stored(leaf.0 & HOP_MASK), Some(hop));
        let link = Entry::link(MAX_CHUNKS as u32 - 1);
        assert_eq!(link.chunk(), Some(0x7f_ffff));
        assert_eq!(Entry::NONE.length(), 0);
    }

    #[test]
    fn a_leaf_steps_to_itself() {
        assert_eq!(step(Entry::link(300).0, 0x107), (300 * 256 + 7, 0));
        assert_eq!(step(5, 7), (0, u32::MAX));
    }
}

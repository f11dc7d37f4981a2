//! Look-ups in chunks of 256 entries, one for each value of an octet: one read a level.

use core::net::Ipv4Addr;

use waypost_wire::prefetch::prefetch_read;

use super::NextHop;
use super::entry::{Entry, LINK};
use super::segment::{SEGMENT_BITS, SEGMENT_WORDS, Segment};
use super::store::{LINE, word};

/// Addresses that one round of a batch works on: enough to keep every outstanding miss of a core busy,
/// few enough for their entries to stay in the first cache.
pub(super) const GROUP: usize = 64;
/// Up to how many segments the second and third caches of a core are taken to hold the table. Below,
/// reading on at once costs less than a round of prefetching; above, it was measured to take twice as
/// long, since the misses of later addresses then wait for those of earlier ones.
const CACHED: usize = 32;

pub(super) fn lookup<S: Segment>(view: &[S], addr: Ipv4Addr) -> Option<NextHop> {
    let bits = addr.to_bits();
    let mut entry = word(view, bits >> 16);
    for octet in [bits >> 8, bits] {
        if entry & LINK == 0 {
            break;
        }
        entry = word(view, below(entry, octet));
    }
    Entry(entry).hop()
}

pub(super) fn lookup_batch<S: Segment>(
    view: &[S],
    addrs: &[Ipv4Addr],
    hops: &mut [Option<NextHop>],
) {
    if view.len() <= CACHED {
        for (addr, hop) in addrs.iter().zip(hops) {
            let bits = addr.to_bits();
            let mut entry = descend(view, word(view, bits >> 16), bits >> 8);
            if entry & LINK != 0 {
                entry = descend(view, entry, bits);
            }
            *hop = Entry(entry).hop();
        }
        return;
    }
    let len = addrs.len().min(hops.len());
    let (groups, rest) = addrs[..len].as_chunks::<GROUP>();
    let (group_hops, rest_hops) = hops[..len].as_chunks_mut::<GROUP>();
    for (addrs, hops) in groups.iter().zip(group_hops) {
        lookup_group(view, addrs, hops);
    }
    lookup_group(view, rest, rest_hops);
}

/// Up to [`GROUP`] addresses, level by level, so that the misses of all run at once. The step from one
/// level to the next has no branch: a leaf reads entry 0 of the table and keeps itself.
#[inline(always)]
fn lookup_group<S: Segment>(view: &[S], addrs: &[Ipv4Addr], hops: &mut [Option<NextHop>]) {
    let mut entries = [0u32; GROUP];
    for (addr, entry) in addrs.iter().zip(&mut entries) {
        let bits = addr.to_bits();
        *entry = word(view, bits >> 16);
        prefetch_place(view, step(*entry, bits >> 8).0);
    }
    let mut any = 0;
    for (addr, entry) in addrs.iter().zip(&mut entries) {
        *entry = descend(view, *entry, addr.to_bits() >> 8);
        any |= *entry;
    }
    if any & LINK != 0 {
        for (addr, entry) in addrs.iter().zip(&mut entries) {
            *entry = descend(view, *entry, addr.to_bits());
        }
    }
    for (hop, entry) in hops.iter_mut().zip(entries) {
        *hop = Entry(entry).hop();
    }
}

#[inline(always)]
pub(super) fn prefetch_place<S: Segment>(view: &[S], place: u32) {
    if let Some(segment) = view.get((place >> SEGMENT_BITS) as usize) {
        prefetch_read(&segment.words()[place as usize % SEGMENT_WORDS]);
    }
}

/// The entry below a link for the octet in the low bits of `octet`; a leaf stays as it is.
#[inline(always)]
fn descend<S: Segment>(view: &[S], entry: u32, octet: u32) -> u32 {
    let (place, keep) = step(entry, octet);
    entry & keep | word(view, place) & !keep
}

/// Which word to read on from `entry` with the octet in the low bits of `octet`, and the mask that keeps a
/// leaf as it is.
#[inline(always)]
const fn step(entry: u32, octet: u32) -> (u32, u32) {
    let link = ((entry as i32) >> 31) as u32;
    (link & below(entry, octet), !link)
}

/// The place of an octet's entry below a link; the mark of the link is shifted out.
#[inline(always)]
const fn below(link: u32, octet: u32) -> u32 {
    link.wrapping_mul(LINE as u32) | octet & 0xff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_steps_to_itself() {
        assert_eq!(step(Entry::link(16 * 300).0, 0x107), (300 * 256 + 7, 0));
        assert_eq!(step(5, 7), (0, u32::MAX));
    }
}

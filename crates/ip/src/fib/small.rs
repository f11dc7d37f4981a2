//! Look-ups in a small table: one word for the first octet, then a chunk for each other.

use super::entry::Entry;
use super::family::FibAddr;
use super::page::{PAGE_WORDS, Page};
use super::store::{LINE, word};
use super::{NextHop, ranked};

#[inline]
pub(super) fn lookup<A: FibAddr>(pages: &[Page], addr: A) -> Option<NextHop> {
    let octets = addr.octets();
    let (first, rest) = octets.as_ref().split_first()?;
    let mut entry = Entry(word(pages, u32::from(*first)));
    for octet in rest {
        let Some(line) = entry.line() else {
            break;
        };
        let page = pages.get(line as usize / (PAGE_WORDS / LINE))?;
        entry = if A::RANKED {
            ranked::entry(page.words(), line, *octet)
        } else {
            Entry(word(pages, line * LINE as u32 + u32::from(*octet)))
        };
    }
    entry.hop()
}

pub(super) fn lookup_batch<A: FibAddr>(pages: &[Page], addrs: &[A], hops: &mut [Option<NextHop>]) {
    if A::RANKED {
        return ranked::in_groups(pages, Page::words, 1, addrs, hops);
    }
    // It lies in the cache, and mostly a step or two are enough: nothing is asked for ahead.
    for (addr, hop) in addrs.iter().zip(hops) {
        *hop = lookup(pages, *addr);
    }
}

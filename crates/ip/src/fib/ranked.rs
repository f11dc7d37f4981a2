//! Chunks that keep each run of equal entries once, and look-ups in them.
//!
//! Words 0–7 of a block: a bit for each octet with which a run begins, octet 0's always set. Words 8–9, as
//! eight octets: how many runs began before octets 0, 32, 64 and so on. From word 10 on, an entry for each
//! run. Most chunks of an IPv6 table have up to six, and are one line: a single miss.

use core::net::Ipv6Addr;
use core::ops::Range;
use core::sync::atomic::{AtomicU32, Ordering};

use waypost_wire::prefetch::prefetch_read;

use super::NextHop;
use super::dense::GROUP;
use super::entry::{Entry, LINK};
use super::family::FibAddr;
use super::page::Piece;
use super::segment::{SEGMENT_WORDS, Segment};
use super::store::{LINE, word};

/// Words before the entries.
pub(super) const HEADER: usize = 10;
/// Lines in a segment.
const SEGMENT_LINES: usize = SEGMENT_WORDS / LINE;
/// Words of the largest block.
pub(super) const MAX_WORDS: usize = HEADER + 256;

/// A block as it is to be stored.
pub(super) struct Block {
    words: [u32; MAX_WORDS],
    len: usize,
}

impl Block {
    /// The block in the lines from `line` on, but that each entry of `octets` is what `change` makes of it.
    pub(super) fn changed(
        read: impl Fn(u32) -> u32,
        line: u32,
        octets: Range<usize>,
        change: impl Fn(u32) -> u32,
    ) -> Self {
        let mut block = Self::empty();
        let mut last = None;
        let mut push = |octet, entry| {
            if last.replace(entry) != Some(entry) {
                block.push(octet, entry);
            }
        };
        // The run in hand, which goes on up to where the next begins, and may be cut at both ends of `octets`.
        let (mut begun, mut entry) = (0, 0);
        let mut end_run = |begun: usize, end: usize, entry: u32| {
            let (first, past) = (octets.start.clamp(begun, end), octets.end.clamp(begun, end));
            if begun < first {
                push(begun, entry);
            }
            if first < past {
                push(first, change(entry));
            }
            if past.max(first) < end {
                push(past.max(first), entry);
            }
        };
        for_each_run(&read, line, |octet, place| {
            end_run(begun, octet.into(), entry);
            (begun, entry) = (octet.into(), read(place));
        });
        end_run(begun, 256, entry);
        block.count();
        block
    }

    /// The block of a chunk that says `entry` for `count` octets from `first` on, and `around` for others.
    pub(super) fn of_one(around: u32, first: usize, count: usize, entry: u32) -> Self {
        let mut block = Self::empty();
        if first > 0 {
            block.push(0, around);
        }
        block.push(first, entry);
        if first + count < 256 {
            block.push(first + count, around);
        }
        block.count();
        block
    }

    const fn empty() -> Self {
        Self {
            words: [0; MAX_WORDS],
            len: HEADER,
        }
    }

    fn push(&mut self, octet: usize, entry: u32) {
        self.words[octet / 32 % 8] |= 1 << (octet % 32);
        if let Some(word) = self.words.get_mut(self.len) {
            *word = entry;
            self.len += 1;
        }
    }

    /// Counts the runs before each word.
    fn count(&mut self) {
        let mut before = 0;
        for n in 0..8 {
            self.words[8 + n / 4] |= before << (n % 4 * 8);
            before += self.words[n].count_ones();
        }
    }

    pub(super) fn words(&self) -> &[u32] {
        &self.words[..self.len]
    }

    /// Whether a block in place has its runs where this has them.
    pub(super) fn fits(&self, read: impl Fn(u32) -> u32, line: u32) -> bool {
        let base = line * LINE as u32;
        (0..8).all(|n| read(base + n) == self.words[n as usize])
    }
}

/// Calls `visit` for each run: its first octet and the place of its entry.
pub(super) fn for_each_run(read: impl Fn(u32) -> u32, line: u32, mut visit: impl FnMut(u8, u32)) {
    let base = line * LINE as u32;
    let mut place = base + HEADER as u32;
    for n in 0..8 {
        let mut starts = read(base + n);
        while starts != 0 {
            visit((n * 32 + starts.trailing_zeros()) as u8, place);
            starts &= starts - 1;
            place += 1;
        }
    }
}

/// Whether a run begins with an octet.
pub(super) fn begins(read: impl Fn(u32) -> u32, line: u32, octet: u8) -> bool {
    read(line * LINE as u32 + u32::from(octet / 32)) >> (octet % 32) & 1 == 1
}

/// How many runs a block has.
pub(super) fn runs(read: impl Fn(u32) -> u32, line: u32) -> u32 {
    place(read, line, u8::MAX) + 1 - line * LINE as u32 - HEADER as u32
}

/// The place of the entry for an octet.
pub(super) fn place(read: impl Fn(u32) -> u32, line: u32, octet: u8) -> u32 {
    let base = line * LINE as u32;
    base + rank(|n| read(base + n as u32), octet) as u32
}

/// The entries for all octets of a block's words.
pub(super) fn expanded(words: &[u32]) -> [u32; 256] {
    let read = |n| words.get(n).copied().unwrap_or(0);
    core::array::from_fn(|octet| read(rank(read, octet as u8)))
}

/// The entry for an octet in the block that begins at a line, which lies in the piece of these words.
#[inline(always)]
pub(super) fn entry<const WORDS: usize>(words: &[AtomicU32; WORDS], line: u32, octet: u8) -> Entry {
    let at = first_word::<WORDS>(line) + rank_in(words, line, octet);
    Entry(words[at % WORDS].load(Ordering::Acquire))
}

pub(super) fn lookup<S: Segment>(view: &[S], addr: Ipv6Addr) -> Option<NextHop> {
    let octets = addr.octets();
    let mut entry = Entry(word(view, top(&octets)));
    for octet in &octets[2..] {
        let Some(line) = entry.line() else {
            break;
        };
        let Some(segment) = view.get(line as usize / SEGMENT_LINES) else {
            break;
        };
        entry = self::entry(segment.words(), line, *octet);
    }
    entry.hop()
}

pub(super) fn lookup_batch<S: Segment>(
    view: &[S],
    addrs: &[Ipv6Addr],
    hops: &mut [Option<NextHop>],
) {
    in_groups(view, Segment::words, 2, addrs, hops);
}

/// Looks up in pieces of so many words, of a table whose top takes so many octets.
#[inline(always)]
pub(super) fn in_groups<A: FibAddr, P: Piece, const WORDS: usize>(
    view: &[P],
    words: impl Fn(&P) -> &[AtomicU32; WORDS] + Copy,
    top_levels: usize,
    addrs: &[A],
    hops: &mut [Option<NextHop>],
) {
    for (addrs, hops) in addrs.chunks(GROUP).zip(hops.chunks_mut(GROUP)) {
        lookup_group(view, words, top_levels, addrs, hops);
    }
}

/// Up to [`GROUP`] addresses, level by level in two rounds: the first line of each block says where the
/// entry is, the entry which block comes next; each is asked for a round ahead.
#[inline(always)]
fn lookup_group<A: FibAddr, P: Piece, const WORDS: usize>(
    view: &[P],
    words: impl Fn(&P) -> &[AtomicU32; WORDS] + Copy,
    top_levels: usize,
    addrs: &[A],
    hops: &mut [Option<NextHop>],
) {
    const { assert!(GROUP.is_power_of_two() && GROUP <= 256) };
    let Some(first) = view.first().map(words) else {
        return;
    };
    let mut entries = [0u32; GROUP];
    // The words of the piece with the block that an entry links, and the place of the next entry in it.
    let mut pieces = [first; GROUP];
    let mut places = [0u16; GROUP];
    // Which addresses have not come to a leaf.
    let mut open = [0u8; GROUP];
    let mut count = 0;
    for (n, addr) in addrs.iter().enumerate().take(GROUP) {
        let top = addr
            .octets()
            .as_ref()
            .iter()
            .take(top_levels)
            .fold(0, |top, octet| top << 8 | u32::from(*octet));
        entries[n] = word(view, top);
        open[count % GROUP] = n as u8;
        count += (entries[n] >> 31) as usize;
        pieces[n] = below(view, words, entries[n]).unwrap_or(first);
    }
    for level in top_levels..16 {
        if count == 0 {
            break;
        }
        for n in &open[..count] {
            let n = usize::from(*n) % GROUP;
            let octet = addrs.get(n).map_or(0, |addr| addr.octets().as_ref()[level]);
            let words = pieces[n];
            let first = first_word::<WORDS>(entries[n]);
            let place = (first + rank_in(words, entries[n], octet)) % WORDS;
            places[n] = place as u16;
            // In the first line it is at hand; nor does it cost to ask again.
            prefetch_read(&words[place]);
        }
        let mut still = 0;
        for k in 0..count {
            let n = open[k % GROUP];
            let at = usize::from(n) % GROUP;
            let entry = pieces[at][usize::from(places[at]) % WORDS].load(Ordering::Acquire);
            entries[at] = entry;
            open[still % GROUP] = n;
            still += (entry >> 31) as usize;
            pieces[at] = below(view, words, entry).unwrap_or(first);
        }
        count = still;
    }
    for (hop, entry) in hops.iter_mut().zip(entries).take(addrs.len()) {
        *hop = Entry(entry).hop();
    }
}

/// The words of the piece with the block that an entry links, whose first line is asked for; of the first, if it links none.
#[inline(always)]
fn below<P, const WORDS: usize>(
    view: &[P],
    words: impl Fn(&P) -> &[AtomicU32; WORDS],
    entry: u32,
) -> Option<&[AtomicU32; WORDS]> {
    let link = ((entry as i32) >> 31) as u32;
    let line = link & entry & !LINK;
    let words = words(view.get(line as usize / (WORDS / LINE))?);
    prefetch_read(&words[first_word::<WORDS>(line)]);
    Some(words)
}

/// The first word, in its piece of so many, of the block that an entry links.
#[inline(always)]
const fn first_word<const WORDS: usize>(entry: u32) -> usize {
    // The mark of a link is above.
    entry as usize % (WORDS / LINE) * LINE
}

/// Which word of the block that an entry links is the entry for an octet.
#[inline(always)]
fn rank_in<const WORDS: usize>(words: &[AtomicU32; WORDS], entry: u32, octet: u8) -> usize {
    // No sum, and no word beyond the block's first line: the compiler sees that it needs no check.
    let base = first_word::<WORDS>(entry);
    rank(|n| words[base | n].load(Ordering::Relaxed), octet)
}

/// Which word of a block is the entry for an octet.
#[inline(always)]
fn rank(read: impl Fn(usize) -> u32, octet: u8) -> usize {
    let (n, bit) = (usize::from(octet / 32), octet % 32);
    let starts = read(n) & (u32::MAX >> (31 - bit));
    let before = read(8 | (n / 4)) >> (n % 4 * 8) & 0xff;
    HEADER - 1 + (before + starts.count_ones()) as usize
}

#[inline(always)]
fn top(octets: &[u8; 16]) -> u32 {
    u32::from(octets[0]) << 8 | u32::from(octets[1])
}

const _: () = assert!(HEADER <= LINE);

#[cfg(test)]
mod tests {
    use super::super::page::Pages;
    use super::super::store::Store;
    use super::*;

    #[test]
    fn runs_are_kept_once_and_found() {
        let mut store = Store::new(Pages, 256);
        for salt in 0..64u32 {
            let mut entries = [7; 256];
            let mut line = store.put(Block::of_one(0, 0, 256, 7).words()).unwrap();
            for n in 0..salt * 4 {
                let random = n.wrapping_mul(2_654_435_761);
                let first = (random >> 24) as usize;
                let past = (first + (random >> 16) as usize % 16).min(256);
                // Some runs become one, others are cut.
                let change = |entry| if entry == 5 { 5 } else { n % (salt + 1) };
                let block = Block::changed(|at| store.word(at), line, first..past, change);
                for entry in &mut entries[first..past] {
                    *entry = change(*entry);
                }
                let words = HEADER + runs(|at| store.word(at), line) as usize;
                store.retire(line, words);
                line = store.put(block.words()).unwrap();
            }
            let read = |at| store.word(at);
            for octet in 0..=255 {
                assert_eq!(read(place(read, line, octet)), entries[usize::from(octet)]);
            }
            let changes = entries.windows(2).filter(|pair| pair[0] != pair[1]);
            assert_eq!(runs(read, line) as usize, 1 + changes.count());
            assert!(Block::changed(read, line, 0..0, |_| 0).fits(read, line));
        }
    }

    #[test]
    fn one_answer_for_all_is_one_line() {
        assert_eq!(Block::of_one(1, 0, 256, 5).words().len(), HEADER + 1);
        assert_eq!(Block::of_one(1, 9, 3, 5).words().len(), HEADER + 3);
    }

    #[test]
    fn the_largest_block_has_an_entry_for_each_octet() {
        let mut store = Store::new(Pages, 256);
        let mut line = store.put(Block::of_one(0, 0, 256, 0).words()).unwrap();
        for octet in 0..256usize {
            let block = Block::changed(
                |at| store.word(at),
                line,
                octet..octet + 1,
                |_| octet as u32,
            );
            line = store.put(block.words()).unwrap();
        }
        let read = |at| store.word(at);
        assert_eq!(HEADER + runs(read, line) as usize, MAX_WORDS);
        assert!((0..=255u8).all(|octet| read(place(read, line, octet)) == octet.into()));
    }
}

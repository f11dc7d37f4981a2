//! The word that look-ups read: what an address leads to in a chunk.

use super::NextHop;

/// A link: bit 31 set, below it the number of the line where a chunk begins. A leaf: bits 23–30 the length
/// of the prefix that the leaf belongs to, bits 0–22 one more than the index of its next hop. 0: no prefix
/// matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(super) struct Entry(pub(super) u32);

pub(super) const LINK: u32 = 1 << 31;
/// How many lines can be numbered, so that a link moved up by the bits of a line still is a word's place.
pub(super) const MAX_LINES: usize = 1 << 28;
const HOP_BITS: u32 = 23;
const HOP_MASK: u32 = (1 << HOP_BITS) - 1;

impl Entry {
    pub(super) const NONE: Self = Self(0);

    pub(super) const fn leaf(length: u8, hop: NextHop) -> Self {
        Self((length as u32) << HOP_BITS | hop.stored())
    }

    pub(super) const fn link(line: u32) -> Self {
        Self(LINK | line)
    }

    /// The first line of the chunk that this links.
    pub(super) const fn line(self) -> Option<u32> {
        if self.0 & LINK != 0 {
            Some(self.0 & !LINK)
        } else {
            None
        }
    }

    /// The length of the prefix of a leaf; 0 where none matches.
    pub(super) const fn length(self) -> u8 {
        (self.0 >> HOP_BITS) as u8
    }

    #[inline(always)]
    pub(super) const fn hop(self) -> Option<NextHop> {
        NextHop::from_stored(self.0 & HOP_MASK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_a_link_or_a_leaf() {
        let hop = NextHop::new(NextHop::MAX_INDEX).unwrap();
        let leaf = Entry::leaf(128, hop);
        assert_eq!(leaf.line(), None);
        assert_eq!(leaf.length(), 128);
        assert_eq!(leaf.hop(), Some(hop));
        let link = Entry::link(MAX_LINES as u32 - 1);
        assert_eq!(link.line(), Some(0xfff_ffff));
        assert_eq!(Entry::NONE.length(), 0);
        assert_eq!(Entry::NONE.hop(), None);
    }
}

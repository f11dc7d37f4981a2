//! Where a prefix lies: which octet it ends in, and which entries it covers there.

use waypost_wire::Ipv4Prefix;

use super::cells::CHUNK;
use super::routes::{Branch, branch};

/// Where a prefix lies in the trie.
pub(super) struct Path {
    pub(super) octets: [u8; 4],
    pub(super) length: u8,
    /// The octet in which the prefix ends; `None` for /0.
    pub(super) level: Option<usize>,
}

impl Path {
    pub(super) fn new(prefix: Ipv4Prefix) -> Self {
        let length = prefix.length();
        Self {
            octets: prefix.network().octets(),
            length,
            level: length.checked_sub(1).map(|last| usize::from(last / 8)),
        }
    }

    /// The chunk of the top to start from.
    pub(super) fn top(&self, level: usize) -> u32 {
        if level == 0 {
            0
        } else {
            u32::from(self.octets[0])
        }
    }

    pub(super) fn branch(&self, level: usize) -> Branch {
        branch(self.octets[level], self.length - 8 * level as u8)
    }

    /// The entries that the prefix covers in the chunk of its level, as chunk, first entry and count; for
    /// a prefix of up to 8 bits, all entries of several chunks of the top.
    pub(super) fn span(
        &self,
        level: usize,
        chunk: u32,
    ) -> impl Iterator<Item = (u32, u8, usize)> + use<> {
        let first = self.octets[level];
        let count = 1 << (8 * (level + 1) - usize::from(self.length));
        let (chunks, first, count) = if level == 0 {
            let top = u32::from(first);
            (top..top + count as u32, 0, CHUNK)
        } else {
            (chunk..chunk + 1, first, count)
        };
        chunks.map(move |chunk| (chunk, first, count))
    }
}

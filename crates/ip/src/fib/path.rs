//! Where a prefix lies: which octet it ends in, and which entries it covers there.

use waypost_wire::{Ip, Prefix};

use super::routes::{Branch, branch};

/// Where a prefix lies in the trie.
pub(super) struct Path {
    pub(super) octets: [u8; 16],
    pub(super) length: u8,
    /// The octet in which the prefix ends; for /0, the first.
    pub(super) level: usize,
}

impl Path {
    pub(super) fn new<A: Ip>(prefix: Prefix<A>) -> Self {
        let length = prefix.length();
        let mut octets = [0; 16];
        let network = prefix.network().octets();
        for (to, from) in octets.iter_mut().zip(network.as_ref()) {
            *to = *from;
        }
        Self {
            octets,
            length,
            level: usize::from(length.saturating_sub(1) / 8),
        }
    }

    pub(super) fn octet(&self, level: usize) -> u8 {
        self.octets[level % 16]
    }

    /// The prefix, or at a level above its own the whole octet, among the routes of that level.
    pub(super) fn branch(&self, level: usize) -> Branch {
        if level == self.level {
            branch(self.octet(level), self.length - 8 * level as u8)
        } else {
            branch(self.octet(level), 8)
        }
    }

    /// The entries that the prefix covers in the chunk of its level, the first and how many; of a prefix
    /// of up to 8 bits, in the whole top, which takes one level or two.
    pub(super) fn span(&self, top_levels: usize) -> (u32, u32) {
        let first = u32::from(self.octet(self.level));
        let length = u32::from(self.length);
        if self.level == 0 && top_levels == 2 {
            (first << 8, 1 << (16 - length))
        } else {
            (first, 1 << (8 * (self.level as u32 + 1) - length))
        }
    }
}

/// The chunks on a path, from the top down, as far as there are any.
#[derive(Clone, Copy)]
pub(super) struct Chain {
    /// By level; at level 0 nothing, at level 1 of a large table a chunk of the top.
    pub(super) chunks: [u32; 16],
    /// The last level that has a chunk.
    pub(super) deepest: usize,
}

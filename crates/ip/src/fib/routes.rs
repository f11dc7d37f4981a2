//! The routes themselves, which the entries alone do not tell: a longer route hides a shorter one.
//!
//! They are kept beside the chunk that their length falls into (the root: lengths 0 to 8; the node of each
//! chunk: the eight lengths of an octet), sorted, so that a change moves at most 510 of them. In a large table
//! nodes 0 to 255 are always there, for lengths 9 to 16 under one first octet each: their chunks are the top.

use alloc::vec::Vec;

use super::NextHop;

/// Place of a prefix in the binary tree of a node: a 1, then the bits by which it is longer than those
/// of the node: 2 to 511, and in the root 1 for /0.
pub(super) type Branch = u16;

/// A 1, then the first `bits` of `octet`.
pub(super) const fn branch(octet: u8, bits: u8) -> Branch {
    let bits = if bits > 8 { 8 } else { bits };
    (0x100 | octet as u16) >> (8 - bits)
}

/// The routes whose length lies within one octet, under one prefix of whole octets.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    /// By branch.
    routes: Vec<(Branch, NextHop)>,
    /// Chunks linked from this node's chunk.
    pub(super) children: u16,
    /// The first line of this node's chunk.
    pub(super) line: u32,
}

impl Node {
    pub(super) const fn at(line: u32) -> Self {
        Self {
            routes: Vec::new(),
            children: 0,
            line,
        }
    }

    /// The same, for a chunk that is elsewhere now.
    pub(super) fn moved(self, line: u32) -> Self {
        Self { line, ..self }
    }

    /// Whether the chunk of this node says no more than one entry could.
    pub(super) fn is_idle(&self) -> bool {
        self.routes.is_empty() && self.children == 0
    }

    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.routes.capacity() * size_of::<(Branch, NextHop)>()
    }

    pub(super) fn route(&self, branch: Branch) -> Option<NextHop> {
        let place = self.find(branch).ok()?;
        Some(self.routes[place].1)
    }

    /// Sets the route of a branch and returns the one that was there.
    pub(super) fn insert(&mut self, branch: Branch, hop: NextHop) -> Option<NextHop> {
        match self.find(branch) {
            Ok(place) => Some(core::mem::replace(&mut self.routes[place].1, hop)),
            Err(place) => {
                if self.routes.len() == self.routes.capacity() {
                    // Most nodes hold very few.
                    self.routes.reserve_exact(self.routes.len() / 2 + 1);
                }
                self.routes.insert(place, (branch, hop));
                None
            }
        }
    }

    pub(super) fn remove(&mut self, branch: Branch) -> Option<NextHop> {
        let place = self.find(branch).ok()?;
        let (_, hop) = self.routes.remove(place);
        if self.routes.is_empty() {
            self.routes = Vec::new();
        }
        Some(hop)
    }

    /// The longest route at or above a branch, with how many bits it is longer than the node's prefix.
    pub(super) fn covering(&self, mut branch: Branch) -> Option<(u8, NextHop)> {
        while branch >= 1 && !self.routes.is_empty() {
            if let Some(hop) = self.route(branch) {
                return Some((branch.ilog2() as u8, hop));
            }
            branch >>= 1;
        }
        None
    }

    /// Every route: the bits by which it is longer than the node's prefix, how many, and the next hop.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u8, u8, NextHop)> {
        self.routes.iter().map(|(branch, hop)| {
            let bits = branch.ilog2() as u8;
            // The 1 above the bits is shifted out of the octet.
            let octet = (branch << (8 - bits)) as u8;
            (octet, bits, *hop)
        })
    }

    fn find(&self, branch: Branch) -> Result<usize, usize> {
        self.routes
            .binary_search_by_key(&branch, |(branch, _)| *branch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(index: u32) -> NextHop {
        NextHop::new(index).unwrap()
    }

    #[test]
    fn branches_name_every_prefix_within_an_octet_once() {
        let mut seen = [false; 512];
        for bits in 1..=8 {
            for prefix in 0..1u16 << bits {
                let branch = branch((prefix << (8 - bits)) as u8, bits);
                assert!(!core::mem::replace(&mut seen[usize::from(branch)], true));
            }
        }
        assert_eq!(seen.iter().filter(|seen| **seen).count(), 510);
    }

    #[test]
    fn the_longest_at_or_above_covers() {
        let mut node = Node::default();
        assert_eq!(node.insert(branch(0b1000_0000, 1), hop(1)), None);
        assert_eq!(node.insert(branch(0b1010_0000, 3), hop(3)), None);
        assert_eq!(node.covering(branch(0b1011_1111, 8)), Some((3, hop(3))));
        assert_eq!(node.covering(branch(0b1101_1111, 8)), Some((1, hop(1))));
        assert_eq!(node.covering(branch(0b0101_1111, 8)), None);
        assert_eq!(node.insert(branch(0b1000_0000, 1), hop(2)), Some(hop(1)));
        let all: Vec<_> = node.iter().collect();
        assert_eq!(all, [(0b1000_0000, 1, hop(2)), (0b1010_0000, 3, hop(3))]);
    }
}

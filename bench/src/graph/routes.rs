//! Tables of routes like those of the Internet.

use std::collections::BTreeSet;

/// Routes with next hops 0 to 3, the default route among them.
pub(crate) struct Routes {
    routes: Vec<(u32, u8, u16)>,
}

/// Numbers that look random and are always the same (xorshift64).
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        // The low bits of the state are weak.
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }
}

impl Routes {
    /// So many different prefixes: 60 % of 24 bits, 11 % of 22, 9 % of 23, the others of 12 to 21; and
    /// the default route.
    pub(crate) fn new(count: usize) -> Self {
        let mut numbers = Numbers::new(42);
        let mut prefixes = BTreeSet::new();
        while prefixes.len() < count {
            let length = match numbers.next() % 100 {
                0..60 => 24,
                60..71 => 22,
                71..80 => 23,
                _ => 12 + numbers.next() % 10,
            } as u8;
            let prefix = numbers.next() as u32 & (u32::MAX << (32 - length));
            prefixes.insert((prefix, length));
        }
        let mut routes = vec![(0, 0, 0)];
        routes.extend(
            prefixes
                .into_iter()
                .map(|(prefix, length)| (prefix, length, (numbers.next() % 4) as u16)),
        );
        Self { routes }
    }

    /// Each route's prefix, length and next hop.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, u8, u16)> {
        self.routes.iter().copied()
    }

    /// The routes, the longest prefixes last.
    pub(crate) fn shortest_first(&self) -> Vec<(u32, u8, u16)> {
        let mut routes = self.routes.clone();
        routes.sort_by_key(|&(_, length, _)| length);
        routes
    }
}

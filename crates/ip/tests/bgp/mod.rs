//! Routes like those of the Internet: 60 % /24, 11 % /22, 9 % /23, the rest /12 to /21; always the same.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use waypost_wire::Ipv4Prefix;

/// xorshift64*, seeded.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) const fn below(&mut self, bound: u64) -> u64 {
        ((self.next() as u128 * bound as u128) >> 64) as u64
    }

    pub(crate) const fn addr(&mut self) -> Ipv4Addr {
        Ipv4Addr::from_bits((self.next() >> 32) as u32)
    }
}

/// `count` prefixes, each once, within 1.0.0.0 to 223.255.255.255, in no order.
pub(crate) fn prefixes(count: usize) -> Vec<Ipv4Prefix> {
    let mut random = Random::new(42);
    let mut seen = BTreeSet::new();
    let mut prefixes = Vec::with_capacity(count);
    while prefixes.len() < count {
        let length = match random.below(100) {
            0..60 => 24,
            60..71 => 22,
            71..80 => 23,
            _ => 12 + random.below(10) as u8,
        };
        let addr = random.addr();
        if !(1..224).contains(&addr.octets()[0]) {
            continue;
        }
        let prefix = Ipv4Prefix::new_truncated(addr, length).expect("lengths up to 24");
        if seen.insert(prefix) {
            prefixes.push(prefix);
        }
    }
    prefixes
}

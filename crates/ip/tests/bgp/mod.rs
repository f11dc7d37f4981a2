//! Routes like those of the Internet, always the same. IPv4: 60 % /24, 11 % /22, 9 % /23, the rest /12 to /21.
//! IPv6: a fifth the blocks of registries, else mostly /48, /44 and /40 within them, few /64 and /128.
#![allow(dead_code)] // each user takes one version

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use waypost_wire::{Ipv4Prefix, Ipv6Prefix};

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

    pub(crate) const fn addr6(&mut self) -> Ipv6Addr {
        Ipv6Addr::from_bits((self.next() as u128) << 64 | self.next() as u128)
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

/// Blocks of /20 to /32 as registries hand them out.
fn blocks(count: usize, random: &mut Random) -> Vec<Ipv6Prefix> {
    let block = |_| {
        let first = match random.below(10) {
            0 => 0x2001,
            1 | 2 => 0x2400 + random.below(16),
            3 | 4 => 0x2600 + random.below(32),
            5 => 0x2800 + random.below(7),
            6 => 0x2c0f,
            _ => 0x2a00 + random.below(20),
        };
        let length = match random.below(10) {
            0 => 20 + random.below(8) as u8,
            1 => 28 + random.below(4) as u8,
            _ => 32,
        };
        let bits = u128::from(first << 16 | random.below(1 << 16)) << 96;
        Ipv6Prefix::new_truncated(Ipv6Addr::from_bits(bits), length).expect("up to 32")
    };
    (0..count).map(block).collect()
}

/// `count` prefixes of IPv6, each once, in no order. A tenth of the blocks holds two thirds of the longer
/// ones, half of them near the block's beginning.
pub(crate) fn prefixes6(count: usize) -> Vec<Ipv6Prefix> {
    let mut random = Random::new(43);
    let blocks = blocks((count / 5).max(1), &mut random);
    let mut seen = BTreeSet::new();
    let mut prefixes = Vec::with_capacity(count);
    while prefixes.len() < count {
        let some = match random.below(3) {
            0 => blocks.len(),
            _ => blocks.len().div_ceil(10),
        };
        let block = blocks[random.below(some as u64) as usize];
        let length = match random.below(1000) {
            0..200 => block.length(),
            200..650 => 48,
            650..750 => 44,
            750..850 => 40,
            850..890 => 36,
            890..985 => 33 + random.below(15) as u8,
            985..998 => 64,
            _ => 128,
        };
        let mut within = random.addr6().to_bits();
        if random.below(2) == 0 {
            within >>= random.below(12);
        }
        within &= u128::MAX >> block.length();
        let addr = Ipv6Addr::from_bits(block.network().to_bits() | within);
        let prefix = Ipv6Prefix::new_truncated(addr, length).expect("up to 128");
        if seen.insert(prefix) {
            prefixes.push(prefix);
        }
    }
    prefixes
}

/// An address within a prefix.
pub(crate) fn within6(prefix: Ipv6Prefix, random: &mut Random) -> Ipv6Addr {
    let mask = prefix.network().to_bits() ^ prefix.last().to_bits();
    Ipv6Addr::from_bits(prefix.network().to_bits() | random.addr6().to_bits() & mask)
}

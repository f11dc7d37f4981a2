//! Keys of flows for maps, packed into the words that are cheapest to hash and to compare, and the hash of the flow
//! table for them.

use std::hash::{BuildHasher, Hash, Hasher};
use std::net::{Ipv4Addr, Ipv6Addr};

use waypost_ip::flow::FlowKey;

use super::routes::{Random, Routed};

/// A version of IP, as far as packing keys of flows goes.
pub(super) trait Packed: Routed {
    type Words: Copy + Eq + Hash + 'static;

    fn packed(key: &FlowKey<Self>) -> Self::Words;
}

impl Packed for Ipv4Addr {
    type Words = (u64, u64);

    fn packed(key: &FlowKey<Self>) -> Self::Words {
        let addrs = u64::from(key.source.to_bits()) << 32 | u64::from(key.destination.to_bits());
        (addrs, rest(key))
    }
}

impl Packed for Ipv6Addr {
    type Words = (u64, u64, u64, u64, u64);

    fn packed(key: &FlowKey<Self>) -> Self::Words {
        let [source, destination] = [key.source, key.destination].map(Self::to_bits);
        let (high, low) = ((source >> 64) as u64, source as u64);
        let (other_high, other_low) = ((destination >> 64) as u64, destination as u64);
        (high, low, other_high, other_low, rest(key))
    }
}

/// All but the addresses.
fn rest<A>(key: &FlowKey<A>) -> u64 {
    u64::from(key.source_port) << 48
        | u64::from(key.destination_port) << 32
        | u64::from(key.zone) << 8
        | u64::from(key.protocol.0)
}

/// A keyed hash like that of the flow table: two words at a time folded over a secret by a multiplication, and one
/// multiplication in the end. For IPv4 it is the same; for IPv6 it takes three multiplications, where the table takes four.
#[derive(Clone, Copy)]
pub(super) struct Keyed {
    secrets: [u64; 4],
    state: u64,
    /// A word that waits for its second.
    first: Option<u64>,
}

impl Keyed {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        Self {
            secrets: std::array::from_fn(|_| random.next() | 1),
            state: 0,
            first: None,
        }
    }
}

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product >> 64) as u64 ^ product as u64
}

impl BuildHasher for Keyed {
    type Hasher = Self;

    #[inline]
    fn build_hasher(&self) -> Self {
        *self
    }
}

impl Hasher for Keyed {
    fn write(&mut self, octets: &[u8]) {
        for octet in octets {
            self.write_u64(u64::from(*octet));
        }
    }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        let [s0, s1, ..] = self.secrets;
        match self.first.take() {
            Some(first) => self.state = fold(self.state ^ first ^ s0, word ^ s1),
            None => self.first = Some(word),
        }
    }

    #[inline]
    fn finish(&self) -> u64 {
        let [_, _, s2, s3] = self.secrets;
        fold(self.state ^ self.first.unwrap_or(0) ^ s2, s3)
    }
}

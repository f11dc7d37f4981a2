//! The keyed hash of the flow table: two rounds of multiplying and folding over a secret.
//!
//! It is fast, and whoever does not know the secret cannot choose packets that fall into one place. It is
//! no cryptographic function: a table must not let its hashes be seen.

use waypost_wire::Ip;

use super::key::FlowKey;
use crate::hash::{fold, secrets};

/// The secret, in the form in which it is used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hasher {
    secrets: [u64; 4],
}

/// An address as two numbers, the second 0 for IPv4.
#[inline]
fn words<A: Ip>(addr: A) -> [u64; 2] {
    let octets = addr.octets();
    let (parts, rest) = octets.as_ref().as_chunks::<8>();
    match (parts, rest.first_chunk::<4>()) {
        ([a, b], _) => [u64::from_ne_bytes(*a), u64::from_ne_bytes(*b)],
        (_, Some(short)) => [u64::from(u32::from_ne_bytes(*short)), 0],
        _ => [0, 0],
    }
}

impl Hasher {
    pub(super) fn new(seed: u64) -> Self {
        let secrets = secrets(seed);
        Self { secrets }
    }

    /// The hash of a flow's key.
    #[inline]
    pub(super) fn flow<A: Ip>(&self, key: &FlowKey<A>) -> u64 {
        let [source, source_low] = words(key.source);
        let [destination, destination_low] = words(key.destination);
        if A::BITS == 32 {
            self.numbers(source | destination << 32, key.tail())
        } else {
            let [_, _, c, d] = self.secrets;
            let first = self.first(source, source_low);
            let second = fold(destination ^ c, destination_low ^ d);
            self.numbers(first ^ key.tail(), second)
        }
    }

    /// The hash of an address and a number.
    #[inline]
    pub(super) fn addr<A: Ip>(&self, addr: A, tail: u64) -> u64 {
        let [high, low] = words(addr);
        if A::BITS == 32 {
            self.numbers(high, tail)
        } else {
            self.numbers(self.first(high, low), tail)
        }
    }

    #[inline]
    fn first(&self, a: u64, b: u64) -> u64 {
        fold(a ^ self.secrets[2], b ^ self.secrets[0])
    }

    /// The hash of two numbers.
    #[inline]
    pub(super) fn numbers(&self, a: u64, b: u64) -> u64 {
        let [s0, s1, s2, s3] = self.secrets;
        fold(fold(a ^ s0, b ^ s1) ^ s2, s3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::{Ipv4Addr, Ipv6Addr};
    use waypost_wire::IpProtocol;

    /// Of keys that count up, each of 64 places gets about its share, by the high bits and by the low ones.
    fn spread(hash: impl Fn(u32) -> u64) {
        let (mut high, mut low) = ([0_u32; 64], [0_u32; 64]);
        for n in 0..64_000 {
            let hash = hash(n);
            high[(hash >> 58) as usize] += 1;
            low[(hash & 63) as usize] += 1;
        }
        for count in high.iter().chain(&low) {
            assert!((800..1200).contains(count), "{count} of about 1000");
        }
    }

    #[test]
    fn keys_that_count_up_are_spread() {
        let hasher = Hasher::new(1);
        let b = Ipv4Addr::new(198, 51, 100, 7);
        spread(|n| {
            let source = (Ipv4Addr::from_bits(n), 1);
            hasher.flow(&FlowKey::new(IpProtocol::UDP, source, (b, 53)))
        });
        spread(|n| {
            let source = (b, n as u16);
            let destination = (b, (n >> 16) as u16);
            hasher.flow(&FlowKey::new(IpProtocol::UDP, source, destination))
        });
        let v6 =
            |high: u32, low: u32| Ipv6Addr::from_bits(u128::from(high) << 64 | u128::from(low));
        spread(|n| {
            let key = FlowKey::new(IpProtocol::TCP, (v6(7, n), 1), (v6(7, 9), 2));
            hasher.flow(&key)
        });
        spread(|n| {
            let key = FlowKey::new(IpProtocol::TCP, (v6(7, 9), 1), (v6(n, 9), 2));
            hasher.flow(&key)
        });
        spread(|n| hasher.addr(v6(n, 0), 0));
    }

    #[test]
    fn seeds_make_different_hashes() {
        let key = FlowKey::echo_request(Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST, 1);
        let [a, b] = [1, 2].map(|seed| Hasher::new(seed).flow(&key));
        assert_ne!(a, b);
        assert_ne!(a & 0xffff, b & 0xffff);
    }
}

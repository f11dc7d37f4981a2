//! A fast digest of what happens.

/// Two words that each step multiplies and folds, as wyhash does. Not for secrets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Digest([u64; 2]);

/// Those of wyhash, and digits of pi: a factor that is 0 loses the other, so no two places have the same.
const KEYS: [u64; 6] = [
    0xa076_1d64_78bd_642f,
    0xe703_7ed1_a0b4_28db,
    0x8ebc_6af0_9c88_c6e3,
    0x5899_65cc_7537_4cc3,
    0x243f_6a88_85a3_08d3,
    0x1319_8a2e_0370_7344,
];

impl Default for Digest {
    fn default() -> Self {
        Self([KEYS[0], KEYS[1]])
    }
}

impl Digest {
    #[inline]
    pub(crate) fn words(&mut self, a: u64, b: u64) {
        let [first, second] = self.0;
        let mixed = fold(a ^ first, b ^ KEYS[2]);
        // What came before stays in the second word, even where a product is 0.
        self.0 = [mixed ^ second.rotate_left(29), mixed.wrapping_add(first)];
    }

    /// Their number is part of it.
    pub(crate) fn octets(&mut self, octets: &[u8]) {
        let word = |part: &[u8]| part.try_into().map_or(0, u64::from_le_bytes);
        let (chunks, rest) = octets.as_chunks::<16>();
        // Products of two chunks do not wait for each other.
        let mut lanes = [KEYS[4], KEYS[5]];
        let (pairs, single) = chunks.as_chunks::<2>();
        for pair in pairs {
            for (lane, chunk) in lanes.iter_mut().zip(pair) {
                *lane = fold(word(&chunk[..8]) ^ *lane, word(&chunk[8..]) ^ KEYS[3]);
            }
        }
        for chunk in single {
            lanes[0] = fold(word(&chunk[..8]) ^ lanes[0], word(&chunk[8..]) ^ KEYS[3]);
        }
        let mut last = [0; 16];
        last[..rest.len()].copy_from_slice(rest);
        self.words(
            word(&last[..8]) ^ lanes[0],
            word(&last[8..]).wrapping_add(lanes[1]),
        );
        self.words(octets.len() as u64, lanes[0]);
    }

    pub(crate) fn finish(self) -> u64 {
        let [first, second] = self.0;
        fold(first ^ KEYS[2], second ^ KEYS[0])
    }
}

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bit_counts() {
        let of = |octets: &[u8]| {
            let mut digest = Digest::default();
            digest.octets(octets);
            digest.finish()
        };
        let mut seen = Vec::new();
        for len in 0..70 {
            let mut octets = vec![0; len];
            seen.push(of(&octets));
            for bit in 0..8 * len {
                octets[bit / 8] ^= 1 << (bit % 8);
                seen.push(of(&octets));
                octets[bit / 8] = 0;
            }
        }
        let count = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), count);
    }
}

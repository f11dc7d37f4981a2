//! Keyed hashing for the tables of this crate: SipHash-1-3 (Aumasson, Bernstein, INDOCRYPT 2012), so that
//! nobody who does not know the seed can choose keys that all lie in one place; and the chains of a table
//! whose entries carry the links themselves.

use crate::slab::NIL;
use crate::storage::Store;

/// A hash under construction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hash([u64; 4]);

impl Hash {
    /// With a seed, of which both halves of the key are made.
    pub(crate) const fn new(seed: u64) -> Self {
        let other = seed.rotate_left(32) ^ 0x9e37_79b9_7f4a_7c15;
        Self([
            seed ^ 0x736f_6d65_7073_6575,
            other ^ 0x646f_7261_6e64_6f6d,
            seed ^ 0x6c79_6765_6e65_7261,
            other ^ 0x7465_6462_7974_6573,
        ])
    }

    /// Adds a word. Keys of one table all have the same number of words, so none is needed for their length.
    #[must_use]
    pub(crate) const fn word(mut self, word: u64) -> Self {
        self.0[3] ^= word;
        self = self.round();
        self.0[0] ^= word;
        self
    }

    /// Adds an address.
    #[must_use]
    pub(crate) fn octets(mut self, octets: &[u8]) -> Self {
        let (words, rest) = octets.as_chunks::<8>();
        for word in words {
            self = self.word(u64::from_le_bytes(*word));
        }
        if rest.is_empty() {
            return self;
        }
        let word = rest
            .iter()
            .fold(0, |word, octet| word << 8 | u64::from(*octet));
        self.word(word)
    }

    pub(crate) const fn finish(mut self) -> u64 {
        self.0[2] ^= 0xff;
        let [a, b, c, d] = self.round().round().round().0;
        a ^ b ^ c ^ d
    }

    const fn round(self) -> Self {
        let [mut a, mut b, mut c, mut d] = self.0;
        a = a.wrapping_add(b);
        b = b.rotate_left(13) ^ a;
        a = a.rotate_left(32);
        c = c.wrapping_add(d);
        d = d.rotate_left(16) ^ c;
        a = a.wrapping_add(d);
        d = d.rotate_left(21) ^ a;
        c = c.wrapping_add(b);
        b = b.rotate_left(17) ^ c;
        c = c.rotate_left(32);
        Self([a, b, c, d])
    }
}

/// Numbers that nobody knows who does not know the seed (Steele, Lea and Flood, OOPSLA 2014, §5), each odd, so that
/// none is 0: for hashes that multiply by them.
pub(crate) fn secrets<const N: usize>(seed: u64) -> [u64; N] {
    let mut state = seed;
    core::array::from_fn(|_| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31 | 1
    })
}

/// Both halves of the product: every bit of either factor reaches the bits in the middle.
#[inline]
pub(crate) fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product >> 64) as u64 ^ product as u64
}

/// The beginnings of a table's chains, as many as a power of two. All are there from the start, so that no
/// packet ever waits for a table to be hashed anew.
#[derive(Clone, Debug)]
pub(crate) struct Chains<S> {
    heads: S,
    mask: usize,
}

impl<S: Store<u32>> Chains<S> {
    /// Chains for about `entries` entries; storage of fixed length has as many as it has.
    pub(crate) fn new(mut heads: S, entries: usize) -> Self {
        let wanted = entries.clamp(1, 1 << 30).next_power_of_two();
        while heads.items().len() < wanted && heads.grow(NIL).is_ok() {}
        heads.items_mut().fill(NIL);
        let places = heads.items().len().max(1);
        let mask = (1 << places.ilog2()) - 1;
        Self { heads, mask }
    }

    /// The first entry of a hash's chain, [`NIL`] if it is empty.
    pub(crate) fn first(&self, hash: u64) -> u32 {
        let place = hash as usize & self.mask;
        self.heads.items().get(place).copied().unwrap_or(NIL)
    }

    pub(crate) fn set_first(&mut self, hash: u64, entry: u32) {
        let place = hash as usize & self.mask;
        if let Some(head) = self.heads.items_mut().get_mut(place) {
            *head = entry;
        }
    }

    /// Whether there is any chain: none in storage of length 0, where nothing is ever found.
    pub(crate) fn is_empty(&self) -> bool {
        self.heads.items().is_empty()
    }
}

/// What `limit` comes to in `store`: its length, if it cannot grow and has less.
pub(crate) fn limit_of<T, S: Store<T>>(store: &mut S, limit: usize, empty: T) -> usize {
    let places = store.items().len();
    if places < limit && store.grow(empty).is_err() {
        return places;
    }
    limit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_spread_and_the_seed_decides_how() {
        let mut places = [0u32; 64];
        for n in 0..6400u64 {
            let hash = Hash::new(7).word(n << 32).finish();
            places[hash as usize % 64] += 1;
            assert_ne!(hash, Hash::new(8).word(n << 32).finish());
        }
        assert!(
            places.iter().all(|count| (50..160).contains(count)),
            "{places:?}"
        );
        let short = Hash::new(7).octets(&[1, 2, 3, 4]).finish();
        assert_ne!(short, Hash::new(7).octets(&[1, 2, 4, 3]).finish());
    }

    #[test]
    fn storage_of_fixed_length_sets_its_own_limits() {
        assert_eq!(limit_of(&mut [0; 3], 8, 0), 3);
        assert_eq!(limit_of(&mut [0; 9], 8, 0), 8);
        let mut none = Chains::new([0; 0], 8);
        none.set_first(5, 1);
        assert!(none.is_empty() && none.first(5) == NIL);
        let mut some = Chains::new([0; 5], 8);
        some.set_first(5, 1);
        assert_eq!((some.first(1), some.first(2)), (1, NIL));
    }
}

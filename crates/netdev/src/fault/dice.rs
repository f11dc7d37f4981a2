//! What befalls a frame, and the damage done to it.

use super::{FaultCounters, Faults};
use crate::{ChecksumState, FrameMeta, complete_checksum};

/// Decides about frames, one after the other.
#[derive(Debug)]
pub(super) struct Dice {
    pub(super) faults: Faults,
    pub(super) counters: FaultCounters,
    random: Random,
}

/// What befalls a frame that has been damaged already, as far as it is to be.
pub(super) struct Fate {
    /// What is left of it, in octets.
    pub(super) len: usize,
    pub(super) lost: bool,
    pub(super) duplicated: bool,
    pub(super) held: bool,
}

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            faults: Faults::default(),
            counters: FaultCounters::default(),
            random: Random(seed),
        }
    }

    /// Decides about a frame behind a link header of `header_len` octets, and damages it.
    pub(super) fn roll(
        &mut self,
        header_len: usize,
        octets: &mut [u8],
        meta: &mut FrameMeta,
    ) -> Fate {
        let Self {
            faults,
            counters,
            random,
        } = self;
        // All are drawn for each frame, so that one probability moves no decision of another.
        let lost = random.happens(faults.loss_ppm);
        let duplicated = random.happens(faults.duplication_ppm);
        let corrupted = random.happens(faults.corruption_ppm);
        let bit = random.next();
        let held = random.happens(faults.reordering_ppm) && faults.gap > 0;
        counters.frames += 1;
        let mut len = octets.len();
        if lost {
            counters.lost += 1;
        } else {
            let longest = faults.mtu.map(|mtu| mtu.saturating_add(header_len));
            if let Some(longest) = longest.filter(|longest| *longest < len)
                && meta.segmentation.is_none()
            {
                settle_checksum(octets, meta);
                len = longest;
                counters.truncated += 1;
            }
            if corrupted && len > 0 {
                settle_checksum(octets, meta);
                let bit = scale(bit, 8 * len as u64);
                octets[(bit / 8) as usize] ^= 1 << (bit % 8);
                counters.corrupted += 1;
            }
        }
        Fate {
            len,
            lost,
            duplicated,
            held,
        }
    }
}

/// A wire damages frames whose checksum is there, and which nobody has verified yet.
fn settle_checksum(octets: &mut [u8], meta: &mut FrameMeta) {
    if let ChecksumState::Partial { start, offset } = meta.checksum {
        if meta.segmentation.is_some() {
            // Its segments have no checksum before they are made.
            return;
        }
        complete_checksum(octets, start.into(), offset.into());
    }
    meta.checksum = ChecksumState::Unverified;
}

/// The generator SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators",
/// OOPSLA 2014).
#[derive(Debug)]
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn happens(&mut self, ppm: u32) -> bool {
        scale(self.next(), 1_000_000) < u64::from(ppm)
    }
}

/// Scales a number of 64 random bits to `0..bound`.
fn scale(random: u64, bound: u64) -> u64 {
    // The high half of a product is below either factor.
    ((u128::from(random) * u128::from(bound)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use waypost_wire::Checksum;

    #[test]
    fn the_generator_is_splitmix64() {
        let mut random = Random(1_234_567);
        let wanted = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973];
        assert_eq!([random.next(), random.next()], wanted);
    }

    #[test]
    fn probabilities_are_kept_and_their_ends_are_certain() {
        let mut random = Random(7);
        let mut count = |ppm| (0..100_000).filter(|_| random.happens(ppm)).count();
        assert_eq!((count(0), count(1_000_000)), (0, 100_000));
        let tenth = count(100_000);
        assert!((9_500..10_500).contains(&tenth), "{tenth}");
    }

    #[test]
    fn damage_comes_after_the_checksum() {
        let mut dice = Dice::new(1);
        dice.faults.corruption_ppm = 1_000_000;
        let mut octets = [3; 40];
        octets[26..28].fill(0);
        let mut whole = octets;
        assert!(complete_checksum(&mut whole, 20, 6));
        assert!(Checksum::new().add_bytes(&whole[20..]).is_valid());
        let mut meta = FrameMeta {
            checksum: ChecksumState::Partial {
                start: 20,
                offset: 6,
            },
            ..FrameMeta::default()
        };
        dice.roll(0, &mut octets, &mut meta);
        let bits = |(a, b): (&u8, &u8)| (a ^ b).count_ones();
        assert_eq!(octets.iter().zip(&whole).map(bits).sum::<u32>(), 1);
        assert_eq!(meta.checksum, ChecksumState::Unverified);
    }
}

//! Random numbers that are the same everywhere, from a seed.

use waypost_wire::Duration;

/// A generator of random numbers: xoshiro256++ (Blackman and Vigna, 2018), whose state is filled by
/// splitmix64 from a seed of 64 bits. Not for secrets.
///
/// Everything it computes is integers, or products and sums of floats: the same on every machine.
///
/// ```
/// use waypost_sim::Rng;
///
/// let root = Rng::new(1);
/// let (mut loss, mut jitter) = (root.split("loss"), root.split("jitter"));
/// assert_ne!(loss.next_u64(), jitter.next_u64());
/// // A generator that is split does not depend on what else was drawn.
/// assert_eq!(root.split("loss").next_u64(), Rng::new(1).split("loss").next_u64());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rng {
    state: [u64; 4],
    /// What generators split from this one begin with.
    seed: u64,
}

impl Rng {
    /// The generator of a seed.
    pub fn new(seed: u64) -> Self {
        let mut source = seed;
        Self {
            state: [(); 4].map(|()| splitmix(&mut source)),
            seed,
        }
    }

    /// The generator that belongs to `label`: it depends on the seed and the label alone, not on what has been drawn or
    /// split off before.
    #[must_use]
    pub fn split(&self, label: &str) -> Self {
        // FNV-1a keeps labels apart, splitmix64 spreads what it gives.
        let fold = |hash: u64, octet| (hash ^ u64::from(octet)).wrapping_mul(0x100_0000_01b3);
        let hash = label.bytes().fold(0xcbf2_9ce4_8422_2325, fold);
        let mut source = hash;
        let label = splitmix(&mut source);
        Self::new(self.seed.rotate_left(32) ^ label)
    }

    /// 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c, d) = (c ^ a, d ^ b);
        self.state = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        result
    }

    /// A number below `bound`, each with the same probability; 0 if `bound` is 0 (Lemire, 2019).
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        loop {
            let wide = u128::from(self.next_u64()) * u128::from(bound);
            let low = wide as u64;
            if low >= bound || low >= bound.wrapping_neg().checked_rem(bound).unwrap_or(0) {
                return (wide >> 64) as u64;
            }
        }
    }

    /// Whether something happens whose probability is `ppm` parts per million. Nothing is drawn for 0.
    #[inline]
    pub fn happens(&mut self, ppm: u32) -> bool {
        ppm > 0 && self.below(1_000_000) < u64::from(ppm)
    }

    /// A number from 0 up to, and not including, 1.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A span from `from` to `to`, both included; `from` if `to` is shorter.
    pub fn duration(&mut self, from: Duration, to: Duration) -> Duration {
        let width = (to - from).as_nanos();
        match width.checked_add(1) {
            Some(bound) => from + Duration::from_nanos(self.below(bound)),
            None => Duration::from_nanos(self.next_u64()),
        }
    }

    /// A number near 0 as of the normal distribution of variance 1: the sum of twelve uniform ones, less 6. It is never
    /// beyond 6.
    pub fn normal(&mut self) -> f64 {
        let mut sum = 0;
        for _ in 0..3 {
            let bits = self.next_u64();
            sum += (0..4)
                .map(|part| (bits >> (16 * part)) & 0xffff)
                .sum::<u64>();
        }
        (sum as f64 + 6.0) / 65536.0 - 6.0
    }

    /// A span of the exponential distribution with this mean: the time between two arrivals that know nothing of each other.
    pub fn exponential(&mut self, mean: Duration) -> Duration {
        // Von Neumann's way (1951), which needs no logarithm: a run of descending numbers is as often of odd length as
        // the distribution asks.
        let mut whole = 0_u64;
        let fraction = loop {
            let first = self.next_u64();
            let (mut last, mut odd) = (first, true);
            loop {
                let next = self.next_u64();
                if next >= last {
                    break;
                }
                (last, odd) = (next, !odd);
            }
            if odd {
                break first;
            }
            whole += 1;
        };
        let nanos = u128::from(mean.as_nanos());
        let part = (nanos * u128::from(fraction)) >> 64;
        mean * whole + Duration::from_nanos(part as u64)
    }

    /// One of `items`, each with the same probability.
    pub fn choose<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len() as u64) as usize)
    }
}

/// Steele, Lea and Flood, 2014.
fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_published_algorithms() {
        // splitmix64 of the seed 1234567, as its authors' program prints it.
        let mut state = 1_234_567;
        let numbers = [(); 3].map(|()| splitmix(&mut state));
        assert_eq!(
            numbers,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
        // xoshiro256++ of the state 1, 2, 3, 4.
        let mut rng = Rng {
            state: [1, 2, 3, 4],
            seed: 0,
        };
        let numbers = [(); 4].map(|()| rng.next_u64());
        assert_eq!(
            numbers,
            [
                41_943_041,
                58_720_359,
                3_588_806_011_781_223,
                3_591_011_842_654_386
            ]
        );
    }

    #[test]
    fn means_and_bounds_are_as_said() {
        let mut rng = Rng::new(7);
        let rounds = 100_000;
        let mean = |sum: f64| sum / f64::from(rounds);
        let below: u64 = (0..rounds).map(|_| rng.below(10)).sum();
        assert!((mean(below as f64) - 4.5).abs() < 0.05);
        let unit: f64 = (0..rounds).map(|_| rng.unit()).sum();
        assert!((mean(unit) - 0.5).abs() < 0.01);
        let (mut sum, mut squares) = (0.0, 0.0);
        for _ in 0..rounds {
            let normal = rng.normal();
            (sum, squares) = (sum + normal, squares + normal * normal);
        }
        assert!(mean(sum).abs() < 0.02 && (mean(squares) - 1.0).abs() < 0.02);
        let second = Duration::from_secs(1);
        let spans: Vec<f64> = (0..rounds)
            .map(|_| rng.exponential(second).as_secs_f64())
            .collect();
        assert!((mean(spans.iter().sum()) - 1.0).abs() < 0.02);
        let squares: f64 = spans.iter().map(|span| span * span).sum();
        assert!((mean(squares) - 2.0).abs() < 0.1);
        let happened = (0..rounds).filter(|_| rng.happens(250_000)).count();
        assert!((24_000..26_000).contains(&happened));
    }

    #[test]
    fn ends_of_ranges_are_in_them() {
        let mut rng = Rng::new(0);
        assert_eq!((rng.below(0), rng.below(1)), (0, 0));
        assert!(!rng.happens(0) && rng.happens(1_000_000));
        let (one, two) = (Duration::from_nanos(1), Duration::from_nanos(2));
        assert!((0..100).any(|_| rng.duration(one, two) == two));
        assert!((0..100).any(|_| rng.duration(one, two) == one));
        assert_eq!(rng.duration(two, one), two);
        assert!(rng.duration(Duration::ZERO, Duration::MAX) > Duration::ZERO);
        assert_eq!(rng.choose::<u8>(&[]), None);
    }
}

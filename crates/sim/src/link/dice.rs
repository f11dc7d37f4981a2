//! What chance does to frames.

use waypost_wire::Duration;

use super::{Jitter, LinkConfig, Loss};
use crate::Rng;

/// The chances of one direction. Each kind of fault has a generator of its own, so that one that is switched on, or drawn
/// more often, changes nothing of the others.
#[derive(Debug)]
pub(super) struct Dice {
    loss: Rng,
    duplication: Rng,
    corruption: Rng,
    reordering: Rng,
    jitter: Rng,
    /// The jitter of copies.
    copies: Rng,
    /// The link is in a burst of losses.
    bad: bool,
}

impl Dice {
    pub(super) fn new(seed: &Rng) -> Self {
        Self {
            loss: seed.split("loss"),
            duplication: seed.split("duplication"),
            corruption: seed.split("corruption"),
            reordering: seed.split("reordering"),
            jitter: seed.split("jitter"),
            copies: seed.split("copies"),
            bad: false,
        }
    }

    /// Whether the frame of this number vanishes.
    pub(super) fn loses(&mut self, loss: &Loss, number: u64) -> bool {
        match *loss {
            Loss::None => false,
            Loss::Random { ppm } => self.loss.happens(ppm),
            Loss::Bursts {
                begin_ppm,
                end_ppm,
                good_ppm,
                bad_ppm,
            } => {
                let change_ppm = if self.bad { end_ppm } else { begin_ppm };
                self.bad ^= self.loss.happens(change_ppm);
                self.loss.happens(if self.bad { bad_ppm } else { good_ppm })
            }
            Loss::Numbers(ref numbers) => numbers.binary_search(&number).is_ok(),
        }
    }

    /// A burst of one model of loss is none of the next.
    pub(super) fn end_burst(&mut self) {
        self.bad = false;
    }

    pub(super) fn duplicates(&mut self, config: &LinkConfig) -> bool {
        self.duplication.happens(config.duplication_ppm)
    }

    pub(super) fn holds(&mut self, config: &LinkConfig) -> bool {
        self.reordering.happens(config.reordering_ppm)
    }

    /// Inverts bits of a frame that is to be damaged, and says how many.
    pub(super) fn corrupt(&mut self, config: &LinkConfig, octets: &mut [u8]) -> u32 {
        if octets.is_empty() || !self.corruption.happens(config.corruption_ppm) {
            return 0;
        }
        for _ in 0..config.corrupted_bits {
            let bit = self.corruption.below(8 * octets.len() as u64);
            octets[(bit / 8) as usize] ^= 0x80 >> (bit % 8);
        }
        config.corrupted_bits
    }

    /// How long a frame takes from one end to the other.
    pub(super) fn delay(&mut self, config: &LinkConfig) -> Duration {
        delay(&mut self.jitter, config)
    }

    /// How long the copy of a frame takes.
    pub(super) fn copy_delay(&mut self, config: &LinkConfig) -> Duration {
        delay(&mut self.copies, config)
    }
}

fn delay(rng: &mut Rng, config: &LinkConfig) -> Duration {
    match config.jitter {
        Jitter::None => config.delay,
        Jitter::Uniform(width) => config.delay + rng.duration(Duration::ZERO, width),
        Jitter::Normal(deviation) => {
            let offset = deviation.as_nanos() as f64 * rng.normal();
            let length = Duration::from_nanos(offset.abs() as u64);
            if offset < 0.0 {
                config.delay - length
            } else {
                config.delay + length
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn losses(loss: &Loss, frames: u64) -> Vec<bool> {
        let mut dice = Dice::new(&Rng::new(5));
        (0..frames).map(|number| dice.loses(loss, number)).collect()
    }

    #[test]
    fn bursts_are_as_long_and_as_frequent_as_asked() {
        let bursts = Loss::Bursts {
            begin_ppm: 10_000,
            end_ppm: 200_000,
            good_ppm: 0,
            bad_ppm: 1_000_000,
        };
        let lost = losses(&bursts, 1_000_000);
        // A link is bad for 0.01 / (0.01 + 0.2) of the time, and 5 frames on end.
        let count = lost.iter().filter(|lost| **lost).count();
        assert!((45_000..50_500).contains(&count), "{count}");
        let begins = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count();
        let mean = count as f64 / begins as f64;
        assert!((4.8..5.2).contains(&mean), "{mean}");
    }

    #[test]
    fn frames_are_lost_by_chance_or_by_number() {
        let lost = losses(&Loss::Random { ppm: 300_000 }, 100_000);
        let count = lost.iter().filter(|lost| **lost).count();
        assert!((29_000..31_000).contains(&count));
        let lost = losses(&Loss::Numbers([1, 3].into()), 5);
        assert_eq!(lost, [false, true, false, true, false]);
    }

    #[test]
    fn jitter_has_its_bounds_and_its_width() {
        let mut dice = Dice::new(&Rng::new(1));
        let millis = Duration::from_millis;
        let mut config = LinkConfig {
            delay: millis(10),
            jitter: Jitter::Uniform(millis(5)),
            ..LinkConfig::ip()
        };
        let spans: Vec<_> = (0..1000).map(|_| dice.delay(&config)).collect();
        let in_bounds = |span: &Duration| (millis(10)..=millis(15)).contains(span);
        assert!(spans.iter().all(in_bounds));
        assert!(spans.iter().any(|span| *span > millis(14)));
        config.jitter = Jitter::Normal(millis(2));
        let spans: Vec<_> = (0..10_000).map(|_| dice.delay(&config)).collect();
        let near = |span: &&Duration| (millis(8)..=millis(12)).contains(*span);
        assert!((6500..7200).contains(&spans.iter().filter(near).count()));
        config.delay = Duration::ZERO;
        assert!((0..100).any(|_| dice.delay(&config) == Duration::ZERO));
    }

    #[test]
    fn one_fault_moves_no_decision_of_another() {
        let plain = LinkConfig {
            duplication_ppm: 500_000,
            jitter: Jitter::Uniform(Duration::from_millis(1)),
            ..LinkConfig::ip()
        };
        let worse = LinkConfig {
            corruption_ppm: 500_000,
            corrupted_bits: 3,
            ..plain.clone()
        };
        let [one, other] = [plain, worse].map(|config| {
            let mut dice = Dice::new(&Rng::new(8));
            let mut decide = |_| {
                dice.corrupt(&config, &mut [0; 9]);
                let duplicated = dice.duplicates(&config);
                if config.corruption_ppm > 0 {
                    dice.copy_delay(&config);
                }
                (duplicated, dice.delay(&config))
            };
            (0..100).map(&mut decide).collect::<Vec<_>>()
        });
        assert_eq!(one, other);
    }
}

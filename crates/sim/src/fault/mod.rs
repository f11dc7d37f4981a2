//! Schedules of faults.

mod random;
mod shrink;
mod text;

use waypost_wire::{Duration, Instant};

use crate::{Jitter, LinkConfig, Loss};
pub use random::{FaultBounds, FaultKind};
pub use shrink::Shrunk;
pub use text::FaultTextError;

/// Something goes wrong for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// When it begins.
    pub at: Instant,
    /// How long it lasts. Everything is as before then, but for what other faults do.
    pub lasts: Duration,
    /// What goes wrong.
    pub what: Disturbance,
}

impl Fault {
    /// When it ends.
    pub fn end(&self) -> Instant {
        self.at + self.lasts
    }

    fn is_active(&self, now: Instant) -> bool {
        self.at <= now && now < self.end()
    }
}

/// What goes wrong. Links and nodes are told by name, so that a schedule can be kept as text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Disturbance {
    /// A link is down.
    Down(String),
    /// Both directions of a link are different.
    Change(String, Change),
    /// All links between these nodes and all others are down.
    Partition(Vec<String>),
    /// A node stands still: frames that arrive are lost, time passes by.
    Pause(String),
    /// A node is switched off, and begins anew at the end.
    Restart(String),
}

/// How a link is different.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// Bits that are sent in a second.
    Rate(u64),
    /// The delay.
    Delay(Duration),
    /// The width of a uniform jitter, which does not keep frames in order.
    Jitter(Duration),
    /// Frames that vanish, of a million.
    Loss(u32),
    /// Frames that vanish in bursts ([`Loss::Bursts`]), outside of which all arrive.
    Bursts {
        /// How likely a burst begins at a frame, of a million.
        begin_ppm: u32,
        /// How likely a burst ends at a frame, of a million.
        end_ppm: u32,
    },
    /// Frames that arrive twice, of a million.
    Duplication(u32),
    /// Frames that are damaged, of a million.
    Corruption(u32),
    /// Frames that are held back, of a million.
    Reordering(u32),
    /// Frames that wait, at most.
    Queue(usize),
    /// The longest packet above the link header, in octets.
    Mtu(usize),
}

impl Change {
    fn apply(self, config: &mut LinkConfig) {
        match self {
            Self::Rate(rate) => config.rate = Some(rate),
            Self::Delay(delay) => config.delay = delay,
            Self::Jitter(width) => {
                config.jitter = Jitter::Uniform(width);
                config.keep_order = false;
            }
            Self::Loss(ppm) => config.loss = Loss::Random { ppm },
            Self::Bursts { begin_ppm, end_ppm } => {
                config.loss = Loss::Bursts {
                    begin_ppm,
                    end_ppm,
                    good_ppm: 0,
                    bad_ppm: 1_000_000,
                };
            }
            Self::Duplication(ppm) => config.duplication_ppm = ppm,
            Self::Corruption(ppm) => config.corruption_ppm = ppm,
            Self::Reordering(ppm) => config.reordering_ppm = ppm,
            Self::Queue(frames) => config.queue.frames = frames,
            Self::Mtu(mtu) => config.mtu = mtu,
        }
    }
}

/// Faults, in any order; where two change the same, the later in the list wins.
///
/// As text, it is one line for each fault, and can be run again:
///
/// ```
/// use waypost_sim::FaultSchedule;
///
/// let text = "\
/// at 1s for 200ms down core
/// at 1.5s for 3s loss access-1 20000ppm
/// at 2s for 1s partition a,b
/// ";
/// let faults: FaultSchedule = text.parse()?;
/// assert_eq!(faults.faults().len(), 3);
/// assert_eq!(faults.to_string(), text);
/// # Ok::<(), waypost_sim::FaultTextError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultSchedule {
    faults: Vec<Fault>,
}

impl From<Vec<Fault>> for FaultSchedule {
    fn from(faults: Vec<Fault>) -> Self {
        Self { faults }
    }
}

impl FaultSchedule {
    /// The faults.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// Whether nothing goes wrong.
    pub fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    /// Faults that begin or end at an instant.
    pub(crate) fn turning(&self, now: Instant) -> impl Iterator<Item = &Fault> {
        let turns = move |fault: &&Fault| fault.at == now || fault.end() == now;
        self.faults.iter().filter(turns)
    }

    fn active(&self, now: Instant) -> impl Iterator<Item = &Disturbance> {
        let active = self.faults.iter().filter(move |it| it.is_active(now));
        active.map(|fault| &fault.what)
    }

    /// What a link is like at an instant.
    pub(crate) fn config(&self, now: Instant, name: &str, base: &LinkConfig) -> LinkConfig {
        let mut config = base.clone();
        for what in self.active(now) {
            if let Disturbance::Change(link, change) = what
                && link == name
            {
                change.apply(&mut config);
            }
        }
        config
    }

    /// Whether a link between two nodes is down at an instant.
    pub(crate) fn is_down(&self, now: Instant, name: &str, ends: [&str; 2]) -> bool {
        self.active(now).any(|what| match what {
            Disturbance::Down(link) => link == name,
            Disturbance::Partition(nodes) => {
                let [a, b] = ends.map(|end| nodes.iter().any(|node| node == end));
                a != b
            }
            _ => false,
        })
    }

    /// Whether a node stands still at an instant.
    pub(crate) fn is_paused(&self, now: Instant, name: &str) -> bool {
        self.active(now).any(|what| match what {
            Disturbance::Pause(node) | Disturbance::Restart(node) => node == name,
            _ => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn second(second: u64) -> Instant {
        Instant::from_secs(second)
    }

    #[test]
    fn faults_overlap_and_end() {
        let faults: FaultSchedule = "at 1s for 4s delay l 10ms\nat 2s for 1s delay l 20ms\n\
             at 2s for 1s loss l 5ppm\nat 3s for 1s partition a,c\nat 4s for 1s down l\nat 5s for 1s pause a"
            .parse()
            .unwrap();
        let base = LinkConfig::ip();
        let delay = |at| faults.config(second(at), "l", &base).delay.as_millis();
        assert_eq!([0, 1, 2, 3, 4, 5].map(delay), [0, 10, 20, 10, 10, 0]);
        assert_eq!(
            faults.config(second(2), "l", &base).loss,
            Loss::Random { ppm: 5 }
        );
        assert_eq!(faults.config(second(2), "other", &base), base);
        let down = |ends| [2, 3, 4, 5].map(|at| faults.is_down(second(at), "l", ends));
        assert_eq!(down(["a", "b"]), [false, true, true, false]);
        assert_eq!(down(["a", "c"]), [false, false, true, false]);
        assert!(faults.is_paused(second(5), "a") && !faults.is_paused(second(5), "b"));
        assert_eq!(faults.turning(second(5)).count(), 3);
    }
}

//! Faults by chance, within bounds.

use waypost_wire::{Duration, Instant};

use super::{Change, Disturbance, Fault, FaultSchedule};
use crate::{Rng, Simulation};

/// A kind of fault. What is drawn for a link stands in place of what the link has, be that more or less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// A link is down.
    Down,
    /// Some nodes are cut off from the others.
    Partition,
    /// A node stands still.
    Pause,
    /// A node is switched off and on.
    Restart,
    /// A link has another rate.
    Rate,
    /// A link has another delay.
    Delay,
    /// A link has jitter.
    Jitter,
    /// A link loses frames.
    Loss,
    /// A link duplicates frames.
    Duplication,
    /// A link damages frames.
    Corruption,
    /// A link holds frames back.
    Reordering,
    /// A link loses frames in bursts.
    Bursts,
    /// Another number of frames may wait for a link.
    Queue,
    /// A link has another MTU.
    Mtu,
}

impl FaultKind {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Down,
        Self::Partition,
        Self::Pause,
        Self::Restart,
        Self::Rate,
        Self::Delay,
        Self::Jitter,
        Self::Loss,
        Self::Duplication,
        Self::Corruption,
        Self::Reordering,
        Self::Bursts,
        Self::Queue,
        Self::Mtu,
    ];
}

/// Within what faults are drawn.
#[derive(Clone, Debug)]
pub struct FaultBounds {
    /// No fault begins before.
    pub from: Instant,
    /// All faults have ended then.
    pub until: Instant,
    /// How many faults there are, at most; at least one.
    pub faults_max: usize,
    /// How long a fault lasts, at most.
    pub lasts_max: Duration,
    /// Links that may be concerned.
    pub links: Vec<String>,
    /// Nodes that may be concerned.
    pub nodes: Vec<String>,
    /// What may happen; a kind that is listed twice happens more often.
    pub kinds: Vec<FaultKind>,
    /// Delay and jitter, at most.
    pub delay_max: Duration,
    /// Loss (in bursts as well, on average), duplication, corruption and reordering, at most.
    pub ppm_max: u32,
    /// The slowest and the fastest rate, in bits a second.
    pub rates: (u64, u64),
    /// Frames that a burst of losses takes on average, at most; at least one.
    pub burst_max: u32,
    /// Frames that may wait for a link whose queue is another, at most.
    pub queue_max: usize,
    /// The least and the greatest MTU, in octets above the link header.
    pub mtus: (usize, usize),
}

impl Default for FaultBounds {
    /// Up to eight faults of all kinds in the first ten seconds, each of up to two seconds: but no node and no link that they
    /// could concern.
    fn default() -> Self {
        Self {
            from: Instant::ZERO,
            until: Instant::from_secs(10),
            faults_max: 8,
            lasts_max: Duration::from_secs(2),
            links: Vec::new(),
            nodes: Vec::new(),
            kinds: FaultKind::ALL.to_vec(),
            delay_max: Duration::from_millis(200),
            ppm_max: 300_000,
            rates: (64_000, 10_000_000),
            burst_max: 16,
            queue_max: 50,
            mtus: (576, 1500),
        }
    }
}

impl FaultBounds {
    /// All links and nodes of a simulation may be concerned.
    pub fn of(net: &Simulation) -> Self {
        let links = net.links().map(|link| net.link_name(link).to_owned());
        let nodes = net.nodes().map(|node| net.name(node).to_owned());
        Self {
            links: links.collect(),
            nodes: nodes.collect(),
            ..Self::default()
        }
    }
}

impl FaultSchedule {
    /// Faults within bounds. Kinds that could concern nobody are left out.
    pub fn random(rng: &mut Rng, bounds: &FaultBounds) -> Self {
        let count = 1 + rng.below(bounds.faults_max.max(1) as u64);
        let draw = |_| draw(rng, bounds);
        let mut faults: Vec<_> = (0..count).filter_map(draw).collect();
        faults.sort_by_key(|fault| fault.at);
        Self { faults }
    }
}

fn draw(rng: &mut Rng, bounds: &FaultBounds) -> Option<Fault> {
    let nano = Duration::from_nanos(1);
    let width = bounds.until - bounds.from;
    let lasts = rng.duration(nano, bounds.lasts_max.min(width).max(nano));
    let at = bounds.from + rng.duration(Duration::ZERO, width - lasts);
    let kind = *rng.choose(&bounds.kinds)?;
    let what = match kind {
        FaultKind::Partition => {
            let nodes = bounds.nodes.iter().filter(|_| rng.below(2) == 0);
            let nodes: Vec<_> = nodes.cloned().collect();
            if nodes.is_empty() {
                return None;
            }
            Disturbance::Partition(nodes)
        }
        FaultKind::Pause => Disturbance::Pause(rng.choose(&bounds.nodes)?.clone()),
        FaultKind::Restart => Disturbance::Restart(rng.choose(&bounds.nodes)?.clone()),
        FaultKind::Down => Disturbance::Down(rng.choose(&bounds.links)?.clone()),
        _ => {
            let link = rng.choose(&bounds.links)?.clone();
            let delay = rng.duration(Duration::ZERO, bounds.delay_max);
            let ppm = rng.below(u64::from(bounds.ppm_max) + 1) as u32;
            let (slowest, fastest) = bounds.rates;
            let rate = between(rng, slowest, fastest);
            let change = match kind {
                FaultKind::Rate => Change::Rate(rate),
                FaultKind::Delay => Change::Delay(delay),
                FaultKind::Jitter => Change::Jitter(delay),
                FaultKind::Duplication => Change::Duplication(ppm),
                FaultKind::Corruption => Change::Corruption(ppm),
                FaultKind::Reordering => Change::Reordering(ppm),
                FaultKind::Bursts => bursts(rng, ppm, bounds.burst_max),
                FaultKind::Queue => {
                    Change::Queue(between(rng, 0, bounds.queue_max as u64) as usize)
                }
                FaultKind::Mtu => {
                    let (least, greatest) = bounds.mtus;
                    Change::Mtu(between(rng, least as u64, greatest as u64) as usize)
                }
                _ => Change::Loss(ppm),
            };
            Disturbance::Change(link, change)
        }
    };
    Some(Fault { at, lasts, what })
}

/// A number from one to another.
fn between(rng: &mut Rng, least: u64, greatest: u64) -> u64 {
    least + rng.below(greatest.saturating_sub(least).saturating_add(1))
}

/// Bursts that lose this share of all frames: of the time, a link of [`Loss::Bursts`](crate::Loss::Bursts) is bad for
/// begin / (begin + end).
fn bursts(rng: &mut Rng, ppm: u32, frames_max: u32) -> Change {
    const MILLION: u64 = 1_000_000;
    let frames = between(rng, 1, u64::from(frames_max.max(1)));
    let end = (MILLION / frames).max(1);
    let good = MILLION.saturating_sub(u64::from(ppm)).max(1);
    let begin = (end * u64::from(ppm) / good).min(MILLION);
    Change::Bursts {
        begin_ppm: begin as u32,
        end_ppm: end as u32,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn faults_are_within_their_bounds() {
        let bounds = FaultBounds {
            from: Instant::from_secs(1),
            until: Instant::from_secs(2),
            links: vec!["l".to_owned()],
            nodes: vec!["n".to_owned(), "m".to_owned()],
            ..FaultBounds::default()
        };
        let mut count = 0;
        let mut seen = BTreeSet::new();
        for seed in 0..500 {
            let schedule = FaultSchedule::random(&mut Rng::new(seed), &bounds);
            assert!(schedule.faults().len() <= 8);
            assert!(schedule.faults().is_sorted_by_key(|fault| fault.at));
            for fault in schedule.faults() {
                assert!(fault.at >= bounds.from && fault.end() <= bounds.until);
                assert!(!fault.lasts.is_zero());
                count += 1;
                let text = fault.what.to_string();
                seen.insert(text.split(' ').next().unwrap().to_owned());
                match fault.what {
                    Disturbance::Change(_, Change::Queue(frames)) => assert!(frames <= 50),
                    Disturbance::Change(_, Change::Mtu(mtu)) => {
                        assert!((576..=1500).contains(&mtu));
                    }
                    Disturbance::Change(_, Change::Bursts { begin_ppm, end_ppm }) => {
                        assert!(end_ppm >= 1_000_000 / 16, "{text}");
                        let lost = f64::from(begin_ppm) / f64::from(begin_ppm + end_ppm);
                        assert!(lost <= 0.3, "{text}");
                    }
                    _ => {}
                }
            }
        }
        assert!(count > 1000);
        assert_eq!(seen.len(), FaultKind::ALL.len());
        let nobody = FaultSchedule::random(&mut Rng::new(1), &FaultBounds::default());
        assert!(nobody.is_empty());
    }
}

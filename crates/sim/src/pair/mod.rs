//! Two cores and a link between them.

mod run;

use std::collections::VecDeque;
use std::fmt;

use waypost_wire::Instant;

use crate::link::{Direction, Run, Transit};
use crate::traffic::Traffic;
use crate::{
    Core, Fate, FaultSchedule, Frame, Keep, LinkConfig, LinkCounters, LinkId, Log, Rng, Schedule,
    Side,
};

/// Events of one core that wait to be taken, at most.
const EVENTS_MAX: usize = 1 << 20;

/// The harness of all protocol cores: two of them, and a link between them, under virtual time.
///
/// Cores may borrow what they work in. In schedules of faults the link is called `link`, and the cores `a` and `b`.
///
/// ```
/// use waypost_sim::{Core, LinkConfig, Outcome, Pair, Side};
/// use waypost_wire::{Duration, Instant};
///
/// /// Counts down with the other.
/// struct Count(Option<u8>);
///
/// impl Core for Count {
///     type Event = u8;
///     fn handle_input(&mut self, _: Instant, octets: &[u8]) {
///         self.0 = octets.first().and_then(|octet| octet.checked_sub(1));
///     }
///     fn poll_output(&mut self, _: Instant, out: &mut Vec<u8>) -> bool {
///         out.extend(self.0.take());
///         !out.is_empty()
///     }
///     fn poll_event(&mut self) -> Option<u8> {
///         None
///     }
///     fn poll_timeout(&self) -> Option<Instant> {
///         None
///     }
///     fn handle_timeout(&mut self, _: Instant) {}
/// }
///
/// let link = LinkConfig { delay: Duration::from_millis(10), ..LinkConfig::ip() };
/// let mut pair = Pair::new(Count(Some(9)), Count(None), link, 1);
/// let outcome = pair.run_until_quiet(Instant::from_secs(1))?;
/// assert_eq!(outcome, Outcome::Quiet(Instant::from_millis(100)));
/// assert_eq!(pair.counters(Side::A).sent, 5);
/// # Ok::<(), waypost_sim::Stuck>(())
/// ```
pub struct Pair<A: Core, B: Core> {
    a: A,
    b: B,
    events_a: VecDeque<(Instant, A::Event)>,
    events_b: VecDeque<(Instant, B::Event)>,
    /// What each side sends.
    lines: [Direction; 2],
    /// What the link is like without faults.
    configs: [LinkConfig; 2],
    faults: FaultSchedule,
    /// How often faults were given.
    fault_turn: u32,
    paused: [bool; 2],
    world: World,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Since this time nothing is on its way, and no core waits for a time.
    Quiet(Instant),
    /// The deadline came before.
    Deadline,
}

/// What happens on the link.
#[derive(Default)]
struct World {
    now: Instant,
    schedule: Schedule<Event>,
    log: Log,
    traffic: Traffic,
    /// What happened since time has moved.
    at_once: u64,
}

enum Event {
    Arrive(Side, Transit),
    Ready(Side),
    /// Of the faults that were given at this turn.
    Fault(u32),
}

struct Effects<'a>(&'a mut World, Side);

impl Run for Effects<'_> {
    fn arrive(&mut self, at: Instant, transit: Transit) {
        self.0.traffic.begins(&transit.frame);
        self.0.schedule.push(at, Event::Arrive(self.1, transit));
    }
    fn ready(&mut self, at: Instant) {
        self.0.schedule.push(at, Event::Ready(self.1));
    }
    fn happened(&mut self, fate: Fate, number: u64, frame: &Frame, _: (usize, usize)) {
        let place = (LinkId(0), self.1);
        self.0.log.frame(self.0.now, place, number, frame, fate);
    }
}

impl<A: Core, B: Core> Pair<A, B> {
    /// Two cores at time 0, and a link that is the same in both directions; `seed` decides about what is left to chance.
    pub fn new(a: A, b: B, config: LinkConfig, seed: u64) -> Self {
        Self::with_configs(a, b, [config.clone(), config], seed)
    }

    /// Two cores, and a link whose first configuration is that of what `a` sends.
    pub fn with_configs(a: A, b: B, configs: [LinkConfig; 2], seed: u64) -> Self {
        let seed = Rng::new(seed);
        let [from_a, from_b] = configs.clone();
        Self {
            a,
            b,
            events_a: VecDeque::new(),
            events_b: VecDeque::new(),
            lines: [
                Direction::new(from_a, &seed.split("a")),
                Direction::new(from_b, &seed.split("b")),
            ],
            configs,
            faults: FaultSchedule::default(),
            fault_turn: 0,
            paused: [false; 2],
            world: World::default(),
        }
    }

    /// Lets these faults happen, in place of those that were given before. A core that is paused, or restarts, hears nothing and does nothing meanwhile; it forgets
    /// nothing. Faults of other names happen to nobody.
    #[must_use]
    pub fn with_faults(mut self, faults: FaultSchedule) -> Self {
        let turns = faults.faults().iter().flat_map(|it| [it.at, it.end()]);
        let mut turns: Vec<_> = turns.filter(|at| *at >= self.world.now).collect();
        turns.sort_unstable();
        turns.dedup();
        self.fault_turn += 1;
        for at in turns {
            let event = Event::Fault(self.fault_turn);
            self.world.schedule.push(at, event);
        }
        self.faults = faults;
        self.settle_faults();
        self
    }

    /// Keeps so much of the log, from now on.
    #[must_use]
    pub fn keep(mut self, keep: Keep) -> Self {
        self.world.log.set_keep(keep);
        self
    }

    /// Takes more octets of frames on their way than so many for a storm, as
    /// [`Simulation::in_flight_max`](crate::Simulation::in_flight_max).
    #[must_use]
    pub const fn in_flight_max(mut self, octets: usize) -> Self {
        self.world.traffic.octets_max = octets;
        self
    }

    /// The time.
    pub const fn now(&self) -> Instant {
        self.world.now
    }

    /// One core.
    pub const fn a(&self) -> &A {
        &self.a
    }

    /// One core; what it wants to send is sent when the pair runs on.
    pub const fn a_mut(&mut self) -> &mut A {
        &mut self.a
    }

    /// The other core.
    pub const fn b(&self) -> &B {
        &self.b
    }

    /// The other core; what it wants to send is sent when the pair runs on.
    pub const fn b_mut(&mut self) -> &mut B {
        &mut self.b
    }

    /// Takes the events of one core, and their times, in order. The oldest of more than a million are forgotten.
    pub fn take_events_a(&mut self) -> impl Iterator<Item = (Instant, A::Event)> {
        self.events_a.drain(..)
    }

    /// Takes the events of the other core, and their times, in order.
    pub fn take_events_b(&mut self) -> impl Iterator<Item = (Instant, B::Event)> {
        self.events_b.drain(..)
    }

    /// What became of what a side sent.
    pub const fn counters(&self, side: Side) -> LinkCounters {
        *self.lines[side as usize].counters()
    }

    /// What happened on the link, which is the link 0 of the log.
    pub const fn log(&self) -> &Log {
        &self.world.log
    }

    /// Lets the link be like this from now on for what a side sends, but for what faults change.
    pub fn set_config(&mut self, side: Side, config: LinkConfig) {
        self.configs[side as usize] = config;
        self.settle_faults();
    }
}

impl<A: Core + fmt::Debug, B: Core + fmt::Debug> fmt::Debug for Pair<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair")
            .field("now", &self.now())
            .field("a", &self.a)
            .field("b", &self.b)
            .finish_non_exhaustive()
    }
}

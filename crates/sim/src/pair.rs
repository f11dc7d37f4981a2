//! Two cores and a link between them.

use std::collections::VecDeque;
use std::fmt;

use waypost_wire::Instant;

use crate::link::{Direction, Run, Transit};
use crate::sans_io::output;
use crate::{
    Core, Fate, FaultSchedule, Frame, Keep, LinkConfig, LinkCounters, LinkId, Log, Rng, Schedule,
    Side, Stuck,
};

/// More timeouts of a core at one instant than so many are taken for time that stands still.
const AT_ONCE_MAX: u32 = 100_000;

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
}

enum Event {
    Arrive(Side, Transit),
    Ready(Side),
    Fault,
}

struct Effects<'a>(&'a mut World, Side);

impl Run for Effects<'_> {
    fn arrive(&mut self, at: Instant, transit: Transit) {
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
            paused: [false; 2],
            world: World::default(),
        }
    }

    /// Lets these faults happen. A core that is paused, or restarts, hears nothing and does nothing meanwhile; it forgets
    /// nothing. Faults of other names happen to nobody.
    #[must_use]
    pub fn with_faults(mut self, faults: FaultSchedule) -> Self {
        let turns = faults.faults().iter().flat_map(|it| [it.at, it.end()]);
        let mut turns: Vec<_> = turns.filter(|at| *at >= self.world.now).collect();
        turns.sort_unstable();
        turns.dedup();
        for at in turns {
            self.world.schedule.push(at, Event::Fault);
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

    /// Runs until a time, which it is then.
    ///
    /// # Errors
    /// Time stands still: a core wants to be called again and again.
    pub fn run_until(&mut self, until: Instant) -> Result<(), Stuck> {
        self.settle();
        while self.next_time().is_some_and(|at| at <= until) {
            self.step()?;
        }
        self.world.now = self.world.now.max(until);
        Ok(())
    }

    /// Runs until nothing is on its way and no core waits for a time, or to a deadline.
    ///
    /// # Errors
    /// As [`run_until`](Self::run_until).
    pub fn run_until_quiet(&mut self, deadline: Instant) -> Result<Outcome, Stuck> {
        self.settle();
        while let Some(at) = self.next_time() {
            if at > deadline {
                self.world.now = self.world.now.max(deadline);
                return Ok(Outcome::Deadline);
            }
            self.step()?;
        }
        Ok(Outcome::Quiet(self.world.now))
    }

    /// When the next thing happens; what cores want to send now is not counted. `None` if all is quiet.
    pub fn next_time(&self) -> Option<Instant> {
        let [a, b] = self.timeouts();
        let times = [self.world.schedule.next_time(), a, b];
        let next = times.into_iter().flatten().min();
        // A deadline at the end of all times never comes.
        let next = next.filter(|at| *at != Instant::MAX);
        next.map(|at| at.max(self.world.now))
    }

    /// Lets the next thing happen: something on the link first, then a timeout of `a`, then one of `b`.
    ///
    /// # Errors
    /// As [`run_until`](Self::run_until).
    pub fn step(&mut self) -> Result<(), Stuck> {
        let Some(at) = self.next_time() else {
            return Ok(());
        };
        self.world.now = at;
        if self.world.schedule.next_time().is_some_and(|it| it <= at) {
            let event = self.world.schedule.pop().map(|(_, event)| event);
            self.happen(at, event);
        } else {
            let due = |timeout: Option<Instant>| timeout.is_some_and(|it| it <= at);
            let mut calls = 0;
            while due(self.timeouts()[0]) {
                self.a.handle_timeout(at);
                self.settle();
                self.check(&mut calls, "a")?;
            }
            while due(self.timeouts()[1]) {
                self.b.handle_timeout(at);
                self.settle();
                self.check(&mut calls, "b")?;
            }
        }
        self.settle();
        Ok(())
    }

    fn check(&self, calls: &mut u32, node: &str) -> Result<(), Stuck> {
        *calls += 1;
        if *calls > AT_ONCE_MAX {
            return Err(Stuck {
                at: self.world.now,
                events: u64::from(*calls),
                node: node.to_owned(),
            });
        }
        Ok(())
    }

    fn happen(&mut self, now: Instant, event: Option<Event>) {
        match event {
            Some(Event::Arrive(side, transit)) => {
                let open = !self.paused[side.other() as usize];
                let mut effects = Effects(&mut self.world, side);
                let line = &mut self.lines[side as usize];
                if let Some(frame) = line.arrive(transit, open, &mut effects) {
                    match side {
                        Side::A => self.b.handle_input(now, &frame),
                        Side::B => self.a.handle_input(now, &frame),
                    }
                }
            }
            Some(Event::Ready(side)) => {
                let mut effects = Effects(&mut self.world, side);
                self.lines[side as usize].ready(now, &mut effects);
            }
            Some(Event::Fault) => {
                let turning = self.faults.turning(now);
                let texts = turning.map(|fault| fault.what.to_string());
                texts.for_each(|text| self.world.log.fault(now, text));
                self.settle_faults();
            }
            None => {}
        }
    }

    fn timeouts(&self) -> [Option<Instant>; 2] {
        let [a, b] = self.paused.map(|paused| !paused);
        [
            self.a.poll_timeout().filter(|_| a),
            self.b.poll_timeout().filter(|_| b),
        ]
    }

    /// Lets the link and the cores be as the faults want them.
    fn settle_faults(&mut self) {
        let now = self.world.now;
        let down = self.faults.is_down(now, "link", ["a", "b"]);
        for side in Side::ALL {
            let line = &mut self.lines[side as usize];
            let config = self
                .faults
                .config(now, "link", &self.configs[side as usize]);
            let mut effects = Effects(&mut self.world, side);
            if *line.config() != config {
                line.set_config(now, config, &mut effects);
            }
            line.set_up(now, !down, &mut effects);
        }
        self.paused = ["a", "b"].map(|name| self.faults.is_paused(now, name));
    }

    /// Sends what the cores want to send, and keeps what they tell.
    fn settle(&mut self) {
        let now = self.world.now;
        let [a_paused, b_paused] = self.paused;
        if !a_paused {
            let mut effects = Effects(&mut self.world, Side::A);
            while let Some(frame) = output(&mut self.a, now) {
                self.lines[0].send(now, frame, &mut effects);
            }
            keep_events(&mut self.a, now, &mut self.events_a);
        }
        if !b_paused {
            let mut effects = Effects(&mut self.world, Side::B);
            while let Some(frame) = output(&mut self.b, now) {
                self.lines[1].send(now, frame, &mut effects);
            }
            keep_events(&mut self.b, now, &mut self.events_b);
        }
    }
}

fn keep_events<C: Core>(core: &mut C, now: Instant, events: &mut VecDeque<(Instant, C::Event)>) {
    while let Some(event) = core.poll_event() {
        if events.len() == EVENTS_MAX {
            events.pop_front();
        }
        events.push_back((now, event));
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

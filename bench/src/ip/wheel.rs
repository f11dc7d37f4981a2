//! The timer wheel beside a `BTreeMap` by deadline, with as many timers outstanding in either all the time.

use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;

use waypost_counting::kept_by;
use waypost_ip::slab::Key;
use waypost_ip::wheel::VecWheel;
use waypost_wire::{Duration, Instant};

use super::pieces::{self, PIECE, case};
use super::routes::Random;
use super::{add_memory, short, wants_any};
use crate::measure::{self, Case, Settings};
use crate::report::Report;

/// Timers are for up to a minute.
const SPAN: u64 = 60_000_000_000;
const OURS: &str = "waypost";
const TREE: &str = "BTreeMap";

/// So many timers outstanding.
pub(super) fn add(
    report: &mut Report,
    settings: &Settings,
    counts: &[usize],
) -> Result<(), Box<dyn Error>> {
    for &count in counts {
        let groups = [
            "one cancelled, one started",
            "one started, one fires",
            "memory",
        ]
        .map(|what| format!("{} timers, {what}", short(count)));
        if !wants_any(settings, &groups, &[OURS, TREE]) {
            continue;
        }
        let [cancel, fire, memory] = &groups;
        let (wheel, octets) = kept_by(|| Wheel::new(count));
        let (tree, tree_octets) = kept_by(|| Tree::new(count));
        let kept = [(OURS, octets), (TREE, tree_octets)];
        add_memory(report, settings, memory, kept);
        let cases = vec![
            cancelling(cancel, OURS, wheel?),
            cancelling(cancel, TREE, tree?),
            firing(fire, OURS, Wheel::new(count)?),
            firing(fire, TREE, Tree::new(count)?),
        ];
        report.add_rows(measure::take_turns(settings, cases)?);
    }
    Ok(())
}

/// Timers that carry a number below the count each.
trait Timers: 'static {
    fn count(&self) -> usize;
    /// Starts the timer of this number.
    fn start(&mut self, number: u32, deadline: Instant) -> Result<(), String>;
    /// Stops the timer of this number.
    fn cancel(&mut self, number: u32) -> bool;
    /// The number of one that is due.
    fn expire(&mut self, now: Instant) -> Option<u32>;
}

struct Wheel {
    wheel: VecWheel<u32>,
    keys: Vec<Option<Key>>,
}

impl Wheel {
    fn new(count: usize) -> Result<Self, String> {
        let mut this = Self {
            wheel: VecWheel::new(Vec::with_capacity(count), count),
            keys: vec![None; count],
        };
        start_all(&mut this)?;
        Ok(this)
    }
}

impl Timers for Wheel {
    fn count(&self) -> usize {
        self.keys.len()
    }

    fn start(&mut self, number: u32, deadline: Instant) -> Result<(), String> {
        let started = self.wheel.start(deadline, number);
        let key = started.map_err(|_| "no room for a timer".to_owned())?;
        self.keys[number as usize] = Some(key);
        Ok(())
    }

    fn cancel(&mut self, number: u32) -> bool {
        let key = self.keys[number as usize];
        key.and_then(|key| self.wheel.cancel(key)).is_some()
    }

    fn expire(&mut self, now: Instant) -> Option<u32> {
        Some(self.wheel.expire(now)?.1)
    }
}

struct Tree {
    tree: BTreeMap<(Instant, u32), ()>,
    deadlines: Vec<Instant>,
}

impl Tree {
    fn new(count: usize) -> Result<Self, String> {
        let mut this = Self {
            tree: BTreeMap::new(),
            deadlines: vec![Instant::ZERO; count],
        };
        start_all(&mut this)?;
        Ok(this)
    }
}

impl Timers for Tree {
    fn count(&self) -> usize {
        self.deadlines.len()
    }

    fn start(&mut self, number: u32, deadline: Instant) -> Result<(), String> {
        self.tree.insert((deadline, number), ());
        self.deadlines[number as usize] = deadline;
        Ok(())
    }

    fn cancel(&mut self, number: u32) -> bool {
        let deadline = self.deadlines[number as usize];
        self.tree.remove(&(deadline, number)).is_some()
    }

    fn expire(&mut self, now: Instant) -> Option<u32> {
        let first = self.tree.first_entry()?;
        let (deadline, number) = *first.key();
        if deadline > now {
            return None;
        }
        first.remove();
        Some(number)
    }
}

fn start_all(timers: &mut impl Timers) -> Result<(), String> {
    let mut random = Random::new(19);
    (0..timers.count() as u32)
        .try_for_each(|number| timers.start(number, Instant::from_nanos(random.below(SPAN))))
}

/// Any one of the timers is stopped, and started anew.
fn cancelling(group: &str, name: &str, mut timers: impl Timers) -> Case<'static> {
    let mut random = Random::new(23);
    case(group, name, 1, move || {
        let mut done = Ok(());
        let sample = pieces::turn(PIECE, || {
            for _ in 0..PIECE {
                let number = random.below(timers.count() as u64) as u32;
                let deadline = Instant::from_nanos(random.below(SPAN));
                if !timers.cancel(number) {
                    done = Err(format!("timer {number} was not there"));
                } else if let Err(why) = timers.start(number, deadline) {
                    done = Err(why);
                }
            }
        });
        done.map(|()| sample)
    })
}

/// Time goes on by as much as it takes one timer to fire; each that fires is started anew.
fn firing(group: &str, name: &str, mut timers: impl Timers) -> Case<'static> {
    let mut random = Random::new(29);
    let mut now = Instant::ZERO;
    // Half the span is how long a timer runs on average.
    let step = Duration::from_nanos(SPAN / 2 / timers.count() as u64 * 64);
    case(group, name, 1, move || {
        let mut done = Ok(());
        let mut fired = 0_usize;
        let mut rounds = 0_usize;
        let mut sample = pieces::turn(PIECE, || {
            for _ in 0..PIECE / 64 {
                now += step;
                rounds += 1;
                while let Some(number) = black_box(timers.expire(now)) {
                    fired += 1;
                    let deadline = now + Duration::from_nanos(random.below(SPAN));
                    if let Err(why) = timers.start(number, deadline) {
                        done = Err(why);
                    }
                }
            }
        });
        // What fired is not exactly as many as time would have it.
        let share = (rounds * 64) as f64 / fired.max(1) as f64;
        sample.nanoseconds *= share;
        sample.cycles = sample.cycles.map(|cycles| cycles * share);
        done.map(|()| sample)
    })
}

//! Which tasks run, and with how much: demand flows up as credit, packets flow down.

use waypost_wire::{Duration, Instant};

use crate::element::{Element, Progress, Readiness, Spread};
use crate::engine::Engine;
use crate::finish::Member;
use crate::ways::Ways;

/// For how long a graph that is to finish waits for what is on its way, unless it is told otherwise.
const FINISH_LIMIT: Duration = Duration::from_secs(10);

/// How long an idle graph waits for memory before it asks again: other workers, and whoever else holds packets, free them unseen.
const MEMORY_PATIENCE: Duration = Duration::from_millis(1);

/// An element that drives others.
struct Task {
    slot: usize,
    /// The ways of what it pushes: their room is its budget.
    own: Ways,
    /// The ways of what others push aside when it pulls: their room is how much it may pull.
    beside: Ways,
    finished: bool,
    /// It brings packets into the graph: no more, once the graph is to finish.
    source: bool,
    /// It has no ports: what it does moves no packet.
    apart: bool,
}

/// A graph on one worker: an engine and its tasks.
///
/// It reads no clock and waits for nothing: whoever drives it calls [`step`](Self::step) with the
/// time, and when a step did nothing, waits until [`next_timer`](Self::next_timer), the readiness of a
/// device or a wake-up. A [`Runtime`](crate::Runtime) is such a driver; a simulator is another.
pub struct Instance {
    pub(crate) engine: Engine,
    tasks: Vec<Task>,
    /// The elements know that the graph runs.
    begun: bool,
    finish_limit: Duration,
    /// When a graph that is to finish stops, whatever is on its way still.
    finish_by: Option<Instant>,
    /// When to ask for memory again.
    retry_at: Option<Instant>,
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance")
            .field("elements", &self.engine.slots.len())
            .finish_non_exhaustive()
    }
}

impl Instance {
    /// Finds the tasks, and for each what its credit hangs on.
    pub(crate) fn new(mut engine: Engine, worker: usize) -> Self {
        let belongs =
            |element: &dyn Element| worker == 0 || element.spread() == Spread::EveryWorker;
        for slot in 0..engine.slots.len() {
            let elsewhere = !engine.slots[slot].element().is_some_and(belongs);
            engine.slots[slot].is_dry = elsewhere && engine.is_source(slot);
        }
        let slots = 0..engine.slots.len();
        let tasks = slots
            .filter(|&slot| {
                let element = engine.slots[slot].element();
                element.is_some_and(|element| element.is_task() && belongs(element))
            })
            .map(|slot| Task {
                slot,
                own: Ways::out_of(&engine.slots, slot),
                beside: Ways::beside(&engine.slots, slot),
                finished: false,
                source: engine.is_source(slot),
                apart: engine.slots[slot].inputs.is_empty()
                    && engine.slots[slot].outputs.is_empty(),
            })
            .collect();
        Self {
            engine,
            tasks,
            begun: false,
            finish_limit: FINISH_LIMIT,
            finish_by: None,
            retry_at: None,
        }
    }

    /// Makes these the workers of one graph: each finishes when all do, and packets that are followed have numbers of their own.
    pub(crate) fn join(workers: &mut [Self]) {
        let count = workers.len();
        for (worker, (instance, finish)) in workers.iter_mut().zip(Member::of(count)).enumerate() {
            instance.engine.finish = finish;
            instance.engine.tracer.share_numbers(worker, count);
            if instance.engine.finishing {
                instance.engine.finish.tell();
            }
        }
    }

    /// Tells the elements that the graph is about to run, once.
    #[cold]
    pub(crate) fn begin(&mut self) {
        if !std::mem::replace(&mut self.begun, true) {
            let slots = self.engine.slots.iter_mut();
            let elements = slots.filter_map(|slot| slot.element.as_deref_mut());
            elements.for_each(|element| element.begin());
        }
    }

    /// Runs every task once, as far as there is room for what it moves, and says whether anything happened.
    pub fn step(&mut self, now: Instant) -> bool {
        self.engine.now = now;
        if !self.begun {
            self.begin();
        }
        if self.engine.finish.is_told() && self.has_ended() {
            return false;
        }
        let engine = &mut self.engine;
        let before = engine.moved;
        let (mut worked, mut apart) = (false, false);
        if engine.backlogged > 0 {
            engine.flush_backlogs();
        }
        if engine.timers_held || engine.next_timer.is_some_and(|deadline| deadline <= now) {
            worked |= run_timers(engine, now);
        }
        for task in &mut self.tasks {
            if engine.stopped {
                break;
            }
            if task.finished || engine.finishing && task.source {
                continue;
            }
            let budget = task.own.room(engine, engine.batch_limit);
            if budget == 0 && task.source {
                continue;
            }
            if !task.beside.is_empty() {
                engine.pull_room = task.beside.room(engine, engine.batch_limit);
            }
            let begun = engine.profile.begin();
            let progress = engine.call(task.slot, |element, cx| element.run(budget, cx));
            engine.slots[task.slot].stats.nanos += engine.profile.end(begun);
            engine.pull_room = usize::MAX;
            match progress {
                Some(Progress::Worked) if task.apart => apart = true,
                Some(Progress::Worked) => worked = true,
                Some(Progress::Finished) => {
                    task.finished = true;
                    worked = true;
                }
                Some(Progress::Idle) | None => {}
            }
        }
        engine.empty_trash();
        if engine.tracer.is_active() {
            engine.tracer.end_if_quiet(now);
        }
        worked |= engine.moved != before;
        if !worked {
            engine.frames.share();
        }
        let starved = engine.frames.take_starved();
        self.retry_at = (starved && !worked).then(|| now + MEMORY_PATIENCE);
        if self.engine.finishing && !worked && !self.has_in_flight() {
            self.engine.stopped = self.engine.finish.quiet(self.engine.crossed);
        }
        worked || apart
    }

    /// Whether a graph that is to finish has done so, or has had enough time for it.
    #[cold]
    fn has_ended(&mut self) -> bool {
        self.engine.finish();
        let now = self.engine.now;
        let limit = *self.finish_by.get_or_insert(now + self.finish_limit);
        self.engine.stopped |= self.engine.finish.begin() || now >= limit;
        self.engine.stopped
    }

    /// Whether packets will move without anybody's doing: an element works on them, or a device is about to have room.
    #[cold]
    fn has_in_flight(&self) -> bool {
        let mut elements = self.engine.slots.iter().filter_map(|slot| slot.element());
        elements.any(|it| it.in_flight() > 0) || self.readiness().any(|(_, it)| it.transmit)
    }

    /// Runs steps until one does nothing, or `steps` are done; says how many did something.
    pub fn run_until_idle(&mut self, now: Instant, steps: usize) -> usize {
        (0..steps)
            .take_while(|_| !self.is_stopped() && self.step(now))
            .count()
    }

    /// The earliest time for which an element has set a timer, or at which the graph has something to do of itself.
    pub fn next_timer(&self) -> Option<Instant> {
        let timers = [self.engine.next_timer, self.finish_by, self.retry_at];
        timers.into_iter().flatten().min()
    }

    /// Whether the graph has stopped, since it was asked to.
    pub fn is_stopped(&self) -> bool {
        self.engine.stopped
    }

    /// Asks the graph to stop once nothing is on its way any more, as [`Cx::finish`](crate::Cx::finish) does.
    pub fn finish(&mut self) {
        self.engine.finish();
    }

    /// For how long a graph that is to finish waits for what is on its way, ten seconds by default; what it is then still is lost,
    /// and counted.
    pub fn set_finish_limit(&mut self, limit: Duration) {
        self.finish_limit = limit;
    }

    /// Whether the graph was asked to stop once nothing is on its way any more.
    pub fn is_finishing(&self) -> bool {
        self.engine.finishing
    }

    /// Whether all tasks have said that they will never have anything to do again.
    pub fn is_finished(&self) -> bool {
        self.tasks.iter().all(|task| task.finished)
    }

    /// How many packets a batch is filled with, at most: 1 to [`Batch::CAPACITY`](waypost_packet::Batch::CAPACITY).
    pub fn set_batch_limit(&mut self, packets: usize) {
        self.engine.batch_limit = packets.clamp(1, waypost_packet::Batch::CAPACITY);
    }

    /// The readiness that an idle graph hangs on, of all its devices.
    pub(crate) fn readiness(&self) -> impl Iterator<Item = (usize, Readiness<'_>)> {
        let slots = self.engine.slots.iter().enumerate();
        slots.filter_map(|(at, slot)| Some((at, slot.element()?.wakeup()?)))
    }
}

impl Engine {
    /// Stops the graph after this round, whatever is on its way.
    pub(crate) fn stop(&mut self) {
        (self.stopped, self.finishing) = (true, false);
    }

    /// Stops the graph once nothing is on its way any more.
    pub(crate) fn finish(&mut self) {
        // What was stopped at once stays so; who has finished may be told again.
        self.finishing |= !self.stopped;
        self.finish.tell();
    }

    /// Whether an element brings packets into the graph, and takes none.
    pub(crate) fn is_source(&self, at: usize) -> bool {
        self.slots[at].inputs.is_empty() && !self.slots[at].outputs.is_empty()
    }
}

/// Calls the timers that are due, and says whether there were any. Elements behind which too much waits are called later.
#[cold]
fn run_timers(engine: &mut Engine, now: Instant) -> bool {
    let mut called = false;
    engine.timers_held = false;
    for slot in 0..engine.slots.len() {
        engine.slots[slot].timer_held = false;
        if engine.slots[slot]
            .timer
            .is_none_or(|deadline| deadline > now)
        {
            continue;
        }
        if engine.backlogged > 0 && engine.is_piled_up(slot) {
            engine.slots[slot].timer_held = true;
            engine.timers_held = true;
            continue;
        }
        engine.slots[slot].timer = None;
        if engine.finishing && engine.is_source(slot) {
            continue;
        }
        let begun = engine.profile.begin();
        engine.call(slot, |element, cx| element.timer(cx));
        engine.slots[slot].stats.nanos += engine.profile.end(begun);
        called = true;
    }
    let slots = engine.slots.iter().filter(|slot| !slot.timer_held);
    engine.next_timer = slots.filter_map(|slot| slot.timer).min();
    called
}

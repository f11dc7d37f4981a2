//! How the workers of a graph come to the same end.
//!
//! A worker that was told to finish is quiet once nothing moves in it any more. Another may still hand packets to it, so none stops
//! before all are quiet and have taken over as many packets as were handed over. Before a worker does anything, it takes back that
//! it was quiet: so whoever sees all quiet, and no packet between them, sees the end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// What the workers of a graph tell each other of its end.
struct Finish {
    told: AtomicBool,
    state: Mutex<State>,
}

struct State {
    workers: Vec<Worker>,
    agreed: bool,
}

struct Worker {
    /// What it had handed over and taken over when it became quiet; nothing while it works.
    quiet: Option<Crossed>,
    waker: Waker,
}

/// How many packets a worker has handed to others, and taken from others, since ever.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Crossed {
    pub(crate) handed_over: u64,
    pub(crate) taken_over: u64,
}

impl Finish {
    fn new(workers: usize) -> Arc<Self> {
        let worker = |_| Worker {
            quiet: None,
            waker: Waker::noop().clone(),
        };
        Arc::new(Self {
            told: AtomicBool::new(false),
            state: Mutex::new(State {
                workers: (0..workers).map(worker).collect(),
                agreed: false,
            }),
        })
    }
}

/// One worker's part in it.
pub(crate) struct Member {
    all: Arc<Finish>,
    worker: usize,
}

impl Member {
    /// The part of a worker that is alone.
    pub(crate) fn alone() -> Self {
        Self {
            all: Finish::new(1),
            worker: 0,
        }
    }

    /// The parts of so many workers of one graph.
    pub(crate) fn of(workers: usize) -> impl Iterator<Item = Self> {
        let all = Finish::new(workers);
        (0..workers).map(move |worker| Self {
            all: Arc::clone(&all),
            worker,
        })
    }

    /// Whether any worker was told to finish.
    #[inline(always)]
    pub(crate) fn is_told(&self) -> bool {
        self.all.told.load(Ordering::Relaxed)
    }

    /// Tells all workers to finish.
    pub(crate) fn tell(&self) {
        if !self.all.told.swap(true, Ordering::Relaxed) {
            self.wake_others(&self.state());
        }
    }

    /// Says whom to wake, so that this worker looks at what the others have told.
    pub(crate) fn listen(&self, waker: &Waker) {
        self.state().workers[self.worker].waker.clone_from(waker);
    }

    /// This worker is about to do something, unless all have agreed to end: then this says so.
    pub(crate) fn begin(&self) -> bool {
        let mut state = self.state();
        if !state.agreed {
            state.workers[self.worker].quiet = None;
        }
        state.agreed
    }

    /// Nothing moves in this worker any more; says whether all have agreed to end.
    pub(crate) fn quiet(&self, crossed: Crossed) -> bool {
        let mut state = self.state();
        state.workers[self.worker].quiet = Some(crossed);
        if !state.agreed && state.is_over() {
            state.agreed = true;
            self.wake_others(&state);
        }
        state.agreed
    }

    fn wake_others(&self, state: &State) {
        for (worker, other) in state.workers.iter().enumerate() {
            if worker != self.worker {
                other.waker.wake_by_ref();
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nobody leaves it half changed.
        let state = self.all.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether all are quiet, and no packet is between them.
    fn is_over(&self) -> bool {
        let all: Option<Vec<Crossed>> = self.workers.iter().map(|it| it.quiet).collect();
        all.is_some_and(|all| {
            let sum = |of: fn(&Crossed) -> u64| all.iter().map(of).sum::<u64>();
            sum(|it| it.handed_over) == sum(|it| it.taken_over)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crossed(handed_over: u64, taken_over: u64) -> Crossed {
        Crossed {
            handed_over,
            taken_over,
        }
    }

    #[test]
    fn one_alone_ends_when_it_is_quiet() {
        let member = Member::of(1).next().unwrap();
        assert!(!member.begin());
        assert!(member.quiet(Crossed::default()));
        assert!(member.begin());
    }

    #[test]
    fn nobody_ends_before_all_are_quiet_and_nothing_is_between_them() {
        let members: Vec<_> = Member::of(3).collect();
        members[0].tell();
        assert!(members.iter().all(Member::is_told));
        assert!(!members[0].quiet(crossed(5, 0)));
        assert!(!members[1].quiet(crossed(0, 3)));
        assert!(!members[2].quiet(crossed(0, 0)), "two are on their way");
        assert!(!members[2].begin());
        assert!(!members[0].quiet(crossed(5, 0)), "the third works on them");
        assert!(members[2].quiet(crossed(0, 2)));
        assert!(members[0].begin() && members[1].begin());
    }
}

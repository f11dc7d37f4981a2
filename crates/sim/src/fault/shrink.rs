//! The least that still fails.

use waypost_wire::Duration;

use super::{Disturbance, FaultSchedule};

/// Faults shorter than this are not shortened further.
const SHORT: Duration = Duration::from_micros(1);

/// What is left of a schedule that makes a run fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// The least that was found; as text, it can be run again.
    pub schedule: FaultSchedule,
    /// How many runs that took.
    pub runs: usize,
    /// Whether no fault can be left out, or be half as long, and it still fails; or the runs were used up before that was
    /// known.
    pub is_minimal: bool,
}

impl FaultSchedule {
    /// Finds less of this schedule that makes a run fail as well: leaves out faults (by delta debugging, Zeller and
    /// Hildebrandt, 2002), nodes of partitions, and parts of the time that faults last. `fails` runs a schedule, always from
    /// the same seed, and says whether that failed; it is called `runs_max` times at most.
    ///
    /// `None` if this schedule does not fail.
    ///
    /// ```
    /// use waypost_sim::FaultSchedule;
    ///
    /// let failing: FaultSchedule = "at 1s for 8s down a\nat 2s for 8s loss b 5ppm\nat 3s for 8s down c".parse()?;
    /// let needs_loss = |schedule: &FaultSchedule| schedule.to_string().contains("loss b");
    /// let shrunk = failing.shrink(1000, needs_loss).unwrap();
    /// assert_eq!(shrunk.schedule.to_string(), "at 2s for 953ns loss b 5ppm\n");
    /// # Ok::<(), waypost_sim::FaultTextError>(())
    /// ```
    pub fn shrink(&self, runs_max: usize, fails: impl FnMut(&Self) -> bool) -> Option<Shrunk> {
        let mut search = Search {
            best: self.clone(),
            fails,
            runs: 0,
            runs_max,
        };
        if !search.try_this(self.clone()) {
            return None;
        }
        loop {
            let before = search.best.clone();
            search.leave_out();
            search.part_less();
            search.shorten();
            // Less of one fault may make another needless.
            if search.best == before || search.is_over() {
                break;
            }
        }
        Some(Shrunk {
            is_minimal: !search.is_over(),
            schedule: search.best,
            runs: search.runs,
        })
    }
}

struct Search<F> {
    /// It fails.
    best: FaultSchedule,
    fails: F,
    runs: usize,
    runs_max: usize,
}

impl<F: FnMut(&FaultSchedule) -> bool> Search<F> {
    fn is_over(&self) -> bool {
        self.runs >= self.runs_max
    }

    /// Takes a schedule if it fails, and says whether it does.
    fn try_this(&mut self, schedule: FaultSchedule) -> bool {
        if self.is_over() {
            return false;
        }
        self.runs += 1;
        let failed = (self.fails)(&schedule);
        if failed {
            self.best = schedule;
        }
        failed
    }

    /// Leaves out faults: halves first, single ones in the end.
    fn leave_out(&mut self) {
        let mut chunk = self.best.faults.len().div_ceil(2);
        while chunk > 0 && !self.is_over() {
            let mut from = 0;
            let mut any = false;
            while from < self.best.faults.len() {
                let mut less = self.best.clone();
                let to = (from + chunk).min(less.faults.len());
                less.faults.drain(from..to);
                if self.try_this(less) {
                    any = true;
                } else {
                    from += chunk;
                }
            }
            if chunk == 1 && !any {
                break;
            }
            chunk = if chunk == 1 { 1 } else { chunk / 2 };
        }
    }

    /// Cuts fewer nodes off.
    fn part_less(&mut self) {
        for fault in 0..self.best.faults.len() {
            let mut node = 0;
            loop {
                let mut less = self.best.clone();
                let Disturbance::Partition(nodes) = &mut less.faults[fault].what else {
                    break;
                };
                if nodes.len() < 2 || node >= nodes.len() {
                    break;
                }
                nodes.remove(node);
                if !self.try_this(less) {
                    node += 1;
                }
            }
        }
    }

    /// Halves the time that faults last, from either end.
    fn shorten(&mut self) {
        for fault in 0..self.best.faults.len() {
            for keeps_end in [false, true] {
                loop {
                    let mut less = self.best.clone();
                    let it = &mut less.faults[fault];
                    if it.lasts < SHORT {
                        break;
                    }
                    let end = it.end();
                    it.lasts = it.lasts / 2;
                    if keeps_end {
                        it.at = end - it.lasts;
                    }
                    if !self.try_this(less) {
                        break;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use waypost_wire::Instant;

    fn schedule(text: &str) -> FaultSchedule {
        text.parse().unwrap()
    }

    #[test]
    fn two_of_many_are_found() {
        let lines = (0..64).map(|link| format!("at {link}s for 10s down l{link}\n"));
        let all = schedule(&lines.collect::<String>());
        let mut runs = 0;
        let fails = |it: &FaultSchedule| {
            runs += 1;
            let has = |link: &str| {
                let down =
                    |fault: &&super::super::Fault| fault.what == Disturbance::Down(link.to_owned());
                it.faults.iter().find(down)
            };
            // One of them has to last for a while, up to a certain time.
            has("l7").is_some_and(|fault| {
                fault.lasts >= Duration::from_secs(2) && fault.end() >= Instant::from_secs(16)
            }) && has("l50").is_some()
        };
        let shrunk = all.shrink(1000, fails).unwrap();
        assert_eq!((shrunk.runs, shrunk.is_minimal), (runs, true));
        assert!(runs < 300, "{runs}");
        assert_eq!(
            shrunk.schedule.to_string(),
            "at 14.5s for 2.5s down l7\nat 50s for 596ns down l50\n"
        );
    }

    #[test]
    fn what_does_not_fail_is_not_shrunk_and_runs_are_limited() {
        let one = schedule("at 1s for 1s partition a,b,c");
        assert_eq!(one.shrink(9, |_| false), None);
        assert_eq!(one.shrink(0, |_| true), None);
        let shrunk = one.shrink(1, |_| true).unwrap();
        assert_eq!((shrunk.schedule, shrunk.is_minimal), (one.clone(), false));
        let has_b = |it: &FaultSchedule| it.to_string().contains('b');
        let shrunk = one.shrink(100, has_b).unwrap();
        assert_eq!(shrunk.schedule.to_string(), "at 1s for 953ns partition b\n");
    }
}

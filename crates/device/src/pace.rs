//! Looks that cost a system call, and tell something rarely.

use waypost_wire::{Duration, Instant};

/// Between two looks, at least: a worker that polls without a pause would do little else.
const PERIOD: Duration = Duration::from_millis(1);

/// When the last look was.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    last: Option<Instant>,
}

impl Pace {
    /// Whether it is time for the next look. A clock that stands still says nothing about that: then it is.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        let early = self
            .last
            .is_some_and(|last| now > last && now < last + PERIOD);
        if !early {
            self.last = Some(now);
        }
        !early
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_a_period() {
        let mut pace = Pace::default();
        let at = |micros: u64| Instant::from_nanos(micros * 1000);
        let due: Vec<bool> = [5, 6, 900, 1004, 1005, 1006, 5000, 5000]
            .map(|micros| pace.is_due(at(micros)))
            .into();
        assert_eq!(due, [true, false, false, false, true, false, true, true]);
    }
}

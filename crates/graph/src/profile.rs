//! How long elements work.

use std::time::Instant;

/// Measures the time that each element takes for itself, without the elements that it calls.
#[derive(Default)]
pub(crate) struct Profile {
    on: bool,
    /// Nanoseconds spent in elements that were called by the one that is being called now.
    called: u64,
}

/// When a call began, and what its caller had called before.
pub(crate) struct Begun {
    at: Instant,
    called_before: u64,
}

impl Profile {
    pub(crate) fn set_on(&mut self, on: bool) {
        self.on = on;
    }

    #[inline(always)]
    pub(crate) fn is_on(&self) -> bool {
        self.on
    }

    /// An element is about to be called; nothing, unless time is measured.
    #[inline(always)]
    pub(crate) fn begin(&mut self) -> Option<Begun> {
        self.on.then(|| Begun {
            called_before: std::mem::take(&mut self.called),
            at: Instant::now(),
        })
    }

    /// How many nanoseconds the element took for itself.
    pub(crate) fn end(&mut self, begun: Option<Begun>) -> u64 {
        let Some(begun) = begun else { return 0 };
        let all = begun.at.elapsed().as_nanos() as u64;
        let own = all.saturating_sub(self.called);
        self.called = begun.called_before + all;
        own
    }
}

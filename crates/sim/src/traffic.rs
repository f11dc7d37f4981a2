//! How much there may be, at one time and on its way.

use crate::Frame;

/// What frames on their way may take in memory, in octets, unless something else is said: as much as 10 Gbit/s over a
/// satellite.
const OCTETS_MAX: usize = 1 << 29;

/// More events than so many at one instant are taken for time that stands still, unless something else is said.
pub(crate) const EVENTS_AT_ONCE_MAX: u64 = 1_000_000;

/// A core that sends and tells more than so much when it is called once is taken for one that never ends.
pub(crate) const OUTPUTS_MAX: u64 = 1_000_000;

/// Frames that have left their transmitters and have not arrived. Queues have bounds of their own; what travels has this
/// one, which only a storm comes to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traffic {
    pub(crate) frames: u64,
    octets: usize,
    pub(crate) octets_max: usize,
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            frames: 0,
            octets: 0,
            octets_max: OCTETS_MAX,
        }
    }
}

impl Traffic {
    pub(crate) fn begins(&mut self, frame: &Frame) {
        self.frames += 1;
        self.octets += frame.footprint();
    }

    pub(crate) fn ends(&mut self, frame: &Frame) {
        self.frames -= 1;
        self.octets -= frame.footprint();
    }

    /// Whether there is more than there may be.
    pub(crate) const fn is_storm(&self) -> bool {
        self.octets > self.octets_max
    }
}

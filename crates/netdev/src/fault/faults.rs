//! What is to go wrong, and what went wrong.

use waypost_wire::Duration;

/// What is to go wrong in one direction. Probabilities are in parts per million, for each frame, and
/// independent of each other; by default, all are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults {
    /// The frame vanishes.
    pub loss_ppm: u32,
    /// A copy follows the frame.
    pub duplication_ppm: u32,
    /// One bit of the frame is inverted, any with the same probability.
    pub corruption_ppm: u32,
    /// The frame is held back until `gap` later frames have overtaken it; of a frame that is duplicated as
    /// well, the copy.
    pub reordering_ppm: u32,
    /// How many later frames overtake one that is held back.
    pub gap: u32,
    /// How long a frame is held back at most, if fewer frames come.
    pub hold: Duration,
    /// Frames are cut to this many octets above the link header. Super-segments are not.
    pub mtu: Option<usize>,
}

impl Default for Faults {
    /// No faults. Frames held back would be overtaken by 3, as many as make TCP retransmit (RFC 5681 §3.2),
    /// and wait for 10 ms at most.
    fn default() -> Self {
        Self {
            loss_ppm: 0,
            duplication_ppm: 0,
            corruption_ppm: 0,
            reordering_ppm: 0,
            gap: 3,
            hold: Duration::from_millis(10),
            mtu: None,
        }
    }
}

/// What went wrong in one direction: of `frames`, `frames - lost + duplicated - too_long` leave it, the
/// last once nothing waits any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FaultCounters {
    /// Frames that came.
    pub frames: u64,
    /// Frames that vanished, and owned ones that were left while no slot was free that holds them.
    pub lost: u64,
    /// Copies that were made.
    pub duplicated: u64,
    /// Frames with an inverted bit.
    pub corrupted: u64,
    /// Frames that were held back.
    pub reordered: u64,
    /// Frames that were cut.
    pub truncated: u64,
    /// Copies and delays that were not made, since no slot was free, or the frame is longer than one.
    pub omitted: u64,
    /// Frames and copies that the device within has no room for, ever: they were dropped.
    pub too_long: u64,
    /// Frames longer than a slot: they were never taken, and are not among `frames`.
    pub refused: u64,
}

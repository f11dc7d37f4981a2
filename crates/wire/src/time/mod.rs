//! Time as the protocol cores see it: u64 nanoseconds, handed in as an argument, never read from a
//! clock.
//!
//! [`Instant`] is monotonic and has an arbitrary origin (a simulator starts at zero). [`WallTime`]
//! is for signatures, certificates and logs. [`Duration`] is the distance between two of either.
//! Operators saturate: a deadline computed from hostile input lies at worst 584 years ahead, and no
//! arithmetic on time panics.

mod clock;
mod duration;

pub use clock::{Instant, WallTime};
pub use duration::Duration;

const NANOS_PER_SEC: u64 = 1_000_000_000;
const NANOS_PER_MILLI: u64 = 1_000_000;
const NANOS_PER_MICRO: u64 = 1_000;

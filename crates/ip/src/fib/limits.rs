//! What a table may hold, and how it says no.

use core::fmt;

use super::segment::SEGMENT_BYTES;

/// What a [`Fib`](super::Fib) may hold at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FibLimits {
    /// Routes.
    pub routes: usize,
    /// Segments of [`SEGMENT_BYTES`], the first two included, which every large table has. To become large a table asks for these and
    /// for room for all chunks of the small form, also those that the first two take in: by itself four for IPv4, three for IPv6. Where
    /// it may not have so many it stays small; [`Fib::enlarge`](super::Fib::enlarge) of one with fewer chunks does with fewer.
    pub segments: usize,
}

impl Default for FibLimits {
    /// Four million routes and 256 MiB: four times what a full Internet table takes.
    fn default() -> Self {
        Self {
            routes: 1 << 22,
            segments: (256 << 20) / SEGMENT_BYTES,
        }
    }
}

/// Why a route was not inserted, or not removed; the table is as before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FibFull {
    /// [`FibLimits::routes`] is reached.
    Routes,
    /// [`FibLimits::segments`] is reached, or there was no memory for another; or the table is small and full, and cannot become large.
    Memory,
    /// There is memory, but readers made before it came, or before it was given back, are still about.
    /// Give the workers [new ones](super::Fib::reader), and try again when the old are dropped. In a small table the second change
    /// under the same reader may come to this: the [module](super) has numbers.
    Readers,
}

impl fmt::Display for FibFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Routes => "the table already holds as many routes as its limit allows",
            Self::Memory => "the table already takes as much memory as it may or can have",
            Self::Readers => "the table's free memory waits for older readers to be dropped",
        })
    }
}

impl core::error::Error for FibFull {}

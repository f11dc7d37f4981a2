//! The storage of a neighbour table: four stores that belong together.

use waypost_wire::Ip;

use super::entry::Entry;
use super::index::Bucket;
use super::queue::Held;
use crate::slab::{Key, Slot};
use crate::storage::Store;
use crate::wheel::Timer;

/// Where a neighbour table keeps what it holds: [`FixedNeighbors`], `GrowingNeighbors` with the feature
/// `alloc`, or the caller's own. There are to be as many timers as neighbours, and twice as many places in
/// the index.
pub trait NeighborStorage<A: Ip, P> {
    /// The neighbours.
    type Entries: Store<Slot<Entry<A>>>;
    /// The way from an address to its neighbour.
    type Index: Store<Bucket<A>>;
    /// One timer for each neighbour.
    type Timers: Store<Slot<Timer<Key>>>;
    /// The packets that wait.
    type Packets: Store<Slot<Held<A, P>>>;

    /// The four stores.
    fn into_parts(self) -> (Self::Entries, Self::Index, Self::Timers, Self::Packets);
}

/// Room for `N` neighbours and `Q` packets, in place. `I`, the places of the index, is at least `2 * N`
/// and a power of two; anything else does not compile.
#[derive(Clone, Debug)]
pub struct FixedNeighbors<A, P, const N: usize, const I: usize, const Q: usize> {
    entries: [Slot<Entry<A>>; N],
    index: [Bucket<A>; I],
    timers: [Slot<Timer<Key>>; N],
    packets: [Slot<Held<A, P>>; Q],
}

impl<A: Ip, P, const N: usize, const I: usize, const Q: usize> FixedNeighbors<A, P, N, I, Q> {
    /// Empty storage.
    pub const fn new() -> Self {
        const { assert!(I.is_power_of_two() && I >= 2 * N, "the index is too small") };
        Self {
            entries: [const { Slot::EMPTY }; N],
            index: [Bucket::EMPTY; I],
            timers: [const { Slot::EMPTY }; N],
            packets: [const { Slot::EMPTY }; Q],
        }
    }
}

impl<A: Ip, P, const N: usize, const I: usize, const Q: usize> Default
    for FixedNeighbors<A, P, N, I, Q>
{
    fn default() -> Self {
        Self::new()
    }
}

impl<A: Ip, P, const N: usize, const I: usize, const Q: usize> NeighborStorage<A, P>
    for FixedNeighbors<A, P, N, I, Q>
{
    type Entries = [Slot<Entry<A>>; N];
    type Index = [Bucket<A>; I];
    type Timers = [Slot<Timer<Key>>; N];
    type Packets = [Slot<Held<A, P>>; Q];

    fn into_parts(self) -> (Self::Entries, Self::Index, Self::Timers, Self::Packets) {
        (self.entries, self.index, self.timers, self.packets)
    }
}

/// Room that grows with what is in the table, up to the limits of its configuration.
#[cfg(feature = "alloc")]
#[derive(Clone, Copy, Debug, Default)]
pub struct GrowingNeighbors;

#[cfg(feature = "alloc")]
impl<A: Ip, P> NeighborStorage<A, P> for GrowingNeighbors {
    type Entries = alloc::vec::Vec<Slot<Entry<A>>>;
    type Index = alloc::vec::Vec<Bucket<A>>;
    type Timers = alloc::vec::Vec<Slot<Timer<Key>>>;
    type Packets = alloc::vec::Vec<Slot<Held<A, P>>>;

    fn into_parts(self) -> (Self::Entries, Self::Index, Self::Timers, Self::Packets) {
        Default::default()
    }
}

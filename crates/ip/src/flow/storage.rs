//! The storage of a flow table: four stores that belong together.

use waypost_wire::Ip;

use super::config::FlowConfig;
#[cfg(feature = "alloc")]
use super::index::{FLOWS_MAX, buckets_for};
use super::index::{FlowBucket, PLACES_USED};
use super::map::{MapCell, Source};
use super::slots::FlowSlot;
use crate::slab::Slot;
use crate::storage::Store;
use crate::wheel::Timer;

/// Where a flow table keeps what it holds: [`FixedFlows`], `GrowingFlows` with the feature `alloc`, or the
/// caller's own. For each flow there are to be one slot, one timer, a third of a bucket and two places
/// for sources; a table has as many flows as the scarcest of them allows.
pub trait FlowStorage<A: Ip, D> {
    /// The flows.
    type Slots: Store<FlowSlot<A, D>>;
    /// The way from a key to its flow.
    type Index: Store<FlowBucket>;
    /// One timer for each flow.
    type Timers: Store<Slot<Timer<u32>>>;
    /// How many flows each source began; needs nothing where there is no limit by source.
    type Sources: Store<MapCell<Source<A>, u32>>;

    /// The four stores, for a table of these limits.
    fn into_parts(
        self,
        config: &FlowConfig,
    ) -> (Self::Slots, Self::Index, Self::Timers, Self::Sources);
}

/// Room for `N` flows, in place, with `B` buckets and `C` places for sources. `B` is at least `N / 3`,
/// `C` at least `2 * N` or 0 where there is no limit by source; anything else does not compile.
#[derive(Clone, Debug)]
pub struct FixedFlows<A, D, const N: usize, const B: usize, const C: usize> {
    slots: [FlowSlot<A, D>; N],
    index: [FlowBucket; B],
    timers: [Slot<Timer<u32>>; N],
    sources: [MapCell<Source<A>, u32>; C],
}

impl<A: Ip, D, const N: usize, const B: usize, const C: usize> FixedFlows<A, D, N, B, C> {
    /// Empty storage.
    pub const fn new() -> Self {
        const { assert!(B * PLACES_USED >= N * 2, "there are too few buckets") };
        const { assert!(C == 0 || C >= N * 2, "there are too few places for sources") };
        Self {
            slots: [const { FlowSlot::EMPTY }; N],
            index: [FlowBucket::EMPTY; B],
            timers: [const { Slot::EMPTY }; N],
            sources: [const { MapCell::EMPTY }; C],
        }
    }
}

impl<A: Ip, D, const N: usize, const B: usize, const C: usize> Default
    for FixedFlows<A, D, N, B, C>
{
    fn default() -> Self {
        Self::new()
    }
}

impl<A: Ip, D, const N: usize, const B: usize, const C: usize> FlowStorage<A, D>
    for FixedFlows<A, D, N, B, C>
{
    type Slots = [FlowSlot<A, D>; N];
    type Index = [FlowBucket; B];
    type Timers = [Slot<Timer<u32>>; N];
    type Sources = [MapCell<Source<A>, u32>; C];

    fn into_parts(self, _: &FlowConfig) -> (Self::Slots, Self::Index, Self::Timers, Self::Sources) {
        (self.slots, self.index, self.timers, self.sources)
    }
}

/// Room for as many flows as the configuration allows, taken at once when the table is made, so that the
/// memory is known and no packet ever waits for a table to grow.
#[cfg(feature = "alloc")]
#[derive(Clone, Copy, Debug, Default)]
pub struct GrowingFlows;

#[cfg(feature = "alloc")]
impl<A: Ip, D> FlowStorage<A, D> for GrowingFlows {
    type Slots = alloc::vec::Vec<FlowSlot<A, D>>;
    type Index = alloc::vec::Vec<FlowBucket>;
    type Timers = alloc::vec::Vec<Slot<Timer<u32>>>;
    type Sources = alloc::vec::Vec<MapCell<Source<A>, u32>>;

    fn into_parts(
        self,
        config: &FlowConfig,
    ) -> (Self::Slots, Self::Index, Self::Timers, Self::Sources) {
        use alloc::vec::Vec;
        let flows = config.flows.min(FLOWS_MAX);
        let sources = if config.per_source < flows { flows } else { 0 };
        (
            Vec::with_capacity(flows),
            Vec::with_capacity(buckets_for(flows * 2)),
            Vec::with_capacity(flows),
            Vec::with_capacity(sources * 2),
        )
    }
}

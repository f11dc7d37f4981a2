//! Flow tables in huge pages.

use waypost::device::advise_huge_pages;
use waypost_ip::flow::{FlowConfig, FlowStorage, GrowingFlows};
use waypost_wire::Ip;

/// Where [`GrowingFlows`] lie, but advised to the kernel for huge pages.
pub(super) struct HugeFlows;

impl<A: Ip, D> FlowStorage<A, D> for HugeFlows {
    type Slots = <GrowingFlows as FlowStorage<A, D>>::Slots;
    type Index = <GrowingFlows as FlowStorage<A, D>>::Index;
    type Timers = <GrowingFlows as FlowStorage<A, D>>::Timers;
    type Sources = <GrowingFlows as FlowStorage<A, D>>::Sources;

    fn into_parts(
        self,
        config: &FlowConfig,
    ) -> (Self::Slots, Self::Index, Self::Timers, Self::Sources) {
        let mut parts = FlowStorage::<A, D>::into_parts(GrowingFlows, config);
        // Where the kernel gives none, the row that is measured says nothing else than the one beside it.
        let _ = advise_huge_pages(parts.0.spare_capacity_mut());
        let _ = advise_huge_pages(parts.1.spare_capacity_mut());
        parts
    }
}

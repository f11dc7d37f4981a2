//! The storage of a cache: two stores that belong together.

use waypost_wire::Ip;

use super::Entry;
use crate::slab::Slot;
use crate::storage::Store;

/// Where a cache keeps what it holds: [`FixedPmtu`], `GrowingPmtu` with the feature `alloc`, or the caller's own.
/// There are to be as many chains as paths.
pub trait PmtuStorage<A: Ip> {
    /// The paths.
    type Entries: Store<Slot<Entry<A>>>;
    /// Where the chains of a hash begin.
    type Chains: Store<u32>;

    /// The two stores.
    fn into_parts(self) -> (Self::Entries, Self::Chains);
}

/// Room for `N` paths, in place.
#[derive(Clone, Debug)]
pub struct FixedPmtu<A, const N: usize>([Slot<Entry<A>>; N]);

impl<A: Ip, const N: usize> FixedPmtu<A, N> {
    /// Empty storage.
    pub const fn new() -> Self {
        Self([const { Slot::EMPTY }; N])
    }
}

impl<A: Ip, const N: usize> Default for FixedPmtu<A, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: Ip, const N: usize> PmtuStorage<A> for FixedPmtu<A, N> {
    type Entries = [Slot<Entry<A>>; N];
    type Chains = [u32; N];

    fn into_parts(self) -> (Self::Entries, Self::Chains) {
        (self.0, [0; N])
    }
}

/// Room that grows with the paths, up to the limit of the configuration.
#[cfg(feature = "alloc")]
#[derive(Clone, Copy, Debug, Default)]
pub struct GrowingPmtu;

#[cfg(feature = "alloc")]
impl<A: Ip> PmtuStorage<A> for GrowingPmtu {
    type Entries = alloc::vec::Vec<Slot<Entry<A>>>;
    type Chains = alloc::vec::Vec<u32>;

    fn into_parts(self) -> (Self::Entries, Self::Chains) {
        Default::default()
    }
}

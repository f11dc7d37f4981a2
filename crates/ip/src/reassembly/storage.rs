//! The storage of reassembly: stores that belong together.

use waypost_wire::Ip;

use super::entry::{Entry, Held};
use super::payer::Payer;
use crate::slab::Slot;
use crate::storage::Store;

/// The five stores of a table, in the order: datagrams, sources, fragments, and the beginnings of the chains
/// of datagrams and of sources.
pub type Stores<A, P, S> = (
    <S as ReassemblyStorage<A, P>>::Entries,
    <S as ReassemblyStorage<A, P>>::Payers,
    <S as ReassemblyStorage<A, P>>::Fragments,
    <S as ReassemblyStorage<A, P>>::Chains,
    <S as ReassemblyStorage<A, P>>::Chains,
);

/// Where reassembly keeps what it holds: [`FixedReassembly`], `GrowingReassembly` with the feature `alloc`, or
/// the caller's own. There are to be as many sources and chains as datagrams.
pub trait ReassemblyStorage<A: Ip, P> {
    /// The datagrams.
    type Entries: Store<Slot<Entry<A>>>;
    /// Their sources.
    type Payers: Store<Slot<Payer<A>>>;
    /// The fragments.
    type Fragments: Store<Slot<Held<P>>>;
    /// Where the chains of a hash begin.
    type Chains: Store<u32>;

    /// The stores.
    fn into_parts(self) -> Stores<A, P, Self>;
}

/// Room for `D` datagrams and `F` fragments, in place.
#[derive(Clone, Debug)]
pub struct FixedReassembly<A, P, const D: usize, const F: usize> {
    entries: [Slot<Entry<A>>; D],
    payers: [Slot<Payer<A>>; D],
    fragments: [Slot<Held<P>>; F],
}

impl<A: Ip, P, const D: usize, const F: usize> FixedReassembly<A, P, D, F> {
    /// Empty storage.
    pub const fn new() -> Self {
        Self {
            entries: [const { Slot::EMPTY }; D],
            payers: [const { Slot::EMPTY }; D],
            fragments: [const { Slot::EMPTY }; F],
        }
    }
}

impl<A: Ip, P, const D: usize, const F: usize> Default for FixedReassembly<A, P, D, F> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: Ip, P, const D: usize, const F: usize> ReassemblyStorage<A, P>
    for FixedReassembly<A, P, D, F>
{
    type Entries = [Slot<Entry<A>>; D];
    type Payers = [Slot<Payer<A>>; D];
    type Fragments = [Slot<Held<P>>; F];
    type Chains = [u32; D];

    fn into_parts(self) -> Stores<A, P, Self> {
        (self.entries, self.payers, self.fragments, [0; D], [0; D])
    }
}

/// Room that grows with what is held, up to the limits of the configuration.
#[cfg(feature = "alloc")]
#[derive(Clone, Copy, Debug, Default)]
pub struct GrowingReassembly;

#[cfg(feature = "alloc")]
impl<A: Ip, P> ReassemblyStorage<A, P> for GrowingReassembly {
    type Entries = alloc::vec::Vec<Slot<Entry<A>>>;
    type Payers = alloc::vec::Vec<Slot<Payer<A>>>;
    type Fragments = alloc::vec::Vec<Slot<Held<P>>>;
    type Chains = alloc::vec::Vec<u32>;

    fn into_parts(self) -> Stores<A, P, Self> {
        Default::default()
    }
}

//! Which internal address and port stands behind which external one, and who may send there.

use waypost_wire::{Ip, IpProtocol};

use super::super::hash::Hasher;
use super::super::key::FlowKey;
use super::super::map::{Map, MapCell, MapKey, Source};
use super::port_set::PortSets;
use crate::storage::Store;

/// One end of a flow: an address and port of a protocol, in a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint<A> {
    /// The address.
    pub addr: A,
    /// The port, or the identifier of ICMP queries.
    pub port: u16,
    /// The zone.
    pub zone: u16,
    /// The protocol.
    pub protocol: IpProtocol,
}

impl<A: Ip> Endpoint<A> {
    /// Where packets with that key come from.
    pub const fn source(key: &FlowKey<A>) -> Self {
        Self {
            addr: key.source,
            port: key.source_port,
            zone: key.zone,
            protocol: key.protocol,
        }
    }

    /// Where packets with that key go to.
    pub const fn destination(key: &FlowKey<A>) -> Self {
        Self::source(&key.reversed())
    }

    pub(super) const fn in_zone(mut self, zone: u16) -> Self {
        self.zone = zone;
        self
    }

    const fn host(&self) -> Source<A> {
        Source {
            network: self.addr,
            zone: self.zone,
        }
    }

    /// The same protocol at another place.
    pub(super) const fn at(self, (addr, port): (A, u16), zone: u16) -> Self {
        Self {
            addr,
            port,
            zone,
            protocol: self.protocol,
        }
    }
}

impl<A: Ip> MapKey for Endpoint<A> {
    fn hash(&self, hasher: &Hasher) -> u64 {
        let tail =
            u64::from(self.port) | u64::from(self.zone) << 16 | u64::from(self.protocol.0) << 32;
        hasher.addr(self.addr, tail)
    }
}

/// What stands behind an external address and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Internal<A> {
    /// The address.
    pub addr: A,
    /// The port, or the identifier of ICMP queries.
    pub port: u16,
    /// The zone.
    pub zone: u16,
    /// How many flows use it.
    pub flows: u32,
    kind: Kind,
}

impl<A> Internal<A> {
    /// Whether it stays without flows, and lets everybody in.
    pub const fn is_static(&self) -> bool {
        matches!(self.kind, Kind::Static)
    }
}

/// Whose a mapping is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One flow's, of those from inside.
    Single,
    /// Those flows' that have its internal address and port.
    Shared,
    /// Theirs too, and it is there without them.
    Static,
}

/// That a host may send to an external address and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permit<A> {
    pub(super) external: Endpoint<A>,
    pub(super) remote: A,
}

impl<A: Ip> MapKey for Permit<A> {
    fn hash(&self, hasher: &Hasher) -> u64 {
        hasher.addr(self.remote, self.external.hash(hasher))
    }
}

/// Where a NAT keeps its mappings: [`FixedNat`], `GrowingNat` with the feature `alloc`, or the caller's own.
/// There are to be four places for each flow, and two more, in those of mappings and of hosts: a flow between two
/// hosts inside keeps two mappings, and places are half used; and two more for each static mapping. Of permits half as
/// many are enough. There is one set of ports for each external address.
pub trait NatStorage<A: Ip> {
    /// From internal to external.
    type Externals: Store<MapCell<Endpoint<A>, (A, u16)>>;
    /// From external to internal.
    type Internals: Store<MapCell<Endpoint<A>, Internal<A>>>;
    /// Who may send where.
    type Permits: Store<MapCell<Permit<A>, u32>>;
    /// The external address of each host inside that has mappings, and how many they are.
    type Hosts: Store<MapCell<Source<A>, (A, u32)>>;
    /// The external addresses.
    type Ports: Store<PortSets<A>>;

    /// The five stores.
    fn into_parts(self) -> NatStores<A, Self>
    where
        Self: Sized;
}

/// The stores of a NAT: from internal to external, back, permits, hosts, external addresses.
pub type NatStores<A, S> = (
    <S as NatStorage<A>>::Externals,
    <S as NatStorage<A>>::Internals,
    <S as NatStorage<A>>::Permits,
    <S as NatStorage<A>>::Hosts,
    <S as NatStorage<A>>::Ports,
);

/// Room, in place, for the mappings of flows, in `C` places, and for `P` external addresses of 32 KiB each.
/// `C` is to be four times the number of flows, and two more, and two for each static mapping; with less, a flow for
/// whose mappings there is no room is refused ([`FlowRefusal::TableFull`](super::super::FlowRefusal::TableFull)).
#[derive(Clone, Debug)]
pub struct FixedNat<A, const C: usize, const P: usize> {
    externals: [MapCell<Endpoint<A>, (A, u16)>; C],
    internals: [MapCell<Endpoint<A>, Internal<A>>; C],
    permits: [MapCell<Permit<A>, u32>; C],
    hosts: [MapCell<Source<A>, (A, u32)>; C],
    ports: [PortSets<A>; P],
}

impl<A: Ip, const C: usize, const P: usize> FixedNat<A, C, P> {
    /// Empty storage.
    pub const fn new() -> Self {
        Self {
            externals: [const { MapCell::EMPTY }; C],
            internals: [const { MapCell::EMPTY }; C],
            permits: [const { MapCell::EMPTY }; C],
            hosts: [const { MapCell::EMPTY }; C],
            ports: [const { PortSets::EMPTY }; P],
        }
    }
}

impl<A: Ip, const C: usize, const P: usize> Default for FixedNat<A, C, P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: Ip, const C: usize, const P: usize> NatStorage<A> for FixedNat<A, C, P> {
    type Externals = [MapCell<Endpoint<A>, (A, u16)>; C];
    type Internals = [MapCell<Endpoint<A>, Internal<A>>; C];
    type Permits = [MapCell<Permit<A>, u32>; C];
    type Hosts = [MapCell<Source<A>, (A, u32)>; C];
    type Ports = [PortSets<A>; P];

    fn into_parts(self) -> NatStores<A, Self> {
        (
            self.externals,
            self.internals,
            self.permits,
            self.hosts,
            self.ports,
        )
    }
}

/// Room for the mappings of as many flows as the configuration allows, taken when the table is made, and for
/// external addresses as they are added.
#[cfg(feature = "alloc")]
#[derive(Clone, Copy, Debug, Default)]
pub struct GrowingNat;

#[cfg(feature = "alloc")]
impl<A: Ip> NatStorage<A> for GrowingNat {
    type Externals = alloc::vec::Vec<MapCell<Endpoint<A>, (A, u16)>>;
    type Internals = alloc::vec::Vec<MapCell<Endpoint<A>, Internal<A>>>;
    type Permits = alloc::vec::Vec<MapCell<Permit<A>, u32>>;
    type Hosts = alloc::vec::Vec<MapCell<Source<A>, (A, u32)>>;
    type Ports = alloc::vec::Vec<PortSets<A>>;

    fn into_parts(self) -> NatStores<A, Self> {
        Default::default()
    }
}

/// The mappings and permits of a NAT.
pub(super) struct Mappings<A: Ip, M: NatStorage<A>> {
    externals: Map<Endpoint<A>, (A, u16), M::Externals>,
    internals: Map<Endpoint<A>, Internal<A>, M::Internals>,
    permits: Map<Permit<A>, u32, M::Permits>,
    hosts: Map<Source<A>, (A, u32), M::Hosts>,
    statics: usize,
}

impl<A: Ip, M: NatStorage<A>> Mappings<A, M> {
    /// Room for the mappings of so many flows and for so many static ones, and the storage of the ports.
    pub(super) fn new(storage: M, flows: usize, statics: usize, seed: u64) -> (Self, M::Ports) {
        let (externals, internals, permits, hosts, ports) = storage.into_parts();
        // A new mapping is there before an old flow goes for its flow. One between two hosts inside keeps two.
        let permitted = flows.saturating_add(1);
        let len = flows.saturating_mul(2).saturating_add(1);
        let len = len.saturating_add(statics);
        let this = Self {
            externals: Map::new(externals, len, seed ^ 1),
            internals: Map::new(internals, len, seed ^ 2),
            permits: Map::new(permits, permitted, seed ^ 3),
            hosts: Map::new(hosts, len, seed ^ 4),
            statics: 0,
        };
        (this, ports)
    }

    pub(super) fn external(&self, internal: &Endpoint<A>) -> Option<(A, u16)> {
        self.externals.value(internal)
    }

    pub(super) fn internal(&self, external: &Endpoint<A>) -> Option<Internal<A>> {
        self.internals.value(external)
    }

    /// The external address of a host that has mappings.
    pub(super) fn address_of(&self, internal: &Endpoint<A>) -> Option<A> {
        let (addr, _) = self.hosts.value(&internal.host())?;
        Some(addr)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Endpoint<A>, Internal<A>)> {
        self.internals.iter()
    }

    /// How many static mappings there are.
    pub(super) fn statics(&self) -> usize {
        self.statics
    }

    /// Adds a mapping that no flow uses yet. `false`, and nothing changed, if there is no room.
    pub(super) fn insert(
        &mut self,
        external: Endpoint<A>,
        internal: Endpoint<A>,
        kind: Kind,
    ) -> bool {
        let mapping = Internal {
            addr: internal.addr,
            port: internal.port,
            zone: internal.zone,
            flows: 0,
            kind,
        };
        if !self.internals.insert(external, mapping) {
            return false;
        }
        let place = (external.addr, external.port);
        if kind != Kind::Single && !self.externals.insert(internal, place) {
            self.internals.remove(&external);
            return false;
        }
        match self.hosts.value_mut(&internal.host()) {
            Some((_, mappings)) => *mappings += 1,
            None => _ = self.hosts.insert(internal.host(), (external.addr, 1)),
        }
        self.statics += usize::from(kind == Kind::Static);
        true
    }

    /// One more flow uses a mapping.
    pub(super) fn hold(&mut self, external: &Endpoint<A>) {
        if let Some(internal) = self.internals.value_mut(external) {
            internal.flows += 1;
        }
    }

    /// One flow less uses a mapping; `true` if it was the last, and the mapping is gone.
    pub(super) fn release(&mut self, external: &Endpoint<A>) -> bool {
        let Some(internal) = self.internals.value_mut(external) else {
            return false;
        };
        internal.flows = internal.flows.saturating_sub(1);
        if internal.flows > 0 || internal.is_static() {
            return false;
        }
        self.remove(external);
        true
    }

    /// Removes a mapping that no flow uses.
    pub(super) fn remove(&mut self, external: &Endpoint<A>) {
        let Some(internal) = self.internals.remove(external) else {
            return;
        };
        let near = external.at((internal.addr, internal.port), internal.zone);
        if internal.kind != Kind::Single {
            self.externals.remove(&near);
        }
        match self.hosts.value_mut(&near.host()) {
            Some((_, mappings)) if *mappings > 1 => *mappings -= 1,
            _ => _ = self.hosts.remove(&near.host()),
        }
        self.statics -= usize::from(internal.is_static());
    }

    /// Removes what is static at an external address that goes, when its flows have gone. Hosts that have mappings at
    /// other addresses go on with one of those.
    pub(super) fn leave(&mut self, addr: A) {
        loop {
            // A few at a time, since what is removed moves others.
            let mut statics = [None; 64];
            let left = self.internals.iter().map(|(external, _)| external);
            let left = left.filter(|external| external.addr == addr);
            for (place, external) in statics.iter_mut().zip(left) {
                *place = Some(external);
            }
            for external in statics.iter().flatten() {
                self.remove(external);
            }
            if statics.last() == Some(&None) {
                break;
            }
        }
        for (external, internal) in self.internals.iter() {
            let near = external.at((internal.addr, internal.port), internal.zone);
            if let Some((home, _)) = self.hosts.value_mut(&near.host())
                && *home == addr
            {
                *home = external.addr;
            }
        }
    }

    /// Lets a host in, once more; `false` if there is no room to note it.
    pub(super) fn permit(&mut self, permit: &Permit<A>) -> bool {
        match self.permits.value_mut(permit) {
            Some(count) => {
                *count += 1;
                true
            }
            None => self.permits.insert(*permit, 1),
        }
    }

    /// Takes one permit back.
    pub(super) fn forbid(&mut self, permit: &Permit<A>) {
        match self.permits.value_mut(permit) {
            Some(count) if *count > 1 => *count -= 1,
            _ => _ = self.permits.remove(permit),
        }
    }

    pub(super) fn is_permitted(&self, external: &Endpoint<A>, remote: A) -> bool {
        let permit = Permit {
            external: *external,
            remote,
        };
        self.permits.value(&permit).is_some()
    }
}

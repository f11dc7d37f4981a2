//! What a NAT keeps beside its flows: which external address and port stand for which internal ones, who
//! may send to them, and which ports are free.
//!
//! ```
//! # #[cfg(feature = "alloc")] {
//! use core::net::Ipv4Addr;
//! use waypost_ip::flow::nat::{GrowingNat, NatConfig, NatTable};
//! use waypost_ip::flow::{FlowConfig, FlowKey, GrowingFlows};
//! use waypost_wire::{Instant, IpProtocol};
//!
//! let (flows, nat) = (FlowConfig { seed: 1, ..Default::default() }, NatConfig { seed: 2, ..Default::default() });
//! let mut table = NatTable::new(GrowingFlows, GrowingNat, flows, nat)?;
//! table.add_address(Ipv4Addr::new(198, 51, 100, 1));
//!
//! let (host, peer) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(192, 0, 2, 1));
//! let packet = FlowKey::new(IpProtocol::UDP, (host, 4000), (peer, 53));
//! let inserted = table.outbound(Instant::ZERO, packet, None, ())?;
//! let reply = table.flows().flow(inserted.id).unwrap().reply;
//! assert_eq!(reply.destination, Ipv4Addr::new(198, 51, 100, 1));
//! assert!(reply.destination_port >= 1024 && reply.destination_port % 2 == 0);
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A mapping lives as long as a flow that uses it, a [static](NatTable::add_static) one until it is taken away. A packet of a known flow never comes here: it is found
//! in [`flows`](NatTable::flows). The rewriting of packets is the caller's.

mod addresses;
mod config;
mod mappings;
mod port_set;
mod ports;
mod statics;

use waypost_wire::{Instant, Ip, TcpHeader};

pub use config::{Filtering, Mapping, NatConfig, NatConfigError, Pooling, PortRange};
#[cfg(feature = "alloc")]
pub use mappings::GrowingNat;
pub use mappings::{Endpoint, FixedNat, Internal, NatStorage, NatStores, Permit};
pub use port_set::PortSets;
pub use statics::StaticRefusal;

use super::key::{FlowKey, Query};
use super::{
    Ended, FlowConfig, FlowId, FlowRefusal, FlowState, FlowStorage, FlowTable, Found, Inserted,
};
use mappings::{Kind, Mappings};
use ports::Ports;

/// What the table keeps with each flow, the caller's `D` among it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Translated<A, D> {
    /// Given by the caller.
    pub data: D,
    /// External endpoints whose mappings the flow keeps: of its internal side and, where both sides are
    /// internal, of the other.
    holds: [Option<Endpoint<A>>; 2],
    permit: Option<Permit<A>>,
}

impl<A: Copy, D> Translated<A, D> {
    /// The external address and port that stand for the flow's internal side; `None` for protocols without
    /// ports and for ports that several flows share.
    pub fn external(&self) -> Option<(A, u16)> {
        self.holds[0].map(|endpoint| (endpoint.addr, endpoint.port))
    }

    /// Whether both sides are internal (hairpinning, RFC 4787 §6).
    pub fn is_hairpin(&self) -> bool {
        self.holds[1].is_some()
    }
}

/// The flows of a NAT with their mappings: flows in the storage `S`, mappings in `M`.
pub struct NatTable<A: Ip, D, S: FlowStorage<A, Translated<A, D>>, M: NatStorage<A>> {
    flows: FlowTable<A, Translated<A, D>, S>,
    mappings: Mappings<A, M>,
    ports: Ports<A, M::Ports>,
    config: NatConfig,
}

impl<A: Ip, D, S, M> NatTable<A, D, S, M>
where
    S: FlowStorage<A, Translated<A, D>>,
    M: NatStorage<A>,
{
    /// A table without flows and external addresses. Times of flows that are shorter than the RFCs allow a
    /// NAT are raised to the least ([`FlowTimeouts::at_least_rfc`](super::FlowTimeouts::at_least_rfc)).
    ///
    /// # Errors
    /// Says which ports no flow could get.
    pub fn new(
        flows: S,
        mappings: M,
        mut flow_config: FlowConfig,
        config: NatConfig,
    ) -> Result<Self, NatConfigError> {
        config.check()?;
        flow_config.timeouts = flow_config.timeouts.at_least_rfc();
        let flows = FlowTable::new(flows, flow_config);
        let (mappings, ports) = Mappings::new(mappings, flows.limit(), config.statics, config.seed);
        Ok(Self {
            flows,
            mappings,
            ports: Ports::new(ports, &config),
            config,
        })
    }

    /// The flows: here packets are looked up, errors too.
    #[inline]
    pub fn flows(&self) -> &FlowTable<A, Translated<A, D>, S> {
        &self.flows
    }

    /// As [`FlowTable::packet`].
    #[inline]
    pub fn packet(
        &mut self,
        now: Instant,
        found: Found,
        tcp: Option<&TcpHeader>,
    ) -> Option<FlowState> {
        self.flows.packet(now, found, tcp)
    }

    /// What the caller keeps with a flow, unless the flow ended.
    pub fn data_mut(&mut self, id: FlowId) -> Option<&mut D> {
        Some(&mut self.flows.data_mut(id)?.data)
    }

    /// Enters the flow of a packet from an internal host that belongs to none yet. To another internal
    /// host's external address and port it becomes one between both, each of which sees the other's
    /// external ones (RFC 4787 §6, RFC 5382 §7.2), in the zones of both: [`Flow::rewritten`](super::Flow::rewritten)
    /// says in which one a packet is to go on.
    ///
    /// # Errors
    /// Says why there is no such flow now; counted.
    pub fn outbound(
        &mut self,
        now: Instant,
        packet: FlowKey<A>,
        tcp: Option<&TcpHeader>,
        data: D,
    ) -> Result<Inserted<A, D>, FlowRefusal> {
        let mut reply = packet.reversed();
        let target = Endpoint::destination(&packet).in_zone(self.config.external_zone);
        let is_query = packet.query != Query::None;
        let far = self.mappings.internal(&target).filter(|_| !is_query);
        // What must fail, fails before anything is taken.
        if self.flows.lookup(&packet).is_some() {
            return Err(self.flows.refuse(FlowRefusal::KeyInUse));
        }
        let near = Endpoint::source(&packet);
        // Where mappings depend on the peer, none but a static one is found.
        let known = self.mappings.external(&near);
        let zone = self.config.external_zone;
        reply.zone = zone;
        if let Some(far) = far {
            // Its packets come, and those to it go, where its own network is.
            reply.zone = far.zone;
            (reply.source, reply.source_port) = (far.addr, far.port);
        }
        let (external, is_new) = match known {
            Some(external) => (external, false),
            None => {
                let flows = &self.flows;
                let is_free = |addr, port| {
                    let mut reply = reply;
                    (reply.destination, reply.destination_port) = (addr, port);
                    flows.lookup(&reply).is_none()
                };
                let paired = self.mappings.address_of(&near);
                match self.ports.take(&packet, paired, is_free) {
                    Ok(external) => (external, true),
                    Err(reason) => return Err(self.flows.refuse(reason)),
                }
            }
        };
        (reply.destination, reply.destination_port) = external;
        if !packet.has_ports() && self.flows.lookup(&reply).is_some() {
            // Its packets back could not be told from those of the other.
            return Err(self.flows.refuse(FlowRefusal::ProtocolInUse));
        }
        let here = near.at(external, zone);
        let remote = packet.destination;
        if far.is_some() && !self.admits(&target, external.0) {
            if is_new {
                self.ports.release(&packet, external);
            }
            return Err(self.flows.refuse(FlowRefusal::Filtered));
        }
        let mut holds = [None; 2];
        if !is_new || (packet.has_ports() && !self.config.shares_ports()) {
            let kind = match self.config.mapping {
                Mapping::EndpointIndependent => Kind::Shared,
                Mapping::AddressAndPortDependent => Kind::Single,
            };
            if is_new && !self.mappings.insert(here, near, kind) {
                self.ports.release(&packet, external);
                return Err(self.flows.refuse(FlowRefusal::TableFull));
            }
            holds[0] = Some(here);
        }
        holds[1] = far.map(|_| target);
        let permit = self.permit(holds[0], remote);
        self.enter(now, [packet, reply], tcp, data, holds, permit)
    }

    /// Enters the flow of a packet from outside that belongs to none yet, if the filtering lets it in, or to a static
    /// mapping.
    ///
    /// # Errors
    /// Says why not; counted.
    pub fn inbound(
        &mut self,
        now: Instant,
        packet: FlowKey<A>,
        tcp: Option<&TcpHeader>,
        data: D,
    ) -> Result<Inserted<A, D>, FlowRefusal> {
        let target = Endpoint::destination(&packet);
        let internal = self.mappings.internal(&target);
        let (Some(internal), Query::None) = (internal, packet.query) else {
            return Err(self.flows.refuse(FlowRefusal::NoMapping));
        };
        if !self.admits(&target, packet.source) {
            return Err(self.flows.refuse(FlowRefusal::Filtered));
        }
        let mut reply = packet.reversed();
        (reply.source, reply.source_port) = (internal.addr, internal.port);
        reply.zone = internal.zone;
        let permit = self.permit(Some(target), packet.source);
        self.enter(
            now,
            [packet, reply],
            tcp,
            data,
            [Some(target), None],
            permit,
        )
    }

    /// Removes a flow; `None` if it ended before.
    pub fn remove(&mut self, id: FlowId) -> Option<Ended<A, D>> {
        let ended = self.flows.remove(id)?;
        Some(self.release(ended))
    }

    /// As [`FlowTable::expire`]. What the flow held is free again.
    pub fn expire(&mut self, now: Instant) -> Option<Ended<A, D>> {
        let ended = self.flows.expire(now)?;
        Some(self.release(ended))
    }

    /// When [`expire`](Self::expire) should be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.flows.poll_timeout()
    }

    /// The internal address and port behind external ones, and how many flows use them.
    pub fn mapping(&self, external: &Endpoint<A>) -> Option<Internal<A>> {
        self.mappings.internal(external)
    }

    /// All mappings, external to internal, in no order.
    pub fn mappings(&self) -> impl Iterator<Item = (Endpoint<A>, Internal<A>)> {
        self.mappings.iter()
    }

    /// How many ports of an external address flows of `packet`'s protocol use, those of static mappings apart.
    pub fn ports_in_use(&self, addr: A, packet: &FlowKey<A>) -> usize {
        self.ports.in_use(addr, packet)
    }

    /// Whether the filtering lets packets of `remote` in that belong to no flow (RFC 4787 §5).
    fn admits(&self, external: &Endpoint<A>, remote: A) -> bool {
        if self.mapping(external).is_some_and(|it| it.is_static()) {
            return true;
        }
        match self.config.filtering {
            Filtering::EndpointIndependent => true,
            Filtering::AddressDependent => self.mappings.is_permitted(external, remote),
            Filtering::AddressAndPortDependent => false,
        }
    }

    /// What lets more flows of `remote` in while this one lives.
    fn permit(&self, external: Option<Endpoint<A>>, remote: A) -> Option<Permit<A>> {
        let external = external?;
        (self.config.filtering == Filtering::AddressDependent)
            .then_some(Permit { external, remote })
    }

    /// Enters a flow with what it holds, or gives all of that back.
    fn enter(
        &mut self,
        now: Instant,
        [original, reply]: [FlowKey<A>; 2],
        tcp: Option<&TcpHeader>,
        data: D,
        holds: [Option<Endpoint<A>>; 2],
        permit: Option<Permit<A>>,
    ) -> Result<Inserted<A, D>, FlowRefusal> {
        // Taken before a flow can go for this one, which may be the last that holds the same.
        for external in holds.iter().flatten() {
            self.mappings.hold(external);
        }
        let permit = permit.filter(|permit| self.mappings.permit(permit));
        let entry = Translated {
            data,
            holds,
            permit,
        };
        match self.flows.insert(now, original, reply, tcp, entry) {
            Ok(Inserted { id, evicted }) => Ok(Inserted {
                id,
                evicted: evicted.map(|ended| self.release(ended)),
            }),
            Err(reason) => {
                self.give_back(&original, holds, permit);
                Err(reason)
            }
        }
    }

    fn release(&mut self, ended: Ended<A, Translated<A, D>>) -> Ended<A, D> {
        let (holds, permit) = (ended.data.holds, ended.data.permit);
        self.give_back(&ended.original, holds, permit);
        ended.map(|translated| translated.data)
    }

    fn give_back(
        &mut self,
        original: &FlowKey<A>,
        holds: [Option<Endpoint<A>>; 2],
        permit: Option<Permit<A>>,
    ) {
        if let Some(permit) = permit {
            self.mappings.forbid(&permit);
        }
        for external in holds.into_iter().flatten() {
            if self.mappings.release(&external) {
                self.ports.release(original, (external.addr, external.port));
            }
        }
    }
}

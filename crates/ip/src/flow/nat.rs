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
//! let mut table = NatTable::new(GrowingFlows, GrowingNat, flows, nat);
//! table.add_address(Ipv4Addr::new(198, 51, 100, 1));
//!
//! let (host, peer) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(192, 0, 2, 1));
//! let packet = FlowKey::new(IpProtocol::UDP, (host, 4000), (peer, 53));
//! let inserted = table.outbound(Instant::ZERO, packet, None, ())?;
//! let reply = table.flows().flow(inserted.id).unwrap().reply;
//! assert_eq!(reply.destination, Ipv4Addr::new(198, 51, 100, 1));
//! assert!(reply.destination_port >= 1024 && reply.destination_port % 2 == 0);
//! # }
//! # Ok::<(), waypost_ip::flow::FlowRefusal>(())
//! ```
//!
//! A mapping lives as long as a flow that uses it. A packet of a known flow never comes here: it is found
//! in [`flows`](NatTable::flows). The rewriting of packets is the caller's.

mod config;
mod mappings;
mod ports;

use waypost_wire::{Instant, Ip, IpProtocol, TcpHeader};

pub use config::{Filtering, Mapping, NatConfig, Pooling};
#[cfg(feature = "alloc")]
pub use mappings::GrowingNat;
pub use mappings::{Endpoint, FixedNat, Internal, NatStorage, NatStores, Permit};
pub use ports::PortSets;

use super::key::{FlowKey, Query};
use super::{
    Ended, Flow, FlowConfig, FlowId, FlowRefusal, FlowState, FlowStorage, FlowTable, Found,
    Inserted,
};
use mappings::Mappings;
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
    pub fn new(flows: S, mappings: M, mut flow_config: FlowConfig, config: NatConfig) -> Self {
        flow_config.timeouts = flow_config.timeouts.at_least_rfc();
        let flows = FlowTable::new(flows, flow_config);
        let (mappings, ports) = Mappings::new(mappings, flows.limit(), config.seed);
        Self {
            flows,
            mappings,
            ports: Ports::new(ports, &config),
            config,
        }
    }

    /// Adds an external address; `false` if it is there already or there is no room. A host that has mappings keeps
    /// its external address; others may get another by it, also those whose flows share ports.
    pub fn add_address(&mut self, addr: A) -> bool {
        self.ports.add(addr)
    }

    /// Takes an external address away, which somebody else may have from now on, and ends the flows that use it: each is
    /// handed to `ended`. Looks at all flows. `false` if there is no such address.
    pub fn remove_address(&mut self, addr: A, mut ended: impl FnMut(Ended<A, D>)) -> bool {
        if !self.ports.remove(addr) {
            return false;
        }
        let uses = |flow: &Flow<'_, A, Translated<A, D>>| match flow.data.holds {
            // Without a mapping it is one from inside, whose answers come to the address.
            [None, None] => flow.reply.destination == addr,
            holds => holds.iter().flatten().any(|it| it.addr == addr),
        };
        for index in 0..self.flows.limit() {
            if let Some(id) = self.flows.id_at(index)
                && self.flows.flow(id).as_ref().is_some_and(uses)
                && let Some(flow) = self.remove(id)
            {
                ended(flow);
            }
        }
        true
    }

    /// Keeps a port of an external address for a service of the node itself, which may have that address too: no flow
    /// that begins gets it (RFC 6056 §3.2). Of ICMP it is an identifier; protocols other than TCP, UDP and ICMP share
    /// their ports. `false` if there is no such address, or a flow or a service has the port.
    pub fn reserve_port(&mut self, addr: A, protocol: IpProtocol, port: u16) -> bool {
        self.ports.reserve(addr, protocol, port)
    }

    /// Ends what [`reserve_port`](Self::reserve_port) began: flows may get the port. Looks at all mappings. `false` if there is no such
    /// address, or no service has the port.
    pub fn release_port(&mut self, addr: A, protocol: IpProtocol, port: u16) -> bool {
        let has = |it: &Endpoint<A>| {
            it.addr == addr && it.port == port && ports::are_shared(it.protocol, protocol)
        };
        let is_flows = self.mappings.iter().any(|(external, _)| has(&external));
        !is_flows && self.ports.give_up(addr, protocol, port)
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
        let known = match self.config.mapping {
            Mapping::EndpointIndependent => self.mappings.external(&near),
            Mapping::AddressAndPortDependent => None,
        };
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
        if packet.has_ports() && !self.config.shares_ports() {
            let is_shared = self.config.mapping == Mapping::EndpointIndependent;
            if is_new && !self.mappings.insert(here, near, is_shared) {
                self.ports.release(&packet, external);
                return Err(self.flows.refuse(FlowRefusal::TableFull));
            }
            holds[0] = Some(here);
        }
        holds[1] = far.map(|_| target);
        let permit = self.permit(holds[0], remote);
        self.enter(now, [packet, reply], tcp, data, holds, permit)
    }

    /// Enters the flow of a packet from outside that belongs to none yet, if the filtering lets it in.
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

    /// How many ports of an external address flows of `packet`'s protocol use.
    pub fn ports_in_use(&self, addr: A, packet: &FlowKey<A>) -> usize {
        self.ports.in_use(addr, packet)
    }

    /// Whether the filtering lets packets of `remote` in that belong to no flow (RFC 4787 §5).
    fn admits(&self, external: &Endpoint<A>, remote: A) -> bool {
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

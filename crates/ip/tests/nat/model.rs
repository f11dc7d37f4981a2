//! What a NAT is to do, told plainly: a list of flows, from which all else is reckoned anew each time. It takes nothing
//! from the table but what chance decides (which of the allowed ports, which address for a new host) and how
//! long flows live, and those it holds against what is allowed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use waypost_ip::flow::nat::{Endpoint, Filtering, Mapping, NatConfig, Pooling, StaticRefusal};
use waypost_ip::flow::{Direction, FlowId, FlowRefusal};
use waypost_wire::IpProtocol;

use super::{Key, Nat};

pub(crate) type End = Endpoint<Ipv4Addr>;
/// An external address and port.
pub(crate) type Place = (Ipv4Addr, u16);
type Host = (Ipv4Addr, u16);

pub(crate) const UDP_LITE: IpProtocol = IpProtocol(136);

/// A flow with the mappings that it uses: external endpoint and internal one.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    original: Key,
    reply: Key,
    own: Option<(End, End)>,
    far: Option<(End, End)>,
    /// To whom the host inside talks.
    remote: Ipv4Addr,
}

/// What stands behind an external endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Behind {
    internal: End,
    flows: u32,
    is_static: bool,
}

pub(crate) struct Model {
    pub(crate) config: NatConfig,
    limit: usize,
    addresses: BTreeSet<Ipv4Addr>,
    reserved: BTreeSet<(Ipv4Addr, u8, u16)>,
    statics: BTreeMap<End, End>,
    /// The oldest first.
    flows: Vec<(FlowId, Entry)>,
    /// The external address of each host that has mappings: one, or one of those where it is not known yet which.
    hosts: BTreeMap<Host, BTreeSet<Ipv4Addr>>,
    /// Those of hosts without mappings, as far as they were seen since addresses came or went.
    homes: BTreeMap<Host, Ipv4Addr>,
}

/// Protocols whose ports are the same.
fn class(protocol: IpProtocol) -> u8 {
    match protocol {
        IpProtocol::TCP => 0,
        IpProtocol::UDP => 1,
        IpProtocol::ICMP => 2,
        _ => 3,
    }
}

fn has_ports(protocol: IpProtocol) -> bool {
    protocol != IpProtocol::GRE
}

fn end(protocol: IpProtocol, (addr, port): Place, zone: u16) -> End {
    Endpoint {
        addr,
        port,
        zone,
        protocol,
    }
}

/// Whether flows may take a port at all, whatever others have.
pub(crate) fn is_allowed(config: &NatConfig, protocol: IpProtocol, own: u16, port: u16) -> bool {
    if protocol == IpProtocol::ICMP {
        return config.identifiers.first <= port && port <= config.identifiers.last;
    }
    let range = config.ports;
    let [has_low, has_high] = [range.first < 1024, range.last >= 1024];
    let wants_low = config.keep_range && own < 1024;
    let right_side = match (has_low, has_high) {
        (true, true) => (port < 1024) == wants_low,
        _ => true,
    };
    let right_parity = !config.keep_parity || port % 2 == own % 2;
    (range.first..=range.last).contains(&port) && right_side && right_parity
}

/// Whether there is a port for every flow as long as nobody has any.
pub(crate) fn is_possible(config: &NatConfig) -> bool {
    let is_there =
        |protocol, own| (0..=u16::MAX).any(|port| is_allowed(config, protocol, own, port));
    config.ports.first != 0
        && is_there(IpProtocol::ICMP, 0)
        && [100, 101, 4000, 4001]
            .into_iter()
            .all(|own| is_there(IpProtocol::UDP, own))
}

impl Model {
    pub(crate) fn new(config: NatConfig, limit: usize) -> Self {
        Self {
            config,
            limit,
            addresses: BTreeSet::new(),
            reserved: BTreeSet::new(),
            statics: BTreeMap::new(),
            flows: Vec::new(),
            hosts: BTreeMap::new(),
            homes: BTreeMap::new(),
        }
    }

    fn is_independent(&self) -> bool {
        self.config.mapping == Mapping::EndpointIndependent
    }

    fn shares_ports(&self) -> bool {
        self.config.overload && !self.is_independent()
    }

    fn mappings(&self) -> BTreeMap<End, Behind> {
        let behind = |internal, is_static| Behind {
            internal,
            flows: 0,
            is_static,
        };
        let statics = self.statics.iter();
        let mut all: BTreeMap<_, _> = statics
            .map(|(external, internal)| (*external, behind(*internal, true)))
            .collect();
        for (_, flow) in &self.flows {
            for (external, internal) in flow.own.iter().chain(&flow.far) {
                let there = all
                    .entry(*external)
                    .or_insert_with(|| behind(*internal, false));
                assert_eq!(there.internal, *internal, "one port for two");
                there.flows += 1;
            }
        }
        all
    }

    pub(crate) fn externals(&self) -> Vec<End> {
        self.mappings().into_keys().collect()
    }

    pub(crate) fn ids(&self) -> Vec<FlowId> {
        self.flows.iter().map(|(id, _)| *id).collect()
    }

    pub(crate) fn reserved_ports(&self) -> Vec<(Place, IpProtocol)> {
        let protocols = [IpProtocol::TCP, IpProtocol::UDP, IpProtocol::ICMP, UDP_LITE];
        let reserved = self.reserved.iter();
        reserved
            .map(|(addr, class, port)| ((*addr, *port), protocols[usize::from(*class)]))
            .collect()
    }

    fn keys(&self) -> BTreeSet<Key> {
        let flows = self.flows.iter();
        flows
            .flat_map(|(_, flow)| [flow.original, flow.reply])
            .collect()
    }

    /// By what an internal endpoint goes out, whomever it is for.
    fn external_of(&self, internal: &End) -> Option<End> {
        let mut all = self.mappings().into_iter();
        all.find(|(_, it)| it.internal == *internal && (it.is_static || self.is_independent()))
            .map(|(external, _)| external)
    }

    fn admits(&self, target: &End, remote: Ipv4Addr) -> bool {
        let is_talked_to = self.flows.iter().any(|(_, flow)| {
            flow.own.is_some_and(|(external, _)| external == *target) && flow.remote == remote
        });
        self.statics.contains_key(target)
            || match self.config.filtering {
                Filtering::EndpointIndependent => true,
                Filtering::AddressDependent => is_talked_to,
                Filtering::AddressAndPortDependent => false,
            }
    }

    fn is_used(&self, addr: Ipv4Addr, protocol: IpProtocol, port: u16) -> bool {
        let is_it =
            |it: &End| (it.addr, it.port) == (addr, port) && class(it.protocol) == class(protocol);
        self.reserved.contains(&(addr, class(protocol), port)) || self.externals().iter().any(is_it)
    }

    /// Holds what came of a packet from inside against what is to come of it, and returns the flow.
    pub(crate) fn outbound(
        &mut self,
        packet: Key,
        result: Result<Place, FlowRefusal>,
    ) -> Result<Entry, FlowRefusal> {
        let keys = self.keys();
        if keys.contains(&packet) {
            assert_eq!(result, Err(FlowRefusal::KeyInUse));
            return Err(FlowRefusal::KeyInUse);
        }
        let protocol = packet.protocol;
        let outside = self.config.external_zone;
        let near = Endpoint::source(&packet);
        let target = end(
            protocol,
            (packet.destination, packet.destination_port),
            outside,
        );
        let far = match protocol {
            IpProtocol::ICMP => None,
            _ => self.mappings().get(&target).map(|it| it.internal),
        };
        let reply_to = |place: Place| {
            let mut reply = packet.reversed().in_zone(outside);
            if let Some(far) = far {
                reply.zone = far.zone;
                (reply.source, reply.source_port) = (far.addr, far.port);
            }
            (reply.destination, reply.destination_port) = place;
            reply
        };
        let known = self.external_of(&near);
        let is_held = known.is_some() || (has_ports(protocol) && !self.shares_ports());
        let finish = |place: Place| {
            let reply = reply_to(place);
            if !has_ports(protocol) && keys.contains(&reply) {
                return Err(FlowRefusal::ProtocolInUse);
            }
            if far.is_some() && !self.admits(&target, place.0) {
                return Err(FlowRefusal::Filtered);
            }
            if reply == packet || keys.contains(&reply) {
                return Err(FlowRefusal::KeyInUse);
            }
            Ok(Entry {
                original: packet,
                reply,
                own: is_held.then_some((end(protocol, place, outside), near)),
                far: far.map(|far| (target, far)),
                remote: packet.destination,
            })
        };
        if let Some(external) = known {
            let entry = finish((external.addr, external.port));
            let expected = entry.as_ref().map(|_| (external.addr, external.port));
            assert_eq!(result, expected.map_err(|reason| *reason), "{packet}");
            return entry;
        }
        if self.addresses.is_empty() {
            assert_eq!(result, Err(FlowRefusal::NoAddress));
            return Err(FlowRefusal::NoAddress);
        }
        // Chance decides where, among these.
        let used: BTreeSet<Place> = self
            .externals()
            .into_iter()
            .filter(|it| class(it.protocol) == class(protocol))
            .map(|it| (it.addr, it.port))
            .chain(
                self.reserved
                    .iter()
                    .filter(|it| it.1 == class(protocol))
                    .map(|it| (it.0, it.2)),
            )
            .collect();
        let is_free = |addr, port| {
            if !has_ports(protocol) {
                return port == 0;
            }
            is_allowed(&self.config, protocol, packet.source_port, port)
                && !used.contains(&(addr, port))
                && !(self.shares_ports() && keys.contains(&reply_to((addr, port))))
        };
        let may_give = |addr, port| {
            let own = packet.source_port;
            let is_preserved = self.config.preserve_port && is_free(addr, own);
            is_free(addr, port) && (!is_preserved || port == own)
        };
        let has_room = |addr: &Ipv4Addr| (0..=u16::MAX).any(|port| is_free(*addr, port));
        let host = (packet.source, packet.zone);
        let firsts = match (self.hosts.get(&host), self.homes.get(&host)) {
            (Some(addrs), _) => addrs.clone(),
            (None, Some(addr)) => BTreeSet::from([*addr]),
            (None, None) => self.addresses.clone(),
        };
        let is_strict = self.config.pooling == Pooling::Paired || !has_ports(protocol);
        let may_be_at =
            |addr: &Ipv4Addr| firsts.contains(addr) || (!is_strict && !firsts.iter().all(has_room));
        match result {
            Ok(place) => {
                assert!(self.addresses.contains(&place.0), "{place:?}");
                assert!(may_be_at(&place.0), "{place:?} of {firsts:?}");
                assert!(may_give(place.0, place.1), "{packet} as {place:?}");
                let entry = finish(place);
                assert!(entry.is_ok(), "{packet}: expected {entry:?}");
                if is_strict || firsts.iter().all(has_room) {
                    match self.hosts.get_mut(&host) {
                        Some(addrs) => *addrs = BTreeSet::from([place.0]),
                        None => _ = self.homes.insert(host, place.0),
                    }
                }
                entry
            }
            Err(FlowRefusal::PortsExhausted) => {
                let is_full = if is_strict {
                    !firsts.iter().all(has_room)
                } else {
                    !self.addresses.iter().any(has_room)
                };
                assert!(is_full, "{packet}: there are ports");
                Err(FlowRefusal::PortsExhausted)
            }
            Err(reason) => {
                let mut places = self.addresses.iter().filter(|addr| may_be_at(addr));
                let is_due = places.any(|addr| {
                    let mut ports = (0..=u16::MAX).filter(|port| may_give(*addr, *port));
                    ports.any(|port| finish((*addr, port)).err() == Some(reason))
                });
                assert!(is_due, "{packet}: {reason}");
                Err(reason)
            }
        }
    }

    /// What is to come of a packet from outside.
    pub(crate) fn inbound(&self, packet: Key) -> Result<Entry, FlowRefusal> {
        let target = Endpoint::destination(&packet);
        let mappings = self.mappings();
        let is_query = packet.protocol == IpProtocol::ICMP;
        let Some(behind) = mappings.get(&target).filter(|_| !is_query) else {
            return Err(FlowRefusal::NoMapping);
        };
        if !self.admits(&target, packet.source) {
            return Err(FlowRefusal::Filtered);
        }
        let mut reply = packet.reversed().in_zone(behind.internal.zone);
        (reply.source, reply.source_port) = (behind.internal.addr, behind.internal.port);
        let keys = self.keys();
        if keys.contains(&packet) || keys.contains(&reply) || packet == reply {
            return Err(FlowRefusal::KeyInUse);
        }
        Ok(Entry {
            original: packet,
            reply,
            own: Some((target, behind.internal)),
            far: None,
            remote: packet.source,
        })
    }

    /// Adds a flow, for which the oldest goes if there is no room.
    pub(crate) fn enter(&mut self, id: FlowId, entry: Entry, evicted: Option<FlowId>) {
        let is_full = self.flows.len() == self.limit;
        let oldest = self.flows.first().map(|(id, _)| *id);
        assert_eq!(evicted, oldest.filter(|_| is_full));
        self.flows.push((id, entry));
        self.settle();
        if let Some(evicted) = evicted {
            self.end(evicted);
        }
    }

    /// A flow has ended.
    pub(crate) fn end(&mut self, id: FlowId) {
        let before = self.flows.len();
        self.flows.retain(|(other, _)| *other != id);
        assert_eq!(self.flows.len() + 1, before, "it had ended before");
        self.settle();
    }

    /// Flows of these places have ended, no others.
    fn end_all(&mut self, ended: &[FlowId], uses: impl Fn(&Entry) -> bool) {
        let due = self.flows.iter().filter(|(_, flow)| uses(flow));
        let due: Vec<FlowId> = due.map(|(id, _)| *id).collect();
        assert_eq!(due.len(), ended.len());
        for id in ended {
            assert!(due.contains(id));
            self.end(*id);
        }
    }

    /// Hosts have an address as long as they have mappings.
    fn settle(&mut self) {
        let mut addrs: BTreeMap<Host, BTreeSet<Ipv4Addr>> = BTreeMap::new();
        for (external, behind) in self.mappings() {
            let host = (behind.internal.addr, behind.internal.zone);
            addrs.entry(host).or_default().insert(external.addr);
        }
        self.hosts.retain(|host, _| addrs.contains_key(host));
        for (host, addrs) in addrs {
            self.hosts.entry(host).or_insert(addrs);
        }
    }

    pub(crate) fn add_address(&mut self, addr: Ipv4Addr) -> bool {
        let is_new = self.addresses.insert(addr);
        if is_new {
            self.homes.clear();
        }
        is_new
    }

    pub(crate) fn remove_address(&mut self, addr: Ipv4Addr, ended: &[FlowId]) -> bool {
        if !self.addresses.remove(&addr) {
            assert!(ended.is_empty());
            return false;
        }
        self.homes.clear();
        self.reserved.retain(|it| it.0 != addr);
        self.end_all(ended, |flow| {
            // Without a mapping of its own it is one from inside.
            (flow.own.is_none() && flow.reply.destination == addr)
                || flow.own.iter().chain(&flow.far).any(|it| it.0.addr == addr)
        });
        self.statics.retain(|external, _| external.addr != addr);
        for addrs in self.hosts.values_mut() {
            addrs.remove(&addr);
        }
        self.hosts.retain(|_, addrs| !addrs.is_empty());
        self.settle();
        true
    }

    pub(crate) fn reserve(&mut self, addr: Ipv4Addr, protocol: IpProtocol, port: u16) -> bool {
        let is_free = self.addresses.contains(&addr)
            && !self.is_used(addr, protocol, port)
            && !self.is_shared((addr, port), protocol);
        is_free && self.reserved.insert((addr, class(protocol), port))
    }

    pub(crate) fn release(&mut self, addr: Ipv4Addr, protocol: IpProtocol, port: u16) -> bool {
        self.reserved.remove(&(addr, class(protocol), port))
    }

    /// Whether flows that share ports have this one.
    fn is_shared(&self, place: Place, protocol: IpProtocol) -> bool {
        self.shares_ports()
            && self.flows.iter().any(|(_, flow)| {
                (flow.reply.destination, flow.reply.destination_port) == place
                    && class(protocol) == class(flow.reply.protocol)
            })
    }

    pub(crate) fn add_static(&mut self, internal: End, place: Place) -> Result<End, StaticRefusal> {
        let protocol = internal.protocol;
        let is_shared = self.is_shared(place, protocol);
        if [IpProtocol::ICMP, IpProtocol::GRE].contains(&protocol) || place.1 == 0 {
            Err(StaticRefusal::NoPort)
        } else if !self.addresses.contains(&place.0) {
            Err(StaticRefusal::NoAddress)
        } else if self.external_of(&internal).is_some() {
            Err(StaticRefusal::InternalInUse)
        } else if self.statics.len() >= self.config.statics && !is_shared {
            Err(StaticRefusal::LimitReached)
        } else if is_shared || self.is_used(place.0, protocol, place.1) {
            Err(StaticRefusal::ExternalInUse)
        } else {
            let external = end(protocol, place, self.config.external_zone);
            self.statics.insert(external, internal);
            self.settle();
            Ok(external)
        }
    }

    pub(crate) fn remove_static(&mut self, external: &End, ended: &[FlowId]) -> bool {
        if !self.statics.contains_key(external) {
            assert!(ended.is_empty());
            return false;
        }
        self.end_all(ended, |flow| {
            flow.own.iter().chain(&flow.far).any(|it| it.0 == *external)
        });
        self.statics.remove(external);
        self.settle();
        true
    }

    /// Holds all that the table tells against what it is to tell.
    pub(crate) fn compare(&self, nat: &Nat) {
        let told = nat.mappings().map(|(external, it)| {
            let internal = end(external.protocol, (it.addr, it.port), it.zone);
            let (flows, is_static) = (it.flows, it.is_static());
            (
                external,
                Behind {
                    internal,
                    flows,
                    is_static,
                },
            )
        });
        let mappings = self.mappings();
        assert_eq!(told.collect::<BTreeMap<_, _>>(), mappings);
        assert_eq!(nat.mappings().count(), mappings.len());
        assert_eq!(nat.flows().len(), self.flows.len());
        for (id, flow) in &self.flows {
            let there = nat.flows().flow(*id).unwrap();
            assert_eq!((there.original, there.reply), (flow.original, flow.reply));
            let external = flow.own.map(|(external, _)| (external.addr, external.port));
            assert_eq!(there.data.external(), external);
            assert_eq!(there.data.is_hairpin(), flow.far.is_some());
            for (key, direction) in [
                (flow.original, Direction::Original),
                (flow.reply, Direction::Reply),
            ] {
                let found = nat.flows().lookup(&key).unwrap();
                assert_eq!((found.id, found.direction), (*id, direction));
            }
        }
        for addr in &self.addresses {
            for protocol in [IpProtocol::TCP, IpProtocol::UDP, IpProtocol::ICMP, UDP_LITE] {
                let packet = Key::new(protocol, (*addr, 0), (*addr, 0));
                let own = mappings.iter().filter(|(external, it)| {
                    external.addr == *addr
                        && class(external.protocol) == class(protocol)
                        && !it.is_static
                });
                assert_eq!(nat.ports_in_use(*addr, &packet), own.count());
            }
        }
    }
}

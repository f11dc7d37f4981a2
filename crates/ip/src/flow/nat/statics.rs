//! Mappings that nobody's packets make: an external address and port that always stands for an internal one, as a
//! server inside needs it ("port forwarding").
//!
//! ```
//! # #[cfg(feature = "alloc")] {
//! use core::net::Ipv4Addr;
//! use waypost_ip::flow::nat::{Endpoint, GrowingNat, NatConfig, NatTable};
//! use waypost_ip::flow::{FlowConfig, FlowKey, GrowingFlows};
//! use waypost_wire::{Instant, IpProtocol};
//!
//! let (flows, nat) = (FlowConfig::default(), NatConfig::default());
//! let mut table = NatTable::<Ipv4Addr, (), _, _>::new(GrowingFlows, GrowingNat, flows, nat)?;
//! let [address, server, client] = [[198, 51, 100, 1], [10, 0, 0, 80], [192, 0, 2, 1]].map(Ipv4Addr::from);
//! table.add_address(address);
//! let inside = Endpoint { addr: server, port: 8443, zone: 0, protocol: IpProtocol::TCP };
//! table.add_static(inside, (address, 443))?;
//!
//! let packet = FlowKey::new(IpProtocol::TCP, (client, 5000), (address, 443));
//! let id = table.inbound(Instant::ZERO, packet, None, ())?.id;
//! assert_eq!(table.flows().flow(id).unwrap().reply.source_port, 8443);
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use core::fmt;

use waypost_wire::Ip;

use super::mappings::{Endpoint, Kind, NatStorage};
use super::{NatTable, Translated};
use crate::flow::{Ended, FlowKey, FlowStorage};

impl<A: Ip, D, S, M> NatTable<A, D, S, M>
where
    S: FlowStorage<A, Translated<A, D>>,
    M: NatStorage<A>,
{
    /// Makes an external address and port, of `internal`'s protocol and the external zone, stand for an internal one until
    /// [`remove_static`](Self::remove_static), with flows and without: flows of the internal one go out by it, whatever
    /// the mapping is, and those of everybody come in, whatever the filtering is, from hosts inside too. The external
    /// port may be any, in the range for flows or not. Gives back what stands outside, as
    /// [`mapping`](Self::mapping) takes it. Flows that there are keep what they go out by. Looks at all flows where they
    /// share ports.
    ///
    /// # Errors
    /// Says what is in the way; nothing is changed.
    pub fn add_static(
        &mut self,
        internal: Endpoint<A>,
        external: (A, u16),
    ) -> Result<Endpoint<A>, StaticRefusal> {
        let protocol = internal.protocol;
        let inside = (internal.addr, internal.port);
        let has_ports = FlowKey::new(protocol, inside, external).has_ports();
        if !has_ports || internal.port == 0 || external.1 == 0 {
            return Err(StaticRefusal::NoPort);
        }
        if !self.ports.has(external.0) {
            return Err(StaticRefusal::NoAddress);
        }
        if self.mappings.external(&internal).is_some() {
            return Err(StaticRefusal::InternalInUse);
        }
        if self.is_port_shared(external.0, protocol, external.1) {
            return Err(StaticRefusal::ExternalInUse);
        }
        if self.mappings.statics() >= self.config.statics {
            return Err(StaticRefusal::LimitReached);
        }
        // No flow that begins is given it (RFC 6056 §3.2).
        if !self.ports.reserve(external.0, protocol, external.1) {
            return Err(StaticRefusal::ExternalInUse);
        }
        let outside = internal.at(external, self.config.external_zone);
        if !self.mappings.insert(outside, internal, Kind::Static) {
            self.ports.give_up(external.0, protocol, external.1);
            return Err(StaticRefusal::LimitReached);
        }
        Ok(outside)
    }

    /// Ends what [`add_static`](Self::add_static) began, and the flows that use it: each is handed to `ended`. Looks at all
    /// flows. `false` if nothing static is there.
    pub fn remove_static(
        &mut self,
        external: &Endpoint<A>,
        ended: impl FnMut(Ended<A, D>),
    ) -> bool {
        if !self.mapping(external).is_some_and(|it| it.is_static()) {
            return false;
        }
        self.end_flows(|flow| flow.data.holds.contains(&Some(*external)), ended);
        self.mappings.remove(external);
        self.ports
            .give_up(external.addr, external.protocol, external.port)
    }
}

/// Why there is no static mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StaticRefusal {
    /// The protocol has no ports, or one of both is 0. The identifiers of ICMP are none: nobody outside can ask by them.
    NoPort,
    /// The external address is none of the table's.
    NoAddress,
    /// The internal address and port have a static mapping, or flows with one, which others share: not where mappings are
    /// address-and-port-dependent.
    InternalInUse,
    /// The external port is that of another mapping, of a flow or of a service.
    ExternalInUse,
    /// There are as many as there may be, or the storage has no room for more.
    LimitReached,
}

impl fmt::Display for StaticRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoPort => "expected a protocol with ports, and two that are not 0",
            Self::NoAddress => "expected an external address of the table, found another",
            Self::InternalInUse => {
                "expected an internal address and port without a mapping, found one"
            }
            Self::ExternalInUse => "expected a free external port, found it in use",
            Self::LimitReached => "there are all static mappings that there may be",
        })
    }
}

impl core::error::Error for StaticRefusal {}

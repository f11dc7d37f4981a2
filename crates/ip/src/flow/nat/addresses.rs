//! The external addresses of a NAT, which come and go, and the ports that services of the node have there.

use waypost_wire::{Ip, IpProtocol};

use super::mappings::{Endpoint, NatStorage};
use super::port_set::are_shared;
use super::{NatTable, Translated};
use crate::flow::{Ended, Flow, FlowStorage};

impl<A: Ip, D, S, M> NatTable<A, D, S, M>
where
    S: FlowStorage<A, Translated<A, D>>,
    M: NatStorage<A>,
{
    /// Adds an external address; `false` if it is there already or there is no room. A host that has mappings keeps
    /// its external address; others may get another by it, also those whose flows share ports.
    pub fn add_address(&mut self, addr: A) -> bool {
        self.ports.add(addr)
    }

    /// Takes an external address away, which somebody else may have from now on, with the static mappings there, and ends
    /// the flows that use it: each is handed to `ended`. Looks at all flows. `false` if there is no such address.
    pub fn remove_address(&mut self, addr: A, ended: impl FnMut(Ended<A, D>)) -> bool {
        if !self.ports.remove(addr) {
            return false;
        }
        let uses = |flow: &Flow<'_, A, Translated<A, D>>| {
            let [own, far] = flow.data.holds;
            // Without a mapping it is one from inside, whose answers come to the address.
            own.map_or(flow.reply.destination, |it| it.addr) == addr
                || far.is_some_and(|it| it.addr == addr)
        };
        self.end_flows(uses, ended);
        self.mappings.leave(addr);
        true
    }

    /// Keeps a port of an external address for a service of the node itself, which may have that address too: no flow
    /// that begins gets it (RFC 6056 §3.2). Of ICMP it is an identifier; protocols other than TCP, UDP and ICMP share
    /// their ports. `false` if there is no such address, or a flow, a static mapping or a service has the port. Looks at
    /// all flows where they share ports.
    pub fn reserve_port(&mut self, addr: A, protocol: IpProtocol, port: u16) -> bool {
        !self.is_port_shared(addr, protocol, port) && self.ports.reserve(addr, protocol, port)
    }

    /// Whether flows that share ports have this one, of which the allocation of ports knows nothing.
    pub(super) fn is_port_shared(&self, addr: A, protocol: IpProtocol, port: u16) -> bool {
        let has = |flow: &Flow<'_, A, Translated<A, D>>| {
            let reply = flow.reply;
            (reply.destination, reply.destination_port) == (addr, port)
                && are_shared(reply.protocol, protocol)
        };
        self.config.shares_ports() && self.flows.iter().any(|(_, flow)| has(&flow))
    }

    /// Ends what [`reserve_port`](Self::reserve_port) began: flows may get the port. Looks at all mappings. `false` if there is no such
    /// address, or no service has the port.
    pub fn release_port(&mut self, addr: A, protocol: IpProtocol, port: u16) -> bool {
        let has = |it: &Endpoint<A>| {
            it.addr == addr && it.port == port && are_shared(it.protocol, protocol)
        };
        let is_mapped = self.mappings.iter().any(|(external, _)| has(&external));
        !is_mapped && self.ports.give_up(addr, protocol, port)
    }

    /// Ends the flows of which `uses` says so.
    pub(super) fn end_flows(
        &mut self,
        uses: impl Fn(&Flow<'_, A, Translated<A, D>>) -> bool,
        mut ended: impl FnMut(Ended<A, D>),
    ) {
        for index in 0..self.flows.limit() {
            if let Some(id) = self.flows.id_at(index)
                && self.flows.flow(id).as_ref().is_some_and(&uses)
                && let Some(flow) = self.remove(id)
            {
                ended(flow);
            }
        }
    }
}

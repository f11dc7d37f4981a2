//! The external addresses of a NAT and their ports.
//!
//! The next port is chosen such that nobody can guess it (RFC 6056 §3.3, §4), by algorithm 4 of RFC 6056
//! (§3.3.4, double hash): where the search begins is a keyed hash of the flow plus one of many counters,
//! which another keyed hash chooses. So ports cannot be guessed from those that others got, as with one
//! counter (algorithm 3), yet a port that was given back is not used again soon for the same peer, as it may
//! be with random numbers alone (algorithms 1 and 2).

use waypost_wire::{Ip, IpProtocol};

use super::super::hash::Hasher;
use super::super::key::FlowKey;
use super::config::{NatConfig, Pooling};
use super::port_set::{PortSets, Range, class, shared};
use crate::flow::FlowRefusal;
use crate::storage::Store;

/// Counters of algorithm 4.
const COUNTERS: usize = 256;

/// The external addresses.
#[derive(Clone, Debug)]
pub(super) struct Ports<A, S> {
    sets: S,
    len: usize,
    /// Chooses where to begin, and the counter; apart from what places flows in their table.
    offset: Hasher,
    counter: Hasher,
    counters: [u32; COUNTERS],
    config: NatConfig,
    addr: core::marker::PhantomData<A>,
}

impl<A: Ip, S: Store<PortSets<A>>> Ports<A, S> {
    pub(super) fn new(sets: S, config: &NatConfig) -> Self {
        Self {
            sets,
            len: 0,
            offset: Hasher::new(config.seed),
            counter: Hasher::new(!config.seed),
            counters: [0; COUNTERS],
            config: *config,
            addr: core::marker::PhantomData,
        }
    }

    pub(super) fn add(&mut self, addr: A) -> bool {
        if self.place(addr).is_some() {
            return false;
        }
        let mut set = PortSets::EMPTY;
        set.addr = Some(addr);
        let place = self.len;
        if let Some(there) = self.sets.items_mut().get_mut(place) {
            *there = set;
        } else if self.sets.grow(set).is_err() {
            return false;
        }
        self.len += 1;
        true
    }

    pub(super) fn remove(&mut self, addr: A) -> bool {
        let Some(place) = self.place(addr) else {
            return false;
        };
        self.len -= 1;
        self.sets.items_mut().swap(place, self.len);
        true
    }

    /// An external address and port for a flow, of the address `paired` if its host has one already. `is_free` says
    /// whether they are, where ports are shared.
    pub(super) fn take(
        &mut self,
        packet: &FlowKey<A>,
        paired: Option<A>,
        is_free: impl Fn(A, u16) -> bool,
    ) -> Result<(A, u16), FlowRefusal> {
        if self.len == 0 {
            return Err(FlowRefusal::NoAddress);
        }
        let paired = paired.and_then(|addr| self.place(addr));
        let paired = paired.unwrap_or_else(|| self.home(packet));
        let tries = match self.config.pooling {
            Pooling::Paired => 1,
            Pooling::Arbitrary => self.len,
        };
        let start = self.offset.flow(packet);
        for place in (paired..self.len).chain(0..paired).take(tries) {
            let Some(set) = self.sets.items_mut().get_mut(place) else {
                break;
            };
            let Some(addr) = set.addr else {
                break;
            };
            if !packet.has_ports() {
                return Ok((addr, 0));
            }
            let class = class(packet.protocol);
            let range = Range::of(class, packet.source_port, &self.config);
            let counter = self.counter.flow(packet) as usize % COUNTERS;
            let offset = start.wrapping_add(u64::from(self.counters[counter]));
            let is_shared = self.config.shares_ports();
            let is_free = |port| !set.is_used(class, port) && (!is_shared || is_free(addr, port));
            let own = packet.source_port;
            let port = if self.config.preserve_port && range.contains(own) && is_free(own) {
                Some(own)
            } else if is_shared {
                shared(range, offset, is_free)
            } else {
                set.find(class, range, offset)
            };
            if let Some(port) = port {
                // RFC 6056 §3.3.4 counts each port that is tried: this goes on behind the one that is taken.
                let step = range.distance(range.at(offset), port.into());
                let next = self.counters[counter].wrapping_add(step).wrapping_add(1);
                self.counters[counter] = next;
                if !is_shared {
                    set.mark(class, port, true);
                }
                return Ok((addr, port));
            }
        }
        Err(FlowRefusal::PortsExhausted)
    }

    pub(super) fn has(&self, addr: A) -> bool {
        self.place(addr).is_some()
    }

    /// Keeps a port from being given to flows; `false` if there is no such address, or the port is taken.
    pub(super) fn reserve(&mut self, addr: A, protocol: IpProtocol, port: u16) -> bool {
        let place = self.place(addr);
        let set = place.and_then(|place| self.sets.items_mut().get_mut(place));
        set.is_some_and(|set| set.reserve(class(protocol), port))
    }

    /// Ends a reservation; `false` if there is no such address, or the port is free. The port is no flow's.
    pub(super) fn give_up(&mut self, addr: A, protocol: IpProtocol, port: u16) -> bool {
        let place = self.place(addr);
        let set = place.and_then(|place| self.sets.items_mut().get_mut(place));
        set.is_some_and(|set| set.give_up(class(protocol), port))
    }

    /// Makes a port of a flow free again.
    pub(super) fn release(&mut self, packet: &FlowKey<A>, (addr, port): (A, u16)) {
        if !packet.has_ports() || self.config.shares_ports() {
            return;
        }
        if let Some(place) = self.place(addr)
            && let Some(set) = self.sets.items_mut().get_mut(place)
        {
            set.mark(class(packet.protocol), port, false);
        }
    }

    pub(super) fn in_use(&self, addr: A, packet: &FlowKey<A>) -> usize {
        let set = self
            .place(addr)
            .and_then(|place| self.sets.items().get(place));
        set.map_or(0, |set| set.counts[class(packet.protocol)] as usize)
    }

    /// The place of the address for a host that has none.
    fn home(&self, packet: &FlowKey<A>) -> usize {
        let zone = u64::from(packet.zone) | 1 << 32;
        let hash = self.counter.addr(packet.source, zone);
        ((u128::from(hash) * self.len as u128) >> 64) as usize
    }

    fn place(&self, addr: A) -> Option<usize> {
        let mut sets = self.sets.items().iter().take(self.len);
        sets.position(|set| set.addr == Some(addr))
    }
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use core::net::Ipv4Addr;
    use std::collections::BTreeSet;

    const EXTERNAL: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);

    fn ports(config: NatConfig) -> Ports<Ipv4Addr, Vec<PortSets<Ipv4Addr>>> {
        let mut ports = Ports::new(Vec::new(), &config);
        assert!(ports.add(EXTERNAL) && !ports.add(EXTERNAL));
        ports
    }

    fn packet(host: u32, port: u16) -> FlowKey<Ipv4Addr> {
        let peer = (Ipv4Addr::new(192, 0, 2, 1), 53);
        FlowKey::new(IpProtocol::UDP, (Ipv4Addr::from_bits(host), port), peer)
    }

    #[test]
    fn all_ports_of_a_range_and_parity_are_given_once() {
        for (port, count) in [(5000, 32_256), (5001, 32_256), (100, 511), (101, 512)] {
            let mut ports = ports(NatConfig::default());
            let mut taken = BTreeSet::new();
            for host in 0..count {
                let (addr, external) = ports.take(&packet(host, port), None, |_, _| true).unwrap();
                assert_eq!(addr, EXTERNAL);
                assert_eq!((external % 2, external < 1024), (port % 2, port < 1024));
                assert!(external > 0 && taken.insert(external));
            }
            let more = ports.take(&packet(count, port), None, |_, _| true);
            assert_eq!(more, Err(FlowRefusal::PortsExhausted));
            let one = *taken.first().unwrap();
            ports.release(&packet(0, port), (EXTERNAL, one));
            ports.release(&packet(0, port), (EXTERNAL, one));
            let again = ports.take(&packet(count, port), None, |_, _| true);
            assert_eq!(again, Ok((EXTERNAL, one)));
            assert_eq!(ports.in_use(EXTERNAL, &packet(0, 0)), count as usize);
        }
    }

    #[test]
    fn ports_are_spread_and_another_secret_gives_others() {
        let draw = |seed| {
            let mut ports = ports(NatConfig {
                seed,
                ..NatConfig::default()
            });
            let take = |host| {
                ports
                    .take(&packet(host, 5000), None, |_, _| true)
                    .unwrap()
                    .1
            };
            (0..640).map(take).collect::<Vec<u16>>()
        };
        let (first, second) = (draw(1), draw(2));
        let same = first.iter().zip(&second).filter(|(a, b)| a == b).count();
        assert!(same < 5, "{same} of 640 are the same");
        // Of 63 parts of the range none is empty, and ports that follow each other are far apart.
        let parts: BTreeSet<u16> = first.iter().map(|port| port / 1024).collect();
        assert!(parts.len() > 60, "{} parts of 63", parts.len());
        let near = first
            .windows(2)
            .filter(|two| two[0].abs_diff(two[1]) < 64)
            .count();
        assert!(near < 10, "{near} of 640 follow closely");
    }

    #[test]
    fn a_port_that_was_given_back_is_not_the_next_one() {
        let mut ports = ports(NatConfig::default());
        let packet = packet(1, 5000);
        let mut seen = BTreeSet::new();
        for _ in 0..1000 {
            let taken = ports.take(&packet, None, |_, _| true).unwrap();
            assert!(seen.insert(taken.1));
            ports.release(&packet, taken);
        }
    }

    #[test]
    fn identifiers_of_icmp_are_all_used() {
        let mut ports = ports(NatConfig::default());
        let echo = |host| FlowKey::echo_request(Ipv4Addr::from_bits(host), EXTERNAL, 7);
        for host in 0..0x1_0000 {
            assert!(ports.take(&echo(host), None, |_, _| true).is_ok());
        }
        let more = ports.take(&echo(0), None, |_, _| true);
        assert_eq!(more, Err(FlowRefusal::PortsExhausted));
        assert!(ports.take(&packet(0, 5000), None, |_, _| true).is_ok());
    }
}

//! What tables of `ip` make of packets that anybody may send: fragments, messages of ARP and neighbour discovery,
//! errors about packets of flows.

use std::hint::black_box;
use std::net::{Ipv4Addr, Ipv6Addr};

use waypost_ip::flow::{FlowConfig, FlowKey, GrowingFlows, VecFlowTable};
use waypost_ip::icmp::ErrorReport;
use waypost_ip::neighbor::{
    GrowingNeighbors, NdpMessage, NeighborConfig, NeighborTable, Own, VecNeighborTable,
};
use waypost_ip::pmtu::{Belief, GrowingPmtu, PmtuConfig, TooBig, VecPmtuCache};
use waypost_ip::reassembly::{
    GrowingReassembly, Outcome, ReassembleIp, ReassemblyConfig, VecReassembly,
};
use waypost_wire::arp::ArpHeader;
use waypost_wire::icmpv6::Icmpv6Message;
use waypost_wire::{
    Duration, Icmpv4Message, Instant, Ip, Ipv4Packet, Ipv6Packet, MacAddr, TcpHeader,
};

const OWN_MAC: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 1]);

/// Tables of one version, small enough that a few packets reach their limits.
struct Tables<'a, A: ReassembleIp> {
    reassembly: VecReassembly<A, &'a [u8]>,
    flows: VecFlowTable<A, ()>,
    neighbors: VecNeighborTable<A, u8>,
    pmtu: VecPmtuCache<A>,
}

impl<'a, A: ReassembleIp> Tables<'a, A> {
    fn new() -> Self {
        let reassembly = ReassemblyConfig {
            datagrams: 4,
            fragments: 12,
            fragments_each: 8,
            octets: 4096,
            ..ReassemblyConfig::default()
        };
        let flows = FlowConfig {
            flows: 8,
            half_open: 4,
            per_source: 4,
            ..FlowConfig::default()
        };
        let neighbors = NeighborConfig {
            neighbors: 8,
            incomplete: 4,
            packets: 6,
            packets_each: 2,
            ..NeighborConfig::default()
        };
        let pmtu = PmtuConfig {
            paths: 4,
            changes_each: 2,
            ..PmtuConfig::default()
        };
        Self {
            reassembly: VecReassembly::new(GrowingReassembly, reassembly),
            flows: VecFlowTable::new(GrowingFlows, flows),
            neighbors: NeighborTable::new(GrowingNeighbors, neighbors),
            pmtu: VecPmtuCache::new(GrowingPmtu, pmtu, Instant::ZERO),
        }
    }

    fn fragment(&mut self, now: Instant, packet: &'a [u8]) {
        if let Outcome::Whole(mut datagram) = self.reassembly.input(now, packet) {
            let mut buffer = vec![0; datagram.len()];
            assert_eq!(datagram.write(&mut buffer), Some(buffer.len()));
            while let Some(part) = datagram.take_part() {
                black_box(part);
            }
        }
        assert!(self.reassembly.len() <= 4 && self.reassembly.fragments() <= 12);
        assert!(self.reassembly.octets() <= 4096);
    }

    fn flow(&mut self, now: Instant, key: FlowKey<A>, payload: &[u8]) {
        let tcp = TcpHeader::split_from(payload).ok();
        let tcp = tcp.map(|(header, _)| header);
        match self.flows.lookup(&key) {
            Some(found) => _ = self.flows.packet(now, found, tcp),
            None => _ = black_box(self.flows.insert(now, key, key.reversed(), tcp, ())),
        }
        assert!(self.flows.len() <= 8 && self.flows.half_open() <= 4);
        let _ = self.neighbors.send(now, key.destination, 0);
    }

    fn error(&mut self, now: Instant, report: &ErrorReport<'_, A>, belief: u8) {
        for object in report.extensions {
            black_box(object);
        }
        let Some(too_big) = TooBig::of(report) else {
            return;
        };
        let belief = [Belief::Doubt, Belief::Likely, Belief::Proven][usize::from(belief) % 3];
        let path = report.flow.destination;
        let before = self.pmtu.mtu(path).unwrap_or(1500);
        self.pmtu.report(now, path, too_big, 1500, |_| belief);
        assert!(self.pmtu.mtu(path).unwrap_or(1500) <= before);
    }

    fn quote(&self, key: FlowKey<A>) {
        let (source, destination) = (key.destination, key.source);
        let _ = black_box(self.flows.lookup_error(source, destination, &key));
    }

    fn time(&mut self, now: Instant) {
        while self.reassembly.expire(now).is_some() {}
        while self.flows.expire(now).is_some() {}
        while self.pmtu.expire(now).is_some() {}
        self.neighbors.handle_timeout(now);
        self.events();
    }

    fn events(&mut self) {
        while let Some(event) = self.neighbors.poll_event() {
            black_box(event);
        }
        assert!(self.neighbors.len() <= 8 && self.neighbors.packets() <= 6);
    }
}

/// Which of an address's owners it is, by its last bits.
fn own<A: Ip>(addr: A) -> Option<Own> {
    match addr.octets().as_ref().last()? & 7 {
        1 => Some(Own::Unicast),
        2 => Some(Own::Anycast),
        3 => Some(Own::Proxied),
        4 => Some(Own::Optimistic),
        _ => None,
    }
}

/// Steps, one after the other: what to do, how many octets it takes, and those.
pub(crate) fn target(mut data: &[u8]) {
    let (mut v4, mut v6) = (Tables::<Ipv4Addr>::new(), Tables::<Ipv6Addr>::new());
    let mut now = Instant::ZERO;
    while let [step, len, rest @ ..] = data {
        let (octets, others) = rest.split_at(rest.len().min(usize::from(*len)));
        data = others;
        match step % 10 {
            0 => v4.fragment(now, octets),
            1 => v6.fragment(now, octets),
            2 => arp(&mut v4, now, octets),
            3 => ndp(&mut v6, now, octets),
            4 => {
                if let Ok(packet) = Ipv4Packet::parse(octets)
                    && let Ok(key) = FlowKey::of_ipv4(&packet)
                {
                    v4.flow(now, key, packet.payload());
                }
            }
            5 => {
                if let Ok(packet) = Ipv6Packet::parse(octets)
                    && let Ok(key) = FlowKey::of_ipv6(&packet)
                {
                    let payload = packet.upper_layer().map_or(&[][..], |upper| upper.payload);
                    v6.flow(now, key, payload);
                }
            }
            6 => {
                if let Ok(message) = Icmpv4Message::parse(octets)
                    && let Some(report) = ErrorReport::of_icmpv4(&message)
                {
                    v4.error(now, &report, step / 10);
                }
                if let Ok(key) = FlowKey::of_quoted_ipv4(octets.get(8..).unwrap_or_default()) {
                    v4.quote(key);
                }
            }
            7 => {
                if let Ok(message) = Icmpv6Message::parse(octets)
                    && let Some(report) = ErrorReport::of_icmpv6(&message)
                {
                    v6.error(now, &report, step / 10);
                }
                if let Ok(key) = FlowKey::of_quoted_ipv6(octets.get(8..).unwrap_or_default()) {
                    v6.quote(key);
                }
            }
            _ => {
                let micros = octets
                    .iter()
                    .take(5)
                    .fold(0, |sum, octet| sum << 8 | u64::from(*octet));
                now += Duration::from_micros(micros);
                v4.time(now);
                v6.time(now);
            }
        }
    }
    v4.time(now);
    v6.time(now);
}

fn arp(tables: &mut Tables<'_, Ipv4Addr>, now: Instant, octets: &[u8]) {
    if let Ok((header, _)) = ArpHeader::split_from(octets) {
        let outcome = tables.neighbors.handle_arp_for(now, header, OWN_MAC, own);
        black_box(outcome);
        tables.events();
    }
}

/// The lowest octets of both addresses, then the message.
fn ndp(tables: &mut Tables<'_, Ipv6Addr>, now: Instant, octets: &[u8]) {
    let [source, destination, octets @ ..] = octets else {
        return;
    };
    let [source, destination] = [source, destination].map(|last| {
        let last = u16::from(*last);
        match last {
            0 => Ipv6Addr::UNSPECIFIED,
            1..128 => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last),
            _ => Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, last - 128),
        }
    });
    let Ok(message) = Icmpv6Message::parse(octets) else {
        return;
    };
    let Ok(message) = NdpMessage::check(source, destination, 255, &message) else {
        return;
    };
    let neighbors = &mut tables.neighbors;
    black_box(neighbors.handle_ndp(now, &message, OWN_MAC, true, own));
    black_box(neighbors.handle_redirect(now, &message, |_, _| true));
    tables.events();
}

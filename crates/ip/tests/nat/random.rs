//! Random operations on a NAT of a random configuration, held against a plain model after each.

use std::net::Ipv4Addr;

use proptest::prelude::*;
use waypost_ip::flow::nat::{
    Endpoint, Filtering, GrowingNat, Mapping, NatConfig, Pooling, PortRange,
};
use waypost_ip::flow::{FlowConfig, FlowKey, GrowingFlows};
use waypost_wire::{Duration, IpProtocol};

use super::model::{End, Model, Place, UDP_LITE, is_possible};
use super::*;

/// Where a packet from inside goes.
#[derive(Clone, Copy, Debug)]
enum To {
    Peer(u8),
    Mapping(usize),
    Outside(Place),
}

#[derive(Clone, Debug)]
enum Op {
    Outbound(End, To),
    /// In the external zone, or in another.
    Inbound(u8, To, IpProtocol, bool),
    Remove(usize),
    Pass(u64),
    AddAddress(Ipv4Addr),
    RemoveAddress(Ipv4Addr),
    Reserve(Place, IpProtocol),
    /// Of a port that is reserved, or of any.
    Release(usize, Place, IpProtocol),
    AddStatic(End, To),
    RemoveStatic(usize),
}

fn address() -> impl Strategy<Value = Ipv4Addr> {
    (1_u8..4).prop_map(|last| Ipv4Addr::new(198, 51, 100, last))
}

/// A few ports, on both sides of 1024, about the ranges of [`range`].
fn port() -> impl Strategy<Value = u16> {
    prop_oneof![1_u16..5, 1016_u16..1032, 6000_u16..6012, 49_152_u16..49_156]
}

fn place() -> impl Strategy<Value = Place> {
    (address(), port())
}

fn protocol() -> impl Strategy<Value = IpProtocol> {
    prop_oneof![
        5 => Just(UDP),
        2 => Just(IpProtocol::TCP),
        2 => Just(IpProtocol::ICMP),
        1 => Just(IpProtocol::SCTP),
        1 => Just(UDP_LITE),
        1 => Just(IpProtocol::GRE),
    ]
}

fn internal() -> impl Strategy<Value = End> {
    let port = prop::sample::select(&[100_u16, 101, 1022, 4000, 6001, 6002][..]);
    (0_u32..4, port, 0_u16..2, protocol()).prop_map(|(last, port, zone, protocol)| Endpoint {
        addr: host(last),
        port: if protocol == IpProtocol::GRE { 0 } else { port },
        zone,
        protocol,
    })
}

fn to() -> impl Strategy<Value = To> {
    prop_oneof![
        4 => (0_u8..6).prop_map(To::Peer),
        3 => any::<usize>().prop_map(To::Mapping),
        1 => place().prop_map(To::Outside),
    ]
}

/// As [`to`], at the external addresses.
fn target() -> impl Strategy<Value = To> {
    prop_oneof![
        any::<usize>().prop_map(To::Mapping),
        place().prop_map(To::Outside),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        10 => (internal(), to()).prop_map(|(from, to)| Op::Outbound(from, to)),
        7 => (0_u8..6, target(), protocol(), prop::bool::weighted(0.9))
            .prop_map(|(peer, to, protocol, is_outside)| Op::Inbound(peer, to, protocol, is_outside)),
        2 => any::<usize>().prop_map(Op::Remove),
        1 => (0_u64..100).prop_map(Op::Pass),
        3 => address().prop_map(Op::AddAddress),
        1 => address().prop_map(Op::RemoveAddress),
        1 => (place(), protocol()).prop_map(|(place, protocol)| Op::Reserve(place, protocol)),
        1 => (any::<usize>(), place(), protocol())
            .prop_map(|(number, place, protocol)| Op::Release(number, place, protocol)),
        2 => (internal(), target()).prop_map(|(inside, to)| Op::AddStatic(inside, to)),
        1 => any::<usize>().prop_map(Op::RemoveStatic),
    ]
}

/// Ranges of ports: all, one-sided, short, of both sides; single ones and wrong ones too.
fn range() -> impl Strategy<Value = PortRange> {
    let fixed = [
        (1, 65_535),
        (49_152, 65_535),
        (1000, 1023),
        (1016, 1031),
        (1022, 1025),
        (1023, 1031),
        (0, 1031),
    ];
    prop_oneof![
        3 => prop::sample::select(fixed.to_vec()).prop_map(|(first, last)| PortRange::new(first, last)),
        3 => (6000_u16..6006, 6004_u16..6012).prop_map(|(first, last)| PortRange::new(first, last)),
    ]
}

fn identifiers() -> impl Strategy<Value = PortRange> {
    prop_oneof![
        Just(PortRange::new(0, 65_535)),
        (0_u16..4, 2_u16..8).prop_map(|(first, last)| PortRange::new(first, last)),
    ]
}

fn config() -> impl Strategy<Value = NatConfig> {
    let kinds = (
        prop::sample::select(vec![
            Mapping::EndpointIndependent,
            Mapping::EndpointIndependent,
            Mapping::AddressAndPortDependent,
        ]),
        prop::sample::select(vec![
            Filtering::EndpointIndependent,
            Filtering::AddressDependent,
            Filtering::AddressAndPortDependent,
        ]),
        prop::sample::select(vec![Pooling::Paired, Pooling::Arbitrary]),
    );
    let flags = any::<[bool; 4]>();
    let numbers = (range(), identifiers(), 0_u16..2, 0_usize..5, any::<u64>());
    (kinds, flags, numbers).prop_map(
        |(
            (mapping, filtering, pooling),
            [keep_parity, keep_range, preserve_port, overload],
            (ports, identifiers, external_zone, statics, seed),
        )| NatConfig {
            mapping,
            filtering,
            pooling,
            keep_parity,
            keep_range,
            ports,
            identifiers,
            preserve_port,
            overload,
            external_zone,
            statics,
            seed,
        },
    )
}

struct Both {
    nat: Nat,
    model: Model,
    now: Instant,
}

fn peer(number: u8) -> Place {
    (Ipv4Addr::new(192, 0, 2, number / 2), u16::from(number))
}

impl Both {
    fn new(config: NatConfig, limit: usize) -> Option<Self> {
        let flows = FlowConfig {
            flows: limit,
            half_open: limit,
            seed: config.seed,
            ..FlowConfig::default()
        };
        let nat = Nat::new(GrowingFlows, GrowingNat, flows, config);
        assert_eq!(nat.is_ok(), is_possible(&config), "{:?}", nat.err());
        let mut this = Self {
            nat: nat.ok()?,
            model: Model::new(config, limit),
            now: secs(0),
        };
        this.apply(Op::AddAddress(EXTERNAL));
        Some(this)
    }

    /// Where that is; a mapping's protocol may be another than the one that was drawn.
    fn resolve(&self, to: To, protocol: IpProtocol) -> (Place, IpProtocol) {
        let externals = self.model.externals();
        match to {
            To::Mapping(number) if !externals.is_empty() => {
                let external = externals[number % externals.len()];
                ((external.addr, external.port), external.protocol)
            }
            To::Mapping(number) => (peer((number % 6) as u8), protocol),
            To::Outside(place) => (place, protocol),
            To::Peer(number) => (peer(number), protocol),
        }
    }

    fn apply(&mut self, op: Op) {
        let Self { nat, model, now } = self;
        match op {
            Op::Outbound(from, to) => {
                let (to, protocol) = self.resolve(to, from.protocol);
                self.outbound(from, to, protocol);
            }
            Op::Inbound(from, to, protocol, is_outside) => {
                let zone = model.config.external_zone ^ u16::from(!is_outside);
                let (to, protocol) = self.resolve(to, protocol);
                self.inbound(peer(from), to, protocol, zone);
            }
            Op::Remove(number) => {
                let ids = model.ids();
                if !ids.is_empty() {
                    let id = ids[number % ids.len()];
                    assert_eq!(nat.remove(id).map(|flow| flow.id), Some(id));
                    assert!(nat.remove(id).is_none());
                    model.end(id);
                }
            }
            Op::Pass(secs) => {
                *now += Duration::from_secs(secs);
                while let Some(flow) = nat.expire(*now) {
                    model.end(flow.id);
                }
            }
            Op::AddAddress(addr) => assert_eq!(nat.add_address(addr), model.add_address(addr)),
            Op::RemoveAddress(addr) => {
                let mut ended = Vec::new();
                let is_there = nat.remove_address(addr, |flow| ended.push(flow.id));
                assert_eq!(is_there, model.remove_address(addr, &ended));
            }
            Op::Reserve((addr, port), protocol) => {
                let is_done = nat.reserve_port(addr, protocol, port);
                assert_eq!(is_done, model.reserve(addr, protocol, port));
            }
            Op::Release(number, place, protocol) => {
                let reserved = model.reserved_ports();
                let ((addr, port), protocol) = match reserved.len() {
                    len if len > 0 && number % 4 != 0 => reserved[number % len],
                    _ => (place, protocol),
                };
                let is_done = nat.release_port(addr, protocol, port);
                assert_eq!(is_done, model.release(addr, protocol, port));
            }
            Op::AddStatic(internal, to) => {
                let (place, _) = self.resolve(to, internal.protocol);
                let result = self.nat.add_static(internal, place);
                assert_eq!(result, self.model.add_static(internal, place));
            }
            Op::RemoveStatic(number) => {
                let externals = model.externals();
                if !externals.is_empty() {
                    let external = externals[number % externals.len()];
                    let mut ended = Vec::new();
                    let is_there = nat.remove_static(&external, |flow| ended.push(flow.id));
                    assert_eq!(is_there, model.remove_static(&external, &ended));
                }
            }
        }
        self.model.compare(&self.nat);
    }

    fn outbound(&mut self, from: End, to: Place, protocol: IpProtocol) {
        let packet = match protocol {
            IpProtocol::ICMP => FlowKey::echo_request(from.addr, to.0, from.port),
            IpProtocol::GRE => FlowKey::new(protocol, (from.addr, 0), (to.0, 0)),
            _ => FlowKey::new(protocol, (from.addr, from.port), to),
        };
        let packet = packet.in_zone(from.zone);
        let result = self.nat.outbound(self.now, packet, None, 0);
        let place = |id| {
            let reply = self.nat.flows().flow(id).unwrap().reply;
            (reply.destination, reply.destination_port)
        };
        let places = result.as_ref().map(|inserted| place(inserted.id));
        let entry = self
            .model
            .outbound(packet, places.map_err(|reason| *reason));
        if let (Ok(inserted), Ok(entry)) = (result, entry) {
            let evicted = inserted.evicted.map(|flow| flow.id);
            self.model.enter(inserted.id, entry, evicted);
        }
    }

    fn inbound(&mut self, from: Place, to: Place, protocol: IpProtocol, zone: u16) {
        let packet = match protocol {
            // A reply to an identifier.
            IpProtocol::ICMP => FlowKey::echo_request(to.0, from.0, to.1).reversed(),
            IpProtocol::GRE => FlowKey::new(protocol, (from.0, 0), (to.0, 0)),
            _ => FlowKey::new(protocol, from, to),
        };
        let packet = packet.in_zone(zone);
        let expected = self.model.inbound(packet);
        match self.nat.inbound(self.now, packet, None, 0) {
            Ok(inserted) => {
                let evicted = inserted.evicted.map(|flow| flow.id);
                self.model.enter(inserted.id, expected.unwrap(), evicted);
            }
            Err(reason) => assert_eq!(expected.err(), Some(reason), "{packet}"),
        }
    }
}

proptest! {
    /// Whatever happens, each packet gets the flow or the refusal that the RFCs and the configuration ask for, and the
    /// mappings are those of the flows, the static ones, and nothing else; all is free in the end.
    #[test]
    fn a_nat_does_what_a_plain_model_does(
        config in config(),
        limit in 1_usize..24,
        ops in prop::collection::vec(op(), 1..160),
    ) {
        let Some(mut both) = Both::new(config, limit) else {
            return Ok(());
        };
        for op in ops {
            both.apply(op);
        }
        both.apply(Op::Pass(10_000));
        for _ in 0..config.statics {
            both.apply(Op::RemoveStatic(0));
        }
        prop_assert_eq!(both.nat.mappings().count(), 0);
        prop_assert!(both.nat.flows().is_empty());
    }
}

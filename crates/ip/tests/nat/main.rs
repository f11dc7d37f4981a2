//! A NAT through its public interface.
#![cfg(feature = "alloc")]

mod addresses;
mod errors;
mod mappings;
mod model;
mod random;
mod ranges;
mod statics;
mod zones;

use std::net::Ipv4Addr;

use waypost_ip::flow::nat::{GrowingNat, NatConfig, NatTable};
use waypost_ip::flow::{FlowConfig, FlowId, FlowKey, FlowRefusal, GrowingFlows};
use waypost_wire::{Instant, IpProtocol};

type Key = FlowKey<Ipv4Addr>;
type Nat = NatTable<Ipv4Addr, u32, GrowingFlows, GrowingNat>;

const EXTERNAL: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const PEER: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 53);
const OTHER: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 2), 53);
const UDP: IpProtocol = IpProtocol::UDP;

const fn secs(secs: u64) -> Instant {
    Instant::from_secs(secs)
}

fn host(last: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 + last)
}

fn nat_with(flows: FlowConfig, config: NatConfig) -> Nat {
    let config = NatConfig {
        seed: 0x5eed,
        ..config
    };
    let mut nat = Nat::new(GrowingFlows, GrowingNat, flows, config).unwrap();
    assert!(nat.add_address(EXTERNAL));
    nat
}

fn nat(config: NatConfig) -> Nat {
    nat_with(FlowConfig::default(), config)
}

/// Enters a flow from inside and returns what stands for its inside.
fn open(
    nat: &mut Nat,
    now: Instant,
    packet: Key,
) -> Result<(FlowId, (Ipv4Addr, u16)), FlowRefusal> {
    let id = nat.outbound(now, packet, None, 0)?.id;
    let reply = nat.flows().flow(id).unwrap().reply;
    Ok((id, (reply.destination, reply.destination_port)))
}

fn udp(last: u32, port: u16, peer: (Ipv4Addr, u16)) -> Key {
    FlowKey::new(UDP, (host(last), port), peer)
}

//! A ring of routers, each of which pings the one four hops behind it.

#[path = "echo.rs"]
mod echo;

use std::error::Error;
use std::net::Ipv4Addr;

use waypost::graph::Source;
use waypost::sim::{LinkConfig, NodeId, Simulation};
use waypost::simulated::{Graph, GraphNode};
use waypost::wire::Duration;

use echo::echo;

/// Hops that a ping goes, and as many back. So many neighbors on the way back have routes of their own.
const HOPS: usize = 4;

/// Builds so many routers, ten at least, and the links between them. Each has memory for 64 packets, and rings for 16 frames.
pub(crate) fn ring(seed: u64, routers: usize) -> Result<(Simulation, Vec<NodeId>), Box<dyn Error>> {
    let mut net = Simulation::new(seed);
    let source = Source::new("router.click", include_str!("router.click"));
    let mut nodes = Vec::new();
    for number in 0..routers {
        // The one so many steps along the ring.
        let ip = |steps: usize| address((number + steps) % routers);
        let back = (1..=HOPS).map(|hop| format!("{}/32 {} 1", ip(routers - hop), ip(routers - 1)));
        let mac = |port: u8| {
            let [_, a, b, c] = ip(0).octets();
            format!("02:00:{port:02x}:{a:02x}:{b:02x}:{c:02x}")
        };
        let graph = Graph::new(source.clone(), ["eth0", "eth1"])
            .packets(64)
            .ring(16)
            .variable("IP", &ip(0).to_string())
            .variable("NEXT", &ip(1).to_string())
            .variable("BACK", &back.collect::<Vec<_>>().join(", "))
            .variable("MAC0", &mac(0))
            .variable("MAC1", &mac(1))
            .variable("PING", &echo(ip(0), ip(HOPS)));
        nodes.push(net.add(&format!("router{number}"), graph.node()?)?);
    }
    let wire = LinkConfig {
        rate: Some(1_000_000_000),
        delay: Duration::from_micros(100),
        ..LinkConfig::ethernet()
    };
    for (number, node) in nodes.iter().enumerate() {
        let behind = nodes[(number + 1) % routers];
        let configs = [wire.clone(), wire.clone()];
        net.connect_ports(&format!("link{number}"), (*node, 1), (behind, 0), configs)?;
    }
    Ok((net, nodes))
}

/// What a counter of all routers comes to.
pub(crate) fn sum(
    net: &Simulation,
    nodes: &[NodeId],
    counter: &str,
) -> Result<u64, Box<dyn Error>> {
    let mut sum = 0;
    for node in nodes {
        let graph: &GraphNode = net.node(*node).ok_or("no graph")?;
        let counter = format!("{counter}.count");
        sum += graph.program().instance().read(&counter)?.parse::<u64>()?;
    }
    Ok(sum)
}

/// The address of a router.
fn address(router: usize) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 + router as u32 + 1)
}

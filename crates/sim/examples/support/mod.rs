//! A tree of switches, at whose leaves hosts talk.

use waypost_sim::{BuildError, Jitter, LinkConfig, Loss, NodeId, Simulation, Switch, Talker};
use waypost_wire::{Duration, MacAddr};

/// Hosts at one switch, and switches below another.
const FAN_OUT: usize = 16;

/// Builds so many hosts, which ask at such intervals, sixteen at a switch, and as many switches as join them.
pub(crate) fn tree(
    seed: u64,
    hosts: usize,
    interval: Duration,
) -> Result<(Simulation, Vec<NodeId>), BuildError> {
    let mut net = Simulation::new(seed);
    let mac = |host: usize| {
        let [.., a, b] = host.to_be_bytes();
        MacAddr::new([2, 0, 0, 0, a, b])
    };
    let access = LinkConfig {
        rate: Some(1_000_000_000),
        delay: Duration::from_micros(5),
        jitter: Jitter::Uniform(Duration::from_nanos(500)),
        loss: Loss::Random { ppm: 100 },
        ..LinkConfig::ethernet()
    };
    let trunk = LinkConfig {
        rate: Some(10_000_000_000),
        delay: Duration::from_micros(20),
        ..LinkConfig::ethernet()
    };
    let mut talkers = Vec::new();
    for host in 0..hosts {
        let name = format!("host{host}");
        // Everybody talks to eight others, near and far.
        let peers = (1..=8).map(|step| mac((host + step * step * step) % hosts));
        let rng = net.rng(&name);
        let talker = Talker::new(mac(host), peers.collect(), interval, 200, rng);
        talkers.push(net.add(&name, talker)?);
    }
    let (mut below, mut level, mut config) = (talkers.clone(), 0, &access);
    while below.len() > 1 {
        let mut above = Vec::new();
        for (number, group) in below.chunks(FAN_OUT).enumerate() {
            let name = format!("switch{level}.{number}");
            let switch = net.add(&name, Switch::default())?;
            for node in group {
                let link = format!("{}-{name}", net.name(*node));
                net.connect(&link, *node, switch, config.clone())?;
            }
            above.push(switch);
        }
        (below, level, config) = (above, level + 1, &trunk);
    }
    Ok((net, talkers))
}

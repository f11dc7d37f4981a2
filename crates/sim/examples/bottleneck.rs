//! What a slow link does to those who share it, as a drawing:
//! `cargo run --release -p waypost-sim --example bottleneck [SEED] > bottleneck.svg`.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout)]

use std::error::Error;

use waypost_sim::{LinkConfig, LinkMeter, Plot, Queue, Side, Simulation, Switch, Talker};
use waypost_wire::{Duration, Instant, MacAddr};

fn main() -> Result<(), Box<dyn Error>> {
    let seed = std::env::args().nth(1).map_or(Ok(1), |word| word.parse())?;
    let mut net = Simulation::new(seed);
    let (left, right) = (
        net.add("left", Switch::default())?,
        net.add("right", Switch::default())?,
    );
    let slow = LinkConfig {
        rate: Some(10_000_000),
        delay: Duration::from_millis(10),
        queue: Queue {
            frames: 200,
            ..Queue::default()
        },
        ..LinkConfig::ethernet()
    };
    let bottleneck = net.connect("bottleneck", left, right, slow)?;
    let mac = |host| MacAddr::new([2, 0, 0, 0, 0, host]);
    let mut hosts = Vec::new();
    for host in 0..8 {
        // Those on the left ask, those on the right answer.
        let (switch, peers) = if host < 4 {
            (left, vec![mac(host + 4)])
        } else {
            (right, Vec::new())
        };
        let name = format!("host{host}");
        let rng = net.rng(&name);
        let talker = Talker::new(mac(host), peers, Duration::from_millis(8), 1500, rng);
        let id = net.add(&name, talker)?;
        net.connect(&name, id, switch, LinkConfig::ethernet())?;
        hosts.push(id);
    }
    net.set_faults(
        "at 3s for 2s rate bottleneck 5000000bit/s\nat 7s for 500ms down bottleneck".parse()?,
    )?;
    let meter = net.observe(&[bottleneck], LinkMeter::new(Duration::from_millis(50)))?;
    net.run_until(Instant::from_secs(10))?;

    let mut plot = Plot::new(format!(
        "10 Mbit/s, half of it from 3 s to 5 s, none from 7 s to 7.5 s; seed {seed}"
    ));
    if let Some(meter) = net.observer::<LinkMeter>(meter) {
        plot = plot
            .with_named("there", meter.rate(Side::A))
            .with_named("back", meter.rate(Side::B))
            .with_named("there", meter.queue(Side::A))
            .with_named("back", meter.queue(Side::B));
    }
    for host in &hosts[..2] {
        for series in net.series(*host) {
            plot = plot.with_named(format!("RTT of {}", net.name(*host)), series);
        }
    }
    println!("{}", plot.svg());
    Ok(())
}

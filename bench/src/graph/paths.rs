//! The graphs that are measured, as text and in Rust.

use std::error::Error;
use std::net::Ipv4Addr;

use waypost::device::MappedMemory;
use waypost::elements::ip::{CheckIpHeader, DecIpTtl, EtherEncap, IpLookup};
use waypost::elements::plumbing::{Counter, Discard};
use waypost::elements::registry;
use waypost::graph::{Builder, Instance, Options, Packet, Pool, Program, Source, Verdict, each};
use waypost::wire::{EtherType, Ipv4Prefix, MacAddr};

use super::hop;
use super::routes::Routes;
use super::source::{self, Frames};

type Built = Result<Instance, Box<dyn Error>>;

pub(super) fn pool() -> Result<Pool, Box<dyn Error>> {
    let frames = Pool::builder().small(4096).clones(0);
    let memory = MappedMemory::new(frames.octets()?)?;
    Ok(frames.memory(Box::new(memory)).build()?)
}

pub(super) fn text(text: &str) -> Built {
    let [instance] = workers(text)?;
    Ok(instance)
}

/// A text on so many workers.
pub(super) fn workers<const N: usize>(text: &str) -> Result<[Instance; N], Box<dyn Error>> {
    let mut registry = registry();
    registry.add(source::CLASS);
    registry.add(hop::READER);
    let source = Source::new("bench", text);
    let wrong = |wrong: waypost::graph::Diagnostics| {
        wrong.iter().map(|it| format!("{it:#}")).collect::<String>()
    };
    let program = Program::parse(&source, &registry, &mut Options::default()).map_err(wrong)?;
    let instances = program.instances(N, &pool()?).map_err(wrong)?;
    let wrong = |instances: Vec<_>| format!("expected {N} workers, found {}", instances.len());
    Ok(instances.try_into().map_err(wrong)?)
}

/// Source, counter, some elements that do nothing, sink.
pub(super) fn minimum_text(write: bool, nulls: usize) -> Built {
    let what = if write { "WRITTEN" } else { "EMPTY" };
    text(&format!(
        "Frames({what}) -> Counter {} -> Discard;",
        "-> Null".repeat(nulls)
    ))
}

/// The same in Rust: what does nothing is fused into one.
pub(super) fn minimum_typed(write: bool, nulls: usize) -> Built {
    use waypost::graph::Processor;
    let mut graph = Builder::new();
    let ((), frames) = graph.add("source", Frames::new(write));
    let (counter, mut packets) = graph.add("counter", Counter::default());
    graph.connect(frames, counter);
    let null = || each(|packet: Packet| Verdict::Next(packet));
    if nulls == 4 {
        let fused = null().then(null()).then(null()).then(null());
        packets = graph.chain("nulls", packets, fused);
    }
    let (sink, ()) = graph.add("sink", Discard::default());
    graph.connect(packets, sink);
    Ok(graph.build(pool()?.allocator())?)
}

fn gateway(hop: u16) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, 1 + hop as u8)
}

/// The bare IPv4 path.
pub(super) fn ipv4_text(routes: &Routes) -> Built {
    let mut graph = text(
        "Frames(DESTINATIONS) -> CheckIPHeader -> routes :: RadixIPLookup -> DecIPTTL
         -> EtherEncap(0800, 02:00:00:00:00:01, 02:00:00:00:00:02) -> Counter -> Discard;",
    )?;
    for (prefix, length, hop) in routes.iter() {
        let route = format!(
            "{}/{length} {} 0",
            Ipv4Addr::from_bits(prefix),
            gateway(hop)
        );
        graph.write("routes.add", &route)?;
    }
    Ok(graph)
}

/// The same in Rust.
pub(super) fn ipv4_typed(routes: &Routes) -> Built {
    let mut graph = Builder::new();
    let ((), frames) = graph.add("source", Frames::to_destinations());
    let (check, (right, wrong)) = graph.add("check", CheckIpHeader::default());
    graph.connect(frames, check);
    let mut lookup = IpLookup::<1>::default();
    for (prefix, length, hop) in routes.iter() {
        let prefix = Ipv4Prefix::new_truncated(Ipv4Addr::from_bits(prefix), length)?;
        lookup.route(prefix, Some(gateway(hop)), 0)?;
    }
    let (lookup, [routed]) = graph.add("routes", lookup);
    graph.connect(right, lookup);
    let (ttl, (living, expired)) = graph.add("ttl", DecIpTtl::default());
    graph.connect(routed, ttl);
    let addresses = (
        MacAddr::new([2, 0, 0, 0, 0, 1]),
        MacAddr::new([2, 0, 0, 0, 0, 2]),
    );
    let encap = EtherEncap::new(EtherType::IPV4, addresses.0, addresses.1);
    let (encap, frames) = graph.add("encap", encap);
    let living = graph.plain(living);
    graph.connect(living, encap);
    let (counter, counted) = graph.add("counter", Counter::default());
    graph.connect(frames, counter);
    let expired = graph.plain(expired);
    for (name, output) in [("sink", counted), ("wrong", wrong), ("expired", expired)] {
        let (sink, ()) = graph.add(name, Discard::default());
        graph.connect(output, sink);
    }
    Ok(graph.build(pool()?.allocator())?)
}

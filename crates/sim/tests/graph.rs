//! A graph of the engine as a node: it runs under virtual time, and feels a link that is full.
#![forbid(unsafe_code)]

use waypost_elements::device::{Both, Port};
use waypost_graph::{Builder, Instance, Pool, each};
use waypost_graph::{Packet, Verdict};
use waypost_netdev::Medium;
use waypost_sim::{
    Device, Driven, DrivenNode, DropReason, LinkConfig, NodeId, Queue, Side, Simulation, Talker,
};
use waypost_wire::{Duration, Instant, MacAddr};

/// What the facade has for graphs.
struct Graph(Instance);

impl Driven for Graph {
    fn step(&mut self, now: Instant) -> bool {
        self.0.step(now)
    }
    fn next_timer(&self) -> Option<Instant> {
        self.0.next_timer()
    }
}

/// A graph that carries frames from either of two devices to the other.
fn forwarder() -> DrivenNode<Graph> {
    let mac = |last| MacAddr::new([2, 0, 0, 0, 1, last]);
    let devices = [1, 2].map(|last| Device::new(Medium::Ethernet(mac(last)), 1500, 64));
    let mut graph = Builder::new();
    let [left, right] = devices.clone();
    let (to_left, from_left) = graph.add("left", Port::<_, Both>::new(left));
    let (to_right, from_right) = graph.add("right", Port::<_, Both>::new(right));
    let there = graph.chain(
        "there",
        from_left,
        each(|packet: Packet| Verdict::Next(packet)),
    );
    let back = graph.chain(
        "back",
        from_right,
        each(|packet: Packet| Verdict::Next(packet)),
    );
    graph.connect(there, to_right);
    graph.connect(back, to_left);
    let pool = Pool::builder().small(1024).build().unwrap();
    DrivenNode::new(Graph(graph.build(pool.allocator()).unwrap()), devices)
}

/// A host, a forwarder, and a host that answers.
fn network(seed: u64, second: LinkConfig) -> (Simulation, [NodeId; 3]) {
    let mut net = Simulation::new(seed);
    let mac = |last| MacAddr::new([2, 0, 0, 0, 0, last]);
    let interval = Duration::from_millis(1);
    let asks = Talker::new(mac(1), vec![mac(2)], interval, 1000, net.rng("asks"));
    let answers = Talker::new(mac(2), Vec::new(), interval, 1000, net.rng("answers"));
    let asks = net.add("asks", asks).unwrap();
    let graph = net.add("graph", forwarder()).unwrap();
    let answers = net.add("answers", answers).unwrap();
    let delay = Duration::from_millis(5);
    let first = LinkConfig {
        delay,
        ..LinkConfig::ethernet()
    };
    net.connect("first", asks, graph, first).unwrap();
    net.connect("second", graph, answers, second).unwrap();
    (net, [asks, graph, answers])
}

#[test]
fn frames_cross_a_graph_under_virtual_time_the_same_way_each_time() {
    let run = || {
        let delay = Duration::from_millis(5);
        let second = LinkConfig {
            delay,
            ..LinkConfig::ethernet()
        };
        let (mut net, [asks, ..]) = network(1, second);
        net.run_until(Instant::from_secs(2)).unwrap();
        let counters = net.node::<Talker>(asks).unwrap().counters();
        assert!(counters.requests > 1800 && counters.requests - counters.replies < 50);
        let rtt = net.series(asks)[0].points();
        assert!(rtt.iter().all(|(_, millis)| *millis == 20.0));
        net.log().digest()
    };
    assert_eq!(run(), run());
}

#[test]
fn a_full_link_is_felt_by_the_graph_and_frames_wait_in_its_device() {
    // A frame takes two milliseconds: half of what is asked gets through.
    let second = LinkConfig {
        rate: Some(1024 * 8 * 500),
        queue: Queue {
            frames: 4,
            ..Queue::default()
        },
        ..LinkConfig::ethernet()
    };
    let (mut net, [asks, graph, _]) = network(1, second);
    net.run_until(Instant::from_secs(2)).unwrap();
    let link = net.link_named("second").unwrap();
    let counters = net.counters(link, Side::A).unwrap();
    assert_eq!(counters.dropped(DropReason::QueueFull), 0);
    assert!((990..=1000).contains(&counters.delivered), "{counters:?}");
    let requests = net.node::<Talker>(asks).unwrap().counters().requests;
    let node = net.node_mut::<DrivenNode<Graph>>(graph).unwrap();
    let Graph(instance) = node.program_mut();
    // What the graph does not read is lost where a kernel would lose it: in the ring of the device.
    let count = |name: &str| instance.read(name).unwrap().parse::<u64>().unwrap();
    let received = count("left.count");
    assert!(
        received < requests && received >= counters.sent,
        "{received}"
    );
}

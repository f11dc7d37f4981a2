//! Networks of a few nodes.

use waypost_netdev::{FrameMeta, Medium, NetDev, RxFrame, TxFrame};
use waypost_wire::Duration;

use super::*;
use crate::{Device, Driven, DrivenNode, DropReason, Fate, Frame, Loss, Output, Queue, Seen, What};

/// Sends frames at intervals, until there are enough, and counts what it receives.
struct Clock {
    next: Instant,
    interval: Duration,
    left: u32,
    received: u32,
}

impl Clock {
    fn new(interval: Duration, left: u32) -> Self {
        Self {
            next: Instant::ZERO,
            interval,
            left,
            received: 0,
        }
    }
}

impl Node for Clock {
    fn receive(&mut self, _: Instant, _: usize, _: Frame, _: &mut Output<'_>) {
        self.received += 1;
    }
    fn poll(&mut self, now: Instant, out: &mut Output<'_>) {
        while self.next <= now && self.left > 0 {
            self.left -= 1;
            self.next += self.interval;
            out.send(0, Frame::zeroed(100));
        }
    }
    fn next_poll(&self) -> Option<Instant> {
        (self.left > 0).then_some(self.next)
    }
    fn restart(&mut self, _: Instant, _: &mut Output<'_>) {
        self.received = 0;
    }
}

const MILLI: Duration = Duration::from_millis(1);

fn lossy() -> LinkConfig {
    LinkConfig {
        delay: MILLI,
        loss: Loss::Random { ppm: 300_000 },
        ..LinkConfig::ip()
    }
}

/// Two nodes that send a thousand frames to each other.
fn pair(seed: u64) -> (Simulation, [NodeId; 2], LinkId) {
    let mut net = Simulation::new(seed).keep(Keep::All);
    let nodes = ["a", "b"].map(|name| net.add(name, Clock::new(MILLI, 1000)).unwrap());
    let link = net.connect("wire", nodes[0], nodes[1], lossy()).unwrap();
    (net, nodes, link)
}

#[test]
fn a_seed_decides_about_everything() {
    let run = |seed| {
        let (mut net, ..) = pair(seed);
        net.run_until(Instant::from_secs(10)).unwrap();
        (net.log().digest(), net.lines().collect::<Vec<_>>())
    };
    let (digest, lines) = run(1);
    assert_eq!(run(1), (digest, lines.clone()));
    assert_ne!(run(2).0, digest);
    assert_eq!(lines[0], "0.000000000s wire a > b #0 100 octets sent");
    assert!(lines.iter().any(|line| line.ends_with("dropped: lost")));
}

#[test]
fn another_link_changes_nothing_of_the_first() {
    let fates = |more: bool| {
        let (mut net, [a, b], link) = pair(5);
        if more {
            let c = net.add("c", Clock::new(MILLI, 500)).unwrap();
            net.connect("other", c, a, lossy()).unwrap();
            net.connect("third", c, b, lossy()).unwrap();
        }
        net.run_until(Instant::from_secs(10)).unwrap();
        let of_link = |entry: &&crate::Entry| matches!(entry.what, What::Frame { link: it, .. } if it == link);
        net.log()
            .entries()
            .filter(of_link)
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(fates(false), fates(true));
}

#[test]
fn a_paused_node_hears_nothing_and_a_restarted_one_forgets() {
    let (mut net, [a, b], link) = pair(1);
    net.set_config(link, Side::A, &LinkConfig::ip()).unwrap();
    net.run_until(Instant::from_micros(99_500)).unwrap();
    net.set_paused(b, true).unwrap();
    net.run_until(Instant::from_micros(199_500)).unwrap();
    let received = |net: &Simulation| net.node::<Clock>(b).unwrap().received;
    assert_eq!(received(&net), 100);
    let dropped = net
        .counters(link, Side::A)
        .unwrap()
        .dropped(DropReason::NodePaused);
    assert_eq!((dropped, net.node::<Clock>(b).unwrap().left), (100, 900));
    net.set_paused(b, false).unwrap();
    net.run_until(net.now()).unwrap();
    // It is late, and sends what it has missed.
    assert_eq!(net.node::<Clock>(b).unwrap().left, 800);
    net.restart(b).unwrap();
    assert_eq!(received(&net), 0);
    net.run_until(Instant::from_secs(2)).unwrap();
    assert_eq!(
        (received(&net), net.node::<Clock>(a).unwrap().left),
        (800, 0)
    );
}

#[test]
fn a_network_that_cannot_be_is_not_built() {
    let (mut net, [a, b], _) = pair(1);
    let clock = || Clock::new(MILLI, 0);
    assert_eq!(
        net.add("a", clock()),
        Err(BuildError::NameTaken("a".to_owned()))
    );
    for name in ["", "a b", "a,b", "#"] {
        assert_eq!(
            net.add(name, clock()),
            Err(BuildError::NotAName(name.to_owned()))
        );
    }
    let configs = || [lossy(), lossy()];
    let taken = net.connect_ports("second", (a, 0), (b, 1), configs());
    assert_eq!(taken, Err(BuildError::PortTaken("a".to_owned(), 0)));
    assert_eq!(
        net.connect_ports("second", (a, 5000), (b, 1), configs()),
        Err(BuildError::PortTooHigh(5000))
    );
    assert_eq!(
        net.connect("x", a, NodeId(9), lossy()),
        Err(BuildError::NoNode(NodeId(9)))
    );
    assert_eq!(
        net.connect("wire", a, b, lossy()),
        Err(BuildError::NameTaken("wire".to_owned()))
    );
    assert_eq!(
        net.set_up(LinkId(3), false),
        Err(BuildError::NoLink(LinkId(3)))
    );
    assert_eq!(
        (net.links().count(), net.ends(LinkId(0))),
        (1, Some([(a, 0), (b, 0)]))
    );
    let own = net.connect("own", a, a, lossy()).unwrap();
    assert_eq!(net.ends(own), Some([(a, 1), (a, 2)]));
}

#[test]
fn time_that_stands_still_is_told() {
    struct Restless;
    impl Node for Restless {
        fn receive(&mut self, _: Instant, _: usize, _: Frame, _: &mut Output<'_>) {}
        fn next_poll(&self) -> Option<Instant> {
            Some(Instant::from_secs(1))
        }
    }
    let mut net = Simulation::new(0).events_at_once_max(1000);
    net.add("restless", Restless).unwrap();
    let stuck = net.run_until(Instant::from_secs(2)).unwrap_err();
    assert_eq!(
        stuck.to_string(),
        "time stands still at 1.000000000s: 1001 events, the last at `restless`"
    );
}

#[test]
fn what_a_node_says_and_measures_is_kept() {
    struct Talker;
    impl Node for Talker {
        fn receive(&mut self, _: Instant, _: usize, _: Frame, _: &mut Output<'_>) {}
        fn poll(&mut self, _: Instant, out: &mut Output<'_>) {
            out.note(format_args!("{} ports\nand more", out.ports()));
            out.sample("load", "%", 7.0);
            out.send(3, Frame::zeroed(1));
        }
    }
    let mut net = Simulation::new(0).keep(Keep::Last(9));
    let talker = net.add("talker", Talker).unwrap();
    net.run_until(Instant::ZERO).unwrap();
    assert_eq!(
        net.lines().collect::<Vec<_>>(),
        [
            "0.000000000s talker: 0 ports and more",
            "0.000000000s talker sends to port 3, which has no link"
        ]
    );
    assert_eq!(net.series(talker)[0].points(), [(Instant::ZERO, 7.0)]);
}

#[test]
fn an_observer_sees_every_fate() {
    #[derive(Default)]
    struct Count(Vec<(Side, Fate)>);
    impl Observer for Count {
        fn see(&mut self, seen: &Seen<'_>) {
            assert_eq!(seen.octets.len(), 100);
            self.0.push((seen.side, seen.fate));
        }
    }
    let (mut net, _, link) = pair(3);
    let id = net.observe(&[link], Count::default()).unwrap();
    net.run_until(Instant::from_secs(10)).unwrap();
    let seen = &net.observer::<Count>(id).unwrap().0;
    assert_eq!(seen.len() as u64, net.log().count());
    for side in Side::ALL {
        let count = |fate| seen.iter().filter(|it| **it == (side, fate)).count() as u64;
        let counters = net.counters(link, side).unwrap();
        assert_eq!(count(Fate::Delivered), counters.delivered);
        assert_eq!(
            count(Fate::Dropped(DropReason::Lost)),
            counters.dropped_all()
        );
    }
    assert!(net.observe(&[LinkId(4)], Count::default()).is_err());
}

/// Sends without end, as far as its device takes it, and counts what it receives.
struct Greedy {
    device: Device,
    received: u64,
}

impl Driven for Greedy {
    fn step(&mut self, now: Instant) -> bool {
        let received = self
            .device
            .receive(now, 32, |frame| assert_eq!(frame.octets().len(), 60));
        let received = received.unwrap() as u64;
        self.received += received;
        let each = |slot: waypost_netdev::LentTx<'_>| slot.send(60, FrameMeta::default(), |_| ());
        let sent = self.device.transmit(now, 32, each).unwrap();
        received > 0 || sent > 0
    }
    fn next_timer(&self) -> Option<Instant> {
        None
    }
}

#[test]
fn a_full_link_is_felt_by_whoever_uses_a_device() {
    let mut net = Simulation::new(0);
    let mut add = |name| {
        let device = Device::new(Medium::Ip, 60, 16);
        let program = Greedy {
            device: device.clone(),
            received: 0,
        };
        net.add(name, DrivenNode::new(program, [device])).unwrap()
    };
    let [a, b] = ["a", "b"].map(&mut add);
    // A frame takes a microsecond.
    let mut config = LinkConfig {
        rate: Some(480_000_000),
        ..LinkConfig::ip()
    };
    config.queue = Queue {
        frames: 4,
        ..Queue::default()
    };
    let link = net.connect("wire", a, b, config.clone()).unwrap();
    net.run_until(Instant::from_millis(1)).unwrap();
    for (node, side) in [(a, Side::B), (b, Side::A)] {
        let counters = net.counters(link, side).unwrap();
        assert_eq!((counters.delivered, counters.dropped_all()), (1000, 0));
        let greedy = net.node::<DrivenNode<Greedy>>(node).unwrap().program();
        assert_eq!(greedy.received, 1000);
    }
    // A link without a queue is waited for as well.
    config.queue.frames = 0;
    for side in Side::ALL {
        net.set_config(link, side, &config).unwrap();
    }
    net.run_until(Instant::from_millis(2)).unwrap();
    let counters = net.counters(link, Side::A).unwrap();
    assert_eq!((counters.delivered, counters.dropped_all()), (2000, 0));
}

#[test]
fn a_queue_of_octets_is_filled_by_whoever_uses_a_device() {
    let mut net = Simulation::new(0);
    let device = Device::new(Medium::Ip, 60, 1000);
    let program = Greedy {
        device: device.clone(),
        received: 0,
    };
    let a = net.add("a", DrivenNode::new(program, [device])).unwrap();
    let b = net.add("b", Clock::new(MILLI, 0)).unwrap();
    let mut config = LinkConfig {
        rate: Some(480_000_000),
        ..LinkConfig::ip()
    };
    config.queue.octets = 6000;
    let link = net.connect("wire", a, b, config).unwrap();
    net.run_until(Instant::from_millis(10)).unwrap();
    let counters = net.counters(link, Side::A).unwrap();
    assert_eq!((counters.delivered, counters.dropped_all()), (10_000, 0));
    assert_eq!(counters.queued_max, 100);
    // For each frame: it arrives, the transmitter is free, the program is woken.
    assert!(net.events() < 30_010, "{}", net.events());
}

#[test]
fn lines_that_were_written_down_are_forgotten_and_the_digest_stays() {
    let whole = |net: &Simulation| (net.log().count(), net.log().digest());
    let (mut kept, ..) = pair(3);
    kept.run_until(Instant::from_millis(100)).unwrap();
    let lines: Vec<String> = kept.lines().collect();
    let (mut parts, ..) = pair(3);
    let mut written = Vec::new();
    for milli in 0..=100 {
        parts.run_until(Instant::from_millis(milli)).unwrap();
        written.extend(parts.lines());
        parts.forget_lines();
    }
    assert_eq!(written, lines);
    assert_eq!(whole(&parts), whole(&kept));
    assert_eq!(parts.lines().count(), 0);
}

#[test]
fn what_an_observer_has_gathered_can_be_taken() {
    #[derive(Default)]
    struct Lens(Vec<usize>);
    impl Observer for Lens {
        fn see(&mut self, seen: &Seen<'_>) {
            self.0.push(seen.octets.len());
        }
    }
    let (mut net, _, link) = pair(1);
    let lens = net.observe(&[link], Lens::default()).unwrap();
    net.run_until(Instant::from_millis(10)).unwrap();
    let taken = std::mem::take(&mut net.observer_mut::<Lens>(lens).unwrap().0);
    assert!(!taken.is_empty() && net.observer::<Lens>(lens).unwrap().0.is_empty());
}

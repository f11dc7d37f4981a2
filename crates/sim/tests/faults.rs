//! Faults by schedule: what they do, that they are repeatable, and the least that makes a run fail.
#![forbid(unsafe_code)]

use waypost_sim::{
    BuildError, DropReason, FaultBounds, FaultKind, FaultSchedule, Frame, Keep, LinkConfig, LinkId,
    Node, NodeId, Output, Side, Simulation,
};
use waypost_wire::{Duration, Instant};

const MILLI: Duration = Duration::from_millis(1);

/// Sends a frame, or more of them, each millisecond to its first port, and counts those that come.
#[derive(Default)]
struct Beacon {
    next: Instant,
    /// Frames that it sends with each.
    more: usize,
    received: u32,
    silence_max: Duration,
    heard: Instant,
    restarts: u32,
}

impl Node for Beacon {
    fn receive(&mut self, now: Instant, _: usize, _: Frame, _: &mut Output<'_>) {
        self.received += 1;
        self.silence_max = self.silence_max.max(now - self.heard);
        self.heard = now;
    }
    fn poll(&mut self, now: Instant, out: &mut Output<'_>) {
        if self.next <= now {
            self.next = now + MILLI;
            for _ in 0..=self.more {
                out.send(0, Frame::zeroed(60));
            }
        }
    }
    fn next_poll(&self) -> Option<Instant> {
        Some(self.next)
    }
    fn restart(&mut self, _: Instant, _: &mut Output<'_>) {
        self.restarts += 1;
    }
}

fn network(seed: u64) -> (Simulation, [NodeId; 2], LinkId) {
    let mut net = Simulation::new(seed).keep(Keep::All);
    let [a, b] = ["a", "b"].map(|name| net.add(name, Beacon::default()).unwrap());
    let config = LinkConfig {
        delay: MILLI,
        ..LinkConfig::ethernet()
    };
    let link = net.connect("wire", a, b, config).unwrap();
    (net, [a, b], link)
}

#[test]
fn faults_begin_and_end() {
    let (mut net, [_, b], link) = network(1);
    let faults = "at 100.5ms for 100ms down wire\nat 300.5ms for 100ms loss wire 1000000ppm\n\
                  at 500.5ms for 50ms restart b\nat 600.5ms for 100ms partition a\nat 650.5ms for 100ms delay wire 3ms";
    net.set_faults(faults.parse().unwrap()).unwrap();
    net.run_until(Instant::from_micros(150_000)).unwrap();
    assert!(!net.is_up(link));
    net.run_until(Instant::from_micros(700_600)).unwrap();
    assert_eq!(net.config(link, Side::B).unwrap().delay, MILLI * 3);
    net.run_until(Instant::from_secs(1)).unwrap();
    assert!(net.is_up(link));
    assert_eq!(net.config(link, Side::B).unwrap().delay, MILLI);
    let counters = net.counters(link, Side::A).unwrap();
    let reasons = [
        DropReason::Down,
        DropReason::Lost,
        DropReason::NodePaused,
        DropReason::Cut,
    ];
    // Two cuts lose what is on its way, which at 600.5 ms is one frame.
    assert_eq!(reasons.map(|it| counters.dropped(it)), [200, 100, 50, 2]);
    assert_eq!(net.node::<Beacon>(b).unwrap().restarts, 1);
    let told = net.lines().filter(|line| line.contains(" fault ")).count();
    assert_eq!(told, 10);
}

#[test]
fn faults_that_are_given_again_begin_and_end_once() {
    let (mut net, [_, b], _) = network(1);
    let faults: FaultSchedule = "at 10ms for 5ms restart b\nat 30ms for 5ms down wire"
        .parse()
        .unwrap();
    for _ in 0..3 {
        net.set_faults(faults.clone()).unwrap();
    }
    net.run_until(Instant::from_millis(100)).unwrap();
    assert_eq!(net.node::<Beacon>(b).unwrap().restarts, 1);
    let told = net.lines().filter(|line| line.contains(" fault ")).count();
    assert_eq!(told, 4);
}

#[test]
fn hand_and_schedule_hold_a_link_together() {
    let (mut net, [a, _], link) = network(1);
    net.set_faults(
        "at 1s for 1s down wire\nat 1s for 1s pause a"
            .parse()
            .unwrap(),
    )
    .unwrap();
    net.run_until(Instant::from_millis(1500)).unwrap();
    net.set_up(link, true).unwrap();
    assert!(!net.is_up(link));
    net.set_up(link, false).unwrap();
    net.set_paused(a, true).unwrap();
    net.run_until(Instant::from_millis(2500)).unwrap();
    assert!(!net.is_up(link));
    let sent = net.counters(link, Side::A).unwrap().sent;
    assert_eq!(sent, 1000);
    net.set_up(link, true).unwrap();
    net.set_paused(a, false).unwrap();
    net.set_faults(FaultSchedule::default()).unwrap();
    net.run_until(Instant::from_secs(3)).unwrap();
    assert!(net.is_up(link) && net.counters(link, Side::A).unwrap().sent > sent);
}

#[test]
fn faults_of_nobody_are_refused() {
    let (mut net, ..) = network(1);
    for (text, error) in [
        (
            "at 1s for 1s down x",
            BuildError::NoLinkNamed("x".to_owned()),
        ),
        (
            "at 1s for 1s partition a,y",
            BuildError::NoNodeNamed("y".to_owned()),
        ),
    ] {
        assert_eq!(net.set_faults(text.parse().unwrap()), Err(error));
        assert!(net.faults().is_empty());
    }
}

/// A run "fails" if `b` hears nothing for a second.
fn run(seed: u64, faults: &FaultSchedule) -> (bool, u64) {
    let (mut net, [_, b], _) = network(seed);
    net.set_faults(faults.clone()).unwrap();
    net.run_until(Instant::from_secs(12)).unwrap();
    let silence = net.node::<Beacon>(b).unwrap().silence_max;
    (silence >= Duration::from_secs(1), net.log().digest())
}

#[test]
fn a_failing_seed_shrinks_to_what_matters() {
    let (net, ..) = network(0);
    let bounds = FaultBounds {
        faults_max: 20,
        ..FaultBounds::of(&net)
    };
    let mut found = 0;
    for seed in 0..10 {
        let faults = FaultSchedule::random(&mut net.rng(&format!("faults {seed}")), &bounds);
        let (failed, digest) = run(seed, &faults);
        assert_eq!(run(seed, &faults), (failed, digest));
        if !failed {
            continue;
        }
        found += 1;
        let shrunk = faults.shrink(500, |it| run(seed, it).0).unwrap();
        assert!(shrunk.is_minimal && run(seed, &shrunk.schedule).0);
        assert!(shrunk.schedule.faults().len() <= 2, "{}", shrunk.schedule);
        let again: FaultSchedule = shrunk.schedule.to_string().parse().unwrap();
        assert_eq!(run(seed, &again), run(seed, &shrunk.schedule));
    }
    assert!(found > 2, "{found}");
}

#[test]
fn links_that_take_less_by_chance_lose_frames_and_shrink() {
    let (net, ..) = network(0);
    for (kind, reason) in [
        (FaultKind::Bursts, DropReason::Lost),
        (FaultKind::Queue, DropReason::QueueFull),
        (FaultKind::Mtu, DropReason::TooLong),
    ] {
        let bounds = FaultBounds {
            kinds: vec![kind],
            queue_max: 3,
            mtus: (20, 40),
            until: Instant::from_secs(2),
            lasts_max: Duration::from_secs(1),
            ..FaultBounds::of(&net)
        };
        let faults = FaultSchedule::random(&mut net.rng("faults"), &bounds);
        let dropped = |faults: &FaultSchedule| {
            let mut net = Simulation::new(1);
            let beacon = Beacon {
                more: 7,
                ..Beacon::default()
            };
            let a = net.add("a", beacon).unwrap();
            let b = net.add("b", Beacon::default()).unwrap();
            let config = LinkConfig {
                rate: Some(100_000_000),
                ..LinkConfig::ethernet()
            };
            let link = net.connect("wire", a, b, config).unwrap();
            net.set_faults(faults.clone()).unwrap();
            net.run_until(Instant::from_secs(2)).unwrap();
            let counters = net.counters(link, Side::A).unwrap();
            assert_eq!(counters.dropped_all(), counters.dropped(reason));
            counters.dropped(reason)
        };
        assert_eq!(dropped(&FaultSchedule::default()), 0);
        let shrunk = faults.shrink(500, |it| dropped(it) >= 10).unwrap();
        let [fault] = shrunk.schedule.faults() else {
            panic!("{kind:?}: {}", shrunk.schedule);
        };
        assert!(fault.lasts < Duration::from_millis(200), "{fault}");
        assert!(dropped(&shrunk.schedule) < dropped(&faults));
    }
}

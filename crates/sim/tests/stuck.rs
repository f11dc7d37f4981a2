//! Networks and pairs that cannot go on, and one that can.
#![forbid(unsafe_code)]

use waypost_sim::{
    Core, CoreNode, Frame, LinkConfig, Node, Output, Pair, Simulation, Stuck, Switch, Talker,
};
use waypost_wire::{Duration, Instant, MacAddr};

const MILLI: Duration = Duration::from_millis(1);

/// Acknowledges what it is asked to after a millisecond, and has something to do at a time far away.
struct NearAndFar {
    near: Option<Instant>,
    far: Instant,
    polls: u64,
}

impl Node for NearAndFar {
    fn receive(&mut self, now: Instant, _: usize, _: Frame, _: &mut Output<'_>) {
        self.near = Some(now + MILLI);
    }
    fn poll(&mut self, now: Instant, out: &mut Output<'_>) {
        self.polls += 1;
        self.near = None;
        if now >= self.far {
            self.far = Instant::MAX;
        }
        out.send(0, Frame::zeroed(9));
    }
    fn next_poll(&self) -> Option<Instant> {
        self.near.or(Some(self.far))
    }
}

#[test]
fn a_near_timer_leaves_nothing_of_a_far_one_behind() {
    let mut net = Simulation::new(1).events_at_once_max(10);
    let [a, b] = ["a", "b"].map(|name| {
        let far = Instant::from_secs(100);
        let (near, polls) = (None, 0);
        net.add(name, NearAndFar { near, far, polls }).unwrap()
    });
    net.connect("wire", a, b, LinkConfig::ip()).unwrap();
    // The frames of both begin at once, and each poll sends another: two polls a millisecond.
    net.run_until(Instant::from_millis(99_999)).unwrap();
    let polls = |net: &Simulation| net.node::<NearAndFar>(a).map(|node| node.polls);
    assert_eq!(polls(&net), Some(100_000));
    // A frame and a timer for each poll, and nothing else.
    assert_eq!(net.events(), 400_000);
    net.run_until(Instant::from_millis(100_001)).unwrap();
    assert_eq!(polls(&net), Some(100_002));
}

/// Four switches, each joined to each, and a host that says a word to all.
fn meshed(delay: Duration) -> Simulation {
    let mut net = Simulation::new(1).in_flight_max(1 << 24);
    let switches = [0, 1, 2, 3].map(|number| {
        let name = format!("switch{number}");
        net.add(&name, Switch::default()).unwrap()
    });
    let link = LinkConfig {
        delay,
        ..LinkConfig::ethernet()
    };
    for (number, a) in switches.iter().enumerate() {
        for b in &switches[..number] {
            let name = format!("{}-{}", b.index(), a.index());
            net.connect(&name, *a, *b, link.clone()).unwrap();
        }
    }
    let mac = |last| MacAddr::new([2, 0, 0, 0, 0, last]);
    let talker = Talker::new(mac(1), vec![mac(2)], MILLI * 100, 60, net.rng("host"));
    let host = net.add("host", talker).unwrap();
    net.connect("host", host, switches[0], link).unwrap();
    net
}

#[test]
fn frames_that_multiply_are_a_storm() {
    let mut net = meshed(MILLI);
    let stuck = net.run_until(Instant::from_secs(3600)).unwrap_err();
    let storm = stuck.storm.clone().unwrap();
    assert!(net.now() < Instant::from_secs(10));
    assert_eq!(storm.frames, (1 << 16) + 1);
    assert!(storm.on_link > storm.frames / 7 && storm.on_link < storm.frames);
    let link = net.link_named(&storm.link).unwrap();
    let text = stuck.to_string();
    let wanted = format!(
        "65537 frames are on their way at {}, {} of them on `{}`, the most of all links: a storm",
        net.now(),
        storm.on_link,
        net.link_name(link)
    );
    assert_eq!(text, wanted);
    // It does not go on by itself.
    assert!(net.run_until(Instant::from_secs(3600)).is_err());
    // Without delay, time stands still instead.
    let mut net = meshed(Duration::ZERO).events_at_once_max(10_000);
    let stuck = net.run_until(Instant::from_secs(3600)).unwrap_err();
    assert_eq!((stuck.events, stuck.storm), (10_001, None));
}

/// What a core does too often.
#[derive(Clone, Copy, PartialEq)]
enum Too {
    Nothing,
    Sends,
    Tells,
    Answers,
}

struct Much(Too, u32);

impl Core for Much {
    type Event = ();
    fn handle_input(&mut self, _: Instant, _: &[u8]) {
        self.1 += u32::from(self.0 == Too::Answers);
    }
    fn poll_output(&mut self, _: Instant, out: &mut Vec<u8>) -> bool {
        out.push(7);
        if self.0 == Too::Sends {
            return true;
        }
        let some = self.1 > 0;
        self.1 -= u32::from(some);
        some
    }
    fn poll_event(&mut self) -> Option<()> {
        (self.0 == Too::Tells).then_some(())
    }
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
    fn handle_timeout(&mut self, _: Instant) {}
}

fn run_pair(a: Too, b: Too, link: LinkConfig, octets: usize) -> Result<(), Stuck> {
    let mut pair = Pair::new(Much(a, 1), Much(b, 0), link, 1).in_flight_max(octets);
    pair.run_until(Instant::from_secs(3))
}

fn run_network(a: Too, b: Too, link: LinkConfig, octets: usize) -> Result<(), Stuck> {
    let mut net = Simulation::new(1).in_flight_max(octets);
    let a = net.add("a", CoreNode::new(Much(a, 1))).unwrap();
    let b = net.add("b", CoreNode::new(Much(b, 0))).unwrap();
    net.connect("wire", a, b, link).unwrap();
    net.run_until(Instant::from_secs(3)).map(drop)
}

#[test]
fn cores_that_hold_time_still_are_told_in_pairs_and_networks() {
    for run in [run_pair, run_network] {
        assert_eq!(
            run(Too::Answers, Too::Nothing, LinkConfig::ip(), usize::MAX),
            Ok(())
        );
        for (a, b, wanted) in [
            (Too::Answers, Too::Answers, ["a", "b"]),
            (Too::Sends, Too::Nothing, ["a", "a"]),
            (Too::Nothing, Too::Sends, ["b", "b"]),
            (Too::Tells, Too::Nothing, ["a", "a"]),
            (Too::Nothing, Too::Tells, ["b", "b"]),
        ] {
            let stuck = run(a, b, LinkConfig::ip(), usize::MAX).unwrap_err();
            assert_eq!((stuck.at, &stuck.storm), (Instant::ZERO, &None));
            assert!(wanted.contains(&stuck.node.as_str()), "{stuck}");
            assert!(stuck.events > 1_000_000, "{stuck}");
        }
    }
}

#[test]
fn cores_whose_frames_are_doubled_end_in_a_storm() {
    let link = || LinkConfig {
        delay: MILLI,
        duplication_ppm: 1_000_000,
        ..LinkConfig::ip()
    };
    for run in [run_pair, run_network] {
        let stuck = run(Too::Answers, Too::Answers, link(), 1 << 24).unwrap_err();
        let storm = stuck.storm.unwrap();
        assert_eq!((storm.on_link, storm.frames), (65_537, 65_537));
        assert!(stuck.at < Instant::from_secs(1));
    }
}

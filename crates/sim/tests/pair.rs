//! A stop-and-wait protocol between two cores, over all that a link can do to frames.
#![forbid(unsafe_code)]

use std::collections::VecDeque;

use proptest::prelude::*;
use waypost_sim::{
    Core, CoreNode, DropReason, FaultBounds, FaultSchedule, Jitter, LinkConfig, Loss, Outcome,
    Pair, Queue, Rng, Side, Simulation,
};
use waypost_wire::{Duration, Instant};

const TIMEOUT: Duration = Duration::from_millis(50);

/// One end of stop-and-wait: sends a message until it is acknowledged, and tells of messages that come, each once.
/// A frame is its kind, a sequence number, a sum that finds damage, and what is sent.
#[derive(Default)]
struct StopAndWait {
    to_send: VecDeque<Vec<u8>>,
    sequence: u32,
    /// The message in front was sent, and is sent again then.
    resend_at: Option<Instant>,
    /// The number of the message that is expected.
    expected: u32,
    /// Numbers to acknowledge.
    acks: VecDeque<u32>,
    events: VecDeque<Vec<u8>>,
    damaged: u32,
    timeouts: u32,
}

const DATA: u8 = 1;
const ACK: u8 = 2;

fn sum(octets: &[u8]) -> u32 {
    let step = |sum: u32, octet: &u8| (sum ^ u32::from(*octet)).wrapping_mul(0x0100_0193);
    octets.iter().fold(0x811c_9dc5, step)
}

fn write(out: &mut Vec<u8>, kind: u8, number: u32, payload: &[u8]) {
    out.extend([0; 4]);
    out.push(kind);
    out.extend(number.to_be_bytes());
    out.extend(payload);
    let sum = sum(&out[4..]);
    out[..4].copy_from_slice(&sum.to_be_bytes());
}

impl StopAndWait {
    fn sender(messages: u32) -> Self {
        Self {
            to_send: (0..messages).map(message).collect(),
            ..Self::default()
        }
    }
}

fn message(number: u32) -> Vec<u8> {
    let len = number as usize * 37 % 1000;
    vec![number as u8; len]
}

impl Core for StopAndWait {
    type Event = Vec<u8>;

    fn handle_input(&mut self, _: Instant, octets: &[u8]) {
        let Some((head, payload)) = octets.split_at_checked(9) else {
            self.damaged += 1;
            return;
        };
        let word =
            |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (kind, number) = (head[4], word(5));
        if word(0) != sum(&octets[4..]) {
            self.damaged += 1;
        } else if kind == DATA {
            if number == self.expected {
                self.expected += 1;
                self.events.push_back(payload.to_vec());
            }
            self.acks.push_back(number);
        } else if kind == ACK && number == self.sequence && self.to_send.pop_front().is_some() {
            self.sequence += 1;
            self.resend_at = None;
        }
    }

    fn poll_output(&mut self, now: Instant, out: &mut Vec<u8>) -> bool {
        if let Some(number) = self.acks.pop_front() {
            write(out, ACK, number, &[]);
            return true;
        }
        match self.to_send.front() {
            Some(message) if self.resend_at.is_none() => {
                write(out, DATA, self.sequence, message);
                self.resend_at = Some(now + TIMEOUT);
                true
            }
            _ => false,
        }
    }

    fn poll_event(&mut self) -> Option<Vec<u8>> {
        self.events.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.resend_at
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.resend_at.is_some_and(|at| at <= now) {
            self.resend_at = None;
            self.timeouts += 1;
        }
    }
}

/// What `b` was told, once all is quiet.
fn received(pair: &mut Pair<StopAndWait, StopAndWait>, deadline: u64) -> Vec<Vec<u8>> {
    let outcome = pair.run_until_quiet(Instant::from_secs(deadline)).unwrap();
    assert_ne!(outcome, Outcome::Deadline, "{:?}", pair.counters(Side::A));
    pair.take_events_b().map(|(_, message)| message).collect()
}

#[test]
fn over_a_perfect_link_each_message_takes_a_round_trip() {
    let link = LinkConfig {
        delay: Duration::from_millis(10),
        ..LinkConfig::ip()
    };
    let mut pair = Pair::new(StopAndWait::sender(100), StopAndWait::default(), link, 1);
    assert_eq!(
        received(&mut pair, 10),
        (0..100).map(message).collect::<Vec<_>>()
    );
    assert_eq!(pair.now(), Instant::from_secs(2));
    assert_eq!((pair.a().timeouts, pair.counters(Side::A).sent), (0, 100));
    // There is more to send: the pair runs on.
    pair.a_mut().to_send.push_back(vec![7]);
    assert_eq!(received(&mut pair, 10), [[7]]);
}

#[test]
fn a_link_without_an_end_is_left_at_the_deadline() {
    let link = LinkConfig {
        loss: Loss::Random { ppm: 1_000_000 },
        ..LinkConfig::ip()
    };
    let mut pair = Pair::new(StopAndWait::sender(1), StopAndWait::default(), link, 1);
    let outcome = pair.run_until_quiet(Instant::from_secs(1)).unwrap();
    assert_eq!(
        (outcome, pair.now()),
        (Outcome::Deadline, Instant::from_secs(1))
    );
    assert_eq!(pair.counters(Side::A).dropped(DropReason::Lost), 21);
    pair.set_config(Side::A, LinkConfig::ip());
    pair.set_config(Side::B, LinkConfig::ip());
    assert_eq!(received(&mut pair, 2).len(), 1);
}

#[test]
fn a_core_that_wants_to_be_called_for_ever_is_told() {
    struct Restless;
    impl Core for Restless {
        type Event = ();
        fn handle_input(&mut self, _: Instant, _: &[u8]) {}
        fn poll_output(&mut self, _: Instant, _: &mut Vec<u8>) -> bool {
            false
        }
        fn poll_event(&mut self) -> Option<()> {
            None
        }
        fn poll_timeout(&self) -> Option<Instant> {
            Some(Instant::ZERO)
        }
        fn handle_timeout(&mut self, _: Instant) {}
    }
    let mut pair = Pair::new(StopAndWait::default(), Restless, LinkConfig::ip(), 1);
    let stuck = pair.run_until(Instant::from_secs(1)).unwrap_err();
    assert_eq!(stuck.node, "b");
}

#[test]
fn the_same_cores_stand_in_a_network() {
    let mut net = Simulation::new(1);
    let a = net
        .add("a", CoreNode::new(StopAndWait::sender(50)))
        .unwrap();
    let b = net.add("b", CoreNode::new(StopAndWait::default())).unwrap();
    let link = LinkConfig {
        loss: Loss::Random { ppm: 200_000 },
        ..LinkConfig::ip()
    };
    net.connect("wire", a, b, link).unwrap();
    net.run_until(Instant::from_secs(60)).unwrap();
    let node = net.node_mut::<CoreNode<StopAndWait>>(b).unwrap();
    assert_eq!(node.take_events().count(), 50);
    assert_eq!(node.forgotten(), 0);
}

fn loss() -> impl Strategy<Value = Loss> {
    prop_oneof![
        Just(Loss::None),
        (0..400_000_u32).prop_map(|ppm| Loss::Random { ppm }),
        (0..100_000_u32, 100_000..900_000_u32).prop_map(|(begin_ppm, end_ppm)| Loss::Bursts {
            begin_ppm,
            end_ppm,
            good_ppm: 0,
            bad_ppm: 900_000,
        }),
    ]
}

prop_compose! {
    fn link()(
        rate in prop::option::of(100_000..100_000_000_u64),
        delay in 0..20_000_u64,
        jitter in 0..20_000_u64,
        keep_order: bool,
        loss in loss(),
        duplication_ppm in 0..300_000_u32,
        corruption_ppm in 0..200_000_u32,
        reordering_ppm in 0..300_000_u32,
        reordering in 0..100_u64,
        frames in 1..10_usize,
    ) -> LinkConfig {
        LinkConfig {
            rate,
            delay: Duration::from_micros(delay),
            jitter: Jitter::Uniform(Duration::from_micros(jitter)),
            keep_order,
            loss,
            duplication_ppm,
            corruption_ppm,
            reordering_ppm,
            reordering_delay: Duration::from_millis(reordering),
            queue: Queue { frames, ..Queue::default() },
            ..LinkConfig::ip()
        }
    }
}

proptest! {
    #[test]
    fn all_messages_arrive_once_and_in_order(seed: u64, there in link(), back in link(), faulty: bool) {
        let run = || {
            let cores = (StopAndWait::sender(20), StopAndWait::default());
            let mut pair = Pair::with_configs(cores.0, cores.1, [there.clone(), back.clone()], seed);
            if faulty {
                let bounds = FaultBounds {
                    links: vec!["link".to_owned()],
                    nodes: vec!["a".to_owned(), "b".to_owned()],
                    ..FaultBounds::default()
                };
                pair = pair.with_faults(FaultSchedule::random(&mut Rng::new(seed), &bounds));
            }
            let messages = received(&mut pair, 600);
            (messages, pair.now(), pair.log().digest())
        };
        let (messages, end, digest) = run();
        prop_assert_eq!(&messages, &(0..20).map(message).collect::<Vec<_>>());
        prop_assert_eq!(run(), (messages, end, digest));
    }
}

//! One direction, by itself.

use proptest::prelude::*;
use waypost_wire::Duration;

use super::*;
use crate::{Rng, Schedule};

/// Runs a direction, and writes down what happens.
#[derive(Default)]
struct Runner {
    now: Instant,
    schedule: Schedule<Option<Transit>>,
    fates: Vec<(u64, Fate)>,
    arrived: Vec<(Instant, u8)>,
}

impl Run for Runner {
    fn arrive(&mut self, at: Instant, transit: Transit) {
        self.schedule.push(at, Some(transit));
    }
    fn ready(&mut self, at: Instant) {
        self.schedule.push(at, None);
    }
    fn happened(&mut self, fate: Fate, number: u64, _: &Frame, _: (usize, usize)) {
        self.fates.push((number, fate));
    }
}

impl Runner {
    fn run_until(&mut self, direction: &mut Direction, until: Instant) {
        while self.schedule.next_time().is_some_and(|at| at <= until) {
            let (at, event) = self.schedule.pop().unwrap();
            self.now = at;
            match event {
                Some(transit) => {
                    if let Some(frame) = direction.arrive(transit, true, self) {
                        self.arrived.push((at, frame[0]));
                    }
                }
                None => direction.ready(at, self),
            }
        }
        self.now = until;
    }

    /// Frames of 100 octets whose first is their number, all at once.
    fn send(&mut self, direction: &mut Direction, octets: std::ops::Range<u8>) {
        for octet in octets {
            let mut frame = Frame::zeroed(100);
            frame[0] = octet;
            direction.send(self.now, frame, self);
        }
    }

    fn octets(&self) -> Vec<u8> {
        self.arrived.iter().map(|(_, octet)| *octet).collect()
    }
}

/// A frame of 100 octets takes a microsecond.
fn config() -> LinkConfig {
    LinkConfig {
        rate: Some(800_000_000),
        delay: Duration::from_micros(10),
        ..LinkConfig::ip()
    }
}

fn direction(config: LinkConfig) -> Direction {
    Direction::new(config, &Rng::new(1))
}

const fn micros(micros: u64) -> Instant {
    Instant::from_micros(micros)
}

fn dropped(direction: &Direction, reason: DropReason) -> u64 {
    direction.counters().dropped(reason)
}

#[test]
fn frames_are_sent_one_after_the_other_and_arrive_after_the_delay() {
    let (mut line, mut run) = (direction(config()), Runner::default());
    run.send(&mut line, 0..3);
    assert_eq!(line.queued(), (2, 200));
    run.run_until(&mut line, micros(12));
    assert_eq!(run.arrived, [(micros(11), 0), (micros(12), 1)]);
    run.run_until(&mut line, micros(100));
    run.send(&mut line, 3..4);
    run.run_until(&mut line, micros(200));
    assert_eq!(run.arrived[2..], [(micros(13), 2), (micros(111), 3)]);
}

#[test]
fn a_full_queue_drops_the_new_or_the_old() {
    for (drop_head, arrived) in [(false, [0, 1, 2]), (true, [0, 3, 4])] {
        let mut config = config();
        config.queue.frames = 2;
        config.queue.drop_head = drop_head;
        let (mut line, mut run) = (direction(config), Runner::default());
        assert_eq!(line.room(run.now), 3);
        run.send(&mut line, 0..5);
        assert_eq!(line.room(run.now), 0);
        run.run_until(&mut line, micros(100));
        assert_eq!(run.octets(), arrived);
        let reasons = [DropReason::QueueFull, DropReason::QueueHead];
        let counts = reasons.map(|reason| dropped(&line, reason));
        assert_eq!(counts, if drop_head { [0, 2] } else { [2, 0] });
        assert_eq!((line.counters().queued_max, line.queued()), (2, (0, 0)));
    }
    let mut config = config();
    config.queue.octets = 250;
    let (mut line, mut run) = (direction(config), Runner::default());
    run.send(&mut line, 0..5);
    assert_eq!(line.queued(), (2, 200));
}

#[test]
fn a_link_that_takes_only_empty_packets_has_room_as_well() {
    let config = LinkConfig { mtu: 0, ..config() };
    let (mut line, mut run) = (direction(config), Runner::default());
    assert_eq!(line.room(run.now), 1001);
    run.send(&mut line, 0..1);
    assert_eq!(dropped(&line, DropReason::TooLong), 1);
}

#[test]
fn a_burst_goes_on_until_frames_are_lost_in_another_way() {
    let bursts = |begin_ppm, delay| LinkConfig {
        delay: Duration::from_micros(delay),
        loss: Loss::Bursts {
            begin_ppm,
            end_ppm: 0,
            good_ppm: 0,
            bad_ppm: 1_000_000,
        },
        ..config()
    };
    let (mut line, mut run) = (direction(bursts(100_000, 10)), Runner::default());
    let mut lost_of_ten = |next| {
        let before = dropped(&line, DropReason::Lost);
        run.send(&mut line, 0..10);
        run.run_until(&mut line, run.now + Duration::from_millis(1));
        line.set_config(run.now, next, &mut run);
        dropped(&line, DropReason::Lost) - before
    };
    while lost_of_ten(bursts(100_000, 10)) < 10 {}
    // Another delay ends no burst.
    assert_eq!(lost_of_ten(bursts(100_000, 20)), 10);
    assert_eq!(lost_of_ten(bursts(100_000, 20)), 10);
    assert_eq!(lost_of_ten(config()), 10);
    assert_eq!(lost_of_ten(bursts(0, 10)), 0);
    assert_eq!(lost_of_ten(config()), 0);
}

#[test]
fn what_waits_behind_many_is_marked() {
    let mut config = config();
    config.queue.mark_from = Some(1);
    let (mut line, mut run) = (direction(config), Runner::default());
    for _ in 0..3 {
        let mut packet = Frame::zeroed(40);
        (packet[0], packet[1]) = (0x60, 0x20);
        line.send(run.now, packet, &mut run);
    }
    run.run_until(&mut line, micros(100));
    let marked = run.fates.iter().filter(|(_, fate)| *fate == Fate::Marked);
    assert_eq!(marked.map(|(number, _)| *number).collect::<Vec<_>>(), [2]);
    assert_eq!(line.counters().marked, 1);
}

#[test]
fn what_is_too_long_is_dropped() {
    for (mtu, arrived) in [(99, 0), (100, 1)] {
        let (mut line, mut run) = (direction(LinkConfig { mtu, ..config() }), Runner::default());
        run.send(&mut line, 0..1);
        run.run_until(&mut line, micros(100));
        assert_eq!(run.arrived.len(), arrived);
        assert_eq!(dropped(&line, DropReason::TooLong), 1 - arrived as u64);
    }
}

#[test]
fn a_cut_loses_what_waits_and_what_is_on_its_way() {
    let (mut line, mut run) = (direction(config()), Runner::default());
    run.send(&mut line, 0..5);
    run.run_until(&mut line, micros(2));
    line.set_up(run.now, false, &mut run);
    run.send(&mut line, 5..6);
    assert_eq!(line.room(run.now), usize::MAX);
    line.set_up(run.now, true, &mut run);
    run.send(&mut line, 6..8);
    run.run_until(&mut line, micros(100));
    assert_eq!(run.arrived, [(micros(13), 6), (micros(14), 7)]);
    assert_eq!(dropped(&line, DropReason::Cut), 3);
    assert_eq!(dropped(&line, DropReason::Down), 3);
}

#[test]
fn a_link_without_rate_keeps_frames_until_it_has_one() {
    let rate = |rate| LinkConfig { rate, ..config() };
    let (mut line, mut run) = (direction(rate(Some(0))), Runner::default());
    run.send(&mut line, 0..2);
    run.run_until(&mut line, micros(50));
    assert_eq!((line.queued().0, run.arrived.len()), (2, 0));
    line.set_config(run.now, rate(Some(400_000_000)), &mut run);
    run.run_until(&mut line, micros(100));
    assert_eq!(run.arrived, [(micros(62), 0), (micros(64), 1)]);
}

#[test]
fn frames_that_are_held_back_are_overtaken_and_jitter_keeps_the_order() {
    let mut config = config();
    config.reordering_ppm = 200_000;
    config.reordering_delay = Duration::from_micros(30);
    config.jitter = Jitter::Uniform(Duration::from_micros(20));
    let (mut line, mut run) = (direction(config.clone()), Runner::default());
    run.send(&mut line, 0..100);
    run.run_until(&mut line, micros(1000));
    let held: Vec<_> = run.fates.iter().filter(|it| it.1 == Fate::Held).collect();
    assert!((10..35).contains(&held.len()));
    let is_held = |octet: &u8| held.iter().any(|it| it.0 == u64::from(*octet));
    let (late, others): (Vec<_>, Vec<_>) = run.octets().into_iter().partition(is_held);
    assert!(others.is_sorted() && late.len() == held.len());
    assert!(!run.octets().is_sorted());
    config.reordering_ppm = 0;
    config.keep_order = false;
    let (mut line, mut run) = (direction(config), Runner::default());
    run.send(&mut line, 0..100);
    run.run_until(&mut line, micros(1000));
    assert!(!run.octets().is_sorted());
}

#[test]
fn frames_that_are_gone_delay_nobody() {
    let delay = |delay| LinkConfig { delay, ..config() };
    let second = Duration::from_secs(1);
    let (mut line, mut run) = (direction(delay(second)), Runner::default());
    run.send(&mut line, 0..1);
    run.run_until(&mut line, micros(5));
    line.set_up(run.now, false, &mut run);
    line.set_up(run.now, true, &mut run);
    line.set_config(run.now, config(), &mut run);
    run.send(&mut line, 1..2);
    run.run_until(&mut line, Instant::from_secs(2));
    assert_eq!(run.arrived, [(micros(16), 1)]);
}

#[test]
fn a_queue_has_room_for_what_fits_into_its_octets() {
    let mut small = config();
    small.queue.octets = 250;
    let (mut line, mut run) = (direction(small.clone()), Runner::default());
    assert_eq!(
        (line.room(run.now), line.has_room(run.now, 9000)),
        (1, true)
    );
    run.send(&mut line, 0..1);
    let rooms = |line: &Direction, now| [100, 250, 251].map(|len| line.has_room(now, len));
    assert_eq!(line.room(run.now), 0);
    assert_eq!(rooms(&line, run.now), [true, true, false]);
    run.send(&mut line, 1..3);
    assert_eq!(rooms(&line, run.now), [false; 3]);
    // A link that has lost its rate sends what waits before it takes more than its queue holds.
    small.rate = None;
    line.set_config(run.now, small, &mut run);
    assert_eq!((line.room(run.now), rooms(&line, run.now)), (0, [false; 3]));
    run.run_until(&mut line, micros(1));
    assert_eq!((line.room(run.now), line.queued().0), (usize::MAX, 0));
}

#[test]
fn what_never_fits_makes_no_room() {
    let mut small = config();
    small.queue.octets = 250;
    small.queue.drop_head = true;
    let (mut line, mut run) = (direction(small), Runner::default());
    run.send(&mut line, 0..3);
    line.send(run.now, Frame::zeroed(251), &mut run);
    assert_eq!(line.queued(), (2, 200));
    assert_eq!(dropped(&line, DropReason::QueueFull), 1);
    assert_eq!(dropped(&line, DropReason::QueueHead), 0);
}

#[test]
fn what_is_lost_is_neither_damaged_nor_held_nor_doubled() {
    let (mut line, mut run) = (
        direction(LinkConfig {
            loss: Loss::Numbers([0, 2].into()),
            corruption_ppm: 1_000_000,
            reordering_ppm: 1_000_000,
            duplication_ppm: 1_000_000,
            ..config()
        }),
        Runner::default(),
    );
    run.send(&mut line, 0..5);
    run.run_until(&mut line, Instant::from_secs(1));
    let counters = *line.counters();
    let counts = [counters.corrupted, counters.held, counters.duplicated];
    assert_eq!((counts, counters.delivered), ([3; 3], 6));
}

#[test]
fn copies_delay_no_frame() {
    let arrivals = |duplication_ppm, keep_order, frames| {
        let config = LinkConfig {
            jitter: Jitter::Uniform(Duration::from_millis(1)),
            duplication_ppm,
            keep_order,
            ..config()
        };
        let (mut line, mut run) = (direction(config), Runner::default());
        run.send(&mut line, 0..frames);
        run.run_until(&mut line, Instant::from_secs(1));
        run.arrived
    };
    let (plain, doubled) = (arrivals(0, false, 100), arrivals(500_000, false, 100));
    assert!((130..170).contains(&doubled.len()));
    assert!(plain.iter().all(|arrival| doubled.contains(arrival)));
    let (plain, doubled) = (arrivals(0, true, 1), arrivals(1_000_000, true, 1));
    assert_eq!((plain[0], doubled.len()), (doubled[0], 2));
}

#[test]
fn vlan_tags_are_no_part_of_the_packet() {
    let ethernet = LinkConfig {
        mtu: 100,
        ..LinkConfig::ethernet()
    };
    let ip = LinkConfig {
        mtu: 100,
        ..LinkConfig::ip()
    };
    let frame = |tags: usize, len: usize| {
        let mut frame = vec![0; 12];
        (0..tags).for_each(|_| frame.extend([0x81, 0, 0, 1]));
        frame.resize(len, 0);
        frame
    };
    for (tags, len, crosses) in [
        (0, 114, true),
        (0, 115, false),
        (1, 118, true),
        (1, 119, false),
        (2, 122, true),
        (2, 123, false),
        (3, 126, false),
    ] {
        assert_eq!(ethernet.takes(&frame(tags, len)), crosses, "{tags} {len}");
    }
    assert!(ip.takes(&frame(2, 100)) && !ip.takes(&frame(2, 101)));
}

proptest! {
    #[test]
    fn every_frame_comes_to_an_end(
        seed: u64,
        loss in prop_oneof![Just(Loss::None), (0..1_000_000_u32).prop_map(|ppm| Loss::Random { ppm })],
        duplication_ppm in 0..500_000_u32,
        corruption_ppm in 0..500_000_u32,
        reordering_ppm in 0..500_000_u32,
        frames in 0..20_usize,
        drop_head: bool,
        steps in prop::collection::vec((0..30_u8, 0..40_u64, any::<bool>()), 1..20),
    ) {
        let mut config = LinkConfig { loss, duplication_ppm, corruption_ppm, reordering_ppm, ..config() };
        config.queue = Queue { frames, drop_head, ..Queue::default() };
        let (mut line, mut run) = (Direction::new(config, &Rng::new(seed)), Runner::default());
        for (count, wait, up) in steps {
            run.send(&mut line, 0..count);
            run.run_until(&mut line, run.now + Duration::from_micros(wait));
            line.set_up(run.now, up, &mut run);
            prop_assert!(line.queued().0 <= frames);
        }
        run.run_until(&mut line, Instant::from_secs(1));
        let counters = *line.counters();
        prop_assert!(run.schedule.is_empty());
        prop_assert_eq!(line.queued(), (0, 0));
        prop_assert_eq!(counters.sent + counters.duplicated, counters.delivered + counters.dropped_all());
        prop_assert_eq!(counters.delivered, run.arrived.len() as u64);
    }
}

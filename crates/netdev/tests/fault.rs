//! Faults: every frame is accounted for, and the same seed does the same.

use proptest::prelude::*;
use waypost_netdev::{
    Capabilities, DeviceError, Direction, Fault, FaultCounters, Faults, FrameMeta, LentRx, LentTx,
    Loopback, Medium, NetDev, Offloads, RxFrame, TxFrame, Wire,
};
use waypost_wire::{Duration, Instant};

const NOW: Instant = Instant::ZERO;
const ALWAYS: u32 = 1_000_000;

/// A device that always has a frame, and fails to send.
struct Endless;

impl NetDev for Endless {
    type RxFrame<'a> = LentRx<'a>;
    type TxFrame<'a> = LentTx<'a>;

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            medium: Medium::Ip,
            mtu: 64,
            offloads: Offloads::default(),
        }
    }

    fn receive(
        &mut self,
        _: Instant,
        max: usize,
        mut each: impl FnMut(LentRx<'_>),
    ) -> Result<usize, DeviceError> {
        let mut left = false;
        for count in 0..max {
            each(LentRx::new(&mut [1; 60], FrameMeta::default(), &mut left));
            if left {
                return Ok(count);
            }
        }
        Ok(max)
    }

    fn transmit(
        &mut self,
        _: Instant,
        _: usize,
        _: impl FnMut(LentTx<'_>),
    ) -> Result<usize, DeviceError> {
        Err(DeviceError::Down)
    }

    fn room(&mut self, _: Instant) -> usize {
        0
    }
}

fn lossy() -> Faults {
    Faults {
        loss_ppm: ALWAYS,
        ..Faults::default()
    }
}

fn send(device: &mut impl NetDev, now: Instant, frame: &[u8]) -> Result<usize, DeviceError> {
    device.transmit(now, 1, |slot| {
        slot.send(frame.len(), FrameMeta::default(), |room| {
            room.copy_from_slice(frame);
        });
    })
}

fn receive(device: &mut impl NetDev, now: Instant, max: usize) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let received = device.receive(now, max, |frame| frames.push(frame.octets().to_vec()));
    assert_eq!(received, Ok(frames.len()));
    frames
}

#[test]
fn each_direction_has_its_own_faults() {
    let mut wire = Wire::<4, 64>::ip();
    let [a, mut b] = wire.ends();
    let mut a = Fault::<_, 2, 64>::new(a, 3).with_faults(Direction::Receive, lossy());
    assert_eq!(send(&mut a, NOW, &[1; 9]), Ok(1));
    assert_eq!(receive(&mut b, NOW, 9), [[1; 9]]);
    assert_eq!(send(&mut b, NOW, &[2; 9]), Ok(1));
    assert!(receive(&mut a, NOW, 9).is_empty());
    assert_eq!(a.counters(Direction::Receive).lost, 1);
}

#[test]
fn a_device_that_is_never_empty_and_loses_everything_ends_its_call() {
    let mut device = Fault::<_, 2, 64>::new(Endless, 3).with_faults(Direction::Receive, lossy());
    assert!(receive(&mut device, NOW, 1).is_empty());
    assert_eq!(device.counters(Direction::Receive).lost, 256);
}

#[test]
fn a_failure_is_told_and_loses_no_frame() {
    let mut device = Fault::<_, 2, 64>::new(Endless, 3);
    assert_eq!(send(&mut device, NOW, &[1]), Err(DeviceError::Down));
    assert_eq!(device.waiting(Direction::Transmit), 1);
    assert_eq!(device.room(NOW), 1);
    assert_eq!(device.receive(NOW, 1, |_| ()), Err(DeviceError::Down));
}

type Device = Fault<Loopback<3, 40>, 4, 40>;

fn faulty(seed: u64, [receive, transmit]: [Faults; 2]) -> Device {
    Fault::new(Loopback::new(Medium::Ip), seed)
        .with_faults(Direction::Receive, receive)
        .with_faults(Direction::Transmit, transmit)
}

/// Whatever may go wrong.
fn faults() -> impl Strategy<Value = Faults> {
    let ppm = || prop_oneof![Just(0), 0u32..400_000, Just(ALWAYS)];
    let mtu = prop::option::weighted(0.2, 0usize..40);
    let hold = (0u64..30_000_000).prop_map(Duration::from_nanos);
    (ppm(), ppm(), ppm(), ppm(), 0u32..6, hold, mtu).prop_map(
        |(loss_ppm, duplication_ppm, corruption_ppm, reordering_ppm, gap, hold, mtu)| Faults {
            loss_ppm,
            duplication_ppm,
            corruption_ppm,
            reordering_ppm,
            gap,
            hold,
            mtu,
        },
    )
}

/// For each frame: the time since the one before, its length, and how many are received after it at most.
fn steps() -> impl Strategy<Value = Vec<(u64, usize, usize)>> {
    prop::collection::vec((0u64..10_000_000, 1usize..=40, 0usize..4), 0..120)
}

/// Sends frames, all different, as far as there is room, and receives until nothing is left. What was sent
/// and what was received.
fn run(device: &mut Device, steps: &[(u64, usize, usize)]) -> [Vec<Vec<u8>>; 2] {
    let (mut now, mut sent, mut received) = (NOW, Vec::new(), Vec::new());
    for (number, &(step, len, max)) in steps.iter().enumerate() {
        now += Duration::from_nanos(step);
        // Room is a promise.
        if device.room(now) > 0 {
            let frame = vec![number as u8; len];
            assert_eq!(send(device, now, &frame), Ok(1));
            sent.push(frame);
        } else {
            assert_eq!(send(device, now, &[]), Ok(0));
        }
        received.extend(receive(device, now, max));
    }
    loop {
        let frames = receive(device, now, usize::MAX);
        match device.next_deadline() {
            Some(deadline) => now = now.max(deadline),
            // Frames to send may wait for those that were just received, and lost.
            None if frames.is_empty() && device.waiting(Direction::Transmit) == 0 => {
                return [sent, received];
            }
            None => {}
        }
        received.extend(frames);
    }
}

proptest! {
    #[test]
    fn every_frame_is_accounted_for(seed: u64, faults in [faults(), faults()], steps in steps()) {
        let mut device = faulty(seed, faults);
        let [sent, received] = run(&mut device, &steps);
        let ways = [Direction::Receive, Direction::Transmit];
        let [ingress, egress] = ways.map(|way| device.counters(way));
        let leave = |counters: FaultCounters| counters.frames - counters.lost + counters.duplicated;
        prop_assert_eq!((egress.frames, egress.too_long, egress.refused), (sent.len() as u64, 0, 0));
        prop_assert_eq!((ingress.frames, ingress.too_long), (leave(egress), 0));
        prop_assert_eq!(received.len() as u64, leave(ingress));
        prop_assert_eq!(ways.map(|way| device.waiting(way)), [0, 0]);
    }

    #[test]
    fn the_same_seed_gives_the_same_frames(seed: u64, faults in [faults(), faults()], steps in steps()) {
        let (mut one, mut other) = (faulty(seed, faults), faulty(seed, faults));
        prop_assert_eq!(run(&mut one, &steps), run(&mut other, &steps));
    }

    #[test]
    fn without_faults_nothing_changes(seed: u64, steps in steps()) {
        let [sent, received] = run(&mut faulty(seed, [Faults::default(); 2]), &steps);
        prop_assert_eq!(sent, received);
    }

    #[test]
    fn corruption_inverts_one_bit(seed: u64, steps in steps()) {
        let faults = Faults { corruption_ppm: ALWAYS, ..Faults::default() };
        let [sent, received] = run(&mut faulty(seed, [faults, Faults::default()]), &steps);
        prop_assert_eq!(sent.len(), received.len());
        for (sent, received) in sent.iter().zip(&received) {
            prop_assert_eq!(sent.len(), received.len());
            let bits = sent.iter().zip(received).map(|(a, b)| (a ^ b).count_ones());
            prop_assert_eq!(bits.sum::<u32>(), 1);
        }
    }

    #[test]
    fn nothing_is_overtaken_by_more_than_the_gap(
        seed: u64, reordering_ppm in 0..=ALWAYS, gap in 0u32..6, transmit: bool, steps in steps(),
    ) {
        let faults = Faults { reordering_ppm, gap, hold: Duration::from_secs(9), ..Faults::default() };
        let both = if transmit { [Faults::default(), faults] } else { [faults, Faults::default()] };
        let mut device = faulty(seed, both);
        let [mut sent, received] = run(&mut device, &steps);
        let mut late = 0;
        for (place, frame) in received.iter().enumerate() {
            let overtaken_by = received[..place].iter().filter(|other| other[0] > frame[0]).count();
            prop_assert!(overtaken_by <= gap as usize);
            late += u64::from(overtaken_by > 0);
        }
        let direction = if transmit { Direction::Transmit } else { Direction::Receive };
        prop_assert!(late <= device.counters(direction).reordered);
        let mut received = received;
        sent.sort();
        received.sort();
        prop_assert_eq!(sent, received);
    }
}

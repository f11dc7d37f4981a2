//! Tracing and rate limiting, of devices with lent and with owned frames.

use std::collections::VecDeque;

use proptest::prelude::*;
use waypost_netdev::{
    Capabilities, DeviceError, Direction, Fault, FrameMeta, LentRx, LentTx, Loopback, Medium,
    NetDev, Offloads, RateLimit, RxFrame, Trace, TxFrame,
};
use waypost_wire::Instant;

const NOW: Instant = Instant::ZERO;
const SECOND: u128 = 1_000_000_000;

/// A loopback of owned frames, without a bound.
#[derive(Default)]
struct Owned(VecDeque<Frame>);

struct Frame {
    octets: Vec<u8>,
    meta: FrameMeta,
}

impl RxFrame for Frame {
    fn octets(&self) -> &[u8] {
        &self.octets
    }

    fn octets_mut(&mut self) -> &mut [u8] {
        &mut self.octets
    }

    fn meta(&self) -> FrameMeta {
        self.meta
    }
}

struct Room<'a>(&'a mut VecDeque<Frame>);

impl TxFrame for Room<'_> {
    fn capacity(&self) -> usize {
        9000
    }

    fn send(self, len: usize, meta: FrameMeta, fill: impl FnOnce(&mut [u8])) {
        if len <= self.capacity() {
            let mut octets = vec![0; len];
            fill(&mut octets);
            self.0.push_back(Frame { octets, meta });
        }
    }
}

impl NetDev for Owned {
    type RxFrame<'a> = Frame;
    type TxFrame<'a> = Room<'a>;

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            medium: Medium::Ip,
            mtu: 1500,
            offloads: Offloads {
                checksum: true,
                tcp_segmentation: true,
                ..Offloads::default()
            },
        }
    }

    fn receive(
        &mut self,
        _: Instant,
        max: usize,
        each: impl FnMut(Frame),
    ) -> Result<usize, DeviceError> {
        let count = max.min(self.0.len());
        self.0.drain(..count).for_each(each);
        Ok(count)
    }

    fn transmit(
        &mut self,
        _: Instant,
        max: usize,
        mut each: impl FnMut(Room<'_>),
    ) -> Result<usize, DeviceError> {
        let before = self.0.len();
        for count in 0..max {
            each(Room(&mut self.0));
            if self.0.len() == before + count {
                return Ok(count);
            }
        }
        Ok(max)
    }

    fn room(&mut self, _: Instant) -> usize {
        usize::MAX
    }
}

/// Offers frames one after the other until they are all sent or there is no room, and says how many were sent.
fn send(device: &mut impl NetDev, now: Instant, frames: &[Vec<u8>]) -> usize {
    let mut frames = frames.iter();
    let max = frames.len();
    let sent = device.transmit(now, max, |slot| {
        if let Some(frame) = frames.next() {
            slot.send(frame.len(), FrameMeta::default(), |room| {
                room.copy_from_slice(frame);
            });
        }
    });
    sent.expect("the device works")
}

fn receive(device: &mut impl NetDev, now: Instant, max: usize) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let received = device.receive(now, max, |frame| frames.push(frame.octets().to_vec()));
    assert_eq!(received, Ok(frames.len()));
    frames
}

#[test]
fn wrappers_compose_around_owned_frames() {
    let shown = std::cell::RefCell::new(Vec::new());
    let show = |direction, _: Instant, octets: &[u8], _: &FrameMeta| {
        shown.borrow_mut().push((direction, octets.to_vec()));
    };
    let limited = RateLimit::new(Trace::new(Owned::default(), show), 1000, 2000);
    let mut device = limited.expect("a burst of more than the MTU");
    let offloads = device.capabilities().offloads;
    assert!(offloads.checksum && !offloads.tcp_segmentation);
    let frames = [vec![1; 400], vec![2; 300], vec![3; 100]];
    // 600 and more are left after the first alone.
    assert_eq!(send(&mut device, NOW, &frames), 2);
    assert_eq!(device.room(NOW), 0);
    // An owned frame leaves the device for good.
    let mut kept: Vec<Frame> = Vec::new();
    let received = device.receive(NOW, 9, |frame| kept.push(frame));
    assert_eq!(received, Ok(2));
    assert!(
        kept.iter()
            .zip(&frames)
            .all(|(kept, sent)| kept.octets() == sent)
    );
    let ways = [Direction::Transmit, Direction::Receive];
    let wanted = ways.map(|way| frames[..2].iter().map(move |frame| (way, frame.clone())));
    assert!(
        shown
            .borrow()
            .iter()
            .cloned()
            .eq(wanted.into_iter().flatten())
    );
}

#[test]
fn owned_frames_that_are_left_wait_among_faults_or_are_counted() {
    let frames = [
        vec![1; 40],
        vec![2; 10],
        vec![3; 64],
        vec![4; 65],
        vec![5; 50],
    ];
    let mut inner = Owned::default();
    assert_eq!(send(&mut inner, NOW, &frames), 5);
    let mut device = Fault::<_, 2, 64>::new(inner, 1);
    for frame in &frames[..3] {
        for _ in 0..3 {
            assert_eq!(device.receive(NOW, 9, |it| it.leave()), Ok(0));
            assert_eq!(device.waiting(Direction::Receive), 1);
        }
        assert_eq!(receive(&mut device, NOW, 1), std::slice::from_ref(frame));
    }
    // One that no slot holds is lost.
    assert_eq!(device.receive(NOW, 9, |it| it.leave()), Ok(0));
    assert_eq!(receive(&mut device, NOW, 9), [frames[4].clone()]);
    let counters = device.counters(Direction::Receive);
    assert_eq!((counters.frames, counters.lost), (5, 1));
    assert_eq!(device.waiting(Direction::Receive), 0);
}

proptest! {
    #[test]
    fn a_rate_limit_sends_what_its_rate_allows_and_no_more(
        rate in 0u64..2_000_000,
        burst in 100u32..2_000,
        steps in prop::collection::vec((0u64..2_000_000_000, prop::collection::vec(1usize..=100, 0..20)), 1..60),
    ) {
        let device = Loopback::<16, 100>::new(Medium::Ip);
        let mut device = RateLimit::new(device, rate, burst).unwrap();
        // Exact credit in billionths of an octet, by its definition.
        let (full, longest) = (u128::from(burst) * SECOND, 100 * SECOND);
        let (mut credit, mut now, mut octets) = (full, 0u64, 0u128);
        for (step, lens) in steps {
            now += step;
            credit = full.min(credit + u128::from(step) * u128::from(rate));
            let at = Instant::from_nanos(now);
            prop_assert_eq!(device.room(at) as u128, 16.min(credit / longest));
            let frames: Vec<_> = lens.iter().map(|len| vec![0; *len]).collect();
            let sent = send(&mut device, at, &frames);
            for len in &lens[..sent] {
                prop_assert!(credit >= longest);
                credit -= *len as u128 * SECOND;
                octets += *len as u128;
            }
            let bound = u128::from(burst) * SECOND + u128::from(rate) * u128::from(now);
            prop_assert!(octets * SECOND <= bound);
            // Only tokens, a full device or the end of the frames stop it.
            prop_assert!(sent == lens.len() || sent == 16 || credit < longest);
            prop_assert_eq!(receive(&mut device, at, usize::MAX).len(), sent);
            match device.ready_at(at) {
                Some(when) if when > at => {
                    let early = Instant::from_nanos(when.as_nanos() - 1);
                    prop_assert_eq!((device.room(early), rate > 0), (0, true));
                    prop_assert!(device.room(when) > 0);
                    // The device has seen a later time: so does the model.
                    credit += u128::from(when.as_nanos() - now) * u128::from(rate);
                    now = when.as_nanos();
                }
                Some(_) => prop_assert!(credit >= longest),
                None => prop_assert_eq!(rate, 0),
            }
        }
    }

    #[test]
    fn a_busy_sender_gets_the_whole_rate(rate in 1u64..1_000_000, lens in prop::collection::vec(1usize..=100, 1..300)) {
        let device = Loopback::<1, 100>::new(Medium::Ip);
        let mut device = RateLimit::new(device, rate, 200).unwrap();
        let mut now = NOW;
        for len in &lens {
            now = device.ready_at(now).unwrap();
            prop_assert_eq!(send(&mut device, now, &[vec![0; *len]]), 1);
            prop_assert_eq!(receive(&mut device, now, 1).len(), 1);
        }
        // Waiting for tokens only while there are too few for a frame, it never fills its bucket.
        let octets = lens.iter().map(|len| *len as u128).sum::<u128>() * SECOND;
        let allowed = 200 * SECOND + u128::from(rate) * u128::from(now.as_nanos());
        prop_assert!(octets <= allowed && allowed <= octets + 200 * SECOND);
    }
}

/// A device that has accepted a frame, and sends it when it is called again.
struct Late(usize);

impl NetDev for Late {
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
        _: usize,
        _: impl FnMut(LentRx<'_>),
    ) -> Result<usize, DeviceError> {
        Ok(0)
    }

    fn transmit(
        &mut self,
        _: Instant,
        _: usize,
        _: impl FnMut(LentTx<'_>),
    ) -> Result<usize, DeviceError> {
        self.0 = 0;
        Ok(0)
    }

    fn room(&mut self, _: Instant) -> usize {
        0
    }

    fn unsent(&self) -> usize {
        self.0
    }
}

#[test]
fn a_call_for_no_frame_reaches_the_device_within() {
    fn tries(mut device: impl NetDev) -> bool {
        let before = device.unsent();
        let sent = device.transmit(NOW, 0, |_| ());
        (before, sent, device.unsent()) == (1, Ok(0), 0)
    }
    let show = |_: Direction, _: Instant, _: &[u8], _: &FrameMeta| ();
    assert!(tries(Trace::new(Late(1), show)));
    assert!(tries(RateLimit::new(Late(1), 1, 64).unwrap()));
    assert!(tries(Fault::<_, 1, 64>::new(Late(1), 1)));
}

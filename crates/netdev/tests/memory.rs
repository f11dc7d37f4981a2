//! The devices in memory against a queue that cannot be wrong.

use std::collections::VecDeque;

use proptest::prelude::*;
use waypost_netdev::{FrameMeta, Loopback, Medium, NetDev, RxFrame, TxFrame, Wire};
use waypost_wire::{Instant, MacAddr};

const NOW: Instant = Instant::ZERO;
const SLOTS: usize = 5;
const OCTETS: usize = 32;

#[derive(Clone, Debug)]
enum Op {
    /// A call with this maximum, by a sender that has frames of these lengths.
    Send(usize, Vec<usize>),
    /// A call with this maximum.
    Receive(usize),
}

fn op() -> impl Strategy<Value = Op> {
    // Lengths beyond a slot are rare: each ends its call.
    let len = prop_oneof![9 => 0..=OCTETS, 1 => OCTETS + 1..2 * OCTETS];
    prop_oneof![
        (0usize..8, prop::collection::vec(len, 0..8)).prop_map(|(max, lens)| Op::Send(max, lens)),
        (0usize..8).prop_map(Op::Receive),
    ]
}

/// The frame of a number: all are different.
fn frame(number: u32, len: usize) -> (Vec<u8>, FrameMeta) {
    let octets = number.to_be_bytes().into_iter().cycle().take(len).collect();
    let meta = FrameMeta {
        flow_hash: number,
        ..FrameMeta::default()
    };
    (octets, meta)
}

/// What one direction is to do.
#[derive(Default)]
struct Model {
    waiting: VecDeque<(Vec<u8>, FrameMeta)>,
    offered: u32,
    too_long: u64,
}

impl Model {
    fn send(&mut self, device: &mut impl NetDev, max: usize, lens: &[usize]) {
        assert_eq!(device.room(NOW), SLOTS - self.waiting.len());
        let mut lens = lens.iter().copied();
        let mut frames = Vec::new();
        let sent = device.transmit(NOW, max, |slot| {
            assert_eq!(slot.capacity(), OCTETS);
            if let Some(len) = lens.next() {
                let frame = frame(self.offered, len);
                self.offered += 1;
                slot.send(len, frame.1, |room| room.copy_from_slice(&frame.0));
                frames.push(frame);
            }
        });
        if let Some((octets, _)) = frames.last()
            && octets.len() > OCTETS
        {
            frames.pop();
            self.too_long += 1;
        } else {
            // Nothing but the maximum, a full device or a sender without frames ends the call.
            let full = self.waiting.len() + frames.len() == SLOTS;
            assert!(frames.len() == max || full || lens.len() == 0);
        }
        assert_eq!(sent, Ok(frames.len()));
        self.waiting.extend(frames);
        assert!(self.waiting.len() <= SLOTS);
    }

    fn receive(&mut self, device: &mut impl NetDev, max: usize) {
        let wanted = max.min(self.waiting.len());
        let received = device.receive(NOW, max, |mut frame| {
            let (octets, meta) = self.waiting.pop_front().expect("a frame was sent");
            assert_eq!((frame.octets(), frame.meta()), (&octets[..], meta));
            // What a receiver writes is nobody's business afterwards.
            frame.octets_mut().fill(0xff);
        });
        assert_eq!(received, Ok(wanted));
    }
}

proptest! {
    #[test]
    fn a_loopback_is_a_queue(ops in prop::collection::vec(op(), 0..100)) {
        let mut device = Loopback::<SLOTS, OCTETS>::new(Medium::Ip);
        let mut model = Model::default();
        for op in ops {
            match op {
                Op::Send(max, lens) => model.send(&mut device, max, &lens),
                Op::Receive(max) => model.receive(&mut device, max),
            }
            prop_assert_eq!(device.too_long(), model.too_long);
        }
    }

    #[test]
    fn a_wire_is_two_queues(ops in prop::collection::vec((0usize..2, op()), 0..200)) {
        let [a, b] = [1, 2].map(|last| MacAddr::new([2, 0, 0, 0, 0, last]));
        let mut wire = Wire::<SLOTS, OCTETS>::ethernet(a, b);
        let mut ends = wire.ends();
        let mut models = [Model::default(), Model::default()];
        for (end, op) in ops {
            match op {
                Op::Send(max, lens) => models[end].send(&mut ends[end], max, &lens),
                Op::Receive(max) => models[1 - end].receive(&mut ends[end], max),
            }
            prop_assert_eq!(ends[end].too_long(), models[end].too_long);
        }
    }
}

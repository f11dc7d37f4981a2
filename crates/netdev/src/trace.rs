//! A device whose frames are shown to whoever wants to see them.

use waypost_wire::Instant;

use crate::observed::{ObservedTx, Watch};
use crate::{DeviceError, FrameMeta, NetDev, RxFrame, Seen};

/// The way of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the device.
    Receive,
    /// To the device.
    Transmit,
}

/// A device whose frames are shown to `F` as they cross it: a received one before it is handed out, a
/// sent one when it has been written.
#[derive(Debug)]
pub struct Trace<D, F> {
    device: D,
    show: F,
    seen: Seen,
}

impl<D, F> Trace<D, F>
where
    F: FnMut(Direction, Instant, &[u8], &FrameMeta),
{
    /// Shows the frames of `device` to `show`: their way, the time of the call, their octets from the
    /// link header on, and what the octets do not say.
    pub const fn new(device: D, show: F) -> Self {
        Self {
            device,
            show,
            seen: Seen::new(),
        }
    }

    /// The device within.
    pub const fn device(&self) -> &D {
        &self.device
    }

    /// The device within. What is received or sent on it directly is not shown.
    pub const fn device_mut(&mut self) -> &mut D {
        &mut self.device
    }

    /// The device, no longer traced.
    pub fn into_device(self) -> D {
        self.device
    }
}

impl<D, F> NetDev for Trace<D, F>
where
    D: NetDev,
    F: FnMut(Direction, Instant, &[u8], &FrameMeta),
{
    type RxFrame<'a> = D::RxFrame<'a>;
    type TxFrame<'a> = ObservedTx<'a>;

    fn receive(
        &mut self,
        now: Instant,
        max: usize,
        mut each: impl FnMut(D::RxFrame<'_>),
    ) -> Result<usize, DeviceError> {
        let Self { device, show, seen } = self;
        let result = device.receive(now, max, |frame| {
            if seen.offer() {
                show(Direction::Receive, now, frame.octets(), &frame.meta());
            }
            each(frame);
        });
        seen.end(result);
        result
    }

    fn transmit(
        &mut self,
        now: Instant,
        max: usize,
        mut each: impl FnMut(ObservedTx<'_>),
    ) -> Result<usize, DeviceError> {
        let Self { device, show, .. } = self;
        let mut watch = Sent { now, show };
        device.transmit(now, max, |room| {
            each(ObservedTx::new(&mut Some(room), &mut watch));
        })
    }

    fn room(&mut self, now: Instant) -> usize {
        self.device.room(now)
    }

    crate::forward!(device: capabilities, unsent, counted, overruns, wants_memory, wakeup, register);
}

struct Sent<'a, F> {
    now: Instant,
    show: &'a mut F,
}

impl<F> Watch for Sent<'_, F>
where
    F: FnMut(Direction, Instant, &[u8], &FrameMeta),
{
    fn sent(&mut self, octets: &[u8], meta: &FrameMeta) {
        (self.show)(Direction::Transmit, self.now, octets, meta);
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::{Loopback, Medium, TxFrame};
    use std::vec::Vec;

    #[test]
    fn frames_are_shown_both_ways() {
        let mut shown = Vec::new();
        let show = |direction, now: Instant, octets: &[u8], meta: &FrameMeta| {
            shown.push((direction, now.as_nanos(), octets.to_vec(), meta.flow_hash));
        };
        let mut trace = Trace::new(Loopback::<2, 64>::new(Medium::Ip), show);
        let meta = FrameMeta {
            flow_hash: 5,
            ..FrameMeta::default()
        };
        let sent = trace.transmit(Instant::from_nanos(1), 9, |slot| {
            slot.send(3, meta, |octets| octets.fill(7));
        });
        assert_eq!((sent, trace.device_mut().room(Instant::ZERO)), (Ok(2), 0));
        let received = trace.receive(Instant::from_nanos(2), 1, |mut frame| {
            frame.octets_mut().fill(0);
        });
        assert_eq!((received, trace.room(Instant::ZERO)), (Ok(1), 1));
        let sent = (Direction::Transmit, 1, [7; 3].to_vec(), 5);
        let received = (Direction::Receive, 2, [7; 3].to_vec(), 5);
        assert_eq!(shown, [sent.clone(), sent, received]);
    }

    #[test]
    fn a_frame_that_is_left_is_shown_once() {
        let mut shown = 0;
        let show = |way: Direction, _: Instant, _: &[u8], _: &FrameMeta| {
            shown += usize::from(way == Direction::Receive);
        };
        let mut trace = Trace::new(Loopback::<2, 64>::new(Medium::Ip), show);
        let sent = trace.transmit(Instant::ZERO, 2, |slot| {
            slot.send(3, FrameMeta::default(), |_| ());
        });
        assert_eq!(sent, Ok(2));
        for _ in 0..3 {
            assert_eq!(
                trace.receive(Instant::ZERO, 2, |frame| frame.leave()),
                Ok(0)
            );
        }
        assert_eq!(trace.receive(Instant::ZERO, 2, |_| ()), Ok(2));
        assert_eq!(shown, 2);
    }

    #[test]
    fn what_is_not_sent_is_not_shown() {
        let show = |_: Direction, _: Instant, _: &[u8], _: &FrameMeta| panic!("nothing was sent");
        let mut trace = Trace::new(Loopback::<2, 64>::new(Medium::Ip), show);
        assert_eq!(trace.transmit(Instant::ZERO, 2, |_| ()), Ok(0));
        let sent = trace.transmit(Instant::ZERO, 2, |slot| {
            slot.send(65, FrameMeta::default(), |_| ());
        });
        assert_eq!((sent, trace.into_device().too_long()), (Ok(0), 1));
    }
}

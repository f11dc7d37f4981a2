//! An end of a link, for users of `NetDev`.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use waypost_netdev::{
    Capabilities, DeviceError, DeviceStatistics, FrameMeta, LentRx, LentTx, Medium, NetDev,
    Offloads,
};
use waypost_wire::{Instant, WallTime};

use crate::{Frame, vlan};

/// A device of a simulated network. Its rings are shared by its clones: one is given to the program that sends and receives,
/// another to the [`DrivenNode`](crate::DrivenNode) that stands for the program in the network.
///
/// A full ring to send is felt by the program; what comes while the ring to receive is full is counted as overrun.
#[derive(Clone)]
pub struct Device {
    capabilities: Capabilities,
    rings: Arc<Mutex<Rings>>,
}

struct Rings {
    /// Frames, and when they came.
    received: VecDeque<(Frame, Instant)>,
    to_send: VecDeque<Frame>,
    /// Frames in each ring, at most.
    frames_max: usize,
    /// The time 0 of the simulation, as received frames are stamped.
    epoch: Option<WallTime>,
    statistics: DeviceStatistics,
    too_long: u64,
    /// The octets of the next frame to send.
    spare: Frame,
}

impl Device {
    /// A device of a medium, whose rings hold so many frames each, and whose packets above the link header have up to `mtu`
    /// octets.
    pub fn new(medium: Medium, mtu: usize, frames_max: usize) -> Self {
        Self {
            capabilities: Capabilities {
                medium,
                mtu,
                offloads: Offloads::default(),
            },
            rings: Arc::new(Mutex::new(Rings {
                received: VecDeque::new(),
                to_send: VecDeque::new(),
                frames_max,
                epoch: None,
                statistics: DeviceStatistics::default(),
                too_long: 0,
                spare: Frame::default(),
            })),
        }
    }

    /// Stamps received frames with the time, `epoch` being that of the simulation's time 0.
    #[must_use]
    pub fn with_timestamps(self, epoch: WallTime) -> Self {
        self.rings().epoch = Some(epoch);
        self
    }

    /// What it has received and sent. Sent is what the network has taken.
    pub fn statistics(&self) -> DeviceStatistics {
        self.rings().statistics
    }

    /// Frames that were not sent because they are longer than the device takes.
    pub fn too_long(&self) -> u64 {
        self.rings().too_long
    }

    /// A frame comes from the network; lost and counted if the ring is full.
    pub(crate) fn put(&self, now: Instant, frame: Frame) {
        let mut rings = self.rings();
        if rings.received.len() >= rings.frames_max {
            rings.statistics.overruns += 1;
            return;
        }
        rings.received.push_back((frame, now));
    }

    /// The next frame for the network.
    pub(crate) fn take(&self) -> Option<Frame> {
        let mut rings = self.rings();
        let frame = rings.to_send.pop_front()?;
        rings.statistics.sent += 1;
        rings.statistics.sent_octets += frame.len() as u64;
        Some(frame)
    }

    /// The length of the next frame for the network.
    pub(crate) fn next_len(&self) -> Option<usize> {
        self.rings().to_send.front().map(|frame| frame.len())
    }

    /// What is in the rings is lost.
    pub(crate) fn clear(&self) {
        let mut rings = self.rings();
        rings.received.clear();
        rings.to_send.clear();
    }

    /// One thread runs a simulation, so nobody waits here; a panic of the program leaves the rings as they are.
    fn rings(&self) -> MutexGuard<'_, Rings> {
        self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    const fn frame_max(&self) -> usize {
        let capabilities = &self.capabilities;
        let len = capabilities
            .mtu
            .saturating_add(capabilities.medium.header_len());
        // No more than a super-segment of 64 KiB and a link header is ever asked for.
        if len > (1 << 16) + 14 {
            (1 << 16) + 14
        } else {
            len
        }
    }

    /// Octets of VLAN tags that a frame may have beside.
    const fn tags_max(&self) -> usize {
        match self.capabilities.medium {
            Medium::Ethernet(_) => vlan::TAGS_MAX,
            _ => 0,
        }
    }
}

impl NetDev for Device {
    type RxFrame<'a> = LentRx<'a>;
    type TxFrame<'a> = LentTx<'a>;

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn receive(
        &mut self,
        _: Instant,
        max: usize,
        mut each: impl FnMut(LentRx<'_>),
    ) -> Result<usize, DeviceError> {
        for count in 0..max {
            // The rings are not held while the caller has the frame: it may ask the device something.
            let mut rings = self.rings();
            let Some((mut frame, came)) = rings.received.pop_front() else {
                return Ok(count);
            };
            let since = came - Instant::ZERO;
            let meta = FrameMeta {
                timestamp: rings.epoch.map(|epoch| epoch + since),
                ..FrameMeta::default()
            };
            drop(rings);
            let mut left = false;
            each(LentRx::new(&mut frame, meta, &mut left));
            let mut rings = self.rings();
            if left {
                rings.received.push_front((frame, came));
                return Ok(count);
            }
            rings.statistics.received += 1;
            rings.statistics.received_octets += frame.len() as u64;
        }
        Ok(max)
    }

    fn transmit(
        &mut self,
        _: Instant,
        max: usize,
        mut each: impl FnMut(LentTx<'_>),
    ) -> Result<usize, DeviceError> {
        for count in 0..max {
            let mut rings = self.rings();
            if rings.to_send.len() >= rings.frames_max {
                return Ok(count);
            }
            let mut frame = std::mem::take(&mut rings.spare);
            drop(rings);
            let (frame_max, tags_max) = (self.frame_max(), self.tags_max());
            if frame.len() != frame_max + tags_max {
                frame = Frame::zeroed(frame_max + tags_max);
            }
            let (mut sent, mut too_long) = (None, 0);
            each(LentTx::counting(&mut frame, &mut sent, &mut too_long));
            let mut rings = self.rings();
            // The room for tags is for them alone.
            let tags = |len: usize| vlan::tags_len(&frame[..len]).min(tags_max);
            let fits = sent.filter(|(len, _)| *len <= frame_max || len - tags(*len) <= frame_max);
            rings.too_long += too_long + u64::from(sent.is_some() && fits.is_none());
            let Some((len, _)) = fits else {
                rings.spare = frame;
                return Ok(count);
            };
            let (to_send, spare) = frame.cut(len);
            rings.to_send.push_back(to_send);
            rings.spare = spare.unwrap_or_default();
        }
        Ok(max)
    }

    fn room(&mut self, _: Instant) -> usize {
        let rings = self.rings();
        rings.frames_max.saturating_sub(rings.to_send.len())
    }

    fn overruns(&mut self) -> u64 {
        self.rings().statistics.overruns
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device")
            .field("capabilities", &self.capabilities)
            .field("statistics", &self.statistics())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use waypost_netdev::{RxFrame, TxFrame};
    use waypost_wire::{Duration, MacAddr};

    const NOW: Instant = Instant::ZERO;

    fn send(device: &mut Device, len: usize) -> Result<usize, DeviceError> {
        device.transmit(NOW, 1, |slot| {
            slot.send(len, FrameMeta::default(), |octets| octets.fill(7));
        })
    }

    #[test]
    fn a_full_ring_is_felt_or_counted() {
        let mut device = Device::new(Medium::Ip, 100, 2);
        assert_eq!(
            [(); 3].map(|()| send(&mut device, 9)),
            [Ok(1), Ok(1), Ok(0)]
        );
        assert_eq!((device.room(NOW), device.next_len()), (0, Some(9)));
        assert_eq!(device.take().as_deref(), Some(&[7; 9][..]));
        assert_eq!((device.room(NOW), device.statistics().sent), (1, 1));
        (0..3).for_each(|_| device.put(NOW, Frame::zeroed(5)));
        assert_eq!(device.overruns(), 1);
        let count = device.receive(NOW, 9, |frame| assert_eq!(frame.octets(), [0; 5]));
        assert_eq!((count, device.statistics().received_octets), (Ok(2), 10));
    }

    #[test]
    fn what_is_too_long_or_not_sent_leaves_the_ring_as_it_was() {
        let mut device = Device::new(Medium::Ip, 100, 2);
        assert_eq!((send(&mut device, 101), device.too_long()), (Ok(0), 1));
        assert_eq!(device.transmit(NOW, 1, |_| ()), Ok(0));
        assert_eq!((device.room(NOW), send(&mut device, 100)), (2, Ok(1)));
    }

    #[test]
    fn what_is_left_comes_again() {
        let mut device = Device::new(Medium::Ip, 100, 2);
        (0..2).for_each(|_| device.put(NOW, Frame::zeroed(5)));
        assert_eq!(device.receive(NOW, 9, |frame| frame.leave()), Ok(0));
        assert_eq!(
            (device.receive(NOW, 9, |_| ()), device.statistics().received),
            (Ok(2), 2)
        );
    }

    #[test]
    fn frames_are_stamped_with_the_time_at_which_they_came() {
        let epoch = WallTime::from_unix_secs(1000);
        let mut device = Device::new(Medium::Ip, 100, 2).with_timestamps(epoch);
        device.put(Instant::from_secs(5), Frame::zeroed(1));
        let stamp = Some(epoch + Duration::from_secs(5));
        let each = |frame: LentRx<'_>| assert_eq!(frame.meta().timestamp, stamp);
        assert_eq!(device.receive(Instant::from_secs(9), 1, each), Ok(1));
    }

    #[test]
    fn tags_have_room_beside_the_packet() {
        let mut device = Device::new(Medium::Ethernet(MacAddr::ZERO), 100, 8);
        let mut send = |tags: usize, len: usize| {
            device.transmit(NOW, 1, |slot| {
                slot.send(len, FrameMeta::default(), |octets| {
                    octets.fill(0);
                    for tag in 0..tags {
                        octets[12 + 4 * tag] = 0x81;
                    }
                });
            })
        };
        let sent = [(0, 114), (0, 115), (1, 118), (1, 119), (2, 122), (2, 123)];
        let sent = sent.map(|(tags, len)| send(tags, len));
        assert_eq!(sent, [Ok(1), Ok(0), Ok(1), Ok(0), Ok(1), Ok(0)]);
        assert_eq!(device.too_long(), 3);
        let lens = std::iter::from_fn(|| device.take()).map(|frame| frame.len());
        assert_eq!(lens.collect::<Vec<_>>(), [114, 118, 122]);
    }
}

//! Sending packets that the kernel may not take at once.

use std::collections::VecDeque;

use waypost_netdev::DeviceError;
use waypost_packet::{Allocator, Packet, Pool, PoolTx};

use crate::OpenError;

/// The longest frame that is handed to the kernel: a super-segment and its headers.
pub(crate) const FRAME_MAX: usize = 65_535 + 18;

/// Packets accepted and not yet taken by the kernel, at most.
const PENDING_MAX: usize = 64;

/// Packets accepted and not yet taken by the kernel.
#[derive(Debug)]
pub(crate) struct Pending {
    packets: VecDeque<Packet>,
    /// Frames for whoever writes into the device instead of handing packets to it.
    frames: Allocator,
}

/// What the kernel did with packets offered to it.
pub(crate) enum Taken {
    /// It took so many, from the front; more than none.
    Some(usize),
    /// It has no room now.
    Full,
    /// It refuses the first for what it is.
    Refused,
    /// The device failed.
    Failed(DeviceError),
}

impl Pending {
    /// Packets of `pool`: where those that are sent come from, they go home at once. Without one it makes its own.
    pub(crate) fn new(pool: Option<&Pool>) -> Result<Self, OpenError> {
        let frames = match pool {
            Some(pool) => pool.allocator(),
            None => Pool::builder()
                .small(2 * PENDING_MAX)
                .large(PENDING_MAX)
                .clones(0)
                .build()?
                .allocator(),
        };
        Ok(Self {
            packets: VecDeque::with_capacity(PENDING_MAX),
            frames,
        })
    }

    /// How many more packets are accepted.
    pub(crate) fn room(&self) -> usize {
        PENDING_MAX - self.packets.len()
    }

    /// How many packets wait for the kernel.
    pub(crate) fn len(&self) -> usize {
        self.packets.len()
    }

    /// Accepts packets, as `each` sends them.
    pub(crate) fn accept(&mut self, max: usize, mut each: impl FnMut(PoolTx<'_>)) -> usize {
        let mut count = 0;
        while count < max && self.room() > 0 {
            let mut sent = None;
            each(PoolTx::new(&mut self.frames, FRAME_MAX, &mut sent));
            let Some(packet) = sent else { break };
            self.packets.push_back(packet);
            count += 1;
        }
        count
    }

    /// Offers all packets to the kernel; says how many were refused for what they are, and lost.
    pub(crate) fn flush(
        &mut self,
        mut offer: impl FnMut(&[Packet]) -> Taken,
    ) -> Result<u64, DeviceError> {
        let mut refused = 0;
        while !self.packets.is_empty() {
            match offer(self.packets.make_contiguous()) {
                Taken::Some(count) => self
                    .packets
                    .drain(..count)
                    .for_each(|packet| self.frames.free_packet(packet)),
                Taken::Full => break,
                Taken::Refused => {
                    refused += 1;
                    self.packets.pop_front();
                }
                Taken::Failed(error) => return Err(error),
            }
        }
        if self.packets.is_empty() {
            // Perhaps nothing is sent for long, and others have none.
            self.frames.give_back();
        }
        Ok(refused)
    }
}

/// What an error of a send call means.
pub(crate) fn taken_by(error: Option<i32>) -> Taken {
    match error {
        Some(libc::EAGAIN | libc::ENOBUFS | libc::EINTR) => Taken::Full,
        // What lies in the frame: its length, or a description of it that the kernel does not believe.
        Some(libc::EMSGSIZE | libc::EINVAL) => Taken::Refused,
        Some(libc::ENETDOWN | libc::EIO) => Taken::Failed(DeviceError::Down),
        Some(libc::ENXIO | libc::ENODEV | libc::EBADFD) => Taken::Failed(DeviceError::Removed),
        error => Taken::Failed(DeviceError::Os(error.unwrap_or(0))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use waypost_packet::SendPacket;

    #[test]
    fn what_was_sent_is_there_for_others() {
        // No more than the free list of one may hold.
        let pool = Pool::builder().small(8).build().unwrap();
        let mut pending = Pending::new(Some(&pool)).unwrap();
        let mut frames = pool.allocator();
        for _ in 0..100 {
            let mut packet = frames.packet();
            assert!(packet.is_some());
            pending.accept(1, |room| {
                let sent = packet.take().map(|packet| room.send_packet(packet));
                assert!(matches!(sent, Some(Ok(()))));
            });
            let refused = pending.flush(|packets| Taken::Some(packets.len()));
            assert!(matches!(refused, Ok(0)));
        }
    }
}

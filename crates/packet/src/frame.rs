//! How packets cross a device, whether its frames are owned or lent.

use waypost_netdev::{FrameMeta, LentRx, LentTx, ObservedTx, RxFrame, TxFrame};

use crate::allocator::Allocator;
use crate::packet::Packet;

/// A received frame that can become a packet.
pub trait IntoPacket: RxFrame {
    /// The packet: the frame itself where it is one, a copy where it was lent.
    ///
    /// # Errors
    /// The pool has no memory for it: now, and the frame stays in the device, or never.
    fn into_packet(self, allocator: &mut Allocator) -> Result<Packet, NoMemory>;
}

/// A received frame did not become a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoMemory {
    /// It was [left](RxFrame::leave) in the device, until there is memory again.
    Left,
    /// The pool was built without frames that are long enough: it is lost, and whoever asked counts it.
    Lost,
}

/// Room for a frame, that takes a packet.
pub trait SendPacket: TxFrame {
    /// Sends the packet: the frame itself where the device takes packets, a copy where it lends room.
    /// It comes back if it is longer than the room, or the device has no frame to copy it into.
    ///
    /// # Errors
    /// The packet, unsent.
    fn send_packet(self, packet: Packet) -> Result<(), Packet>;
}

impl RxFrame for Packet {
    #[inline(always)]
    fn octets(&self) -> &[u8] {
        self.octets()
    }

    #[inline(always)]
    fn octets_mut(&mut self) -> &mut [u8] {
        self.octets_mut()
    }

    #[inline(always)]
    fn meta(&self) -> FrameMeta {
        self.frame_meta()
    }
}

impl IntoPacket for Packet {
    #[inline(always)]
    fn into_packet(self, _: &mut Allocator) -> Result<Packet, NoMemory> {
        Ok(self)
    }
}

impl IntoPacket for LentRx<'_> {
    #[inline]
    fn into_packet(self, allocator: &mut Allocator) -> Result<Packet, NoMemory> {
        if let Some(mut packet) = allocator.copy(self.octets()) {
            packet.set_frame_meta(self.meta());
            return Ok(packet);
        }
        if !allocator.pool().has_frames_for(self.octets().len()) {
            return Err(NoMemory::Lost);
        }
        self.leave();
        Err(NoMemory::Left)
    }
}

impl SendPacket for LentTx<'_> {
    #[inline]
    fn send_packet(self, packet: Packet) -> Result<(), Packet> {
        if packet.len() > self.capacity() {
            return Err(packet);
        }
        self.send(packet.len(), packet.frame_meta(), |room| {
            room.copy_from_slice(packet.octets());
        });
        Ok(())
    }
}

/// Room on a device within a wrapper: it is shown octets, so a copy goes.
impl SendPacket for ObservedTx<'_> {
    #[inline]
    fn send_packet(self, packet: Packet) -> Result<(), Packet> {
        if packet.len() > self.capacity() {
            return Err(packet);
        }
        let mut copied = false;
        self.send(packet.len(), packet.frame_meta(), |room| {
            room.copy_from_slice(packet.octets());
            copied = true;
        });
        // The device within may have no frame to copy into.
        if copied { Ok(()) } else { Err(packet) }
    }
}

/// Room for a frame on a device that takes packets of a pool.
#[derive(Debug)]
pub struct PoolTx<'a> {
    allocator: &'a mut Allocator,
    capacity: usize,
    sent: &'a mut Option<Packet>,
}

impl<'a> PoolTx<'a> {
    /// Room for a frame of up to `capacity` octets; what is sent is left in `sent`, which is `None`
    /// again for room that was dropped unsent.
    pub fn new(
        allocator: &'a mut Allocator,
        capacity: usize,
        sent: &'a mut Option<Packet>,
    ) -> Self {
        *sent = None;
        Self {
            allocator,
            capacity,
            sent,
        }
    }
}

impl TxFrame for PoolTx<'_> {
    fn capacity(&self) -> usize {
        self.capacity
    }

    fn send(self, len: usize, meta: FrameMeta, fill: impl FnOnce(&mut [u8])) {
        if len > self.capacity {
            return;
        }
        let Some(mut packet) = self.allocator.packet_for(len) else {
            return;
        };
        if let Some(room) = packet.append(len) {
            fill(room);
            packet.set_frame_meta(meta);
            *self.sent = Some(packet);
        }
    }
}

impl SendPacket for PoolTx<'_> {
    #[inline(always)]
    fn send_packet(self, packet: Packet) -> Result<(), Packet> {
        if packet.len() > self.capacity {
            return Err(packet);
        }
        *self.sent = Some(packet);
        Ok(())
    }
}

//! AF_PACKET: any Linux interface, through a receive ring shared with the kernel (TPACKET_V3).
//!
//! Received frames are lent from the ring. Packets are sent in one of two ways:
//!
//! - By `sendmmsg(2)`, the default: many with one call, without a copy in this process, and super-segments of any length.
//! - By a [transmit ring](AfPacketBuilder::transmit_ring): frames are copied into slots, and the kernel is called once for all of them.
//!   For whoever writes frames instead of handing over packets, which are written where the kernel reads them; for more frames on
//!   their way at once than 64; where memory counts, since no frames of 64 KiB are kept. Super-segments have to be split before.
//!
//! The ring is not the faster one: on a virtual wire it sent 0.81 million packets of 60 octets a second where `sendmmsg` sent 0.84,
//! and 1.07 of 1514 octets where that sent 1.22 (`cargo run --release -p waypost-device --example send_paths -- INTERFACE OCTETS`,
//! medians of 21 turns each, on a busy Xeon of 2 vCPU at 2.5 GHz, Linux 6.18).

mod builder;
mod ring;
mod send_ring;

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use waypost_netdev::{
    Capabilities, DeviceError, FrameMeta, LentRx, LentTx, NetDev, TxFrame, Wakeup,
};
use waypost_packet::{Packet, PoolTx, SendPacket};
use waypost_wire::Instant;

use crate::pace::Pace;
use crate::transmit::{Pending, Taken, taken_by};
use crate::{DeviceStatistics, sys, vnet};
pub use builder::AfPacketBuilder;
use ring::ReceiveRing;
use send_ring::SendRing;

/// Packets sent with one call, at most.
const BURST: usize = 64;

/// The interface that a socket is bound to, if that is still there.
fn bound_to(socket: BorrowedFd<'_>) -> Option<libc::c_int> {
    // SAFETY: plain integers, of which zero is valid.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    let mut len = size_of_val(&address) as libc::socklen_t;
    // SAFETY: pointer and length are those of a value that lives through the call.
    let result =
        unsafe { libc::getsockname(socket.as_raw_fd(), (&raw mut address).cast(), &raw mut len) };
    (result == 0 && address.sll_ifindex > 0).then_some(address.sll_ifindex)
}

/// How frames get to the kernel.
#[derive(Debug)]
enum Outgoing {
    Packets(Pending),
    Ring(SendRing),
}

/// A Linux interface, by a packet socket.
#[derive(Debug)]
pub struct AfPacket {
    /// Dropped before the socket whose memory it shows.
    ring: Option<ReceiveRing>,
    /// Likewise.
    outgoing: Outgoing,
    socket: OwnedFd,
    capabilities: Capabilities,
    statistics: DeviceStatistics,
    /// What was the matter with the interface when it was last looked at.
    trouble: Option<DeviceError>,
    pace: Pace,
}

impl AfPacket {
    /// An interface by its name.
    pub fn builder(name: impl Into<String>) -> AfPacketBuilder {
        AfPacketBuilder::new(name.into())
    }

    /// The interface's index in its network namespace; `None` if it is gone.
    pub fn interface_index(&self) -> Option<u32> {
        bound_to(self.socket.as_fd()).map(i32::cast_unsigned)
    }

    /// What was counted since the interface was opened.
    pub fn statistics(&mut self) -> DeviceStatistics {
        // SAFETY: plain integers.
        let counted = unsafe {
            sys::option::<libc::tpacket_stats_v3>(
                self.socket.as_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
            )
        };
        // The kernel starts again from zero at each look.
        self.statistics.overruns += counted.map_or(0, |it| u64::from(it.tp_drops));
        self.statistics
    }

    /// Nothing was there: finds out whether there will ever be anything.
    fn listen(&mut self) -> Result<(), DeviceError> {
        let socket = self.socket.as_fd();
        let told = match sys::socket_error(socket) {
            0 => self.trouble,
            libc::ENETDOWN => Some(DeviceError::Down),
            other => return Err(DeviceError::Os(other)),
        };
        // An interface goes down before it goes, and may come up again; only the first is told.
        self.trouble = told.and_then(|_| match bound_to(socket) {
            None => Some(DeviceError::Removed),
            Some(index) => (!sys::is_up(socket, index)).then_some(DeviceError::Down),
        });
        self.trouble.map_or(Ok(()), Err)
    }

    /// Offers what was accepted to the kernel.
    fn flush(&mut self) -> Result<(), DeviceError> {
        let (socket, statistics) = (self.socket.as_fd(), &mut self.statistics);
        let pending = match &mut self.outgoing {
            Outgoing::Packets(pending) => pending,
            Outgoing::Ring(ring) => return ring.kick(socket, statistics),
        };
        let refused = pending.flush(|packets| {
            let packets = &packets[..packets.len().min(BURST)];
            match send(socket, packets) {
                Ok(count) => {
                    statistics.sent += count as u64;
                    statistics.sent_octets += packets[..count]
                        .iter()
                        .map(|it| it.len() as u64)
                        .sum::<u64>();
                    Taken::Some(count)
                }
                Err(error) => taken_by(error.raw_os_error()),
            }
        })?;
        self.statistics.refused += refused;
        Ok(())
    }
}

/// Sends up to [`BURST`] packets with one call, and says how many went, from the front.
fn send(socket: BorrowedFd<'_>, packets: &[Packet]) -> io::Result<usize> {
    let mut headers = [[0; vnet::LEN]; BURST];
    // SAFETY: zeroed messages and vectors are valid: no pointers, lengths of zero.
    let (mut vectors, mut messages): ([[libc::iovec; 2]; BURST], [libc::mmsghdr; BURST]) =
        unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
    let places = headers.iter_mut().zip(&mut vectors).zip(&mut messages);
    for (packet, ((header, vector), message)) in packets.iter().zip(places) {
        *header = vnet::write(&packet.frame_meta(), packet.octets());
        vector[0] = libc::iovec {
            iov_base: header.as_mut_ptr().cast(),
            iov_len: header.len(),
        };
        // The kernel only reads from it.
        let octets = packet.octets();
        vector[1] = libc::iovec {
            iov_base: octets.as_ptr().cast_mut().cast(),
            iov_len: octets.len(),
        };
        message.msg_hdr.msg_iov = vector.as_mut_ptr();
        message.msg_hdr.msg_iovlen = 2;
    }
    // SAFETY: so many messages are filled in, and all they point to lives through the call.
    let sent = unsafe {
        libc::sendmmsg(
            socket.as_raw_fd(),
            messages.as_mut_ptr(),
            packets.len() as u32,
            libc::MSG_DONTWAIT,
        )
    };
    if sent < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(sent as usize)
    }
}

impl NetDev for AfPacket {
    type RxFrame<'a> = LentRx<'a>;
    type TxFrame<'a> = AfPacketTx<'a>;

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn receive(
        &mut self,
        now: Instant,
        max: usize,
        mut each: impl FnMut(LentRx<'_>),
    ) -> Result<usize, DeviceError> {
        let (mut count, mut left) = (0, false);
        while let Some(ring) = self.ring.as_mut().filter(|_| count < max) {
            let Some(frame) = ring.next() else {
                break;
            };
            if frame.truncated {
                self.statistics.truncated += 1;
                continue;
            }
            let len = frame.octets.len() as u64;
            each(LentRx::new(frame.octets, frame.meta, &mut left));
            if left {
                ring.keep();
                break;
            }
            self.statistics.received += 1;
            self.statistics.received_octets += len;
            count += 1;
        }
        match self.trouble {
            _ if count > 0 || left => self.trouble = None,
            _ if max > 0 && self.pace.is_due(now) => self.listen()?,
            Some(trouble) if max > 0 => return Err(trouble),
            _ => {}
        }
        Ok(count)
    }

    fn transmit(
        &mut self,
        _: Instant,
        max: usize,
        mut each: impl FnMut(AfPacketTx<'_>),
    ) -> Result<usize, DeviceError> {
        let count = match &mut self.outgoing {
            Outgoing::Packets(pending) => pending.accept(max, |room| each(AfPacketTx::pool(room))),
            Outgoing::Ring(ring) => ring.accept(max, &mut self.statistics, each),
        };
        self.flush()?;
        Ok(count)
    }

    fn room(&mut self, _: Instant) -> usize {
        if self.unsent() > 0 {
            // An error is told by the next transmission.
            let _ = self.flush();
        }
        match &mut self.outgoing {
            Outgoing::Packets(pending) => pending.room(),
            Outgoing::Ring(ring) => ring.room(),
        }
    }

    fn unsent(&self) -> usize {
        match &self.outgoing {
            Outgoing::Packets(pending) => pending.len(),
            Outgoing::Ring(ring) => ring.unsent(),
        }
    }

    fn counted(&self) -> Option<DeviceStatistics> {
        Some(self.statistics)
    }

    fn overruns(&mut self) -> u64 {
        self.statistics().overruns
    }

    fn wakeup(&self) -> Wakeup {
        Wakeup::Fd(self.socket.as_raw_fd())
    }
}

impl AsFd for AfPacket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Room for a frame on a packet socket.
#[derive(Debug)]
pub struct AfPacketTx<'a>(Room<'a>);

#[derive(Debug)]
enum Room<'a> {
    Pool(PoolTx<'a>),
    Slot(LentTx<'a>),
}

impl<'a> AfPacketTx<'a> {
    fn pool(room: PoolTx<'a>) -> Self {
        Self(Room::Pool(room))
    }

    fn slot(room: LentTx<'a>) -> Self {
        Self(Room::Slot(room))
    }
}

impl TxFrame for AfPacketTx<'_> {
    fn capacity(&self) -> usize {
        match &self.0 {
            Room::Pool(room) => room.capacity(),
            Room::Slot(room) => room.capacity(),
        }
    }

    #[inline]
    fn send(self, len: usize, meta: FrameMeta, fill: impl FnOnce(&mut [u8])) {
        match self.0 {
            Room::Pool(room) => room.send(len, meta, fill),
            Room::Slot(room) => room.send(len, meta, fill),
        }
    }
}

impl SendPacket for AfPacketTx<'_> {
    #[inline]
    fn send_packet(self, packet: Packet) -> Result<(), Packet> {
        match self.0 {
            Room::Pool(room) => room.send_packet(packet),
            Room::Slot(room) => room.send_packet(packet),
        }
    }
}

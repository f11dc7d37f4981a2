//! The half of a device that receives.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;

use waypost_netdev::{Capabilities, DeviceError, NetDev, Wakeup};
use waypost_packet::{Allocator, Packet, PoolTx};
use waypost_wire::Instant;

use super::ring::{Consumer, Producer};
use super::umem::{CHUNK, Held, Socket, Umem};
use super::{XdpMode, socket};
use crate::pace::Pace;
use crate::{DeviceStatistics, OpenError};

/// The half of an AF_XDP device that receives: packets of the pool, where the kernel has written them.
#[derive(Debug)]
pub struct XdpReceiver {
    pub(super) socket: Arc<Socket>,
    pub(super) capabilities: Capabilities,
    received: Consumer<libc::xdp_desc>,
    fill: Producer<u64>,
    held: Held,
    frames: Allocator,
    statistics: DeviceStatistics,
    busy: bool,
    /// There was an error.
    alarmed: bool,
    /// Frames wait in the ring for want of others to give to the kernel.
    short: bool,
    pace: Pace,
}

impl XdpReceiver {
    /// Gives the kernel `count` frames: from now on it always has as many.
    pub(super) fn new(
        socket: Arc<Socket>,
        capabilities: Capabilities,
        received: Consumer<libc::xdp_desc>,
        fill: Producer<u64>,
        umem: &Umem,
        count: u32,
        busy: bool,
    ) -> Result<Self, OpenError> {
        let mut this = Self {
            socket,
            capabilities,
            received,
            fill,
            held: Held::new(umem.pool()),
            frames: umem.pool().allocator(),
            statistics: DeviceStatistics::default(),
            busy,
            alarmed: false,
            short: false,
            pace: Pace::default(),
        };
        for _ in 0..count {
            let packet = this.frames.packet().ok_or(OpenError::NoFrames {
                wanted: count as usize,
            })?;
            this.give(packet);
        }
        this.fill.submit();
        Ok(this)
    }

    /// Whether it is the driver that hands frames over, or the kernel's generic receive path.
    pub fn mode(&self) -> Option<XdpMode> {
        self.socket.program.as_ref().map(|program| program.mode())
    }

    /// Whether the card writes frames into the region by itself; otherwise the kernel copies them.
    pub fn is_zero_copy(&self) -> bool {
        self.socket.zero_copy
    }

    /// The interface's index in its network namespace.
    pub fn interface_index(&self) -> u32 {
        self.socket.interface.index
    }

    /// What was counted since the device was opened.
    pub fn statistics(&mut self) -> DeviceStatistics {
        let counted = socket::statistics(self.socket.fd.as_fd());
        DeviceStatistics {
            overruns: counted.map_or(0, |it| it.rx_dropped + it.rx_ring_full),
            ..self.statistics
        }
    }

    fn give(&mut self, packet: Packet) {
        // The ring has twice the frames' number of entries, since the kernel says late which it has taken.
        if self.fill.room(1) == 0 {
            self.frames.free_packet(packet);
            return;
        }
        // A packet of the pool's small class, just taken or just given back: it lies in a chunk of its own.
        if let Ok(address) = self.held.give(packet) {
            self.fill.write(address & !(CHUNK as u64 - 1));
        }
    }

    /// Nothing was there: makes the kernel look, where it wants to be asked.
    fn wake(&self) {
        if self.busy || self.fill.needs_wakeup() {
            socket::wake_receiver(self.socket.fd.as_fd());
        }
    }

    /// Finds out whether there will ever be anything.
    fn listen(&mut self) -> Result<(), DeviceError> {
        let fd = self.socket.fd.as_fd();
        let error = socket::error(fd);
        // It is told once that the interface goes; after that the socket belongs to none.
        self.alarmed |= error != 0;
        if self.alarmed && socket::wake_receiver(fd) == libc::ENXIO {
            return Err(DeviceError::Removed);
        }
        match error {
            0 => Ok(()),
            libc::ENETDOWN => Err(DeviceError::Down),
            libc::ENODEV | libc::ENXIO => Err(DeviceError::Removed),
            other => Err(DeviceError::Os(other)),
        }
    }
}

impl NetDev for XdpReceiver {
    type RxFrame<'a> = Packet;
    type TxFrame<'a> = PoolTx<'a>;

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn receive(
        &mut self,
        now: Instant,
        max: usize,
        mut each: impl FnMut(Packet),
    ) -> Result<usize, DeviceError> {
        let available = self.received.available(max.try_into().unwrap_or(u32::MAX));
        if available == 0 {
            self.frames.share();
            self.wake();
            if self.pace.is_due(now) {
                self.listen()?;
            }
            return Ok(0);
        }
        let mut count = 0;
        self.short = false;
        for _ in 0..available {
            // The kernel gets a frame for each that it gives: without one, what it gives waits in the ring.
            let Some(fresh) = self.frames.packet() else {
                self.short = true;
                break;
            };
            let Some(entry) = self.received.next() else {
                self.frames.free_packet(fresh);
                break;
            };
            let Some(mut packet) = self.held.take(entry.addr) else {
                // Not a frame that the kernel had: nothing can be done with it.
                self.statistics.truncated += 1;
                self.frames.free_packet(fresh);
                continue;
            };
            self.give(fresh);
            let len = entry.len as usize;
            if !packet.set_window(entry.addr as usize % CHUNK, len) {
                self.statistics.truncated += 1;
                self.frames.free_packet(packet);
                continue;
            }
            self.statistics.received += 1;
            self.statistics.received_octets += len as u64;
            count += 1;
            each(packet);
        }
        self.received.release();
        self.fill.submit();
        Ok(count)
    }

    fn transmit(
        &mut self,
        _: Instant,
        _: usize,
        _: impl FnMut(PoolTx<'_>),
    ) -> Result<usize, DeviceError> {
        Ok(0)
    }

    fn room(&mut self, _: Instant) -> usize {
        0
    }

    fn counted(&self) -> Option<DeviceStatistics> {
        Some(self.statistics)
    }

    fn overruns(&mut self) -> u64 {
        self.statistics().overruns
    }

    fn wants_memory(&self) -> bool {
        self.short
    }

    fn wakeup(&self) -> Wakeup {
        Wakeup::Fd(self.socket.fd.as_raw_fd())
    }
}

impl AsFd for XdpReceiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.fd.as_fd()
    }
}

impl Drop for XdpReceiver {
    fn drop(&mut self) {
        self.socket.keep(&mut self.held);
    }
}

//! The half of a device that sends.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use waypost_netdev::{Capabilities, DeviceError, NetDev, Offloads, Wakeup};
use waypost_packet::{Allocator, Batch, Packet, PoolTx};
use waypost_wire::Instant;

use super::ring::{Consumer, Producer};
use super::umem::{Held, Socket, Umem};
use super::{FRAME_MAX, socket};
use crate::DeviceStatistics;
use crate::transmit::{Taken, taken_by};

/// How often the kernel is asked in a row to go on, where it takes a few packets at a time.
const ATTEMPTS: usize = 64;

/// How long those who have frames of a dropped device are waited for, in milliseconds.
const PATIENCE: u32 = 100;

/// The half of an AF_XDP device that sends: packets of the pool as they lie, others by a copy into it.
#[derive(Debug)]
pub struct XdpSender {
    pub(super) socket: Arc<Socket>,
    pub(super) capabilities: Capabilities,
    send: Producer<libc::xdp_desc>,
    done: Consumer<u64>,
    held: Held,
    /// Empty between calls: what comes back at once is freed at once.
    sent: Box<Batch>,
    frames: Allocator,
    umem: Umem,
    statistics: DeviceStatistics,
}

impl XdpSender {
    pub(super) fn new(
        socket: Arc<Socket>,
        capabilities: Capabilities,
        send: Producer<libc::xdp_desc>,
        done: Consumer<u64>,
        umem: &Umem,
    ) -> Self {
        Self {
            socket,
            capabilities,
            send,
            done,
            held: Held::new(umem.pool()),
            sent: Box::default(),
            frames: umem.pool().allocator(),
            umem: umem.clone(),
            statistics: DeviceStatistics::default(),
        }
    }

    /// Whether the card reads frames from the region by itself; otherwise the kernel copies them.
    pub fn is_zero_copy(&self) -> bool {
        self.socket.zero_copy
    }

    /// What was counted since the device was opened.
    pub fn statistics(&mut self) -> DeviceStatistics {
        let counted = socket::statistics(self.socket.fd.as_fd());
        DeviceStatistics {
            refused: self.statistics.refused + counted.map_or(0, |it| it.tx_invalid_descs),
            ..self.tallied().0
        }
    }

    /// What was counted, with the packets that the kernel has taken meanwhile, and how many these are.
    fn tallied(&self) -> (DeviceStatistics, u32) {
        let (mut statistics, mut count) = (self.statistics, 0);
        for entry in self.send.taken() {
            statistics.sent += 1;
            statistics.sent_octets += u64::from(entry.len);
            count += 1;
        }
        (statistics, count)
    }

    /// Counts what the kernel has taken.
    fn tally(&mut self) {
        let (statistics, count) = self.tallied();
        self.statistics = statistics;
        self.send.pass(count);
    }

    /// Takes back what was sent.
    fn reclaim(&mut self) {
        if self.done.available(u32::MAX) == 0 {
            self.frames.share();
            return;
        }
        while let Some(address) = self.done.next() {
            if let Some(packet) = self.held.take(address)
                && let Err(packet) = self.sent.push(packet)
            {
                self.frames.free(&mut self.sent);
                self.frames.free_packet(packet);
            }
        }
        self.frames.free(&mut self.sent);
        self.done.release();
        if self.held.len() == 0 {
            // Perhaps nothing is sent for long, and others have none.
            self.frames.give_back();
        }
    }

    /// Leaves no frames behind but those that the kernel has not taken. Of the others it may have made packets that refer to the
    /// region, and lie somewhere: those whose end it does not tell soon are never used again.
    fn settle(&mut self) {
        let waiting: Vec<u64> = self.send.waiting().map(|it| it.addr).collect();
        for _ in 0..PATIENCE {
            self.reclaim();
            if self.held.len() <= waiting.len() {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let mut kept = Held::new(self.umem.pool());
        for packet in waiting.into_iter().filter_map(|at| self.held.take(at)) {
            // Taken from a place of its own.
            let _ = kept.give(packet);
        }
        std::mem::forget(std::mem::replace(&mut self.held, kept));
    }

    /// How many packets the ring has room for: none while the kernel is behind with copying those that it has.
    fn places(&mut self) -> u32 {
        self.reclaim();
        if !self.socket.zero_copy && self.send.left() > 0 {
            return 0;
        }
        // An entry is gone from the one ring before its frame comes back through the other.
        let room = self.send.room(u32::MAX);
        // Before others are written over what this room was made of.
        self.tally();
        room
    }

    /// Puts a packet into the ring, which has room.
    fn place(&mut self, mut packet: Packet) {
        let finished = !packet.is_unfinished() || packet.finish(Offloads::default());
        let len = packet.len();
        if !finished || len == 0 || len > FRAME_MAX {
            self.statistics.refused += 1;
            self.frames.free_packet(packet);
            return;
        }
        let addr = match self.held.give(packet) {
            Ok(address) => address,
            // Another pool's, or one whose octets are on their way already: a copy goes.
            Err(packet) => {
                let copy = self.frames.copy(packet.octets());
                self.frames.free_packet(packet);
                let given = copy.map(|copy| self.held.give(copy));
                let Some(Ok(address)) = given else {
                    self.statistics.refused += 1;
                    return;
                };
                address
            }
        };
        self.send.write(libc::xdp_desc {
            addr,
            len: len as u32,
            options: 0,
        });
    }

    /// Makes the kernel send what lies in the ring, where it wants to be asked.
    fn kick(&mut self) -> Result<(), DeviceError> {
        for _ in 0..ATTEMPTS {
            if self.send.left() == 0 || !self.send.needs_wakeup() {
                return Ok(());
            }
            match socket::wake_sender(self.socket.fd.as_fd()) {
                Ok(()) => (),
                Err(error) if error.raw_os_error() == Some(libc::EBUSY) => return Ok(()),
                Err(error) => match taken_by(error.raw_os_error()) {
                    // The kernel has sent its share of this call, or the interface's queue is full.
                    Taken::Full => (),
                    Taken::Failed(error) => return Err(error),
                    _ => return Ok(()),
                },
            }
        }
        Ok(())
    }
}

impl NetDev for XdpSender {
    type RxFrame<'a> = Packet;
    type TxFrame<'a> = PoolTx<'a>;

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn receive(
        &mut self,
        _: Instant,
        _: usize,
        _: impl FnMut(Packet),
    ) -> Result<usize, DeviceError> {
        Ok(0)
    }

    fn transmit(
        &mut self,
        _: Instant,
        max: usize,
        mut each: impl FnMut(PoolTx<'_>),
    ) -> Result<usize, DeviceError> {
        let room = self.places().min(max.try_into().unwrap_or(u32::MAX));
        let mut count = 0;
        while count < room as usize {
            let mut sent = None;
            each(PoolTx::new(&mut self.frames, FRAME_MAX, &mut sent));
            let Some(packet) = sent else { break };
            self.place(packet);
            count += 1;
        }
        self.send.submit();
        self.kick()?;
        Ok(count)
    }

    fn room(&mut self, _: Instant) -> usize {
        let mut places = self.places();
        if places == 0 {
            // An error is told by the next transmission.
            let _ = self.kick();
            places = self.places();
        }
        places as usize
    }

    fn unsent(&self) -> usize {
        self.send.waiting().len()
    }

    fn counted(&self) -> Option<DeviceStatistics> {
        Some(self.tallied().0)
    }

    fn wakeup(&self) -> Wakeup {
        Wakeup::Fd(self.socket.fd.as_raw_fd())
    }
}

impl AsFd for XdpSender {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.fd.as_fd()
    }
}

impl Drop for XdpSender {
    fn drop(&mut self) {
        if !self.socket.zero_copy {
            self.settle();
        }
        self.socket.keep(&mut self.held);
    }
}

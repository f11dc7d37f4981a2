//! The transmit ring, version 3: slots of equal size into which frames are copied, and that come back from
//! the kernel one by one (linux/if_packet.h, Documentation/networking/packet_mmap.rst).

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use waypost_netdev::{DeviceError, FrameMeta, LentTx};

use super::AfPacketTx;
use crate::sys::{self, Mapping};
use crate::transmit::{Taken, taken_by};
use crate::{DeviceStatistics, vnet};

/// The kernel lays slots into blocks, of contiguous memory if it can.
const BLOCK: usize = 64 << 10;

/// Slots, at most.
pub(super) const SLOTS_MAX: usize = 1 << 14;

/// Where the fields of a slot's header lie (`struct tpacket3_hdr`), and where the frame begins: with the
/// description of what is unfinished in it.
const NEXT: usize = 0;
const LENGTH: usize = 16;
const STATUS: usize = 20;
const DESCRIPTION: usize = size_of::<libc::tpacket3_hdr>();
const FRAME: usize = DESCRIPTION + vnet::LEN;

const AVAILABLE: u32 = libc::TP_STATUS_AVAILABLE;
const SEND_REQUEST: u32 = libc::TP_STATUS_SEND_REQUEST;
const WRONG_FORMAT: u32 = libc::TP_STATUS_WRONG_FORMAT;

/// How the slots lie in the memory that is shared with the kernel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    slots: usize,
    /// A power of two: whole slots in a block, whole pages in a block.
    slot: usize,
    block: usize,
    /// The longest packet above the link header, and that header's length.
    mtu: usize,
    header_len: usize,
}

impl Layout {
    /// At least `slots` slots for the frames of an interface.
    pub(super) fn new(slots: usize, mtu: usize, header_len: usize) -> Self {
        let longest = FRAME + header_len + TAG + mtu;
        let slot = longest.next_power_of_two().max(2048);
        let block = BLOCK.max(slot);
        Self {
            slots: slots.clamp(1, SLOTS_MAX).next_multiple_of(block / slot),
            slot,
            block,
            mtu,
            header_len,
        }
    }

    /// Octets of the mapping.
    pub(super) fn len(&self) -> usize {
        self.slots * self.slot
    }

    /// Makes the ring, which is to be mapped then.
    pub(super) fn request(&self, socket: BorrowedFd<'_>) -> io::Result<()> {
        let request = libc::tpacket_req3 {
            tp_block_size: self.block as u32,
            tp_block_nr: (self.len() / self.block) as u32,
            tp_frame_size: self.slot as u32,
            tp_frame_nr: self.slots as u32,
            tp_retire_blk_tov: 0,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        sys::set_option(socket, libc::SOL_PACKET, libc::PACKET_TX_RING, request)
    }

    /// The longest frame: one VLAN tag makes it longer than the MTU says.
    fn capacity(&self) -> usize {
        self.header_len + TAG + self.mtu
    }

    /// Whether a frame fits the interface: the kernel does not look where it reads descriptions.
    fn fits(&self, octets: &[u8]) -> bool {
        let tagged =
            self.header_len > 0 && matches!(octets.get(12..14), Some([0x81, 0x00] | [0x88, 0xa8]));
        octets.len() <= self.capacity() - if tagged { 0 } else { TAG }
    }
}

/// Octets of a VLAN tag.
const TAG: usize = 4;

/// The ring. Slots are used in turn: those from `oldest` on are the kernel's or wait for it, those from
/// `waiting` on the kernel has not taken yet.
#[derive(Debug)]
pub(super) struct SendRing {
    mapping: Arc<Mapping>,
    /// Where the ring begins in the mapping.
    start: usize,
    layout: Layout,
    oldest: usize,
    used: usize,
    waiting: usize,
    unsent: usize,
}

impl SendRing {
    pub(super) fn new(mapping: Arc<Mapping>, start: usize, layout: Layout) -> Option<Self> {
        // What the accessors below rely on.
        mapping.at(start, layout.len())?;
        Some(Self {
            mapping,
            start,
            layout,
            oldest: 0,
            used: 0,
            waiting: 0,
            unsent: 0,
        })
    }

    /// How many frames can be written.
    pub(super) fn room(&mut self) -> usize {
        while self.used > 0 && self.unsent < self.used {
            if self.status(self.oldest).load(Ordering::Acquire) != AVAILABLE {
                break;
            }
            self.oldest = self.after(self.oldest);
            self.used -= 1;
        }
        self.layout.slots - self.used
    }

    /// How many frames wait for the kernel.
    pub(super) fn unsent(&self) -> usize {
        self.unsent
    }

    /// Accepts frames, as `each` sends them: at most `max`.
    pub(super) fn accept(
        &mut self,
        max: usize,
        statistics: &mut DeviceStatistics,
        mut each: impl FnMut(AfPacketTx<'_>),
    ) -> usize {
        let room = self.room().min(max);
        let mut count = 0;
        while count < room {
            let index = (self.oldest + self.used) % self.layout.slots;
            let (layout, mut sent) = (self.layout, None);
            let octets = self.octets(index);
            let slot = LentTx::counting(octets, &mut sent, &mut statistics.refused);
            each(AfPacketTx::slot(slot));
            let Some((len, meta)) = sent else { break };
            count += 1;
            if !layout.fits(&octets[..len]) {
                statistics.refused += 1;
                continue;
            }
            self.submit(index, len, &meta);
        }
        count
    }

    /// Lets the kernel see a frame that was written into a slot.
    fn submit(&mut self, index: usize, len: usize, meta: &FrameMeta) {
        let description = vnet::write(meta, &self.octets(index)[..len]);
        self.put(index, DESCRIPTION, description);
        self.put(index, NEXT, 0_u32);
        self.put(index, LENGTH, (vnet::LEN + len) as u32);
        self.status(index).store(SEND_REQUEST, Ordering::Release);
        self.used += 1;
        self.unsent += 1;
    }

    /// Makes the kernel take what waits, by one call but for frames that it refuses.
    pub(super) fn kick(
        &mut self,
        socket: BorrowedFd<'_>,
        statistics: &mut DeviceStatistics,
    ) -> Result<(), DeviceError> {
        while self.unsent > 0 {
            let result = send(socket);
            self.settle(statistics);
            let Err(error) = result else {
                // What is left then the kernel has no room for now.
                return Ok(());
            };
            if self.unsent > 0 && self.status(self.waiting).load(Ordering::Acquire) == WRONG_FORMAT
            {
                statistics.refused += 1;
                self.close_gap();
                continue;
            }
            return match taken_by(error.raw_os_error()) {
                Taken::Full => Ok(()),
                Taken::Failed(error) => Err(error),
                // Of no frame that is known here.
                _ => Err(DeviceError::Os(error.raw_os_error().unwrap_or(0))),
            };
        }
        Ok(())
    }

    /// Counts what the kernel has taken.
    fn settle(&mut self, statistics: &mut DeviceStatistics) {
        while self.unsent > 0 {
            let status = self.status(self.waiting).load(Ordering::Acquire);
            if status == SEND_REQUEST || status == WRONG_FORMAT {
                break;
            }
            statistics.sent += 1;
            statistics.sent_octets += (self.length(self.waiting) - vnet::LEN) as u64;
            self.waiting = self.after(self.waiting);
            self.unsent -= 1;
        }
    }

    /// Moves the frames behind a refused one forward by a slot: the kernel stands at that slot, and goes on there. (Told to pass
    /// over such frames, by `PACKET_LOSS`, it tells nobody how many there were.)
    fn close_gap(&mut self) {
        let mut index = self.waiting;
        for _ in 1..self.unsent {
            let next = self.after(index);
            let len = self.length(next);
            self.copy(next, index, len);
            self.put(index, LENGTH, len as u32);
            self.status(index).store(SEND_REQUEST, Ordering::Release);
            index = next;
        }
        self.status(index).store(AVAILABLE, Ordering::Release);
        self.unsent -= 1;
        self.used -= 1;
    }

    fn after(&self, index: usize) -> usize {
        let next = index + 1;
        if next == self.layout.slots { 0 } else { next }
    }

    /// The address of an octet of a slot.
    fn at(&self, index: usize, offset: usize) -> std::ptr::NonNull<u8> {
        debug_assert!(index < self.layout.slots && offset < self.layout.slot);
        let offset = self.start + index * self.layout.slot + offset;
        // SAFETY: `new` has seen that all slots are inside the mapping, and no index or offset goes beyond them.
        unsafe { self.mapping.start().add(offset) }
    }

    /// The word by which kernel and process hand a slot to each other.
    fn status(&self, index: usize) -> &AtomicU32 {
        // SAFETY: inside the mapping, which lives as long as `self`; aligned, as slots are; both sides use the word atomically.
        unsafe { AtomicU32::from_ptr(self.at(index, STATUS).cast().as_ptr()) }
    }

    /// Writes a field of a slot that is this process's.
    fn put<T: Copy>(&mut self, index: usize, offset: usize, value: T) {
        // SAFETY: inside the mapping; the kernel reads the slot only in a call that this thread makes later.
        unsafe { self.at(index, offset).cast::<T>().write_unaligned(value) }
    }

    /// The length that a slot says, with the description.
    fn length(&self, index: usize) -> usize {
        // SAFETY: inside the mapping, aligned; written by this process, and by nobody else.
        unsafe { self.at(index, LENGTH).cast::<u32>().read() as usize }
    }

    /// The room for a frame in a slot that is this process's.
    fn octets(&mut self, index: usize) -> &mut [u8] {
        let start = self.at(index, FRAME);
        // SAFETY: inside the mapping: a slot is as long as what is in front of the frame and the longest frame. Nobody else has a
        // slice of it while `self` is borrowed, and the kernel only gets slots by `submit`.
        unsafe { std::slice::from_raw_parts_mut(start.as_ptr(), self.layout.capacity()) }
    }

    /// Copies a description and its frame.
    #[allow(
        clippy::needless_pass_by_ref_mut,
        reason = "who writes into slots is the ring's one owner"
    )]
    fn copy(&mut self, from: usize, to: usize, len: usize) {
        debug_assert!(from != to && DESCRIPTION + len <= self.layout.slot);
        let (from, to) = (self.at(from, DESCRIPTION), self.at(to, DESCRIPTION));
        // SAFETY: two slots, both inside the mapping, and the kernel stands in neither.
        unsafe { from.copy_to_nonoverlapping(to, len) }
    }
}

/// Makes the kernel send what lies in the ring.
fn send(socket: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: no octets are given: the pointer is not used.
    let result = unsafe {
        libc::sendto(
            socket.as_raw_fd(),
            std::ptr::null(),
            0,
            libc::MSG_DONTWAIT,
            std::ptr::null(),
            0,
        )
    };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_hold_the_longest_frame_and_fill_whole_blocks() {
        for (mtu, header_len, slot) in [
            (68, 14, 2048),
            (1500, 14, 2048),
            (1972, 14, 2048),
            (1973, 14, 4096),
            (9000, 14, 16 << 10),
            (65_535, 0, 128 << 10),
            (65_536, 14, 128 << 10),
        ] {
            for slots in [0, 1, 64, 1000, usize::MAX] {
                let layout = Layout::new(slots, mtu, header_len);
                assert_eq!(layout.slot, slot, "{mtu}");
                assert!(FRAME + layout.capacity() <= layout.slot);
                assert!(layout.slots >= slots.clamp(1, SLOTS_MAX));
                assert!(layout.len().is_multiple_of(layout.block));
                assert!(layout.block.is_multiple_of(layout.slot.max(4096)));
            }
        }
    }

    #[test]
    fn a_tag_makes_room_for_itself_alone() {
        let layout = Layout::new(1, 1500, 14);
        let mut octets = vec![0; 1518];
        assert!(!layout.fits(&octets) && layout.fits(&octets[..1514]));
        octets[12..14].copy_from_slice(&[0x81, 0]);
        assert!(layout.fits(&octets));
    }
}

//! The receive ring, version 3: blocks that the kernel fills with frames of any length, one after the
//! other, and that go back to it as a whole (linux/if_packet.h, Documentation/networking/packet_mmap.rst).

use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use waypost_netdev::{FrameMeta, VlanTag};
use waypost_wire::WallTime;

use crate::sys::{self, Mapping};
use crate::vnet;

/// Large enough for several super-segments.
const BLOCK: usize = 256 << 10;

/// The kernel hands a block over when it is full, or after so long, in milliseconds.
const RETIRE_MS: u32 = 1;

/// Where the fields of a block's header lie (`struct tpacket_block_desc`).
const STATUS: usize = 8;
const PACKETS: usize = 12;
const FIRST: usize = 16;
const BLOCK_HEADER: usize = 48;

/// A frame that lies in the ring.
pub(super) struct RingFrame<'a> {
    pub(super) octets: &'a mut [u8],
    pub(super) meta: FrameMeta,
    /// It did not fit, or nobody knows how to finish it.
    pub(super) truncated: bool,
}

#[derive(Debug)]
pub(super) struct ReceiveRing {
    mapping: Arc<Mapping>,
    blocks: usize,
    /// The block that is read, or waited for.
    block: usize,
    /// Frames of it that were not handed out.
    left: u32,
    /// Where the next of them lies, in the mapping, and the last that was handed out.
    next: usize,
    last: usize,
    /// Whether the block is this process's.
    held: bool,
}

impl ReceiveRing {
    /// Asks for a ring of about so many octets, which is to be mapped then; says how many octets it has.
    pub(super) fn request(socket: BorrowedFd<'_>, octets: usize) -> io::Result<usize> {
        let blocks = octets.div_ceil(BLOCK).clamp(2, 4096);
        let request = libc::tpacket_req3 {
            tp_block_size: BLOCK as u32,
            tp_block_nr: blocks as u32,
            // Version 3 packs frames of any length; the kernel still checks that these two agree.
            tp_frame_size: 2048,
            tp_frame_nr: (BLOCK / 2048 * blocks) as u32,
            tp_retire_blk_tov: RETIRE_MS,
            tp_sizeof_priv: 0,
            tp_feature_req_word: libc::TP_FT_REQ_FILL_RXHASH,
        };
        sys::set_option(socket, libc::SOL_PACKET, libc::PACKET_RX_RING, request)?;
        Ok(BLOCK * blocks)
    }

    /// The ring at the beginning of a mapping, of so many octets.
    pub(super) fn new(mapping: Arc<Mapping>, octets: usize) -> Self {
        Self {
            mapping,
            blocks: octets / BLOCK,
            block: 0,
            left: 0,
            next: 0,
            last: 0,
            held: false,
        }
    }

    /// The next frame, if there is one. The one before goes back to the kernel with its block.
    pub(super) fn next(&mut self) -> Option<RingFrame<'_>> {
        if self.left == 0 {
            self.advance()?;
        }
        self.left -= 1;
        let at = self.next;
        self.last = at;
        let header = self
            .mapping
            .at(at, size_of::<libc::tpacket3_hdr>())?
            .cast::<libc::tpacket3_hdr>();
        // SAFETY: inside the mapping; the kernel has finished writing the block, and aligns its headers.
        let header = unsafe { header.read() };
        self.next = at + header.tp_next_offset as usize;
        let mac = at + usize::from(header.tp_mac);
        let description = self
            .mapping
            .at(mac.checked_sub(vnet::LEN)?, vnet::LEN)?
            .cast::<[u8; vnet::LEN]>();
        // SAFETY: as above; octets have no alignment.
        let description = vnet::read(unsafe { description.read() });
        let len = header.tp_snaplen as usize;
        let octets = self.mapping.at(mac, len)?;
        // SAFETY: inside the mapping, in a block that is this process's until `advance`, for which
        // the borrow of `self` has to end first.
        let octets = unsafe { std::slice::from_raw_parts_mut(octets.as_ptr(), len) };
        let mut meta = description.unwrap_or_default();
        let nanos = u64::from(header.tp_sec) * 1_000_000_000 + u64::from(header.tp_nsec);
        meta.timestamp = Some(WallTime::from_unix_nanos(nanos));
        meta.flow_hash = header.hv1.tp_rxhash;
        if header.tp_status & libc::TP_STATUS_VLAN_VALID != 0 {
            let tpid = if header.tp_status & libc::TP_STATUS_VLAN_TPID_VALID != 0 {
                header.hv1.tp_vlan_tpid
            } else {
                0x8100
            };
            meta.vlan = Some(VlanTag {
                tpid,
                tci: header.hv1.tp_vlan_tci as u16,
            });
        }
        let truncated = header.tp_snaplen < header.tp_len || description.is_none();
        Some(RingFrame {
            octets,
            meta,
            truncated,
        })
    }

    /// Keeps the frame that [`next`](Self::next) gave last: it gives that again.
    #[cold]
    pub(super) fn keep(&mut self) {
        self.next = self.last;
        self.left += 1;
    }

    /// Gives the block back and takes the next, if it is full.
    fn advance(&mut self) -> Option<()> {
        loop {
            if self.held {
                self.status()?
                    .store(libc::TP_STATUS_KERNEL, Ordering::Release);
                self.held = false;
                self.block = (self.block + 1) % self.blocks;
            }
            if self.status()?.load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
                return None;
            }
            self.held = true;
            let start = self.block * BLOCK;
            let field = |offset| {
                let field: NonNull<u32> = self
                    .mapping
                    .at(start + offset, BLOCK_HEADER - offset)?
                    .cast();
                // SAFETY: inside the mapping, aligned, and written before the status was.
                Some(unsafe { field.read() })
            };
            self.left = field(PACKETS)?;
            self.next = start + field(FIRST)? as usize;
            // A block that was handed over by the timer alone may be empty.
            if self.left > 0 {
                return Some(());
            }
        }
    }

    /// The word by which kernel and process hand the block to each other.
    fn status(&self) -> Option<&AtomicU32> {
        let word = self.mapping.at(self.block * BLOCK + STATUS, 4)?;
        // SAFETY: inside the mapping, which lives as long as `self`; aligned, as blocks are; both
        // sides use the word atomically.
        Some(unsafe { AtomicU32::from_ptr(word.cast().as_ptr()) })
    }
}

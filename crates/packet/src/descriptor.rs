//! The descriptor of a buffer: what a [`Packet`](crate::Packet) points to.
//!
//! Descriptors lie apart from the octets, in one dense array, so that the hot lines of a batch fall
//! into different sets of the cache: inside 2 KiB frames they would all fall into two of them.

use alloc::alloc::{alloc, dealloc, handle_alloc_error};
use core::alloc::Layout;
use core::ptr::NonNull;

use crate::pool::PoolCore;
use crate::sync::AtomicU32;
use crate::{Class, Packet};

/// The octets of a frame may be reachable through another descriptor too.
pub(crate) const SHARED: u16 = 1 << 0;
/// `notes` holds values of this packet, not of the buffer's last use.
pub(crate) const NOTES: u16 = 1 << 1;
/// `timestamp` is set.
pub(crate) const TIMESTAMP: u16 = 1 << 2;
/// `trace` is set: somebody follows this packet through the graph.
pub(crate) const TRACE: u16 = 1 << 3;
/// The transport checksum is partial, see `checksum_start` and `checksum_offset`.
pub(crate) const CHECKSUM_PARTIAL: u16 = 1 << 4;
/// The transport checksum was verified by a device.
pub(crate) const CHECKSUM_VERIFIED: u16 = 1 << 5;
/// `vlan_tpid` and `vlan_tci` are set.
pub(crate) const VLAN: u16 = 1 << 6;
/// The packet is a super-segment, see `segment_size` and `segment_kind`.
pub(crate) const SEGMENTATION: u16 = 1 << 7;

/// The network header's source address is to be set where the packet leaves.
pub(crate) const FIX_SOURCE: u16 = 1 << 8;

/// What a packet's handle points to. The first cache line is all that a forwarding path touches.
#[repr(C, align(64))]
pub(crate) struct Descriptor {
    // Fixed for as long as the descriptor has its frame.
    pub(crate) base: NonNull<u8>,
    pub(crate) capacity: u32,
    pub(crate) class: Class,
    pub(crate) colour: u8,
    // Reset when the buffer is taken, see `reset`.
    pub(crate) flags: u16,
    pub(crate) offset: u32,
    pub(crate) len: u32,
    pub(crate) marks: Marks,

    // The second line: used by few packets.
    pub(crate) next: *mut Self,
    pub(crate) pool: *const PoolCore,
    /// The descriptor to which the frame belongs; null: to this one.
    pub(crate) owner: *mut Self,
    pub(crate) timestamp: u64,
    /// How many packets reach the frame; counted in the frame's own descriptor, and only once `SHARED`.
    pub(crate) references: AtomicU32,
    /// How many [`Shared`](crate::Shared) handles this descriptor has.
    pub(crate) holders: AtomicU32,
    pub(crate) trace: u32,
    pub(crate) vlan_tpid: u16,
    pub(crate) vlan_tci: u16,
    pub(crate) notes: [u8; 16],
}

/// The part of the first line that a new packet starts with zeroed.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub(crate) struct Marks {
    pub(crate) destination: [u8; 16],
    pub(crate) network: u16,
    pub(crate) transport: u16,
    pub(crate) flow_hash: u32,
    pub(crate) ingress: u16,
    /// One more than where the octets begin that were stripped off the front; 0 if none were.
    pub(crate) stripped: u16,
    pub(crate) checksum_start: u16,
    pub(crate) checksum_offset: u16,
    pub(crate) segment_size: u16,
    pub(crate) segment_kind: u8,
    pub(crate) paint: u8,
    pub(crate) link: u8,
    pub(crate) spare: [u8; 3],
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<Descriptor>() == 128 && size_of::<Marks>() == 40);

impl Descriptor {
    /// A descriptor of `capacity` octets at `base`.
    pub(crate) fn new(
        base: NonNull<u8>,
        capacity: u32,
        class: Class,
        colour: u8,
        pool: *const PoolCore,
    ) -> Self {
        Self {
            base,
            capacity,
            class,
            colour,
            flags: 0,
            offset: 0,
            len: 0,
            marks: Marks::default(),
            next: core::ptr::null_mut(),
            pool,
            owner: core::ptr::null_mut(),
            timestamp: 0,
            references: AtomicU32::new(0),
            holders: AtomicU32::new(0),
            trace: 0,
            vlan_tpid: 0,
            vlan_tci: 0,
            notes: [0; 16],
        }
    }

    /// Makes the descriptor that of a new, empty packet.
    #[inline(always)]
    pub(crate) fn reset(&mut self) {
        self.flags = 0;
        self.offset = self.first_offset();
        self.len = 0;
        self.marks = Marks::default();
    }

    /// Where the octets of a new packet begin.
    #[inline(always)]
    fn first_offset(&self) -> u32 {
        HEADROOM + u32::from(self.colour) * 64
    }

    /// The first octet of a new packet.
    ///
    /// # Safety
    /// The descriptor is not of [`Class::Clone`], which has no octets of its own.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub(crate) unsafe fn first_octet(&self) -> &u8 {
        // SAFETY: by the caller's promise there is a frame; each is longer than its headroom, and all its octets are initialised.
        unsafe { self.base.add(self.first_offset() as usize).as_ref() }
    }
}

/// Octets in front of a new packet. Enough for any tunnel's headers in front of an Ethernet frame.
pub(crate) const HEADROOM: u32 = 128;

/// Frames of the small class start at one of this many cache lines after the headroom, in turn, for
/// the reason for which descriptors lie apart: frames have the stride of a power of two.
pub(crate) const COLOURS: usize = 4;

/// Makes a buffer on the heap: the copy of last resort, and the packet of a test without a pool.
#[allow(unsafe_code)]
pub(crate) fn heap(capacity: usize) -> NonNull<Descriptor> {
    let capacity = capacity.min(Packet::CAPACITY_MAX) as u32;
    let layout = heap_layout(capacity);
    // SAFETY: the layout is not of size zero; the memory is checked, and both parts are written
    // before use: the descriptor here, the octets by zeroing them.
    unsafe {
        let memory = alloc(layout);
        let Some(memory) = NonNull::new(memory) else {
            handle_alloc_error(layout)
        };
        let octets = memory.add(size_of::<Descriptor>());
        octets.write_bytes(0, capacity as usize);
        let descriptor = memory.cast::<Descriptor>();
        descriptor.write(Descriptor::new(
            octets,
            capacity,
            Class::Heap,
            0,
            core::ptr::null(),
        ));
        descriptor
    }
}

/// Gives back what [`heap`] made.
///
/// # Safety
/// `descriptor` came from [`heap`], and nobody uses it any more.
#[allow(unsafe_code)]
pub(crate) unsafe fn heap_free(descriptor: NonNull<Descriptor>) {
    // SAFETY: by the caller's promise the descriptor is alive and its layout is that of `heap`.
    unsafe {
        let layout = heap_layout(descriptor.as_ref().capacity);
        dealloc(descriptor.cast().as_ptr(), layout);
    }
}

fn heap_layout(capacity: u32) -> Layout {
    let octets = size_of::<Descriptor>() + capacity as usize;
    Layout::from_size_align(octets, align_of::<Descriptor>())
        .expect("a packet's 256 KiB at most, and a descriptor, fit the address space")
}

//! The floor: how cheap batches through `dyn` elements can be with nothing else in the way.
//!
//! Raw pointers, no metadata, no statistics, no errors, no release of anything, one fixed chain. It does
//! the same to the same frames as the graphs beside it, and holds nothing that a graph promises.

use std::ptr;

use waypost::device::advise_huge_pages;

/// A buffer: where its octets begin and how many they are, and the octets.
#[repr(C, align(64))]
struct Buffer {
    start: u16,
    len: u16,
    hop: u16,
    octets: [u8; 2048 - 64],
}

/// Octets in front of a frame.
const HEADROOM: usize = 128;
const ETHERNET: usize = 14;

/// Room for so many, in pages like those of the graphs beside it.
fn in_huge_pages<T>(count: usize) -> Vec<T> {
    let mut room = Vec::with_capacity(count);
    // Where the kernel has none, neither have the graphs.
    let _ = advise_huge_pages(room.spare_capacity_mut());
    room
}

/// What elements hand to each other.
pub(crate) struct Buffers {
    count: usize,
    places: [*mut Buffer; 256],
    free: Vec<*mut Buffer>,
    /// What all the pointers point into.
    _memory: Box<[Buffer]>,
}

impl Buffers {
    fn new(count: usize) -> Self {
        let empty = || Buffer {
            start: 0,
            len: 0,
            hop: 0,
            octets: [0; 2048 - 64],
        };
        let mut memory = in_huge_pages(count);
        memory.extend((0..count).map(|_| empty()));
        let mut memory = memory.into_boxed_slice();
        Self {
            count: 0,
            places: [ptr::null_mut(); 256],
            free: memory.iter_mut().map(|it| it as *mut Buffer).collect(),
            _memory: memory,
        }
    }
}

/// One of the chain.
pub(crate) trait Step {
    fn push(&mut self, buffers: &mut Buffers);
}

/// Frames of 60 octets: not written, all the same, or each with the next of many IPv4 headers.
pub(crate) struct Source {
    pub(crate) batch: usize,
    pub(crate) frame: Vec<u8>,
    pub(crate) write: bool,
    pub(crate) headers: Vec<[u8; 20]>,
    pub(crate) next: usize,
}

impl Step for Source {
    fn push(&mut self, buffers: &mut Buffers) {
        for at in 0..self.batch {
            let Some(buffer) = buffers.free.pop() else {
                return;
            };
            // SAFETY: a buffer on the free list is nobody else's, and a frame fits behind the headroom.
            unsafe {
                (*buffer).start = HEADROOM as u16;
                (*buffer).len = self.frame.len() as u16;
                let octets = (&raw mut (*buffer).octets).cast::<u8>().add(HEADROOM);
                if self.write {
                    ptr::copy_nonoverlapping(self.frame.as_ptr(), octets, self.frame.len());
                }
                if let Some(header) = self.headers.get(self.next) {
                    ptr::copy_nonoverlapping(header.as_ptr(), octets, header.len());
                    self.next = (self.next + 1) % self.headers.len();
                }
            }
            buffers.places[at] = buffer;
        }
        buffers.count = self.batch;
    }
}

/// Counts packets and octets.
#[derive(Default)]
pub(crate) struct Counter {
    packets: u64,
    octets: u64,
}

impl Step for Counter {
    fn push(&mut self, buffers: &mut Buffers) {
        self.packets += buffers.count as u64;
        for &buffer in &buffers.places[..buffers.count] {
            // SAFETY: places below the count hold buffers of the source.
            self.octets += u64::from(unsafe { (*buffer).len });
        }
    }
}

/// Does nothing.
pub(crate) struct Null;

impl Step for Null {
    fn push(&mut self, _: &mut Buffers) {}
}

/// Frees the batch.
pub(crate) struct Discard;

impl Step for Discard {
    fn push(&mut self, buffers: &mut Buffers) {
        let count = std::mem::take(&mut buffers.count);
        buffers.free.extend_from_slice(&buffers.places[..count]);
    }
}

/// Keeps what begins with an IPv4 header without options whose checksum is right.
pub(crate) struct Check;

impl Step for Check {
    fn push(&mut self, buffers: &mut Buffers) {
        let mut kept = 0;
        for at in 0..buffers.count {
            let buffer = buffers.places[at];
            // SAFETY: as in `Counter`; the frame has more than 20 octets.
            let right = unsafe {
                let octets = (&raw const (*buffer).octets)
                    .cast::<u8>()
                    .add((*buffer).start as usize);
                let mut sum = 0_u32;
                for word in 0..10 {
                    sum += u32::from(octets.cast::<u16>().add(word).read_unaligned());
                }
                sum = (sum & 0xffff) + (sum >> 16);
                sum = (sum & 0xffff) + (sum >> 16);
                let total = u16::from_be_bytes([*octets.add(2), *octets.add(3)]);
                *octets == 0x45 && total <= (*buffer).len && sum == 0xffff
            };
            if right {
                buffers.places[kept] = buffer;
                kept += 1;
            }
        }
        buffers.count = kept;
    }
}

/// The next hop of the destination, from a table of 2²⁴ entries and, behind some of them, 256 more.
pub(crate) struct Lookup {
    pub(crate) first: Vec<u16>,
    pub(crate) second: Vec<u16>,
}

impl Lookup {
    /// The table of some routes (prefix, length, next hop), the shorter before the longer.
    pub(crate) fn new(routes: &[(u32, u8, u16)]) -> Self {
        let (mut first, mut second) = (in_huge_pages(1 << 24), Vec::new());
        first.resize(1 << 24, 0_u16);
        for &(prefix, length, hop) in routes {
            if length <= 24 {
                let from = (prefix >> 8) as usize;
                first[from..from + (1 << (24 - length))].fill(hop);
                continue;
            }
            let entry = &mut first[(prefix >> 8) as usize];
            if *entry & 0x8000 == 0 {
                let chunk = (second.len() / 256) as u16;
                second.extend([*entry; 256]);
                *entry = 0x8000 | chunk;
            }
            let from = usize::from(*entry & 0x7fff) * 256 + (prefix & 0xff) as usize;
            second[from..from + (1 << (32 - length))].fill(hop);
        }
        Self { first, second }
    }
}

impl Step for Lookup {
    fn push(&mut self, buffers: &mut Buffers) {
        let mut addresses = [0_u32; 256];
        for (&buffer, address) in buffers.places[..buffers.count].iter().zip(&mut addresses) {
            // SAFETY: as in `Check`.
            *address = unsafe {
                let octets = (&raw const (*buffer).octets)
                    .cast::<u8>()
                    .add((*buffer).start as usize);
                u32::from_be(octets.add(16).cast::<u32>().read_unaligned())
            };
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a prefetch reads nothing that could fail.
            unsafe {
                use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
                _mm_prefetch::<_MM_HINT_T0>(
                    self.first
                        .as_ptr()
                        .wrapping_add((*address >> 8) as usize)
                        .cast(),
                );
            }
        }
        for (&buffer, address) in buffers.places[..buffers.count].iter().zip(addresses) {
            let mut hop = self.first[(address >> 8) as usize];
            if hop & 0x8000 != 0 {
                hop = self.second[usize::from(hop & 0x7fff) * 256 + (address & 0xff) as usize];
            }
            // SAFETY: as in `Counter`.
            unsafe { (*buffer).hop = hop };
        }
    }
}

/// One hop less to go.
pub(crate) struct DecTtl;

impl Step for DecTtl {
    fn push(&mut self, buffers: &mut Buffers) {
        for &buffer in &buffers.places[..buffers.count] {
            // SAFETY: as in `Check`.
            unsafe {
                let octets = (&raw mut (*buffer).octets)
                    .cast::<u8>()
                    .add((*buffer).start as usize);
                *octets.add(8) = (*octets.add(8)).wrapping_sub(1);
                let sum = octets.add(10).cast::<u16>();
                let more = u32::from(u16::from_be(sum.read_unaligned())) + 0x100;
                sum.write_unaligned(((more + (more >> 16)) as u16).to_be());
            }
        }
    }
}

/// An Ethernet header in front, after the next hop.
pub(crate) struct Encap {
    pub(crate) headers: Vec<[u8; ETHERNET]>,
}

impl Step for Encap {
    fn push(&mut self, buffers: &mut Buffers) {
        for &buffer in &buffers.places[..buffers.count] {
            // SAFETY: as in `Check`; the headroom has the room.
            unsafe {
                let header = &self.headers[usize::from((*buffer).hop) % self.headers.len()];
                (*buffer).start -= ETHERNET as u16;
                (*buffer).len += ETHERNET as u16;
                let octets = (&raw mut (*buffer).octets)
                    .cast::<u8>()
                    .add((*buffer).start as usize);
                ptr::copy_nonoverlapping(header.as_ptr(), octets, ETHERNET);
            }
        }
    }
}

/// A chain of steps over buffers of their own.
pub(crate) struct Chain {
    steps: Vec<Box<dyn Step>>,
    buffers: Buffers,
}

impl Chain {
    pub(crate) fn new(steps: Vec<Box<dyn Step>>) -> Self {
        Self {
            steps,
            buffers: Buffers::new(4096),
        }
    }

    /// Moves one batch from the first step to the last.
    pub(crate) fn round(&mut self) {
        for step in &mut self.steps {
            step.push(&mut self.buffers);
        }
    }
}

//! What a look-up cannot undercut by much: one read from one array of 64 MiB.

use std::hint::black_box;
use std::net::Ipv4Addr;

use waypost_wire::prefetch_index;

const BITS: u32 = 24;

/// 2²⁴ numbers: the first table of DIR-24-8 with nothing behind it.
pub(super) struct Array(Vec<u32>);

impl Array {
    pub(super) fn new() -> Self {
        Self((0..1 << BITS).collect())
    }

    /// Reads at the first 24 bits of each address, all reads of a batch at once.
    pub(super) fn read<const N: usize>(&self, addrs: &[Ipv4Addr]) {
        let place = |addr: &Ipv4Addr| (addr.to_bits() >> (32 - BITS)) as usize;
        let mut found = [0; N];
        for batch in addrs.chunks(N) {
            for addr in batch {
                prefetch_index(&self.0, place(addr));
            }
            for (addr, found) in batch.iter().zip(&mut found) {
                *found = self.0[place(addr)];
            }
            black_box(&found);
        }
    }
}

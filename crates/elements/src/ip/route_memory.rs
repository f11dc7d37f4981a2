//! Where the routes of an element lie: in huge pages once there are many.

use std::sync::atomic::AtomicU32;

use waypost_device::{MappedWords, WordMemory};
use waypost_ip::fib::{Fib, FibAddr, FibFull, FibLimits, SEGMENT_WORDS, Segment, Segments};

/// Memory for a [`Fib`] that a data plane looks up in: the processor finds any entry of a full table without a walk through
/// the page table. A small table lies in the allocator's memory.
#[derive(Debug, Default)]
pub struct RouteMemory(WordMemory<SEGMENT_WORDS>);

/// A piece of it.
#[derive(Clone, Debug)]
pub struct RouteSegment(MappedWords<SEGMENT_WORDS>);

impl RouteMemory {
    /// An empty table in such memory.
    ///
    /// # Errors
    /// [`FibFull::Memory`]: there is no memory to be had.
    pub fn table<A: FibAddr>(limits: FibLimits) -> Result<Fib<A, Self>, FibFull> {
        Fib::over(Self::default(), limits)
    }
}

impl Segments for RouteMemory {
    type Segment = RouteSegment;

    fn segment(&mut self) -> Option<RouteSegment> {
        self.0.row().ok().map(RouteSegment)
    }
}

impl Segment for RouteSegment {
    #[inline(always)]
    fn words(&self) -> &[AtomicU32; SEGMENT_WORDS] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use waypost_ip::fib::NextHop;
    use waypost_wire::Prefix;

    #[test]
    fn a_table_grows_over_several_pages() {
        let mut fib = RouteMemory::table::<Ipv4Addr>(FibLimits::default()).unwrap();
        for n in 0..5000u32 {
            let network = Ipv4Addr::from_bits(n << 14 | 0x80);
            let hop = NextHop::new(n).unwrap();
            fib.insert(Prefix::new(network, 25).unwrap(), hop).unwrap();
        }
        let reader = fib.reader();
        for n in 0..5000 {
            let found = reader.lookup(Ipv4Addr::from_bits(n << 14 | 0x81));
            assert_eq!(found, NextHop::new(n));
        }
        assert!(fib.bytes() > 4 << 20);
    }
}

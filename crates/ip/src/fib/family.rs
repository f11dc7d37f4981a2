//! What differs between the versions: the form of a chunk, and with it the look-up.

use core::net::{Ipv4Addr, Ipv6Addr};

use waypost_wire::Ip;

use super::segment::Segment;
use super::{NextHop, dense, ranked};

/// A version of IP that a [`Fib`](super::Fib) can be for: both.
pub trait FibAddr: Ip {
    /// Whether chunks keep runs of equal entries once.
    #[doc(hidden)]
    const RANKED: bool;

    /// How many pages of 2 KiB a small table may take.
    #[doc(hidden)]
    const PAGES: usize;

    #[doc(hidden)]
    fn from_first_octets(octets: [u8; 16]) -> Self;

    #[doc(hidden)]
    fn lookup<S: Segment>(view: &[S], addr: Self) -> Option<NextHop>;

    #[doc(hidden)]
    fn lookup_batch<S: Segment>(view: &[S], addrs: &[Self], hops: &mut [Option<NextHop>]);
}

impl FibAddr for Ipv4Addr {
    const RANKED: bool = false;
    /// As much as the top of a large table: a route outside of all others takes up to three chunks of 1 KiB.
    const PAGES: usize = 128;

    fn from_first_octets([a, b, c, d, ..]: [u8; 16]) -> Self {
        Self::new(a, b, c, d)
    }

    #[inline]
    fn lookup<S: Segment>(view: &[S], addr: Self) -> Option<NextHop> {
        dense::lookup(view, addr)
    }

    #[inline]
    fn lookup_batch<S: Segment>(view: &[S], addrs: &[Self], hops: &mut [Option<NextHop>]) {
        dense::lookup_batch(view, addrs, hops);
    }
}

impl FibAddr for Ipv6Addr {
    const RANKED: bool = true;
    /// Some hundred routes: for more, a large table takes a step or two less.
    const PAGES: usize = 32;

    fn from_first_octets(octets: [u8; 16]) -> Self {
        Self::from_octets(octets)
    }

    #[inline]
    fn lookup<S: Segment>(view: &[S], addr: Self) -> Option<NextHop> {
        ranked::lookup(view, addr)
    }

    #[inline]
    fn lookup_batch<S: Segment>(view: &[S], addrs: &[Self], hops: &mut [Option<NextHop>]) {
        ranked::lookup_batch(view, addrs, hops);
    }
}

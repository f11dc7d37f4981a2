//! Routes like those of the Internet, and addresses to ask for.

#[path = "../../../crates/ip/tests/bgp/mod.rs"]
mod bgp;

use std::cell::OnceCell;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Deref;
use std::rc::Rc;

use waypost_ip::fib::FibAddr;
use waypost_wire::{Ipv4Prefix, Ipv6Prefix, Prefix};

pub(super) use bgp::Random;

/// How many different next hops there are.
pub(super) const HOPS: u32 = 1000;
/// How many addresses of one kind there are.
const ADDRS: usize = 1 << 18;
/// How many of them are hot.
pub(super) const HOT: usize = 4096;

/// A prefix and the number of its next hop.
pub(super) type Route<A> = (Prefix<A>, u32);

/// A version of IP, as far as making up routes and addresses goes.
pub(super) trait Routed: FibAddr {
    /// Routes that cover much, which no made-up table has.
    const WIDE: [&str; 2];

    fn prefixes(count: usize) -> Vec<Prefix<Self>>;

    /// Any address, for IPv6 one of 2000::/3, where most lie in no route.
    fn any(random: &mut Random) -> Self;

    fn within(prefix: Prefix<Self>, random: &mut Random) -> Self;
}

impl Routed for Ipv4Addr {
    const WIDE: [&str; 2] = ["100.0.0.0/8", "0.0.0.0/0"];

    fn prefixes(count: usize) -> Vec<Ipv4Prefix> {
        bgp::prefixes(count)
    }

    fn any(random: &mut Random) -> Self {
        random.addr()
    }

    fn within(prefix: Ipv4Prefix, random: &mut Random) -> Self {
        let mask = prefix.network().to_bits() ^ prefix.last().to_bits();
        Self::from_bits(prefix.network().to_bits() | random.addr().to_bits() & mask)
    }
}

impl Routed for Ipv6Addr {
    const WIDE: [&str; 2] = ["2a00::/8", "::/0"];

    fn prefixes(count: usize) -> Vec<Ipv6Prefix> {
        bgp::prefixes6(count)
    }

    fn any(random: &mut Random) -> Self {
        Self::from_bits(1 << 125 | random.addr6().to_bits() >> 3)
    }

    fn within(prefix: Ipv6Prefix, random: &mut Random) -> Self {
        bgp::within6(prefix, random)
    }
}

/// So many routes, in no order, each with one of [`HOPS`]; made up when they are first needed.
pub(super) struct Routes<A: Routed> {
    count: usize,
    made: OnceCell<Rc<[Route<A>]>>,
}

impl<A: Routed> Routes<A> {
    pub(super) fn new(count: usize) -> Self {
        Self {
            count,
            made: OnceCell::new(),
        }
    }

    /// How many they are.
    pub(super) fn count(&self) -> usize {
        self.count
    }
}

impl<A: Routed> Deref for Routes<A> {
    type Target = Rc<[Route<A>]>;

    fn deref(&self) -> &Self::Target {
        self.made.get_or_init(|| {
            let hops = (0..HOPS).cycle();
            A::prefixes(self.count).into_iter().zip(hops).collect()
        })
    }
}

/// Addresses of one kind, to be asked for again and again.
#[derive(Clone)]
pub(super) struct Addrs<A> {
    pub(super) kind: &'static str,
    pub(super) addrs: Rc<[A]>,
}

/// All kinds of addresses.
pub(super) fn addrs<A: Routed>(routes: &[Route<A>]) -> [Addrs<A>; 3] {
    let mut random = Random::new(7);
    let uniform = (0..ADDRS).map(|_| A::any(&mut random)).collect();
    let mut within = || {
        let (prefix, _) = routes[random.below(routes.len() as u64) as usize];
        A::within(prefix, &mut random)
    };
    let inside: Rc<[A]> = (0..ADDRS).map(|_| within()).collect();
    let hot = inside[..HOT].into();
    [
        ("uniform", uniform),
        ("in prefixes", inside),
        ("4096 hot", hot),
    ]
    .map(|(kind, addrs)| Addrs { kind, addrs })
}

/// The prefix that a text says.
pub(super) fn prefix<A: Routed>(text: &str) -> Result<Prefix<A>, String>
where
    Prefix<A>: std::str::FromStr,
{
    text.parse().map_err(|_| format!("`{text}` is no prefix"))
}

//! The forwarding table and its peers, seen alike.

use std::net::{Ipv4Addr, Ipv6Addr};

use ip_network_table_deps_treebitmap::IpLookupTable;
use poptrie::Poptrie;
use prefix_trie::PrefixMap;
use waypost_ip::fib::{Fib, FibAddr, FibFull, FibLimits, FibReader, Heap, NextHop, Segments};
use waypost_wire::Prefix;

use super::routes::Route;

/// How many changes a worker lives through with the same reader.
const READER_RENEWED: u32 = 256;

/// A table of next hops by prefix.
pub(super) trait Table<A: FibAddr>: Sized + 'static {
    const NAME: &'static str;

    /// The whole table in one go.
    fn build(routes: &[Route<A>]) -> Result<Self, String>;

    /// The next hop of the longest prefix that holds an address.
    fn find(&self, addr: A) -> Option<u32>;

    /// A route comes, or its next hop changes.
    fn announce(&mut self, prefix: Prefix<A>, hop: u32) -> Result<(), String>;

    /// A route goes.
    fn withdraw(&mut self, prefix: Prefix<A>) -> Result<(), String>;
}

/// Ours, with a worker's reader, which is renewed now and then.
pub(super) struct Ours<A: FibAddr, M: Segments = Heap> {
    pub(super) fib: Fib<A, M>,
    pub(super) reader: FibReader<A, M::Segment>,
    changes: u32,
}

impl<A: FibAddr, M: Segments> Ours<A, M> {
    /// Makes a change, for which the worker gets a new reader if it needs what the old one holds.
    fn change(
        &mut self,
        make: impl Fn(&mut Fib<A, M>) -> Result<Option<NextHop>, FibFull>,
    ) -> Result<(), String> {
        let mut made = make(&mut self.fib);
        if made == Err(FibFull::Readers) {
            self.reader = self.fib.reader();
            made = make(&mut self.fib);
        }
        self.changes += 1;
        if self.changes.is_multiple_of(READER_RENEWED) {
            self.reader = self.fib.reader();
        }
        made.map(drop).map_err(|full| full.to_string())
    }
}

/// The next hop of a number.
pub(super) fn next_hop(hop: u32) -> Result<NextHop, String> {
    NextHop::new(hop).ok_or_else(|| format!("{hop} is too great for a next hop"))
}

impl<A: FibAddr, M: Segments + Default + 'static> Table<A> for Ours<A, M> {
    const NAME: &'static str = "waypost";

    fn build(routes: &[Route<A>]) -> Result<Self, String> {
        let mut fib =
            Fib::over(M::default(), FibLimits::default()).map_err(|full| full.to_string())?;
        for &(prefix, hop) in routes {
            fib.insert(prefix, next_hop(hop)?)
                .map_err(|full| full.to_string())?;
        }
        let reader = fib.reader();
        Ok(Self {
            fib,
            reader,
            changes: 0,
        })
    }

    #[inline]
    fn find(&self, addr: A) -> Option<u32> {
        self.reader.lookup(addr).map(NextHop::index)
    }

    fn announce(&mut self, prefix: Prefix<A>, hop: u32) -> Result<(), String> {
        let hop = next_hop(hop)?;
        self.change(|fib| fib.insert(prefix, hop))
    }

    fn withdraw(&mut self, prefix: Prefix<A>) -> Result<(), String> {
        self.change(|fib| fib.remove(prefix))
    }
}

/// The peers of one version, whose keys are of different types.
pub(super) trait Peers: FibAddr {
    type Trie: Table<Self>;
    type Poptrie: Table<Self>;
    type Bitmap: Table<Self>;

    /// The names of ours and of the peers.
    const TABLES: [&str; 4] = [
        Ours::<Self>::NAME,
        Self::Trie::NAME,
        Self::Poptrie::NAME,
        Self::Bitmap::NAME,
    ];
}

macro_rules! peers {
    ($addr:ty, $bits:ty) => {
        impl Table<$addr> for PrefixMap<($bits, u8), u32> {
            const NAME: &'static str = "prefix-trie";

            fn build(routes: &[Route<$addr>]) -> Result<Self, String> {
                let key = |prefix: Prefix<$addr>| (prefix.network().to_bits(), prefix.length());
                Ok(routes
                    .iter()
                    .map(|&(prefix, hop)| (key(prefix), hop))
                    .collect())
            }

            #[inline]
            fn find(&self, addr: $addr) -> Option<u32> {
                let found = self.get_lpm(&(addr.to_bits(), <$bits>::BITS as u8));
                found.map(|(_, hop)| *hop)
            }

            fn announce(&mut self, prefix: Prefix<$addr>, hop: u32) -> Result<(), String> {
                self.insert((prefix.network().to_bits(), prefix.length()), hop);
                Ok(())
            }

            fn withdraw(&mut self, prefix: Prefix<$addr>) -> Result<(), String> {
                self.remove(&(prefix.network().to_bits(), prefix.length()));
                Ok(())
            }
        }

        impl Table<$addr> for Poptrie<($addr, u8), u32> {
            const NAME: &'static str = "poptrie";

            fn build(routes: &[Route<$addr>]) -> Result<Self, String> {
                let key = |prefix: Prefix<$addr>| (prefix.network(), prefix.length());
                Ok(routes
                    .iter()
                    .map(|&(prefix, hop)| (key(prefix), hop))
                    .collect())
            }

            #[inline]
            fn find(&self, addr: $addr) -> Option<u32> {
                self.lookup(addr).copied()
            }

            fn announce(&mut self, prefix: Prefix<$addr>, hop: u32) -> Result<(), String> {
                self.insert((prefix.network(), prefix.length()), hop);
                Ok(())
            }

            fn withdraw(&mut self, prefix: Prefix<$addr>) -> Result<(), String> {
                self.remove((prefix.network(), prefix.length()));
                Ok(())
            }
        }

        impl Table<$addr> for IpLookupTable<$addr, u32> {
            const NAME: &'static str = "treebitmap";

            fn build(routes: &[Route<$addr>]) -> Result<Self, String> {
                let mut table = Self::new();
                for &(prefix, hop) in routes {
                    table.insert(prefix.network(), prefix.length().into(), hop);
                }
                Ok(table)
            }

            #[inline]
            fn find(&self, addr: $addr) -> Option<u32> {
                self.longest_match(addr).map(|(_, _, hop)| *hop)
            }

            fn announce(&mut self, prefix: Prefix<$addr>, hop: u32) -> Result<(), String> {
                self.insert(prefix.network(), prefix.length().into(), hop);
                Ok(())
            }

            fn withdraw(&mut self, prefix: Prefix<$addr>) -> Result<(), String> {
                self.remove(prefix.network(), prefix.length().into());
                Ok(())
            }
        }

        impl Peers for $addr {
            type Trie = PrefixMap<($bits, u8), u32>;
            type Poptrie = Poptrie<($addr, u8), u32>;
            type Bitmap = IpLookupTable<$addr, u32>;
        }
    };
}

peers!(Ipv4Addr, u32);
peers!(Ipv6Addr, u128);

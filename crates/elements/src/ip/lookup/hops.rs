//! The next hops of routes, numbered.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use waypost_ip::fib::NextHop;

/// Where a route leads: the gateway, if any, and the output.
pub(super) type Hop = (Option<Ipv4Addr>, u8);

/// Next hops, as many as routes lead to.
#[derive(Debug, Default)]
pub(super) struct Hops {
    all: Vec<Hop>,
    known: HashMap<Hop, NextHop>,
    /// How many routes lead to each of `all`, and those to which none does any more.
    routes: Vec<u32>,
    unused: Vec<NextHop>,
}

impl Hops {
    #[inline]
    pub(super) fn find(&self, next: NextHop) -> Option<Hop> {
        self.all.get(next.index() as usize).copied()
    }

    /// The number of a next hop, for one more route.
    pub(super) fn acquire(&mut self, hop: Hop) -> Result<NextHop, String> {
        let known = self.known.get(&hop).copied();
        let next = match known.or_else(|| self.unused.pop()) {
            Some(next) => next,
            None => {
                let next =
                    NextHop::new(self.all.len() as u32).ok_or("too many different next hops")?;
                self.all.push(hop);
                self.routes.push(0);
                next
            }
        };
        let at = next.index() as usize;
        self.all[at] = hop;
        self.routes[at] += 1;
        self.known.insert(hop, next);
        Ok(next)
    }

    /// A route less leads to a next hop.
    pub(super) fn release(&mut self, next: NextHop) {
        let Some(routes) = self.routes.get_mut(next.index() as usize) else {
            return;
        };
        *routes -= 1;
        if *routes == 0 {
            self.known.remove(&self.all[next.index() as usize]);
            self.unused.push(next);
        }
    }

    #[cfg(test)]
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.all.len(), self.known.len())
    }
}

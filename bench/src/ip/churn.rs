//! Changes as BGP brings them: routes change their next hop, go, and come back.

use std::rc::Rc;

use waypost_ip::fib::FibAddr;
use waypost_wire::Prefix;

use super::routes::{HOPS, Random, Route, Routed};

/// One route in so many flaps, and has half of all changes.
const FLAPPING: usize = 128;

/// What happens to a route.
#[derive(Clone, Copy)]
pub(super) enum Change<A: FibAddr> {
    Announced(Prefix<A>, u32),
    Withdrawn(Prefix<A>),
}

/// An endless sequence of changes, always the same, and what the table has after them.
pub(super) struct Churn<A: FibAddr> {
    routes: Rc<[Route<A>]>,
    /// The next hop of each now.
    hops: Vec<Option<u32>>,
    random: Random,
}

impl<A: Routed> Churn<A> {
    /// Changes of a table that has all the routes.
    pub(super) fn new(routes: &Rc<[Route<A>]>) -> Self {
        Self {
            routes: routes.clone(),
            hops: routes.iter().map(|&(_, hop)| Some(hop)).collect(),
            random: Random::new(11),
        }
    }

    /// The next change: of a route that is there, one in four times that it goes.
    pub(super) fn next(&mut self) -> Change<A> {
        let mut at = self.random.below(self.routes.len() as u64) as usize;
        if self.random.below(2) == 0 {
            at -= at % FLAPPING;
        }
        let (prefix, _) = self.routes[at];
        let hop = &mut self.hops[at];
        let other = self.random.below(HOPS.into()) as u32;
        if hop.is_some() && self.random.below(4) == 0 {
            *hop = None;
            return Change::Withdrawn(prefix);
        }
        *hop = Some(other);
        Change::Announced(prefix, other)
    }

    /// What the table has now.
    pub(super) fn routes(&self) -> Vec<Route<A>> {
        let both = self.routes.iter().zip(&self.hops);
        both.filter_map(|(&(prefix, _), hop)| Some((prefix, (*hop)?)))
            .collect()
    }
}

//! The routes of an element: changes are accepted or refused when they are asked for, and made in slices, in that order.

use std::net::Ipv4Addr;

use waypost_ip::fib::{Fib, FibFull, FibLimits, NextHop, SEGMENT_BYTES, Segments};
use waypost_wire::Ipv4Prefix;

use super::hops::{Hop, Hops};
use super::queue::Queue;
use crate::ip::RouteMemory;

/// How many accepted changes may wait for those before them.
const WAITING_MAX: usize = 1 << 16;
/// The most that one more route takes of a large table's memory: a chunk for the third octet, and one for the fourth.
const ROUTE_BYTES: usize = 2 << 10;
/// Entries that are looked at before the rest of a slice is counted.
const STRIDE: usize = 32;
/// As many entries as it takes to look at in the time that a change takes beside those that it touches.
const CHANGE: usize = 64;

/// What is asked of a table.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    /// A route for a prefix that has none.
    Add(Ipv4Prefix, Hop),
    /// A route, in place of that of its prefix.
    Set(Ipv4Prefix, Hop),
    /// No route for a prefix that has one; this one, if it is said.
    Remove(Ipv4Prefix, Option<Hop>),
}

/// Routes, and changes that were accepted but do not show in all look-ups yet.
///
/// Whether a change is accepted hangs on the changes before it alone, never on how far they are done: the copies of an element
/// on several workers agree.
#[derive(Debug)]
pub(super) struct RouteTable<M: Segments = RouteMemory> {
    fib: Fib<Ipv4Addr, M>,
    limits: FibLimits,
    hops: Hops,
    queue: Queue,
    /// The change that is being made, if one is: the next hop whose number it gives back.
    making: Option<Option<NextHop>>,
    /// How many routes there are once all changes are made.
    len: usize,
}

impl<M: Segments> RouteTable<M> {
    /// A table without routes, in this memory.
    ///
    /// # Errors
    /// [`FibFull::Memory`]: there is none.
    pub(super) fn new(memory: M, limits: FibLimits) -> Result<Self, FibFull> {
        Ok(Self {
            fib: Fib::over(memory, limits)?,
            limits,
            hops: Hops::default(),
            queue: Queue::default(),
            making: None,
            len: 0,
        })
    }

    /// Looks up `addresses` into `hops`, as far as changes are made.
    #[inline]
    pub(super) fn lookup_batch(&self, addresses: &[Ipv4Addr], hops: &mut [Option<NextHop>]) {
        self.fib.lookup_batch(addresses, hops);
    }

    /// Where the number leads that a look-up has found.
    #[inline]
    pub(super) fn hop(&self, next: NextHop) -> Option<Hop> {
        self.hops.find(next)
    }

    /// The route of the longest prefix that holds an address, all accepted changes made.
    pub(super) fn find(&self, address: Ipv4Addr) -> Option<Hop> {
        let shorter = |prefix: &Ipv4Prefix| prefix.parent();
        let mut prefixes = std::iter::successors(Some(Ipv4Prefix::host(address)), shorter);
        self.hop(prefixes.find_map(|prefix| self.route(prefix))?)
    }

    /// Calls `visit` with every route, all accepted changes made, in no order to rely on.
    pub(super) fn for_each(&self, mut visit: impl FnMut(Ipv4Prefix, Hop)) {
        let mut show = |prefix, next| {
            if let Some(hop) = self.hop(next) {
                visit(prefix, hop);
            }
        };
        self.fib.for_each(|prefix, next| {
            if self.queue.find(prefix).is_none() {
                show(prefix, next);
            }
        });
        for (prefix, next) in self.queue.last_of_each() {
            if let Some(next) = next {
                show(prefix, next);
            }
        }
    }

    /// How many accepted changes do not show in all look-ups yet.
    pub(super) fn pending(&self) -> usize {
        self.queue.len() + usize::from(self.making.is_some())
    }

    /// Accepts these changes in this order, or none of them, and leaves them to [`advance`](Self::advance).
    ///
    /// Where it is not certain that there is room for them, makes all that were accepted before, then these, to see.
    ///
    /// # Errors
    /// One cannot be made, in words; of these nothing is changed.
    pub(super) fn accept(&mut self, changes: &[Change]) -> Result<(), String> {
        match self.is_certain(changes.len()) {
            true => self.enqueue_all(changes),
            false => self.make(changes),
        }
    }

    /// Makes all that were accepted before, then these changes in this order, or none of them.
    ///
    /// # Errors
    /// As [`accept`](Self::accept); also where the system has no memory now.
    pub(super) fn make(&mut self, changes: &[Change]) -> Result<(), String> {
        self.finish().map_err(|full| full.to_string())?;
        self.enqueue_all(changes)?;
        self.make_all_or_none().map_err(|full| full.to_string())
    }

    /// Goes on with the changes, looking at no more entries than there are in `left`, which it counts down by about as many as it
    /// has looked at; returns whether all are made.
    ///
    /// # Errors
    /// [`FibFull::Memory`]: the system has no memory for a change; it is tried again when this is called again.
    pub(super) fn advance(&mut self, left: &mut usize) -> Result<bool, FibFull> {
        loop {
            while let Some(replaced) = self.making {
                if *left == 0 {
                    return Ok(false);
                }
                let done = self.fib.work(STRIDE.min(*left));
                *left = left.saturating_sub(STRIDE);
                if done {
                    self.making = None;
                    replaced.inspect(|&next| self.hops.release(next));
                }
            }
            if self.queue.len() == 0 {
                return Ok(true);
            }
            if *left == 0 {
                return Ok(false);
            }
            *left = left.saturating_sub(CHANGE);
            self.begin()?;
        }
    }

    /// Makes all changes that were accepted.
    ///
    /// # Errors
    /// As [`advance`](Self::advance).
    pub(super) fn finish(&mut self) -> Result<(), FibFull> {
        let mut left = usize::MAX;
        self.advance(&mut left).map(drop)
    }

    /// Whether so many more changes will find room, whatever they and those before them are.
    ///
    /// What counts is the room that a large table has. A small one takes up to three chunks for a route, one for the second octet too,
    /// but where it has no room for them it becomes large, whose top has the second octets: then it has its other chunks, and two for
    /// each route that has come since, at most.
    fn is_certain(&self, more: usize) -> bool {
        let waiting = self.queue.len() + more;
        // The first two segments are the table's top.
        let room = self.limits.segments.saturating_sub(2) * SEGMENT_BYTES;
        waiting <= WAITING_MAX && self.fib.chunk_bytes() + waiting * ROUTE_BYTES <= room
    }

    /// Whether a prefix has a route, all accepted changes made.
    pub(super) fn has_route(&self, prefix: Ipv4Prefix) -> bool {
        self.route(prefix).is_some()
    }

    /// What a prefix leads to, all accepted changes made.
    fn route(&self, prefix: Ipv4Prefix) -> Option<NextHop> {
        let queued = self.queue.find(prefix);
        queued.unwrap_or_else(|| self.fib.route(prefix))
    }

    /// Puts these changes behind those that wait, or none of them.
    fn enqueue_all(&mut self, changes: &[Change]) -> Result<(), String> {
        let waiting = self.queue.len();
        for change in changes {
            if let Err(why) = self.enqueue(*change) {
                self.take_back(waiting);
                return Err(why);
            }
        }
        Ok(())
    }

    fn enqueue(&mut self, change: Change) -> Result<(), String> {
        let target = match change {
            Change::Add(prefix, hop) | Change::Set(prefix, hop) => {
                let before = self.route(prefix);
                if let (Change::Add(..), Some(before)) =
                    (change, before.and_then(|it| self.hop(it)))
                {
                    let route = show(before, " ");
                    return Err(format!("conflict with existing route `{prefix} {route}`"));
                }
                let is_new = before.is_none();
                if is_new && self.len >= self.limits.routes {
                    return Err(FibFull::Routes.to_string());
                }
                let next = self.hops.acquire(hop)?;
                if before == Some(next) {
                    self.hops.release(next);
                    return Ok(());
                }
                self.len += usize::from(is_new);
                (prefix, Some(next))
            }
            Change::Remove(prefix, expected) => {
                let found = self.route(prefix).and_then(|next| self.hop(next));
                if found.is_none() || expected.is_some() && found != expected {
                    let which = expected.map(|hop| format!(" {}", show(hop, " ")));
                    return Err(format!(
                        "no route for {prefix}{}",
                        which.unwrap_or_default()
                    ));
                }
                self.len -= 1;
                (prefix, None)
            }
        };
        self.queue.push(target);
        Ok(())
    }

    /// Takes back what was accepted last, all but so many changes.
    fn take_back(&mut self, waiting: usize) {
        while self.queue.len() > waiting {
            let Some((prefix, hop)) = self.queue.pop_back() else {
                return;
            };
            match (self.route(prefix), hop) {
                (None, Some(_)) => self.len -= 1,
                (Some(_), None) => self.len += 1,
                _ => {}
            }
            hop.inspect(|&next| self.hops.release(next));
        }
    }

    /// Begins the change that is next; the one before it is made.
    fn begin(&mut self) -> Result<(), FibFull> {
        let Some((prefix, hop)) = self.queue.front() else {
            return Ok(());
        };
        let replaced = match hop {
            Some(next) => self.fib.begin_insert(prefix, next)?,
            None => self.fib.begin_remove(prefix)?,
        };
        self.queue.pop_front();
        self.making = Some(replaced);
        Ok(())
    }

    /// Makes all changes that wait; if there is no room for one, none.
    fn make_all_or_none(&mut self) -> Result<(), FibFull> {
        let mut undo = Vec::new();
        while let Some((prefix, _)) = self.queue.front() {
            let before = self.fib.route(prefix).and_then(|next| self.hop(next));
            if let Err(full) = self.make_one() {
                self.take_back(0);
                self.undo(undo);
                return Err(full);
            }
            undo.push(match before {
                Some(hop) => Change::Set(prefix, hop),
                None => Change::Remove(prefix, None),
            });
        }
        Ok(())
    }

    fn make_one(&mut self) -> Result<(), FibFull> {
        self.begin()?;
        self.fib.work(usize::MAX);
        if let Some(next) = self.making.take().flatten() {
            self.hops.release(next);
        }
        Ok(())
    }

    /// Makes these changes, the last first. None fails: what was there has room, and a route of IPv4 can always be removed.
    fn undo(&mut self, changes: Vec<Change>) {
        for change in changes.into_iter().rev() {
            let done = self
                .enqueue(change)
                .and_then(|()| self.make_one().map_err(|full| full.to_string()));
            debug_assert_eq!(done, Ok(()));
        }
    }
}

/// A next hop as handlers say it: the gateway, what parts them, and the output.
pub(super) fn show((gateway, output): Hop, between: &str) -> String {
    let gateway = gateway.map_or_else(|| "-".to_owned(), |it| it.to_string());
    format!("{gateway}{between}{output}")
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeMap;
    use std::rc::Rc;

    use waypost_ip::fib::{Heap, HeapSegment};

    use super::*;

    fn prefix(text: &str) -> Ipv4Prefix {
        text.parse().unwrap()
    }

    fn set(text: &str, output: u8) -> Change {
        Change::Set(prefix(text), (None, output))
    }

    fn table(segments: usize) -> RouteTable<Heap> {
        let limits = FibLimits {
            segments,
            ..FibLimits::default()
        };
        RouteTable::new(Heap, limits).unwrap()
    }

    /// What packets to an address meet now.
    fn looked_up<M: Segments>(table: &RouteTable<M>, address: Ipv4Addr) -> Option<Hop> {
        let mut hops = [None];
        table.lookup_batch(&[address], &mut hops);
        hops[0].and_then(|next| table.hop(next))
    }

    fn routes<M: Segments>(table: &RouteTable<M>) -> BTreeMap<Ipv4Prefix, Hop> {
        let mut routes = BTreeMap::new();
        table.for_each(|prefix, hop| assert_eq!(routes.insert(prefix, hop), None, "{prefix}"));
        routes
    }

    /// Numbers that look random.
    fn random(state: &mut u64) -> u32 {
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (*state >> 33) as u32
    }

    /// One of three addresses far apart in one of 256 blocks.
    fn place(block: u32, which: u32) -> Ipv4Addr {
        Ipv4Addr::new(block as u8, 0, 0, 64 * which as u8)
    }

    /// Few prefixes, so that they meet again, of all lengths, in more chunks than there is memory for.
    fn any_change(state: &mut u64) -> Change {
        let length = [0, 1, 8, 12, 16, 17, 24, 25, 30, 32][random(state) as usize % 10];
        let address = place(random(state) % 100, random(state) % 3);
        let prefix = Ipv4Prefix::new_truncated(address, length).unwrap();
        let gateway = Ipv4Addr::from_bits(random(state) % 4);
        let hop = (Some(gateway), random(state) as u8 % 2);
        match random(state) % 30 {
            0 => Change::Remove(prefix, Some(hop)),
            1 => Change::Remove(prefix, None),
            2 => Change::Add(prefix, hop),
            _ => Change::Set(prefix, hop),
        }
    }

    #[test]
    fn what_is_answered_hangs_on_what_was_asked_and_not_on_how_far_it_is_done() {
        let (mut refused, mut waited) = (String::new(), 0);
        // Up to 100 blocks of addresses take three chunks each in a small table, which has room for 254, and two in a large one. A large
        // table has room for 128 in three segments, so that a small one with more cannot become large, and for 256 in four.
        let cases = [
            (60, 3, false),
            (1000, 3, false),
            (60, 3, true),
            (1000, 3, true),
            (1000, 4, false),
        ];
        for (seed, (routes_max, segments, is_large)) in (0..).zip(cases) {
            let mut state = seed;
            let limits = FibLimits {
                routes: routes_max,
                segments,
            };
            let mut at_once = RouteTable::new(Heap, limits).unwrap();
            let mut slowly = RouteTable::new(Heap, limits).unwrap();
            if is_large {
                at_once.fib.enlarge().unwrap();
                slowly.fib.enlarge().unwrap();
            }
            // Where a small table may become large, few more routes make it so.
            let hosts = (0..80).map(|block| Ipv4Prefix::host(place(block, 0)));
            for host in hosts.filter(|_| segments > 3) {
                at_once.make(&[Change::Add(host, (None, 0))]).unwrap();
                slowly.make(&[Change::Add(host, (None, 0))]).unwrap();
            }
            assert_eq!(slowly.fib.is_large(), is_large);
            for _ in 0..400 {
                let count = [1, 1, 1, 3, 70][random(&mut state) as usize % 5];
                let changes: Vec<_> = (0..count).map(|_| any_change(&mut state)).collect();
                let before = routes(&slowly);
                let answer = at_once.accept(&changes);
                assert_eq!(slowly.accept(&changes), answer, "{seed}: {changes:?}");
                if let Err(why) = answer {
                    assert_eq!(routes(&slowly), before, "{why}");
                    refused += &why;
                }
                at_once.finish().unwrap();
                slowly
                    .advance(&mut (random(&mut state) as usize % 500))
                    .unwrap();
                waited = waited.max(slowly.pending());
                assert_eq!(routes(&slowly), routes(&at_once));
                assert_eq!(slowly.len, routes(&at_once).len());
                let address = place(random(&mut state) % 100, 0);
                assert_eq!(slowly.find(address), looked_up(&at_once, address));
            }
            slowly.finish().unwrap();
            assert_eq!(slowly.pending(), 0);
            assert_eq!(slowly.fib.is_large(), is_large || segments > 3, "{seed}");
            for number in 0..300 {
                let address = place(number / 3, number % 3);
                let expected = looked_up(&at_once, address);
                assert_eq!(looked_up(&slowly, address), expected, "{address}");
            }
        }
        assert!(waited > 10, "{waited}");
        for why in [
            "no route for",
            "conflict with existing route",
            "as many routes as",
            "as much memory as",
        ] {
            assert!(refused.contains(why), "{why}");
        }
    }

    #[test]
    fn next_hops_to_which_no_route_leads_are_used_again() {
        let mut table = table(4);
        table.accept(&[set("10.0.0.0/8", 0)]).unwrap();
        for change in 0..20_000_u32 {
            let hop = (Some(Ipv4Addr::from_bits(change + 1)), 1);
            let site = prefix("10.1.0.0/16");
            table.accept(&[Change::Set(site, hop)]).unwrap();
            if change % 3 == 0 {
                let missing = Change::Remove(prefix("77.0.0.0/8"), None);
                let some = [set("10.1.0.0/16", 0), set("10.2.0.0/16", 7), missing];
                table.accept(&some).unwrap_err();
                assert_eq!(table.find([10, 1, 2, 3].into()), Some(hop));
                table.accept(&[Change::Remove(site, Some(hop))]).unwrap();
            }
            table.advance(&mut 100).unwrap();
        }
        table.finish().unwrap();
        let (numbers, known) = table.hops.counts();
        assert!(numbers <= 8 && known <= 2, "{numbers}, {known}");
        assert_eq!(looked_up(&table, [10, 9, 9, 9].into()), Some((None, 0)));
    }

    #[test]
    fn no_address_is_without_a_route_that_it_has_before_and_after_every_change() {
        let mut table = table(8);
        table.accept(&[set("10.0.0.0/8", 1)]).unwrap();
        table.finish().unwrap();
        let gone = Change::Remove(prefix("10.0.0.0/8"), None);
        for changes in [
            [set("0.0.0.0/0", 2), gone],
            [set("0.0.0.0/1", 3), set("0.0.0.0/0", 4)],
        ] {
            table.accept(&changes).unwrap();
            let mut seen = Vec::new();
            while table.pending() > 0 {
                let found = looked_up(&table, [10, 200, 0, 1].into()).expect("a route");
                if seen.last() != Some(&found.1) {
                    seen.push(found.1);
                }
                table.advance(&mut 64).unwrap();
            }
            assert!(seen.is_sorted(), "old before new: {seen:?}");
        }
        assert_eq!(looked_up(&table, [10, 200, 0, 1].into()), Some((None, 3)));
        assert_eq!(looked_up(&table, [200, 0, 0, 1].into()), Some((None, 4)));
    }

    #[test]
    fn more_changes_than_may_wait_are_made_to_the_last() {
        let mut table = table(FibLimits::default().segments);
        table.accept(&[set("0.0.0.0/0", 0)]).unwrap();
        let route = |n: u32| Change::Set(Ipv4Prefix::host(Ipv4Addr::from_bits(n)), (None, 1));
        let many: Vec<_> = (0..WAITING_MAX as u32 - 1).map(route).collect();
        table.accept(&many).unwrap();
        assert_eq!(table.pending(), WAITING_MAX);
        table.accept(&[set("0.0.0.0/0", 2)]).unwrap();
        assert_eq!((table.pending(), table.len), (0, WAITING_MAX));
        assert_eq!(looked_up(&table, [9, 9, 9, 9].into()), Some((None, 2)));
    }

    /// Memory that the system has none of, for a while.
    struct Scarce(Rc<Cell<usize>>);

    impl Segments for Scarce {
        type Segment = HeapSegment;

        fn segment(&mut self) -> Option<HeapSegment> {
            self.0.set(self.0.get().checked_sub(1)?);
            Heap.segment()
        }
    }

    #[test]
    fn a_change_waits_for_memory_and_those_after_it_for_the_change() {
        let segments = Rc::new(Cell::new(2));
        let memory = Scarce(Rc::clone(&segments));
        let mut table = RouteTable::new(memory, FibLimits::default()).unwrap();
        // The two segments are its top: no chunk has room.
        table.fib.enlarge().unwrap();
        table
            .accept(&[set("10.0.0.0/8", 1), set("10.1.2.0/24", 2)])
            .unwrap();
        table
            .accept(&[Change::Remove(prefix("10.0.0.0/8"), None)])
            .unwrap();
        for _ in 0..3 {
            assert_eq!(table.finish(), Err(FibFull::Memory));
            assert_eq!(table.pending(), 2);
        }
        assert_eq!(looked_up(&table, [10, 1, 2, 3].into()), Some((None, 1)));
        assert_eq!(table.find([10, 1, 2, 3].into()), Some((None, 2)));
        segments.set(1);
        table.finish().unwrap();
        assert_eq!(looked_up(&table, [10, 1, 2, 3].into()), Some((None, 2)));
        assert_eq!(looked_up(&table, [10, 9, 9, 9].into()), None);
    }

    #[test]
    fn a_change_that_is_to_be_made_at_once_is_made_or_does_not_wait() {
        let segments = Rc::new(Cell::new(2));
        let memory = Scarce(Rc::clone(&segments));
        let mut table = RouteTable::new(memory, FibLimits::default()).unwrap();
        // The two segments are its top: no chunk has room.
        table.fib.enlarge().unwrap();
        table.make(&[set("10.0.0.0/8", 1)]).unwrap();
        table
            .make(&[set("10.0.0.0/8", 3), set("10.1.2.0/24", 2)])
            .unwrap_err();
        assert_eq!((table.pending(), table.len), (0, 1));
        segments.set(1);
        table.finish().unwrap();
        let only = BTreeMap::from([(prefix("10.0.0.0/8"), (None, 1))]);
        assert_eq!(routes(&table), only);
        assert_eq!(looked_up(&table, [10, 1, 2, 3].into()), Some((None, 1)));
    }
}

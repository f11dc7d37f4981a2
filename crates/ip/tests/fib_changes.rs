//! Both forwarding tables against a plain model, through random changes, whole and in slices, while
//! readers of all ages look on.
#![cfg(feature = "alloc")]

mod bgp;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use waypost_ip::fib::{Fib, FibAddr, FibFull, FibLimits, FibReader, NextHop};
use waypost_wire::{Ip, Ipv6Prefix, Prefix};

fn hop(index: u32) -> NextHop {
    NextHop::new(index).unwrap()
}

/// All routes in a map; the answer is found by asking for each length, from the longest on.
struct Model<A: Ip>(BTreeMap<Prefix<A>, NextHop>);

impl<A: Ip> Model<A> {
    fn lookup(&self, addr: A) -> Option<NextHop> {
        let mut holding = (0..=A::BITS).rev().map(|length| {
            let prefix = Prefix::new_truncated(addr, length);
            prefix.expect("no longer than an address")
        });
        holding.find_map(|prefix| self.0.get(&prefix).copied())
    }
}

/// What happens to a table, one step.
#[derive(Clone, Copy, Debug)]
enum Step<A: Ip> {
    Insert(Prefix<A>, u32),
    /// Mostly one that is there, the one of this number.
    Remove(Prefix<A>, usize),
    /// A worker gets a new reader.
    Renew(usize),
    Drop(usize),
    /// The table is to be large from now on.
    Enlarge,
}

fn steps<A: FibAddr>(
    prefix: impl Strategy<Value = Prefix<A>> + Clone,
) -> impl Strategy<Value = Vec<Step<A>>> {
    let step = prop_oneof![
        6 => (prefix.clone(), 0u32..5).prop_map(|(prefix, hop)| Step::Insert(prefix, hop)),
        4 => (prefix, 0usize..8).prop_map(|(prefix, n)| Step::Remove(prefix, n)),
        1 => (0usize..3).prop_map(Step::Renew),
        1 => (0usize..3).prop_map(Step::Drop),
        1 => Just(Step::Enlarge),
    ];
    prop::collection::vec(step, 1..100)
}

/// Few octets, all lengths: prefixes under, over and beside one another.
fn octets() -> impl Strategy<Value = [u8; 16]> + Clone {
    let octet =
        prop_oneof![4 => Just(0u8), 2 => Just(255), 1 => Just(1), 1 => Just(127), 1 => Just(128)];
    prop::array::uniform16(octet)
}

fn crowded4() -> impl Strategy<Value = Prefix<Ipv4Addr>> + Clone {
    (octets(), 0u8..=32).prop_map(|([a, b, c, d, ..], length)| {
        Prefix::new_truncated(Ipv4Addr::new(a, b, c, d), length).unwrap()
    })
}

fn crowded6() -> impl Strategy<Value = Ipv6Prefix> + Clone {
    (octets(), 0u8..=128).prop_map(|(octets, length)| {
        Prefix::new_truncated(Ipv6Addr::from_octets(octets), length).unwrap()
    })
}

/// Each address is answered by the model of before or by that of after.
fn between<A: FibAddr>(
    fib: &Fib<A>,
    readers: &[Option<FibReader<A>>],
    addrs: &[A],
    [before, after]: [&dyn Fn(A) -> Option<NextHop>; 2],
) -> Result<(), TestCaseError> {
    for addr in addrs {
        let (old, new) = (before(*addr), after(*addr));
        let found = fib.lookup(*addr);
        prop_assert!(found == old || found == new, "{}: {:?}", addr, found);
        for reader in readers.iter().flatten() {
            prop_assert_eq!(reader.lookup(*addr), found, "reader, {}", addr);
        }
    }
    let mut hops = vec![None; addrs.len()];
    for reader in readers.iter().flatten() {
        reader.lookup_batch(addrs, &mut hops);
        for (addr, found) in addrs.iter().zip(&hops) {
            prop_assert_eq!(fib.lookup(*addr), *found, "batch, {}", addr);
        }
    }
    Ok(())
}

/// Runs the steps on a table that may hold routes to [`FILLING`] already; where its memory `is_short`, changes may be refused.
fn run<A: FibAddr>(
    mut fib: Fib<A>,
    steps: Vec<Step<A>>,
    slice: usize,
    is_short: bool,
) -> Result<(), TestCaseError> {
    let filled = fib.len();
    let mut model = Model(BTreeMap::new());
    let mut readers: [Option<FibReader<A>>; 3] = [None, None, None];
    let mut addrs = vec![A::UNSPECIFIED];
    let mut steps = steps.into_iter().peekable();
    while let Some(step) = steps.next() {
        let before = Model(model.0.clone());
        match step {
            Step::Insert(prefix, index) => {
                addrs.extend([prefix.network(), prefix.last()]);
                let old = model.0.insert(prefix, hop(index));
                let mut done = fib.begin_insert(prefix, hop(index));
                if done == Err(FibFull::Readers) {
                    prop_assert_eq!(fib.route(prefix), old);
                    readers = [const { None }; 3];
                    done = fib.begin_insert(prefix, hop(index));
                }
                if done == Err(FibFull::Memory) && is_short {
                    prop_assert_eq!(fib.route(prefix), old);
                    model.0 = before.0.clone();
                } else {
                    prop_assert_eq!(done, Ok(old));
                }
            }
            Step::Remove(prefix, n) => {
                let prefix = model.0.keys().nth(n).copied().unwrap_or(prefix);
                let old = model.0.remove(&prefix);
                let mut done = fib.begin_remove(prefix);
                if done == Err(FibFull::Readers) {
                    prop_assert_eq!(fib.route(prefix), old);
                    readers = [const { None }; 3];
                    done = fib.begin_remove(prefix);
                }
                match done {
                    Err(FibFull::Memory) if is_short => {
                        prop_assert_eq!(fib.route(prefix), old);
                        model.0 = before.0.clone();
                    }
                    done => {
                        prop_assert_eq!(done, Ok(old));
                        prop_assert_eq!(fib.route(prefix), None);
                    }
                }
            }
            Step::Renew(n) => readers[n] = Some(fib.reader()),
            Step::Drop(n) => readers[n] = None,
            Step::Enlarge => match fib.enlarge() {
                Ok(()) => {}
                Err(full) => {
                    prop_assert_eq!(full, FibFull::Readers);
                    prop_assert!(readers.iter().any(Option::is_some));
                }
            },
        }
        prop_assert_eq!(fib.len(), filled + model.0.len());
        let recent = &addrs[addrs.len().saturating_sub(40)..];
        let states: [&dyn Fn(A) -> Option<NextHop>; 2] =
            [&|addr| before.lookup(addr), &|addr| model.lookup(addr)];
        between(&fib, &readers, recent, states)?;
        // A change in slices, sometimes cut short by the next.
        if !fib.len().is_multiple_of(3) {
            while !fib.work(slice) {
                between(&fib, &readers, &recent[recent.len() / 2..], states)?;
            }
            between(&fib, &readers, recent, [states[1], states[1]])?;
        } else if !matches!(
            steps.peek(),
            Some(Step::Insert(..) | Step::Remove(..) | Step::Enlarge)
        ) {
            fib.work(usize::MAX);
        }
    }
    let now: &dyn Fn(A) -> Option<NextHop> = &|addr| model.lookup(addr);
    between(&fib, &readers, &addrs, [now, now])?;
    let mut listed = BTreeMap::new();
    fib.for_each(|prefix, hop| {
        listed.insert(prefix, hop);
    });
    listed.retain(|_, hop| hop.index() != FILLING);
    prop_assert_eq!(&listed, &model.0);
    readers = [const { None }; 3];
    if is_short {
        return Ok(());
    }
    let mut all = Vec::new();
    fib.for_each(|prefix, _| all.push(prefix));
    prop_assert_eq!(all.len(), fib.len());
    for prefix in all {
        prop_assert!(fib.remove(prefix).is_ok());
    }
    prop_assert_eq!((fib.len(), fib.chunks(), fib.chunk_bytes()), (0, 0, 0));
    drop(readers);
    prop_assert_eq!(fib.collect(), 0, "nothing waits when no reader is left");
    Ok(())
}

proptest! {
    #[test]
    fn ipv4_is_as_the_model_whoever_looks_on(steps in steps(crowded4()), slice in 1000usize..30_000) {
        run(Fib::new(), steps, slice, false)?;
    }

    #[test]
    fn ipv6_is_as_the_model_whoever_looks_on(steps in steps(crowded6()), slice in 1000usize..30_000) {
        run(Fib::new(), steps, slice, false)?;
    }

    #[test]
    fn ipv6_is_as_the_model_where_memory_is_short(
        steps in steps(crowded6()), slice in 1000usize..30_000, room in 0usize..12,
    ) {
        run(filled(room), steps, slice, true)?;
    }

    #[test]
    fn ipv4_is_as_the_model_where_it_becomes_large(
        steps in steps(crowded4()), slice in 1000usize..30_000, room in 1usize..12,
    ) {
        // 254 chunks of a kibibyte.
        let filling = |n| Prefix::new(Ipv4Addr::new(47, n, 0, 0), 24).unwrap();
        run(nearly_large((254 - room) << 10, filling), steps, slice, false)?;
    }

    #[test]
    fn ipv6_is_as_the_model_where_it_becomes_large(
        steps in steps(crowded6()), slice in 1000usize..30_000, room in 30usize..90,
    ) {
        // 64 KiB, less the first page's 17 lines.
        let filling = |n| {
            Prefix::new(Ipv6Addr::new(0x2f2f, u16::from(n), 0, 0, 0, 0, 0, 1), 128).unwrap()
        };
        run(nearly_large((64 << 10) - (17 + room) * 64, filling), steps, slice, false)?;
    }
}

/// A small table that takes about so many octets for chunks.
fn nearly_large<A: FibAddr>(octets: usize, filling: impl Fn(u8) -> Prefix<A>) -> Fib<A> {
    let mut fib = Fib::new();
    let mut prefixes = (0..=u8::MAX).map(filling);
    while fib.chunk_bytes() < octets {
        fib.insert(prefixes.next().unwrap(), hop(FILLING)).unwrap();
    }
    assert!(!fib.is_large());
    fib
}

/// The next hop of routes that are there to take memory.
const FILLING: u32 = 77;

/// A table of IPv6 that has room for about so many chunks, in memory that is in pieces.
fn filled(room: usize) -> Fib<Ipv6Addr> {
    let mut fib = Fib::with_limits(FibLimits {
        segments: 3,
        ..FibLimits::default()
    });
    fib.enlarge().unwrap();
    // Each has a chunk of its own, a line; between any two lies one that has a dozen, so that few fill it.
    let filling = |n: u16| Prefix::new(Ipv6Addr::new(0x2f2f, n, 0, 0, 0, 0, 0, 0), 40).unwrap();
    let long = |n: u16| Prefix::new(Ipv6Addr::new(0x2f2e, n, 0, 0, 0, 0, 0, 1), 128).unwrap();
    let mut count = 0;
    while fib.insert(filling(count), hop(FILLING)).is_ok() {
        let _ = fib.insert(long(count), hop(FILLING));
        count += 1;
    }
    for n in 0..room as u16 {
        let gone = filling((n * 331) % count);
        let _ = fib.remove(gone);
    }
    fib
}

#[test]
fn a_route_that_shares_a_run_goes_alone_or_stays() {
    let beside = |n: u16| Prefix::new(Ipv6Addr::new(0x2001, 0xdb8, n, 0, 0, 0, 0, 0), 48).unwrap();
    let mut fib = filled(40);
    for n in 0..2 {
        fib.insert(beside(n), hop(1)).unwrap();
    }
    let at = |n: u16| Ipv6Addr::new(0x2001, 0xdb8, n, 1, 0, 0, 0, 1);
    let mut refused = 0;
    let reader = fib.reader();
    // Whatever is given back waits for the reader: memory ends.
    for _ in 0..5000 {
        match fib.remove(beside(1)) {
            Ok(gone) => {
                assert_eq!(gone, Some(hop(1)));
                assert_eq!(reader.lookup(at(1)), None);
            }
            Err(full) => {
                assert_eq!(full, FibFull::Readers);
                assert_eq!(reader.lookup(at(1)), Some(hop(1)));
                refused += 1;
            }
        }
        assert_eq!(reader.lookup(at(0)), Some(hop(1)));
        let _ = fib.insert(beside(1), hop(1));
    }
    assert!(refused > 0);
    drop(reader);
    let back = fib.insert(beside(1), hop(1));
    assert!(back.is_ok(), "{back:?}");
    assert_eq!(fib.remove(beside(1)), Ok(Some(hop(1))));
    assert_eq!((fib.lookup(at(0)), fib.lookup(at(1))), (Some(hop(1)), None));
}

#[test]
fn a_reader_that_is_kept_costs_no_list_for_each_that_is_new() {
    let mut fib = Fib::<Ipv6Addr>::new();
    let route = |n: u16| Prefix::new(Ipv6Addr::new(0x2001, n, 0, 0, 0, 0, 0, 0), 40).unwrap();
    for n in 0..u16::MAX {
        fib.insert(route(n), hop(1)).unwrap();
    }
    let before = fib.bytes();
    let kept = fib.reader();
    let mut given_back = 0;
    for n in 0..30_000 {
        given_back += u32::from(fib.remove(route(n)).is_ok());
        drop(fib.reader());
    }
    assert_eq!(given_back, 30_000);
    // Room for new segments once it is gone; not a list of all segments for each reader.
    let more = fib.bytes() - before;
    assert!(more < before / 4, "{more} on {before}");
    drop(kept);
    assert_eq!(fib.collect(), 0);
}

#[test]
fn what_is_given_back_in_small_pieces_serves_for_large_ones() {
    let mut fib = filled(0);
    let count = fib.len();
    let all: Vec<_> = {
        let mut all = Vec::new();
        fib.for_each(|prefix, _| all.push(prefix));
        all
    };
    for prefix in all {
        assert!(fib.remove(prefix).is_ok());
    }
    assert_eq!((fib.len(), fib.chunk_bytes()), (0, 0));
    // Chunks with many runs each, of as many lines in all as there were.
    let dense = |n: u16, m: u16| {
        Prefix::new(Ipv6Addr::new(0x2001, n << 8 | m, 0, 0, 0, 0, 0, 0), 32).unwrap()
    };
    for n in 0..count as u16 / 20 {
        for m in 0..100 {
            let done = fib.insert(dense(n, m * 2), hop(u32::from(m) + 1));
            assert!(done.is_ok(), "{n}, {m}: {done:?}");
        }
    }
}

#[test]
fn a_slash_eight_is_painted_in_slices() {
    let mut fib = Fib::new();
    fib.enlarge().unwrap();
    for n in 0..=255 {
        let inner = Prefix::new(Ipv4Addr::new(10, n, 0, 0), 24).unwrap();
        fib.insert(inner, hop(1)).unwrap();
    }
    let all = Prefix::new(Ipv4Addr::new(10, 0, 0, 0), 8).unwrap();
    assert_eq!(fib.begin_insert(all, hop(2)), Ok(None));
    let mut slices = 0;
    while !fib.work(1000) {
        slices += 1;
    }
    // 256 entries of the top, 256 in each of the chunks that they link.
    assert_eq!(slices, (256 + 256 * 256) / 1000);
    assert_eq!(fib.lookup(Ipv4Addr::new(10, 255, 1, 0)), Some(hop(2)));
    assert_eq!(fib.lookup(Ipv4Addr::new(10, 255, 0, 1)), Some(hop(1)));
    assert!(fib.work(0));
}

/// A table that becomes large while readers of all ages are about: they see each change, and a change waits for none but those that
/// do not know the new memory.
#[test]
fn a_table_becomes_large_under_readers_of_all_ages() {
    fn grow<A: FibAddr>(prefixes: &[Prefix<A>]) {
        let mut fib = Fib::<A>::new();
        let mut model = Model(BTreeMap::new());
        let mut readers = std::collections::VecDeque::new();
        let mut waited = 0;
        for (n, prefix) in prefixes.iter().enumerate() {
            readers.push_back(fib.reader());
            while let Err(full) = fib.insert(*prefix, hop(n as u32)) {
                assert_eq!(full, FibFull::Readers);
                waited += 1;
                readers.pop_front().unwrap();
            }
            model.0.insert(*prefix, hop(n as u32));
            if n % 5 == 4 {
                let gone = prefixes[n / 2];
                while let Err(full) = fib.remove(gone) {
                    assert_eq!(full, FibFull::Readers);
                    readers.pop_front().unwrap();
                }
                model.0.remove(&gone);
            }
            for asked in &prefixes[n.saturating_sub(20)..(n + 5).min(prefixes.len())] {
                let expected = model.lookup(asked.last());
                for reader in &readers {
                    assert_eq!(reader.lookup(asked.last()), expected, "{n}");
                }
                assert_eq!(fib.lookup(asked.last()), expected);
            }
            readers.truncate(12);
        }
        assert!(fib.is_large() && waited > 0);
        let mut listed = BTreeMap::new();
        fib.for_each(|prefix, hop| {
            listed.insert(prefix, hop);
        });
        assert_eq!(listed, model.0);
    }
    let hosts = |n: u32| Prefix::host(Ipv4Addr::from_bits(n.wrapping_mul(0x9e37_79b9)));
    grow(&(0..300).map(hosts).collect::<Vec<_>>());
    grow(&bgp::prefixes(600));
    grow(&bgp::prefixes6(900));
}

#[test]
fn a_table_that_may_not_be_large_says_so_and_stays_small() {
    let limits = FibLimits {
        segments: 1,
        ..FibLimits::default()
    };
    let mut fib = Fib::<Ipv4Addr>::with_limits(limits);
    assert_eq!(fib.enlarge(), Err(FibFull::Memory));
    let host = |n: u32| Prefix::host(Ipv4Addr::from_bits(n.wrapping_mul(0x9e37_79b9)));
    let mut count = 0;
    while fib.insert(host(count), hop(count)).is_ok() {
        count += 1;
    }
    assert!(count > 60 && !fib.is_large() && fib.refused() == 1);
    assert_eq!(fib.insert(host(count), hop(0)), Err(FibFull::Memory));
    for n in 0..count {
        assert_eq!(fib.lookup(host(n).network()), Some(hop(n)));
        assert_eq!(fib.remove(host(n)), Ok(Some(hop(n))));
    }
    assert_eq!((fib.len(), fib.chunks(), fib.chunk_bytes()), (0, 0, 0));
}

/// What a change of a large table leaves to be painted: IPv4's entries all, of IPv6 those of chunks below.
#[test]
fn a_change_that_has_begun_shows_where_its_chunk_is_new() {
    let at = Ipv4Addr::new(10, 1, 2, 3);
    let mut fib = Fib::new();
    fib.enlarge().unwrap();
    let route = |length| Prefix::new_truncated(at, length).unwrap();
    assert_eq!(fib.begin_insert(route(24), hop(1)), Ok(None));
    assert_eq!(fib.lookup(at), Some(hop(1)));
    for (length, before) in [(24, hop(1)), (22, hop(2)), (8, hop(2))] {
        let _ = fib.begin_insert(route(length), hop(2));
        assert_eq!(fib.route(route(length)), Some(hop(2)));
        assert_eq!(fib.lookup(at), Some(before), "/{length}");
        assert!(fib.work(usize::MAX));
        assert_eq!(fib.lookup(at), Some(hop(2)));
    }
    let at = Ipv6Addr::new(0x2001, 0xdb8, 0x100, 0, 0, 0, 0, 1);
    let mut fib = Fib::new();
    let route = |length| Prefix::new_truncated(at, length).unwrap();
    for length in [40, 33] {
        assert_eq!(fib.insert(route(length), hop(1)), Ok(None));
    }
    assert_eq!(fib.begin_insert(route(40), hop(2)), Ok(Some(hop(1))));
    assert_eq!(fib.lookup(at), Some(hop(2)), "its run is exchanged at once");
    assert!(fib.work(usize::MAX));
    // Between both there is no leaf: it waits below.
    let below = route(48);
    assert_eq!(fib.insert(below, hop(3)), Ok(None));
    let beside = Ipv6Addr::new(0x2001, 0xdb8, 0x101, 0, 0, 0, 0, 1);
    assert_eq!(fib.begin_insert(route(40), hop(4)), Ok(Some(hop(2))));
    assert_eq!(fib.lookup(beside), Some(hop(2)));
    assert!(fib.work(usize::MAX));
    assert_eq!(
        (fib.lookup(beside), fib.lookup(at)),
        (Some(hop(4)), Some(hop(3)))
    );
}

#[test]
fn what_readers_hold_is_not_used_again() {
    let limits = FibLimits {
        routes: 1000,
        segments: 3,
    };
    let mut fib = Fib::with_limits(limits);
    fib.enlarge().unwrap();
    let one_chunk = |n: u8| Prefix::new(Ipv4Addr::new(10, n, 2, 0), 24).unwrap();
    for n in 0..128 {
        fib.insert(one_chunk(n), hop(n.into())).unwrap();
    }
    let old = fib.reader();
    fib.remove(one_chunk(7)).unwrap().unwrap();
    assert_eq!(fib.collect(), 1);
    assert_eq!(fib.insert(one_chunk(200), hop(1)), Err(FibFull::Readers));
    let new = fib.reader();
    assert_eq!(fib.insert(one_chunk(200), hop(1)), Err(FibFull::Readers));
    drop(old);
    assert_eq!(fib.insert(one_chunk(200), hop(1)), Ok(None));
    assert_eq!(new.lookup(Ipv4Addr::new(10, 200, 2, 9)), Some(hop(1)));
    assert_eq!(fib.refused(), 2);
}

#[test]
fn a_table_grows_under_readers_that_change_over() {
    let mut fib = Fib::new();
    let mut reader = fib.reader();
    let mut waited = 0;
    let prefixes = bgp::prefixes6(20_000);
    for (n, prefix) in prefixes.iter().enumerate() {
        while let Err(full) = fib.insert(*prefix, hop(n as u32)) {
            assert_eq!(full, FibFull::Readers);
            waited += 1;
            assert!(waited < 20_000);
            reader = fib.reader();
        }
        if n % 64 == 0 {
            reader = fib.reader();
        }
    }
    for (n, prefix) in prefixes.iter().enumerate().rev() {
        let found = reader.lookup(prefix.network()).unwrap();
        assert!(found == hop(n as u32) || fib.route(*prefix) == Some(hop(n as u32)));
        assert_eq!(fib.lookup(prefix.network()), Some(found));
    }
}

#[test]
fn a_hundred_thousand_routes_of_ipv6_come_and_go() {
    let prefixes = bgp::prefixes6(100_000);
    let mut fib = Fib::new();
    let mut model = Model(BTreeMap::new());
    let mut random = bgp::Random::new(5);
    for (n, prefix) in (0..).zip(&prefixes) {
        assert_eq!(fib.insert(*prefix, hop(n)), Ok(None));
        model.0.insert(*prefix, hop(n));
    }
    let check = |fib: &Fib<Ipv6Addr>, model: &Model<Ipv6Addr>, random: &mut bgp::Random| {
        let pick = |_| {
            let some = prefixes[random.below(prefixes.len() as u64) as usize];
            bgp::within6(some, random)
        };
        let addrs: Vec<Ipv6Addr> = (0..20_000).map(pick).collect();
        let mut hops = vec![None; addrs.len()];
        fib.lookup_batch(&addrs, &mut hops);
        for (addr, found) in addrs.iter().zip(hops) {
            assert_eq!(found, model.lookup(*addr), "{addr}");
            assert_eq!(found, fib.lookup(*addr), "{addr}");
        }
    };
    check(&fib, &model, &mut random);
    for prefix in prefixes.iter().step_by(2) {
        assert_eq!(fib.remove(*prefix), Ok(model.0.remove(prefix)));
    }
    check(&fib, &model, &mut random);
    for prefix in prefixes.iter().skip(1).step_by(2) {
        assert_eq!(fib.remove(*prefix), Ok(model.0.remove(prefix)));
    }
    assert_eq!((fib.len(), fib.chunks(), fib.chunk_bytes()), (0, 0, 0));
}

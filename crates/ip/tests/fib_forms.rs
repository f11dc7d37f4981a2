//! How a forwarding table goes from the small form to the large one: in the middle of a change, by a removal, under readers of
//! both forms, and where there is not memory enough.
#![cfg(feature = "alloc")]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::rc::Rc;

use waypost_ip::fib::{
    Fib, FibAddr, FibFull, FibLimits, FibReader, Heap, HeapSegment, NextHop, SEGMENT_BYTES,
    Segments,
};
use waypost_wire::{Ipv4Prefix, Ipv6Prefix, Prefix};

fn hop(index: u32) -> NextHop {
    NextHop::new(index).unwrap()
}

fn limits(segments: usize) -> FibLimits {
    FibLimits {
        segments,
        ..FibLimits::default()
    }
}

/// A host route with two or three chunks of its own.
fn apart(n: u32) -> Ipv4Prefix {
    Prefix::host(Ipv4Addr::from_bits(n.wrapping_mul(0x9e37_79b9)))
}

/// Eight /24 in a small table, and a change of the /8 over them that has only begun.
fn painting() -> Fib {
    let mut fib = Fib::new();
    for n in 0..8 {
        fib.insert(within(n, 24), hop(n)).unwrap();
    }
    assert_eq!(fib.begin_insert(within(0, 8), hop(100)), Ok(None));
    assert!(!fib.work(10));
    fib
}

fn within(n: u32, length: u8) -> Ipv4Prefix {
    Prefix::new_truncated(Ipv4Addr::new(10, 20 * n as u8, 7, 0), length).unwrap()
}

/// What `painting` leads to, once all is painted; the route /24 of number 3 may be gone.
fn assert_painted(fib: &Fib, is_there: bool) {
    for n in 0..8 {
        let network = within(n, 24).network();
        let own = if n == 3 && !is_there { 100 } else { n };
        assert_eq!(fib.lookup(network), Some(hop(own)), "{network}");
        let beside = Ipv4Addr::from_bits(network.to_bits() + 256);
        assert_eq!(fib.lookup(beside), Some(hop(100)), "{beside}");
    }
    for octet in 0..=255 {
        let addr = Ipv4Addr::new(10, octet, 200, 1);
        assert_eq!(fib.lookup(addr), Some(hop(100)), "{addr}");
    }
    assert_eq!(fib.lookup(Ipv4Addr::new(11, 0, 0, 0)), None);
    assert_eq!(fib.lookup(Ipv4Addr::new(9, 255, 255, 255)), None);
}

#[test]
fn a_table_becomes_large_in_the_middle_of_a_change() {
    let mut fib = painting();
    fib.enlarge().unwrap();
    while !fib.work(10) {}
    assert!(fib.is_large());
    assert_painted(&fib, true);
}

#[test]
fn a_change_in_the_middle_of_another_finishes_it() {
    let mut fib = painting();
    assert_eq!(fib.begin_insert(within(3, 24), hop(3)), Ok(Some(hop(3))));
    while !fib.work(10) {}
    assert_painted(&fib, true);
}

#[test]
fn a_removal_in_the_middle_of_a_change_finishes_it() {
    let mut fib = painting();
    assert_eq!(fib.begin_remove(within(3, 24)), Ok(Some(hop(3))));
    while !fib.work(10) {}
    assert_painted(&fib, false);
    // And the other way round: what has begun to go is gone, its chunks too.
    let chunks = fib.chunks();
    assert_eq!(fib.begin_remove(within(5, 24)), Ok(Some(hop(5))));
    assert_eq!(fib.begin_insert(within(0, 8), hop(100)), Ok(Some(hop(100))));
    while !fib.work(10) {}
    assert_eq!(fib.chunks(), chunks - 2 + 1, "{fib:?}");
    assert_eq!(fib.lookup(within(5, 24).network()), Some(hop(100)));
}

/// Every line of a small table of IPv6 in use, with two routes that share a run.
fn full6(limits: FibLimits) -> Fib<Ipv6Addr> {
    let mut fib = Fib::with_limits(limits);
    for n in 0..2 {
        fib.insert(beside(n), hop(1)).unwrap();
    }
    let inner = |n: u16, length| {
        Prefix::new(Ipv6Addr::new(0x2001, 0xdb9, n, 0, 0, 0, 0, 0), length).unwrap()
    };
    for n in 0..1000 {
        fib.insert(inner(n, 48), hop(n.into())).unwrap();
    }
    // A chunk of one line each, where a run has been: nothing else changes.
    for n in 0..1000 {
        if fib.chunk_bytes() == (1024 - 17) * 64 {
            return fib;
        }
        fib.insert(inner(n, 56), hop(2000)).unwrap();
    }
    panic!("not full: {fib:?}");
}

fn beside(n: u16) -> Ipv6Prefix {
    Prefix::new(Ipv6Addr::new(0x2001, 0xdb8, n, 0, 0, 0, 0, 0), 48).unwrap()
}

#[test]
fn a_removal_that_needs_room_makes_a_table_large() {
    let mut fib = full6(limits(0));
    assert_eq!(fib.remove(beside(1)), Err(FibFull::Memory));
    assert_eq!(fib.route(beside(1)), Some(hop(1)));
    assert_eq!(fib.lookup(beside(1).last()), Some(hop(1)));

    let mut fib = full6(FibLimits::default());
    let before = fib.len();
    assert!(!fib.is_large());
    assert_eq!(fib.remove(beside(1)), Ok(Some(hop(1))));
    assert!(fib.is_large());
    assert_eq!(
        (fib.len(), fib.lookup(beside(1).last())),
        (before - 1, None)
    );
    assert_eq!(fib.lookup(beside(0).last()), Some(hop(1)));
}

#[test]
fn routes_are_withdrawn_and_come_back_under_readers_of_both_forms() {
    let mut fib = Fib::new();
    let mut model = BTreeMap::new();
    let mut count = 0;
    let small = loop {
        let reader = fib.reader();
        fib.insert(apart(count), hop(count)).unwrap();
        model.insert(apart(count), hop(count));
        count += 1;
        if fib.is_large() {
            break reader;
        }
    };
    let large = fib.reader();
    let check = |fib: &Fib, model: &BTreeMap<Ipv4Prefix, NextHop>| {
        for n in 0..count {
            let expected = model.get(&apart(n)).copied();
            let addr = apart(n).network();
            assert_eq!(fib.lookup(addr), expected, "{n}");
            assert_eq!(small.lookup(addr), expected, "{n}, made small");
            assert_eq!(large.lookup(addr), expected, "{n}, made large");
        }
    };
    check(&fib, &model);
    // Until a tenth of what makes a table large is left.
    for n in count / 10..count {
        assert_eq!(fib.remove(apart(n)), Ok(model.remove(&apart(n))));
        check(&fib, &model);
    }
    assert!(fib.is_large() && fib.collect() > 0);
    let mut waited = false;
    for n in count / 10..count {
        match fib.insert(apart(n), hop(n)) {
            Ok(old) => assert_eq!(old, model.insert(apart(n), hop(n))),
            Err(full) => {
                assert_eq!(full, FibFull::Readers);
                waited = true;
            }
        }
        check(&fib, &model);
    }
    assert!(waited, "what is given back waits for both");
    drop((small, large));
    for n in 0..count {
        assert!(fib.insert(apart(n), hop(n)).is_ok());
        assert_eq!(fib.lookup(apart(n).network()), Some(hop(n)));
    }
}

/// How many segments a table must be allowed to become large by itself.
#[test]
fn a_full_table_becomes_large_where_it_may_have_all_its_chunks_and_the_top() {
    for (segments, is_large) in [(3, false), (4, true)] {
        let mut fib = Fib::<Ipv4Addr>::with_limits(limits(segments));
        let done = (0..100).try_for_each(|n| fib.insert(apart(n), hop(n)).map(drop));
        assert_eq!((done.is_ok(), fib.is_large()), (is_large, is_large));
    }
    for (segments, is_large) in [(2, false), (3, true)] {
        let mut fib = full6(limits(segments));
        assert_eq!(fib.remove(beside(1)).is_ok(), is_large);
        assert_eq!(fib.is_large(), is_large);
    }
    // Asked to early, with fewer.
    for (segments, is_large) in [(1, false), (2, true)] {
        let mut fib = Fib::<Ipv4Addr>::with_limits(limits(segments));
        assert_eq!(fib.enlarge().is_ok(), is_large);
    }
}

/// Segments from the allocator, so many.
struct Counted(Rc<Cell<usize>>);

impl Segments for Counted {
    type Segment = HeapSegment;

    fn segment(&mut self) -> Option<HeapSegment> {
        self.0.set(self.0.get().checked_sub(1)?);
        Heap.segment()
    }
}

#[test]
fn a_source_that_runs_out_while_a_table_becomes_large_leaves_it_small() {
    for given in [1, 2] {
        for has_readers in [false, true] {
            let left = Rc::new(Cell::new(given));
            let source = Counted(left.clone());
            let mut fib = Fib::<Ipv4Addr, _>::over(source, FibLimits::default()).unwrap();
            for n in 0..40 {
                fib.insert(apart(n), hop(n)).unwrap();
            }
            let before = fib.bytes();
            let reader = has_readers.then(|| fib.reader());
            let full = fib.enlarge().unwrap_err();
            assert_eq!(
                full,
                if has_readers {
                    FibFull::Readers
                } else {
                    FibFull::Memory
                }
            );
            assert_eq!((fib.is_large(), left.get()), (false, 0));
            let kept = fib.bytes() - before;
            let lists = 8 << 10;
            assert!(
                (given * SEGMENT_BYTES..given * SEGMENT_BYTES + lists).contains(&kept),
                "{kept}"
            );
            let check = |fib: &Fib<_, _>, reader: &Option<FibReader<_>>| {
                for n in 0..40 {
                    let addr = apart(n).network();
                    assert_eq!(fib.lookup(addr), Some(hop(n)));
                    if let Some(reader) = reader {
                        assert_eq!(reader.lookup(addr), Some(hop(n)));
                    }
                }
            };
            check(&fib, &reader);
            // What there is does not do, whoever looks up; it is asked for no twice.
            drop(reader);
            assert_eq!(fib.enlarge(), Err(FibFull::Memory));
            assert!(fib.bytes() - before < given * SEGMENT_BYTES + lists);
            fib.remove(apart(7)).unwrap();
            fib.insert(apart(7), hop(7)).unwrap();
            left.set(3 - given);
            let reader = has_readers.then(|| fib.reader());
            check(&fib, &reader);
            if has_readers {
                assert_eq!(fib.enlarge(), Err(FibFull::Readers));
            }
            drop(reader);
            let reader = has_readers.then(|| fib.reader());
            assert_eq!(fib.enlarge(), Ok(()));
            assert!(fib.is_large());
            check(&fib, &reader);
        }
    }
}

#[test]
fn half_a_top_is_none() {
    let left = Rc::new(Cell::new(1));
    let mut fib = Fib::<Ipv4Addr, _>::over(Counted(left.clone()), FibLimits::default()).unwrap();
    // No chunk below the top's.
    let route = |n: u8| Prefix::new(Ipv4Addr::new(n, 1, 0, 0), 16).unwrap();
    for n in [9, 99, 199] {
        fib.insert(route(n), hop(n.into())).unwrap();
    }
    for _ in 0..2 {
        assert_eq!(fib.enlarge(), Err(FibFull::Memory));
        assert_eq!(fib.lookup(route(199).last()), Some(hop(199)));
    }
    left.set(2);
    assert_eq!(fib.enlarge(), Ok(()));
    for n in [9, 99, 199] {
        assert_eq!(fib.lookup(route(n).last()), Some(hop(n.into())));
    }
}

/// A host route of IPv6 with chunks of its own.
fn apart6(n: u32, length: u8) -> Ipv6Prefix {
    let bits = u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    Prefix::new_truncated(Ipv6Addr::from_bits(bits), length).unwrap()
}

/// One round is enough: a new reader, then the old is dropped, then there is room for the change.
#[test]
fn a_change_waits_for_readers_once() {
    fn grow<A: FibAddr>(prefix: impl Fn(u32) -> Prefix<A>) {
        let mut fib = Fib::<A>::new();
        let mut reader = fib.reader();
        let mut waited = 0;
        for n in 1..400 {
            if let Err(full) = fib.insert(prefix(n), hop(n)) {
                assert_eq!(full, FibFull::Readers);
                waited += 1;
                reader = fib.reader();
                assert_eq!(fib.insert(prefix(n), hop(n)), Ok(None), "{n}");
            }
            assert_eq!(reader.lookup(prefix(n).network()), Some(hop(n)));
        }
        assert!(fib.is_large() && waited > 0);
        // And none after each new reader, where there is only one.
        drop(reader);
        let mut fib = Fib::<A>::new();
        for n in 1..400 {
            let reader = fib.reader();
            assert_eq!(fib.insert(prefix(n), hop(n)), Ok(None), "{n}");
            assert_eq!(reader.lookup(prefix(n).network()), Some(hop(n)));
        }
    }
    grow(apart);
    grow(|n| Prefix::new_truncated(apart(n).network(), 24).unwrap());
    // Few chunks at first: the table grows by few pages.
    for first in 0..8 {
        let length = |n| if n <= first { 16 } else { 32 };
        grow(|n| Prefix::new_truncated(apart(n).network(), length(n)).unwrap());
    }
    for length in [32, 48, 64, 128] {
        grow(|n| apart6(n, length));
    }
}

/// How often one of ten routes goes and comes back while a reader is kept, until a change is refused.
fn flaps<A: FibAddr>(fib: &mut Fib<A>, prefix: impl Fn(u32) -> Prefix<A>) -> u32 {
    for n in 1..=10 {
        fib.insert(prefix(n), hop(n)).unwrap();
    }
    let kept = fib.reader();
    let mut count = 0;
    loop {
        let gone = fib.remove(prefix(3));
        if let Err(full) = gone.and_then(|_| fib.insert(prefix(3), hop(3))) {
            assert_eq!(full, FibFull::Readers);
            assert!(kept.lookup(prefix(4).network()).is_some());
            return count;
        }
        count += 1;
    }
}

/// What the module says of readers that are kept.
#[test]
fn a_small_table_bears_a_reader_that_is_kept_for_some_changes_only() {
    let of_ipv4 = flaps(&mut Fib::new(), apart);
    let [of_48, of_128] = [48, 128].map(|length| flaps(&mut Fib::new(), |n| apart6(n, length)));
    assert_eq!((of_ipv4, of_48, of_128), (1, 9, 2));
    let mut fib = Fib::new();
    fib.enlarge().unwrap();
    let of_large = flaps(&mut fib, apart);
    assert_eq!(of_large, 54);
}

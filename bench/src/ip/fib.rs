//! Look-ups in forwarding tables of one version.

use std::any::Any;
use std::error::Error;
use std::hint::black_box;
use std::net::Ipv4Addr;
use std::rc::Rc;

use waypost::elements::ip::RouteMemory;
use waypost_ip::fib::Segments;

use super::array::Array;
use super::pieces::{going_round, one_by_one};
use super::routes::{Addrs, Routed, Routes, addrs};
use super::table::{Ours, Peers, Table};
use super::{build, short, wants_any};
use crate::measure::{self, Case, Settings};
use crate::report::Report;

/// How many addresses are looked up at once.
const BATCH: usize = 64;
const BATCHED: &str = "waypost, batched";
const HUGE: &str = "waypost, batched, in huge pages";
const SINGLE: &str = "waypost, one by one";
const ARRAY: &str = "array of 64 MiB, read";

/// Tables of these sizes: look-ups, building, memory.
pub(super) fn add<A: Routed + Peers>(
    report: &mut Report,
    settings: &Settings,
    counts: &[usize],
) -> Result<(), Box<dyn Error>> {
    for &count in counts {
        let group = format!("IPv{}, {} routes", A::VERSION, short(count));
        let routes = Routes::new(count);
        build::add::<A>(report, settings, &group, &routes)?;
        lookups::<A>(report, settings, &group, &routes)?;
    }
    Ok(())
}

fn lookups<A: Routed + Peers>(
    report: &mut Report,
    settings: &Settings,
    group: &str,
    routes: &Routes<A>,
) -> Result<(), Box<dyn Error>> {
    let kinds = ["uniform", "in prefixes", "4096 hot"].map(|kind| look_up(group, kind));
    let names = [
        BATCHED,
        HUGE,
        SINGLE,
        ARRAY,
        A::Trie::NAME,
        A::Poptrie::NAME,
        A::Bitmap::NAME,
    ];
    if !wants_any(settings, &kinds, &names) {
        return Ok(());
    }
    let kinds = addrs(routes);
    let ours = Rc::new(Ours::<A>::build(routes)?);
    let huge = Rc::new(Ours::<A, RouteMemory>::build(routes)?);
    let trie = Rc::new(A::Trie::build(routes)?);
    let poptrie = Rc::new(A::Poptrie::build(routes)?);
    let bitmap = Rc::new(A::Bitmap::build(routes)?);
    for kind in &kinds {
        let hops = found(&*ours, kind);
        agree(BATCHED, &hops, batched(&ours, kind))?;
        agree(HUGE, &hops, batched(&huge, kind))?;
        agree(A::Trie::NAME, &hops, found(&*trie, kind))?;
        agree(A::Poptrie::NAME, &hops, found(&*poptrie, kind))?;
        agree(A::Bitmap::NAME, &hops, found(&*bitmap, kind))?;
    }
    let array = (A::VERSION == 4).then(|| Rc::new(Array::new()));
    let mut cases = Vec::new();
    for kind in &kinds {
        let group = look_up(group, kind.kind);
        let batches = &kind.addrs;
        cases.push(going_round(
            &group,
            BATCHED,
            BATCH,
            batches,
            in_batches(&ours),
        ));
        cases.push(going_round(&group, HUGE, BATCH, batches, in_batches(&huge)));
        cases.push(single(&group, SINGLE, kind, &ours));
        let addrs: &dyn Any = &kind.addrs;
        if let Some((array, addrs)) = array.clone().zip(addrs.downcast_ref::<Rc<[Ipv4Addr]>>()) {
            let read = move |addrs: &[Ipv4Addr]| array.read::<BATCH>(addrs);
            cases.push(going_round(&group, ARRAY, BATCH, addrs, read));
        }
        cases.push(single(&group, A::Trie::NAME, kind, &trie));
        cases.push(single(&group, A::Poptrie::NAME, kind, &poptrie));
        cases.push(single(&group, A::Bitmap::NAME, kind, &bitmap));
    }
    report.add_rows(measure::take_turns(settings, cases)?);
    Ok(())
}

fn look_up(group: &str, kind: &str) -> String {
    format!("{group}, look-up, {kind}")
}

/// Looks up by the batch.
fn in_batches<A: Routed, M: Segments + 'static>(table: &Rc<Ours<A, M>>) -> impl Fn(&[A]) + 'static {
    let table = table.clone();
    move |addrs| {
        let mut hops = [None; BATCH];
        for batch in addrs.chunks(BATCH) {
            table.reader.lookup_batch(batch, &mut hops);
            black_box(&hops);
        }
    }
}

/// A table that takes one address at a time.
fn single<A: Routed, T: Table<A>>(
    group: &str,
    name: &str,
    addrs: &Addrs<A>,
    table: &Rc<T>,
) -> Case<'static> {
    let table = table.clone();
    one_by_one(group, name, &addrs.addrs, move |addr| table.find(*addr))
}

fn found<A: Routed>(table: &impl Table<A>, addrs: &Addrs<A>) -> Vec<Option<u32>> {
    addrs.addrs.iter().map(|addr| table.find(*addr)).collect()
}

fn batched<A: Routed, M: Segments>(table: &Ours<A, M>, addrs: &Addrs<A>) -> Vec<Option<u32>> {
    let mut hops = vec![None; addrs.addrs.len()];
    for (addrs, hops) in addrs.addrs.chunks(BATCH).zip(hops.chunks_mut(BATCH)) {
        table.reader.lookup_batch(addrs, hops);
    }
    let index = |hop: Option<waypost_ip::fib::NextHop>| hop.map(|hop| hop.index());
    hops.into_iter().map(index).collect()
}

/// Whether two tables answer alike.
pub(super) fn agree(
    name: &str,
    expected: &[Option<u32>],
    found: Vec<Option<u32>>,
) -> Result<(), String> {
    let differ = expected.iter().zip(&found).filter(|(a, b)| a != b).count();
    if differ > 0 || expected.len() != found.len() {
        return Err(format!(
            "{name}: {differ} of {} answers differ from the first table's",
            expected.len()
        ));
    }
    Ok(())
}

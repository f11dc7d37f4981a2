//! How long one change of a large table takes.

use std::cell::RefCell;
use std::error::Error;
use std::rc::Rc;
use std::str::FromStr;
use std::time::Instant;

use waypost_wire::Prefix;

use super::churn::{Change, Churn};
use super::fib::agree;
use super::pieces::case;
use super::routes::{Addrs, Route, Routed, Routes, addrs, prefix};
use super::table::{Ours, Peers, Table, next_hop};
use super::{short, wants_any};
use crate::measure::{self, Case, Sample, Settings};
use crate::report::Report;

/// Changes of one turn.
const CHANGES: usize = 1000;
/// Changes of one turn and turns of poptrie, where a change moves much of the table. A wide route takes it
/// minutes in a large table, and is left out.
const SLOW: (usize, u32) = (10, 10);
/// How many entries are looked at in one slice of a change.
const SLICE: usize = 4096;
const SLICES: &str = "waypost, each slice of 4096 entries";

/// Changes of a table of these routes.
pub(super) fn add<A: Routed + Peers>(
    report: &mut Report,
    settings: &Settings,
    routes: &Routes<A>,
) -> Result<(), Box<dyn Error>>
where
    Prefix<A>: FromStr,
{
    let table = format!("IPv{}, {} routes", A::VERSION, short(routes.count()));
    let names = [
        Ours::<A>::NAME,
        SLICES,
        A::Trie::NAME,
        A::Poptrie::NAME,
        A::Bitmap::NAME,
    ];
    let churn = format!("{table}, update, as BGP churns");
    let wide = A::WIDE.map(|text| format!("{table}, update of {text}"));
    let mut groups = wide.to_vec();
    groups.push(churn.clone());
    if !wants_any(settings, &groups, &names) {
        return Ok(());
    }
    let mut bench = Bench {
        uniform: addrs(routes)[0].clone(),
        routes: Rc::clone(routes),
        churn: churn.clone(),
        wide: wide.into_iter().zip(A::WIDE.map(prefix)).collect(),
        spreads: Vec::new(),
        checks: Vec::new(),
    };
    let mut cases = Vec::new();
    let ours = bench.table::<Ours<A>>(&mut cases, false)?;
    bench.slices(&mut cases, &ours)?;
    bench.table::<A::Trie>(&mut cases, false)?;
    bench.table::<A::Poptrie>(&mut cases, true)?;
    bench.table::<A::Bitmap>(&mut cases, false)?;
    report.add_rows(measure::take_turns(settings, cases)?);
    let wanted = |group: &&String| **group != churn && settings.wants(group);
    for group in groups.iter().filter(wanted) {
        report.missing.push(format!(
            "{group}: {}, which takes minutes for a wide route",
            A::Poptrie::NAME
        ));
    }
    for check in bench.checks {
        check()?;
    }
    bench.spreads.sort_by(|(a, ..), (b, ..)| a.cmp(b));
    for (group, name, times) in bench.spreads {
        report.add_spread(&group, name, times.take());
    }
    Ok(())
}

/// The times of single changes, in nanoseconds.
type Times = Rc<RefCell<Vec<u64>>>;

struct Bench<A: Routed> {
    routes: Rc<[Route<A>]>,
    uniform: Addrs<A>,
    churn: String,
    wide: Vec<(String, Result<Prefix<A>, String>)>,
    spreads: Vec<(String, &'static str, Times)>,
    /// Whether each table has come to what the changes made of it.
    checks: Vec<Box<dyn FnOnce() -> Result<(), String>>>,
}

impl<A: Routed + Peers> Bench<A> {
    fn times(&mut self, group: &str, name: &'static str) -> Times {
        let times = Times::default();
        self.spreads.push((group.to_owned(), name, times.clone()));
        times
    }

    /// The cases of one table.
    fn table<T: Table<A>>(
        &mut self,
        cases: &mut Vec<Case<'static>>,
        slow: bool,
    ) -> Result<Rc<RefCell<T>>, String> {
        let table = Rc::new(RefCell::new(T::build(&self.routes)?));
        let churn = Rc::new(RefCell::new(Churn::new(&self.routes)));
        let changes = if slow { SLOW.0 } else { CHANGES };
        let group = self.churn.clone();
        let times = self.times(&group, T::NAME);
        let (changed, sequence) = (table.clone(), churn.clone());
        let turn = move || {
            let (mut table, mut churn) = (changed.borrow_mut(), sequence.borrow_mut());
            let mut times = times.borrow_mut();
            let before = times.len();
            for _ in 0..changes {
                let change = churn.next();
                times.push(timed(|| make(&mut *table, change))?);
            }
            Ok(mean(&times[before..]))
        };
        cases.push(Case {
            most: slow.then_some(SLOW.1),
            ..case(&group, T::NAME, 1, turn)
        });
        let wide = if slow { Vec::new() } else { self.wide.clone() };
        for (group, prefix) in wide {
            let prefix = prefix?;
            let (table, times) = (table.clone(), self.times(&group, T::NAME));
            let turn = move || {
                let (mut table, mut times) = (table.borrow_mut(), times.borrow_mut());
                let before = times.len();
                for change in [
                    Change::Announced(prefix, 1),
                    Change::Announced(prefix, 2),
                    Change::Withdrawn(prefix),
                ] {
                    times.push(timed(|| make(&mut *table, change))?);
                }
                Ok(mean(&times[before..]))
            };
            cases.push(case(&group, T::NAME, 1, turn));
        }
        let (checked, addrs) = (table.clone(), self.uniform.clone());
        self.checks.push(Box::new(move || {
            let fresh = A::Trie::build(&churn.borrow().routes())?;
            let table = checked.borrow();
            let expected: Vec<_> = addrs.addrs.iter().map(|&addr| fresh.find(addr)).collect();
            let found = addrs.addrs.iter().map(|&addr| table.find(addr)).collect();
            agree(&format!("{} after the changes", T::NAME), &expected, found)
        }));
        Ok(table)
    }

    /// The widest changes, a slice at a time.
    fn slices(
        &mut self,
        cases: &mut Vec<Case<'static>>,
        table: &Rc<RefCell<Ours<A>>>,
    ) -> Result<(), String> {
        let hops = [next_hop(1)?, next_hop(2)?];
        for (group, prefix) in self.wide.clone() {
            let prefix = prefix?;
            let (table, times) = (table.clone(), self.times(&group, SLICES));
            let turn = move || {
                let fib = &mut table.borrow_mut().fib;
                let mut times = times.borrow_mut();
                let before = times.len();
                for hop in hops.map(Some).into_iter().chain([None]) {
                    let begun = match hop {
                        Some(hop) => timed(|| {
                            let begun = fib.begin_insert(prefix, hop);
                            begun.map(drop).map_err(|full| full.to_string())
                        }),
                        None => timed(|| {
                            let begun = fib.begin_remove(prefix);
                            begun.map(drop).map_err(|full| full.to_string())
                        }),
                    };
                    times.push(begun?);
                    let mut done = false;
                    while !done {
                        times.push(timed(|| {
                            done = fib.work(SLICE);
                            Ok(())
                        })?);
                    }
                }
                Ok(mean(&times[before..]))
            };
            cases.push(case(&group, SLICES, 1, turn));
        }
        Ok(())
    }
}

fn make<A: Routed>(table: &mut impl Table<A>, change: Change<A>) -> Result<(), String> {
    match change {
        Change::Announced(prefix, hop) => table.announce(prefix, hop),
        Change::Withdrawn(prefix) => table.withdraw(prefix),
    }
}

/// How many nanoseconds something took.
fn timed(work: impl FnOnce() -> Result<(), String>) -> Result<u64, String> {
    let begun = Instant::now();
    work()?;
    Ok(begun.elapsed().as_nanos() as u64)
}

fn mean(times: &[u64]) -> Sample {
    Sample {
        nanoseconds: times.iter().sum::<u64>() as f64 / times.len() as f64,
        cycles: None,
    }
}

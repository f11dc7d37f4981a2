//! How long a whole table takes to build, and what memory it keeps.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::error::Error;
use std::rc::Rc;

use waypost_counting::kept_by;

use super::pieces;
use super::routes::{Route, Routed, Routes};
use super::table::{Ours, Peers, Table};
use super::wants_any;
use crate::measure::{self, Case, Sample, Settings};
use crate::report::Report;

/// How many routes are built in all turns of one table: the greater it is, the fewer turns it takes.
const ROUTES: usize = 3_000_000;
/// What a table of a million routes of IPv4 may take, in octets.
const GOAL: (usize, f64) = (1_000_000, 100e6);

/// One size of a table.
pub(super) fn add<A: Routed + Peers>(
    report: &mut Report,
    settings: &Settings,
    group: &str,
    routes: &Routes<A>,
) -> Result<(), Box<dyn Error>> {
    let groups = [format!("{group}, build and memory")];
    if !wants_any(settings, &groups, &A::TABLES) {
        return Ok(());
    }
    let [group] = &groups;
    let count = routes.len();
    let kept = Kept::default();
    let cases = vec![
        case::<A, Ours<A>>(group, routes, &kept),
        case::<A, A::Trie>(group, routes, &kept),
        case::<A, A::Poptrie>(group, routes, &kept),
        case::<A, A::Bitmap>(group, routes, &kept),
    ];
    let rows = measure::take_turns(settings, cases)?;
    for row in &rows {
        let seconds = row.nanoseconds * count as f64 / 1e9;
        report.add_figure(group, &row.name, seconds, "s");
        report.add_figure(group, &row.name, count as f64 / seconds, "routes/s");
    }
    let kept = kept.take();
    for row in &rows {
        if let Some(octets) = kept.get(row.name.as_str()) {
            report.add_figure(group, &row.name, *octets as f64, "octets");
        }
    }
    report.add_rows(rows);
    if (A::VERSION, count) == (4, GOAL.0) {
        report.add_figure(group, "the goal", GOAL.1, "octets");
    }
    Ok(())
}

/// How many octets each table keeps.
type Kept = Rc<RefCell<BTreeMap<&'static str, usize>>>;

fn case<A: Routed, T: Table<A>>(
    group: &str,
    routes: &Rc<[Route<A>]>,
    kept: &Kept,
) -> Case<'static> {
    let (routes, kept) = (routes.clone(), kept.clone());
    let most = Some((ROUTES / routes.len()).max(1) as u32);
    let turn = move || {
        let mut built = None;
        let sample = Sample::of(routes.len() as u64, || {
            built = Some(kept_by(|| T::build(&routes)));
        });
        if let Some((table, octets)) = built {
            table?;
            kept.borrow_mut().insert(T::NAME, octets);
        }
        Ok(sample)
    };
    Case {
        most,
        ..pieces::case(group, T::NAME, 1, turn)
    }
}

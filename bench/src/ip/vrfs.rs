//! What many small tables keep, as a router of many VRFs has them.

use std::error::Error;

use waypost_counting::kept_by;

use super::routes::{HOPS, Random, Route, Routed};
use super::table::{Ours, Peers, Table};
use super::{short, wants_any};
use crate::measure::Settings;
use crate::report::Report;

/// Routes of each table.
const ROUTES: usize = 10;

/// The memory of so many tables of one version.
pub(super) fn add<A: Routed + Peers>(
    report: &mut Report,
    settings: &Settings,
    tables: usize,
) -> Result<(), Box<dyn Error>> {
    let version = A::VERSION;
    let group = format!(
        "IPv{version}, {} tables of {ROUTES} routes, memory",
        short(tables)
    );
    let groups = [group];
    if !wants_any(settings, &groups, &A::TABLES) {
        return Ok(());
    }
    let [group] = &groups;
    let mut random = Random::new(17);
    let mut prefixes = A::prefixes(tables * ROUTES);
    // In no order, so that those of one table have nothing in common.
    for n in (1..prefixes.len()).rev() {
        prefixes.swap(n, random.below(n as u64 + 1) as usize);
    }
    let routes: Vec<Route<A>> = prefixes.into_iter().zip((0..HOPS).cycle()).collect();
    keep::<A, Ours<A>>(report, settings, group, &routes)?;
    keep::<A, A::Trie>(report, settings, group, &routes)?;
    keep::<A, A::Poptrie>(report, settings, group, &routes)?;
    keep::<A, A::Bitmap>(report, settings, group, &routes)
}

fn keep<A: Routed, T: Table<A>>(
    report: &mut Report,
    settings: &Settings,
    group: &str,
    routes: &[Route<A>],
) -> Result<(), Box<dyn Error>> {
    if !settings.wants(group) && !settings.wants(T::NAME) {
        return Ok(());
    }
    let build = || routes.chunks(ROUTES).map(T::build).collect();
    let (tables, octets): (Result<Vec<T>, String>, usize) = kept_by(build);
    drop(tables?);
    report.add_figure(group, T::NAME, octets as f64, "octets");
    Ok(())
}

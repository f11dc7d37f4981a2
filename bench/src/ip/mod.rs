//! The algorithms of IP, on one core: forwarding tables, flows, neighbours, timers.
//!
//! The tables of one size and their peers take turns; each size stands by itself. All look up the same
//! addresses, and must have answered alike before their time is taken. Memory is as the allocator gives it, in
//! small pages for all: with `GLIBC_TUNABLES=glibc.malloc.hugetlb=1` in huge ones.

mod array;
mod build;
mod churn;
mod fib;
mod flow;
mod huge;
mod keyed;
mod neighbor;
mod pieces;
mod reader;
mod routes;
mod table;
mod updates;
mod vrfs;
mod wheel;

use std::error::Error;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use waypost_wire::Prefix;

use crate::machine;
use crate::measure::Settings;
use crate::report::Report;
use routes::{Routed, Routes};
use table::Peers;

/// How much is in the tables.
struct Scale {
    ipv4: &'static [usize],
    ipv6: &'static [usize],
    /// Small tables that there are at once.
    vrfs: usize,
    /// Tables that are changed.
    ipv4_updates: usize,
    ipv6_updates: usize,
    flows: &'static [usize],
    neighbors: &'static [usize],
    timers: &'static [usize],
}

const SCALE: Scale = Scale {
    ipv4: &[1_000, 100_000, 900_000, 1_000_000],
    ipv6: &[1_000, 100_000, 250_000],
    vrfs: 1_000,
    ipv4_updates: 900_000,
    ipv6_updates: 250_000,
    flows: &[1_000, 100_000, 1_000_000],
    neighbors: &[16, 4096],
    timers: &[1_000, 100_000, 1_000_000],
};

/// Measures all of it.
pub(crate) fn run(settings: &Settings) -> Result<Report, Box<dyn Error>> {
    let cores = machine::cores();
    let (&first, &last) = cores.first().zip(cores.last()).ok_or("no core to run on")?;
    machine::pin(last);
    measure_all(settings, (first, last), &SCALE)
}

fn measure_all(
    settings: &Settings,
    cores: (usize, usize),
    scale: &Scale,
) -> Result<Report, Box<dyn Error>> {
    let mut report = Report::new(
        "ip",
        "look-up, route, update, flow or timer",
        "the first of the group",
        settings.turns,
    );
    fib::add::<Ipv4Addr>(&mut report, settings, scale.ipv4)?;
    fib::add::<Ipv6Addr>(&mut report, settings, scale.ipv6)?;
    vrfs::add::<Ipv4Addr>(&mut report, settings, scale.vrfs)?;
    vrfs::add::<Ipv6Addr>(&mut report, settings, scale.vrfs)?;
    changes::<Ipv4Addr>(&mut report, settings, scale.ipv4_updates, cores)?;
    changes::<Ipv6Addr>(&mut report, settings, scale.ipv6_updates, cores)?;
    flow::add::<Ipv4Addr>(&mut report, settings, scale.flows)?;
    flow::add::<Ipv6Addr>(&mut report, settings, scale.flows)?;
    neighbor::add::<Ipv4Addr>(&mut report, settings, scale.neighbors)?;
    neighbor::add::<Ipv6Addr>(&mut report, settings, scale.neighbors)?;
    wheel::add(&mut report, settings, scale.timers)?;
    Ok(report)
}

/// What changes a table of so many routes, and what its readers see of that.
fn changes<A: Routed + Peers>(
    report: &mut Report,
    settings: &Settings,
    count: usize,
    cores: (usize, usize),
) -> Result<(), Box<dyn Error>>
where
    Prefix<A>: FromStr,
{
    let routes = Routes::<A>::new(count);
    updates::add(report, settings, &routes)?;
    reader::add(report, settings, &routes, cores)
}

/// Whether anything of these groups and names is wanted, so that the others need not be built.
fn wants_any(settings: &Settings, groups: &[String], names: &[&str]) -> bool {
    groups.iter().any(|group| settings.wants(group))
        || names.iter().any(|name| settings.wants(name))
}

/// What each of a group's tables keeps, as far as it is wanted.
fn add_memory(report: &mut Report, settings: &Settings, group: &str, kept: [(&str, usize); 2]) {
    for (name, octets) in kept {
        if settings.wants(group) || settings.wants(name) {
            report.add_figure(group, name, octets as f64, "octets");
        }
    }
}

/// 1000 is 1k.
fn short(count: usize) -> String {
    match count {
        count if count >= 1_000_000 && count.is_multiple_of(1_000_000) => {
            format!("{}M", count / 1_000_000)
        }
        count if count >= 1000 && count.is_multiple_of(1000) => format!("{}k", count / 1000),
        count => count.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TINY: Scale = Scale {
        ipv4: &[300],
        ipv6: &[300],
        vrfs: 3,
        ipv4_updates: 300,
        ipv6_updates: 300,
        flows: &[5000],
        neighbors: &[16],
        timers: &[1000],
    };

    fn measure(only: Option<&str>) -> Report {
        let settings = Settings {
            turns: 1,
            only: only.map(str::to_owned),
        };
        let cores = machine::cores();
        let cores = (cores[0], cores[cores.len() - 1]);
        measure_all(&settings, cores, &TINY).expect("all can be measured, and all agree")
    }

    #[test]
    fn tiny_tables_are_measured_and_agree() {
        let report = measure(None);
        let peers = ["prefix-trie", "poptrie", "treebitmap"];
        for name in peers.iter().chain(&["hashbrown", "BTreeMap"]) {
            assert!(report.rows.iter().any(|row| row.name == *name), "{name}");
        }
        for name in peers {
            let spreads = report.spreads.iter().filter(|spread| spread.name == name);
            // Churn and two wide routes, which poptrie takes no part in, of both versions.
            let expected = if name == "poptrie" { 2 } else { 6 };
            assert_eq!(spreads.count(), expected, "{name}");
        }
        for row in &report.rows {
            assert!(row.nanoseconds > 0.0 && row.ratio > 0.0, "{row:?}");
        }
        for what in ["routes", "flows", "neighbours"] {
            for version in ["IPv4", "IPv6"] {
                let mut groups = report.rows.iter().map(|row| &row.group);
                let is_there = groups.any(|it| it.starts_with(version) && it.contains(what));
                assert!(is_there, "{version} {what}");
            }
        }
        let memory = report.figures.iter().filter(|it| it.unit == "octets");
        assert!(memory.clone().count() > 8);
        assert!(memory.clone().all(|it| it.value > 0.0));
    }

    #[test]
    fn what_is_not_asked_for_is_left_out() {
        let report = measure(Some("timer"));
        assert!(!report.rows.is_empty());
        assert!(report.rows.iter().all(|row| row.group.contains("timer")));
        assert!(report.figures.iter().all(|it| it.group.contains("timer")));
        assert!(report.spreads.is_empty());
    }
}

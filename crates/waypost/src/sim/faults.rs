//! What goes wrong in a topology text: by a script, by chance, and by spans in which links are down.

use std::ops::Range;

use waypost_sim::{Disturbance, Fault, FaultBounds, FaultKind, FaultSchedule, Rng};
use waypost_wire::{Duration, Instant};

use super::keys;
use super::link::Link;
use super::mistake::Reading;
use super::node::Node;
use super::table::{Table, Value};
use super::values;

/// What goes wrong, as it is to be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    script: Vec<Fault>,
    random: Option<(Option<u64>, FaultBounds)>,
}

impl Faults {
    /// The faults of a run: those of the script, and those that are drawn for this seed.
    pub(crate) fn schedule(&self, seed: u64) -> FaultSchedule {
        let mut faults = self.script.clone();
        if let Some((own, bounds)) = &self.random {
            let mut rng = Rng::new(own.unwrap_or(seed)).split("faults");
            let drawn = FaultSchedule::random(&mut rng, bounds);
            faults.extend_from_slice(drawn.faults());
        }
        faults.into()
    }
}

/// Spans in which links are down, as faults.
pub(crate) fn down(links: &[Link]) -> Vec<Fault> {
    let faults = links.iter().flat_map(|link| {
        link.down.iter().map(|(at, lasts)| Fault {
            at: *at,
            lasts: *lasts,
            what: Disturbance::Down(link.name.clone()),
        })
    });
    faults.collect()
}

/// What the table `[faults]` says.
pub(crate) fn faults(
    reading: &Reading,
    text: &Table<'_>,
    (nodes, links): (&[Node], &[Link]),
    until: Duration,
) -> Faults {
    let Some(table) = text.find("faults").and_then(|it| it.table(&keys::FAULTS)) else {
        return Faults::default();
    };
    let names = Names {
        nodes: nodes.iter().map(|it| it.name.as_str()).collect(),
        links: links.iter().map(|it| it.name.as_str()).collect(),
    };
    let script = table.find("script");
    let script = script.and_then(|it| script_of(reading, &it, &names));
    let random = table.find("random").and_then(|it| it.table(&keys::RANDOM));
    Faults {
        script: script.unwrap_or_default(),
        random: random.map(|table| random_of(reading, &table, &names, until)),
    }
}

/// What there is to be disturbed.
struct Names<'a> {
    nodes: Vec<&'a str>,
    links: Vec<&'a str>,
}

impl Names<'_> {
    /// Tells if there is no such node or link.
    fn check(&self, reading: &Reading, span: &Range<usize>, name: &str, is_link: bool) -> bool {
        let (names, what) = if is_link {
            (&self.links, "link")
        } else {
            (&self.nodes, "node")
        };
        if names.contains(&name) {
            return true;
        }
        let mistake = reading.mistake(span.clone(), format!("no {what} is named `{name}`"));
        let mistake = mistake.nearest(name, names.iter().copied(), &format!("{what}s"));
        reading.tell(mistake);
        false
    }
}

fn script_of(reading: &Reading, value: &Value<'_>, names: &Names<'_>) -> Option<Vec<Fault>> {
    let (verbatim, inside) = value.verbatim()?;
    let text = value.text()?;
    // Where variables were replaced, or letters were escaped, the whole is the place.
    let inside = inside.filter(|_| verbatim == text);
    let mut faults = Vec::new();
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let span = inside.map_or_else(
            || value.span(),
            |begin| {
                let begin = begin + offset + (line.len() - line.trim_start().len());
                begin..begin + line.trim().len()
            },
        );
        offset += line.len();
        match values::fault(line) {
            Ok(schedule) => {
                for fault in schedule.faults() {
                    let well = match &fault.what {
                        Disturbance::Down(name) | Disturbance::Change(name, _) => {
                            names.check(reading, &span, name, true)
                        }
                        Disturbance::Pause(name) | Disturbance::Restart(name) => {
                            names.check(reading, &span, name, false)
                        }
                        Disturbance::Partition(nodes) => nodes
                            .iter()
                            .all(|name| names.check(reading, &span, name, false)),
                        _ => true,
                    };
                    if well {
                        faults.push(fault.clone());
                    }
                }
            }
            Err(message) => reading.wrong(span, message),
        }
    }
    Some(faults)
}

const KINDS: &[(&str, FaultKind)] = &[
    ("down", FaultKind::Down),
    ("partition", FaultKind::Partition),
    ("pause", FaultKind::Pause),
    ("restart", FaultKind::Restart),
    ("rate", FaultKind::Rate),
    ("delay", FaultKind::Delay),
    ("jitter", FaultKind::Jitter),
    ("loss", FaultKind::Loss),
    ("duplication", FaultKind::Duplication),
    ("corruption", FaultKind::Corruption),
    ("reordering", FaultKind::Reordering),
    ("bursts", FaultKind::Bursts),
    ("queue", FaultKind::Queue),
    ("mtu", FaultKind::Mtu),
];

fn random_of(
    reading: &Reading,
    table: &Table<'_>,
    names: &Names<'_>,
    until: Duration,
) -> (Option<u64>, FaultBounds) {
    let seed = table.find("seed").and_then(|it| it.seed());
    let time = |key| table.find(key).and_then(|it| it.duration());
    let instant = |key| time(key).map(|span| Instant::ZERO + span);
    let mut bounds = FaultBounds {
        until: instant("until").unwrap_or(Instant::ZERO + until),
        links: names.links.iter().map(|&it| it.to_owned()).collect(),
        nodes: names.nodes.iter().map(|&it| it.to_owned()).collect(),
        ..FaultBounds::default()
    };
    bounds.from = instant("from").unwrap_or(bounds.from);
    if bounds.from >= bounds.until {
        let (from, until) = (bounds.from - Instant::ZERO, bounds.until - Instant::ZERO);
        let message = format!(
            "random faults begin at {from} and have ended at {until}: expected some time between"
        );
        reading.wrong(table.span(), message);
    }
    bounds.lasts_max = time("lasts").unwrap_or(bounds.lasts_max);
    bounds.delay_max = time("delay").unwrap_or(bounds.delay_max);
    if let Some(count) = table.find("count").and_then(|it| it.count(1, 10_000)) {
        bounds.faults_max = count;
    }
    if let Some(ppm) = table.find("share").and_then(|it| it.share()) {
        bounds.ppm_max = ppm;
    }
    for (key, is_link) in [("links", true), ("nodes", false)] {
        let Some(list) = table.find(key) else {
            continue;
        };
        let known = |(name, span): (String, Range<usize>)| {
            names.check(reading, &span, &name, is_link).then_some(name)
        };
        let list = list.texts().into_iter().filter_map(known).collect();
        if is_link {
            bounds.links = list;
        } else {
            bounds.nodes = list;
        }
    }
    if let Some(kinds) = table.find("kinds") {
        bounds.kinds = kinds.some_of(KINDS);
    }
    if let Some(frames) = table.find("burst").and_then(|it| it.count(1, 1_000_000)) {
        bounds.burst_max = frames as u32;
    }
    if let Some(frames) = table.find("queue").and_then(|it| it.count(0, usize::MAX)) {
        bounds.queue_max = frames;
    }
    if let Some(rates) = table.find("rates") {
        let wanted = "expected the slowest rate and the fastest";
        bounds.rates = two_of(&rates, Value::rate, wanted).unwrap_or(bounds.rates);
    }
    if let Some(mtus) = table.find("mtus") {
        let octets = |it: &Value<'_>| it.octets(1, usize::MAX);
        let wanted = "expected the least MTU and the greatest";
        bounds.mtus = two_of(&mtus, octets, wanted).unwrap_or(bounds.mtus);
    }
    (seed, bounds)
}

/// A list of two values, of which the second is not less.
fn two_of<'a, T: Copy + PartialOrd>(
    value: &Value<'a>,
    read: impl Fn(&Value<'a>) -> Option<T>,
    wanted: &str,
) -> Option<(T, T)> {
    let list = value.if_list()?;
    let found: Vec<_> = list.iter().filter_map(read).collect();
    match found[..] {
        [least, greatest] if least <= greatest => return Some((least, greatest)),
        _ if found.len() < list.len() => {}
        _ => value.wrong(wanted),
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_fault_has_a_word() {
        for kind in FaultKind::ALL {
            assert_eq!(KINDS.iter().filter(|(_, it)| *it == kind).count(), 1);
        }
    }
}

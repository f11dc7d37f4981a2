//! What a run came to.

use std::fmt::{self, Display};

use serde_json::{Value, json};
use waypost::simulated::GraphNode;
use waypost_elements::plumbing::OVERRUN;
use waypost_sim::{DropReason, LinkCounters, Side, Switch, Talker};
use waypost_wire::{Duration, Instant};

use super::figure::{self, Judgement};
use super::network::{End, Network, Written};
use super::topology::Topology;

/// A report. All of it is the same whenever the run is repeated.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    text: String,
    seed: u64,
    end: End,
    time: Duration,
    events: u64,
    digest: u64,
    links: Vec<LinkLine>,
    nodes: Vec<NodeLine>,
    pub(crate) reads: Vec<(String, String)>,
    /// Nothing if the run was stopped before its end.
    pub(crate) judgements: Option<Vec<Judgement>>,
    pub(crate) files: Vec<Written>,
}

/// One direction of a link.
#[derive(Clone, Debug)]
struct LinkLine {
    link: String,
    from: String,
    counters: LinkCounters,
}

#[derive(Clone, Debug)]
struct NodeLine {
    node: String,
    kind: &'static str,
    counters: Vec<(String, u64)>,
}

/// What the run took of the user's time: it is another whenever the run is repeated, and so kept apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    pub(crate) seconds: f64,
    pub(crate) events: u64,
}

impl Clock {
    fn events_per_second(&self) -> f64 {
        self.events as f64 / self.seconds.max(1e-9)
    }
}

impl Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.events_per_second();
        write!(f, "took {:.3} s: {rate:.0} events a second", self.seconds)
    }
}

impl Report {
    /// Gathers what there is to say about a run.
    pub(crate) fn new(topology: &Topology, seed: u64, network: &Network, end: End) -> Self {
        let net = &network.net;
        let mut links = Vec::new();
        for (id, link) in net.links().zip(&topology.links) {
            for side in Side::ALL {
                let (node, _) = link.ends[side as usize];
                links.push(LinkLine {
                    link: link.name.clone(),
                    from: topology.nodes[node].name.clone(),
                    counters: net.counters(id, side).unwrap_or_default(),
                });
            }
        }
        let nodes = net.nodes().zip(&topology.nodes).map(|(id, node)| {
            let named = |name: &&'static str, count| ((*name).to_owned(), count);
            let mut counters = Vec::new();
            if let Some(talker) = net.node::<Talker>(id) {
                let it = talker.counters();
                counters.extend(figure::TALKER.iter().map(|(name, of)| named(name, of(&it))));
            }
            if let Some(switch) = net.node::<Switch>(id) {
                let it = switch.counters();
                let all = figure::SWITCH.iter().map(|(name, of)| named(name, of(&it)));
                counters.extend(all.filter(|(name, count)| *count > 0 || name == "forwarded"));
            }
            if let Some(graph) = net.node::<GraphNode>(id) {
                counters.extend(of_graph(graph));
            }
            NodeLine {
                node: node.name.clone(),
                kind: node.kind(),
                counters,
            }
        });
        let reads = topology.reads.iter();
        let reads = reads.map(|it| {
            // What cannot be read in the end does not take the rest with it.
            let value = it.read(net).unwrap_or_else(|error| format!("({error})"));
            (it.text.clone(), value)
        });
        let judgements = match end {
            End::Time => Some(network.judge(topology)),
            _ => None,
        };
        Self {
            text: topology.source.name().to_owned(),
            seed,
            time: net.now() - Instant::ZERO,
            events: net.events(),
            digest: net.log().digest(),
            links,
            nodes: nodes.collect(),
            reads: reads.collect(),
            judgements,
            files: Vec::new(),
            end,
        }
    }

    /// The expectations that do not hold.
    pub(crate) fn failed(&self) -> Vec<&Judgement> {
        let all = self.judgements.iter().flatten();
        all.filter(|it| !it.holds).collect()
    }

    /// The same, for programs.
    pub(crate) fn json(&self, clock: Clock) -> Value {
        let links = self.links.iter().map(|it| {
            let mut value = json!({ "link": it.link, "from": it.from });
            for (name, of) in figure::LINK {
                value[*name] = of(&it.counters).into();
            }
            value[figure::QUEUED_MAX] = it.counters.queued_max.into();
            let dropped = figure::DROPPED.iter();
            let dropped = dropped.map(|(name, reason)| {
                (
                    (*name).to_owned(),
                    Value::from(it.counters.dropped(*reason)),
                )
            });
            value["dropped-by-reason"] = Value::Object(dropped.collect());
            value
        });
        let nodes = self.nodes.iter().map(|it| {
            let counters = it.counters.iter();
            let counters = counters.map(|(name, count)| (name.clone(), Value::from(*count)));
            let counters = Value::Object(counters.collect());
            json!({ "node": it.node, "kind": it.kind, "counters": counters })
        });
        let judgements = self.judgements.as_ref().map(|all| {
            let one = |it: &Judgement| {
                json!({
                    "text": it.text, "holds": it.holds, "found": it.found, "expected": it.expected,
                })
            };
            all.iter().map(one).collect::<Vec<_>>()
        });
        let reads = self.reads.iter();
        let reads = reads.map(|(name, value)| {
            // Most are counters, and programs count.
            let number = value.parse::<u64>().ok().map(Value::from);
            let value = number.unwrap_or_else(|| value.as_str().into());
            json!({ "figure": name, "value": value })
        });
        let files = self
            .files
            .iter()
            .map(|it| json!({ "file": it.file, "holds": it.what }));
        json!({
            "text": self.text,
            "seed": self.seed,
            "ended": ended(&self.end),
            "nanoseconds": self.time.as_nanos(),
            "events": self.events,
            "digest": format!("{:016x}", self.digest),
            "links": links.collect::<Vec<_>>(),
            "nodes": nodes.collect::<Vec<_>>(),
            "reads": reads.collect::<Vec<_>>(),
            "expectations": judgements,
            "files": files.collect::<Vec<_>>(),
            "clock": {
                "seconds": clock.seconds,
                "events-per-second": clock.events_per_second(),
            },
        })
    }
}

/// What a graph has received and sent through its ports, whether it has stopped, and what it has lost, by reason.
fn of_graph(graph: &GraphNode) -> Vec<(String, u64)> {
    let elements = graph.program().instance().statistics();
    let through = |class: &str| {
        let ports = elements.iter().filter(|it| &*it.class == class);
        ports.map(|it| it.packets).sum::<u64>()
    };
    let mut counters = vec![
        ("received".to_owned(), through("FromDevice")),
        ("sent".to_owned(), through("ToDevice")),
    ];
    if graph.program().instance().is_stopped() {
        counters.push(("stopped".to_owned(), 1));
    }
    let lost_from = counters.len();
    // The rings count what no element has looked after, too.
    let overruns = graph.program().overruns();
    counters.push(("lost: ring full".to_owned(), overruns));
    let drops = elements.iter().flat_map(|it| &it.drops);
    for (reason, count) in drops.filter(|(reason, _)| *reason != OVERRUN) {
        let reason = format!("lost: {reason}");
        let known = counters[lost_from..].iter_mut();
        match known.into_iter().find(|(known, _)| *known == reason) {
            Some((_, sum)) => *sum += count,
            None => counters.push((reason, *count)),
        }
    }
    counters.retain(|(name, count)| *count > 0 || !name.starts_with("lost"));
    counters
}

fn ended(end: &End) -> String {
    match end {
        End::Time => "at the end of its time".to_owned(),
        End::Signal(_) => "by a signal".to_owned(),
        End::Stuck(stuck) => stuck.to_string(),
        End::Failed(wrong) => wrong.to_string(),
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, seed {}", self.text, self.seed)?;
        let stopped = match &self.end {
            End::Time => String::new(),
            End::Signal(_) => ", then stopped by a signal".to_owned(),
            End::Stuck(stuck) if stuck.storm.is_some() => ", then there was a storm".to_owned(),
            End::Stuck(_) => ", then time stood still".to_owned(),
            End::Failed(_) => ", then stopped by an error".to_owned(),
        };
        writeln!(f, "time    {}{stopped}", self.time)?;
        writeln!(f, "events  {}", self.events)?;
        writeln!(f, "digest  {:016x}", self.digest)?;
        self.write_links(f)?;
        self.write_nodes(f)?;
        if !self.reads.is_empty() {
            let wide = width("figure", self.reads.iter().map(|(name, _)| name.as_str()));
            writeln!(f, "\n{:wide$}  value", "figure")?;
            for (name, value) in &self.reads {
                let mut lines = value.lines();
                writeln!(f, "{name:wide$}  {}", lines.next().unwrap_or_default())?;
                lines.try_for_each(|line| writeln!(f, "{:wide$}  {line}", ""))?;
            }
        }
        match &self.judgements {
            None => writeln!(f, "\nexpectations were not looked at")?,
            Some(all) if all.is_empty() => {}
            Some(all) => {
                writeln!(f, "\nexpectations")?;
                for judgement in all {
                    if judgement.holds {
                        writeln!(f, "  holds  {}", judgement.text)?;
                    } else {
                        writeln!(f, "  FAILS  {judgement}")?;
                    }
                }
            }
        }
        if !self.files.is_empty() {
            let wide = width("file", self.files.iter().map(|it| it.file.as_str()));
            writeln!(f, "\n{:wide$}  holds", "file")?;
            for Written { file, what } in &self.files {
                writeln!(f, "{file:wide$}  {what}")?;
            }
        }
        Ok(())
    }
}

impl Report {
    fn write_links(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.links.is_empty() {
            return Ok(());
        }
        let name = width("link", self.links.iter().map(|it| it.link.as_str()));
        let from = width("from", self.links.iter().map(|it| it.from.as_str()));
        let head = format!(
            "{:name$}  {:from$}  {:>10}  {:>10}  {:>10}",
            "link", "from", "sent", "delivered", "dropped"
        );
        writeln!(f, "\n{head}")?;
        for LinkLine {
            link,
            from: node,
            counters,
        } in &self.links
        {
            let LinkCounters {
                sent, delivered, ..
            } = counters;
            let dropped = counters.dropped_all();
            write!(
                f,
                "{link:name$}  {node:from$}  {sent:>10}  {delivered:>10}  {dropped:>10}"
            )?;
            let reasons = DropReason::ALL.map(|reason| (reason.name(), counters.dropped(reason)));
            let rest = [
                ("duplicated", counters.duplicated),
                ("corrupted", counters.corrupted),
                ("held back", counters.held),
                ("marked", counters.marked),
            ];
            let all = reasons.into_iter().chain(rest);
            let all: Vec<_> = all
                .filter(|(_, count)| *count > 0)
                .map(|(what, count)| format!("{count} {what}"))
                .collect();
            if !all.is_empty() {
                write!(f, "  {}", all.join(", "))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }

    fn write_nodes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = width("node", self.nodes.iter().map(|it| it.node.as_str()));
        let kind = width("kind", self.nodes.iter().map(|it| it.kind));
        writeln!(f, "\n{:name$}  {:kind$}  counters", "node", "kind")?;
        for it in &self.nodes {
            let counters = it.counters.iter();
            let counters: Vec<_> = counters
                .map(|(what, count)| format!("{what} {count}"))
                .collect();
            let line = format!(
                "{:name$}  {:kind$}  {}",
                it.node,
                it.kind,
                counters.join(", ")
            );
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// How wide a column is.
fn width<'a>(head: &str, rows: impl Iterator<Item = &'a str>) -> usize {
    let rows = rows.map(|row| row.chars().count());
    rows.max().unwrap_or(0).max(head.len())
}

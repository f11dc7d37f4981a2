//! The nodes of a topology text: graphs, switches, talkers.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use waypost::simulated::{Graph, GraphError, Host};
use waypost_graph::Source;
use waypost_sim::{PORT_MAX, Rng, Simulation, Switch, Talker};
use waypost_wire::{Duration, MacAddr};

use super::keys;
use super::mistake::{Mistake, Reading};
use super::table::{Placed, Table, Value};

/// A node, as it is to be.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) span: Range<usize>,
    pub(crate) kind: Kind,
}

/// What a node is.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Graph {
        graph: Graph,
        ports: Vec<String>,
    },
    Switch {
        stations: usize,
        age: Duration,
    },
    Talker {
        mac: MacAddr,
        ask: Vec<MacAddr>,
        every: Duration,
        octets: usize,
    },
}

impl Node {
    /// What it is called in the report.
    pub(crate) const fn kind(&self) -> &'static str {
        match self.kind {
            Kind::Graph { .. } => "graph",
            Kind::Switch { .. } => "switch",
            Kind::Talker { .. } => "talker",
        }
    }

    /// The port of this name or number.
    pub(crate) fn port(&self, word: &str) -> Result<usize, String> {
        let number = word.parse::<usize>().ok();
        match &self.kind {
            Kind::Graph { ports, .. } => {
                let named = ports.iter().position(|port| port == word);
                let found = named.or_else(|| number.filter(|number| *number < ports.len()));
                let ports = ports.join(", ");
                found.ok_or_else(|| format!("graph `{}` has the ports {ports}", self.name))
            }
            Kind::Switch { .. } => number
                .filter(|number| *number <= PORT_MAX)
                .ok_or_else(|| format!("a switch has the ports 0 to {PORT_MAX}")),
            Kind::Talker { .. } => number
                .filter(|number| *number == 0)
                .ok_or_else(|| "a talker has port 0 alone".to_owned()),
        }
    }

    /// How many ports it has.
    pub(crate) const fn ports(&self) -> usize {
        match &self.kind {
            Kind::Graph { ports, .. } => ports.len(),
            Kind::Switch { .. } => PORT_MAX + 1,
            Kind::Talker { .. } => 1,
        }
    }

    /// Adds it to a network. What a graph's elements write goes into a folder of the node's own below `out`, or nowhere.
    pub(crate) fn add(&self, net: &mut Simulation, out: Option<&Path>) -> Result<(), String> {
        let name = &self.name;
        let added = match &self.kind {
            Kind::Graph { graph, .. } => {
                let host = match out {
                    Some(out) => Host::default().files_below(out.join(folder(name))),
                    None => Host::default().without_files(),
                };
                let graph = graph.clone().host(host).node();
                net.add(name, graph.map_err(|error| error.to_string())?)
            }
            Kind::Switch { stations, age } => net.add(name, Switch::new(*stations, *age)),
            Kind::Talker {
                mac,
                ask,
                every,
                octets,
            } => {
                let rng: Rng = net.rng(name);
                net.add(name, Talker::new(*mac, ask.clone(), *every, *octets, rng))
            }
        };
        added.map(drop).map_err(|error| error.to_string())
    }
}

/// A node's folder: names of nodes have signs that names of folders better do not have.
fn folder(name: &str) -> String {
    let mut folder = name.replace(['/', ':'], "-");
    if folder.starts_with('.') {
        folder.replace_range(..1, "-");
    }
    folder
}

/// All nodes, in the order of the text. Graphs are built into `checked`, which is to show what they have.
pub(crate) fn nodes(
    reading: &Reading,
    text: &Table<'_>,
    folder: &Path,
    checked: &mut Simulation,
) -> Vec<Node> {
    let mut nodes = Vec::new();
    for ((name, span), table) in text.named("graph", &keys::GRAPH) {
        let kind = graph(reading, name, &table, folder, checked);
        nodes.push(node(name, &span, kind));
    }
    for ((name, span), table) in text.named("switch", &keys::SWITCH) {
        let stations = table.find("stations").map(|it| it.count(0, 1_000_000));
        let age = table.find("age").map(|it| it.duration());
        let kind = Kind::Switch {
            stations: stations.flatten().unwrap_or(8192),
            age: age.flatten().unwrap_or(Duration::from_secs(300)),
        };
        nodes.push(node(name, &span, kind));
    }
    nodes.extend(talkers(reading, text.named("talker", &keys::TALKER)));
    nodes.sort_by_key(|node| node.span.start);
    nodes
}

fn node(name: &str, span: &Range<usize>, kind: Kind) -> Node {
    Node {
        name: name.to_owned(),
        span: span.clone(),
        kind,
    }
}

fn graph(
    reading: &Reading,
    name: &str,
    table: &Table<'_>,
    folder: &Path,
    checked: &mut Simulation,
) -> Kind {
    let found = source(reading, name, table, folder);
    let is_there = found.is_some();
    let (source, inside) = found.unwrap_or_else(|| (Source::new(name, ""), None));
    let ports: Vec<_> = match table.find("ports") {
        Some(ports) => ports.texts().into_iter().map(|(port, _)| port).collect(),
        None => vec!["eth0".to_owned()],
    };
    let mut graph = Graph::new(source, ports.clone()).libraries(crate::graph::library);
    let own: Vec<_> = table
        .find("set")
        .map(|set| set.map())
        .unwrap_or_default()
        .into_iter()
        .filter_map(|((name, _), value)| Some((name.to_owned(), value.word()?)))
        .collect();
    for (name, value) in &*reading.variables.borrow() {
        if !own.iter().any(|(other, _)| other == name) {
            graph = graph.variable(name, value);
        }
    }
    for (name, value) in &own {
        graph = graph.variable(name, value);
    }
    if let Some(octets) = table.find("mtu").and_then(|it| it.octets(68, 65_535)) {
        graph = graph.mtu(octets);
    }
    if let Some(frames) = table.find("ring").and_then(|it| it.count(1, 65_536)) {
        graph = graph.ring(frames);
    }
    if let Some(packets) = table.find("packets").and_then(|it| it.count(1, 1_000_000)) {
        graph = graph.packets(packets);
    }
    if is_there {
        // Built to be checked, so that all that is wrong is told at once. Nothing is to be written by that.
        match graph.clone().host(Host::default().without_files()).node() {
            // What is wrong with its name is told with that of all others.
            Ok(node) => drop(checked.add(name, node)),
            Err(GraphError::Text(found)) => {
                let within = inside.map(|offset| (&reading.source, offset));
                let errors = found.iter().map(|it| Mistake::in_graph(within, it));
                errors.for_each(|it| reading.tell(it));
            }
            Err(error) => reading.wrong(table.span(), format!("graph `{name}`: {error}")),
        }
    }
    Kind::Graph { graph, ports }
}

/// A graph's text, and where in the topology text it stands, if it stands there as it is.
fn source(
    reading: &Reading,
    name: &str,
    table: &Table<'_>,
    folder: &Path,
) -> Option<(Source, Option<usize>)> {
    match (table.find("text"), table.find("file")) {
        (Some(text), None) => {
            let (text, inside) = text.verbatim()?;
            let called = format!("{}: graph `{name}`", reading.source.name());
            Some((Source::new(called, text), inside))
        }
        (None, Some(file)) => Some((read(&file, folder)?, None)),
        (text, _) => {
            let how = if text.is_some() { "both" } else { "neither" };
            let message = format!("graph `{name}` has {how} of `text` and `file`: expected one");
            reading.wrong(table.span(), message);
            None
        }
    }
}

/// A graph's file, beside the topology text or wherever it says.
fn read(file: &Value<'_>, folder: &Path) -> Option<Source> {
    let path = folder.join(file.text()?);
    match std::fs::read(&path) {
        Ok(octets) => Some(Source::from_bytes(path.display().to_string(), &octets)),
        Err(error) => {
            file.wrong(format!("cannot read `{}`: {error}", path.display()));
            None
        }
    }
}

fn talkers(reading: &Reading, tables: Vec<(Placed<&str>, Table<'_>)>) -> Vec<Node> {
    let mut macs: Vec<(&str, MacAddr)> = Vec::new();
    let mut known: HashMap<MacAddr, Range<usize>> = HashMap::new();
    for (number, ((name, span), table)) in tables.iter().enumerate() {
        let [.., a, b, c, d] = (number + 1).to_be_bytes();
        let mac = table.find("mac");
        let at = mac.map_or_else(|| span.clone(), |it| it.span());
        let given = mac.and_then(|mac| {
            let text = mac.text()?;
            let address = text.parse::<MacAddr>().ok().filter(|it| it.is_unicast());
            if address.is_none() {
                mac.wrong(format!(
                    "expected the address of one host, such as `02:00:00:00:00:01`, found `{text}`"
                ));
            }
            address
        });
        let mac = given.unwrap_or_else(|| MacAddr::new([2, 0, a, b, c, d]));
        if let Some(before) = known.insert(mac, at.clone()) {
            let message = format!("`{name}` has the address {mac}, which another talker has");
            let mistake = reading.mistake(at, message);
            reading.tell(mistake.and(before, "this one"));
        }
        macs.push((name, mac));
    }
    let mut nodes = Vec::new();
    for (((name, span), table), (_, mac)) in tables.into_iter().zip(&macs) {
        let mut ask = Vec::new();
        for (peer, at) in table.find("ask").map(|it| it.texts()).unwrap_or_default() {
            match macs.iter().find(|(known, _)| *known == peer) {
                Some(_) if peer == name => reading.wrong(at, format!("`{name}` is to ask itself")),
                Some((_, mac)) => ask.push(*mac),
                None => {
                    let mistake = reading.mistake(at, format!("no talker is named `{peer}`"));
                    let names = macs.iter().map(|(known, _)| *known);
                    reading.tell(mistake.nearest(&peer, names, "talkers"));
                }
            }
        }
        let octets = table.find("octets").and_then(|it| it.octets(31, 65_550));
        let octets = octets.unwrap_or(100);
        let every = match (table.find("every"), table.find("rate")) {
            (Some(_), Some(rate)) => {
                rate.wrong("`every` says already how often it sends: expected one of them");
                None
            }
            (Some(every), None) => every.some_time(),
            (None, Some(rate)) => interval(&rate, octets),
            (None, None) => Some(Duration::from_millis(100)),
        };
        let kind = Kind::Talker {
            mac: *mac,
            ask,
            every: every.unwrap_or(Duration::from_secs(1)),
            octets,
        };
        nodes.push(node(name, &span, kind));
    }
    nodes
}

/// Between two requests, at a rate.
fn interval(rate: &Value<'_>, octets: usize) -> Option<Duration> {
    let bits = octets as u64 * 8 * 1_000_000_000;
    let every = bits.checked_div(rate.rate()?);
    if every.is_none() {
        rate.wrong("expected more than 0; without `ask` a talker sends nothing of its own");
    }
    every.map(|nanos| Duration::from_nanos(nanos.max(1)))
}

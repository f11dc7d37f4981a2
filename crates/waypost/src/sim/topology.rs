//! A topology text: a network, what befalls it, and what is to be seen of it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use toml::de::DeTable;
use waypost::simulated::GraphNode;
use waypost_graph_text::{Source, nearest};
use waypost_sim::{Fault, FaultSchedule, Simulation};
use waypost_wire::{Duration, Instant};

use super::faults::{self, Faults};
use super::figure::{Expectation, Figure, Owners};
use super::keys;
use super::link::{self, Link};
use super::mistake::{Mistake, Reading};
use super::node::{self, Kind, Node};
use super::output::{Capture, Outputs, Plot};
use super::table::{Table, Value};

/// Longer texts are not read: places in them have 32 bits, and a network of that size is made by a program.
const TEXT_MAX: usize = 64 << 20;
/// Mistakes of the grammar that are shown; what follows from the first of them is often none.
const SYNTAX_MAX: usize = 5;

/// What a text says, checked.
#[derive(Clone, Debug)]
pub(crate) struct Topology {
    pub(crate) source: Source,
    pub(crate) seed: u64,
    pub(crate) until: Duration,
    pub(crate) nodes: Vec<Node>,
    pub(crate) links: Vec<Link>,
    /// Spans in which links are down.
    pub(crate) down: Vec<Fault>,
    pub(crate) faults: Faults,
    pub(crate) writes: Vec<Write>,
    pub(crate) captures: Vec<Capture>,
    pub(crate) plots: Vec<Plot>,
    pub(crate) reads: Vec<Figure>,
    pub(crate) expectations: Vec<Expectation>,
}

/// Something that is written to a handler of a graph.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    pub(crate) at: Instant,
    pub(crate) node: String,
    pub(crate) handler: String,
    pub(crate) value: String,
    /// Where the handler is written.
    span: Range<usize>,
    /// Where the value is, or else the handler.
    pub(crate) value_span: Range<usize>,
}

impl Write {
    /// Tells if there is no such handler, or none to write.
    fn check(&self, reading: &Reading, net: &Simulation) {
        let node = net.node_named(&self.node);
        let graph = node.and_then(|id| net.node::<GraphNode>(id));
        // `stop` is the graph's own.
        let Some((element, handler)) = self.handler.rsplit_once('.') else {
            if self.handler != "stop" {
                let message = format!("no graph has a write handler `{}`", self.handler);
                let mistake = reading.mistake(self.span.clone(), message);
                reading.tell(mistake.help("expected `GRAPH/ELEMENT.HANDLER`, or `GRAPH/stop`"));
            }
            return;
        };
        let Some(graph) = graph else { return };
        match graph
            .program()
            .instance()
            .read(&format!("{element}.handlers"))
        {
            Err(error) => reading.wrong(self.span.clone(), error.to_string()),
            Ok(all) => {
                let all = all.lines().filter_map(|line| line.split_once('\t'));
                let writable = all.filter(|(_, mode)| mode.contains('w'));
                let names: Vec<_> = writable.map(|(name, _)| name).collect();
                if !names.contains(&handler) {
                    let message = format!("`{element}` has no write handler `{handler}`");
                    let mistake = reading.mistake(self.span.clone(), message);
                    reading.tell(mistake.nearest(handler, names, "write handlers"));
                }
            }
        }
    }
}

/// What the command line says about a text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Given {
    pub(crate) seed: Option<u64>,
    pub(crate) until: Option<Duration>,
    pub(crate) variables: Vec<(String, String)>,
}

/// Why a text is none.
#[derive(Debug)]
pub(crate) enum TopologyError {
    /// Mistakes in it, each with its place.
    Text(Vec<Mistake>),
    /// What the command line says does not fit it.
    Given(String),
}

impl Topology {
    /// Reads a text; `folder` is where relative paths begin.
    pub(crate) fn read(
        source: &Source,
        folder: &Path,
        given: &Given,
    ) -> Result<Self, TopologyError> {
        let reading = Reading::new(source.clone());
        if source.text().len() > TEXT_MAX {
            reading.wrong(0..0, format!("the text is longer than {TEXT_MAX} octets"));
            return Err(TopologyError::Text(reading.into_mistakes()));
        }
        let (document, errors) = DeTable::parse_recoverable(source.text());
        for error in errors.iter().take(SYNTAX_MAX) {
            let end = source.text().len();
            let span = error.span().unwrap_or(end..end);
            let message = error.message().trim().replace('\n', ", ");
            reading.wrong(span, message);
        }
        if !reading.is_well() {
            return Err(TopologyError::Text(reading.into_mistakes()));
        }
        set_variables(&reading, document.get_ref(), &given.variables)
            .map_err(TopologyError::Given)?;
        let mut checked = Simulation::new(0);
        let topology = topology(&reading, document.get_ref(), folder, given, &mut checked);
        if reading.is_well() {
            topology.check_handlers(&reading, &checked);
        }
        if reading.is_well() {
            Ok(topology)
        } else {
            Err(TopologyError::Text(reading.into_mistakes()))
        }
    }

    /// Looks for the handlers that are read and written in graphs that do not run: one that is not there is told before an hour of
    /// computing.
    fn check_handlers(&self, reading: &Reading, checked: &Simulation) {
        for write in &self.writes {
            write.check(reading, checked);
        }
        let expected = self.expectations.iter().flat_map(Expectation::figures);
        for figure in self.reads.iter().chain(expected) {
            if let Err(error) = figure.check(checked) {
                reading.wrong(figure.span.clone(), error);
            }
        }
    }

    /// The faults of a run, the spans included in which links are down.
    pub(crate) fn all_faults(&self, faults: &FaultSchedule) -> FaultSchedule {
        let mut all = self.down.clone();
        all.extend_from_slice(faults.faults());
        all.into()
    }
}

/// The variables of a text, and what the command line makes of them.
fn set_variables(
    reading: &Reading,
    document: &DeTable<'_>,
    given: &[(String, String)],
) -> Result<(), String> {
    let text = Table::quiet(reading, document, &keys::TEXT);
    let own = text.find("variables").map(|it| it.map());
    let mut variables = BTreeMap::new();
    for ((name, span), value) in own.unwrap_or_default() {
        let is_part = |it: char| it.is_ascii_alphanumeric() || it == '_';
        if name.is_empty() || !name.chars().all(is_part) {
            reading.wrong(
                span,
                "the name of a variable has letters, digits and `_` alone",
            );
        } else if let Some(value) = value.word() {
            variables.insert(name.to_owned(), value);
        }
    }
    for (name, value) in given {
        let Some(known) = variables.get_mut(name) else {
            let near = nearest(name, variables.keys().map(String::as_str));
            let near = near.map_or_else(String::new, |near| format!(": did you mean `{near}`?"));
            return Err(format!(
                "--set {name}={value}: `[variables]` has no `{name}`{near}"
            ));
        };
        known.clone_from(value);
    }
    *reading.variables.borrow_mut() = variables;
    Ok(())
}

fn topology(
    reading: &Reading,
    document: &DeTable<'_>,
    folder: &Path,
    given: &Given,
    checked: &mut Simulation,
) -> Topology {
    // What is missing in the text as a whole is missing at its beginning.
    let text = Table::new(reading, document, 0..0, &keys::TEXT);
    let seed = text.find("seed").and_then(|it| it.seed());
    let until = match given.until {
        Some(_) => text.find("until"),
        None => text.require("until"),
    };
    let own_until = until.and_then(|it| it.some_time());
    let until = given.until.or(own_until).unwrap_or(Duration::from_secs(1));
    let nodes = node::nodes(reading, &text, folder, checked);
    let links = link::links(reading, &text, &nodes);
    check_names(reading, &nodes, &links);
    let faults = faults::faults(reading, &text, (&nodes, &links), until);
    let mut outputs = Outputs {
        reading,
        nodes: &nodes,
        links: &links,
        until,
        // The report's own name is given away already.
        files: vec![(super::REPORT.to_owned(), 0..0)],
    };
    let captures = outputs.captures(&text);
    let plots = outputs.plots(&text);
    let owners = Owners {
        reading,
        nodes: &nodes,
        links: &links,
    };
    let tell = |mistake| reading.tell(mistake);
    let end = text.find("end").and_then(|it| it.table(&keys::END));
    let texts = |key| {
        let list = end.and_then(|end| end.find(key));
        list.map(|it| it.texts()).unwrap_or_default().into_iter()
    };
    let reads = texts("read");
    let reads = reads.filter_map(|(it, span)| owners.figure(&it, &span).map_err(tell).ok());
    let expectations = texts("expect");
    let expectations =
        expectations.filter_map(|(it, span)| owners.expectation(&it, &span).map_err(tell).ok());
    Topology {
        source: reading.source.clone(),
        seed: given.seed.or(seed).unwrap_or(1),
        until,
        down: faults::down(&links),
        faults,
        writes: writes(reading, &text, &nodes, own_until),
        captures,
        plots,
        reads: reads.collect(),
        expectations: expectations.collect(),
        nodes,
        links,
    }
}

/// Names of nodes and links are words, and each is given once: figures are named by them.
fn check_names(reading: &Reading, nodes: &[Node], links: &[Link]) {
    let nodes = nodes.iter().map(|it| (&it.name, &it.span));
    let links = links.iter().map(|it| (&it.name, &it.span));
    let mut known = BTreeMap::new();
    for (name, span) in nodes.chain(links) {
        // As in the simulator, whose words these are.
        let is_part = |it: char| it.is_alphanumeric() || "-_.:/+@".contains(it);
        if name.is_empty() || !name.chars().all(is_part) {
            let message = format!("`{name}` is no name: expected letters, digits and `-_.:/+@`");
            reading.wrong(span.clone(), message);
        }
        if let Some(before) = known.insert(name, span) {
            let message = format!("`{name}` is the name of another node or link");
            let mistake = reading.mistake(span.clone(), message);
            reading.tell(mistake.and(Clone::clone(before), "this one"));
        }
    }
}

/// What is written to handlers, in the order of time.
fn writes(
    reading: &Reading,
    text: &Table<'_>,
    nodes: &[Node],
    until: Option<Duration>,
) -> Vec<Write> {
    let mut writes = Vec::new();
    for table in text.listed("write", &keys::WRITE) {
        let at = table.require("at").and_then(|value| {
            let at = value.duration()?;
            // The command line may end a run earlier than its text.
            if let Some(until) = until.filter(|until| at > *until) {
                value.wrong(format!("{at} is after the end, which is at {until}"));
            }
            Some(at)
        });
        let handler = table.require("handler");
        let value = table.find("value");
        let Some(handler) = handler else { continue };
        let value_span = value.map_or_else(|| handler.span(), |it| it.span());
        let value = value.map(|it| it.word());
        let Some((node, name)) = handler_of(reading, &handler, nodes) else {
            continue;
        };
        if let (Some(at), Some(value)) = (at, value.unwrap_or_else(|| Some(String::new()))) {
            writes.push(Write {
                at: Instant::ZERO + at,
                node,
                handler: name,
                value,
                span: handler.span(),
                value_span,
            });
        }
    }
    writes.sort_by_key(|it| it.at);
    writes
}

fn handler_of(reading: &Reading, value: &Value<'_>, nodes: &[Node]) -> Option<(String, String)> {
    let text = value.text()?;
    let is_graph = |node: &Node| matches!(node.kind, Kind::Graph { .. });
    let graphs = || {
        nodes
            .iter()
            .filter(|it| is_graph(it))
            .map(|it| it.name.as_str())
    };
    let split = text
        .match_indices('/')
        .map(|(at, _)| (&text[..at], &text[at + 1..]));
    let found = split
        .clone()
        .find(|(node, _)| graphs().any(|it| it == *node));
    if found.is_none() {
        match text.split_once('/') {
            None => value.wrong(format!("expected `GRAPH/ELEMENT.HANDLER`, found `{text}`")),
            Some((node, _)) => {
                let message = format!("no graph is named `{node}`");
                let mistake = reading.mistake(value.span(), message);
                reading.tell(mistake.nearest(node, graphs(), "graphs"));
            }
        }
    }
    found.map(|(node, handler)| (node.to_owned(), handler.to_owned()))
}

//! What the cases share: a small class table, and texts taken as far as they go.

use std::fmt::Write;

use waypost_graph_text::{
    CheckedGraph, ClassInfo, ClassTable, Diagnostic, Diagnostics, FlatGraph, Libraries, Options,
    Processing, Source, check, flatten, parse,
};

/// Classes with the codes that Click gives them.
const CLASSES: &[(&str, &str, &str, &str)] = &[
    ("ARPQuerier", "2/1-2", "h/h", "xy/x"),
    ("Classifier", "1/-", "h/h", "x/x"),
    ("CheckIPHeader", "1/1-2", "a/ah", "x/x"),
    ("Counter", "1/1", "a/a", "x/x"),
    ("Discard", "1/0", "a/", "x/y"),
    ("Idle", "-/-", "a/a", "x/y"),
    ("InfiniteSource", "0/1", "/a", "x/y"),
    ("Message", "0/0", "a/a", "x/y"),
    ("Null", "1/1", "a/a", "x/x"),
    ("PairOfLanes", "2/2", "a/a", "#/#"),
    ("Print", "1/1", "a/a", "x/x"),
    ("Queue", "1/1-2", "h/lh", "x/x"),
    ("RatedSource", "0/1", "a", "x/y"),
    ("RoundRobinSched", "1-/1", "l/l", "x/x"),
    ("Shaper", "1/1", "l/l", "x/x"),
    ("Tee", "1/1-", "h/h", "x/x"),
    ("ToDevice", "1/0-2", "l/h", "x/y"),
    ("Unqueue", "1/1", "l/h", "x/x"),
];

pub(crate) fn table() -> ClassTable {
    let mut table = ClassTable::new();
    for (name, ports, processing, flow) in CLASSES {
        let class = ClassInfo::new(ports, processing, flow).expect("the table is well-formed");
        table.insert(*name, class);
    }
    table
}

/// Parses and flattens a text.
pub(crate) fn graph_with(text: &str, options: &mut Options<'_>) -> Result<FlatGraph, Diagnostics> {
    let (ast, wrong) = parse(&Source::new("t.click", text));
    Diagnostics::split(wrong)?;
    flatten(&ast, options)
}

pub(crate) fn graph(text: &str) -> Result<FlatGraph, Diagnostics> {
    graph_with(text, &mut Options::default())
}

pub(crate) fn checked(text: &str) -> Result<CheckedGraph, Diagnostics> {
    check(&graph(text)?, &table())
}

/// The flat graph of a text as it is printed, warnings first.
pub(crate) fn flat(text: &str) -> String {
    flat_with(text, &mut Options::default())
}

pub(crate) fn flat_with(text: &str, options: &mut Options<'_>) -> String {
    match graph_with(text, options) {
        Ok(graph) => {
            let mut out = long(graph.warnings());
            let _ = write!(out, "{graph}");
            out
        }
        Err(wrong) => format!("{wrong:#}"),
    }
}

/// The flat graph of a text without declarations: what is connected to what.
pub(crate) fn wires(text: &str) -> String {
    let printed = flat(text);
    let arrows = printed.lines().filter(|line| line.contains(" -> "));
    arrows.collect::<Vec<_>>().join("\n")
}

/// The configuration of the element `x` of a text.
pub(crate) fn config(text: &str) -> String {
    match graph(text) {
        Ok(graph) => {
            let id = graph.find("x").expect("the case declares `x`");
            graph.element(id).config().to_owned()
        }
        Err(wrong) => format!("{wrong:#}"),
    }
}

/// All that is wrong with a text, in the long form.
pub(crate) fn wrong(text: &str) -> String {
    match checked(text) {
        Ok(_) => "nothing is wrong".to_owned(),
        Err(wrong) => long(&wrong.into_vec()),
    }
}

/// Push (`h`) or pull (`l`) of the inputs and outputs of each element.
pub(crate) fn ways(text: &str) -> String {
    let checked = match checked(text) {
        Ok(checked) => checked,
        Err(wrong) => return format!("{wrong:#}"),
    };
    let letters = |ports: &[Processing]| -> String {
        let letter = |way: &Processing| match way {
            Processing::Push => 'h',
            Processing::Pull => 'l',
        };
        ports.iter().map(letter).collect()
    };
    let mut out = String::new();
    for id in checked.graph().ids() {
        let (inputs, outputs) = (letters(checked.inputs(id)), letters(checked.outputs(id)));
        let name = checked.graph().element(id).name();
        let _ = writeln!(out, "{name} {inputs}/{outputs}");
    }
    out
}

fn long(diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        let _ = write!(out, "{diagnostic:#}");
    }
    out
}

/// Libraries from memory.
pub(crate) struct Shelf(pub(crate) &'static [(&'static str, &'static str)]);

impl Libraries for Shelf {
    fn load(&mut self, name: &str, _: &Source) -> Result<Source, String> {
        let found = self.0.iter().find(|(title, _)| *title == name);
        found
            .map(|(title, text)| Source::new(*title, *text))
            .ok_or_else(|| "no file of that name".to_owned())
    }
}

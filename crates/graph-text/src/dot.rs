//! A graph in the DOT language of Graphviz.

use std::fmt::Write;

use crate::drawing::Drawn;
use crate::{Connection, Drawing, Processing};

/// Writes a graph in the DOT language: an element is a box with its ports, push connections are solid, pull connections dashed,
/// and the members of a compound stand in a frame.
///
/// ```
/// use waypost_graph_text::{ClassInfo, ClassTable, Options, Source, check, dot, flatten, parse};
///
/// let mut table = ClassTable::new();
/// table.insert("Source", ClassInfo::new("0/1", "h/h", "x/x")?);
/// table.insert("Sink", ClassInfo::new("1/0", "h/h", "x/x")?);
/// let (ast, _) = parse(&Source::new("a.click", "Source -> s :: Sink"));
/// let graph = check(&flatten(&ast, &mut Options::default())?, &table)?;
/// assert!(dot(&graph).contains("n0:o0 -> n1:i0"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn dot<'a>(graph: impl Into<Drawing<'a>>) -> String {
    let graph: Drawing<'a> = graph.into();
    let mut out =
        String::from("digraph graph_ {\n  node [shape=none, margin=0, fontname=\"sans-serif\"];\n");
    let all: Vec<_> = graph.elements.iter().enumerate().collect();
    frame(&mut out, &all, "", 1);
    for &connection in &graph.connections {
        let Connection {
            from,
            from_port,
            to,
            to_port,
        } = connection;
        let style = match graph.processing(connection) {
            Processing::Push => "",
            Processing::Pull => " [style=dashed, arrowhead=onormal]",
        };
        line(
            &mut out,
            1,
            &format!(
                "n{}:o{from_port} -> n{}:i{to_port}{style};",
                from.index(),
                to.index()
            ),
        );
    }
    out.push_str("}\n");
    out
}

/// Writes the elements whose names begin with `path`: those of inner compounds in frames of their own.
fn frame(out: &mut String, elements: &[(usize, &Drawn<'_>)], path: &str, depth: usize) {
    let mut inner: Vec<&str> = Vec::new();
    for &(at, element) in elements {
        let name = element.name;
        match name[path.len()..].split_once('/') {
            Some((compound, _)) => {
                let compound = &name[..path.len() + compound.len() + 1];
                if !inner.contains(&compound) {
                    inner.push(compound);
                }
            }
            None => node(out, at, element, depth),
        }
    }
    for compound in inner {
        let members: Vec<_> = elements
            .iter()
            .copied()
            .filter(|(_, element)| element.name.starts_with(compound))
            .collect();
        let name = compound.trim_end_matches('/');
        line(
            out,
            depth,
            &format!("subgraph \"cluster_{}\" {{", quoted(name)),
        );
        line(
            out,
            depth + 1,
            &format!("label=\"{}\"; style=rounded; color=gray;", quoted(name)),
        );
        frame(out, &members, compound, depth + 1);
        line(out, depth, "}");
    }
}

fn node(out: &mut String, at: usize, element: &Drawn<'_>, depth: usize) {
    let ports = |letter: char, modes: &[Processing]| -> String {
        if modes.is_empty() {
            return String::new();
        }
        let cells: String = (0..modes.len())
            .map(|port| {
                format!(
                    "<td port=\"{letter}{port}\" bgcolor=\"{}\"> </td>",
                    colour(modes[port])
                )
            })
            .collect();
        format!(
            "<tr><td><table border=\"0\" cellborder=\"1\" cellspacing=\"0\"><tr>{cells}</tr></table></td></tr>"
        )
    };
    let label = format!(
        "<table border=\"1\" cellborder=\"0\" cellspacing=\"0\">{}<tr><td><b>{}</b><br/>{}</td></tr>{}</table>",
        ports('i', &element.inputs),
        escaped(element.name),
        escaped(element.class),
        ports('o', &element.outputs),
    );
    line(out, depth, &format!("n{at} [label=<{label}>];"));
}

fn colour(mode: Processing) -> &'static str {
    match mode {
        Processing::Push => "black",
        Processing::Pull => "white",
    }
}

fn line(out: &mut String, depth: usize, text: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(out, "{:width$}{text}", "", width = depth * 2);
}

/// Text inside a quoted DOT string.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// Text inside markup.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

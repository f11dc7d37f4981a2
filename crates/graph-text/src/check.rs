//! Checking a flat graph against the element classes that exist.

use std::collections::{HashMap, HashSet};

use crate::class::{ClassInfo, Classes};
use crate::codes::Processing;
use crate::complain::Complaints;
use crate::diagnostic::not_shown;
use crate::graph::{Connection, ElementId, FlatGraph};
use crate::infer::{Conflict, Inference, Port, input_of, output_of};
use crate::{Diagnostic, Diagnostics, Limits, Severity};

/// A graph whose elements exist, whose ports are all connected, and of whose ports each is known to push or to pull.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedGraph {
    graph: FlatGraph,
    inputs: Vec<Vec<Processing>>,
    outputs: Vec<Vec<Processing>>,
}

impl CheckedGraph {
    /// The graph.
    #[must_use]
    pub fn graph(&self) -> &FlatGraph {
        &self.graph
    }

    /// Push or pull of each input of an element.
    ///
    /// # Panics
    /// If the id is of another, larger graph.
    #[must_use]
    pub fn inputs(&self, element: ElementId) -> &[Processing] {
        &self.inputs[element.index()]
    }

    /// Push or pull of each output of an element.
    ///
    /// # Panics
    /// If the id is of another, larger graph.
    #[must_use]
    pub fn outputs(&self, element: ElementId) -> &[Processing] {
        &self.outputs[element.index()]
    }

    /// How packets pass a connection of this graph.
    ///
    /// # Panics
    /// If the connection is of another graph.
    #[must_use]
    pub fn processing(&self, connection: Connection) -> Processing {
        self.outputs(connection.from)[usize::from(connection.from_port)]
    }
}

/// Checks that all element classes exist, that each element has the ports that are connected and all its ports are, that push
/// meets push and pull meets pull, and that no push output or pull input is connected twice.
///
/// Ports that are agnostic become what the ports they exchange packets with are; where nothing says which, push.
///
/// # Errors
/// All that is wrong, up to [`Limits::diagnostics`] of the default limits.
pub fn check(graph: &FlatGraph, classes: &dyn Classes) -> Result<CheckedGraph, Diagnostics> {
    let mut check = Check {
        graph,
        complaints: Complaints::new(graph),
        found: Vec::new(),
        most: Limits::default().diagnostics,
        more: 0,
    };
    let infos = check.classes(classes);
    let counts = check.ports(&infos);
    let inference = Inference::run(graph, &infos, &counts);
    check.processing(&inference);
    check.reuse(&inference);
    check.found.extend(not_shown(check.more, Severity::Error));
    Diagnostics::split(check.found)?;
    let side = |output: bool| {
        let ports = graph
            .ids()
            .zip(&counts)
            .map(|(element, (inputs, outputs))| {
                let count = if output { *outputs } else { *inputs };
                (0..count)
                    .map(|number| {
                        inference.processing(Port {
                            element,
                            output,
                            number,
                        })
                    })
                    .collect()
            });
        ports.collect()
    };
    Ok(CheckedGraph {
        graph: graph.clone(),
        inputs: side(false),
        outputs: side(true),
    })
}

struct Check<'a> {
    graph: &'a FlatGraph,
    complaints: Complaints<'a>,
    found: Vec<Diagnostic>,
    /// Errors that are told, and how many there are beyond.
    most: usize,
    more: usize,
}

impl<'a> Check<'a> {
    /// Errors beyond the limit are counted and not worded: words cost a look at the whole graph.
    fn report(&mut self, words: impl FnOnce(&Complaints<'a>) -> Diagnostic) {
        if self.found.len() < self.most {
            let diagnostic = words(&self.complaints);
            self.found.push(diagnostic);
        } else {
            self.more += 1;
        }
    }

    /// What is known of the class of each element.
    fn classes(&mut self, table: &dyn Classes) -> Vec<Option<ClassInfo>> {
        let mut known: HashMap<&str, Option<ClassInfo>> = HashMap::new();
        let mut told = HashSet::new();
        let mut names: Option<Vec<String>> = None;
        let mut infos = Vec::with_capacity(self.graph.elements.len());
        for id in self.graph.ids() {
            let element = self.graph.element(id);
            let info = known
                .entry(&element.class)
                .or_insert_with(|| table.class(&element.class));
            let place = element.origin.as_ref().map(|o| o.class_place.clone());
            let key = place.map_or((String::new(), id.0), |p| {
                (p.source.name().to_owned(), p.span.start)
            });
            if info.is_none() && told.insert((element.class.as_str(), key)) {
                if let Some(reason) = table.malformed(&element.class) {
                    self.report(|words| words.malformed_class(element, &reason));
                } else {
                    let names = names.get_or_insert_with(|| table.names());
                    self.report(|words| words.unknown_class(element, names));
                }
            }
            infos.push(info.clone());
            if let Some(name) = self
                .complaints
                .own_name(element)
                .filter(|name| table.class(name).is_some())
            {
                self.report(|words| words.class_as_element(element, name));
            }
        }
        infos
    }

    /// How many inputs and outputs each element has; `(0, 0)` where that is wrong beyond use.
    fn ports(&mut self, infos: &[Option<ClassInfo>]) -> Vec<(usize, usize)> {
        let mut inputs: Vec<Vec<u16>> = vec![Vec::new(); infos.len()];
        let mut outputs: Vec<Vec<u16>> = vec![Vec::new(); infos.len()];
        for c in &self.graph.connections {
            outputs[c.from.index()].push(c.from_port);
            inputs[c.to.index()].push(c.to_port);
        }
        let mut counts = Vec::with_capacity(infos.len());
        for id in self.graph.ids() {
            let (ins, outs) = (&mut inputs[id.index()], &mut outputs[id.index()]);
            for ports in [&mut *ins, &mut *outs] {
                ports.sort_unstable();
                ports.dedup();
            }
            let used = |ports: &[u16]| ports.last().map_or(0, |last| usize::from(*last) + 1);
            let Some(info) = &infos[id.index()] else {
                counts.push((0, 0));
                continue;
            };
            let (has_inputs, has_outputs) = info.ports.resolve(used(ins), used(outs));
            self.side(id, info, false, ins, has_inputs);
            self.side(id, info, true, outs, has_outputs);
            // Ports far beyond those connected are unused, which is an error: they need no place in the inference.
            let spread = has_inputs.max(has_outputs) > 64 + 4 * (ins.len() + outs.len());
            counts.push(if spread {
                (0, 0)
            } else {
                (has_inputs, has_outputs)
            });
        }
        counts
    }

    /// Complains of connected ports that do not exist and of ports that are not connected.
    fn side(
        &mut self,
        id: ElementId,
        info: &ClassInfo,
        output: bool,
        connected: &[u16],
        count: usize,
    ) {
        let element = self.graph.element(id);
        for port in connected.iter().filter(|port| usize::from(**port) >= count) {
            let at = Port {
                element: id,
                output,
                number: usize::from(*port),
            };
            self.report(|words| words.no_such_port(at, info, count));
        }
        let mut next = 0;
        let ends = connected
            .iter()
            .map(|port| usize::from(*port))
            .filter(|port| *port < count)
            .chain([count]);
        for port in ends {
            if next < port {
                self.report(|words| words.unused(element, info, output, next, port - 1));
            }
            next = port + 1;
        }
    }

    fn processing(&mut self, inference: &Inference<'_>) {
        for conflict in inference.conflicts() {
            self.report(|words| match conflict {
                Conflict::Connection(c) => words.push_pull(c, inference),
                Conflict::Agnostic(input, output) => words.agnostic(input, output, inference),
            });
        }
    }

    /// Complains of push outputs and pull inputs with several connections.
    fn reuse(&mut self, inference: &Inference<'_>) {
        let by_output = self.graph.connections.as_slice();
        let mut by_input = by_output.to_vec();
        by_input.sort_unstable_by_key(|c| (c.to, c.to_port));
        for group in by_output
            .chunk_by(|a, b| output_of(a) == output_of(b))
            .filter(|g| g.len() > 1)
        {
            if inference.processing(output_of(&group[0])) == Processing::Push {
                self.report(|words| words.reuse(output_of(&group[0]), group));
            }
        }
        for group in by_input
            .chunk_by(|a, b| input_of(a) == input_of(b))
            .filter(|g| g.len() > 1)
        {
            if inference.processing(input_of(&group[0])) == Processing::Pull {
                self.report(|words| words.reuse(input_of(&group[0]), group));
            }
        }
    }
}

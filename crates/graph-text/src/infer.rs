//! Push and pull spread from the ports that say which to the ports that do not care.

use std::collections::VecDeque;

use crate::class::ClassInfo;
use crate::codes::Processing;
use crate::graph::{Connection, ElementId, FlatGraph};

/// The ports of a graph as vertices, and what is known of each.
pub(crate) struct Inference<'a> {
    graph: &'a FlatGraph,
    classes: &'a [Option<ClassInfo>],
    /// First vertex of the inputs and of the outputs of each element, and one past its last.
    first_input: Vec<usize>,
    first_output: Vec<usize>,
    known: Vec<Option<Processing>>,
    /// The vertex that a vertex has its processing from.
    cause: Vec<Option<usize>>,
    /// Connections by output, as [`FlatGraph::connections`] has them, and by input.
    by_input: Vec<Connection>,
}

/// A port of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Port {
    pub(crate) element: ElementId,
    pub(crate) output: bool,
    pub(crate) number: usize,
}

/// Two ports that would have to agree and do not.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Conflict {
    /// The ends of a connection.
    Connection(Connection),
    /// An agnostic input and output of one element.
    Agnostic(Port, Port),
}

impl<'a> Inference<'a> {
    /// Spreads push and pull over a graph whose elements have so many inputs and outputs.
    pub(crate) fn run(
        graph: &'a FlatGraph,
        classes: &'a [Option<ClassInfo>],
        counts: &[(usize, usize)],
    ) -> Self {
        let (mut first_input, mut first_output, mut at) = (Vec::new(), Vec::new(), 0);
        for (inputs, outputs) in counts {
            first_input.push(at);
            first_output.push(at + inputs);
            at += inputs + outputs;
        }
        first_input.push(at);
        let mut by_input = graph.connections.clone();
        by_input.sort_unstable_by_key(|c| (c.to, c.to_port));
        let mut this = Self {
            graph,
            classes,
            first_input,
            first_output,
            known: vec![None; at],
            cause: vec![None; at],
            by_input,
        };
        this.spread();
        this
    }

    /// What a port turned out to be: push where nothing says otherwise.
    pub(crate) fn processing(&self, port: Port) -> Processing {
        self.vertex(port)
            .and_then(|v| self.known[v])
            .unwrap_or(Processing::Push)
    }

    /// The elements through which a port has its processing, nearest first, down to the one whose class says so.
    pub(crate) fn causes(&self, port: Port) -> Vec<ElementId> {
        let mut at = self.vertex(port);
        let mut path = Vec::new();
        while let Some(vertex) = at {
            let element = self.port(vertex).element;
            if path.last() != Some(&element) {
                path.push(element);
            }
            at = self.cause[vertex];
        }
        path
    }

    /// All places where push meets pull.
    pub(crate) fn conflicts(&self) -> Vec<Conflict> {
        let ends = |c: &Connection| (self.known_at(output_of(c)), self.known_at(input_of(c)));
        let differ = |pair| matches!(pair, (Some(a), Some(b)) if a != b);
        let connections = self.graph.connections.iter().filter(|c| differ(ends(c)));
        let mut found: Vec<Conflict> = connections.map(|c| Conflict::Connection(*c)).collect();
        for element in self.graph.ids() {
            let Some(class) = &self.classes[element.index()] else {
                continue;
            };
            let (inputs, outputs) = (self.agnostic(element, false), self.agnostic(element, true));
            // Where all flows everywhere, one comparison finds a conflict if there is one, since all inputs meet all outputs.
            let pairs = inputs
                .iter()
                .flat_map(|i| outputs.iter().map(move |o| (*i, *o)));
            let conflict = pairs.into_iter().find(|(i, o)| {
                class.flow.flows(i.number, o.number)
                    && differ((self.known_at(*i), self.known_at(*o)))
            });
            found.extend(conflict.map(|(i, o)| Conflict::Agnostic(i, o)));
        }
        found
    }

    fn spread(&mut self) {
        let mut queue = VecDeque::new();
        for vertex in 0..self.known.len() {
            let port = self.port(vertex);
            self.known[vertex] = self.says(port);
            if self.known[vertex].is_some() {
                queue.push_back(vertex);
            }
        }
        // Elements through which everything flows hand a processing on to a whole side once.
        let mut handed_on = vec![[false; 2]; self.graph.elements.len()];
        while let Some(vertex) = queue.pop_front() {
            let port = self.port(vertex);
            let mut next = self.connected(port);
            if self.says(port).is_none() {
                let complete = self
                    .class(port)
                    .is_some_and(|class| class.flow.is_complete());
                let done = &mut handed_on[port.element.index()][usize::from(port.output)];
                if !(complete && std::mem::replace(done, true)) {
                    next.extend(self.reached_inside(port));
                }
            }
            for reached in next {
                if let Some(to) = self.vertex(reached).filter(|to| self.known[*to].is_none()) {
                    self.known[to] = self.known[vertex];
                    self.cause[to] = Some(vertex);
                    queue.push_back(to);
                }
            }
        }
    }

    /// The ports at the other ends of a port's connections.
    fn connected(&self, port: Port) -> Vec<Port> {
        let Ok(number) = u16::try_from(port.number) else {
            return Vec::new();
        };
        let key = (port.element, number);
        if port.output {
            let all = &self.graph.connections;
            let from = all.partition_point(|c| (c.from, c.from_port) < key);
            all[from..]
                .iter()
                .take_while(|c| (c.from, c.from_port) == key)
                .map(input_of)
                .collect()
        } else {
            let all = &self.by_input;
            let from = all.partition_point(|c| (c.to, c.to_port) < key);
            all[from..]
                .iter()
                .take_while(|c| (c.to, c.to_port) == key)
                .map(output_of)
                .collect()
        }
    }

    /// The agnostic ports on the other side of the element that packets at this port come from or go to.
    fn reached_inside(&self, port: Port) -> Vec<Port> {
        let Some(class) = self.class(port) else {
            return Vec::new();
        };
        let mut others = self.agnostic(port.element, !port.output);
        others.retain(|other| {
            let (input, output) = if port.output {
                (other, &port)
            } else {
                (&port, other)
            };
            class.flow.flows(input.number, output.number)
        });
        others
    }

    fn agnostic(&self, element: ElementId, output: bool) -> Vec<Port> {
        let e = element.index();
        let count = if output {
            self.first_input[e + 1] - self.first_output[e]
        } else {
            self.first_output[e] - self.first_input[e]
        };
        let ports = (0..count).map(|number| Port {
            element,
            output,
            number,
        });
        ports.filter(|port| self.says(*port).is_none()).collect()
    }

    fn class(&self, port: Port) -> Option<&ClassInfo> {
        self.classes[port.element.index()].as_ref()
    }

    /// What the class says of a port; `None` is agnostic.
    fn says(&self, port: Port) -> Option<Processing> {
        let code = &self.class(port)?.processing;
        if port.output {
            code.output(port.number)
        } else {
            code.input(port.number)
        }
    }

    fn known_at(&self, port: Port) -> Option<Processing> {
        self.vertex(port).and_then(|v| self.known[v])
    }

    fn vertex(&self, port: Port) -> Option<usize> {
        let e = port.element.index();
        let (first, end) = if port.output {
            (self.first_output[e], self.first_input[e + 1])
        } else {
            (self.first_input[e], self.first_output[e])
        };
        (port.number < end - first).then_some(first + port.number)
    }

    fn port(&self, vertex: usize) -> Port {
        let e = self.first_input.partition_point(|first| *first <= vertex) - 1;
        let element = ElementId(u32::try_from(e).unwrap_or(u32::MAX));
        let output = vertex >= self.first_output[e];
        let first = if output {
            self.first_output[e]
        } else {
            self.first_input[e]
        };
        Port {
            element,
            output,
            number: vertex - first,
        }
    }
}

pub(crate) fn output_of(c: &Connection) -> Port {
    Port {
        element: c.from,
        output: true,
        number: c.from_port.into(),
    }
}

pub(crate) fn input_of(c: &Connection) -> Port {
    Port {
        element: c.to,
        output: false,
        number: c.to_port.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(
        edges: &[(u32, u16, u32, u16)],
        classes: &[(&str, &str, usize, usize)],
    ) -> (String, usize) {
        let mut graph = FlatGraph::new();
        let mut infos = Vec::new();
        let mut counts = Vec::new();
        for (i, (processing, flow, inputs, outputs)) in classes.iter().enumerate() {
            graph.add(format!("e{i}"), "X", "").unwrap();
            infos.push(Some(ClassInfo::new("-/-", processing, flow).unwrap()));
            counts.push((*inputs, *outputs));
        }
        for (from, from_port, to, to_port) in edges {
            graph
                .connect(ElementId(*from), *from_port, ElementId(*to), *to_port)
                .unwrap();
        }
        let inference = Inference::run(&graph, &infos, &counts);
        let all =
            (0..inference.known.len()).map(|v| match inference.processing(inference.port(v)) {
                Processing::Push => 'h',
                Processing::Pull => 'l',
            });
        (all.collect(), inference.conflicts().len())
    }

    #[test]
    fn spreads_down_and_up_through_agnostic_elements() {
        let chain = [(0, 0, 1, 0), (1, 0, 2, 0)];
        assert_eq!(
            run(
                &chain,
                &[
                    ("h/h", "x/x", 0, 1),
                    ("a/a", "x/x", 1, 1),
                    ("a/a", "x/x", 1, 0)
                ]
            ),
            ("hhhh".into(), 0)
        );
        assert_eq!(
            run(
                &chain,
                &[
                    ("a/a", "x/x", 0, 1),
                    ("a/a", "x/x", 1, 1),
                    ("l/l", "x/x", 1, 0)
                ]
            ),
            ("llll".into(), 0)
        );
    }

    #[test]
    fn flow_codes_keep_ports_apart() {
        let edges = [(0, 0, 2, 0), (1, 0, 2, 1), (2, 0, 3, 0), (2, 1, 4, 0)];
        let ends = |flow| {
            [
                ("h/h", "x/x", 0, 1),
                ("l/l", "x/x", 0, 1),
                ("a/a", flow, 2, 2),
                ("a", "x", 1, 0),
                ("a", "x", 1, 0),
            ]
        };
        assert_eq!(run(&edges, &ends("#/#")), ("hlhlhlhl".into(), 0));
        assert_eq!(run(&edges, &ends("x/x")).1, 1);
    }

    #[test]
    fn nothing_known_is_push() {
        assert_eq!(
            run(&[(0, 0, 1, 0)], &[("a", "x", 0, 1), ("a", "x", 1, 0)]),
            ("hh".into(), 0)
        );
    }

    #[test]
    fn the_cause_is_the_port_whose_class_says_so() {
        let mut graph = FlatGraph::new();
        let ids: Vec<_> = ["s", "a", "b"]
            .map(|n| graph.add(n, "X", "").unwrap())
            .into();
        graph.connect(ids[0], 0, ids[1], 0).unwrap();
        graph.connect(ids[1], 0, ids[2], 0).unwrap();
        let classes = ["h/h", "a/a", "a/a"].map(|p| ClassInfo::new("-/-", p, "x/x").ok());
        let inference = Inference::run(&graph, &classes, &[(0, 1), (1, 1), (1, 0)]);
        let port = Port {
            element: ids[2],
            output: false,
            number: 0,
        };
        assert_eq!(inference.causes(port), [ids[2], ids[1], ids[0]]);
    }
}

//! What is drawn of a graph, wherever it comes from.

use crate::{CheckedGraph, Connection, ElementId, Processing};

/// What [`dot`](crate::dot) and [`svg`](crate::svg) draw: elements with their ports, and connections.
///
/// A [`CheckedGraph`] becomes one by itself. Graphs that are not texts are put together element by element; their names and
/// classes need not be identifiers, and members of a compound are called `compound/member`.
///
/// ```
/// use waypost_graph_text::{Drawing, Processing, dot};
///
/// let mut drawing = Drawing::new();
/// let source = drawing.add("a source", "Source", "", vec![], vec![Processing::Push]);
/// let sink = drawing.add("a sink", "Sink<u8>", "", vec![Processing::Push], vec![]);
/// drawing.connect(source, 0, sink, 0);
/// let drawn = dot(drawing);
/// assert!(drawn.contains("n0:o0 -> n1:i0;") && drawn.contains("Sink&lt;u8&gt;"));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Drawing<'a> {
    pub(crate) elements: Vec<Drawn<'a>>,
    pub(crate) connections: Vec<Connection>,
}

/// An element of a drawing.
#[derive(Debug, Clone)]
pub(crate) struct Drawn<'a> {
    pub(crate) name: &'a str,
    pub(crate) class: &'a str,
    pub(crate) config: &'a str,
    pub(crate) inputs: Vec<Processing>,
    pub(crate) outputs: Vec<Processing>,
}

impl<'a> Drawing<'a> {
    /// A drawing of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an element, and for each of its inputs and outputs whether it pushes or pulls.
    pub fn add(
        &mut self,
        name: &'a str,
        class: &'a str,
        config: &'a str,
        inputs: Vec<Processing>,
        outputs: Vec<Processing>,
    ) -> ElementId {
        let id = ElementId(u32::try_from(self.elements.len()).unwrap_or(u32::MAX));
        self.elements.push(Drawn {
            name,
            class,
            config,
            inputs,
            outputs,
        });
        id
    }

    /// Connects an output port to an input port; where one of them is not there, nothing is drawn.
    pub fn connect(&mut self, from: ElementId, from_port: usize, to: ElementId, to_port: usize) {
        let output = self.elements.get(from.index());
        let output = output.and_then(|element| element.outputs.get(from_port));
        let input = self.elements.get(to.index());
        let input = input.and_then(|element| element.inputs.get(to_port));
        if let (Some(_), Some(_), Ok(from_port), Ok(to_port)) =
            (output, input, from_port.try_into(), to_port.try_into())
        {
            self.connections.push(Connection {
                from,
                from_port,
                to,
                to_port,
            });
        }
    }

    /// Whether packets are pushed or pulled over a connection of this drawing.
    pub(crate) fn processing(&self, connection: Connection) -> Processing {
        self.elements[connection.from.index()].outputs[usize::from(connection.from_port)]
    }
}

impl<'a> From<&'a CheckedGraph> for Drawing<'a> {
    fn from(checked: &'a CheckedGraph) -> Self {
        let graph = checked.graph();
        let elements = graph
            .ids()
            .zip(graph.elements())
            .map(|(id, element)| Drawn {
                name: element.name(),
                class: element.class(),
                config: element.config(),
                inputs: checked.inputs(id).to_vec(),
                outputs: checked.outputs(id).to_vec(),
            });
        Self {
            elements: elements.collect(),
            connections: graph.connections().to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{dot, svg};

    #[test]
    fn what_is_not_there_is_not_drawn() {
        let mut drawing = Drawing::new();
        let a = drawing.add("a", "A", "", vec![], vec![Processing::Pull]);
        let b = drawing.add("b", "B", "", vec![Processing::Pull], vec![]);
        drawing.connect(a, 1, b, 0);
        drawing.connect(a, 0, b, 1);
        drawing.connect(a, 0, ElementId(2), 0);
        assert!(!dot(drawing.clone()).contains("->"));
        drawing.connect(a, 0, b, 0);
        assert!(dot(drawing.clone()).contains("n0:o0 -> n1:i0 [style=dashed"));
        assert!(svg(drawing).contains("<path class=\"pull\""));
    }

    #[test]
    fn any_name_can_be_drawn() {
        let mut drawing = Drawing::new();
        for name in ["", "/", "//", "a/", "a/b", "a\"\\/ß/<c>", "é/è"] {
            drawing.add(name, name, name, vec![], vec![]);
        }
        assert!(dot(drawing.clone()).contains("&lt;c&gt;"));
        assert!(svg(drawing).contains("&lt;c&gt;"));
        assert_eq!(
            dot(Drawing::new()).lines().count(),
            3,
            "{}",
            dot(Drawing::new())
        );
        assert!(svg(Drawing::new()).ends_with("</svg>\n"));
    }
}

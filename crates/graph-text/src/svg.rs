//! A graph as SVG: laid out in layers, packets flow downwards.

use std::fmt::Write;

use crate::dot::escaped;
use crate::drawing::Drawn;
use crate::{Drawing, Processing};

const HEIGHT: f64 = 40.0;
const GAP: f64 = 24.0;
const LAYER: f64 = 88.0;
const MARGIN: f64 = 20.0;

/// Draws a graph as SVG, without the need for a layout program: filled ports push, open ports pull, as do the dashed
/// connections. The position of an element carries its name as a tooltip, so that rates can be added by whoever shows it.
#[must_use]
pub fn svg<'a>(graph: impl Into<Drawing<'a>>) -> String {
    let graph: Drawing<'a> = graph.into();
    let layout = Layout::of(&graph);
    let (width, height) = (
        layout.width + 2.0 * MARGIN,
        layout.layers.len() as f64 * LAYER + 2.0 * MARGIN,
    );
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" font-family=\"sans-serif\" font-size=\"12\">\n<style>path{{fill:none;stroke:#555}}\
         rect{{fill:#fff;stroke:#333}}.pull{{stroke-dasharray:4 3}}</style>\n"
    );
    for &connection in &graph.connections {
        let from = connection.from.index();
        let from = layout.port(
            from,
            connection.from_port,
            &graph.elements[from].outputs,
            true,
        );
        let to = connection.to.index();
        let to = layout.port(to, connection.to_port, &graph.elements[to].inputs, false);
        let pull = graph.processing(connection) == Processing::Pull;
        let bend = ((to.1 - from.1).abs() / 2.0).max(LAYER / 2.0);
        // Writing to a string does not fail.
        let _ = writeln!(
            out,
            "<path class=\"{}\" d=\"M{:.1} {:.1} C{:.1} {:.1} {:.1} {:.1} {:.1} {:.1}\"/>",
            if pull { "pull" } else { "push" },
            from.0,
            from.1,
            from.0,
            from.1 + bend,
            to.0,
            to.1 - bend,
            to.0,
            to.1
        );
    }
    for (at, drawn) in graph.elements.iter().enumerate() {
        element(&mut out, at, drawn, &layout);
    }
    out.push_str("</svg>\n");
    out
}

fn element(out: &mut String, at: usize, element: &Drawn<'_>, layout: &Layout) {
    let place = &layout.places[at];
    let middle = place.x + place.width / 2.0;
    let _ = write!(
        out,
        "<g><title>{name} :: {class}({config})</title><rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{HEIGHT}\" \
         rx=\"4\"/><text x=\"{middle:.1}\" y=\"{first:.1}\" text-anchor=\"middle\" font-weight=\"bold\">{name}</text>\
         <text x=\"{middle:.1}\" y=\"{second:.1}\" text-anchor=\"middle\" fill=\"#555\">{class}</text>",
        name = escaped(element.name),
        class = escaped(element.class),
        config = escaped(element.config),
        x = place.x,
        y = place.y,
        width = place.width,
        first = place.y + 17.0,
        second = place.y + 32.0,
    );
    for (output, modes) in [(false, &element.inputs), (true, &element.outputs)] {
        for (port, mode) in modes.iter().enumerate() {
            let (x, y) = layout.port(at, port as u16, modes, output);
            let fill = if *mode == Processing::Push {
                "#333"
            } else {
                "#fff"
            };
            let _ = write!(
                out,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{fill}\" stroke=\"#333\"/>"
            );
        }
    }
    out.push_str("</g>\n");
}

#[derive(Clone, Default)]
struct Placed {
    x: f64,
    y: f64,
    width: f64,
}

/// Where everything goes.
struct Layout {
    places: Vec<Placed>,
    layers: Vec<Vec<usize>>,
    width: f64,
}

impl Layout {
    fn of(graph: &Drawing<'_>) -> Self {
        let count = graph.elements.len();
        let edges: Vec<(usize, usize)> = graph
            .connections
            .iter()
            .map(|it| (it.from.index(), it.to.index()))
            .collect();
        let depths = depths(count, &edges);
        let mut layers = vec![Vec::new(); depths.iter().max().map_or(0, |deepest| deepest + 1)];
        for (at, &depth) in depths.iter().enumerate() {
            layers[depth].push(at);
        }
        order(&mut layers, &edges, count);
        let mut places = vec![Placed::default(); count];
        let mut width: f64 = 0.0;
        for (depth, layer) in layers.iter().enumerate() {
            let mut x = MARGIN;
            for &at in layer {
                let element = &graph.elements[at];
                let (name, class) = (element.name.chars(), element.class.chars());
                let letters = name.count().max(class.count());
                let ports = element.inputs.len().max(element.outputs.len());
                let needed = (letters as f64 * 7.4 + 16.0).max(ports as f64 * 12.0 + 12.0);
                places[at] = Placed {
                    x,
                    y: MARGIN + depth as f64 * LAYER,
                    width: needed,
                };
                x += needed + GAP;
            }
            width = width.max(x - GAP - MARGIN);
        }
        // Each layer stands in the middle.
        for layer in &layers {
            let end = layer
                .last()
                .map_or(MARGIN, |&at| places[at].x + places[at].width);
            let shift = (width + MARGIN - end) / 2.0;
            layer.iter().for_each(|&at| places[at].x += shift);
        }
        Self {
            places,
            layers,
            width,
        }
    }

    fn port(&self, at: usize, port: u16, ports: &[Processing], output: bool) -> (f64, f64) {
        let place = &self.places[at];
        let x = place.x + place.width * (f64::from(port) + 1.0) / (ports.len() as f64 + 1.0);
        (x, if output { place.y + HEIGHT } else { place.y })
    }
}

/// How deep each element stands: below all it gets packets from, as far as there is no cycle.
fn depths(count: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut depths = vec![0; count];
    // Along a cycle depths would grow for ever: no way without one is longer than there are elements.
    for _ in 0..count {
        let mut changed = false;
        for &(from, to) in edges {
            if from != to && depths[to] <= depths[from] && depths[from] + 1 < count {
                depths[to] = depths[from] + 1;
                changed = true;
            }
        }
        if !changed {
            return depths;
        }
    }
    // There is a cycle: stand in the order of the text.
    let mut depths = vec![0; count];
    for &(from, to) in edges {
        if from < to {
            depths[to] = depths[to].max(depths[from] + 1);
        }
    }
    depths
}

/// Orders each layer by where its neighbours stand, so that few connections cross.
fn order(layers: &mut [Vec<usize>], edges: &[(usize, usize)], count: usize) {
    let mut rank = vec![0.0; count];
    for _ in 0..4 {
        for layer in layers.iter_mut() {
            let weight = |at: usize| {
                let near = edges.iter().filter_map(|&(from, to)| match at {
                    _ if to == at => Some(rank[from]),
                    _ if from == at => Some(rank[to]),
                    _ => None,
                });
                let (sum, number) =
                    near.fold((0.0, 0.0), |(sum, number), it| (sum + it, number + 1.0));
                if number > 0.0 { sum / number } else { rank[at] }
            };
            let mut weighted: Vec<(f64, usize)> =
                layer.iter().map(|&at| (weight(at), at)).collect();
            weighted.sort_by(|a, b| a.0.total_cmp(&b.0));
            *layer = weighted.into_iter().map(|(_, at)| at).collect();
            let middle = layer.len() as f64 / 2.0;
            for (place, &at) in layer.iter().enumerate() {
                rank[at] = place as f64 - middle;
            }
        }
    }
}

//! Connections through compounds and groups, down to the elements at both ends.

use std::collections::{HashMap, HashSet};

use crate::Place;
use crate::graph::{Connection, ElementId};

/// An end of a connection: an element, or a side of a compound or group through which it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Vertex {
    Element(ElementId),
    Tunnel(u32),
}

/// A connection between two such ends.
#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) from: (Vertex, u16),
    pub(crate) to: (Vertex, u16),
    pub(crate) place: Place,
}

/// All connections from element to element, with the place where each leaves its element; `None` if they are more than
/// `most`, or take more than sixteen times as many steps to follow.
pub(crate) fn follow(edges: &[Edge], most: usize) -> Option<Vec<(Connection, Place)>> {
    let mut through: HashMap<(u32, u16), Vec<(Vertex, u16)>> = HashMap::new();
    for edge in edges {
        if let (Vertex::Tunnel(tunnel), port) = edge.from {
            through.entry((tunnel, port)).or_default().push(edge.to);
        }
    }
    let mut steps = most.saturating_mul(16);
    let mut found = Vec::new();
    for edge in edges {
        let (Vertex::Element(from), from_port) = edge.from else {
            continue;
        };
        let mut seen = HashSet::new();
        let mut ahead = vec![edge.to];
        while let Some((vertex, port)) = ahead.pop() {
            steps = steps.checked_sub(1)?;
            match vertex {
                Vertex::Element(to) => {
                    if found.len() >= most {
                        return None;
                    }
                    found.push((
                        Connection {
                            from,
                            from_port,
                            to,
                            to_port: port,
                        },
                        edge.place.clone(),
                    ));
                }
                Vertex::Tunnel(tunnel) => {
                    if seen.insert((tunnel, port)) {
                        ahead.extend(through.get(&(tunnel, port)).into_iter().flatten());
                    }
                }
            }
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Source, Span};

    fn run(edges: &[(Vertex, u16, Vertex, u16)], most: usize) -> Option<Vec<(u32, u16, u32, u16)>> {
        let place = Place {
            source: Source::new("f", ""),
            span: Span::default(),
        };
        let edges: Vec<Edge> = edges
            .iter()
            .map(|(f, fp, t, tp)| Edge {
                from: (*f, *fp),
                to: (*t, *tp),
                place: place.clone(),
            })
            .collect();
        let mut found: Vec<_> = follow(&edges, most)?
            .iter()
            .map(|(c, _)| (c.from.0, c.from_port, c.to.0, c.to_port))
            .collect();
        found.sort_unstable();
        Some(found)
    }

    const fn e(n: u32) -> Vertex {
        Vertex::Element(ElementId(n))
    }

    const fn t(n: u32) -> Vertex {
        Vertex::Tunnel(n)
    }

    #[test]
    fn ports_are_kept_apart_and_fans_multiply() {
        let edges = [
            (e(0), 0, t(0), 1),
            (e(1), 0, t(0), 0),
            (t(0), 1, t(1), 2),
            (t(1), 2, e(2), 3),
            (t(1), 2, e(3), 0),
        ];
        assert_eq!(run(&edges, 10), Some(vec![(0, 0, 2, 3), (0, 0, 3, 0)]));
        assert_eq!(run(&edges, 1), None);
    }

    #[test]
    fn a_loop_of_tunnels_ends() {
        let edges = [(e(0), 0, t(0), 0), (t(0), 0, t(1), 0), (t(1), 0, t(0), 0)];
        assert_eq!(run(&edges, 10), Some(vec![]));
    }
}

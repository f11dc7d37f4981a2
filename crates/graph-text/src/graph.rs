//! The flat graph: elements and connections, no compounds left.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use crate::args::{Args, split_in_place};
use crate::print::printable;
use crate::scan::is_identifier_text;
use crate::{Diagnostic, Place, Span};

/// An element of a [`FlatGraph`]: its index there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ElementId(pub(crate) u32);

impl ElementId {
    /// The index into [`FlatGraph::elements`].
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A directed connection between two ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Connection {
    /// The element that packets leave.
    pub from: ElementId,
    /// Its output port.
    pub from_port: u16,
    /// The element that packets enter.
    pub to: ElementId,
    /// Its input port.
    pub to_port: u16,
}

/// An element of a flat graph.
#[derive(Debug, Clone)]
pub struct FlatElement {
    pub(crate) name: String,
    pub(crate) class: String,
    pub(crate) config: String,
    pub(crate) origin: Option<Origin>,
}

/// Where in a text an element comes from.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// The declaration or use.
    pub(crate) place: Place,
    /// The class name in it.
    pub(crate) class_place: Place,
    /// The configuration, if it is written as it is read: without line directives.
    pub(crate) config_place: Option<Place>,
    /// The `...` that stands for its class, where the text extends that.
    pub(crate) extension: Option<Place>,
    /// The compound instances around it, innermost first.
    pub(crate) instance: Option<Arc<Instance>>,
    /// A bare name: an anonymous element of that class, or an element that nobody declared.
    pub(crate) bare: bool,
    /// The user gave the name.
    pub(crate) named: bool,
}

/// One instance of a compound around an element.
#[derive(Debug)]
pub struct Instance {
    pub(crate) name: String,
    pub(crate) class: String,
    pub(crate) place: Place,
    pub(crate) outer: Option<Arc<Self>>,
}

/// What a text requires: `require(package foo)` is kind `package`, value `foo`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Requirement {
    /// `package` or `compact_config`.
    pub kind: String,
    /// The package, or empty.
    pub value: String,
}

/// A graph of elements and connections, from a text by [`flatten`](crate::flatten) or built element by element.
///
/// Element names are unique identifiers, configurations are free of comments and close what they open, and connections are
/// sorted and unique. Its `Display` is Click text that flattens to an equal graph. Two graphs are equal if their elements, connections and
/// requirements are, wherever they come from.
///
/// ```
/// use waypost_graph_text::FlatGraph;
///
/// let mut graph = FlatGraph::new();
/// let source = graph.add("s", "InfiniteSource", "LIMIT 10")?;
/// let sink = graph.add("d", "Discard", "")?;
/// graph.connect(source, 0, sink, 0)?;
/// assert_eq!(graph.to_string(), "s :: InfiniteSource(LIMIT 10);\nd :: Discard;\n\ns -> d;\n");
/// # Ok::<(), waypost_graph_text::GraphError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct FlatGraph {
    pub(crate) elements: Vec<FlatElement>,
    pub(crate) connections: Vec<Connection>,
    pub(crate) requirements: Vec<Requirement>,
    pub(crate) by_name: HashMap<String, ElementId>,
    /// Where connections are written, for messages.
    pub(crate) places: HashMap<Connection, Place>,
    /// The element classes that the text defines, for messages about names that are not known.
    pub(crate) defined: Vec<(String, Place)>,
    pub(crate) warnings: Vec<Diagnostic>,
    pub(crate) connected: HashSet<Connection>,
}

/// Why an element or connection cannot be added to a [`FlatGraph`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GraphError {
    /// The name is not an identifier: letters, digits, `_` and `@` in components joined by `/`, none all digits.
    InvalidName {
        /// The name given.
        name: String,
    },
    /// The class is not an identifier.
    InvalidClass {
        /// The class given.
        class: String,
    },
    /// There is an element of this name already.
    DuplicateName {
        /// The name given.
        name: String,
    },
    /// The element is not one of this graph.
    NoSuchElement {
        /// The element given.
        element: ElementId,
    },
}

impl FlatGraph {
    /// A graph without elements.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an element. Comments in its configuration are dropped, and words that text could not say are put in quotes: they mean
    /// the same.
    ///
    /// # Errors
    /// If the name or class is not an identifier, or the name is taken.
    pub fn add(
        &mut self,
        name: impl Into<String>,
        class: impl Into<String>,
        config: &str,
    ) -> Result<ElementId, GraphError> {
        let (name, class) = (name.into(), class.into());
        if !is_identifier_text(&name) || is_keyword(&name) {
            return Err(GraphError::InvalidName { name });
        }
        if !is_identifier_text(&class) || is_keyword(&class) {
            return Err(GraphError::InvalidClass { class });
        }
        self.insert(FlatElement {
            name,
            class,
            config: printable(config),
            origin: None,
        })
    }

    /// Connects an output port to an input port. To connect the same two again changes nothing.
    ///
    /// # Errors
    /// If an element is not of this graph.
    pub fn connect(
        &mut self,
        from: ElementId,
        from_port: u16,
        to: ElementId,
        to_port: u16,
    ) -> Result<(), GraphError> {
        for element in [from, to] {
            if element.index() >= self.elements.len() {
                return Err(GraphError::NoSuchElement { element });
            }
        }
        let connection = Connection {
            from,
            from_port,
            to,
            to_port,
        };
        if self.connected.insert(connection) {
            let at = self.connections.partition_point(|c| *c < connection);
            self.connections.insert(at, connection);
        }
        Ok(())
    }

    /// Adds a requirement.
    pub fn require(&mut self, requirement: Requirement) {
        if !self.requirements.contains(&requirement) {
            self.requirements.push(requirement);
        }
    }

    /// The elements; an [`ElementId`] is an index here.
    #[must_use]
    pub fn elements(&self) -> &[FlatElement] {
        &self.elements
    }

    /// An element of this graph.
    ///
    /// # Panics
    /// If the id is of another, larger graph.
    #[must_use]
    pub fn element(&self, id: ElementId) -> &FlatElement {
        &self.elements[id.index()]
    }

    /// The ids of all elements.
    pub fn ids(&self) -> impl Iterator<Item = ElementId> + use<> {
        (0..u32::try_from(self.elements.len()).unwrap_or(u32::MAX)).map(ElementId)
    }

    /// The element of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<ElementId> {
        self.by_name.get(name).copied()
    }

    /// The connections, sorted, each once.
    #[must_use]
    pub fn connections(&self) -> &[Connection] {
        &self.connections
    }

    /// Where a connection is written; `None` if it does not come from a text.
    #[must_use]
    pub fn connection_place(&self, connection: Connection) -> Option<&Place> {
        self.places.get(&connection)
    }

    /// What the text requires, libraries apart: they are part of the graph.
    #[must_use]
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// What is doubtful in the text, without being an error.
    #[must_use]
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// Adds an element whose name and class are identifiers already.
    pub(crate) fn insert(&mut self, element: FlatElement) -> Result<ElementId, GraphError> {
        let id = ElementId(u32::try_from(self.elements.len()).unwrap_or(u32::MAX));
        if self.by_name.contains_key(&element.name) {
            return Err(GraphError::DuplicateName { name: element.name });
        }
        self.by_name.insert(element.name.clone(), id);
        self.elements.push(element);
        Ok(id)
    }

    /// Replaces the connections by these, which may repeat; the first place of each is kept.
    pub(crate) fn set_connections(
        &mut self,
        connections: impl IntoIterator<Item = (Connection, Place)>,
    ) {
        for (connection, place) in connections {
            if self.connected.insert(connection) {
                self.connections.push(connection);
                self.places.insert(connection, place);
            }
        }
        self.connections.sort_unstable();
    }
}

impl PartialEq for FlatGraph {
    fn eq(&self, other: &Self) -> bool {
        let same = |(a, b): (&FlatElement, &FlatElement)| {
            (&a.name, &a.class, &a.config) == (&b.name, &b.class, &b.config)
        };
        self.elements.len() == other.elements.len()
            && self.elements.iter().zip(&other.elements).all(same)
            && self.connections == other.connections
            && self.requirements == other.requirements
    }
}

impl Eq for FlatGraph {}

impl FlatElement {
    /// The name; members of compounds are called `compound/member`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of the element class.
    #[must_use]
    pub fn class(&self) -> &str {
        &self.class
    }

    /// The configuration string, variables expanded and comments dropped.
    #[must_use]
    pub fn config(&self) -> &str {
        &self.config
    }

    /// The configuration as arguments.
    #[must_use]
    pub fn args(&self) -> Args {
        Args::split(&self.config)
    }

    /// Where the element is written; `None` if it does not come from a text.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        self.origin.as_ref().map(|origin| &origin.place)
    }

    /// Where an argument, counted from 0, is written; `None` if it does not come from a text, or if variables in the configuration
    /// stand for more arguments than one, or none.
    #[must_use]
    pub fn argument_place(&self, number: usize) -> Option<Place> {
        let config = self.origin.as_ref()?.config_place.as_ref()?;
        let mut written: Vec<_> = split_in_place(config.text()).map(|(_, at)| at).collect();
        if number >= written.len() || written.len() != self.args().len() {
            return None;
        }
        let (base, at) = (config.span.start as usize, written.swap_remove(number));
        Some(Place {
            source: config.source.clone(),
            span: Span::new(base + at.start, base + at.end),
        })
    }

    /// The compound instances that the element is part of, innermost first.
    pub fn instances(&self) -> impl Iterator<Item = &Instance> {
        let innermost = self
            .origin
            .as_ref()
            .and_then(|origin| origin.instance.as_deref());
        std::iter::successors(innermost, |instance| instance.outer.as_deref())
    }
}

impl Instance {
    /// The name of the compound element.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of its class, empty for a compound without one.
    #[must_use]
    pub fn class(&self) -> &str {
        &self.class
    }

    /// Where the compound element is written.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }
}

/// Words that cannot name an element or class.
pub(crate) fn is_keyword(word: &str) -> bool {
    matches!(word, "elementclass" | "require" | "provide" | "define")
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidName { name } => {
                write!(f, "expected an identifier as element name, found `{name}`")
            }
            Self::InvalidClass { class } => write!(
                f,
                "expected an identifier as element class, found `{class}`"
            ),
            Self::DuplicateName { name } => write!(
                f,
                "expected a new element name, found `{name}`, which is taken"
            ),
            Self::NoSuchElement { element } => {
                write!(
                    f,
                    "expected an element of this graph, found number {}",
                    element.index()
                )
            }
        }
    }
}

impl std::error::Error for GraphError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_identifiers_and_unique() {
        let mut graph = FlatGraph::new();
        assert!(graph.add("a/b@1", "Null", "").is_ok());
        for bad in ["", "1", "a b", "a/", "define"] {
            assert_eq!(
                graph.add(bad, "Null", ""),
                Err(GraphError::InvalidName { name: bad.into() })
            );
        }
        assert_eq!(
            graph.add("c", "a-b", ""),
            Err(GraphError::InvalidClass {
                class: "a-b".into()
            })
        );
        assert_eq!(
            graph.add("a/b@1", "Null", ""),
            Err(GraphError::DuplicateName {
                name: "a/b@1".into()
            })
        );
        assert_eq!(graph.find("a/b@1").map(ElementId::index), Some(0));
    }

    #[test]
    fn connections_are_sorted_and_unique() {
        let mut graph = FlatGraph::new();
        let a = graph.add("a", "X", "").unwrap();
        let b = graph.add("b", "X", " 1 /* c */ , 2").unwrap();
        graph.connect(b, 0, a, 0).unwrap();
        graph.connect(a, 1, b, 0).unwrap();
        graph.connect(a, 0, b, 0).unwrap();
        graph.connect(a, 0, b, 0).unwrap();
        assert!(graph.connections().is_sorted());
        assert_eq!(graph.connections().len(), 3);
        assert_eq!(graph.element(b).config(), "1, 2");
        assert_eq!(graph.element(b).args().len(), 2);
        let foreign = ElementId(7);
        assert_eq!(
            graph.connect(a, 0, foreign, 0),
            Err(GraphError::NoSuchElement { element: foreign })
        );
    }
}

//! Which element classes there are, and what ports they have.

use std::collections::BTreeMap;

use crate::codes::{CodeError, FlowCode, PortCounts, ProcessingCode};

/// The element classes that exist, as [`check`](crate::check) asks for them.
pub trait Classes {
    /// What is known of a class, or `None` if there is no such class.
    fn class(&self, name: &str) -> Option<ClassInfo>;

    /// What is wrong with a class that exists and of which nothing can be known, since what its author says of its ports is not
    /// well-formed: for whoever wrote the class.
    fn malformed(&self, name: &str) -> Option<String> {
        let _ = name;
        None
    }

    /// The names of all classes, from which "did you mean" is taken.
    fn names(&self) -> Vec<String>;
}

/// The ports of an element class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassInfo {
    /// How many ports its elements have.
    pub ports: PortCounts,
    /// Which ports push and which pull.
    pub processing: ProcessingCode,
    /// Between which ports packets flow.
    pub flow: FlowCode,
}

impl ClassInfo {
    /// A class from its three codes, such as `"1/1-2"`, `"a/ah"` and `"x/x"`.
    ///
    /// # Errors
    /// If a code is not well-formed.
    pub fn new(ports: &str, processing: &str, flow: &str) -> Result<Self, CodeError> {
        Ok(Self {
            ports: ports.parse()?,
            processing: processing.parse()?,
            flow: flow.parse()?,
        })
    }
}

/// A class table in memory.
///
/// ```
/// use waypost_graph_text::{Classes, ClassInfo, ClassTable};
///
/// let mut table = ClassTable::new();
/// table.insert("Queue", ClassInfo::new("1/1-2", "h/lh", "x/x")?);
/// assert!(table.class("Queue").is_some());
/// # Ok::<(), waypost_graph_text::CodeError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct ClassTable(BTreeMap<String, ClassInfo>);

impl ClassTable {
    /// A table without classes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces a class.
    pub fn insert(&mut self, name: impl Into<String>, class: ClassInfo) {
        self.0.insert(name.into(), class);
    }
}

impl Classes for ClassTable {
    fn class(&self, name: &str) -> Option<ClassInfo> {
        self.0.get(name).cloned()
    }

    fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }
}

//! Compounds and the text itself after names are looked up: nodes and connections, not yet instantiated.

use std::collections::HashMap;
use std::rc::Rc;

use crate::Place;

/// The index of a [`Body`] in [`Bodies`].
pub(crate) type BodyId = usize;

/// The index of a node in its body.
pub(crate) type NodeId = usize;

/// The `input` and `output` nodes of a compound.
pub(crate) const INPUT: NodeId = 0;
pub(crate) const OUTPUT: NodeId = 1;

/// All bodies of a text, the text itself first.
#[derive(Debug, Default)]
pub(crate) struct Bodies {
    pub(crate) bodies: Vec<Body>,
}

/// One alternative of a compound, or the text.
#[derive(Debug)]
pub(crate) struct Body {
    /// The class it belongs to; empty for anonymous compounds and the text.
    pub(crate) name: String,
    pub(crate) place: Place,
    /// The body around it.
    pub(crate) parent: Option<BodyId>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) definitions: Vec<(String, String)>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) connections: Vec<Join>,
    /// How many ports its `input` and `output` have.
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    /// Its connections to `input` and `output` are wrong, which was told: its ports are not what was meant.
    pub(crate) flawed: bool,
    /// The ports connected from outside of each node that is a compound: inputs, outputs.
    pub(crate) used: HashMap<NodeId, (Vec<u16>, Vec<u16>)>,
}

#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    pub(crate) keyword: Option<String>,
    pub(crate) name: String,
}

/// An element, or a place that connections run through.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) kind: NodeKind,
    pub(crate) config: String,
    /// Where the configuration is written.
    pub(crate) config_place: Option<Place>,
    pub(crate) place: Place,
    pub(crate) class_place: Place,
    /// Written as a name alone.
    pub(crate) bare: bool,
    /// Named by the user.
    pub(crate) named: bool,
}

impl Node {
    /// Where the configuration is written, if nothing was taken out of it.
    pub(crate) fn whole_config_place(&self) -> Option<&Place> {
        let place = self.config_place.as_ref();
        place.filter(|place| place.text().len() == self.config.len())
    }
}

#[derive(Debug)]
pub(crate) enum NodeKind {
    Element(ClassRef),
    /// `input` and `output` of the body, and the two sides of a group.
    Tunnel,
}

/// What a class name means where it stands.
#[derive(Debug, Clone)]
pub(crate) enum ClassRef {
    Primitive(String),
    Compound(Rc<CompoundClass>),
}

/// A compound with its alternatives.
#[derive(Debug)]
pub(crate) struct CompoundClass {
    pub(crate) name: String,
    pub(crate) overloads: Vec<BodyId>,
    /// What `...` stands for, and where it is written.
    pub(crate) extends: Option<(ClassRef, Place)>,
    /// How many alternatives there are with those of the class that it extends. A bound on it bounds how deep classes that
    /// extend each other are nested.
    pub(crate) alternatives: usize,
}

/// A connection inside a body.
#[derive(Debug, Clone)]
pub(crate) struct Join {
    pub(crate) from: NodeId,
    pub(crate) from_port: u16,
    pub(crate) to: NodeId,
    pub(crate) to_port: u16,
    pub(crate) place: Place,
}

impl ClassRef {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Primitive(name) => name,
            Self::Compound(class) => &class.name,
        }
    }

    pub(crate) fn alternatives(&self) -> usize {
        match self {
            Self::Primitive(_) => 1,
            Self::Compound(class) => class.alternatives,
        }
    }
}

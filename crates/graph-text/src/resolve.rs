//! Names looked up: the syntax tree to bodies of nodes and connections.
//!
//! Scoping is Click's: element classes are known from after their definition to the end of the compound around it, elements
//! from their declaration to the end of the compound, groups are no scope, and variables are looked up when a body is
//! instantiated.

mod names;
mod wiring;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use crate::ast::{Ast, Class, Compound, ElementClass, Ident, Overload, Required, Statement};
use crate::body::{
    Bodies, Body, BodyId, ClassRef, CompoundClass, INPUT, Node, NodeId, NodeKind, OUTPUT, Parameter,
};
use crate::connect::End;
use crate::flatten::{Libraries, Options};
use crate::graph::Requirement;
use crate::{Code, Diagnostic, Place, Source, Span, parse_within};

/// Everything a text says, names looked up.
pub(crate) struct Resolved {
    pub(crate) bodies: Bodies,
    pub(crate) requirements: Vec<Requirement>,
    /// The element classes defined anywhere, with their definitions.
    pub(crate) defined: Vec<(String, Place)>,
    pub(crate) found: Vec<Diagnostic>,
}

/// Looks up the names of a text and of the libraries it requires.
pub(crate) fn resolve(ast: &Ast, options: &mut Options<'_>) -> Resolved {
    let limits = options.limits.clone();
    let libraries = options
        .libraries
        .as_mut()
        .map(|libraries| &mut **libraries as &mut dyn Libraries);
    let mut resolver = Resolver {
        options: Loading {
            libraries,
            limits,
            loaded: HashSet::new(),
            depth: 0,
        },
        source: ast.source.clone(),
        bodies: Vec::new(),
        frames: Vec::new(),
        connections: 0,
        requirements: Vec::new(),
        defined: Vec::new(),
        found: Vec::new(),
    };
    resolver.options.loaded.insert(ast.source.name().to_owned());
    let whole = resolver.place(Span::new(0, 0));
    resolver.open("", whole, &[]);
    resolver.statements(&ast.statements);
    resolver.close();
    let bodies = Bodies {
        bodies: resolver.bodies.into_iter().flatten().collect(),
    };
    let Resolver {
        requirements,
        defined,
        found,
        ..
    } = Resolver {
        bodies: Vec::new(),
        ..resolver
    };
    Resolved {
        bodies,
        requirements,
        defined,
        found,
    }
}

struct Resolver<'l> {
    options: Loading<'l>,
    /// The text being resolved: the caller's, or a library.
    source: Source,
    /// The bodies; `None` while a body is open.
    bodies: Vec<Option<Body>>,
    /// The bodies that are open, innermost last.
    frames: Vec<Frame>,
    /// Connections made so far, in all bodies.
    connections: usize,
    requirements: Vec<Requirement>,
    defined: Vec<(String, Place)>,
    found: Vec<Diagnostic>,
}

struct Loading<'l> {
    libraries: Option<&'l mut dyn Libraries>,
    limits: crate::Limits,
    loaded: HashSet<String>,
    depth: usize,
}

/// A body while its statements are read.
struct Frame {
    id: BodyId,
    body: Body,
    names: HashMap<String, NodeId>,
    classes: HashMap<String, ClassRef>,
    /// Numbers anonymous elements as Click does.
    created: usize,
    /// The `input` and `output` in force: the body's, or those of the innermost group. `None` in a text outside groups.
    pseudo: Option<(NodeId, NodeId)>,
    /// Nodes named `class@number` until all names are known.
    anonymous: Vec<NodeId>,
    groups: Vec<GroupNodes>,
    /// The output ports (`true`) and input ports connected of tunnels and compounds.
    ports: HashMap<(NodeId, bool), BTreeSet<u16>>,
}

/// The two tunnels of a group.
struct GroupNodes {
    input: NodeId,
    output: NodeId,
    span: Span,
    source: Source,
}

impl Resolver<'_> {
    fn frame(&mut self) -> &mut Frame {
        // A body is open from the first statement to the last: `resolve` opens the text's own before, and closes it after.
        let last = self.frames.len() - 1;
        &mut self.frames[last]
    }

    fn place(&self, span: Span) -> Place {
        Place {
            source: self.source.clone(),
            span,
        }
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        // The caller shows as many as its limit says; what is kept here need not be much more.
        if self.found.len() <= self.options.limits.diagnostics {
            self.found.push(diagnostic);
        }
    }

    fn error(&mut self, code: Code, span: Span, message: impl Into<String>, label: &str) {
        let diagnostic = Diagnostic::error(code, message).at(self.place(span), label);
        self.report(diagnostic);
    }

    /// Opens a body inside the one that is open.
    fn open(&mut self, name: &str, place: Place, parameters: &[crate::ast::Parameter]) {
        let parent = self.frames.last().map(|frame| frame.id);
        let parameters = parameters.iter().map(|p| Parameter {
            keyword: p.keyword.as_ref().map(|k| k.text.clone()),
            name: p.name.text.clone(),
        });
        let body = Body {
            name: name.to_owned(),
            place,
            parent,
            parameters: parameters.collect(),
            definitions: Vec::new(),
            nodes: Vec::new(),
            connections: Vec::new(),
            inputs: 0,
            outputs: 0,
            flawed: false,
            used: HashMap::new(),
        };
        let id = self.bodies.len();
        self.bodies.push(None);
        let compound = parent.is_some();
        self.frames.push(Frame {
            id,
            body,
            names: HashMap::new(),
            classes: HashMap::new(),
            created: 0,
            pseudo: None,
            anonymous: Vec::new(),
            groups: Vec::new(),
            ports: HashMap::new(),
        });
        if compound {
            let place = self.frame().body.place.clone();
            for (node, name) in [(INPUT, "input"), (OUTPUT, "output")] {
                self.frame().body.nodes.push(tunnel(name, place.clone()));
                self.frame().names.insert(name.to_owned(), node);
            }
            self.frame().pseudo = Some((INPUT, OUTPUT));
        }
    }

    /// Closes the innermost body.
    fn close(&mut self) {
        self.name_anonymous();
        self.complain_of_early_uses();
        self.finish_wiring();
        if let Some(frame) = self.frames.pop() {
            self.bodies[frame.id] = Some(frame.body);
        }
    }

    fn statements(&mut self, statements: &[Statement]) {
        for statement in statements {
            match statement {
                Statement::Chain(chain) => self.chain(chain),
                Statement::ElementClass(class) => self.element_class(class),
                Statement::Define(definitions) => {
                    for definition in definitions {
                        self.define(&definition.name, &definition.value);
                    }
                }
                Statement::Require(required) => {
                    for item in required {
                        self.require(item);
                    }
                }
            }
        }
    }

    fn element_class(&mut self, statement: &ElementClass) {
        let name = &statement.name.text;
        let class = match &statement.class {
            Class::Name(other) => self.class_named(&other.text),
            Class::Compound(compound) => self.compound(compound, Some(&statement.name)),
        };
        let place = self.place(statement.span);
        self.defined.push((name.clone(), place));
        self.frame().classes.insert(name.clone(), class);
    }

    /// The class that a name means here.
    fn class_named(&self, name: &str) -> ClassRef {
        let known = self
            .frames
            .iter()
            .rev()
            .find_map(|frame| frame.classes.get(name));
        known
            .cloned()
            .unwrap_or_else(|| ClassRef::Primitive(name.to_owned()))
    }

    /// Whether the text defines a class of that name that is known here.
    fn is_class(&self, name: &str) -> bool {
        self.frames
            .iter()
            .any(|frame| frame.classes.contains_key(name))
    }

    fn compound(&mut self, compound: &Compound, name: Option<&Ident>) -> ClassRef {
        let class_name = name.map_or("", |name| &name.text);
        let mut overloads = Vec::new();
        for overload in &compound.overloads {
            overloads.push(self.body(
                overload,
                class_name,
                name.map_or(compound.span, |name| name.span),
            ));
        }
        let mut extends = compound.extends.and_then(|dots| {
            if name.is_none() {
                let message =
                    "expected the name of a class to extend, found a compound without one";
                self.error(Code::Extension, dots, message, "extends nothing");
            }
            name.map(|name| (self.class_named(&name.text), self.place(dots)))
        });
        let extended = extends
            .as_ref()
            .map_or(0, |(class, _)| class.alternatives());
        let most = self.options.limits.alternatives;
        if overloads.len() + extended > most {
            let span = name.map_or(compound.span, |name| name.span);
            let message = format!("a compound has more than {most} alternatives");
            self.error(Code::Limit, span, message, "this one");
            extends = None;
            overloads.truncate(most);
        }
        let alternatives = overloads.len() + extends.as_ref().map_or(0, |_| extended);
        ClassRef::Compound(Rc::new(CompoundClass {
            name: class_name.to_owned(),
            overloads,
            extends,
            alternatives,
        }))
    }

    fn body(&mut self, overload: &Overload, name: &str, span: Span) -> BodyId {
        let id = self.bodies.len();
        let place = self.place(span);
        self.open(name, place, &overload.parameters);
        self.statements(&overload.statements);
        self.close();
        id
    }

    fn define(&mut self, name: &Ident, value: &str) {
        let body = &mut self.frame().body;
        let parameter = body.parameters.iter().any(|p| p.name == name.text);
        if parameter
            || body
                .definitions
                .iter()
                .any(|(other, _)| *other == name.text)
        {
            let what = if parameter {
                "a parameter"
            } else {
                "a definition"
            };
            let message = format!("`${}` is defined twice in one scope", name.text);
            self.error(
                Code::Redeclaration,
                name.span,
                message,
                &format!("there is {what} of this name already"),
            );
            return;
        }
        body.definitions.push((name.text.clone(), value.to_owned()));
    }

    fn require(&mut self, required: &Required) {
        if required.kind != "library" {
            let requirement = Requirement {
                kind: required.kind.clone(),
                value: required.value.clone(),
            };
            if !self.requirements.contains(&requirement) {
                self.requirements.push(requirement);
            }
            return;
        }
        if self.frames.len() > 1 || self.frame().pseudo.is_some() {
            self.error(
                Code::Library,
                required.span,
                "a library is required inside a compound or group",
                "only outside both",
            );
            return;
        }
        let loaded = match self.options.libraries.as_deref_mut() {
            None => Err("no libraries can be had here".to_owned()),
            Some(libraries) => libraries.load(&required.value, &self.source),
        };
        match loaded {
            Err(reason) => {
                let message = format!("library `{}` cannot be had: {reason}", required.value);
                self.error(Code::Library, required.span, message, "required here");
            }
            Ok(source) => self.library(&source, required.span),
        }
    }

    fn library(&mut self, source: &Source, span: Span) {
        if !self.options.loaded.insert(source.name().to_owned()) {
            return;
        }
        let limits = self.options.limits.clone();
        if self.options.loaded.len() > limits.libraries || self.options.depth >= limits.nesting {
            let message = format!(
                "more than {} libraries, or {} inside each other",
                limits.libraries, limits.nesting
            );
            self.error(Code::Limit, span, message, "this one is too many");
            return;
        }
        let (ast, errors) = parse_within(source, &limits);
        for error in errors {
            self.report(error);
        }
        let around = std::mem::replace(&mut self.source, ast.source.clone());
        self.options.depth += 1;
        self.statements(&ast.statements);
        self.options.depth -= 1;
        self.source = around;
    }
}

fn tunnel(name: &str, place: Place) -> Node {
    Node {
        name: name.to_owned(),
        kind: NodeKind::Tunnel,
        config: String::new(),
        config_place: None,
        class_place: place.clone(),
        place,
        bare: false,
        named: false,
    }
}

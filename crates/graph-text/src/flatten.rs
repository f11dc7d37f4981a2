//! Compounds expanded until none is left.

mod mistakes;

use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use crate::args::split;
use crate::ast::Ast;
use crate::body::{Bodies, BodyId, ClassRef, INPUT, Node, NodeId, NodeKind, OUTPUT};
use crate::choose::{Chosen, choose};
use crate::expand::{Expander, Scope, Value};
use crate::graph::{FlatElement, FlatGraph, Instance, Origin};
use crate::print::printable;
use crate::resolve::{Resolved, resolve};
use crate::tunnel::{Edge, Vertex, follow};
use crate::{Code, Diagnostic, Diagnostics, Limits, Source};

/// Where `require(library …)` finds texts.
pub trait Libraries {
    /// The text of a library that `from` requires. A text of a name that was loaded before is not read again.
    ///
    /// # Errors
    /// Why it cannot be had, in a few words.
    fn load(&mut self, name: &str, from: &Source) -> Result<Source, String>;
}

/// What flattening depends on beside the text.
pub struct Options<'l> {
    /// Variables from outside, such as the command line: name without `$`, and value. They override definitions of the same
    /// name outside compounds.
    pub variables: Vec<(String, String)>,
    /// Where required libraries come from; without, requiring one is an error.
    pub libraries: Option<&'l mut dyn Libraries>,
    /// Classes that expand variables while they run: one that is not defined is no mistake in their configuration.
    pub late_variables: Vec<String>,
    /// Bounds.
    pub limits: Limits,
}

impl Default for Options<'_> {
    /// No variables, no libraries, Click's script elements, the default limits.
    fn default() -> Self {
        let late_variables = ["Script", "DriverManager"].map(str::to_owned).into();
        Self {
            variables: Vec::new(),
            libraries: None,
            late_variables,
            limits: Limits::default(),
        }
    }
}

/// Expands the compounds of a text and the variables in it.
///
/// A variable that is not defined stays as it is written; [`FlatGraph::warnings`] tells.
///
/// ```
/// use waypost_graph_text::{Options, Source, flatten, parse};
///
/// let text = "elementclass Shaped { $rate | input -> Queue -> Shaper($rate) -> output }
///             FromDevice(eth0) -> s :: Shaped(1000) -> ToDevice(eth1);";
/// let (ast, errors) = parse(&Source::new("r.click", text));
/// assert!(errors.is_empty());
/// let graph = flatten(&ast, &mut Options::default())?;
/// let names: Vec<_> = graph.elements().iter().map(|e| e.name()).collect();
/// assert_eq!(names, ["FromDevice@1", "ToDevice@3", "s/Queue@1", "s/Shaper@2"]);
/// assert_eq!(graph.elements()[3].config(), "1000");
/// # Ok::<(), waypost_graph_text::Diagnostics>(())
/// ```
///
/// # Errors
/// All that is wrong with names, connections and arguments, up to [`Limits::diagnostics`].
pub fn flatten(ast: &Ast, options: &mut Options<'_>) -> Result<FlatGraph, Diagnostics> {
    let Resolved {
        bodies,
        requirements,
        defined,
        found,
    } = resolve(ast, options);
    let mut flattener = Flattener {
        bodies: Rc::new(bodies),
        expander: Expander::new(options.limits.expansion_bytes, options.limits.nesting),
        options,
        graph: FlatGraph {
            defined,
            requirements,
            ..FlatGraph::new()
        },
        edges: Vec::new(),
        tunnels: 0,
        made: 0,
        instances: HashSet::new(),
        told: HashSet::new(),
        found,
        errors: 0,
        full: false,
    };
    let scope = flattener.text_scope();
    flattener.body(0, &scope, "", None, (0, 0));
    let Flattener {
        mut graph,
        edges,
        mut found,
        options,
        full,
        ..
    } = flattener;
    match follow(&edges, options.limits.connections) {
        Some(connections) => graph.set_connections(connections),
        None if full => {}
        None => {
            let message = format!(
                "the graph has more than {} connections",
                options.limits.connections
            );
            found.push(Diagnostic::error(Code::Limit, message));
        }
    }
    graph.warnings = Diagnostics::split(crate::diagnostic::limited(
        found,
        options.limits.diagnostics,
    ))?;
    Ok(graph)
}

struct Flattener<'o, 'l> {
    bodies: Rc<Bodies>,
    expander: Expander,
    options: &'o mut Options<'l>,
    graph: FlatGraph,
    edges: Vec<Edge>,
    /// Tunnels made so far.
    tunnels: u32,
    /// Nodes instantiated so far.
    made: usize,
    /// Names of compound instances.
    instances: HashSet<String>,
    /// Variables complained of, with the places.
    told: HashSet<(String, u32)>,
    found: Vec<Diagnostic>,
    errors: usize,
    /// A limit is reached: nothing more is made.
    full: bool,
}

/// A compound to be expanded.
struct Pending {
    node: NodeId,
    body: BodyId,
    values: Vec<String>,
    tunnels: (u32, u32),
}

impl Flattener<'_, '_> {
    fn text_scope(&self) -> Rc<Scope> {
        let body = &self.bodies.bodies[0];
        let defined = body.definitions.iter().cloned();
        // Later ones replace earlier ones: what comes from outside wins.
        let values = defined.chain(self.options.variables.iter().cloned());
        Rc::new(Scope {
            body: 0,
            parent: None,
            values: values.map(|(k, v)| (k, Value::Definition(v))).collect(),
        })
    }

    /// Instantiates a body: its elements, its connections, then the compounds in it.
    fn body(
        &mut self,
        id: BodyId,
        scope: &Rc<Scope>,
        prefix: &str,
        instance: Option<&Arc<Instance>>,
        own_tunnels: (u32, u32),
    ) {
        let bodies = Rc::clone(&self.bodies);
        let body = &bodies.bodies[id];
        let compound = body.parent.is_some();
        // The vertices that connections to and from a node go to.
        let mut vertices: Vec<Option<(Vertex, Vertex)>> = Vec::with_capacity(body.nodes.len());
        let mut pending = Vec::new();
        for (node_id, node) in body.nodes.iter().enumerate() {
            if self.full {
                return;
            }
            let both = |vertex| Some((vertex, vertex));
            vertices.push(match &node.kind {
                NodeKind::Tunnel if compound && node_id == INPUT => {
                    both(Vertex::Tunnel(own_tunnels.0))
                }
                NodeKind::Tunnel if compound && node_id == OUTPUT => {
                    both(Vertex::Tunnel(own_tunnels.1))
                }
                NodeKind::Tunnel => {
                    self.count_node(node);
                    both(Vertex::Tunnel(self.tunnel()))
                }
                NodeKind::Element(class) => {
                    let name = format!("{prefix}{}", node.name);
                    let config = self.config(node, class, scope, name.len());
                    match self.class_of(class, node, body.used.get(&node_id), &config) {
                        None => None,
                        Some(Chosen::Primitive(class, extension)) => {
                            let origin = Origin {
                                place: node.place.clone(),
                                class_place: node.class_place.clone(),
                                config_place: node.whole_config_place().cloned(),
                                extension,
                                instance: instance.cloned(),
                                bare: node.bare,
                                named: node.named,
                            };
                            self.element(node, name, class, &config, origin)
                                .and_then(both)
                        }
                        Some(Chosen::Body { body, values }) => {
                            let tunnels = (self.tunnel(), self.tunnel());
                            self.name_instance(name, node);
                            pending.push(Pending {
                                node: node_id,
                                body,
                                values,
                                tunnels,
                            });
                            Some((Vertex::Tunnel(tunnels.0), Vertex::Tunnel(tunnels.1)))
                        }
                    }
                }
            });
        }
        for join in &body.connections {
            if let (Some((_, from)), Some((to, _))) = (vertices[join.from], vertices[join.to]) {
                let place = join.place.clone();
                self.edges.push(Edge {
                    from: (from, join.from_port),
                    to: (to, join.to_port),
                    place,
                });
            }
        }
        if self.edges.len() > self.options.limits.connections {
            let message = format!(
                "the graph has more than {} connections",
                self.options.limits.connections
            );
            self.limit(message, &body.place);
        }
        for Pending {
            node,
            body: inner,
            values,
            tunnels,
        } in pending
        {
            if self.full {
                return;
            }
            let node = &body.nodes[node];
            let name = format!("{prefix}{}", node.name);
            let depth =
                std::iter::successors(instance.map(|i| &**i), |i| i.outer.as_deref()).count();
            if depth >= self.options.limits.nesting {
                let most = self.options.limits.nesting;
                self.limit(
                    format!("compounds are inside each other deeper than {most} levels"),
                    &node.place,
                );
                return;
            }
            let inner_scope = self.inner_scope(inner, values, scope);
            self.stop_at_failure(node);
            let class = bodies.bodies[inner].name.clone();
            let place = node.place.clone();
            let prefix = format!("{name}/");
            let instance = Arc::new(Instance {
                name,
                class,
                place,
                outer: instance.cloned(),
            });
            self.body(inner, &inner_scope, &prefix, Some(&instance), tunnels);
        }
    }

    /// The variables inside an instance: its arguments and definitions, inside the scope where its class is defined.
    fn inner_scope(&mut self, id: BodyId, values: Vec<String>, scope: &Rc<Scope>) -> Rc<Scope> {
        let body = &self.bodies.bodies[id];
        let mut around = scope;
        while Some(around.body) != body.parent {
            match &around.parent {
                Some(parent) => around = parent,
                None => break,
            }
        }
        let names = body.parameters.iter().map(|p| p.name.clone());
        let mut variables: HashMap<String, Value> =
            names.zip(values.into_iter().map(Value::Text)).collect();
        for (name, value) in &body.definitions {
            self.expander.spend(name.len() + value.len());
            variables.insert(name.clone(), Value::Definition(value.clone()));
        }
        Rc::new(Scope {
            body: id,
            parent: Some(Rc::clone(around)),
            values: variables,
        })
    }

    fn tunnel(&mut self) -> u32 {
        self.tunnels += 1;
        self.tunnels - 1
    }

    /// The expanded configuration of a node. Its cost, with that of the name, counts.
    fn config(
        &mut self,
        node: &Node,
        class: &ClassRef,
        scope: &Rc<Scope>,
        name_length: usize,
    ) -> String {
        if !self.count_node(node) {
            return String::new();
        }
        self.expander.spend(name_length);
        let config = self.expander.expand(&node.config, scope);
        self.expander.spend(config.len());
        self.stop_at_failure(node);
        let late = self
            .options
            .late_variables
            .iter()
            .any(|late| late == class.name());
        for name in std::mem::take(&mut self.expander.unbound) {
            let variable = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            let start = node.place.span.start;
            if variable
                && !late
                && self.told.len() < 1000
                && self.told.insert((name.clone(), start))
            {
                self.undefined_variable(&name, node, scope);
            }
        }
        config
    }

    /// Counts an element, compound or group; false if it is one too many.
    fn count_node(&mut self, node: &Node) -> bool {
        self.made += 1;
        let most = self.options.limits.elements;
        if self.made > most {
            let message =
                format!("the graph has more than {most} elements, counting compounds and groups");
            self.limit(message, &node.place);
        }
        self.made <= most
    }

    /// What a node is an instance of; `None` if that is an error.
    fn class_of(
        &mut self,
        class: &ClassRef,
        node: &Node,
        used: Option<&(Vec<u16>, Vec<u16>)>,
        config: &str,
    ) -> Option<Chosen> {
        let ClassRef::Compound(class) = class else {
            return Some(Chosen::Primitive(class.name().to_owned(), None));
        };
        let empty = (Vec::new(), Vec::new());
        let (inputs, outputs) = used.unwrap_or(&empty);
        match choose(&self.bodies, class, node, inputs, outputs, &split(config)) {
            Ok(chosen) => Some(chosen),
            Err(diagnostics) => {
                for diagnostic in diagnostics {
                    self.report(diagnostic);
                }
                None
            }
        }
    }

    fn element(
        &mut self,
        node: &Node,
        name: String,
        class: String,
        config: &str,
        origin: Origin,
    ) -> Option<Vertex> {
        let taken = self.instances.contains(&name);
        let element = FlatElement {
            name,
            class,
            config: printable(config),
            origin: Some(origin),
        };
        let name = element.name.clone();
        match self.graph.insert(element) {
            Ok(id) if !taken => Some(Vertex::Element(id)),
            _ => {
                self.redeclared(&name, node);
                None
            }
        }
    }

    fn name_instance(&mut self, name: String, node: &Node) {
        if self.graph.find(&name).is_some() || self.instances.contains(&name) {
            self.redeclared(&name, node);
        }
        self.instances.insert(name);
    }
}

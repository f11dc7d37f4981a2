//! Elements: declared, referred to, or made on the spot.

use std::collections::HashMap;

use super::{Code, Diagnostic, End, Frame, Ident, Node, NodeId, NodeKind, Resolver, Span, tunnel};
use crate::ast::{Class, Config, ElementUse, Link, Target};
use crate::body::ClassRef;
use crate::scan::is_identifier_text;

/// The two sides of one element of a chain: what it takes from the left, what it gives to the right.
pub(super) struct Placed {
    pub(super) input: End,
    pub(super) output: End,
    pub(super) implicit: bool,
    /// It is the `input` or `output` of the compound or group around it.
    pub(super) pseudo: Option<&'static str>,
}

/// An element of a list before its node is made: groups and compounds come before the names around them, as in Click.
enum Seen<'a> {
    Group(NodeId, NodeId),
    Compound(ClassRef),
    Name(&'a Ident, Option<(ClassRef, Span)>),
    Implicit(NodeId),
    Nothing,
}

impl Resolver<'_> {
    /// The elements of a list. `alone` says that the list is a whole statement, which may share one declaration.
    pub(super) fn link(&mut self, link: &Link, alone: bool) -> Vec<Placed> {
        let seen: Vec<Seen<'_>> = link
            .elements
            .iter()
            .map(|element| self.see(element, link.arrow.is_none()))
            .collect();
        let shared = if alone {
            shared_declaration(&link.elements)
        } else {
            None
        };
        let shared_class = shared.and_then(|_| match seen.last() {
            Some(Seen::Name(_, class)) => class.clone(),
            _ => None,
        });
        let shared_config = shared.flatten();
        let mut placed = Vec::with_capacity(seen.len());
        for (element, seen) in link.elements.iter().zip(seen) {
            let implicit = matches!(seen, Seen::Implicit(_));
            let (input, output) = match seen {
                Seen::Group(input, output) => (input, output),
                Seen::Implicit(node) => (node, node),
                Seen::Nothing => continue,
                Seen::Compound(class) => {
                    let node = self.anonymous(class, element, element.config.as_ref(), false);
                    (node, node)
                }
                Seen::Name(name, class) => {
                    let class = class.or_else(|| shared_class.clone());
                    let config = element.config.as_ref().or(shared_config);
                    let node = self.named(name, class, config, element);
                    (node, node)
                }
            };
            let mut input = End::new(input, element.span, element.inputs.as_ref());
            let mut output = End::new(output, element.span, element.outputs.as_ref());
            if let Target::Group(_) = element.target {
                self.group_ports(&mut input, &mut output, element);
            }
            let own = matches!(element.target, Target::Name(_) | Target::Implicit);
            let pseudo = self
                .frame()
                .pseudo
                .filter(|_| own)
                .and_then(|(i, o)| match input.node {
                    node if node == i => Some("input"),
                    node if node == o => Some("output"),
                    _ => None,
                });
            placed.push(Placed {
                input,
                output,
                implicit,
                pseudo,
            });
        }
        placed
    }

    fn see<'a>(&mut self, element: &'a ElementUse, first: bool) -> Seen<'a> {
        match &element.target {
            Target::Group(group) => {
                let (input, output) = self.group(&group.statements, group.span);
                Seen::Group(input, output)
            }
            Target::Compound(compound) => Seen::Compound(self.compound(compound, None)),
            Target::Implicit => match self.frame().pseudo {
                Some((input, output)) => Seen::Implicit(if first { input } else { output }),
                None => Seen::Nothing,
            },
            Target::Name(name) => {
                let class = element.class.as_ref().map(|class| match class {
                    Class::Name(class) => (self.class_named(&class.text), class.span),
                    Class::Compound(compound) => (self.compound(compound, None), compound.span),
                });
                Seen::Name(name, class)
            }
        }
    }

    /// The node of a name, with the class it is declared with if it is.
    fn named(
        &mut self,
        name: &Ident,
        class: Option<(ClassRef, Span)>,
        config: Option<&Config>,
        element: &ElementUse,
    ) -> NodeId {
        let known = self.frame().names.get(&name.text).copied();
        let pseudo = match name.text.as_str() {
            "input" => self.frame().pseudo.map(|(input, _)| input),
            "output" => self.frame().pseudo.map(|(_, output)| output),
            _ => None,
        };
        if self.is_class(&name.text) && pseudo.is_none() {
            if class.is_some() {
                let message = format!(
                    "element class `{}` is used as the name of an element",
                    name.text
                );
                self.error(
                    Code::ClassAsElement,
                    name.span,
                    message,
                    "expected a name that is no class",
                );
            }
            let class = self.class_named(&name.text);
            return self.anonymous(class, element, config, config.is_none());
        }
        match (pseudo.or(known), class) {
            (Some(node), None) => {
                if let Some(config) = &element.config {
                    let declared = self.frame().body.nodes[node].place.clone();
                    let message = format!(
                        "`{}` is an element already and takes no configuration here",
                        name.text
                    );
                    let mut diagnostic = Diagnostic::error(Code::ConfigOnReference, message)
                        .at(self.place(config.span), "");
                    if pseudo.is_none() {
                        diagnostic = diagnostic.at(declared, "declared here");
                    }
                    self.report(diagnostic);
                }
                node
            }
            (Some(node), Some(_)) => {
                let declared = self.frame().body.nodes[node].place.clone();
                let message = format!("`{}` is declared twice", name.text);
                let mut diagnostic = Diagnostic::error(Code::Redeclaration, message)
                    .at(self.place(name.span), "again here");
                if pseudo.is_none() {
                    diagnostic = diagnostic.at(declared, "first here");
                }
                self.report(diagnostic);
                node
            }
            (None, Some((class, class_span))) => {
                if !is_identifier_text(&name.text) {
                    let message = format!(
                        "expected a name with a letter in each component, found `{}`",
                        name.text
                    );
                    self.error(
                        Code::ElementName,
                        name.span,
                        message,
                        "a component is a number",
                    );
                }
                let node = self.node(name.text.clone(), class, config, name.span, class_span);
                self.frame().body.nodes[node].named = true;
                self.frame().names.insert(name.text.clone(), node);
                node
            }
            (None, None) => {
                if matches!(name.text.as_str(), "input" | "output") {
                    let message = format!("`{}` is used outside compounds and groups", name.text);
                    self.error(
                        Code::Pseudoelement,
                        name.span,
                        message,
                        "stands for nothing here",
                    );
                }
                let class = ClassRef::Primitive(name.text.clone());
                self.anonymous(class, element, config, config.is_none())
            }
        }
    }

    /// A node without a name of its own.
    fn anonymous(
        &mut self,
        class: ClassRef,
        element: &ElementUse,
        config: Option<&Config>,
        bare: bool,
    ) -> NodeId {
        let number = self.frame().created + 1;
        let name = format!("{}@{number}", class.name());
        let span = match &element.target {
            Target::Name(name) => name.span,
            Target::Compound(compound) => compound.span,
            Target::Group(_) | Target::Implicit => element.span,
        };
        let node = self.node(name, class, config, span, span);
        self.frame().body.nodes[node].bare = bare;
        self.frame().anonymous.push(node);
        node
    }

    fn node(
        &mut self,
        name: String,
        class: ClassRef,
        config: Option<&Config>,
        span: Span,
        class_span: Span,
    ) -> NodeId {
        let node = Node {
            name,
            kind: NodeKind::Element(class),
            config: config.map_or_else(String::new, |config| config.text.clone()),
            config_place: config.map(|config| self.place(config.span)),
            place: self.place(span),
            class_place: self.place(class_span),
            bare: false,
            named: false,
        };
        let frame = self.frame();
        frame.created += 1;
        frame.body.nodes.push(node);
        frame.body.nodes.len() - 1
    }

    /// The two tunnel nodes of a group whose statements are read between.
    fn group(&mut self, statements: &[crate::ast::Statement], span: Span) -> (NodeId, NodeId) {
        let place = self.place(span);
        let source = self.source.clone();
        let frame = self.frame();
        let input = frame.body.nodes.len();
        let output = input + 1;
        frame.body.nodes.push(tunnel("input", place.clone()));
        frame.body.nodes.push(tunnel("output", place));
        frame.created += 3; // Click makes three tunnels of a group
        frame.groups.push(super::GroupNodes {
            input,
            output,
            span,
            source,
        });
        let around = frame.pseudo.replace((input, output));
        self.statements(statements);
        self.frame().pseudo = around;
        (input, output)
    }

    /// Gives anonymous nodes names that no other node has.
    pub(super) fn name_anonymous(&mut self) {
        let Frame {
            body,
            names,
            anonymous,
            ..
        } = self.frame();
        // The number up to which a prefix is known to be taken: numbers come in rising order.
        let mut taken: HashMap<String, usize> = HashMap::new();
        for node in std::mem::take(anonymous) {
            let mut name = body.nodes[node].name.clone();
            if names.contains_key(&name) {
                let at = name.rfind('@').map_or(name.len(), |at| at + 1);
                let number: usize = name[at..].parse().unwrap_or(0);
                name.truncate(at);
                let from = taken.get(&name).map_or(number, |taken| number.max(*taken));
                let free = (from + 1..)
                    .find(|n| !names.contains_key(&format!("{name}{n}")))
                    .unwrap_or(from);
                taken.insert(name.clone(), free);
                name = format!("{name}{free}");
            }
            names.insert(name.clone(), node);
            body.nodes[node].name = name;
        }
    }

    /// Complains of names that are used before the declaration that comes later in the same body.
    pub(super) fn complain_of_early_uses(&mut self) {
        let Frame { body, names, .. } = self.frame();
        let mut early = Vec::new();
        for node in body.nodes.iter().filter(|node| node.bare) {
            let NodeKind::Element(ClassRef::Primitive(name)) = &node.kind else {
                continue;
            };
            let declared = names
                .get(name)
                .map(|declared| &body.nodes[*declared])
                .filter(|node| node.named);
            if let Some(declared) = declared {
                let message =
                    format!("undeclared element `{name}`: it is used before its declaration");
                let diagnostic = Diagnostic::error(Code::UndeclaredElement, message)
                    .at(node.place.clone(), "used here")
                    .at(declared.place.clone(), "declared here")
                    .help("declare an element before it is used".to_owned());
                early.push(diagnostic);
            }
        }
        for diagnostic in early {
            self.report(diagnostic);
        }
    }
}

/// The configuration that `a, b, c :: Class(config)` gives to all, if the list is such a declaration.
fn shared_declaration(elements: &[ElementUse]) -> Option<Option<&Config>> {
    let (last, others) = elements.split_last()?;
    let plain = |e: &ElementUse| {
        matches!(e.target, Target::Name(_)) && e.inputs.is_none() && e.outputs.is_none()
    };
    let bare = |e: &ElementUse| plain(e) && e.class.is_none() && e.config.is_none();
    let shared =
        !others.is_empty() && plain(last) && last.class.is_some() && others.iter().all(bare);
    shared.then_some(last.config.as_ref())
}

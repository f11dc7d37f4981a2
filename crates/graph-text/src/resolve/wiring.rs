//! Connections: chains to pairs of ports, and the ports of groups and compounds counted.

use super::names::Placed;
use super::{Code, Diagnostic, End, Frame, INPUT, OUTPUT, Resolver};
use crate::Place;
use crate::ast::{Arrow, Chain, ElementUse, PortRange};
use crate::body::{ClassRef, Join, NodeId, NodeKind};
use crate::connect::{Mismatch, pair};

impl Resolver<'_> {
    pub(super) fn chain(&mut self, chain: &Chain) {
        let alone = chain.links.len() == 1;
        let mut before: Option<Vec<Placed>> = None;
        for (i, link) in chain.links.iter().enumerate() {
            let placed = self.link(link, alone);
            let last = i + 1 == chain.links.len();
            if let Some(implicit) = placed
                .iter()
                .position(|p| p.implicit)
                .filter(|_| i > 0 && !last)
            {
                let span = placed[implicit].input.span;
                self.error(
                    Code::Syntax,
                    span,
                    "an implied `output` stands in the middle of a chain",
                    "",
                );
            }
            match (&before, link.arrow) {
                (Some(before), Some(arrow)) => self.connect(before, &placed, arrow),
                _ => self.stranded(&link.elements, false),
            }
            if last {
                self.stranded(&link.elements, true);
            }
            before = Some(placed);
        }
    }

    /// Complains of ports at an end of a chain that lead nowhere.
    fn stranded(&mut self, elements: &[ElementUse], output: bool) {
        let ports = elements.iter().find_map(|e| {
            if output {
                e.outputs.as_ref()
            } else {
                e.inputs.as_ref()
            }
        });
        let implied = |e: &ElementUse| matches!(e.target, crate::ast::Target::Implicit);
        if let Some(ports) = ports.filter(|_| !elements.iter().any(implied)) {
            let message = if output {
                "output ports at the end of a chain"
            } else {
                "input ports at the start of a chain"
            };
            self.error(
                Code::StrandedPort,
                ports.span,
                message,
                "connected to nothing",
            );
        }
    }

    fn connect(&mut self, from: &[Placed], to: &[Placed], arrow: Arrow) {
        if from.is_empty() || to.is_empty() {
            return;
        }
        let backwards = from
            .iter()
            .find(|p| p.pseudo == Some("output"))
            .map(|p| {
                (
                    p,
                    "`output` is connected from: packets go into it and do not come out",
                )
            })
            .or_else(|| {
                to.iter().find(|p| p.pseudo == Some("input")).map(|p| {
                    (
                        p,
                        "`input` is connected to: packets come out of it and do not go in",
                    )
                })
            });
        if let Some((placed, message)) = backwards {
            self.frame().body.flawed = true;
            self.error(
                Code::Pseudoelement,
                placed.input.span,
                message,
                "wrong way round",
            );
            return;
        }
        let outputs: Vec<End> = from.iter().map(|p| p.output.clone()).collect();
        let inputs: Vec<End> = to.iter().map(|p| p.input.clone()).collect();
        let most = self.options.limits.connections;
        let room = most.saturating_sub(self.connections);
        let (pairs, mismatch) = pair(&outputs, &inputs, arrow.many, room);
        if let Some(mismatch) = mismatch {
            self.mismatch(&mismatch, arrow);
        }
        self.connections += pairs.len();
        let source = self.source.clone();
        let Frame { body, ports, .. } = self.frame();
        let counted = |node: NodeId| {
            matches!(
                body.nodes[node].kind,
                NodeKind::Tunnel | NodeKind::Element(ClassRef::Compound(_))
            )
        };
        for p in pairs {
            let ((from, from_port), (to, to_port)) = (p.from, p.to);
            if counted(from) {
                ports.entry((from, true)).or_default().insert(from_port);
            }
            if counted(to) {
                ports.entry((to, false)).or_default().insert(to_port);
            }
            let place = Place {
                source: source.clone(),
                span: p.span,
            };
            body.connections.push(Join {
                from,
                from_port,
                to,
                to_port,
                place,
            });
        }
    }

    fn mismatch(&mut self, mismatch: &Mismatch, arrow: Arrow) {
        let (code, message, help) = match mismatch {
            Mismatch::BothOpen => {
                let help = "leave the ports of one side open, `[]`, and name those of the other";
                (
                    Code::ConnectionMismatch,
                    "at most one side of a connection can be open".to_owned(),
                    Some(help),
                )
            }
            Mismatch::NeedsDoubleArrow => {
                let message =
                    "expected `=>` between many outputs and many inputs, found `->`".to_owned();
                (
                    Code::ConnectionMismatch,
                    message,
                    Some("`=>` connects the first to the first, the second to the second"),
                )
            }
            Mismatch::Counts {
                outputs,
                inputs,
                more_outputs,
                more_inputs,
            } => {
                let count = |n: usize, more: bool, what: &str| {
                    let plural = if n == 1 { "" } else { "s" };
                    if more {
                        format!("{n} or more {what}{plural}")
                    } else {
                        format!("{n} {what}{plural}")
                    }
                };
                let (outputs, inputs) = (
                    count(*outputs, *more_outputs, "output"),
                    count(*inputs, *more_inputs, "input"),
                );
                (
                    Code::ConnectionMismatch,
                    format!("{outputs} cannot be paired with {inputs}"),
                    None,
                )
            }
            Mismatch::TooMany => {
                let message = format!("more than {} connections", self.options.limits.connections);
                (Code::Limit, message, None)
            }
        };
        let diagnostic = Diagnostic::error(code, message)
            .at(self.place(arrow.span), "")
            .help(help.map(str::to_owned));
        self.report(diagnostic);
    }

    /// A group has the ports that it uses inside, on each side where none are written.
    pub(super) fn group_ports(&mut self, input: &mut End, output: &mut End, element: &ElementUse) {
        let ports = &self.frame().ports;
        let last = |node, out| {
            let last = *ports.get(&(node, out))?.last()?;
            Some(PortRange { first: 0, last })
        };
        if element.inputs.is_none() {
            input.ports = last(input.node, true).into_iter().collect();
        }
        if element.outputs.is_none() {
            output.ports = last(output.node, false).into_iter().collect();
        }
    }

    /// Checks the ports of `input` and `output` of the innermost body and its groups, and counts those of its compounds.
    pub(super) fn finish_wiring(&mut self) {
        let groups = std::mem::take(&mut self.frame().groups);
        let body = &self.frame().body;
        if body.parent.is_some() {
            let place = body.place.clone();
            let name = if body.name.is_empty() {
                "this compound".to_owned()
            } else {
                format!("`{}`", body.name)
            };
            let inputs = self.count(INPUT, true, &name, &place);
            let outputs = self.count(OUTPUT, false, &name, &place);
            let body = &mut self.frame().body;
            (body.inputs, body.outputs) = (inputs, outputs);
        }
        for group in &groups {
            let place = Place {
                source: group.source.clone(),
                span: group.span,
            };
            let inputs = self.count(group.input, true, "this group", &place);
            let outputs = self.count(group.output, false, "this group", &place);
            self.group_used(group.input, true, inputs, &place);
            self.group_used(group.output, false, outputs, &place);
        }
        let Frame { body, ports, .. } = self.frame();
        for ((node, output), ports) in std::mem::take(ports) {
            if let NodeKind::Element(_) = body.nodes[node].kind {
                let used = body.used.entry(node).or_default();
                let side = if output { &mut used.1 } else { &mut used.0 };
                side.extend(ports);
            }
        }
    }

    /// How many ports an `input` or `output` has, which must be used without gaps.
    fn count(&mut self, node: NodeId, is_input: bool, owner: &str, place: &Place) -> usize {
        let Some(ports) = self.frame().ports.get(&(node, is_input)) else {
            return 0;
        };
        let count = ports.last().map_or(0, |last| usize::from(*last) + 1);
        let gap = (0..=u16::MAX)
            .zip(ports.iter().copied())
            .find(|(wanted, port)| wanted != port);
        if let Some((missing, used)) = gap {
            self.frame().body.flawed |= matches!(node, INPUT | OUTPUT);
            let side = if is_input { "input" } else { "output" };
            let message =
                format!("{side} {missing} of {owner} is left out, though {side} {used} is used");
            let diagnostic = Diagnostic::error(Code::Pseudoelement, message)
                .at(place.clone(), "")
                .help("ports are numbered from 0 without gaps".to_owned());
            self.report(diagnostic);
        }
        count
    }

    /// Complains of ports of a group that are connected on one side only.
    fn group_used(&mut self, node: NodeId, is_input: bool, count: usize, place: &Place) {
        let ports = self
            .frame()
            .ports
            .get(&(node, !is_input))
            .cloned()
            .unwrap_or_default();
        let side = if is_input { "input" } else { "output" };
        let unused = (0..=u16::MAX)
            .take(count)
            .find(|port| !ports.contains(port));
        if let Some(port) = unused {
            let message = format!("{side} {port} of this group is not connected");
            self.report(Diagnostic::error(Code::UnusedPort, message).at(place.clone(), ""));
        }
        if let Some(port) = ports.iter().find(|port| usize::from(**port) >= count) {
            let message = format!("this group has no {side} {port}");
            let help =
                format!("a group has the ports that it uses inside, such as `{side} [{port}]`");
            self.report(
                Diagnostic::error(Code::NoSuchPort, message)
                    .at(place.clone(), "")
                    .help(help),
            );
        }
    }
}

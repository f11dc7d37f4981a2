//! The words of the checker's errors.

use crate::class::ClassInfo;
use crate::codes::Processing;
use crate::graph::{Connection, FlatElement, FlatGraph};
use crate::infer::{Inference, Port, input_of, output_of};
use crate::scan::{is_identifier, skip_blank};
use crate::suggest::did_you_mean;
use crate::{Code, Diagnostic, Place};

/// Connections named in one error about a port that has too many.
const MOST_LISTED: usize = 4;

/// Makes diagnostics about one graph.
pub(crate) struct Complaints<'a> {
    graph: &'a FlatGraph,
}

impl<'a> Complaints<'a> {
    pub(crate) fn new(graph: &'a FlatGraph) -> Self {
        Self { graph }
    }

    /// The name that the user gave an element, without the names of the compounds around it.
    pub(crate) fn own_name<'e>(&self, element: &'e FlatElement) -> Option<&'e str> {
        let origin = element.origin.as_ref().filter(|origin| origin.named)?;
        let prefix = origin
            .instance
            .as_ref()
            .map_or(0, |instance| instance.name.len() + 1);
        element.name.get(prefix..)
    }

    pub(crate) fn malformed_class(&self, element: &FlatElement, reason: &str) -> Diagnostic {
        let message = format!("element class `{}` is malformed: {reason}", element.class);
        let place = element.origin.as_ref().map(|it| it.class_place.clone());
        Diagnostic::error(Code::MalformedClass, message)
            .at(place, "used here")
            .help(
                "the program that adds the class to its registry is to be mended, not this text"
                    .to_owned(),
            )
    }

    pub(crate) fn unknown_class(&self, element: &FlatElement, known: &[String]) -> Diagnostic {
        let class = element.class.as_str();
        let Some(origin) = &element.origin else {
            return Diagnostic::error(
                Code::UnknownClass,
                format!("unknown element class `{class}` of `{}`", element.name),
            )
            .help(did_you_mean(class, known.iter().map(String::as_str)));
        };
        let defined = self.graph.defined.iter().filter(|(name, _)| name == class);
        let (around, later): (Vec<_>, Vec<_>) =
            defined.partition(|(_, place)| place.contains(&origin.class_place));
        let scope = self.scope(element);
        let in_scope = |e: &&FlatElement| self.scope(e) == scope;
        let siblings = self
            .graph
            .elements
            .iter()
            .filter(in_scope)
            .filter_map(|e| self.own_name(e));
        let elsewhere = self
            .graph
            .elements
            .iter()
            .find(|e| self.own_name(e) == Some(class));
        let mut candidates: Vec<&str> = known.iter().map(String::as_str).collect();
        candidates.extend(self.graph.defined.iter().map(|(name, _)| name.as_str()));
        let (code, message, label) = if origin.bare {
            candidates.extend(siblings);
            (
                Code::UndeclaredElement,
                format!("undeclared element `{class}`"),
                "neither an element nor an element class",
            )
        } else {
            (
                Code::UnknownClass,
                format!("unknown element class `{class}`"),
                "not an element class",
            )
        };
        let mut diagnostic = Diagnostic::error(code, message).at(origin.class_place.clone(), label);
        if let Some(dots) = &origin.extension {
            return diagnostic
                .at(dots.clone(), "extends a class that does not exist")
                .help(did_you_mean(class, known.iter().map(String::as_str)));
        }
        if let Some((_, place)) = around.first() {
            return diagnostic
                .at(name_in(place), "inside the definition of this class")
                .help("a compound cannot contain itself: its class is known from after its closing brace".to_owned());
        }
        if let Some((_, place)) = later.first() {
            return diagnostic.at(name_in(place), "defined here").help(
                "a class is known from after its definition to the end of the scope around that"
                    .to_owned(),
            );
        }
        if let Some(other) = elsewhere.filter(|_| origin.bare) {
            diagnostic = diagnostic
                .at(other.place().cloned(), "declared in another scope")
                .help("a compound has a scope of its own: elements outside are reached through its ports".to_owned());
            return diagnostic;
        }
        diagnostic.help(did_you_mean(class, candidates))
    }

    pub(crate) fn class_as_element(&self, element: &FlatElement, name: &str) -> Diagnostic {
        Diagnostic::error(
            Code::ClassAsElement,
            format!("element class `{name}` is used as the name of an element"),
        )
        .at(element.place().cloned(), "expected a name that is no class")
    }

    pub(crate) fn no_such_port(&self, port: Port, info: &ClassInfo, count: usize) -> Diagnostic {
        let element = self.graph.element(port.element);
        let side = side(port.output);
        let message = format!("`{}` has no {side} {}", element.name, port.number);
        let first = self.graph.connections.iter().find(|c| {
            let end = if port.output {
                output_of(c)
            } else {
                input_of(c)
            };
            end == port
        });
        let range = if port.output {
            info.ports.outputs(info.ports.inputs().least).to_string()
        } else {
            info.ports.inputs().to_string()
        };
        let allowed = if range.parse::<usize>().is_ok() {
            count.to_string()
        } else {
            range
        };
        let diagnostic = Diagnostic::error(Code::NoSuchPort, message);
        let help = if port.output && count > 0 || allowed != "0" {
            format!(
                "the number of {side}s of a `{}` here: {allowed}; they count from 0",
                element.class
            )
        } else {
            format!("a `{}` has no {side}s", element.class)
        };
        let connection = first.and_then(|c| self.graph.places.get(c)).cloned();
        self.named(diagnostic.at(connection, "connected here"), element)
            .help(help)
    }

    pub(crate) fn unused(
        &self,
        element: &FlatElement,
        info: &ClassInfo,
        output: bool,
        first: usize,
        last: usize,
    ) -> Diagnostic {
        let side = side(output);
        let ports = if first == last {
            format!("{side} {first}")
        } else {
            format!("{side}s {first} to {last}")
        };
        let verb = if first == last { "is" } else { "are" };
        let message = format!("{ports} of `{}` {verb} not connected", element.name);
        let range = if output {
            info.ports.outputs(info.ports.inputs().least)
        } else {
            info.ports.inputs()
        };
        let help = match (output, first >= range.least) {
            (true, false) => "connect it, to Discard if the packets are not wanted",
            (false, false) => "connect it, from Idle if no packets shall come",
            _ => "ports are numbered from 0 without gaps",
        };
        self.named(Diagnostic::error(Code::UnusedPort, message), element)
            .help(help.to_owned())
    }

    pub(crate) fn push_pull(&self, c: Connection, inference: &Inference<'_>) -> Diagnostic {
        let (from, to) = (output_of(&c), input_of(&c));
        let (sends, takes) = (inference.processing(from), inference.processing(to));
        let message = format!(
            "{sends} output {} of `{}` is connected to {takes} input {} of `{}`",
            c.from_port,
            self.graph.element(c.from).name,
            c.to_port,
            self.graph.element(c.to).name
        );
        let mut diagnostic = Diagnostic::error(Code::PushPull, message).at(
            self.graph.places.get(&c).cloned(),
            format!("{sends} meets {takes}"),
        );
        diagnostic = self.named(diagnostic, self.graph.element(c.from));
        diagnostic = self.named(diagnostic, self.graph.element(c.to));
        diagnostic
            .help(self.why(from, inference))
            .help(self.why(to, inference))
            .help(turn(sends, "between them"))
    }

    pub(crate) fn agnostic(
        &self,
        input: Port,
        output: Port,
        inference: &Inference<'_>,
    ) -> Diagnostic {
        let element = self.graph.element(input.element);
        let message = format!(
            "`{}` would be both push and pull: {} input {}, {} output {}",
            element.name,
            inference.processing(input),
            input.number,
            inference.processing(output),
            output.number
        );
        self.named(Diagnostic::error(Code::AgnosticConflict, message), element)
            .help(self.why(input, inference))
            .help(self.why(output, inference))
            .help(format!(
                "a `{}` is what its neighbours are, all push or all pull",
                element.class
            ))
            .help(turn(inference.processing(input), "before or behind it"))
    }

    pub(crate) fn reuse(&self, port: Port, connections: &[Connection]) -> Diagnostic {
        let element = self.graph.element(port.element);
        let kind = if port.output {
            "push output"
        } else {
            "pull input"
        };
        let times = connections.len();
        let message = format!(
            "{kind} {} of `{}` is connected {times} times",
            port.number, element.name
        );
        let mut diagnostic = Diagnostic::error(Code::PortReuse, message);
        for c in connections.iter().take(MOST_LISTED) {
            let other = if port.output {
                input_of(c)
            } else {
                output_of(c)
            };
            let label = format!("to `{}`", self.graph.element(other.element).name);
            let label = if port.output {
                label
            } else {
                label.replace("to ", "from ")
            };
            diagnostic = diagnostic.at(self.graph.places.get(c).cloned(), label);
        }
        diagnostic.help(if port.output {
            "a push output has one connection: copy packets with Tee, or choose where they go with a switch".to_owned()
        } else {
            "a pull input has one connection: choose where packets come from with a scheduler such as RoundRobinSched".to_owned()
        })
    }

    /// How an agnostic port came to its processing.
    fn why(&self, port: Port, inference: &Inference<'_>) -> Option<String> {
        let causes = inference.causes(port);
        let (origin, through) = causes.split_last()?;
        let through: Vec<_> = through
            .iter()
            .map(|id| format!("`{}`", self.graph.element(*id).name))
            .collect();
        if through.is_empty() {
            return None;
        }
        let processing = inference.processing(port);
        let origin = self.graph.element(*origin);
        Some(format!(
            "{processing} comes from `{} :: {}` through {}",
            origin.name,
            origin.class,
            through.join(", ")
        ))
    }

    /// Labels the element, and the compound instances around it.
    fn named(&self, diagnostic: Diagnostic, element: &FlatElement) -> Diagnostic {
        let label = format!("`{} :: {}`", element.name, element.class);
        let mut diagnostic = diagnostic.at(element.place().cloned(), label);
        if let Some(instance) = element.instances().next() {
            diagnostic = diagnostic.at(instance.place.clone(), format!("in `{}`", instance.name));
        }
        diagnostic
    }

    fn scope<'e>(&self, element: &'e FlatElement) -> Option<&'e str> {
        element
            .instances()
            .next()
            .map(|instance| instance.name.as_str())
    }
}

/// What makes packets that come in one way go on the other way.
fn turn(comes: Processing, place: &str) -> String {
    match comes {
        Processing::Push => {
            format!("a Queue {place} takes what is pushed and gives it when pulled")
        }
        Processing::Pull => format!("an Unqueue {place} pulls packets and pushes them on"),
    }
}

fn side(output: bool) -> &'static str {
    if output { "output" } else { "input" }
}

/// The name in `elementclass Name {…}`.
fn name_in(definition: &Place) -> Place {
    let text = definition.text();
    let start = skip_blank(text.as_bytes(), "elementclass".len());
    let name = text.get(start..).unwrap_or_default();
    let length = name
        .find(|c: char| !(c.is_ascii() && (is_identifier(c as u8) || c == '/')))
        .unwrap_or(name.len());
    let from = definition.span.start as usize + text.len() - name.len();
    Place {
        source: definition.source.clone(),
        span: crate::Span::new(from, from + length),
    }
}

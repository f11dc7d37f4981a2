//! Which alternative of a compound an element is.

use std::rc::Rc;

use crate::body::{Bodies, Body, BodyId, ClassRef, CompoundClass, Node, Parameter};
use crate::overload::{Misfit, assign};
use crate::suggest::did_you_mean;
use crate::{Code, Diagnostic, Place};

/// Alternatives listed where none fits.
const MOST_LISTED: usize = 6;

/// What an element of a compound class turns out to be.
#[derive(Debug)]
pub(crate) enum Chosen {
    /// Of a class from outside the text; with the `...` that stands for it, if the text extends the class.
    Primitive(String, Option<Place>),
    /// An instance of a body, with the values of its parameters.
    Body { body: BodyId, values: Vec<String> },
}

/// The first alternative that has the ports which are connected and takes the arguments. Where a class has one alternative
/// that takes the arguments, its ports are to blame, and each that does not fit is told.
pub(crate) fn choose(
    bodies: &Bodies,
    class: &Rc<CompoundClass>,
    node: &Node,
    inputs: &[u16],
    outputs: &[u16],
    args: &[String],
) -> Result<Chosen, Vec<Diagnostic>> {
    let count = |ports: &[u16]| ports.last().map_or(0, |last| usize::from(*last) + 1);
    let (input_count, output_count) = (count(inputs), count(outputs));
    let mut candidates: Vec<BodyId> = Vec::new();
    let mut at = Rc::clone(class);
    loop {
        for body_id in &at.overloads {
            candidates.push(*body_id);
            let body = &bodies.bodies[*body_id];
            if (body.inputs, body.outputs) == (input_count, output_count)
                && let Ok(values) = assign(&body.parameters, args)
            {
                let wrong = wrong_ports(body, node, inputs, outputs);
                return if wrong.is_empty() {
                    Ok(Chosen::Body {
                        body: *body_id,
                        values,
                    })
                } else {
                    Err(wrong)
                };
            }
        }
        match at.extends.clone() {
            Some((ClassRef::Primitive(name), dots)) => {
                return Ok(Chosen::Primitive(name, Some(dots)));
            }
            Some((ClassRef::Compound(next), _)) => at = next,
            None => break,
        }
    }
    Err(match candidates[..] {
        [only] => {
            let body = &bodies.bodies[only];
            match assign(&body.parameters, args) {
                Ok(_) => wrong_ports(body, node, inputs, outputs),
                Err(misfit) => vec![wrong_arguments(body, node, &misfit)],
            }
        }
        _ => vec![no_match(
            bodies,
            class,
            node,
            &candidates,
            (args.len(), input_count, output_count),
        )],
    })
}

fn title(class: &str) -> String {
    if class.is_empty() {
        "this compound".to_owned()
    } else {
        format!("`{class}`")
    }
}

/// The ports that are connected and do not exist, and those that exist and are not connected.
fn wrong_ports(body: &Body, node: &Node, inputs: &[u16], outputs: &[u16]) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    if body.flawed {
        return found;
    }
    for (side, connected, count) in [
        ("input", inputs, body.inputs),
        ("output", outputs, body.outputs),
    ] {
        let is_connected = |port: &usize| {
            u16::try_from(*port).is_ok_and(|port| connected.binary_search(&port).is_ok())
        };
        let unused = (0..count).find(|port| !is_connected(port));
        if let Some(port) = unused {
            let message = format!("{side} {port} of `{}` is not connected", node.name);
            found.push(described(
                Diagnostic::error(Code::UnusedPort, message),
                body,
                node,
            ));
        }
        if let Some(port) = connected.iter().find(|port| usize::from(**port) >= count) {
            let message = format!("`{}` has no {side} {port}", node.name);
            found.push(described(
                Diagnostic::error(Code::NoSuchPort, message),
                body,
                node,
            ));
        }
    }
    found
}

fn wrong_arguments(body: &Body, node: &Node, misfit: &Misfit) -> Diagnostic {
    let class = title(&body.name);
    let keywords = || {
        body.parameters
            .iter()
            .filter_map(|p| p.keyword.as_deref())
            .filter(|k| *k != "__REST__")
    };
    let (message, help) = match misfit {
        Misfit::Count { wanted, given } => {
            let few = if given < wanted { "few" } else { "many" };
            let kind = match keywords().next() {
                Some(_) => "positional argument",
                None => "argument",
            };
            (
                format!(
                    "too {few} {kind}s for {class}: expected {}, found {given}",
                    counted(*wanted, kind)
                ),
                None,
            )
        }
        Misfit::Missing(names) => {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            (
                format!(
                    "expected the keyword argument {} of {class}, found none",
                    names.join(", ")
                ),
                None,
            )
        }
        Misfit::Unknown(name) => {
            let help = did_you_mean(name, keywords());
            (format!("unknown keyword `{name}` for {class}"), help)
        }
    };
    described(
        Diagnostic::error(Code::CompoundArguments, message),
        body,
        node,
    )
    .help(help)
}

fn described(diagnostic: Diagnostic, body: &Body, node: &Node) -> Diagnostic {
    diagnostic
        .at(node.place.clone(), "")
        .at(body.place.clone(), format!("takes {}", signature(body)))
}

fn no_match(
    bodies: &Bodies,
    class: &CompoundClass,
    node: &Node,
    candidates: &[BodyId],
    (args, inputs, outputs): (usize, usize, usize),
) -> Diagnostic {
    let message = format!(
        "no alternative of {} takes {}, {} and {}",
        title(&class.name),
        counted(args, "argument"),
        counted(inputs, "input"),
        counted(outputs, "output")
    );
    let mut diagnostic =
        Diagnostic::error(Code::NoMatchingOverload, message).at(node.place.clone(), "");
    for candidate in candidates.iter().take(MOST_LISTED) {
        diagnostic = diagnostic.help(format!(
            "there is one that takes {}",
            signature(&bodies.bodies[*candidate])
        ));
    }
    diagnostic
}

fn signature(body: &Body) -> String {
    let parameter = |p: &Parameter| match p.keyword.as_deref() {
        None => format!("${}", p.name),
        Some("__REST__") => "...".to_owned(),
        Some(keyword) => format!("{keyword} ${}", p.name),
    };
    let parameters: Vec<String> = body.parameters.iter().map(parameter).collect();
    let parameters = if parameters.is_empty() {
        "no arguments".to_owned()
    } else {
        format!("({})", parameters.join(", "))
    };
    format!(
        "{parameters}, {} and {}",
        counted(body.inputs, "input"),
        counted(body.outputs, "output")
    )
}

fn counted(n: usize, what: &str) -> String {
    match n {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        _ => format!("{n} {what}s"),
    }
}

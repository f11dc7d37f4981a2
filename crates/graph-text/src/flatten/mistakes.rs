//! What is told of a text that cannot be expanded, or not wholly.

use std::rc::Rc;

use super::Flattener;
use crate::body::Node;
use crate::expand::{Failure, Scope};
use crate::scan::is_word;
use crate::suggest::did_you_mean;
use crate::{Code, Diagnostic, Place, Severity, Span};

impl Flattener<'_, '_> {
    /// Tells why the expansion of variables was cut short, if it was.
    pub(super) fn stop_at_failure(&mut self, node: &Node) {
        let limits = &self.options.limits;
        match self.expander.failure.take() {
            None => {}
            Some(Failure::Budget) => {
                let most = limits.expansion_bytes;
                let message = format!("names and configurations have more than {most} bytes");
                self.limit(message, &node.place);
            }
            Some(Failure::Nesting) => {
                let most = limits.nesting;
                let message = format!("variables need each other deeper than {most} levels");
                self.limit(message, &node.place);
            }
            Some(Failure::Recursive(name)) if self.told.insert((name.clone(), u32::MAX)) => {
                let message = format!("the definition of `${name}` needs `${name}` itself");
                let diagnostic = Diagnostic::error(Code::RecursiveDefinition, message);
                self.report(diagnostic.at(node.place.clone(), "needed by this element"));
            }
            Some(Failure::Recursive(_)) => {}
        }
    }

    /// Beyond the errors that are shown, to make the rest of the graph would be for nothing.
    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.errors += usize::from(diagnostic.severity() == Severity::Error);
        self.full |= self.errors > self.options.limits.diagnostics;
        self.found.push(diagnostic);
    }

    pub(super) fn undefined_variable(&mut self, name: &str, node: &Node, scope: &Rc<Scope>) {
        let scopes = std::iter::successors(Some(scope), |scope| scope.parent.as_ref());
        let mut visible: Vec<&str> = scopes
            .flat_map(|scope| scope.values.keys().map(String::as_str))
            .collect();
        visible.sort_unstable();
        let help = did_you_mean(name, visible).map(|help| help.replacen('`', "`$", 1));
        let message = format!("`${name}` is not defined and stays as it is written");
        let diagnostic = Diagnostic::warning(Code::UndefinedVariable, message);
        let written = node
            .config_place
            .as_ref()
            .and_then(|config| variable_in(config, name));
        let diagnostic = match written {
            Some(place) => diagnostic.at(place, ""),
            None => diagnostic.at(node.place.clone(), "needed by this element"),
        };
        self.report(diagnostic.help(help));
    }

    pub(super) fn redeclared(&mut self, name: &str, node: &Node) {
        let other = self
            .graph
            .find(name)
            .and_then(|id| self.graph.element(id).place().cloned());
        let message = format!("two elements are called `{name}`");
        let diagnostic =
            Diagnostic::error(Code::Redeclaration, message).at(node.place.clone(), "one here");
        self.report(
            diagnostic
                .at(other, "one here")
                .help("`/` in names is for members of compounds".to_owned()),
        );
    }

    pub(super) fn limit(&mut self, message: String, place: &Place) {
        if !self.full {
            self.full = true;
            self.report(Diagnostic::error(Code::Limit, message).at(place.clone(), "reached here"));
        }
    }
}

/// Where a configuration says `$name` or `${name`.
fn variable_in(config: &Place, name: &str) -> Option<Place> {
    let text = config.text();
    let found = text.match_indices(name).find(|(at, _)| {
        let before = text[..*at].trim_end_matches('{');
        let ends = !text[at + name.len()..].starts_with(|c: char| c.is_ascii() && is_word(c as u8));
        before.ends_with('$') && ends
    });
    found.map(|(at, _)| {
        let start = config.span.start as usize + text[..at].rfind('$').unwrap_or(at);
        Place {
            source: config.source.clone(),
            span: Span::new(start, config.span.start as usize + at + name.len()),
        }
    })
}

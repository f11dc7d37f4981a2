//! What is wrong with a text, and where.

use std::cmp::Reverse;
use std::fmt;

use miette::{LabeledSpan, SourceCode};

use crate::snippet;
use crate::{ArgMistake, FlatElement, Place};

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident => $text:literal,)+) => {
        /// What kind of mistake a [`Diagnostic`] reports.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* $variant,)+
        }

        impl Code {
            /// The code as text, such as `undeclared-element`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }
    };
}

codes! {
    /// The text does not follow the grammar.
    Syntax => "syntax",
    /// A comment, quotation or bracket is not closed.
    Unclosed => "unclosed",
    /// A line starting with `#` is not a line directive.
    LineDirective => "line-directive",
    /// An element name has a component that is a number.
    ElementName => "element-name",
    /// A limit of [`Limits`](crate::Limits) was reached.
    Limit => "limit",
    /// A name is used as an element and nothing of that name is declared.
    UndeclaredElement => "undeclared-element",
    /// An element, parameter, definition or keyword is declared twice.
    Redeclaration => "redeclaration",
    /// An element class is used as the name of an element.
    ClassAsElement => "class-as-element",
    /// The element class is not known.
    UnknownClass => "unknown-class",
    /// The element class exists, but what its author says of its ports is not well-formed.
    MalformedClass => "malformed-class",
    /// An element that exists already is given a configuration.
    ConfigOnReference => "config-on-reference",
    /// Outputs and inputs of one connection do not pair up.
    ConnectionMismatch => "connection-mismatch",
    /// A port is written where it means nothing.
    StrandedPort => "stranded-port",
    /// `input` or `output` is used in the wrong direction, leaves a port out, or stands outside a compound.
    Pseudoelement => "pseudoelement",
    /// The parameters of a compound are in the wrong order.
    ParameterOrder => "parameter-order",
    /// The arguments given to a compound do not fit its parameters.
    CompoundArguments => "compound-arguments",
    /// No overload of a compound fits its arguments and ports.
    NoMatchingOverload => "no-matching-overload",
    /// `...` extends nothing, or does not come last.
    Extension => "extension",
    /// A `define` does not define a variable.
    Define => "define",
    /// A variable is defined by itself.
    RecursiveDefinition => "recursive-definition",
    /// A `$variable` is not defined and stays in the configuration as written.
    UndefinedVariable => "undefined-variable",
    /// A `require` asks for something that is not understood.
    Requirement => "requirement",
    /// A required library cannot be had.
    Library => "library",
    /// A port is connected that the element does not have.
    NoSuchPort => "no-such-port",
    /// A port that the element has is not connected.
    UnusedPort => "unused-port",
    /// A push output or pull input is connected twice.
    PortReuse => "port-reuse",
    /// A push port is connected to a pull port.
    PushPull => "push-pull",
    /// An agnostic element would have to be push and pull at once.
    AgnosticConflict => "agnostic-conflict",
    /// An element refuses its configuration.
    Configuration => "configuration",
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The graph can be built; it may not be what was meant.
    Warning,
    /// The graph cannot be built.
    Error,
}

/// A place that belongs to a diagnostic, with what there is to say about it.
#[derive(Debug, Clone)]
pub struct Label {
    /// Where.
    pub place: Place,
    /// What, in a few words; may be empty.
    pub text: String,
}

/// One mistake: what, where, what was expected, and what to do.
///
/// `{}` prints one line, `file:line:column: message`; `{:#}` adds the text with its places underlined, and the help.
/// It is also a [`miette::Diagnostic`] with source code and labels attached.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    code: Code,
    severity: Severity,
    message: String,
    /// The first is where the mistake is.
    labels: Vec<Label>,
    help: Vec<String>,
}

impl Diagnostic {
    /// An error without a place yet.
    pub(crate) fn error(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            labels: Vec::new(),
            help: Vec::new(),
        }
    }

    /// A warning without a place yet.
    pub(crate) fn warning(code: Code, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, message)
        }
    }

    /// Adds a place; the first added is the diagnostic's own.
    pub(crate) fn at(mut self, place: impl Into<Option<Place>>, text: impl Into<String>) -> Self {
        if let Some(place) = place.into() {
            self.labels.push(Label {
                place,
                text: text.into(),
            });
        }
        self
    }

    /// Adds a line of help.
    pub(crate) fn help(mut self, help: impl Into<Option<String>>) -> Self {
        self.help.extend(help.into());
        self
    }

    /// An element refuses its configuration: for whoever makes elements from a checked graph.
    #[must_use]
    pub fn of_element(
        element: &FlatElement,
        message: impl Into<String>,
        help: impl Into<Option<String>>,
    ) -> Self {
        let message = format!(
            "`{}` ({}): {}",
            element.name(),
            element.class(),
            message.into()
        );
        Self::error(Code::Configuration, message)
            .at(element.place().cloned(), "configured here")
            .help(help)
    }

    /// The same of a mistake in its arguments: the place is that of the argument, where it has one of its own.
    #[must_use]
    pub fn of_mistake(element: &FlatElement, mistake: &ArgMistake) -> Self {
        let help = mistake.error.help().map(str::to_owned);
        let mut diagnostic = Self::of_element(element, mistake.error.to_string(), help);
        let place = mistake.number.and_then(|it| element.argument_place(it));
        if let Some(place) = place {
            diagnostic.labels.clear();
            diagnostic = diagnostic.at(place, "this argument");
        }
        diagnostic
    }

    /// What kind of mistake it is.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// Whether it prevents the graph from being built.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// What is wrong, in one line.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Where it is wrong; `None` for a graph that was not made from text.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        self.labels.first().map(|label| &label.place)
    }

    /// The diagnostic's own place and the places that help to understand it, in this order.
    #[must_use]
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// What to do about it, a line each.
    #[must_use]
    pub fn help_lines(&self) -> &[String] {
        &self.help
    }

    pub(crate) fn labels_mut(&mut self) -> &mut [Label] {
        &mut self.labels
    }

    fn own_labels(&self) -> impl Iterator<Item = &Label> {
        self.labels
            .iter()
            .filter(|label| self.labels[0].place.source.same_text(&label.place.source))
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            return snippet::write(f, self);
        }
        if let Some(place) = self.place() {
            write!(f, "{place}: ")?;
        }
        if self.severity == Severity::Warning {
            f.write_str("warning: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Diagnostic {}

impl miette::Diagnostic for Diagnostic {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code.as_str()))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        (!self.help.is_empty()).then(|| Box::new(self.help.join("\n")) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.place().map(|place| &place.source as &dyn SourceCode)
    }

    /// The labels in the same text as the diagnostic's own place: miette shows one text for each diagnostic.
    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.place()?;
        Some(Box::new(self.own_labels().enumerate().map(|(i, label)| {
            let span = label.place.span.start as usize..label.place.span.end as usize;
            let text = (!label.text.is_empty()).then(|| label.text.clone());
            if i == 0 {
                LabeledSpan::new_primary_with_span(text, span)
            } else {
                LabeledSpan::new_with_span(text, span)
            }
        })))
    }
}

/// That there are more, if there are; an error if one of them is.
pub(crate) fn not_shown(more: usize, severity: Severity) -> Option<Diagnostic> {
    (more > 0).then(|| Diagnostic {
        severity,
        ..Diagnostic::error(Code::Limit, format!("{more} more mistakes are not shown"))
    })
}

/// At most so many of them, and one that tells how many more there are.
pub(crate) fn limited(mut found: Vec<Diagnostic>, most: usize) -> Vec<Diagnostic> {
    if found.len() > most {
        // Errors are worth more than warnings.
        found.sort_by_key(|d| Reverse(d.severity));
        let left = found.split_off(most);
        found.extend(not_shown(left.len(), left[0].severity));
    }
    found
}

/// All that is wrong with a text or a graph, at least one error among it, in order of place.
#[derive(Debug, Clone)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// `Err` with all of them if one is an error, else the warnings.
    pub fn split(mut found: Vec<Diagnostic>) -> Result<Vec<Diagnostic>, Self> {
        if found.iter().any(|d| d.severity == Severity::Error) {
            found.sort_by_key(|d| {
                let place = d
                    .place()
                    .map(|p| (p.source.name().to_owned(), p.span.start));
                (place.is_none(), place)
            });
            Err(Self(found))
        } else {
            Ok(found)
        }
    }

    /// Them all, by reference.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// Them all, by value.
    #[must_use]
    pub fn into_vec(self) -> Vec<Diagnostic> {
        self.0
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(one: Diagnostic) -> Self {
        Self(vec![one])
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, diagnostic) in self.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            fmt::Display::fmt(diagnostic, f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

impl miette::Diagnostic for Diagnostics {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        Some(Box::new(self.iter().map(|d| d as &dyn miette::Diagnostic)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Source, Span};
    use miette::Diagnostic as _;

    fn sample() -> Diagnostic {
        let source = Source::new("r.click", "a :: Quue;\na -> b;\n");
        let place = |start, end| Place {
            source: source.clone(),
            span: Span::new(start, end),
        };
        Diagnostic::error(Code::UnknownClass, "unknown element class `Quue`")
            .at(place(5, 9), "not an element class")
            .at(place(11, 12), "used here")
            .help("did you mean `Queue`?".to_owned())
    }

    #[test]
    fn one_line_names_the_place_first() {
        assert_eq!(
            sample().to_string(),
            "r.click:1:6: unknown element class `Quue`"
        );
        let warning = Diagnostic::warning(Code::UndefinedVariable, "no `$x`");
        assert_eq!(warning.to_string(), "warning: no `$x`");
    }

    #[test]
    fn miette_gets_source_and_labels() {
        let d = sample();
        assert_eq!(
            miette::Diagnostic::code(&d)
                .map(|c| c.to_string())
                .as_deref(),
            Some("unknown-class")
        );
        let labels: Vec<_> = miette::Diagnostic::labels(&d)
            .into_iter()
            .flatten()
            .collect();
        assert_eq!(labels.len(), 2);
        assert!(labels[0].primary());
        let read = d
            .source_code()
            .and_then(|s| s.read_span(labels[1].inner(), 0, 0).ok());
        assert_eq!(read.as_ref().and_then(|r| r.name()), Some("r.click"));
        assert_eq!(read.map(|r| r.line()), Some(1));
    }

    #[test]
    fn split_is_ok_with_warnings_alone() {
        let warning = Diagnostic::warning(Code::UndefinedVariable, "w");
        assert_eq!(
            Diagnostics::split(vec![warning.clone()])
                .map(|w| w.len())
                .ok(),
            Some(1)
        );
        let failed = Diagnostics::split(vec![warning, sample()]);
        assert_eq!(failed.map_err(|d| d.iter().count()).err(), Some(2));
    }
}

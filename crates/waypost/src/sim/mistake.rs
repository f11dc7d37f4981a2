//! What is wrong with a topology text, and where.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use miette::{LabeledSpan, SourceCode};
use waypost_graph_text::{Diagnostic, Place, Source, Span, nearest};

/// One mistake: what, where, what was expected, and what to do.
#[derive(Clone, Debug)]
pub(crate) struct Mistake {
    source: Source,
    message: String,
    /// The first is where the mistake is.
    labels: Vec<(Range<usize>, String)>,
    help: Option<String>,
}

impl Mistake {
    /// A mistake at a place.
    pub(crate) fn at(source: &Source, span: Range<usize>, message: impl Into<String>) -> Self {
        // The end of the text is a place too.
        let end = source.text().len();
        let span = span.start.min(end)..span.end.min(end);
        Self {
            source: source.clone(),
            message: message.into(),
            labels: vec![(span, String::new())],
            help: None,
        }
    }

    /// Adds a place that helps to understand it.
    pub(crate) fn and(mut self, span: Range<usize>, text: &str) -> Self {
        self.labels.push((span, text.to_owned()));
        self
    }

    /// Adds a line of help.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds the nearest of the names that there are, or else what there is.
    pub(crate) fn nearest<'a>(
        self,
        written: &str,
        names: impl IntoIterator<Item = &'a str>,
        what: &str,
    ) -> Self {
        let mut names: Vec<_> = names.into_iter().collect();
        names.sort_unstable();
        match nearest(written, names.iter().copied()) {
            Some(near) => self.help(format!("did you mean `{near}`?")),
            None if names.is_empty() => self.help(format!("there are no {what}")),
            None if names.len() > 24 => self,
            None => self.help(format!("{what}: {}", names.join(", "))),
        }
    }

    /// A mistake in the text of a graph: in one that stands in a topology text from an offset on, or in a text of its own.
    pub(crate) fn in_graph(within: Option<(&Source, usize)>, diagnostic: &Diagnostic) -> Self {
        let own = diagnostic.place().map(|place| place.source.clone());
        let own = own.unwrap_or_else(|| Source::new("", ""));
        let is_own = |place: &Place| std::ptr::eq(place.source.text(), own.text());
        let labels = diagnostic.labels().iter();
        let offset = within.map_or(0, |(_, offset)| offset);
        let labels = labels.filter(|label| is_own(&label.place)).map(|label| {
            let Span { start, end } = label.place.span;
            let span = start as usize + offset..end as usize + offset;
            (span, label.text.clone())
        });
        let help = diagnostic.help_lines().join("\n");
        Self {
            source: within.map_or(&own, |(source, _)| source).clone(),
            message: diagnostic.message().to_owned(),
            labels: labels.collect(),
            help: (!help.is_empty()).then_some(help),
        }
    }

    fn place(&self) -> Option<Place> {
        let (span, _) = self.labels.first()?;
        Some(Place {
            source: self.source.clone(),
            span: Span::new(span.start, span.end),
        })
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = self.place() {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Mistake {}

impl miette::Diagnostic for Mistake {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.help.as_ref()?;
        Some(Box::new(help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let labels = self.labels.iter().enumerate();
        Some(Box::new(labels.map(|(number, (span, text))| {
            let text = (!text.is_empty()).then(|| text.clone());
            if number == 0 {
                LabeledSpan::new_primary_with_span(text, span.clone())
            } else {
                LabeledSpan::new_with_span(text, span.clone())
            }
        })))
    }
}

/// A text that is being read: its variables, and what was found to be wrong with it.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) source: Source,
    pub(crate) variables: RefCell<BTreeMap<String, String>>,
    found: RefCell<Vec<Mistake>>,
}

impl Reading {
    pub(crate) const fn new(source: Source) -> Self {
        Self {
            source,
            variables: RefCell::new(BTreeMap::new()),
            found: RefCell::new(Vec::new()),
        }
    }

    /// A mistake at a place, which is to be [told](Self::tell).
    pub(crate) fn mistake(&self, span: Range<usize>, message: impl Into<String>) -> Mistake {
        Mistake::at(&self.source, span, message)
    }

    /// Keeps a mistake, to go on and find more.
    pub(crate) fn tell(&self, mistake: Mistake) {
        self.found.borrow_mut().push(mistake);
    }

    /// A mistake at a place, without more to say.
    pub(crate) fn wrong(&self, span: Range<usize>, message: impl Into<String>) {
        self.tell(self.mistake(span, message));
    }

    /// All that is wrong so far, in order of place.
    pub(crate) fn into_mistakes(self) -> Vec<Mistake> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|it| it.labels.first().map(|(span, _)| span.start));
        found
    }

    /// Whether nothing was found to be wrong.
    pub(crate) fn is_well(&self) -> bool {
        self.found.borrow().is_empty()
    }
}

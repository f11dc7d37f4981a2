//! Texts and the places in them.

use std::fmt;
use std::sync::Arc;

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

/// A half-open range of byte offsets into one [`Source`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset one past the last byte.
    pub end: u32,
}

impl Span {
    /// The span `start..end`; offsets beyond `u32::MAX` saturate.
    #[must_use]
    pub fn new(start: usize, end: usize) -> Self {
        let narrow = |n| u32::try_from(n).unwrap_or(u32::MAX);
        Self {
            start: narrow(start),
            end: narrow(end.max(start)),
        }
    }

    /// The smallest span that covers both.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }

    /// Whether `other` lies inside this span.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

/// A Click text with its name; cheap to clone.
///
/// Line directives (`# 12 "name"`) in the text are honoured in [`Source::position`] once the text has been parsed: the
/// source that [`Ast::source`](crate::Ast::source) and every diagnostic carry knows them.
#[derive(Clone)]
pub struct Source(Arc<Text>);

struct Text {
    name: Arc<str>,
    text: Arc<str>,
    line_starts: Arc<[u32]>,
    directives: Vec<LineDirective>,
}

/// `# 12 "name"`: the line after the directive is line 12 of `name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LineDirective {
    pub(crate) offset: u32,
    pub(crate) line: u32,
    /// `None` keeps the name in force; an empty name returns to the source's own.
    pub(crate) file: Option<String>,
}

/// Where an offset is, as an editor says it: file, line and column from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Name of the file, after line directives.
    pub file: String,
    /// Line, from 1, after line directives.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl Source {
    /// A text under the name that messages will show, commonly its path.
    #[must_use]
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let (name, text) = (name.into(), text.into());
        let line_starts = line_starts(&text);
        Self(Arc::new(Text {
            name: name.into(),
            text: text.into(),
            line_starts: line_starts.into(),
            directives: Vec::new(),
        }))
    }

    /// A text from a file's bytes. Bytes that are not UTF-8, which old files have in comments, become U+FFFD.
    #[must_use]
    pub fn from_bytes(name: impl Into<String>, bytes: &[u8]) -> Self {
        Self::new(name, String::from_utf8_lossy(bytes))
    }

    /// The name given to [`Source::new`].
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The text under `span`, or the empty string where the span does not fit the text.
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        self.text()
            .get(span.start as usize..span.end as usize)
            .unwrap_or_default()
    }

    /// File, line and column of a byte offset; an offset behind the end is taken as the end.
    #[must_use]
    pub fn position(&self, offset: u32) -> Position {
        let physical = self.physical_line(offset);
        let (start, _) = self.line_bounds(physical);
        let mut end = (offset as usize).clamp(start, self.text().len());
        while !self.text().is_char_boundary(end) {
            end -= 1;
        }
        let column = self.text()[start..end].chars().count();
        let (mut file, mut line) = (self.name(), physical + 1);
        for directive in self.0.directives.iter().take_while(|d| d.offset <= offset) {
            let at = self.physical_line(directive.offset);
            if at >= physical {
                break;
            }
            line = (directive.line as usize).saturating_add(physical - at - 1);
            match directive.file.as_deref() {
                None => {}
                Some("") => file = self.name(),
                Some(name) => file = name,
            }
        }
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Position {
            file: file.to_owned(),
            line: narrow(line),
            column: narrow(column + 1),
        }
    }

    /// The same text with the line directives that the lexer found in it.
    pub(crate) fn with_directives(&self, directives: Vec<LineDirective>) -> Self {
        if directives.is_empty() {
            return self.clone();
        }
        let Text {
            name,
            text,
            line_starts,
            ..
        } = &*self.0;
        Self(Arc::new(Text {
            name: Arc::clone(name),
            text: Arc::clone(text),
            line_starts: Arc::clone(line_starts),
            directives,
        }))
    }

    /// Index, from 0, of the line as written that holds `offset`.
    pub(crate) fn physical_line(&self, offset: u32) -> usize {
        self.0
            .line_starts
            .partition_point(|start| *start <= offset)
            .saturating_sub(1)
    }

    /// Byte offsets of the line as written, without its line end.
    pub(crate) fn line_bounds(&self, line: usize) -> (usize, usize) {
        let start = self
            .0
            .line_starts
            .get(line)
            .map_or_else(|| self.text().len(), |s| *s as usize);
        let next = self
            .0
            .line_starts
            .get(line + 1)
            .map_or_else(|| self.text().len(), |s| *s as usize);
        let end = start
            + self.text()[start..next]
                .trim_end_matches(['\n', '\r'])
                .len();
        (start, end)
    }

    /// Whether both handles mean the same text.
    pub(crate) fn same_text(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0.text, &other.0.text)
    }
}

fn line_starts(text: &str) -> Vec<u32> {
    let bytes = text.as_bytes();
    let mut starts = vec![0];
    for (i, byte) in bytes.iter().enumerate() {
        let ends = *byte == b'\n' || (*byte == b'\r' && bytes.get(i + 1) != Some(&b'\n'));
        match u32::try_from(i + 1) {
            Ok(next) if ends => starts.push(next),
            Ok(_) => {}
            Err(_) => break,
        }
    }
    starts
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({:?}, {} bytes)", self.name(), self.text().len())
    }
}

impl SourceCode for Source {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        context_lines_before: usize,
        context_lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let text: &'a str = self.text();
        let read = text.read_span(span, context_lines_before, context_lines_after)?;
        let first = self.position(u32::try_from(read.span().offset()).unwrap_or(u32::MAX));
        Ok(Box::new(MietteSpanContents::new_named(
            first.file,
            read.data(),
            *read.span(),
            (first.line as usize).saturating_sub(1),
            read.column(),
            read.line_count(),
        )))
    }
}

/// A span together with the text it is in; displays as `file:line:column`.
#[derive(Debug, Clone)]
pub struct Place {
    /// The text.
    pub source: Source,
    /// The range in it.
    pub span: Span,
}

impl Place {
    /// File, line and column of the first byte.
    #[must_use]
    pub fn position(&self) -> Position {
        self.source.position(self.span.start)
    }

    /// The text at this place.
    #[must_use]
    pub fn text(&self) -> &str {
        self.source.slice(self.span)
    }

    /// Whether `other` lies inside this place, in the same text.
    pub(crate) fn contains(&self, other: &Self) -> bool {
        self.source.same_text(&other.source) && self.span.contains(other.span)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.position().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_of_all_three_kinds_and_characters() {
        let source = Source::new("f", "a\nb\r\nc\rdé x");
        let at = |offset| {
            let p = source.position(offset);
            (p.line, p.column)
        };
        assert_eq!(at(0), (1, 1));
        assert_eq!(at(2), (2, 1));
        assert_eq!(at(5), (3, 1));
        assert_eq!(at(7), (4, 1));
        assert_eq!(at(11), (4, 4), "é is one character of two bytes");
        assert_eq!(at(9999), (4, 5), "behind the end is the end");
    }

    #[test]
    fn directives_rename_what_follows_them() {
        let text = "a\n# 10 \"gen\"\nb\nc\n# 5 \"\"\nd\n";
        let directives = vec![
            LineDirective {
                offset: 2,
                line: 10,
                file: Some("gen".into()),
            },
            LineDirective {
                offset: 17,
                line: 5,
                file: Some(String::new()),
            },
        ];
        let source = Source::new("f", text).with_directives(directives);
        let at = |offset| source.position(offset).to_string();
        assert_eq!(at(0), "f:1:1");
        assert_eq!(at(13), "gen:10:1");
        assert_eq!(at(15), "gen:11:1");
        assert_eq!(at(24), "f:5:1");
    }

    #[test]
    fn bytes_that_are_not_text_are_replaced() {
        assert_eq!(
            Source::from_bytes("f", b"// caf\xe9").text(),
            "// caf\u{fffd}"
        );
    }

    #[test]
    fn spans_join_and_contain() {
        let (a, b) = (Span::new(2, 4), Span::new(7, 9));
        assert_eq!(a.to(b), Span::new(2, 9));
        assert!(a.to(b).contains(b));
        assert!(!a.contains(b));
        assert_eq!(Span::new(5, 3), Span::new(5, 5));
    }
}

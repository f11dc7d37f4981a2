//! Tokens to the syntax tree, by recursive descent, past every mistake to the end of the text.

mod chain;
mod compound;
mod ports;
mod statement;

use crate::ast::{Ast, Config, Ident};
use crate::diagnostic::not_shown;
use crate::lexer::{Lexeme, Lexer, Token};
use crate::{Code, Diagnostic, Limits, Place, Severity, Source, Span};

/// Parses a text within the default [`Limits`].
///
/// The tree holds all that could be understood; the diagnostics tell what could not. The text is correct as far as parsing
/// goes if there is no error among them.
///
/// ```
/// use waypost_graph_text::{Source, parse};
///
/// let (ast, errors) = parse(&Source::new("r.click", "a :: Idle; a -> ; b :: Discard;"));
/// assert_eq!(ast.statements().len(), 3);
/// assert_eq!(errors[0].to_string(), "r.click:1:17: expected an element after `->`, found `;`");
/// ```
#[must_use]
pub fn parse(source: &Source) -> (Ast, Vec<Diagnostic>) {
    parse_within(source, &Limits::default())
}

/// Parses a text within given limits; see [`parse`].
#[must_use]
pub fn parse_within(source: &Source, limits: &Limits) -> (Ast, Vec<Diagnostic>) {
    if source.text().len() > limits.source_bytes.min(u32::MAX as usize - 1) {
        let message = format!(
            "the text has {} bytes, of which at most {} are read",
            source.text().len(),
            limits.source_bytes
        );
        let start = Place {
            source: source.clone(),
            span: Span::default(),
        };
        let diagnostic = Diagnostic::error(Code::Limit, message).at(start, "text too long");
        return (
            Ast {
                source: source.clone(),
                statements: Vec::new(),
            },
            vec![diagnostic],
        );
    }
    let mut parser = Parser {
        source,
        lexer: Lexer::new(source.text()),
        depth: 0,
        limits,
        found: Vec::new(),
        more: 0,
        too_deep: false,
        last: Span::default(),
    };
    let statements = parser.statements(Block::File);
    let Parser {
        lexer,
        mut found,
        more,
        ..
    } = parser;
    let (directives, errors) = lexer.finish();
    let more = more + errors.len().saturating_sub(limits.diagnostics);
    for (code, span, message) in errors.into_iter().take(limits.diagnostics) {
        found.push(Diagnostic::error(code, message).at(
            Place {
                source: source.clone(),
                span,
            },
            "",
        ));
    }
    found.sort_by_key(|d| d.place().map(|place| place.span));
    found.extend(not_shown(more, Severity::Error));
    let source = source.with_directives(directives);
    for diagnostic in &mut found {
        diagnostic.relocate(&source);
    }
    (Ast { source, statements }, found)
}

/// What the statements being parsed are inside of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    File,
    Compound,
    Group,
}

struct Parser<'s> {
    source: &'s Source,
    lexer: Lexer<'s>,
    /// Compounds and groups open here.
    depth: usize,
    limits: &'s Limits,
    found: Vec<Diagnostic>,
    /// Errors beyond the limit.
    more: usize,
    /// Nesting went too deep: what is not closed then is no further mistake.
    too_deep: bool,
    /// The last token taken.
    last: Span,
}

impl<'s> Parser<'s> {
    fn next(&mut self) -> Lexeme {
        let lexeme = self.lexer.next();
        self.last = lexeme.span;
        lexeme
    }

    fn peek(&mut self) -> Lexeme {
        let at = self.lexer.at();
        let lexeme = self.lexer.next();
        self.lexer.set_back(at);
        lexeme
    }

    /// Takes the next token if it is this one.
    fn accept(&mut self, token: Token) -> Option<Span> {
        (self.peek().token == token).then(|| self.next().span)
    }

    fn text(&self, span: Span) -> &'s str {
        &self.source.text()[span.start as usize..span.end as usize]
    }

    fn ident(&self, span: Span) -> Ident {
        Ident {
            text: self.text(span).to_owned(),
            span,
        }
    }

    /// The configuration behind a `(` that was just taken, and its `)`.
    fn config(&mut self) -> Config {
        let config = self.lexer.config(self.last);
        self.accept(Token::Char(')'));
        config
    }

    fn place(&self, span: Span) -> Place {
        Place {
            source: self.source.clone(),
            span,
        }
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        if self.found.len() < self.limits.diagnostics {
            self.found.push(diagnostic);
        } else {
            self.more += 1;
        }
    }

    fn error(&mut self, code: Code, span: Span, message: impl Into<String>, label: &str) {
        let diagnostic = Diagnostic::error(code, message).at(self.place(span), label);
        self.report(diagnostic);
    }

    /// Reports that something else was expected than the token `found`.
    fn expected(&mut self, what: &str, found: Lexeme) {
        let message = format!("expected {what}, found {}", self.describe(found));
        let span = self.shown(found);
        self.error(Code::Syntax, span, message, "");
    }

    /// The place to show for a token: for the end of the text that behind the last token, where something is missing.
    fn shown(&self, lexeme: Lexeme) -> Span {
        match lexeme.token {
            Token::End => Span {
                start: self.last.end,
                end: self.last.end,
            },
            _ => lexeme.span,
        }
    }

    fn describe(&self, lexeme: Lexeme) -> String {
        match lexeme.token {
            Token::End => "the end of the text".to_owned(),
            _ => {
                let text: String = self.text(lexeme.span).chars().take(40).collect();
                format!("`{}`", text.escape_debug())
            }
        }
    }

    /// Skips what is left of a statement with a mistake: to behind the next `;`, or to what ends the block or begins another
    /// statement for certain.
    fn recover(&mut self) {
        let mut braces = 0usize;
        loop {
            let lexeme = self.peek();
            match lexeme.token {
                Token::End => return,
                Token::Char('}') if braces > 0 => braces -= 1,
                Token::Char('{') => braces += 1,
                Token::Char('(') => {
                    self.next();
                    self.config();
                    continue;
                }
                Token::Char(';') if braces == 0 => {
                    self.next();
                    return;
                }
                Token::Char('}' | ')') | Token::DoubleBar if braces == 0 => return,
                Token::ElementClass | Token::Require | Token::Define if braces == 0 => return,
                _ => {}
            }
            self.next();
        }
    }

    /// Enters a compound or group that `open` opened; false, with the error told, if that is one too many.
    fn enter(&mut self, open: Span) -> bool {
        if self.depth >= self.limits.nesting {
            let message = format!(
                "compounds and groups are nested deeper than {} levels",
                self.limits.nesting
            );
            self.error(Code::Limit, open, message, "one level too many");
            self.too_deep = true;
            return false;
        }
        self.depth += 1;
        true
    }

    /// Takes the bracket that closes what `open` opened.
    fn close(&mut self, bracket: char, open: Span, what: &str) {
        if self.accept(Token::Char(bracket)).is_some() || self.too_deep {
            return;
        }
        let found = self.peek();
        let message = format!("expected `{bracket}`, found {}", self.describe(found));
        let diagnostic = Diagnostic::error(Code::Unclosed, message)
            .at(self.place(self.shown(found)), "")
            .at(self.place(open), format!("this {what} is not closed"));
        self.report(diagnostic);
    }

    /// Skips to behind the bracket that closes the one just taken.
    fn skip_closed(&mut self, open: char) {
        if open == '(' {
            self.config();
            return;
        }
        let mut depth = 1usize;
        while depth > 0 {
            match self.next().token {
                Token::End => return,
                Token::Char('{') => depth += 1,
                Token::Char('}') => depth -= 1,
                Token::Char('(') => {
                    self.config();
                }
                _ => {}
            }
        }
    }
}

impl Diagnostic {
    /// Moves the places in the text to the handle of the same text that knows its line directives.
    fn relocate(&mut self, source: &Source) {
        for label in self.labels_mut() {
            label.place.source = source.clone();
        }
    }
}

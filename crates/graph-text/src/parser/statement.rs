//! Statements: `elementclass`, `require`, `define`, and which of them comes next.

use super::{Block, Parser};
use crate::args::{split_in_place, split_words};
use crate::ast::{Class, Config, Definition, ElementClass, Ident, Required, Statement};
use crate::lexer::Token;
use crate::quote::{uncomment_until, unquote_text};
use crate::scan::is_word;
use crate::{Code, Diagnostic, Span};

impl Parser<'_> {
    /// Statements up to what ends the block, which is left for the caller.
    pub(super) fn statements(&mut self, block: Block) -> Vec<Statement> {
        let mut statements = Vec::new();
        loop {
            let lexeme = self.peek();
            match lexeme.token {
                Token::End => return statements,
                Token::Char(';') => {
                    self.next();
                }
                Token::Char('}') | Token::DoubleBar if block != Block::File => return statements,
                Token::Char(')') if block == Block::Group => return statements,
                Token::Ident | Token::Char('[' | '{' | '(') | Token::Arrow | Token::DoubleArrow => {
                    statements.extend(self.chain(block != Block::File));
                }
                Token::ElementClass => statements.extend(self.element_class()),
                Token::Require => statements.extend(self.require()),
                Token::Define => statements.extend(self.define()),
                Token::Provide => {
                    self.next();
                    let reserved =
                        Diagnostic::error(Code::Syntax, "expected a statement, found `provide`")
                            .at(self.place(lexeme.span), "a reserved word without a meaning");
                    self.report(reserved);
                    self.recover();
                }
                _ => {
                    self.next();
                    self.expected("a statement", lexeme);
                    let closes = matches!(lexeme.token, Token::Char('}' | ')') | Token::DoubleBar);
                    if !closes {
                        self.recover();
                    }
                }
            }
        }
    }

    fn element_class(&mut self) -> Option<Statement> {
        let start = self.next().span;
        let Some(name) = self.accept(Token::Ident) else {
            let found = self.peek();
            self.expected("the name of the new element class", found);
            self.recover();
            return None;
        };
        let name = self.ident(name);
        let found = self.peek();
        let class = match found.token {
            Token::Char('{') => Class::Compound(self.compound()),
            Token::Ident => {
                self.next();
                Class::Name(self.ident(found.span))
            }
            _ => {
                self.expected("`{` or the name of an element class", found);
                self.recover();
                return None;
            }
        };
        Some(Statement::ElementClass(ElementClass {
            span: start.to(self.last),
            name,
            class,
        }))
    }

    fn require(&mut self) -> Option<Statement> {
        let config = self.parenthesised("`(` after `require`")?;
        let mut required = Vec::new();
        for (item, span) in items(&config) {
            let words = split_words(&item);
            let unquoted: Option<Vec<String>> =
                words.iter().map(|word| unquote_text(word)).collect();
            let unquoted = unquoted.unwrap_or_default();
            let words: Vec<&str> = unquoted.iter().map(String::as_str).collect();
            let (kind, value) = match words[..] {
                [] if item.is_empty() => continue,
                ["compact_config"] => ("compact_config", ""),
                [kind @ ("package" | "library"), name] => (kind, name),
                [name] if !matches!(name, "package" | "library") => ("package", name),
                _ => {
                    let message =
                        format!("expected a requirement such as `package name`, found `{item}`");
                    self.error(Code::Requirement, span, message, "not a requirement");
                    continue;
                }
            };
            required.push(Required {
                kind: kind.to_owned(),
                value: value.to_owned(),
                span,
            });
        }
        Some(Statement::Require(required))
    }

    fn define(&mut self) -> Option<Statement> {
        let config = self.parenthesised("`(` after `define`")?;
        let mut definitions = Vec::new();
        for (item, span) in items(&config) {
            let variable = split_words(&item)
                .first()
                .copied()
                .unwrap_or_default()
                .to_owned();
            let name = variable.strip_prefix('$').unwrap_or_default();
            if item.is_empty() {
                continue;
            }
            if name.is_empty() || !name.bytes().all(is_word) {
                let message = format!(
                    "expected a variable to define, such as `$name value`, found `{variable}`"
                );
                self.error(Code::Define, span, message, "not a definition");
                continue;
            }
            let end = (span.start as usize + variable.len()).min(span.end as usize);
            let name = Ident {
                text: name.to_owned(),
                span: Span::new(span.start as usize, end),
            };
            let (value, ..) = uncomment_until(&item, variable.len(), None);
            definitions.push(Definition { name, value });
        }
        Some(Statement::Define(definitions))
    }

    /// The configuration string after a keyword that comes next.
    fn parenthesised(&mut self, what: &str) -> Option<Config> {
        self.next();
        if self.accept(Token::Char('(')).is_none() {
            let found = self.peek();
            self.expected(what, found);
            self.recover();
            return None;
        }
        Some(self.config())
    }
}

/// The arguments of a configuration with their places; where line directives were taken out, the place is that of the whole.
fn items(config: &Config) -> Vec<(String, Span)> {
    let whole = (config.span.end - config.span.start) as usize == config.text.len();
    let base = config.span.start as usize;
    let items = split_in_place(&config.text).map(|(item, at)| {
        let span = match whole {
            true => Span::new(base + at.start, base + at.end),
            false => config.span,
        };
        (item, span)
    });
    items.collect()
}

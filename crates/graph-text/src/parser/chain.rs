//! Declarations and connections.

use super::{Block, Parser};
use crate::ast::{Arrow, Chain, Class, ElementUse, Group, Link, PortList, Statement, Target};
use crate::lexer::{Lexeme, Token};
use crate::{Code, Diagnostic, Span};

impl Parser<'_> {
    /// A chain. `nested` says that `input` and `output` exist here and may be left out at its ends.
    pub(super) fn chain(&mut self, nested: bool) -> Option<Statement> {
        let start = self.peek().span;
        let mut links: Vec<Link> = Vec::new();
        let mut arrow = None;
        loop {
            let (elements, good) = self.elements(nested, arrow);
            let complete = good && !elements.is_empty();
            if !elements.is_empty() {
                links.push(Link { arrow, elements });
            }
            if !complete {
                self.recover();
                break;
            }
            let lexeme = self.peek();
            match lexeme.token {
                Token::Arrow | Token::DoubleArrow => {
                    self.next();
                    arrow = Some(Arrow {
                        many: lexeme.token == Token::DoubleArrow,
                        span: lexeme.span,
                    });
                }
                Token::Ident
                | Token::Char('{' | '}' | '[' | ')' | ';')
                | Token::DoubleBar
                | Token::ElementClass
                | Token::Require
                | Token::Provide
                | Token::Define
                | Token::End => break,
                _ => {
                    self.expected("`->`, `=>` or `;` after an element", lexeme);
                    self.recover();
                    break;
                }
            }
        }
        (!links.is_empty()).then(|| {
            Statement::Chain(Chain {
                span: start.to(self.last),
                links,
            })
        })
    }

    /// Elements with commas between them; false if a mistake ended the list.
    fn elements(&mut self, nested: bool, arrow: Option<Arrow>) -> (Vec<ElementUse>, bool) {
        let mut list: Vec<ElementUse> = Vec::new();
        loop {
            let start = self.peek().span;
            let brackets = start;
            let had_brackets = self.peek().token == Token::Char('[');
            let inputs = self.ports();
            let lexeme = self.peek();
            let target = match lexeme.token {
                Token::Ident => {
                    self.next();
                    Target::Name(self.ident(lexeme.span))
                }
                Token::Char('{') => Target::Compound(self.compound()),
                Token::Char('(') => Target::Group(self.group()),
                _ => {
                    let first = arrow.is_none();
                    let alone = inputs.is_some() || list.is_empty();
                    let implicit = nested
                        && match lexeme.token {
                            Token::Arrow | Token::DoubleArrow => first && alone,
                            Token::Char(',') => inputs.is_some(),
                            Token::DoubleColon => false,
                            _ => !first && alone,
                        };
                    if !implicit {
                        let good = self.no_element(
                            &list,
                            arrow,
                            had_brackets.then_some(brackets.to(self.last)),
                            lexeme,
                        );
                        return (list, good);
                    }
                    list.push(implicit_element(start, inputs, first));
                    if self.accept(Token::Char(',')).is_none() {
                        return (list, true);
                    }
                    continue;
                }
            };
            list.push(self.element(start, inputs, target));
            if self.accept(Token::Char(',')).is_none() {
                return (list, true);
            }
        }
    }

    /// The rest of an element behind its name: class, configuration, output ports.
    fn element(&mut self, start: Span, inputs: Option<PortList>, target: Target) -> ElementUse {
        let class = self.accept(Token::DoubleColon).and_then(|colons| {
            if !matches!(target, Target::Name(_)) {
                self.error(
                    Code::Syntax,
                    colons,
                    "expected the name of an element before `::`",
                    "",
                );
            }
            let lexeme = self.peek();
            match lexeme.token {
                Token::Ident => {
                    self.next();
                    Some(Class::Name(self.ident(lexeme.span)))
                }
                Token::Char('{') => Some(Class::Compound(self.compound())),
                _ => {
                    self.expected("an element class after `::`", lexeme);
                    if matches!(
                        lexeme.token,
                        Token::ElementClass | Token::Require | Token::Provide | Token::Define
                    ) {
                        self.next();
                    }
                    None
                }
            }
        });
        let config = self.accept(Token::Char('(')).map(|_| self.config());
        if let (Target::Group(_), Some(config)) = (&target, &config) {
            self.error(
                Code::ConfigOnReference,
                config.span,
                "an element group takes no configuration",
                "",
            );
        }
        let outputs = self.ports();
        ElementUse {
            span: start.to(self.last),
            inputs,
            target,
            class,
            config,
            outputs,
        }
    }

    /// What to say where a list goes on without an element; true if the list is fine without one.
    fn no_element(
        &mut self,
        list: &[ElementUse],
        arrow: Option<Arrow>,
        ports: Option<Span>,
        found: Lexeme,
    ) -> bool {
        if let Some(ports) = ports {
            self.error(
                Code::StrandedPort,
                ports,
                format!(
                    "expected an element at this port, found {}",
                    self.describe(found)
                ),
                "",
            );
            return false;
        }
        match (list.is_empty(), arrow) {
            // Click takes a comma before the semicolon.
            (false, _) if found.token == Token::Char(';') => return true,
            (false, _) => self.expected("an element after `,`", found),
            (true, Some(arrow)) => {
                let what = format!(
                    "an element after `{}`",
                    if arrow.many { "=>" } else { "->" }
                );
                self.expected(&what, found);
            }
            (true, None) => {
                let message = format!("expected an element before {}", self.describe(found));
                let diagnostic = Diagnostic::error(Code::Syntax, message)
                    .at(self.place(found.span), "")
                    .help(
                        "only compounds and groups have an `input` that may be left out".to_owned(),
                    );
                self.report(diagnostic);
                if found.token != Token::End {
                    self.next();
                }
            }
        }
        false
    }

    fn group(&mut self) -> Group {
        let open = self.next().span;
        if !self.enter(open) {
            self.skip_closed('(');
            return Group {
                span: open.to(self.last),
                statements: Vec::new(),
            };
        }
        let statements = self.statements(Block::Group);
        self.depth -= 1;
        self.close(')', open, "group");
        Group {
            span: open.to(self.last),
            statements,
        }
    }
}

fn implicit_element(start: Span, ports: Option<PortList>, first: bool) -> ElementUse {
    let span = ports.as_ref().map_or(start, |ports| ports.span);
    let (inputs, outputs) = if first { (None, ports) } else { (ports, None) };
    ElementUse {
        span,
        inputs,
        target: Target::Implicit,
        class: None,
        config: None,
        outputs,
    }
}

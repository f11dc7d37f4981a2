//! Compounds: `{ $a, KEY $b | statements || … || ... }`.

use std::collections::HashSet;

use super::{Block, Parser};
use crate::ast::{Compound, Overload, Parameter};
use crate::lexer::Token;
use crate::{Code, Diagnostic};

impl Parser<'_> {
    /// The compound whose `{` comes next.
    pub(super) fn compound(&mut self) -> Compound {
        let open = self.next().span;
        let mut compound = Compound {
            span: open,
            overloads: Vec::new(),
            extends: None,
        };
        if !self.enter(open) {
            self.skip_closed('{');
            compound.span = open.to(self.last);
            return compound;
        }
        loop {
            if let Some(dots) = self.accept(Token::Ellipsis) {
                compound.extends = Some(dots);
                if compound.overloads.is_empty() || self.peek().token != Token::Char('}') {
                    let message = "expected `...` to come last, after at least one compound";
                    self.error(Code::Extension, dots, message, "");
                }
                self.skip_to_end_of_overload();
            } else {
                compound.overloads.push(self.overload());
            }
            if self.accept(Token::DoubleBar).is_some() {
                continue;
            }
            self.close('}', open, "compound");
            break;
        }
        self.depth -= 1;
        compound.span = open.to(self.last);
        compound
    }

    fn skip_to_end_of_overload(&mut self) {
        while !matches!(
            self.peek().token,
            Token::Char('}') | Token::DoubleBar | Token::End
        ) {
            self.recover();
            self.accept(Token::Char(')'));
            if matches!(
                self.peek().token,
                Token::ElementClass | Token::Require | Token::Define
            ) {
                self.next();
            }
        }
    }

    fn overload(&mut self) -> Overload {
        let start = self.peek().span;
        let parameters = self.parameters();
        let statements = self.statements(Block::Compound);
        Overload {
            span: start.to(self.last),
            parameters,
            statements,
        }
    }

    fn parameters(&mut self) -> Vec<Parameter> {
        let mut parameters: Vec<Parameter> = Vec::new();
        loop {
            let at = self.lexer.at();
            let first = self.peek();
            let keyword = (first.token == Token::Ident).then(|| self.next().span);
            let Some(name) = self.accept(Token::Variable) else {
                let found = self.peek();
                if keyword.is_none() && found.token == Token::Char('|') {
                    self.next();
                } else if !parameters.is_empty() {
                    self.expected("a variable", found);
                    if self.accept(Token::Char('|')).is_some() {
                        break;
                    }
                }
                if keyword.is_some() {
                    self.lexer.set_back(at);
                }
                break;
            };
            let mut name = self.ident(name);
            name.text.remove(0);
            let keyword = keyword.map(|span| self.ident(span));
            if name.text.is_empty() {
                self.error(
                    Code::Syntax,
                    name.span,
                    "expected a variable such as `$name`, found `$`",
                    "",
                );
            }
            parameters.push(Parameter { keyword, name });
            if self.accept(Token::Char('|')).is_some() {
                break;
            }
            if self.accept(Token::Char(',')).is_none() {
                let found = self.peek();
                self.expected("`,` or `|` after a parameter", found);
                break;
            }
        }
        self.check_parameters(&parameters);
        parameters
    }

    fn check_parameters(&mut self, parameters: &[Parameter]) {
        let (mut names, mut keywords) = (HashSet::new(), HashSet::new());
        for parameter in parameters {
            if !names.insert(parameter.name.text.as_str()) {
                let message = format!("parameter `${}` is there twice", parameter.name.text);
                self.error(Code::Redeclaration, parameter.name.span, message, "");
            }
            if let Some(keyword) = parameter
                .keyword
                .as_ref()
                .filter(|k| !keywords.insert(k.text.as_str()))
            {
                let message = format!("keyword `{}` is there twice", keyword.text);
                self.error(Code::Redeclaration, keyword.span, message, "");
            }
        }
        let rank = |p: &Parameter| match p.keyword.as_ref().map(|k| k.text.as_str()) {
            None => 0,
            Some("__REST__") => 2,
            Some(_) => 1,
        };
        let misplaced = parameters
            .windows(2)
            .find(|pair| rank(&pair[0]) > rank(&pair[1]));
        if let Some([before, after]) = misplaced {
            let message = format!(
                "parameter `${}` must come before `${}`",
                after.name.text, before.name.text
            );
            let diagnostic = Diagnostic::error(Code::ParameterOrder, message)
                .at(self.place(after.name.span), "")
                .help(
                    "the order is: positional parameters, keyword parameters, `__REST__`"
                        .to_owned(),
                );
            self.report(diagnostic);
        }
    }
}

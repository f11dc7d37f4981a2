//! Port lists: `[0]`, `[1, 3-5]`, `[]`.

use super::Parser;
use crate::ast::{PortList, PortRange};
use crate::lexer::Token;
use crate::{Code, Span};

impl Parser<'_> {
    /// A port list, if one comes next.
    pub(super) fn ports(&mut self) -> Option<PortList> {
        let start = self.accept(Token::Char('['))?;
        let mut ranges: Vec<PortRange> = Vec::new();
        let (mut open, mut after_dash, mut good) = (false, false, true);
        loop {
            let lexeme = self.peek();
            match lexeme.token {
                Token::Ident => {
                    self.next();
                    match self.port_number(lexeme.span) {
                        None => good = false,
                        Some(port) if after_dash => match ranges.last_mut() {
                            Some(range) if range.last <= port => range.last = port,
                            _ => {
                                self.expected("a port not before the first of its range", lexeme);
                                good = false;
                            }
                        },
                        Some(port) => ranges.push(PortRange {
                            first: port,
                            last: port,
                        }),
                    }
                }
                Token::Char(']') => {
                    self.next();
                    open = true;
                    break;
                }
                _ => {
                    self.expected("a port number or `]`", lexeme);
                    return self.end_ports();
                }
            }
            let lexeme = self.peek();
            match lexeme.token {
                Token::Char(']') => {
                    self.next();
                    break;
                }
                Token::Char('-') if !after_dash => after_dash = true,
                Token::Char(',') => after_dash = false,
                _ => {
                    self.expected("`,`, `-` or `]` after a port number", lexeme);
                    return self.end_ports();
                }
            }
            self.next();
        }
        if ranges.is_empty() {
            ranges.push(PortRange { first: 0, last: 0 });
        }
        good.then(|| PortList {
            span: start.to(self.last),
            ranges,
            open,
        })
    }

    /// Skips what is left of a port list with a mistake.
    fn end_ports(&mut self) -> Option<PortList> {
        while matches!(
            self.peek().token,
            Token::Ident | Token::Char(',' | '-') | Token::Variable
        ) {
            self.next();
        }
        self.accept(Token::Char(']'));
        None
    }

    /// A number as in C: decimal, `0` octal or `0x` hexadecimal.
    fn port_number(&mut self, span: Span) -> Option<u16> {
        let text = self.text(span);
        let (digits, radix) = match text.as_bytes() {
            [b'0', b'x' | b'X', ..] => (&text[2..], 16),
            [b'0', _, ..] => (&text[1..], 8),
            _ => (text, 10),
        };
        let number = u16::from_str_radix(digits, radix).ok();
        if number.is_none() {
            let message = format!(
                "expected a port number from 0 to {}, found `{text}`",
                u16::MAX
            );
            self.error(Code::Syntax, span, message, "not a port number");
        }
        number
    }
}

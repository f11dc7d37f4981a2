//! Text to tokens.

use std::collections::HashSet;

use crate::ast::Config;
use crate::quote::unquote_text;
use crate::scan::{
    at_comment, at_data, is_identifier, is_space, is_word, skip_comment, skip_data, skip_line,
    skip_quotation,
};
use crate::source::LineDirective;
use crate::{Code, Span};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    Ident,
    Variable,
    /// `->`
    Arrow,
    /// `=>`
    DoubleArrow,
    /// `::`
    DoubleColon,
    /// `||`
    DoubleBar,
    /// `...`
    Ellipsis,
    ElementClass,
    Require,
    Provide,
    Define,
    /// Any other character.
    Char(char),
    End,
}

/// A token and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lexeme {
    pub(crate) token: Token,
    pub(crate) span: Span,
}

/// Cuts a text into tokens. Its position can be set back: what it finds wrong it tells once.
pub(crate) struct Lexer<'s> {
    text: &'s str,
    at: usize,
    /// Up to here, line directives are recorded.
    recorded: usize,
    directives: Vec<LineDirective>,
    errors: Vec<(Code, Span, String)>,
    told: HashSet<Span>,
}

impl<'s> Lexer<'s> {
    pub(crate) fn new(text: &'s str) -> Self {
        Self {
            text,
            at: 0,
            recorded: 0,
            directives: Vec::new(),
            errors: Vec::new(),
            told: HashSet::new(),
        }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn set_back(&mut self, at: usize) {
        self.at = at;
    }

    /// The line directives and errors met.
    pub(crate) fn finish(self) -> (Vec<LineDirective>, Vec<(Code, Span, String)>) {
        (self.directives, self.errors)
    }

    /// The next token.
    pub(crate) fn next(&mut self) -> Lexeme {
        self.skip_blank();
        let bytes = self.text.as_bytes();
        let start = self.at;
        let Some(first) = bytes.get(start) else {
            return Lexeme {
                token: Token::End,
                span: Span::new(start, start),
            };
        };
        let (token, end) = match first {
            b if is_identifier(*b) => self.word(start),
            b'$' => {
                let end = start
                    + 1
                    + bytes[start + 1..]
                        .iter()
                        .take_while(|b| is_word(**b))
                        .count();
                (Token::Variable, end)
            }
            _ => match &self.text[start..] {
                t if t.starts_with("->") => (Token::Arrow, start + 2),
                t if t.starts_with("=>") => (Token::DoubleArrow, start + 2),
                t if t.starts_with("::") => (Token::DoubleColon, start + 2),
                t if t.starts_with("||") => (Token::DoubleBar, start + 2),
                t if t.starts_with("...") => (Token::Ellipsis, start + 3),
                t => t.chars().next().map_or((Token::End, start), |c| {
                    (Token::Char(c), start + c.len_utf8())
                }),
            },
        };
        self.at = end;
        Lexeme {
            token,
            span: Span::new(start, end),
        }
    }

    /// The configuration string from here to the parenthesis that closes it; `open` is the one that opens it.
    pub(crate) fn config(&mut self, open: Span) -> Config {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let (mut depth, mut i, mut left) = (1usize, start, start);
        let mut text = String::new();
        while i < bytes.len() {
            match bytes[i] {
                b'(' => depth += 1,
                b')' => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                }
                b'#' if i > start && matches!(bytes[i - 1], b'\n' | b'\r') => {
                    text.push_str(&self.text[left..i]);
                    i = self.directive(i);
                    left = i;
                    continue;
                }
                b'\'' | b'"' => {
                    i = skip_quotation(bytes, i).unwrap_or_else(|| {
                        self.error(Code::Unclosed, i, i + 1, "this quotation is not closed");
                        bytes.len()
                    });
                    continue;
                }
                b'/' if at_comment(bytes, i) => {
                    i = self.comment(i);
                    continue;
                }
                b'\\' if at_data(bytes, i) => {
                    i = skip_data(bytes, i);
                    continue;
                }
                _ => {}
            }
            i += 1;
        }
        if depth > 0 {
            self.error(
                Code::Unclosed,
                open.start as usize,
                open.end as usize,
                "this `(` is not closed",
            );
        }
        text.push_str(&self.text[left..i]);
        self.at = i;
        Config {
            text,
            span: Span::new(start, i),
        }
    }

    fn word(&self, start: usize) -> (Token, usize) {
        let bytes = self.text.as_bytes();
        let mut end = start;
        loop {
            end += bytes[end..]
                .iter()
                .take_while(|b| is_identifier(**b))
                .count();
            if bytes.get(end) == Some(&b'/')
                && bytes.get(end + 1).is_some_and(|b| is_identifier(*b))
            {
                end += 1;
            } else {
                break;
            }
        }
        let token = match &self.text[start..end] {
            "elementclass" => Token::ElementClass,
            "require" => Token::Require,
            "provide" => Token::Provide,
            "define" => Token::Define,
            _ => Token::Ident,
        };
        (token, end)
    }

    fn skip_blank(&mut self) {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            if is_space(*byte) {
                self.at += 1;
            } else if at_comment(bytes, self.at) {
                self.at = self.comment(self.at);
            } else if *byte == b'#' && (self.at == 0 || matches!(bytes[self.at - 1], b'\n' | b'\r'))
            {
                self.at = self.directive(self.at);
            } else {
                break;
            }
        }
    }

    fn comment(&mut self, at: usize) -> usize {
        let bytes = self.text.as_bytes();
        let end = skip_comment(bytes, at);
        if bytes[at + 1] == b'*' && (end < at + 4 || !bytes[..end].ends_with(b"*/")) {
            self.error(Code::Unclosed, at, at + 2, "this comment is not closed");
        }
        end
    }

    /// Reads `# 12 "name"` or `#line 12 "name"` and returns where its line ends, before the line end.
    fn directive(&mut self, at: usize) -> usize {
        let bytes = self.text.as_bytes();
        let end = at
            + self.text[at..]
                .find(['\n', '\r'])
                .unwrap_or(self.text.len() - at);
        let blank = |text: &'s str| text.trim_start_matches([' ', '\t']);
        let mut rest = blank(&self.text[at + 1..end]);
        if let Some(after) = rest
            .strip_prefix("line")
            .filter(|after| after.starts_with([' ', '\t']))
        {
            rest = blank(after);
        }
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            self.error(
                Code::LineDirective,
                at,
                end,
                "expected a line directive such as `# 12 \"file\"`",
            );
            return skip_line(bytes, at);
        }
        let line = rest[..digits].parse().unwrap_or(u32::MAX);
        let quoted = blank(&rest[digits..]);
        let file = quoted.starts_with('"').then(|| {
            let close = skip_quotation(quoted.as_bytes(), 0).unwrap_or(quoted.len());
            unquote_text(&quoted[..close]).unwrap_or_default()
        });
        if at >= self.recorded {
            self.recorded = at + 1;
            let offset = Span::new(at, at).start;
            self.directives.push(LineDirective { offset, line, file });
        }
        end
    }

    fn error(&mut self, code: Code, start: usize, end: usize, message: &str) {
        let span = Span::new(start, end);
        if self.told.insert(span) {
            self.errors.push((code, span, message.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<(Token, &str)> {
        let mut lexer = Lexer::new(text);
        let mut found = Vec::new();
        loop {
            let lexeme = lexer.next();
            if lexeme.token == Token::End {
                return found;
            }
            found.push((
                lexeme.token,
                &text[lexeme.span.start as usize..lexeme.span.end as usize],
            ));
        }
    }

    #[test]
    fn cuts_words_and_signs() {
        use Token::*;
        let expected = [
            (Ident, "a"),
            (DoubleColon, "::"),
            (Ident, "B/c@1"),
            (Arrow, "->"),
            (DoubleArrow, "=>"),
        ];
        assert_eq!(tokens("a::B/c@1 -> =>"), expected);
        assert_eq!(
            tokens("|| | ... .."),
            [
                (DoubleBar, "||"),
                (Char('|'), "|"),
                (Ellipsis, "..."),
                (Char('.'), "."),
                (Char('.'), ".")
            ]
        );
        assert_eq!(
            tokens("$a_1 $ é"),
            [(Variable, "$a_1"), (Variable, "$"), (Char('é'), "é")]
        );
        assert_eq!(
            tokens("define defines"),
            [(Define, "define"), (Ident, "defines")]
        );
    }

    #[test]
    fn comments_end_words() {
        assert_eq!(
            tokens("an/id//too/many\nb/*c*/d a/"),
            [
                (Token::Ident, "an/id"),
                (Token::Ident, "b"),
                (Token::Ident, "d"),
                (Token::Ident, "a"),
                (Token::Char('/'), "/")
            ]
        );
    }

    fn config(text: &str) -> (String, usize) {
        let mut lexer = Lexer::new(text);
        let open = lexer.next().span;
        let config = lexer.config(open);
        (config.text, lexer.finish().1.len())
    }

    #[test]
    fn configurations_end_at_their_own_parenthesis() {
        assert_eq!(
            config("(a (b) \")\" ')' // )\n c) d"),
            ("a (b) \")\" ')' // )\n c".into(), 0)
        );
        assert_eq!(config("(/* ) */ \\) x"), ("/* ) */ \\".into(), 0));
        assert_eq!(config("(\\<29 ) 29>)"), ("\\<29 ) 29>".into(), 0));
        assert_eq!(config("(a"), ("a".into(), 1));
        assert_eq!(config("(a 'b)"), ("a 'b)".into(), 2));
        assert_eq!(config("(a /* b)"), ("a /* b)".into(), 2));
    }

    #[test]
    fn directives_are_taken_out_of_configurations() {
        let mut lexer = Lexer::new("(a\n# 7 \"x\\\"y\"\nb)");
        let open = lexer.next().span;
        assert_eq!(lexer.config(open).text, "a\n\nb");
        let (directives, errors) = lexer.finish();
        assert_eq!(
            directives,
            [LineDirective {
                offset: 3,
                line: 7,
                file: Some("x\"y".into())
            }]
        );
        assert!(errors.is_empty());
    }

    #[test]
    fn odd_directives_are_errors() {
        let mut lexer = Lexer::new("# pragma\n#line 3\na");
        assert_eq!(lexer.next().token, Token::Ident);
        let (directives, errors) = lexer.finish();
        assert_eq!(
            directives,
            [LineDirective {
                offset: 9,
                line: 3,
                file: None
            }]
        );
        assert_eq!(errors.len(), 1);
    }
}

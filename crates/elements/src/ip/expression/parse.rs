//! Expressions read from text.

use waypost_wire::{IpProtocol, Ipv4Prefix};

use super::values::{octets, test};
use super::words::{ICMP_TYPES, PORTS, PROTOCOLS, TCP_FLAGS, named, tokens};
use super::{Comparison, Expression, Quantity, Side, Test};
use crate::args::Arg;

impl Expression {
    /// Reads an expression.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser {
            tokens: tokens(text),
            at: 0,
            depth: 0,
            before: Directive::default(),
        };
        let expression = parser.choice()?;
        match parser.peek() {
            "" => Ok(expression),
            more => Err(format!(
                "expected `and`, `or` or the end of the expression, found `{more}`"
            )),
        }
    }
}

/// Parentheses, negations and choices within each other, at most.
const DEPTH_MAX: usize = 64;

/// What the words before a value say of it.
#[derive(Clone, Copy, Debug, Default)]
struct Directive {
    side: Option<Side>,
    protocol: Option<u8>,
    kind: Option<Kind>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Address,
    Port,
    Protocol,
    IcmpType,
    TcpFlag,
    Number(Quantity),
}

pub(super) struct Parser {
    tokens: Vec<String>,
    pub(super) at: usize,
    depth: usize,
    /// What the last directive said: a value alone takes it up.
    before: Directive,
}

impl Parser {
    pub(super) fn peek(&self) -> &str {
        self.word(0)
    }

    /// The word that comes after so many others.
    fn word(&self, after: usize) -> &str {
        self.tokens.get(self.at + after).map_or("", String::as_str)
    }

    pub(super) fn next(&mut self) -> String {
        self.at += 1;
        self.tokens.get(self.at - 1).cloned().unwrap_or_default()
    }

    pub(super) fn take(&mut self, words: &[&str]) -> bool {
        let found = words.contains(&self.peek());
        self.at += usize::from(found);
        found
    }

    fn choice(&mut self) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!(
                "parentheses, negations and choices go deeper than {DEPTH_MAX}"
            ));
        }
        let condition = self.any()?;
        let expression = if self.take(&["?"]) {
            let yes = self.choice()?;
            if !self.take(&[":"]) {
                return Err(format!("expected ` : `, found `{}`", self.peek()));
            }
            Expression::Choice(Box::new([condition, yes, self.choice()?]))
        } else {
            condition
        };
        self.depth -= 1;
        Ok(expression)
    }

    fn any(&mut self) -> Result<Expression, String> {
        let mut inner = vec![self.all()?];
        while self.take(&["or", "||", "|"]) {
            inner.push(self.all()?);
        }
        Ok(joined(inner, Expression::Any))
    }

    fn all(&mut self) -> Result<Expression, String> {
        let mut inner = vec![self.one()?];
        loop {
            let and = self.take(&["and", "&&", "&"]);
            // Two in a row mean `and` too.
            if !and && matches!(self.peek(), "" | ")" | "or" | "||" | "|" | "?" | ":") {
                return Ok(joined(inner, Expression::All));
            }
            inner.push(self.one()?);
        }
    }

    fn one(&mut self) -> Result<Expression, String> {
        if self.take(&["("]) {
            let inner = self.choice()?;
            return if self.take(&[")"]) {
                Ok(inner)
            } else {
                Err(format!("expected `)`, found `{}`", self.peek()))
            };
        }
        if !self.take(&["not", "!"]) {
            return self.primitive();
        }
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!(
                "parentheses, negations and choices go deeper than {DEPTH_MAX}"
            ));
        }
        let inner = self.one()?;
        self.depth -= 1;
        Ok(Expression::Not(Box::new(inner)))
    }

    fn primitive(&mut self) -> Result<Expression, String> {
        if self.take(&["-", "true", "any", "all"]) {
            return Ok(Expression::Always(true));
        }
        if self.take(&["false", "none"]) {
            return Ok(Expression::Always(false));
        }
        let mut said = Directive::default();
        let mut layer = false;
        while said.kind.is_none() {
            if let Some(side) = self.side() {
                said.side = Some(side);
            } else if let Some(protocol) = self.transport() {
                said.protocol = Some(protocol);
            } else if self.take(&["ip"]) {
                layer = true;
            } else if let Some(fixed) = self.fixed(layer) {
                return Ok(fixed);
            } else if let Some(kind) = self.kind(layer, said.protocol)? {
                said.kind = Some(kind);
            } else {
                break;
            }
        }
        if said.kind.is_some() {
            return self.directive(said);
        }
        self.value_alone(said, layer)
    }

    /// A protocol whose name stands alone or before what is said of it.
    fn transport(&mut self) -> Option<u8> {
        let number = match self.peek() {
            "tcp" => IpProtocol::TCP.0,
            "udp" => IpProtocol::UDP.0,
            "icmp" => IpProtocol::ICMP.0,
            _ => return None,
        };
        self.at += 1;
        Some(number)
    }

    fn side(&mut self) -> Option<Side> {
        let first = match self.peek() {
            "src" => Side::Source,
            "dst" => Side::Destination,
            _ => return None,
        };
        let other = self.word(2);
        let joined = matches!(other, "src" | "dst") && other != self.peek();
        let side = match self.word(1) {
            "or" | "||" if joined => Side::Either,
            "and" | "&&" if joined => Side::Both,
            _ => first,
        };
        self.at += if side == first { 1 } else { 3 };
        Some(side)
    }

    /// What is asked without a value: fragments, congestion.
    fn fixed(&mut self, layer: bool) -> Option<Expression> {
        let ecn = |comparison, number| Expression::Number(Quantity::Ecn, test(comparison, number));
        let found = match self.peek() {
            "frag" => Expression::Fragment,
            "unfrag" => Expression::Not(Box::new(Expression::Fragment)),
            "ect" if layer => ecn(Comparison::NotEqual, 0),
            "ce" if layer => ecn(Comparison::Equal, 3),
            _ => return None,
        };
        self.at += 1;
        Some(found)
    }

    fn kind(&mut self, layer: bool, protocol: Option<u8>) -> Result<Option<Kind>, String> {
        let protocol = protocol.map(IpProtocol);
        let kind = match self.peek() {
            "host" | "net" => Kind::Address,
            "port" => Kind::Port,
            "proto" => Kind::Protocol,
            "type" if protocol == Some(IpProtocol::ICMP) => Kind::IcmpType,
            "opt" if protocol == Some(IpProtocol::TCP) => Kind::TcpFlag,
            "win" if protocol == Some(IpProtocol::TCP) => Kind::Number(Quantity::TcpWindow),
            "dscp" if layer => Kind::Number(Quantity::Dscp),
            "hl" if layer => Kind::Number(Quantity::HeaderLength),
            "id" if layer => Kind::Number(Quantity::Identification),
            "tos" if layer => Kind::Number(Quantity::TypeOfService),
            "ttl" if layer => Kind::Number(Quantity::TimeToLive),
            "vers" if layer => Kind::Number(Quantity::Version),
            word if word.contains('[') => Kind::Number(octets(word)?),
            word if layer && !word.contains('.') => {
                return Err(format!("expected a field of the IP header, found `{word}`"));
            }
            _ => return Ok(None),
        };
        self.at += 1;
        Ok(Some(kind))
    }

    /// A value without a word that says what it is: its form says so, or the directive before.
    fn value_alone(&mut self, mut said: Directive, layer: bool) -> Result<Expression, String> {
        let word = self.peek();
        let is_address = word.contains('.') || word.contains('/') || self.is_masked_address(said);
        let plain = said.side.is_none() && said.protocol.is_none();
        let kind = if is_address {
            Some(Kind::Address)
        } else if named(PORTS, word).is_some()
            && (!plain || self.before.kind != Some(Kind::IcmpType))
        {
            Some(Kind::Port)
        } else if plain && named(TCP_FLAGS, word).is_some() {
            Some(Kind::TcpFlag)
        } else if plain && named(PROTOCOLS, word).is_some() {
            Some(Kind::Protocol)
        } else {
            None
        };
        if let Some(kind) = kind {
            if self.before.kind == Some(kind) {
                said.side = said.side.or(self.before.side);
                said.protocol = said.protocol.or(self.before.protocol);
            }
            said.kind = Some(kind);
            return self.directive(said);
        }
        let continues = matches!(word, "=" | "==" | "!=" | "<" | ">" | "<=" | ">=")
            || u32::parse(word).is_some()
            || named(ICMP_TYPES, word).is_some();
        if plain && !layer && continues && self.before.kind.is_some() {
            return self.directive(self.before);
        }
        match (said.protocol, said.side) {
            (Some(protocol), None) => {
                self.before = Directive {
                    kind: Some(Kind::Protocol),
                    ..said
                };
                Ok(Expression::Protocol(protocol))
            }
            (Some(_), Some(_)) => Err(format!("expected `port`, found `{word}`")),
            (None, Some(_)) => Err(format!("expected {}, found `{word}`", Ipv4Prefix::EXPECTED)),
            (None, None) if word.is_empty() => {
                Err("expected an expression, found its end".to_owned())
            }
            (None, None) => Err(format!(
                "expected `ip`, `src`, `dst`, `host`, `net`, `port`, `tcp`, `udp`, `icmp` or `-`, found `{word}`"
            )),
        }
    }

    /// Whether `& MASK` comes, of an address: what it is compared with says so.
    fn is_masked_address(&self, said: Directive) -> bool {
        let value = match self.word(2) {
            "=" | "==" | "!=" => self.word(3),
            value => value,
        };
        self.peek() == "&" && said.side.is_some() && value.contains('.')
    }

    /// What a directive says, its words being read, of the value that follows.
    fn directive(&mut self, said: Directive) -> Result<Expression, String> {
        self.before = said;
        let side = said.side.unwrap_or(Side::Either);
        let expression = match said.kind {
            Some(Kind::Address) => self.address(side)?,
            Some(Kind::Port) => {
                let test = self.test(PORTS, u16::MAX.into(), "a port, or ports as 1000-2000")?;
                return Ok(Expression::Port(side, said.protocol, test));
            }
            Some(Kind::Protocol) => match self.test(PROTOCOLS, u8::MAX.into(), "a protocol")? {
                it if it == test(Comparison::Equal, it.first) => {
                    Expression::Protocol(it.first as u8)
                }
                test => Expression::Number(Quantity::Protocol, test),
            },
            Some(Kind::IcmpType) => {
                let test = self.test(ICMP_TYPES, u8::MAX.into(), "an ICMP type")?;
                return Ok(Expression::Number(Quantity::IcmpType, test));
            }
            Some(Kind::TcpFlag) => {
                let word = self.next();
                let bit = named(TCP_FLAGS, &word)
                    .ok_or_else(|| format!("expected a TCP flag, found `{word}`"))?;
                let test = Test {
                    mask: bit,
                    ..test(Comparison::NotEqual, 0)
                };
                return Ok(Expression::Number(Quantity::TcpFlags, test));
            }
            Some(Kind::Number(quantity)) => {
                let most = quantity.most();
                let expected = match most {
                    u32::MAX => "a number".to_owned(),
                    _ => format!("a number from 0 to {most}"),
                };
                let test = self.test(&[], most, &expected)?;
                return Ok(Expression::Number(quantity, test));
            }
            None => return Err("expected a directive".to_owned()),
        };
        Ok(match said.protocol {
            Some(protocol) => Expression::All([Expression::Protocol(protocol), expression].into()),
            None => expression,
        })
    }
}

/// One of them as it is, several as one.
fn joined(mut inner: Vec<Expression>, several: fn(Box<[Expression]>) -> Expression) -> Expression {
    match inner.len() {
        1 => inner.remove(0),
        _ => several(inner.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_named() {
        let deep = ["(", "! ", "tcp ? "].map(|it| it.repeat(10_000));
        let mistakes = [
            "",
            "(tcp",
            "tcp)",
            "src",
            "port x",
            "port 9-1",
            "ip colour 3",
            "tcp opt what",
            "and",
            "host 1.2.3",
            "80",
            "ip ttl",
            "host < 1.2.3.4",
            "port < 1-2",
            "ip[0:5] 1",
            "ip[x] 1",
            "eth[0] 1",
            "tcp ? udp",
            "port 70000",
            "icmp type what",
            "src tcp",
            "port & x",
            "ip hl 16",
            "ip vers 20",
            "ip dscp 64",
            "ip tos 256",
            "ip ttl < 256",
            "ip id 65536",
            "tcp win 1-70000",
            "src & 255.0.0.0",
            "src & 0x1ffffffff 10.0.0.0",
            "src & 0xff000000 80",
        ];
        for text in mistakes.into_iter().chain(deep.iter().map(String::as_str)) {
            let wrong = Expression::parse(text).expect_err(text);
            assert!(
                wrong.contains("expected") || wrong.contains("deeper"),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_long_expression_is_no_deep_one() {
        let long = vec!["port 1"; 50_000].join(" or ");
        assert!(
            matches!(Expression::parse(&long), Ok(Expression::Any(inner)) if inner.len() == 50_000)
        );
    }
}

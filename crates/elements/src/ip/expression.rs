//! Expressions over the headers of an IP packet.

use waypost_wire::{IpProtocol, Ipv4Header, Ipv4Prefix};

use crate::args::Arg;

/// The headers of a packet, as expressions see them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Headers<'a> {
    ip: &'a Ipv4Header,
    /// Nothing in a fragment but the first.
    transport: &'a [u8],
}

impl<'a> Headers<'a> {
    /// The headers of a packet that begins with an IP header.
    pub(crate) fn of(octets: &'a [u8]) -> Option<Self> {
        let (ip, _) = Ipv4Header::split_from(octets).ok()?;
        let first = ip.fragment_offset() == 0;
        let transport = octets
            .get(ip.header_len()..)
            .filter(|_| first)
            .unwrap_or_default();
        Some(Self { ip, transport })
    }

    fn port(&self, at: usize) -> Option<u16> {
        let octets = self.transport.get(at..at + 2)?;
        Some(u16::from_be_bytes([octets[0], octets[1]]))
    }
}

/// What holds for some packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expression {
    Always(bool),
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Protocol(u8),
    Address(Side, Ipv4Prefix),
    Port(Side, Option<u8>, u16, u16),
    IcmpType(u8),
    TcpFlag(u8),
    Field(Field, Comparison, u32),
    Fragment,
}

/// Whose address or port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Source,
    Destination,
    Either,
    Both,
}

impl Side {
    fn holds(self, source: bool, destination: bool) -> bool {
        match self {
            Self::Source => source,
            Self::Destination => destination,
            Self::Either => source || destination,
            Self::Both => source && destination,
        }
    }
}

/// A number in the IP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Dscp,
    HeaderLength,
    Identification,
    TimeToLive,
    TypeOfService,
    Version,
}

/// How a number is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
}

impl Expression {
    /// Whether it holds for a packet.
    pub(crate) fn holds(&self, headers: &Headers<'_>) -> bool {
        let protocol = headers.ip.protocol();
        match self {
            Self::Always(holds) => *holds,
            Self::Not(inner) => !inner.holds(headers),
            Self::And(first, second) => first.holds(headers) && second.holds(headers),
            Self::Or(first, second) => first.holds(headers) || second.holds(headers),
            Self::Protocol(number) => protocol.0 == *number,
            Self::Address(side, prefix) => side.holds(
                prefix.contains(headers.ip.source()),
                prefix.contains(headers.ip.destination()),
            ),
            Self::Port(side, wanted, first, last) => {
                let right = match wanted {
                    Some(number) => protocol.0 == *number,
                    None => matches!(protocol, IpProtocol::TCP | IpProtocol::UDP),
                };
                let inside = |at| {
                    headers
                        .port(at)
                        .is_some_and(|port| (*first..=*last).contains(&port))
                };
                right && side.holds(inside(0), inside(2))
            }
            Self::IcmpType(kind) => {
                protocol == IpProtocol::ICMP && headers.transport.first() == Some(kind)
            }
            Self::TcpFlag(bit) => {
                protocol == IpProtocol::TCP
                    && headers
                        .transport
                        .get(13)
                        .is_some_and(|flags| flags & bit != 0)
            }
            Self::Field(field, comparison, number) => {
                let found = field.of(headers.ip);
                match comparison {
                    Comparison::Equal => found == *number,
                    Comparison::NotEqual => found != *number,
                    Comparison::Less => found < *number,
                    Comparison::Greater => found > *number,
                    Comparison::LessOrEqual => found <= *number,
                    Comparison::GreaterOrEqual => found >= *number,
                }
            }
            Self::Fragment => headers.ip.is_fragment(),
        }
    }

    /// Reads an expression.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser {
            tokens: tokens(text),
            at: 0,
            depth: 0,
        };
        let expression = parser.any()?;
        match parser.peek() {
            "" => Ok(expression),
            more => Err(format!(
                "expected `and`, `or` or the end of the expression, found `{more}`"
            )),
        }
    }
}

impl Field {
    fn of(self, ip: &Ipv4Header) -> u32 {
        match self {
            Self::Dscp => u32::from(ip.traffic_class() >> 2),
            Self::HeaderLength => ip.header_len() as u32 / 4,
            Self::Identification => ip.identification().into(),
            Self::TimeToLive => ip.ttl().into(),
            Self::TypeOfService => ip.traffic_class().into(),
            Self::Version => ip.version().into(),
        }
    }
}

/// Words, and the signs between them.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        let alone = match sign {
            '(' | ')' => Some(sign.to_string()),
            '!' | '=' | '<' | '>' => Some(if signs.next_if_eq(&'=').is_some() {
                format!("{sign}=")
            } else {
                sign.to_string()
            }),
            '&' | '|' => {
                signs.next_if_eq(&sign);
                Some(format!("{sign}{sign}"))
            }
            _ => None,
        };
        if alone.is_none() && !sign.is_whitespace() {
            word.push(sign);
            continue;
        }
        if !word.is_empty() {
            tokens.push(std::mem::take(&mut word));
        }
        tokens.extend(alone);
    }
    if !word.is_empty() {
        tokens.push(word);
    }
    tokens
}

/// Parentheses and negations within each other, at most.
const DEPTH_MAX: usize = 64;

struct Parser {
    tokens: Vec<String>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> &str {
        self.tokens.get(self.at).map_or("", String::as_str)
    }

    fn next(&mut self) -> String {
        self.at += 1;
        self.tokens.get(self.at - 1).cloned().unwrap_or_default()
    }

    fn take(&mut self, words: &[&str]) -> bool {
        let found = words.contains(&self.peek());
        self.at += usize::from(found);
        found
    }

    fn any(&mut self) -> Result<Expression, String> {
        let mut first = self.all()?;
        while self.take(&["or", "||"]) {
            first = Expression::Or(Box::new(first), Box::new(self.all()?));
        }
        Ok(first)
    }

    fn all(&mut self) -> Result<Expression, String> {
        let mut first = self.one()?;
        loop {
            let and = self.take(&["and", "&&"]);
            // Two in a row mean `and` too.
            if !and && matches!(self.peek(), "" | ")" | "or" | "||") {
                return Ok(first);
            }
            first = Expression::And(Box::new(first), Box::new(self.one()?));
        }
    }

    fn one(&mut self) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!(
                "parentheses and negations go deeper than {DEPTH_MAX}"
            ));
        }
        let result = if self.take(&["not", "!"]) {
            Ok(Expression::Not(Box::new(self.one()?)))
        } else if self.take(&["("]) {
            let inner = self.any()?;
            if self.take(&[")"]) {
                Ok(inner)
            } else {
                Err(format!("expected `)`, found `{}`", self.peek()))
            }
        } else {
            self.primitive()
        };
        self.depth -= 1;
        result
    }

    fn primitive(&mut self) -> Result<Expression, String> {
        if self.take(&["-", "true", "any", "all"]) {
            return Ok(Expression::Always(true));
        }
        if self.take(&["false", "none"]) {
            return Ok(Expression::Always(false));
        }
        if self.take(&["ip"]) {
            return self.ip_field();
        }
        if self.take(&["proto"]) {
            return self.protocol();
        }
        let side = self.side();
        let transport = match self.peek() {
            "tcp" => Some(IpProtocol::TCP.0),
            "udp" => Some(IpProtocol::UDP.0),
            "icmp" => Some(IpProtocol::ICMP.0),
            _ => None,
        };
        if let Some(number) = transport {
            self.at += 1;
            return match self.peek() {
                "port" => self.port(side.unwrap_or(Side::Either), Some(number)),
                "type" if number == IpProtocol::ICMP.0 => self.icmp_type(),
                "opt" if number == IpProtocol::TCP.0 => self.tcp_flag(),
                _ if side.is_none() => Ok(Expression::Protocol(number)),
                found => Err(format!("expected `port`, found `{found}`")),
            };
        }
        let given = side.is_some();
        let side = side.unwrap_or(Side::Either);
        match self.peek() {
            "port" => self.port(side, None),
            "host" | "net" => {
                self.at += 1;
                self.address(side)
            }
            _ if given => self.address(side),
            word if word.starts_with(|first: char| first.is_ascii_digit()) => self.address(side),
            "" => Err("expected an expression, found its end".to_owned()),
            word => Err(format!(
                "expected `ip`, `src`, `dst`, `host`, `net`, `port`, `tcp`, `udp`, `icmp` or `-`, found `{word}`"
            )),
        }
    }

    fn side(&mut self) -> Option<Side> {
        let first = match self.peek() {
            "src" => Side::Source,
            "dst" => Side::Destination,
            _ => return None,
        };
        let word = |at: usize| self.tokens.get(at).map_or("", String::as_str);
        let joined = matches!(word(self.at + 2), "src" | "dst") && word(self.at + 2) != self.peek();
        let side = match word(self.at + 1) {
            "or" if joined => Side::Either,
            "and" if joined => Side::Both,
            _ => first,
        };
        self.at += if side == first { 1 } else { 3 };
        Some(side)
    }

    fn address(&mut self, side: Side) -> Result<Expression, String> {
        let word = self.next();
        let prefix = Ipv4Prefix::parse(&word)
            .ok_or_else(|| format!("expected {}, found `{word}`", Ipv4Prefix::EXPECTED))?;
        Ok(Expression::Address(side, prefix))
    }

    fn port(&mut self, side: Side, protocol: Option<u8>) -> Result<Expression, String> {
        self.at += 1;
        let word = self.next();
        let (first, last) = word.split_once('-').unwrap_or((&word, &word));
        match (first.parse(), last.parse()) {
            (Ok(first), Ok(last)) if first <= last => {
                Ok(Expression::Port(side, protocol, first, last))
            }
            _ => Err(format!(
                "expected a port, or ports as 1000-2000, found `{word}`"
            )),
        }
    }

    fn protocol(&mut self) -> Result<Expression, String> {
        let word = self.next();
        let number = match word.as_str() {
            "tcp" => Some(IpProtocol::TCP.0),
            "udp" => Some(IpProtocol::UDP.0),
            "icmp" => Some(IpProtocol::ICMP.0),
            word => word.parse().ok(),
        };
        number
            .map(Expression::Protocol)
            .ok_or_else(|| format!("expected a protocol, found `{word}`"))
    }

    fn icmp_type(&mut self) -> Result<Expression, String> {
        self.at += 1;
        let word = self.next();
        let kind = match word.as_str() {
            "echo-reply" => Some(0),
            "unreachable" | "unreach" => Some(3),
            "redirect" => Some(5),
            "echo" => Some(8),
            "timeexceeded" => Some(11),
            word => word.parse().ok(),
        };
        kind.map(Expression::IcmpType)
            .ok_or_else(|| format!("expected an ICMP type, found `{word}`"))
    }

    fn tcp_flag(&mut self) -> Result<Expression, String> {
        self.at += 1;
        let word = self.next();
        let bit = ["fin", "syn", "rst", "psh", "ack", "urg"]
            .iter()
            .position(|name| *name == word);
        bit.map(|bit| Expression::TcpFlag(1 << bit))
            .ok_or_else(|| format!("expected a TCP flag, found `{word}`"))
    }

    fn ip_field(&mut self) -> Result<Expression, String> {
        let word = self.next();
        let field = match word.as_str() {
            "proto" => return self.protocol(),
            "frag" => return Ok(Expression::Fragment),
            "unfrag" => return Ok(Expression::Not(Box::new(Expression::Fragment))),
            "dscp" => Field::Dscp,
            "hl" => Field::HeaderLength,
            "id" => Field::Identification,
            "tos" => Field::TypeOfService,
            "ttl" => Field::TimeToLive,
            "vers" => Field::Version,
            _ => return Err(format!("expected a field of the IP header, found `{word}`")),
        };
        let comparison = match self.peek() {
            "=" | "==" => Some(Comparison::Equal),
            "!=" => Some(Comparison::NotEqual),
            "<" => Some(Comparison::Less),
            ">" => Some(Comparison::Greater),
            "<=" => Some(Comparison::LessOrEqual),
            ">=" => Some(Comparison::GreaterOrEqual),
            _ => None,
        };
        self.at += usize::from(comparison.is_some());
        let word = self.next();
        let number =
            u32::parse(&word).ok_or_else(|| format!("expected a number, found `{word}`"))?;
        Ok(Expression::Field(
            field,
            comparison.unwrap_or(Comparison::Equal),
            number,
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn packet(protocol: IpProtocol, transport: &[u8]) -> Vec<u8> {
        let (source, destination) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(192, 168, 1, 2));
        let mut header = Ipv4Header::new(protocol, source, destination, transport.len() as u16);
        header.fill_checksum();
        [&header.as_bytes()[..], transport].concat()
    }

    #[test]
    fn expressions_hold_for_what_they_say() {
        let syn = packet(
            IpProtocol::TCP,
            &[
                0, 80, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0,
            ],
        );
        let ping = packet(IpProtocol::ICMP, &[8, 0, 0, 0]);
        let cases = [
            ("-", true, true),
            ("none", false, false),
            ("tcp", true, false),
            ("ip proto icmp", false, true),
            ("src host 10.0.0.1", true, true),
            ("src 10.0.0.1 and dst net 192.168.0.0/16", true, true),
            ("dst 10.0.0.1", false, false),
            ("src and dst host 10.0.0.1", false, false),
            ("src or dst host 10.0.0.1", true, true),
            ("10.0.0.1", true, true),
            ("port 80", true, false),
            ("dst port 80", false, false),
            ("dst tcp port 1000-2000", true, false),
            ("udp port 80", false, false),
            ("tcp opt syn && !tcp opt ack", true, false),
            ("icmp type echo", false, true),
            ("icmp type 0 or tcp", true, false),
            ("ip ttl 64", true, true),
            ("ip ttl < 64", false, false),
            ("ip ttl >= 64 ip hl 5", true, true),
            ("ip frag", false, false),
            ("not (tcp or udp)", false, true),
        ];
        for (text, of_syn, of_ping) in cases {
            let expression = Expression::parse(text).unwrap();
            assert_eq!(
                expression.holds(&Headers::of(&syn).unwrap()),
                of_syn,
                "{text}, SYN"
            );
            assert_eq!(
                expression.holds(&Headers::of(&ping).unwrap()),
                of_ping,
                "{text}, echo request"
            );
        }
    }

    #[test]
    fn mistakes_are_named() {
        let deep = "(".repeat(10_000);
        for text in [
            "",
            "(tcp",
            "tcp)",
            "src",
            "port x",
            "port 9-1",
            "ip colour 3",
            "tcp opt what",
            "and",
            deep.as_str(),
            "host 1.2.3",
        ] {
            assert!(
                Expression::parse(text).unwrap_err().contains("expected") || text.len() > 100,
                "{text}"
            );
        }
    }
}

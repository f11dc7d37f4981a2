//! The values that expressions compare with: addresses, numbers under masks, octets by their place.

use std::net::Ipv4Addr;

use waypost_wire::Ipv4Prefix;

use super::parse::Parser;
use super::words::{PROTOCOLS, named};
use super::{Comparison, Expression, Quantity, Side, Test};
use crate::args::Arg;

impl Parser {
    pub(super) fn comparison(&mut self) -> Option<Comparison> {
        let comparison = match self.peek() {
            "=" | "==" => Comparison::Equal,
            "!=" => Comparison::NotEqual,
            "<" => Comparison::Less,
            ">" => Comparison::Greater,
            "<=" => Comparison::LessOrEqual,
            ">=" => Comparison::GreaterOrEqual,
            _ => return None,
        };
        self.at += 1;
        Some(comparison)
    }

    pub(super) fn address(&mut self, side: Side) -> Result<Expression, String> {
        let masked = self.take(&["&"]).then(|| self.next());
        let negated = match self.comparison() {
            None | Some(Comparison::Equal) => false,
            Some(Comparison::NotEqual) => true,
            Some(_) => return Err("expected `==` or `!=` before an address".to_owned()),
        };
        let mut word = self.next();
        if self.peek() == "mask" {
            self.at += 1;
            word = format!("{word}/{}", self.next());
        }
        let expected = |word: &str| format!("expected {}, found `{word}`", Ipv4Prefix::EXPECTED);
        let found = match masked {
            Some(mask) => {
                let bits = Ipv4Addr::parse(&mask).map(Ipv4Addr::to_bits);
                let mask = bits.or_else(|| u32::parse(&mask)).ok_or_else(|| {
                    format!("expected a mask such as 255.255.0.0 or 0xffff0000, found `{mask}`")
                })?;
                let address = Ipv4Addr::parse(&word).ok_or_else(|| expected(&word))?;
                Expression::MaskedAddress(side, address.to_bits() & mask, mask)
            }
            None => Expression::Address(
                side,
                Ipv4Prefix::parse(&word).ok_or_else(|| expected(&word))?,
            ),
        };
        Ok(if negated {
            Expression::Not(Box::new(found))
        } else {
            found
        })
    }

    /// `[& MASK] [OP] VALUE`; after a mask the value may be left out, and must not be 0 then.
    pub(super) fn test(
        &mut self,
        names: &[(&'static str, u16)],
        most: u32,
        expected: &str,
    ) -> Result<Test, String> {
        let value = |word: &str| {
            let number = u32::parse(word).or_else(|| named(names, word));
            number.filter(|number| *number <= most)
        };
        let wrong = |word: &str| format!("expected {expected}, found `{word}`");
        let mut mask = u32::MAX;
        if self.take(&["&"]) {
            let word = self.next();
            mask = u32::parse(&word).ok_or_else(|| wrong(&word))?;
        }
        let comparison = self.comparison();
        if mask != u32::MAX && comparison.is_none() && value(self.peek()).is_none() {
            return Ok(Test {
                mask,
                ..test(Comparison::NotEqual, 0)
            });
        }
        let word = self.next();
        let (first, last) = match value(&word) {
            Some(only) => (only, only),
            None => {
                let ends = word
                    .split_once('-')
                    .and_then(|(first, last)| value(first).zip(value(last)));
                ends.filter(|(first, last)| first <= last)
                    .ok_or_else(|| wrong(&word))?
            }
        };
        let comparison = comparison.unwrap_or(Comparison::Equal);
        if first != last && !matches!(comparison, Comparison::Equal | Comparison::NotEqual) {
            return Err(format!("expected one number, found the range `{word}`"));
        }
        Ok(Test {
            mask,
            comparison,
            first,
            last,
        })
    }
}

/// A whole number, compared with one.
pub(super) fn test(comparison: Comparison, number: u32) -> Test {
    Test {
        mask: u32::MAX,
        comparison,
        first: number,
        last: number,
    }
}

/// `ip[POS]`, `tcp[POS:LEN]` and the like.
pub(super) fn octets(word: &str) -> Result<Quantity, String> {
    let parsed = || {
        let (header, inside) = word.strip_suffix(']')?.split_once('[')?;
        let (at, len) = inside.split_once(':').unwrap_or((inside, "1"));
        let (at, len) = (usize::parse(at)?, usize::parse(len)?);
        if !(1..=4).contains(&len) || at > usize::from(u16::MAX) {
            return None;
        }
        Some(match header {
            "ip" => Quantity::Ip(at, len),
            "transp" => Quantity::Transport(None, at, len),
            name => Quantity::Transport(Some(named(PROTOCOLS, name)? as u8), at, len),
        })
    };
    parsed().ok_or_else(|| {
        format!("expected octets such as `ip[9]` or `transp[0:2]`, four at most, found `{word}`")
    })
}

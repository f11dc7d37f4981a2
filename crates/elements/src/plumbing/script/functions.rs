//! What scripts calculate: handlers that answer from their arguments alone.

use std::cmp::Ordering;

use waypost_graph::{Handler, HandlerError};

use super::text::{shift, unquote, words};
use crate::args::{Arg, handler_value};

/// The handlers of all functions.
pub(super) const FUNCTIONS: &[Handler] = &[
    Handler::read("add", "the sum of numbers"),
    Handler::read("sub", "the first number less the others"),
    Handler::read("mul", "the product of numbers"),
    Handler::read("div", "the first number divided by the others"),
    Handler::read("idiv", "the same without what is behind the point"),
    Handler::read("mod", "the remainder of two integers"),
    Handler::read("rem", "the remainder of two numbers"),
    Handler::read("min", "the least of numbers"),
    Handler::read("max", "the greatest of numbers"),
    Handler::read("neg", "a number with the other sign"),
    Handler::read("abs", "a number without its sign"),
    Handler::read("eq", "whether two numbers, or words, are equal"),
    Handler::read("ne", "whether they are not"),
    Handler::read("lt", "whether the first is less"),
    Handler::read("le", "whether it is less or equal"),
    Handler::read("gt", "whether it is greater"),
    Handler::read("ge", "whether it is greater or equal"),
    Handler::read("not", "false for true"),
    Handler::read("and", "whether all are true"),
    Handler::read("nand", "whether not all are true"),
    Handler::read("or", "whether one is true"),
    Handler::read("nor", "whether none is true"),
    Handler::read(
        "if",
        "the second word if the first is true, the third if not",
    ),
    Handler::read("in", "whether the first word is among the others"),
    Handler::read("first", "the first word"),
    Handler::read("length", "how many octets the text has"),
    Handler::read("unquote", "the text without its quotation marks"),
    Handler::read(
        "sprintf",
        "words in a format, as in C: `d`, `i`, `u`, `x`, `X`, `o`, `s`",
    ),
];

/// What a function answers; nothing if there is none of that name.
pub(super) fn call(name: &str, arguments: &str) -> Option<Result<String, HandlerError>> {
    let known = FUNCTIONS.iter().any(|it| it.name == name);
    known.then(|| answer(name, arguments.trim()))
}

fn answer(name: &str, text: &str) -> Result<String, HandlerError> {
    Ok(match name {
        "add" | "sub" | "mul" | "div" | "idiv" | "min" | "max" => fold(name, text)?.show(),
        "mod" | "rem" => remainder(name, text)?.show(),
        "neg" | "abs" => sign(name, text)?.show(),
        "eq" | "ne" | "lt" | "le" | "gt" | "ge" => compare(name, text)?.to_string(),
        "not" => (!handler_value::<bool>(text)?).to_string(),
        "and" | "nand" | "or" | "nor" => {
            let given = words(text).map(handler_value::<bool>);
            let given = given.collect::<Result<Vec<_>, _>>()?;
            let found = match name {
                "and" | "nand" => given.iter().all(|&it| it),
                _ => given.iter().any(|&it| it),
            };
            (found != name.starts_with('n')).to_string()
        }
        "if" => {
            let (condition, rest) = shift(text);
            let (yes, rest) = shift(rest);
            let chosen = if handler_value(condition)? {
                yes
            } else {
                shift(rest).0
            };
            chosen.to_owned()
        }
        "in" => {
            let (word, rest) = shift(text);
            let found = words(rest).any(|it| unquote(it) == unquote(word));
            found.to_string()
        }
        "first" => shift(text).0.to_owned(),
        "length" => text.len().to_string(),
        "unquote" => unquote(text),
        _ => sprintf(text)?,
    })
}

/// A number: an integer as long as all that it comes of are.
#[derive(Clone, Copy, Debug)]
enum Number {
    Integer(i64),
    Real(f64),
}

impl Number {
    fn parse(word: &str) -> Option<Self> {
        let integer = i64::parse(word).map(Self::Integer);
        integer.or_else(|| f64::parse(word).map(Self::Real))
    }

    fn real(self) -> f64 {
        match self {
            Self::Integer(number) => number as f64,
            Self::Real(number) => number,
        }
    }

    /// Twelve digits, as Click shows.
    fn show(self) -> String {
        match self {
            Self::Integer(number) => number.to_string(),
            Self::Real(number) => match format!("{number:.11e}").parse::<f64>() {
                Ok(rounded) => rounded.to_string(),
                Err(_) => number.to_string(),
            },
        }
    }
}

fn numbers(text: &str) -> Result<Vec<Number>, HandlerError> {
    let wrong = |word| HandlerError::new(format!("expected numbers, found `{word}`"));
    words(text)
        .map(|word| Number::parse(word).ok_or_else(|| wrong(word)))
        .collect()
}

fn overflow() -> HandlerError {
    HandlerError::new("the result is no number of 64 bits")
}

fn fold(name: &str, text: &str) -> Result<Number, HandlerError> {
    let mut given = numbers(text)?.into_iter();
    let first = given.next().unwrap_or(match name {
        "add" | "sub" => Number::Integer(0),
        _ => Number::Integer(1),
    });
    // Only `idiv` divides integers as such.
    let first = match name {
        "div" => Number::Real(first.real()),
        _ => first,
    };
    let result = given.try_fold(first, |so_far, next| match (so_far, next) {
        (Number::Integer(a), Number::Integer(b)) => match name {
            "add" => a.checked_add(b),
            "sub" => a.checked_sub(b),
            "mul" => a.checked_mul(b),
            "idiv" => a.checked_div(b),
            "min" => Some(a.min(b)),
            _ => Some(a.max(b)),
        }
        .map(Number::Integer),
        _ => {
            let (a, b) = (so_far.real(), next.real());
            let result = match name {
                "add" => a + b,
                "sub" => a - b,
                "mul" => a * b,
                "min" => a.min(b),
                "max" => a.max(b),
                _ => a / b,
            };
            result.is_finite().then_some(Number::Real(result))
        }
    });
    let result = result.ok_or_else(overflow)?;
    match (name, result) {
        ("idiv", Number::Real(result)) => whole(result).map(Number::Integer).ok_or_else(overflow),
        _ => Ok(result),
    }
}

/// A number without what is behind the point, if it is one of 64 bits.
fn whole(number: f64) -> Option<i64> {
    // The bounds are powers of two, and exact.
    let bound = -(i64::MIN as f64);
    (-bound <= number && number < bound).then_some(number as i64)
}

fn remainder(name: &str, text: &str) -> Result<Number, HandlerError> {
    let result = match *numbers(text)? {
        [Number::Integer(a), Number::Integer(b)] => a.checked_rem(b).map(Number::Integer),
        [a, b] if name == "rem" => Some(a.real() % b.real())
            .filter(|it| it.is_finite())
            .map(Number::Real),
        _ => {
            let message = format!("expected two numbers, found `{text}`");
            return Err(HandlerError::new(message));
        }
    };
    result.ok_or_else(overflow)
}

fn sign(name: &str, text: &str) -> Result<Number, HandlerError> {
    match (&*numbers(text)?, name) {
        (&[Number::Integer(it)], "neg") => it.checked_neg().map(Number::Integer),
        (&[Number::Integer(it)], _) => it.checked_abs().map(Number::Integer),
        (&[Number::Real(it)], "neg") => Some(Number::Real(-it)),
        (&[Number::Real(it)], _) => Some(Number::Real(it.abs())),
        _ => {
            return Err(HandlerError::new(format!(
                "expected one number, found `{text}`"
            )));
        }
    }
    .ok_or_else(overflow)
}

fn compare(name: &str, text: &str) -> Result<bool, HandlerError> {
    let given: Vec<&str> = words(text).collect();
    let [a, b] = *given else {
        let message = format!("expected two numbers or words, found `{text}`");
        return Err(HandlerError::new(message));
    };
    let order = match (Number::parse(a), Number::parse(b)) {
        (Some(Number::Integer(a)), Some(Number::Integer(b))) => a.cmp(&b),
        (Some(a), Some(b)) => a.real().total_cmp(&b.real()),
        _ => unquote(a).cmp(&unquote(b)),
    };
    Ok(match name {
        "eq" => order == Ordering::Equal,
        "ne" => order != Ordering::Equal,
        "lt" => order == Ordering::Less,
        "le" => order != Ordering::Greater,
        "gt" => order == Ordering::Greater,
        _ => order != Ordering::Less,
    })
}

/// The widest that `sprintf` makes a word.
const WIDTH_MAX: usize = 1000;

fn sprintf(text: &str) -> Result<String, HandlerError> {
    let wrong = || HandlerError::new(format!("expected a format and its words, found `{text}`"));
    let (format, mut rest) = shift(text);
    let (format, mut out) = (unquote(format), String::new());
    let mut signs = format.chars().peekable();
    while let Some(sign) = signs.next() {
        if sign != '%' {
            out.push(sign);
            continue;
        }
        let mut flags = String::new();
        while let Some(flag) = signs.next_if(|it| "-+ 0#".contains(*it)) {
            flags.push(flag);
        }
        let mut width = 0_usize;
        while let Some(digit) = signs.next_if(char::is_ascii_digit) {
            width = width * 10 + digit.to_digit(10).unwrap_or(0) as usize;
            if width > WIDTH_MAX {
                return Err(wrong());
            }
        }
        while signs.next_if(|it| "hlqL".contains(*it)).is_some() {}
        let kind = signs.next().ok_or_else(wrong)?;
        if kind == '%' {
            out.push('%');
            continue;
        }
        let (word, more) = shift(rest);
        rest = more;
        let shown = match kind {
            's' => unquote(word),
            'd' | 'i' => i64::parse(word).ok_or_else(wrong)?.to_string(),
            'u' => u64::parse(word).ok_or_else(wrong)?.to_string(),
            'x' => format!("{:x}", u64::parse(word).ok_or_else(wrong)?),
            'X' => format!("{:X}", u64::parse(word).ok_or_else(wrong)?),
            'o' => format!("{:o}", u64::parse(word).ok_or_else(wrong)?),
            _ => return Err(wrong()),
        };
        let (left, zeros) = (flags.contains('-'), flags.contains('0') && kind != 's');
        out.push_str(&match (left, zeros, shown.strip_prefix('-')) {
            (true, ..) => format!("{shown:<width$}"),
            (false, true, None) => format!("{shown:0>width$}"),
            (false, true, Some(digits)) => format!("-{digits:0>0$}", width.saturating_sub(1)),
            (false, false, _) => format!("{shown:>width$}"),
        });
    }
    if rest.is_empty() {
        Ok(out)
    } else {
        Err(wrong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_answer_as_in_click() {
        for (asked, answered) in [
            ("add 10 5 2", "17"),
            ("add", "0"),
            ("add 0.1 0.2", "0.3"),
            ("add 1 0x10", "17"),
            ("sub 10 5 2", "3"),
            ("mul 3 4", "12"),
            ("div 7 2", "3.5"),
            ("div 8 2", "4"),
            ("idiv 7 2", "3"),
            ("idiv -7 2", "-3"),
            ("idiv 100 7 2", "7"),
            ("idiv 7.5 2", "3"),
            ("idiv 9007199254740993 1", "9007199254740993"),
            ("idiv -9223372036854775808.0 1", "-9223372036854775808"),
            ("mod 7 3", "1"),
            ("rem 7.5 2", "1.5"),
            ("min 5 10 2", "2"),
            ("max 5 10.5 2", "10.5"),
            ("neg 4", "-4"),
            ("abs -4.5", "4.5"),
            ("eq 10 0xA", "true"),
            ("eq 10 10.0", "true"),
            ("le 9 8", "false"),
            ("eq 10x 10x", "true"),
            ("lt a \"b\"", "true"),
            ("gt 10 9", "true"),
            ("ge 9 9", "true"),
            ("ne 1 2", "true"),
            ("not false", "true"),
            ("and true 1 yes", "true"),
            ("nand true false", "true"),
            ("or false 0", "false"),
            ("nor false 0", "true"),
            ("if true a b", "a"),
            ("if 0 a b", "b"),
            ("in foo bar foo", "true"),
            ("in foo", "false"),
            ("first a b c", "a"),
            ("length abcdef", "6"),
            ("unquote \"a b\"", "a b"),
            ("sprintf \"%05x|%-3d|%3s|%%\" 127 -5 a", "0007f|-5 |  a|%"),
            ("sprintf %04d -5", "-005"),
        ] {
            let (name, arguments) = shift(asked);
            assert_eq!(
                call(name, arguments).unwrap().as_deref(),
                Ok(answered),
                "{asked}"
            );
        }
    }

    #[test]
    fn what_cannot_be_calculated_is_refused() {
        for asked in [
            "add a",
            "add 9223372036854775807 1",
            "div 1 0",
            "idiv 1 0",
            "idiv 1e300 1",
            "idiv 9223372036854775808.0 1",
            "idiv -9223372036854775808 -1",
            "mod 1 0",
            "mod 1.5 2",
            "mod 1",
            "neg 1 2",
            "eq 1",
            "not perhaps",
            "and true perhaps",
            "if perhaps a b",
            "sprintf %d a",
            "sprintf %d",
            "sprintf a b",
            "sprintf %9999d 1",
            "sprintf %",
        ] {
            let (name, arguments) = shift(asked);
            assert!(call(name, arguments).unwrap().is_err(), "{asked}");
        }
        assert!(call("sqrt", "2").is_none());
    }
}

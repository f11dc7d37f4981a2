//! Variables in configuration strings: `$x`, `${x}`, `${x-default}`, `${x[2]}`, `$(x)`.

use std::collections::HashMap;
use std::rc::Rc;

use crate::body::BodyId;
use crate::quote::{quote, words};
use crate::scan::{at_comment, is_space, is_word, skip_comment};

/// The least that one substitution counts against the budget.
const SUBSTITUTION_COST: usize = 16;

/// The variables of one instance of a body, inside those of the body around it.
#[derive(Debug)]
pub(crate) struct Scope {
    pub(crate) body: BodyId,
    pub(crate) parent: Option<Rc<Self>>,
    pub(crate) values: HashMap<String, Value>,
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// An argument: final.
    Text(String),
    /// A definition: expanded in its scope where it is used.
    Definition(String),
}

/// Expands variables, counts what that costs, and notes what it did not find.
#[derive(Debug)]
pub(crate) struct Expander {
    /// Bytes that may still be produced.
    budget: usize,
    /// The definitions being expanded.
    active: Vec<(*const Scope, String)>,
    nesting: usize,
    pub(crate) unbound: Vec<String>,
    pub(crate) failure: Option<Failure>,
}

/// Why an expansion was cut short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// A variable is defined by itself.
    Recursive(String),
    /// Variables need each other deeper than allowed.
    Nesting,
    /// The budget is used up.
    Budget,
}

impl Expander {
    pub(crate) fn new(budget: usize, nesting: usize) -> Self {
        Self {
            budget,
            active: Vec::new(),
            nesting,
            unbound: Vec::new(),
            failure: None,
        }
    }

    /// Counts bytes that are made; false once there are too many.
    pub(crate) fn spend(&mut self, bytes: usize) -> bool {
        match self.budget.checked_sub(bytes) {
            Some(left) => self.budget = left,
            None => {
                self.budget = 0;
                self.failure.get_or_insert(Failure::Budget);
            }
        }
        self.failure != Some(Failure::Budget)
    }

    /// The text with the variables of `scope` put in. What is not defined stays as it is written.
    pub(crate) fn expand(&mut self, text: &str, scope: &Rc<Scope>) -> String {
        if !self.spend(text.len()) || !text.contains('$') {
            return text.to_owned();
        }
        let bytes = text.as_bytes();
        let mut out = String::new();
        let (mut i, mut copied, mut quoted) = (0, 0, None);
        let mut brackets = Brackets::new(bytes);
        while i < bytes.len() {
            match bytes[i] {
                b'\\' if quoted == Some(b'"') => i += 2,
                b'\'' | b'"' => {
                    match quoted {
                        None => quoted = Some(bytes[i]),
                        Some(q) if q == bytes[i] => quoted = None,
                        Some(_) => {}
                    }
                    i += 1;
                }
                b'/' if quoted.is_none() && at_comment(bytes, i) => i = skip_comment(bytes, i),
                b'$' if quoted != Some(b'\'') => {
                    let Some(reference) = Reference::read(text, i, &mut brackets) else {
                        i += 1;
                        continue;
                    };
                    out.push_str(&text[copied..i]);
                    (i, copied) = (reference.end, reference.end);
                    let value =
                        self.reference(&reference, &text[reference.start..reference.end], scope);
                    match value {
                        Found::Value(value) if quoted == Some(b'"') => {
                            let value = quote(value.as_bytes());
                            out.push_str(&value[1..value.len() - 1]);
                        }
                        Found::Value(value) => out.push_str(&value),
                        Found::Nothing(written) => out.push_str(&written),
                    }
                }
                _ => i += 1,
            }
        }
        out.push_str(&text[copied..]);
        out
    }

    fn reference(&mut self, reference: &Reference<'_>, written: &str, scope: &Rc<Scope>) -> Found {
        if self.active.len() > self.nesting {
            self.failure.get_or_insert(Failure::Nesting);
        }
        if self.failure.is_some() || !self.spend(SUBSTITUTION_COST) {
            return Found::Nothing(written.to_owned());
        }
        // Variables inside the braces come first: `${a[$n]}`.
        let inner = if reference.braced() && reference.name.contains('$') {
            self.active.push((std::ptr::null(), String::new()));
            let inner = self.expand(reference.name, scope);
            self.active.pop();
            inner
        } else {
            reference.name.to_owned()
        };
        let Parts {
            name,
            index,
            default,
        } = reference.parts(&inner);
        if let Some(value) = self.lookup(name, scope) {
            let value = match index {
                None => value,
                Some(index) => words(&value)
                    .get(index)
                    .copied()
                    .unwrap_or_default()
                    .to_owned(),
            };
            self.spend(value.len());
            return Found::Value(value);
        }
        if let Some(default) = default {
            self.active.push((std::ptr::null(), String::new()));
            let value = self.expand(default, scope);
            self.active.pop();
            return Found::Value(value);
        }
        self.unbound.push(name.to_owned());
        Found::Nothing(match (reference.bracket, inner == reference.name) {
            (Some(b'{'), false) => format!("${{{inner}}}"),
            (Some(_), false) => format!("$({inner})"),
            _ => written.to_owned(),
        })
    }

    /// The value of a variable in the innermost scope that has it.
    fn lookup(&mut self, name: &str, scope: &Rc<Scope>) -> Option<String> {
        let mut at = Some(scope);
        while let Some(scope) = at {
            match scope.values.get(name) {
                Some(Value::Text(text)) => return Some(text.clone()),
                Some(Value::Definition(text)) => {
                    let key = (Rc::as_ptr(scope), name.to_owned());
                    if self.active.contains(&key) {
                        self.failure
                            .get_or_insert_with(|| Failure::Recursive(name.to_owned()));
                        return Some(String::new());
                    }
                    self.active.push(key);
                    let value = self.expand(text, scope);
                    self.active.pop();
                    return Some(value);
                }
                None => at = scope.parent.as_ref(),
            }
        }
        None
    }
}

enum Found {
    Value(String),
    Nothing(String),
}

/// A reference to a variable in a text.
struct Reference<'t> {
    start: usize,
    end: usize,
    bracket: Option<u8>,
    /// What is in the brackets, or the name.
    name: &'t str,
}

/// What a reference in braces says.
struct Parts<'t> {
    name: &'t str,
    index: Option<usize>,
    default: Option<&'t str>,
}

impl<'t> Reference<'t> {
    /// The reference whose `$` is at `at`, if it is one.
    fn read(text: &'t str, at: usize, brackets: &mut Brackets<'_>) -> Option<Self> {
        let bytes = text.as_bytes();
        let first = *bytes.get(at + 1)?;
        let (inside, end) = match first {
            b'{' => {
                let close = brackets.closing_brace(at + 2)?;
                (at + 2..close, close + 1)
            }
            b'(' => {
                let close = brackets.closing_parenthesis(at + 2)?;
                (at + 2..close, close + 1)
            }
            b'?' | b'#' | b'$' => (at + 1..at + 2, at + 2),
            b if is_word(b) => {
                let end = at + 1 + bytes[at + 1..].iter().take_while(|b| is_word(**b)).count();
                (at + 1..end, end)
            }
            _ => return None,
        };
        let bracket = matches!(first, b'{' | b'(').then_some(first);
        Some(Self {
            start: at,
            end,
            bracket,
            name: &text[inside],
        })
    }

    fn braced(&self) -> bool {
        self.bracket.is_some()
    }

    /// Takes `name [index] -default` apart, which has a meaning in braces alone.
    fn parts<'i>(&self, inner: &'i str) -> Parts<'i> {
        if self.bracket != Some(b'{') {
            return Parts {
                name: inner,
                index: None,
                default: None,
            };
        }
        let space = |c: char| c.is_ascii() && is_space(c as u8);
        let text = inner.trim_start_matches(space);
        let end = text.bytes().take_while(|b| is_word(*b)).count();
        let (name, rest) = (&text[..end], text[end..].trim_start_matches(space));
        let indexed = rest.strip_prefix('[').and_then(|rest| {
            let (index, rest) = rest.split_once(']')?;
            Some((
                index.trim_start_matches(space).parse().ok()?,
                rest.trim_start_matches(space),
            ))
        });
        let (index, rest) = indexed.map_or((None, rest), |(index, rest)| (Some(index), rest));
        Parts {
            name,
            index,
            default: rest.strip_prefix('-'),
        }
    }
}

/// The brackets of one text, looked for at most once each: there may be a great many that do not close.
struct Brackets<'t> {
    text: &'t [u8],
    /// From here on there is no `}`.
    no_brace: usize,
    /// Where the inside of a parenthesis ends, by where it starts; `None` if it does not close.
    closings: HashMap<usize, Option<usize>>,
}

impl<'t> Brackets<'t> {
    fn new(text: &'t [u8]) -> Self {
        Self {
            text,
            no_brace: text.len(),
            closings: HashMap::new(),
        }
    }

    /// The first `}` from `from` on.
    fn closing_brace(&mut self, from: usize) -> Option<usize> {
        let ahead = self.text.get(from..self.no_brace)?;
        let found = ahead.iter().position(|byte| *byte == b'}');
        if found.is_none() {
            self.no_brace = from;
        }
        found.map(|at| from + at)
    }

    /// The parenthesis that closes the one before `from`; parentheses in quotes do not count.
    fn closing_parenthesis(&mut self, from: usize) -> Option<usize> {
        if let Some(known) = self.closings.get(&from) {
            return *known;
        }
        let (mut open, mut quoted, mut i) = (vec![from], None, from);
        while i < self.text.len() && !open.is_empty() {
            match (self.text[i], quoted) {
                (b'(', None) => open.push(i + 1),
                (b')', None) => {
                    let inside = open.pop();
                    self.closings.extend(inside.map(|inside| (inside, Some(i))));
                }
                (quote @ (b'"' | b'\''), None) => quoted = Some(quote),
                (byte, Some(quote)) if byte == quote => quoted = None,
                (b'\\', quote) if quote != Some(b'\'') => i += 1,
                _ => {}
            }
            i += 1;
        }
        self.closings
            .extend(open.into_iter().map(|inside| (inside, None)));
        self.closings.get(&from).copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(values: &[(&str, &str)]) -> Rc<Scope> {
        let values = values
            .iter()
            .map(|(k, v)| ((*k).to_owned(), Value::Definition((*v).to_owned())));
        Rc::new(Scope {
            body: 0,
            parent: None,
            values: values.collect(),
        })
    }

    fn run(text: &str, values: &[(&str, &str)]) -> String {
        Expander::new(10_000, 50).expand(text, &scope(values))
    }

    #[test]
    fn plain_and_braced_names() {
        let values = [("a", "1"), ("b", "$a 2"), ("l", "x 'y z' w")];
        assert_eq!(run("$a,$b,${a}b,$(a)", &values), "1,1 2,1b,1");
        assert_eq!(
            run("${l[0]} ${ l [1] } ${l[2]} ${l[3]}.", &values),
            "x 'y z' w ."
        );
        assert_eq!(run("${c-$a} ${a-9} ${c-}", &values), "1 1 ");
        assert_eq!(run("${l[$a]}", &values), "'y z'");
    }

    #[test]
    fn what_is_not_defined_stays() {
        assert_eq!(
            run("$x ${x} $(x y) $? $$a $ $5.00 ${x", &[("a", "1")]),
            "$x ${x} $(x y) $? $$a $ $5.00 ${x"
        );
        assert_eq!(run("${x[$a]} $(f $a)", &[("a", "1")]), "${x[1]} $(f 1)");
        let mut expander = Expander::new(100, 50);
        expander.expand("$x $y", &scope(&[]));
        assert_eq!(expander.unbound, ["x", "y"]);
    }

    #[test]
    fn quotes_and_comments_hide() {
        let values = [("a", "say \"hi\"")];
        assert_eq!(
            run("'$a' \"$a\" $a \"'$a'\"", &values),
            r#"'$a' "say \"hi\"" say "hi" "'say \"hi\"'""#
        );
        assert_eq!(run("/* $a */ \"\\$a\"", &values), "/* $a */ \"\\$a\"");
    }

    #[test]
    fn brackets_that_do_not_close_are_no_references() {
        let values = [("a", "1")];
        assert_eq!(
            run("${x $a $(y $a \"$(\" $(a)", &values),
            "${x 1 $(y 1 \"$(\" 1"
        );
        let open = "$(${".repeat(100_000);
        let mut expander = Expander::new(1_000_000, 50);
        assert_eq!(expander.expand(&open, &scope(&[])), open);
    }

    #[test]
    fn recursion_and_growth_are_bounded() {
        let mut expander = Expander::new(10_000, 50);
        expander.expand("$a", &scope(&[("a", "$b"), ("b", "$a$a")]));
        assert_eq!(expander.failure, Some(Failure::Recursive("a".into())));
        let doubling: Vec<(String, String)> = (0..40)
            .map(|i| (format!("v{i}"), format!("$v{0}$v{0}", i + 1)))
            .collect();
        let doubling: Vec<_> = doubling
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        let mut expander = Expander::new(10_000, 50);
        assert!(expander.expand("$v0", &scope(&doubling)).len() < 20_000);
        assert_eq!(expander.failure, Some(Failure::Budget));
        let mut expander = Expander::new(1_000_000, 50);
        let nested = format!("{}{}", "$(".repeat(1000), ")".repeat(1000));
        expander.expand(&nested, &scope(&[]));
        assert_eq!(expander.failure, Some(Failure::Nesting));
    }
}

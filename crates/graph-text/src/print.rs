//! A flat graph as Click text.

use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

use crate::Limits;
use crate::args::{join, split};
use crate::expand::{Expander, Scope};
use crate::graph::FlatGraph;
use crate::quote::{quote, unquote, words};
use crate::scan::{at_comment, at_data, data_end, is_space, skip_quotation};

impl fmt::Display for FlatGraph {
    /// Requirements, declarations, connections: text that flattens to an equal graph.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut blank = false;
        for requirement in self.requirements() {
            match requirement.value.as_str() {
                "" => writeln!(f, "require({});", requirement.kind)?,
                value => writeln!(
                    f,
                    "require({} {});",
                    requirement.kind,
                    quote(value.as_bytes())
                )?,
            }
            blank = true;
        }
        for element in self.elements() {
            if std::mem::take(&mut blank) {
                writeln!(f)?;
            }
            match element.config() {
                "" => writeln!(f, "{} :: {};", element.name(), element.class())?,
                config => writeln!(f, "{} :: {}({});", element.name(), element.class(), config)?,
            }
        }
        blank = !self.elements().is_empty();
        for connection in self.connections() {
            if std::mem::take(&mut blank) {
                writeln!(f)?;
            }
            f.write_str(self.element(connection.from).name())?;
            if connection.from_port > 0 {
                write!(f, " [{}]", connection.from_port)?;
            }
            f.write_str(" -> ")?;
            if connection.to_port > 0 {
                write!(f, "[{}] ", connection.to_port)?;
            }
            writeln!(f, "{};", self.element(connection.to).name())?;
        }
        Ok(())
    }
}

/// A configuration as a flat graph has it: its arguments, in a form that is read back as it is.
///
/// Texts that are read have that form, but for their comments. Values put in for variables need not: an argument with
/// brackets or quotes that do not close, or with a `$` that would be taken for another variable, has the words concerned put
/// in double quotes. They mean the same.
pub(crate) fn printable(config: &str) -> String {
    let args = split(config);
    let plain = join(&args);
    if is_printable(&plain) {
        return plain;
    }
    let some = args.iter().map(|arg| match is_printable(arg) {
        true => arg.clone(),
        false => in_quotes(arg),
    });
    let some = join(&some.collect::<Vec<_>>());
    if is_printable(&some) {
        return some;
    }
    join(&args.iter().map(|arg| in_quotes(arg)).collect::<Vec<_>>())
}

/// Whether a configuration is read back as it is between parentheses.
fn is_printable(config: &str) -> bool {
    closes(config) && stays(config)
}

/// Whether no variable is replaced where none is defined: `${x-1}` would be.
fn stays(text: &str) -> bool {
    if !text.contains("$") {
        return true;
    }
    let nowhere = Rc::new(Scope {
        body: 0,
        parent: None,
        values: HashMap::new(),
    });
    let mut expander = Expander::new(usize::MAX, Limits::default().nesting);
    expander.expand(text, &nowhere) == text && expander.failure.is_none()
}

/// An argument with all words in double quotes that could be misread.
fn in_quotes(arg: &str) -> String {
    let mut out = String::new();
    let mut rest = arg;
    for word in words(arg) {
        let (blank, behind) = rest.split_at(rest.len() - rest.trim_start_matches(blank).len());
        out.push_str(blank);
        rest = behind.get(word.len()..).unwrap_or_default();
        if closes(word) && !word.contains('$') && !word.starts_with('#') {
            out.push_str(word);
        } else {
            out.push_str(&quote(&unquote(word)));
        }
    }
    out
}

fn blank(c: char) -> bool {
    c.is_ascii() && is_space(c as u8)
}

/// Whether parentheses, quotations and data close, no comment begins, and no line would be taken for a line directive.
fn closes(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (mut depth, mut i) = (0usize, 0);
    while i < bytes.len() {
        let end = match bytes[i] {
            b'(' => {
                depth += 1;
                Some(i + 1)
            }
            b')' if depth == 0 => None,
            b')' => {
                depth -= 1;
                Some(i + 1)
            }
            b'\'' | b'"' => skip_quotation(bytes, i),
            b'\\' if at_data(bytes, i) => data_end(bytes, i),
            b'\n' | b'\r' if bytes.get(i + 1) == Some(&b'#') => None,
            b'/' if at_comment(bytes, i) => None,
            _ => Some(i + 1),
        };
        match end {
            Some(end) => i = end,
            None => return false,
        }
    }
    depth == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Requirement;

    #[test]
    fn prints_requirements_elements_connections() {
        let mut graph = FlatGraph::new();
        graph.require(Requirement {
            kind: "package".into(),
            value: "odd name".into(),
        });
        graph.require(Requirement {
            kind: "compact_config".into(),
            value: String::new(),
        });
        let a = graph.add("a", "Classifier", "12/0800, -").unwrap();
        let b = graph.add("x/b", "Null", "").unwrap();
        graph.connect(a, 1, b, 2).unwrap();
        graph.connect(a, 0, b, 0).unwrap();
        let expected = "\
require(package \"odd name\");
require(compact_config);

a :: Classifier(12/0800, -);
x/b :: Null;

a -> x/b;
a [1] -> [2] x/b;
";
        assert_eq!(graph.to_string(), expected);
    }

    #[test]
    fn what_does_not_close_is_quoted() {
        assert_eq!(printable("(a, b)"), "(a, b)");
        assert_eq!(printable("(a, b c"), "\"(a\", b c");
        assert_eq!(printable("a), 'b"), "\"a)\", \"b\"");
        assert_eq!(printable("KEY  x) 'b"), "KEY  \"x)\" \"b\"");
        assert_eq!(printable("x\n# 1"), "x\n\"#\" 1");
        assert_eq!(printable(r"\<61"), "\"a\"");
        assert_eq!(printable(r"\<61 /*>"), "\"a\"");
    }

    #[test]
    fn what_would_be_expanded_again_is_quoted() {
        assert_eq!(printable("$x ${y} '${z-1}'"), "$x ${y} '${z-1}'");
        assert_eq!(printable("${x-1}, $y"), "\"\\${x-1}\", $y");
        assert_eq!(printable("${x-1, 2}"), "\"\\${x-1\", 2}");
        assert_eq!(printable("A ${x- 1}"), "A \"\\${x-\" 1}");
    }

    #[test]
    fn a_printable_configuration_is_left_as_it_is() {
        for odd in [
            "(a, b c",
            "${x-1, 2}",
            "x\n# 1",
            "a, , ",
            "' \" ${",
            "$(b${x-1})",
            r"\</*>",
        ] {
            let once = printable(odd);
            assert!(is_printable(&once), "{once}");
            assert_eq!(printable(&once), once);
        }
    }
}

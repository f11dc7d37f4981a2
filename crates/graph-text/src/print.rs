//! A flat graph as Click text.

use std::fmt;

use crate::args::split;
use crate::graph::FlatGraph;
use crate::quote::{quote, unquote};
use crate::scan::{at_comment, skip_data, skip_quotation};

impl fmt::Display for FlatGraph {
    /// Requirements, declarations, connections: text that flattens to an equal graph.
    ///
    /// An argument whose brackets or quotes do not close, which a variable from the command line can make, is printed in
    /// double quotes: it means the same.
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
                config => writeln!(
                    f,
                    "{} :: {}({});",
                    element.name(),
                    element.class(),
                    printable(config)
                )?,
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

/// A configuration that is read back whole between parentheses.
fn printable(config: &str) -> String {
    if closes(config) {
        return config.to_owned();
    }
    let args = split(config).into_iter().map(|arg| {
        if closes(&arg) {
            arg
        } else {
            quote(&unquote(&arg))
        }
    });
    args.collect::<Vec<_>>().join(", ")
}

/// Whether parentheses and quotations close, and no line would be taken for a line directive.
fn closes(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (mut depth, mut i) = (0usize, 0);
    while i < bytes.len() {
        match bytes[i] {
            b'(' => depth += 1,
            b')' if depth == 0 => return false,
            b')' => depth -= 1,
            b'\'' | b'"' => match skip_quotation(bytes, i) {
                None => return false,
                Some(end) => {
                    i = end;
                    continue;
                }
            },
            b'\\' if bytes.get(i + 1) == Some(&b'<') => {
                i = skip_data(bytes, i);
                if bytes[i - 1] != b'>' {
                    return false;
                }
                continue;
            }
            b'\n' | b'\r' if bytes.get(i + 1) == Some(&b'#') => return false,
            b'/' if at_comment(bytes, i) => return false,
            _ => {}
        }
        i += 1;
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
        assert_eq!(printable("x\n# 1"), "\"x\\n# 1\"");
        assert_eq!(printable(r"\<61"), "\"a\"");
    }
}

//! A diagnostic as a terminal shows it: message, the lines with their places underlined, help.

use std::fmt::{self, Write};

use crate::diagnostic::{Diagnostic, Label, Severity};

/// Characters of a line shown around what is underlined.
const WIDTH: usize = 120;

/// Writes the long form of a diagnostic, ending with a line end.
pub(crate) fn write(f: &mut fmt::Formatter<'_>, diagnostic: &Diagnostic) -> fmt::Result {
    let severity = match diagnostic.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    writeln!(
        f,
        "{severity}[{}]: {}",
        diagnostic.code().as_str(),
        diagnostic.message()
    )?;
    let gutter = diagnostic
        .labels()
        .iter()
        .map(|label| label.place.position().line.to_string().len())
        .max()
        .unwrap_or(1);
    for (i, label) in diagnostic.labels().iter().enumerate() {
        let arrow = if i == 0 { "-->" } else { ":::" };
        writeln!(f, "{:gutter$} {arrow} {}", "", label.place)?;
        underline(f, label, gutter, if i == 0 { '^' } else { '-' })?;
    }
    for help in diagnostic.help_lines() {
        writeln!(f, "{:gutter$} = help: {help}", "")?;
    }
    Ok(())
}

fn underline(f: &mut fmt::Formatter<'_>, label: &Label, gutter: usize, mark: char) -> fmt::Result {
    let (source, span) = (&label.place.source, label.place.span);
    let (start, end) = source.line_bounds(source.physical_line(span.start));
    let position = source.position(span.start);
    let before = position.column as usize - 1;
    let line: Vec<char> = source.text()[start..end]
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let marked_end = (span.end as usize).min(end);
    let marked = source
        .text()
        .get(span.start as usize..marked_end)
        .map_or(0, |t| t.chars().count());
    let from = (before + marked.min(WIDTH / 2))
        .saturating_sub(WIDTH)
        .min(line.len());
    let to = (from + WIDTH).min(line.len());
    let shown: String = line[from..to].iter().collect();
    writeln!(f, "{:>gutter$} | {}", position.line, shown.trim_end())?;
    write!(f, "{:gutter$} | {:2$}", "", "", before.saturating_sub(from))?;
    for _ in 0..marked.clamp(1, WIDTH) {
        f.write_char(mark)?;
    }
    if !label.text.is_empty() {
        write!(f, " {}", label.text)?;
    }
    f.write_char('\n')
}

#[cfg(test)]
mod tests {
    use crate::{Code, Diagnostic, Place, Source, Span};

    #[test]
    fn underlines_what_is_meant() {
        let source = Source::new("r.click", "// one\n\tq :: Quue(10);\n");
        let place = Place {
            source: source.clone(),
            span: Span::new(13, 17),
        };
        let d = Diagnostic::error(Code::UnknownClass, "unknown element class `Quue`")
            .at(place, "not an element class")
            .at(
                Place {
                    source,
                    span: Span::new(0, 6),
                },
                "",
            )
            .help("did you mean `Queue`?".to_owned());
        let expected = "\
error[unknown-class]: unknown element class `Quue`
  --> r.click:2:7
2 |  q :: Quue(10);
  |       ^^^^ not an element class
  ::: r.click:1:1
1 | // one
  | ------
  = help: did you mean `Queue`?
";
        assert_eq!(format!("{d:#}"), expected);
    }

    #[test]
    fn long_lines_are_cut_around_the_mark() {
        let text = format!("{}bad", "x".repeat(5000));
        let source = Source::new("f", text);
        let d = Diagnostic::error(Code::Syntax, "no").at(
            Place {
                source,
                span: Span::new(5000, 5003),
            },
            "",
        );
        let shown = format!("{d:#}");
        assert!(shown.lines().all(|line| line.len() < 140), "{shown}");
        assert!(shown.contains("xbad\n"));
    }

    #[test]
    fn the_end_of_the_text_can_be_marked() {
        let source = Source::new("f", "a");
        let d = Diagnostic::error(Code::Syntax, "no").at(
            Place {
                source,
                span: Span::new(1, 1),
            },
            "here",
        );
        assert!(format!("{d:#}").contains("1 | a\n  |  ^ here\n"));
    }
}

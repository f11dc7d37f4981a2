//! The texts of a script: words, and what is put in for variables and handlers.

use waypost_graph::HandlerError;

/// Which signs of a text are in quotations: asked for one after the other.
#[derive(Default)]
struct Quotations {
    /// What ends the quotation.
    mark: Option<char>,
    /// The next sign is one like any other.
    escaped: bool,
}

impl Quotations {
    /// Whether the next sign is outside of quotations, and begins none.
    fn is_outside(&mut self, sign: char) -> bool {
        if std::mem::take(&mut self.escaped) {
            return false;
        }
        match (sign, self.mark) {
            ('\\', Some('"')) => self.escaped = true,
            ('"' | '\'', None) => self.mark = Some(sign),
            (_, Some(mark)) if sign == mark => self.mark = None,
            (_, Some(_)) => {}
            (_, None) => return true,
        }
        false
    }

    /// Whether variables and handlers are put in at the next sign.
    fn is_open(&self) -> bool {
        !self.escaped && self.mark != Some('\'')
    }
}

/// The first word of a text, quotations and parentheses being one, and what follows it.
pub(super) fn shift(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let (mut quotations, mut depth) = (Quotations::default(), 0_usize);
    let end = text.find(|sign: char| {
        if !quotations.is_outside(sign) {
            return false;
        }
        match sign {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => return depth == 0 && sign.is_whitespace(),
        }
        false
    });
    let (word, rest) = text.split_at(end.unwrap_or(text.len()));
    (word, rest.trim())
}

/// The words of a text.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (word, more) = shift(rest);
        rest = more;
        (!word.is_empty()).then_some(word)
    })
}

/// A text without its quotation marks; as it is, if it is not UTF-8 then.
pub(super) fn unquote(text: &str) -> String {
    waypost_graph::unquote_text(text).unwrap_or_else(|| text.to_owned())
}

/// `$(…)` within each other, at most.
const DEPTH_MAX: usize = 32;

/// Octets of a text in which values are put in, at most: a script that doubles a variable again and again comes to an end.
const TEXT_MAX: usize = 1 << 20;

/// What variables and handlers stand for.
pub(super) trait Values {
    /// The value of a variable.
    fn variable(&self, name: &str) -> Result<String, HandlerError>;

    /// What a handler says; its words are put in already.
    fn handler(&mut self, call: &str) -> Result<String, HandlerError>;
}

/// Puts in the values of `$name`, `${name}` and `$(handler …)`, but in single quotation marks. With `keep`, they are quoted, so that
/// they are as they were once the text is unquoted.
pub(super) fn expand(
    text: &str,
    keep: bool,
    depth: usize,
    values: &mut impl Values,
) -> Result<String, HandlerError> {
    if depth > DEPTH_MAX {
        let message = format!("`$(` goes deeper than {DEPTH_MAX}");
        return Err(HandlerError::new(message));
    }
    let (mut out, mut rest, mut quotations) = (String::new(), text, Quotations::default());
    while let Some(sign) = rest.chars().next() {
        let (this, after) = rest.split_at(sign.len_utf8());
        rest = after;
        if sign == '$' && quotations.is_open() {
            let (value, after) = value(rest, depth, values)?;
            rest = after;
            match (keep, quotations.mark) {
                (false, _) => out.push_str(&value),
                (true, None) => {
                    out.push('"');
                    escape(&value, &mut out);
                    out.push('"');
                }
                (true, Some(_)) => escape(&value, &mut out),
            }
            if out.len() > TEXT_MAX {
                let message = format!("a text becomes longer than {TEXT_MAX} octets");
                return Err(HandlerError::new(message));
            }
            continue;
        }
        quotations.is_outside(sign);
        out.push_str(this);
    }
    Ok(out)
}

/// What stands for a text within double quotation marks.
fn escape(text: &str, out: &mut String) {
    for sign in text.chars() {
        if matches!(sign, '\\' | '"' | '$') {
            out.push('\\');
        }
        out.push(sign);
    }
}

/// The value of what stands behind a `$`, and what follows that.
fn value<'a>(
    rest: &'a str,
    depth: usize,
    values: &mut impl Values,
) -> Result<(String, &'a str), HandlerError> {
    if rest.starts_with('(') {
        let end = closing(rest)
            .ok_or_else(|| HandlerError::new(format!("expected `)` behind `${rest}`")))?;
        let call = expand(&rest[1..end], false, depth + 1, values)?;
        return Ok((values.handler(call.trim())?, &rest[end + 1..]));
    }
    let braced = rest.strip_prefix('{').and_then(|it| it.split_once('}'));
    let end = rest
        .find(|it: char| !it.is_ascii_alphanumeric() && it != '_')
        .unwrap_or(rest.len());
    // `$?`, `$#` and the like are one sign.
    let end = if rest.starts_with(['?', '#', '$']) {
        1
    } else {
        end
    };
    let (name, after) = braced.unwrap_or_else(|| rest.split_at(end));
    if name.is_empty() {
        return Ok(("$".to_owned(), rest));
    }
    Ok((values.variable(name)?, after))
}

/// Where the parenthesis ends with which a text begins.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut quotations) = (0_usize, Quotations::default());
    for (at, sign) in text.char_indices() {
        if !quotations.is_outside(sign) {
            continue;
        }
        match sign {
            '(' => depth += 1,
            ')' if depth == 1 => return Some(at),
            ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Some5;

    impl Values for Some5 {
        fn variable(&self, name: &str) -> Result<String, HandlerError> {
            match name {
                "x" => Ok("\"5\"".to_owned()),
                _ => Err(HandlerError::unknown(name)),
            }
        }

        fn handler(&mut self, call: &str) -> Result<String, HandlerError> {
            Ok(format!("<{call}>"))
        }
    }

    #[test]
    fn words_keep_quotations_and_calls_together() {
        let text = "a \"b c\" $(d e) 'f \" g' \"h \\\" i\" j";
        let expected = ["a", "\"b c\"", "$(d e)", "'f \" g'", "\"h \\\" i\"", "j"];
        assert_eq!(words(text).collect::<Vec<_>>(), expected);
        assert_eq!(shift("  a  b c "), ("a", "b c"));
        assert_eq!(shift(""), ("", ""));
    }

    #[test]
    fn values_are_put_in_and_keep_their_quotation_marks() {
        let put_in = |text| expand(text, false, 0, &mut Some5).unwrap();
        assert_eq!(put_in("$x ${x}y '$x' \\ $ $."), "\"5\" \"5\"y '$x' \\ $ $.");
        assert_eq!(
            put_in("\"\\$x\" $(a $(b $x) \")\")"),
            "\"\\$x\" <a <b \"5\"> \")\">"
        );
        assert_eq!(
            put_in("$(a \"b\\\")c\" ')') \"\\$x\\\\$x\""),
            "<a \"b\\\")c\" ')'> \"\\$x\\\\\"5\"\""
        );
        let kept = |text| unquote(&expand(text, true, 0, &mut Some5).unwrap());
        assert_eq!(kept("$x \"a $x\" '$x'"), "\"5\" a \"5\" $x");
        for wrong in [
            "$y",
            "$(a",
            &"$(".repeat(40),
            &format!("{}{}", "$(".repeat(40), ")".repeat(40)),
        ] {
            assert!(expand(wrong, false, 0, &mut Some5).is_err(), "{wrong}");
        }
    }
}

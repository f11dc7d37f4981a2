//! The texts of a script: words, and what is put in for variables and handlers.

use waypost_graph::HandlerError;

/// The first word of a text, quotations and parentheses being one, and what follows it.
pub(super) fn shift(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let (mut quoted, mut depth, mut escaped) = (None, 0_usize, false);
    let end = text.find(|sign: char| {
        if std::mem::take(&mut escaped) {
            return false;
        }
        match (sign, quoted) {
            ('\\', Some('"')) => escaped = true,
            ('"' | '\'', None) => quoted = Some(sign),
            (_, Some(quotation)) if sign == quotation => quoted = None,
            ('(', None) => depth += 1,
            (')', None) => depth = depth.saturating_sub(1),
            (_, None) => return depth == 0 && sign.is_whitespace(),
            _ => {}
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
    let (mut out, mut rest, mut quoted) = (String::new(), text, None);
    while let Some(sign) = rest.chars().next() {
        let (this, after) = rest.split_at(sign.len_utf8());
        rest = after;
        match (sign, quoted) {
            ('\\', Some('"')) => {
                out.push('\\');
                let next = rest.chars().next().map_or(0, char::len_utf8);
                out.push_str(&rest[..next]);
                rest = &rest[next..];
                continue;
            }
            ('"' | '\'', None) => quoted = Some(sign),
            (_, Some(quotation)) if sign == quotation => quoted = None,
            ('$', None | Some('"')) => {
                let (value, after) = value(rest, depth, values)?;
                rest = after;
                match (keep, quoted) {
                    (false, _) => out.push_str(&value),
                    (true, None) => {
                        out.push('"');
                        escape(&value, &mut out);
                        out.push('"');
                    }
                    (true, Some(_)) => escape(&value, &mut out),
                }
                continue;
            }
            _ => {}
        }
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
    let (mut depth, mut quoted) = (0_usize, None);
    for (at, sign) in text.char_indices() {
        match (sign, quoted) {
            ('"' | '\'', None) => quoted = Some(sign),
            (_, Some(quotation)) if sign == quotation => quoted = None,
            ('(', None) => depth += 1,
            (')', None) if depth == 1 => return Some(at),
            (')', None) => depth -= 1,
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

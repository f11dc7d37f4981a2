//! The parts of Click text that hide other characters: comments, quotations and `\<…>` data.
//!
//! Lexer, argument splitting and expansion skip them by these functions, so that they agree on what is hidden. All take and
//! return byte offsets; every delimiter is ASCII, so the offsets between which text is cut are character boundaries.

/// White space in C's sense.
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// A letter, digit or underscore: what a variable name is made of.
pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// What a component of an identifier is made of.
pub(crate) fn is_identifier(byte: u8) -> bool {
    is_word(byte) || byte == b'@'
}

/// Whether `text` is one identifier: components of letters, digits, `_` and `@`, joined by single slashes, none all digits.
pub(crate) fn is_identifier_text(text: &str) -> bool {
    text.split('/').all(|part| {
        part.bytes().all(is_identifier) && !part.bytes().all(|b| b.is_ascii_digit()) // an empty part is "all digits"
    })
}

/// Whether a comment starts at `at`.
pub(crate) fn at_comment(text: &[u8], at: usize) -> bool {
    text.get(at) == Some(&b'/') && matches!(text.get(at + 1), Some(b'/' | b'*'))
}

/// Whether `\<…>` data starts at `at`.
pub(crate) fn at_data(text: &[u8], at: usize) -> bool {
    text.get(at) == Some(&b'\\') && text.get(at + 1) == Some(&b'<')
}

/// The end of the line after `at`, behind its line end.
pub(crate) fn skip_line(text: &[u8], at: usize) -> usize {
    let mut i = at;
    while let Some(byte) = text.get(i) {
        match byte {
            b'\n' => return i + 1,
            b'\r' if text.get(i + 1) == Some(&b'\n') => return i + 2,
            b'\r' => return i + 1,
            _ => i += 1,
        }
    }
    text.len()
}

/// The end of the comment that starts at `at`; the end of the text if it is not closed.
pub(crate) fn skip_comment(text: &[u8], at: usize) -> usize {
    if text.get(at + 1) == Some(&b'/') {
        return skip_line(text, at + 2);
    }
    find(text, at + 2, b"*/").map_or(text.len(), |i| i + 2)
}

/// The first byte from `at` on that is neither white space nor in a comment.
pub(crate) fn skip_blank(text: &[u8], at: usize) -> usize {
    let mut i = at;
    while i < text.len() {
        if is_space(text[i]) {
            i += 1;
        } else if at_comment(text, i) {
            i = skip_comment(text, i);
        } else {
            break;
        }
    }
    i
}

/// The end of the `\<…>` data that starts at `at`, or `None` if it is not closed.
pub(crate) fn data_end(text: &[u8], at: usize) -> Option<usize> {
    let mut i = at + 2;
    while i < text.len() {
        if text[i] == b'>' {
            return Some(i + 1);
        }
        i = if at_comment(text, i) {
            skip_comment(text, i)
        } else {
            i + 1
        };
    }
    None
}

/// The end of the `\<…>` data that starts at `at`; the end of the text if it is not closed.
pub(crate) fn skip_data(text: &[u8], at: usize) -> usize {
    data_end(text, at).unwrap_or(text.len())
}

/// The end of the quotation that starts at `at` with `'` or `"`, or `None` if it is not closed.
pub(crate) fn skip_quotation(text: &[u8], at: usize) -> Option<usize> {
    let quote = text[at];
    let mut i = at + 1;
    while i < text.len() {
        if text[i] == quote {
            return Some(i + 1);
        }
        i = match text[i] {
            b'\\' if quote == b'"' && at_data(text, i) => skip_data(text, i),
            b'\\' if quote == b'"' => i + 2,
            _ => i + 1,
        };
    }
    None
}

/// The end of what hides other characters in a configuration at `at`, quotation or data, if there is any.
pub(crate) fn skip_hidden(text: &[u8], at: usize) -> Option<usize> {
    match text.get(at)? {
        b'\'' | b'"' => Some(skip_quotation(text, at).unwrap_or(text.len())),
        b'\\' if at_data(text, at) => Some(skip_data(text, at)),
        _ => None,
    }
}

fn find(text: &[u8], from: usize, what: &[u8]) -> Option<usize> {
    let tail = text.get(from..)?;
    tail.windows(what.len())
        .position(|w| w == what)
        .map(|i| from + i)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_blanks() {
        assert_eq!(skip_comment(b"// a\nb", 0), 5);
        assert_eq!(skip_comment(b"// a\r\nb", 0), 6);
        assert_eq!(skip_comment(b"/* a */b", 0), 7);
        assert_eq!(skip_comment(b"/* a", 0), 4);
        assert_eq!(
            skip_comment(b"/*/", 0),
            3,
            "the star of the opening does not close"
        );
        assert_eq!(skip_blank(b" \x0b/**/ // x\n y", 0), 13);
    }

    #[test]
    fn quotations() {
        assert_eq!(skip_quotation(br"'a\'b", 0), Some(4));
        assert_eq!(skip_quotation(br#""a\"b"c"#, 0), Some(6));
        assert_eq!(skip_quotation(br#""\<22 " >"c"#, 0), Some(10));
        assert_eq!(skip_quotation(b"'a", 0), None);
        assert_eq!(skip_quotation(b"\"a\\", 0), None);
    }

    #[test]
    fn data() {
        assert_eq!(skip_data(b"\\<61 /* > */ 62>x", 0), 16);
        assert_eq!(skip_data(b"\\<61", 0), 4);
        assert_eq!(skip_hidden(b"\\n", 0), None);
    }

    #[test]
    fn identifiers() {
        for good in ["a", "a/b", "Print@1", "0a", "_", "@1"] {
            assert!(is_identifier_text(good), "{good}");
        }
        for bad in ["", "/a", "a/", "a//b", "1", "a/1", "a-b", "é"] {
            assert!(!is_identifier_text(bad), "{bad}");
        }
    }
}

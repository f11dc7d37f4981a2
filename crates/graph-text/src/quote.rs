//! Quoting: configuration text to what it means, and back.

use std::ops::Range;

use crate::scan::{at_data, is_space, skip_blank, skip_comment, skip_hidden};

/// The bytes that an argument means: comments out, one level of quotation off, backslash escapes of `"…"` and `\<…>` data
/// replaced.
///
/// ```
/// assert_eq!(waypost_graph_text::unquote(r#" "a\n" 'b"c' \<64 65> "#), b"a\n b\"c de");
/// ```
#[must_use]
pub fn unquote(text: &str) -> Vec<u8> {
    let text = uncomment(text);
    let text = text.as_bytes();
    let mut out = Vec::with_capacity(text.len());
    let mut quote = None;
    let mut i = 0;
    while i < text.len() {
        match (text[i], quote) {
            (b'"' | b'\'', None) => quote = Some(text[i]),
            (byte, Some(q)) if byte == q => quote = None,
            (b'\\', Some(b'"')) => {
                i = escape(text, i, &mut out);
                continue;
            }
            (b'\\', None) if at_data(text, i) => {
                i = escape(text, i, &mut out);
                continue;
            }
            (byte, _) => out.push(byte),
        }
        i += 1;
    }
    out
}

/// [`unquote`] for arguments that must be text; `None` if the bytes are not UTF-8.
#[must_use]
pub fn unquote_text(text: &str) -> Option<String> {
    String::from_utf8(unquote(text)).ok()
}

/// A double-quoted text that [`unquote`]s to `bytes`.
///
/// ```
/// assert_eq!(waypost_graph_text::quote(b"say \"hi\"\n\xff"), r#""say \"hi\"\n\377""#);
/// ```
#[must_use]
pub fn quote(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('"');
    for byte in bytes {
        match byte {
            b'\\' | b'"' | b'$' => out.extend(['\\', char::from(*byte)]),
            b'\t' => out.push_str("\\t"),
            b'\r' => out.push_str("\\r"),
            b'\n' => out.push_str("\\n"),
            b' '..=b'~' => out.push(char::from(*byte)),
            _ => out.push_str(&format!("\\{byte:03o}")),
        }
    }
    out.push('"');
    out
}

/// Text without the white space around it, and with each comment and the white space around that made one space.
pub(crate) fn uncomment(text: &str) -> String {
    uncomment_until(text, 0, None).0
}

/// [`uncomment`] from `from` up to the first `stop` that is not hidden; also where the result is written, and the offset of that
/// stop, or the end.
pub(crate) fn uncomment_until(
    text: &str,
    from: usize,
    stop: Option<u8>,
) -> (String, Range<usize>, usize) {
    let bytes = text.as_bytes();
    let start = skip_blank(bytes, from);
    let mut out = String::new();
    let (mut left, mut right, mut commented) = (start, start, false);
    let mut i = start;
    while i < bytes.len() && Some(bytes[i]) != stop {
        if is_space(bytes[i]) {
            i += 1;
        } else if crate::scan::at_comment(bytes, i) {
            i = skip_comment(bytes, i);
            commented = true;
        } else {
            if commented {
                out.push_str(&text[left..right]);
                out.push(' ');
                left = i;
                commented = false;
            }
            i = skip_hidden(bytes, i).unwrap_or(i + 1);
            right = i;
        }
    }
    out.push_str(&text[left..right]);
    (out, start..right, i)
}

/// The words of an argument: split at white space that is not quoted.
pub(crate) fn words(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = skip_blank(bytes, 0);
    while at < bytes.len() {
        let mut i = at;
        while i < bytes.len() && !is_space(bytes[i]) && !crate::scan::at_comment(bytes, i) {
            i = skip_hidden(bytes, i).unwrap_or(i + 1);
        }
        out.push(&text[at..i]);
        at = skip_blank(bytes, i);
    }
    out
}

/// Appends what the escape at `at` means and returns its end.
fn escape(text: &[u8], at: usize, out: &mut Vec<u8>) -> usize {
    let Some(kind) = text.get(at + 1) else {
        out.push(b'\\');
        return at + 1;
    };
    let plain = match kind {
        b'\n' => return at + 2,
        b'\r' => return at + 2 + usize::from(text.get(at + 2) == Some(&b'\n')),
        b'0'..=b'7' => {
            let digits = text[at + 1..]
                .iter()
                .take(3)
                .take_while(|b| matches!(b, b'0'..=b'7'));
            let (count, value) =
                digits.fold((0, 0u32), |(n, v), b| (n + 1, v * 8 + u32::from(b - b'0')));
            out.push(value as u8);
            return at + 1 + count;
        }
        b'x' => {
            let digits = text[at + 2..].iter().map_while(|b| hex(*b));
            let (count, value) = digits.fold((0, 0u8), |(n, v), d| (n + 1, (v << 4) | d));
            out.push(value);
            return at + 2 + count;
        }
        b'<' => return data(text, at + 2, out),
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        other => *other,
    };
    out.push(plain);
    at + 2
}

/// Appends the bytes of `\<…>` data whose inside starts at `at`; a half byte at its end is dropped.
fn data(text: &[u8], at: usize, out: &mut Vec<u8>) -> usize {
    let mut high = None;
    let mut i = at;
    while i < text.len() {
        if text[i] == b'>' {
            return i + 1;
        }
        if crate::scan::at_comment(text, i) {
            i = skip_comment(text, i);
            continue;
        }
        if let Some(digit) = hex(text[i]) {
            match high.take() {
                None => high = Some(digit),
                Some(first) => out.push((first << 4) | digit),
            }
        }
        i += 1;
    }
    text.len()
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|d| d as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_work_in_double_quotes_alone() {
        assert_eq!(
            unquote(r#""\a\b\t\n\v\f\r\\\q""#),
            b"\x07\x08\t\n\x0b\x0c\r\\q"
        );
        assert_eq!(unquote(r#""\101\7\0012\x4142\xzz""#), b"A\x07\x012B\0zz");
        assert_eq!(unquote("\"a\\\nb\\\r\nc\\\rd\""), b"abcd");
        assert_eq!(unquote(r"'\n' \n"), br"\n \n");
        assert_eq!(unquote("\"a\\"), b"a\\");
    }

    #[test]
    fn data_works_bare_and_in_double_quotes() {
        assert_eq!(unquote(r"\<48 65 6c /* ll */ 6C6f>"), b"Hello");
        assert_eq!(unquote(r#""x\<48 6>y" "#), b"xHy");
        assert_eq!(unquote(r"'\<48>'"), br"\<48>");
    }

    #[test]
    fn juxtaposed_texts_join() {
        assert_eq!(unquote(r#"a"b"c"#), b"abc");
        assert_eq!(
            unquote(r#" "\n" abc /* 123 */ '/* def */'"#),
            b"\n abc /* def */"
        );
    }

    #[test]
    fn quote_undoes_unquote() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(unquote(&quote(&all)), all);
        assert_eq!(quote(b""), "\"\"");
        assert_eq!(unquote_text("\"\\xff\""), None);
        assert_eq!(unquote_text("a b").as_deref(), Some("a b"));
    }

    #[test]
    fn comments_become_one_space() {
        assert_eq!(uncomment("  a   b  "), "a   b");
        assert_eq!(uncomment("  a /* c */    b  // d"), "a b");
        assert_eq!(uncomment(r#" "/* ? */" "#), r#""/* ? */""#);
        assert_eq!(uncomment("/* only */"), "");
    }

    #[test]
    fn words_keep_quotations_whole() {
        assert_eq!(
            words(r#"a  "b c"d /* e */ 'f g' "#),
            ["a", r#""b c"d"#, "'f g'"]
        );
        assert!(words(" /**/ ").is_empty());
    }
}

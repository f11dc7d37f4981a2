//! Configuration strings as arguments, for whoever instantiates an element.

use std::fmt;
use std::ops::Range;

use crate::quote::{uncomment_until, unquote_text, words};
use crate::scan::{is_space, is_word};
use crate::suggest;

/// The arguments of a configuration string, to be taken one after the other.
///
/// A configuration is split at commas that are not quoted (parentheses do not hide commas), comments become spaces, and an
/// empty argument at the very end does not count. An argument that begins with a word and goes on after white space may be a
/// keyword argument. Values are handed out as written; [`unquote`](crate::unquote) tells what they mean.
///
/// ```
/// use waypost_graph_text::Args;
///
/// let mut args = Args::split("10, BURST 32, NAME \"a, b\" // why");
/// assert_eq!(args.take_or_positional("CAPACITY").as_deref(), Some("10"));
/// assert_eq!(args.take("NAME").as_deref(), Some("\"a, b\""));
/// assert_eq!(args.take("RATE"), None);
/// let error = args.finish().unwrap_err();
/// assert_eq!(error.to_string(), "unknown keyword `BURST` (known here: CAPACITY, NAME, RATE)");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Args {
    args: Vec<Arg>,
    asked: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Arg {
    text: String,
    /// Length of the word that may be a keyword; 0 where there is none.
    keyword: usize,
    taken: Option<Taken>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    ByKeyword,
    ByPosition,
}

/// Why arguments do not fit an element.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArgError {
    /// A mandatory argument is not there.
    Missing {
        /// Its keyword.
        keyword: String,
    },
    /// A positional argument is one too many.
    TooMany {
        /// The first that nobody asked for.
        text: String,
    },
    /// A keyword that the element does not know.
    UnknownKeyword {
        /// The keyword as written.
        keyword: String,
        /// The keywords that the element asked for.
        known: Vec<String>,
    },
}

impl Args {
    /// Splits a configuration string.
    #[must_use]
    pub fn split(config: &str) -> Self {
        split(config).into_iter().collect()
    }

    /// How many arguments there are, taken ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.args.len()
    }

    /// Whether there are no arguments.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.args.is_empty()
    }

    /// All arguments as written, taken ones included.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.args.iter().map(|arg| arg.text.as_str())
    }

    /// Takes the value of a keyword argument. Given more than once, the last counts.
    pub fn take(&mut self, keyword: &str) -> Option<String> {
        self.find(keyword, false, false)
    }

    /// Takes the value of an optional argument that may be given by keyword or by position.
    pub fn take_or_positional(&mut self, keyword: &str) -> Option<String> {
        self.find(keyword, true, false)
    }

    /// Takes the value of a mandatory argument that may be given by keyword or by position.
    ///
    /// Where the keyword is not given, the next argument is taken even if it looks like a keyword argument.
    ///
    /// # Errors
    /// [`ArgError::Missing`] if there is no such argument.
    pub fn take_mandatory(&mut self, keyword: &str) -> Result<String, ArgError> {
        self.find(keyword, true, true)
            .ok_or_else(|| ArgError::Missing {
                keyword: keyword.to_owned(),
            })
    }

    /// Takes the next positional argument that does not look like a keyword argument.
    pub fn take_positional(&mut self) -> Option<String> {
        let arg = self.next_positional().filter(|arg| arg.keyword == 0)?;
        arg.taken = Some(Taken::ByPosition);
        Some(arg.text.clone())
    }

    /// Takes all that is left, for elements whose arguments have a language of their own.
    pub fn take_rest(&mut self) -> Vec<String> {
        let left = self.args.iter_mut().filter(|arg| arg.taken.is_none());
        left.map(|arg| {
            arg.taken = Some(Taken::ByPosition);
            arg.text.clone()
        })
        .collect()
    }

    /// Ends the reading of arguments.
    ///
    /// # Errors
    /// Tells of the first argument that nobody asked for.
    pub fn finish(self) -> Result<(), ArgError> {
        self.leftovers()
            .next()
            .map_or(Ok(()), |(_, error)| Err(error))
    }

    /// Ends the reading of arguments, and tells of all that nobody asked for, each with its number from 0.
    pub fn leftovers(mut self) -> impl Iterator<Item = (usize, ArgError)> {
        self.asked.sort();
        self.asked.dedup();
        let (args, known) = (self.args.into_iter().enumerate(), self.asked);
        args.filter(|(_, arg)| arg.taken.is_none())
            .map(move |(number, arg)| {
                let error = match arg.keyword {
                    0 => ArgError::TooMany { text: arg.text },
                    word => ArgError::UnknownKeyword {
                        keyword: arg.text[..word].to_owned(),
                        known: known.clone(),
                    },
                };
                (number, error)
            })
    }

    /// The number, from 0, of the one argument whose value this is, or else of the one in which it stands as words of their own;
    /// `None` if there is none such, or several.
    ///
    /// ```
    /// use waypost_graph_text::Args;
    ///
    /// let args = Args::split("10, COLOR red, tcp or udq");
    /// assert_eq!(args.holding("red"), Some(1));
    /// assert_eq!(args.holding("udq"), Some(2));
    /// assert_eq!(args.holding("1"), None);
    /// ```
    #[must_use]
    pub fn holding(&self, value: &str) -> Option<usize> {
        let value = value.trim();
        if value.is_empty() {
            return None;
        }
        let only = |holds: &dyn Fn(&Arg) -> bool| {
            let mut found = (0..self.args.len()).filter(|&at| holds(&self.args[at]));
            let first = found.next();
            (first.is_some(), first.filter(|_| found.next().is_none()))
        };
        let is = |arg: &Arg| arg.text == value || arg.text[arg.keyword..].trim() == value;
        match only(&is) {
            (true, one) => one,
            (false, _) => only(&|arg| has_words(&arg.text, value)).1,
        }
    }

    fn find(&mut self, keyword: &str, positional: bool, mandatory: bool) -> Option<String> {
        self.asked.push(keyword.to_owned());
        let mut found = None;
        for arg in &mut self.args {
            if arg.taken.is_none() && arg.keyword > 0 && arg.text[..arg.keyword] == *keyword {
                arg.taken = Some(Taken::ByKeyword);
                found = Some(
                    arg.text[arg.keyword..]
                        .trim_start_matches(|c: char| c.is_ascii() && is_space(c as u8))
                        .to_owned(),
                );
            }
        }
        if positional && found.is_none() {
            let arg = self
                .next_positional()
                .filter(|arg| arg.keyword == 0 || mandatory)?;
            arg.taken = Some(Taken::ByPosition);
            found = Some(arg.text.clone());
        }
        found
    }

    /// The next argument by position: none once a keyword argument stands there that has been taken.
    fn next_positional(&mut self) -> Option<&mut Arg> {
        let arg = self
            .args
            .iter_mut()
            .find(|arg| arg.taken != Some(Taken::ByPosition))?;
        arg.taken.is_none().then_some(arg)
    }
}

impl<S: Into<String>> FromIterator<S> for Args {
    /// Arguments that are split already.
    fn from_iter<I: IntoIterator<Item = S>>(args: I) -> Self {
        let args = args.into_iter().map(|text| {
            let text = text.into();
            Arg {
                keyword: keyword_length(&text),
                text,
                taken: None,
            }
        });
        Self {
            args: args.collect(),
            asked: Vec::new(),
        }
    }
}

/// Splits a configuration at its commas; comments become spaces, and an empty argument at the end does not count.
pub(crate) fn split(config: &str) -> Vec<String> {
    split_in_place(config).map(|(arg, _)| arg).collect()
}

/// The same, and where in the configuration each argument is written, blanks and comments around it apart.
pub(crate) fn split_in_place(config: &str) -> impl Iterator<Item = (String, Range<usize>)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        if at >= config.len() {
            return None;
        }
        let (arg, place, end) = uncomment_until(config, at, Some(b','));
        at = end + 1;
        (!arg.is_empty() || end < config.len()).then_some((arg, place))
    })
}

/// Whether `words` stand in a text without being part of longer ones.
fn has_words(text: &str, words: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(words).any(|(at, _)| {
        let (before, behind) = (&text[..at], &text[at + words.len()..]);
        !(before.ends_with(joins) && words.starts_with(joins)
            || behind.starts_with(joins) && words.ends_with(joins))
    })
}

/// The words of one argument, split at white space that is not quoted, as written.
#[must_use]
pub fn split_words(arg: &str) -> Vec<&str> {
    words(arg)
}

/// Joins arguments to a configuration string that [`split`]s into them again.
pub(crate) fn join(args: &[String]) -> String {
    let mut config = args.join(", ");
    if args.last().is_some_and(String::is_empty) {
        config.push(',');
    }
    config
}

/// Length of the word at the start of an argument, if more follows after white space.
fn keyword_length(arg: &str) -> usize {
    let bytes = arg.as_bytes();
    if !bytes
        .first()
        .is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_')
    {
        return 0;
    }
    let word = bytes
        .iter()
        .take_while(|b| is_word(**b) || matches!(b, b':' | b'.' | b'?' | b'!'))
        .count();
    let space = bytes[word..].iter().take_while(|b| is_space(**b)).count();
    if space > 0 && word + space < bytes.len() {
        word
    } else {
        0
    }
}

impl fmt::Display for ArgError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { keyword } => write!(f, "expected an argument {keyword}, found none"),
            Self::TooMany { text } => {
                let shown = unquote_text(text).unwrap_or_else(|| text.clone());
                write!(f, "too many arguments: `{shown}` is not expected")
            }
            Self::UnknownKeyword { keyword, known } => {
                write!(f, "unknown keyword `{keyword}`")?;
                match suggest::nearest(keyword, known.iter().map(String::as_str)) {
                    Some(near) => write!(f, ": did you mean `{near}`?"),
                    None if known.is_empty() => f.write_str(": no keyword is known here"),
                    None => write!(f, " (known here: {})", known.join(", ")),
                }
            }
        }
    }
}

impl std::error::Error for ArgError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_at_commas_that_are_not_quoted() {
        assert_eq!(split("a, b, c"), ["a", "b", "c"]);
        assert_eq!(split("  a /*?*/ b,  c, "), ["a b", "c"]);
        assert_eq!(split("\"x, y\" // ?"), ["\"x, y\""]);
        assert_eq!(split("a, , b"), ["a", "", "b"]);
        assert_eq!(split("(a, b)"), ["(a", "b)"]);
        assert_eq!(split(r"\<2c /* , */ 2c>, x"), [r"\<2c /* , */ 2c>", "x"]);
        assert!(split("  // nothing").is_empty());
        assert_eq!(split(","), [""]);
    }

    #[test]
    fn join_is_undone_by_split() {
        for args in [
            vec![],
            vec![""],
            vec!["a"],
            vec!["a", ""],
            vec!["", "b"],
            vec!["a", "", ""],
        ] {
            let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
            assert_eq!(split(&join(&args)), args);
        }
    }

    #[test]
    fn positional_arguments_come_before_keywords() {
        let mut args = Args::split("1, 2, KEY v");
        assert_eq!(args.take("KEY").as_deref(), Some("v"));
        assert_eq!(args.take_or_positional("A").as_deref(), Some("1"));
        assert_eq!(args.take_positional().as_deref(), Some("2"));
        assert_eq!(args.take_positional(), None);
        assert_eq!(args.finish(), Ok(()));
    }

    #[test]
    fn what_looks_like_a_keyword_is_positional_only_where_it_must_be() {
        let mut args = Args::split("ip proto 6");
        assert_eq!(args.take_or_positional("X"), None);
        assert_eq!(args.take_mandatory("X").as_deref(), Ok("ip proto 6"));
        assert_eq!(
            args.take_mandatory("Y"),
            Err(ArgError::Missing {
                keyword: "Y".into()
            })
        );
    }

    #[test]
    fn the_last_of_a_repeated_keyword_counts() {
        let mut args = Args::split("N 1, N 2");
        assert_eq!(args.take("N").as_deref(), Some("2"));
        assert_eq!(args.finish(), Ok(()));
    }

    #[test]
    fn leftovers_are_errors() {
        let mut args = Args::split("LIMT 3");
        assert_eq!(args.take("LIMIT"), None);
        let error = args.finish().map_err(|e| e.to_string());
        assert_eq!(
            error,
            Err("unknown keyword `LIMT`: did you mean `LIMIT`?".into())
        );
        let error = Args::split("\"5\"").finish().map_err(|e| e.to_string());
        assert_eq!(error, Err("too many arguments: `5` is not expected".into()));
    }

    #[test]
    fn all_leftovers_are_told_with_their_numbers() {
        let mut args = Args::split("a, LIMIT 1, b, X y");
        assert_eq!(args.take("LIMIT").as_deref(), Some("1"));
        let numbers: Vec<_> = args.leftovers().map(|(number, _)| number).collect();
        assert_eq!(numbers, [0, 2, 3]);
    }

    #[test]
    fn an_argument_is_found_by_its_value_if_it_is_the_only_one() {
        let args = Args::split("5, N 5, 10.0.0.1/8, -7, \"a b\", 55, , M q7");
        for (value, number) in [
            ("10.0.0.1/8", Some(2)),
            ("-7", Some(3)),
            ("a b", Some(4)),
            ("M q7", Some(7)),
            ("8", Some(2)),
            ("5", None),
            ("", None),
            ("x", None),
            ("7", Some(3)),
        ] {
            assert_eq!(args.holding(value), number, "{value}");
        }
    }

    #[test]
    fn arguments_have_places() {
        let config = " a b /* c */ ,, \"d, e\"// f\n";
        let places: Vec<_> = split_in_place(config).collect();
        let texts: Vec<_> = places.iter().map(|(_, at)| &config[at.clone()]).collect();
        assert_eq!(texts, ["a b", "", "\"d, e\""]);
    }

    #[test]
    fn rest_takes_everything_left() {
        let mut args = Args::split("allow tcp, NAME x, drop all");
        assert_eq!(args.take("NAME").as_deref(), Some("x"));
        assert_eq!(args.take_rest(), ["allow tcp", "drop all"]);
        assert_eq!(args.iter().count(), 3);
        assert_eq!(split_words("allow  'a b'"), ["allow", "'a b'"]);
    }
}

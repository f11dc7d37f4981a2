//! Configuration strings as arguments, for whoever instantiates an element.

use std::ops::Range;

use crate::quote::{uncomment_until, words};
use crate::scan::{is_space, is_word};
use crate::{ArgError, ArgMistake};

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
    /// Each keyword that was asked for, and the number of the argument that was taken for it.
    asked: Vec<(String, Option<usize>)>,
    refused: Vec<ArgMistake>,
    /// Whoever reads knows no more keywords.
    finished: bool,
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

    /// Takes the next positional argument that does not look like a keyword argument, with its number from 0.
    pub fn take_positional(&mut self) -> Option<(usize, String)> {
        let next = self.next_positional();
        let (number, arg) = next.filter(|(_, arg)| arg.keyword == 0)?;
        arg.taken = Some(Taken::ByPosition);
        Some((number, arg.text.clone()))
    }

    /// Takes all that is left, for elements whose arguments have a language of their own.
    pub fn take_rest(&mut self) -> Vec<String> {
        self.take_numbered_rest()
            .into_iter()
            .map(|(_, text)| text)
            .collect()
    }

    /// The same, each with its number from 0, by which it can be [refused](Self::refuse_number).
    pub fn take_numbered_rest(&mut self) -> Vec<(usize, String)> {
        let left = self.args.iter_mut().enumerate();
        let left = left.filter(|(_, arg)| arg.taken.is_none());
        left.map(|(number, arg)| {
            arg.taken = Some(Taken::ByPosition);
            (number, arg.text.clone())
        })
        .collect()
    }

    /// Takes all that is left, reads each, and refuses those that cannot be read.
    ///
    /// ```
    /// use waypost_graph_text::Args;
    ///
    /// let mut args = Args::split("1, two, 3, four");
    /// let read = |text: &str| text.parse::<u8>().map_err(|_| format!("`{text}` is no number"));
    /// assert_eq!(args.read_rest(read), [1, 3]);
    /// let mistakes = args.mistakes().into_iter().map(|it| (it.number, it.error.to_string()));
    /// assert!(mistakes.eq([
    ///     (Some(1), "`two` is no number".to_owned()),
    ///     (Some(3), "`four` is no number".to_owned()),
    /// ]));
    /// ```
    pub fn read_rest<T, E: Into<ArgError>>(
        &mut self,
        mut read: impl FnMut(&str) -> Result<T, E>,
    ) -> Vec<T> {
        let mut all = Vec::new();
        for (number, text) in self.take_numbered_rest() {
            match read(&text) {
                Ok(value) => all.push(value),
                Err(error) => self.refuse_number(number, error),
            }
        }
        all
    }

    /// The number, from 0, of the argument that was taken by this keyword.
    #[must_use]
    pub fn number_of(&self, keyword: &str) -> Option<usize> {
        let mut asked = self.asked.iter().rev();
        asked.find_map(|(it, number)| number.filter(|_| it == keyword))
    }

    /// Says that something is wrong with the argument that was taken by this keyword, or with its absence. Reading goes on: all
    /// mistakes in the arguments of an element are told at once.
    pub fn refuse(&mut self, keyword: &str, error: impl Into<ArgError>) {
        let (number, error) = (self.number_of(keyword), error.into());
        self.refused.push(ArgMistake { number, error });
    }

    /// The same of an argument by its number.
    pub fn refuse_number(&mut self, number: usize, error: impl Into<ArgError>) {
        let (number, error) = (Some(number), error.into());
        self.refused.push(ArgMistake { number, error });
    }

    /// Ends the reading of arguments: what has not been taken is known to nobody.
    ///
    /// # Errors
    /// The first of the [`mistakes`](Self::mistakes).
    pub fn finish(&mut self) -> Result<(), ArgError> {
        self.finished = true;
        match self.mistakes().into_iter().next() {
            Some(mistake) => Err(mistake.error),
            None => Ok(()),
        }
    }

    /// All that is wrong, in the order of the arguments, and behind it what is of no argument: what
    /// was refused and, once the reading has [ended](Self::finish), what nobody asked for.
    #[must_use]
    pub fn mistakes(&self) -> Vec<ArgMistake> {
        let mut mistakes = self.refused.clone();
        if self.finished {
            let left = self.args.iter().enumerate();
            let left = left.filter(|(_, arg)| arg.taken.is_none());
            mistakes.extend(left.map(|(number, arg)| ArgMistake {
                number: Some(number),
                error: self.unknown(arg),
            }));
        }
        mistakes.sort_by_key(|it| it.number.unwrap_or(usize::MAX));
        mistakes
    }

    /// What is said of an argument that nobody asked for.
    fn unknown(&self, arg: &Arg) -> ArgError {
        let text = arg.text.clone();
        if arg.keyword == 0 {
            return ArgError::TooMany { text };
        }
        let mut known: Vec<_> = self.asked.iter().map(|(word, _)| word.clone()).collect();
        known.sort();
        known.dedup();
        ArgError::UnknownKeyword {
            keyword: text[..arg.keyword].to_owned(),
            known,
        }
    }

    fn find(&mut self, keyword: &str, positional: bool, mandatory: bool) -> Option<String> {
        let mut found = None;
        for (number, arg) in self.args.iter_mut().enumerate() {
            if arg.taken.is_none() && arg.keyword > 0 && arg.text[..arg.keyword] == *keyword {
                arg.taken = Some(Taken::ByKeyword);
                let value = arg.text[arg.keyword..]
                    .trim_start_matches(|c: char| c.is_ascii() && is_space(c as u8));
                found = Some((number, value.to_owned()));
            }
        }
        if positional && found.is_none() {
            let next = self.next_positional();
            found = next
                .filter(|(_, arg)| arg.keyword == 0 || mandatory)
                .map(|(number, arg)| {
                    arg.taken = Some(Taken::ByPosition);
                    (number, arg.text.clone())
                });
        }
        let (number, value) = found.unzip();
        self.asked.push((keyword.to_owned(), number));
        value
    }

    /// The next argument by position, with its number: none once a keyword argument stands there that has been taken.
    fn next_positional(&mut self) -> Option<(usize, &mut Arg)> {
        let mut args = self.args.iter_mut().enumerate();
        let next = args.find(|(_, arg)| arg.taken != Some(Taken::ByPosition));
        next.filter(|(_, arg)| arg.taken.is_none())
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
            ..Self::default()
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
        assert_eq!(args.take_positional(), Some((1, "2".to_owned())));
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

    fn numbers(args: &Args) -> Vec<Option<usize>> {
        let mistakes = args.mistakes().into_iter();
        mistakes.map(|it| it.number).collect()
    }

    #[test]
    fn all_mistakes_are_told_with_their_numbers() {
        let mut args = Args::split("5, LIMIT 5, 5, X y, LIMIT 5");
        assert_eq!(args.take("LIMIT").as_deref(), Some("5"));
        assert_eq!(args.take_or_positional("FIRST").as_deref(), Some("5"));
        assert_eq!(args.take("GONE"), None);
        for keyword in ["GONE", "LIMIT", "FIRST"] {
            args.refuse(keyword, "not that".to_owned());
        }
        // Somebody may still ask for the others.
        assert_eq!(numbers(&args), [Some(0), Some(4), None]);
        assert_eq!(args.finish().unwrap_err().to_string(), "not that");
        let all = [Some(0), Some(2), Some(3), Some(4), None];
        assert_eq!(numbers(&args), all);
        assert!(args.finish().is_err());
        assert_eq!(numbers(&args), all);
    }

    #[test]
    fn an_argument_is_known_by_what_it_was_taken_for() {
        let mut args = Args::split("5, 5, N 5, N 6");
        for (keyword, number) in [("A", Some(0)), ("N", Some(3)), ("B", Some(1)), ("C", None)] {
            let _ = args.take_or_positional(keyword);
            assert_eq!(args.number_of(keyword), number, "{keyword}");
        }
        // Asked for again it is not there any more, but it was.
        assert_eq!(args.take("N"), None);
        assert_eq!(args.number_of("N"), Some(3));
        assert_eq!(args.number_of("D"), None);
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

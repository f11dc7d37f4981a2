//! Arguments of a compound to its parameters.

use crate::args::join;
use crate::body::Parameter;
use crate::scan::{is_space, is_word};

/// The keyword that collects the arguments no other parameter takes.
const REST: &str = "__REST__";

/// Why arguments do not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// Too few or too many: wanted, given, and whether it may be more.
    Count { wanted: usize, given: usize },
    /// Keywords that must be given and are not.
    Missing(Vec<String>),
    /// A keyword, or argument, that is not known behind the first keyword.
    Unknown(String),
}

/// The value of each parameter. Positional parameters and keywords are all mandatory; of a keyword given twice the last
/// counts; `__REST__` collects what is left over.
pub(crate) fn assign(parameters: &[Parameter], args: &[String]) -> Result<Vec<String>, Misfit> {
    let positional = parameters
        .iter()
        .take_while(|p| p.keyword.is_none())
        .count();
    let keywords: Vec<Option<&str>> = parameters.iter().map(|p| p.keyword.as_deref()).collect();
    let rest = keywords.iter().position(|k| *k == Some(REST));
    let mut values: Vec<Option<String>> = vec![None; parameters.len()];
    let (mut given, mut any_keyword, mut left) = (0, false, Vec::new());
    for arg in args {
        if given >= positional && positional < parameters.len() {
            let (word, value) = split_keyword(arg).unwrap_or_default();
            let matching = keywords
                .iter()
                .position(|k| *k == Some(word) && word != REST && !word.is_empty());
            if let Some(i) = matching {
                values[i] = Some(value.to_owned());
                any_keyword = true;
                continue;
            }
            if any_keyword {
                if rest.is_none() {
                    return Err(Misfit::Unknown(if word.is_empty() {
                        arg.clone()
                    } else {
                        word.to_owned()
                    }));
                }
                left.push(arg.clone());
                continue;
            }
        }
        if given < positional {
            values[given] = Some(arg.clone());
        } else {
            left.push(arg.clone());
        }
        given += 1;
    }
    if given < positional || (given > positional && rest.is_none()) {
        return Err(Misfit::Count {
            wanted: positional,
            given,
        });
    }
    if let Some(rest) = rest {
        values[rest] = Some(join(&left));
    }
    let missing = parameters
        .iter()
        .zip(&values)
        .filter(|(_, value)| value.is_none());
    let missing: Vec<String> = missing.filter_map(|(p, _)| p.keyword.clone()).collect();
    if missing.is_empty() {
        Ok(values.into_iter().flatten().collect())
    } else {
        Err(Misfit::Missing(missing))
    }
}

/// `KEYWORD value` as its two parts; the value may be empty.
fn split_keyword(arg: &str) -> Option<(&str, &str)> {
    let end = arg.bytes().position(is_space).unwrap_or(arg.len());
    let word = &arg[..end];
    let fits = !word.is_empty()
        && word
            .bytes()
            .all(|b| is_word(b) || matches!(b, b'.' | b':' | b'?' | b'!'));
    let space = |c: char| c.is_ascii() && is_space(c as u8);
    fits.then(|| (word, arg[end..].trim_start_matches(space)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(parameters: &str, args: &[&str]) -> Result<Vec<String>, Misfit> {
        let parameters: Vec<Parameter> = parameters
            .split_whitespace()
            .map(|k| Parameter {
                keyword: (k != "_").then(|| k.to_owned()),
                name: "v".into(),
            })
            .collect();
        assign(
            &parameters,
            &args.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>(),
        )
    }

    #[test]
    fn positional_arguments_are_counted() {
        assert_eq!(
            run("_ _", &["1", "A 2"]),
            Ok(vec!["1".into(), "A 2".into()])
        );
        assert_eq!(
            run("_ _", &["1"]),
            Err(Misfit::Count {
                wanted: 2,
                given: 1
            })
        );
        assert_eq!(
            run("", &["1"]),
            Err(Misfit::Count {
                wanted: 0,
                given: 1
            })
        );
        assert_eq!(run("", &[]), Ok(vec![]));
    }

    #[test]
    fn keywords_are_mandatory_and_the_last_counts() {
        assert_eq!(
            run("_ N", &["1", "N 2", "N  3"]),
            Ok(vec!["1".into(), "3".into()])
        );
        assert_eq!(run("_ N", &["1"]), Err(Misfit::Missing(vec!["N".into()])));
        assert_eq!(
            run("N M", &["N 1", "X 2", "M 3"]),
            Err(Misfit::Unknown("X".into()))
        );
        assert_eq!(
            run("N", &["X 2", "N 3"]),
            Err(Misfit::Count {
                wanted: 0,
                given: 1
            })
        );
        assert_eq!(run("N", &["N"]), Ok(vec![String::new()]));
    }

    #[test]
    fn rest_takes_what_is_left() {
        assert_eq!(
            run("_ C __REST__", &["1", "2", "C 3", "F 4"]),
            Ok(vec!["1".into(), "3".into(), "2, F 4".into()])
        );
        assert_eq!(run("__REST__", &[]), Ok(vec![String::new()]));
        assert_eq!(run("__REST__", &["a", "b c"]), Ok(vec!["a, b c".into()]));
    }
}

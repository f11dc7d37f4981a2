//! What can be wrong with arguments.

use std::fmt;

use crate::quote::unquote_text;
use crate::suggest;

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
        /// What nobody asked for.
        text: String,
    },
    /// A keyword that the element does not know.
    UnknownKeyword {
        /// The keyword as written.
        keyword: String,
        /// The keywords that the element asked for.
        known: Vec<String>,
    },
    /// The element cannot use what was given.
    Refused {
        /// What was expected, and what was found.
        message: String,
        /// What to do.
        help: Option<String>,
    },
}

/// Something that is wrong with an element's arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgMistake {
    /// The argument's number, from 0; `None` if it is of none, or of several.
    pub number: Option<usize>,
    /// What it is.
    pub error: ArgError,
}

impl ArgError {
    /// What to do about it, where the message does not say so.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        match self {
            Self::Refused { help, .. } => help.as_deref(),
            _ => None,
        }
    }
}

impl From<String> for ArgError {
    fn from(message: String) -> Self {
        Self::Refused {
            message,
            help: None,
        }
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
            Self::Refused { message, .. } => f.write_str(message),
        }
    }
}

impl std::error::Error for ArgError {}

//! What may be asked of elements and told to them while they run.

use std::fmt;

/// A handler of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handler {
    /// Its name.
    pub name: &'static str,
    /// Whether it is read, written, or both.
    pub access: Access,
    /// How the answers of the copies on several workers make one.
    pub merge: Merge,
    /// What it says or does, in a sentence.
    pub doc: &'static str,
}

impl Handler {
    /// A handler that says something; the first worker's answer stands for all.
    pub const fn read(name: &'static str, doc: &'static str) -> Self {
        Self {
            name,
            access: Access::Read,
            merge: Merge::First,
            doc,
        }
    }

    /// A handler that says a number, which is the sum of all workers'.
    pub const fn sum(name: &'static str, doc: &'static str) -> Self {
        Self {
            name,
            access: Access::Read,
            merge: Merge::Sum,
            doc,
        }
    }

    /// A handler that does something, on all workers.
    pub const fn write(name: &'static str, doc: &'static str) -> Self {
        Self {
            name,
            access: Access::Write,
            merge: Merge::First,
            doc,
        }
    }

    /// A handler that says what it was told.
    pub const fn read_write(name: &'static str, doc: &'static str) -> Self {
        Self {
            name,
            access: Access::ReadWrite,
            merge: Merge::First,
            doc,
        }
    }

    /// Whether it answers reads.
    pub fn is_read(&self) -> bool {
        self.access != Access::Write
    }

    /// Whether it takes writes.
    pub fn is_write(&self) -> bool {
        self.access != Access::Read
    }
}

/// What may be done with a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read it.
    Read,
    /// Write it.
    Write,
    /// Both.
    ReadWrite,
}

/// How the answers of the copies of an element make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// The first worker's stands for all.
    First,
    /// Numbers: their sum.
    Sum,
    /// One after the other.
    Lines,
}

impl Merge {
    /// Makes one answer of those of all workers.
    pub fn of(self, answers: Vec<String>) -> String {
        match self {
            Self::First => answers.into_iter().next().unwrap_or_default(),
            Self::Lines => {
                let answers: Vec<_> = answers.into_iter().filter(|it| !it.is_empty()).collect();
                answers.join("\n")
            }
            Self::Sum => {
                let numbers: Option<Vec<f64>> =
                    answers.iter().map(|it| it.trim().parse().ok()).collect();
                let integers: Option<Vec<u64>> =
                    answers.iter().map(|it| it.trim().parse().ok()).collect();
                match (integers, numbers) {
                    (Some(integers), _) => integers.iter().sum::<u64>().to_string(),
                    (None, Some(numbers)) => numbers.iter().sum::<f64>().to_string(),
                    (None, None) => answers.join("\n"),
                }
            }
        }
    }
}

/// A handler refused, in words that say what was expected and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandlerError(String);

impl HandlerError {
    /// A refusal in words.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// There is no such handler.
    pub fn unknown(handler: &str) -> Self {
        Self(format!("no handler `{handler}`"))
    }
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for HandlerError {}

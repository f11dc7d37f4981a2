//! Where the lines of the log go.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::files::{NewFile, cannot};

/// A log that is being written.
pub(crate) enum Log {
    Nowhere,
    Output(BufWriter<io::Stdout>),
    File(Box<NewFile>, BufWriter<File>),
}

impl Log {
    /// Into a file, or to standard output (`-`), or nowhere.
    pub(crate) fn create(path: Option<&Path>) -> Result<Self, String> {
        match path {
            None => Ok(Self::Nowhere),
            Some(path) if path == Path::new("-") => {
                // Standard output alone would be written with each line.
                let stream = BufWriter::with_capacity(1 << 16, io::stdout());
                Ok(Self::Output(stream))
            }
            Some(path) => {
                let (file, stream) = NewFile::create(path)?;
                Ok(Self::File(Box::new(file), stream))
            }
        }
    }

    pub(crate) fn line(&mut self, line: &str) -> Result<(), String> {
        match self {
            Self::Nowhere => Ok(()),
            Self::Output(stream) => {
                // A reader that went away is no error.
                let _ = writeln!(stream, "{line}");
                Ok(())
            }
            Self::File(file, stream) => {
                writeln!(stream, "{line}").map_err(|error| cannot(file.path(), &error))
            }
        }
    }

    /// All of it is there.
    pub(crate) fn finish(self) -> Result<(), String> {
        match self {
            Self::Nowhere => Ok(()),
            Self::Output(mut stream) => {
                let _ = stream.flush();
                Ok(())
            }
            Self::File(file, mut stream) => {
                let flushed = stream.flush();
                flushed.map_err(|error| cannot(file.path(), &error))?;
                file.keep()
            }
        }
    }
}

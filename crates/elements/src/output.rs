//! Files that elements write.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

/// A file that is there, and can be written, before the graph runs, and is emptied no sooner: a graph that is refused, or never
/// runs, leaves what was there as it was.
pub(crate) struct OutputFile {
    /// None where nothing is written.
    file: Option<File>,
    /// Where it was made, if it was not there before.
    made: Option<PathBuf>,
    begun: bool,
}

impl OutputFile {
    /// Takes what is written, and keeps none of it.
    pub(crate) const fn nowhere() -> Self {
        Self {
            file: None,
            made: None,
            begun: true,
        }
    }

    /// Opens a file, or makes it.
    pub(crate) fn open(path: PathBuf) -> io::Result<Self> {
        let mut options = File::options();
        options.write(true);
        let (file, made) = match options.clone().create_new(true).open(&path) {
            Ok(file) => (file, Some(path)),
            // Made if it is a symbolic link to what is not there.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                (options.create(true).truncate(false).open(&path)?, None)
            }
            Err(error) => return Err(error),
        };
        Ok(Self {
            file: Some(file),
            made,
            begun: false,
        })
    }

    /// Takes away what was there, unless that was done. Whoever writes need not call it before; its failure is then that of the
    /// first write.
    pub(crate) fn begin(&mut self) -> io::Result<()> {
        if let (Some(file), false) = (&self.file, self.begun) {
            // Devices and pipes hold nothing that could be taken away.
            if file.metadata()?.is_file() {
                file.set_len(0)?;
            }
            self.begun = true;
        }
        Ok(())
    }
}

impl Write for OutputFile {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.begin()?;
        match &mut self.file {
            Some(file) => file.write(octets),
            None => Ok(octets.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), File::flush)
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if let (Some(path), false) = (&self.made, self.begun) {
            // It was made for nothing.
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_is_kept_until_it_begins() {
        let path = std::env::temp_dir().join(format!("waypost-output-{}", std::process::id()));
        let open = || OutputFile::open(path.clone()).unwrap();
        let unused = open();
        assert!(path.exists());
        drop(unused);
        assert!(!path.exists());
        open().begin().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"");
        open().write_all(b"before").unwrap();
        let mut file = open();
        drop(open());
        assert_eq!(fs::read(&path).unwrap(), b"before");
        file.begin().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"");
        file.write_all(b"now").unwrap();
        file.begin().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"now");
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn what_cannot_be_written_is_told_when_it_is_opened() {
        let folder = std::env::temp_dir();
        assert!(OutputFile::open(folder.join("waypost-no-folder/x")).is_err());
        assert!(OutputFile::open(folder).is_err());
        OutputFile::open("/dev/null".into())
            .unwrap()
            .write_all(b"gone")
            .unwrap();
    }
}

//! Files that appear under their names when they are whole.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A file that is being written: beside its place, until it is [kept](Self::keep). Dropped before, it leaves nothing. What is no
/// plain file, such as a pipe or a device, is written where it is.
#[derive(Debug)]
pub(crate) struct NewFile {
    path: PathBuf,
    /// Where it is now.
    beside: Option<PathBuf>,
}

impl NewFile {
    /// Begins a file, and the folders that it is to be in.
    pub(crate) fn create(path: &Path) -> Result<(Self, BufWriter<File>), String> {
        let failed = |error| cannot(path, &error);
        if let Some(folder) = path.parent().filter(|it| !it.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(|error| {
                format!("cannot make the directory `{}`: {error}", folder.display())
            })?;
        }
        let is_special = fs::metadata(path).is_ok_and(|it| !it.is_file());
        let beside = (!is_special).then(|| beside(path));
        let file = match &beside {
            Some(beside) => File::create(beside),
            None => File::options().write(true).open(path),
        };
        let file = file.map_err(failed)?;
        let new = Self {
            path: path.to_owned(),
            beside,
        };
        Ok((new, BufWriter::with_capacity(1 << 16, file)))
    }

    /// Writes a whole file.
    pub(crate) fn write(path: &Path, octets: &[u8]) -> Result<(), String> {
        let (new, mut stream) = Self::create(path)?;
        let written = stream.write_all(octets).and_then(|()| stream.flush());
        written.map_err(|error| cannot(path, &error))?;
        new.keep()
    }

    /// Where it is to be.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its name, once all of it is with the operating system.
    pub(crate) fn keep(mut self) -> Result<(), String> {
        match self.beside.take() {
            None => Ok(()),
            Some(beside) => fs::rename(&beside, &self.path).map_err(|error| {
                // What could not be kept is not left lying about.
                let _ = fs::remove_file(&beside);
                cannot(&self.path, &error)
            }),
        }
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some(beside) = &self.beside {
            // There is nobody to tell that it cannot be removed.
            let _ = fs::remove_file(beside);
        }
    }
}

/// Why a file could not be written.
pub(crate) fn cannot(path: &Path, error: &io::Error) -> String {
    format!("cannot write `{}`: {error}", path.display())
}

fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}", std::process::id()))
}

//! Files that appear under their names when they are whole.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Files that are not whole, for [`remove_halves`].
static HALVES: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn halves() -> MutexGuard<'static, Vec<PathBuf>> {
    HALVES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes all files that are not whole, before the process ends without dropping anything. None begins or is kept any more.
pub(crate) fn remove_halves() {
    let halves = halves();
    for half in &*halves {
        let _ = fs::remove_file(half);
    }
    std::mem::forget(halves);
}

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
            Some(beside) => {
                let mut halves = halves();
                let file = File::create(beside);
                halves.extend(file.is_ok().then(|| beside.clone()));
                file
            }
            None => File::options().write(true).open(path),
        };
        let file = file.map_err(failed)?;
        let new = Self {
            path: path.to_owned(),
            beside,
        };
        Ok((new, BufWriter::with_capacity(1 << 16, file)))
    }

    /// Writes all that is to be in it.
    pub(crate) fn fill(self, mut stream: BufWriter<File>, octets: &[u8]) -> Result<(), String> {
        let written = stream.write_all(octets).and_then(|()| stream.flush());
        written.map_err(|error| cannot(&self.path, &error))?;
        self.keep()
    }

    /// Where it is to be.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its name, once all of it is with the operating system.
    pub(crate) fn keep(mut self) -> Result<(), String> {
        match self.beside.take() {
            None => Ok(()),
            Some(beside) => {
                let mut halves = halves();
                halves.retain(|it| *it != beside);
                fs::rename(&beside, &self.path).map_err(|error| {
                    // What could not be kept is not left lying about.
                    let _ = fs::remove_file(&beside);
                    cannot(&self.path, &error)
                })
            }
        }
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some(beside) = &self.beside {
            halves().retain(|it| it != beside);
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

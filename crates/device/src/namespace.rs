//! Opening devices in another network namespace.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use crate::{CallSubject, OpenError};

/// The network namespace in which a device is opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Namespace {
    /// That of the calling thread.
    #[default]
    Current,
    /// One with a name, as `ip netns` gives them.
    Named(String),
    /// One by a file that stands for it, such as `/proc/PID/ns/net`.
    Path(PathBuf),
}

impl Namespace {
    /// Runs `f` in the namespace: on a thread of its own, which alone changes over.
    pub(crate) fn run<T: Send>(
        &self,
        f: impl FnOnce() -> Result<T, OpenError> + Send,
    ) -> Result<T, OpenError> {
        let path = match self {
            Self::Current => return f(),
            Self::Named(name) => Path::new("/run/netns").join(name),
            Self::Path(path) => path.clone(),
        };
        let missing = |source| OpenError::NoNamespace {
            name: path.display().to_string(),
            source,
        };
        let file = File::open(&path).map_err(missing)?;
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                // SAFETY: the descriptor is open; the call changes this thread alone.
                if unsafe { libc::setns(file.as_raw_fd(), libc::CLONE_NEWNET) } != 0 {
                    return Err(OpenError::call(
                        &path.display().to_string(),
                        CallSubject::Namespace,
                        "entering the network namespace",
                        std::io::Error::last_os_error(),
                    ));
                }
                f()
            });
            match thread.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }
}

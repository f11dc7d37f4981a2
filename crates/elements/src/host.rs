//! What elements have of the machine that their graph runs on: where their files go, which time it is there, and where chance comes from.

use std::fs;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, RandomState};
use std::io;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::output::OutputFile;
use waypost_graph::{BuildCx, ConfigError, Instant};
use waypost_wire::WallTime;

/// The machine, or what stands in its place. Elements find it under [`KEY`](Self::KEY); where nobody shares one, files are written as
/// the text names them, the time is that of the machine's clock, and chance is the machine's. What a script prints on standard output is
/// no affair of it.
///
/// ```
/// use waypost_elements::{host::Host, registry};
/// use waypost_graph::{Options, Pool, Program, Source};
///
/// // Are all arguments well? Nothing is read or written, whatever is there already, and no interface is opened.
/// let source = Source::new("example.click", "FromDevice(eth0) -> ToDump(capture.pcap); FromDump(old.pcap) -> Discard;");
/// let registry = registry();
/// let program = Program::parse(&source, &registry, &mut Options::default())?;
/// let program = program.share(Host::KEY, Host::default().untouched());
/// assert!(program.instances(1, &Pool::builder().small(64).build()?).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Host {
    /// Where relative names begin; nothing where no file is written, and no interface opened.
    folder: Option<PathBuf>,
    /// The wall time at the graph's time 0; nothing where that is the clock's affair.
    epoch: Option<WallTime>,
    /// What chance begins with; nothing where nobody is to know it.
    seed: Option<u64>,
    /// Whether files are read.
    reads: bool,
}

impl Default for Host {
    /// The machine as it is.
    fn default() -> Self {
        Self {
            folder: Some(PathBuf::new()),
            epoch: None,
            seed: None,
            reads: true,
        }
    }
}

impl Host {
    /// What it is shared by.
    pub const KEY: &'static str = "the host of this graph";

    /// Files with relative names are written below a folder, which is made when the first is.
    #[must_use]
    pub fn files_below(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// What elements write goes nowhere, neither into files nor, as captures, to standard output, and interfaces are not opened, which need not
    /// even be there: for a graph that is built to be checked. Files that are read are opened, as ever.
    #[must_use]
    pub fn without_files(mut self) -> Self {
        self.folder = None;
        self
    }

    /// The same, and no file is read: a graph's elements can be made where their files are not, so that all mistakes in their
    /// arguments are told; such a graph is not to be run.
    #[must_use]
    pub fn untouched(mut self) -> Self {
        self.reads = false;
        self.without_files()
    }

    /// The time is the graph's own, whose time 0 is this.
    #[must_use]
    pub const fn since(mut self, epoch: WallTime) -> Self {
        self.epoch = Some(epoch);
        self
    }

    /// Chance is the same each time.
    #[must_use]
    pub const fn seeded(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// That of the graph that is being built.
    pub(crate) fn of(cx: &BuildCx<'_>) -> Result<Self, ConfigError> {
        let host = cx.shared(Self::KEY, || Ok(Self::default()))?;
        Ok((*host).clone())
    }

    /// Whether files are read.
    pub(crate) const fn reads(&self) -> bool {
        self.reads
    }

    /// Whether what elements write goes anywhere, and interfaces are opened.
    pub(crate) const fn is_touched(&self) -> bool {
        self.folder.is_some()
    }

    /// Opens a file to be written, which is as it was until its element begins.
    pub(crate) fn open(&self, name: &str) -> io::Result<OutputFile> {
        self.path(name)?
            .map_or_else(|| Ok(OutputFile::nowhere()), OutputFile::open)
    }

    /// Where a file is to be written, in a folder that is there; nothing where none is.
    pub(crate) fn path(&self, name: &str) -> io::Result<Option<PathBuf>> {
        let Some(folder) = &self.folder else {
            return Ok(None);
        };
        let path = folder.join(name);
        // Where nobody said a folder, one that is not there is a mistake.
        if let Some(parent) = path.parent().filter(|_| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(parent)?;
        }
        Ok(Some(path))
    }

    /// A number for an element, which strangers cannot guess: with it they would know which addresses collide in its tables.
    pub(crate) fn secret(&self, element: &str) -> u64 {
        match self.seed {
            Some(seed) => BuildHasherDefault::<DefaultHasher>::default().hash_one((seed, element)),
            None => RandomState::new().hash_one(element),
        }
    }

    /// Which time it is, at a time of the graph.
    pub(crate) fn time(&self, now: Instant) -> WallTime {
        let nanos = match self.epoch {
            Some(epoch) => epoch.as_unix_nanos().saturating_add(now.as_nanos()),
            None => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |time| time.as_nanos() as u64),
        };
        WallTime::from_unix_nanos(nanos)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_graph_has_a_time_of_its_own() {
        let epoch = WallTime::from_unix_nanos(1_000);
        let host = Host::default().since(epoch);
        assert_eq!(host.time(Instant::from_nanos(7)).as_unix_nanos(), 1_007);
        assert!(Host::default().time(Instant::ZERO) > epoch);
    }

    #[test]
    fn secrets_are_the_same_where_chance_is_seeded_alone() {
        let seeded = Host::default().seeded(7);
        assert_eq!(seeded.secret("arp"), seeded.clone().secret("arp"));
        assert_ne!(seeded.secret("arp"), seeded.secret("arp2"));
        assert_ne!(
            seeded.secret("arp"),
            Host::default().seeded(8).secret("arp")
        );
        let machine = Host::default();
        assert_ne!(machine.secret("arp"), machine.secret("arp"));
    }

    #[test]
    fn files_are_written_where_the_host_has_them() {
        let folder = std::env::temp_dir().join(format!("waypost-host-{}", std::process::id()));
        let host = Host::default().files_below(&folder);
        let checked = host.clone().without_files();
        checked.open("a/x").unwrap().write_all(b"lost").unwrap();
        assert!(!folder.exists());
        host.open("a/x").unwrap().write_all(b"kept").unwrap();
        assert_eq!(fs::read(folder.join("a/x")).unwrap(), b"kept");
        let _ = fs::remove_dir_all(&folder);
        // As a text says it, folders are there or not.
        let gone = folder.join("x");
        assert!(Host::default().open(gone.to_str().unwrap()).is_err());
    }
}

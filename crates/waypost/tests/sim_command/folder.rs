//! What the tests have in common.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::transcript::{transcript, waypost};

/// A folder of a test's own, which is gone with it.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("waypost-sim-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        fs::write(self.0.join(name), text).unwrap();
        name.to_owned()
    }

    /// Runs a command in the folder.
    pub(crate) fn sim(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = waypost(&["sim"]);
        command.args(words);
        command.current_dir(&self.0);
        command
    }

    /// Standard output, standard error but for what the clock says, and the status.
    pub(crate) fn said(&self, words: &[&str]) -> String {
        transcript(&self.sim(words), |text| {
            let lines = text.lines().filter(|it| !it.starts_with("took "));
            // What exactly the digest covers is the simulator's affair.
            let lines = lines.map(|line| match line.split_once("digest  ") {
                Some(("", digest)) if digest.len() == 16 => "digest  …",
                _ => line.trim_end(),
            });
            lines.collect::<Vec<_>>().join("\n")
        })
    }

    /// All files below a folder in it, with what is in them.
    pub(crate) fn files(&self, below: &str) -> Vec<(String, Vec<u8>)> {
        let mut files = Vec::new();
        for entry in fs::read_dir(self.0.join(below)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            files.push((name, fs::read(path).unwrap()));
        }
        files.sort();
        files
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn example(name: &str) -> String {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/sim");
    examples.join(name).display().to_string()
}

/// Two hosts that talk, over a wire that loses one frame of a hundred.
pub(crate) const TWO: &str = r#"
until = "10s"
[talker.a]
ask = ["b"]
[talker.b]
[link.wire]
ends = ["a", "b"]
delay = "5ms"
loss = "1%"
"#;

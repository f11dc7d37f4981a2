//! What `cargo metadata` knows of the workspace, and how a chore calls cargo.

use std::error::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// The workspace: where it is and what it consists of.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// A member of the workspace.
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) directory: PathBuf,
    /// All but dev-dependencies.
    pub(crate) dependencies: Vec<Dependency>,
    /// The root files of its library and its programs, without tests, examples and benches.
    pub(crate) roots: Vec<PathBuf>,
}

/// What a package depends on outside its tests.
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Whether it is a package of this workspace.
    pub(crate) ours: bool,
    /// The platform or `cfg` that it is needed on, if not all.
    pub(crate) target: Option<String>,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn load() -> Result<Self, Box<dyn Error>> {
        let output = Command::new(cargo())
            .args(["metadata", "--format-version=1", "--no-deps", "--locked"])
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| format!("expected to run `cargo metadata`: {error}"))?;
        if !output.status.success() {
            return Err("`cargo metadata --locked` failed: is Cargo.lock up to date?".into());
        }
        let metadata: Value = serde_json::from_slice(&output.stdout)?;
        let packages = list(&metadata["packages"])
            .iter()
            .map(Package::read)
            .collect();
        Ok(Self {
            root: path(&metadata["workspace_root"]),
            target: path(&metadata["target_directory"]),
            packages,
        })
    }

    /// A cargo command in the root of the workspace, with the lock file binding.
    pub(crate) fn cargo(&self, subcommand: &str) -> Command {
        let mut command = Command::new(cargo());
        command.current_dir(&self.root).arg(subcommand);
        if subcommand != "fmt" {
            command.arg("--locked");
        }
        command
    }

    /// Whether the workspace has a package of this name.
    pub(crate) fn has(&self, package: &str) -> bool {
        self.packages.iter().any(|other| other.name == package)
    }
}

impl Package {
    fn read(value: &Value) -> Self {
        let manifest = path(&value["manifest_path"]);
        let dependencies = list(&value["dependencies"])
            .iter()
            .filter(|dependency| dependency["kind"].as_str() != Some("dev"))
            .map(|dependency| Dependency {
                name: text(&dependency["name"]),
                ours: dependency["path"].is_string(),
                target: dependency["target"].as_str().map(str::to_owned),
            })
            .collect();
        let is_product = |target: &&Value| {
            list(&target["kind"])
                .iter()
                .any(|kind| matches!(kind.as_str(), Some("lib" | "bin" | "proc-macro")))
        };
        let roots = list(&value["targets"])
            .iter()
            .filter(is_product)
            .map(|target| path(&target["src_path"]))
            .collect();
        Self {
            name: text(&value["name"]),
            directory: manifest.parent().map(Path::to_path_buf).unwrap_or_default(),
            dependencies,
            roots,
        }
    }
}

/// This program's own file. Cargo may have built it anew since it was started: then the new one stands where it was.
pub(crate) fn this_program() -> std::io::Result<PathBuf> {
    let this = std::env::current_exe()?;
    let before = this.to_str().and_then(|it| it.strip_suffix(" (deleted)"));
    Ok(before.map_or_else(|| this.clone(), PathBuf::from))
}

/// Runs a command whose output goes to the terminal, and fails with what was run.
pub(crate) fn run(command: &mut Command) -> Result<(), Box<dyn Error>> {
    let status = command
        .status()
        .map_err(|error| format!("expected to run {}: {error}", describe(command)))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{} failed: {status}", describe(command)).into())
    }
}

/// The command as one would type it.
fn describe(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut line = vec![
        program
            .file_name()
            .unwrap_or(program.as_os_str())
            .to_string_lossy(),
    ];
    line.extend(
        command
            .get_args()
            .map(|argument| argument.to_string_lossy()),
    );
    format!("`{}`", line.join(" "))
}

/// The cargo that runs this program.
fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn path(value: &Value) -> PathBuf {
    PathBuf::from(value.as_str().unwrap_or_default())
}

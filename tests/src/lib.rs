//! Hosts in network namespaces, for end-to-end tests and for the demo.
//!
//! A [`Net`] makes namespaces of its own, with names that nobody else has, and takes them down when it is
//! dropped. If its process is killed, a small watcher does it: it waits for the end of a pipe.
#![forbid(unsafe_code)]

pub mod crossing;

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Namespaces, and what connects them.
#[derive(Debug)]
pub struct Net {
    prefix: String,
    watcher: Option<Child>,
}

/// A host: a network namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    namespace: String,
}

/// Takes down all namespaces of a prefix: first whoever still runs in them, then themselves; last their files.
const TAKE_DOWN: &str = r#"read -r line; for name in $(ip netns list | cut -d' ' -f1 | grep "^$0"); do
ip netns pids "$name" | xargs -r kill -9; ip netns del "$name"; done; rm -rf "$1""#;

impl Net {
    /// A net without hosts.
    ///
    /// # Errors
    /// This process may not make namespaces: the message says what to do.
    pub fn new() -> Result<Self, String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Self::with_prefix(format!("wp{:x}.{count}-", std::process::id()))
    }

    /// A net whose namespaces have names that begin so.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn with_prefix(prefix: String) -> Result<Self, String> {
        let watcher = Command::new("sh")
            .args(["-c", TAKE_DOWN, &prefix])
            .arg(folder(&prefix))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A signal to the terminal's processes must not reach it.
            .process_group(0)
            .spawn()
            .map_err(|error| format!("cannot run sh: {error}"))?;
        let net = Self {
            prefix,
            watcher: Some(watcher),
        };
        let probe = Host {
            namespace: format!("{}probe", net.prefix),
        };
        ip(&["netns", "add", &probe.namespace]).map_err(|error| {
            format!("network namespaces cannot be made here ({error}): run as root")
        })?;
        ip(&["netns", "del", &probe.namespace])?;
        Ok(net)
    }

    /// A host, with its loopback up.
    ///
    /// # Errors
    /// What `ip` said.
    pub fn host(&self, name: &str) -> Result<Host, String> {
        let host = Host {
            namespace: format!("{}{name}", self.prefix),
        };
        ip(&["netns", "add", &host.namespace])?;
        host.ip("link set lo up")?;
        // Unasked-for neighbour and router solicitations would stand in every count.
        host.sysctl("net.ipv6.conf.default.disable_ipv6", "1")?;
        Ok(host)
    }

    /// A cable between two interfaces, which it makes, and sets up.
    ///
    /// # Errors
    /// What `ip` said.
    pub fn link(&self, left: (&Host, &str), right: (&Host, &str)) -> Result<(), String> {
        self.link_of_queues(left, right, 1)
    }

    /// The same, with so many queues in each direction.
    ///
    /// # Errors
    /// What `ip` said.
    pub fn link_of_queues(
        &self,
        left: (&Host, &str),
        right: (&Host, &str),
        queues: u32,
    ) -> Result<(), String> {
        let (left_name, right_name) = (left.1, right.1);
        let queues = format!("numrxqueues {queues} numtxqueues {queues}");
        left.0.ip(&format!(
            "link add {left_name} {queues} type veth peer name {right_name} netns {} {queues}",
            right.0.namespace
        ))?;
        left.0.ip(&format!("link set {left_name} up"))?;
        right.0.ip(&format!("link set {right_name} up"))
    }

    /// A folder for files that go when this is dropped.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn folder(&self) -> Result<PathBuf, String> {
        let folder = folder(&self.prefix);
        std::fs::create_dir_all(&folder)
            .map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        Ok(folder)
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        if let Some(mut watcher) = self.watcher.take() {
            drop(watcher.stdin.take());
            let _ = watcher.wait();
        }
    }
}

impl Host {
    /// The namespace's name.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// A command that runs in the host.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace, program]);
        command
    }

    /// `ip` with these words, in the host.
    ///
    /// # Errors
    /// What `ip` said.
    pub fn ip(&self, words: &str) -> Result<(), String> {
        let mut all = vec!["-n", &self.namespace];
        all.extend(words.split_whitespace());
        ip(&all)
    }

    /// Sets a kernel variable of the host.
    ///
    /// # Errors
    /// The kernel has no such variable, or refuses.
    pub fn sysctl(&self, name: &str, value: &str) -> Result<(), String> {
        let path = format!("/proc/sys/{}", name.replace('.', "/"));
        let script = format!("echo {value} > {path}");
        succeed(self.command("sh").args(["-c", &script]))
    }

    /// Runs a command line in the host, and waits for it.
    ///
    /// # Errors
    /// It could not be started.
    pub fn run(&self, line: &str) -> Result<Output, String> {
        let mut words = line.split_whitespace();
        let program = words.next().unwrap_or("true");
        let mut command = self.command(program);
        command.args(words).stdin(Stdio::null());
        command
            .output()
            .map_err(|error| format!("cannot run `{line}`: {error}"))
    }

    /// What the host's interface has for a link address.
    ///
    /// # Errors
    /// There is no such interface.
    pub fn link_address(&self, interface: &str) -> Result<String, String> {
        let output = self.run(&format!("cat /sys/class/net/{interface}/address"))?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Starts a command that ends with the value returned.
    ///
    /// # Errors
    /// It could not be started.
    pub fn spawn(&self, command: &mut Command) -> Result<Running, String> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        Ok(Running {
            child: child.map_err(|error| format!("cannot start {command:?}: {error}"))?,
        })
    }
}

/// A process that ends with this value.
#[derive(Debug)]
pub struct Running {
    child: Child,
}

impl Running {
    /// Reads its output up to a line that has `text` in it; returns what was read.
    ///
    /// # Errors
    /// It ended without such a line.
    pub fn wait_for(&mut self, text: &str) -> Result<String, String> {
        let (mut seen, mut byte) = (Vec::new(), [0]);
        let output = self.child.stdout.as_mut().ok_or("its output is taken")?;
        loop {
            match output.read(&mut byte) {
                Ok(0) => {
                    break Err(format!(
                        "it ended without `{text}`: {}",
                        String::from_utf8_lossy(&seen)
                    ));
                }
                Ok(_) => seen.push(byte[0]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(format!("its output cannot be read: {error}")),
            }
            if byte[0] == b'\n' && String::from_utf8_lossy(&seen).contains(text) {
                break Ok(String::from_utf8_lossy(&seen).into_owned());
            }
        }
    }

    /// Its output from here on, for somebody else to read.
    pub fn take_output(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Asks it to stop, as Ctrl-C does, waits, and returns the rest of its output.
    ///
    /// # Errors
    /// It failed.
    pub fn stop(mut self) -> Result<String, String> {
        let id = rustix::process::Pid::from_child(&self.child);
        // It may have ended by itself.
        let _ = rustix::process::kill_process(id, rustix::process::Signal::INT);
        self.finish()
    }

    /// Waits for its end, and returns the rest of its output.
    ///
    /// # Errors
    /// It failed.
    pub fn finish(&mut self) -> Result<String, String> {
        let mut rest = String::new();
        if let Some(mut output) = self.child.stdout.take() {
            output
                .read_to_string(&mut rest)
                .map_err(|error| error.to_string())?;
        }
        let status = self.child.wait().map_err(|error| error.to_string())?;
        if status.success() {
            Ok(rest)
        } else {
            Err(format!("it failed with {status}: {rest}"))
        }
    }

    /// Its process number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It is ours; it may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program of this workspace that was built beside the running one.
///
/// # Errors
/// It was not built: the message says how to.
pub fn program(name: &str) -> Result<PathBuf, String> {
    let here = std::env::current_exe().map_err(|error| error.to_string())?;
    let folders = here.ancestors().skip(1).take(3);
    let found = folders
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    found.ok_or_else(|| format!("`{name}` is not built: cargo build --workspace --bins"))
}

/// Says loudly that a test did not run, and why; in CI (`CI=true`) that is a failure.
///
/// # Panics
/// In CI, where nothing may be skipped.
pub fn skip(why: &str) {
    let in_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    assert!(!in_ci, "nothing is skipped in CI: {why}");
    let _ = writeln!(io::stderr(), "\n*** SKIPPED: {why} ***\n");
}

fn folder(prefix: &str) -> PathBuf {
    std::env::temp_dir().join(prefix)
}

fn ip(words: &[&str]) -> Result<(), String> {
    succeed(Command::new("ip").args(words))
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run {command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let words: Vec<_> = command
        .get_args()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    Err(format!(
        "`{} {}`: {}",
        command.get_program().to_string_lossy(),
        words.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    ))
}

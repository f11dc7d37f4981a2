//! The demo as its users run it: to its end, kept up, interrupted, and killed; as root, and without.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use crate::Outcome;
use crate::demo;
use crate::prerequisites::{Missing, absent_for_demo, is_root};
use crate::workspace::{Workspace, this_program};

/// MiB of the stream in a demo that runs to its end.
const STREAM_MIB: u64 = 64;

/// A demo that says nothing for so long hangs.
const PATIENCE: Duration = Duration::from_secs(300);

/// What the scene of the simulation says.
const SIMULATED: [&str; 5] = [
    "    110 nodes, of 11 sites in a ring: a router, a switch and 8 hosts each.\n",
    "at ring0: lost\n",
    "at ring5: down\n",
    "    once nothing was wrong any more: 2640 sent, 2640 answered\n",
    "The same seed gave the same run: its digest, and each octet of its 3 files.\n",
];

/// What the demo's interfaces are called.
const INTERFACES: [&str; 3] = ["eth0", "port0", "port1"];

/// Who runs the demo.
#[derive(Clone, Copy, PartialEq, Eq)]
enum User {
    Root,
    Nobody,
}

/// How it ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Own,
    /// By Ctrl-C, after its own end, when it stays up and somebody has played with it.
    Kept,
    /// By Ctrl-C in the middle, which a terminal gives to all processes of the group.
    Interrupted,
    /// Alone, without a chance to take anything down.
    Killed,
}

/// Runs it in every way, and says loudly which ways are not possible here.
pub(super) fn run(workspace: &Workspace, missing: Missing) -> Outcome {
    let mut users = Vec::new();
    for user in [User::Root, User::Nobody] {
        match user.may_run() {
            Ok(()) => users.push(user),
            Err(why) if missing == Missing::Fail => {
                return Err(format!("nothing is skipped in CI: the demo {user}: {why}").into());
            }
            Err(why) => println!("\n*** SKIPPED: the demo {user}: {why} ***\n"),
        }
    }
    demo::build(workspace)?;
    play_without_namespaces(workspace)?;
    println!("the demo where there are no namespaces: as it should be");
    for user in users {
        for end in [End::Own, End::Kept, End::Interrupted, End::Killed] {
            play(user, end).map_err(|why| format!("the demo {user}, {end}: {why}"))?;
            println!("the demo {user}, {end}: as it should be, and nothing is left of it");
        }
    }
    Ok(())
}

impl User {
    /// The user's command line.
    fn command(self, words: &[&str]) -> Command {
        // The third descriptor goes on to every process of the demo: its last end is the end of the last of them.
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$@\" 2>&1 3>&1", "sh"]);
        // A script that runs the tests in the background has its processes ignore Ctrl-C.
        command.args(["env", "--default-signal=INT"]);
        if self == Self::Nobody && is_root() {
            // In a namespace where root is nobody, since another user may not be allowed to read what root has built.
            command.args(["unshare", "--user", "--map-user=65534"]);
            command.arg("--map-group=65534");
        }
        command.args(words).stdin(Stdio::null());
        command
    }

    /// Why this user cannot run it here.
    fn may_run(self) -> Result<(), String> {
        let absent = absent_for_demo();
        if !absent.is_empty() {
            return Err(format!("not installed: {}", absent.join(", ")));
        }
        let probe: &[&str] = match self {
            Self::Root if !is_root() => return Err("this is not root".to_owned()),
            Self::Root => &["unshare", "--net", "--mount", "true"],
            Self::Nobody => &[
                "unshare",
                "--user",
                "--map-root-user",
                "--net",
                "--mount",
                "true",
            ],
        };
        let said = self.command(probe).output();
        let said = said.map_err(|error| format!("cannot run sh: {error}"))?;
        if said.status.success() {
            return Ok(());
        }
        let why = String::from_utf8_lossy(&said.stdout).into_owned();
        Err(format!("no namespaces can be made: {}", why.trim()))
    }
}

/// Runs it once, and looks at what it said and at what it left.
fn play(user: User, end: End) -> Result<(), Box<dyn std::error::Error>> {
    let this = this_program()?;
    let this = this.to_str().ok_or("a path that is no text")?;
    let stream = STREAM_MIB.to_string();
    let words: &[&str] = match end {
        End::Own => &[this, "demo", "--built", "--stream", &stream],
        End::Kept => &[this, "demo", "--built", "--keep", "--stream", &stream],
        // The whole stream, in the middle of which it ends.
        _ => &[this, "demo", "--built"],
    };
    let before = interfaces();
    let mut child = user
        .command(words)
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let output = child.stdout.take().ok_or("its output is taken")?;
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    let (mut said, mut played) = (String::new(), false);
    loop {
        match lines.recv_timeout(PATIENCE) {
            Ok(line) => {
                if line.starts_with("left sends") && line.ends_with("by TCP:") && end != End::Kept {
                    end.bring(child.id())?;
                }
                if end == End::Kept && line.contains(" ip netns exec ") && line.contains(" ping ") {
                    ping_as_told(&line)?;
                    played = true;
                } else if played && line.contains("busiest now: ") {
                    // What was played with was seen.
                    if let Some(status) = child.try_wait()? {
                        return Err(format!("it does not stay: {status}:\n{said}").into());
                    }
                    end.bring(child.id())?;
                    played = false;
                }
                said.push_str(&line);
                said.push('\n');
            }
            // Nobody is left who could write.
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                // It is ours; it may have ended, and others of it hang.
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("it hangs, or a process of it does:\n{said}").into());
            }
        }
    }
    let status = child.wait()?;
    let mut wrong = end.wrong_in(status, &said, user);
    wrong.extend(left_over(child.id(), &before));
    match wrong.as_slice() {
        [] => Ok(()),
        wrong => Err(format!("{}; it said:\n{said}", wrong.join("; ")).into()),
    }
}

/// Runs it by a user who is not root and has no program that makes namespaces, or one that may not change them: the simulation
/// alone, which is all that was asked for, and beside the router's scene, whose absence is a failure.
fn play_without_namespaces(workspace: &Workspace) -> Outcome {
    let this = this_program()?;
    let this = this.to_str().ok_or("a path that is no text")?;
    let mut cases = vec![
        ("PATH=/nowhere".to_owned(), &["simulation"][..], true),
        ("PATH=/nowhere".to_owned(), &[], false),
    ];
    let user = match User::Nobody.may_run() {
        Ok(()) => {
            cases.push((without_mounts(workspace)?, &[], false));
            User::Nobody
        }
        // Whoever this is.
        Err(_) => User::Root,
    };
    for (path, scenes, is_all) in cases {
        let words = [&["env", &path, this, "demo", "--built"], scenes].concat();
        let output = user.command(&words).output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        let mut wrong: Vec<_> = SIMULATED
            .into_iter()
            .filter(|text| !said.contains(text))
            .map(|text| format!("`{text}` is missing"))
            .collect();
        if output.status.success() != is_all {
            wrong.push(format!("it ended with {}", output.status));
        }
        if !is_all && !said.contains("error: the scene `router` was left out: ") {
            wrong.push("it does not say that a scene was left out".to_owned());
        }
        if !wrong.is_empty() {
            let wrong = wrong.join("; ");
            return Err(format!("the demo without namespaces: {wrong}; it said:\n{said}").into());
        }
    }
    Ok(())
}

/// A search path on which `mount` always fails, as where a user may make namespaces and nothing in them.
fn without_mounts(workspace: &Workspace) -> Result<String, Box<dyn std::error::Error>> {
    let folder = workspace.target.join("demo/without-mounts");
    fs::create_dir_all(&folder)?;
    let link = folder.join("mount");
    let _ = fs::remove_file(&link);
    std::os::unix::fs::symlink("/bin/false", link)?;
    let others = std::env::var("PATH")?;
    Ok(format!("PATH={}:{others}", folder.display()))
}

/// Plays with what was left up, as the demo says.
fn ping_as_told(line: &str) -> Result<(), String> {
    let line = format!("{line} -c 3 -W 10");
    let said = Command::new("sh").args(["-c", &line]).output();
    let said = said.map_err(|error| format!("cannot run sh: {error}"))?;
    let text = String::from_utf8_lossy(&said.stdout);
    if text.contains("3 packets transmitted, 3 received, 0% packet loss") {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&said.stderr);
    Err(format!("`{line}` failed: {text}{errors}"))
}

impl End {
    /// Sends the signal that ends it so.
    fn bring(self, process: u32) -> Result<(), String> {
        let (signal, to) = match self {
            Self::Own => return Ok(()),
            Self::Kept | Self::Interrupted => ("INT", format!("-{process}")),
            Self::Killed => ("KILL", process.to_string()),
        };
        let script = format!("kill -s {signal} -- {to}");
        let status = Command::new("sh").args(["-c", &script]).status();
        match status {
            Ok(status) if status.success() => Ok(()),
            _ => Err(format!("`{script}` failed")),
        }
    }

    /// What is not as it should be in the exit status and in what was said.
    fn wrong_in(self, status: ExitStatus, said: &str, user: User) -> Vec<String> {
        let is_right = match self {
            Self::Own => status.success(),
            Self::Kept | Self::Interrupted => status.signal() == Some(2),
            Self::Killed => status.signal() == Some(9),
        };
        let mut wrong = Vec::new();
        if !is_right {
            wrong.push(format!("it ended with {status}"));
        }
        let mut expect = |text: &str| {
            if !said.contains(text) {
                wrong.push(format!("`{text}` is missing"));
            }
        };
        if user == User::Nobody {
            expect("not root: running in a user namespace of its own");
        }
        expect("5 packets transmitted, 5 received, 0% packet loss");
        expect("From 10.1.0.1 icmp_seq=1 Time to live exceeded");
        expect("From 10.1.0.1 icmp_seq=1 Destination Net Unreachable");
        expect("    busiest now: ");
        if matches!(self, Self::Own | Self::Kept) {
            expect("    packets dropped in the router: ");
            expect("        3 at leave_a/DropBroadcasts@1: link broadcast\n");
            expect("        2 at b/neighbors: neighbour not resolved\n");
            expect("answered with an ICMP error instead: 4\n");
            expect("        3 at no_route\n");
            expect("        1 at leave_b/expired\n");
            expect("the way of two packets through the graph:");
            expect("datagrams: 5000 sent, 5000 arrived with the right content, 0 with another");
            expect("Everything that was sent from host to host has arrived as it was;");
            SIMULATED.into_iter().for_each(&mut expect);
            let after = |word: &str| said.lines().find_map(|line| line.trim().strip_prefix(word));
            let (sent, came) = (after("stream: sent "), after("came "));
            let octets = format!("{} octets digest ", STREAM_MIB << 20);
            if sent != came || !sent.is_some_and(|sent| sent.starts_with(&octets)) {
                wrong.push(format!(
                    "of the stream was sent {sent:?}, and came {came:?}"
                ));
            }
        } else if said.contains("sent and arrived:") {
            wrong.push("it was over before the signal came".to_owned());
        }
        wrong
    }
}

/// What is left of the demo of a process.
fn left_over(process: u32, before: &BTreeSet<String>) -> Vec<String> {
    let prefix = format!("waypost-demo-{process}-");
    let mut left = Vec::new();
    for (folder, what) in [
        ("/run/netns".into(), "the namespace"),
        (std::env::temp_dir(), "the folder"),
    ] {
        let ours = names_in(&folder).into_iter();
        let ours = ours.filter(|name| name.starts_with(&prefix));
        left.extend(ours.map(|name| format!("{what} {name} is left")));
    }
    for id in names_in("/proc".as_ref()) {
        // Those that have ended meanwhile have none.
        let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(&prefix) {
            left.push(format!("process {id} is left: {line}"));
        }
    }
    for name in interfaces().difference(before) {
        if INTERFACES.contains(&name.as_str()) {
            left.push(format!("the interface {name} is left"));
        }
    }
    left
}

fn interfaces() -> BTreeSet<String> {
    names_in("/sys/class/net".as_ref()).into_iter().collect()
}

/// What is in a folder; nothing is in one that does not exist.
fn names_in(folder: &std::path::Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.collect()
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Root => "as root",
            Self::Nobody => "without root",
        })
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Own => "to its end",
            Self::Kept => "kept up",
            Self::Interrupted => "interrupted",
            Self::Killed => "killed",
        })
    }
}

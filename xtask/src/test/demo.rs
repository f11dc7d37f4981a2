//! The demo as its users run it: to its end, kept up, interrupted, and killed; as root, and without.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
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

/// How often somebody pings, three times each, until all is there that is to see it.
const TRIES: usize = 10;

/// What the scene of the simulation says.
const SIMULATED: [&str; 5] = [
    "    110 nodes, of 11 sites in a ring: a router, a switch and 8 hosts each.\n",
    "at ring0: lost\n",
    "at ring5: down\n",
    "    once nothing was wrong any more: 2640 sent, 2640 answered\n",
    "The same seed gave the same run: its digest, and each octet of its 3 files.\n",
];

/// After this line come those that a user may type while it stays up: so many, the last of which ends it.
const TOLD: &str = "hosts and router stay up until Ctrl-C. In another terminal, for example:";
const TOLD_LINES: usize = 3;

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
    /// By the line that it tells for that, when it stays up.
    Told,
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
        for end in [
            End::Own,
            End::Kept,
            End::Told,
            End::Interrupted,
            End::Killed,
        ] {
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

/// One that runs; what was found wrong leaves none behind.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        // It is ours; it may have ended, and others of it hang.
        let _ = self.0.kill();
        let _ = self.0.wait();
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
        End::Told => &[
            this, "demo", "router", "--built", "--keep", "--stream", &stream,
        ],
        // The whole stream, in the middle of which it ends.
        _ => &[this, "demo", "--built"],
    };
    let before = interfaces();
    let mut command = user.command(words);
    let child = command.stdout(Stdio::piped()).process_group(0).spawn()?;
    let mut demo = Demo(child);
    let child = &mut demo.0;
    let output = child.stdout.take().ok_or("its output is taken")?;
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    let (mut said, mut told, mut played) = (String::new(), Vec::new(), false);
    loop {
        match lines.recv_timeout(PATIENCE) {
            Ok(line) => {
                if line.starts_with("left sends") && line.ends_with("by TCP:") && !end.stays() {
                    end.bring(child.id())?;
                }
                if line.starts_with(TOLD) {
                    told.push(line.clone());
                } else if !told.is_empty() && line.starts_with("    ") && told.len() <= TOLD_LINES {
                    told.push(line.clone());
                    if told.len() > TOLD_LINES {
                        play_as_told(&told[1..TOLD_LINES])?;
                        played = true;
                    }
                } else if played && line.contains("busiest now: ") {
                    // What was played with was seen.
                    if let Some(status) = child.try_wait()? {
                        return Err(format!("it does not stay: {status}:\n{said}").into());
                    }
                    match end {
                        End::Told => run_line(&told[TOLD_LINES])?,
                        _ => end.bring(child.id())?,
                    }
                    played = false;
                }
                said.push_str(&line);
                said.push('\n');
            }
            // Nobody is left who could write.
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
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

/// Plays with what was left up, as the demo says: with all lines at once, as if each had a terminal of its own. One pings and
/// one shows what crosses; both go on until they are stopped.
fn play_as_told(lines: &[String]) -> Result<(), String> {
    let [ping, print] = lines else {
        return Err(format!("expected two lines to play with: {lines:?}"));
    };
    let mut printing = Command::new("sh")
        // The shell becomes the program that is to be stopped.
        .args(["-c", &format!("exec {}", print.trim())])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot run sh: {error}"))?;
    let output = printing.stderr.take();
    let seen = std::thread::spawn(move || {
        let (mut seen, mut asked, mut answered) = (String::new(), false, false);
        for line in output.into_iter().flat_map(|it| BufReader::new(it).lines()) {
            let line = line.unwrap_or_default();
            asked |= line.contains("10.1.0.2 > 10.2.0.2: icmp echo (");
            answered |= line.contains("10.2.0.2 > 10.1.0.2: icmp echo-reply (");
            seen.push_str(&line);
            seen.push('\n');
            if asked && answered {
                break;
            }
        }
        (asked && answered, seen)
    });
    // It pings until the other line has begun to show what crosses.
    let mut pinged = Ok(());
    for _ in 0..TRIES {
        pinged = ping_as_told(ping);
        if pinged.is_err() || seen.is_finished() {
            break;
        }
    }
    // It is ours.
    let _ = printing.kill();
    let _ = printing.wait();
    let (is_right, seen) = seen.join().unwrap_or_default();
    pinged?;
    if !is_right {
        return Err(format!("`{}` shows no pings: {seen}", print.trim()));
    }
    Ok(())
}

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

/// Runs a line as the demo says it, and waits for it.
fn run_line(line: &str) -> Result<(), String> {
    match Command::new("sh").args(["-c", line]).status() {
        Ok(status) if status.success() => Ok(()),
        _ => Err(format!("`{}` failed", line.trim())),
    }
}

impl End {
    /// Whether the demo is asked to stay up.
    const fn stays(self) -> bool {
        matches!(self, Self::Kept | Self::Told)
    }

    /// Sends the signal that ends it so.
    fn bring(self, process: u32) -> Result<(), String> {
        let (signal, to) = match self {
            Self::Own | Self::Told => return Ok(()),
            Self::Kept | Self::Interrupted => ("INT", format!("-{process}")),
            Self::Killed => ("KILL", process.to_string()),
        };
        run_line(&format!("kill -s {signal} -- {to}"))
    }

    /// What is not as it should be in the exit status and in what was said.
    fn wrong_in(self, status: ExitStatus, said: &str, user: User) -> Vec<String> {
        let is_right = match self {
            Self::Own | Self::Told => status.success(),
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
        match user {
            User::Root => expect("the router reads and writes its ports by AF_XDP\n"),
            User::Nobody => {
                expect("not root: running in a user namespace of its own");
                expect("ports by AF_PACKET, since AF_XDP is refused here: port0: ");
                expect("it needs CAP_BPF and CAP_NET_ADMIN outside of any user namespace");
            }
        }
        expect("5 packets transmitted, 5 received, 0% packet loss");
        expect("From 10.1.0.1 icmp_seq=1 Time to live exceeded");
        expect("From 10.1.0.1 icmp_seq=1 Destination Net Unreachable");
        expect("    busiest now: ");
        if matches!(self, Self::Own | Self::Kept | Self::Told) {
            expect("    packets dropped in the router: ");
            expect("        3 at leave_a/DropBroadcasts@1: link broadcast\n");
            expect("        2 at b/neighbors: neighbour not resolved\n");
            expect("answered with an ICMP error instead: 4\n");
            expect("        3 at no_route\n");
            expect("        1 at leave_b/expired\n");
            expect("the way of two packets through the graph:");
            expect("datagrams: 5000 sent, 5000 arrived with the right content, 0 with another");
            expect("Everything that was sent from host to host has arrived as it was;");
            if self != Self::Told {
                SIMULATED.into_iter().for_each(&mut expect);
            }
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
            Self::Told => "kept up and ended as it says",
            Self::Interrupted => "interrupted",
            Self::Killed => "killed",
        })
    }
}

//! `cargo xtask demo`: two Linux hosts talk through a router that is a graph.

mod screen;

use std::error::Error;
use std::os::unix::process::CommandExt;
use std::process::Command;

use waypost_tests::crossing::{Crossing, LEFT, Over, RIGHT};
use waypost_tests::{Net, Running};

use crate::Outcome;
use crate::prerequisites::{self, is_root};
use crate::suggest;
use crate::workspace::{Workspace, run as run_command, this_program};
use screen::Screen;

const HELP: &str = "\
Two Linux hosts and a router between them, each in a network namespace of its own. The router is the graph
`examples/router.click`; what crosses it is real traffic of the hosts' kernels.

Usage: cargo xtask demo [OPTIONS]

  --keep        leave hosts and router up, and say how to play with them
  --stream MIB  how many MiB go by TCP (default 1024)
  --built       run the programs as they were built last: build and install nothing
";

/// The programs that run in it.
const PROGRAMS: [&str; 2] = ["waypost", "waypost-peer"];

/// Set where the command runs as root of its own user namespace.
const OWN_ROOT: &str = "WAYPOST_DEMO_OWN_ROOT";

/// MiB of the stream, unless the command line says otherwise.
const STREAM_MIB: u32 = 1024;
/// Datagrams of 1000 octets.
const DATAGRAMS: u64 = 5000;

/// What the command line asks for.
struct Wish {
    keep: bool,
    stream_mib: u32,
    built: bool,
}

impl Wish {
    /// Reads the command line; `None` asks for help.
    fn read(arguments: &[String]) -> Result<Option<Self>, Box<dyn Error>> {
        let mut wish = Self {
            keep: false,
            stream_mib: STREAM_MIB,
            built: false,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--keep" => wish.keep = true,
                "--built" => wish.built = true,
                "--help" | "-h" => return Ok(None),
                "--stream" => {
                    let value = arguments.next().map(|value| value.parse());
                    let Some(Ok(mib)) = value else {
                        return Err("--stream: expected a whole number of MiB".into());
                    };
                    wish.stream_mib = mib;
                }
                other => {
                    let known = ["--keep", "--stream", "--built", "--help"];
                    let hint = suggest::hint(other, known);
                    return Err(format!("unknown option `{other}`{hint}").into());
                }
            }
        }
        Ok(Some(wish))
    }
}

pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Outcome {
    let Some(wish) = Wish::read(arguments)? else {
        print!("{HELP}");
        return Ok(());
    };
    // The one that this process was started by has seen to that.
    if std::env::var_os(OWN_ROOT).is_none() && !wish.built {
        prerequisites::for_demo()?;
        build(workspace)?;
    }
    // The programs that were built now, wherever this one lies.
    let built = workspace.target.join("release");
    for program in PROGRAMS {
        if !built.join(program).is_file() {
            let path = built.join(program);
            return Err(format!("{} is not built: leave --built away", path.display()).into());
        }
    }
    if !is_root() {
        return as_own_root();
    }
    scene(&built.display().to_string(), &wish)
}

/// Builds the programs that the demo runs.
pub(crate) fn build(workspace: &Workspace) -> Outcome {
    println!("building…");
    let mut build = workspace.cargo("build");
    build.args(["--release", "--quiet"]);
    for program in PROGRAMS {
        build.args(["--bin", program]);
    }
    let packages = ["--package", "waypost", "--package", "waypost-tests"];
    run_command(build.args(packages))
}

/// Runs the command again as root of a user namespace of its own.
fn as_own_root() -> Outcome {
    let unshare = |words: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--net", "--mount"]);
        command.args(words);
        command
    };
    let lacking = |error: std::io::Error| {
        format!("cannot run unshare (Debian: util-linux): {error}; or run as root")
    };
    let probe = unshare(&["true"]).output().map_err(lacking)?;
    if !probe.status.success() {
        let why = String::from_utf8_lossy(&probe.stderr).into_owned();
        return Err(format!(
            "not root, and this user may not make namespaces here ({}): run as root",
            why.trim()
        )
        .into());
    }
    println!(
        "not root: running in a user namespace of its own. There AF_PACKET works, which the router uses anyway;\n\
         `ip netns` outside does not see the hosts."
    );
    let this = this_program()?;
    let mut again = unshare(&["sh", "-c"]);
    again.env(OWN_ROOT, "1");
    again.arg("mount -t tmpfs tmpfs /run && exec \"$0\" \"$@\"");
    again.arg(this).args(std::env::args_os().skip(1));
    Err(lacking(again.exec()).into())
}

fn scene(built: &str, wish: &Wish) -> Outcome {
    let net = Net::with_prefix(format!("waypost-demo-{}-", std::process::id()))?;
    let crossing = Crossing::new(net, Over::AfPacket)?.built_in(built);
    let screen = Screen::new();
    screen.say(format!(
        "\n  {LEFT} ── eth0 [left] ══ port0 [router: examples/router.click] port1 ══ [right] eth0 ── {RIGHT}\n"
    ));
    if wish.keep {
        let router = crossing.route(&["--statistics"])?;
        play(&screen, &crossing, wish.stream_mib)?;
        return stay(router, crossing);
    }
    let mut router = crossing.route(&["--watch", "--statistics", "--trace", "a/kinds:2"])?;
    let output = router.take_output().ok_or("the router's output is taken")?;
    let follower = screen.follow(output);
    let seen = play(&screen, &crossing, wish.stream_mib)?;
    router.stop()?;
    let rest = follower.join().unwrap_or_default();
    let table = rest
        .iter()
        .position(|line| line.starts_with("element "))
        .unwrap_or(rest.len());
    screen.say("\nthe way of two packets through the graph:");
    screen.say(indented(&rest[..table].join("\n")));
    screen.say("what each element has counted, and why packets were dropped there:");
    screen.say(indented(&rest[table..].join("\n")));
    screen.say(format!("sent and arrived:\n{seen}"));
    let drops: Vec<&String> = rest[table..]
        .iter()
        .filter(|line| line.contains(" × "))
        .collect();
    screen.say(match drops.len() {
        0 => "    packets dropped in the router: none".to_owned(),
        _ => format!(
            "    packets dropped in the router, by reason: {}, see above",
            drops.len()
        ),
    });
    if !seen.is_whole() {
        return Err("what arrived is not what was sent".into());
    }
    screen.say("\nEverything that was sent has arrived as it was.");
    Ok(())
}

/// What was sent, and what of it has arrived.
struct Seen {
    pings: String,
    datagrams: (u64, u64),
    sent: String,
    came: String,
}

impl Seen {
    fn is_whole(&self) -> bool {
        self.sent == self.came
            && self.datagrams == (DATAGRAMS, 0)
            && self.pings.contains(" 0% packet loss")
    }
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (right, wrong) = self.datagrams;
        writeln!(f, "    pings: {}", self.pings)?;
        writeln!(
            f,
            "    datagrams: {DATAGRAMS} sent, {right} arrived with the right content, {wrong} with another"
        )?;
        writeln!(f, "    stream: sent {}", self.sent)?;
        write!(f, "            came {}", self.came)
    }
}

/// The traffic.
fn play(screen: &Screen, crossing: &Crossing, stream_mib: u32) -> Result<Seen, Box<dyn Error>> {
    let ping = |words: &str| -> Result<String, String> {
        let said = crossing.left.run(&format!("ping -W 5 {words} {RIGHT}"))?;
        Ok(String::from_utf8_lossy(&said.stdout).into_owned())
    };
    screen.say("left pings right:");
    let pings = ping("-c 5 -i 0.2")?;
    screen.say(indented(&pings));
    screen.say("left asks with one hop to go:");
    screen.say(indented(&ping("-c 1 -t 1")?));

    screen.say(format!("left sends {DATAGRAMS} datagrams by UDP:"));
    let datagrams = crossing.udp(DATAGRAMS)?;
    screen.say(format!(
        "    {} arrived with the right content",
        datagrams.0
    ));

    screen.say(format!("left sends {stream_mib} MiB by TCP:"));
    let begun = std::time::Instant::now();
    let stream = u64::from(stream_mib) << 20;
    let (sent, came) = crossing.tcp(stream)?;
    let rate = stream as f64 * 8.0 / begun.elapsed().as_secs_f64() / 1e9;
    screen.say(format!(
        "    {rate:.2} Gbit/s, both hosts and the router on this machine"
    ));
    let pings = pings
        .lines()
        .find(|line| line.contains("packet loss"))
        .unwrap_or("no answer")
        .to_owned();
    Ok(Seen {
        pings,
        datagrams,
        sent,
        came,
    })
}

/// Leaves everything up.
fn stay(router: Running, crossing: Crossing) -> Outcome {
    let number = router.detach();
    let (left, router) = (crossing.left.namespace(), crossing.router.namespace());
    // Names of namespaces are known only where they were made.
    let inside = if std::env::var_os(OWN_ROOT).is_some() {
        format!("nsenter --target {number} --user --preserve-credentials --mount ")
    } else {
        String::new()
    };
    println!("\nleft up; the router is process {number}. For example:");
    println!("    {inside}ip netns exec {left} ping {RIGHT}");
    println!("    {inside}ip netns exec {router} tcpdump -i port0");
    println!("    kill -USR1 {number}          # the router prints what it has counted");
    println!("to take it down:");
    println!(
        "    {inside}sh -c '{}'",
        crossing.net.keep().replace('\'', "'\\''")
    );
    Ok(())
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

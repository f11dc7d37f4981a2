//! `cargo xtask demo`: two Linux hosts talk through a router that is a graph.

mod account;
mod screen;
mod traffic;

use std::error::Error;
use std::os::unix::process::CommandExt;
use std::process::Command;

use waypost_tests::Net;
use waypost_tests::crossing::{Crossing, LEFT, Over, RIGHT};

use crate::Outcome;
use crate::prerequisites::{self, is_root};
use crate::suggest;
use crate::workspace::{Workspace, run as run_command, this_program};
use account::Account;
use screen::{Screen, indented};
use traffic::TO_BE_DROPPED;

const HELP: &str = "\
Two Linux hosts and a router between them, each in a network namespace of its own. The router is the graph
`examples/router.click`; what crosses it is real traffic of the hosts' kernels.

Usage: cargo xtask demo [OPTIONS]

  --keep        leave hosts and a router up afterwards, until Ctrl-C, and say how to play with them
  --stream MIB  how many MiB go by TCP (default 1024)
  --built       run the programs as they were built last: build and install nothing
";

/// The programs that run in it.
const PROGRAMS: [&str; 2] = ["waypost", "waypost-peer"];

/// Set where the command runs as root of its own user namespace.
const OWN_ROOT: &str = "WAYPOST_DEMO_OWN_ROOT";

/// MiB of the stream, unless the command line says otherwise.
const STREAM_MIB: u32 = 1024;

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
    let mut router = crossing.route(&["--watch", "--statistics", "--trace", "a/kinds:2"])?;
    let output = router.take_output().ok_or(TAKEN)?;
    let follower = screen.follow(output);
    let seen = traffic::play(&screen, &crossing, wish.stream_mib)?;
    router.stop()?;
    let rest = follower.join().unwrap_or_default();
    let table = rest
        .iter()
        .position(|line| line.starts_with("element "))
        .unwrap_or(rest.len());
    screen.say("\nthe way of two packets through the graph:");
    screen.say(indented(&rest[..table].join("\n")));
    say_counted(&screen, &rest[table..]);
    let account = Account::read(&rest[table..]);
    screen.say(format!("sent and arrived:\n{seen}\n{account}"));
    if !seen.is_whole() {
        return Err("what arrived is not what was sent".into());
    }
    match account.wrong(&TO_BE_DROPPED).as_slice() {
        [] => (),
        wrong => return Err(wrong.join("; ").into()),
    }
    screen.say("\nEverything that was sent from host to host has arrived as it was; nothing else was lost than had to be.");
    if wish.keep {
        return stay(&screen, &crossing);
    }
    Ok(())
}

const TAKEN: &str = "the router's output is taken";

fn say_counted(screen: &Screen, table: &[String]) {
    screen.say("what each element has counted, and why packets were dropped there:");
    screen.say(indented(&table.join("\n")));
}

/// Has a router run, with its rates on the screen, until it ends or Ctrl-C ends all.
fn stay(screen: &Screen, crossing: &Crossing) -> Outcome {
    let mut running = crossing.route(&["--watch", "--statistics"])?;
    let number = running.id();
    let (left, router) = (crossing.left.namespace(), crossing.router.namespace());
    // Names of namespaces are known only where they were made.
    let inside = if std::env::var_os(OWN_ROOT).is_some() {
        format!("nsenter --target {number} --user --preserve-credentials --mount ")
    } else {
        String::new()
    };
    screen.say(format!(
        "
hosts and router stay up until Ctrl-C. In another terminal, for example:
    {inside}ip netns exec {left} ping {RIGHT}
    {inside}ip netns exec {router} tcpdump -i port0
    kill -INT {number}          # ends all as well, and shows what the router has counted until then"
    ));
    let output = running.take_output().ok_or(TAKEN)?;
    let counted = screen.follow(output).join().unwrap_or_default();
    running.finish()?;
    say_counted(screen, &counted);
    Ok(())
}

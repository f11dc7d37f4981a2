//! `cargo xtask demo`: two Linux hosts talk through a router that is a graph.

use std::os::unix::process::CommandExt;
use std::process::Command;

use waypost_tests::Net;
use waypost_tests::crossing::{Crossing, LEFT, Over, RIGHT};

use crate::Outcome;
use crate::prerequisites::{self, Missing, Need};
use crate::suggest;
use crate::workspace::{Workspace, run as run_command};

const HELP: &str = "\
Two Linux hosts and a router between them, each in a network namespace of its own. The router is the graph
`examples/router.click`; what crosses it is real traffic of the hosts' kernels.

Usage: cargo xtask demo [OPTIONS]

  --keep    leave hosts and router up, and say how to play with them
";

/// Octets of the stream.
const STREAM: u64 = 1 << 30;
/// Datagrams of 1000 octets.
const DATAGRAMS: u64 = 5000;

pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Outcome {
    let mut keep = false;
    for argument in arguments {
        match argument.as_str() {
            "--keep" => keep = true,
            "--help" | "-h" => {
                print!("{HELP}");
                return Ok(());
            }
            other => {
                let hint = suggest::hint(other, ["--keep", "--help"]);
                return Err(format!("unknown option `{other}`{hint}").into());
            }
        }
    }
    prerequisites::check(&[Need::Test], Missing::Tell)?;
    println!("building…");
    let packages = ["--package", "waypost", "--package", "waypost-tests"];
    run_command(
        workspace
            .cargo("build")
            .args(["--release", "--quiet", "--bins"])
            .args(packages),
    )?;
    // The programs that were built now, wherever this one lies.
    let built = workspace.target.join("release");
    if !is_root() {
        return as_own_root();
    }
    scene(&built.display().to_string(), keep)
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout == b"0\n")
}

/// Runs the command again as root of a user namespace of its own.
fn as_own_root() -> Outcome {
    println!(
        "not root: running in a user namespace of its own. There AF_PACKET works, which the router uses anyway;\n\
         `ip netns` outside does not see the hosts."
    );
    let this = std::env::current_exe()?;
    let mut again = Command::new("unshare");
    again.args(["--user", "--map-root-user", "--net", "--mount", "sh", "-c"]);
    again.arg("mount -t tmpfs tmpfs /run && exec \"$0\" \"$@\"");
    again.arg(this).args(std::env::args_os().skip(1));
    let error = again.exec();
    Err(format!("cannot run unshare (Debian: util-linux): {error}; or run as root").into())
}

fn scene(built: &str, keep: bool) -> Outcome {
    let net = Net::with_prefix(format!("waypost-demo-{}-", std::process::id()))?;
    let crossing = Crossing::new(net, Over::AfPacket)?.built_in(built);
    println!(
        "\n  {LEFT} ── eth0 [left] ══ port0 [router: examples/router.click] port1 ══ [right] eth0 ── {RIGHT}\n"
    );
    let watch = ["--watch", "--statistics", "--trace", "a/kinds:2"];
    let router = crossing.route(&watch)?;

    println!("left pings right:");
    let ping = crossing
        .left
        .run(&format!("ping -c 5 -i 0.2 -W 5 {RIGHT}"))?;
    print!("{}", indented(&String::from_utf8_lossy(&ping.stdout)));
    println!("left asks with one hop to go:");
    let expired = crossing.left.run(&format!("ping -c 1 -W 5 -t 1 {RIGHT}"))?;
    print!("{}", indented(&String::from_utf8_lossy(&expired.stdout)));

    println!("left sends {DATAGRAMS} datagrams by UDP:");
    let (right, wrong) = crossing.udp(DATAGRAMS)?;
    println!("    {right} arrived with the right content, {wrong} with another");

    println!("left sends {} MiB by TCP:", STREAM >> 20);
    let begun = std::time::Instant::now();
    let (sent, received) = crossing.tcp(STREAM)?;
    let rate = STREAM as f64 * 8.0 / begun.elapsed().as_secs_f64() / 1e9;
    println!(
        "    sent {sent}\n    came {received}\n    {rate:.2} Gbit/s, both hosts and the router on this machine"
    );

    if keep {
        let number = router.detach();
        println!("\nleft up; the router is process {number}. For example:");
        println!(
            "    ip netns exec {} ping {RIGHT}",
            crossing.left.namespace()
        );
        println!("    kill -USR1 {number}          # the router prints what it has counted");
        println!(
            "    ip netns exec {} tcpdump -i port0",
            crossing.router.namespace()
        );
        println!("to take it down:\n    {}", crossing.net.keep());
        return Ok(());
    }
    let said = router.stop()?;
    let (rates, summary): (Vec<&str>, Vec<&str>) = said
        .lines()
        .partition(|line| line.contains("/s") || *line == "idle");
    println!("\nrates, element by element, while it ran:");
    let busiest = rates
        .iter()
        .max_by_key(|line| line.len())
        .copied()
        .unwrap_or("none");
    println!("    {busiest}");
    println!(
        "\none packet's way, then what each element has counted, and where packets were dropped, and why:"
    );
    print!("{}", indented(&summary.join("\n")));
    println!();
    if sent != received || right != DATAGRAMS || wrong > 0 || !ping.status.success() {
        return Err("what arrived is not what was sent".into());
    }
    println!("\nEverything that was sent has arrived as it was.");
    Ok(())
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

//! The router's scene: two Linux hosts talk through a router that is a graph.

use std::path::Path;

use waypost_tests::Net;
use waypost_tests::crossing::{Crossing, LEFT, Over, RIGHT};

use super::OWN_ROOT;
use super::account::Account;
use super::screen::{Screen, indented};
use super::traffic::{self, TO_BE_DROPPED};
use crate::Outcome;

/// Shows what crosses a host's interface, both ways; the router's own, if AF_XDP has them, show packets to nobody else.
const PRINT: &str = "FromDevice(eth0, PROMISC true, OUTBOUND true) -> Strip(14) -> CheckIPHeader -> IPPrint -> Discard";

const TAKEN: &str = "the router's output is taken";

/// The hosts, for which this process has to be root, and what connects the router to them: AF_XDP, unless the kernel refuses it, and
/// then AF_PACKET.
pub(super) fn hosts(screen: &Screen, built: &Path) -> Result<Crossing, String> {
    let crossing = over(Over::AfXdp, built)?;
    let Some(why) = refusal(&crossing, built)? else {
        screen.say("the router reads and writes its ports by AF_XDP");
        return Ok(crossing);
    };
    screen.say(format!(
        "the router reads and writes its ports by AF_PACKET, since AF_XDP is refused here: {why}"
    ));
    // Its namespaces have the names that the new ones get.
    drop(crossing);
    over(Over::AfPacket, built)
}

fn over(over: Over, built: &Path) -> Result<Crossing, String> {
    let net = Net::with_prefix(format!("waypost-demo-{}-", std::process::id()))?;
    let crossing = Crossing::new(net, over)?;
    Ok(crossing.built_in(&built.display().to_string()))
}

/// Why the router cannot have its ports by AF_XDP; the kernel alone knows.
fn refusal(crossing: &Crossing, built: &Path) -> Result<Option<String>, String> {
    let left = crossing.left.namespace();
    let text =
        format!("FromDevice(port0, METHOD AF_XDP, PEER {left}/eth0) -> Discard; Script(stop)");
    let mut command = crossing.router.command(&waypost(built));
    command.args(["graph", "run", "-e", &text]);
    let said = command.env("NO_COLOR", "1").output();
    let said = said.map_err(|error| format!("cannot run ip: {error}"))?;
    if said.status.success() {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&said.stderr);
    Ok(Some(reason(&text)))
}

/// Why a graph does not run, of what the command has said, in one line; without the place in its text.
fn reason(said: &str) -> String {
    let mut lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or("nothing is said why");
    let Some(mistake) = lines.find_map(|line| line.strip_prefix('×')) else {
        return first.to_owned();
    };
    // Long lines are folded.
    let rest = lines.map_while(|line| line.strip_prefix('│'));
    let words = mistake.split_whitespace();
    let all: Vec<_> = words.chain(rest.flat_map(str::split_whitespace)).collect();
    let all = all.join(" ");
    match all.split_once("(FromDevice): ") {
        Some((_, reason)) => reason.to_owned(),
        None => all,
    }
}

/// The command, as a path.
fn waypost(built: &Path) -> String {
    built.join("waypost").display().to_string()
}

/// Lets the hosts talk, and fails if something was lost that had not to be.
pub(super) fn play(screen: &Screen, crossing: &Crossing, stream_mib: u32) -> Outcome {
    screen.say(format!(
        "\n  {LEFT} ── eth0 [left] ══ port0 [router: examples/router.click] port1 ══ [right] eth0 ── {RIGHT}\n"
    ));
    let mut router = crossing.route(&["--watch", "--statistics", "--trace", "a/kinds:2"])?;
    let output = router.take_output().ok_or(TAKEN)?;
    let follower = screen.follow(output);
    let seen = traffic::play(screen, crossing, stream_mib)?;
    router.stop()?;
    let rest = follower.join().unwrap_or_default();
    let table = rest
        .iter()
        .position(|line| line.starts_with("element "))
        .unwrap_or(rest.len());
    screen.say("\nthe way of two packets through the graph:");
    screen.say(indented(&rest[..table].join("\n")));
    say_counted(screen, &rest[table..]);
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
    Ok(())
}

fn say_counted(screen: &Screen, table: &[String]) {
    screen.say("what each element has counted, and why packets were dropped there:");
    screen.say(indented(&table.join("\n")));
}

/// Has a router run, with its rates on the screen, until it ends or Ctrl-C ends all.
pub(super) fn stay(screen: &Screen, crossing: &Crossing, built: &Path) -> Outcome {
    let mut running = crossing.route(&["--watch", "--statistics"])?;
    let number = running.id();
    let left = crossing.left.namespace();
    let waypost = waypost(built);
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
    {inside}ip netns exec {left} '{waypost}' graph run -e '{PRINT}'
    kill -INT {number}          # ends all as well, and shows what the router has counted until then"
    ));
    let output = running.take_output().ok_or(TAKEN)?;
    let counted = screen.follow(output).join().unwrap_or_default();
    running.finish()?;
    say_counted(screen, &counted);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_there_is_no_af_xdp_is_one_line() {
        let said = "configuration

  × command line:1:1: `FromDevice@1` (FromDevice): port0: no: it
  │ needs a right
   ╭─[command line:1:1]
 1 │ FromDevice(port0)
   ╰────
1 mistake: nothing was run
";
        assert_eq!(reason(said), "port0: no: it needs a right");
        assert_eq!(reason("error: another\nmore\n"), "error: another");
        assert_eq!(reason("\n"), "nothing is said why");
    }
}

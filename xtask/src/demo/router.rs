//! The router's scene: two Linux hosts talk through a router that is a graph.

use std::path::Path;

use waypost_tests::Net;
use waypost_tests::crossing::{Crossing, LEFT, Over, RIGHT};

use super::OWN_ROOT;
use super::account::Account;
use super::screen::{Screen, indented};
use super::traffic::{self, TO_BE_DROPPED};
use crate::Outcome;

const TAKEN: &str = "the router's output is taken";

/// The hosts, for which this process has to be root.
pub(super) fn hosts(built: &Path) -> Result<Crossing, String> {
    let net = Net::with_prefix(format!("waypost-demo-{}-", std::process::id()))?;
    let crossing = Crossing::new(net, Over::AfPacket)?;
    Ok(crossing.built_in(&built.display().to_string()))
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
pub(super) fn stay(screen: &Screen, crossing: &Crossing) -> Outcome {
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

//! What the hosts send, and what of it arrives.

use std::error::Error;
use std::fmt;

use waypost_tests::crossing::{Crossing, RIGHT};

use super::account::ToBeDropped;
use super::screen::{Screen, indented};

/// Datagrams of 1000 octets.
const DATAGRAMS: u64 = 5000;

/// Where nobody is, on the right host's network.
const NOBODY: &str = "10.2.0.9";
/// All of the left host's network.
const ALL: &str = "10.1.0.255";
/// Where the router knows no way to: an address of documentation's (RFC 5737).
const NOWHERE: &str = "192.0.2.1";

/// What the router has to drop of all that.
pub(super) const TO_BE_DROPPED: [ToBeDropped; 2] = [
    ToBeDropped {
        packets: 3,
        element: "leave_a/DropBroadcasts",
        reason: "link broadcast",
    },
    ToBeDropped {
        packets: 2,
        element: "b/neighbors",
        reason: "neighbour not resolved",
    },
];

/// What was sent, and what of it has arrived.
pub(super) struct Seen {
    pings: String,
    datagrams: (u64, u64),
    sent: String,
    came: String,
}

impl Seen {
    /// Whether all that was sent from host to host has arrived as it was.
    pub(super) fn is_whole(&self) -> bool {
        self.sent == self.came
            && self.datagrams == (DATAGRAMS, 0)
            && self.pings.contains(" 0% packet loss")
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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

/// Sends it.
pub(super) fn play(
    screen: &Screen,
    crossing: &Crossing,
    stream_mib: u32,
) -> Result<Seen, Box<dyn Error>> {
    let ping = |words: &str| -> Result<String, String> {
        let said = crossing.left.run(&format!("ping {words}"))?;
        Ok(String::from_utf8_lossy(&said.stdout).into_owned())
    };
    screen.say("left pings right:");
    let pings = ping(&format!("-W 5 -c 5 -i 0.2 {RIGHT}"))?;
    screen.say(indented(&pings));
    for (what, words) in [
        (
            "left asks with one hop to go, which the router answers:",
            format!("-W 5 -c 1 -t 1 {RIGHT}"),
        ),
        (
            "left asks where no route leads, which the router answers:",
            format!("-W 5 -c 3 -i 0.2 {NOWHERE}"),
        ),
        (
            "left asks all of its own network, which the router has to drop:",
            format!("-W 1 -c 3 -i 0.2 -b {ALL}"),
        ),
        // The router asks for it three times, a second apart.
        (
            "left asks nobody on right's network, which the router drops once it has looked for it:",
            format!("-W 4 -c 2 -i 0.2 {NOBODY}"),
        ),
    ] {
        screen.say(what);
        screen.say(indented(&ping(&words)?));
    }

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

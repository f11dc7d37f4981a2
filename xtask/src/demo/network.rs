//! The network of the simulation's scene, as the text that `waypost sim` runs.
//!
//! Sites stand in a ring. Each has a router, which is a graph (`examples/sim/site.click`), a switch, and hosts, which
//! are graphs too (`examples/sim/host.click`). Each host pings one of a site further on.

#[path = "../../../crates/waypost/examples/graphs/echo.rs"]
mod echo;

use std::fmt::Write;
use std::net::Ipv4Addr;

use echo::echo;

const SITES: u8 = 11;
/// Hosts of a site: all ping at once, and a router keeps as many packets while it asks for the next router's address.
const HOSTS: u8 = 8;
/// How many sites further on is the host that a host pings; as many links of the ring lie between them.
const FAR: u8 = 3;

/// All routers, switches and hosts.
pub(super) const NODES: usize = SITES as usize * (2 + HOSTS as usize);
/// All pings, of which each host sends ten a second.
pub(super) const PINGS: u64 = HOSTS_IN_ALL * 10 * SECONDS;
/// The pings that are sent once nothing is wrong any more.
pub(super) const PINGS_AFTER: u64 = HOSTS_IN_ALL * 10 * (SECONDS - WELL_FROM);
/// The Click texts that the network is made of, beside which it has to lie.
pub(super) const CLICK: [&str; 2] = ["site.click", "host.click"];

const HOSTS_IN_ALL: u64 = SITES as u64 * HOSTS as u64;
const SECONDS: u64 = 10;
/// Before the first ping of this second replies are counted anew.
const WELL_FROM: u64 = 7;

/// What it is, in a few lines.
pub(super) fn described() -> String {
    format!(
        "{NODES} nodes, of {SITES} sites in a ring: a router, a switch and {HOSTS} hosts each.
Routers and hosts are graphs. Each host pings one {FAR} sites away, ten times a second;
ring0 loses every fifth frame for two seconds, and then ring5 is down for two."
    )
}

/// The text.
pub(super) fn text() -> String {
    let mut text = format!(
        "\
# {SITES} sites in a ring, whose hosts ping each other. `cargo xtask demo simulation` has written it, and runs it.
#
#   waypost sim network.toml --out run

seed = 1
until = \"{SECONDS}s\"

[faults]
script = '''
at 1s for 2s loss ring0 20%
at 4s for 2s down ring5
'''

[[capture]]
link = \"ring5\"

[[plot]]
file = \"ring.svg\"
title = \"two links of a ring: ring0 loses a fifth from 1 s on, ring5 is down from 4 s on\"
every = \"100ms\"
lines = [\"rate ring0 from router0\", \"rate ring5 from router5\", \"queue ring5 from router5\"]
"
    );
    let (mut reads, mut expects) = (String::new(), String::new());
    for site in 0..SITES {
        add_site(&mut text, site);
        for number in 0..HOSTS {
            let host = format!("host{site}-{number}");
            let _ = writeln!(reads, "    \"{host}/replies.count\",");
            let (sent, back) = (10 * SECONDS, 10 * (SECONDS - WELL_FROM));
            let _ = writeln!(expects, "    \"{host}/pings.count == {sent}\",");
            let _ = writeln!(expects, "    \"{host}/recent.count == {back}\",");
        }
    }
    let _ = write!(
        text,
        "
[end]
read = [
{reads}]
# Once nothing is wrong any more, all pings are answered.
expect = [
{expects}]
"
    );
    text
}

fn add_site(text: &mut String, site: u8) {
    let (east, west) = (further(site, 1), further(site, SITES - 1));
    let ways = (1..SITES).map(|steps| {
        let net = further(site, steps);
        // The shorter way; half around, east.
        let (gateway, port) = if steps <= SITES / 2 {
            (ring_addr(site, 2), 2)
        } else {
            (ring_addr(west, 1), 3)
        };
        format!("10.0.{net}.0/24 {gateway} {port}")
    });
    let routes: Vec<_> = std::iter::once(format!("10.0.{site}.0/24 1"))
        .chain(ways)
        .collect();
    let (ip, east_ip, west_ip) = (addr(site, 1), ring_addr(site, 1), ring_addr(west, 2));
    let _ = write!(
        text,
        "
# Site {site}.
[graph.router{site}]
file = \"site.click\"
ports = [\"eth0\", \"east\", \"west\"]
packets = 256
[graph.router{site}.set]
IP = \"{ip}\"
MAC = \"{mac}\"
EAST_IP = \"{east_ip}\"
EAST_MAC = \"{east_mac}\"
WEST_IP = \"{west_ip}\"
WEST_MAC = \"{west_mac}\"
ROUTES = \"{routes}\"
[switch.switch{site}]
[link.lan{site}]
ends = [\"router{site}:eth0\", \"switch{site}\"]
rate = \"1Gbps\"
delay = \"10us\"
[link.ring{site}]
ends = [\"router{site}:east\", \"router{east}:west\"]
rate = \"2Mbps\"
delay = \"2ms\"
",
        mac = mac(site, 1),
        east_mac = mac(site, 254),
        west_mac = mac(site, 255),
        routes = routes.join(", "),
    );
    for number in 0..HOSTS {
        let host = format!("host{site}-{number}");
        // The router has the first address.
        let (me, other) = (number + 2, further(site, FAR));
        let (ip, mac, echo) = (
            addr(site, me),
            mac(site, me),
            echo(addr(site, me), addr(other, me)),
        );
        let _ = write!(
            text,
            "
[graph.{host}]
file = \"host.click\"
packets = 64
ring = 64
set = {{ IP = \"{ip}\", MAC = \"{mac}\", GATEWAY = \"{gateway}\", PINGS = {pings}, ECHO = \"{echo}\" }}
[link.access{site}-{number}]
ends = [\"{host}\", \"switch{site}\"]
rate = \"100Mbps\"
delay = \"10us\"
[[write]]
at = \"{before}ms\"
handler = \"{host}/recent.reset\"
",
            gateway = addr(site, 1),
            pings = 10 * SECONDS,
            before = 1000 * WELL_FROM - 50,
        );
    }
}

/// The site so many steps along the ring.
const fn further(site: u8, steps: u8) -> u8 {
    (site + steps) % SITES
}

/// An address in a site's own network.
const fn addr(site: u8, host: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, site, host)
}

/// The address of one end of the link from a site to the next: 1 is that site's, 2 the next one's.
const fn ring_addr(site: u8, end: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 255, site, end)
}

fn mac(site: u8, host: u8) -> String {
    format!("02:00:00:00:{site:02x}:{host:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_as_many_nodes_as_it_is_said_to() {
        let table: toml::Table = text().parse().unwrap();
        let count = |kind: &str| table[kind].as_table().unwrap().len();
        assert_eq!(count("graph") + count("switch"), NODES);
        assert_eq!(count("link"), NODES);
    }
}

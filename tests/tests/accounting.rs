//! Whatever a host sends through a router that is a graph has arrived in the end, or is counted where it was lost; and the way of
//! all of it through several threads.

use waypost_tests::crossing::{Crossing, Over, RIGHT};
use waypost_tests::{Host, Net, skip};

fn crossing(over: Over, queues: u32) -> Option<Crossing> {
    match Net::new() {
        Ok(net) => Some(Crossing::with_queues(net, over, queues).unwrap()),
        Err(why) => {
            skip(&why);
            None
        }
    }
}

fn text(host: &Host, line: &str) -> String {
    String::from_utf8_lossy(&host.run(line).unwrap().stdout).into_owned()
}

/// What a host's kernel has counted of UDP, by its name in `/proc/net/snmp`.
fn udp_counter(host: &Host, name: &str) -> u64 {
    let all = text(host, "cat /proc/net/snmp");
    let mut lines = all.lines().filter(|line| line.starts_with("Udp:"));
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let pairs = names.split_whitespace().zip(values.split_whitespace());
    let found = pairs.filter(|(it, _)| *it == name).map(|(_, value)| value);
    found.last().unwrap().parse().unwrap()
}

/// What an interface has lost, in either direction.
fn lost_at(host: &Host, interface: &str) -> u64 {
    let counters = ["rx_dropped", "tx_dropped"];
    let numbers = counters.map(|name| {
        let path = format!("/sys/class/net/{interface}/statistics/{name}");
        let said = text(host, &format!("cat {path}"));
        said.trim().parse::<u64>().unwrap()
    });
    numbers.iter().sum()
}

fn kernel_losses(crossing: &Crossing) -> [u64; 5] {
    [
        udp_counter(&crossing.right, "RcvbufErrors"),
        lost_at(&crossing.left, "eth0"),
        lost_at(&crossing.router, "port0"),
        lost_at(&crossing.router, "port1"),
        lost_at(&crossing.right, "eth0"),
    ]
}

fn each_datagram_is_accounted_for(over: Over) {
    const SENT: u64 = 300_000;
    let Some(crossing) = crossing(over, 1) else {
        return;
    };
    let router = crossing.route(&["--statistics"]).unwrap();
    let met = text(&crossing.left, &format!("ping -c 1 -W 5 {RIGHT}"));
    assert!(met.contains("1 received"), "{met}");
    let before = kernel_losses(&crossing);
    let received = crossing.flood(SENT, 4).unwrap();
    let after = kernel_losses(&crossing);
    let statistics = router.stop().unwrap();
    let graph = drops(&statistics, "");
    // What finds a socket's ring full its driver counts as dropped, too.
    let twice = match over {
        Over::AfXdp => drops(&statistics, "kernel had no room"),
        _ => 0,
    };
    let kernel: u64 = after
        .iter()
        .zip(before)
        .map(|(it, before)| it - before)
        .sum();
    assert_eq!(
        SENT + twice,
        received + kernel + graph,
        "received {received}, lost in the kernel {before:?} to {after:?}, in the graph {graph}:\n{statistics}"
    );
}

/// What all elements have lost for a reason, or for any, of the statistics that a graph prints at its end: lines such as `12 × kernel had no room`.
fn drops(statistics: &str, reason: &str) -> u64 {
    let counts = statistics.lines().filter_map(|line| line.split_once(" × "));
    counts
        .filter(|(_, it)| it.contains(reason))
        .map(|(count, _)| count.trim().parse::<u64>().unwrap())
        .sum()
}

fn several_threads_carry_everything(over: Over) {
    let Some(crossing) = crossing(over, 2) else {
        return;
    };
    let _router = crossing.route(&["-j", "2"]).unwrap();
    let far = text(&crossing.left, &format!("ping -c 5 -i 0.2 -W 5 {RIGHT}"));
    assert!(far.contains("5 received"), "{far}");
    for _ in 0..8 {
        // Another port each time.
        assert_eq!(crossing.udp(200).unwrap(), (200, 0));
    }
    let (sent, received) = crossing.tcp(64 << 20).unwrap();
    assert_eq!(sent, received);
}

#[test]
fn each_datagram_is_accounted_for_over_af_packet() {
    each_datagram_is_accounted_for(Over::AfPacket);
}

#[test]
fn each_datagram_is_accounted_for_over_af_xdp() {
    each_datagram_is_accounted_for(Over::AfXdp);
}

#[test]
fn several_threads_carry_everything_over_af_packet() {
    several_threads_carry_everything(Over::AfPacket);
}

#[test]
fn several_threads_carry_everything_over_af_xdp() {
    several_threads_carry_everything(Over::AfXdp);
}

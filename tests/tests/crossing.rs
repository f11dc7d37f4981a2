//! Real Linux hosts talk through a router that is a graph: over packet sockets, over AF_XDP, and through interfaces that the
//! graph makes itself.

use std::path::PathBuf;
use std::process::{Command, Output};

use waypost_tests::crossing::{Crossing, Over, RIGHT};
use waypost_tests::{Net, skip};

fn crossing(over: Over) -> Option<Crossing> {
    match Net::new() {
        Ok(net) => Some(Crossing::new(net, over).unwrap()),
        Err(why) => {
            skip(&why);
            None
        }
    }
}

fn text(output: Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What a command line says on the left host.
fn left(crossing: &Crossing, line: &str) -> String {
    text(crossing.left.run(line).unwrap())
}

fn pings_cross_and_are_answered(over: Over) {
    let Some(crossing) = crossing(over) else {
        return;
    };
    let _router = crossing.route(&[]).unwrap();
    let far = left(&crossing, &format!("ping -c 5 -i 0.2 -W 5 {RIGHT}"));
    assert!(
        far.contains("5 received") && far.contains("ttl=63"),
        "{far}"
    );
    let near = left(&crossing, "ping -c 3 -i 0.2 -W 5 10.1.0.1");
    assert!(near.contains("3 received"), "{near}");
    let large = left(&crossing, &format!("ping -c 3 -i 0.2 -W 5 -s 4000 {RIGHT}"));
    assert!(large.contains("3 received"), "fragments cross: {large}");
}

fn errors_come_back(over: Over) {
    let Some(crossing) = crossing(over) else {
        return;
    };
    let _router = crossing.route(&[]).unwrap();
    let expired = left(&crossing, &format!("ping -c 1 -W 5 -t 1 {RIGHT}"));
    assert!(
        expired.contains("From 10.1.0.1") && expired.contains("Time to live exceeded"),
        "{expired}"
    );
    let nowhere = left(&crossing, "ping -c 1 -W 5 192.0.2.1");
    assert!(
        nowhere.contains("From 10.1.0.1") && nowhere.contains("Net Unreachable"),
        "{nowhere}"
    );
    // By datagrams to ports that nobody listens at: the last hop says so.
    let hops = |to| {
        let said = left(&crossing, &format!("traceroute -n -N 1 -q 1 -w 5 {to}"));
        let hops = said.lines().skip(1).filter_map(|line| {
            let mut words = line.split_whitespace();
            words.nth(1).map(str::to_owned)
        });
        hops.collect::<Vec<_>>()
    };
    assert_eq!(hops(RIGHT), ["10.1.0.1", RIGHT]);
    assert_eq!(
        hops("10.1.0.1"),
        ["10.1.0.1"],
        "the router's own ports are closed"
    );
}

fn a_smaller_mtu_is_told_and_fragments_are_made(over: Over) {
    let Some(crossing) = crossing(over) else {
        return;
    };
    let _router = crossing.route(&["B_MTU=1000"]).unwrap();
    let told = left(&crossing, &format!("ping -c 1 -W 5 -M do -s 1400 {RIGHT}"));
    assert!(
        told.contains("mtu = 1000") || told.contains("mtu=1000"),
        "{told}"
    );
    let cut = left(
        &crossing,
        &format!("ping -c 3 -i 0.2 -W 5 -M dont -s 1400 {RIGHT}"),
    );
    assert!(cut.contains("3 received"), "{cut}");
}

fn datagrams_and_a_stream_arrive_as_they_were_sent(over: Over) {
    let Some(crossing) = crossing(over) else {
        return;
    };
    let _router = crossing.route(&[]).unwrap();
    // The router asks for both hosts' link addresses: only few packets wait for the answer.
    let met = left(&crossing, &format!("ping -c 1 -W 5 {RIGHT}"));
    assert!(met.contains("1 received"), "{met}");
    assert_eq!(crossing.udp(2000).unwrap(), (2000, 0));
    let (sent, received) = crossing.tcp(1 << 30).unwrap();
    assert_eq!(sent, received);
}

/// Whatever the router sends is right in the eyes of a program that knows these protocols.
fn tshark_finds_nothing_wrong(over: Over) {
    let Some(crossing) = crossing(over) else {
        return;
    };
    let router = crossing.route(&["B_MTU=1300"]).unwrap();
    // Finished frames: what hosts leave unfinished would be found wrong by whoever looks at it.
    for host in [&crossing.left, &crossing.right] {
        let told = host.run("ethtool -K eth0 tx off").unwrap();
        assert!(told.status.success(), "{told:?}");
    }
    let folder = crossing.net.folder().unwrap();
    let files: [PathBuf; 2] = ["left.pcap", "right.pcap"].map(|name| folder.join(name));
    let hosts = [&crossing.left, &crossing.right];
    let captures: Vec<_> = hosts
        .iter()
        .zip(&files)
        .map(|(host, file)| crossing.capture(host, file).unwrap())
        .collect();
    left(&crossing, &format!("ping -c 3 -i 0.2 -W 5 {RIGHT}"));
    left(
        &crossing,
        &format!("ping -c 3 -i 0.2 -W 5 -M dont -s 4000 {RIGHT}"),
    );
    left(&crossing, &format!("ping -c 1 -W 5 -M do -s 1400 {RIGHT}"));
    left(&crossing, "ping -c 1 -W 5 192.0.2.1");
    left(&crossing, &format!("traceroute -n -N 1 -q 1 -w 5 {RIGHT}"));
    assert_eq!(crossing.udp(500).unwrap(), (500, 0));
    let (sent, received) = crossing.tcp(4 << 20).unwrap();
    assert_eq!(sent, received);
    router.stop().unwrap();
    for capture in captures {
        capture.stop().unwrap();
    }
    for file in &files {
        let select = |filter: &str| {
            let output = Command::new("tshark")
                .arg("-r")
                .arg(file)
                .args(["-o", "ip.check_checksum:TRUE"])
                .args(["-o", "tcp.check_checksum:TRUE"])
                .args(["-o", "udp.check_checksum:TRUE"])
                .args(["-o", "ip.defragment:FALSE", "-Y", filter])
                .output()
                .unwrap();
            assert!(output.status.success(), "{output:?}");
            text(output)
        };
        // Where a sum is zero, Linux stores its other form in TCP too (`skb_checksum_help`), which is as right.
        let wrong = "_ws.malformed || ip.checksum.status == 0 \
                     || (tcp.checksum.status == 0 && tcp.checksum != 0xffff) \
                     || udp.checksum.status == 0 || icmp.checksum.status == 0";
        assert_eq!(select(wrong), "");
        for seen in [
            "arp",
            "icmp.checksum.status == 1",
            "tcp.checksum.status == 1",
        ] {
            assert_ne!(select(seen), "", "{seen}");
        }
    }
    let fragments = Command::new("tshark")
        .arg("-r")
        .arg(&files[1])
        .args(["-Y", "ip.flags.mf == 1 || ip.frag_offset > 0"])
        .output();
    assert_ne!(text(fragments.unwrap()), "", "fragments were made");
}

macro_rules! over {
    ($($name:ident: $over:expr => $($case:ident),*;)*) => {
        $(mod $name {
            use super::Over;
            $(#[test]
            fn $case() {
                super::$case($over);
            })*
        })*
    };
}

over! {
    af_packet: Over::AfPacket =>
        pings_cross_and_are_answered, errors_come_back, a_smaller_mtu_is_told_and_fragments_are_made,
        datagrams_and_a_stream_arrive_as_they_were_sent, tshark_finds_nothing_wrong;
    af_xdp: Over::AfXdp =>
        pings_cross_and_are_answered, errors_come_back, a_smaller_mtu_is_told_and_fragments_are_made,
        datagrams_and_a_stream_arrive_as_they_were_sent, tshark_finds_nothing_wrong;
    tap: Over::Tap =>
        pings_cross_and_are_answered, errors_come_back, a_smaller_mtu_is_told_and_fragments_are_made,
        datagrams_and_a_stream_arrive_as_they_were_sent, tshark_finds_nothing_wrong;
}

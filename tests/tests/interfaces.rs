//! Interfaces that a graph sends through, when they refuse, go down, or go away.

use std::process::Command;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use waypost_device::Namespace;
use waypost_device::af_packet::AfPacket;
use waypost_netdev::NetDev;
use waypost_tests::{Host, Net, program, skip};
use waypost_wire::Instant;

/// `port0` of a host, and at its other end `eth0` of another.
fn cable() -> Option<(Host, Host, Net)> {
    let net = Net::new().map_err(|why| skip(&why)).ok()?;
    let (port, far) = (net.host("port").unwrap(), net.host("far").unwrap());
    net.link((&port, "port0"), (&far, "eth0")).unwrap();
    Some((port, far, net))
}

fn graph(host: &Host, text: &str) -> Command {
    let program = program("waypost").unwrap();
    let mut command = host.command(&program.display().to_string());
    command.args(["graph", "run", "--announce", "-e", text]);
    command
}

#[test]
fn frames_longer_than_the_interface_takes_are_counted_as_lost() {
    let Some((port, _far, _net)) = cable() else {
        return;
    };
    for method in ["AF_PACKET", "AF_PACKET, RING 64", "AF_XDP"] {
        let text = format!(
            "InfiniteSource(LENGTH 1600, LIMIT 3, STOP true) -> to :: ToDevice(port0, METHOD {method})"
        );
        let mut command = graph(&port, &text);
        command.args(["-h", "to.count", "-h", "to.drops", "-h", "to.state"]);
        let said = port.spawn(&mut command).unwrap().finish().unwrap();
        for line in ["to.count:\n0\n", "to.drops:\n3\n", "to.state:\nup\n"] {
            assert!(said.contains(line), "{method}: {said}");
        }
    }
}

#[test]
fn what_waits_for_an_interface_is_sent_when_it_is_up_again() {
    let Some((port, far, _net)) = cable() else {
        return;
    };
    for method in ["AF_PACKET", "AF_PACKET, RING 64", "AF_XDP"] {
        port.ip("link set port0 down").unwrap();
        let text = format!(
            "InfiniteSource(LENGTH 60, LIMIT 300, STOP false) -> to :: ToDevice(port0, METHOD {method})"
        );
        let mut sender = port.spawn(&mut graph(&port, &text)).unwrap();
        sender.wait_for("running").unwrap();
        let namespace = Namespace::Named(far.namespace().to_owned());
        let builder = AfPacket::builder("eth0").namespace(namespace);
        let mut receiver = builder.promiscuous(true).open().unwrap();
        port.ip("link set port0 up").unwrap();
        let mut count = 0;
        while count < 300 {
            let received = receiver.receive(Instant::ZERO, 64, |_| ()).unwrap();
            count += received;
            if received == 0 {
                let mut ready = [PollFd::new(&receiver, PollFlags::IN)];
                let patience = Timespec {
                    tv_sec: 30,
                    tv_nsec: 0,
                };
                assert_ne!(
                    poll(&mut ready, Some(&patience)).unwrap(),
                    0,
                    "{count} came"
                );
            }
        }
        assert_eq!(count, 300);
        sender.stop().unwrap();
    }
}

#[test]
fn a_burst_of_nothing_is_refused() {
    let Some((port, _far, _net)) = cable() else {
        return;
    };
    for text in [
        "FromDevice(port0, BURST 0) -> Discard",
        "InfiniteSource -> ToDevice(port0, BURST 0)",
    ] {
        let output = graph(&port, text).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && said.contains("BURST of at least one packet"),
            "{said}"
        );
    }
}

//! Interfaces that a graph sends through, when they refuse, go down, or go away.

#[path = "interfaces/stalls.rs"]
mod stalls;

use std::process::Command;

use waypost_tests::{Host, Net, program, skip};

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

#[test]
fn a_graph_that_is_refused_changes_nothing_of_an_interface() {
    let Some((port, _far, _net)) = cable() else {
        return;
    };
    port.ip("tuntap add tap0 mode tap").unwrap();
    port.ip("address add 10.1.0.1/16 dev tap0").unwrap();
    port.ip("link set tap0 mtu 1400").unwrap();
    let state = || {
        let said = port.run("ip address show tap0").unwrap();
        String::from_utf8(said.stdout).unwrap()
    };
    let before = state();
    let tap = "KernelTap(10.2.0.1/24, DEVNAME tap0, MTU 1300, ETHER 2:0:0:0:0:7) -> Discard;";
    let refused = format!("{tap} FromDump(/no/such) -> Discard");
    let output = graph(&port, &refused).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("cannot read `/no/such`"), "{said}");
    assert_eq!(state(), before);
    let text = format!("{tap} Script(read Discard@2.count, stop)");
    let output = graph(&port, &text).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let after = state();
    for word in ["mtu 1300", "02:00:00:00:00:07", "inet 10.2.0.1/24"] {
        assert!(after.contains(word) && !before.contains(word), "{after}");
    }
}

/// Frames of the tests, and what else there is on a cable.
const OURS: &str = "DATA \\<0200000000ff 0200000000fe 88b5 0000>";
const TOLD_APART: &str = "told :: Classifier(0/0200000000ff0200000000fe88b5, -); told[0] -> ours :: Counter -> Discard; told[1] -> Discard;";

#[test]
fn a_source_sees_what_this_machine_sends_where_it_is_asked_to() {
    let Some((port, _far, _net)) = cable() else {
        return;
    };
    for (config, expected) in [("", 0), (", OUTBOUND false", 0), (", OUTBOUND true", 3)] {
        let text = format!(
            "FromDevice(port0, METHOD LINUX, PROMISC true{config}) -> {TOLD_APART}
             InfiniteSource({OURS}, LIMIT 3) -> to :: ToDevice(port0, METHOD LINUX);
             Script(label again, wait 0.01, goto again $(lt $(to.count) 3),
                goto again $(lt $(ours.count) {expected}), wait 0.3, stop);"
        );
        let said = run_to_end(&port, &text, &["ours.count", "to.count"], || ());
        assert_eq!(answer(&said, "ours.count"), expected, "{config}: {said}");
    }
}

#[test]
fn sources_of_a_group_share_the_packets() {
    let Some((port, far, _net)) = cable() else {
        return;
    };
    for (config, expected) in [("", 40), (", FANOUT 7", 20)] {
        let text = format!(
            "a :: FromDevice(port0, PROMISC true{config}) -> {TOLD_APART} b :: FromDevice(port0, PROMISC true{config}) -> told;
             Script(label again, wait 0.01, goto again $(lt $(ours.count) {expected}), wait 0.3, stop);"
        );
        let said = run_to_end(&port, &text, &["ours.count"], || {
            let send = format!("InfiniteSource({OURS}, LIMIT 20, STOP true) -> ToDevice(eth0);");
            let sent = graph(&far, &send).output().unwrap();
            assert!(sent.status.success(), "{sent:?}");
        });
        assert_eq!(answer(&said, "ours.count"), expected, "{config}: {said}");
    }
}

#[test]
fn taps_without_a_name_take_the_next_that_is_free() {
    let Ok(net) = Net::new().map_err(|why| skip(&why)) else {
        return;
    };
    let host = net.host("host").unwrap();
    // Somebody else's.
    host.ip("tuntap add tap0 mode tap").unwrap();
    let show = |name: &str| {
        let said = host.run(&format!("ip address show {name}")).unwrap();
        String::from_utf8(said.stdout).unwrap()
    };
    let before = show("tap0");
    let taps = "a :: KernelTap(10.1.0.1/16) -> Discard; b :: KernelTap(10.2.0.1/255.255.0.0) -> Discard;
        c :: KernelTap(10.3.0.1/16, DEVNAME some%d) -> Discard; Script(print names $(a.dev_name) $(b.dev_name) $(c.dev_name))";
    // With several workers each has a queue of each interface.
    for workers in ["1", "2"] {
        let mut command = graph(&host, taps);
        command.args(["-j", workers]);
        let mut running = host.spawn(&mut command).unwrap();
        let said = running.wait_for("names").unwrap();
        assert!(
            said.contains("names tap1 tap2 some0"),
            "{workers} workers: {said}"
        );
        let addresses = ["tap1", "tap2", "some0"].map(show).concat();
        for address in ["10.1.0.1/16", "10.2.0.1/16", "10.3.0.1/16"] {
            assert!(
                addresses.contains(&format!("inet {address}")),
                "{addresses}"
            );
        }
        assert_eq!(show("tap0"), before);
        running.stop().unwrap();
    }
}

/// Runs a graph that stops by itself, and says what its handlers and statistics were then.
fn run_to_end(host: &Host, text: &str, handlers: &[&str], between: impl FnOnce()) -> String {
    let mut command = graph(host, text);
    command.args(handlers.iter().flat_map(|it| ["-h", it]));
    let mut running = host.spawn(&mut command).unwrap();
    running.wait_for("running").unwrap();
    between();
    running.finish().unwrap()
}

/// What a handler said at the end.
fn answer(said: &str, handler: &str) -> u64 {
    let named = said.split_once(&format!("{handler}:\n"));
    // One that is read alone is not named.
    let rest = named.map_or(said, |(_, rest)| rest);
    rest.lines().next().expect(said).parse().expect(said)
}

/// A script that stops the graph when a handler says something.
fn stop_when(handler: &str, value: &str) -> String {
    format!("Script(label again, wait 0.01, goto again $(ne $({handler}) {value}), stop)")
}

#[test]
fn a_full_sink_whose_interface_is_removed_loses_what_it_has_and_goes_on() {
    for method in ["AF_PACKET", "AF_PACKET, RING 64", "AF_XDP, RING 64"] {
        let Some((port, _far, _net)) = cable() else {
            return;
        };
        port.ip("link set port0 down").unwrap();
        let text = format!(
            "InfiniteSource(LENGTH 60, LIMIT 500, STOP true) -> to :: ToDevice(port0, METHOD {method})"
        );
        let handlers = ["to.count", "to.drops", "to.state"];
        let said = run_to_end(&port, &text, &handlers, || {
            port.ip("link del port0").unwrap();
        });
        assert!(said.contains("to.state:\nremoved\n"), "{method}: {said}");
        let counts = (answer(&said, "to.count"), answer(&said, "to.drops"));
        assert_eq!(counts, (0, 500), "{method}: {said}");
    }
}

#[test]
fn each_packet_is_sent_or_lost_when_an_interface_is_removed_under_a_running_graph() {
    for method in ["AF_PACKET", "AF_PACKET, RING 64", "AF_XDP"] {
        let Some((port, _far, _net)) = cable() else {
            return;
        };
        let text = format!(
            "s :: RatedSource(LENGTH 60, RATE 5000) -> to :: ToDevice(port0, METHOD {method}); {}",
            stop_when("to.state", "removed")
        );
        let handlers = ["s.count", "to.count", "to.drops"];
        let said = run_to_end(&port, &text, &handlers, || {
            port.ip("link del port0").unwrap();
        });
        let [made, sent, lost] = handlers.map(|it| answer(&said, it));
        assert_eq!(sent + lost, made, "{method}: {said}");
        assert!(lost > 0, "{method}: {said}");
    }
}

#[test]
fn a_source_says_that_its_interface_was_removed() {
    for method in ["AF_PACKET", "AF_XDP, PEER FINISHES"] {
        let Some((port, _far, _net)) = cable() else {
            return;
        };
        let text = format!(
            "from :: FromDevice(port0, METHOD {method}) -> Discard; {}",
            stop_when("from.state", "removed")
        );
        let said = run_to_end(&port, &text, &["from.state"], || {
            port.ip("link del port0").unwrap();
        });
        assert_eq!(said.trim(), "removed", "{method}");
    }
}

#[test]
fn a_source_goes_down_and_up_with_its_interface() {
    let Some((port, _far, _net)) = cable() else {
        return;
    };
    let text = "from :: FromDevice(port0) -> Discard;
        Script(label up, wait 0.01, goto up $(ne $(from.state) down), print \"is down\",
               label down, wait 0.01, goto down $(ne $(from.state) up), stop)";
    let mut running = port.spawn(&mut graph(&port, text)).unwrap();
    running.wait_for("running").unwrap();
    port.ip("link set port0 down").unwrap();
    running.wait_for("is down").unwrap();
    port.ip("link set port0 up").unwrap();
    running.finish().unwrap();
}

#[test]
fn what_waits_for_an_interface_that_is_down_is_lost_when_the_graph_stops() {
    let Some((port, _far, _net)) = cable() else {
        return;
    };
    port.ip("link set port0 down").unwrap();
    for method in ["AF_PACKET", "AF_PACKET, RING 64", "AF_XDP"] {
        let text = format!(
            "InfiniteSource(LENGTH 60, LIMIT 20, STOP true) -> to :: ToDevice(port0, METHOD {method})"
        );
        let handlers = ["to.count", "to.drops", "to.state"];
        let said = run_to_end(&port, &text, &handlers, || ());
        assert!(said.contains("to.state:\ndown\n"), "{method}: {said}");
        let counts = (answer(&said, "to.count"), answer(&said, "to.drops"));
        assert_eq!(counts, (0, 20), "{method}: {said}");
    }
}

#[test]
fn who_may_lose_packets_goes_on_beside_a_device_that_is_blocked() {
    let Some((port, _far, _net)) = cable() else {
        return;
    };
    port.ip("link set port0 down").unwrap();
    for method in ["AF_PACKET", "AF_XDP"] {
        let text = format!(
            "InfiniteSource(LENGTH 60, LIMIT 10000, STOP true) -> t :: Tee; t[1] -> sibling :: Counter -> Discard;
             t[0] -> may :: DropWhenFull -> to :: ToDevice(port0, METHOD {method})"
        );
        let handlers = ["sibling.count", "may.drops", "to.count", "to.drops"];
        let said = run_to_end(&port, &text, &handlers, || ());
        let [sibling, before, sent, held] = handlers.map(|it| answer(&said, it));
        assert_eq!((sibling, sent), (10_000, 0), "{method}: {said}");
        assert!(before > 0 && held > 0, "{method}: {said}");
        assert_eq!(before + held, 10_000, "{method}: {said}");
    }
}

#[test]
fn who_feeds_a_tap_that_is_taken_away_goes_on_and_its_packets_are_counted() {
    let Ok(net) = Net::new().map_err(|why| skip(&why)) else {
        return;
    };
    let host = net.host("host").unwrap();
    // It ends once many more packets are lost than wait anywhere.
    let text = "InfiniteSource -> t :: KernelTap(10.0.0.1/24, DEVNAME tap0) -> Discard;
        Script(label up, wait 10ms, goto up $(ne $(t.state) removed), set lost $(add $(t.drops) 100000),
               label gone, wait 10ms, goto gone $(lt $(t.drops) $lost), stop);";
    let mut command = graph(&host, text);
    let mut running = host
        .spawn(command.args(["-h", "t.state", "-h", "t.drop_reasons"]))
        .unwrap();
    running.wait_for("running").unwrap();
    host.ip("link del tap0").unwrap();
    let said = running.finish().unwrap();
    assert!(said.contains("t.state:\nremoved\n"), "{said}");
    assert!(said.contains(" device failed\n"), "{said}");
}

//! FromDump and ToDump: files octet by octet.

use std::path::PathBuf;

use crate::harness::{Graph, hex, octets, refused, tight};

/// A file of a test, taken away in the end.
struct File(PathBuf);

impl File {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("waypost-golden-{}-{name}", std::process::id())))
    }

    fn holding(name: &str, digits: &str) -> Self {
        let file = Self::new(name);
        std::fs::write(&file.0, octets(digits).unwrap()).unwrap();
        file
    }

    fn name(&self) -> String {
        format!("{:?}", self.0)
    }

    fn hex(&self) -> String {
        hex(&std::fs::read(&self.0).unwrap())
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Two packets, the second cut to three of its nine octets, at 1.000002 and 3.5 seconds.
const PCAP: &str = "d4c3b2a1 0200 0400 00000000 00000000 ffff0000 01000000
    01000000 02000000 04000000 04000000 01020304
    03000000 20a10700 03000000 09000000 0a0b0c";
/// The same in nanoseconds, of the other order.
const PCAP_NANOS: &str = "a1b23c4d 0002 0004 00000000 00000000 0000ffff 00000001
    00000001 000007d0 00000004 00000004 01020304
    00000003 1dcd6500 00000003 00000009 0a0b0c";
/// The same as pcapng: a section, an interface with times in microseconds, a block of names in between.
const PCAPNG: &str = "0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 1c000000
    01000000 14000000 0100 0000 00000000 14000000
    06000000 24000000 00000000 00000000 42420f00 04000000 04000000 01020304 24000000
    04000000 10000000 00000000 10000000
    06000000 24000000 00000000 00000000 e0673500 03000000 09000000 0a0b0c00 24000000";

#[test]
fn from_dump_reads_every_kind_of_file() {
    for (name, digits) in [
        ("us.pcap", PCAP),
        ("ns.pcap", PCAP_NANOS),
        ("any.pcapng", PCAPNG),
    ] {
        let file = File::holding(name, digits);
        for end in ["", "Unqueue ->"] {
            let text = format!("f :: FromDump({}) -> {end} k :: Keep;", file.name());
            let graph = Graph::run(&text);
            graph.expect("k", ["01020304", "0a0b0c"]);
            assert_eq!(graph.lines("k.times"), ["1000002", "3500000"], "{name}");
            assert_eq!(
                graph.all(["f.count", "f.active", "f.error"]),
                "2 true ",
                "{name}"
            );
            assert_eq!(graph.read("f.filename"), file.0.display().to_string());
            assert!(!graph.is_stopped());
        }
    }
}

#[test]
fn from_dump_stops_the_graph_or_calls_a_handler_at_the_end() {
    let file = File::holding("end.pcap", PCAP);
    let name = file.name();
    let graph = Graph::run(&format!(
        "FromDump({name}, STOP true) -> Queue -> Unqueue(BURST 1) -> k :: Keep;"
    ));
    graph.expect("k", ["01020304", "0a0b0c"]);
    assert!(graph.is_stopped());
    let text = format!("FromDump({name}, END_CALL f.feed ff) -> k :: Keep; f :: Feed -> k;");
    let graph = Graph::run(&text);
    graph.expect("k", ["01020304", "0a0b0c", "ff"]);
    assert!(!graph.is_stopped());
}

#[test]
fn from_dump_reads_nothing_until_it_is_active() {
    let file = File::holding("active.pcap", PCAP);
    let text = format!(
        "f :: FromDump({}, ACTIVE false, STOP true) -> k :: Keep;",
        file.name()
    );
    let mut graph = Graph::run(&text);
    assert_eq!(
        (
            graph.all(["f.count", "f.active"]).as_str(),
            graph.is_stopped()
        ),
        ("0 false", false)
    );
    assert!(
        graph
            .refuses("f.active", "perhaps")
            .contains("found `perhaps`")
    );
    graph.write("f.active", "true");
    assert_eq!(
        (
            graph.all(["f.count", "f.active"]).as_str(),
            graph.is_stopped()
        ),
        ("2 true", true)
    );
}

#[test]
fn from_dump_hands_on_what_comes_before_an_error_and_says_what_it_was() {
    let cut: String = tight(PCAP).chars().take(2 * (24 + 20 + 18)).collect();
    let file = File::holding("cut.pcap", &cut);
    let graph = Graph::run(&format!(
        "f :: FromDump({}, STOP true) -> k :: Keep;",
        file.name()
    ));
    graph.expect("k", ["01020304"]);
    assert!(
        graph
            .read("f.error")
            .contains("breaks off inside the record that begins at octet 44"),
        "{}",
        graph.read("f.error")
    );
    assert!(graph.is_stopped());
}

#[test]
fn files_that_are_none_are_refused() {
    assert!(refused("FromDump -> Discard;").contains("FILENAME"));
    assert!(
        refused("FromDump(\"/nowhere/at all\") -> Discard;")
            .contains("cannot read `/nowhere/at all`")
    );
    assert!(
        refused("Idle -> ToDump(\"/nowhere/at all\");").contains("cannot write `/nowhere/at all`")
    );
    let file = File::holding("text", "48656c6c6f2c20776f726c642148656c6c6f2c20776f726c64");
    let said = refused(&format!("FromDump({}) -> Discard;", file.name()));
    assert!(
        said.contains("expected a pcap or pcapng file, found something else"),
        "{said}"
    );
    let name = file.name();
    assert!(refused(&format!("Idle -> ToDump({name}, ENCAP ATM);")).contains("ENCAP ETHER or IP"));
    std::fs::write(&file.0, octets(PCAP).unwrap()).unwrap();
    assert!(refused(&format!("FromDump({name}, TIMING true) -> Discard;")).contains("TIMING"));
}

#[test]
fn to_dump_writes_what_it_gets_with_its_times() {
    let from = File::holding("from.pcap", PCAP);
    let written = |config: &str, ending: &str| {
        let to = File::new(&format!("{}{ending}", config.len()));
        let text = format!(
            "FromDump({}) -> t :: ToDump({}{config});",
            from.name(),
            to.name()
        );
        let mut graph = Graph::run(&text);
        graph.write("t.flush", "");
        assert_eq!(graph.read("t.count"), "2");
        assert_eq!(graph.read("t.filename"), to.0.display().to_string());
        to.hex()
    };
    let head = "4d3cb2a1 0200 0400 00000000 00000000";
    let first = "01000000 d0070000 04000000 04000000 01020304";
    let second = "03000000 0065cd1d 03000000 03000000 0a0b0c";
    assert_eq!(
        written("", ".pcap"),
        tight(&format!("{head} 00000400 01000000 {first} {second}"))
    );
    assert_eq!(
        written(", ENCAP IP", ".pcap"),
        tight(&format!("{head} 00000400 65000000 {first} {second}"))
    );
    let cut = "01000000 d0070000 02000000 04000000 0102 03000000 0065cd1d 02000000 03000000 0a0b";
    assert_eq!(
        written(", SNAPLEN 2", ".pcap"),
        tight(&format!("{head} 02000000 01000000 {cut}"))
    );
    let section = "0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 1c000000";
    let interface = "01000000 20000000 0100 0000 00000400 0900 0100 09000000 0000 0000 20000000";
    let packets = "06000000 24000000 00000000 00000000 d0d19a3b 04000000 04000000 01020304 24000000
        06000000 24000000 00000000 00000000 00c39dd0 03000000 03000000 0a0b0c00 24000000";
    assert_eq!(
        written("", ".pcapng"),
        tight(&format!("{section} {interface} {packets}"))
    );
}

#[test]
fn to_dump_hands_packets_on_and_pulls_them() {
    let to = File::new("through.pcap");
    let text = |rest: &str| {
        format!(
            "Feed(0102, 03) -> {}",
            rest.replace("TO", &format!("t :: ToDump({})", to.name()))
        )
    };
    for rest in ["TO -> k :: Keep;", "Queue -> TO -> Unqueue -> k :: Keep;"] {
        let graph = Graph::run(&text(rest));
        graph.expect("k", ["0102", "03"]);
        assert_eq!(graph.read("t.count"), "2");
    }
    let graph = Graph::run(&text("Queue -> TO;"));
    assert_eq!(graph.read("t.count"), "2");
    drop(graph);
    let back = Graph::run(&format!("FromDump({}) -> k :: Keep;", to.name()));
    back.expect("k", ["0102", "03"]);
}

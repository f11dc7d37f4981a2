//! FromDump and ToDump: files octet by octet.

use std::path::PathBuf;

use crate::harness::{Graph, hex, octets, refused, tight};
use crate::output::{written, written_by};

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
    assert!(refused(&format!("Idle -> ToDump({name}, ENCAP ATM);")).contains("ENCAP ETHER, IP"));
    std::fs::write(&file.0, octets(PCAP).unwrap()).unwrap();
    for (config, said) in [
        ("FILEPOS 24", "FILEPOS"),
        ("SAMPLE 1.5", "SAMPLE from 0 to 1"),
        (
            "START 1, START_AFTER 1",
            "START START_AFTER exclude each other",
        ),
        (
            "END 1, INTERVAL 1",
            "END END_AFTER INTERVAL exclude each other",
        ),
        ("END soon", "a time in seconds since 1970"),
    ] {
        let wrong = refused(&format!("FromDump({name}, {config}) -> Discard;"));
        assert!(wrong.contains(said), "{wrong}");
    }
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
    // The numbers of the registry of link types (www.tcpdump.org/linktypes.html).
    for (name, number) in [
        ("ETHER", 1),
        ("IP", 101),
        ("FDDI", 10),
        ("802_11", 105),
        ("SLL", 113),
        ("PPP", 9),
        ("PPP_HDLC", 50),
        ("HDLC", 104),
        ("NULL", 0),
    ] {
        let found = written(&format!(", ENCAP {name}"), ".pcap");
        assert_eq!(found[40..48], format!("{number:02x}000000"), "{name}");
    }
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

#[test]
fn to_dump_says_what_it_could_not_write() {
    for (rest, lost) in [("", "2"), (" -> k :: Keep", "0")] {
        for config in ["", ", UNBUFFERED true"] {
            for way in ["", "Queue ->"] {
                // Where it hands on what it pulls, somebody has to pull.
                let rest = match (way, rest) {
                    ("", _) | (_, "") => rest.to_owned(),
                    _ => format!(" -> Unqueue{rest}"),
                };
                let text = format!("Feed(0102, 03) -> {way} t :: ToDump(/dev/full{config}){rest};");
                let graph = Graph::run(&text);
                assert_eq!(graph.all(["t.count", "t.unwritten"]), "0 2", "{text}");
                assert_eq!(graph.read("t.drops"), lost, "{text}");
                if !rest.is_empty() {
                    graph.expect("k", ["0102", "03"]);
                }
            }
        }
    }
    let text = "InfiniteSource(LIMIT 2, STOP true) -> t :: ToDump(/dev/full);";
    let mut graph = Graph::run(text);
    assert!(graph.is_stopped());
    assert_eq!(graph.all(["t.count", "t.unwritten", "t.drops"]), "0 2 2");
    assert!(graph.refuses("t.flush", "").contains("`/dev/full`: "));
    // More than is gathered at once.
    let graph = Graph::run("InfiniteSource(LIMIT 5000) -> t :: ToDump(/dev/full);");
    assert_eq!(graph.all(["t.count", "t.unwritten"]), "0 5000");
}

#[test]
fn to_dump_writes_when_no_more_comes() {
    let to = File::new("idle.pcap");
    let graph = Graph::run(&format!("Feed(0102, 03) -> t :: ToDump({});", to.name()));
    assert_eq!(to.hex().len() / 2, 24 + 16 + 2 + 16 + 1);
    assert_eq!(graph.read("t.unwritten"), "0");
    let _none = Graph::run(&format!("Idle -> ToDump({});", to.name()));
    assert_eq!(to.hex().len() / 2, 24, "the head alone");
}

#[test]
fn what_is_gathered_when_the_graph_is_stopped_at_once_is_written_or_told() {
    let text = |file: &str| {
        format!(
            "Feed(0102, 03) -> t :: ToDump({file}); w :: Paint(1); Idle -> w -> Discard; Script(stop);"
        )
    };
    let to = File::new("stopped.pcap");
    assert_eq!(written(&text(&to.name())).1, "");
    assert_eq!(to.hex().len() / 2, 24 + 16 + 2 + 16 + 1);
    let (_, said) = written(&text("/dev/full"));
    assert!(
        said.starts_with("`/dev/full`: 2 packets could not be written: "),
        "{said}"
    );
}

#[test]
fn workers_share_standard_output() {
    let text = "Feed(0102, 03) -> ToDump(-);";
    let (said, _) = written_by(3, text);
    let file = File::new("shared.pcap");
    std::fs::write(&file.0, said).unwrap();
    let graph = Graph::run(&format!("f :: FromDump({}) -> k :: Keep;", file.name()));
    assert_eq!(graph.read("f.error"), "");
    graph.expect("k", ["0102", "03", "0102", "03", "0102", "03"]);
}

/// Packets that hold their number, recorded at these milliseconds after 1000 seconds.
fn recorded(name: &str, link: u8, packets: &[(u32, &str)]) -> File {
    let head = format!("d4c3b2a1 0200 0400 00000000 00000000 ffff0000 {link:02x}000000");
    let packet = |(millis, digits): &(u32, &str)| {
        let (seconds, micros) = (1000 + millis / 1000, millis % 1000 * 1000);
        let len = octets(digits).unwrap().len() as u32;
        let header = [seconds, micros, len, len].map(|it| hex(&it.to_le_bytes()));
        header.concat() + digits
    };
    File::holding(
        name,
        &(head + &packets.iter().map(packet).collect::<String>()),
    )
}

const SPACED: &[(u32, &str)] = &[
    (0, "00"),
    (500, "01"),
    (500, "02"),
    (1500, "03"),
    (4000, "04"),
];

#[test]
fn from_dump_keeps_the_pace_of_the_file() {
    let file = recorded("pace.pcap", 1, SPACED);
    for (config, way) in [
        ("true", ""),
        ("TIMING true", "Unqueue ->"),
        ("true, STOP true", ""),
        ("true", "Queue -> Unqueue ->"),
    ] {
        let text = format!(
            "f :: FromDump({}, {config}) -> {way} k :: Keep;",
            file.name()
        );
        let mut graph = Graph::run(&text);
        for (millis, count) in [(0, 1), (499, 1), (500, 3), (1499, 3), (1500, 4), (3999, 4)] {
            graph.until(millis);
            assert_eq!(graph.number("k.count"), count, "{config} {way} at {millis}");
            assert!(!graph.is_stopped());
        }
        graph.until(4000);
        assert_eq!(graph.frames("k").concat(), "0001020304");
        assert_eq!(graph.is_stopped(), config.contains("STOP"));
    }
    let mut graph = Graph::run(&format!(
        "f :: FromDump({}, true) -> k :: Keep;",
        file.name()
    ));
    graph.until(100);
    graph.write("f.reset_timing", "");
    assert_eq!(
        graph.read("k.count"),
        "3",
        "the next is the first of its pace"
    );
    graph.until(1099);
    assert_eq!(graph.read("k.count"), "3");
    graph.until(1100);
    assert_eq!(graph.read("k.count"), "4");
}

#[test]
fn from_dump_reads_from_a_time_to_another() {
    let file = recorded("window.pcap", 1, SPACED);
    let run = |config: &str| {
        Graph::run(&format!(
            "f :: FromDump({}, {config}) -> k :: Keep; p :: Paint(1); Idle -> p -> Discard;",
            file.name()
        ))
    };
    for (config, frames) in [
        ("START 1000.5", "01020304"),
        ("START 1000.500001", "0304"),
        ("START_AFTER 1.5", "0304"),
        ("END 1001.5", "000102"),
        ("END_AFTER 500ms", "00"),
        ("INTERVAL 4", "00010203"),
        ("START_AFTER 500ms, INTERVAL 1s", "0102"),
        ("START 1002, END 1003", ""),
        ("SAMPLE 0", ""),
        ("SAMPLE 1", "0001020304"),
    ] {
        let graph = run(config);
        assert_eq!(graph.frames("k").concat(), frames, "{config}");
        assert_eq!(graph.number("f.count") as usize * 2, frames.len());
    }
    let graph = run("END_AFTER 1, STOP true");
    assert!(graph.is_stopped());
    assert_eq!(graph.all(["k.count", "f.active"]), "3 false");
    let graph = run("END_AFTER 1, END_CALL p.color 9");
    assert_eq!(graph.all(["k.count", "p.color"]), "5 9", "it goes on");
    for way in ["", "Unqueue ->"] {
        let graph = Graph::run(&format!(
            "FromDump({}, END_AFTER 1, END_CALL p.color 9) -> {way} p :: Paint(1) -> k :: Keep;",
            file.name()
        ));
        let paints = graph.lines("k.paints");
        assert_eq!(paints, ["1", "1", "1", "9", "9"], "{way}");
    }
    // Also where nothing behind it takes more.
    let graph = Graph::run(&format!(
        "FromDump({}, END_AFTER 1, END_CALL u.active true)
         -> Queue(3, ON_FULL BLOCK) -> u :: Unqueue(ACTIVE false) -> k :: Keep;",
        file.name()
    ));
    assert_eq!(graph.read("k.count"), "5");
    let graph = run("END_AFTER 1, END_CALL f.active false");
    assert_eq!(graph.all(["k.count", "f.active"]), "3 false");
    let graph = run("END_AFTER 100ms, END_CALL f.extend_interval 100ms");
    assert_eq!(graph.read("k.count"), "5");
    let mut graph = run("END_AFTER 1");
    graph.write("f.extend_interval", "1");
    assert_eq!(
        graph.frames("k").concat(),
        "000102",
        "the one at the end was left out"
    );
    assert_eq!(graph.all(["f.count", "f.active"]), "3 false");
    let mut graph = run("ACTIVE false");
    assert!(graph.refuses("f.extend_interval", "1").contains("no end"));
    graph.write("f.stop", "");
    assert!(graph.is_stopped());
}

#[test]
fn from_dump_takes_a_sample() {
    let packets = vec![(0, "00"); 1000];
    let file = recorded("sample.pcap", 1, &packets);
    let text = format!(
        "f :: FromDump({}, SAMPLE 0.25) -> d :: Discard;",
        file.name()
    );
    let mut graph = Graph::run(&text);
    let count = graph.number("d.count");
    assert!((200..300).contains(&count), "{count} of 1000");
    assert_eq!(graph.read("f.sampling_prob"), "0.25");
    graph.write("f.reset_counts", "");
    assert_eq!(graph.read("f.count"), "0");
}

#[test]
fn from_dump_marks_ip_headers_where_it_is_asked_to() {
    let ip = "45000014000000004001000001010101 0a000002".replace(' ', "");
    let (ether, tagged) = (
        format!("{}0800{ip}", "00".repeat(12)),
        format!("{}81000001 0800{ip}", "00".repeat(12)).replace(' ', ""),
    );
    let arp = format!("{}0806{ip}", "00".repeat(12));
    let packets = [(0, &*ether), (0, &*tagged), (0, &*arp), (0, "0102")];
    let file = recorded("force.pcap", 1, &packets);
    let text = |config: &str, rest: &str| {
        format!(
            "f :: FromDump({}{config}) -> GetIPAddress(IP dst) -> k :: Keep; {rest}",
            file.name()
        )
    };
    let graph = Graph::run(&text(", FORCE_IP true", "f[1] -> l :: Keep;"));
    assert_eq!(graph.lines("k.destinations"), ["10.0.0.2", "10.0.0.2"]);
    graph.expect("l", [&arp, "0102"]);
    assert_eq!(graph.read("f.encap"), "ETHER");
    let graph = Graph::run(&text(", FORCE_IP true", ""));
    assert_eq!(graph.read("f.drop_reasons"), "2 not an IP packet");
    assert_eq!(Graph::run(&text("", "")).read("k.count"), "0");
    // What begins with an IP header is marked in any case.
    let raw = recorded("raw.pcap", 101, &[(0, &ip), (0, "60")]);
    let graph = Graph::run(&format!(
        "f :: FromDump({}) -> GetIPAddress(IP dst) -> k :: Keep;",
        raw.name()
    ));
    assert_eq!(graph.lines("k.destinations"), ["10.0.0.2"]);
    assert_eq!(graph.all(["f.drops", "f.encap"]), "1 IP");
}

#[test]
fn to_dump_counts_anew_and_writes_at_once() {
    let to = File::new("once.pcap");
    let mut graph = Graph::run(&format!(
        "Feed(0102, 03) -> t :: ToDump({}, UNBUFFERED true, ENCAP SLL, NANO true, EXTRA_LENGTH false);",
        to.name()
    ));
    let (head, packets) = (24, [2, 1].map(|len| 16 + len));
    assert_eq!(to.hex().len() / 2, head + packets.iter().sum::<usize>());
    assert_eq!(&to.hex()[40..48], "71000000");
    assert_eq!(graph.read("t.count"), "2");
    graph.write("t.reset_counts", "");
    assert_eq!(graph.read("t.count"), "0");
}

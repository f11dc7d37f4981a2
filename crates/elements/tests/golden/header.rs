//! Headers checked, marked, changed, put in front: CheckIPHeader, MarkIPHeader, DecIPTTL, FixIPSrc,
//! GetIPAddress, DropBroadcasts, EtherEncap.

use crate::harness::{Graph, refused};

/// UDP from 10.0.0.1 to 10.0.0.2 with four octets, TTL 64, identification 1.
const UDP: &str = "45000020 00010000 401166ca 0a000001 0a000002 1f90 0035 000c 0000 deadbeef";
/// The same with a TTL of 63, 1 and 0.
const TTL_63: &str = "45000020 00010000 3f1167ca 0a000001 0a000002 1f90 0035 000c 0000 deadbeef";
const TTL_1: &str = "45000020 00010000 0111a5ca 0a000001 0a000002 1f90 0035 000c 0000 deadbeef";
const TTL_0: &str = "45000020 00010000 0011a6ca 0a000001 0a000002 1f90 0035 000c 0000 deadbeef";
/// The same with options: four times "no operation".
const OPTIONS: &str =
    "46000024 00010000 401163c4 0a000001 0a000002 01010101 1f90 0035 000c 0000 deadbeef";

fn checked(config: &str, frames: &str) -> Graph {
    Graph::run(&format!(
        "Feed({frames}) -> c :: CheckIPHeader({config}) -> k :: Keep; c[1] -> bad :: Keep;"
    ))
}

#[test]
fn check_ip_header_passes_what_is_right_and_cuts_padding() {
    let graph = checked("", &format!("{UDP}, {UDP} 000000000000, {OPTIONS}"));
    graph.expect("k", [UDP, UDP, OPTIONS]);
    assert_eq!(graph.lines("k.destinations"), ["10.0.0.2"; 3]);
    assert_eq!(graph.all(["bad.count", "c.drops"]), "0 0");
}

#[test]
fn check_ip_header_tells_its_reasons() {
    let wrong = [
        // Nothing, 19 octets, version 6, a header of 16 octets, of 60, lengths of 19 and 33, a bad sum.
        "",
        "45000014 00010000 401170d6 0a000001 0a0000",
        "65000014 00010000 401170d6 0a000001 0a000002",
        "44000014 00010000 401170d6 0a000001 0a000002",
        "4f000014 00010000 401170d6 0a000001 0a000002",
        "45000013 00010000 401170d6 0a000001 0a000002",
        "45000021 00010000 401166c9 0a000001 0a000002 1f90 0035 000c 0000 deadbeef",
        "45000020 00010000 401166cb 0a000001 0a000002 1f90 0035 000c 0000 deadbeef",
    ];
    let graph = checked("BADSRC 10.0.0.1", &format!("{}, {UDP}", wrong.join(", ")));
    let all: Vec<&str> = wrong.into_iter().chain([UDP]).collect();
    graph.expect::<9>("bad", all.try_into().expect("nine frames"));
    let details = "2\tshorter than a header\n1\tnot version 4\n2\tbad header length\n2\tbad total length\n\
                   1\tbad checksum\n1\tbad source";
    assert_eq!(graph.read("c.drop_details"), details);
    assert_eq!(graph.all(["c.drops", "k.count", "c.drop_reasons"]), "9 0 ");
}

#[test]
fn check_ip_header_without_a_second_output_drops() {
    let graph = Graph::run(&format!(
        "Feed({UDP}, 45) -> c :: CheckIPHeader -> k :: Keep;"
    ));
    graph.expect("k", [UDP]);
    assert_eq!(
        graph.all(["c.drops", "c.drop_reasons"]),
        "1 1 bad IP header"
    );
}

#[test]
fn check_ip_header_takes_its_offset_by_position_and_by_keyword() {
    let frame = format!("020000000002 020000000001 0800 {UDP} 0000");
    for config in [
        "14",
        "OFFSET 14",
        "14, VERBOSE true, DETAILS true",
        "1.2.3.4, 14",
    ] {
        let graph = checked(config, &frame);
        graph.expect("k", [&format!("020000000002 020000000001 0800 {UDP}")]);
        assert_eq!(graph.read("k.destinations"), "10.0.0.2", "{config}");
    }
}

#[test]
fn check_ip_header_does_not_verify_the_checksum_if_told_so() {
    let bad = UDP.replace("401166ca", "40110000");
    checked("CHECKSUM false", &bad).expect("k", [&bad]);
}

/// Headers alone, from an address to 10.0.0.2 or 18.26.4.9.
const FROM_NOBODY: &str = "45000014 00010000 401170d7 00000000 0a000002";
const FROM_ALL: &str = "45000014 00010000 401170d7 ffffffff 0a000002";
const FROM_NET_4: &str = "45000014 00010000 401159be 121a04ff 0a000002";
const FROM_NET_9: &str = "45000014 00010000 40115588 1220092f 0a000002";
const NOBODY_TO_US: &str = "45000014 00010000 401164b6 00000000 121a0409";
const NET_4_TO_US: &str = "45000014 00010000 40114d9d 121a04ff 121a0409";

#[test]
fn check_ip_header_knows_bad_sources_where_it_is_told_of_them() {
    let passes = |config: &str, frame: &str| checked(config, frame).read("k.count") == "1";
    for frame in [FROM_NOBODY, FROM_ALL, FROM_NET_4] {
        assert!(passes("", frame), "no source is bad by default: {frame}");
    }
    let interfaces = "INTERFACES 18.26.4.9/24 18.32.9.44/28";
    for frame in [FROM_NOBODY, FROM_ALL, FROM_NET_4, FROM_NET_9] {
        assert!(!passes(interfaces, frame), "{frame}");
    }
    assert!(passes(interfaces, UDP));
    for frame in [NOBODY_TO_US, NET_4_TO_US] {
        assert!(
            passes(interfaces, frame),
            "the router's own address is a good destination: {frame}"
        );
    }
    let masks = "INTERFACES 18.26.4.9/255.255.255.0 18.32.9.44/255.255.255.240";
    assert!(!passes(masks, FROM_NET_4) && !passes(masks, FROM_NET_9));
    // An address without a prefix is its own broadcast address, and a good destination.
    let alone = "INTERFACES 18.26.4.255";
    assert!(!passes(alone, FROM_NET_4) && passes(alone, FROM_NET_9));
    assert!(passes("INTERFACES 18.26.4.9", NOBODY_TO_US));
    // The last address of two is that of a host (RFC 3021).
    assert!(passes("INTERFACES 18.26.4.254/31", FROM_NET_4));
    assert!(!passes("INTERFACES 18.26.4.254/30", FROM_NET_4));
    assert!(!passes("BADSRC 1.2.3.4 18.26.4.255", FROM_NET_4));
    assert!(passes("BADSRC 18.26.4.255, GOODDST 10.0.0.2", FROM_NET_4));
    assert!(passes("BADSRC 18.26.4.255", FROM_NOBODY));
    for frame in [FROM_NET_4, FROM_NOBODY, FROM_ALL] {
        assert!(
            !passes("18.26.4.255 1.2.3.4", frame),
            "the old form: {frame}"
        );
    }
}

#[test]
fn check_ip_header_refuses_what_is_no_argument_of_its() {
    for config in [
        "BADSRC what",
        "INTERFACES 10.0.0.1/33",
        "INTERFACES 10.0.0.1/255.0.255.0",
        "x",
        "OFFSET x",
        "1.2.3.4, x",
        "COLOUR 3",
    ] {
        refused(&format!("Idle -> CheckIPHeader({config}) -> Discard;"));
    }
}

#[test]
fn mark_ip_header_marks_and_changes_nothing() {
    let graph = Graph::run(&format!(
        "Feed(ffff {UDP}, 01) -> MarkIPHeader(2) -> g :: GetIPAddress(IP src) -> k :: Keep;"
    ));
    graph.expect("k", [&format!("ffff {UDP}")]);
    assert_eq!(graph.read("k.destinations"), "10.0.0.1");
    assert_eq!(graph.read("g.drop_reasons"), "1 too short for an address");
    // The mark stays where the octets are.
    let graph = Graph::run(&format!(
        "Feed(ffff {UDP}) -> MarkIPHeader(OFFSET 2) -> Strip(2) -> DecIPTTL -> Unstrip(2) -> k :: Keep;"
    ));
    graph.expect("k", [&format!("ffff {TTL_63}")]);
}

#[test]
fn dec_ip_ttl_counts_down_and_corrects_the_checksum() {
    let graph = Graph::run(&format!(
        "Feed({UDP}, {TTL_1}, {TTL_0}) -> MarkIPHeader -> d :: DecIPTTL -> k :: Keep; d[1] -> expired :: Keep;"
    ));
    graph.expect("k", [TTL_63]);
    graph.expect("expired", [TTL_1, TTL_0]);
    assert_eq!(graph.all(["d.drops", "d.drop_reasons"]), "2 ");
}

#[test]
fn dec_ip_ttl_drops_without_a_second_output_and_is_switched_off() {
    let mut graph = Graph::run(&format!(
        "f :: Feed({TTL_1}) -> MarkIPHeader -> d :: DecIPTTL -> k :: Keep;"
    ));
    assert_eq!(graph.all(["d.drops", "d.drop_reasons"]), "1 1 TTL expired");
    graph.write("d.active", "false");
    graph.write("f.feed", TTL_1);
    graph.expect("k", [TTL_1]);
    assert_eq!(graph.read("d.active"), "false");
    let graph = Graph::run(&format!(
        "Feed({UDP}) -> MarkIPHeader -> DecIPTTL(ACTIVE false) -> k :: Keep;"
    ));
    graph.expect("k", [UDP]);
}

#[test]
fn dec_ip_ttl_drops_what_has_no_marked_header() {
    let graph = Graph::run(&format!(
        "Feed({UDP}) -> d :: DecIPTTL -> k :: Keep; d[1] -> expired :: Keep;"
    ));
    graph.expect("k", [""; 0]);
    graph.expect("expired", [""; 0]);
    assert_eq!(
        graph.all(["d.drops", "d.drop_reasons"]),
        "0 1 bad IP header"
    );
}

#[test]
fn dec_ip_ttl_lets_groups_alone_if_told_so() {
    let two = "45000020 00010000 0211cec6 0a000001 e0000005 1f90 0035 000c 0000 deadbeef";
    let one = "45000020 00010000 0111cfc6 0a000001 e0000005 1f90 0035 000c 0000 deadbeef";
    let run = |config: &str| {
        Graph::run(&format!(
            "Feed({two}, {one}) -> MarkIPHeader -> d :: DecIPTTL({config}) -> k :: Keep; d[1] -> Discard;"
        ))
    };
    run("").expect("k", [one]);
    run("MULTICAST true").expect("k", [one]);
    run("MULTICAST false").expect("k", [two, one]);
}

#[test]
fn get_ip_address_reads_what_it_is_told_to() {
    let read = |config: &str| {
        let graph = Graph::run(&format!(
            "Feed({UDP}) -> MarkIPHeader -> GetIPAddress({config}) -> k :: Keep;"
        ));
        graph.read("k.destinations")
    };
    assert_eq!(read("16"), "10.0.0.2");
    assert_eq!(read("OFFSET 12"), "10.0.0.1");
    assert_eq!(read("IP src"), "10.0.0.1");
    assert_eq!(read("IP dst"), "10.0.0.2");
    assert!(refused("Idle -> GetIPAddress(IP up) -> Discard;").contains("src or dst"));
    assert!(refused("Idle -> GetIPAddress -> Discard;").contains("OFFSET"));
    let graph = Graph::run("Feed(0a000001, 0a0000) -> g :: GetIPAddress(0) -> k :: Keep;");
    assert_eq!(
        graph.all(["k.count", "g.drop_reasons"]),
        "1 1 too short for an address"
    );
}

#[test]
fn fix_ip_src_changes_what_an_icmp_error_made_and_nothing_else() {
    let about = "45000014 00010000 0111a5d6 0a000001 0a000002";
    let run = |config: &str| {
        Graph::run(&format!(
            "Feed({about}) -> MarkIPHeader -> ICMPError(192.0.2.1, 11, 0{config}) -> FixIPSrc(192.0.2.9) -> k :: Keep;
             Feed({UDP}) -> MarkIPHeader -> FixIPSrc(192.0.2.9) -> same :: Keep;"
        ))
    };
    let fixed = run("");
    let message = "0b00 f4ff 00000000 45000014 00010000 0111a5d6 0a000001 0a000002";
    fixed.expect(
        "k",
        [&format!(
            "45c00030 00000000 4001ae03 c0000209 0a000001 {message}"
        )],
    );
    assert_eq!(fixed.read("k.fixes"), "false", "the annotation is used up");
    fixed.expect("same", [UDP]);
    run(", USE_FIX_ANNO false").expect(
        "k",
        [&format!(
            "45c00030 00000000 4001ae0b c0000201 0a000001 {message}"
        )],
    );
}

#[test]
fn drop_broadcasts_goes_by_the_link() {
    let graph = Graph::run(
        "Feed(01) -> d :: DropBroadcasts -> k :: Keep; Feed(02, LINK broadcast) -> d;
         Feed(03, LINK multicast) -> d;",
    );
    graph.expect("k", ["01"]);
    assert_eq!(
        graph.all(["d.drops", "d.drop_reasons"]),
        "2 2 link broadcast"
    );
}

#[test]
fn ether_encap_puts_its_header_in_front() {
    let header = "020000000002 020000000001";
    for ethertype in ["0x0800", "0X800", "0800", "2048"] {
        let graph = Graph::run(&format!(
            "Feed(beef) -> e :: EtherEncap({ethertype}, 2:0:0:0:0:1, 02-00-00-00-00-02) -> k :: Keep;"
        ));
        graph.expect("k", [&format!("{header} 0800 beef")]);
        assert_eq!(
            graph.all(["e.ethertype", "e.src", "e.dst"]),
            "0x0800 02:00:00:00:00:01 02:00:00:00:00:02"
        );
    }
    let graph = Graph::run(
        "Feed(beef) -> EtherEncap(86dd, SRC 2:0:0:0:0:1, DST 2:0:0:0:0:2) -> k :: Keep;",
    );
    graph.expect("k", [&format!("{header} 86dd beef")]);
}

#[test]
fn ether_encaps_handlers_change_its_header() {
    let mut graph = Graph::run(
        "f :: Feed() -> e :: EtherEncap(0x0800, 2:0:0:0:0:1, 2:0:0:0:0:2) -> k :: Keep;",
    );
    graph.write("e.src", "2:0:0:0:0:3");
    graph.write("e.dst", "ff:ff:ff:ff:ff:ff");
    graph.write("e.ethertype", "0x0806");
    graph.write("f.feed", "01");
    graph.write("k.clear", "");
    graph.write("f.feed", "02");
    graph.expect("k", ["ffffffffffff 020000000003 0806 02"]);
    assert!(graph.refuses("e.src", "here").contains("Ethernet address"));
    assert!(graph.refuses("e.ethertype", "70000").contains("ETHERTYPE"));
    for config in [
        "",
        "0x0800",
        "x, 2:0:0:0:0:1, 2:0:0:0:0:2",
        "0x800, 2:0:0:0:0, 2:0:0:0:0:2",
    ] {
        refused(&format!("Idle -> EtherEncap({config}) -> Discard;"));
    }
}

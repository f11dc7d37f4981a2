//! IPClassifier: for each expression, which of eight packets it holds for.

use crate::harness::{Graph, refused};

/// Packets by a letter.
const PACKETS: [(&str, &str); 8] = [
    // A SYN from 10.0.0.1:1000 to 192.168.1.2:80, TTL 64, identification 1, window 8192.
    (
        "a",
        "45000028000100004006af240a000001c0a80102 03e8005000000001000000025002200000000000",
    ),
    // FIN and ACK back, TTL 5, DSCP 46, identification 258, window 512.
    (
        "b",
        "45b80028010200000506e86bc0a801020a000001 005003e800000001000000025011020000000000",
    ),
    // UDP from 10.0.0.2:53 to 10.0.0.9:5000, congestion notification possible, not to be cut.
    (
        "c",
        "4502001c00004000401126c50a0000020a000009 0035138800080000",
    ),
    // An echo request from 10.0.0.1 to 192.168.1.2, congestion met.
    (
        "d",
        "4503001c000000004001af330a000001c0a80102 0800f7ff00000000",
    ),
    // UDP from 10.0.0.2:53 to 10.0.0.9:53: a first fragment.
    (
        "e",
        "4500001c00002000401146c70a0000020a000009 0035003500080000",
    ),
    // A later fragment whose octets look like those.
    (
        "f",
        "4500001c00000003401166c40a0000020a000009 0035003500080000",
    ),
    // An ACK from 10.0.0.1:22 to 10.0.0.2:8080, with IP options, window 100.
    (
        "g",
        "4600002c00000000400663c80a0000010a00000201010101 00161f9000000001000000025010006400000000",
    ),
    // IGMP from 10.0.0.9 to 224.0.0.1, TTL 1.
    (
        "h",
        "4500001c000000000102cfd60a000009e0000001 0000000000000000",
    ),
];

/// The letters of the packets that an expression holds for.
fn holds(expression: &str) -> String {
    let frames = PACKETS.map(|(_, frame)| frame).join(", ");
    let graph = Graph::run(&format!(
        "Feed({frames}) -> MarkIPHeader -> k :: IPClassifier({expression}, -); k[0] -> yes :: Keep; k[1] -> no :: Keep;"
    ));
    let (yes, no) = (graph.frames("yes"), graph.frames("no"));
    assert_eq!(yes.len() + no.len(), PACKETS.len(), "{expression}");
    let among = |frame: &str| yes.contains(&frame.replace(' ', ""));
    let letters = PACKETS.iter().filter(|(_, frame)| among(frame));
    letters.map(|(letter, _)| *letter).collect()
}

#[track_caller]
fn check<const N: usize>(cases: [(&str, &str); N]) {
    for (expression, expected) in cases {
        assert_eq!(holds(expression), expected, "{expression}");
    }
}

#[test]
fn everything_and_nothing() {
    check([
        ("-", "abcdefgh"),
        ("any", "abcdefgh"),
        ("all", "abcdefgh"),
        ("true", "abcdefgh"),
        ("false", ""),
        ("none", ""),
    ]);
}

#[test]
fn protocols() {
    check([
        ("tcp", "abg"),
        ("udp", "cef"),
        ("icmp", "d"),
        ("igmp", "h"),
        ("ipip", ""),
        ("ip proto tcp", "abg"),
        ("proto 17", "cef"),
        ("ip proto 2", "h"),
        ("ip proto != tcp", "cdefh"),
        ("ip proto > 2", "abcefg"),
        ("tcp or udp", "abcefg"),
        ("ip proto tcp or udp", "abcefg"),
    ]);
}

#[test]
fn addresses_and_networks() {
    check([
        ("src host 10.0.0.1", "adg"),
        ("src 10.0.0.1", "adg"),
        ("dst host 10.0.0.1", "b"),
        ("host 10.0.0.1", "abdg"),
        ("10.0.0.1", "abdg"),
        ("src or dst 10.0.0.1", "abdg"),
        ("src and dst 10.0.0.1", ""),
        ("src and dst net 10.0.0.0/24", "cefg"),
        ("dst and src 10.0.0.0/24", "cefg"),
        ("src host == 10.0.0.1", "adg"),
        ("src host != 10.0.0.1", "bcefh"),
        ("host != 10.0.0.1", "cefh"),
        ("dst net 192.168.0.0/16", "ad"),
        ("dst net 192.168/16", "ad"),
        ("dst net 192.168.0.0 mask 255.255.0.0", "ad"),
        ("net 192.168.0.0/255.255.0.0", "abd"),
        ("192.168.0.0/16", "abd"),
        ("dst 224.0.0.0/4", "h"),
        ("src host & 0.0.0.15 == 0.0.0.15", ""),
        ("src host & 0.0.0.15 == 0.0.0.9", "h"),
        ("src host & 0xf == 0.0.0.9", "h"),
        ("src & 0.0.0.15 == 0.0.0.9", "h"),
        ("src & 15 0.0.0.9", "h"),
        ("tcp & src & 15 != 0.0.0.9 & src port 80", "b"),
        ("src 10.0.0.1 or 10.0.0.9", "adgh"),
        ("src host 10.0.0.1 or 10.0.0.9", "adgh"),
        ("ip host 10.0.0.9", "cefh"),
    ]);
}

#[test]
fn ports() {
    check([
        ("src port 80", "b"),
        ("src tcp port 80", "b"),
        ("tcp src port 80", "b"),
        ("tcp port 80", "ab"),
        ("udp port 80", ""),
        ("port 80", "ab"),
        ("port www", "ab"),
        ("www", "ab"),
        ("dst www", "a"),
        ("port 53", "ce"),
        ("src and dst port 53", "e"),
        ("udp src and dst port 53", "e"),
        ("udp port domain", "ce"),
        ("dst port 1000-2000", "b"),
        ("port 1000-6000", "abc"),
        ("dst port > 1023", "cg"),
        ("dst port >= 1000", "bcg"),
        ("dst port < 80", "e"),
        ("dst port <= 80", "ae"),
        ("src port 80 or 22", "bg"),
        ("src port 80 or 22 or 53", "bceg"),
        ("dst tcp port 80 or 8080", "ag"),
        ("src tcp port != 80", "ag"),
        ("port != 53", "abg"),
        ("not port 53", "abdfgh"),
        ("src port & 0x10", "bceg"),
        ("src port & 0xff0 == 0x3e0", "a"),
        ("port ssh", "g"),
        ("port 0x50", "ab"),
    ]);
}

#[test]
fn icmp_and_tcp() {
    check([
        ("icmp type echo", "d"),
        ("icmp type 8", "d"),
        ("icmp type == 8", "d"),
        ("icmp type != 8", ""),
        ("icmp type != 0", "d"),
        ("icmp type echo-reply or echo", "d"),
        ("icmp type timeexceeded", ""),
        ("tcp opt syn", "a"),
        ("syn", "a"),
        ("tcp opt ack", "bg"),
        ("fin ack", "b"),
        ("ack and not fin", "g"),
        ("tcp opt syn or ack", "abg"),
        ("tcp opt rst", ""),
        ("tcp win 512", "b"),
        ("tcp win > 100", "ab"),
        ("tcp win <= 512", "bg"),
    ]);
}

#[test]
fn fields_of_the_ip_header() {
    check([
        ("ip ttl 5", "b"),
        ("ip ttl > 5", "acdefg"),
        ("ip ttl <= 5", "bh"),
        ("ip ttl != 64", "bh"),
        ("ip tos 0xb8", "b"),
        ("ip tos 184", "b"),
        ("ip dscp 46", "b"),
        ("ip dscp = 0", "acdefgh"),
        ("ip ect", "cd"),
        ("ip ce", "d"),
        ("ip vers 4", "abcdefgh"),
        ("ip hl 6", "g"),
        ("ip hl > 5", "g"),
        ("ip id 258", "b"),
        ("ip id & 1", "a"),
        ("ip id & 0xff == 2", "b"),
        ("ip frag", "ef"),
        ("frag", "ef"),
        ("ip unfrag", "abcdgh"),
        ("unfrag", "abcdgh"),
    ]);
}

#[test]
fn octets_by_their_place() {
    check([
        ("ip[9] 6", "abg"),
        ("ip[9] = 6", "abg"),
        ("ip[9:1] == 6", "abg"),
        ("ip[6:2] & 0x3fff", "ef"),
        ("ip[6:2] & 0x4000 != 0", "c"),
        ("ip[12:4] 0x0a000009", "h"),
        ("ip[40] 0", "g"),
        ("transp[0:2] 53", "ce"),
        ("transp[2:2] > 5000", "dg"),
        ("tcp[13] & 2", "a"),
        ("tcp[13] & 0x12 == 0x10", "bg"),
        ("udp[0:2] 53", "ce"),
        ("icmp[0] 8", "d"),
        ("udp[8] 0", ""),
        ("ip[65535] 0", ""),
    ]);
}

#[test]
fn connectives_and_their_order() {
    check([
        ("not tcp", "cdefh"),
        ("! tcp", "cdefh"),
        ("!tcp", "cdefh"),
        ("!!tcp", "abg"),
        ("tcp and src 10.0.0.1", "ag"),
        ("tcp && src 10.0.0.1", "ag"),
        ("tcp src 10.0.0.1", "ag"),
        ("tcp || icmp", "abdg"),
        ("icmp or tcp and dst port 80", "ad"),
        ("(icmp or tcp) and dst 192.168.1.2", "ad"),
        ("not (tcp or udp)", "dh"),
        ("(dst port www or dst port ssh) and tcp opt syn", "a"),
        ("not tcp and not udp", "dh"),
        ("tcp ? syn : icmp", "ad"),
        ("tcp ? syn : udp ? frag : true", "adefh"),
        ("(tcp ? false : true) and 10.0.0.1", "d"),
        ("10.0.0.0/24 and fin ack", "b"),
        (
            "src 10.0.0.1 && dst 10.0.0.2 && tcp && src port ssh && dst port > 1023 && ack",
            "g",
        ),
    ]);
}

#[test]
fn the_first_expression_that_holds_decides() {
    let frames = PACKETS.map(|(_, frame)| frame).join(", ");
    let graph = Graph::run(&format!(
        "Feed({frames}, 01, ) -> MarkIPHeader -> k :: IPClassifier(tcp opt syn, tcp, udp and unfrag);
         k[0] -> a :: Keep; k[1] -> b :: Keep; k[2] -> c :: Keep;"
    ));
    assert_eq!(graph.all(["a.count", "b.count", "c.count"]), "1 2 1");
    // An argument at the end that is empty does not count: nine packets, one of them none of IP.
    assert_eq!(graph.read("k.drop_reasons"), "5 no expression matches");
    assert_eq!(graph.read("k.program"), "tcp opt syn\ntcp\nudp and unfrag");
}

#[test]
fn what_has_no_marked_header_matches_nothing() {
    let graph = Graph::run("Feed(01) -> k :: IPClassifier(-) -> Discard;");
    assert_eq!(graph.read("k.drop_reasons"), "1 no expression matches");
}

#[test]
fn mistakes_are_refused_with_what_was_expected() {
    for expression in [
        "tcp and",
        "ip ttl 5-",
        "port nowhere",
        "tcp or",
        "eth host 1",
    ] {
        let wrong = refused(&format!("Idle -> IPClassifier({expression}) -> Discard;"));
        assert!(wrong.contains("expected"), "{wrong}");
    }
    let wrong = refused("Idle -> k :: IPClassifier(tcp, -); k[0] -> Discard;");
    assert!(wrong.contains("2 expressions for 1 outputs"), "{wrong}");
}

//! ICMPError and ICMPPingResponder: which messages are made, and what is in them.

use crate::harness::{Graph, refused, tight};

/// UDP from 192.0.2.1 to 198.51.100.7 with a TTL of 1.
const ABOUT: &str =
    "45000028 12340000 0111bb55 c0000201 c6336407 c350 8235 0014 abcd 000102030405060708090a0b";
/// The IP header of a message about it from 10.0.0.1.
const FRAME: &str = "45c00044 00000000 4001adf7 0a000001 c0000201";

fn error(config: &str, about: &str) -> Graph {
    Graph::run(&format!(
        "Feed({about}) -> MarkIPHeader -> GetIPAddress(16) -> e :: ICMPError(10.0.0.1, {config}) -> k :: Keep;"
    ))
}

#[test]
fn messages_hold_type_code_and_the_packet() {
    let cases = [
        ("11, 0", "0b00 e573 00000000"),
        ("timeexceeded", "0b00 e573 00000000"),
        ("timeexceeded, transit", "0b00 e573 00000000"),
        ("TYPE 11, CODE 0", "0b00 e573 00000000"),
        ("unreachable, port", "0303 ed70 00000000"),
        ("3, 3", "0303 ed70 00000000"),
        ("unreachable, needfrag, PMTU 1280", "0304 e86f 00000500"),
        ("redirect, host", "0501 c137 c6336407"),
        ("parameterproblem, erroratptr", "0c00 e473 00000000"),
    ];
    for (config, message) in cases {
        let graph = error(config, ABOUT);
        graph.expect("k", [&format!("{FRAME} {message} {ABOUT}")]);
        assert_eq!(graph.read("k.destinations"), "192.0.2.1", "{config}");
        assert_eq!(
            graph.all(["k.fixes", "e.count", "e.drops"]),
            "true 1 0",
            "{config}"
        );
    }
}

#[test]
fn names_of_types_and_codes() {
    let begins = |config: &str| {
        let frame = error(config, ABOUT).frames("k").remove(0);
        frame[40..44].to_owned()
    };
    let cases = [
        ("unreachable, net", "0300"),
        ("unreachable, host", "0301"),
        ("unreachable, protocol", "0302"),
        ("unreachable, needfrag", "0304"),
        ("unreachable, filterprohibited", "030d"),
        ("3, 015", "030d"),
        ("sourcequench", "0400"),
        ("redirect, net", "0500"),
        ("timeexceeded, reassembly", "0b01"),
        ("parameterproblem, missingopt", "0c01"),
        ("parameterproblem, length", "0c02"),
        ("parameterproblem, 7", "0c07"),
    ];
    for (config, expected) in cases {
        assert_eq!(begins(config), expected, "{config}");
    }
    for config in ["8, 0", "echo", "what", "3, what", "256", "11, 0, here"] {
        refused(&format!(
            "Idle -> ICMPError(10.0.0.1, {config}) -> Discard;"
        ));
    }
    refused("Idle -> ICMPError(10.0.0.1) -> Discard;");
}

#[test]
fn a_message_quotes_as_much_as_fits() {
    // A packet of 1000 octets; RFC 1812 §4.3.2.3: no message is longer than 576.
    let long = format!(
        "450003e8 00010000 40110000 c0000201 c6336407 {}",
        "5a".repeat(980)
    );
    let quoted = |config: &str| {
        let frame = error(config, &long).frames("k").remove(0);
        assert_eq!(
            usize::from_str_radix(&frame[4..8], 16).unwrap() * 2,
            frame.len()
        );
        assert!(tight(&long).starts_with(&frame[56..]), "{config}");
        frame.len() / 2
    };
    assert_eq!(quoted("11, 0"), 576);
    assert_eq!(quoted("11, 0, MTU 576"), 576);
    assert_eq!(quoted("11, 0, MTU 100"), 100);
    assert_eq!(quoted("11, 0, MTU 1500"), 576);
    assert_eq!(quoted("11, 0, MTU 56"), 56, "the header and 8 octets");
    let graph = error("11, 0, MTU 55", &long);
    assert_eq!(graph.read("k.count"), "0", "less than RFC 792 asks for");
}

#[test]
fn no_message_is_sent_where_none_may_be() {
    let refused = [
        (
            "about an error",
            "45000038 00000000 40018e89 c0000201 c6336407 0301fcfe 00000000 45000000 00000000 00000000 00000000 00000000 00000000 00000000",
        ),
        (
            "ICMP without a type",
            "45000014 00000000 40018ead c0000201 c6336407",
        ),
        (
            "a fragment but the first",
            "4500001c 00000003 40118e92 c0000201 c6336407 0000000000000000",
        ),
        (
            "to a group",
            "4500001c 00000000 4011d8ce c0000201 e0000001 0000000000000000",
        ),
        (
            "to all",
            "4500001c 00000000 4011b8d0 c0000201 ffffffff 0000000000000000",
        ),
        (
            "from nobody",
            "4500001c 00000000 40115097 00000000 c6336407 0000000000000000",
        ),
        (
            "from a loopback address",
            "4500001c 00000000 4011d195 7f000001 c6336407 0000000000000000",
        ),
        (
            "from a group",
            "4500001c 00000000 40117095 e0000001 c6336407 0000000000000000",
        ),
        (
            "from a reserved address",
            "4500001c 00000000 40116095 f0000001 c6336407 0000000000000000",
        ),
        (
            "from all",
            "4500001c 00000000 40115097 ffffffff c6336407 0000000000000000",
        ),
        ("no IP packet", "0102030405060708090a0b0c0d0e0f101112131415"),
    ];
    for (why, about) in refused {
        let graph = error("11, 0", about);
        assert_eq!(graph.all(["k.count", "e.count"]), "0 0", "{why}");
        assert_eq!(
            graph.read("e.drop_reasons"),
            "1 no ICMP error may be sent",
            "{why}"
        );
    }
    let answered = [
        (
            "about an echo request",
            "4500001c 00000000 40018ea5 c0000201 c6336407 0800f7ff 00000000",
        ),
        (
            "the first fragment",
            "4500001c 00002000 40116e95 c0000201 c6336407 0000000000000000",
        ),
    ];
    for (why, about) in answered {
        assert_eq!(
            error("11, 0", about).all(["k.count", "e.count"]),
            "1 1",
            "{why}"
        );
    }
}

#[test]
fn no_message_is_sent_about_what_the_link_brought_to_many() {
    for link in ["broadcast", "multicast"] {
        let graph = Graph::run(&format!(
            "Feed({ABOUT}, LINK {link}) -> MarkIPHeader -> e :: ICMPError(10.0.0.1, 11) -> k :: Keep;"
        ));
        assert_eq!(graph.all(["k.count", "e.drops"]), "0 1", "{link}");
    }
}

#[test]
fn no_message_is_sent_from_or_to_a_bad_address() {
    for config in [
        "11, 0, BADADDRS 192.0.2.1",
        "11, 0, 1.1.1.1 198.51.100.7",
        "11, BADADDRS 198.51.100.7",
    ] {
        assert_eq!(
            error(config, ABOUT).all(["k.count", "e.drops"]),
            "0 1",
            "{config}"
        );
    }
    assert_eq!(
        error("11, 0, BADADDRS 10.0.0.1", ABOUT).read("k.count"),
        "1"
    );
}

#[test]
fn messages_are_numbered_and_handlers_change_them() {
    let mut graph = Graph::run(&format!(
        "f :: Feed({ABOUT}) -> MarkIPHeader -> e :: ICMPError(10.0.0.1, 3, 4, SET_FIX_ANNO false) -> k :: Keep;"
    ));
    assert_eq!(graph.all(["e.src", "e.mtu", "e.pmtu"]), "10.0.0.1 576 0");
    graph.write("e.src", "10.0.0.2");
    graph.write("e.mtu", "60");
    graph.write("e.pmtu", "1400");
    graph.write("f.feed", ABOUT);
    let frames = graph.frames("k");
    assert_eq!(&frames[0][8..16], "00000000");
    assert_eq!(&frames[1][8..16], "00010000");
    assert_eq!(&frames[1][24..32], "0a000002");
    assert_eq!(&frames[1][48..56], "00000578");
    assert_eq!(frames[1].len(), 120);
    assert_eq!(graph.lines("k.fixes"), ["false", "false"]);
    assert!(graph.refuses("e.src", "us").contains("IPv4 address"));
}

const ECHO: &str =
    "45100024 00070000 0501e9c0 c0000201 0a000001 0800 665f 000a0001 6162636465666768";
const REPLY: &str =
    "45100024 00070000 4001aec0 0a000001 c0000201 0000 6e5f 000a0001 6162636465666768";

#[test]
fn an_echo_request_becomes_its_reply() {
    let graph = Graph::run(&format!(
        "Feed({ECHO}) -> Paint(3) -> MarkIPHeader -> p :: ICMPPingResponder -> k :: Keep; p[1] -> Discard;"
    ));
    graph.expect("k", [REPLY]);
    assert_eq!(graph.all(["k.destinations", "k.paints"]), "192.0.2.1 0");
}

#[test]
fn a_damaged_request_stays_damaged() {
    let damaged = ECHO.replace("665f", "0000");
    let graph = Graph::run(&format!(
        "Feed({damaged}) -> MarkIPHeader -> ICMPPingResponder -> k :: Keep;"
    ));
    graph.expect("k", [&REPLY.replace("6e5f", "0800")]);
}

#[test]
fn what_is_no_echo_request_is_not_answered() {
    let others = [
        "4500001e 00000000 0501e9dd c0000201 0a000001 0000 9e92 000a0001 6162",
        "4500001e 00002000 0501c9dd c0000201 0a000001 0800 9692 000a0001 6162",
        "4500001e 00000000 0501f3de c0000201 ffffffff 0800 9692 000a0001 6162",
        ABOUT,
        "4500",
    ];
    let frames = others.join(", ");
    let run = |end: &str| {
        Graph::run(&format!(
            "Feed({frames}) -> MarkIPHeader -> p :: ICMPPingResponder -> k :: Keep; {end}"
        ))
    };
    let graph = run("p[1] -> other :: Keep;");
    graph.expect("other", others);
    assert_eq!(graph.all(["k.count", "p.drops"]), "0 0");
    assert_eq!(run("").read("p.drop_reasons"), "5 not an echo request");
}

/// RFC 1122 §3.2.2.6: or one request would have all stations answer, from the network's broadcast address.
#[test]
fn an_echo_request_that_the_link_brought_to_many_is_not_answered() {
    for link in ["broadcast", "multicast"] {
        let run = |end: &str| {
            Graph::run(&format!(
                "Feed({ECHO}, LINK {link}) -> MarkIPHeader -> p :: ICMPPingResponder -> k :: Keep; {end}"
            ))
        };
        let graph = run("p[1] -> other :: Keep;");
        graph.expect("other", [ECHO]);
        assert_eq!(graph.read("k.count"), "0", "{link}");
        assert_eq!(run("").read("p.drop_reasons"), "1 link broadcast");
    }
}

//! Print and IPPrint: the lines that they write.

use crate::harness::refused;
use crate::output::written;

const UDP: &str = "4500 0020 0001 4000 4011 0000 0a000001 0a000002 0035 0050 000c 0000 68692121";
const TCP: &str = "45b8 0028 0002 0000 3f06 0000 0a000001 0a000002 1000 0050 00000007 00000009 5012 0100 0000 0000";
const PING: &str = "4500 001c 0003 0000 4001 0000 0a000001 0a000002 0800 f7fd 0001 0001";
const LATER: &str = "4500 0018 0004 2003 4011 0000 0a000001 0a000002 01020304";

#[track_caller]
fn lines<const N: usize>(printer: &str, frames: &str, expected: [&str; N]) {
    let text = format!("f :: Feed({frames}) -> MarkIPHeader -> {printer} -> k :: Keep;");
    let (out, err) = written(&text);
    assert_eq!(err.lines().collect::<Vec<_>>(), expected, "{printer}");
    assert_eq!(out, "", "all goes to standard error");
}

#[test]
fn print_shows_octets_by_four() {
    let frame = "0102030405060708 4869";
    lines("Print", frame, ["  10 | 01020304 05060708 4869"]);
    lines("Print(in)", frame, ["in:   10 | 01020304 05060708 4869"]);
    lines(
        "Print(LABEL \"a, b\", MAXLENGTH 5)",
        frame,
        ["a, b:   10 | 01020304 05"],
    );
    lines("Print(in, 0)", frame, ["in:   10 |"]);
    lines(
        "Print(in, CONTENTS ASCII)",
        frame,
        ["in:   10 | ........Hi"],
    );
    lines("Print(in, CONTENTS NONE)", frame, ["in:   10"]);
    lines("Print(in, ACTIVE false)", frame, []);
    lines("Print", "01, 0203", ["   1 | 01", "   2 | 0203"]);
}

#[test]
fn print_shows_24_octets_or_all() {
    let frame = "00".repeat(26);
    let words = " 00000000".repeat(6);
    lines("Print", &frame, [&format!("  26 |{words}")]);
    lines(
        "Print(MAXLENGTH -1)",
        &frame,
        [&format!("  26 |{words} 0000")],
    );
}

#[test]
fn ip_print_says_what_headers_say() {
    lines(
        "IPPrint",
        UDP,
        ["10.0.0.1 > 10.0.0.2: UDP, ttl 64, id 1, DF, length 32: UDP 53 > 80, length 12"],
    );
    lines(
        "IPPrint(out)",
        TCP,
        [
            "out: 10.0.0.1 > 10.0.0.2: TCP, ttl 63, id 2, EF Not-ECT, length 40: TCP 4096 > 80 [S.], seq 7, ack 9, win 256",
        ],
    );
    lines(
        "IPPrint",
        PING,
        [
            "10.0.0.1 > 10.0.0.2: ICMP, ttl 64, id 3, length 28: ICMP echo request, id 1, seq 1, length 0",
        ],
    );
    lines(
        "IPPrint",
        LATER,
        ["10.0.0.1 > 10.0.0.2: UDP, ttl 64, id 4, frag 24+, length 24"],
    );
    lines("IPPrint(ACTIVE false)", UDP, []);
    for frame in ["", "45", "6000000000000000000000000000000000000000"] {
        lines(
            "IPPrint(x)",
            &format!("{frame} ,"),
            ["x: not an IPv4 packet"],
        );
    }
}

#[test]
fn printers_refuse_what_they_do_not_know() {
    assert!(
        refused("Idle -> Print(CONTENTS RED) -> Discard;").contains("CONTENTS HEX, ASCII or NONE")
    );
    assert!(refused("Idle -> Print(in, many) -> Discard;").contains("found `many`"));
    assert!(refused("Idle -> IPPrint(COLOUR red) -> Discard;").contains("COLOUR"));
}

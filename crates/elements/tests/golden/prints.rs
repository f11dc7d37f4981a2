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
    lines("Print(in, 0)", frame, ["in:   10"]);
    lines(
        "Print(in, CONTENTS ASCII)",
        frame,
        ["in:   10 |  ........ Hi"],
    );
    lines("Print(in, CONTENTS none)", frame, ["in:   10"]);
    lines(
        "Print(in, NBYTES 2, TIMESTAMP true)",
        frame,
        ["in: 0.000000:   10 | 0102"],
    );
    lines("Print(in, LENGTH 2)", frame, ["in:   10 | 0102"]);
    lines("Print(in)", "01, ,", ["in:    1 | 01", "in:    0"]);
    lines("Print(in, CPU true)", "01", ["in(0):    1 | 01"]);
    lines(
        "Print(CPU true, TIMESTAMP true)",
        "01",
        ["(0): 0.000000:    1 | 01"],
    );
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
    let udp = "10.0.0.1.53 > 10.0.0.2.80: udp 12";
    let tcp = "10.0.0.1.4096 > 10.0.0.2.80: S 7:8(1,40,40) ack 9 win 256";
    lines("IPPrint", UDP, [&format!("0.000000: {udp}")]);
    let plain = |config: &str| format!("IPPrint({config}, TIMESTAMP false)");
    lines(&plain("out"), TCP, [&format!("out: {tcp}")]);
    lines(
        &plain("ID true, TTL true, TOS true, LENGTH true, PAINT true"),
        TCP,
        [&format!("paint 0: id 2 ttl 63 tos 184 length 40 {tcp}")],
    );
    lines(
        &plain("\"\""),
        PING,
        ["10.0.0.1 > 10.0.0.2: icmp echo (1, 1)"],
    );
    lines(
        &plain("SWAP false"),
        PING,
        ["10.0.0.1 > 10.0.0.2: icmp echo (256, 256)"],
    );
    lines(
        &plain("\"\""),
        LATER,
        ["10.0.0.1 > 10.0.0.2: udp (frag 4:4@24+)"],
    );
    lines("IPPrint(ACTIVE false)", UDP, []);
    let ip = |protocol: &str, rest: &str| {
        let len = 20 + rest.replace(' ', "").len() / 2;
        format!("4500 {len:04x} 0001 0000 40{protocol} 0000 0a000001 0a000002 {rest}")
    };
    for (protocol, rest, said) in [
        ("2f", "00", "ip-proto-47"),
        ("11", "0102", "truncated-udp"),
        ("06", "0102", "truncated-tcp"),
        ("01", "03", "truncated-icmp"),
        ("01", "0303 0000", "icmp unreachable code 3"),
        ("01", "0b00 0000", "icmp timeexceeded"),
        ("01", "2a00 0000", "icmp type 42"),
        ("01", "0000 0000 0001", "icmp echo-reply truncated-icmp"),
    ] {
        let said = format!("10.0.0.1 > 10.0.0.2: {said}");
        lines(&plain("\"\""), &ip(protocol, rest), [&said]);
    }
    let flags = |flags: &str| {
        ip(
            "06",
            &format!("0001 0002 00000003 00000004 50{flags} 0005 0000 0000"),
        )
    };
    for (bits, said) in [("00", ". 3:3(0,40,40)"), ("1d", "FRP 3:4(1,40,40) ack 4")] {
        let said = format!("10.0.0.1.1 > 10.0.0.2.2: {said} win 5");
        lines(&plain("\"\""), &flags(bits), [&said]);
    }
    lines(&plain("x"), "45 ,", ["x: truncated-ip"]);
}

#[test]
fn ip_print_shows_octets_below_its_line_or_writes_a_file() {
    let said = "10.0.0.1.53 > 10.0.0.2.80: udp 12";
    lines(
        "IPPrint(CONTENTS HEX, TIMESTAMP false)",
        UDP,
        [
            said,
            "  45000020 00014000 40110000 0a000001 0a000002 00350050",
            "  000c0000 68692121",
        ],
    );
    lines(
        "IPPrint(PAYLOAD ascii, TIMESTAMP false)",
        UDP,
        [said, "  hi!!"],
    );
    lines(
        "IPPrint(CONTENTS HEX, MAXLENGTH 2, TIMESTAMP false)",
        UDP,
        [said, "  4500"],
    );
    let file = std::env::temp_dir().join(format!("waypost-ipprint-{}", std::process::id()));
    lines(
        &format!("IPPrint(OUTFILE {}, TIMESTAMP false)", file.display()),
        UDP,
        [],
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("{said}\n"));
    std::fs::remove_file(file).unwrap();
}

#[test]
fn printers_refuse_what_they_do_not_know() {
    assert!(
        refused("Idle -> Print(CONTENTS RED) -> Discard;").contains("CONTENTS HEX, ASCII or NONE")
    );
    assert!(refused("Idle -> Print(in, many) -> Discard;").contains("found `many`"));
    assert!(refused("Idle -> IPPrint(COLOUR red) -> Discard;").contains("COLOUR"));
    let both = refused("Idle -> IPPrint(CONTENTS HEX, PAYLOAD HEX) -> Discard;");
    assert!(both.contains("exclude each other"), "{both}");
}

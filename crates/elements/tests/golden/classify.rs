//! Classifier: octets at fixed places.

use crate::harness::{Graph, refused};

const FRAMES: &str = "0806 0001 45, 0806 0002 46, 0800 0001 65, 86dd ffff 60, 08";

/// Which of the frames a pattern matches, by their number.
fn matched(pattern: &str) -> String {
    let graph = Graph::run(&format!(
        "Feed({FRAMES}) -> k :: Classifier({pattern}, -); k[0] -> yes :: Keep; k[1] -> no :: Keep;"
    ));
    let yes = graph.frames("yes");
    let frames = FRAMES.split(", ").map(|it| it.replace(' ', ""));
    let among = frames.enumerate().filter(|(_, frame)| yes.contains(frame));
    among.map(|(at, _)| at.to_string()).collect()
}

#[test]
fn patterns_match_what_they_say() {
    for (pattern, expected) in [
        ("-", "01234"),
        ("0/0806", "01"),
        ("0/08", "0124"),
        ("0/0806 2/0001", "0"),
        ("0/0806 2/0002", "1"),
        ("2/0001", "02"),
        ("0/080?", "012"),
        ("0/?8", "0124"),
        ("0/????", "0123"),
        ("4/4?", "01"),
        ("4/?5", "02"),
        ("4/40%f0", "01"),
        ("4/45%0f", "02"),
        ("4/06%0f", "1"),
        ("0/0006%00ff", "01"),
        ("!0/0806", "234"),
        ("!0/0806 !0/86dd", "24"),
        ("0/08 !2/0001", "14"),
        ("!4/4?", "234"),
        ("0/08060001 4/45", "0"),
        ("0/0806000145", "0"),
        ("0/86DD", "3"),
        ("5/00", ""),
        ("!5/00", "01234"),
    ] {
        assert_eq!(matched(pattern), expected, "{pattern}");
    }
}

#[test]
fn the_first_pattern_that_matches_decides() {
    let graph = Graph::run(&format!(
        "Feed({FRAMES}) -> k :: Classifier(0/0806 2/0001, 0/0806, 0/0800);
         k[0] -> a :: Keep; k[1] -> b :: Keep; k[2] -> c :: Keep;"
    ));
    graph.expect("a", ["0806000145"]);
    graph.expect("b", ["0806000246"]);
    graph.expect("c", ["0800000165"]);
    assert_eq!(
        graph.all(["k.drops", "k.drop_reasons"]),
        "2 2 no pattern matches"
    );
    assert_eq!(graph.read("k.program"), "0/0806 2/0001\n0/0806\n0/0800");
}

#[test]
fn as_in_clicks_router() {
    let frames = "ffffffffffff 020000000002 0806 0001 0800 0604 0001 00, \
                  020000000001 020000000002 0806 0001 0800 0604 0002 00, \
                  020000000001 020000000002 0800 45, 020000000001 020000000002 86dd 60";
    let graph = Graph::run(&format!(
        "Feed({frames}) -> k :: Classifier(12/0806 20/0001, 12/0806 20/0002, 12/0800, -);
         k[0] -> a :: Keep; k[1] -> b :: Keep; k[2] -> c :: Keep; k[3] -> d :: Keep;"
    ));
    assert_eq!(
        graph.all(["a.count", "b.count", "c.count", "d.count"]),
        "1 1 1 1"
    );
}

#[test]
fn a_pattern_of_more_than_a_word() {
    let frame = "000102030405060708090a0b0c0d0e0f1011121314";
    for (pattern, expected) in [
        ("1/0102030405060708090a0b0c0d0e0f10111213", "1"),
        ("1/0102030405060708090a0b0c0d0e0f10111214", "0"),
        ("1/01??03??05??07??09??0b??0d??0f??11??13", "1"),
        ("1/0102030405060708090a0b0c0d0e0f101112131415", "0"),
    ] {
        let graph = Graph::run(&format!(
            "Feed({frame}) -> k :: Classifier({pattern}, -); k[0] -> a :: Keep; k[1] -> Discard;"
        ));
        assert_eq!(graph.read("a.count"), expected, "{pattern}");
    }
}

#[test]
fn mistakes_are_refused() {
    for pattern in [
        "12",
        "12/",
        "/0800",
        "x/08",
        "12/080",
        "12/08%f",
        "12/zz",
        "12/08%ffff",
        "70000/00",
    ] {
        refused(&format!("Idle -> Classifier({pattern}) -> Discard;"));
    }
    let wrong = refused("Idle -> k :: Classifier(12/0800, -); k[0] -> Discard;");
    assert!(wrong.contains("2 patterns for 1 outputs"), "{wrong}");
}

#[test]
fn a_clause_may_be_a_link_address() {
    let text = "Feed(02000000 0a01 ff, 02000000 0a02 ff, 02000000 0a) -> c :: Classifier(0/2:0:0:0:a:1, -);
         c[0] -> a :: Keep; c[1] -> b :: Keep;";
    let graph = Graph::run(text);
    graph.expect("a", ["02000000 0a01 ff"]);
    graph.expect("b", ["02000000 0a02 ff", "02000000 0a"]);
}

/// What of the example's router belongs to one interface, between `Feed` and `Keep`.
#[test]
fn the_example_routes_no_frames_that_are_addressed_to_other_stations() {
    let example = include_str!("../../../../examples/router.click");
    let (classes, _) = example.split_once("a :: Interface").unwrap();
    let ip = "45000014 00000000 40000000 0a010002 0a020002";
    let graph = Graph::run(&format!(
        "{classes}
         Feed(020000000a01 020000000001 0800 {ip}, 020000000a02 020000000001 0800 {ip},
              ffffffffffff 020000000001 0800 {ip}, 01005e000001 020000000001 0800 {ip},
              ffffffffffff 020000000001 0806 0001 0800 06 04 0001 020000000001 0a010002 000000000000 0a010001)
             -> i :: Interface(10.1.0.1, 02:00:00:00:0a:01, 1) -> ips :: Keep;
         Idle -> [1] i; i[1] -> sent :: Keep;"
    ));
    graph.expect("ips", [ip; 3]);
    assert_eq!(graph.all(["i/others.count", "sent.count"]), "1 1");
}

#[test]
fn ip_filter_does_what_the_first_filter_that_holds_says() {
    let udp = |to: &str, port: &str| {
        format!("4500 001c 0001 0000 4011 0000 0a000001 {to} 1000 {port} 0008 0000")
    };
    let [web, name, other] = [
        udp("0a000002", "0050"),
        udp("0a000002", "0035"),
        udp("0a000003", "0050"),
    ];
    let graph = Graph::run(&format!(
        "Feed({web}, {name}, {other}, 4500) -> MarkIPHeader -> f :: IPFilter(deny dst 10.0.0.3, 1 port dns, allow udp && port 80);
         f[0] -> a :: Keep; f[1] -> b :: Keep;"
    ));
    graph.expect("a", [&web]);
    graph.expect("b", [&name]);
    assert_eq!(graph.read("f.drop_reasons"), "2 filtered");
    assert_eq!(graph.lines("f.program").len(), 3);
    let graph = Graph::run(&format!(
        "Feed({web}, {other}) -> MarkIPHeader -> f :: IPFilter(drop dst 10.0.0.3, allow all) -> a :: Keep;"
    ));
    graph.expect("a", [&web]);
    for (filters, said) in [
        (
            "perhaps udp",
            "expected `allow`, `deny` or an output's number",
        ),
        ("1 udp", "an output below 1"),
        ("allow", "expected an expression"),
    ] {
        let wrong = refused(&format!("Idle -> IPFilter({filters}) -> Discard;"));
        assert!(wrong.contains(said), "{wrong}");
    }
}

//! Elements that hand packets on, whatever they are: Tee, Switch, RoundRobinSwitch, the Paint family, Strip,
//! Unstrip, Null, Counter, Discard, Idle, DropWhenFull.

use crate::harness::{Graph, refused};

#[test]
fn tee_copies_to_all_outputs_and_each_writes_its_own() {
    let graph = Graph::run(
        "Feed(010203, 0405) -> t :: Tee; t[0] -> a :: Keep; t[1] -> Strip(1) -> b :: Keep;
         t[2] -> EtherEncap(0x0800, 2:0:0:0:0:1, 2:0:0:0:0:2) -> c :: Keep;",
    );
    graph.expect("a", ["010203", "0405"]);
    graph.expect("b", ["0203", "05"]);
    let header = "020000000002 020000000001 0800";
    graph.expect(
        "c",
        [&format!("{header} 010203"), &format!("{header} 0405")],
    );
}

#[test]
fn tee_copies_annotations_too() {
    let graph = Graph::run(
        "Feed(0a000001) -> Paint(7) -> GetIPAddress(0) -> t :: Tee(2); t[0] -> a :: Keep; t[1] -> b :: Keep;",
    );
    assert_eq!(
        graph.all(["a.paints", "b.paints", "a.destinations", "b.destinations"]),
        "7 7 10.0.0.1 10.0.0.1"
    );
}

#[test]
fn tee_checks_how_many_outputs_it_has() {
    let wrong = refused("Idle -> t :: Tee(3); t[0] -> Discard; t[1] -> Discard;");
    assert!(
        wrong.contains("2 outputs are connected, and N says 3"),
        "{wrong}"
    );
}

#[test]
fn switch_hands_packets_to_one_output() {
    let mut graph = Graph::run(
        "f :: Feed(01) -> s :: Switch; s[0] -> a :: Keep; s[1] -> b :: Keep; s[2] -> c :: Keep;",
    );
    assert_eq!(graph.read("s.switch"), "0");
    graph.write("s.switch", "2");
    graph.write("f.feed", "02");
    graph.write("s.switch", "-1");
    graph.write("f.feed", "03");
    graph.write("s.switch", "1");
    graph.write("f.feed", "04");
    graph.expect("a", ["01"]);
    graph.expect("b", ["04"]);
    graph.expect("c", ["02"]);
    assert_eq!(graph.read("s.drop_reasons"), "1 switched off");
    assert!(graph.refuses("s.switch", "left").contains("found `left`"));
    assert_eq!(graph.read("s.switch"), "1", "unchanged");
    graph.write("s.switch", "3");
    assert_eq!(graph.read("s.switch"), "-1", "there are three");
    let wrong = refused("Idle -> s :: Switch(2); s[0] -> Discard; s[1] -> Discard;");
    assert!(wrong.contains("an OUTPUT below 2"), "{wrong}");
    Graph::run("Idle -> Switch(-2) -> Discard;");
}

#[test]
fn switch_takes_its_output_by_position_and_by_keyword() {
    for config in ["1", "OUTPUT 1"] {
        let text =
            format!("Feed(01) -> s :: Switch({config}); s[0] -> a :: Keep; s[1] -> b :: Keep;");
        assert_eq!(Graph::run(&text).all(["a.count", "b.count"]), "0 1");
    }
}

#[test]
fn round_robin_switch_deals_in_turn() {
    let graph = Graph::run(
        "Feed(00, 01, 02, 03, 04) -> s :: RoundRobinSwitch;
         s[0] -> a :: Keep; s[1] -> b :: Keep; s[2] -> c :: Keep;",
    );
    graph.expect("a", ["00", "03"]);
    graph.expect("b", ["01", "04"]);
    graph.expect("c", ["02"]);
}

#[test]
fn paint_and_its_handler() {
    let mut graph = Graph::run("f :: Feed(01) -> p :: Paint(3) -> k :: Keep;");
    graph.write("p.color", "255");
    graph.write("f.feed", "02");
    assert_eq!(graph.lines("k.paints"), ["3", "255"]);
    assert_eq!(graph.read("p.color"), "255");
    assert!(graph.refuses("p.color", "256").contains("0 to 255"));
    // An integer that begins with 0 is octal.
    let octal = Graph::run("Idle -> p :: Paint(010) -> Discard;");
    assert_eq!(octal.read("p.color"), "8");
    assert!(refused("Idle -> Paint(08) -> Discard;").contains("0 to 255"));
    assert!(refused("Idle -> Paint -> Discard;").contains("COLOR"));
    assert!(refused("Idle -> Paint(256) -> Discard;").contains("0 to 255"));
}

#[test]
fn check_paint_passes_one_colour() {
    let sources = "f :: Feed(01) -> Paint(1) -> c :: CheckPaint(1); Feed(02) -> Paint(2) -> c;";
    let mut graph = Graph::run(&format!("{sources} c[0] -> a :: Keep; c[1] -> b :: Keep;"));
    graph.expect("a", ["01"]);
    graph.expect("b", ["02"]);
    graph.write("c.color", "2");
    graph.write("f.feed", "03");
    graph.expect("b", ["02", "03"]);
    let graph = Graph::run(&format!("{sources} c -> a :: Keep;"));
    assert_eq!(graph.all(["a.count", "c.drop_reasons"]), "1 1 other paint");
}

#[test]
fn paint_switch_goes_by_paint_and_255_is_all() {
    let graph = Graph::run(
        "Feed(00) -> s :: PaintSwitch; Feed(01) -> Paint(1) -> s; Feed(02) -> Paint(2) -> s;
         Feed(ff) -> Paint(255) -> s; s[0] -> a :: Keep; s[1] -> b :: Keep;",
    );
    graph.expect("a", ["00", "ff"]);
    graph.expect("b", ["01", "ff"]);
    assert_eq!(graph.read("s.drop_reasons"), "1 no output for its paint");
}

#[test]
fn paint_tee_copies_one_colour() {
    let mut graph = Graph::run(
        "f :: Feed(01) -> Paint(1) -> t :: PaintTee(1); g :: Feed(02) -> Paint(2) -> t;
         t[0] -> a :: Keep; t[1] -> b :: Keep;",
    );
    graph.expect("a", ["01", "02"]);
    graph.expect("b", ["01"]);
    graph.write("t.color", "2");
    graph.write("g.feed", "03");
    graph.expect("b", ["01", "03"]);
    assert_eq!(graph.read("t.color"), "2");
}

#[test]
fn strip_and_unstrip() {
    let graph = Graph::run(
        "Feed(0102030405, 010203, 0102) -> s :: Strip(3) -> t :: Tee; t[0] -> a :: Keep;
         t[1] -> u :: Unstrip(2) -> b :: Keep;",
    );
    graph.expect("a", ["0405", ""]);
    graph.expect("b", ["02030405", "0203"]);
    assert_eq!(graph.read("s.drop_reasons"), "1 too short to strip");
    let graph = Graph::run("Feed(01) -> u :: Unstrip(300000) -> k :: Keep;");
    assert_eq!(graph.read("u.drop_reasons"), "1 no headroom to unstrip");
}

#[test]
fn unstrip_shows_zeros_for_what_was_never_stripped() {
    // The second packet is in the first one's frame, or in one like it.
    let text = "Feed(01, 0102) -> Strip(1) -> Unstrip(4000) -> k :: Keep;
         f :: Feed() -> u :: Unstrip(2) -> EtherEncap(0x0800, 2:0:0:0:0:1, 2:0:0:0:0:2) -> Strip(16) -> Unstrip(3) -> l :: Keep;";
    let mut graph = Graph::run(text);
    let zeros = "00".repeat(3999);
    graph.expect("k", [&format!("{zeros}01"), &format!("{zeros}0102")]);
    graph.write("f.feed", "99");
    graph.expect("l", ["00 0000 99"]);
}

#[test]
fn null_changes_nothing() {
    let graph = Graph::run("Feed(01, , 0203) -> Null -> k :: Keep;");
    graph.expect("k", ["01", "", "0203"]);
}

#[test]
fn counter_counts_packets_and_octets_and_their_rates() {
    let mut graph = Graph::run("f :: Feed(010203) -> c :: Counter -> k :: Keep;");
    graph.expect("k", ["010203"]);
    assert_eq!(graph.all(["c.count", "c.byte_count", "c.rate"]), "1 3 0");
    graph.until(2000);
    graph.write("f.feed", "04");
    let rates = [
        "c.count",
        "c.byte_count",
        "c.rate",
        "c.byte_rate",
        "c.bit_rate",
    ];
    assert_eq!(graph.all(rates), "2 4 1.0 2.0 16.0");
    for reset in ["c.reset", "c.reset_counts"] {
        graph.write(reset, "");
        assert_eq!(graph.all(["c.count", "c.byte_count", "c.rate"]), "0 0 0");
        graph.write("f.feed", "05");
        assert_eq!(graph.all(["c.count", "c.byte_count"]), "1 1");
    }
}

#[test]
fn counter_writes_a_handler_with_the_packet_that_was_waited_for() {
    let run = |config: &str, way: &str| {
        Graph::run(&format!(
            "f :: Feed(01, 02, 03, 04, 05) -> {way} c :: Counter({config}) -> w :: Switch; w[0] -> a :: Keep; w[1] -> b :: Keep;"
        ))
    };
    let mut graph = run("COUNT_CALL 3 w.switch 1", "");
    graph.expect("a", ["01", "02"]);
    graph.expect("b", ["03", "04", "05"]);
    assert_eq!(
        graph.all(["c.count", "c.byte_count", "c.count_call"]),
        "5 5 3"
    );
    graph.write("w.switch", "0");
    graph.write("f.feed", "06");
    assert_eq!(graph.read("a.count"), "3", "once");
    graph.write("c.reset", "");
    for frame in ["07", "08", "09"] {
        graph.write("f.feed", frame);
    }
    assert_eq!(graph.all(["a.count", "b.count"]), "5 4", "and once more");
    let graph = run("BYTE_COUNT_CALL 2 w.switch 1, COUNT_CALL 4 c.reset", "");
    assert_eq!(graph.all(["a.count", "b.count", "c.count"]), "1 4 1");
    let mut graph = run("", "");
    assert_eq!(graph.read("c.count_call"), "");
    graph.write("c.byte_count_call", "7 w.switch -1");
    graph.write("c.count_call", "7");
    graph.write("f.feed", "0607");
    assert_eq!(
        graph.all(["a.count", "c.count", "w.drops", "c.count_call"]),
        "5 6 1 "
    );
    assert!(
        graph
            .refuses("c.count_call", "w.switch 1")
            .contains("a number")
    );
    assert!(refused("Idle -> Counter(COUNT_CALL often) -> Discard;").contains("found `often`"));
    // Those that are pulled with it are passed on together.
    let graph = Graph::run(
        "Feed(01, 02, 03) -> Queue -> c :: Counter(COUNT_CALL 2 p.color 5) -> k :: Keep; Idle -> p :: Paint(1) -> Discard;",
    );
    graph.expect("k", ["01", "02", "03"]);
    assert_eq!(graph.all(["c.count", "p.color"]), "3 5");
}

#[test]
fn counter_counts_pulled_packets() {
    let graph = Graph::run("Feed(01, 02) -> Queue -> c :: Counter -> k :: Keep;");
    assert_eq!(graph.all(["c.count", "c.byte_count", "k.count"]), "2 2 2");
}

#[test]
fn discard_counts_and_is_switched_off_where_it_pulls() {
    let mut graph = Graph::run(
        "Feed(01, 02) -> pushed :: Discard;
         Feed(01, 02, 03) -> q :: Queue -> pulled :: Discard(ACTIVE false, BURST 2);",
    );
    assert_eq!(
        graph.all(["pushed.count", "pulled.count", "q.length"]),
        "2 0 3"
    );
    assert_eq!(graph.read("pulled.active"), "false");
    graph.write("pulled.active", "true");
    assert_eq!(graph.all(["pulled.count", "q.length"]), "3 0");
    let unbounded = Graph::run("Feed(01, 02, 03) -> Queue -> d :: Discard(BURST 0);");
    assert_eq!(unbounded.read("d.count"), "3");
    graph.write("pulled.reset_counts", "");
    assert_eq!(graph.all(["pulled.count", "pulled.drops"]), "0 0");
}

#[test]
fn idle_takes_and_gives_nothing() {
    let graph = Graph::run(
        "Feed(01) -> i :: Idle; i[0] -> k :: Keep; q :: Queue; Feed(02) -> q -> [1] i; Idle -> l :: Keep;",
    );
    assert_eq!(
        graph.all(["k.count", "l.count", "q.length", "i.drops"]),
        "0 0 1 0"
    );
}

#[test]
fn drop_when_full_loses_on_its_branch_alone() {
    let graph = Graph::run(
        "Feed(01, 02, 03) -> t :: Tee; t[0] -> a :: Keep;
         t[1] -> w :: DropWhenFull -> q :: Queue(2, ON_FULL BLOCK) -> Unqueue(ACTIVE false) -> Discard;",
    );
    assert_eq!(graph.all(["a.count", "q.length", "q.drops"]), "3 2 0");
    assert_eq!(graph.read("w.drop_reasons"), "1 branch full");
}

#[test]
fn every_element_answers_the_same_questions() {
    let graph = Graph::run("Feed(0102, 03) -> c :: Counter -> [0] d :: Discard;");
    assert_eq!(graph.all(["c.name", "c.class", "c.config"]), "c Counter ");
    assert_eq!(
        graph.all(["c.packets", "c.drops", "c.drop_reasons"]),
        "2 0 "
    );
    assert!(graph.read("c.handlers").contains("reset_counts\tw"));
    assert!(graph.read("c.ports").contains("push\t0\t[0] d"));
    let mut graph = graph;
    assert!(graph.refuses("c.count", "1").contains("no write handler"));
    assert!(graph.refuses("nobody.count", "1").contains("no element"));
}

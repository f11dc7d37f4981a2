//! InfiniteSource and RatedSource: what they make, how much of it, and when.

use crate::harness::{Graph, refused};

#[test]
fn infinite_source_makes_its_data_up_to_its_limit() {
    for config in [
        "\\<01 02>, 3",
        "DATA \\<0102>, LIMIT 3",
        "\\<0102>, 3, 1, true",
        "\\<0102>, LIMIT 3, TIMESTAMP false",
    ] {
        let graph = Graph::run(&format!("s :: InfiniteSource({config}) -> k :: Keep;"));
        graph.expect("k", ["0102", "0102", "0102"]);
        assert_eq!(graph.all(["s.count", "s.limit", "s.active"]), "3 3 true");
    }
}

#[test]
fn infinite_source_takes_text_and_cuts_or_fills_it() {
    let made = |config: &str| {
        let graph = Graph::run(&format!("InfiniteSource({config}, LIMIT 1) -> k :: Keep;"));
        graph.frames("k")
    };
    assert_eq!(made("\"Hi, you\""), ["48692c20796f75"]);
    assert_eq!(made("DATA abcd, LENGTH 2"), ["6162"]);
    assert_eq!(made("DATA abc, LENGTH 8"), ["6162636162636162"]);
    assert_eq!(made("DATA ab, DATASIZE 3"), ["616261"]);
    assert_eq!(made("LENGTH 3"), ["000000"]);
    assert_eq!(made("BURST 1")[0].len(), 128, "64 octets by default");
}

#[test]
fn infinite_source_makes_a_burst_at_a_time() {
    let mut graph = Graph::run("s :: InfiniteSource(x, 6, 2, false) -> k :: Keep;");
    assert_eq!(graph.all(["s.count", "s.active", "s.burst"]), "0 false 2");
    graph.write("s.active", "true");
    assert_eq!(graph.all(["s.count", "k.calls"]), "6 3");
    graph.write("s.burst", "-1");
    graph.write("s.reset", "");
    assert_eq!(graph.all(["s.count", "k.calls", "s.burst"]), "6 4 -1");
}

#[test]
fn infinite_sources_handlers_change_what_comes_next() {
    let mut graph = Graph::run("s :: InfiniteSource(\\<0102>, 1) -> k :: Keep;");
    assert_eq!(graph.all(["s.data", "s.length"]), "\\<0102> 2");
    graph.write("s.data", "\\<03 04 05>");
    graph.write("s.limit", "2");
    graph.write("s.length", "4");
    graph.write("s.limit", "3");
    graph.write("s.length", "1");
    graph.write("s.limit", "4");
    graph.expect("k", ["0102", "030405", "03040503", "03"]);
    assert_eq!(graph.all(["s.data", "s.length"]), "\\<03> 1");
    assert!(graph.refuses("s.limit", "many").contains("found `many`"));
    assert!(graph.refuses("s.length", "many").contains("found `many`"));
    assert_eq!(graph.all(["s.data", "s.length"]), "\\<03> 1", "as before");
}

#[test]
fn infinite_source_stops_the_graph_when_asked_to() {
    assert!(Graph::run("InfiniteSource(LIMIT 3, STOP true) -> Discard;").is_stopped());
    assert!(!Graph::run("InfiniteSource(LIMIT 3) -> Discard;").is_stopped());
}

#[test]
fn infinite_source_is_pulled() {
    let graph = Graph::run("s :: InfiniteSource(\\<07>, 2) -> Unqueue -> k :: Keep;");
    graph.expect("k", ["07", "07"]);
}

#[test]
fn infinite_source_refuses_what_it_does_not_know() {
    assert!(refused("InfiniteSource(COLOUR 3) -> Discard;").contains("COLOUR"));
    assert!(refused("InfiniteSource(LIMIT few) -> Discard;").contains("found `few`"));
}

#[test]
fn rated_source_keeps_its_rate() {
    for config in ["x, 100, 5", "DATA x, RATE 100, LIMIT 5"] {
        let mut graph = Graph::run(&format!("s :: RatedSource({config}) -> k :: Keep;"));
        assert_eq!(
            graph.all(["s.count", "s.rate"]),
            "1 100",
            "the first at once"
        );
        assert_eq!(graph.next_timer(), Some(10));
        graph.until(9);
        assert_eq!(graph.read("s.count"), "1");
        graph.until(10);
        assert_eq!(graph.read("s.count"), "2");
        graph.until(35);
        assert_eq!(graph.read("s.count"), "4");
        graph.until(1000);
        assert_eq!(
            graph.all(["s.count", "k.count"]),
            "5 5",
            "no more than the limit"
        );
    }
}

#[test]
fn rated_source_makes_ten_a_second_by_default() {
    let mut graph = Graph::run("s :: RatedSource -> k :: Keep;");
    graph.until(1000);
    assert_eq!(graph.all(["s.count", "s.rate", "s.length"]), "11 10 64");
}

#[test]
fn rated_sources_handlers_change_what_comes_next() {
    let mut graph = Graph::run("s :: RatedSource(\\<01>, 10, -1, false) -> k :: Keep;");
    graph.until(1000);
    assert_eq!(graph.all(["s.count", "s.active", "s.limit"]), "0 false -1");
    graph.write("s.active", "true");
    graph.write("s.rate", "1000");
    graph.until(1001);
    assert_eq!(
        graph.read("s.count"),
        "2",
        "one at once, one a millisecond later"
    );
    graph.until(1002);
    graph.write("s.limit", "3");
    graph.until(2000);
    graph.write("s.data", "\\<0203>");
    graph.write("s.reset", "");
    graph.until(3000);
    assert_eq!(graph.read("s.count"), "3");
    assert_eq!(graph.all(["s.data", "s.length"]), "\\<0203> 2");
    graph.expect("k", ["01", "01", "01", "0203", "0203", "0203"]);
}

#[test]
fn rated_source_counts_its_rate_from_a_bandwidth() {
    let rate = |bandwidth: &str| {
        let text = format!("s :: RatedSource(LENGTH 100, BANDWIDTH {bandwidth}) -> Discard;");
        Graph::run(&text).read("s.rate")
    };
    assert_eq!(rate("80kbps"), "100");
    assert_eq!(rate("1Mbps"), "1250");
    assert_eq!(rate("10000Bps"), "100");
    assert_eq!(rate("10000"), "100", "octets without a unit");
    assert!(refused("RatedSource(BANDWIDTH fast) -> Discard;").contains("bandwidth"));
}

#[test]
fn rated_source_stops_the_graph_when_asked_to() {
    let mut graph = Graph::run("RatedSource(RATE 1000, LIMIT 3, STOP true) -> Discard;");
    assert!(!graph.is_stopped());
    graph.until(10);
    assert!(graph.is_stopped());
}

#[test]
fn rated_source_makes_up_for_a_tenth_of_a_second_at_most() {
    let mut graph = Graph::run(
        "s :: RatedSource(x, 100) -> q :: Queue(1, ON_FULL BLOCK) -> u :: Unqueue(ACTIVE false) -> Discard;",
    );
    graph.until(5000);
    assert_eq!(graph.read("s.count"), "1", "there is room for one");
    graph.write("u.active", "true");
    assert_eq!(graph.read("s.count"), "11", "the rest is forgone");
}

//! LinearIPLookup, RadixIPLookup, DirectIPLookup: the longest prefix, gateways, and routes changed at run time.

use crate::harness::{Graph, refused};

const CLASSES: [&str; 3] = ["LinearIPLookup", "RadixIPLookup", "DirectIPLookup"];

const ROUTES: &str = "10.0.0.0/8 0, 10.1.0.0/16 192.0.2.1 1, 10.1.2.0/24 0.0.0.0 2, 10.1.2.3/32 - 0, 0/0 192.0.2.9 2";

fn routed(class: &str, routes: &str, destinations: &str) -> Graph {
    Graph::run(&format!(
        "f :: Feed({destinations}) -> GetIPAddress(0) -> r :: {class}({routes});
         r[0] -> a :: Keep; r[1] -> b :: Keep; r[2] -> c :: Keep;"
    ))
}

#[test]
fn packets_take_the_longest_prefix_and_its_gateway() {
    for class in CLASSES {
        let graph = routed(
            class,
            ROUTES,
            "0a090909, 0a010909, 0a010209, 0a010203, 08080808, ffffffff, 00000000",
        );
        graph.expect("a", ["0a090909", "0a010203"]);
        graph.expect("b", ["0a010909"]);
        graph.expect("c", ["0a010209", "08080808", "ffffffff", "00000000"]);
        assert_eq!(graph.lines("a.destinations"), ["10.9.9.9", "10.1.2.3"]);
        assert_eq!(graph.lines("b.destinations"), ["192.0.2.1"]);
        let gateways = ["10.1.2.9", "192.0.2.9", "192.0.2.9", "192.0.2.9"];
        assert_eq!(graph.lines("c.destinations"), gateways);
    }
}

#[test]
fn packets_without_a_route_are_dropped_and_the_others_keep_their_order() {
    for class in CLASSES {
        let graph = routed(
            class,
            "10.0.0.0/8 0, 11.0.0.0/8 1",
            "0c000001, 0a000001, 0c000002, 0b000001, 0a000002",
        );
        graph.expect("a", ["0a000001", "0a000002"]);
        graph.expect("b", ["0b000001"]);
        assert_eq!(graph.all(["r.drops", "r.drop_reasons"]), "2 2 no route");
    }
}

#[test]
fn routes_are_written_as_in_click() {
    let forms = [
        ("10.1.2.3 0", "10.1.2.3/32\t-\t0"),
        ("10.1.2.3/24 0", "10.1.2.0/24\t-\t0"),
        (
            "10.1.2.0/255.255.255.0 1.2.3.4 1",
            "10.1.2.0/24\t1.2.3.4\t1",
        ),
        ("10.1/16 2", "10.1.0.0/16\t-\t2"),
        ("0/0 0", "0.0.0.0/0\t-\t0"),
        ("10.0.0.0/8 - 1", "10.0.0.0/8\t-\t1"),
    ];
    for (route, line) in forms {
        assert_eq!(routed("RadixIPLookup", route, "").read("r.table"), line);
    }
    for route in [
        "10.0.0.0/33 0",
        "10.0.0.0/255.0.255.0 0",
        "10 0",
        "10.0.0.0/8",
        "10.0.0.0/8 x 0",
        "0/0 3",
        "0/0 -1",
        "0/0 1.2.3.4 0 0",
    ] {
        refused(&format!(
            "Idle -> r :: RadixIPLookup({route}); r[0] -> Discard; r[1] -> Discard; r[2] -> Discard;"
        ));
    }
}

#[test]
fn the_table_and_the_lookup_are_read() {
    for class in CLASSES {
        let graph = routed(class, ROUTES, "");
        let mut lines = graph.lines("r.table");
        lines.sort();
        let expected = [
            "0.0.0.0/0\t192.0.2.9\t2",
            "10.0.0.0/8\t-\t0",
            "10.1.0.0/16\t192.0.2.1\t1",
            "10.1.2.0/24\t-\t2",
            "10.1.2.3/32\t-\t0",
        ];
        assert_eq!(lines, expected, "{class}");
        assert_eq!(graph.read("r.lookup 10.1.2.3"), "0");
        assert_eq!(graph.read("r.lookup 10.1.3.3"), "1 192.0.2.1");
        assert_eq!(graph.read("r.lookup 1.1.1.1"), "2 192.0.2.9");
        assert_eq!(routed(class, "10/8 0", "").read("r.lookup 1.1.1.1"), "-1");
    }
}

#[test]
fn routes_are_changed_while_packets_pass() {
    for class in CLASSES {
        let mut graph = routed(class, "10.0.0.0/8 0", "0a000001");
        graph.write("r.add", "10.0.0.0/24 1.1.1.1 1");
        graph.write("f.feed", "0a000002");
        graph.write("r.set", "10.0.0.0/24 2");
        graph.write("f.feed", "0a000003");
        for other in ["10.0.0.0/24 9", "10.0.0.0/24 9.9.9.9 0", "10.0.0.0/24 x"] {
            assert!(graph.refuses("r.remove", other).contains("no route"));
        }
        graph.write("r.remove", "10.0.0.0/24");
        graph.write("f.feed", "0a000004");
        graph.write("r.flush", "");
        graph.write("f.feed", "0a000005");
        graph.expect("a", ["0a000001", "0a000004"]);
        graph.expect("b", ["0a000002"]);
        graph.expect("c", ["0a000003"]);
        assert_eq!(graph.all(["r.table", "r.drops"]), " 1");
        graph.write("r.add", "10.0.0.0/8 1");
        graph.write("f.feed", "0a000006");
        graph.expect("b", ["0a000002", "0a000006"]);
    }
}

/// The steps and the answers of Click's `iplookups-01.clicktest`.
#[test]
fn a_route_is_added_where_there_is_none_and_set_where_there_is_one() {
    let steps = [
        ("add", "18.26/16 1.0.0.1 0", "0 1.0.0.1"),
        ("add", "18.26.0/18 2.0.0.2 1", "1 2.0.0.2"),
        ("add", "18.26.0/17 3.0.0.3 2", "1 2.0.0.2"),
        ("remove", "18.26.0/18 2.0.0.2 1", "2 3.0.0.3"),
        ("remove", "18.26.0/16 1.0.0.1 0", "2 3.0.0.3"),
        ("add", "18.26.0/12 4.0.0.4 0", "2 3.0.0.3"),
        ("remove", "18.26.0/17 3.0.0.3 2", "0 4.0.0.4"),
        ("add", "0.0.0.0/32 99.99.99.99 0", "0 4.0.0.4"),
        ("add", "18.26.4.9/32 5.0.0.5 0", "0 5.0.0.5"),
        ("remove", "18.26.4.9/32 5.0.0.5 0", "0 4.0.0.4"),
        ("refused add", "18.26.0/12 6.0.0.6 0", "0 4.0.0.4"),
        ("set", "18.26.0/12 7.0.0.7 0", "0 7.0.0.7"),
        ("remove", "18.26.0/12 7.0.0.7 0", "-1"),
    ];
    for class in CLASSES {
        let mut graph = routed(class, "", "");
        for (what, route, answer) in steps {
            match what.strip_prefix("refused ") {
                None => graph.write(&format!("r.{what}"), route),
                Some(what) => {
                    let why = graph.refuses(&format!("r.{what}"), route);
                    let conflict = "conflict with existing route `18.16.0.0/12 4.0.0.4 0`";
                    assert!(why.contains(conflict), "{why}");
                }
            }
            let found = graph.read("r.lookup 18.26.4.9");
            assert_eq!(found, answer, "{class}: {what} {route}");
        }
    }
}

#[test]
fn of_two_routes_for_one_prefix_among_the_arguments_the_first_counts() {
    for class in CLASSES {
        let graph = routed(class, "10/8 1, 10.1/16 2, 10.9.9.9/8 0", "");
        assert_eq!(graph.read("r.lookup 10.9.9.9"), "1", "{class}");
    }
}

#[test]
fn a_route_is_not_added_twice_not_even_the_same() {
    let mut graph = routed("RadixIPLookup", "10.0.0.0/8 0", "");
    graph.refuses("r.add", "10.0.0.0/8 0");
    graph.write("r.set", "10.0.0.0/8 0");
    graph.write("r.remove", "10.0.0.0/8");
    graph.write("r.add", "10.0.0.0/8 0");
}

#[test]
fn handlers_refuse_what_cannot_be() {
    let mut graph = routed("RadixIPLookup", "10.0.0.0/8 0", "");
    assert!(
        graph
            .refuses("r.add", "10.0.0.0/8 3")
            .contains("output below 3")
    );
    assert!(graph.refuses("r.add", "what").contains("expected a route"));
    assert!(
        graph
            .refuses("r.remove", "11.0.0.0/8")
            .contains("no route for 11.0.0.0/8")
    );
    assert_eq!(graph.read("r.table"), "10.0.0.0/8\t-\t0");
}

#[test]
fn ctrl_does_all_or_nothing() {
    let mut graph = routed("DirectIPLookup", "10.0.0.0/8 0, 11.0.0.0/8 1", "");
    let before = graph.read("r.table");
    for commands in [
        "add 12/8 0\nremove 10/8\nset 11/8 1.1.1.1 2\nremove 99/8",
        "remove 10/8\nremove 10/8",
        "add 10/8 2\nadd 10/8 1\nadd 10/8 9",
        "add 12/8 0\nchange 10/8 1",
        "add 12/8 2\nadd 12/8 1",
        "remove 11/8\nset 12/8 0\nadd 10/8 1",
    ] {
        graph.refuses("r.ctrl", commands);
        assert_eq!(graph.read("r.table"), before, "{commands}");
    }
    graph.write("r.ctrl", "remove 10/8\nadd 10/8 0");
    assert_eq!(graph.read("r.table"), before);
    graph.write(
        "r.ctrl",
        "add 12/8 0\n\n  remove 10/8\nset 11/8 1.1.1.1 2\n",
    );
    assert_eq!(graph.read("r.lookup 12.0.0.1"), "0");
    assert_eq!(graph.read("r.lookup 11.0.0.1"), "2 1.1.1.1");
    assert_eq!(graph.read("r.lookup 10.0.0.1"), "-1");
}

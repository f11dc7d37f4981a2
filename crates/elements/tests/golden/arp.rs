//! ARPQuerier and ARPResponder: who is asked, who waits, and who is answered.

use crate::harness::{Graph, refused};

/// An Ethernet header and ARP for IPv4 over Ethernet.
fn arp(to: &str, from: &str, operation: &str, sender: &str, target: &str) -> String {
    format!("{to} {from} 0806 0001 0800 06 04 {operation} {sender} {target}")
}

const ALL: &str = "ffffffffffff";
const US: &str = "020000000001";
const PEER: &str = "020000000002";

/// The question who has 10.0.0.2.
fn question() -> String {
    arp(
        ALL,
        US,
        "0001",
        "020000000001 0a000001",
        "000000000000 0a000002",
    )
}

/// The answer that 10.0.0.2 has this address.
fn answer(mac: &str) -> String {
    arp(
        US,
        mac,
        "0002",
        &format!("{mac} 0a000002"),
        "020000000001 0a000001",
    )
}

/// Packets that begin with their destination; answers come in by `r`.
fn querier(config: &str, packets: &str) -> Graph {
    Graph::run(&format!(
        "f :: Feed({packets}) -> GetIPAddress(0) -> [0] q :: ARPQuerier({config}); r :: Feed() -> [1] q;
         q[0] -> k :: Keep; q[1] -> asked :: Keep;"
    ))
}

const PLAIN: &str = "10.0.0.1, 2:0:0:0:0:1";

#[test]
fn packets_wait_for_the_answer_and_go_in_order() {
    let mut graph = querier(PLAIN, "0a000002 01, 0a000002 02");
    graph.expect("asked", [&question()]);
    assert_eq!(
        graph.all(["k.count", "q.length", "q.count", "q.queries"]),
        "0 2 1 1"
    );
    graph.write("r.feed", &answer(PEER));
    let header = format!("{PEER} {US} 0800");
    graph.expect(
        "k",
        [
            &format!("{header} 0a000002 01"),
            &format!("{header} 0a000002 02"),
        ],
    );
    assert_eq!(graph.all(["q.length", "q.responses", "q.drops"]), "0 1 0");
    graph.write("f.feed", "0a000002 03");
    assert_eq!(graph.all(["k.count", "asked.count"]), "3 1", "known now");
}

#[test]
fn questions_leave_output_0_where_there_is_no_other() {
    let graph = Graph::run(&format!(
        "Feed(0a000002) -> GetIPAddress(0) -> q :: ARPQuerier({PLAIN}) -> k :: Keep; Idle -> [1] q;"
    ));
    graph.expect("k", [&question()]);
}

#[test]
fn it_asks_once_a_second_three_times_and_gives_up() {
    let mut graph = querier(PLAIN, "0a000002 01, 0a000002 02");
    graph.until(999);
    assert_eq!(graph.read("q.queries"), "1");
    graph.write("f.feed", "0a000002 03");
    assert_eq!(
        graph.read("q.queries"),
        "1",
        "no question more for a packet more"
    );
    graph.until(1000);
    assert_eq!(graph.read("q.queries"), "2");
    graph.until(2999);
    assert_eq!(graph.all(["q.queries", "q.length"]), "3 3");
    graph.until(3000);
    assert_eq!(graph.all(["q.queries", "q.length"]), "3 0");
    assert_eq!(graph.read("q.drop_reasons"), "3 neighbour not resolved");
    graph.expect("asked", [&question(), &question(), &question()]);
}

#[test]
fn a_later_answer_replaces_an_earlier_one_and_a_duplicate_changes_nothing() {
    let mut graph = querier(PLAIN, "0a000002 01");
    graph.write("r.feed", &answer(PEER));
    graph.write("r.feed", &answer(PEER));
    assert_eq!(graph.all(["k.count", "q.responses", "q.count"]), "1 2 1");
    graph.write("r.feed", &answer("020000000009"));
    graph.write("f.feed", "0a000002 02");
    let packets = [
        format!("{PEER} {US} 0800 0a000002 01"),
        format!("020000000009 {US} 0800 0a000002 02"),
    ];
    graph.expect("k", packets.each_ref().map(String::as_str));
}

#[test]
fn what_comes_in_for_arp_and_is_none_is_dropped() {
    let mut graph = querier(PLAIN, "");
    graph.write("r.feed", "0102");
    graph.write("r.feed", &answer(PEER).replace("0800 06", "86dd 06"));
    // The question of a neighbour would be remembered, were it in a frame of ARP.
    let question = arp(
        US,
        PEER,
        "0001",
        "020000000002 0a000002",
        "000000000000 0a000001",
    );
    graph.write("r.feed", &question.replace("0806 0001", "0800 0001"));
    assert_eq!(graph.all(["q.responses", "q.count"]), "0 0");
    assert_eq!(graph.read("q.drop_reasons"), "3 not an ARP packet");
    graph.write("r.feed", &question);
    assert_eq!(graph.all(["q.responses", "q.count"]), "1 1");
}

#[test]
fn an_answer_to_no_question_is_not_remembered_and_a_request_for_us_is() {
    let mut graph = querier(PLAIN, "");
    graph.write("r.feed", &answer(PEER));
    assert_eq!(graph.read("q.table"), "");
    let asks_us = arp(
        ALL,
        PEER,
        "0001",
        "020000000002 0a000002",
        "000000000000 0a000001",
    );
    graph.write("r.feed", &asks_us);
    assert!(
        graph
            .read("q.table")
            .starts_with("10.0.0.2\t02:00:00:00:00:02\t")
    );
    // Somebody else with our address teaches nothing.
    graph.write(
        "r.feed",
        &arp(
            ALL,
            PEER,
            "0001",
            "020000000002 0a000001",
            "000000000000 0a000001",
        ),
    );
    assert_eq!(graph.read("q.count"), "1");
}

#[test]
fn some_destinations_are_known_without_a_question() {
    let destinations = "ffffffff, 0a0000ff, e0010203, ef811203";
    let expected = [
        "ffffffffffff 020000000001 0800 ffffffff",
        "ffffffffffff 020000000001 0800 0a0000ff",
        "01005e010203 020000000001 0800 e0010203",
        "01005e011203 020000000001 0800 ef811203",
    ];
    for config in [
        "10.0.0.1/24, 2:0:0:0:0:1",
        "10.0.0.1, 2:0:0:0:0:1, BROADCAST 10.0.0.255",
        "10.0.0.1/8, 2:0:0:0:0:1, BROADCAST 10.0.0.255",
    ] {
        let graph = querier(config, destinations);
        graph.expect("k", expected);
        assert_eq!(
            graph.all(["q.queries", "q.ipaddr", "q.broadcast"]),
            "0 10.0.0.1 10.0.0.255"
        );
    }
    let graph = querier(PLAIN, "0a0000ff, 00000000");
    assert_eq!(
        graph.all(["q.length", "q.queries", "q.broadcast"]),
        "1 1 0.0.0.0"
    );
    assert_eq!(graph.read("q.drop_reasons"), "1 no destination annotation");
}

#[test]
fn entries_are_set_and_taken_away_by_hand() {
    let mut graph = querier(PLAIN, "0a000002 01");
    graph.write("q.insert", "10.0.0.2 2:0:0:0:0:2");
    graph.expect("k", [&format!("{PEER} {US} 0800 0a000002 01")]);
    assert_eq!(graph.read("q.table"), "10.0.0.2\t02:00:00:00:00:02\tStatic");
    graph.until(3_600_000);
    assert_eq!(
        graph.all(["q.count", "q.queries"]),
        "1 1",
        "it does not age"
    );
    graph.write("q.delete", "10.0.0.2");
    assert_eq!(graph.all(["q.table", "q.count"]), " 0");
    graph.write("f.feed", "0a000002 02");
    graph.write("q.insert", "10.0.0.3 2:0:0:0:0:3");
    graph.write("q.clear", "");
    assert_eq!(graph.all(["q.count", "q.length", "q.drops"]), "0 0 1");
    for (handler, value) in [
        ("q.insert", "10.0.0.2"),
        ("q.insert", "x y"),
        ("q.delete", "there"),
    ] {
        graph.refuses(handler, value);
    }
    graph.write("q.delete", "10.0.0.7");
}

#[test]
fn its_own_addresses_are_changed_by_hand() {
    let mut graph = querier(PLAIN, "");
    graph.write("q.ipaddr", "10.0.0.9");
    graph.write("q.broadcast", "10.0.0.255");
    graph.write("f.feed", "0a000002");
    graph.write("f.feed", "0a0000ff");
    graph.expect("asked", [&question().replace("0a000001", "0a000009")]);
    assert_eq!(graph.read("k.count"), "1");
}

#[test]
fn packets_that_wait_are_bounded_for_each_neighbour_and_for_all() {
    let packets = |to: &str, count: usize| vec![to.to_owned(); count].join(", ");
    let graph = querier(PLAIN, &packets("0a000002", 10));
    assert_eq!(graph.all(["q.length", "q.drops"]), "8 2");
    let graph = querier(
        &format!("{PLAIN}, ENTRY_PACKET_CAPACITY 3"),
        &packets("0a000002", 10),
    );
    assert_eq!(graph.all(["q.length", "q.drops"]), "3 7");
    let graph = querier(
        &format!("{PLAIN}, ENTRY_PACKET_CAPACITY 0"),
        &packets("0a000002", 100),
    );
    assert_eq!(graph.all(["q.length", "q.drops"]), "100 0");
    let both = format!("{}, {}", packets("0a000002", 5), packets("0a000003", 5));
    let graph = querier(&format!("{PLAIN}, CAPACITY 6"), &both);
    assert_eq!(graph.all(["q.length", "q.drops"]), "6 4");
    let many: Vec<_> = (0..8).map(|it| format!("0a0001{it:02x}")).collect();
    let graph = querier(&format!("{PLAIN}, ENTRY_CAPACITY 4"), &many.join(", "));
    assert_eq!(graph.all(["q.count", "q.length", "q.drops"]), "4 4 4");
    let graph = querier(&format!("{PLAIN}, ENTRY_CAPACITY 0"), &many.join(", "));
    assert_eq!(graph.all(["q.count", "q.length"]), "8 8");
}

#[test]
fn the_newest_packet_takes_the_place_of_the_oldest() {
    let mut graph = querier(
        &format!("{PLAIN}, ENTRY_PACKET_CAPACITY 2"),
        "0a000002 01, 0a000002 02, 0a000002 03",
    );
    graph.write("r.feed", &answer(PEER));
    let ends: Vec<_> = graph
        .frames("k")
        .iter()
        .map(|it| it[it.len() - 2..].to_owned())
        .collect();
    assert_eq!(ends, ["02", "03"]);
}

#[test]
fn a_neighbour_in_use_is_asked_again_at_its_own_address() {
    let polled = |config: &str| {
        let mut graph = querier(&format!("{PLAIN}, POLL_TIMEOUT 10{config}"), "0a000002");
        graph.write("r.feed", &answer(PEER));
        graph.until(10_000);
        graph.write("asked.clear", "");
        graph.write("f.feed", "0a000002");
        graph.until(16_000);
        assert_eq!(graph.read("k.count"), "2", "packets go on meanwhile");
        graph.frames("asked").first().cloned().expect("a question")
    };
    let question = question().replace(' ', "");
    assert_eq!(polled(", BROADCAST_POLL true"), question);
    assert_eq!(polled(""), question.replacen(ALL, PEER, 1));
}

#[test]
fn a_neighbour_that_is_not_used_is_forgotten() {
    let mut graph = querier(
        &format!("{PLAIN}, TIMEOUT 60s, POLL_TIMEOUT 20s"),
        "0a000002",
    );
    graph.write("r.feed", &answer(PEER));
    graph.until(59_000);
    assert_eq!(graph.read("q.count"), "1");
    graph.until(61_000);
    assert_eq!(graph.all(["q.count", "q.queries"]), "0 1");
    let mut graph = querier(&format!("{PLAIN}, TIMEOUT 0"), "0a000002");
    graph.write("r.feed", &answer(PEER));
    graph.until(100_000_000);
    assert_eq!(graph.read("q.count"), "1", "0 is never");
}

#[test]
fn a_querier_needs_both_addresses() {
    for config in [
        "",
        "10.0.0.1",
        "10.0.0.1, here",
        "10.0.0.1/40, 2:0:0:0:0:1",
        "2:0:0:0:0:1, 10.0.0.1",
    ] {
        refused(&format!(
            "Idle -> q :: ARPQuerier({config}) -> Discard; Idle -> [1] q;"
        ));
    }
}

/// A request for an address by 10.0.0.2.
fn request(target: &str) -> String {
    arp(
        ALL,
        PEER,
        "0001",
        "020000000002 0a000002",
        &format!("000000000000 {target}"),
    )
}

fn reply(mac: &str, address: &str) -> String {
    arp(
        PEER,
        mac,
        "0002",
        &format!("{mac} {address}"),
        "020000000002 0a000002",
    )
}

fn responder(config: &str, frames: &str) -> Graph {
    Graph::run(&format!(
        "f :: Feed({frames}) -> r :: ARPResponder({config}); r[0] -> k :: Keep; r[1] -> other :: Keep;"
    ))
}

#[test]
fn a_responder_answers_for_hosts_and_networks() {
    let config =
        "10.0.0.1 10.0.1.0/24 2:0:0:0:0:1, 10.0.1.9 2:0:0:0:0:9, 10.2.0.0/255.255.0.0 2:0:0:0:0:a";
    let asked = ["0a000001", "0a000105", "0a000109", "0a020304", "0a000003"];
    let graph = responder(config, &asked.map(request).join(", "));
    let answers = [
        reply(US, "0a000001"),
        reply(US, "0a000105"),
        reply("020000000009", "0a000109"),
        reply("02000000000a", "0a020304"),
    ];
    graph.expect("k", answers.each_ref().map(String::as_str));
    graph.expect("other", [&request("0a000003")]);
    let table = "10.0.0.1/32\t02:00:00:00:00:01\n10.0.1.0/24\t02:00:00:00:00:01\n\
                 10.0.1.9/32\t02:00:00:00:00:09\n10.2.0.0/16\t02:00:00:00:00:0a";
    assert_eq!(graph.read("r.table"), table);
}

#[test]
fn a_responder_cuts_padding_and_drops_without_a_second_output() {
    let padded = format!(
        "{} 000000000000000000000000000000000000",
        request("0a000001")
    );
    let graph = Graph::run(&format!(
        "Feed({padded}, {}) -> r :: ARPResponder(10.0.0.1 2:0:0:0:0:1) -> k :: Keep;",
        request("0a000003")
    ));
    graph.expect("k", [&reply(US, "0a000001")]);
    assert_eq!(
        graph.read("r.drop_reasons"),
        "1 ARP packet that asks for none of ours"
    );
}

#[test]
fn a_responder_leaves_alone_what_is_no_request() {
    let others = [
        answer(PEER),
        arp(
            ALL,
            PEER,
            "0001",
            "020000000002 0a000001",
            "000000000000 0a000001",
        ),
        request("0a000001").replace("0001 0800", "0006 0800"),
        request("0a000001").replace("0806 0001", "0800 0001"),
        "ffffffffffff 020000000002 0806 0001".to_owned(),
        String::new(),
    ];
    let graph = responder("0/0 2:0:0:0:0:1", &format!("{},", others.join(", ")));
    graph.expect("other", others.each_ref().map(String::as_str));
    assert_eq!(graph.read("k.count"), "0");
}

#[test]
fn a_responder_answers_a_probe() {
    // RFC 5227 §1.1: who probes has no address yet.
    let probe = arp(
        ALL,
        PEER,
        "0001",
        "020000000002 00000000",
        "000000000000 0a000001",
    );
    let graph = responder("10.0.0.1 2:0:0:0:0:1", &probe);
    let expected = arp(
        PEER,
        US,
        "0002",
        "020000000001 0a000001",
        "020000000002 00000000",
    );
    graph.expect("k", [&expected]);
}

#[test]
fn a_responders_entries_are_changed_by_hand() {
    let mut graph = responder("10.0.0.1 2:0:0:0:0:1", "");
    assert_eq!(graph.read("r.lookup 10.0.0.1"), "02:00:00:00:00:01");
    assert_eq!(graph.read("r.lookup 10.0.0.7"), "");
    graph.write("r.add", "10.0.0.7 10.3.0.0/16 2:0:0:0:0:7");
    graph.write("f.feed", &request("0a000007"));
    graph.expect("k", [&reply("020000000007", "0a000007")]);
    graph.write("r.remove", "10.0.0.7");
    graph.write("f.feed", &request("0a000007"));
    graph.expect("other", [&request("0a000007")]);
    assert_eq!(graph.read("r.lookup 10.3.3.3"), "02:00:00:00:00:07");
    assert!(graph.refuses("r.remove", "10.0.0.0/8").contains("no entry"));
    assert!(
        graph
            .refuses("r.add", "10.0.0.8")
            .contains("expected an entry")
    );
    for config in ["10.0.0.1", "10.0.0.1 x", "x 2:0:0:0:0:1"] {
        refused(&format!("Idle -> ARPResponder({config}) -> Discard;"));
    }
}

#[test]
fn an_answer_to_one_worker_serves_all() {
    let text = format!(
        "f :: Feed() -> GetIPAddress(0) -> [0] q :: ARPQuerier({PLAIN}); r :: Feed() -> [1] q;
         q[0] -> k :: Keep; q[1] -> asked :: Keep;"
    );
    let mut workers = Graph::workers(&text, 3);
    workers.iter_mut().for_each(Graph::settle);
    workers[1].write("f.feed", "0a000002 01");
    workers[2].write("f.feed", "0a000002 02");
    assert_eq!(workers[1].all(["k.count", "q.length"]), "0 1");
    // The answer comes in at a worker that did not ask.
    workers[0].write("r.feed", &answer(PEER));
    for worker in [1, 2, 0, 1, 2] {
        workers[worker].settle();
    }
    workers[1].expect("k", [&format!("{PEER} {US} 0800 0a000002 01")]);
    workers[2].expect("k", [&format!("{PEER} {US} 0800 0a000002 02")]);
    let row = "10.0.0.2\t02:00:00:00:00:02\tReachable";
    assert_eq!(Graph::merged(&workers, "q.table").trim_end(), row);
    assert_eq!(Graph::merged(&workers, "q.count"), "1");
    assert_eq!(Graph::merged(&workers, "q.queries"), "2");
    for worker in &mut workers {
        // Nobody asks again.
        worker.write("f.feed", "0a000002 03");
        assert_eq!(worker.number("q.length"), 0);
    }
    assert_eq!(workers[0].number("asked.count"), 0);
    // What nobody asked is not learnt, by no worker.
    let unasked = arp(
        US,
        PEER,
        "0002",
        "020000000002 0a000009",
        "020000000001 0a000001",
    );
    workers[0].write("r.feed", &unasked);
    workers.iter_mut().for_each(Graph::settle);
    assert_eq!(Graph::merged(&workers, "q.count"), "1");
    // Forgotten on all, whatever each still had.
    workers[1].write("q.delete", "10.0.0.2");
    assert_eq!(Graph::merged(&workers, "q.count"), "1");
    for worker in &mut workers {
        worker.write("q.delete", "10.0.0.2");
    }
    assert_eq!(Graph::merged(&workers, "q.count"), "0");
}

#[test]
fn the_tables_of_several_workers_are_told_of_as_one() {
    let text = format!(
        "f :: Feed() -> GetIPAddress(0) -> [0] q :: ARPQuerier({PLAIN}); r :: Feed() -> [1] q; q -> k :: Keep;"
    );
    let mut workers = Graph::workers(&text, 2);
    workers.iter_mut().for_each(Graph::settle);
    workers[0].write("f.feed", "0a000002");
    workers[1].write("f.feed", "0a000002");
    workers[1].write("f.feed", "0a000003");
    let expected = [("q.count", "2"), ("q.length", "3"), ("q.queries", "3")];
    for (handler, answer) in expected {
        assert_eq!(Graph::merged(&workers, handler), answer, "{handler}");
    }
    let table = "10.0.0.2\t?\tIncomplete\n10.0.0.3\t?\tIncomplete";
    assert_eq!(Graph::merged(&workers, "q.table"), table);
    // What the first forgets is told of by the second.
    workers[0].write("q.delete", "10.0.0.2");
    assert_eq!(Graph::merged(&workers, "q.count"), "2");
    workers[1].write("q.delete", "10.0.0.2");
    assert_eq!(Graph::merged(&workers, "q.count"), "1");
}

//! Queue, Unqueue, PrioSched and RoundRobinSched: who waits, and who goes first.

use crate::harness::{Graph, refused};

/// Frames that hold the numbers from 0.
fn numbered(count: usize) -> String {
    let frames: Vec<_> = (0..count).map(|it| format!("{it:04x}")).collect();
    frames.join(", ")
}

const QUEUE: [&str; 4] = ["q.length", "q.highwater_length", "q.capacity", "q.drops"];

#[test]
fn a_queue_holds_a_thousand_by_default_first_in_first_out() {
    let mut graph = Graph::run(&format!(
        "Feed({}) -> q :: Queue -> u :: Unqueue(ACTIVE false) -> k :: Keep;",
        numbered(1003)
    ));
    assert_eq!(graph.all(QUEUE), "1000 1000 1000 3");
    assert_eq!(graph.read("q.drop_reasons"), "3 queue full");
    graph.write("u.active", "true");
    let frames = graph.frames("k");
    assert_eq!(frames.len(), 1000);
    assert_eq!((&*frames[0], &*frames[999]), ("0000", "03e7"));
    assert_eq!(graph.all(QUEUE), "0 1000 1000 3");
    graph.write("q.reset_counts", "");
    assert_eq!(graph.all(QUEUE), "0 0 1000 0");
}

#[test]
fn a_full_queue_loses_at_its_tail_or_head_or_nothing() {
    let run = |on_full: &str| {
        let mut graph = Graph::run(&format!(
            "Feed({}) -> q :: Queue(CAPACITY 3{on_full}) -> u :: Unqueue(ACTIVE false) -> k :: Keep;",
            numbered(5)
        ));
        let full = graph.all(QUEUE);
        graph.write("u.active", "true");
        (full, graph.frames("k").join(" "))
    };
    let tail = ("3 3 3 2".to_owned(), "0000 0001 0002".to_owned());
    assert_eq!(run(""), tail);
    assert_eq!(run(", ON_FULL DROP_TAIL"), tail);
    assert_eq!(
        run(", ON_FULL DROP_HEAD"),
        ("3 3 3 2".to_owned(), "0002 0003 0004".to_owned())
    );
    assert_eq!(
        run(", ON_FULL BLOCK"),
        ("3 3 3 0".to_owned(), "0000 0001 0002 0003 0004".to_owned())
    );
}

#[test]
fn what_a_queue_has_no_room_for_leaves_its_second_output() {
    let graph = Graph::run(
        "Feed(01, 02, 03) -> q :: Queue(2) -> Unqueue(ACTIVE false) -> Discard; q[1] -> k :: Keep;",
    );
    graph.expect("k", ["03"]);
    assert_eq!(graph.all(["q.length", "q.drops", "q.drop_reasons"]), "2 1 ");
}

#[test]
fn a_queues_capacity_is_changed_and_what_does_not_fit_is_lost() {
    let mut graph = Graph::run(
        "f :: Feed(01, 02, 03, 04) -> q :: Queue(3) -> u :: Unqueue(ACTIVE false) -> k :: Keep;",
    );
    graph.write("q.capacity", "5");
    graph.write("f.feed", "05");
    assert_eq!(graph.all(QUEUE), "4 4 5 1");
    graph.write("q.capacity", "2");
    assert_eq!(graph.all(["q.length", "q.capacity"]), "2 2");
    assert_eq!(graph.read("q.drop_reasons"), "1 queue full\n2 queue reset");
    assert!(graph.refuses("q.capacity", "0").contains("from 1"));
    graph.write("u.active", "true");
    graph.expect("k", ["01", "02"]);
    assert!(refused("Idle -> Queue(0) -> Discard;").contains("CAPACITY"));
}

#[test]
fn a_reset_queue_is_empty() {
    let mut graph =
        Graph::run("Feed(01, 02, 03) -> q :: Queue -> u :: Unqueue(ACTIVE false) -> Discard;");
    graph.write("q.reset", "");
    assert_eq!(
        graph.all(["q.length", "q.highwater_length", "q.drops"]),
        "0 3 0"
    );
    assert_eq!(graph.read("q.drop_reasons"), "3 queue reset");
}

#[test]
fn unqueue_pulls_up_to_its_limit() {
    let mut graph = Graph::run(&format!(
        "Feed({}) -> q :: Queue -> u :: Unqueue(BURST 2, LIMIT 3) -> k :: Keep;",
        numbered(9)
    ));
    assert_eq!(
        graph.all(["u.count", "u.limit", "u.burst", "u.active"]),
        "3 3 2 true"
    );
    graph.write("u.limit", "5");
    assert_eq!(graph.all(["u.count", "q.length"]), "5 4");
    graph.write("u.reset", "");
    assert_eq!(
        graph.all(["u.count", "q.length"]),
        "4 0",
        "the limit counts from 0"
    );
    graph.write("u.reset_counts", "");
    assert_eq!(graph.read("u.count"), "0");
    assert_eq!(graph.frames("k").len(), 9);
}

#[test]
fn unqueue_moves_a_burst_at_a_time() {
    let text = format!(
        "Feed({}) -> q :: Queue -> u :: Unqueue(ACTIVE false, BURST 2) -> k :: Keep;",
        numbered(7)
    );
    let mut graph = Graph::run(&text);
    graph.write("u.active", "true");
    assert_eq!(graph.number("k.calls"), 4, "2, 2, 2 and 1");
    let mut graph = Graph::run(&text);
    graph.write("u.burst", "-1");
    graph.write("u.active", "true");
    assert_eq!(graph.all(["u.burst", "k.calls"]), "-1 1");
    assert!(graph.refuses("u.burst", "0").contains("BURST"));
    assert!(refused("Idle -> Unqueue(0) -> Discard;").contains("BURST"));
}

#[test]
fn priority_goes_by_the_input() {
    let mut graph = Graph::run(
        "a :: Feed(a0, a1) -> Queue -> [0] s :: PrioSched; b :: Feed(b0, b1) -> Queue -> [1] s;
         c :: Feed(c0) -> Queue -> [2] s; s -> u :: Unqueue(LIMIT 0) -> k :: Keep;",
    );
    graph.write("u.limit", "3");
    graph.expect("k", ["a0", "a1", "b0"]);
    graph.write("a.feed", "a2");
    graph.write("u.limit", "6");
    graph.expect("k", ["a0", "a1", "b0", "a2", "b1", "c0"]);
}

#[test]
fn round_robin_takes_one_of_each_in_turn() {
    let mut graph = Graph::run(
        "Feed(a0, a1, a2) -> Queue -> [0] s :: RoundRobinSched; Feed(b0) -> Queue -> [1] s;
         Feed(c0, c1) -> Queue -> [2] s; s -> u :: Unqueue(LIMIT 0) -> k :: Keep;",
    );
    graph.write("u.limit", "2");
    graph.expect("k", ["a0", "b0"]);
    graph.write("u.limit", "-1");
    graph.expect("k", ["a0", "b0", "c0", "a1", "c1", "a2"]);
}

#[test]
fn round_robin_begins_behind_the_input_that_gave_last() {
    let mut graph = Graph::run(
        "a :: Feed(a0) -> Queue -> [0] s :: RoundRobinSched; b :: Feed() -> Queue -> [1] s;
         s -> u :: Unqueue(LIMIT 1) -> k :: Keep;",
    );
    graph.expect("k", ["a0"]);
    graph.write("a.feed", "a1");
    graph.write("b.feed", "b0");
    graph.write("u.limit", "-1");
    graph.expect("k", ["a0", "b0", "a1"]);
}

#[test]
fn round_robin_asks_seldom_and_keeps_the_order_of_turns() {
    // The feeds' frames, by how many each has, against turns taken one packet at a time.
    for counts in [&[5, 5][..], &[40, 3, 40], &[1, 0, 90, 7], &[0, 0], &[9; 40]] {
        for burst in [1, 7, 32] {
            let feed = |(input, count): (usize, &usize)| {
                let frames = (0..*count).map(|it| format!("{input:02x}{it:02x}"));
                let frames = frames.collect::<Vec<_>>().join(", ");
                format!("Feed({frames}) -> q{input} :: Queue -> [{input}] s; ")
            };
            let feeds: String = counts.iter().enumerate().map(feed).collect();
            let mut graph = Graph::run(&format!(
                "s :: RoundRobinSched -> u :: Unqueue(ACTIVE false, BURST {burst}) -> k :: Keep; {feeds}"
            ));
            graph.write("u.active", "true");
            let most = counts.iter().max().unwrap_or(&0);
            let turns =
                (0..*most).flat_map(|row| counts.iter().enumerate().map(move |it| (row, it)));
            let turns = turns.filter(|&(row, (_, &count))| row < count);
            let expected: Vec<_> = turns
                .map(|(row, (input, _))| format!("{input:02x}{row:02x}"))
                .collect();
            assert_eq!(graph.frames("k"), expected, "{counts:?}, {burst} at a time");
            if burst == 32 && counts == [5, 5] {
                let calls = graph.number("q0.calls");
                assert!(calls <= 6, "{calls} calls for 5 packets");
            }
        }
    }
}

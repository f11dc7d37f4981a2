//! Who waits when packets find no room, in graphs as texts: nothing moves then, and no pool runs dry.

use waypost_elements::registry;
use waypost_graph::{Instance, Instant, Options, Pool, Program, Source};

fn pool() -> Pool {
    Pool::builder().small(2000).build().unwrap()
}

fn start(text: &str, pool: &Pool) -> Instance {
    let registry = registry();
    let source = Source::new("test", text);
    let program = Program::parse(&source, &registry, &mut Options::default()).unwrap();
    program.instances(1, pool).unwrap().remove(0)
}

fn read<const N: usize>(graph: &Instance, handlers: [&str; N]) -> [String; N] {
    handlers.map(|handler| graph.read(handler).unwrap())
}

#[test]
fn what_is_refused_does_not_count_as_moved() {
    let stalled =
        "s :: InfiniteSource(LIMIT 10, STOP true) -> t :: Tee(2); q :: Queue(4, ON_FULL BLOCK);
        t[0] -> q; t[1] -> q; q -> u :: Unqueue(ACTIVE false) -> Discard;";
    let mut graph = start(stalled, &pool());
    graph.run_until_idle(Instant::ZERO, 1000);
    assert!(!graph.step(Instant::ZERO), "nothing moves");
    let counted = read(&graph, ["q.packets", "q.length", "q.calls"]);
    assert_eq!(counted, ["4", "4", "1"]);
    graph.write("u.active", "true").unwrap();
    graph.run_until_idle(Instant::ZERO, 1000);
    assert!(graph.is_stopped());
    assert_eq!(read(&graph, ["u.count"]), ["20"]);

    let mut graph = start(&stalled.replace("LIMIT 10", "LIMIT 4"), &pool());
    graph.run_until_idle(Instant::ZERO, 1000);
    assert!(graph.is_stopped(), "nobody takes what waits");
}

/// Runs a text until nothing happens; its pool must not be exhausted then.
fn stalls(text: &str) -> Instance {
    let pool = pool();
    let mut graph = start(text, &pool);
    graph.run_until_idle(Instant::ZERO, 10_000);
    assert!(!graph.step(Instant::ZERO), "nothing moves: {text}");
    assert_eq!(pool.statistics().exhausted, 0, "{text}");
    graph
}

#[test]
fn what_is_pushed_aside_where_packets_are_pulled_stops_who_pulls() {
    let mut graph = stalls(
        "InfiniteSource(DATA x) -> q :: Queue(ON_FULL BLOCK) -> c :: CheckIPHeader -> Discard;
         c[1] -> r :: Queue(10, ON_FULL BLOCK) -> u :: Unqueue(ACTIVE false, BURST 1) -> d :: Discard;",
    );
    assert_eq!(read(&graph, ["r.length", "q.length"]), ["10", "1000"]);
    graph.write("u.active", "true").unwrap();
    graph.run_until_idle(Instant::ZERO, 100);
    let drained: u64 = graph.read("d.count").unwrap().parse().unwrap();
    assert!(drained > 90, "it goes on: {drained}");
}

#[test]
fn what_a_queue_hands_aside_stops_who_fills_it() {
    let graph = stalls(
        "s :: InfiniteSource -> q :: Queue(10) -> Unqueue(ACTIVE false) -> Discard;
         q[1] -> r :: Queue(10, ON_FULL BLOCK) -> Unqueue(ACTIVE false) -> Discard;",
    );
    assert_eq!(
        read(&graph, ["s.count", "r.length", "q.length"]),
        ["20", "10", "10"]
    );
}

#[test]
fn an_edge_that_drops_is_full_when_what_is_behind_it_is() {
    let graph = stalls(
        "s :: InfiniteSource(LIMIT 100000) -> t :: Tee; t[0] -> a :: Discard;
         t[1] -> w :: DropWhenFull -> Counter -> q :: Queue(10, ON_FULL BLOCK) -> Unqueue(ACTIVE false) -> Discard;",
    );
    assert_eq!(
        read(&graph, ["s.count", "a.count", "q.length"]),
        ["100000", "100000", "10"]
    );
    let lost = graph.read("w.drops").unwrap().parse::<u64>().unwrap();
    assert!(lost > 99_000, "{lost}");
}

#[test]
fn packets_are_pulled_through_long_chains() {
    let text = format!(
        "InfiniteSource(LIMIT 10) -> Queue -> {} d :: Discard;",
        "Null -> ".repeat(400)
    );
    let graph = stalls(&text);
    assert_eq!(read(&graph, ["d.count"]), ["10"]);
}

#[test]
fn what_leads_back_to_where_it_was_taken_from_does_not_stand_still() {
    let mut graph = start(
        "s :: InfiniteSource(DATA \\<01>, LIMIT 1000) -> q :: Queue(10, ON_FULL BLOCK) -> u :: Unqueue
         -> Switch(0) -> k :: RoundRobinSwitch; k[0] -> d :: Discard; k[1] -> q;",
        &pool(),
    );
    graph.run_until_idle(Instant::ZERO, 10_000);
    assert_eq!(
        read(&graph, ["d.count", "q.drops", "q.length"]),
        ["1000", "0", "0"]
    );
}

#[test]
fn a_file_waits_for_memory_and_loses_nothing() {
    let file = std::env::temp_dir().join(format!("waypost-pressure-{}.pcap", std::process::id()));
    let written = format!("InfiniteSource(LIMIT 5000) -> t :: ToDump({file:?});");
    let mut graph = start(&written, &pool());
    graph.run_until_idle(Instant::ZERO, 10_000);
    assert_eq!(read(&graph, ["t.count"]), ["5000"]);
    drop(graph);
    let small = Pool::builder().small(100).build().unwrap();
    let text = format!(
        "f :: FromDump({file:?}) -> q :: Queue(1000, ON_FULL BLOCK) -> u :: Unqueue(ACTIVE false) -> d :: Discard;"
    );
    let mut graph = start(&text, &small);
    graph.run_until_idle(Instant::ZERO, 10_000);
    assert!(graph.next_timer().is_some(), "memory is asked for again");
    graph.write("u.active", "true").unwrap();
    graph.run_until_idle(Instant::from_millis(2), 10_000);
    let _ = std::fs::remove_file(&file);
    assert_eq!(read(&graph, ["d.count", "f.drops"]), ["5000", "0"]);
}

#[test]
fn each_element_counts_a_packet_once() {
    let mut graph = start(
        "s :: InfiniteSource(LIMIT 100) -> q :: Queue(ON_FULL BLOCK) -> n :: Null -> u :: Unqueue -> c :: Counter
         -> r :: Queue(ON_FULL BLOCK) -> d :: Discard; p :: InfiniteSource(LIMIT 7) -> v :: Unqueue -> Discard;",
        &pool(),
    );
    graph.set_profiled(true);
    graph.run_until_idle(Instant::ZERO, 10_000);
    for element in ["s", "q", "n", "u", "c", "r", "d"] {
        assert_eq!(
            read(&graph, [&*format!("{element}.packets")]),
            ["100"],
            "{element}"
        );
        let nanos: u64 = read(&graph, [&*format!("{element}.nanoseconds")])[0]
            .parse()
            .unwrap();
        assert!(nanos > 0, "{element}");
    }
    assert_eq!(read(&graph, ["p.packets", "v.packets"]), ["7", "7"]);
}

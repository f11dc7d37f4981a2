//! Routes of a full table are changed while packets pass: packets do not wait for a change, and changes keep their order.

use waypost_elements::registry;
use waypost_graph::{Instance, Instant, Options, Pool, Program, Source};

/// Packets for 10.0.0.2 go to `old` by the default route, and to `new` by all that the tests write.
const GRAPH: &str = "InfiniteSource(DATA \\<4500 002e 0000 0000 4011 66bd 0a000001 0a000002>, LENGTH 46)
    -> CheckIPHeader -> r :: RadixIPLookup(0/0 0);
    r[0] -> old :: Counter -> Discard; r[1] -> new :: Counter -> Discard; r[2] -> other :: Counter -> Discard;";

/// Blocks of 256 addresses, in nearly every one of the 2^16 blocks of 2^16.
const ROUTES: u32 = 300_000;

/// How many entries a slice looks at.
const SLICE: usize = 4096;

fn graph(text: &str) -> Instance {
    let (registry, source) = (registry(), Source::new("test", text));
    let program = Program::parse(&source, &registry, &mut Options::default()).unwrap();
    let pool = Pool::builder().small(4096).build().unwrap();
    program.instances(1, &pool).unwrap().remove(0)
}

/// The graph with routes for blocks of 256 addresses all over, but not those of the packets.
fn full() -> Instance {
    let mut graph = graph(GRAPH);
    let networks = (0..ROUTES).map(|n| n.wrapping_mul(0x9e37_79b1) & !0xff);
    let lines: Vec<_> = networks
        .filter(|network| network >> 8 != 0x0a_0000)
        .map(|network| format!("set {}/24 2", std::net::Ipv4Addr::from_bits(network)))
        .collect();
    for lines in lines.chunks(50_000) {
        graph.write("r.ctrl", &lines.join("\n")).unwrap();
    }
    while pending(&graph) > 0 {
        graph.step(Instant::ZERO);
    }
    graph
}

fn number(graph: &Instance, handler: &str) -> usize {
    graph.read(handler).unwrap().parse().unwrap()
}

fn pending(graph: &Instance) -> usize {
    number(graph, "r.pending")
}

fn moved(graph: &Instance) -> [usize; 3] {
    ["old.count", "new.count", "r.drops"].map(|handler| number(graph, handler))
}

#[test]
fn packets_pass_between_the_slices_of_a_change_of_the_default_route() {
    let mut graph = full();
    graph.step(Instant::ZERO);
    let [batch, ..] = moved(&graph);
    let before = batch;
    graph.step(Instant::ZERO);
    let batch = moved(&graph)[0] - before;
    assert!(batch > 0);

    graph.write("r.set", "0.0.0.0/0 1").unwrap();
    assert_eq!(graph.read("r.lookup 10.0.0.2").unwrap(), "1");
    assert!(graph.read("r.table").unwrap().contains("0.0.0.0/0\t-\t1"));
    let (mut steps, mut last) = (0, moved(&graph));
    while pending(&graph) > 0 {
        assert!(graph.step(Instant::ZERO));
        let now = moved(&graph);
        let by = [0, 1, 2].map(|at| now[at] - last[at]);
        // A batch goes one way, and once it goes the new way, none goes the old way again.
        assert!(
            by == [batch, 0, 0] && now[1] == 0 || by == [0, batch, 0],
            "step {steps}: {by:?}"
        );
        (steps, last) = (steps + 1, now);
    }
    // Each slice looks at so many entries at most: those of the top, and 256 for each block of 2^16 addresses with routes.
    let entries = (1 << 16) + 256 * 60_000;
    assert!(steps >= entries / SLICE, "{steps} steps");
    assert!(steps <= 2 * (entries / SLICE), "{steps} steps");
    assert!(last[1] > 0, "{last:?}");
    graph.step(Instant::ZERO);
    assert_eq!(moved(&graph), [last[0], last[1] + batch, 0]);
}

#[test]
fn changes_that_follow_a_long_one_keep_its_place_and_their_errors_come_at_once() {
    let mut graph = full();
    graph.write("r.set", "0/0 1").unwrap();
    graph.write("r.add", "10.0.0.0/8 2").unwrap();
    graph.write("r.set", "10.0.0.0/8 0").unwrap();
    graph.write("r.remove", "10.0.0.0/8 0").unwrap();
    assert_eq!(pending(&graph), 4);
    for (handler, value) in [
        ("r.remove", "10.0.0.0/8"),
        ("r.add", "11.0.0.0/8 9"),
        ("r.ctrl", "add 11.0.0.0/8 0\nremove 0/0 0"),
        ("r.ctrl", "remove 0/0\nremove 0/0"),
    ] {
        graph.write(handler, value).unwrap_err();
        assert_eq!(pending(&graph), 4, "{value}");
    }
    graph
        .write("r.ctrl", "remove 0/0\nadd 0/0 2\nadd 10.0.0.0/24 1")
        .unwrap();
    assert_eq!(pending(&graph), 7);
    assert_eq!(graph.read("r.lookup 10.0.0.2").unwrap(), "1");
    assert_eq!(graph.read("r.lookup 10.0.1.2").unwrap(), "2");
    assert_eq!(
        graph
            .read("r.table")
            .unwrap()
            .lines()
            .filter(|it| it.starts_with("10.0.0.0/"))
            .count(),
        1
    );
    while pending(&graph) > 0 {
        graph.step(Instant::ZERO);
    }
    let before = moved(&graph);
    graph.step(Instant::ZERO);
    assert!(moved(&graph)[1] > before[1]);
    assert_eq!(moved(&graph)[0], before[0]);
    assert_eq!(graph.read("r.lookup 10.0.0.2").unwrap(), "1");

    // Whatever is under way, there are no routes once they are flushed.
    graph.write("r.set", "0/0 0").unwrap();
    graph.write("r.flush", "").unwrap();
    assert_eq!(pending(&graph), 0);
    assert_eq!(graph.read("r.table").unwrap(), "");
}

#[test]
fn few_changes_are_made_before_the_next_packet() {
    let mut graph = graph(GRAPH);
    for n in 0..40 {
        graph.write("r.add", &format!("10.{n}.0.0/16 1")).unwrap();
        assert_eq!(pending(&graph), 0, "{n}");
    }
    graph.step(Instant::ZERO);
    let [old, new, _] = moved(&graph);
    assert!(old == 0 && new > 0);
    // The next round has a slice of its own.
    graph.step(Instant::ZERO);
    graph.write("r.set", "10.0.0.0/16 0").unwrap();
    assert_eq!(pending(&graph), 0);
}

#[test]
fn a_graph_that_is_stopped_tells_what_was_not_made_and_one_that_finishes_makes_it() {
    let mut stopped = full();
    stopped.write("r.set", "0/0 1").unwrap();
    stopped.step(Instant::ZERO);
    stopped.write("stop", "").unwrap();
    stopped.step(Instant::ZERO);
    assert!(stopped.is_stopped());
    assert_eq!(pending(&stopped), 1);
    assert_eq!(stopped.read("r.lookup 10.0.0.2").unwrap(), "1");

    let mut finished = full();
    finished.write("r.set", "0/0 1").unwrap();
    finished.finish();
    finished.run_until_idle(Instant::ZERO, 1 << 20);
    assert!(finished.is_stopped());
    assert_eq!(pending(&finished), 0);
}

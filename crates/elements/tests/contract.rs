//! What the engine promises, through real elements: back-pressure, order, and the same packets however it is driven.

#[path = "contract/asynchronous.rs"]
mod asynchronous;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use waypost_elements::plumbing::{Discard, InfiniteSource, Queue, QueueFull, Unqueue};
use waypost_elements::registry;
use waypost_graph::{
    Batch, Builder, ConfigError, Credit, Cx, DropReason, Element, Input, Instance, Instant, OnFull,
    Options, Output, Packet, Pool, Program, Pull, Source, Typed, dot, svg,
};

fn pool() -> Pool {
    Pool::builder().small(8192).build().unwrap()
}

fn text(text: &str) -> Instance {
    instances(text, 1).remove(0)
}

fn instances(text: &str, workers: usize) -> Vec<Instance> {
    let registry = registry();
    let program = Program::parse(
        &Source::new("test", text),
        &registry,
        &mut Options::default(),
    )
    .unwrap();
    program.instances(workers, &pool()).unwrap()
}

fn read<const N: usize>(graph: &Instance, handlers: [&str; N]) -> [String; N] {
    handlers.map(|handler| graph.read(handler).unwrap())
}

/// A sink that takes nothing until it is opened, and then keeps what every packet holds.
struct Gate {
    open: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<u8>>>,
}

impl Element for Gate {
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        if self.open.load(Ordering::Relaxed) {
            self.seen
                .lock()
                .unwrap()
                .extend(batch.iter().map(|packet| packet.octets()[0]));
            cx.free(batch);
        }
    }

    fn credit(&self, _: usize) -> Credit {
        Credit::Packets(if self.open.load(Ordering::Relaxed) {
            16
        } else {
            0
        })
    }
}

impl Typed for Gate {
    type Inputs = Input<Packet>;
    type Outputs = ();
}

struct Gates {
    open: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<u8>>>,
}

impl Gates {
    fn closed() -> Self {
        Self {
            open: Arc::default(),
            seen: Arc::default(),
        }
    }

    fn sink(&self) -> Gate {
        Gate {
            open: self.open.clone(),
            seen: self.seen.clone(),
        }
    }
}

#[test]
fn a_stalled_sink_leaves_the_source_unread_through_a_classifier() {
    let gate = Gates::closed();
    let mut graph = Builder::new();
    let ((), packets) = graph.add("source", InfiniteSource::new(&[7; 60]).limit(500));
    let [first, second] = graph.classify("even", packets, Alternate(false));
    let (sink, ()) = graph.add("gate", gate.sink());
    let (other, ()) = graph.add("other", Discard::default());
    graph.connect(first, sink);
    graph.connect(second, other);
    let pool = pool();
    let mut graph = graph.build(pool.allocator()).unwrap();
    graph.run_until_idle(Instant::ZERO, 1000);
    assert_eq!(
        read(&graph, ["source.count", "other.count"]),
        ["0", "0"],
        "its sibling waits with it"
    );
    gate.open.store(true, Ordering::Relaxed);
    graph.run_until_idle(Instant::ZERO, 1000);
    assert_eq!(
        read(&graph, ["source.count", "other.count"]),
        ["500", "250"]
    );
    assert_eq!(gate.seen.lock().unwrap().len(), 250);
}

struct Alternate(bool);

impl waypost_graph::Classifier for Alternate {
    type Packet = Packet;
    type Class = bool;

    fn classify(&mut self, _: &mut Packet) -> bool {
        self.0 = !self.0;
        self.0
    }
}

#[test]
fn an_edge_that_drops_lets_its_siblings_run_on_and_counts() {
    let gate = Gates::closed();
    let mut graph = Builder::new();
    let ((), packets) = graph.add("source", InfiniteSource::new(&[7; 60]).limit(500));
    let [first, second] = graph.classify("even", packets, Alternate(false));
    let (sink, ()) = graph.add("gate", gate.sink());
    let (other, ()) = graph.add("other", Discard::default());
    const FULL: DropReason = DropReason::new("gate closed");
    graph.connect_on_full(first, sink, OnFull::Drop(FULL));
    graph.connect(second, other);
    let mut graph = graph.build(pool().allocator()).unwrap();
    graph.run_until_idle(Instant::ZERO, 1000);
    assert_eq!(
        read(&graph, ["source.count", "other.count"]),
        ["500", "250"]
    );
    assert_eq!(graph.read("even.drop_reasons").unwrap(), "250 gate closed");
}

#[test]
fn a_fork_waits_for_its_slowest_branch_or_loses_on_it() {
    let lossless = "s :: InfiniteSource(LIMIT 1000) -> t :: Tee;
        t[0] -> a :: Discard; t[1] -> q :: Queue(10, ON_FULL BLOCK) -> u :: Unqueue(ACTIVE false) -> b :: Discard;";
    let mut graph = text(lossless);
    graph.run_until_idle(Instant::ZERO, 1000);
    assert_eq!(
        read(&graph, ["s.count", "a.count", "q.length"]),
        ["10", "10", "10"]
    );
    graph.write("u.active", "true").unwrap();
    graph.run_until_idle(Instant::ZERO, 10_000);
    assert_eq!(
        read(&graph, ["s.count", "a.count", "b.count", "q.drops"]),
        ["1000", "1000", "1000", "0"]
    );

    let lossy = lossless.replace("t[1] ->", "t[1] -> w :: DropWhenFull ->");
    let mut graph = text(&lossy);
    graph.run_until_idle(Instant::ZERO, 1000);
    assert_eq!(
        read(&graph, ["s.count", "a.count", "q.length"]),
        ["1000", "1000", "10"]
    );
    assert_eq!(graph.read("w.drop_reasons").unwrap(), "990 branch full");
}

#[test]
fn what_an_element_multiplies_waits_on_its_edge_and_is_not_lost() {
    // Packets of 1500 octets make 16 fragments each: more than the queue has room for.
    let header = "4500 05dc 0001 0000 4011 0000 0a000001 0a000002";
    let graph = format!(
        "s :: InfiniteSource(DATA \\<{header}>, LENGTH 1500, LIMIT 40) -> MarkIPHeader -> f :: IPFragmenter(120)
         -> q :: Queue(20, ON_FULL BLOCK) -> u :: Unqueue(ACTIVE false) -> d :: Discard;"
    );
    let mut graph = text(&graph);
    graph.run_until_idle(Instant::ZERO, 1000);
    let before: u64 = graph.read("s.count").unwrap().parse().unwrap();
    assert!(before < 40, "the source stops while fragments wait");
    graph.write("u.active", "true").unwrap();
    graph.run_until_idle(Instant::ZERO, 100_000);
    let fragments = graph.read("f.fragments").unwrap();
    assert_eq!(
        read(&graph, ["s.count", "d.count", "q.drops"]),
        ["40".to_owned(), fragments, "0".to_owned()]
    );
}

#[test]
fn memory_is_flat_while_a_sink_is_stalled() {
    let pool = pool();
    let mut graph = Builder::new();
    let ((), packets) = graph.add("source", InfiniteSource::new(&[0; 60]));
    let (into, out) = graph.add("queue", Queue::new(100, QueueFull::Block));
    let gate = Gates::closed();
    graph.connect(packets, into);
    let (from, pushed) = graph.add("unqueue", Unqueue::default());
    graph.connect(out, from);
    let (sink, ()) = graph.add("gate", gate.sink());
    graph.connect(pushed, sink);
    let mut graph = graph.build(pool.allocator()).unwrap();
    graph.run_until_idle(Instant::ZERO, 100_000);
    assert_eq!(
        read(&graph, ["source.count", "queue.length"]),
        ["100", "100"]
    );
    assert!(
        !graph.step(Instant::ZERO),
        "nothing happens while nobody has room"
    );
    assert_eq!(pool.statistics().exhausted, 0);
    graph.write("source.limit", "10000").unwrap();
    gate.open.store(true, Ordering::Relaxed);
    graph.run_until_idle(Instant::ZERO, 100_000);
    assert_eq!(
        read(&graph, ["source.count", "queue.length", "queue.drops"]),
        ["10000", "0", "0"]
    );
    let seen = gate.seen.lock().unwrap().len();
    assert_eq!(seen, 10_000, "all resumes, and nothing was lost");
    drop(graph);
    let counted = pool.statistics();
    assert_eq!(counted.free, counted.total);
}

#[test]
fn a_trace_shows_a_packets_way() {
    let mut graph = text("InfiniteSource(DATA \\<0800>, LIMIT 2) -> c :: Classifier(0/0806, 0/0800); c[0] -> Discard;
        c[1] -> s :: Strip(9) -> Discard;");
    assert!(graph.trace("c", 1) && !graph.trace("nobody", 1));
    graph.run_until_idle(Instant::ZERO, 100);
    let steps: Vec<String> = graph
        .trace_steps()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(steps.len(), 3, "{steps:?}");
    assert!(
        steps[0].contains(" c [0] 2 octets") && steps[2].contains("DROPPED: too short to strip"),
        "{steps:?}"
    );
}

#[test]
fn a_trace_begins_at_a_source_and_ends() {
    let mut graph = text("s :: InfiniteSource(LIMIT 5) -> q :: Queue -> Unqueue -> Discard;");
    assert!(!graph.is_tracing() && graph.trace("s", 2) && graph.is_tracing());
    graph.run_until_idle(Instant::from_secs(1), 100);
    let steps = graph.trace_steps();
    let made = steps.iter().filter(|it| &*it.element == "s");
    assert_eq!(made.map(|it| it.packet).collect::<Vec<_>>(), [1, 2]);
    assert!(steps.len() > 4, "they are followed: {steps:?}");
    graph.step(Instant::from_secs(2));
    assert!(graph.is_tracing(), "they may lie somewhere");
    graph.step(Instant::from_secs(12));
    assert!(!graph.is_tracing());
    assert_eq!(graph.trace_steps(), steps);
    // Where too few come, it has to be ended.
    assert!(graph.trace("s", 2));
    graph.step(Instant::from_secs(100));
    assert!(graph.is_tracing() && graph.trace("s", 0) && !graph.is_tracing());
}

#[test]
fn any_class_of_the_registry_goes_into_a_graph_built_in_rust() -> Result<(), ConfigError> {
    let (registry, pool) = (registry(), pool());
    let class = |name: &str| registry.find(name).unwrap();
    let mut graph = Builder::new();
    let ((), packets): ((), Output<Packet>) =
        graph.add_class(class("InfiniteSource"), "s", "DATA x, LIMIT 100", &pool)?;
    let (input, [checked, wrong]): (_, [Output<Packet>; 2]) =
        graph.add_class(class("CheckIPHeader"), "check", "", &pool)?;
    let (queued, out): (Input<Packet>, Output<Packet, Pull>) =
        graph.add_class(class("Queue"), "q", "10, ON_FULL BLOCK", &pool)?;
    // Agnostic: it pulls here.
    let (pulled, ()): (Input<Packet, Pull>, ()) =
        graph.add_class(class("Discard"), "d", "", &pool)?;
    let (other, ()) = graph.add("e", Discard::default());
    graph.connect::<Packet, _>(packets, input);
    graph.connect(wrong, queued);
    graph.connect(checked, other);
    graph.connect(out, pulled);

    type Ports<I, O> = Result<(I, O), ConfigError>;
    let said = |wrong: Option<ConfigError>| wrong.map(|it| it.to_string());
    let pushed: Ports<Input<Packet>, Output<Packet>> =
        graph.add_class(class("Queue"), "r", "", &pool);
    assert_eq!(
        said(pushed.err()).unwrap(),
        "output 0 of `Queue` is pull, not push"
    );
    let mixed: Ports<Input<Packet>, Output<Packet, Pull>> =
        graph.add_class(class("Counter"), "r", "", &pool);
    assert_eq!(
        said(mixed.err()).unwrap(),
        "input 0 and output 0 of `Counter` are both push or both pull"
    );
    let many: Ports<[Input<Packet>; 2], ()> = graph.add_class(class("Discard"), "r", "", &pool);
    assert!(said(many.err()).unwrap().ends_with("not 2/0"));
    for arguments in ["many", "10, NOBODY 3"] {
        let refused: Ports<Input<Packet>, Output<Packet, Pull>> =
            graph.add_class(class("Queue"), "r", arguments, &pool);
        assert!(refused.is_err(), "{arguments}");
    }

    let mut graph = graph.build(pool.allocator()).unwrap();
    graph.run_until_idle(Instant::ZERO, 1000);
    assert_eq!(
        read(&graph, ["d.count", "q.config", "q.class"]),
        ["100", "10, ON_FULL BLOCK", "Queue"]
    );
    Ok(())
}

#[test]
fn a_graph_is_drawn_alike_however_it_was_made() -> Result<(), ConfigError> {
    let (registry, pool) = (registry(), pool());
    let class = |name: &str| registry.find(name).unwrap();
    let source = Source::new(
        "test",
        "s :: InfiniteSource(DATA \"<x>\") -> c :: CheckIPHeader -> in/q :: Queue(10) -> in/d :: Discard; c[1] -> e :: Discard;",
    );
    let program = Program::parse(&source, &registry, &mut Options::default()).unwrap();
    let text = program.instances(1, &pool).unwrap().remove(0);

    let mut graph = Builder::new();
    let ((), packets): ((), Output<Packet>) =
        graph.add_class(class("InfiniteSource"), "s", "DATA \"<x>\"", &pool)?;
    let (input, [checked, wrong]): (_, [Output<Packet>; 2]) =
        graph.add_class(class("CheckIPHeader"), "c", "", &pool)?;
    let (queued, out): (_, Output<Packet, Pull>) =
        graph.add_class(class("Queue"), "in/q", "10", &pool)?;
    let (pulled, ()) = graph.add_class(class("Discard"), "in/d", "", &pool)?;
    let (other, ()) = graph.add("e", Discard::default());
    graph.connect(wrong, other);
    graph.connect::<Packet, _>(out, pulled);
    graph.connect::<Packet, _>(checked, queued);
    graph.connect::<Packet, _>(packets, input);
    let built = graph.build(pool.allocator()).unwrap();

    let drawn = dot(program.graph());
    assert_eq!(dot(text.drawing()), drawn);
    assert_eq!(dot(built.drawing()), drawn);
    assert_eq!(svg(text.drawing()), svg(program.graph()));
    assert_eq!(svg(built.drawing()), svg(program.graph()));
    assert!(drawn.contains("n2:o0 -> n3:i0 [style=dashed"), "{drawn}");
    assert!(
        drawn.contains("subgraph \"cluster_in\"") && drawn.contains("n1:o1 -> n4:i0;"),
        "{drawn}"
    );
    Ok(())
}

/// What is underlined in a text around an element, and what is said of it.
fn told(element: &str) -> Vec<(String, String)> {
    let source = Source::new("test", format!("InfiniteSource -> {element};"));
    let registry = registry();
    let program = Program::parse(&source, &registry, &mut Options::default()).unwrap();
    let wrong = program.instances(1, &pool()).expect_err(element);
    let told = wrong.iter().map(|it| {
        let (_, message) = it.message().split_once("): ").unwrap();
        (it.place().unwrap().text().to_owned(), message.to_owned())
    });
    told.collect()
}

#[test]
fn all_mistakes_in_an_element_are_told_at_once() {
    for (element, mistakes) in [
        (
            "Queue(-5, ON_FULL BURST, CAPACTY 3) -> Unqueue -> Discard",
            &[
                ("-5", "expected a number for CAPACITY, found `-5`"),
                (
                    "ON_FULL BURST",
                    "expected ON_FULL DROP_TAIL, DROP_HEAD or BLOCK, found `BURST`",
                ),
                (
                    "CAPACTY 3",
                    "unknown keyword `CAPACTY`: did you mean `CAPACITY`?",
                ),
            ][..],
        ),
        (
            "EtherEncap(zz, 2:0:0:0:0:1, zz) -> Discard",
            &[
                ("zz", "expected an ETHERTYPE such as 0x0800, found `zz`"),
                ("zz", "expected an Ethernet address for DST, found `zz`"),
            ],
        ),
        (
            "IPClassifier(bad, udp, also bad) => Discard, Discard, Discard",
            &[("bad", ""), ("also bad", "")],
        ),
        (
            "RadixIPLookup(10.0.0.0/99 0, 10.0.0.0/8 0, 10.0.0.0/8 7) -> Discard",
            &[("10.0.0.0/99 0", ""), ("10.0.0.0/8 7", "")],
        ),
        (
            "IPFragmenter(20, HONOR_DF perhaps) -> Discard",
            &[
                ("20", "expected an MTU of at least 68 octets, found `20`"),
                ("HONOR_DF perhaps", ""),
            ],
        ),
        (
            "ICMPError(nowhere, unreachable, nowhere, BADADDRS 1.2.3.4 x, PMTU y) -> Discard",
            &[
                ("nowhere", ""),
                ("nowhere", "expected a CODE of ICMP type 3, found `nowhere`"),
                ("BADADDRS 1.2.3.4 x", ""),
                ("PMTU y", ""),
            ],
        ),
        (
            "q :: ARPQuerier(10.0.0.1, zz, TIMEOUT never) -> Discard; Idle -> [1] q",
            &[
                ("zz", "expected an Ethernet address for ETH, found `zz`"),
                ("TIMEOUT never", ""),
            ],
        ),
        (
            "CheckIPHeader(BADSRC x, GOODDST y, OFFSET z) -> Discard",
            &[("BADSRC x", ""), ("GOODDST y", ""), ("OFFSET z", "")],
        ),
        (
            "CheckIPHeader(1.2.3.4 x, y) -> Discard",
            &[("1.2.3.4 x", ""), ("y", "")],
        ),
        (
            "Discard; Script(TYPE ODD, goto nowhere, label a, jump, label a)",
            &[
                ("TYPE ODD", ""),
                ("goto nowhere", "no label `nowhere` to go to"),
                ("jump", ""),
                ("label a", "two labels `a`"),
            ],
        ),
        // Nothing is opened where something is wrong: that `/no/file` is not there is not said.
        (
            "Discard; FromDump(/no/file, SAMPLE 2, STOP true, END_CALL x.y, START 1, START_AFTER 2) -> Discard",
            &[
                ("SAMPLE 2", "expected SAMPLE from 0 to 1, found `2`"),
                ("END_CALL x.y", "STOP and END_CALL exclude each other"),
                ("START_AFTER 2", "START START_AFTER exclude each other"),
            ],
        ),
        (
            "ToDump(/no/file, SNAPLEN x, ENCAP y)",
            &[("SNAPLEN x", ""), ("ENCAP y", "")],
        ),
        (
            "IPPrint(OUTFILE /no/file, CONTENTS HEX, PAYLOAD HEX, TTL x) -> Discard",
            &[
                ("PAYLOAD HEX", "CONTENTS and PAYLOAD exclude each other"),
                ("TTL x", ""),
            ],
        ),
        (
            "ToDevice(no-such, BURST 0, RING x, QUEUE 1)",
            &[("BURST 0", ""), ("RING x", ""), ("QUEUE 1", "")],
        ),
        (
            "Queue -> KernelTap(10.0.0.1, MTU x, BURST 0) -> Discard",
            &[
                (
                    "10.0.0.1",
                    "expected an address with its prefix, such as 10.0.0.1/24, for ADDR, found `10.0.0.1`",
                ),
                ("MTU x", ""),
                ("BURST 0", ""),
            ],
        ),
    ] {
        let told = told(element);
        let places: Vec<_> = told.iter().map(|(place, _)| place.as_str()).collect();
        let expected: Vec<_> = mistakes.iter().map(|(place, _)| *place).collect();
        assert_eq!(places, expected, "{element}: {told:?}");
        for ((_, said), (place, message)) in told.iter().zip(mistakes) {
            let is_expected = message.is_empty() || said == message;
            assert!(is_expected, "{place} of {element}: {said}");
        }
    }
}

#[test]
fn a_mistake_is_shown_at_the_argument() {
    for (element, place) in [
        (
            "IPClassifier(udp, tcp bad, -) => Discard, Discard, Discard",
            "tcp bad",
        ),
        (
            "Classifier(12/0800, 12/08zz) => Discard, Discard",
            "12/08zz",
        ),
        ("IPFilter(allow udp, deny bad) -> Discard", "deny bad"),
        ("IPFilter(allow udp, 3 tcp) -> Discard", "3 tcp"),
        (
            "RadixIPLookup(10.0.0.0/8 0, 11.0.0.0/99 0) -> Discard",
            "11.0.0.0/99 0",
        ),
        ("ARPResponder(10.0.0.1 2:0:0:0:0:1, bad) -> Discard", "bad"),
        ("Queue(-5) -> Discard", "-5"),
        ("EtherEncap(0x0800, zz, 2:0:0:0:0:2) -> Discard", "zz"),
        ("Counter(COUNT_CALL x.y 5) -> Discard", "COUNT_CALL x.y 5"),
    ] {
        let told = told(element);
        let places: Vec<_> = told.iter().map(|(place, _)| place.as_str()).collect();
        assert_eq!(places, [place], "{told:?}");
    }
}

//! What the engine promises, through real elements: back-pressure, order, and the same packets however it is driven.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use waypost_elements::plumbing::{Discard, InfiniteSource, Queue, QueueFull, Unqueue};
use waypost_elements::registry;
use waypost_graph::{
    AsyncProcessor, Batch, Builder, ConfigError, Credit, Cx, DropReason, Element, Input, Instance,
    Instant, OnFull, Options, Order, Output, Packet, Pool, Program, Pull, Source, Typed, Verdict,
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

/// Waits until it is told to go on, one packet after the other, from the last to the first.
struct Held {
    tickets: tokio::sync::watch::Receiver<u8>,
    at_once: Arc<AtomicU64>,
    most: Arc<AtomicU64>,
}

impl AsyncProcessor for Held {
    type Input = Packet;
    type Output = Packet;

    fn process(
        self: &Arc<Self>,
        packet: Packet,
    ) -> impl Future<Output = Verdict<Packet>> + Send + 'static + use<> {
        let (this, mut tickets) = (self.clone(), self.tickets.clone());
        async move {
            let now = this.at_once.fetch_add(1, Ordering::Relaxed) + 1;
            this.most.fetch_max(now, Ordering::Relaxed);
            let number = packet.octets()[0];
            // Whoever sells tickets is alive as long as the test.
            let _ = tickets.wait_for(|&from| from <= number).await;
            this.at_once.fetch_sub(1, Ordering::Relaxed);
            Verdict::Next(packet)
        }
    }
}

/// Packets that hold 0, 1, 2 and so on.
struct Numbers(u8);

impl Element for Numbers {
    fn push(&mut self, _: usize, _: &mut Batch, _: &mut Cx<'_>) {}

    fn is_task(&self) -> bool {
        true
    }

    fn run(&mut self, budget: usize, cx: &mut Cx<'_>) -> waypost_graph::Progress {
        let mut batch = cx.take_batch();
        for _ in 0..budget.min(usize::from(20 - self.0)) {
            let packet = cx.frames().copy(&[self.0]).unwrap();
            batch.push(packet).unwrap();
            self.0 += 1;
        }
        let worked = !batch.is_empty();
        cx.push(0, &mut batch);
        cx.put_batch(batch);
        if worked {
            waypost_graph::Progress::Worked
        } else {
            waypost_graph::Progress::Idle
        }
    }
}

impl Typed for Numbers {
    type Inputs = ();
    type Outputs = Output<Packet>;
}

fn through_async(order: Order) -> (Vec<u8>, u64) {
    let (sell, tickets) = tokio::sync::watch::channel(20);
    let (at_once, most) = (Arc::default(), Arc::<AtomicU64>::default());
    let gate = Gates::closed();
    gate.open.store(true, Ordering::Relaxed);
    let mut graph = Builder::new();
    let ((), packets) = graph.add("numbers", Numbers(0));
    let held = Held {
        tickets,
        at_once,
        most: most.clone(),
    };
    let done = graph.chain_async("held", packets, held, 8, order);
    let (sink, ()) = graph.add("gate", gate.sink());
    graph.connect(done, sink);
    let mut graph = graph.build(pool().allocator()).unwrap();
    for from in (0..20).rev() {
        graph.run_until_idle(Instant::ZERO, 1000);
        sell.send(from).unwrap();
    }
    graph.run_until_idle(Instant::ZERO, 1000);
    let seen = gate.seen.lock().unwrap().clone();
    (seen, most.load(Ordering::Relaxed))
}

#[test]
fn an_async_processor_keeps_its_bound_and_order() {
    let (seen, most) = through_async(Order::Kept);
    assert_eq!(seen, (0..20).collect::<Vec<_>>());
    assert_eq!(most, 8, "eight at once, no more");
    // Once the eighth is done, those that come in its place are done at once; then the others, backwards.
    let (seen, _) = through_async(Order::AsDone);
    assert_eq!(seen, (7..20).chain((0..7).rev()).collect::<Vec<_>>());
}

#[test]
fn an_async_processor_passes_a_stall_on_to_its_source() {
    let (_sell, tickets) = tokio::sync::watch::channel(0);
    let gate = Gates::closed();
    let mut graph = Builder::new();
    let ((), packets) = graph.add("numbers", Numbers(0));
    let held = Held {
        tickets,
        at_once: Arc::default(),
        most: Arc::default(),
    };
    let done = graph.chain_async("held", packets, held, 4, Order::Kept);
    let (sink, ()) = graph.add("gate", gate.sink());
    graph.connect(done, sink);
    let mut graph = graph.build(pool().allocator()).unwrap();
    graph.run_until_idle(Instant::ZERO, 1000);
    assert_eq!(
        graph.read("held.waiting").unwrap(),
        "4",
        "places are full, the rest is not read"
    );
    gate.open.store(true, Ordering::Relaxed);
    graph.run_until_idle(Instant::ZERO, 1000);
    assert_eq!(*gate.seen.lock().unwrap(), (0..20).collect::<Vec<_>>());
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

//! Asynchronous processors: their bound, their order, and what a stall behind or beside them does.

use std::sync::atomic::AtomicU64;

use waypost_graph::{AsyncProcessor, ElementClass, Order, Verdict, async_processor};

use super::*;

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

/// `Held`, as a text's class: whoever starts the text hands out the tickets, under the element's name.
const HELD: ElementClass = ElementClass {
    name: "Held",
    ports: "1/1",
    processing: "h/h",
    flow: "x/x",
    doc: "Holds packets.",
    handlers: &[],
    build: |args, cx| {
        let tickets = cx.common(|| Err::<Tickets, _>(ConfigError::new("nobody sells tickets")))?;
        let held = Held {
            tickets: Tickets::clone(&tickets),
            at_once: Arc::default(),
            most: Arc::default(),
        };
        async_processor(held, args)
    },
};

type Tickets = tokio::sync::watch::Receiver<u8>;

/// What an element was given, handed on and lost, in all.
fn account(graph: &Instance, lost_by: &str, taken_by: &str) -> (u64, u64) {
    let number = |handler: String| graph.read(&handler).unwrap().parse().unwrap();
    (
        number(format!("{lost_by}.drops")),
        number(format!("{taken_by}.count")),
    )
}

const SOURCE: &str =
    "s :: InfiniteSource(DATA \\<07>, LIMIT 1000) -> t :: Tee; t[0] -> a :: Discard; t[1] -> ";

/// Starts a text in which `h` is a [`Held`], and returns what sells its tickets: those from 7 on are sold.
fn start(rest: &str, sold: u8) -> (Instance, tokio::sync::watch::Sender<u8>) {
    let mut registry = registry();
    registry.add(HELD);
    let (sell, tickets) = tokio::sync::watch::channel(sold);
    let source = Source::new("test", format!("{SOURCE}{rest}"));
    let program = Program::parse(&source, &registry, &mut Options::default()).unwrap();
    let program = program.share("h", tickets);
    (program.instances(1, &pool()).unwrap().remove(0), sell)
}

/// Lets a thousand more through, and says that no packet is neither taken nor counted as lost.
fn goes_on(graph: &mut Instance, lost_by: &str) {
    graph.run_until_idle(Instant::ZERO, 10_000);
    let (lost, taken) = account(graph, lost_by, "b");
    assert_eq!(lost + taken, 1000, "{lost} + {taken}");
    graph.write("s.limit", "2000").unwrap();
    graph.run_until_idle(Instant::ZERO, 10_000);
    let (lost_then, taken_then) = account(graph, lost_by, "b");
    assert_eq!(lost_then + taken_then, 2000, "{lost_then} + {taken_then}");
    assert!(taken_then > taken, "it takes packets again");
    assert_eq!(read(graph, ["a.count", "h.waiting"]), ["2000", "0"]);
}

#[test]
fn a_branch_loses_what_an_async_processor_has_no_place_for() {
    for order in [true, false] {
        let branch = format!(
            "w :: DropWhenFull -> h :: Held(CONCURRENCY 4, ORDER {order}) -> b :: Discard;"
        );
        let (mut graph, sell) = start(&branch, 20);
        graph.run_until_idle(Instant::ZERO, 10_000);
        assert_eq!(
            read(&graph, ["s.count", "a.count", "h.waiting", "b.count"]),
            ["1000", "1000", "4", "0"],
            "its sibling runs on"
        );
        assert_eq!(graph.read("w.drop_reasons").unwrap(), "996 branch full");
        sell.send(0).unwrap();
        goes_on(&mut graph, "w");
        assert_eq!(graph.read("h.drops").unwrap(), "0");
    }
}

#[test]
fn a_branch_loses_what_a_stall_behind_an_async_processor_leaves_no_room_for() {
    // All is done at once, and leaves as soon as there is room, so what is lost is lost ahead.
    let (mut graph, _sell) = start(
        "w :: DropWhenFull -> h :: Held(CONCURRENCY 8) -> q :: Queue(10, ON_FULL BLOCK)
         -> u :: Unqueue(ACTIVE false) -> b :: Discard;",
        0,
    );
    graph.run_until_idle(Instant::ZERO, 10_000);
    assert_eq!(
        read(&graph, ["s.count", "a.count", "q.length", "h.waiting"]),
        ["1000", "1000", "10", "8"]
    );
    assert_eq!(graph.read("w.drop_reasons").unwrap(), "982 branch full");
    graph.write("u.active", "true").unwrap();
    goes_on(&mut graph, "w");
    assert_eq!(read(&graph, ["h.drops", "q.drops"]), ["0", "0"]);
}

#[test]
fn an_async_processor_runs_on_where_the_edge_behind_it_loses_packets() {
    for order in ["true", "false"] {
        let branch = format!(
            "h :: Held(CONCURRENCY 8, ORDER {order}) -> w :: DropWhenFull -> q :: Queue(10, ON_FULL BLOCK)
             -> u :: Unqueue(ACTIVE false) -> b :: Discard;"
        );
        let (mut graph, _sell) = start(&branch, 0);
        graph.run_until_idle(Instant::ZERO, 10_000);
        assert_eq!(
            read(&graph, ["s.count", "a.count", "q.length", "h.waiting"]),
            ["1000", "1000", "10", "0"]
        );
        assert_eq!(graph.read("w.drop_reasons").unwrap(), "990 branch full");
        graph.write("u.active", "true").unwrap();
        goes_on(&mut graph, "w");
    }
}

/// The same in a graph built in Rust, and its own output marked.
#[test]
fn what_an_async_processor_has_done_is_lost_on_an_edge_that_drops() {
    const CLOSED: DropReason = DropReason::new("gate closed");
    let (_sell, tickets) = tokio::sync::watch::channel(0);
    let gate = Gates::closed();
    let mut graph = Builder::new();
    let ((), packets) = graph.add("source", InfiniteSource::new(&[7; 60]).limit(500));
    let [first, second] = graph.classify("even", packets, Alternate(false));
    let held = Held {
        tickets,
        at_once: Arc::default(),
        most: Arc::default(),
    };
    let done = graph.chain_async("held", first, held, 4, Order::Kept);
    let (sink, ()) = graph.add("gate", gate.sink());
    let (other, ()) = graph.add("other", Discard::default());
    graph.connect_on_full(done, sink, OnFull::Drop(CLOSED));
    graph.connect(second, other);
    let mut graph = graph.build(pool().allocator()).unwrap();
    graph.run_until_idle(Instant::ZERO, 10_000);
    assert_eq!(
        read(&graph, ["source.count", "other.count", "held.drop_reasons"]),
        ["500", "250", "250 gate closed"]
    );
    gate.open.store(true, Ordering::Relaxed);
    graph.write("source.limit", "1000").unwrap();
    graph.run_until_idle(Instant::ZERO, 10_000);
    let lost: u64 = graph.read("held.drops").unwrap().parse().unwrap();
    let seen = gate.seen.lock().unwrap().len() as u64;
    assert_eq!((lost + seen, seen > 200), (500, true), "{lost} + {seen}");
    assert_eq!(read(&graph, ["other.count", "held.waiting"]), ["500", "0"]);
}

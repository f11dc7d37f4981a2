//! How a graph stops: at once where it is told to, and once nothing is on its way where a source says `STOP`.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex};

use tokio::sync::watch;
use waypost_elements::registry;
use waypost_graph::{
    AsyncProcessor, Batch, Cx, Element, ElementClass, Handle, Instance, Instant, Options, Packet,
    Pool, Program, Progress, Runtime, Source, Verdict, async_processor,
};

/// The gates at which `Late(KEY)` waits, by key: true is open.
static GATES: LazyLock<Mutex<HashMap<String, watch::Sender<bool>>>> = LazyLock::new(Mutex::default);

/// Hands each packet on once its gate is open.
struct Late(watch::Receiver<bool>);

impl AsyncProcessor for Late {
    type Input = Packet;
    type Output = Packet;

    fn process(
        self: &Arc<Self>,
        packet: Packet,
    ) -> impl Future<Output = Verdict<Packet>> + Send + 'static + use<> {
        let mut gate = self.0.clone();
        async move {
            // Gates are never taken down.
            let _ = gate.wait_for(|&open| open).await;
            Verdict::Next(packet)
        }
    }
}

/// A source that makes a packet whenever its timer is due, which it is at once again.
struct Clockwork;

impl Element for Clockwork {
    fn push(&mut self, _: usize, _: &mut Batch, _: &mut Cx<'_>) {}

    fn is_task(&self) -> bool {
        true
    }

    fn run(&mut self, _: usize, cx: &mut Cx<'_>) -> Progress {
        cx.set_timer(Some(cx.now()));
        Progress::Finished
    }

    fn timer(&mut self, cx: &mut Cx<'_>) {
        cx.set_timer(Some(cx.now()));
        let packet = cx.frames().packet().unwrap();
        cx.emit(0, packet);
    }
}

fn gate(key: &str) -> watch::Receiver<bool> {
    let mut gates = GATES.lock().unwrap();
    let gate = gates
        .entry(key.to_owned())
        .or_insert_with(|| watch::channel(false).0);
    gate.subscribe()
}

fn open(key: &str) {
    drop(gate(key));
    GATES.lock().unwrap()[key].send_replace(true);
}

fn instances(text: &str, workers: usize) -> Vec<Instance> {
    let mut registry = registry();
    registry.add(ElementClass {
        name: "Clockwork",
        ports: "0/1",
        processing: "h",
        flow: "x/x",
        doc: "Makes packets by its timer.",
        handlers: &[],
        build: |_, _| Ok(Box::new(Clockwork)),
    });
    registry.add(ElementClass {
        name: "Late",
        ports: "1",
        processing: "h/h",
        flow: "x/x",
        doc: "Hands packets on once its gate is open.",
        handlers: &[],
        build: |args, _| {
            let key = args.take_mandatory("KEY")?;
            async_processor(Late(gate(&key)), args)
        },
    });
    let source = Source::new("test", text);
    let program = Program::parse(&source, &registry, &mut Options::default()).unwrap();
    let pool = Pool::builder().small(4096).build().unwrap();
    program.instances(workers, &pool).unwrap()
}

fn graph(text: &str) -> Instance {
    instances(text, 1).remove(0)
}

/// Runs until nothing happens, and says whether the graph has stopped then.
fn stops(graph: &mut Instance) -> bool {
    graph.run_until_idle(Instant::ZERO, 100_000);
    graph.is_stopped()
}

/// A capture file, taken away in the end.
struct Capture(PathBuf);

impl Capture {
    fn of(packets: usize, name: &str) -> Self {
        let name = format!("waypost-stopping-{name}-{}.pcap", std::process::id());
        let path = std::env::temp_dir().join(name);
        let text = format!("InfiniteSource(LIMIT {packets}) -> ToDump({path:?});");
        graph(&text).run_until_idle(Instant::ZERO, 10_000);
        Self(path)
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn a_source_that_stops_the_graph_waits_for_what_is_worked_on() {
    let mut graph = graph(
        "s :: InfiniteSource(LIMIT 200, STOP true) -> l :: Late(virtual, CONCURRENCY 256) -> c :: Counter -> Discard;",
    );
    assert!(!stops(&mut graph) && graph.is_finishing());
    assert_eq!(graph.read("l.waiting").unwrap(), "200");
    open("virtual");
    assert!(stops(&mut graph));
    assert_eq!(graph.read("c.count").unwrap(), "200");
}

#[test]
fn more_packets_than_places_and_a_queue_behind_them_are_waited_for() {
    let mut graph = graph(
        "InfiniteSource(LIMIT 200, STOP true) -> l :: Late(queued, CONCURRENCY 7, ORDER false) -> q :: Queue(5, ON_FULL BLOCK)
         -> Unqueue(BURST 1) -> c :: Counter -> Discard;",
    );
    assert!(!stops(&mut graph));
    open("queued");
    assert!(stops(&mut graph));
    assert_eq!(graph.read("c.count").unwrap(), "200");
}

#[test]
fn what_waits_on_edges_and_can_move_is_waited_for() {
    let mut graph = graph(
        "InfiniteSource(LIMIT 10, STOP true) -> t :: Tee(3); q :: Queue(4, ON_FULL BLOCK);
         t[0] -> q; t[1] -> q; t[2] -> q; q -> Unqueue(BURST 1) -> c :: Counter -> Discard;",
    );
    assert!(stops(&mut graph));
    assert_eq!(graph.read("c.count").unwrap(), "30");
}

#[test]
fn what_nobody_takes_keeps_no_graph_running() {
    for (text, left) in [
        ("Queue(10) -> Unqueue(ACTIVE false) -> Discard", "10"),
        ("Queue(10) -> Discard(ACTIVE false)", "10"),
        ("Queue(10, ON_FULL BLOCK) -> Discard(ACTIVE false)", "10"),
        // Those that are done, behind what is blocked.
        (
            "Late(open) -> Queue(3, ON_FULL BLOCK) -> Discard(ACTIVE false)",
            "10",
        ),
    ] {
        open("open");
        let limit = if text.starts_with("Late") { 13 } else { 10 };
        let text = format!("s :: InfiniteSource(LIMIT {limit}, STOP true) -> q :: {text};");
        let mut graph = graph(&text);
        assert!(stops(&mut graph), "{text}");
        let length = graph.read("q.length").or_else(|_| graph.read("q.waiting"));
        assert_eq!(length.unwrap(), left, "{text}");
    }
}

#[test]
fn the_first_source_that_is_done_stops_the_others() {
    let mut graph = graph(
        "InfiniteSource(LIMIT 10, STOP true) -> l :: Late(others) -> c :: Counter -> Discard;
         pushed :: InfiniteSource -> d :: Discard;
         pulled :: InfiniteSource -> Unqueue -> e :: Discard;
         Script(label again, goto again);",
    );
    for _ in 0..10 {
        graph.step(Instant::ZERO);
    }
    assert!(graph.is_finishing() && !graph.is_stopped());
    let counts = ["pushed.count", "pulled.count"].map(|it| graph.read(it).unwrap());
    graph.step(Instant::ZERO);
    assert_eq!(
        counts,
        ["pushed.count", "pulled.count"].map(|it| graph.read(it).unwrap())
    );
    assert_eq!(
        counts,
        ["d.count", "e.count"].map(|it| graph.read(it).unwrap())
    );
    open("others");
    assert!(stops(&mut graph), "a script without end is not waited for");
    assert_eq!(graph.read("c.count").unwrap(), "10");
}

#[test]
fn a_script_stops_the_graph_at_once() {
    let text =
        "InfiniteSource(LIMIT 10, STOP true) -> l :: Late(never, CONCURRENCY 16) -> Discard;";
    let mut graph = graph(&format!("{text} Script(wait 1s, stop);"));
    assert!(!stops(&mut graph) && graph.is_finishing());
    graph.run_until_idle(Instant::from_secs(1), 1000);
    assert!(graph.is_stopped() && !graph.is_finishing());
    assert_eq!(graph.read("l.waiting").unwrap(), "10");
}

/// Asks the first worker until it says so.
fn wait_for(handle: &Handle, what: impl Fn(&Instance) -> bool + Clone + Send + 'static) {
    loop {
        let what = what.clone();
        if handle
            .call(0, move |it| what(it))
            .expect("the graph has not stopped")
        {
            return;
        }
        std::thread::yield_now();
    }
}

fn reads_a_file(runtime: &Runtime, workers: usize, key: &str) {
    let file = Capture::of(300, key);
    let instances = instances(
        &format!(
            "FromDump({:?}, STOP true) -> l :: Late({key}, CONCURRENCY 512) -> c :: Counter -> Discard;
             InfiniteSource -> Discard;",
            file.0
        ),
        workers,
    );
    let running = runtime.start(instances).unwrap();
    wait_for(running.handle(), |graph| {
        graph.is_finishing() && graph.read("l.waiting").unwrap() == "300"
    });
    // The graph goes on, however often it is looked at.
    for _ in 0..100 {
        assert_eq!(running.handle().read("c.count").unwrap(), "0");
    }
    open(key);
    let ended = running.wait();
    assert_eq!(ended.len(), workers);
    assert!(
        ended
            .iter()
            .all(|graph| graph.is_stopped() && graph.is_finishing())
    );
    assert_eq!(ended[0].read("c.count").unwrap(), "300");
}

#[test]
fn a_file_that_stops_the_graph_is_counted_whole_behind_what_answers_late() {
    reads_a_file(&Runtime::workers(), 1, "one");
    reads_a_file(&Runtime::workers(), 2, "two");
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    reads_a_file(&Runtime::tokio(tokio.handle().clone()), 1, "tokio");
}

#[test]
fn a_graph_that_is_told_to_stop_waits_for_nothing() {
    let text = "InfiniteSource(LIMIT 9, STOP true) -> l :: Late(never, CONCURRENCY 16) -> Discard;";
    let running = Runtime::workers().start(instances(text, 2)).unwrap();
    wait_for(running.handle(), Instance::is_finishing);
    running.handle().stop();
    let ended = running.wait();
    assert_eq!(ended[0].read("l.waiting").unwrap(), "9");
}

#[test]
fn a_graph_can_be_told_to_finish() {
    let text = "s :: InfiniteSource -> l :: Late(finish) -> c :: Counter -> Discard;";
    let running = Runtime::workers().start(instances(text, 2)).unwrap();
    wait_for(running.handle(), |graph| {
        graph.read("l.waiting").unwrap() != "0"
    });
    running.handle().finish();
    open("finish");
    let ended = running.wait();
    // The other worker may not have begun.
    assert_ne!(ended[0].read("c.count").unwrap(), "0");
    for graph in ended {
        let [made, came] = ["s.count", "c.count"].map(|it| graph.read(it).unwrap());
        assert_eq!(made, came);
        assert!(graph.statistics().iter().all(|it| it.drops.is_empty()));
        assert!(graph.is_finishing());
    }
}

#[test]
fn a_source_that_works_by_its_timer_is_silent_when_the_graph_finishes() {
    let mut graph = graph("Clockwork -> c :: Counter -> Discard;");
    assert_eq!(graph.run_until_idle(Instant::ZERO, 100), 100);
    let before = graph.read("c.count").unwrap();
    assert_ne!(before, "0");
    graph.finish();
    assert!(stops(&mut graph));
    assert_eq!(graph.read("c.count").unwrap(), before);
}

#[test]
fn the_end_of_a_file_is_known_when_its_last_packet_fills_a_queue() {
    let file = Capture::of(64, "full");
    let text = format!(
        "f :: FromDump({:?}, STOP true) -> q :: Queue(64, ON_FULL BLOCK) -> Discard(ACTIVE false);",
        file.0
    );
    let mut graph = graph(&text);
    assert!(stops(&mut graph));
    assert_eq!(
        ["f.count", "q.length"].map(|it| graph.read(it).unwrap()),
        ["64", "64"]
    );
}

#[test]
fn end_calls_are_made_when_a_source_is_done() {
    let file = Capture::of(3, "calls");
    let made = |source: &str| {
        let text = format!("s :: {source} -> w :: Paint(0) -> d :: Discard;");
        let mut graph = graph(&text);
        for second in 0..5 {
            graph.run_until_idle(Instant::from_secs(second), 1000);
        }
        let answers = ["d.count", "w.color", "s.active"].map(|it| graph.read(it).unwrap());
        (answers.join(" "), graph.is_stopped())
    };
    let dump = format!("FromDump({:?}, END_CALL", file.0);
    for head in [
        "InfiniteSource(x, 3, END_CALL",
        "RatedSource(x, 100, 3, END_CALL",
        &dump,
    ] {
        let said = |call: &str| made(&format!("{head} {call})"));
        assert_eq!(said("w.color 7"), ("3 7 true".into(), false), "{head}");
        assert_eq!(
            said("s.active false"),
            ("3 0 false".into(), false),
            "its own: {head}"
        );
        assert_eq!(said("stop"), ("3 0 true".into(), true), "{head}");
        assert_eq!(
            said("w.color many"),
            ("3 0 true".into(), true),
            "refused: {head}"
        );
        assert_eq!(
            said("nobody.there 1"),
            ("3 0 true".into(), true),
            "no such: {head}"
        );
    }
    // Once for each end.
    let mut again = graph(
        "s :: InfiniteSource(x, 3, END_CALL t.limit 2) -> d :: Discard;
         t :: InfiniteSource(x, 1, END_CALL s.reset) -> e :: Discard;",
    );
    again.run_until_idle(Instant::ZERO, 1000);
    assert_eq!(
        ["d.count", "e.count"].map(|it| again.read(it).unwrap()),
        ["6", "2"]
    );
}

#[test]
fn end_calls_that_make_no_sense_are_refused() {
    let registry = registry();
    let said = |config: &str| {
        let source = Source::new("test", format!("InfiniteSource({config}) -> Discard;"));
        let program = Program::parse(&source, &registry, &mut Options::default()).unwrap();
        let pool = Pool::builder().small(16).build().unwrap();
        let wrong = program.instances(1, &pool).err();
        wrong.map(|wrong| wrong.iter().map(ToString::to_string).collect::<String>())
    };
    let both = said("STOP true, END_CALL stop").unwrap();
    assert!(
        both.contains("STOP and END_CALL exclude each other"),
        "{both}"
    );
    let none = said("END_CALL \"\"").unwrap();
    assert!(none.contains("a write handler for END_CALL"), "{none}");
}

#[test]
fn who_has_finished_may_be_told_again_and_who_was_stopped_does_not_finish() {
    let mut graph = graph("InfiniteSource(LIMIT 1, STOP true) -> Discard;");
    assert!(stops(&mut graph));
    graph.finish();
    assert!(graph.is_stopped() && graph.is_finishing());
    graph.write("stop", "").unwrap();
    graph.finish();
    assert!(graph.is_stopped() && !graph.is_finishing());
}

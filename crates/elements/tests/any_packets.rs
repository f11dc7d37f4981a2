//! Packets of any octets, with any annotations, through every element class: nothing panics, every packet is accounted for, and
//! every frame comes back to its pool.

#[path = "any_packets/packets.rs"]
mod packets;
#[path = "any_packets/table.rs"]
mod table;

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use waypost_elements::registry;
use waypost_graph::{
    Args, Batch, BuildCx, ConfigError, Cx, Element, ElementClass, Handler, HandlerError, Instance,
    Instant, Options, Pool, Program, Progress, Registry, Source,
};

use packets::{Template, template};
use table::{EXCEPTIONS, PRINTERS, ROWS, Row, Seen};

thread_local! {
    /// What `Feed(K)` hands out, by K.
    static FEEDS: RefCell<Vec<VecDeque<Template>>> = const { RefCell::new(Vec::new()) };
}

const COUNT: &[Handler] = &[Handler::sum("count", "how many packets")];

/// Hands out packets, pushed or pulled.
struct Feed {
    number: usize,
    count: u64,
}

impl Element for Feed {
    fn push(&mut self, _: usize, _: &mut Batch, _: &mut Cx<'_>) {}

    fn pull(&mut self, _: usize, max: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        FEEDS.with_borrow_mut(|feeds| {
            while batch.len() < max
                && let Some(template) = feeds[self.number].pop_front()
            {
                batch
                    .push(template.packet(cx.frames()))
                    .expect("room was asked for");
                self.count += 1;
            }
        });
    }

    fn is_task(&self) -> bool {
        true
    }

    fn run(&mut self, budget: usize, cx: &mut Cx<'_>) -> Progress {
        if !cx.pushes(0) {
            return Progress::Finished;
        }
        let mut batch = cx.take_batch();
        self.pull(0, budget, &mut batch, cx);
        let worked = !batch.is_empty();
        cx.push(0, &mut batch);
        cx.put_batch(batch);
        if worked {
            Progress::Worked
        } else {
            Progress::Idle
        }
    }

    fn handlers(&self) -> &'static [Handler] {
        COUNT
    }

    fn read(&self, _: &str, _: &str) -> Result<String, HandlerError> {
        Ok(self.count.to_string())
    }
}

/// Takes packets, looks at all of them that may be looked at, and frees them.
struct Keep(u64);

impl Element for Keep {
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        self.0 += batch.len() as u64;
        for packet in batch.iter_mut() {
            let seen = [Some(packet.octets()), packet.network(), packet.transport()];
            assert!(
                seen.into_iter()
                    .flatten()
                    .all(|octets| octets.len() <= 1 << 18)
            );
            packet.octets_mut().reverse();
            let _ = (packet.frame_meta(), packet.network_offset());
        }
        cx.free(batch);
    }

    fn is_task(&self) -> bool {
        true
    }

    fn run(&mut self, budget: usize, cx: &mut Cx<'_>) -> Progress {
        if !cx.pulls(0) {
            return Progress::Finished;
        }
        let mut batch = cx.take_batch();
        let count = cx.pull(0, budget, &mut batch);
        self.push(0, &mut batch, cx);
        cx.put_batch(batch);
        if count > 0 {
            Progress::Worked
        } else {
            Progress::Idle
        }
    }

    fn handlers(&self) -> &'static [Handler] {
        COUNT
    }

    fn read(&self, _: &str, _: &str) -> Result<String, HandlerError> {
        Ok(self.0.to_string())
    }
}

fn feed(args: &mut Args, _: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let number = args.take_mandatory("K")?;
    let number = number
        .parse()
        .map_err(|_| ConfigError::expected("a number", &number))?;
    Ok(Box::new(Feed { number, count: 0 }))
}

fn extended() -> Registry {
    let mut registry = registry();
    for (name, ports, processing) in [
        ("FeedPushed", "0/1", "/h"),
        ("FeedPulled", "0/1", "/l"),
        ("KeepPushed", "1/0", "h/"),
        ("KeepPulled", "1/0", "l/"),
    ] {
        registry.add(ElementClass {
            name,
            ports,
            processing,
            flow: "x/x",
            doc: "",
            handlers: COUNT,
            build: if ports == "0/1" {
                feed
            } else {
                |_, _| Ok(Box::new(Keep(0)))
            },
        });
    }
    registry
}

fn pool() -> Pool {
    let pool = Pool::builder().small(4096).medium(128).large(32);
    pool.build().expect("memory for a test")
}

fn graph(text: &str, registry: &Registry, pool: &Pool) -> Instance {
    let source = Source::new("test", text);
    let shown = |wrong: waypost_graph::Diagnostics| -> String {
        wrong.iter().map(|it| format!("{it:#}")).collect()
    };
    let program = Program::parse(&source, registry, &mut Options::default());
    let program = program.unwrap_or_else(|wrong| panic!("{text}\n{}", shown(wrong)));
    let made = program.instances(1, pool);
    made.unwrap_or_else(|wrong| panic!("{text}\n{}", shown(wrong)))
        .remove(0)
}

/// `Pushed` or `Pulled`, as a processing code says of a port; those that are agnostic are what is `asked` for.
fn form(code: &str, port: usize, asked: &'static str) -> &'static str {
    match code.as_bytes().get(port).or_else(|| code.as_bytes().last()) {
        Some(b'h') => "Pushed",
        Some(b'l') => "Pulled",
        _ => asked,
    }
}

/// Runs until nothing happens, and through the first timers.
fn run(graph: &mut Instance) {
    let mut now = Instant::from_secs(1);
    for _ in 0..20 {
        graph.run_until_idle(now, 10_000);
        match graph.next_timer() {
            Some(next) if next < Instant::from_secs(3600) => now = now.max(next),
            _ => break,
        }
    }
}

/// Sends packets through a class in one form, accounts for them, and says how many left it.
fn try_row(
    row: &Row,
    asked: &'static str,
    templates: &[Template],
    registry: &Registry,
    pool: &Pool,
) -> u64 {
    let class = registry.find(row.class).expect("a class of the registry");
    let (inputs, outputs) = class
        .processing
        .split_once('/')
        .unwrap_or((class.processing, class.processing));
    let file = std::env::temp_dir().join(format!("waypost-any-{}", std::process::id()));
    let config = row.config.replace("FILE", &file.display().to_string());
    let mut text = format!("x :: {}({config});\n", row.class);
    for port in 0..row.inputs {
        let form = form(inputs, port, asked);
        let _ = writeln!(text, "f{port} :: Feed{form}({port}) -> [{port}] x;");
    }
    for port in 0..row.outputs {
        let form = form(outputs, port, asked);
        let _ = writeln!(text, "x[{port}] -> k{port} :: Keep{form};");
    }
    FEEDS.with_borrow_mut(|feeds| {
        feeds.clear();
        feeds.resize_with(row.inputs, VecDeque::new);
        for (at, template) in templates.iter().enumerate() {
            feeds[at % row.inputs].push_back(template.clone());
        }
    });
    let mut graph = graph(&text, registry, pool);
    run(&mut graph);
    let number = |handler: &str| -> u64 {
        let answer = graph
            .read(handler)
            .unwrap_or_else(|error| panic!("{text}{error}"));
        answer
            .parse()
            .unwrap_or_else(|_| panic!("{text}{handler}: {answer}"))
    };
    for handler in class.handlers.iter().filter(|it| it.is_read()) {
        // One that needs an argument may refuse.
        let _ = graph.read(&format!("x.{}", handler.name));
    }
    let fed: u64 = (0..row.inputs)
        .map(|port| number(&format!("f{port}.count")))
        .sum();
    let out: u64 = (0..row.outputs)
        .map(|port| number(&format!("k{port}.count")))
        .sum();
    let statistics = graph.statistics();
    let drops = statistics.iter().flat_map(|it| &it.drops);
    let lost: u64 = drops.clone().map(|(_, count)| count).sum();
    let paints: Vec<u8> = templates.iter().map(|it| it.paint).collect();
    let all_fed = fed == paints.len() as u64;
    assert!(
        all_fed || row.class == "Idle",
        "{text}{fed} of {} packets were taken",
        paints.len()
    );
    let seen = Seen {
        paints: &paints[..fed as usize],
        outputs: row.outputs as u64,
        number: &|handler| number(&format!("x.{handler}")),
    };
    let (made, gone) = ((row.made)(&seen), (row.gone)(&seen));
    assert_eq!(
        fed + made,
        out + lost + gone,
        "{text}{fed} packets in, {made} made, {out} out, {gone} held or used up, lost: {:?}",
        drops.collect::<Vec<_>>()
    );
    drop(graph);
    whole(pool, &text);
    for ending in ["pcap", "pcapng"] {
        // Most classes write none.
        let _ = std::fs::remove_file(file.with_extension(ending));
    }
    out
}

/// All frames are back in their pool.
#[track_caller]
fn whole(pool: &Pool, text: &str) {
    let statistics = pool.statistics();
    assert_eq!(
        statistics.free, statistics.total,
        "frames that are free, of all, after\n{text}"
    );
}

fn try_rows(rows: &[Row], templates: &[Template], registry: &Registry, pool: &Pool) {
    for row in rows {
        let processing = registry
            .find(row.class)
            .map_or("", |class| class.processing);
        try_row(row, "Pushed", templates, registry, pool);
        if processing.contains('a') {
            try_row(row, "Pulled", templates, registry, pool);
        }
    }
}

#[test]
fn every_class_is_tried_or_excepted() {
    let known: BTreeSet<_> = registry().classes().map(|class| class.name).collect();
    let tried: BTreeSet<_> = ROWS.iter().chain(PRINTERS).map(|row| row.class).collect();
    let excepted: BTreeSet<_> = EXCEPTIONS.iter().map(|(class, _)| *class).collect();
    assert!(tried.is_disjoint(&excepted));
    let covered: BTreeSet<_> = tried.union(&excepted).copied().collect();
    assert_eq!(
        known, covered,
        "a class without a row of the table, or a row without a class"
    );
}

/// Each case is some hundred graphs.
fn cases() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig {
        cases: default.cases / 5,
        // Whether it fails is told here: nothing is written beside the sources.
        failure_persistence: None,
        ..default
    }
}

#[test]
fn the_packets_reach_what_they_are_to_reach() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let templates = prop::collection::vec(template(), 400..=400).new_tree(&mut runner);
    let templates = templates.expect("nothing is filtered out").current();
    let (registry, pool) = (extended(), pool());
    for (class, least) in [
        ("ARPResponder", 3),
        ("CheckIPHeader", 20),
        ("DecIPTTL", 20),
        ("GetIPAddress", 20),
        ("ICMPError", 10),
        ("ICMPPingResponder", 2),
        ("IPFragmenter", 450),
    ] {
        let row = ROWS.iter().find(|row| row.class == class);
        let row = row.expect("a row of the table");
        let out = try_row(row, "Pushed", &templates, &registry, &pool);
        assert!(out >= least, "{class}: {out} of 400");
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn any_packets_pass_every_class(templates in prop::collection::vec(template(), 1..40)) {
        try_rows(ROWS, &templates, &extended(), &pool());
    }

    /// One element's marks are another's trouble: elements in a row, of which each does something else to the packets.
    #[test]
    fn any_packets_pass_any_chain(
        templates in prop::collection::vec(template(), 1..40),
        chain in prop::collection::vec(prop::sample::select(links()), 1..8),
    ) {
        let (registry, pool) = (extended(), pool());
        let text = format!("FeedPushed(0) -> {} -> KeepPushed;", chain.join(" -> "));
        FEEDS.with_borrow_mut(|feeds| *feeds = vec![templates.into()]);
        let mut graph = graph(&text, &registry, &pool);
        run(&mut graph);
        drop(graph);
        whole(&pool, &text);
    }
}

/// Elements for a chain: all rows with one input and one output that can be pushed through.
fn links() -> Vec<String> {
    let registry = registry();
    let rows = ROWS
        .iter()
        .filter(|row| (row.inputs, row.outputs) == (1, 1));
    rows.filter(|row| {
        let processing = registry
            .find(row.class)
            .map_or("", |class| class.processing);
        !processing.contains('l') && !row.config.contains("FILE") && row.class != "Idle"
    })
    .map(|row| format!("{}({})", row.class, row.config))
    .collect()
}

/// Set in the process whose standard error is not the terminal's.
const PRINTS: &str = "WAYPOST_TEST_PRINTS";

#[test]
fn any_packets_pass_what_prints_them() {
    if std::env::var_os(PRINTS).is_some() {
        let templates = prop::collection::vec(template(), 1..40);
        let tried = |templates: Vec<Template>| {
            try_rows(PRINTERS, &templates, &extended(), &pool());
            Ok(())
        };
        let result = proptest::test_runner::TestRunner::new(cases()).run(&templates, tried);
        result.unwrap_or_else(|wrong| panic!("{wrong}"));
        return;
    }
    let itself = std::env::current_exe().expect("the name of this program");
    let output = std::process::Command::new(itself)
        .args([
            "--exact",
            "any_packets_pass_what_prints_them",
            "--nocapture",
        ])
        .env(PRINTS, "1")
        .output()
        .expect("this program runs");
    let said = String::from_utf8_lossy(&output.stderr);
    let last: Vec<_> = said.lines().rev().take(40).collect();
    assert!(
        output.status.success(),
        "{}",
        last.into_iter().rev().collect::<Vec<_>>().join("\n")
    );
    assert!(
        said.contains("truncated-ip") && said.contains("> 10.0.0.2"),
        "packets were printed"
    );
}

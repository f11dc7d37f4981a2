//! The arguments of elements, and what is written to their handlers.

use std::hint::black_box;
use std::sync::LazyLock;

use waypost_elements::host::Host;
use waypost_elements::registry;
use waypost_graph::{ElementClass, Instance, Instant, Options, Pool, Program, Registry, Source};
use waypost_graph_text::PortCounts;

static REGISTRY: LazyLock<Registry> = LazyLock::new(registry);
static POOL: LazyLock<Pool> = LazyLock::new(|| {
    let pool = Pool::builder().small(64).build();
    pool.expect("64 small packets fit into any memory")
});

/// A capture file. Whatever else a text might name may be one that never ends.
const CAPTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/pcap/pcap-micros");

/// The first line names a class, the second is its configuration; every further line is written to each of
/// the element's handlers, and the graph runs for a while. All handlers are read. Nothing of the machine is written or opened but
/// the capture file.
pub(crate) fn target(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.lines();
    let (Some(name), Some(configuration)) = (lines.next(), lines.next()) else {
        return;
    };
    let Some(class) = REGISTRY.find(name) else {
        return;
    };
    let text = graph_around(class, configuration);
    let source = Source::new("fuzz.click", text);
    let Ok(program) = Program::parse(&source, &REGISTRY, &mut Options::default()) else {
        return;
    };
    if reads_others(&program) {
        return;
    }
    let program = program.share(Host::KEY, Host::default().without_files());
    let Ok(mut graphs) = program.instances(1, &POOL) else {
        return;
    };
    let graph = &mut graphs[0];
    let handler = |name: &str| format!("subject.{name}");
    for value in lines {
        for writable in class.handlers.iter().filter(|handler| handler.is_write()) {
            // Refusing a value is an answer.
            let _ = graph.write(&handler(writable.name), value);
        }
    }
    run(graph);
    for readable in class.handlers.iter().filter(|handler| handler.is_read()) {
        let _ = black_box(graph.read(&handler(readable.name)));
    }
}

/// Whether an element would read a file that is not `CAPTURE`.
fn reads_others(program: &Program<'_>) -> bool {
    let graph = program.graph().graph();
    let others = |id| {
        let element = graph.element(id);
        let config = element.config();
        element.class() == "FromDump"
            && (!config.starts_with(CAPTURE) || config.contains("FILENAME"))
    };
    graph.ids().any(others)
}

/// Runs a graph, past the first of its timers.
fn run(graph: &mut Instance) {
    let mut now = Instant::ZERO;
    for _ in 0..8 {
        graph.run_until_idle(now, 8);
        match graph.next_timer() {
            Some(next) if !graph.is_stopped() => now = now.max(next),
            _ => return,
        }
    }
}

/// A text with one element of the class, and all connected that must be.
fn graph_around(class: &ElementClass, configuration: &str) -> String {
    let file = match class.name {
        "FromDump" => format!("{CAPTURE}, "),
        _ => String::new(),
    };
    let mut text = format!("subject :: {}({file}{configuration});\n", class.name);
    let Ok(ports) = class.ports.parse::<PortCounts>() else {
        return text;
    };
    let (inputs, outputs) = ports.resolve(1, 2);
    for input in 0..inputs {
        text.push_str(&format!("Idle -> [{input}] subject;\n"));
    }
    for output in 0..outputs {
        text.push_str(&format!("subject [{output}] -> Discard;\n"));
    }
    text
}

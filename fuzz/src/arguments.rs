//! The arguments of elements, and what is written to their handlers.

use std::hint::black_box;
use std::sync::LazyLock;

use waypost_elements::registry;
use waypost_graph::{ElementClass, Options, Pool, Program, Registry, Source};
use waypost_graph_text::PortCounts;

static REGISTRY: LazyLock<Registry> = LazyLock::new(registry);
static POOL: LazyLock<Pool> = LazyLock::new(|| {
    let pool = Pool::builder().small(64).build();
    pool.expect("64 small packets fit into any memory")
});

/// Elements that open files and devices, or print.
const WITH_SIDE_EFFECTS: &[&str] = &[
    "DriverManager",
    "FromDevice",
    "FromDump",
    "IPPrint",
    "KernelTap",
    "Print",
    "Script",
    "ToDevice",
    "ToDump",
];

/// The first line names a class, the second is its configuration; every further line is written to each of
/// the element's handlers. All handlers are read.
pub(crate) fn target(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.lines();
    let (Some(name), Some(configuration)) = (lines.next(), lines.next()) else {
        return;
    };
    if WITH_SIDE_EFFECTS.contains(&name) {
        return;
    }
    let Some(class) = REGISTRY.find(name) else {
        return;
    };
    let text = graph_around(class, configuration);
    let source = Source::new("fuzz.click", text);
    let Ok(program) = Program::parse(&source, &REGISTRY, &mut Options::default()) else {
        return;
    };
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
    for readable in class.handlers.iter().filter(|handler| handler.is_read()) {
        let _ = black_box(graph.read(&handler(readable.name)));
    }
}

/// A text with one element of the class, and all connected that must be.
fn graph_around(class: &ElementClass, configuration: &str) -> String {
    let mut text = format!("subject :: {}({configuration});\n", class.name);
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

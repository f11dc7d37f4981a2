//! Running texts in tests.

use waypost_graph::{Instance, Instant, Options, Pool, Program, Source};

/// A graph from a text, not yet run.
pub(crate) fn graph(text: &str) -> Instance {
    let pool = Pool::builder()
        .small(4096)
        .medium(64)
        .large(16)
        .build()
        .expect("memory for a test");
    graphs(text, 1, &pool).remove(0)
}

/// The graphs of several workers from one text, not yet run, with packets of `pool`.
pub(crate) fn graphs(text: &str, workers: usize, pool: &Pool) -> Vec<Instance> {
    let registry = crate::registry();
    let program = Program::parse(
        &Source::new("test", text),
        &registry,
        &mut Options::default(),
    );
    let program = program.unwrap_or_else(|wrong| {
        panic!(
            "{}",
            wrong.iter().map(|it| format!("{it:#}")).collect::<String>()
        )
    });
    let made = program.instances(workers, pool);
    made.unwrap_or_else(|wrong| {
        panic!(
            "{}",
            wrong.iter().map(|it| format!("{it:#}")).collect::<String>()
        )
    })
}

/// A graph from a text, run at time zero until it is idle.
pub(crate) fn run(text: &str) -> Instance {
    let mut graph = graph(text);
    graph.run_until_idle(Instant::ZERO, 10_000);
    graph
}

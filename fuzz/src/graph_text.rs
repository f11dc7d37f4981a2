//! Graph texts: parsed, flattened, checked, printed, and parsed again.

use std::hint::black_box;
use std::sync::LazyLock;

use waypost_elements::registry;
use waypost_graph::Registry;
use waypost_graph_text::{Diagnostic, Options, Source, check, flatten, parse};

static REGISTRY: LazyLock<Registry> = LazyLock::new(registry);

/// Takes the bytes for a graph text, as far as it goes; a text that is accepted must still be one when it
/// was flattened and printed.
pub(crate) fn target(data: &[u8]) {
    let source = Source::from_bytes("fuzz.click", data);
    let (ast, complaints) = parse(&source);
    show(&complaints);
    let graph = match flatten(&ast, &mut Options::default()) {
        Ok(graph) => graph,
        Err(wrong) => return show(&wrong.into_vec()),
    };
    show(graph.warnings());
    match check(&graph, &*REGISTRY) {
        Ok(checked) => {
            black_box(checked.graph().connections().len());
        }
        Err(wrong) => show(&wrong.into_vec()),
    }
    let printed = graph.to_string();
    if complaints.is_empty() {
        let (again, complaints) = parse(&Source::new("printed.click", printed.as_str()));
        assert!(
            complaints.is_empty(),
            "the printed graph is not understood: {printed}"
        );
        black_box(again);
    }
}

/// Diagnostics print themselves with the text underlined, which is code as well.
fn show(diagnostics: &[Diagnostic]) {
    for diagnostic in diagnostics {
        black_box(format!("{diagnostic} {diagnostic:#}"));
    }
}

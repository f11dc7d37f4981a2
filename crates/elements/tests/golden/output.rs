//! What a graph writes to standard output and standard error: it runs in a process of its own, which is this program again.

use std::io::{self, Write};
use std::process::Command;

use crate::harness::Graph;

const TEXT: &str = "WAYPOST_TEST_GRAPH";
const BEGIN: &str = "-- the graph begins --\n";
const END: &str = "-- the graph ends --\n";

/// What a graph writes in its first ten seconds of virtual time: to standard output, and to standard error.
#[track_caller]
pub(crate) fn written(text: &str) -> (String, String) {
    let itself = std::env::current_exe().expect("the name of this program");
    let output = Command::new(itself)
        .args(["--exact", "output::a_process_of_its_own", "--nocapture"])
        .env(TEXT, text)
        .output()
        .expect("this program runs");
    let said = |octets| String::from_utf8(octets).expect("UTF-8");
    let (out, err) = (said(output.stdout), said(output.stderr));
    assert!(output.status.success(), "{out}{err}");
    let of_graph = |said: &str| {
        let (_, rest) = said.split_once(BEGIN).expect("the graph began");
        rest.split_once(END).expect("the graph ended").0.to_owned()
    };
    (of_graph(&out), of_graph(&err))
}

/// Runs the graph that `written` hands to it; there is none where it is run among the other tests.
#[test]
fn a_process_of_its_own() {
    if let Ok(text) = std::env::var(TEXT) {
        let mut graph = Graph::idle(&text);
        mark(BEGIN);
        graph.settle();
        graph.until(10_000);
        mark(END);
    }
}

/// Says it on both.
fn mark(text: &str) {
    io::stdout().write_all(text.as_bytes()).expect("a pipe");
    io::stderr().write_all(text.as_bytes()).expect("a pipe");
}

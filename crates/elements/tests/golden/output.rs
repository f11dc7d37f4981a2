//! What a graph writes to standard output and standard error: it runs in a process of its own, which is this program again.

use std::io::{self, Write};
use std::process::Command;

use crate::harness::Graph;

const TEXT: &str = "WAYPOST_TEST_GRAPH";
const WORKERS: &str = "WAYPOST_TEST_WORKERS";
const BEGIN: &str = "-- the graph begins --\n";
const END: &str = "-- the graph ends --\n";

/// What a graph writes in its first ten seconds of virtual time: to standard output, and to standard error.
#[track_caller]
pub(crate) fn written(text: &str) -> (String, String) {
    let said = |octets| String::from_utf8(octets).expect("UTF-8");
    let (out, err) = written_by(1, text);
    (said(out), said(err))
}

/// The same of several workers, which have their turns, in octets.
#[track_caller]
pub(crate) fn written_by(workers: usize, text: &str) -> (Vec<u8>, Vec<u8>) {
    let itself = std::env::current_exe().expect("the name of this program");
    let output = Command::new(itself)
        .args(["--exact", "output::a_process_of_its_own", "--nocapture"])
        .env(TEXT, text)
        .env(WORKERS, workers.to_string())
        .output()
        .expect("this program runs");
    let (out, err) = (output.stdout, output.stderr);
    let shown = [&out, &err].map(|it| String::from_utf8_lossy(it));
    assert!(output.status.success(), "{shown:?}");
    let of_graph = |said: &[u8]| {
        let place = |mark: &str| {
            said.windows(mark.len())
                .position(|it| it == mark.as_bytes())
        };
        let begin = place(BEGIN).expect("the graph began") + BEGIN.len();
        said[begin..place(END).expect("the graph ended")].to_vec()
    };
    (of_graph(&out), of_graph(&err))
}

/// Runs the graph that `written` hands to it; there is none where it is run among the other tests.
#[test]
fn a_process_of_its_own() {
    if let Ok(text) = std::env::var(TEXT) {
        let workers = std::env::var(WORKERS).expect("a number beside the text");
        let mut graphs = Graph::workers(&text, workers.parse().expect("a number"));
        mark(BEGIN);
        graphs.iter_mut().for_each(Graph::settle);
        graphs.iter_mut().for_each(|it| it.until(10_000));
        // What is said when it goes belongs to it.
        drop(graphs);
        mark(END);
    }
}

/// Says it on both.
fn mark(text: &str) {
    io::stdout().write_all(text.as_bytes()).expect("a pipe");
    io::stderr().write_all(text.as_bytes()).expect("a pipe");
}

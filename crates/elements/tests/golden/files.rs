//! Files that a graph writes: as they were, until a graph runs of which nothing is refused.

use std::fs;
use std::path::PathBuf;

use waypost_graph::Runtime;

use crate::harness::{Graph, refused, refused_by};

/// A folder of a test, taken away in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("waypost-golden-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// The files in it by name, each with what it holds.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let files = fs::read_dir(&self.0).unwrap().map(|it| it.unwrap());
        let files = files.filter(|it| it.file_type().unwrap().is_file());
        let mut files: Vec<_> = files
            .map(|it| {
                (
                    it.file_name().into_string().unwrap(),
                    fs::read(it.path()).unwrap(),
                )
            })
            .collect();
        files.sort();
        files
    }

    /// A text with its files in this folder.
    fn text(&self, text: &str) -> String {
        text.replace("DIR", self.0.to_str().unwrap())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const WRITERS: [&str; 3] = [
    "Idle -> ToDump(DIR/there); Idle -> ToDump(DIR/new);",
    "Idle -> ToDump(DIR/there.pcapng); Idle -> ToDump(DIR/new.pcapng, UNBUFFERED true);",
    "Idle -> IPPrint(OUTFILE DIR/there) -> IPPrint(OUTFILE DIR/new) -> Discard;",
];

#[test]
fn a_text_that_is_refused_leaves_all_files_as_they_were() {
    let folder = Folder::new("refused");
    for name in ["there", "there.pcapng"] {
        fs::write(folder.0.join(name), "precious").unwrap();
    }
    let before = folder.files();
    for writers in WRITERS {
        for mistake in [
            "Idle -> Strip(x) -> Discard;",
            "Idle -> Discard(100);",
            "Idle -> ToDump(DIR/none/x);",
            "Idle -> ToDump(DIR/there, 100);",
            "Idle -> IPPrint(OUTFILE DIR/there, COLOUR red) -> Discard;",
        ] {
            refused(&folder.text(&format!("{writers} {mistake}")));
            refused(&folder.text(&format!("{mistake} {writers}")));
            assert_eq!(folder.files(), before, "{writers} {mistake}");
        }
        // Accepted, but it never runs.
        drop(Graph::idle(&folder.text(writers)));
        assert_eq!(folder.files(), before, "{writers}");
    }
    // The second worker's file cannot be there.
    fs::create_dir(folder.0.join("there.1")).unwrap();
    let said = refused_by(2, &folder.text("Idle -> ToDump(DIR/there);"));
    assert!(
        said.contains("cannot write `") && said.contains("there.1`"),
        "{said}"
    );
    assert_eq!(folder.files(), before);
}

#[test]
fn files_are_there_before_the_graph_runs_and_emptied_when_it_does() {
    let folder = Folder::new("begins");
    for writers in WRITERS {
        let there = folder.text(if writers.contains("pcapng") {
            "DIR/there.pcapng"
        } else {
            "DIR/there"
        });
        fs::write(&there, "precious").unwrap();
        // Whatever comes first: here it stops at once.
        let text = folder.text(&format!("Script(stop); {writers}"));
        let mut graph = Graph::idle(&text);
        assert_eq!(folder.files().len(), 2, "{writers}");
        assert_eq!(fs::read_to_string(&there).unwrap(), "precious");
        graph.settle();
        assert!(graph.is_stopped());
        let lens = folder.files().into_iter().map(|(_, held)| held.len());
        let lens: Vec<_> = lens.collect();
        assert!(lens[0] == lens[1] && lens[0] < 100, "{writers}: {lens:?}");
        assert!(!fs::read(&there).unwrap().starts_with(b"precious"));
        for (name, _) in folder.files() {
            fs::remove_file(folder.0.join(name)).unwrap();
        }
    }
}

#[test]
fn each_worker_has_its_file_even_if_the_first_stops_at_once() {
    for _ in 0..20 {
        let folder = Folder::new("workers");
        let text = folder.text(
            "Script(stop); Idle -> ToDump(DIR/x); Idle -> IPPrint(OUTFILE DIR/y) -> Discard;",
        );
        let graphs = Graph::workers(&text, 3)
            .into_iter()
            .map(Graph::into_instance);
        let running = Runtime::workers().start(graphs.collect()).unwrap();
        drop(running.wait());
        let files = folder.files();
        let sizes: Vec<_> = files
            .iter()
            .map(|(name, held)| (&**name, held.len()))
            .collect();
        let expected = [
            ("x", 24),
            ("x.1", 24),
            ("x.2", 24),
            ("y", 0),
            ("y.1", 0),
            ("y.2", 0),
        ];
        assert_eq!(sizes, expected);
    }
}

//! Every committed input, given to its target.

use std::fs;
use std::path::Path;

/// Replays a folder; a panic says which file it was.
fn replay(name: &str) {
    let target = fuzz::target(name).expect("the target is listed");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(name);
    let mut replayed = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let data = fs::read(&path).unwrap();
        let outcome = std::panic::catch_unwind(|| target(&data));
        assert!(outcome.is_ok(), "{} made the target panic", path.display());
        replayed += 1;
    }
    assert!(replayed > 0, "{} has no inputs", folder.display());
}

#[test]
fn arguments() {
    replay("arguments");
}

#[test]
fn graph_text() {
    replay("graph-text");
}

#[test]
fn ip() {
    replay("ip");
}

#[test]
fn pcap() {
    replay("pcap");
}

#[test]
fn wire() {
    replay("wire");
}

#[test]
fn every_target_has_a_test() {
    let tests = include_str!("replay.rs");
    for (name, _) in fuzz::TARGETS {
        let call = format!("replay(\"{name}\")");
        assert!(tests.contains(&call), "expected a test that calls {call}");
    }
}

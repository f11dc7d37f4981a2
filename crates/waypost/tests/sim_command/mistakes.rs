//! What surprises a user: mistakes that are easily made, graphs that stop, and what is said about them.

use insta::assert_snapshot;

use super::folder::{Folder, TWO};

#[test]
fn a_key_of_the_text_behind_a_table_is_told_where_it_belongs() {
    let folder = Folder::new("behind");
    let file = folder.file("behind.toml", "[talker.a]\nuntil = \"1s\"\n");
    assert_snapshot!(folder.said(&[&file]), @r#"
      × behind.toml:1:1: the text itself has no `until`
       ╭─[behind.toml:1:1]
     1 │ [talker.a]
       · ▲
     2 │ until = "1s"
       ╰────
      help: expected `until`: time
      × behind.toml:2:1: unknown key `until` in [talker.NAME]
       ╭─[behind.toml:2:1]
     1 │ [talker.a]
     2 │ until = "1s"
       · ─────
       ╰────
      help: `until` belongs to the text itself: it stands before the first table
    2 mistakes: nothing was run
    status 1
    "#);
}

#[test]
fn all_that_is_wrong_with_a_drawing_is_told_at_once() {
    let folder = Folder::new("drawing");
    let plot = "[[plot]]\nfile = \"../x.svg\"\nlines = [\"rate wier\", \"rtt wire\"]\n";
    let file = folder.file("plot.toml", &format!("{TWO}{plot}"));
    let said = folder.said(&[&file]);
    for message in [
        "found `../x.svg`",
        "no link is named `wier`",
        "did you mean `wire`?",
        "3 mistakes: nothing was run",
    ] {
        assert!(said.contains(message), "{message}: {said}");
    }
}

#[test]
fn what_comes_to_a_graph_that_has_stopped_is_counted() {
    let folder = Folder::new("stopped");
    let text = "until = \"60s\"\n[talker.t]\nask = [\"u\"]\n[talker.u]\n[graph.g]\nring = 16\n\
                text = \"FromDevice(eth0) -> c :: Counter -> Discard; Script(wait 1, stop)\"\n\
                [graph.deaf]\nring = 16\ntext = \"Idle -> ToDevice(eth0)\"\n\
                [switch.hub]\n[link.th]\nends = [\"t\", \"hub\"]\n[link.gh]\nends = [\"g\", \"hub\"]\n\
                [link.dh]\nends = [\"deaf\", \"hub\"]\n";
    let file = folder.file("stopped.toml", text);
    let output = folder.sim(&[&file, "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let node = |name: &str| {
        let nodes = report["nodes"].as_array().unwrap();
        &nodes.iter().find(|it| it["node"] == name).unwrap()["counters"]
    };
    let requests = node("t")["requests"].as_u64().unwrap();
    let lost = |name: &str| node(name)["lost: ring full"].as_u64().unwrap();
    let received = node("g")["received"].as_u64().unwrap();
    assert!(received > 0 && received < requests / 10);
    // What is in a ring still is not lost.
    assert_eq!(received + lost("g") + 16, requests);
    assert_eq!(lost("deaf") + 16, requests);
    assert_eq!(node("g")["stopped"], 1);
    assert!(node("deaf").get("stopped").is_none());
}

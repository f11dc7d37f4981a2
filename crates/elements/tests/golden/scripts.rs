//! Script and DriverManager: what their instructions do, and when.

use crate::harness::{Graph, refused};
use crate::output::written;

/// What a script prints; what is wrong with it.
fn says(script: &str) -> (String, String) {
    written(&format!(
        "i :: Idle -> w :: Switch(3) -> d :: Discard; s :: Script({script});"
    ))
}

#[track_caller]
fn prints(script: &str, expected: &str) {
    assert_eq!(
        says(script),
        (expected.to_owned(), String::new()),
        "{script}"
    );
}

#[test]
fn print_writes_lines_and_printn_their_parts() {
    prints("print a", "a\n");
    prints("print two words", "two words\n");
    prints("print \"a, b\"", "a, b\n");
    prints("print", "\n");
    prints("printn a, printn \"b \", print c", "ab c\n");
}

#[test]
fn read_prints_what_handlers_say() {
    prints("read w.switch", "w.switch:\n3\n");
    prints("readq w.switch", "3\n");
    prints("readq w.class, readq d.count", "Switch\n0\n");
    prints("print at $(w.switch) of $(w.name)", "at 3 of w\n");
}

#[test]
fn write_changes_what_handlers_change() {
    prints("write w.switch 1, readq w.switch", "1\n");
    prints("writeq w.switch \"2\", readq w.switch", "2\n");
    prints("set n 5, write w.switch $n, readq w.switch", "5\n");
    prints("write d.reset_counts, print done", "done\n");
}

#[test]
fn variables_are_put_in_where_they_are_named() {
    prints("set a 1, set b ${a}2, print $b$a ${b}x $a.", "121 12x 1.\n");
    prints("set $a 1, set a 2, print $a", "2\n");
    prints(
        "set h $(w.switch), write w.switch 0, print $h $(w.switch)",
        "3 0\n",
    );
    prints("set empty, print <$empty>", "<>\n");
}

#[test]
fn goto_goes_where_its_condition_lets_it() {
    prints(
        "goto over, print skipped, label over, print after",
        "after\n",
    );
    for (condition, goes) in [
        ("true", true),
        ("1", true),
        ("yes", true),
        ("false", false),
        ("0", false),
    ] {
        let expected = if goes { "end\n" } else { "between\nend\n" };
        prints(
            &format!("goto end {condition}, print between, label end, print end"),
            expected,
        );
    }
    prints("goto b $(d.count), print none yet, label b", "none yet\n");
    prints(
        "set go 1, label again, print x, goto out $(w.switch), label out, print y",
        "x\ny\n",
    );
}

#[test]
fn end_and_exit_end_it() {
    prints("print a, end, print b", "a\n");
    prints("print a, exit, print b", "a\n");
    let graph = Graph::run("s :: Script(set a 1, end, set b 2);");
    assert_eq!(
        (graph.read("s.step").as_str(), graph.is_stopped()),
        ("3", false)
    );
}

#[test]
fn waits_take_their_time() {
    for (time, millis) in [
        ("2", 2000),
        ("1.5s", 1500),
        ("20ms", 20),
        ("3 sec", 3000),
        ("1min", 60_000),
        ("500us", 0),
        ("$t", 4000),
    ] {
        for word in ["wait", "wait_time", "pause"] {
            let text = format!(
                "w :: Switch(0); Idle -> w -> Discard; Script(set t 4, {word} {time}, write w.switch 7);"
            );
            let mut graph = Graph::run(&text);
            assert_eq!(graph.read("w.switch"), "0", "{word} {time}");
            assert_eq!(graph.next_timer(), Some(millis), "{word} {time}");
            graph.until(millis + 1);
            assert_eq!(graph.read("w.switch"), "7", "{word} {time}");
        }
    }
}

#[test]
fn loops_begin_again_after_each_wait() {
    let mut graph = Graph::run("f :: Feed -> k :: Keep; Script(write f.feed 01, wait 10ms, loop);");
    graph.until(35);
    graph.expect("k", ["01", "01", "01", "01"]);
    // One that never waits holds up nobody.
    let graph = Graph::idle(
        "s :: Script(label a, goto a); InfiniteSource(LIMIT 3, STOP true) -> d :: Discard;",
    );
    let mut graph = graph;
    graph.settle();
    assert!(graph.is_stopped());
    assert_eq!(graph.read("d.count"), "3");
}

#[test]
fn stop_stops_the_graph_and_what_comes_behind_it_is_not_done() {
    for class in ["Script", "DriverManager"] {
        let text = format!(
            "w :: Switch(0); Idle -> w -> Discard; s :: {class}(wait 1s, stop, write w.switch 1);"
        );
        let mut graph = Graph::run(&text);
        assert!(!graph.is_stopped());
        graph.until(1000);
        assert!(graph.is_stopped());
        assert_eq!(graph.read("w.switch"), "0", "{class}");
    }
    assert!(
        Graph::run("Script(write stop);").is_stopped(),
        "the handler of the graph"
    );
}

#[test]
fn a_driver_manager_that_is_through_stops_the_graph_and_a_script_does_not() {
    assert!(Graph::run("DriverManager;").is_stopped());
    assert!(Graph::run("DriverManager(set a 1);").is_stopped());
    assert!(Graph::run("DriverManager(goto e, wait 1s, label e);").is_stopped());
    assert!(!Graph::run("Script(set a 1);").is_stopped());
    assert!(!Graph::run("Script;").is_stopped());
    let mut graph = Graph::run("DriverManager(wait 1s);");
    graph.until(999);
    assert!(!graph.is_stopped());
    graph.until(1000);
    assert!(graph.is_stopped());
}

#[test]
fn handlers_say_where_a_script_is_and_move_it() {
    let text =
        "f :: Feed -> k :: Keep; s :: Script(write f.feed 01, wait 1s, write f.feed 02, wait 1s);";
    let mut graph = Graph::run(text);
    assert_eq!(graph.read("s.step"), "2");
    graph.write("s.run", "2");
    graph.expect("k", ["01", "02"]);
    graph.write("s.run", "");
    graph.expect("k", ["01", "02", "01"]);
    graph.write("s.run", "99");
    assert_eq!(graph.next_timer().map(|_| graph.is_stopped()), Some(false));
    assert!(graph.refuses("s.run", "soon").contains("found `soon`"));
}

#[test]
fn what_a_handler_refuses_ends_the_script_and_stops_the_graph() {
    for (script, message) in [
        (
            "write w.switch far, print on",
            "s: instruction 1: expected an integer, found `far`\n",
        ),
        (
            "print a, write nobody.there 1",
            "s: instruction 2: no element `nobody`\n",
        ),
        (
            "read w.there",
            "s: instruction 1: `w` has no read handler `there`\n",
        ),
        (
            "print $(d.reset_counts)",
            "s: instruction 1: `d` has no read handler `reset_counts`\n",
        ),
        (
            "print $nothing",
            "s: instruction 1: no variable `nothing`\n",
        ),
        (
            "wait soon",
            "s: instruction 1: expected a time such as `2`, `1.5s`, `20ms` or `3min`, found `soon`\n",
        ),
        (
            "write s.run 0",
            "s: instruction 1: `s` is being called: it cannot ask itself\n",
        ),
    ] {
        let (out, err) = says(script);
        assert_eq!(err, message, "{script}");
        assert!(!out.contains("on"), "{script}");
    }
    let graph = Graph::run("s :: Script(wait soon, wait 1);");
    assert!(graph.is_stopped());
    assert_eq!(graph.read("s.step"), "2");
}

#[test]
fn scripts_that_make_no_sense_are_refused() {
    for (script, message) in [
        ("jump", "expected an instruction, found `jump`"),
        ("wait", "expected `wait` with a time, found `wait`"),
        ("pause", "expected `pause` with a time, found `pause`"),
        ("read", "expected `read` with a handler, found `read`"),
        ("readq", "expected `readq` with a handler, found `readq`"),
        (
            "write",
            "expected `write` with a handler and a value, found `write`",
        ),
        ("set", "expected `set` with a name and a value, found `set`"),
        ("label", "expected `label` with a name, found `label`"),
        ("goto", "expected `goto` with a label, found `goto`"),
        ("goto nowhere", "no label `nowhere` to go to"),
        ("label a, label a", "two labels `a`"),
    ] {
        for class in ["Script", "DriverManager"] {
            let said = refused(&format!("{class}({script});"));
            assert!(said.contains(message), "{script}: {said}");
        }
    }
    assert!(refused("Script(jump);").contains("print, printn, read, readq, write"));
}

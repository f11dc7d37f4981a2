//! Script and DriverManager: what their instructions do, and when.

use crate::harness::{Graph, refused};
use crate::output::written;

/// What a script prints; what is wrong with it.
fn says(script: &str) -> (String, String) {
    written(&format!(
        "i :: Idle -> w :: Paint(3) -> d :: Discard; s :: Script({script});"
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
fn print_says_what_handlers_say() {
    prints("print w.color", "3\n");
    prints("printn w.color, print d.count", "30\n");
    prints("print \"w.color\"", "w.color\n");
    prints("print '\"w.color\"'", "\"w.color\"\n");
    prints("set x w.color, print $x, print $($x)", "w.color\n3\n");
    prints("print add 1 2, print s.add 1 2", "3\n3\n");
    prints("print at $(w.color) of $(w.name)", "at 3 of w\n");
    prints("print $(unquote \"a\\\")b\")", "a\")b\n");
}

#[test]
fn what_is_no_handler_is_a_text() {
    prints("print done.", "done.\n");
    prints(
        "print w.colour, print x.color of old",
        "w.colour\nx.color of old\n",
    );
    prints(
        "print d.reset_counts, print Done. w.color",
        "d.reset_counts\nDone. w.color\n",
    );
    // One that refuses says so.
    let (out, err) = says("print s.get nothing, print b");
    assert_eq!(out, "");
    assert!(err.contains("no variable `nothing`"), "{err}");
}

#[test]
fn read_tells_of_handlers_on_standard_error() {
    let expected = (String::new(), "w.color:\n3\nw.class:\nPaint\n".to_owned());
    assert_eq!(says("read w.color, readq w.class"), expected);
}

#[test]
fn files_are_written() {
    let file = std::env::temp_dir().join(format!("waypost-script-{}", std::process::id()));
    let name = file.display();
    prints(
        &format!(
            "print >{name} one, print >>{name} d.count, append w.color {name}, print > {name}.b $(w.color), save w.class {name}.c"
        ),
        "",
    );
    let read = |end: &str| {
        let path = format!("{name}{end}");
        let held = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        held
    };
    assert_eq!(
        [read(""), read(".b"), read(".c")],
        ["one\n0\n3\n", "3\n", "Paint\n"]
    );
    prints("save w.color -, save w.class", "3\nPaint\n");
    let (_, said) = says("set x 0123456789abcdef, label again, set x $x$x, goto again");
    assert_eq!(
        said,
        "s: instruction 3: a text becomes longer than 1048576 octets\n"
    );
    let (_, said) = says("print >/nowhere/at/all x");
    assert!(said.contains("cannot write `/nowhere/at/all`"), "{said}");
}

#[test]
fn write_changes_what_handlers_change() {
    prints("write w.color 1, print w.color", "1\n");
    prints("writeq w.color \"2\", print w.color", "2\n");
    prints("set n 5, write w.color $n, print w.color", "5\n");
    prints("write d.reset_counts, print done", "done\n");
}

#[test]
fn quotation_marks_stay_but_where_an_instruction_takes_them_off() {
    prints("set x \"$(d.count)\", print $x", "\"0\"\n");
    prints("setq x \"$(d.count)\", print $x", "0\n");
    prints("set x '$y', print $x \"<$x>\" '$x'", "'$y' <'$y'> $x\n");
}

#[test]
fn scripts_calculate() {
    prints(
        "set x 0, label begin_loop, print $x, set x $(s.add $x 1), goto begin_loop $(lt $x 3), print end",
        "0\n1\n2\nend\n",
    );
    prints("print $(div $(add 1 2) 2) $(if $(eq a b) x y)", "1.5 y\n");
    prints(
        "print $(sprintf \"%03d\" $(w.color)), print $(random 1), print $(random 4 4)",
        "003\n0\n4\n",
    );
    let graph = Graph::run("s :: Script(set x 7);");
    assert_eq!(
        graph.all(["s.add 1 2.5", "s.get x", "s.type"]),
        "3.5 7 ACTIVE"
    );
    let mut graph = graph;
    graph.write("s.set", "x a b");
    assert_eq!(graph.read("s.get x"), "a b");
    graph.until(1500);
    assert_eq!(graph.read("s.now"), "1.500000000");
}

#[test]
fn what_is_initialized_is_so_before_the_script_begins() {
    prints(
        "print $x, set x 2, init x 1, export y $x, print $x $y",
        "1\n2 1\n",
    );
}

#[test]
fn variables_are_put_in_where_they_are_named() {
    prints("set a 1, set b ${a}2, print $b$a ${b}x $a.", "121 12x 1.\n");
    prints("set $a 1, set a 2, print $a", "2\n");
    prints(
        "set h $(w.color), write w.color 0, print $h $(w.color)",
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
        "set go 1, label again, print x, goto out $(w.color), label out, print y",
        "x\ny\n",
    );
}

#[test]
fn end_and_exit_end_it() {
    prints("print a, end, print b", "a\n");
    prints("print a, exit, print b", "a\n");
    prints("print a, goto end, print b", "a\n");
    prints("print a, goto exit $(w.color), print b", "a\n");
    prints("print a, goto end false, print b", "a\nb\n");
    prints(
        "init n 0, goto end $(ge $n 2), print $n, set n $(add $n 1), loop",
        "0\n1\n",
    );
    let (out, err) = says("print a, error went $(d.count) wrong, print b");
    assert_eq!((&*out, &*err), ("a\n", "s: went 0 wrong\n"));
    assert_eq!(says("goto error, print b"), (String::new(), String::new()));
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
        for word in ["wait", "wait_time", "wait_for"] {
            let text = format!(
                "w :: Paint(0); Idle -> w -> Discard; Script(set t 4, {word} {time}, write w.color 7);"
            );
            let mut graph = Graph::run(&text);
            assert_eq!(graph.read("w.color"), "0", "{word} {time}");
            assert_eq!(graph.next_timer(), Some(millis), "{word} {time}");
            graph.until(millis + 1);
            assert_eq!(graph.read("w.color"), "7", "{word} {time}");
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
            "w :: Paint(0); Idle -> w -> Discard; s :: {class}(wait 1s, stop, write w.color 1);"
        );
        let mut graph = Graph::run(&text);
        assert!(!graph.is_stopped());
        graph.until(1000);
        assert!(graph.is_stopped());
        assert_eq!(graph.read("w.color"), "0", "{class}");
    }
    assert!(
        Graph::run("Script(write stop);").is_stopped(),
        "the handler of the graph"
    );
}

#[test]
fn a_driver_manager_that_is_through_stops_the_graph_and_a_script_does_not() {
    assert!(
        !Graph::run("DriverManager;").is_stopped(),
        "it waits for a stop"
    );
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
    let text = "f :: Feed -> k :: Keep; s :: Script(write f.feed 01, wait 1s, label b, write f.feed 02, wait 1s);";
    let mut graph = Graph::run(text);
    assert_eq!(graph.read("s.step"), "2");
    graph.write("s.goto", "b");
    graph.expect("k", ["01", "02"]);
    graph.write("s.run", "");
    graph.expect("k", ["01", "02", "01"]);
    graph.write("s.step", "");
    graph.expect("k", ["01", "02", "01", "02"]);
    assert_eq!(graph.read("s.step"), "5");
    graph.write("s.step", "");
    graph.until(5000);
    assert_eq!(graph.number("k.count"), 4);
    assert!(graph.refuses("s.goto", "c").contains("no label `c`"));
    assert!(graph.refuses("s.step", "soon").contains("found `soon`"));
}

#[test]
fn pauses_wait_for_steps() {
    for pause in ["pause", "wait", "wait_step", "wait_stop 1"] {
        let text = format!(
            "f :: Feed -> k :: Keep; s :: Script({pause}, write f.feed 01, pause 2, write f.feed 02);"
        );
        let mut graph = Graph::run(&text);
        assert_eq!(graph.number("k.count"), 0, "{pause}");
        for count in [1, 1, 2, 2] {
            graph.write("s.step", "");
            assert_eq!(graph.number("k.count"), count, "{pause}");
        }
        let mut graph = Graph::run(&text);
        graph.write("s.step", "2");
        assert_eq!(graph.number("k.count"), 1, "{pause}");
        graph.write("s.step", "5");
        assert_eq!(graph.number("k.count"), 2, "{pause}");
    }
}

#[test]
fn a_passive_script_runs_when_it_is_told_to_and_returns_a_value() {
    let text = "f :: Feed -> k :: Keep;
         s :: Script(TYPE PASSIVE, write f.feed $1, returnq \"$# of $args: $2\", write f.feed ff);";
    let mut graph = Graph::run(text);
    assert_eq!(graph.all(["k.count", "s.run", "s.type"]), "0  PASSIVE");
    graph.write("s.run", "01 b c");
    graph.write("s.run", "02");
    graph.expect("k", ["01", "02"]);
    assert_eq!(graph.read("s.run"), "1 of 02: ");
    let (out, _) = says(
        "write t.run 5, print $(t.run), write t.run 6, print $(t.run)); t :: Script(TYPE PASSIVE, return $(add $1 1)",
    );
    assert_eq!(out, "6\n7\n", "others run before it goes on");
}

#[test]
fn a_driver_manager_has_the_say_when_others_ask_for_a_stop() {
    let source = "i :: InfiniteSource(LIMIT 3, STOP true) -> d :: Discard;";
    let stops = |driver: &str, prints: &str| {
        let text = format!("{source} m :: {driver};");
        let (out, _) = written(&format!("{text} Script(wait 9, print $(m.step));"));
        assert_eq!(out, prints, "{driver}");
    };
    stops("DriverManager(wait_stop, print $(d.count), stop)", "3\n");
    stops("DriverManager(pause, print $(d.count))", "3\n");
    stops("Script(TYPE DRIVER, wait 100, print waited)", "waited\n");
    stops("DriverManager", "");
    // The second stop never comes.
    stops("DriverManager(wait_stop 2, print never)", "0\n");
    stops(
        "DriverManager(wait_stop, write i.reset, wait_stop, print $(d.count))",
        "6\n",
    );
    // A script's stop is one like others, but not that of the manager.
    let (out, _) =
        written("Script(wait 1, stop); DriverManager(wait_stop, wait 1, print waited, stop);");
    assert_eq!(out, "waited\n");
}

#[test]
fn what_a_handler_refuses_ends_the_script_and_stops_the_graph() {
    for (script, message) in [
        (
            "write w.color far, print on",
            "s: instruction 1: expected a number from 0 to 255, found `far`\n",
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
            "goto a perhaps, label a",
            "s: instruction 1: expected a condition, found `perhaps`\n",
        ),
        (
            "print $(mod 1 0)",
            "s: instruction 1: the result is no number of 64 bits\n",
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
        (
            "wait_for",
            "expected `wait_for` with a time, found `wait_for`",
        ),
        (
            "pause 1s",
            "expected `pause` with a number of steps, found `pause 1s`",
        ),
        ("stop now", "expected `stop` alone, found `stop now`"),
        ("TYPE PACKET", "expected TYPE ACTIVE, PASSIVE or DRIVER"),
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

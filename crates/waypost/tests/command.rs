//! The command as its users meet it: what it prints, and with which status it ends.

mod transcript;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use insta::assert_snapshot;
use transcript::{transcript, waypost};

const CHAIN: &str = "InfiniteSource(LIMIT 5, STOP true) -> c :: Counter -> Discard";

/// All that it said, and the status.
fn said(words: &[&str]) -> String {
    transcript(&waypost(words).output().unwrap(), str::to_owned)
}

#[test]
fn a_graph_runs_and_is_read() {
    assert_snapshot!(said(&["graph", "run", "-e", CHAIN, "-h", "c.count"]), @r"
        5
        status 0
        ");
    assert_snapshot!(said(&["graph", "run", "-e", CHAIN, "-h", "c.count", "--read", "c.byte_count"]), @r"
        c.count:
        5

        c.byte_count:
        320
        status 0
        ");
    assert_snapshot!(said(&["graph", "run", "-e", CHAIN, "--statistics"]), @r"
        element           class                  calls         packets     dropped
        InfiniteSource@1  InfiniteSource             1               5           0
        c                 Counter                    1               5           0
        Discard@3         Discard                    1               5           0
        status 0
        ");
}

#[test]
fn several_elements_are_read_by_a_pattern_or_a_class() {
    let text =
        "InfiniteSource(LIMIT 5, STOP true) -> c1 :: Counter -> c2 :: Counter -> d :: Discard";
    let read = |handlers: &[&str]| {
        let mut words = vec!["graph", "run", "-j", "2", "-e", text];
        handlers.iter().for_each(|it| words.extend(["-h", it]));
        said(&words)
    };
    let counters = "c1.count:\n5\n\nc2.count:\n5\nstatus 0";
    for asked in ["c*.count", "Counter.count", "c[0-9].count", "c?.count"] {
        assert_eq!(read(&[asked]), counters, "{asked}");
    }
    // Those that have no such handler are left out.
    assert_snapshot!(read(&["*.byte_count", "d.count"]), @r"
        c1.byte_count:
        320

        c2.byte_count:
        320

        d.count:
        5
        status 0
        ");
    assert_snapshot!(read(&["x*.count"]), @r"
        error: --read x*.count: no element's name is like `x*`; `waypost graph flatten` shows all names
        status 1
        ");
    assert_snapshot!(read(&["c?.cuont"]), @r"
        error: --read c?.cuont: no element like `c?` has a read handler `cuont`
        status 1
        ");
    assert_snapshot!(read(&["Counter.cuont"]), @r"
        error: --read Counter.cuont: no element of class `Counter` has a read handler `cuont`
        status 1
        ");
}

#[test]
fn variables_come_from_the_command_line() {
    let text = "InfiniteSource(LIMIT $N, STOP true) -> c :: Counter -> Discard";
    assert_snapshot!(said(&["graph", "run", "-e", text, "N=7", "-h", "c.count"]), @r"
        7
        status 0
        ");
    assert_snapshot!(said(&["graph", "run", "-e", text, "-h", "c.count"]), @r"
        undefined-variable

          ⚠ command line:1:22: warning: `$N` is not defined and stays as it is written
           ╭─[command line:1:22]
         1 │ InfiniteSource(LIMIT $N, STOP true) -> c :: Counter -> Discard
           ·                      ──
           ╰────
        configuration

          × command line:1:16: `InfiniteSource@1` (InfiniteSource): expected an integer for LIMIT, found
          │ `$N`
           ╭─[command line:1:16]
         1 │ InfiniteSource(LIMIT $N, STOP true) -> c :: Counter -> Discard
           ·                ────┬───
           ·                    ╰── this argument
           ╰────
        1 mistake: nothing was run
        status 1
        ");
}

#[test]
fn a_text_comes_from_standard_input() {
    let mut child = waypost(&["graph", "run", "-", "-h", "c.count"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(CHAIN.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "5\n");
}

#[test]
fn mistakes_in_a_text_are_shown() {
    assert_snapshot!(said(&["graph", "check", "-e", "InfiniteSource -> Quue -> Discard"]), @r"
        undeclared-element

          × command line:1:19: undeclared element `Quue`
           ╭─[command line:1:19]
         1 │ InfiniteSource -> Quue -> Discard
           ·                   ──┬─
           ·                     ╰── neither an element nor an element class
           ╰────
          help: did you mean `Queue`?
        1 mistake: nothing was run
        status 1
        ");
    assert_snapshot!(said(&["graph", "run", "-e", "InfiniteSource(LIMT 3) -> Discard"]), @r"
        configuration

          × command line:1:16: `InfiniteSource@1` (InfiniteSource): unknown keyword `LIMT`: did you mean
          │ `LIMIT`?
           ╭─[command line:1:16]
         1 │ InfiniteSource(LIMT 3) -> Discard
           ·                ───┬──
           ·                   ╰── this argument
           ╰────
        1 mistake: nothing was run
        status 1
        ");
    assert_snapshot!(said(&["graph", "check", "no-such-file.click"]), @r"
        error: cannot read `no-such-file.click`: No such file or directory (os error 2)
        status 1
        ");
    assert_snapshot!(said(&["graph", "check", "a.click", "b.click"]), @r"
        error: `b.click` is a second text: the first came from an earlier argument
        status 1
        ");
    assert_snapshot!(said(&["graph", "check"]), @r"
        error: no text: name a file, `-` for standard input, or give it with -e TEXT
        status 1
        ");
}

#[test]
fn a_text_without_mistakes_is_counted() {
    assert_snapshot!(said(&["graph", "check", "-e", CHAIN]), @r"
        3 elements, 2 connections, no mistakes
        status 0
        ");
}

#[test]
fn all_mistakes_in_arguments_are_shown() {
    let text = "FromDump(/nope, SAMPLE 2) -> IPClassifier(rubbish here) -> Queue(-5) -> EtherEncap(zz) -> Discard;
FromDevice(eth0, METHOD AF_XDP, MODE SLOW) -> ToDevice(eth0, BURST 0); KernelTap(10.0.0.1) -> ToDump(x, y)";
    // Each in one line, however long it is.
    let said = said(&["graph", "check", "-e", text]).replace('│', " ");
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for mistake in [
        "`FromDump@1` (FromDump): expected SAMPLE from 0 to 1, found `2`",
        "(IPClassifier)",
        "(Queue)",
        "(EtherEncap): expected an ETHERTYPE such as 0x0800, found `zz`",
        "(EtherEncap): expected an argument SRC, found none",
        "(EtherEncap): expected an argument DST, found none",
        "(FromDevice): expected MODE NATIVE or GENERIC, found `SLOW`",
        "(ToDevice): expected BURST of at least one packet, found `0`",
        "(KernelTap): expected an address with its prefix",
        "(ToDump)",
    ] {
        assert!(said.contains(mistake), "{mistake}: {said}");
    }
    assert!(
        said.ends_with("10 mistakes: nothing was run status 1"),
        "{said}"
    );
}

#[test]
fn a_text_is_checked_where_its_files_and_interfaces_are_not() {
    let folder = std::env::temp_dir().join(format!("waypost-check-{}", std::process::id()));
    let text = "FromDump(DIR/in.pcap, STOP true) -> ToDump(DIR/out.pcap);
        FromDevice(nosuch0, PROMISC true) -> ToDevice(nosuch0);
        FromDevice(nosuch1, METHOD AF_XDP, QUEUE 9) -> ToDevice(nosuch1, METHOD AF_XDP);
        KernelTap(10.0.0.1/24, NETNS nosuch) -> IPPrint(OUTFILE DIR/text) -> Discard;
        Script(print >DIR/said \"x\", stop)";
    let text = text.replace("DIR", folder.to_str().unwrap());
    assert_snapshot!(said(&["graph", "check", "-e", &text]), @r"
        10 elements, 5 connections, no mistakes
        status 0
        ");
    assert!(!folder.exists());
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
    for (example, counted) in [
        ("router.click", "39 elements, 54 connections"),
        ("sim/host.click", "elements"),
    ] {
        let said = said(&["graph", "check", &format!("{examples}/{example}")]);
        assert!(said.contains(counted), "{said}");
        assert!(said.ends_with("no mistakes\nstatus 0"), "{said}");
    }
}

#[test]
fn the_example_s_prefixes_are_as_long_as_it_is_told() {
    let router = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/router.click");
    let words = ["A_IP=10.3.7.1", "A_LEN=16", "B_LEN=28"];
    let flat = said(&[&["graph", "flatten", router], &words[..]].concat());
    for expected in [
        "check :: CheckIPHeader(INTERFACES 10.3.7.1/16 10.2.0.1/28);",
        "RadixIPLookup(10.3.7.1/32 0, 10.2.0.1/32 0, 10.3.7.1/16 1, 10.2.0.1/28 2, 0.0.0.0/0 3);",
    ] {
        assert!(flat.contains(expected), "{flat}");
    }
    let run = [&["graph", "check", router], &words[..]].concat();
    assert!(said(&run).ends_with("no mistakes\nstatus 0"));
}

#[test]
fn what_a_run_cannot_do_is_said() {
    assert_snapshot!(said(&["graph", "run", "-e", CHAIN, "-h", "d.count"]), @r"
        error: --read d.count: no element `d`
        status 1
        ");
    assert_snapshot!(said(&["graph", "run", "-e", CHAIN, "-h", "c.cuont"]), @r"
        error: --read c.cuont: `c` has no read handler `cuont`
        status 1
        ");
    assert_snapshot!(said(&["graph", "run", "-e", CHAIN, "--trace", "d"]), @r"
        error: no element `d`; `waypost graph flatten` shows all names
        status 1
        ");
    assert_snapshot!(said(&["graph", "run", "-e", CHAIN, "--trace", "c:many"]), @r"
        error: --trace c:many: expected a number behind `:`
        status 1
        ");
    assert_snapshot!(said(&["graph", "run", "-e", CHAIN, "-j", "0"]), @r"
        error: invalid value '0' for '--threads <THREADS>': 0 is not in 1..=256

        For more information, try '--help'.
        status 2
        ");
}

#[test]
fn compounds_are_flattened() {
    let text = "elementclass A { $n | input -> Counter -> Strip($n) -> output } InfiniteSource -> A(14) -> Discard";
    assert_snapshot!(said(&["graph", "flatten", "-e", text]), @r"
        InfiniteSource@1 :: InfiniteSource;
        Discard@3 :: Discard;
        A@2/Counter@1 :: Counter;
        A@2/Strip@2 :: Strip(14);

        InfiniteSource@1 -> A@2/Counter@1;
        A@2/Counter@1 -> A@2/Strip@2;
        A@2/Strip@2 -> Discard@3;
        status 0
        ");
}

#[test]
fn a_graph_is_drawn() {
    let dot = said(&["graph", "dot", "-e", CHAIN]);
    assert!(
        dot.starts_with("digraph") && dot.contains("<b>c</b>"),
        "{dot}"
    );
    let svg = said(&["graph", "dot", "--svg", "-e", CHAIN]);
    assert!(svg.starts_with("<svg") && svg.contains("Counter"), "{svg}");
}

#[test]
fn elements_are_explained() {
    assert_snapshot!(said(&["graph", "elements", "Null"]), @r"
        ## Null

        Ports `1`, processing `a/a`, flow `x/x`.

        Passes packets on unchanged.
        status 0
        ");
    assert_snapshot!(said(&["graph", "elements", "Coutner"]), @r"
        error: no element class `Coutner`; did you mean `Counter`?
        status 1
        ");
    assert_snapshot!(said(&["graph", "elements", "Quue"]), @r"
        error: no element class `Quue`; did you mean `Queue`?
        status 1
        ");
    assert_snapshot!(said(&["graph", "elements", "etherencap"]), @r"
        error: no element class `etherencap`; did you mean `EtherEncap`?
        status 1
        ");
    assert_snapshot!(said(&["graph", "elements", "iplook"]), @r"
        error: no element class `iplook`; did you mean `DirectIPLookup`, `LinearIPLookup`, `RadixIPLookup`?
        status 1
        ");
    assert_snapshot!(said(&["graph", "elements", "nonsense"]), @r"
        error: no element class `nonsense`; `waypost graph elements` lists all
        status 1
        ");
    let all = said(&["graph", "elements"]);
    assert!(
        all.lines().count() > 45 && all.contains("ARPQuerier"),
        "{all}"
    );
}

#[test]
fn packets_are_followed() {
    // The time is the clock's.
    let steps = said(&["graph", "trace", "-e", CHAIN, "--from", "c", "--count", "2"]);
    let steps = steps.lines().map(|line| {
        let mut words: Vec<&str> = line.split(' ').collect();
        if words[0].starts_with('#') {
            words[1] = "…s";
        }
        words.join(" ")
    });
    assert_snapshot!(steps.collect::<Vec<_>>().join("\n"), @r"
        #1 …s c [0] 64 octets
        #2 …s c [0] 64 octets
        #1 …s Discard@3 [0] 64 octets
        #2 …s Discard@3 [0] 64 octets
        status 0
        ");
}

#[test]
fn the_following_of_packets_ends_when_its_time_is_over() {
    let seconds = |seconds| {
        let idle = "Idle -> c :: Counter -> Discard";
        [
            "graph",
            "trace",
            "-e",
            idle,
            "--from",
            "c",
            "--seconds",
            seconds,
        ]
    };
    // It begins first, and would end first if both had the same time.
    let mut long = waypost(&seconds("3600"));
    let mut long = long.stdout(Stdio::null()).spawn().unwrap();
    let short = said(&seconds("0.1"));
    let ended = long.try_wait().unwrap();
    long.kill().unwrap();
    long.wait().unwrap();
    assert_eq!((short.as_str(), ended), ("status 0", None));
    assert!(said(&seconds("0")).contains("--seconds 0: expected more than 0"));
}

#[test]
fn the_time_in_elements_is_measured_where_it_is_asked_for() {
    let read = |words: &[&str]| {
        let run = ["graph", "run", "-e", CHAIN, "-h", "c.nanoseconds"];
        let said = said(&[&run[..], words].concat());
        let number = said.strip_suffix("\nstatus 0").expect("a number");
        number.parse::<u64>().expect("a number")
    };
    assert_eq!(read(&[]), 0);
    assert!(read(&["--profile"]) > 0);
}

#[test]
fn signals_are_obeyed() {
    let endless = "InfiniteSource -> c :: Counter -> Discard";
    let mut child = waypost(&["graph", "run", "--announce", "-e", endless, "-h", "c.count"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "running\n");
    let id = rustix::process::Pid::from_child(&child);
    // The worker may be told to stop before its first round: it is asked until it has done one.
    let mut passed = 0;
    while passed == 0 {
        rustix::process::kill_process(id, rustix::process::Signal::USR1).unwrap();
        let table: Vec<String> = errors
            .by_ref()
            .lines()
            .take(4)
            .map(Result::unwrap)
            .collect();
        assert!(table[0].starts_with("element"), "{table:?}");
        let counter = table[2].split_whitespace().collect::<Vec<_>>();
        assert_eq!(counter[..2], ["c", "Counter"]);
        passed = counter[3].parse().unwrap();
    }
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert!(rest.trim().parse::<u64>().unwrap() > 0, "{rest}");
    assert!(child.wait().unwrap().success());
}

#[test]
fn what_each_worker_has_counted_is_told() {
    // The source runs on the first worker alone.
    assert_snapshot!(said(&["graph", "run", "-j", "2", "-e", CHAIN, "--statistics"]), @r"
        element           class                  calls         packets     dropped
        InfiniteSource@1  InfiniteSource             1               5           0
          worker 0                                   1               5           0
        c                 Counter                    1               5           0
          worker 0                                   1               5           0
        Discard@3         Discard                    1               5           0
          worker 0                                   1               5           0
        status 0
        ");
    // Asked while it runs, until both workers have done something.
    let text = "InfiniteSource -> c :: Counter -> Discard";
    let mut child = waypost(&["graph", "run", "-j", "2", "--announce", "-e", text])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    let id = rustix::process::Pid::from_child(&child);
    let ask = || rustix::process::kill_process(id, rustix::process::Signal::USR1).unwrap();
    let errors = BufReader::new(child.stderr.take().unwrap());
    let (mut inside, mut sum, mut each) = (false, 0, Vec::new());
    ask();
    for line in errors.lines().map(Result::unwrap) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["element", ..] => ask(),
            ["c", "Counter", _, packets, _] => {
                (inside, sum) = (true, packets.parse::<u64>().unwrap());
                each.clear();
            }
            ["worker", _, _, packets, _] if inside => each.push(packets.parse::<u64>().unwrap()),
            _ => inside = false,
        }
        if each.len() == 2 {
            break;
        }
    }
    assert_eq!(each.iter().sum::<u64>(), sum, "{each:?}");
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn all_ways_to_run_count_the_same() {
    for more in [
        &["-j", "2"][..],
        &["--tokio"],
        &["-j", "2", "--tokio"],
        &["--busy"],
        &["--batch", "1"],
    ] {
        let mut words = vec!["graph", "run", "-e", CHAIN, "-h", "c.count"];
        words.extend(more);
        assert_eq!(said(&words), "5\nstatus 0", "{more:?}");
    }
}

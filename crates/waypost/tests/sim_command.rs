//! `waypost sim` as its users meet it: what it prints, what it writes, and with which status it ends.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use insta::assert_snapshot;
use waypost::device::pcap::Reader;

/// A folder of a test's own, which is gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("waypost-sim-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> String {
        fs::write(self.0.join(name), text).unwrap();
        name.to_owned()
    }

    /// Runs a command in the folder.
    fn sim(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_waypost"));
        command.arg("sim").args(words).stdin(Stdio::null());
        command.env("NO_COLOR", "1").env("COLUMNS", "100");
        command.current_dir(&self.0);
        command
    }

    /// Standard output, standard error but for what the clock says, and the status.
    fn said(&self, words: &[&str]) -> String {
        let output = self.sim(words);
        let text = |octets: &[u8]| {
            let text = String::from_utf8_lossy(octets);
            let lines = text.lines().filter(|it| !it.starts_with("took "));
            // What exactly the digest covers is the simulator's affair.
            let lines = lines.map(|line| match line.split_once("digest  ") {
                Some(("", digest)) if digest.len() == 16 => "digest  …",
                _ => line.trim_end(),
            });
            lines.collect::<Vec<_>>().join("\n")
        };
        let parts = [
            text(&output.stdout),
            text(&output.stderr),
            format!("status {}", output.status.code().unwrap_or(-1)),
        ];
        let parts: Vec<String> = parts.into_iter().filter(|it| !it.is_empty()).collect();
        parts.join("\n")
    }

    /// All files below a folder in it, with what is in them.
    fn files(&self, below: &str) -> Vec<(String, Vec<u8>)> {
        let mut files = Vec::new();
        for entry in fs::read_dir(self.0.join(below)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            files.push((name, fs::read(path).unwrap()));
        }
        files.sort();
        files
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn example(name: &str) -> String {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/sim");
    examples.join(name).display().to_string()
}

/// Two hosts that talk, over a wire that loses one frame of a hundred.
const TWO: &str = r#"
until = "10s"
[talker.a]
ask = ["b"]
[talker.b]
[link.wire]
ends = ["a", "b"]
delay = "5ms"
loss = "1%"
"#;

#[test]
fn the_examples_run_and_what_they_expect_holds() {
    let folder = Folder::new("examples");
    for (name, files) in [
        (
            "bottleneck.toml",
            ["bottleneck.pcapng", "bottleneck.svg", "report.txt"],
        ),
        ("router.toml", ["a.pcapng", "report.txt", "router.svg"]),
    ] {
        let output = folder.sim(&[&example(name), "--out", name]);
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(
            said.contains("  holds  ") && !said.contains("FAILS"),
            "{said}"
        );
        let written = folder.files(name);
        let names: Vec<_> = written.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, files);
    }
}

#[test]
fn what_is_written_about_the_examples_is_what_they_do() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = Folder::new("written");
    std::os::unix::fs::symlink(root.join("examples"), folder.0.join("examples")).unwrap();
    let mut count = 0;
    for page in [
        "docs/simulation.md",
        "README.md",
        "examples/sim/bottleneck.toml",
        "examples/sim/flaky.toml",
        "examples/sim/router.toml",
    ] {
        for line in fs::read_to_string(root.join(page)).unwrap().lines() {
            let line = line.trim_start_matches(['#', '$', ' ']);
            let line = line.strip_prefix("target/release/").unwrap_or(line);
            let Some(words) = line.strip_prefix("waypost sim examples/") else {
                continue;
            };
            let words: Vec<_> = words.split_whitespace().collect();
            let file = format!("examples/{}", words[0]);
            let output = folder.sim(&[&[file.as_str()], &words[1..]].concat());
            // The flaky one is there to fail.
            let status = i32::from(file.contains("flaky"));
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(status), "{page}: {line}: {said}");
            count += 1;
        }
    }
    assert!(count >= 8, "{count}");
}

#[test]
fn the_same_seed_gives_the_same_octets() {
    let folder = Folder::new("same");
    for name in ["bottleneck.toml", "router.toml", "flaky.toml"] {
        let run = |seed: &str, out: &str| {
            let log = format!("{out}/log");
            let words = [&example(name), "--seed", seed, "--out", out, "--log", &log];
            let output = folder.sim(&words);
            assert!(output.status.code().is_some_and(|it| it < 2));
            (output.stdout, folder.files(out))
        };
        let first = run("7", &format!("{name}-1"));
        assert!(first.1.iter().all(|(_, octets)| !octets.is_empty()));
        assert!(first == run("7", &format!("{name}-2")), "{name}");
        assert!(first.1 != run("8", &format!("{name}-3")).1, "{name}");
    }
}

#[test]
fn a_report_says_what_became_of_frames() {
    let folder = Folder::new("report");
    let text = format!(
        "{TWO}[end]\nread = [\"wire/lost\"]\nexpect = [\"a/requests > b/answered\", \"wire/sent == 0\"]\n"
    );
    let file = folder.file("two.toml", &text);
    assert_snapshot!(folder.said(&[&file]), @r"
        two.toml, seed 1
        time    10s
        events  258
        digest  …

        link  from        sent   delivered     dropped
        wire  a             86          85           1  1 lost
        wire  b             85          85           0

        node  kind    counters
        a     talker  requests 86, replies 85, answered 0, ignored 0
        b     talker  requests 0, replies 0, answered 85, ignored 0

        figure     value
        wire/lost  1

        expectations
          holds  a/requests > b/answered
          FAILS  wire/sent == 0: found 171, expected == 0
        error: 1 of 2 expectations failed
          wire/sent == 0: found 171, expected == 0
        status 1
        ");
    let output = folder.sim(&[&file, "--json", "--until", "5s"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["nanoseconds"], 5_000_000_000_u64);
    assert_eq!(report["expectations"][1]["holds"], false);
    assert_eq!(report["links"][0]["from"], "a");
    assert!(report["clock"]["events-per-second"].as_f64().unwrap() > 0.0);
}

#[test]
fn mistakes_are_shown_all_at_once() {
    let folder = Folder::new("mistakes");
    let file = folder.file(
        "wrong.toml",
        r#"seed = 1
until = "10"

[graph.router]
text = '''
FromDevice(eth0) -> c :: Countr -> Discard;
'''

[switch.hub]

[link.uplink]
ends = ["ruoter", "hub"]
rate = 100
deley = "5ms"

[link.a]
ends = ["router:eth0", "hub:1"]

[link.b]
ends = ["hub:1", "router:eth7"]

[faults]
script = '''
at 1s for 1s down uplnk
'''

[end]
expect = ["hub/fowarded > 1"]
"#,
    );
    assert_snapshot!(folder.said(&[&file]), @r#"
          × wrong.toml:2:9: `until`: expected a time such as `5ms`, in ns, us, ms, s, min or h, found `10`
           ╭─[wrong.toml:2:9]
         1 │ seed = 1
         2 │ until = "10"
           ·         ────
         3 │
           ╰────
          × wrong.toml:6:26: unknown element class `Countr`
           ╭─[wrong.toml:6:26]
         5 │ text = '''
         6 │ FromDevice(eth0) -> c :: Countr -> Discard;
           ·                          ───┬──
           ·                             ╰── not an element class
         7 │ '''
           ╰────
          help: did you mean `Counter`?
          × wrong.toml:12:9: no node is named `ruoter`
            ╭─[wrong.toml:12:9]
         11 │ [link.uplink]
         12 │ ends = ["ruoter", "hub"]
            ·         ────────
         13 │ rate = 100
            ╰────
          help: did you mean `router`?
          × wrong.toml:13:8: `rate`: expected a rate such as `"10Mbps"`, with a unit, found the number 100
            ╭─[wrong.toml:13:8]
         12 │ ends = ["ruoter", "hub"]
         13 │ rate = 100
            ·        ───
         14 │ deley = "5ms"
            ╰────
          × wrong.toml:14:1: unknown key `deley` in [link.NAME]
            ╭─[wrong.toml:14:1]
         13 │ rate = 100
         14 │ deley = "5ms"
            · ─────
         15 │
            ╰────
          help: did you mean `delay`?
          × wrong.toml:20:9: port 1 of `hub` has a link already
            ╭─[wrong.toml:20:9]
         16 │ [link.a]
         17 │ ends = ["router:eth0", "hub:1"]
            ·                        ───┬───
            ·                           ╰── this one
         18 │
         19 │ [link.b]
         20 │ ends = ["hub:1", "router:eth7"]
            ·         ───────
         21 │
            ╰────
          × wrong.toml:20:18: `router` has no port `eth7`
            ╭─[wrong.toml:20:18]
         19 │ [link.b]
         20 │ ends = ["hub:1", "router:eth7"]
            ·                  ─────────────
         21 │
            ╰────
          help: graph `router` has the ports eth0
          × wrong.toml:24:1: no link is named `uplnk`
            ╭─[wrong.toml:24:1]
         23 │ script = '''
         24 │ at 1s for 1s down uplnk
            · ───────────────────────
         25 │ '''
            ╰────
          help: did you mean `uplink`?
          × wrong.toml:28:11: a switch counts no `fowarded`
            ╭─[wrong.toml:28:11]
         27 │ [end]
         28 │ expect = ["hub/fowarded > 1"]
            ·           ──────────────────
            ╰────
          help: did you mean `forwarded`?
        9 mistakes: nothing was run
        status 1
        "#);
    let file = folder.file("none.toml", "# Nothing yet.\n[switch.hub]\n");
    assert_snapshot!(folder.said(&[&file]), @r"
          × none.toml:1:1: the text itself has no `until`
           ╭─[none.toml:1:1]
         1 │ # Nothing yet.
           · ▲
         2 │ [switch.hub]
           ╰────
          help: expected `until`: time
        1 mistake: nothing was run
        status 1
        ");
    let file = folder.file("half.toml", "until = \"1s\n[link.a\n");
    assert_snapshot!(folder.said(&[&file]), @r#"
          × half.toml:1:12: invalid basic string, expected `"`
           ╭─[half.toml:1:12]
         1 │ until = "1s
           ·            ▲
         2 │ [link.a
           ╰────
          × half.toml:2:8: unclosed table, expected `]`
           ╭─[half.toml:2:8]
         1 │ until = "1s
         2 │ [link.a
           ·        ▲
           ╰────
        2 mistakes: nothing was run
        status 1
        "#);
}

#[test]
fn what_cannot_be_done_is_said() {
    let folder = Folder::new("cannot");
    let file = folder.file("two.toml", TWO);
    assert_snapshot!(folder.said(&["none.toml"]), @r"
        error: cannot read `none.toml`: No such file or directory (os error 2)
        status 1
        ");
    assert_snapshot!(folder.said(&[&file, "--seed", "-1"]), @r"
        error: invalid value '-1' for '--seed <N>': expected a whole number from 0 on and up to 18446744073709551615

        For more information, try '--help'.
        status 2
        ");
    assert_snapshot!(folder.said(&[&file, "--seeds", "5..5"]), @r"
        error: invalid value '5..5' for '--seeds <A..B>': expected seeds such as `0..100`: the first, and the one behind the last

        For more information, try '--help'.
        status 2
        ");
    assert_snapshot!(folder.said(&[&file, "--json", "--log", "-"]), @r"
        error: --json and `--log -` are both for standard output: expected one of them, or a file for the log
        status 1
        ");
    assert_snapshot!(folder.said(&[&file, "--until", "5"]), @r"
        error: invalid value '5' for '--until <TIME>': expected a time such as `5ms`, in ns, us, ms, s, min or h, found `5`

        For more information, try '--help'.
        status 2
        ");
    assert_snapshot!(folder.said(&[&file, "--set", "LOSS=1%"]), @r"
        error: --set LOSS=1%: `[variables]` has no `LOSS`
        status 1
        ");
    assert_snapshot!(folder.said(&[&file, "--seeds", "0..5"]), @r"
        error: --seeds: the text has no `expect`, so that no seed could fail
        status 1
        ");
    fs::write(folder.0.join("octets.toml"), b"until = \"1s\"\n# caf\xe9\n").unwrap();
    assert_snapshot!(folder.said(&["octets.toml"]), @r"
        error: `octets.toml` is no text: line 2 is not UTF-8
        status 1
        ");
    let capture = format!("{TWO}[[capture]]\nlink = \"wire\"\n");
    let capture = folder.file("capture.toml", &capture);
    assert_snapshot!(folder.said(&[&capture, "--out", "two.toml/sub"]), @r"
        error: cannot make the directory `two.toml/sub`: Not a directory (os error 20)
        status 1
        ");
}

#[test]
fn a_storm_is_told_and_what_was_is_reported() {
    let folder = Folder::new("storm");
    let text =
        format!("{TWO}[switch.x]\n[switch.y]\n[switch.z]\n[end]\nexpect = [\"a/replies > 0\"]\n");
    let text = text.replace("ends = [\"a\", \"b\"]", "ends = [\"a\", \"x\"]");
    let circle = ["xy", "yz", "zx"].map(|name| {
        let (a, b) = name.split_at(1);
        format!("[link.{name}]\nends = [\"{a}\", \"{b}\"]\n")
    });
    let file = folder.file("storm.toml", &format!("{text}{}", circle.concat()));
    let said = folder.said(&[&file]);
    assert!(said.contains(", then time stood still\n"), "{said}");
    assert!(said.contains("expectations were not looked at\n"), "{said}");
    assert!(said.contains("error: time stands still at "), "{said}");
    assert!(said.ends_with("status 1"), "{said}");
}

#[test]
fn a_full_disk_leaves_no_half_of_a_file() {
    let folder = Folder::new("full");
    let text = format!(
        "{TWO}[[capture]]\nlink = \"wire\"\n[[plot]]\nfile = \"wire.svg\"\nlines = [\"rtt a\"]\n"
    );
    let file = folder.file("two.toml", &text);
    fs::create_dir(folder.0.join("out")).unwrap();
    std::os::unix::fs::symlink("/dev/full", folder.0.join("out/wire.pcapng")).unwrap();
    let said = folder.said(&[&file, "--out", "out"]);
    assert!(
        said.starts_with("two.toml, seed 1\ntime    10s\n"),
        "{said}"
    );
    assert!(said.contains("wire.svg  1 lines\nerror: "), "{said}");
    let error =
        "error: cannot write `out/wire.pcapng`: No space left on device (os error 28)\nstatus 1";
    assert!(said.ends_with(error), "{said}");
    let entries = fs::read_dir(folder.0.join("out")).unwrap();
    let mut names: Vec<_> = entries.map(|it| it.unwrap().file_name()).collect();
    names.sort();
    // The first is the link to the full disk.
    assert_eq!(names, ["report.txt", "wire.pcapng", "wire.svg"]);
    let said = folder.said(&[&file, "--out", "new", "--log", "/dev/full"]);
    assert!(said.contains("wire.pcapng  "), "{said}");
    let error = "error: cannot write `/dev/full`: No space left on device (os error 28)\nstatus 1";
    assert!(said.ends_with(error), "{said}");
    assert_eq!(said.matches("error: ").count(), 1, "{said}");
}

/// A graph that makes packets, and one that gets them; both write them down, and the second begins anew in between.
const DUMPS: &str = r#"
until = "4s"
[graph.a]
text = "RatedSource(RATE 10, LIMIT 30) -> ToDump(x.pcap) -> ToDevice(eth0); Idle -> IPPrint(OUTFILE x.txt) -> Discard;"
[graph.b]
text = "FromDevice(eth0) -> c :: Counter -> ToDump(deep/x.pcapng) -> Discard;"
[link.wire]
ends = ["a", "b"]
delay = "5ms"
[faults]
script = "at 500ms for 500ms restart b"
"#;

#[test]
fn graphs_write_files_when_they_run_and_not_before() {
    let folder = Folder::new("dumps");
    fs::create_dir(folder.0.join("a")).unwrap();
    fs::write(folder.0.join("a/x.pcap"), "yesterday's").unwrap();
    let is_yesterdays = || fs::read(folder.0.join("a/x.pcap")).unwrap() == b"yesterday's";
    let wrong = folder.file(
        "wrong.toml",
        &format!("{DUMPS}[end]\nread = [\"b/c.cuont\"]\n"),
    );
    let said = folder.said(&[&wrong]);
    assert!(said.contains("nothing was run"), "{said}");
    assert!(is_yesterdays());
    let many = format!("{DUMPS}[end]\nexpect = [\"b/c.count > 0\"]\n");
    let many = folder.file("many.toml", &many);
    assert!(folder.sim(&[&many, "--seeds", "0..3"]).status.success());
    assert!(is_yesterdays());
    assert!(!folder.0.join("b").exists());
    let names = ["wrong.toml", "many.toml", "a"];
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), names.len());
    assert!(folder.sim(&[&many]).status.success());
    assert!(!is_yesterdays());
}

#[test]
fn what_graphs_write_is_the_same_when_the_run_is_repeated() {
    let folder = Folder::new("dumped");
    let text = format!("{DUMPS}[end]\nread = [\"b/c.count\"]\nexpect = [\"b/c.count == 20\"]\n");
    let file = folder.file("dumps.toml", &text);
    for out in ["one", "two"] {
        let said = folder.said(&[&file, "--out", out]);
        assert!(said.ends_with("status 0"), "{said}");
    }
    for name in ["a/x.pcap", "b/deep/x.pcapng"] {
        let octets = fs::read(folder.0.join("one").join(name)).unwrap();
        assert!(octets == fs::read(folder.0.join("two").join(name)).unwrap());
        let mut reader = Reader::new(&octets[..]).unwrap();
        let mut times = Vec::new();
        while let Some(record) = reader.next().unwrap() {
            times.push(record.time.as_unix_nanos());
        }
        let (count, first) = match name {
            "a/x.pcap" => (30, 0..200_000_000),
            // Its file begins anew when it does.
            _ => (20, 1_000_000_000..1_200_000_000),
        };
        assert_eq!(times.len(), count, "{name}: {times:?}");
        assert!(
            first.contains(&times[0]) && times.is_sorted(),
            "{name}: {times:?}"
        );
        assert!(times[count - 1] < 4_000_000_000, "{name}: {times:?}");
    }
    assert!(folder.0.join("one/a/x.txt").is_file());
}

#[test]
fn what_is_refused_in_the_middle_does_not_take_the_rest_with_it() {
    let folder = Folder::new("refused");
    let text = "until = \"3s\"\n[graph.g]\ntext = \"s :: RatedSource(RATE 10) -> ToDevice(eth0)\"\n\
                [talker.t]\n[link.wire]\nends = [\"g\", \"t\"]\n\
                [[write]]\nat = \"2s\"\nhandler = \"g/s.rate\"\nvalue = \"lots\"\n\
                [[capture]]\nlink = \"wire\"\n";
    let file = folder.file("g.toml", text);
    assert_snapshot!(folder.said(&[&file]), @r#"
        g.toml, seed 1
        time    2s, then stopped by an error
        events  43
        digest  …

        link  from        sent   delivered     dropped
        wire  g             21          21           0
        wire  t              0           0           0

        node  kind    counters
        g     graph   received 0, sent 21
        t     talker  requests 0, replies 0, answered 0, ignored 21

        expectations were not looked at

        file         holds
        wire.pcapng  21 frames
          × g.toml:10:9: write to g/s.rate at 2.000000000s: expected a number, found `lots`
            ╭─[g.toml:10:9]
          9 │ handler = "g/s.rate"
         10 │ value = "lots"
            ·         ──────
         11 │ [[capture]]
            ╰────
        status 1
        "#);
    let octets = fs::read(folder.0.join("wire.pcapng")).unwrap();
    let mut reader = Reader::new(&octets[..]).unwrap();
    assert!(reader.next().unwrap().is_some());
}

#[test]
fn no_two_write_into_one_file() {
    let folder = Folder::new("claims");
    let text = format!("{TWO}[[capture]]\nlink = \"wire\"\nfile = \"a/x.pcapng\"\n");
    let twice = format!("{text}[[plot]]\nfile = \"a//x.pcapng\"\nlines = []\n");
    let twice = folder.file("twice.toml", &twice);
    let said = folder.said(&[&twice]);
    assert!(said.contains("two are to write `a//x.pcapng`"), "{said}");
    let file = folder.file("two.toml", &text);
    for (log, named) in [
        ("./out/a//x.pcapng", "a/x.pcapng"),
        ("out/report.txt", "report.txt"),
    ] {
        let said = folder.said(&[&file, "--out", "out", "--log", log]);
        let expected = format!("error: --log: `{named}` is to be written there already\nstatus 1");
        assert_eq!(said, expected);
    }
    assert!(!folder.0.join("out").exists());
}

#[test]
fn a_capture_has_virtual_times() {
    let folder = Folder::new("capture");
    let text = format!("{TWO}[[capture]]\nlink = \"wire\"\nat = \"b\"\nfile = \"deep/b.pcapng\"\n");
    let file = folder.file("two.toml", &text);
    assert!(folder.sim(&[&file]).status.success());
    let octets = fs::read(folder.0.join("deep/b.pcapng")).unwrap();
    let mut reader = Reader::new(&octets[..]).unwrap();
    let (mut count, mut last) = (0, 0);
    while let Some(record) = reader.next().unwrap() {
        let nanos = record.time.as_unix_nanos();
        assert!(nanos >= last && nanos <= 10_000_000_000);
        (count, last) = (count + 1, nanos);
    }
    assert!(count > 100);
}

#[test]
fn a_text_comes_from_standard_input_and_its_log_goes_to_standard_output() {
    let folder = Folder::new("stdin");
    let mut child = folder
        .command(&["-", "--log", "-", "--until", "1s"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(TWO.as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        said.contains("standard input, seed 1\ntime    1s\n"),
        "{said}"
    );
    assert!(
        said.starts_with("0.0") && said.contains(" delivered"),
        "{said}"
    );
}

#[test]
fn variables_change_a_run() {
    let folder = Folder::new("variables");
    let text = TWO.replace("1%", "$LOSS");
    let end = "[variables]\nLOSS = \"100%\"\n[end]\nexpect = [\"wire/delivered == 0\"]\n";
    let text = format!("{text}{end}");
    let file = folder.file("two.toml", &text);
    assert!(folder.sim(&[&file]).status.success());
    assert_eq!(
        folder.sim(&[&file, "--set", "LOSS=0%"]).status.code(),
        Some(1)
    );
    assert_snapshot!(folder.said(&[&file, "--set", "LOS=0%"]), @r"
        error: --set LOS=0%: `[variables]` has no `LOS`: did you mean `LOSS`?
        status 1
        ");
    assert_snapshot!(folder.said(&[&file, "--set", "LOSS=lots"]), @r#"
          × two.toml:9:8: `loss`: expected a share such as `0.1%` or `1000ppm`, of whole ppm and up to
          │ 100%, found `lots`
            ╭─[two.toml:9:8]
          8 │ delay = "5ms"
          9 │ loss = "$LOSS"
            ·        ───────
         10 │ [variables]
            ╰────
        1 mistake: nothing was run
        status 1
        "#);
}

#[test]
fn a_seed_that_fails_is_found_and_its_faults_are_shrunk() {
    let folder = Folder::new("seeds");
    let flaky = fs::read_to_string(example("flaky.toml")).unwrap();
    let file = folder.file("flaky.toml", &flaky);
    let output = folder.sim(&[&file, "--seeds", "0..1000"]);
    assert_eq!(output.status.code(), Some(1));
    let found = String::from_utf8(output.stdout).unwrap();
    assert!(found.contains("less does not fail"), "{found}");
    // What is printed goes in place of what the text says about seed and faults, and fails as before.
    let (head, rest) = flaky.split_once("[faults.random]").unwrap();
    let (_, tail) = rest.split_once("# What is sent").unwrap();
    let (seed, faults) = found.split_once("\n[faults]\n").unwrap();
    let pasted = format!("{seed}\n{head}[faults]\n{faults}# What is sent{tail}");
    let pasted = folder.file("pasted.toml", &pasted);
    let again = folder.said(&[&pasted]);
    assert!(again.ends_with("status 1"), "{again}");
    let why = found.split_once("with these alone: ").unwrap().1;
    let why = why.lines().next().unwrap();
    assert!(again.contains(&format!("FAILS  {why}")), "{again}");
    let well = flaky.replace("core/dropped < 75", "core/dropped < 10000");
    let file = folder.file("well.toml", &well);
    assert_snapshot!(folder.said(&[&file, "--seeds", "0..20"]), @r"
        all expectations hold with 20 seeds
        status 0
        ");
}

#[test]
fn a_second_signal_leaves_no_halves() {
    let folder = Folder::new("halves");
    let second = "[[capture]]\nlink = \"wire\"\nfile = \"pipe\"\n";
    let text = format!("{TWO}[[capture]]\nlink = \"wire\"\n{second}");
    let file = folder.file("two.toml", &text);
    let made = Command::new("mkfifo").arg(folder.0.join("pipe")).status();
    assert!(made.unwrap().success());
    // It waits for a reader of the pipe, with the first capture begun.
    let mut child = folder.command(&[&file]).spawn().unwrap();
    let halves = || {
        let names = fs::read_dir(&folder.0).unwrap();
        let names = names.map(|it| it.unwrap().file_name().into_string().unwrap());
        names.filter(|it| it.starts_with(".wire")).count()
    };
    while halves() == 0 {
        assert!(child.try_wait().unwrap().is_none());
        std::thread::yield_now();
    }
    let id = rustix::process::Pid::from_child(&child);
    for signal in [rustix::process::Signal::INT, rustix::process::Signal::TERM] {
        rustix::process::kill_process(id, signal).unwrap();
    }
    let status = child.wait().unwrap().code();
    assert!(matches!(status, Some(130 | 143)), "{status:?}");
    assert_eq!(halves(), 0);
}

#[test]
fn a_signal_stops_it_and_what_was_is_reported() {
    let folder = Folder::new("signal");
    let text = format!("{TWO}[[capture]]\nlink = \"wire\"\n[end]\nexpect = [\"a/replies < 1\"]\n");
    let file = folder.file("two.toml", &text);
    let words = [file.as_str(), "--until", "1000000h", "--log", "-"];
    let mut child = folder
        .command(&words)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(rest.contains(", then stopped by a signal\n"));
    assert!(rest.contains("expectations were not looked at\n"));
    assert!(folder.0.join("wire.pcapng").is_file());
}

//! `waypost sim` as its users meet it: what it prints, what it writes, and with which status it ends.

mod files;
mod folder;
mod mistakes;
#[path = "../transcript/mod.rs"]
mod transcript;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use insta::assert_snapshot;

use folder::{Folder, TWO, example};

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
        error: 1 of 2 expectations failed: the report says which
        status 1
        ");
    let output = folder.sim(&[&file, "--out", "run"]);
    let (_, report) = &folder.files("run")[0];
    let fails = b"  FAILS  wire/sent == 0: found 171, expected == 0\n";
    assert!(report.windows(fails.len()).any(|it| it == fails));
    assert_eq!(output.stdout, *report);
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
        error: `--json` and `--log -` are both for standard output: expected one of them, or a file for the log

        Usage: waypost sim [OPTIONS] [FILE]

        For more information, try '--help'.
        status 2
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

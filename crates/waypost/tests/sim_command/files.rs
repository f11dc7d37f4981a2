//! What is written, and what is left when a run does not come to its end.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use insta::assert_snapshot;
use waypost::device::pcap::Reader;

use super::folder::{Folder, TWO};

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
    let plot =
        "[[plot]]\nfile = \"wire.svg\"\nevery = \"900000h\"\nlines = [\"rate wire from a\"]\n";
    let text =
        format!("{TWO}[[capture]]\nlink = \"wire\"\n{plot}[end]\nexpect = [\"a/replies < 1\"]\n");
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
    // The interval that was not over is drawn.
    let svg = fs::read_to_string(folder.0.join("wire.svg")).unwrap();
    assert!(svg.contains("<polyline points=\""), "{svg}");
    assert!(!svg.contains("<polyline points=\"\""), "{svg}");
}

#[test]
fn a_signal_ends_the_search_for_a_seed() {
    let folder = Folder::new("search");
    let file = folder.file(
        "two.toml",
        &format!("{TWO}[end]\nexpect = [\"a/replies > 0\"]\n"),
    );
    let seeds = format!("0..{}", u64::MAX);
    for (signal, status) in [
        (rustix::process::Signal::INT, 130),
        (rustix::process::Signal::TERM, 143),
    ] {
        let mut command = folder.command(&[&file, "--seeds", &seeds]);
        let child = command.stdout(Stdio::piped()).spawn().unwrap();
        let id = rustix::process::Pid::from_child(&child);
        // Once it listens to this signal, it is no signal that ends it at once.
        let listens = || {
            let path = format!("/proc/{}/status", id.as_raw_nonzero());
            let text = fs::read_to_string(path).unwrap();
            let caught = text.lines().find_map(|it| it.strip_prefix("SigCgt:"));
            let caught = u64::from_str_radix(caught.unwrap().trim(), 16).unwrap();
            caught & (1 << (signal.as_raw() - 1)) != 0
        };
        while !listens() {
            std::thread::yield_now();
        }
        rustix::process::kill_process(id, signal).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(status));
        let said = String::from_utf8(output.stdout).unwrap();
        let count = said.strip_prefix("all expectations hold with ").unwrap();
        let count = count.strip_suffix(" seeds so far\n").unwrap();
        assert!(count.parse::<u64>().is_ok(), "{said}");
    }
}

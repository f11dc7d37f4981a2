//! `waypost graph run --watch`: lines where there is no terminal, and a display where there is one.

mod transcript;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Stdio};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use transcript::{transcript, waypost};

const CHAIN: &str = "RatedSource(RATE 1000) -> c :: Counter -> Discard";

/// Stops it as Ctrl-C does, and expects it to end well.
fn stop(child: Child) {
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    let said = transcript(&child.wait_with_output().unwrap(), str::to_owned);
    assert_eq!(said, "status 0");
}

#[test]
fn rates_are_lines_where_there_is_no_terminal() {
    let first_lines = |text: &str, enough: &dyn Fn(&str) -> bool| {
        let mut child = waypost(&["graph", "run", "--watch", "-e", text])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !enough(&line) {
            line.clear();
            assert_ne!(output.read_line(&mut line).unwrap(), 0, "it ended");
        }
        stop(child);
        line.trim_end().to_owned()
    };
    let line = first_lines(CHAIN, &|line| line.contains("c "));
    let rates: Vec<(&str, u64)> = line
        .split("  ")
        .map(|it| {
            let (name, rate) = it.rsplit_once(' ').unwrap();
            (name, rate.strip_suffix("/s").unwrap().parse().unwrap())
        })
        .collect();
    let names: Vec<&str> = rates.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["RatedSource@1", "c", "Discard@3"], "{line}");
    assert!(rates.iter().all(|(_, rate)| *rate > 0), "{line}");
    assert_eq!(
        first_lines("Idle -> Discard", &|line| !line.is_empty()),
        "idle"
    );
}

#[test]
fn rates_are_a_display_on_a_terminal() {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let size = Winsize {
        ws_row: 24,
        ws_col: 100,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&terminal, size).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let side = || {
        let opened = rustix::fs::open(&*name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty());
        Stdio::from(opened.unwrap())
    };
    let child = waypost(&["graph", "run", "--watch", "-e", CHAIN])
        .stdin(side())
        .stdout(side())
        .spawn()
        .unwrap();
    let mut terminal = File::from(terminal);
    let (mut shown, mut answered) = (String::new(), 0);
    let mut read = |shown: &mut String| {
        let mut octets = [0; 4096];
        // Where nobody has the other side open any more, a terminal's end is an error.
        let count = terminal.read(&mut octets).unwrap_or(0);
        shown.push_str(&String::from_utf8_lossy(&octets[..count]));
        // As a terminal, it says where the cursor is, when it is asked.
        let asked = shown.matches("\x1b[6n").count();
        while answered < asked {
            answered += 1;
            terminal.write_all(b"\x1b[1;1R").unwrap();
        }
        count
    };
    // What is in it once packets flow; blanks are jumped over.
    let display = [
        "┌",
        "waypost",
        "packets/s",
        "dropped",
        "RatedSource@1",
        "Counter",
        "\x1b[1m",
    ];
    let missing = |shown: &str| display.iter().find(|it| !shown.contains(**it));
    // It is drawn at once, and again and again: more is not waited for.
    for _ in 0..50 {
        if missing(&shown).is_none() || read(&mut shown) == 0 {
            break;
        }
    }
    stop(child);
    assert_eq!(missing(&shown), None, "{shown:?}");
    // In one place, and not in lines as elsewhere.
    assert!(
        !shown.contains("idle") && !shown.contains("/s  c "),
        "{shown:?}"
    );
}

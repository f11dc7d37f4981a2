//! `waypost graph run --watch`: lines where there is no terminal, and a display where there is one.

mod transcript;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use transcript::{transcript, waypost};

const CHAIN: &str = "RatedSource(RATE 1000) -> c :: Counter -> Discard";

/// A graph that runs; it ends with the test, also with one that fails.
struct Running(Option<Child>);

impl Running {
    fn start(command: &mut Command) -> Self {
        Self(Some(command.spawn().unwrap()))
    }

    /// Its standard output, which is a pipe.
    fn stdout(&mut self) -> ChildStdout {
        self.0.as_mut().unwrap().stdout.take().unwrap()
    }

    fn signal(&self, signal: Signal) {
        let id = Pid::from_child(self.0.as_ref().unwrap());
        kill_process(id, signal).unwrap();
    }

    /// Stops it as Ctrl-C does, and expects it to end well.
    fn stop(mut self) {
        self.signal(Signal::INT);
        let output = self.0.take().unwrap().wait_with_output().unwrap();
        assert_eq!(transcript(&output, str::to_owned), "status 0");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn rates_are_lines_where_there_is_no_terminal() {
    let first_lines = |text: &str, enough: &dyn Fn(&str) -> bool| {
        let mut command = waypost(&["graph", "run", "--watch", "-e", text]);
        let mut running = Running::start(command.stdout(Stdio::piped()));
        let mut output = BufReader::new(running.stdout());
        let mut line = String::new();
        while !enough(&line) {
            line.clear();
            assert_ne!(output.read_line(&mut line).unwrap(), 0, "it ended");
        }
        running.stop();
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

/// What a terminal shows, of as much as a display needs.
struct Screen {
    rows: Vec<Vec<char>>,
    /// Row and column; behind the last column where the next letter goes to a new row.
    at: (usize, usize),
    /// An escape sequence that has begun.
    escape: Option<String>,
    /// Letters of several octets.
    octets: Vec<u8>,
    all: String,
}

const ROWS: usize = 24;
const COLUMNS: usize = 100;

impl Screen {
    fn new() -> Self {
        Self {
            rows: vec![vec![' '; COLUMNS]; ROWS],
            at: (0, 0),
            escape: None,
            octets: Vec::new(),
            all: String::new(),
        }
    }

    /// Shows what comes; says what the terminal answers.
    fn take(&mut self, octets: &[u8]) -> String {
        self.octets.extend(octets);
        let whole = match std::str::from_utf8(&self.octets) {
            Ok(text) => text.len(),
            Err(error) => error.valid_up_to(),
        };
        let text: Vec<u8> = self.octets.drain(..whole).collect();
        let mut answer = String::new();
        for letter in String::from_utf8(text).unwrap().chars() {
            self.all.push(letter);
            match self.escape.take() {
                Some(mut escape) => {
                    escape.push(letter);
                    match letter {
                        '[' | ';' | '?' | '0'..='9' => self.escape = Some(escape),
                        _ => answer += &self.obey(&escape),
                    }
                }
                None => self.show(letter),
            }
        }
        answer
    }

    fn show(&mut self, letter: char) {
        match letter {
            '\x1b' => self.escape = Some(String::new()),
            '\r' => self.at.1 = 0,
            '\n' => self.down(),
            _ => {
                if self.at.1 == COLUMNS {
                    self.at.1 = 0;
                    self.down();
                }
                self.rows[self.at.0][self.at.1] = letter;
                self.at.1 += 1;
            }
        }
    }

    fn down(&mut self) {
        if self.at.0 + 1 < ROWS {
            self.at.0 += 1;
        } else {
            self.rows.remove(0);
            self.rows.push(vec![' '; COLUMNS]);
        }
    }

    /// ECMA-48 §8.3: what moves the cursor and clears; colours are as good as none.
    fn obey(&mut self, escape: &str) -> String {
        let (parameters, command) = escape.split_at(escape.len() - 1);
        let parameters = parameters.trim_start_matches('[').split(';');
        let numbers: Vec<usize> = parameters.map(|it| it.parse().unwrap_or(0)).collect();
        let count = numbers[0].max(1);
        let (row, column) = self.at;
        match command {
            "H" => {
                let column = numbers.get(1).copied().unwrap_or(1).max(1);
                self.at = (count.min(ROWS) - 1, column.min(COLUMNS) - 1);
            }
            "A" => self.at.0 = row.saturating_sub(count),
            "B" => self.at.0 = (row + count).min(ROWS - 1),
            "C" => self.at.1 = (column + count).min(COLUMNS - 1),
            "D" => self.at.1 = column.saturating_sub(count),
            "J" if numbers[0] == 2 => self.rows.iter_mut().for_each(|it| it.fill(' ')),
            "J" => {
                self.rows[row][column.min(COLUMNS)..].fill(' ');
                self.rows[row + 1..].iter_mut().for_each(|it| it.fill(' '));
            }
            "K" => self.rows[row][column.min(COLUMNS)..].fill(' '),
            "n" => return format!("\x1b[{};{}R", row + 1, column.min(COLUMNS - 1) + 1),
            "m" | "h" | "l" => (),
            _ => panic!("a sequence that is not known here: {escape:?}"),
        }
        String::new()
    }

    /// The rows in which something stands.
    fn lines(&self) -> Vec<String> {
        let rows = self.rows.iter().map(String::from_iter);
        let rows = rows.map(|row| row.trim_end().to_owned());
        rows.filter(|row| !row.is_empty()).collect()
    }
}

/// A graph with a display on a terminal.
struct OnTerminal {
    running: Running,
    terminal: File,
    screen: Screen,
}

impl OnTerminal {
    fn start() -> Self {
        let terminal =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let size = Winsize {
            ws_row: ROWS as u16,
            ws_col: COLUMNS as u16,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&terminal, size).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap();
        let side = || {
            let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
            Stdio::from(rustix::fs::open(&*name, flags, Mode::empty()).unwrap())
        };
        let mut command = waypost(&["graph", "run", "--watch", "-e", CHAIN]);
        let command = command.stdin(side()).stdout(side()).stderr(side());
        Self {
            running: Running::start(command),
            terminal: File::from(terminal),
            screen: Screen::new(),
        }
    }

    /// Waits until the screen is so. It is drawn at once, and again and again: more is not waited for.
    fn until(&mut self, enough: impl Fn(&Screen) -> bool) {
        for _ in 0..50 {
            if enough(&self.screen) {
                return;
            }
            let mut octets = [0; 4096];
            // Where nobody has the other side open any more, a terminal's end is an error.
            let count = self.terminal.read(&mut octets).unwrap_or(0);
            let answer = self.screen.take(&octets[..count]);
            self.terminal.write_all(answer.as_bytes()).unwrap();
            if count == 0 {
                break;
            }
        }
        panic!("{:#?}\n{:?}", self.screen.lines(), self.screen.all);
    }
}

/// Packets are counted in all lines of the display.
fn is_busy(screen: &Screen) -> bool {
    screen.all.contains("\x1b[1m")
}

#[test]
fn rates_are_a_display_on_a_terminal() {
    let mut shown = OnTerminal::start();
    shown.until(is_busy);
    let lines = shown.screen.lines();
    let has = |row: usize, words: &[&str]| words.iter().all(|it| lines[row].contains(it));
    assert!(has(0, &["┌ waypost graph ─"]), "{lines:#?}");
    assert!(
        has(1, &["element", "class", "packets/s", "dropped"]),
        "{lines:#?}"
    );
    assert!(has(2, &["RatedSource@1", "RatedSource"]), "{lines:#?}");
    assert!(has(3, &["c ", "Counter"]), "{lines:#?}");
    assert!(has(5, &["└─"]) && lines.len() == 6, "{lines:#?}");
    shown.running.stop();
    // In one place, and not in lines as elsewhere.
    let all = shown.screen.all;
    assert!(!all.contains("idle") && !all.contains("/s  c "), "{all:?}");
}

#[test]
fn statistics_stand_above_the_display() {
    let mut shown = OnTerminal::start();
    shown.until(is_busy);
    // The display, of six rows, and one table of four above it after the other, until the first go off the screen.
    for tables in 1..6 {
        shown.running.signal(Signal::USR1);
        let rows = (6 + 4 * tables).min(ROWS);
        shown.until(|screen| {
            let lines = screen.lines();
            let heads = lines.iter().filter(|it| it.ends_with("dropped"));
            lines.len() == rows
                && heads.count() >= tables.min(4)
                && lines[rows - 1].starts_with('└')
        });
        let lines = shown.screen.lines();
        let (above, display) = lines.split_at(rows - 6);
        assert!(display[0].starts_with("┌ waypost graph ─"), "{lines:#?}");
        let inside = &display[1..5];
        let is_whole = |row: &&String| row.starts_with('│') && row.ends_with('│');
        assert!(inside.iter().all(|row| is_whole(&row)), "{lines:#?}");
        let words = ["element", "RatedSource@1", "c ", "Discard@3"];
        for (row, word) in above.iter().rev().zip(words.iter().rev().cycle()) {
            assert!(row.starts_with(word), "{word}: {lines:#?}");
        }
    }
    shown.running.stop();
}

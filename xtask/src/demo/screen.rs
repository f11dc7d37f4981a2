//! What the demo shows: its story line by line and, on a terminal, the router's rates in a block below that stays in place.

use std::io::{BufRead, BufReader, IsTerminal, Read, Write, stdout};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Rows of a terminal that does not tell how many it has.
const ROWS: usize = 24;
/// Rows of the terminal that the elements do not have: two above them, and the cursor's own below.
const OTHER_ROWS: usize = 3;
/// Elements shown in a line, where there is no terminal.
const FEW: usize = 5;
/// Cells of the longest bar.
const BAR: usize = 32;

/// The demo's output.
#[derive(Clone)]
pub(super) struct Screen(Arc<Mutex<State>>);

struct State {
    /// Whether there is a terminal, on which lines can be taken back.
    terminal: bool,
    block: Vec<String>,
}

impl Screen {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            terminal: stdout().is_terminal(),
            block: Vec::new(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on with the story.
    pub(super) fn say(&self, text: impl AsRef<str>) {
        self.state().show(Some(text.as_ref()), None);
    }

    /// Shows rates, as the router writes them: `name number/s`, two blanks in between.
    fn rates(&self, line: &str) {
        let mut state = self.state();
        let busiest = busiest(line);
        if state.terminal {
            state.show(None, Some(block(&busiest, terminal_rows())));
        } else if !busiest.is_empty() {
            state.show(Some(&format!("    busiest now: {}", few(&busiest))), None);
        }
    }

    /// Shows the rates that a router writes until it ends, and hands out what else it has written.
    pub(super) fn follow(&self, output: impl Read + Send + 'static) -> JoinHandle<Vec<String>> {
        let screen = self.clone();
        std::thread::spawn(move || {
            let mut rest = Vec::new();
            // An output that cannot be read any more has ended.
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if line == "idle" || line.split("  ").all(|it| it.ends_with("/s")) {
                    screen.rates(&line);
                } else {
                    rest.push(line);
                }
            }
            screen.state().show(None, Some(Vec::new()));
            rest
        })
    }
}

impl State {
    /// Adds to the story, or changes the block, or both. A terminal that went away shows nothing.
    fn show(&mut self, text: Option<&str>, block: Option<Vec<String>>) {
        let mut out = stdout().lock();
        let _ = self.draw(&mut out, text, block);
        let _ = out.flush();
    }

    fn draw(
        &mut self,
        out: &mut impl Write,
        text: Option<&str>,
        block: Option<Vec<String>>,
    ) -> std::io::Result<()> {
        if !self.block.is_empty() {
            // Up to the block's first line, and away with all from there on.
            write!(out, "\x1b[{}A\x1b[J", self.block.len())?;
        }
        if let Some(text) = text {
            writeln!(out, "{}", text.trim_end_matches('\n'))?;
        }
        if let Some(block) = block {
            self.block = block;
        }
        let mut lines = self.block.iter();
        lines.try_for_each(|line| writeln!(out, "{}", in_one_row(line)))
    }
}

/// A line that a terminal cuts off at its margin (DECAWM): in two rows it would not be taken back as a whole.
fn in_one_row(line: &str) -> String {
    format!("\x1b[?7l{line}\x1b[?7h")
}

/// Somebody else's lines, as part of the story.
pub(super) fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

/// Elements and their rates, the busiest first; of equals, those that come first in the graph.
fn busiest(line: &str) -> Vec<(&str, u64)> {
    let mut rates: Vec<(&str, u64)> = line
        .split("  ")
        .filter_map(|it| {
            let (name, rate) = it.rsplit_once(' ')?;
            Some((name, rate.strip_suffix("/s")?.parse().ok()?))
        })
        .collect();
    rates.sort_by_key(|&(_, rate)| std::cmp::Reverse(rate));
    rates
}

/// Rows of the terminal at the moment.
fn terminal_rows() -> usize {
    match rustix::termios::tcgetwinsize(stdout()) {
        Ok(size) if size.ws_row > 0 => size.ws_row.into(),
        _ => ROWS,
    }
}

/// As many of the busiest elements as a terminal of so many rows has room for, each with a bar, and how many others there are.
/// In more rows the block would scroll, and could not be taken back.
fn block(rates: &[(&str, u64)], rows: usize) -> Vec<String> {
    let most = rates.first().map_or(1, |&(_, rate)| rate.max(1));
    let mut block = vec![String::new(), "  packets a second, live:".to_owned()];
    let room = rows.saturating_sub(OTHER_ROWS).max(1);
    let shown = if rates.len() > room {
        room - 1
    } else {
        rates.len()
    };
    for &(name, rate) in &rates[..shown] {
        let cells = (rate as usize * BAR).div_ceil(most as usize);
        block.push(format!("  {name:<28.28} {rate:>9}  {}", "█".repeat(cells)));
    }
    if shown < rates.len() {
        block.push(format!("  … and {}", others(rates.len() - shown)));
    }
    block
}

/// The busiest elements in one line, and how many others there are.
fn few(rates: &[(&str, u64)]) -> String {
    let shown = rates.len().min(FEW);
    let few = rates[..shown].iter();
    let mut few: Vec<_> = few.map(|(name, rate)| format!("{name} {rate}/s")).collect();
    if shown < rates.len() {
        few.push(format!("… and {}", others(rates.len() - shown)));
    }
    few.join(", ")
}

fn others(count: usize) -> String {
    match count {
        1 => "1 other".to_owned(),
        _ => format!("{count} others"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_come_first() {
        let block = block(&busiest("to_a 10/s  to_b 40/s  a/kinds 5/s"), 24);
        assert_eq!(
            block[2],
            format!("  {:<28} {:>9}  {}", "to_b", 40, "█".repeat(32))
        );
        assert_eq!(
            block[3],
            format!("  {:<28} {:>9}  {}", "to_a", 10, "█".repeat(8))
        );
        assert_eq!(block.len(), 5);
    }

    #[test]
    fn the_block_fits_the_terminal_and_tells_how_many_it_leaves_out() {
        let names: Vec<_> = (1..=39).map(|number| format!("e{number}")).collect();
        let rates: Vec<_> = names.iter().map(|name| (name.as_str(), 7)).collect();
        for rows in [4, 5, 24, 41, 42, 43, 200] {
            let block = block(&rates, rows);
            // Below it is the row of the cursor.
            assert!(block.len() < rows, "{} of {rows} rows", block.len());
            let elements = block[2..].iter().filter(|line| line.contains('█')).count();
            let last = block.last().unwrap();
            match rates.len() - elements {
                0 => assert!(rows >= 42 && last.contains("e39")),
                left => {
                    assert_eq!(last, &format!("  … and {left} others"));
                    assert_eq!(block.len(), rows - 1);
                }
            }
        }
        // In two rows there is nothing to be shown, and nothing to panic about.
        assert_eq!(block(&rates, 0).len(), 3);
        assert_eq!(
            few(&rates[..6]),
            "e1 7/s, e2 7/s, e3 7/s, e4 7/s, e5 7/s, … and 1 other"
        );
        assert_eq!(few(&rates[..2]), "e1 7/s, e2 7/s");
    }

    #[test]
    fn a_line_of_the_block_takes_one_row_of_any_terminal() {
        let mut state = State {
            terminal: true,
            block: Vec::new(),
        };
        let mut drawn = Vec::new();
        let block = Some(vec!["long".to_owned(), "longer".to_owned()]);
        state.draw(&mut drawn, Some("story"), block).unwrap();
        state.draw(&mut drawn, None, Some(Vec::new())).unwrap();
        let (off, on) = ("\x1b[?7l", "\x1b[?7h");
        let expected = format!("story\n{off}long{on}\n{off}longer{on}\n\x1b[2A\x1b[J");
        assert_eq!(String::from_utf8(drawn).unwrap(), expected);
    }

    #[test]
    fn what_is_no_rate_is_handed_out() {
        let text = "to_a 10/s  to_b 40/s\nidle\nelement  class\n#1 0.1s a [0] 42 octets\n";
        let rest = Screen::new().follow(text.as_bytes()).join().unwrap();
        assert_eq!(rest, ["element  class", "#1 0.1s a [0] 42 octets"]);
    }
}

//! Rates while a graph runs: a display on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SendError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ratatui::layout::Constraint;
use ratatui::style::{Modifier, Style};
use ratatui::widgets::{Block, Paragraph, Row, Table, Widget};
use ratatui::{TerminalOptions, Viewport};
use waypost_graph::{ElementStatistics, Handle};

use crate::out;

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(500);

/// What a display is asked for.
enum Ask {
    /// To print this above itself.
    Print(String),
    Stop,
}

/// A display of a graph, to be started.
pub(crate) struct Watcher {
    handle: Handle,
    notes: Notes,
    asked: Receiver<Ask>,
}

/// A way for others to print beside a display.
#[derive(Clone)]
pub(crate) struct Notes(Sender<Ask>);

impl Notes {
    /// Prints lines on standard error, above the display as long as it is shown.
    pub(crate) fn print(&self, text: String) {
        if let Err(SendError(Ask::Print(text))) = self.0.send(Ask::Print(text)) {
            out::note(text);
        }
    }
}

impl Watcher {
    pub(crate) fn new(handle: Handle) -> Self {
        let (notes, asked) = mpsc::channel();
        Self {
            handle,
            notes: Notes(notes),
            asked,
        }
    }

    /// A way for others to print.
    pub(crate) fn notes(&self) -> Notes {
        self.notes.clone()
    }

    /// Starts it, beside the graph.
    pub(crate) fn start(self) -> Watching {
        let Self {
            handle,
            notes,
            asked,
        } = self;
        let thread = std::thread::spawn(move || watch(&handle, &asked));
        Watching { notes, thread }
    }
}

/// A display that is shown.
pub(crate) struct Watching {
    notes: Notes,
    thread: JoinHandle<()>,
}

impl Watching {
    /// Ends it, and gives the terminal back.
    pub(crate) fn stop(self) {
        // If it has ended by itself, so much the better.
        let _ = self.notes.0.send(Ask::Stop);
        // A panic was reported by the thread itself.
        let _ = self.thread.join();
    }
}

/// Shows rates until somebody says stop, or the graph has stopped.
fn watch(handle: &Handle, asked: &Receiver<Ask>) {
    let mut display = Display::new(handle.statistics().len());
    let mut before = (Instant::now(), handle.statistics());
    let mut lines = Vec::new();
    loop {
        match asked.recv_timeout((before.0 + PERIOD).saturating_duration_since(Instant::now())) {
            Ok(Ask::Print(text)) => display.print(&text, &lines),
            Ok(Ask::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                let now = (Instant::now(), handle.statistics());
                if now.1.is_empty() {
                    break;
                }
                let seconds = (now.0 - before.0).as_secs_f64().max(1e-3);
                lines = rates(&before.1, &now.1, seconds);
                display.show(&lines);
                before = now;
            }
        }
    }
    display.end();
    for ask in asked.try_iter() {
        if let Ask::Print(text) = ask {
            out::note(text);
        }
    }
}

/// What is shown of an element.
struct Line {
    name: String,
    class: String,
    packets: u64,
    rate: f64,
    dropped: u64,
}

fn rates(before: &[ElementStatistics], now: &[ElementStatistics], seconds: f64) -> Vec<Line> {
    let dropped = |it: &ElementStatistics| it.drops.iter().map(|(_, count)| count).sum();
    let lines = now.iter().zip(before);
    lines
        .map(|(now, before)| Line {
            name: now.name.to_string(),
            class: now.class.to_string(),
            packets: now.packets,
            rate: now.packets.saturating_sub(before.packets) as f64 / seconds,
            dropped: dropped(now),
        })
        .collect()
}

/// Rows that are printed above a display at once, at most.
const ROWS: usize = 1000;

/// A line in rows of so many letters, at most; an empty one is a row too.
fn folded(line: &str, width: usize) -> Vec<String> {
    let letters: Vec<char> = line.chars().collect();
    match letters.is_empty() {
        true => vec![String::new()],
        false => letters.chunks(width).map(String::from_iter).collect(),
    }
}

enum Display {
    Terminal(Box<ratatui::DefaultTerminal>),
    Lines,
}

impl Display {
    fn new(elements: usize) -> Self {
        if !std::io::stdout().is_terminal() {
            return Self::Lines;
        }
        let height = u16::try_from(elements + 3).unwrap_or(u16::MAX);
        match ratatui::try_init_with_options(TerminalOptions {
            viewport: Viewport::Inline(height),
        }) {
            Ok(terminal) => {
                // Keys are the shell's: Ctrl-C stops the graph.
                let _ = ratatui::crossterm::terminal::disable_raw_mode();
                Self::Terminal(Box::new(terminal))
            }
            Err(_) => Self::Lines,
        }
    }

    fn show(&mut self, lines: &[Line]) {
        match self {
            Self::Terminal(terminal) => {
                let rows = lines.iter().map(|it| {
                    let rate = format!("{:.0}", it.rate);
                    let row = Row::new([
                        it.name.clone(),
                        it.class.clone(),
                        rate,
                        it.packets.to_string(),
                        it.dropped.to_string(),
                    ]);
                    if it.rate > 0.0 {
                        row.style(Style::new().add_modifier(Modifier::BOLD))
                    } else {
                        row
                    }
                });
                let widths = [
                    Constraint::Fill(2),
                    Constraint::Fill(2),
                    Constraint::Length(12),
                    Constraint::Length(14),
                    Constraint::Length(10),
                ];
                let head = Row::new(["element", "class", "packets/s", "packets", "dropped"])
                    .style(Style::new().add_modifier(Modifier::UNDERLINED));
                let table = Table::new(rows, widths)
                    .header(head)
                    .block(Block::bordered().title(" waypost graph "));
                // A terminal that went away shows nothing.
                let _ = terminal.draw(|frame| frame.render_widget(table, frame.area()));
            }
            Self::Lines => {
                let busy = lines.iter().filter(|it| it.rate > 0.0);
                let busy: Vec<_> = busy
                    .map(|it| format!("{} {:.0}/s", it.name, it.rate))
                    .collect();
                out::line(if busy.is_empty() {
                    "idle".to_owned()
                } else {
                    busy.join("  ")
                });
            }
        }
    }

    /// Prints lines on standard error; where that is a terminal as well, above the display.
    fn print(&mut self, text: &str, shown: &[Line]) {
        match self {
            Self::Terminal(terminal) if std::io::stderr().is_terminal() => {
                // One that went away shows nothing.
                let _ = terminal.autoresize();
                let width = usize::from(terminal.get_frame().area().width).max(1);
                let rows = text.lines().flat_map(|line| folded(line, width));
                let rows: Vec<_> = rows.map(ratatui::text::Line::from).collect();
                for rows in rows.chunks(ROWS) {
                    let height = rows.len() as u16;
                    let rows = Paragraph::new(rows.to_vec());
                    let _ = terminal.insert_before(height, |above| rows.render(above.area, above));
                }
                // The display was pushed down, and is empty.
                self.show(shown);
            }
            _ => out::note(text),
        }
    }

    fn end(self) {
        if matches!(self, Self::Terminal(_)) {
            let _ = ratatui::try_restore();
            out::line("");
        }
    }
}

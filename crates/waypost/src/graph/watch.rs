//! Rates while a graph runs: a display on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ratatui::layout::Constraint;
use ratatui::style::{Modifier, Style};
use ratatui::widgets::{Block, Row, Table};
use ratatui::{TerminalOptions, Viewport};
use waypost_graph::{ElementStatistics, Handle};

use crate::out;

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(500);

/// A display that runs beside a graph.
pub(crate) struct Watcher {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Watcher {
    /// Ends it, and gives the terminal back.
    pub(crate) fn stop(self) {
        drop(self.stop);
        // A panic was reported by the thread itself.
        let _ = self.thread.join();
    }
}

/// Starts it.
pub(crate) fn start(handle: Handle) -> Watcher {
    let (stop, stopped) = mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        let mut display = Display::new(handle.statistics().len());
        let mut before = (Instant::now(), handle.statistics());
        while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
            let now = (Instant::now(), handle.statistics());
            if now.1.is_empty() {
                break;
            }
            let seconds = (now.0 - before.0).as_secs_f64().max(1e-3);
            display.show(&rates(&before.1, &now.1, seconds));
            before = now;
        }
        display.end();
    });
    Watcher { stop, thread }
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

    fn end(self) {
        if matches!(self, Self::Terminal(_)) {
            let _ = ratatui::try_restore();
            out::line("");
        }
    }
}

//! Print: packets as text.

use std::io::{self, Write};

use waypost_graph::{
    Args, Batch, BuildCx, ConfigError, Cx, Element, ElementClass, Handler, HandlerError, Packet,
};

use crate::args::{TypedArgs, handler_value};

pub(crate) const CLASS: ElementClass = ElementClass {
    name: "Print",
    ports: "1",
    processing: "a/a",
    flow: "x/x",
    doc: "Writes each packet that passes to standard error, as one line.

Arguments: `Print(LABEL, MAXLENGTH)`; keywords:

- `LABEL`: what a line begins with.
- `MAXLENGTH` (`LENGTH`, `NBYTES` of old): octets shown, at most; 24 by default, -1 for all.
- `CONTENTS`: `HEX` (the default), `ASCII` or `NONE`.
- `TIMESTAMP`: true shows the packet's time, in seconds since 1970. `HEADROOM`: true shows the room in front and behind.
- `CPU`: true shows the number of the worker, in parentheses behind the label.
- `ACTIVE`: false shows nothing.

Deviations: Click's `PRINTANNO` is not there.",
    handlers: HANDLERS,
    build,
};

const HANDLERS: &[Handler] = &[Handler::read_write("active", "whether packets are shown")];

fn build(args: &mut Args, cx: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let label = args.optional::<String>("LABEL").unwrap_or_default();
    let len = args.optional::<i64>("MAXLENGTH");
    let (of_old, older) = (args.keyword("LENGTH"), args.keyword("NBYTES"));
    let len = len.or(of_old).or(older).unwrap_or(24);
    let contents = Contents::parse(args, "CONTENTS").unwrap_or(Contents::Hex);
    Ok(Box::new(Print {
        label,
        len: usize::try_from(len).unwrap_or(usize::MAX),
        contents,
        worker: args.keyword("CPU").unwrap_or(false).then_some(cx.worker),
        timestamp: args.keyword("TIMESTAMP").unwrap_or(false),
        headroom: args.keyword("HEADROOM").unwrap_or(false),
        active: args.keyword("ACTIVE").unwrap_or(true),
    }))
}

/// How octets are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contents {
    Hex,
    Ascii,
    None,
}

impl Contents {
    /// The value of a keyword: a word in letters of any case, or a boolean.
    pub(crate) fn parse(args: &mut Args, keyword: &str) -> Option<Self> {
        let word = args.take(keyword)?;
        let contents = match &*word.to_ascii_uppercase() {
            "HEX" | "TRUE" | "YES" | "1" => Some(Self::Hex),
            "ASCII" => Some(Self::Ascii),
            "NONE" | "FALSE" | "NO" | "0" => Some(Self::None),
            _ => None,
        };
        let expected = format!("{keyword} HEX, ASCII or NONE");
        args.require(keyword, contents.is_some(), &expected, word);
        contents
    }

    /// Puts octets behind a line, in groups; `row` groups are a row, which `begin` begins.
    pub(crate) fn show(self, octets: &[u8], row: usize, begin: &str, line: &mut String) {
        let group = match self {
            Self::Hex => 4,
            Self::Ascii => 8,
            Self::None => return,
        };
        for (at, group) in octets.chunks(group).enumerate() {
            line.push_str(if at % row == 0 { begin } else { " " });
            for &octet in group {
                match self {
                    Self::Hex => line.push_str(&format!("{octet:02x}")),
                    _ if (32..127).contains(&octet) => line.push(octet.into()),
                    _ => line.push('.'),
                }
            }
        }
    }
}

/// A packet's time in seconds since 1970, as Click shows it; 0 if it has none.
pub(crate) fn seconds(packet: &Packet) -> String {
    let micros = packet.timestamp().map_or(0, |it| it.as_unix_nanos() / 1000);
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

struct Print {
    label: String,
    len: usize,
    contents: Contents,
    /// The worker's number, if it is shown.
    worker: Option<usize>,
    timestamp: bool,
    headroom: bool,
    active: bool,
}

impl Print {
    fn line(&self, packet: &Packet) -> String {
        let mut line = String::new();
        line.push_str(&self.label);
        if let Some(worker) = self.worker {
            line.push_str(&format!("({worker})"));
        }
        if !line.is_empty() {
            line.push_str(": ");
        }
        if self.timestamp {
            line.push_str(&format!("{}: ", seconds(packet)));
        }
        line.push_str(&format!("{:4}", packet.len()));
        if self.headroom {
            line.push_str(&format!(" (h{} t{})", packet.headroom(), packet.tailroom()));
        }
        let shown = &packet.octets()[..packet.len().min(self.len)];
        // Click puts a space before the first group of letters, too.
        let begin = if self.contents == Contents::Ascii {
            " |  "
        } else {
            " | "
        };
        self.contents.show(shown, usize::MAX, begin, &mut line);
        line
    }
}

impl Element for Print {
    fn push(&mut self, _: usize, batch: &mut Batch, _: &mut Cx<'_>) {
        if !self.active {
            return;
        }
        let mut out = io::stderr().lock();
        for packet in batch.iter() {
            // Nobody reads it: nothing to be done about that.
            let _ = writeln!(out, "{}", self.line(packet));
        }
    }

    fn handlers(&self) -> &'static [Handler] {
        HANDLERS
    }

    fn read(&self, handler: &str, _: &str) -> Result<String, HandlerError> {
        match handler {
            "active" => Ok(self.active.to_string()),
            _ => Err(HandlerError::unknown(handler)),
        }
    }

    fn write(&mut self, handler: &str, value: &str, _: &mut Cx<'_>) -> Result<(), HandlerError> {
        match handler {
            "active" => self.active = handler_value(value)?,
            _ => return Err(HandlerError::unknown(handler)),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_show_what_was_asked_for() {
        let mut print = Print {
            label: "in".to_owned(),
            len: 6,
            contents: Contents::Hex,
            worker: None,
            timestamp: false,
            headroom: false,
            active: true,
        };
        let packet = Packet::on_heap(b"\x01\x02\x03\x04Hi\n ").unwrap();
        assert_eq!(print.line(&packet), "in:    8 | 01020304 4869");
        (print.contents, print.len) = (Contents::Ascii, usize::MAX);
        assert_eq!(print.line(&packet), "in:    8 |  ....Hi. ");
        (print.contents, print.label) = (Contents::None, String::new());
        assert_eq!(print.line(&packet), "   8");
        print.worker = Some(2);
        assert_eq!(print.line(&packet), "(2):    8");
        print.label = "in".to_owned();
        assert_eq!(print.line(&packet), "in(2):    8");
    }
}

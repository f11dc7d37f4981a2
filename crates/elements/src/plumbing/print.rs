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
- `MAXLENGTH`: octets shown, at most; 24 by default, -1 for all.
- `CONTENTS`: `HEX` (the default), `ASCII` or `NONE`.
- `TIMESTAMP`, `HEADROOM`: true shows them too.
- `ACTIVE`: false shows nothing.

Deviations: Click's `PRINTANNO`, `BANDWIDTH`, `CPU` and `ANNO` arguments are not there.",
    handlers: HANDLERS,
    build,
};

const HANDLERS: &[Handler] = &[Handler::read_write("active", "whether packets are shown")];

fn build(args: &mut Args, _: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let label = args.optional::<String>("LABEL")?.unwrap_or_default();
    let len = args.optional::<i64>("MAXLENGTH")?.unwrap_or(24);
    let contents = match args.take("CONTENTS").as_deref() {
        None | Some("HEX" | "true") => Contents::Hex,
        Some("ASCII") => Contents::Ascii,
        Some("NONE" | "false") => Contents::None,
        Some(word) => return Err(ConfigError::expected("CONTENTS HEX, ASCII or NONE", word)),
    };
    Ok(Box::new(Print {
        label,
        len: usize::try_from(len).unwrap_or(usize::MAX),
        contents,
        timestamp: args.keyword("TIMESTAMP")?.unwrap_or(false),
        headroom: args.keyword("HEADROOM")?.unwrap_or(false),
        active: args.keyword("ACTIVE")?.unwrap_or(true),
    }))
}

enum Contents {
    Hex,
    Ascii,
    None,
}

struct Print {
    label: String,
    len: usize,
    contents: Contents,
    timestamp: bool,
    headroom: bool,
    active: bool,
}

impl Print {
    fn line(&self, packet: &Packet) -> String {
        let mut line = String::new();
        if !self.label.is_empty() {
            line.push_str(&self.label);
            line.push_str(": ");
        }
        if self.timestamp
            && let Some(time) = packet.timestamp()
        {
            line.push_str(&format!("{time}: "));
        }
        line.push_str(&format!("{:4}", packet.len()));
        if self.headroom {
            line.push_str(&format!(" (h{} t{})", packet.headroom(), packet.tailroom()));
        }
        let shown = &packet.octets()[..packet.len().min(self.len)];
        match self.contents {
            Contents::None => {}
            Contents::Hex => {
                line.push_str(" |");
                for word in shown.chunks(4) {
                    line.push(' ');
                    word.iter()
                        .for_each(|octet| line.push_str(&format!("{octet:02x}")));
                }
            }
            Contents::Ascii => {
                line.push_str(" | ");
                let printable = |&octet: &u8| {
                    if octet.is_ascii_graphic() || octet == b' ' {
                        char::from(octet)
                    } else {
                        '.'
                    }
                };
                line.extend(shown.iter().map(printable));
            }
        }
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
            timestamp: false,
            headroom: false,
            active: true,
        };
        let packet = Packet::on_heap(b"\x01\x02\x03\x04Hi\n ").unwrap();
        assert_eq!(print.line(&packet), "in:    8 | 01020304 4869");
        (print.contents, print.len) = (Contents::Ascii, usize::MAX);
        assert_eq!(print.line(&packet), "in:    8 | ....Hi. ");
        (print.contents, print.label) = (Contents::None, String::new());
        assert_eq!(print.line(&packet), "   8");
    }
}

//! Paint, CheckPaint, PaintSwitch: marks on packets, by which later elements tell them apart.

use waypost_graph::{
    Args, Batch, BuildCx, ConfigError, Cx, DropReason, Element, ElementClass, Handler, HandlerError,
};

use super::tee::second;
use crate::args::{TypedArgs, handler_value};

/// A packet's paint is none of the outputs.
pub const NO_SUCH_PAINT: DropReason = DropReason::new("no output for its paint");
/// A packet has not the paint that was asked for, and nobody wants it.
pub const OTHER_PAINT: DropReason = DropReason::new("other paint");

pub(crate) const PAINT: ElementClass = ElementClass {
    name: "Paint",
    ports: "1",
    processing: "a/a",
    flow: "x/x",
    doc: "Sets the paint annotation of packets.

Argument: `Paint(COLOR)`, 0 to 255.

Deviations: Click's `ANNO` is not there: there is one paint.",
    handlers: COLOR,
    build: |args, _| {
        Ok(Box::new(Paint {
            colour: args.mandatory("COLOR")?,
        }))
    },
};

pub(crate) const CHECK_PAINT: ElementClass = ElementClass {
    name: "CheckPaint",
    ports: "1/1-2",
    processing: "a/ah",
    flow: "x/x",
    doc: "Packets whose paint annotation is the argument go to output 0, others to output 1, or are dropped without one.

Argument: `CheckPaint(COLOR)`.

Deviations: Click's `ANNO` is not there: there is one paint.",
    handlers: COLOR,
    build: |args, _| Ok(Box::new(CheckPaint { colour: args.mandatory("COLOR")? })),
};

pub(crate) const PAINT_SWITCH: ElementClass = ElementClass {
    name: "PaintSwitch",
    ports: "1/-",
    processing: "h/h",
    flow: "x/x",
    doc: "Hands each packet to the output that its paint annotation names; packets without such an output are dropped.
A packet whose paint is 255 goes to all outputs.

Deviations: Click's `ANNO` is not there: there is one paint.",
    handlers: &[],
    build: paint_switch,
};

pub(crate) const COLOR: &[Handler] = &[Handler::read_write("color", "the colour")];

fn paint_switch(_: &mut Args, _: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    Ok(Box::new(PaintSwitch))
}

struct Paint {
    colour: u8,
}

impl Element for Paint {
    #[inline]
    fn push(&mut self, _: usize, batch: &mut Batch, _: &mut Cx<'_>) {
        batch
            .iter_mut()
            .for_each(|packet| packet.set_paint(self.colour));
    }

    fn handlers(&self) -> &'static [Handler] {
        COLOR
    }

    fn read(&self, handler: &str, _: &str) -> Result<String, HandlerError> {
        read_colour(self.colour, handler)
    }

    fn write(&mut self, handler: &str, value: &str, _: &mut Cx<'_>) -> Result<(), HandlerError> {
        write_colour(&mut self.colour, handler, value)
    }
}

struct CheckPaint {
    colour: u8,
}

impl Element for CheckPaint {
    #[inline]
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        let colour = self.colour;
        batch.filter_map(|packet| {
            if packet.paint() == colour {
                return Some(packet);
            }
            cx.emit_or_drop(1, packet, OTHER_PAINT);
            None
        });
    }

    fn handlers(&self) -> &'static [Handler] {
        COLOR
    }

    fn read(&self, handler: &str, _: &str) -> Result<String, HandlerError> {
        read_colour(self.colour, handler)
    }

    fn write(&mut self, handler: &str, value: &str, _: &mut Cx<'_>) -> Result<(), HandlerError> {
        write_colour(&mut self.colour, handler, value)
    }
}

struct PaintSwitch;

/// The paint of packets for all outputs.
const ALL: u8 = 255;

impl Element for PaintSwitch {
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        batch.filter_map(|mut packet| match packet.paint() {
            0 => Some(packet),
            ALL => {
                for output in 1..cx.outputs() {
                    match second(&mut packet, cx) {
                        Some(second) => cx.emit(output, second),
                        None => cx.count_drops(1, DropReason::NO_BUFFER),
                    }
                }
                Some(packet)
            }
            paint => {
                cx.emit_or_drop(paint.into(), packet, NO_SUCH_PAINT);
                None
            }
        });
    }
}

pub(crate) fn read_colour(colour: u8, handler: &str) -> Result<String, HandlerError> {
    match handler {
        "color" => Ok(colour.to_string()),
        _ => Err(HandlerError::unknown(handler)),
    }
}

pub(crate) fn write_colour(
    colour: &mut u8,
    handler: &str,
    value: &str,
) -> Result<(), HandlerError> {
    match handler {
        "color" => *colour = handler_value(value)?,
        _ => return Err(HandlerError::unknown(handler)),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::run;

    #[test]
    fn painted_packets_are_told_apart() {
        let text = "InfiniteSource(LIMIT 3) -> Paint(1) -> c :: CheckPaint(1); InfiniteSource(LIMIT 5) -> c;
            c[0] -> Paint(2) -> s :: PaintSwitch; c[1] -> s;
            s[0] -> none :: Discard; s[1] -> one :: Discard; s[2] -> two :: Discard;";
        let graph = run(text);
        let counts =
            ["none", "one", "two"].map(|name| graph.read(&format!("{name}.count")).unwrap());
        assert_eq!(counts, ["5", "0", "3"]);
    }
}

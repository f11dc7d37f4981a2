//! Unqueue: pulls, and pushes.

use waypost_graph::{
    Args, Batch, BuildCx, ConfigError, Cx, Element, ElementClass, Handler, HandlerError, Input,
    Output, Packet, Progress, Pull, Push, Typed,
};

use crate::args::{TypedArgs, handler_value};

pub(crate) const CLASS: ElementClass = ElementClass {
    name: "Unqueue",
    ports: "1",
    processing: "l/h",
    flow: "x/x",
    doc: "Pulls packets as fast as they come and as there is room for them, and pushes them on.

Arguments: `Unqueue(BURST)`: packets pulled at a time, at most. `ACTIVE`, `LIMIT` (keywords): false pulls none; so many
packets and no more, -1 for no end.

Deviations: Click's default for `BURST` is 1; here it is what a batch holds. A `BURST` of 0, with which Click pulls none, is refused.",
    handlers: HANDLERS,
    build,
};

const HANDLERS: &[Handler] = &[
    Handler::sum("count", "packets that passed"),
    Handler::read_write("active", "whether packets are pulled"),
    Handler::read_write("limit", "how many packets are pulled, -1 for no end"),
    Handler::read_write("burst", "packets pulled at a time, -1 for a batch"),
    Handler::write("reset", "counts from 0 again"),
    Handler::write("reset_counts", "counts from 0 again"),
];

fn build(args: &mut Args, _: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let said = args.optional("BURST").unwrap_or(-1);
    let burst = burst(said);
    args.require("BURST", burst.is_some(), BURST, said);
    let limit = args.keyword::<i64>("LIMIT").unwrap_or(-1);
    Ok(Box::new(Unqueue {
        burst: burst.unwrap_or(usize::MAX),
        limit,
        active: args.keyword("ACTIVE").unwrap_or(true),
        count: 0,
    }))
}

const BURST: &str = "a BURST of 1 or more, or -1";

/// How many packets a burst has; a negative number is as many as there are.
fn burst(packets: i64) -> Option<usize> {
    match packets {
        0 => None,
        packets => Some(usize::try_from(packets).unwrap_or(usize::MAX)),
    }
}

/// Pulls, and pushes.
#[derive(Clone, Debug)]
pub struct Unqueue {
    burst: usize,
    limit: i64,
    active: bool,
    count: u64,
}

impl Default for Unqueue {
    fn default() -> Self {
        Self {
            burst: usize::MAX,
            limit: -1,
            active: true,
            count: 0,
        }
    }
}

impl Element for Unqueue {
    fn push(&mut self, _: usize, _: &mut Batch, _: &mut Cx<'_>) {}

    fn is_task(&self) -> bool {
        true
    }

    fn run(&mut self, budget: usize, cx: &mut Cx<'_>) -> Progress {
        let left =
            u64::try_from(self.limit).map_or(u64::MAX, |limit| limit.saturating_sub(self.count));
        if !self.active || left == 0 {
            return Progress::Idle;
        }
        let max = budget
            .min(self.burst)
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        let mut batch = cx.take_batch();
        let count = cx.pull(0, max, &mut batch);
        self.count += count as u64;
        cx.push(0, &mut batch);
        cx.put_batch(batch);
        if count > 0 {
            Progress::Worked
        } else {
            Progress::Idle
        }
    }

    fn handlers(&self) -> &'static [Handler] {
        HANDLERS
    }

    fn read(&self, handler: &str, _: &str) -> Result<String, HandlerError> {
        match handler {
            "count" => Ok(self.count.to_string()),
            "active" => Ok(self.active.to_string()),
            "limit" => Ok(self.limit.to_string()),
            "burst" if self.burst == usize::MAX => Ok("-1".to_owned()),
            "burst" => Ok(self.burst.to_string()),
            _ => Err(HandlerError::unknown(handler)),
        }
    }

    fn write(&mut self, handler: &str, value: &str, _: &mut Cx<'_>) -> Result<(), HandlerError> {
        match handler {
            "active" => self.active = handler_value(value)?,
            "limit" => self.limit = handler_value(value)?,
            "burst" => {
                self.burst = burst(handler_value(value)?)
                    .ok_or_else(|| HandlerError::new(format!("expected {BURST}")))?;
            }
            "reset" | "reset_counts" => self.count = 0,
            _ => return Err(HandlerError::unknown(handler)),
        }
        Ok(())
    }
}

impl Typed for Unqueue {
    type Inputs = Input<Packet, Pull>;
    type Outputs = Output<Packet, Push>;
}

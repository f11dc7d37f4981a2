//! Discard and Idle: where packets end.

use waypost_graph::{
    Args, Batch, BuildCx, ConfigError, Cx, Element, ElementClass, Handler, HandlerError, Input,
    Packet, Progress, Typed,
};

use crate::args::{TypedArgs, handler_value};

pub(crate) const DISCARD: ElementClass = ElementClass {
    name: "Discard",
    ports: "1/0",
    processing: "a/a",
    flow: "x/x",
    doc: "Takes packets and throws them away: they are not counted as lost.

Arguments: `ACTIVE` (keyword): false takes none from a pull input. `BURST` (keyword): packets pulled at a time, at most; 0 for no
bound.

Deviations: Click's default for `BURST` is 1; here it is what a batch holds. `ACTIVE` and the handler `active` are there where packets
are pushed, too, and change nothing.",
    handlers: HANDLERS,
    build: discard,
};

pub(crate) const IDLE: ElementClass = ElementClass {
    name: "Idle",
    ports: "-/-",
    processing: "a/a",
    flow: "x/y",
    doc: "Never hands out a packet, and throws away those it is handed.",
    handlers: &[],
    build: |_, _| Ok(Box::new(Idle)),
};

const HANDLERS: &[Handler] = &[
    Handler::sum("count", "how many packets were thrown away"),
    Handler::read_write("active", "whether packets are pulled"),
    Handler::write("reset_counts", "counts from 0 again"),
];

fn discard(args: &mut Args, _: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let active = args.keyword("ACTIVE").unwrap_or(true);
    let burst = args.keyword("BURST").filter(|&burst| burst > 0);
    Ok(Box::new(Discard {
        active,
        burst: burst.unwrap_or(usize::MAX),
        count: 0,
    }))
}

/// Takes packets and throws them away.
#[derive(Clone, Debug)]
pub struct Discard {
    active: bool,
    burst: usize,
    count: u64,
}

impl Default for Discard {
    fn default() -> Self {
        Self {
            active: true,
            burst: usize::MAX,
            count: 0,
        }
    }
}

impl Element for Discard {
    #[inline]
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        self.count += batch.len() as u64;
        cx.free(batch);
    }

    fn is_task(&self) -> bool {
        true
    }

    fn run(&mut self, budget: usize, cx: &mut Cx<'_>) -> Progress {
        if !cx.pulls(0) {
            return Progress::Finished;
        }
        if !self.active {
            return Progress::Idle;
        }
        let mut batch = cx.take_batch();
        let count = cx.pull(0, budget.min(self.burst), &mut batch);
        self.count += count as u64;
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
            _ => Err(HandlerError::unknown(handler)),
        }
    }

    fn write(&mut self, handler: &str, value: &str, _: &mut Cx<'_>) -> Result<(), HandlerError> {
        match handler {
            "active" => self.active = handler_value(value)?,
            "reset_counts" => self.count = 0,
            _ => return Err(HandlerError::unknown(handler)),
        }
        Ok(())
    }
}

impl Typed for Discard {
    type Inputs = Input<Packet>;
    type Outputs = ();
}

struct Idle;

impl Element for Idle {
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        cx.free(batch);
    }

    fn pull(&mut self, _: usize, _: usize, _: &mut Batch, _: &mut Cx<'_>) {}
}

#[cfg(test)]
mod tests {
    use crate::testing::run;

    #[test]
    fn discard_counts_pushed_and_pulled_packets() {
        let text = "InfiniteSource(LIMIT 70) -> pushed :: Discard;
                    InfiniteSource(LIMIT 90) -> Queue -> pulled :: Discard; Idle -> Discard;";
        let graph = run(text);
        assert_eq!(graph.read("pushed.count").unwrap(), "70");
        assert_eq!(graph.read("pulled.count").unwrap(), "90");
    }
}

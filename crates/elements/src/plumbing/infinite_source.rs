//! InfiniteSource: packets as fast as they are wanted.

use waypost_graph::{
    Args, Batch, BuildCx, ConfigError, Cx, Element, ElementClass, Handler, HandlerError, Output,
    Packet, Progress, Spread, Typed,
};
use waypost_packet::Class;

use super::end::{End, reached};
use crate::args::{Octets, TypedArgs, handler_value};

pub(crate) const CLASS: ElementClass = ElementClass {
    name: "InfiniteSource",
    ports: "0/1",
    processing: "a/a",
    flow: "x/x",
    doc: "Makes packets as fast as they are wanted.

Arguments: `InfiniteSource(DATA, LIMIT, BURST, ACTIVE)`; all are keywords too.

- `DATA`: what each packet holds; 64 octets of zeros by default.
- `LIMIT`: how many packets, -1 (the default) for no end.
- `BURST`: packets made at a time, at most; as many as a batch holds by default.
- `ACTIVE`: false makes none.
- `LENGTH` (`DATASIZE` of old): cuts `DATA` to so many octets, or repeats it.
- `STOP`: true stops the graph when `LIMIT` is reached, once nothing is on its way any more: see below.
- `END_CALL`: a write handler and its value, `element.handler VALUE`, which is written when `LIMIT` is reached.

With `STOP true`, all sources stop when the first is done, and the graph once its packets have gone as far as they can:
asynchronous processors have handed on what they work on, queues are empty or nobody takes what is in them.

Deviations: Click's default for `BURST` is 1 and its default `DATA` a sentence. With `LIMIT`, the first of several
workers alone makes packets; without, each does. `TIMESTAMP` is understood and changes nothing: packets that are made here
carry no time. Click's `STOP` does not wait for queues. `data` is read and written as octets in a quotation, where Click has them as
they are, and there are no handlers `datasize` and `burstsize`. A `BURST` below 1, which Click refuses, is what a batch holds.",
    handlers: HANDLERS,
    build,
};

const HANDLERS: &[Handler] = &[
    Handler::sum("count", "how many packets were made"),
    Handler::read_write("active", "whether packets are made"),
    Handler::read_write("limit", "how many packets are made, -1 for no end"),
    Handler::read_write("burst", "packets made at a time, -1 for a batch"),
    Handler::read_write("data", "what each packet holds, as `\\<01 02>`"),
    Handler::read_write(
        "length",
        "octets of each packet: cuts `data`, or repeats it",
    ),
    Handler::write("reset", "counts from 0 again"),
];

fn build(args: &mut Args, _: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let mut data = args
        .optional::<Octets>("DATA")
        .map_or_else(|| vec![0; 64], |data| data.0);
    let mut source = InfiniteSource::new(&[]);
    source.limit = args.optional::<i64>("LIMIT").unwrap_or(-1);
    source.burst = burst(args.optional("BURST").unwrap_or(-1));
    source.active = args.optional("ACTIVE").unwrap_or(true);
    source.end = End::parse(args);
    let _: Option<bool> = args.keyword("TIMESTAMP");
    let len = args.keyword::<u16>("LENGTH");
    let of_old = args.keyword("DATASIZE");
    if let Some(len) = len.or(of_old) {
        repeat(&mut data, len.into());
    }
    source.data = data.into();
    Ok(Box::new(source))
}

/// Cuts octets to a length, or repeats them up to it; nothing is repeated as zeros.
pub(super) fn repeat(octets: &mut Vec<u8>, len: usize) {
    if octets.is_empty() {
        octets.push(0);
    }
    *octets = octets.iter().copied().cycle().take(len).collect();
}

/// What is written to `length`, done to the octets of a packet.
pub(super) fn with_length(data: &[u8], value: &str) -> Result<Box<[u8]>, HandlerError> {
    let mut data = data.to_vec();
    repeat(&mut data, handler_value::<u16>(value)?.into());
    Ok(data.into())
}

/// How many packets a burst has; a number below 1 is as many as a batch holds.
fn burst(packets: i64) -> usize {
    match usize::try_from(packets) {
        Ok(packets @ 1..) => packets,
        _ => usize::MAX,
    }
}

/// Makes packets as fast as they are wanted.
#[derive(Clone, Debug)]
pub struct InfiniteSource {
    data: Box<[u8]>,
    limit: i64,
    burst: usize,
    active: bool,
    end: End,
    count: u64,
}

impl InfiniteSource {
    /// Packets that hold `data`, without end.
    pub fn new(data: &[u8]) -> Self {
        Self {
            data: data.into(),
            limit: -1,
            burst: usize::MAX,
            active: true,
            end: End::default(),
            count: 0,
        }
    }

    /// So many packets, and no more.
    #[must_use]
    pub fn limit(mut self, packets: u32) -> Self {
        self.limit = packets.into();
        self
    }

    fn left(&self) -> usize {
        match u64::try_from(self.limit) {
            Ok(limit) => usize::try_from(limit.saturating_sub(self.count)).unwrap_or(usize::MAX),
            Err(_) => usize::MAX,
        }
    }

    /// Puts up to `max` packets into an empty batch.
    #[inline]
    fn make(&mut self, max: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        if !self.active {
            return;
        }
        let count = max.min(self.burst).min(self.left());
        let len = self.data.len();
        if len + Packet::HEADROOM_MAX <= Class::Small.size() {
            cx.frames().fill_copies(batch, count, &self.data);
        } else {
            while batch.len() < count {
                let Some(packet) = cx.frames().copy(&self.data) else {
                    break;
                };
                if let Err(packet) = batch.push(packet) {
                    cx.frames().free_packet(packet);
                    break;
                }
            }
        }
        self.count += batch.len() as u64;
    }
}

impl Element for InfiniteSource {
    fn push(&mut self, _: usize, _: &mut Batch, _: &mut Cx<'_>) {}

    fn pull(&mut self, _: usize, max: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        self.make(max, batch, cx);
    }

    fn is_task(&self) -> bool {
        true
    }

    fn run(&mut self, budget: usize, cx: &mut Cx<'_>) -> Progress {
        if !self.active {
            return Progress::Idle;
        }
        let mut worked = false;
        if self.left() > 0 {
            self.end.again();
            if !cx.pushes(0) {
                return Progress::Idle;
            }
            let mut batch = cx.take_batch();
            self.make(budget, &mut batch, cx);
            worked = !batch.is_empty();
            cx.push(0, &mut batch);
            cx.put_batch(batch);
        }
        // At once: when it fills what is behind it with its last packet, it does not run again.
        if self.left() == 0 {
            reached(self, |it| &mut it.end, cx);
            // A handler may have raised the limit.
            worked |= self.left() > 0;
        }
        if worked {
            Progress::Worked
        } else {
            Progress::Idle
        }
    }

    fn spread(&self) -> Spread {
        if self.limit < 0 {
            Spread::EveryWorker
        } else {
            Spread::FirstWorker
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
            "data" => Ok(Octets::show(&self.data)),
            "length" => Ok(self.data.len().to_string()),
            _ => Err(HandlerError::unknown(handler)),
        }
    }

    fn write(&mut self, handler: &str, value: &str, _: &mut Cx<'_>) -> Result<(), HandlerError> {
        match handler {
            "active" => self.active = handler_value(value)?,
            "limit" => self.limit = handler_value(value)?,
            "burst" => self.burst = burst(handler_value(value)?),
            "data" => self.data = handler_value::<Octets>(value)?.0.into(),
            "length" => self.data = with_length(&self.data, value)?,
            "reset" => self.count = 0,
            _ => return Err(HandlerError::unknown(handler)),
        }
        Ok(())
    }
}

impl Typed for InfiniteSource {
    type Inputs = ();
    type Outputs = Output<Packet>;
}

#[cfg(test)]
mod tests {
    use crate::testing::run;

    #[test]
    fn makes_as_many_as_asked_for() {
        let graph = run(
            "InfiniteSource(DATA \\<01 02>, LIMIT 1000, LENGTH 60) -> c :: Counter -> Discard;",
        );
        assert_eq!(graph.read("c.count").unwrap(), "1000");
        assert_eq!(graph.read("c.byte_count").unwrap(), "60000");
    }

    #[test]
    fn is_pulled_too() {
        let graph = run("InfiniteSource(LIMIT 10) -> c :: Counter -> Unqueue -> Discard;");
        assert_eq!(graph.read("c.count").unwrap(), "10");
    }
}

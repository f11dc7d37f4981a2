//! Queue: packets wait between who pushes and who pulls.

use std::collections::VecDeque;

use waypost_graph::{
    Args, Batch, BuildCx, ConfigError, Credit, Cx, DropReason, Element, ElementClass, Handler,
    HandlerError, Input, Merge, Output, Packet, Pull, Push, Typed,
};

use crate::args::{TypedArgs, handler_value};

/// A queue had no room for a packet.
pub const QUEUE_FULL: DropReason = DropReason::new("queue full");
/// A queue was emptied, or made smaller, by hand.
pub const QUEUE_RESET: DropReason = DropReason::new("queue reset");

pub(crate) const CLASS: ElementClass = ElementClass {
    name: "Queue",
    ports: "1/1-2",
    processing: "h/lh",
    flow: "x/x",
    doc: "Holds packets, first in, first out, from being pushed until they are pulled. Those lost for want of room leave output 1,
if there is one.

Arguments: `Queue(CAPACITY)`, 1000 packets by default. `ON_FULL` (keyword) says what happens when it is full:

- `DROP_TAIL` (the default): the packet that comes is lost.
- `DROP_HEAD`: the packet that has waited longest is lost.
- `BLOCK`: nothing is lost: whoever feeds the queue waits until there is room, back to the source.

Deviations: `CAPACITY` is at least 1, and at most a million. `ON_FULL` is not in Click, where `FrontDropQueue` drops at the head and nothing blocks.",
    handlers: HANDLERS,
    build,
};

const HANDLERS: &[Handler] = &[
    Handler::sum("length", "packets that wait"),
    Handler {
        merge: Merge::Lines,
        ..Handler::read("highwater_length", "most packets that ever waited")
    },
    Handler::read_write(
        "capacity",
        "most packets that may wait; without room for those that do, the last are thrown away",
    ),
    Handler::sum("drops", "packets lost for want of room"),
    Handler::write(
        "reset_counts",
        "forgets the losses, and the most that ever waited",
    ),
    Handler::write("reset", "throws away all packets that wait"),
];

/// The most packets that a queue may hold.
const CAPACITY_MAX: usize = 1 << 20;

/// What a queue does without room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueueFull {
    /// Who feeds it waits.
    #[default]
    Block,
    /// The packet that has waited longest is lost.
    DropHead,
    /// The packet that comes is lost.
    DropTail,
}

fn build(args: &mut Args, _: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let capacity = args.optional::<usize>("CAPACITY").unwrap_or(1000);
    let fits = (1..=CAPACITY_MAX).contains(&capacity);
    let expected = format!("CAPACITY from 1 to {CAPACITY_MAX}");
    args.require("CAPACITY", fits, &expected, capacity);
    let choices = [
        ("DROP_TAIL", QueueFull::DropTail),
        ("DROP_HEAD", QueueFull::DropHead),
        ("BLOCK", QueueFull::Block),
    ];
    let on_full = args.choice("ON_FULL", &choices);
    args.finish()?;
    let on_full = on_full.unwrap_or(QueueFull::DropTail);
    Ok(Box::new(Queue::new(capacity, on_full)))
}

/// Holds packets, first in, first out.
#[derive(Debug)]
pub struct Queue {
    packets: VecDeque<Packet>,
    capacity: usize,
    on_full: QueueFull,
    highwater: usize,
    drops: u64,
}

impl Queue {
    /// A queue for so many packets; at least 1, at most a million.
    pub fn new(capacity: usize, on_full: QueueFull) -> Self {
        let capacity = capacity.clamp(1, CAPACITY_MAX);
        Self {
            packets: VecDeque::with_capacity(capacity),
            capacity,
            on_full,
            highwater: 0,
            drops: 0,
        }
    }

    fn room(&self) -> usize {
        self.capacity - self.packets.len().min(self.capacity)
    }

    fn lose(&mut self, packet: Packet, cx: &mut Cx<'_>) {
        self.drops += 1;
        cx.emit_or_drop(1, packet, QUEUE_FULL);
    }
}

impl Element for Queue {
    #[inline]
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        let room = self.room();
        if batch.len() > room {
            match self.on_full {
                // What is left in the batch waits.
                QueueFull::Block => {}
                QueueFull::DropTail => {
                    let mut rest = cx.take_batch();
                    // An empty batch has room for all of another.
                    batch.split_off(room, &mut rest);
                    for packet in rest.drain() {
                        self.lose(packet, cx);
                    }
                    cx.put_batch(rest);
                }
                QueueFull::DropHead => {
                    for _ in 0..(batch.len() - room).min(self.packets.len()) {
                        if let Some(packet) = self.packets.pop_front() {
                            self.lose(packet, cx);
                        }
                    }
                    let surplus = batch.len().saturating_sub(self.room());
                    let mut oldest = cx.take_batch();
                    oldest.take_from(batch, surplus);
                    for packet in oldest.drain() {
                        self.lose(packet, cx);
                    }
                    cx.put_batch(oldest);
                }
            }
        }
        let room = self.room();
        self.packets.extend(batch.drain_front(room));
        self.highwater = self.highwater.max(self.packets.len());
    }

    #[inline]
    fn pull(&mut self, _: usize, max: usize, batch: &mut Batch, _: &mut Cx<'_>) {
        let count = max.min(self.packets.len()).min(batch.room());
        for packet in self.packets.drain(..count) {
            // There is room: counted above.
            drop(batch.push(packet));
        }
    }

    fn credit(&self, _: usize) -> Credit {
        match self.on_full {
            QueueFull::Block => Credit::Packets(self.room()),
            _ => Credit::Packets(usize::MAX),
        }
    }

    fn held(&self) -> usize {
        self.packets.len()
    }

    fn handlers(&self) -> &'static [Handler] {
        HANDLERS
    }

    fn read(&self, handler: &str, _: &str) -> Result<String, HandlerError> {
        match handler {
            "length" => Ok(self.packets.len().to_string()),
            "highwater_length" => Ok(self.highwater.to_string()),
            "capacity" => Ok(self.capacity.to_string()),
            "drops" => Ok(self.drops.to_string()),
            _ => Err(HandlerError::unknown(handler)),
        }
    }

    fn write(&mut self, handler: &str, value: &str, cx: &mut Cx<'_>) -> Result<(), HandlerError> {
        match handler {
            "capacity" => {
                let capacity = handler_value(value)?;
                if !(1..=CAPACITY_MAX).contains(&capacity) {
                    return Err(HandlerError::new(format!(
                        "expected a capacity from 1 to {CAPACITY_MAX}"
                    )));
                }
                while self.packets.len() > capacity
                    && let Some(packet) = self.packets.pop_back()
                {
                    cx.drop(packet, QUEUE_RESET);
                }
                self.packets.reserve(capacity - self.packets.len());
                self.capacity = capacity;
            }
            "reset_counts" => (self.drops, self.highwater) = (0, self.packets.len()),
            "reset" => {
                while let Some(packet) = self.packets.pop_front() {
                    cx.drop(packet, QUEUE_RESET);
                }
            }
            _ => return Err(HandlerError::unknown(handler)),
        }
        Ok(())
    }
}

impl Typed for Queue {
    type Inputs = Input<Packet, Push>;
    type Outputs = Output<Packet, Pull>;
}

#[cfg(test)]
mod tests {
    use waypost_graph::Instant;

    use crate::testing::graph;

    fn filled(on_full: &str) -> waypost_graph::Instance {
        let text = format!(
            "s :: InfiniteSource(LIMIT 1000) -> q :: Queue(100, ON_FULL {on_full}) -> u :: Unqueue(ACTIVE false) -> d :: Discard;"
        );
        let mut graph = graph(&text);
        graph.run_until_idle(Instant::ZERO, 1000);
        graph
    }

    #[test]
    fn drops_at_the_tail_when_full() {
        let graph = filled("DROP_TAIL");
        let read = ["s.count", "q.length", "q.drops", "q.highwater_length"]
            .map(|it| graph.read(it).unwrap());
        assert_eq!(read, ["1000", "100", "900", "100"]);
    }

    #[test]
    fn drops_at_the_head_when_full() {
        let graph = filled("DROP_HEAD");
        let read = ["s.count", "q.length", "q.drops"].map(|it| graph.read(it).unwrap());
        assert_eq!(read, ["1000", "100", "900"]);
    }

    #[test]
    fn blocks_its_source_and_lets_it_go_on() {
        let mut graph = filled("BLOCK");
        assert_eq!(
            graph.read("s.count").unwrap(),
            "100",
            "nothing is read that nobody has room for"
        );
        graph.write("u.active", "true").unwrap();
        graph.run_until_idle(Instant::ZERO, 1000);
        let read = ["s.count", "q.drops", "d.count"].map(|it| graph.read(it).unwrap());
        assert_eq!(read, ["1000", "0", "1000"]);
    }
}

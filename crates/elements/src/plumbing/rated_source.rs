//! RatedSource: packets at a rate.

use waypost_graph::{
    Args, Batch, BuildCx, ConfigError, Cx, Element, ElementClass, Handler, HandlerError, Instant,
    Progress, Spread,
};

use super::end::{End, reached};
use super::infinite_source::{repeat, with_length};
use crate::args::{Bandwidth, Octets, TypedArgs, handler_value};

pub(crate) const CLASS: ElementClass = ElementClass {
    name: "RatedSource",
    ports: "0/1",
    processing: "a/a",
    flow: "x/x",
    doc: "Makes packets at a rate. Of several workers the first alone does.

Arguments: `RatedSource(DATA, RATE, LIMIT, ACTIVE)`; all are keywords too.

- `DATA`: what each packet holds; 64 octets of zeros by default.
- `RATE`: packets a second; 10 by default.
- `LIMIT`: how many packets, -1 (the default) for no end.
- `ACTIVE`: false makes none.
- `LENGTH` (`DATASIZE` of old): cuts `DATA` to so many octets, or repeats it.
- `STOP`: true stops the graph when `LIMIT` is reached, once nothing is on its way any more: see below.
- `END_CALL`: a write handler and its value, `element.handler VALUE`, which is written when `LIMIT` is reached.
- `BANDWIDTH`: bits a second, `100kbps` or the like, in place of `RATE`; octets a second without a unit.

With `STOP true`, all sources stop when the first is done, and the graph once its packets have gone as far as they can:
asynchronous processors have handed on what they work on, queues are empty or nobody takes what is in them.

Deviations: `DATA` is a sentence by default in Click. Packets that are made here carry no time. `data` is read and written as octets
in a quotation, where Click has them as they are, and there is no handler `datasize`. Click's `STOP` does not wait for queues, and there is no `END_CALL`. What could not be sent while the way down was full is made up for, up to a tenth of a second's worth.",
    handlers: HANDLERS,
    build,
};

const HANDLERS: &[Handler] = &[
    Handler::sum("count", "how many packets were made"),
    Handler::read_write("rate", "packets a second"),
    Handler::read_write("active", "whether packets are made"),
    Handler::read_write("limit", "how many packets are made, -1 for no end"),
    Handler::read_write("data", "what each packet holds, as `\\<01 02>`"),
    Handler::read_write(
        "length",
        "octets of each packet: cuts `data`, or repeats it",
    ),
    Handler::write("reset", "counts from 0 again"),
];

/// What a packet costs: a nanosecond earns as many billionths of one as there are packets a second.
const SECOND: u128 = 1_000_000_000;

fn build(args: &mut Args, _: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let mut data = args
        .optional::<Octets>("DATA")
        .map_or_else(|| vec![0; 64], |data| data.0);
    let mut rate = args.optional::<u32>("RATE").unwrap_or(10);
    let limit = args.optional::<i64>("LIMIT").unwrap_or(-1);
    let active = args.optional("ACTIVE").unwrap_or(true);
    let end = End::parse(args);
    let len = args.keyword::<u16>("LENGTH");
    let of_old = args.keyword("DATASIZE");
    if let Some(len) = len.or(of_old) {
        repeat(&mut data, len.into());
    }
    if let Some(bandwidth) = args.keyword::<Bandwidth>("BANDWIDTH") {
        let packets = bandwidth.0 / data.len().max(1) as f64;
        rate = packets as u32;
    }
    Ok(Box::new(RatedSource {
        data: data.into(),
        rate,
        limit,
        active,
        end,
        count: 0,
        since: None,
        earned: SECOND,
        made: 0,
    }))
}

struct RatedSource {
    data: Box<[u8]>,
    rate: u32,
    limit: i64,
    active: bool,
    end: End,
    count: u64,
    /// When the rate began, what of packets was earned before, in billionths, and how many were made since then.
    since: Option<Instant>,
    earned: u128,
    made: u64,
}

impl RatedSource {
    fn left(&self) -> u64 {
        u64::try_from(self.limit).map_or(u64::MAX, |limit| limit.saturating_sub(self.count))
    }

    /// Begins the rate: with a packet at once.
    fn begin(&mut self) {
        (self.since, self.earned, self.made) = (None, SECOND, 0);
    }

    /// Has another rate from now on; what was earned of the next packet is kept.
    fn set_rate(&mut self, rate: u32, now: Instant) {
        if let Some(since) = self.since {
            let spent = u128::from(self.made) * SECOND;
            self.earned = self.earned_since(since, now).saturating_sub(spent);
            (self.since, self.made) = (Some(now), 0);
        }
        self.rate = rate;
    }

    /// What of packets was earned by now.
    fn earned_since(&self, since: Instant, now: Instant) -> u128 {
        let elapsed = u128::from(now.duration_since(since).as_nanos());
        elapsed * u128::from(self.rate) + self.earned
    }

    /// How many packets should have been made by now and were not.
    fn due(&mut self, now: Instant) -> u64 {
        let since = *self.since.get_or_insert(now);
        let expected = (self.earned_since(since, now) / SECOND) as u64;
        let due = expected.saturating_sub(self.made);
        let most = u64::from(self.rate / 10).max(1);
        if due > most {
            // The rest is forgone.
            self.made = expected - most;
        }
        due.min(most)
    }

    /// When the next packet is due: not a nanosecond before, or nobody would ask again.
    fn next(&self) -> Option<Instant> {
        let missing = (u128::from(self.made) + 1) * SECOND;
        let missing = missing.saturating_sub(self.earned);
        let after = missing.div_ceil(u128::from(self.rate.max(1)));
        let since = self.since?.as_nanos();
        let after = u64::try_from(after).unwrap_or(u64::MAX);
        Some(Instant::from_nanos(since.saturating_add(after)))
    }
}

impl Element for RatedSource {
    fn push(&mut self, _: usize, _: &mut Batch, _: &mut Cx<'_>) {}

    fn pull(&mut self, _: usize, max: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        if !self.active || self.rate == 0 {
            return;
        }
        let count = self.due(cx.now()).min(self.left()).min(max as u64);
        for _ in 0..count {
            let Some(packet) = cx.frames().copy(&self.data) else {
                break;
            };
            if let Err(packet) = batch.push(packet) {
                cx.frames().free_packet(packet);
                break;
            }
        }
        self.made += batch.len() as u64;
        self.count += batch.len() as u64;
        // What is due already waits for room, or for memory, of which others tell.
        let next = self.next().filter(|&next| next > cx.now());
        cx.set_timer(next);
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
            if self.rate == 0 || !cx.pushes(0) {
                return Progress::Idle;
            }
            let mut batch = cx.take_batch();
            self.pull(0, budget, &mut batch, cx);
            worked = !batch.is_empty();
            cx.push(0, &mut batch);
            cx.put_batch(batch);
        }
        // At once: when it fills what is behind it with its last packet, it does not run again.
        if self.left() == 0 {
            reached(self, |it| &mut it.end, cx);
            // A handler may have begun anew.
            worked |= self.left() > 0;
        }
        if worked {
            Progress::Worked
        } else {
            Progress::Idle
        }
    }

    fn spread(&self) -> Spread {
        Spread::FirstWorker
    }

    fn handlers(&self) -> &'static [Handler] {
        HANDLERS
    }

    fn read(&self, handler: &str, _: &str) -> Result<String, HandlerError> {
        match handler {
            "count" => Ok(self.count.to_string()),
            "rate" => Ok(self.rate.to_string()),
            "active" => Ok(self.active.to_string()),
            "limit" => Ok(self.limit.to_string()),
            "data" => Ok(Octets::show(&self.data)),
            "length" => Ok(self.data.len().to_string()),
            _ => Err(HandlerError::unknown(handler)),
        }
    }

    fn write(&mut self, handler: &str, value: &str, cx: &mut Cx<'_>) -> Result<(), HandlerError> {
        let made = self.active && self.left() > 0;
        match handler {
            "active" => self.active = handler_value(value)?,
            "limit" => self.limit = handler_value(value)?,
            "rate" => self.set_rate(handler_value(value)?, cx.now()),
            "reset" => self.count = 0,
            "data" => self.data = handler_value::<Octets>(value)?.0.into(),
            "length" => self.data = with_length(&self.data, value)?,
            _ => return Err(HandlerError::unknown(handler)),
        }
        // Nothing is made up for the time in which none were to be made.
        let begins = !made && self.active && self.left() > 0;
        if begins || handler == "reset" {
            self.begin();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use waypost_graph::Instant;

    use crate::testing::graph;

    #[test]
    fn keeps_its_rate_when_it_is_pulled() {
        let mut graph = graph("RatedSource(RATE 100) -> u :: Unqueue -> Discard;");
        // A driver sleeps until the next timer.
        let mut now = Instant::ZERO;
        while now <= Instant::from_millis(1000) {
            graph.run_until_idle(now, 100);
            now = graph.next_timer().unwrap();
        }
        assert_eq!(graph.read("u.count").unwrap(), "101");
    }

    #[test]
    fn no_packet_is_made_for_a_handler_that_is_written() {
        let mut graph = graph("s :: RatedSource(RATE 10, LIMIT 3) -> d :: Discard;");
        let mut counts_at = |millis: u64, handler: &str, value: &str, count: &str| {
            graph.write(handler, value).unwrap();
            graph.run_until_idle(Instant::from_millis(millis), 100);
            let (read, handler) = (graph.read("d.count").unwrap(), handler);
            assert_eq!(read, count, "after {handler} {value}");
        };
        counts_at(0, "s.active", "true", "1");
        for (handler, value) in [
            ("s.data", "\\<01>"),
            ("s.length", "70"),
            ("s.limit", "4"),
            ("s.active", "true"),
        ] {
            counts_at(50, handler, value, "1");
        }
        counts_at(100, "s.limit", "4", "2");
        // What is earned of a packet is kept when the rate is another, or none for a while: 0.5, 0.7, 0.7, 1.
        counts_at(150, "s.active", "true", "2");
        counts_at(160, "s.rate", "20", "2");
        counts_at(250, "s.rate", "0", "2");
        counts_at(279, "s.rate", "10", "2");
        counts_at(280, "s.active", "true", "3");
        counts_at(380, "s.active", "true", "4");
        // Nothing is made up for that was not to be made.
        counts_at(5000, "s.limit", "100", "5");
        counts_at(5010, "s.active", "false", "5");
        counts_at(6000, "s.active", "true", "6");
        counts_at(6010, "s.reset", "", "7");
        graph.write("s.length", "long").unwrap_err();
        assert_eq!(graph.read("s.length").unwrap(), "70", "nothing has changed");
    }

    #[test]
    fn does_not_spin_without_memory() {
        let mut graph = graph(
            "RatedSource(RATE 100000) -> Queue(100000) -> Unqueue(ACTIVE false) -> d :: Discard;",
        );
        graph.run_until_idle(Instant::from_millis(1), 100_000);
        for millis in 2..2000 {
            assert!(graph.run_until_idle(Instant::from_millis(millis), 1000) < 100);
        }
        assert!(!graph.step(Instant::from_millis(2000)), "the pool is empty");
        assert!(graph.next_timer().is_some(), "it is tried again");
    }

    #[test]
    fn goes_on_when_no_packet_is_due_on_a_nanosecond() {
        for rate in ["3", "7", "4294967295"] {
            let text = format!("s :: RatedSource(RATE {rate}, LIMIT 20) -> Discard;");
            let (mut graph, mut now) = (graph(&text), Instant::ZERO);
            graph.run_until_idle(now, 100);
            while graph.read("s.count").unwrap() != "20" {
                now = graph.next_timer().expect(rate);
                graph.run_until_idle(now, 100);
            }
        }
    }

    #[test]
    fn keeps_its_rate_in_virtual_time() {
        let mut graph = graph("RatedSource(RATE 100) -> c :: Counter -> Discard;");
        for millis in 0..=1000 {
            graph.run_until_idle(Instant::from_millis(millis + 5), 100);
        }
        assert_eq!(graph.read("c.count").unwrap(), "101");
    }
}

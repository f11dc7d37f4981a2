//! Counter: how many packets and octets pass.

use waypost_graph::{
    Args, Batch, BuildCx, ConfigError, Cx, Element, ElementClass, Handler, HandlerError, Input,
    Instant, Output, Packet, Typed,
};

use super::end::Call;
use crate::args::{Arg, TypedArgs};

pub(crate) const CLASS: ElementClass = ElementClass {
    name: "Counter",
    ports: "1",
    processing: "a/a",
    flow: "x/x",
    doc: "Counts packets and octets that pass.

Rates are those between the first and the last packet since the counter was reset.

Arguments (keywords): `COUNT_CALL`: `N HANDLER VALUE`: when the N-th packet has come, and before it is passed on, the value is written
to the handler. `BYTE_COUNT_CALL`: so too when N octets have come, or more. Each happens once until the counter is reset. Where several
workers run, each counts for itself.

Deviations: Click's rates are moving averages. Where packets are pulled, a handler is written before those that are pulled with the
N-th are passed on, and not to elements that pull them through the counter.",
    handlers: HANDLERS,
    build,
};

const HANDLERS: &[Handler] = &[
    Handler::sum("count", "packets that passed"),
    Handler::sum("byte_count", "octets of those packets"),
    Handler::sum(
        "rate",
        "packets a second between the first and the last of them",
    ),
    Handler::sum(
        "byte_rate",
        "octets a second between the first and the last of them",
    ),
    Handler::sum(
        "bit_rate",
        "bits a second between the first and the last of them",
    ),
    Handler::read_write(
        "count_call",
        "the packets of `COUNT_CALL`; written, the argument anew",
    ),
    Handler::write("byte_count_call", "the argument `BYTE_COUNT_CALL` anew"),
    Handler::write("reset", "counts from 0 again"),
    Handler::write("reset_counts", "counts from 0 again"),
];

fn build(args: &mut Args, _: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let mut calls = Calls::default();
    for (keyword, place) in [
        ("COUNT_CALL", &mut calls.packets),
        ("BYTE_COUNT_CALL", &mut calls.octets),
    ] {
        if let Some(text) = args.take(keyword) {
            let trigger = Trigger::parse(&text);
            args.require(keyword, trigger.is_some(), EXPECTED, text);
            *place = trigger;
        }
    }
    Ok(Box::new(Counter {
        calls: calls.boxed(),
        ..Counter::default()
    }))
}

const EXPECTED: &str = "a number, a write handler and its value";

/// What is written when so many have come.
#[derive(Clone, Debug)]
struct Trigger {
    at: u64,
    call: Option<Call>,
    done: bool,
}

impl Trigger {
    /// `N HANDLER VALUE`; without a handler, nothing is written.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (number, call) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        Some(Self {
            at: u64::parse(number)?,
            call: Call::parse(call),
            done: false,
        })
    }
}

#[derive(Clone, Debug, Default)]
struct Calls {
    packets: Option<Trigger>,
    octets: Option<Trigger>,
}

impl Calls {
    /// Nothing to look after where there are none.
    fn boxed(self) -> Option<Box<Self>> {
        (self.packets.is_some() || self.octets.is_some()).then(|| Box::new(self))
    }
}

/// Counts packets and octets that pass.
#[derive(Clone, Debug, Default)]
pub struct Counter {
    count: u64,
    octets: u64,
    calls: Option<Box<Calls>>,
    /// When the first and the last packets passed.
    first: Option<Instant>,
    last: Instant,
}

impl Counter {
    fn rate(&self, amount: u64) -> String {
        let seconds = self
            .first
            .map_or(0.0, |first| self.last.duration_since(first).as_secs_f64());
        if seconds > 0.0 {
            format!("{:.1}", amount as f64 / seconds)
        } else {
            "0".to_owned()
        }
    }
}

impl Counter {
    #[inline(always)]
    fn add(&mut self, packets: &[Packet]) {
        self.count += packets.len() as u64;
        self.octets += packets.iter().map(|it| it.len() as u64).sum::<u64>();
    }

    /// The first of the packets with which something is to be written.
    fn due(&self, packets: &[Packet]) -> Option<usize> {
        let calls = self.calls.as_deref()?;
        let open = |trigger: &Option<Trigger>| {
            let trigger = trigger.as_ref().filter(|it| !it.done);
            trigger.map(|it| it.at)
        };
        let (mut count, mut octets) = (self.count, self.octets);
        packets.iter().position(|packet| {
            count += 1;
            octets += packet.len() as u64;
            open(&calls.packets) == Some(count)
                || open(&calls.octets).is_some_and(|at| octets >= at)
        })
    }

    /// Counts and passes on the packets before and with which something is to be written, and writes it.
    #[cold]
    fn watch(&mut self, batch: &mut Batch, cx: &mut Cx<'_>) {
        let mut passed = cx.take_batch();
        while let Some(at) = self.due(batch) {
            let from = passed.len();
            passed.take_from(batch, at);
            self.add(&passed[from..]);
            if cx.pushes(0) {
                cx.push(0, &mut passed);
            }
            let from = passed.len();
            passed.take_from(batch, 1);
            self.add(&passed[from..]);
            self.call(cx);
            if cx.pushes(0) {
                cx.push(0, &mut passed);
            }
        }
        self.add(batch);
        // Those that are pulled leave together.
        if !passed.is_empty() {
            let rest = batch.len();
            passed.take_from(batch, rest);
            std::mem::swap(batch, &mut *passed);
        }
        cx.put_batch(passed);
    }

    /// Writes what is due.
    fn call(&mut self, cx: &mut Cx<'_>) {
        let (count, octets) = (self.count, self.octets);
        let Some(calls) = self.calls.as_deref_mut() else {
            return;
        };
        let due = |trigger: &mut Option<Trigger>, reached: &dyn Fn(u64) -> bool| {
            let trigger = trigger.as_mut().filter(|it| !it.done && reached(it.at))?;
            trigger.done = true;
            trigger.call.clone()
        };
        let by_count = due(&mut calls.packets, &|at| count == at);
        let by_octets = due(&mut calls.octets, &|at| octets >= at);
        if let Some(call) = by_count {
            call.write(self, "COUNT_CALL", cx);
        }
        if let Some(call) = by_octets {
            call.write(self, "BYTE_COUNT_CALL", cx);
        }
    }

    fn reset(&mut self) {
        let mut calls = self.calls.take();
        if let Some(calls) = calls.as_deref_mut() {
            let triggers = [&mut calls.packets, &mut calls.octets];
            triggers
                .into_iter()
                .flatten()
                .for_each(|it| it.done = false);
        }
        *self = Self {
            calls,
            ..Self::default()
        };
    }
}

impl Element for Counter {
    #[inline]
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        // Who pulls in vain gets an empty batch, with which no packet passes.
        if batch.is_empty() {
            return;
        }
        self.last = cx.now();
        self.first.get_or_insert(self.last);
        if self.calls.is_some() {
            self.watch(batch, cx);
        } else {
            self.add(batch);
        }
    }

    fn handlers(&self) -> &'static [Handler] {
        HANDLERS
    }

    fn read(&self, handler: &str, _: &str) -> Result<String, HandlerError> {
        match handler {
            "count" => Ok(self.count.to_string()),
            "byte_count" => Ok(self.octets.to_string()),
            "rate" => Ok(self.rate(self.count)),
            "byte_rate" => Ok(self.rate(self.octets)),
            "bit_rate" => Ok(self.rate(self.octets * 8)),
            "count_call" => {
                let calls = self.calls.as_deref();
                let trigger = calls.and_then(|it| it.packets.as_ref());
                let trigger = trigger.filter(|it| it.call.is_some());
                Ok(trigger.map(|it| it.at.to_string()).unwrap_or_default())
            }
            _ => Err(HandlerError::unknown(handler)),
        }
    }

    fn write(&mut self, handler: &str, value: &str, _: &mut Cx<'_>) -> Result<(), HandlerError> {
        match handler {
            "reset" | "reset_counts" => self.reset(),
            "count_call" | "byte_count_call" => {
                let expected =
                    || HandlerError::new(format!("expected {EXPECTED}, found `{value}`"));
                let trigger = Trigger::parse(value).ok_or_else(expected)?;
                let mut calls = self.calls.take().map(|it| *it).unwrap_or_default();
                match handler {
                    "count_call" => calls.packets = Some(trigger),
                    _ => calls.octets = Some(trigger),
                }
                self.calls = calls.boxed();
            }
            _ => return Err(HandlerError::unknown(handler)),
        }
        Ok(())
    }
}

impl Typed for Counter {
    type Inputs = Input<Packet>;
    type Outputs = Output<Packet>;
}

#[cfg(test)]
mod tests {
    use waypost_graph::Instant;

    use crate::testing::graph;

    #[test]
    fn rates_are_between_packets_where_they_are_pulled_too() {
        for way in ["c :: Counter -> Unqueue", "Unqueue -> c :: Counter"] {
            let mut graph = graph(&format!(
                "s :: RatedSource(RATE 10, LIMIT 11, DATA \\<0102>, ACTIVE false) -> Queue -> {way} -> Discard;"
            ));
            // A second in which nothing comes, before the packets and after them.
            for millis in (0..3000).step_by(50) {
                if millis == 1000 {
                    graph.write("s.active", "true").unwrap();
                }
                graph.run_until_idle(Instant::from_millis(millis), 100);
            }
            assert_eq!(graph.read("c.count").unwrap(), "11");
            assert_eq!(graph.read("c.rate").unwrap(), "11.0", "{way}");
            assert_eq!(graph.read("c.byte_rate").unwrap(), "22.0", "{way}");
        }
    }
}

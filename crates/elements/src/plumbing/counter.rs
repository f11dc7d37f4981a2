//! Counter: how many packets and octets pass.

use waypost_graph::{
    Batch, Cx, Element, ElementClass, Handler, HandlerError, Input, Instant, Output, Packet, Typed,
};

pub(crate) const CLASS: ElementClass = ElementClass {
    name: "Counter",
    ports: "1",
    processing: "a/a",
    flow: "x/x",
    doc: "Counts packets and octets that pass.

Rates are those between the first and the last packet since the counter was reset.

Deviations: Click's rates are moving averages; its `COUNT_CALL` and `BYTE_COUNT_CALL` are not there.",
    handlers: HANDLERS,
    build: |_, _| Ok(Box::new(Counter::default())),
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
    Handler::write("reset", "counts from 0 again"),
    Handler::write("reset_counts", "counts from 0 again"),
];

/// Counts packets and octets that pass.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counter {
    count: u64,
    octets: u64,
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

impl Element for Counter {
    #[inline]
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        self.count += batch.len() as u64;
        self.octets += batch.iter().map(|packet| packet.len() as u64).sum::<u64>();
        self.last = cx.now();
        self.first.get_or_insert(self.last);
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
            _ => Err(HandlerError::unknown(handler)),
        }
    }

    fn write(&mut self, handler: &str, _: &str, _: &mut Cx<'_>) -> Result<(), HandlerError> {
        match handler {
            "reset" | "reset_counts" => *self = Self::default(),
            _ => return Err(HandlerError::unknown(handler)),
        }
        Ok(())
    }
}

impl Typed for Counter {
    type Inputs = Input<Packet>;
    type Outputs = Output<Packet>;
}

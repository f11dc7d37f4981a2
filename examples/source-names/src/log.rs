//! The end of the way: a line for each packet.

use std::io::{Write, stdout};

use waypost::graph::{
    Batch, ConfigError, Cx, Element, ElementClass, Handler, HandlerError, Kind, Packet,
};
use waypost::wire::Ipv4Header;

use crate::Named;

/// The log for texts.
pub const LOG_CLASS: ElementClass = ElementClass {
    name: "SourceLog",
    ports: "1-2/0",
    processing: "h/h",
    flow: "x/x",
    doc: "Prints a line for each packet that comes with its source's name; packets that come in at input 1 are counted alone.

Arguments: `SourceLog(LIMIT)`: stops the graph after so many packets; by default it does not.",
    handlers: HANDLERS,
    build: |args, _| {
        let limit = match args.take_or_positional("LIMIT") {
            Some(text) => Some(
                text.parse()
                    .map_err(|_| ConfigError::expected("a number for LIMIT", &text))?,
            ),
            None => None,
        };
        Ok(Box::new(Log { limit, count: 0 }))
    },
};

const HANDLERS: &[Handler] = &[Handler::sum(
    "count",
    "packets that came, with a name or not",
)];

struct Log {
    limit: Option<u64>,
    count: u64,
}

impl Element for Log {
    fn push(&mut self, port: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        if port == 0 {
            let mut out = stdout().lock();
            batch.filter_map(|packet| {
                let named = Named::wrap(packet);
                // A reader that went away is no error: there is nobody to tell.
                let _ = writeln!(out, "{}", line(&named));
                Some(named.unwrap())
            });
        }
        self.count += batch.len() as u64;
        cx.free(batch);
        if self.limit.is_some_and(|limit| self.count >= limit) {
            cx.stop();
        }
    }

    fn handlers(&self) -> &'static [Handler] {
        HANDLERS
    }

    fn read(&self, handler: &str, _: &str) -> Result<String, HandlerError> {
        match handler {
            "count" => Ok(self.count.to_string()),
            _ => Err(HandlerError::unknown(handler)),
        }
    }
}

/// `10.0.0.1 (host.example) > 10.0.0.2: UDP, 28 octets`.
fn line(packet: &Named) -> String {
    let header: Option<&Packet> = Some(packet);
    let header = header.and_then(|packet| Ipv4Header::split_from(packet.network()?).ok());
    let Some((header, _)) = header else {
        return "no IPv4 header".to_owned();
    };
    let name = match packet.name() {
        "" => "no name",
        name => name,
    };
    format!(
        "{} ({name}) > {}: {}, {} octets",
        header.source(),
        header.destination(),
        header.protocol(),
        header.total_length()
    )
}

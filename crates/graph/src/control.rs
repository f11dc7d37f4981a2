//! Reading and writing handlers.

use crate::element::Element;
use crate::engine::Engine;
use crate::handler::{Handler, HandlerError, Merge};
use crate::schedule::Instance;

/// What every element answers.
const EVERY: &[Handler] = &[
    Handler::read("name", "the element's name"),
    Handler::read("class", "the element's class"),
    Handler::read("config", "the element's configuration string"),
    Handler::read(
        "handlers",
        "the handlers, one a line, with `r` and `w` for what may be done",
    ),
    Handler::read("ports", "the ports and what they are connected to"),
    Handler::sum(
        "calls",
        "batches that the element was handed, has pulled, or has made",
    ),
    Handler::sum("packets", "packets in those batches"),
    Handler::sum(
        "nanoseconds",
        "time spent in it, without the elements that it called, if the graph is profiled",
    ),
    Handler::sum("drops", "packets lost in it, for all reasons"),
    Handler {
        merge: Merge::Lines,
        ..Handler::read("drop_reasons", "packets lost in it, by reason")
    },
];

/// What is answered of the graph as a whole.
const ROUTER: &[Handler] = &[
    Handler::read("list", "the number of elements, and their names"),
    Handler::read("flatconfig", "the graph, flattened, as text"),
    Handler::read("config", "the graph's text, as it was given"),
    Handler::read("version", "the version of the engine"),
    Handler::read("handlers", "these handlers"),
    Handler::write("stop", "stops the graph"),
];

impl Engine {
    /// Reads `element.handler`, or a router-wide handler by its name alone.
    pub(crate) fn read(&self, handler: &str) -> Result<String, HandlerError> {
        let (path, argument) = handler
            .trim()
            .split_once(char::is_whitespace)
            .unwrap_or_else(|| (handler.trim(), ""));
        let Some((element, handler)) = path.rsplit_once('.') else {
            return self.read_router(path);
        };
        let at = self.find(element)?;
        let (slot, naming) = (&self.slots[at], &self.names[at]);
        let stats = &slot.stats;
        if let Some(element) = slot.element()
            && element
                .handlers()
                .iter()
                .any(|it| it.name == handler && it.is_read())
        {
            return element.read(handler, argument.trim());
        }
        match handler {
            "name" => Ok(naming.name.to_string()),
            "class" => Ok(naming.class.to_string()),
            "config" => Ok(naming.config.to_string()),
            "calls" => Ok(stats.calls.to_string()),
            "packets" => Ok(stats.packets.to_string()),
            "nanoseconds" => Ok(stats.nanos.to_string()),
            "drops" => Ok(stats.drops.total().to_string()),
            "drop_reasons" => {
                let lines = stats
                    .drops
                    .iter()
                    .map(|(reason, count)| format!("{count} {reason}"));
                Ok(lines.collect::<Vec<_>>().join("\n"))
            }
            "handlers" => slot
                .element()
                .map(handler_list)
                .ok_or_else(|| busy(element)),
            "ports" => Ok(self.port_list(at)),
            _ => Err(HandlerError::new(format!(
                "`{element}` has no read handler `{handler}`"
            ))),
        }
    }

    fn read_router(&self, handler: &str) -> Result<String, HandlerError> {
        match handler {
            "list" => {
                let names = self.names.iter().map(|it| it.name.to_string());
                Ok(std::iter::once(self.names.len().to_string())
                    .chain(names)
                    .collect::<Vec<_>>()
                    .join("\n"))
            }
            "config" => Ok(self.texts.given.to_string()),
            "flatconfig" => Ok(self.texts.flat.to_string()),
            "version" => Ok(env!("CARGO_PKG_VERSION").to_owned()),
            "handlers" => Ok(lines_of(ROUTER.iter())),
            _ => Err(HandlerError::new(format!(
                "no router-wide read handler `{handler}`; an element's is read as `element.handler`"
            ))),
        }
    }

    /// Writes `element.handler`, or a router-wide handler by its name alone.
    pub(crate) fn write(&mut self, handler: &str, value: &str) -> Result<(), HandlerError> {
        let Some((element, handler)) = handler.trim().rsplit_once('.') else {
            if handler.trim() == "stop" {
                self.stop();
                return Ok(());
            }
            return Err(HandlerError::new(format!(
                "no router-wide write handler `{}`",
                handler.trim()
            )));
        };
        let at = self.find(element)?;
        let result = self.call(at, |it, cx| {
            if it
                .handlers()
                .iter()
                .any(|it| it.name == handler && it.is_write())
            {
                it.write(handler, value, cx)
            } else {
                Err(HandlerError::new(format!(
                    "`{element}` has no write handler `{handler}`"
                )))
            }
        });
        result.unwrap_or_else(|| Err(busy(element)))
    }

    /// How the answers of several workers to this handler make one.
    pub(crate) fn merge_of(&self, handler: &str) -> Merge {
        let path = handler.split_whitespace().next().unwrap_or_default();
        let Some((element, name)) = path.rsplit_once('.') else {
            return Merge::First;
        };
        let found = self.names.iter().position(|it| &*it.name == element);
        let own = found
            .and_then(|at| self.slots[at].element())
            .map_or(&[][..], |it| it.handlers());
        own.iter()
            .chain(EVERY)
            .find(|it| it.name == name)
            .map_or(Merge::First, |it| it.merge)
    }

    fn find(&self, element: &str) -> Result<usize, HandlerError> {
        let found = self.names.iter().position(|it| &*it.name == element);
        found.ok_or_else(|| HandlerError::new(format!("no element `{element}`")))
    }

    fn port_list(&self, at: usize) -> String {
        let slot = &self.slots[at];
        let mut lines = vec![format!("{} inputs", slot.inputs.len())];
        lines.extend(
            slot.inputs
                .iter()
                .enumerate()
                .map(|(port, from)| match from {
                    Some(end) => {
                        format!("pull\t{port}\t{} [{}]", self.names[end.slot].name, end.port)
                    }
                    None => format!("push\t{port}"),
                }),
        );
        lines.push(format!("{} outputs", slot.outputs.len()));
        lines.extend(
            slot.outputs
                .iter()
                .enumerate()
                .map(|(port, output)| match output.to {
                    Some(end) => {
                        format!("push\t{port}\t[{}] {}", end.port, self.names[end.slot].name)
                    }
                    None => format!("pull\t{port}"),
                }),
        );
        lines.join("\n")
    }
}

fn busy(element: &str) -> HandlerError {
    HandlerError::new(format!("`{element}` is being called: it cannot ask itself"))
}

fn handler_list(element: &dyn Element) -> String {
    lines_of(element.handlers().iter().chain(EVERY))
}

fn lines_of<'a>(handlers: impl Iterator<Item = &'a Handler>) -> String {
    let mode = |it: &Handler| match (it.is_read(), it.is_write()) {
        (true, true) => "rw",
        (true, false) => "r",
        _ => "w",
    };
    handlers
        .map(|it| format!("{}\t{}", it.name, mode(it)))
        .collect::<Vec<_>>()
        .join("\n")
}

impl Instance {
    /// Reads `element.handler`, or a router-wide handler by its name alone.
    ///
    /// # Errors
    /// There is no such handler, or it refused.
    pub fn read(&self, handler: &str) -> Result<String, HandlerError> {
        self.engine.read(handler)
    }

    /// Writes `element.handler`, or a router-wide handler by its name alone.
    ///
    /// # Errors
    /// There is no such handler, or it refused; nothing has changed.
    pub fn write(&mut self, handler: &str, value: &str) -> Result<(), HandlerError> {
        self.engine.write(handler, value)
    }

    /// How the answers of several workers to this handler make one.
    pub fn merge_of(&self, handler: &str) -> Merge {
        self.engine.merge_of(handler)
    }
}

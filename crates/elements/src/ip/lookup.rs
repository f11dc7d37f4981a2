//! LinearIPLookup, RadixIPLookup, DirectIPLookup: the longest prefix that holds an address.
//!
//! Click has one class for each data structure. Here one table, whose look-ups are batched and whose
//! memory follows the routes, serves all three.

mod hops;
mod queue;
mod table;

use std::net::Ipv4Addr;

use waypost_graph::{
    Args, Batch, BuildCx, ConfigError, Cx, DropReason, Element, ElementClass, Handler,
    HandlerError, Input, Output, Packet, Typed,
};
use waypost_ip::fib::{FibLimits, NextHop};
use waypost_wire::{Duration, Ipv4Prefix};

use super::{Ipv4, RouteMemory};
use crate::args::Arg;
use hops::Hop;
use table::{Change, RouteTable, show};

/// No route leads to a packet's destination.
pub const NO_ROUTE: DropReason = DropReason::new("no route");

/// Entries of the table that changes look at between two batches, about 30 µs where none is in a cache.
const SLICE: usize = 4096;
/// How long a change waits for memory before it is tried again.
const MEMORY_PATIENCE: Duration = Duration::from_millis(1);

pub(crate) const LINEAR: ElementClass = ElementClass {
    name: "LinearIPLookup",
    ..RADIX
};
pub(crate) const DIRECT: ElementClass = ElementClass {
    name: "DirectIPLookup",
    ..RADIX
};
pub(crate) const RADIX: ElementClass = ElementClass {
    name: "RadixIPLookup",
    ports: "1/-",
    processing: "h/h",
    flow: "x/x",
    doc: "Hands packets to the output of the route with the longest prefix that holds their destination annotation, and sets
the annotation to the route's gateway, if it has one. Packets without a route are dropped.

Arguments: routes, each `ADDR/LENGTH [GATEWAY] OUTPUT`; a gateway of 0.0.0.0 or `-` is none. Of two routes for one prefix
the first counts.

`LinearIPLookup`, `RadixIPLookup` and `DirectIPLookup` are the same here: Click's three data structures are one.

`table` and `lookup` know of a change once it is written, and all packets after it follow it, unless it touches many routes, as one of
`0/0` may, or many were written at once. These are made in slices between batches, in the order in which they were written, so that
packets do not wait for them: of a change that is not complete, each address has either the old route or the new. `pending` tells when
all are. Packets do wait while a text is read, while `table` is told, and while `flush` frees a large table; and while changes are
made at once: those for which there may be no room, and those with which more than 65536 would wait.

Deviations: there is no warning about a second route for one prefix. Click's says that the later one replaces it, but there too the
first counts.",
    handlers: HANDLERS,
    build,
};

const HANDLERS: &[Handler] = &[
    Handler::read("table", "the routes, one a line: prefix, gateway, output"),
    Handler::read(
        "lookup",
        "the output and gateway for the address given behind the handler's name",
    ),
    Handler::sum(
        "pending",
        "how many changes that were written are not made for all packets yet",
    ),
    Handler::write(
        "add",
        "adds a route; refused where its prefix has one already",
    ),
    Handler::write("set", "adds a route, or replaces that of its prefix"),
    Handler::write(
        "remove",
        "removes the route of a prefix; with its gateway and output, if it is that one",
    ),
    Handler::write(
        "ctrl",
        "does all of several lines, or nothing: `add` or `set` and a route, `remove` and a prefix",
    ),
    Handler::write("flush", "removes all routes"),
];

fn build(args: &mut Args, cx: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let mut lookup = IpLookup::<0>::with_outputs(cx.outputs);
    args.read_rest(|text| {
        let (prefix, hop) = lookup.parse_route(text)?;
        if lookup.routes.has_route(prefix) {
            return Ok(());
        }
        lookup.routes.make(&[Change::Add(prefix, hop)])
    });
    Ok(Box::new(lookup))
}

/// Hands packets to the output of the route with the longest prefix that holds their destination,
/// as the class `RadixIPLookup` says. It has `OUTPUTS` outputs, 256 at most.
#[derive(Debug)]
pub struct IpLookup<const OUTPUTS: usize> {
    routes: RouteTable,
    /// As many as a text has connected, where they are not `OUTPUTS`.
    outputs: usize,
    /// What is left of this round's slice.
    slice: usize,
    scratch: Box<Scratch>,
}

/// What is known of each packet of a batch, from one pass over it to the next.
#[derive(Debug)]
struct Scratch {
    addresses: [Ipv4Addr; Batch::CAPACITY],
    hops: [Option<NextHop>; Batch::CAPACITY],
    outputs: [u8; Batch::CAPACITY],
}

impl<const OUTPUTS: usize> Default for IpLookup<OUTPUTS> {
    fn default() -> Self {
        const { assert!(OUTPUTS <= 256, "a route's output is an octet") };
        Self::with_outputs(OUTPUTS)
    }
}

impl<const OUTPUTS: usize> IpLookup<OUTPUTS> {
    /// # Panics
    /// When there is no memory for a table without routes, 2 KiB, as a `Vec` would.
    fn with_outputs(outputs: usize) -> Self {
        let routes = match RouteTable::new(RouteMemory::default(), FibLimits::default()) {
            Ok(routes) => routes,
            Err(full) => panic!("{full}"),
        };
        Self {
            routes,
            outputs,
            slice: SLICE,
            scratch: Box::new(Scratch {
                addresses: [Ipv4Addr::UNSPECIFIED; Batch::CAPACITY],
                hops: [None; Batch::CAPACITY],
                outputs: [0; Batch::CAPACITY],
            }),
        }
    }

    /// Adds a route, or replaces that of its prefix.
    ///
    /// # Errors
    /// There is no such output, or the table is full; in words. Nothing has changed.
    pub fn route(
        &mut self,
        prefix: Ipv4Prefix,
        gateway: Option<Ipv4Addr>,
        output: u8,
    ) -> Result<(), String> {
        if usize::from(output) >= self.outputs {
            return Err(format!(
                "expected an output below {}, found {output}",
                self.outputs
            ));
        }
        self.routes.make(&[Change::Set(prefix, (gateway, output))])
    }

    /// Accepts changes that are written while the graph runs, all or none, and makes what the slice has room for.
    fn change(&mut self, changes: &[Change], cx: &mut Cx<'_>) -> Result<(), String> {
        self.routes.accept(changes)?;
        self.work(cx);
        Ok(())
    }

    /// Goes on with changes as far as the slice reaches. The next one comes with the next round.
    fn work(&mut self, cx: &mut Cx<'_>) {
        let next = match self.routes.advance(&mut self.slice) {
            Err(_) => Some(cx.now() + MEMORY_PATIENCE),
            Ok(_) => (self.slice < SLICE).then(|| cx.now()),
        };
        cx.set_timer(next);
    }

    /// The route that a text says.
    fn parse_route(&self, text: &str) -> Result<(Ipv4Prefix, Hop), String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (prefix, gateway, output) = match *words.as_slice() {
            [prefix, output] => (prefix, None, output),
            [prefix, gateway, output] => (prefix, Some(gateway), output),
            _ => {
                return Err(format!(
                    "expected a route `ADDR/LENGTH [GATEWAY] OUTPUT`, found `{text}`"
                ));
            }
        };
        let prefix = prefix_of(prefix)?;
        let gateway = gateway.map_or(Ok(None), gateway_of)?;
        let output = u8::parse(output)
            .filter(|&output| usize::from(output) < self.outputs)
            .ok_or_else(|| {
                let outputs = self.outputs.min(256);
                format!("expected an output below {outputs}, found `{output}`")
            })?;
        Ok((prefix, (gateway, output)))
    }

    /// The change that a handler of this name makes of a text, or a line of `ctrl`.
    fn parse_change(&self, name: &str, text: &str) -> Result<Change, String> {
        let route = || self.parse_route(text);
        match name {
            "add" => route().map(|(prefix, hop)| Change::Add(prefix, hop)),
            "set" => route().map(|(prefix, hop)| Change::Set(prefix, hop)),
            "remove" => parse_removal(text),
            _ => Err(format!("expected `add`, `set` or `remove`, found `{name}`")),
        }
    }

    /// What several lines say.
    fn parse_lines(&self, text: &str) -> Result<Vec<Change>, String> {
        let lines = text.lines().map(str::trim).filter(|it| !it.is_empty());
        let parse = |line: &str| {
            let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            self.parse_change(word, rest)
        };
        lines.map(parse).collect()
    }
}

/// The removal of a prefix's route; where the text says which that is, of that one alone.
fn parse_removal(text: &str) -> Result<Change, String> {
    let mut words = text.split_whitespace();
    let prefix = prefix_of(words.next().unwrap_or_default())?;
    let rest: Vec<&str> = words.collect();
    let Some((output, gateway)) = rest.split_last() else {
        return Ok(Change::Remove(prefix, None));
    };
    let gateway = match gateway {
        [] => None,
        [gateway] => gateway_of(gateway)?,
        _ => {
            return Err(format!(
                "expected `ADDR/LENGTH [[GATEWAY] OUTPUT]`, found `{text}`"
            ));
        }
    };
    // A route that leads to no output is none.
    let output = u8::parse(output).ok_or_else(|| format!("no route `{text}`"))?;
    Ok(Change::Remove(prefix, Some((gateway, output))))
}

/// The gateway that a word says, if it says one.
fn gateway_of(word: &str) -> Result<Option<Ipv4Addr>, String> {
    if word == "-" {
        return Ok(None);
    }
    let address = Ipv4Addr::parse(word)
        .ok_or_else(|| format!("expected a gateway's address, found `{word}`"))?;
    Ok(Some(address).filter(|address| !address.is_unspecified()))
}

fn prefix_of(word: &str) -> Result<Ipv4Prefix, String> {
    Ipv4Prefix::parse(word)
        .ok_or_else(|| format!("expected {}, found `{word}`", Ipv4Prefix::EXPECTED))
}

impl<const OUTPUTS: usize> Element for IpLookup<OUTPUTS> {
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        let Scratch {
            addresses,
            hops,
            outputs,
        } = &mut *self.scratch;
        let count = batch.len();
        for (packet, place) in batch.iter().zip(&mut *addresses) {
            *place = packet.destination();
        }
        self.routes
            .lookup_batch(&addresses[..count], &mut hops[..count]);
        let mut lost = false;
        for ((packet, hop), output) in batch.iter_mut().zip(&*hops).zip(&mut *outputs) {
            let Some((gateway, port)) = hop.and_then(|next| self.routes.hop(next)) else {
                lost = true;
                continue;
            };
            if let Some(gateway) = gateway {
                packet.set_destination(gateway);
            }
            *output = port;
        }
        if lost {
            let (mut read, mut kept) = (0, 0);
            batch.filter_map(|packet| {
                let at = read;
                read += 1;
                if hops[at].is_none() {
                    cx.drop(packet, NO_ROUTE);
                    return None;
                }
                outputs[kept] = outputs[at];
                kept += 1;
                Some(packet)
            });
        }
        cx.distribute(batch, outputs);
    }

    fn timer(&mut self, cx: &mut Cx<'_>) {
        self.slice = SLICE;
        self.work(cx);
    }

    fn handlers(&self) -> &'static [Handler] {
        HANDLERS
    }

    fn read(&self, handler: &str, argument: &str) -> Result<String, HandlerError> {
        match handler {
            "table" => {
                let mut lines = Vec::new();
                self.routes.for_each(|prefix, hop| {
                    lines.push(format!("{prefix}\t{}", show(hop, "\t")));
                });
                Ok(lines.join("\n"))
            }
            "lookup" => {
                let expected = || {
                    HandlerError::new(format!(
                        "expected an address behind `lookup`, found `{argument}`"
                    ))
                };
                let address = Ipv4Addr::parse(argument).ok_or_else(expected)?;
                Ok(match self.routes.find(address) {
                    Some((Some(gateway), output)) => format!("{output} {gateway}"),
                    Some((None, output)) => output.to_string(),
                    None => "-1".to_owned(),
                })
            }
            "pending" => Ok(self.routes.pending().to_string()),
            _ => Err(HandlerError::unknown(handler)),
        }
    }

    fn write(&mut self, handler: &str, value: &str, cx: &mut Cx<'_>) -> Result<(), HandlerError> {
        let done = match handler {
            "add" | "set" | "remove" => self
                .parse_change(handler, value)
                .and_then(|it| self.change(&[it], cx)),
            "ctrl" => self
                .parse_lines(value)
                .and_then(|them| self.change(&them, cx)),
            "flush" => RouteTable::new(RouteMemory::default(), FibLimits::default())
                .map(|empty| self.routes = empty)
                .map_err(|full| full.to_string()),
            _ => return Err(HandlerError::unknown(handler)),
        };
        done.map_err(HandlerError::new)
    }

    fn note(&self, packet: &Packet) -> Option<String> {
        Some(format!("next hop {}", packet.destination()))
    }
}

impl<const OUTPUTS: usize> Typed for IpLookup<OUTPUTS> {
    type Inputs = Input<Ipv4>;
    type Outputs = [Output<Ipv4>; OUTPUTS];
}

#[cfg(test)]
mod tests {
    use crate::testing::graph;

    #[test]
    fn the_longest_prefix_wins_and_handlers_change_routes() {
        for class in ["LinearIPLookup", "RadixIPLookup", "DirectIPLookup"] {
            let mut graph = graph(&format!(
                "Idle -> r :: {class}(10.0.0.0/8 0, 10.1.0.0/16 1.2.3.4 1, 10.1.2.3/32 0, 0.0.0.0/0 9.9.9.9 2);
                 r[0] -> Discard; r[1] -> Discard; r[2] -> Discard;"
            ));
            let lookup = |graph: &waypost_graph::Instance, address: &str| {
                graph.read(&format!("r.lookup {address}")).unwrap()
            };
            assert_eq!(lookup(&graph, "10.9.9.9"), "0");
            assert_eq!(lookup(&graph, "10.1.9.9"), "1 1.2.3.4");
            assert_eq!(lookup(&graph, "10.1.2.3"), "0");
            assert_eq!(lookup(&graph, "11.0.0.1"), "2 9.9.9.9");
            for wrong in [
                "0.0.0.0/0 junk 2",
                "0.0.0.0/0 9.9.9.9 9.9.9.9 2",
                "0.0.0.0/0 2",
            ] {
                assert!(graph.write("r.remove", wrong).is_err(), "{wrong}");
            }
            assert!(graph.write("r.remove", "10.0.0.0/8 junk 0").is_err());
            graph.write("r.remove", "0.0.0.0/0").unwrap();
            assert_eq!(lookup(&graph, "11.0.0.1"), "-1");
            graph.write("r.set", "10.1.0.0/255.255.0.0 0").unwrap();
            assert_eq!(lookup(&graph, "10.1.9.9"), "0");
            assert!(graph.write("r.add", "10.1.0.0/16 7").is_err());
            assert!(graph.write("r.remove", "77.0.0.0/8").is_err());
            assert_eq!(graph.read("r.table").unwrap().lines().count(), 3);
        }
    }
}

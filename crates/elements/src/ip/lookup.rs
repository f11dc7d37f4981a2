//! LinearIPLookup, RadixIPLookup, DirectIPLookup: the longest prefix that holds an address.
//!
//! Click has one class for each data structure. Here one table, whose look-ups are batched and whose
//! memory follows the routes, serves all three.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use waypost_graph::{
    Args, Batch, BuildCx, ConfigError, Cx, DropReason, Element, ElementClass, Handler,
    HandlerError, Input, Output, Packet, Typed,
};
use waypost_ip::fib::{Fib, FibLimits, NextHop};
use waypost_wire::Ipv4Prefix;

use super::{Ipv4, RouteMemory};
use crate::args::Arg;

/// No route leads to a packet's destination.
pub const NO_ROUTE: DropReason = DropReason::new("no route");

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
the later counts.

`LinearIPLookup`, `RadixIPLookup` and `DirectIPLookup` are the same here: Click's three data structures are one.

Deviations: `add` replaces a route as `set` does, which Click's documentation says it should not, though it does.",
    handlers: HANDLERS,
    build,
};

const HANDLERS: &[Handler] = &[
    Handler::read("table", "the routes, one a line: prefix, gateway, output"),
    Handler::read(
        "lookup",
        "the output and gateway for the address given behind the handler's name",
    ),
    Handler::write("add", "adds a route, as among the arguments"),
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
    for text in args.take_rest() {
        lookup
            .add(&text)
            .map_err(|why| ConfigError::new(why).about(&text))?;
    }
    Ok(Box::new(lookup))
}

/// Where a route leads: the gateway, if any, and the output.
type Hop = (Option<Ipv4Addr>, u8);

/// A prefix whose route was changed, and its route before, if it had one.
type Undo = (Ipv4Prefix, Option<Hop>);

/// Hands packets to the output of the route with the longest prefix that holds their destination,
/// as the class `RadixIPLookup` says. It has `OUTPUTS` outputs, 256 at most.
#[derive(Debug)]
pub struct IpLookup<const OUTPUTS: usize> {
    fib: Fib<Ipv4Addr, RouteMemory>,
    hops: Vec<Hop>,
    known: HashMap<Hop, NextHop>,
    /// How many routes lead to each of `hops`, and those to which none does any more.
    routes: Vec<u32>,
    unused: Vec<NextHop>,
    /// As many as a text has connected, where they are not `OUTPUTS`.
    outputs: usize,
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
    /// When there is no memory for 256 KiB, as a `Vec` would.
    fn with_outputs(outputs: usize) -> Self {
        let fib = match RouteMemory::table(FibLimits::default()) {
            Ok(fib) => fib,
            Err(full) => panic!("{full}"),
        };
        Self {
            fib,
            hops: Vec::new(),
            known: HashMap::new(),
            routes: Vec::new(),
            unused: Vec::new(),
            outputs,
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
        self.put(prefix, (gateway, output)).map(|_| ())
    }

    /// Adds a route, or replaces that of its prefix, and says which.
    fn put(&mut self, prefix: Ipv4Prefix, hop: Hop) -> Result<Option<Hop>, String> {
        let next = self.acquire(hop)?;
        match self.fib.insert(prefix, next) {
            Ok(before) => Ok(before.map(|before| self.release(before))),
            Err(full) => {
                self.release(next);
                Err(full.to_string())
            }
        }
    }

    /// The number of a next hop, for one more route.
    fn acquire(&mut self, hop: Hop) -> Result<NextHop, String> {
        let known = self.known.get(&hop).copied();
        let next = match known.or_else(|| self.unused.pop()) {
            Some(next) => next,
            None => {
                let next =
                    NextHop::new(self.hops.len() as u32).ok_or("too many different next hops")?;
                self.hops.push(hop);
                self.routes.push(0);
                next
            }
        };
        let at = next.index() as usize;
        self.hops[at] = hop;
        self.routes[at] += 1;
        self.known.insert(hop, next);
        Ok(next)
    }

    /// A route less leads to a next hop; says which it was.
    fn release(&mut self, next: NextHop) -> Hop {
        let hop = self.hop(next);
        if let Some(routes) = self.routes.get_mut(next.index() as usize) {
            *routes -= 1;
            if *routes == 0 {
                self.known.remove(&hop);
                self.unused.push(next);
            }
        }
        hop
    }

    /// Adds the route of a text, and says for what prefix, and what route was there before.
    fn add(&mut self, text: &str) -> Result<Undo, String> {
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
        let parsed = output
            .parse::<usize>()
            .ok()
            .filter(|&output| output < self.outputs.min(256));
        let output = parsed.ok_or_else(|| {
            format!(
                "expected an output below {}, found `{output}`",
                self.outputs
            )
        })?;
        let before = self.put(prefix, (gateway, output as u8))?;
        Ok((prefix, before))
    }

    /// Removes a prefix's route; where the text says which that is, that one alone.
    fn remove(&mut self, text: &str) -> Result<Undo, String> {
        let mut words = text.split_whitespace();
        let prefix = prefix_of(words.next().unwrap_or_default())?;
        let rest: Vec<&str> = words.collect();
        if let Some((output, gateway)) = rest.split_last() {
            let gateway = match gateway {
                [] => None,
                [gateway] => gateway_of(gateway)?,
                _ => {
                    return Err(format!(
                        "expected `ADDR/LENGTH [[GATEWAY] OUTPUT]`, found `{text}`"
                    ));
                }
            };
            let found = self.fib.route(prefix).map(|next| self.hop(next));
            if found.is_none_or(|hop| hop.0 != gateway || Ok(hop.1) != output.parse()) {
                return Err(format!("no route `{text}`"));
            }
        }
        match self.fib.remove(prefix) {
            Ok(Some(before)) => Ok((prefix, Some(self.release(before)))),
            Ok(None) => Err(format!("no route for {prefix}")),
            Err(full) => Err(full.to_string()),
        }
    }

    /// Does what several lines say; if one cannot be done, none is.
    fn control(&mut self, text: &str) -> Result<(), String> {
        let mut done = Vec::new();
        for line in text.lines().map(str::trim).filter(|it| !it.is_empty()) {
            let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            let result = match word {
                "add" | "set" => self.add(rest),
                "remove" => self.remove(rest),
                _ => Err(format!("expected `add`, `set` or `remove`, found `{word}`")),
            };
            match result {
                Ok(undo) => done.push(undo),
                Err(error) => {
                    self.undo(done);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn undo(&mut self, done: Vec<Undo>) {
        for (prefix, before) in done.into_iter().rev() {
            match before {
                // It was there: there is room for it.
                Some(hop) => drop(self.put(prefix, hop)),
                None => {
                    // A route of IPv4 can always be removed.
                    if let Ok(Some(next)) = self.fib.remove(prefix) {
                        self.release(next);
                    }
                }
            }
        }
    }

    fn hop(&self, next: NextHop) -> Hop {
        self.hops
            .get(next.index() as usize)
            .copied()
            .unwrap_or((None, 0))
    }
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
        self.fib
            .lookup_batch(&addresses[..count], &mut hops[..count]);
        let mut lost = false;
        for ((packet, hop), output) in batch.iter_mut().zip(&*hops).zip(&mut *outputs) {
            let found = hop.and_then(|next| self.hops.get(next.index() as usize));
            let Some(&(gateway, port)) = found else {
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

    fn handlers(&self) -> &'static [Handler] {
        HANDLERS
    }

    fn read(&self, handler: &str, argument: &str) -> Result<String, HandlerError> {
        let show = |(gateway, output): Hop| {
            format!(
                "{}\t{output}",
                gateway.map_or_else(|| "-".to_owned(), |it| it.to_string())
            )
        };
        match handler {
            "table" => {
                let mut lines = Vec::new();
                self.fib.for_each(|prefix, next| {
                    lines.push(format!("{prefix}\t{}", show(self.hop(next))));
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
                Ok(match self.fib.lookup(address).map(|next| self.hop(next)) {
                    Some((Some(gateway), output)) => format!("{output} {gateway}"),
                    Some((None, output)) => output.to_string(),
                    None => "-1".to_owned(),
                })
            }
            _ => Err(HandlerError::unknown(handler)),
        }
    }

    fn write(&mut self, handler: &str, value: &str, _: &mut Cx<'_>) -> Result<(), HandlerError> {
        match handler {
            "add" | "set" => self.add(value).map(|_| ()).map_err(HandlerError::new),
            "remove" => self.remove(value).map(|_| ()).map_err(HandlerError::new),
            "ctrl" => self.control(value).map_err(HandlerError::new),
            "flush" => {
                let empty = RouteMemory::table(FibLimits::default());
                self.fib = empty.map_err(|full| HandlerError::new(full.to_string()))?;
                self.hops.clear();
                self.known.clear();
                self.routes.clear();
                self.unused.clear();
                Ok(())
            }
            _ => Err(HandlerError::unknown(handler)),
        }
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
    use super::IpLookup;
    use crate::testing::graph;

    #[test]
    fn next_hops_to_which_no_route_leads_are_used_again() {
        let mut lookup = IpLookup::<2>::default();
        lookup.add("10.0.0.0/8 1.1.1.1 0").unwrap();
        for change in 0..20_000_u32 {
            let gateway = std::net::Ipv4Addr::from(change + 1);
            lookup.add(&format!("10.1.0.0/16 {gateway} 1")).unwrap();
            if change % 3 == 0 {
                let all_or_nothing = format!(
                    "set 10.1.0.0/16 1.1.1.1 0\nadd 10.2.0.0/16 {gateway} 0\nremove 77.0.0.0/8"
                );
                lookup.control(&all_or_nothing).unwrap_err();
                let next = lookup.fib.lookup([10, 1, 2, 3].into()).unwrap();
                assert_eq!(lookup.hop(next), (Some(gateway), 1));
                lookup.remove("10.1.0.0/16").unwrap();
            }
        }
        assert!(lookup.hops.len() <= 4, "{} next hops", lookup.hops.len());
        assert!(lookup.known.len() <= 2);
        let next = lookup.fib.lookup([10, 9, 9, 9].into()).unwrap();
        assert_eq!(lookup.hop(next), (Some([1, 1, 1, 1].into()), 0));
    }

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

//! ARPQuerier: Ethernet headers for IP packets, from neighbours' answers.

use std::net::Ipv4Addr;
use std::sync::Arc;

use waypost_graph::{
    Args, Batch, BuildCx, ConfigError, Cx, DropReason, Element, ElementClass, Handler,
    HandlerError, Merge, Packet, Progress,
};
use waypost_ip::neighbor::{
    Answer, Event, GrowingNeighbors, Heard, Neighbor, NeighborConfig, Sent, State, VecNeighborTable,
};
use waypost_wire::arp::{ArpHeader, ArpOperation};
use waypost_wire::{Duration, EtherType, EthernetHeader, MacAddr};

use super::arp_news::{Item, News, Reader};
use super::arp_packet;
use crate::args::{Arg, InterfaceAddress, TypedArgs, handler_value};
use crate::host::Host;

/// A packet's next hop did not answer, or too many packets waited for it.
pub const UNRESOLVED: DropReason = DropReason::new("neighbour not resolved");
/// A packet's destination annotation was never set.
const NO_DESTINATION: DropReason = DropReason::new("no destination annotation");
/// What came in at input 1 is no ARP packet.
const NOT_ARP: DropReason = DropReason::new("not an ARP packet");

pub(crate) const CLASS: ElementClass = ElementClass {
    name: "ARPQuerier",
    ports: "2/1-2",
    processing: "h/h",
    flow: "xy/x",
    doc: "Puts an Ethernet header in front of IP packets, to the neighbour that the destination annotation names. Where it is not
known, it asks by ARP (RFC 826), and the packets wait for the answer.

Input 0 takes IP packets, input 1 ARP packets, whole frames, of which it learns. Packets leave output 0; requests leave
output 1, or output 0 too if there is no other.

Arguments: `ARPQuerier(IP, ETH)`: the interface's own addresses; with a prefix, as 10.0.0.1/24, its last address is the
network's broadcast address. Keywords:

- `BROADCAST`: the network's broadcast address; packets to it, and to 255.255.255.255, go to all.
- `CAPACITY`: packets that wait, at most; 2048 by default.
- `ENTRY_CAPACITY`: neighbours that are remembered, at most; 4096 by default; 0 for as many as can be.
- `ENTRY_PACKET_CAPACITY`: packets that wait for one neighbour, at most; 8 by default; 0 for as many as `CAPACITY`. One more
  takes the place of the oldest.
- `POLL_TIMEOUT`: how long after its last answer a neighbour to which packets go is asked again; 30 seconds by default; 0 for
  as long as `TIMEOUT`.
- `TIMEOUT`: how long after its last answer a neighbour is forgotten; 1230 seconds by default; 0 for never.
- `BROADCAST_POLL`: true asks neighbours again by broadcast, and not each at its own address.

Packets to groups go to the group's link address (RFC 1112 §6.4); packets without a destination, 0.0.0.0, are dropped.

Neighbours go through the states of RFC 4861 §7.3.2: one that is used is asked again before it is forgotten, and requests
go out once a second for each, three times; then the packets that wait for it are dropped.

Each worker has a table of its own and tells the others what it learns: an answer serves all, whichever worker it comes in at. The
handlers tell of them as of one, in which each neighbour stands once, with the state that it has for the first who knows it.

Deviations: Click has other times and capacities by default, asks up to ten times a second, and goes on asking as long as
packets come. Its `TABLE` and `CAPACITY_SLIM_FACTOR` are not there, nor are names that stand for both addresses, nor the handler
`stats`: `drops` and `queries` say the same. Click's `table` has other columns: address, 1 or 0, link address, age. Requests that come
in teach as answers do.",
    handlers: HANDLERS,
    build,
};

const HANDLERS: &[Handler] = &[
    Handler {
        merge: Merge::Lines,
        ..Handler::read(
            "table",
            "the neighbours, one a line: address, link address, state",
        )
    },
    Handler::sum("queries", "requests that were sent"),
    Handler::sum("responses", "ARP packets that came in"),
    Handler::sum("count", "neighbours that are remembered"),
    Handler::sum("length", "packets that wait"),
    Handler::write("insert", "sets a neighbour by hand: address, link address"),
    Handler::write("delete", "forgets a neighbour"),
    Handler::write("clear", "forgets all neighbours"),
    Handler::read_write("ipaddr", "the interface's own address"),
    Handler::read_write(
        "broadcast",
        "the network's broadcast address, 0.0.0.0 for none",
    ),
];

fn build(args: &mut Args, cx: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let (interface, mac) = (args.mandatory("IP"), args.mandatory("ETH"));
    // In Click 0 is no bound.
    let bound = |given: Option<usize>, default, most: usize| match given {
        Some(0) => most,
        given => given.unwrap_or(default).min(most),
    };
    let packets = bound(args.keyword("CAPACITY"), 2048, 1 << 16);
    let times = NeighborConfig::default();
    let config = NeighborConfig {
        packets,
        packets_each: bound(args.keyword("ENTRY_PACKET_CAPACITY"), 8, packets),
        neighbors: bound(args.keyword("ENTRY_CAPACITY"), 4096, 1 << 20),
        ..times
    };
    let set = |given: Option<Duration>, default| match given {
        Some(Duration::ZERO) => NEVER,
        given => given.unwrap_or(default),
    };
    let timeout = set(
        args.keyword("TIMEOUT"),
        times.reachable_time + times.stale_time,
    );
    let poll = set(args.keyword("POLL_TIMEOUT"), times.reachable_time).min(timeout);
    let config = NeighborConfig {
        reachable_time: poll,
        stale_time: timeout - poll,
        seed: Host::of(cx)?.secret(cx.name),
        ..config
    };
    let broadcast = args.keyword("BROADCAST");
    let broadcast_poll = args.keyword("BROADCAST_POLL").unwrap_or(false);
    args.finish()?;
    let InterfaceAddress { address, network } = interface?;
    // The broadcast address follows from the prefix, if there is one.
    let network = network.filter(|it| it.length() < 31).map(|it| it.last());
    Ok(Box::new(ArpQuerier {
        table: VecNeighborTable::new(GrowingNeighbors, config),
        address,
        mac: mac?,
        broadcast: broadcast.or(network),
        broadcast_poll,
        requests_out: if cx.outputs > 1 { 1 } else { 0 },
        queries: 0,
        responses: 0,
        others: match cx.workers {
            0 | 1 => None,
            workers => Some((
                cx.common(|| Ok(News::new(workers)))?,
                Reader::new(cx.worker),
            )),
        },
    }))
}

/// Longer than any graph runs.
const NEVER: Duration = Duration::from_secs(1 << 32);

struct ArpQuerier {
    table: VecNeighborTable<Ipv4Addr, Packet>,
    address: Ipv4Addr,
    mac: MacAddr,
    broadcast: Option<Ipv4Addr>,
    broadcast_poll: bool,
    requests_out: usize,
    queries: u64,
    responses: u64,
    /// What the workers tell each other, where there are several, and how much of it is seen.
    others: Option<(Arc<News>, Reader)>,
}

impl ArpQuerier {
    /// The link address, where it follows from the address itself.
    #[inline(always)]
    fn fixed(&self, to: Ipv4Addr) -> Option<MacAddr> {
        if to.is_multicast() {
            return Some(MacAddr::from_ipv4_multicast(to));
        }
        (to.is_broadcast() || Some(to) == self.broadcast).then_some(MacAddr::BROADCAST)
    }

    #[inline(always)]
    fn encapsulate(&self, mut packet: Packet, to: MacAddr, cx: &mut Cx<'_>) -> Option<Packet> {
        match packet.prepend(EthernetHeader::LEN) {
            Some(room) => {
                room.copy_from_slice(EthernetHeader::new(to, self.mac, EtherType::IPV4).as_bytes());
                Some(packet)
            }
            None => {
                cx.drop(packet, DropReason::NO_BUFFER);
                None
            }
        }
    }

    /// Does what the table wants done.
    fn follow(&mut self, cx: &mut Cx<'_>) {
        while let Some(event) = self.table.poll_event() {
            match event {
                Event::Request { target, to } => self.request(target, to, cx),
                Event::Release { packet, mac, .. } => {
                    if let Some(packet) = self.encapsulate(packet, mac, cx) {
                        cx.emit(0, packet);
                    }
                }
                Event::Drop { packet, .. } => cx.drop(packet, UNRESOLVED),
            }
        }
        cx.set_timer(self.table.poll_timeout());
    }

    fn request(&mut self, target: Ipv4Addr, to: Option<MacAddr>, cx: &mut Cx<'_>) {
        let to = to
            .filter(|_| !self.broadcast_poll)
            .unwrap_or(MacAddr::BROADCAST);
        let frame = EthernetHeader::new(to, self.mac, EtherType::ARP);
        let request = ArpHeader::request(self.mac, self.address, target);
        match cx
            .frames()
            .copy(&[&frame.as_bytes()[..], &request.as_bytes()[..]].concat())
        {
            Some(packet) => {
                self.queries += 1;
                cx.emit(self.requests_out, packet);
            }
            None => cx.count_drops(1, DropReason::NO_BUFFER),
        }
    }

    fn learn(&mut self, batch: &mut Batch, cx: &mut Cx<'_>) {
        let mut news = Vec::new();
        for packet in batch.drain() {
            match arp_packet(packet.octets()) {
                Some(arp) => {
                    let (heard, confirmed) = self.hear(*arp.header(), cx);
                    if self.others.is_some() {
                        news.extend(heard.or(confirmed));
                    }
                    self.responses += 1;
                    cx.frames().free_packet(packet);
                }
                None => cx.drop(packet, NOT_ARP),
            }
        }
        self.tell(news);
    }

    /// Learns of an ARP packet; says what other workers may learn of it.
    fn hear(&mut self, arp: ArpHeader, cx: &Cx<'_>) -> (Option<Item>, Option<Item>) {
        let (own, sender) = (self.address, arp.sender_ip());
        let answers = arp.operation() == ArpOperation::REPLY && arp.target_ip() == own;
        let asked = matches!(
            self.table.state(sender),
            Some(State::Incomplete | State::Probe)
        );
        let outcome = self
            .table
            .handle_arp(cx.now(), &arp, self.mac, |address| address == own);
        match outcome.heard {
            Heard::Conflict => (None, None),
            Heard::New | Heard::Known | Heard::Moved { .. } if answers && asked => {
                (None, Some(Item::Confirmed(sender, arp.sender_mac())))
            }
            Heard::New | Heard::Moved { .. } => (Some(Item::Heard(arp)), None),
            // Another worker may have asked.
            Heard::Known | Heard::Ignored => (answers.then_some(Item::Heard(arp)), None),
        }
    }

    fn tell(&self, news: Vec<Item>) {
        if let Some((others, reader)) = &self.others
            && !news.is_empty()
        {
            others.tell(reader, news);
        }
    }

    /// Learns what other workers have learnt; false if there is nothing new.
    #[inline]
    fn catch_up(&mut self, cx: &Cx<'_>) -> bool {
        match &self.others {
            Some((others, reader)) if others.is_news(reader) => {
                self.learn_news(cx);
                true
            }
            _ => false,
        }
    }

    #[cold]
    fn learn_news(&mut self, cx: &Cx<'_>) {
        let Some((others, reader)) = &mut self.others else {
            return;
        };
        let mut confirmed = Vec::new();
        for item in others.read(reader) {
            match item {
                // Who has asked tells the others that there was an answer.
                Item::Heard(arp) => confirmed.extend(self.hear(arp, cx).1),
                Item::Confirmed(address, mac) => {
                    let answer = Answer {
                        solicited: true,
                        overrides: true,
                    };
                    if self.table.state(address).is_none() {
                        self.table.handle_request(cx.now(), address, mac, true);
                    }
                    self.table.handle_answer(cx.now(), address, mac, answer);
                }
            }
        }
        self.tell(confirmed);
    }

    /// The neighbours that this worker has to tell of: those before it have told of the rest.
    fn neighbors(&self) -> impl Iterator<Item = Neighbor<Ipv4Addr>> {
        let others = self.others.as_ref();
        let addresses = || self.table.iter().map(|it| it.addr);
        let own = others.map(|(others, reader)| others.first_known(reader, addresses()));
        let entries = self.table.iter();
        entries.filter(move |it| own.as_ref().is_none_or(|own| own.contains(&it.addr)))
    }

    fn send(&mut self, packet: Packet, cx: &mut Cx<'_>) -> Option<Packet> {
        let to = packet.destination();
        if let Some(mac) = self.table.lookup(to).or_else(|| self.fixed(to)) {
            return self.encapsulate(packet, mac, cx);
        }
        if to.is_unspecified() {
            cx.drop(packet, NO_DESTINATION);
            return None;
        }
        match self.table.send(cx.now(), to, packet) {
            Sent::Now { packet, mac } => self.encapsulate(packet, mac, cx),
            Sent::Held => None,
            Sent::Dropped { packet, .. } | Sent::Replaced { packet, .. } => {
                cx.drop(packet, UNRESOLVED);
                None
            }
        }
    }
}

impl Element for ArpQuerier {
    fn push(&mut self, port: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        self.catch_up(cx);
        if port == 1 {
            self.learn(batch, cx);
        } else {
            batch.filter_map(|packet| self.send(packet, cx));
        }
        self.follow(cx);
    }

    fn held(&self) -> usize {
        self.table.packets()
    }

    fn is_task(&self) -> bool {
        self.others.is_some()
    }

    fn run(&mut self, _: usize, cx: &mut Cx<'_>) -> Progress {
        if let Some((others, reader)) = &mut self.others {
            others.listen(reader, cx.waker());
        }
        if !self.catch_up(cx) {
            return Progress::Idle;
        }
        self.follow(cx);
        Progress::Worked
    }

    fn timer(&mut self, cx: &mut Cx<'_>) {
        self.catch_up(cx);
        self.table.handle_timeout(cx.now());
        self.follow(cx);
    }

    fn handlers(&self) -> &'static [Handler] {
        HANDLERS
    }

    fn read(&self, handler: &str, _: &str) -> Result<String, HandlerError> {
        match handler {
            "table" => {
                let lines = self.neighbors().map(|it| {
                    let mac = it.mac.map_or_else(|| "?".to_owned(), |mac| mac.to_string());
                    format!("{}\t{mac}\t{:?}", it.addr, it.state)
                });
                Ok(lines.collect::<Vec<_>>().join("\n"))
            }
            "queries" => Ok(self.queries.to_string()),
            "responses" => Ok(self.responses.to_string()),
            "count" => Ok(self.neighbors().count().to_string()),
            "length" => Ok(self.table.packets().to_string()),
            "ipaddr" => Ok(self.address.to_string()),
            "broadcast" => Ok(self.broadcast.unwrap_or(Ipv4Addr::UNSPECIFIED).to_string()),
            _ => Err(HandlerError::unknown(handler)),
        }
    }

    fn write(&mut self, handler: &str, value: &str, cx: &mut Cx<'_>) -> Result<(), HandlerError> {
        let mut words = value.split_whitespace();
        let address = || HandlerError::new(format!("expected an address, found `{value}`"));
        match handler {
            "insert" => {
                let to = words
                    .next()
                    .and_then(|it| it.parse().ok())
                    .ok_or_else(address)?;
                let mac = words.next().and_then(MacAddr::parse);
                let mac = mac.ok_or_else(|| {
                    HandlerError::new(format!("expected a link address in `{value}`"))
                })?;
                if !self.table.insert_static(cx.now(), to, mac) {
                    return Err(HandlerError::new("the table is full"));
                }
            }
            "delete" => {
                let to = words
                    .next()
                    .and_then(|it| it.parse().ok())
                    .ok_or_else(address)?;
                self.table.remove(to);
            }
            "clear" => {
                let all: Vec<_> = self.table.iter().map(|it| it.addr).collect();
                for address in all {
                    self.table.remove(address);
                }
            }
            "ipaddr" => self.address = handler_value(value)?,
            "broadcast" => {
                self.broadcast =
                    Some(handler_value(value)?).filter(|it: &Ipv4Addr| !it.is_unspecified());
            }
            _ => return Err(HandlerError::unknown(handler)),
        }
        self.follow(cx);
        Ok(())
    }

    fn note(&self, packet: &Packet) -> Option<String> {
        let (header, _) = EthernetHeader::split_from(packet.octets()).ok()?;
        Some(header.to_string())
    }
}

#[cfg(test)]
mod tests {
    use waypost_graph::Instant;

    use crate::testing::graph;

    #[test]
    fn asks_holds_and_releases() {
        let text = "InfiniteSource(DATA \\<45000014000000004001000001010101 0a000002>, LIMIT 3) -> MarkIPHeader
                -> GetIPAddress(16) -> [0] q :: ARPQuerier(10.0.0.1, 2:0:0:0:0:1);
            answer :: InfiniteSource(DATA \\<020000000001 020000000002 0806 0001 0800 06 04 0002 020000000002 0a000002 020000000001 0a000001>, LIMIT 0)
                -> [1] q;
            q -> c :: Classifier(12/0806 0/ffffffffffff, 12/0800 0/020000000002 6/020000000001);
            c[0] -> requests :: Discard; c[1] -> packets :: Discard;";
        let mut graph = graph(text);
        graph.run_until_idle(Instant::from_secs(1), 100);
        let read = |graph: &waypost_graph::Instance| {
            ["requests.count", "packets.count", "q.length"].map(|it| graph.read(it).unwrap())
        };
        assert_eq!(
            read(&graph),
            ["1", "0", "3"],
            "one request, and the packets wait"
        );
        graph.run_until_idle(graph.next_timer().unwrap(), 100);
        assert_eq!(read(&graph), ["2", "0", "3"], "asked again");
        graph.write("answer.limit", "1").unwrap();
        graph.run_until_idle(Instant::from_millis(2500), 100);
        assert_eq!(read(&graph), ["2", "3", "0"], "released");
        assert!(
            graph
                .read("q.table")
                .unwrap()
                .contains("10.0.0.2\t02:00:00:00:00:02")
        );
    }

    #[test]
    fn gives_up_on_a_neighbour_that_does_not_answer() {
        let text = "InfiniteSource(DATA \\<0a000002>, LIMIT 2) -> GetIPAddress(0) -> q :: ARPQuerier(10.0.0.1, 2:0:0:0:0:1);
            Idle -> [1] q; q -> Discard;";
        let mut graph = graph(text);
        graph.run_until_idle(Instant::from_secs(1), 100);
        while let Some(next) = graph
            .next_timer()
            .filter(|&next| next < Instant::from_secs(60))
        {
            graph.run_until_idle(next, 100);
            if graph.read("q.length").unwrap() == "0" {
                break;
            }
        }
        assert_eq!(
            graph.read("q.drop_reasons").unwrap(),
            "2 neighbour not resolved"
        );
    }
}

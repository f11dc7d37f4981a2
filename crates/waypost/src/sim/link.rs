//! The links of a topology text.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use waypost_sim::{Framing, Jitter, LinkConfig, Loss, units};
use waypost_wire::{Duration, Instant};

use super::keys;
use super::mistake::Reading;
use super::node::Node;
use super::table::{Table, Value};
use super::values;

/// A link, as it is to be.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) name: String,
    pub(crate) span: Range<usize>,
    /// Which nodes it joins, by their place in the list of nodes, and at which ports; [`NOWHERE`] where that is a mistake.
    pub(crate) ends: [(usize, usize); 2],
    pub(crate) configs: [LinkConfig; 2],
    /// When it is down, and for how long.
    pub(crate) down: Vec<(Instant, Duration)>,
}

/// Ends of a link that joins nothing, whose text has a mistake there.
const NOWHERE: [(usize, usize); 2] = [(usize::MAX, 0); 2];

impl Link {
    /// The names of the nodes that it joins, unless there is a mistake.
    pub(crate) fn end_names<'a>(&self, nodes: &'a [Node]) -> Option<[&'a str; 2]> {
        let [a, b] = self.ends.map(|(node, _)| nodes.get(node));
        Some([&a?.name, &b?.name])
    }
}

/// Links that are shown where there is no port for another.
const SHOWN_MAX: usize = 8;

/// The ports that links are at, and where that is said; of each node the first that may be free.
#[derive(Default)]
struct Taken {
    places: BTreeMap<(usize, usize), Range<usize>>,
    free: HashMap<usize, usize>,
}

/// All links, in the order of the text.
pub(crate) fn links(reading: &Reading, text: &Table<'_>, nodes: &[Node]) -> Vec<Link> {
    let tables = text.named("link", &keys::LINK);
    let numbers = nodes.iter().enumerate();
    let numbers = numbers.map(|(number, node)| (node.name.as_str(), number));
    let named = Named {
        nodes,
        // The first of two of the same name, which is a mistake.
        numbers: numbers.rev().collect(),
    };
    let ends: Vec<_> = tables
        .iter()
        .map(|(_, table)| written_ends(reading, table, &named))
        .collect();
    // Ports that are named are taken before those that are not are looked for.
    let mut taken = Taken::default();
    for end in ends.iter().flatten() {
        if let Some(port) = end.port {
            let place = (end.node, port);
            match taken.places.get(&place) {
                None => drop(taken.places.insert(place, end.span.clone())),
                Some(before) => {
                    let node = &nodes[end.node].name;
                    let message = format!("port {port} of `{node}` has a link already");
                    let mistake = reading.mistake(end.span.clone(), message);
                    reading.tell(mistake.and(before.clone(), "this one"));
                }
            }
        }
    }
    let mut links = Vec::new();
    for (((name, span), table), ends) in tables.into_iter().zip(ends) {
        let configs = configs(&table);
        let down = down(&table);
        let ends = <[End; 2]>::try_from(ends).ok();
        let ends = ends.and_then(|ends| free_ports(reading, nodes, ends, &mut taken));
        let ends = ends.unwrap_or(NOWHERE);
        links.push(Link {
            name: name.to_owned(),
            span,
            ends,
            configs,
            down,
        });
    }
    links
}

/// An end as it is written.
struct End {
    node: usize,
    port: Option<usize>,
    span: Range<usize>,
}

/// The ends that are well-formed.
fn written_ends(reading: &Reading, table: &Table<'_>, nodes: &Named<'_>) -> Vec<End> {
    let Some(list) = table.require("ends") else {
        return Vec::new();
    };
    let Some(two) = list.if_list() else {
        return Vec::new();
    };
    if two.len() != 2 {
        list.wrong("expected two ends, such as `[\"a\", \"b:eth0\"]`");
        return Vec::new();
    }
    let texts = list.texts().into_iter();
    texts
        .filter_map(|(text, span)| end(reading, nodes, &text, span))
        .collect()
}

/// Nodes, and their places in the list by their names.
struct Named<'a> {
    nodes: &'a [Node],
    numbers: HashMap<&'a str, usize>,
}

fn end(reading: &Reading, named: &Named<'_>, text: &str, span: Range<usize>) -> Option<End> {
    let nodes = named.nodes;
    let find = |name: &str| named.numbers.get(name).copied();
    if let Some(node) = find(text) {
        return Some(End {
            node,
            port: None,
            span,
        });
    }
    let (name, port) = text.rsplit_once(':').unwrap_or((text, ""));
    let Some(node) = find(name) else {
        let mistake = reading.mistake(span, format!("no node is named `{name}`"));
        let names = nodes.iter().map(|node| node.name.as_str());
        reading.tell(mistake.nearest(name, names, "nodes"));
        return None;
    };
    match nodes[node].port(port) {
        Ok(port) => Some(End {
            node,
            port: Some(port),
            span,
        }),
        Err(what) => {
            let message = format!("`{name}` has no port `{port}`");
            reading.tell(reading.mistake(span, message).help(what));
            None
        }
    }
}

/// Gives ends that say no port the first that is free.
fn free_ports(
    reading: &Reading,
    nodes: &[Node],
    ends: [End; 2],
    taken: &mut Taken,
) -> Option<[(usize, usize); 2]> {
    let mut place = |End { node, port, span }: End| {
        if let Some(port) = port {
            return Some((node, port));
        }
        let is_free = |port: &usize| !taken.places.contains_key(&(node, *port));
        let ports = nodes[node].ports();
        let first = taken.free.get(&node).copied().unwrap_or(0);
        let Some(port) = (first..ports).find(is_free) else {
            let name = &nodes[node].name;
            let message = format!("all {ports} ports of `{name}` have links already");
            let mistake = reading.mistake(span, message);
            let others = taken.places.range((node, 0)..(node + 1, 0));
            let others = others.take(SHOWN_MAX);
            let mistake = others.fold(mistake, |mistake, (_, at)| {
                mistake.and(at.clone(), "a link is here")
            });
            reading.tell(mistake);
            return None;
        };
        taken.free.insert(node, port + 1);
        taken.places.insert((node, port), span);
        Some((node, port))
    };
    let [a, b] = ends;
    // Both are looked at, so that both are told.
    let (a, b) = (place(a), place(b));
    Some([a?, b?])
}

fn down(table: &Table<'_>) -> Vec<(Instant, Duration)> {
    let Some(list) = table.find("down") else {
        return Vec::new();
    };
    let span = |it: Value<'_>| match values::span(&it.text()?) {
        Ok(span) => Some(span),
        Err(message) => {
            it.wrong(message);
            None
        }
    };
    list.list().into_iter().filter_map(span).collect()
}

/// What a link is like in both directions.
fn configs(table: &Table<'_>) -> [LinkConfig; 2] {
    let framings = &[("ethernet", Framing::Ethernet), ("ip", Framing::Ip)];
    let framing = table.find("framing").and_then(|it| it.one_of(framings));
    let base = match framing {
        Some(Framing::Ip) => LinkConfig::ip(),
        _ => LinkConfig::ethernet(),
    };
    let forth = config(table, base);
    let back = table.find("back").and_then(|it| it.table(&keys::DIRECTION));
    let back = back.map_or_else(|| forth.clone(), |back| config(&back, forth.clone()));
    [forth, back]
}

/// One direction: what the table says, and the rest as in `base`.
fn config(table: &Table<'_>, base: LinkConfig) -> LinkConfig {
    let find = |key| table.find(key);
    let mut config = base;
    let set_share = |key, share: &mut u32| {
        if let Some(ppm) = table.find(key).and_then(|it: Value<'_>| it.share()) {
            *share = ppm;
        }
    };
    set_share("duplication", &mut config.duplication_ppm);
    set_share("corruption", &mut config.corruption_ppm);
    set_share("reordering", &mut config.reordering_ppm);
    if let Some(rate) = find("rate").and_then(|it| it.rate()) {
        config.rate = Some(rate);
    }
    if let Some(octets) = find("overhead").and_then(|it| it.octets(0, 65_535)) {
        config.overhead = octets;
    }
    if let Some(delay) = find("delay").and_then(|it| it.duration()) {
        config.delay = delay;
    }
    if let Some(jitter) = find("jitter").and_then(|it| jitter(&it)) {
        config.jitter = jitter;
    }
    if let Some(flag) = find("keep-order").and_then(|it| it.flag()) {
        config.keep_order = flag;
    }
    if let Some(queue) = find("queue") {
        set_queue(&queue, &mut config);
    }
    if let Some(octets) = find("mtu").and_then(|it| it.octets(1, usize::MAX)) {
        config.mtu = octets;
    }
    if let Some(loss) = find("loss").and_then(|it| loss(&it)) {
        config.loss = loss;
    }
    if let Some(bits) = find("corrupted-bits").and_then(|it| it.count(1, 1_000_000)) {
        config.corrupted_bits = bits as u32;
    }
    if let Some(delay) = find("reordering-delay").and_then(|it| it.duration()) {
        config.reordering_delay = delay;
    }
    config
}

fn jitter(value: &Value<'_>) -> Option<Jitter> {
    let text = value.text()?;
    let (model, width): (fn(Duration) -> Jitter, _) = match text.trim().strip_prefix("normal ") {
        Some(width) => (Jitter::Normal, width),
        None => (Jitter::Uniform, text.as_str()),
    };
    match units::duration(width) {
        Ok(width) => Some(model(width)),
        Err(error) => {
            value.wrong(format!("{error}; or `normal TIME`"));
            None
        }
    }
}

fn set_queue(value: &Value<'_>, config: &mut LinkConfig) {
    let queue = &mut config.queue;
    if !value.is_table() {
        if value.is_number() {
            queue.frames = value.count(0, usize::MAX).unwrap_or(queue.frames);
        } else if let Some(octets) = value.octets(0, usize::MAX) {
            queue.octets = octets;
            queue.frames = usize::MAX;
        }
        return;
    }
    let Some(table) = value.table(&keys::QUEUE) else {
        return;
    };
    if let Some(frames) = table.find("frames").and_then(|it| it.count(0, usize::MAX)) {
        queue.frames = frames;
    }
    if let Some(octets) = table.find("octets").and_then(|it| it.octets(0, usize::MAX)) {
        queue.octets = octets;
    }
    let ends = &[("tail", false), ("head", true)];
    if let Some(head) = table.find("drop").and_then(|it| it.one_of(ends)) {
        queue.drop_head = head;
    }
    if let Some(frames) = table.find("mark-from") {
        queue.mark_from = frames.count(0, usize::MAX);
    }
}

fn loss(value: &Value<'_>) -> Option<Loss> {
    if !value.is_table() {
        return value.share().map(|ppm| Loss::Random { ppm });
    }
    let table = value.table(&keys::LOSS)?;
    if let Some(frames) = table.find("frames") {
        let others = ["begin", "end", "good", "bad"];
        if let Some(other) = others.into_iter().find(|key| table.has(key)) {
            frames.wrong(format!("`{other}` is of bursts: expected one or the other"));
            return None;
        }
        let number = |it: Value<'_>| it.number("", 0, u64::MAX);
        let mut numbers: Vec<u64> = frames.list().into_iter().filter_map(number).collect();
        numbers.sort_unstable();
        return Some(Loss::Numbers(numbers.into()));
    }
    let share = |key, default| match table.find(key) {
        Some(share) => share.share(),
        None => Some(default),
    };
    Some(Loss::Bursts {
        begin_ppm: table.require("begin")?.share()?,
        end_ppm: table.require("end")?.share()?,
        good_ppm: share("good", 0)?,
        bad_ppm: share("bad", 1_000_000)?,
    })
}

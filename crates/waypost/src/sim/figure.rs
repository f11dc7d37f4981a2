//! Figures of a run: what `read` shows and `expect` compares.

use std::fmt;
use std::ops::Range;

use waypost::simulated::GraphNode;
use waypost_sim::{
    DropReason, LinkCounters, Side, Simulation, Switch, SwitchCounters, Talker, TalkerCounters,
};

use super::link::Link;
use super::mistake::{Mistake, Reading};
use super::node::{Kind, Node};

/// A figure, as it was written.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) text: String,
    /// Where it was written.
    pub(crate) span: Range<usize>,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Handler(String, String),
    Switch(String, fn(&SwitchCounters) -> u64),
    Talker(String, fn(&TalkerCounters) -> u64),
    Link(String, Option<Side>, LinkFigure),
}

#[derive(Clone, Copy, Debug)]
enum LinkFigure {
    Sum(fn(&LinkCounters) -> u64),
    Most(fn(&LinkCounters) -> u64),
    Dropped(DropReason),
}

/// Counters that have a name.
type Named<C> = &'static [(&'static str, fn(&C) -> u64)];

pub(crate) const SWITCH: Named<SwitchCounters> = &[
    ("forwarded", |it| it.forwarded),
    ("flooded", |it| it.flooded),
    ("filtered", |it| it.filtered),
    ("malformed", |it| it.malformed),
    ("unlearned", |it| it.unlearned),
    ("moved", |it| it.moved),
];

pub(crate) const TALKER: Named<TalkerCounters> = &[
    ("requests", |it| it.requests),
    ("replies", |it| it.replies),
    ("answered", |it| it.answered),
    ("ignored", |it| it.ignored),
];

pub(crate) const LINK: Named<LinkCounters> = &[
    ("sent", |it| it.sent),
    ("sent-octets", |it| it.sent_octets),
    ("delivered", |it| it.delivered),
    ("delivered-octets", |it| it.delivered_octets),
    ("dropped", LinkCounters::dropped_all),
    ("duplicated", |it| it.duplicated),
    ("corrupted", |it| it.corrupted),
    ("held", |it| it.held),
    ("marked", |it| it.marked),
];

/// The most frames that waited: of two directions it is the greater.
pub(crate) const QUEUED_MAX: &str = "queued-max";

/// Reasons for which frames are dropped, as counters are named.
pub(crate) const DROPPED: &[(&str, DropReason)] = &[
    ("down", DropReason::Down),
    ("cut", DropReason::Cut),
    ("too-long", DropReason::TooLong),
    ("queue-full", DropReason::QueueFull),
    ("queue-head", DropReason::QueueHead),
    ("lost", DropReason::Lost),
    ("paused", DropReason::NodePaused),
];

/// The nodes and links that figures are of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owners<'a> {
    pub(crate) reading: &'a Reading,
    pub(crate) nodes: &'a [Node],
    pub(crate) links: &'a [Link],
}

impl Owners<'_> {
    /// The figure that a text names.
    pub(crate) fn figure(&self, text: &str, span: &Range<usize>) -> Result<Figure, Mistake> {
        let what = self.what(text.trim(), span)?;
        Ok(Figure {
            text: text.trim().to_owned(),
            span: span.clone(),
            what,
        })
    }

    fn has(&self, owner: &str) -> bool {
        self.nodes.iter().any(|it| it.name == owner) || self.links.iter().any(|it| it.name == owner)
    }

    fn what(&self, text: &str, span: &Range<usize>) -> Result<What, Mistake> {
        let mistake = |message: String| self.reading.mistake(span.clone(), message);
        let Some((owner, rest)) = split(text, |owner| self.has(owner)) else {
            let (owner, _) = text.split_once('/').ok_or_else(|| {
                mistake(format!("expected a figure, such as `NODE/ELEMENT.HANDLER` or `LINK/dropped`, found `{text}`"))
            })?;
            let nodes = self.nodes.iter().map(|it| it.name.as_str());
            let links = self.links.iter().map(|it| it.name.as_str());
            let wrong = mistake(format!("no node and no link is named `{owner}`"));
            return Err(wrong.nearest(owner, nodes.chain(links), "nodes and links"));
        };
        if let Some(node) = self.nodes.iter().find(|it| it.name == owner) {
            let name = owner.to_owned();
            let (kind, names): (_, Vec<_>) = match node.kind {
                Kind::Graph { .. } => return Ok(What::Handler(name, rest.to_owned())),
                Kind::Switch { .. } => {
                    if let Some(count) = named(SWITCH, rest) {
                        return Ok(What::Switch(name, count));
                    }
                    ("switch", SWITCH.iter().map(|it| it.0).collect())
                }
                Kind::Talker { .. } => {
                    if let Some(count) = named(TALKER, rest) {
                        return Ok(What::Talker(name, count));
                    }
                    ("talker", TALKER.iter().map(|it| it.0).collect())
                }
            };
            let wrong = mistake(format!("a {kind} counts no `{rest}`"));
            return Err(wrong.nearest(rest, names, "counters"));
        }
        self.of_link(owner, rest, span)
    }

    fn of_link(&self, owner: &str, rest: &str, span: &Range<usize>) -> Result<What, Mistake> {
        let link = self.links.iter().find(|it| it.name == owner);
        let Some([a, b]) = link.and_then(|it| it.end_names(self.nodes)) else {
            // What is wrong with its ends has been told.
            let figure = LinkFigure::Sum(|it| it.sent);
            return Ok(What::Link(owner.to_owned(), None, figure));
        };
        let from = |end: &str| rest.strip_prefix(end)?.strip_prefix('/');
        let (side, counter) = if let Some(counter) = from(a) {
            (Some(Side::A), counter)
        } else if let Some(counter) = from(b) {
            (Some(Side::B), counter)
        } else {
            (None, rest)
        };
        let dropped = DROPPED.iter().find(|(name, _)| *name == counter);
        let what = if let Some(count) = named(LINK, counter) {
            LinkFigure::Sum(count)
        } else if let Some((_, reason)) = dropped {
            LinkFigure::Dropped(*reason)
        } else if counter == QUEUED_MAX {
            LinkFigure::Most(|it| it.queued_max as u64)
        } else {
            let names = LINK.iter().map(|it| it.0).chain([QUEUED_MAX]);
            let names = names.chain(DROPPED.iter().map(|it| it.0));
            let message = format!("a link counts no `{counter}`");
            let wrong = self.reading.mistake(span.clone(), message);
            return Err(wrong.nearest(counter, names, "counters"));
        };
        Ok(What::Link(owner.to_owned(), side, what))
    }

    /// What is to hold, such as `h2/came.count == 5`.
    pub(crate) fn expectation(
        &self,
        text: &str,
        span: &Range<usize>,
    ) -> Result<Expectation, Mistake> {
        let find = |(sign, comparison): &(&'static str, Comparison)| {
            Some((text.find(sign)?, *sign, *comparison))
        };
        // Of two that begin at the same place, the longer is listed first.
        let found = COMPARISONS
            .iter()
            .filter_map(find)
            .min_by_key(|(at, ..)| *at);
        let Some((at, sign, comparison)) = found else {
            let message =
                format!("expected `FIGURE == VALUE`, or another comparison, found `{text}`");
            let signs: Vec<_> = COMPARISONS.iter().map(|(sign, _)| *sign).collect();
            let help = format!("comparisons: {}", signs.join(" "));
            return Err(self.reading.mistake(span.clone(), message).help(help));
        };
        let (left, right) = (text[..at].trim(), text[at + sign.len()..].trim());
        let quoted = right.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
        let right = match quoted {
            Some(value) => {
                if is_order(sign) && !is_number(value) {
                    let message = format!("`{sign}` compares numbers, found the text `{value}`");
                    return Err(self.reading.mistake(span.clone(), message));
                }
                Operand::Value(value.to_owned())
            }
            None if is_number(right) => Operand::Value(right.to_owned()),
            // If it is none, what is wrong with it as a figure says more than that it is no number.
            None if right.contains('/') => Operand::Figure(self.figure(right, span)?),
            None => {
                let message = format!("expected a number, a figure or a text, found `{right}`");
                let help = format!("texts are in quotes: `\"{right}\"`");
                return Err(self.reading.mistake(span.clone(), message).help(help));
            }
        };
        Ok(Expectation {
            text: text.trim().to_owned(),
            left: self.figure(left, span)?,
            sign,
            comparison,
            right,
        })
    }
}

/// Whether a text is a number, in digits.
fn is_number(text: &str) -> bool {
    text.starts_with(|it: char| it.is_ascii_digit() || "+-.".contains(it))
        && text.parse::<f64>().is_ok_and(f64::is_finite)
}

/// Whether a comparison asks which is more.
fn is_order(sign: &str) -> bool {
    sign.starts_with(['<', '>'])
}

/// The owner of a figure and the rest, at the first `/` behind an owner that there is: names may have one themselves.
fn split(text: &str, has: impl Fn(&str) -> bool) -> Option<(&str, &str)> {
    let slashes = text.match_indices('/');
    slashes
        .map(|(at, _)| (&text[..at], &text[at + 1..]))
        .find(|(owner, _)| has(owner))
}

fn named<C>(counters: Named<C>, name: &str) -> Option<fn(&C) -> u64> {
    let found = counters.iter().find(|(known, _)| *known == name);
    found.map(|(_, count)| *count)
}

impl Figure {
    /// Says what is wrong with a handler of one of these graphs, which have not begun; all other figures are looked up when they are
    /// read. What a handler says is not asked where it is there: some have nothing to say yet.
    pub(crate) fn check(&self, graphs: &Simulation) -> Result<(), String> {
        let What::Handler(node, handler) = &self.what else {
            return Ok(());
        };
        // What stands behind a blank is for the handler.
        let name = handler.split_whitespace().next().unwrap_or_default();
        let graph = graphs
            .node_named(node)
            .and_then(|id| graphs.node::<GraphNode>(id));
        if let (Some((element, name)), Some(graph)) = (name.rsplit_once('.'), graph) {
            let all = graph
                .program()
                .instance()
                .read(&format!("{element}.handlers"));
            let mut all = all
                .iter()
                .flat_map(|it| it.lines())
                .filter_map(|it| it.split_once('\t'));
            if all.any(|(known, mode)| known == name && mode.contains('r')) {
                return Ok(());
            }
        }
        self.read(graphs).map(drop)
    }

    /// Its value now.
    pub(crate) fn read(&self, net: &Simulation) -> Result<String, String> {
        let node = |name: &str| net.node_named(name);
        let gone = || format!("{}: it is not there", self.text);
        match &self.what {
            What::Handler(name, handler) => {
                let node = node(name).and_then(|id| net.node::<GraphNode>(id));
                let answer = node.ok_or_else(gone)?.program().instance().read(handler);
                let answer = answer.map_err(|error| format!("{}: {error}", self.text))?;
                Ok(answer.trim_end().to_owned())
            }
            What::Switch(name, count) => {
                let node = node(name).and_then(|id| net.node::<Switch>(id));
                Ok(count(&node.ok_or_else(gone)?.counters()).to_string())
            }
            What::Talker(name, count) => {
                let node = node(name).and_then(|id| net.node::<Talker>(id));
                Ok(count(&node.ok_or_else(gone)?.counters()).to_string())
            }
            What::Link(name, side, figure) => {
                let link = net.link_named(name).ok_or_else(gone)?;
                let sides = Side::ALL.into_iter();
                let sides = sides.filter(|it| side.is_none_or(|side| side == *it));
                let counters = sides.filter_map(|side| net.counters(link, side));
                let value: u64 = match figure {
                    LinkFigure::Sum(count) => counters.map(|it| count(&it)).sum(),
                    LinkFigure::Most(count) => counters.map(|it| count(&it)).max().unwrap_or(0),
                    LinkFigure::Dropped(reason) => counters.map(|it| it.dropped(*reason)).sum(),
                };
                Ok(value.to_string())
            }
        }
    }
}

type Comparison = fn(std::cmp::Ordering) -> bool;

const COMPARISONS: &[(&str, Comparison)] = &[
    ("==", std::cmp::Ordering::is_eq),
    ("!=", std::cmp::Ordering::is_ne),
    ("<=", std::cmp::Ordering::is_le),
    (">=", std::cmp::Ordering::is_ge),
    ("<", std::cmp::Ordering::is_lt),
    (">", std::cmp::Ordering::is_gt),
];

/// What is to hold at the end of a run.
#[derive(Clone, Debug)]
pub(crate) struct Expectation {
    pub(crate) text: String,
    left: Figure,
    sign: &'static str,
    comparison: Comparison,
    right: Operand,
}

#[derive(Clone, Debug)]
enum Operand {
    Figure(Figure),
    Value(String),
}

/// Whether something held.
#[derive(Clone, Debug)]
pub(crate) struct Judgement {
    pub(crate) text: String,
    pub(crate) holds: bool,
    /// What was found on the left.
    pub(crate) found: String,
    /// What it was to be.
    pub(crate) expected: String,
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            text,
            found,
            expected,
            ..
        } = self;
        write!(f, "{text}: found {found}, expected {expected}")
    }
}

impl Expectation {
    /// What it compares.
    pub(crate) fn figures(&self) -> impl Iterator<Item = &Figure> {
        let right = match &self.right {
            Operand::Figure(figure) => Some(figure),
            Operand::Value(_) => None,
        };
        std::iter::once(&self.left).chain(right)
    }

    /// Whether it holds now.
    pub(crate) fn judge(&self, net: &Simulation) -> Judgement {
        let found = self.left.read(net);
        let expected = match &self.right {
            Operand::Value(value) => Ok(value.clone()),
            Operand::Figure(figure) => figure.read(net),
        };
        let holds = match (&found, &expected) {
            (Ok(found), Ok(expected)) => self.compare(found, expected),
            // What cannot be read does not hold.
            _ => false,
        };
        let said = |it: Result<String, String>| it.unwrap_or_else(|error| format!("({error})"));
        Judgement {
            text: self.text.clone(),
            holds,
            found: said(found),
            expected: format!("{} {}", self.sign, said(expected)),
        }
    }

    fn compare(&self, found: &str, expected: &str) -> bool {
        let number = |text: &str| text.parse::<f64>().ok();
        let whole = |text: &str| text.parse::<i128>().ok();
        // Counters are compared as they are: a float has room for 53 bits of them.
        let order = if let (Some(a), Some(b)) = (whole(found), whole(expected)) {
            Some(a.cmp(&b))
        } else if let (Some(a), Some(b)) = (number(found), number(expected)) {
            a.partial_cmp(&b)
        } else if is_order(self.sign) {
            // What is no number is neither less nor more.
            None
        } else {
            Some(found.cmp(expected))
        };
        order.is_some_and(self.comparison)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_counter() {
        for reason in DropReason::ALL {
            assert_eq!(DROPPED.iter().filter(|(_, it)| *it == reason).count(), 1);
        }
    }
}

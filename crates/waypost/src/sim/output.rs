//! What a topology text has written: captures and drawings.

use std::ops::Range;
use std::path::{Component, Path};

use waypost_sim::Side;
use waypost_wire::Duration;

use super::keys;
use super::link::Link;
use super::mistake::Reading;
use super::node::{Kind, Node};
use super::table::{Placed, Table, Value};

/// A capture, as it is to be.
#[derive(Clone, Debug)]
pub(crate) struct Capture {
    /// Its place in the list of links.
    pub(crate) link: usize,
    pub(crate) side: Side,
    pub(crate) file: String,
}

/// A drawing, as it is to be.
#[derive(Clone, Debug)]
pub(crate) struct Plot {
    pub(crate) file: String,
    pub(crate) title: String,
    pub(crate) every: Duration,
    pub(crate) lines: Vec<Line>,
}

/// A line of a drawing.
#[derive(Clone, Debug)]
pub(crate) enum Line {
    /// What a link delivered, in one direction or in each.
    Rate(usize, Option<Side>),
    /// What waited.
    Queue(usize, Option<Side>),
    /// What a node measured.
    Series { node: usize, name: String },
}

/// What is there to be written about, and which files are spoken for.
pub(crate) struct Outputs<'a> {
    pub(crate) reading: &'a Reading,
    pub(crate) nodes: &'a [Node],
    pub(crate) links: &'a [Link],
    pub(crate) until: Duration,
    pub(crate) files: Vec<Placed<String>>,
}

impl Outputs<'_> {
    pub(crate) fn captures(&mut self, text: &Table<'_>) -> Vec<Capture> {
        let tables = text.listed("capture", &keys::CAPTURE);
        tables.iter().filter_map(|it| self.capture(it)).collect()
    }

    pub(crate) fn plots(&mut self, text: &Table<'_>) -> Vec<Plot> {
        let tables = text.listed("plot", &keys::PLOT);
        tables.iter().filter_map(|it| self.plot(it)).collect()
    }

    fn capture(&mut self, table: &Table<'_>) -> Option<Capture> {
        let name = table.require("link")?;
        let (name, span) = (name.text()?, name.span());
        let link = self.link(&name, &span)?;
        let side = match table.find("at") {
            Some(at) => self.side(link, &at.text()?, &at.span())?,
            None => Side::A,
        };
        let (file, span) = match table.find("file") {
            Some(file) => (file.text()?, file.span()),
            // Names of links have letters that names of files better do not have.
            None => (format!("{}.pcapng", name.replace(['/', ':'], "-")), span),
        };
        self.claim(&file, span)?;
        Some(Capture { link, side, file })
    }

    fn plot(&mut self, table: &Table<'_>) -> Option<Plot> {
        // All of it is looked at, so that all that is wrong is told.
        let lines = table.require("lines").map(|it| it.list());
        let lines = lines.map(|all| all.iter().filter_map(|it| self.line(it)).collect());
        let file = table.require("file")?;
        let (file, span) = (file.text()?, file.span());
        self.claim(&file, span)?;
        let title = match table.find("title") {
            Some(title) => title.text()?,
            None => self.reading.source.name().to_owned(),
        };
        let hundredth = self.until / 100;
        let every = table.find("every").and_then(|it| it.some_time());
        Some(Plot {
            file,
            title,
            every: every.unwrap_or_else(|| hundredth.max(Duration::from_nanos(1))),
            lines: lines?,
        })
    }

    fn line(&self, value: &Value<'_>) -> Option<Line> {
        let text = value.text()?;
        let words: Vec<_> = text.split_whitespace().collect();
        let direction = |link: &str, from: Option<&&str>| {
            let link = self.link(link, &value.span())?;
            let side = match from {
                Some(from) => Some(self.side(link, from, &value.span())?),
                None => None,
            };
            Some((link, side))
        };
        match words[..] {
            ["rate", link] | ["rate", link, "from", _] => {
                let (link, side) = direction(link, words.get(3))?;
                Some(Line::Rate(link, side))
            }
            ["queue", link] | ["queue", link, "from", _] => {
                let (link, side) = direction(link, words.get(3))?;
                Some(Line::Queue(link, side))
            }
            ["rtt", name] => {
                let is_talker = |it: &Node| matches!(it.kind, Kind::Talker { .. });
                let talkers = self.nodes.iter().filter(|it| is_talker(it));
                let node = self
                    .nodes
                    .iter()
                    .position(|it| it.name == name && is_talker(it));
                if node.is_none() {
                    let message = format!("no talker is named `{name}`: they measure `rtt`");
                    let mistake = self.reading.mistake(value.span(), message);
                    let names = talkers.map(|it| it.name.as_str());
                    self.reading.tell(mistake.nearest(name, names, "talkers"));
                }
                Some(Line::Series {
                    node: node?,
                    name: "rtt".to_owned(),
                })
            }
            _ => {
                value.wrong(format!(
                    "expected `rate LINK`, `queue LINK`, either with `from NODE`, or `rtt TALKER`, found `{text}`"
                ));
                None
            }
        }
    }

    fn link(&self, name: &str, span: &Range<usize>) -> Option<usize> {
        let found = self.links.iter().position(|it| it.name == name);
        if found.is_none() {
            let message = format!("no link is named `{name}`");
            let mistake = self.reading.mistake(span.clone(), message);
            let names = self.links.iter().map(|it| it.name.as_str());
            self.reading.tell(mistake.nearest(name, names, "links"));
        }
        found
    }

    /// The end of a link that a node is.
    fn side(&self, link: usize, name: &str, span: &Range<usize>) -> Option<Side> {
        let link = &self.links[link];
        let ends = link.end_names(self.nodes)?;
        let found = Side::ALL
            .into_iter()
            .find(|side| ends[*side as usize] == name);
        if found.is_none() {
            let message = format!("`{name}` is no end of `{}`", link.name);
            let mistake = self.reading.mistake(span.clone(), message);
            self.reading.tell(mistake.nearest(name, ends, "ends"));
        }
        found
    }

    /// A file below the directory of `--out`, for one to write.
    fn claim(&mut self, file: &str, span: Range<usize>) -> Option<()> {
        let path = Path::new(file);
        let is_plain = |part: Component<'_>| matches!(part, Component::Normal(_));
        if file.is_empty() || file.ends_with('/') || !path.components().all(is_plain) {
            let message = format!(
                "expected the path of a file below the directory of `--out`, found `{file}`"
            );
            self.reading.wrong(span, message);
            return None;
        }
        if let Some((_, before)) = self
            .files
            .iter()
            .find(|(other, _)| Path::new(other) == path)
        {
            let mistake = self
                .reading
                .mistake(span, format!("two are to write `{file}`"));
            self.reading
                .tell(mistake.and(before.clone(), "this one first"));
            return None;
        }
        self.files.push((file.to_owned(), span));
        Some(())
    }
}

//! Classifier: packets told apart by octets at fixed places.

use waypost_graph::{
    Args, Batch, BuildCx, ConfigError, Cx, DropReason, Element, ElementClass, Handler, HandlerError,
};

/// A packet matches none of the patterns.
pub const NO_PATTERN: DropReason = DropReason::new("no pattern matches");

pub(crate) const CLASS: ElementClass = ElementClass {
    name: "Classifier",
    ports: "1/-",
    processing: "h/h",
    flow: "x/x",
    doc: "Tells packets apart by octets at fixed places.

Arguments: a pattern for each output; a packet goes to the output of the first that matches, and is dropped if none does.
A pattern is a list of clauses, all of which must hold:

- `12/0806`: the octets from offset 12 on are 08 06, in hexadecimal; `?` is any digit.
- `14/45%f0`: so, under a mask.
- `0/2:0:0:0:a:1`: a link address, from offset 0 on.
- `!12/0800`: not so.
- `-`: every packet.

A clause that reaches beyond the end of the packet does not hold.

Deviations: Click knows no link addresses here, only digits. Its `program` shows steps; here it shows the patterns. There is no
warning about a pattern that no packet can match.",
    handlers: HANDLERS,
    build,
};

const HANDLERS: &[Handler] = &[Handler::read("program", "the patterns, one a line")];

fn build(args: &mut Args, cx: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let patterns = args.read_rest(pattern);
    if args.len() != cx.outputs {
        let message = format!("{} patterns for {} outputs", args.len(), cx.outputs);
        return Err(
            ConfigError::new(message).help("give each output a pattern; `-` matches every packet")
        );
    }
    Ok(Box::new(Classifier {
        patterns: patterns.into(),
        texts: args.iter().map(str::to_owned).collect(),
    }))
}

struct Classifier {
    patterns: Box<[Pattern]>,
    texts: Vec<String>,
}

/// All clauses must hold.
type Pattern = Box<[Clause]>;

struct Clause {
    words: Box<[Word]>,
    negated: bool,
}

/// Up to eight octets, compared at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Word {
    offset: usize,
    len: usize,
    value: u64,
    mask: u64,
}

impl Word {
    #[inline(always)]
    fn matches(&self, octets: &[u8]) -> bool {
        let found = match self.len {
            2 => octets
                .get(self.offset..self.offset + 2)
                .map(|it| u64::from(u16::from_be_bytes([it[0], it[1]]))),
            len => octets.get(self.offset..self.offset + len).map(number),
        };
        found.is_some_and(|found| found & self.mask == self.value)
    }
}

/// Octets as a number, the first the highest.
fn number(octets: &[u8]) -> u64 {
    octets
        .iter()
        .fold(0, |number, &octet| number << 8 | u64::from(octet))
}

impl Classifier {
    #[inline]
    fn output(&self, octets: &[u8]) -> Option<usize> {
        let holds = |clause: &Clause| {
            clause.words.iter().all(|word| word.matches(octets)) != clause.negated
        };
        self.patterns
            .iter()
            .position(|pattern| pattern.iter().all(holds))
    }
}

impl Element for Classifier {
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        batch.filter_map(|packet| match self.output(packet.octets()) {
            Some(0) => Some(packet),
            Some(output) => {
                cx.emit(output, packet);
                None
            }
            None => {
                cx.drop(packet, NO_PATTERN);
                None
            }
        });
    }

    fn handlers(&self) -> &'static [Handler] {
        HANDLERS
    }

    fn read(&self, handler: &str, _: &str) -> Result<String, HandlerError> {
        match handler {
            "program" => Ok(self.texts.join("\n")),
            _ => Err(HandlerError::unknown(handler)),
        }
    }
}

fn pattern(text: &str) -> Result<Pattern, ConfigError> {
    if text.trim() == "-" {
        return Ok(Box::default());
    }
    let words = text
        .split_whitespace()
        .map(clause)
        .collect::<Result<Vec<_>, _>>()?;
    if words.is_empty() {
        return Err(ConfigError::expected(
            "a pattern such as `12/0800` or `-`",
            text,
        ));
    }
    Ok(words.into())
}

fn clause(text: &str) -> Result<Clause, ConfigError> {
    let expected =
        || ConfigError::expected("a clause such as `12/0800`, `!12/0800` or `14/45%f0`", text);
    let (negated, rest) = text
        .strip_prefix('!')
        .map_or((false, text), |rest| (true, rest));
    let (offset, rest) = rest.split_once('/').ok_or_else(expected)?;
    let offset: usize = offset.parse().map_err(|_| expected())?;
    let (value, mask) = rest
        .split_once('%')
        .map_or((rest, None), |(value, mask)| (value, Some(mask)));
    // A link address in place of the digits.
    let spelt =
        <waypost_wire::MacAddr as crate::args::Arg>::parse(value).filter(|_| value.contains(':'));
    let spelt = spelt.map(|mac| mac.octets().map(|octet| format!("{octet:02x}")).concat());
    let digits: Vec<char> = spelt.as_deref().unwrap_or(value).chars().collect();
    if digits.is_empty() || !digits.len().is_multiple_of(2) || offset > 65_535 {
        return Err(expected().help("octets are written with two digits each"));
    }
    let (mut values, mut masks) = (Vec::new(), Vec::new());
    for pair in digits.chunks(2) {
        let (mut octet, mut bits) = (0_u8, 0_u8);
        for &digit in pair {
            let (digit, known) = match digit {
                '?' => (0, 0),
                digit => (digit.to_digit(16).ok_or_else(expected)? as u8, 15),
            };
            (octet, bits) = (octet << 4 | digit, bits << 4 | known);
        }
        values.push(octet);
        masks.push(bits);
    }
    if let Some(mask) = mask {
        let octets = (0..mask.len()).step_by(2).map(|at| {
            mask.get(at..at + 2)
                .and_then(|it| u8::from_str_radix(it, 16).ok())
        });
        let octets = octets
            .collect::<Option<Vec<u8>>>()
            .filter(|it| it.len() == values.len());
        let octets =
            octets.ok_or_else(|| expected().help("a mask has as many digits as its value"))?;
        masks
            .iter_mut()
            .zip(octets)
            .for_each(|(mask, more)| *mask &= more);
    }
    let words = values
        .chunks(8)
        .zip(masks.chunks(8))
        .enumerate()
        .map(|(at, (values, masks))| Word {
            offset: offset + at * 8,
            len: values.len(),
            value: number(values) & number(masks),
            mask: number(masks),
        });
    Ok(Clause {
        words: words.collect(),
        negated,
    })
}

#[cfg(test)]
mod tests {
    use crate::testing::run;

    use super::*;

    #[test]
    fn octets_masks_wildcards_and_negation() {
        let octets = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0xab, 0xcd];
        let matches = |text: &str| {
            let classifier = Classifier {
                patterns: [pattern(text).unwrap()].into(),
                texts: Vec::new(),
            };
            classifier.output(&octets) == Some(0)
        };
        let hold = [
            "-",
            "0/0001",
            "10/abcd",
            "10/ABCD",
            "10/a?",
            "10/00%00",
            "10/a0%f0",
            "0/00010203040506070809",
            "1/01 2/02",
        ];
        for text in hold.into_iter().chain(["!0/01"]) {
            assert!(matches(text), "{text}");
        }
        for text in [
            "0/01",
            "11/cdef",
            "5/06",
            "1/01 2/03",
            "!10/ab",
            "100/00",
            "0/0001020304050607ff",
        ] {
            assert!(!matches(text), "{text}");
        }
        assert!(matches("!100/00"), "a clause beyond the end does not hold");
    }

    #[test]
    fn mistakes_are_refused() {
        for text in [
            "",
            "12",
            "12/",
            "x/08",
            "12/080",
            "12/08%f",
            "12/zz",
            "12/08%ffff",
            "70000/00",
        ] {
            assert!(pattern(text).is_err(), "{text}");
        }
    }

    #[test]
    fn packets_go_where_their_pattern_says() {
        let text = "InfiniteSource(DATA \\<08 00>, LIMIT 3) -> c :: Classifier(0/0806, 0/0800);
            InfiniteSource(DATA \\<08 06>, LIMIT 4) -> c; InfiniteSource(DATA \\<86 dd>, LIMIT 5) -> c;
            c[0] -> arp :: Discard; c[1] -> ip :: Discard;";
        let graph = run(text);
        let read = ["arp.count", "ip.count", "c.drop_reasons"].map(|it| graph.read(it).unwrap());
        assert_eq!(read, ["4", "3", "5 no pattern matches"]);
    }
}

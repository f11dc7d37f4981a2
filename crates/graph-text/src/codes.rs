//! The codes of a class table: how many ports, push or pull, and what flows where.

use std::fmt;
use std::str::FromStr;

/// A code in a class table that is not well-formed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeError {
    kind: &'static str,
    code: String,
}

impl fmt::Display for CodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected a {}, found `{}`", self.kind, self.code)
    }
}

impl std::error::Error for CodeError {}

/// How many ports: `1/1-2` is one input and one or two outputs, `-` any number, `=` as many outputs as inputs and `=+` one
/// more; a code without a slash is for both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortCounts {
    inputs: CountRange,
    outputs: OutputCount,
}

/// An inclusive range of port counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountRange {
    /// At least this many.
    pub least: usize,
    /// At most this many; `usize::MAX` for any number.
    pub most: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OutputCount {
    Range(CountRange),
    /// As many as inputs, and so many more.
    Inputs(usize),
}

impl PortCounts {
    /// How many inputs are allowed.
    #[must_use]
    pub fn inputs(&self) -> CountRange {
        self.inputs
    }

    /// How many outputs are allowed where there are so many inputs.
    #[must_use]
    pub fn outputs(&self, inputs: usize) -> CountRange {
        match self.outputs {
            OutputCount::Range(range) => range,
            OutputCount::Inputs(more) => {
                let count = inputs.saturating_add(more);
                CountRange {
                    least: count,
                    most: count,
                }
            }
        }
    }

    /// The counts of inputs and outputs of an element of which so many are connected: those, moved into the allowed range.
    #[must_use]
    pub fn resolve(&self, connected_inputs: usize, connected_outputs: usize) -> (usize, usize) {
        let inputs = connected_inputs.clamp(self.inputs.least, self.inputs.most);
        let range = self.outputs(inputs);
        (inputs, connected_outputs.clamp(range.least, range.most))
    }
}

impl FromStr for CountRange {
    type Err = CodeError;

    fn from_str(code: &str) -> Result<Self, CodeError> {
        let error = || CodeError {
            kind: "port count",
            code: code.to_owned(),
        };
        let number = |text: &str, empty| match text {
            "" => Ok(empty),
            _ if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().map_err(|_| error()),
            _ => Err(error()),
        };
        let range = match code.split_once('-') {
            None => {
                let count = number(code, 0)?;
                Self {
                    least: count,
                    most: count,
                }
            }
            Some((least, most)) => Self {
                least: number(least, 0)?,
                most: number(most, usize::MAX)?,
            },
        };
        if range.least > range.most {
            Err(error())
        } else {
            Ok(range)
        }
    }
}

impl fmt::Display for CountRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.least, self.most) {
            (least, most) if least == most => write!(f, "{least}"),
            (0, usize::MAX) => f.write_str("any number"),
            (least, usize::MAX) => write!(f, "at least {least}"),
            (0, most) => write!(f, "at most {most}"),
            (least, most) => write!(f, "{least} to {most}"),
        }
    }
}

impl FromStr for PortCounts {
    type Err = CodeError;

    fn from_str(code: &str) -> Result<Self, CodeError> {
        let (inputs, outputs) = code.split_once('/').unwrap_or((code, code));
        let outputs = match outputs.strip_prefix('=') {
            Some(more) if more.bytes().all(|b| b == b'+') => OutputCount::Inputs(more.len()),
            _ => OutputCount::Range(outputs.parse()?),
        };
        Ok(Self {
            inputs: inputs.parse()?,
            outputs,
        })
    }
}

/// How packets pass a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Processing {
    /// The upstream element hands packets down.
    Push,
    /// The downstream element asks for packets.
    Pull,
}

impl fmt::Display for Processing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Push => "push",
            Self::Pull => "pull",
        })
    }
}

/// Push, pull or agnostic for each port: `a/ah` is agnostic inputs, a first output that is agnostic, and further outputs
/// that push; the last letter goes on for the ports after it, and a code without a slash is for both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessingCode {
    inputs: Vec<Option<Processing>>,
    outputs: Vec<Option<Processing>>,
}

impl ProcessingCode {
    /// Input `port`; `None` is agnostic.
    #[must_use]
    pub fn input(&self, port: usize) -> Option<Processing> {
        last_repeated(&self.inputs, port).copied().flatten()
    }

    /// Output `port`; `None` is agnostic.
    #[must_use]
    pub fn output(&self, port: usize) -> Option<Processing> {
        last_repeated(&self.outputs, port).copied().flatten()
    }
}

fn last_repeated<T>(codes: &[T], port: usize) -> Option<&T> {
    codes.get(port.min(codes.len().saturating_sub(1)))
}

impl FromStr for ProcessingCode {
    type Err = CodeError;

    fn from_str(code: &str) -> Result<Self, CodeError> {
        let side = |text: &str| {
            let letters = text.bytes().map(|letter| match letter {
                b'h' | b'H' => Ok(Some(Processing::Push)),
                b'l' | b'L' => Ok(Some(Processing::Pull)),
                b'a' | b'A' => Ok(None),
                _ => Err(CodeError {
                    kind: "processing code",
                    code: code.to_owned(),
                }),
            });
            letters.collect::<Result<Vec<_>, _>>()
        };
        let (inputs, outputs) = code.split_once('/').unwrap_or((code, code));
        Ok(Self {
            inputs: side(inputs)?,
            outputs: side(outputs)?,
        })
    }
}

/// Between which ports packets flow inside an element: from an input to an output if their port codes match.
///
/// A port code is a letter, `#`, or several in brackets, `[^…]` for all but those. Letters match themselves; `#` matches `#`
/// of the port with the same number. The last code of a side goes on for the ports after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowCode {
    inputs: Vec<PortCode>,
    outputs: Vec<PortCode>,
}

/// The set of letters and port numbers that one port code stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct PortCode {
    letters: u64,
    number: bool,
    negated: bool,
}

impl FlowCode {
    /// Whether packets can go from an input to an output.
    #[must_use]
    pub fn flows(&self, input: usize, output: usize) -> bool {
        match (
            last_repeated(&self.inputs, input),
            last_repeated(&self.outputs, output),
        ) {
            (Some(a), Some(b)) => a.matches(input, *b, output),
            _ => false,
        }
    }

    /// Whether the code says `x/x`: everything flows everywhere.
    pub(crate) fn is_complete(&self) -> bool {
        let one = |codes: &[PortCode]| codes.len() == 1 && !codes[0].number;
        one(&self.inputs) && one(&self.outputs) && self.flows(0, 0)
    }
}

impl PortCode {
    fn matches(self, port: usize, other: Self, other_port: usize) -> bool {
        let letters = |code: Self| {
            if code.negated {
                !code.letters
            } else {
                code.letters
            }
        };
        let numbers = match (self.negated, other.negated) {
            (true, true) => return true,
            (false, false) => self.number && other.number && port == other_port,
            (true, false) => other.number && !(self.number && port == other_port),
            (false, true) => self.number && !(other.number && port == other_port),
        };
        numbers || letters(self) & letters(other) != 0
    }
}

fn letter_bit(byte: u8) -> Option<u64> {
    match byte {
        b'a'..=b'z' => Some(1 << (byte - b'a')),
        b'A'..=b'Z' => Some(1 << (26 + byte - b'A')),
        _ => None,
    }
}

impl FromStr for FlowCode {
    type Err = CodeError;

    fn from_str(code: &str) -> Result<Self, CodeError> {
        let error = || CodeError {
            kind: "flow code",
            code: code.to_owned(),
        };
        let side = |text: &str| {
            let mut codes = Vec::new();
            let mut bytes = text.bytes().peekable();
            while let Some(byte) = bytes.next() {
                let mut port = PortCode::default();
                let mut add = |byte| {
                    match letter_bit(byte) {
                        Some(bit) => port.letters |= bit,
                        None if byte == b'#' => port.number = true,
                        None => return Err(error()),
                    }
                    Ok(())
                };
                if byte == b'[' {
                    let negated = bytes.next_if_eq(&b'^').is_some();
                    loop {
                        match bytes.next().ok_or_else(error)? {
                            b']' => break,
                            byte => add(byte)?,
                        }
                    }
                    port.negated = negated;
                } else {
                    add(byte)?;
                }
                codes.push(port);
            }
            if codes.is_empty() {
                Err(error())
            } else {
                Ok(codes)
            }
        };
        let (inputs, outputs) = code.split_once('/').unwrap_or((code, code));
        Ok(Self {
            inputs: side(inputs)?,
            outputs: side(outputs)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class::ClassInfo;

    fn counts(code: &str, inputs: usize, outputs: usize) -> (usize, usize) {
        code.parse::<PortCounts>().unwrap().resolve(inputs, outputs)
    }

    #[test]
    fn port_counts_are_moved_into_range() {
        assert_eq!(counts("1/1", 0, 5), (1, 1));
        assert_eq!(counts("1-2/0", 3, 1), (2, 0));
        assert_eq!(counts("1/-6", 1, 9), (1, 6));
        assert_eq!(counts("2-/-", 1, 7), (2, 7));
        assert_eq!(counts("3", 0, 9), (3, 3));
        assert_eq!(counts("1-/=", 4, 1), (4, 4));
        assert_eq!(counts("1-/=+", 2, 0), (2, 3));
        assert_eq!(counts("-/=++", 0, 0), (0, 2));
    }

    #[test]
    fn malformed_codes_are_refused() {
        for bad in [
            "a/1",
            "1/2/3",
            "2-1/0",
            "1/=x",
            "1/+",
            "99999999999999999999/1",
        ] {
            assert!(bad.parse::<PortCounts>().is_err(), "{bad}");
        }
        for bad in ["x/h", "h/l/a"] {
            assert!(bad.parse::<ProcessingCode>().is_err(), "{bad}");
        }
        for bad in ["", "x/", "/x", "[x/x", "x/1", "x/y/z", "[é]/x"] {
            assert!(bad.parse::<FlowCode>().is_err(), "{bad}");
        }
        let error = ClassInfo::new("1/1", "q", "x/x").map_err(|e| e.to_string());
        assert_eq!(error, Err("expected a processing code, found `q`".into()));
    }

    #[test]
    fn processing_repeats_its_last_letter() {
        let code: ProcessingCode = "hl/hlh".parse().unwrap();
        assert_eq!(
            (code.input(0), code.input(1), code.input(9)),
            (
                Some(Processing::Push),
                Some(Processing::Pull),
                Some(Processing::Pull)
            )
        );
        assert_eq!(
            (code.output(1), code.output(2), code.output(7)),
            (
                Some(Processing::Pull),
                Some(Processing::Push),
                Some(Processing::Push)
            )
        );
        let code: ProcessingCode = "/h".parse().unwrap();
        assert_eq!(
            (code.input(3), code.output(3)),
            (None, Some(Processing::Push))
        );
        let code: ProcessingCode = "a".parse().unwrap();
        assert_eq!((code.input(0), code.output(0)), (None, None));
    }

    #[test]
    fn flow_codes_match_letters_and_numbers() {
        let table = |code: &str, inputs: usize, outputs: usize| -> String {
            let code: FlowCode = code.parse().unwrap();
            let row = |i| (0..outputs).map(move |o| (i, o));
            let cells = (0..inputs)
                .flat_map(row)
                .map(|(i, o)| if code.flows(i, o) { '1' } else { '0' });
            cells.collect()
        };
        assert_eq!(table("x/x", 2, 2), "1111");
        assert_eq!(table("xy/x", 2, 2), "1100");
        assert_eq!(table("x/y", 1, 1), "0");
        assert_eq!(table("#/#", 2, 2), "1001");
        assert_eq!(table("#/[^#]", 3, 3), "011101110");
        assert_eq!(table("xy/[xy]x", 2, 2), "1110");
        assert_eq!(table("xy/xxyx", 2, 4), "11010010");
        assert_eq!(table("[^bc]/abcd", 1, 4), "1001");
        assert_eq!(table("[^a]/[^b]", 1, 1), "1");
        assert_eq!(table("[x#][x#][x#]/x######", 3, 4), table("[x#]/x#", 3, 4));
    }
}

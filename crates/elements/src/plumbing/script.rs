//! Script and DriverManager: what is done while a graph runs, step by step.

use std::collections::HashMap;
use std::io::{self, Write};

use waypost_graph::{
    Args, Batch, BuildCx, ConfigError, Cx, Element, ElementClass, Handler, HandlerError, Instant,
    Progress, Spread, unquote_text,
};
use waypost_wire::Duration;

use crate::args::Arg;

pub(crate) const SCRIPT: ElementClass = ElementClass {
    name: "Script",
    ports: "0",
    processing: "a/a",
    flow: "x/x",
    doc: DOC,
    handlers: HANDLERS,
    build: script,
};

pub(crate) const DRIVER_MANAGER: ElementClass = ElementClass {
    name: "DriverManager",
    build: driver_manager,
    ..SCRIPT
};

const DOC: &str = "Does one thing after the other while the graph runs. Each argument is an instruction:

- `wait TIME`: waits so long; a bare number is seconds. `pause` is the same.
- `print TEXT…`, `printn TEXT…`: writes to standard output, with and without a line's end.
- `read HANDLER`, `readq HANDLER`: prints what `element.handler` says, with or without its name.
- `write HANDLER VALUE`, `writeq HANDLER VALUE`: writes a handler.
- `set NAME VALUE`: a variable; `$NAME` in later instructions is its value, and `$(HANDLER)` what a handler says.
- `label NAME`, `goto NAME [CONDITION]`: goes on at the label, if the condition is neither `false` nor 0.
- `loop`: begins again. `end`, `exit`: ends the script. `stop`: stops the graph, at once.

A script that comes to its end does nothing more; that of a `DriverManager` stops the graph. A handler that refuses ends
the script with a message on standard error, and stops the graph.

Deviations: Click's arithmetic, `TYPE`, `init`, `save`, `append`, signals and functions are not there; `wait_stop` and
`wait_step` are not, since `stop` here does not wait for a script.";

const HANDLERS: &[Handler] = &[
    Handler::read("step", "the number of the instruction that comes next"),
    Handler::write("run", "goes on at this instruction"),
];

fn script(args: &mut Args, _: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    Script::parse(args, false)
}

fn driver_manager(args: &mut Args, _: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    Script::parse(args, true)
}

enum Instruction {
    Wait(String),
    Print {
        text: String,
        end: &'static str,
    },
    Read {
        handler: String,
        named: bool,
    },
    Write {
        handler: String,
        value: String,
    },
    Set {
        name: String,
        value: String,
    },
    Label(String),
    Goto {
        label: String,
        condition: Option<String>,
    },
    Loop,
    End,
    Stop,
}

struct Script {
    instructions: Vec<Instruction>,
    variables: HashMap<String, String>,
    at: usize,
    waits_until: Option<Instant>,
    stops: bool,
}

/// Instructions done in one run, at most: a loop without a wait does not hold the graph up.
const STEPS: usize = 64;

impl Script {
    fn parse(args: &mut Args, stops: bool) -> Result<Box<dyn Element>, ConfigError> {
        let instructions: Vec<_> = args
            .take_rest()
            .iter()
            .map(|text| instruction(text))
            .collect::<Result<_, _>>()?;
        let labels: Vec<_> = instructions
            .iter()
            .filter_map(|it| match it {
                Instruction::Label(name) => Some(name),
                _ => None,
            })
            .collect();
        if let Some((_, twice)) = labels
            .iter()
            .enumerate()
            .find(|(at, name)| labels[..*at].contains(name))
        {
            return Err(ConfigError::new(format!("two labels `{twice}`")));
        }
        for instruction in &instructions {
            if let Instruction::Goto { label, .. } = instruction
                && !labels.contains(&label)
            {
                return Err(ConfigError::new(format!("no label `{label}` to go to")));
            }
        }
        Ok(Box::new(Self {
            instructions,
            variables: HashMap::new(),
            at: 0,
            waits_until: None,
            stops,
        }))
    }

    /// Puts in variables and handlers' answers.
    fn expand(&self, text: &str, cx: &mut Cx<'_>) -> Result<String, HandlerError> {
        let (mut out, mut rest) = (String::new(), text);
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some((handler, after)) = rest
                .strip_prefix('(')
                .and_then(|inner| inner.split_once(')'))
            {
                out.push_str(cx.read(handler)?.trim_end());
                rest = after;
                continue;
            }
            let braced = rest
                .strip_prefix('{')
                .and_then(|inner| inner.split_once('}'));
            let end = rest
                .find(|it: char| !it.is_ascii_alphanumeric() && it != '_')
                .unwrap_or(rest.len());
            let (name, after) = braced.unwrap_or_else(|| rest.split_at(end));
            match self.variables.get(name) {
                Some(value) => out.push_str(value),
                None => return Err(HandlerError::new(format!("no variable `{name}`"))),
            }
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }

    /// Does the next instruction; false if there is nothing to do now.
    fn step(&mut self, cx: &mut Cx<'_>) -> Result<bool, HandlerError> {
        if let Some(until) = self.waits_until {
            if cx.now() < until {
                cx.set_timer(Some(until));
                return Ok(false);
            }
            self.waits_until = None;
        }
        let Some(instruction) = self.instructions.get(self.at) else {
            if self.stops {
                cx.stop();
            }
            return Ok(false);
        };
        self.at += 1;
        match instruction {
            Instruction::Wait(time) => {
                let time = self.expand(time, cx)?;
                let expected = || {
                    HandlerError::new(format!("expected {}, found `{time}`", Duration::EXPECTED))
                };
                let span = Duration::parse(&time).ok_or_else(expected)?;
                self.waits_until = Some(cx.now() + span);
            }
            Instruction::Print { text, end } => {
                let text = self.expand(text, cx)?;
                say(&text, end);
            }
            Instruction::Read { handler, named } => {
                let answer = cx.read(handler)?;
                let head = if *named {
                    format!("{handler}:\n")
                } else {
                    String::new()
                };
                say(&format!("{head}{}", answer.trim_end()), "\n");
            }
            Instruction::Write { handler, value } => {
                let value = self.expand(value, cx)?;
                cx.write(handler, &value)?;
            }
            Instruction::Set { name, value } => {
                let (name, value) = (name.clone(), self.expand(value, cx)?);
                self.variables.insert(name, value);
            }
            Instruction::Label(_) => {}
            Instruction::Goto { label, condition } => {
                let go = match condition {
                    Some(condition) => {
                        !matches!(self.expand(condition, cx)?.trim(), "" | "0" | "false")
                    }
                    None => true,
                };
                if go {
                    let found = self
                        .instructions
                        .iter()
                        .position(|it| matches!(it, Instruction::Label(name) if name == label));
                    self.at = found.unwrap_or(self.instructions.len());
                }
            }
            Instruction::Loop => self.at = 0,
            Instruction::End => self.at = self.instructions.len(),
            Instruction::Stop => {
                cx.stop();
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn say(text: &str, end: &str) {
    let mut out = io::stdout().lock();
    // Nobody reads it: nothing to be done about that.
    let _ = write!(out, "{text}{end}");
    let _ = out.flush();
}

fn instruction(text: &str) -> Result<Instruction, ConfigError> {
    let text = text.trim();
    let (word, rest) = text
        .split_once(char::is_whitespace)
        .map_or((text, ""), |(word, rest)| (word, rest.trim()));
    let two = || {
        rest.split_once(char::is_whitespace)
            .map_or((rest, ""), |(first, second)| (first, second.trim()))
    };
    let plain = |text: &str| unquote_text(text).unwrap_or_else(|| text.to_owned());
    let needs = |what: &str| ConfigError::expected(&format!("`{word}` with {what}"), text);
    Ok(match word {
        "wait" | "wait_time" | "pause" if !rest.is_empty() => Instruction::Wait(rest.to_owned()),
        "wait" | "wait_time" | "pause" => return Err(needs("a time")),
        "print" => Instruction::Print {
            text: plain(rest),
            end: "\n",
        },
        "printn" => Instruction::Print {
            text: plain(rest),
            end: "",
        },
        "read" | "readq" if !rest.is_empty() => Instruction::Read {
            handler: rest.to_owned(),
            named: word == "read",
        },
        "read" | "readq" => return Err(needs("a handler")),
        "write" | "writeq" if !rest.is_empty() => Instruction::Write {
            handler: two().0.to_owned(),
            value: plain(two().1),
        },
        "write" | "writeq" => return Err(needs("a handler and a value")),
        "set" if !rest.is_empty() => Instruction::Set {
            name: two().0.trim_start_matches('$').to_owned(),
            value: plain(two().1),
        },
        "set" => return Err(needs("a name and a value")),
        "label" if !rest.is_empty() => Instruction::Label(rest.to_owned()),
        "label" => return Err(needs("a name")),
        "goto" if rest.is_empty() => return Err(needs("a label")),
        "goto" => Instruction::Goto {
            label: two().0.to_owned(),
            condition: Some(two().1).filter(|it| !it.is_empty()).map(str::to_owned),
        },
        "loop" => Instruction::Loop,
        "end" | "exit" => Instruction::End,
        "stop" => Instruction::Stop,
        _ => {
            return Err(ConfigError::expected("an instruction", text)
                .help("print, printn, read, readq, write, writeq, wait, set, label, goto, loop, end, exit, stop"));
        }
    })
}

impl Element for Script {
    fn push(&mut self, _: usize, _: &mut Batch, _: &mut Cx<'_>) {}

    fn is_task(&self) -> bool {
        true
    }

    fn run(&mut self, _: usize, cx: &mut Cx<'_>) -> Progress {
        let before = self.at;
        for done in 0..STEPS {
            match self.step(cx) {
                Ok(true) => {}
                // Whom it wrote to may have work now: others have to run once more.
                Ok(false) if done > 0 || self.at != before => return Progress::Worked,
                Ok(false) => return Progress::Idle,
                Err(error) => {
                    let _ = writeln!(
                        io::stderr().lock(),
                        "{}: instruction {}: {error}",
                        cx.name(),
                        self.at
                    );
                    self.at = self.instructions.len();
                    cx.stop();
                    return Progress::Idle;
                }
            }
        }
        Progress::Worked
    }

    fn spread(&self) -> Spread {
        Spread::FirstWorker
    }

    fn handlers(&self) -> &'static [Handler] {
        HANDLERS
    }

    fn read(&self, handler: &str, _: &str) -> Result<String, HandlerError> {
        match handler {
            "step" => Ok(self.at.to_string()),
            _ => Err(HandlerError::unknown(handler)),
        }
    }

    fn write(&mut self, handler: &str, value: &str, _: &mut Cx<'_>) -> Result<(), HandlerError> {
        match handler {
            "run" => {
                let at: usize = if value.trim().is_empty() {
                    0
                } else {
                    crate::args::handler_value(value)?
                };
                (self.at, self.waits_until) = (at, None);
                Ok(())
            }
            _ => Err(HandlerError::unknown(handler)),
        }
    }
}

#[cfg(test)]
mod tests {
    use waypost_graph::Instant;

    use crate::testing::graph;

    #[test]
    fn waits_writes_and_stops() {
        let mut graph = graph(
            "InfiniteSource(LIMIT 7) -> s :: Switch(-1) -> d :: Discard;
             DriverManager(wait 2s, write s.switch 0, set n $(d.count), goto done $n, wait 1s, label done, stop);",
        );
        graph.run_until_idle(Instant::from_secs(1), 100);
        assert_eq!(graph.next_timer(), Some(Instant::from_secs(3)));
        graph.run_until_idle(Instant::from_secs(3), 100);
        assert_eq!(graph.read("s.switch").unwrap(), "0");
        assert!(!graph.is_stopped());
        graph.run_until_idle(Instant::from_secs(4), 100);
        assert!(graph.is_stopped());
    }
}

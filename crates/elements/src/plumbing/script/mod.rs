//! Script and DriverManager: what is done while a graph runs, step by step.

mod functions;
mod instruction;
mod perform;
mod text;

use std::cell::Cell;
use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

use waypost_graph::{
    Args, Batch, BuildCx, ConfigError, Cx, Element, ElementClass, Handler, HandlerError, Instant,
    Progress, Spread,
};

use crate::args::{TypedArgs, handler_value};
use crate::host::Host;
use functions::FUNCTIONS;
use instruction::{Instruction, instructions, place};

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

- `set NAME TEXT`, `setq NAME TEXT`: a variable. `init`, `initq`, `export` and `exportq` set it once, before the script begins.
- `print [>FILE|>>FILE] TEXT`, `printn …`: writes what a handler says, or a text without its quotation marks, to standard output or
  to a file, with and without a line's end. What begins with a letter is a handler; if there is none of that name, it is a text.
- `save HANDLER FILE`, `append HANDLER FILE`: writes what a handler says to a file, or behind what is there.
- `read HANDLER`, `readq HANDLER`: writes a handler's name, and what it says, to standard error.
- `write HANDLER VALUE`, `writeq HANDLER VALUE`: writes a handler.
- `wait TIME`, `wait_for TIME`, `wait_time TIME`: waits so long, or until a step is asked for; a bare number is seconds.
- `pause N`, `wait_step N`, `wait_stop N`, and `wait` alone: waits until so many steps were asked for, one by default.
- `label NAME`, `goto NAME [CONDITION]`: goes on at the label, if the condition is true. `goto end`, `goto stop` and the like do what
  the instructions of that name do.
- `loop`: begins again. `end`, `exit`: ends the script. `return VALUE`: so too, and the handler `run` says the value.
- `stop`: ends it and stops the graph, at once. `error MESSAGE`: ends it with a message on standard error.

Texts have 1 MiB at most. In them, `$NAME` and `${NAME}` stand for a variable, and `$(HANDLER …)` for what a handler says; a script's own handlers, such as
`add` and `lt`, need no element in front: `goto again $(lt $x 5)`. `$args`, `$1`, `$2` and so on are what was written to `run`, `$#`
how many words that are, `$$` is the process. The forms that end in `q` take quotation marks off afterwards.

`TYPE` (keyword) is `ACTIVE`, the default; `PASSIVE`: the script runs when `run` is written; or `DRIVER`, the default of
`DriverManager`: when a source with `STOP true`, or a script, asks the graph to stop, the script does a step instead, past the
`wait_stop`, or the wait, at which it stands. When it comes to its end, the graph stops, at once.

Where several workers run, scripts run on the first; what they read is the answer of all, and what they write is told to all.

Deviations: a handler that refuses, or a variable that was never set, ends the script with a message on standard error, and stops
the graph; Click says so and goes on. A script that jumps again and again without a wait is not ended: others take their turns. A
script to whose `run`, `goto` or `step` is written goes on when its turn comes, not at once; reading `run` says what was returned
last, and runs nothing. Conditions may be numbers: all but 0 hold. `now` is the graph's time. The types `PACKET`, `PROXY` and `SIGNAL` are not
there, nor are the handlers of exported variables, which `get` reads, and `readable`, `writable`, `shift`, `cat`, `kill`, `htons` and
its like.";

/// What a script answers and does beside what it calculates.
const OWN: &[Handler] = &[
    Handler::read_write(
        "step",
        "the number of the instruction that comes next; written, goes on past so many waits, one by default",
    ),
    Handler::write("goto", "goes on at a label"),
    Handler::read_write(
        "run",
        "what the script returned last; written, begins again with these arguments",
    ),
    Handler::read("get", "the value of the variable of this name"),
    Handler::write("set", "sets a variable: its name and value"),
    Handler::read("type", "`ACTIVE`, `PASSIVE` or `DRIVER`"),
    Handler::read("now", "the graph's time, in seconds"),
    Handler::read(
        "random",
        "a number below 2^31, or below the one given, or from the first given to the second",
    ),
];

const HANDLERS: &[Handler] = &all_handlers();

const fn all_handlers() -> [Handler; OWN.len() + FUNCTIONS.len()] {
    let mut all = [OWN[0]; OWN.len() + FUNCTIONS.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = if at < OWN.len() {
            OWN[at]
        } else {
            FUNCTIONS[at - OWN.len()]
        };
        at += 1;
    }
    all
}

fn script(args: &mut Args, cx: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    Ok(Script::parse(args, Kind::Active, Host::of(cx)?))
}

fn driver_manager(args: &mut Args, cx: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    Ok(Script::parse(args, Kind::Driver, Host::of(cx)?))
}

/// When a script runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Active,
    Passive,
    Driver,
}

struct Script {
    kind: Kind,
    /// Where files are that it prints into.
    host: Host,
    instructions: Arc<[Instruction]>,
    variables: HashMap<String, String>,
    /// What was written to `run`.
    arguments: String,
    returned: String,
    /// The instruction that comes next.
    at: usize,
    waits_until: Option<Instant>,
    /// Steps that were asked for, and how many of them the pause at which it stands has had.
    steps: u64,
    paused: u64,
    /// The variables that are set before it begins are set.
    begun: bool,
    /// It has written to another script, which has its turn first.
    gives_way: bool,
    now: Instant,
    chance: Cell<u64>,
}

/// Instructions done in one run, at most: a loop without a wait does not hold the graph up.
const STEPS: usize = 64;

impl Script {
    fn parse(args: &mut Args, kind: Kind, host: Host) -> Box<dyn Element> {
        let kinds = [
            ("ACTIVE", Kind::Active),
            ("PASSIVE", Kind::Passive),
            ("DRIVER", Kind::Driver),
        ];
        let kind = args.choice("TYPE", &kinds).unwrap_or(kind);
        let mut instructions = instructions(args);
        if instructions.is_empty() && kind == Kind::Driver {
            // As in Click: it stops the graph when somebody asks for it.
            instructions.push(Instruction::Pause(1));
        }
        let at = if kind == Kind::Passive {
            instructions.len()
        } else {
            0
        };
        Box::new(Self {
            kind,
            host,
            instructions: instructions.into(),
            variables: HashMap::new(),
            arguments: String::new(),
            returned: String::new(),
            at,
            waits_until: None,
            steps: 0,
            paused: 0,
            begun: false,
            gives_way: false,
            now: Instant::ZERO,
            chance: Cell::new(0x9e37_79b9_7f4a_7c15),
        })
    }

    fn go_to(&mut self, at: usize) {
        (self.at, self.waits_until) = (at, None);
        (self.steps, self.paused) = (0, 0);
    }

    /// Writes one of its own handlers.
    fn told(&mut self, handler: &str, value: &str) -> Result<(), HandlerError> {
        match handler {
            "step" => {
                // That the router asks for it is no other thing here.
                let steps = match value.trim() {
                    "" | "router" => 1,
                    value => handler_value(value)?,
                };
                self.steps = self.steps.saturating_add(steps);
            }
            "goto" => {
                let label = value.trim();
                let at = place(&self.instructions, label)
                    .ok_or_else(|| HandlerError::new(format!("no label `{label}` to go to")))?;
                self.go_to(at);
            }
            "run" => {
                value.trim().clone_into(&mut self.arguments);
                self.go_to(0);
            }
            "set" => {
                let (name, value) = text::shift(value);
                if name.is_empty() {
                    return Err(HandlerError::new("expected a name and a value"));
                }
                self.variables.insert(name.to_owned(), value.to_owned());
            }
            _ => return Err(HandlerError::unknown(handler)),
        }
        Ok(())
    }

    fn variable(&self, name: &str) -> Result<String, HandlerError> {
        let words = || text::words(&self.arguments);
        let place = name.parse::<usize>().ok().filter(|&it| it > 0);
        match (self.variables.get(name), name, place) {
            (Some(value), ..) => Ok(value.clone()),
            (_, "args", _) => Ok(self.arguments.clone()),
            (_, "#", _) => Ok(words().count().to_string()),
            (_, "$", _) => Ok(std::process::id().to_string()),
            // What could not be written has ended the script.
            (_, "?", _) => Ok("0".to_owned()),
            (_, _, Some(place)) => Ok(words().nth(place - 1).unwrap_or_default().to_owned()),
            _ => Err(HandlerError::new(format!("no variable `{name}`"))),
        }
    }

    fn random(&self, text: &str) -> Result<String, HandlerError> {
        let bounds = text::words(text).map(handler_value::<u32>);
        let (least, most) = match *bounds.collect::<Result<Vec<_>, _>>()? {
            [] => (0, u32::MAX >> 1),
            [count] if count > 0 => (0, count - 1),
            [least, most] if least <= most => (least, most),
            _ => {
                return Err(HandlerError::new(format!(
                    "expected bounds, found `{text}`"
                )));
            }
        };
        // xorshift64*: good enough for a script, and the same in each run.
        let mut state = self.chance.get();
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        self.chance.set(state);
        let drawn = state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        let number = u64::from(least) + drawn % (u64::from(most - least) + 1);
        Ok(number.to_string())
    }
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
                Ok(true) if std::mem::take(&mut self.gives_way) => return Progress::Worked,
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

    fn read(&self, handler: &str, argument: &str) -> Result<String, HandlerError> {
        match handler {
            "step" => Ok(self.at.to_string()),
            "run" => Ok(self.returned.clone()),
            "get" => self.variable(argument.trim()),
            "type" => Ok(format!("{:?}", self.kind).to_uppercase()),
            "now" => Ok(format!(
                "{:.9}",
                self.now.duration_since(Instant::ZERO).as_secs_f64()
            )),
            "random" => self.random(argument),
            _ => functions::call(handler, argument)
                .unwrap_or_else(|| Err(HandlerError::unknown(handler))),
        }
    }

    fn write(&mut self, handler: &str, value: &str, _: &mut Cx<'_>) -> Result<(), HandlerError> {
        self.told(handler, value)
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

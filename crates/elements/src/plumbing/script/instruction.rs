//! The instructions of a script, as they are read from its arguments.

use waypost_graph::{Args, ConfigError};

use super::text::{shift, words};

/// What a script does in one step. Texts are as they were written: what is to be put in is put in when the step is done.
#[derive(Debug)]
pub(super) enum Instruction {
    Wait(String),
    /// Waits until so many steps were asked for.
    Pause(u64),
    Print {
        text: String,
        newline: bool,
        unquoted: bool,
    },
    Read {
        handler: String,
        unquoted: bool,
    },
    Write {
        handler: String,
        unquoted: bool,
    },
    Set {
        name: String,
        value: String,
        unquoted: bool,
        when: When,
    },
    Label(String),
    Goto {
        target: Target,
        condition: String,
    },
    Return {
        value: String,
        unquoted: bool,
    },
    Leave(Leave, String),
}

/// When a variable is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// Each time the script comes there.
    Always,
    /// Before the script begins.
    First,
}

/// How a script is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    End,
    Stop,
    Error { unquoted: bool },
}

/// Where to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    At(usize),
    Leave(Leave),
}

/// Reads all arguments that are left as instructions, and finds the labels that they name.
pub(super) fn instructions(args: &mut Args) -> Vec<Instruction> {
    let (mut read, mut numbers) = (Vec::new(), Vec::new());
    for (number, text) in args.take_numbered_rest() {
        let text = text.trim();
        if text.is_empty() {
            continue;
        }
        match instruction(text) {
            Ok(instruction) => {
                read.push(instruction);
                numbers.push((number, text.to_owned()));
            }
            Err(wrong) => args.refuse_number(number, wrong),
        }
    }
    let labels: Vec<_> = read.iter().map(label).collect();
    for (at, name) in labels.iter().enumerate() {
        if let Some(name) = name
            && labels[..at].iter().flatten().any(|it| it == name)
        {
            args.refuse_number(numbers[at].0, format!("two labels `{name}`"));
        }
    }
    for (instruction, (number, text)) in read.iter_mut().zip(&numbers) {
        if let Instruction::Goto { target, .. } = instruction
            && let Some(name) = words(text).nth(1)
        {
            match find(&labels, name) {
                Some(found) => *target = found,
                None => args.refuse_number(*number, format!("no label `{name}` to go to")),
            }
        }
    }
    read
}

fn label(instruction: &Instruction) -> Option<String> {
    match instruction {
        Instruction::Label(name) => Some(name.clone()),
        _ => None,
    }
}

/// Where a label is; some stand for the instructions of their name.
fn find(labels: &[Option<String>], name: &str) -> Option<Target> {
    let at = labels.iter().position(|it| it.as_deref() == Some(name));
    at.map(Target::At).or(match name {
        "begin" | "loop" => Some(Target::At(0)),
        "end" | "exit" => Some(Target::Leave(Leave::End)),
        "stop" => Some(Target::Leave(Leave::Stop)),
        "error" => Some(Target::Leave(Leave::Error { unquoted: false })),
        _ => None,
    })
}

/// Where a label is among instructions that were read.
pub(super) fn place(instructions: &[Instruction], name: &str) -> Option<usize> {
    let labels: Vec<_> = instructions.iter().map(label).collect();
    match find(&labels, name) {
        Some(Target::At(at)) => Some(at),
        _ => None,
    }
}

fn instruction(text: &str) -> Result<Instruction, ConfigError> {
    let (word, rest) = shift(text);
    let needs = |what: &str| ConfigError::expected(&format!("`{word}` with {what}"), text);
    let given = |what: &str| match rest {
        "" => Err(needs(what)),
        rest => Ok(rest.to_owned()),
    };
    let unquoted = word.ends_with('q');
    let leave = |how| match rest {
        "" => Ok(Instruction::Leave(how, String::new())),
        _ => Err(ConfigError::expected(&format!("`{word}` alone"), text)),
    };
    let set = |when| {
        let (name, value) = shift(rest);
        let name = name.strip_prefix('$').unwrap_or(name);
        if name.is_empty() {
            return Err(needs("a name and a value"));
        }
        Ok(Instruction::Set {
            name: name.to_owned(),
            value: value.to_owned(),
            unquoted,
            when,
        })
    };
    Ok(match word {
        "wait" if rest.is_empty() => Instruction::Pause(1),
        "wait" | "wait_for" | "wait_time" => Instruction::Wait(given("a time")?),
        "pause" | "wait_step" | "wait_stop" if rest.is_empty() => Instruction::Pause(1),
        "pause" | "wait_step" | "wait_stop" => {
            Instruction::Pause(rest.parse().map_err(|_| needs("a number of steps"))?)
        }
        "print" | "printn" | "printq" | "printnq" => Instruction::Print {
            text: rest.to_owned(),
            newline: !word.starts_with("printn"),
            unquoted,
        },
        // As if it had been `print >FILE HANDLER`.
        "save" | "append" => {
            let (handler, file) = shift(rest);
            let sign = if word == "save" { ">" } else { ">>" };
            let file = if file.is_empty() { "-" } else { file };
            if handler.is_empty() {
                return Err(needs("a handler and a file"));
            }
            Instruction::Print {
                text: format!("{sign}{file} {handler}"),
                newline: true,
                unquoted: false,
            }
        }
        "read" | "readq" => Instruction::Read {
            handler: given("a handler")?,
            unquoted,
        },
        "write" | "writeq" => Instruction::Write {
            handler: given("a handler and a value")?,
            unquoted,
        },
        "set" | "setq" => set(When::Always)?,
        "init" | "initq" | "export" | "exportq" => set(When::First)?,
        "label" => Instruction::Label(given("a name")?),
        "goto" => Instruction::Goto {
            target: Target::At(0),
            condition: shift(&given("a label")?).1.to_owned(),
        },
        "loop" if rest.is_empty() => Instruction::Goto {
            target: Target::At(0),
            condition: String::new(),
        },
        "return" | "returnq" => Instruction::Return {
            value: rest.to_owned(),
            unquoted,
        },
        "end" | "exit" => leave(Leave::End)?,
        "stop" => leave(Leave::Stop)?,
        "error" | "errorq" => Instruction::Leave(Leave::Error { unquoted }, rest.to_owned()),
        _ => {
            return Err(ConfigError::expected("an instruction", text).help(
                "print, printn, read, readq, write, writeq, save, append, set, init, export, wait, wait_for, pause, wait_step, \
                 wait_stop, label, goto, loop, return, end, exit, stop, error",
            ));
        }
    })
}

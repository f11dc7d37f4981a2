//! What a script does: its instructions, one at a time.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

use waypost_graph::{Cx, Element, HandlerError, Instant};
use waypost_wire::Duration;

use super::instruction::{Instruction, Leave, Target, When};
use super::text::{Values, expand, shift, unquote};
use super::{HANDLERS, Kind, Script};
use crate::args::Arg;
use crate::plumbing::end::tell_driver;

/// A script that is being called, with what it may do.
struct Call<'a, 'b, 'c> {
    script: &'a mut Script,
    cx: &'b mut Cx<'c>,
}

impl Call<'_, '_, '_> {
    /// The name of one of the script's own handlers, which it may call without its name in front.
    fn own<'h>(&self, handler: &'h str) -> Option<&'h str> {
        let own = match handler.rsplit_once('.') {
            Some((element, own)) => (element == self.cx.name()).then_some(own)?,
            None => handler,
        };
        HANDLERS.iter().any(|it| it.name == own).then_some(own)
    }

    fn expand(&mut self, text: &str, unquoted: bool) -> Result<String, HandlerError> {
        let text = expand(text, false, 0, self)?;
        Ok(if unquoted { unquote(&text) } else { text })
    }

    /// What `print` prints of a text.
    fn printed(&mut self, text: &str, unquoted: bool) -> Result<String, HandlerError> {
        let handler = |sign: char| sign.is_ascii_alphabetic() || sign == '@' || sign == '_';
        if text.starts_with(handler) {
            let call = self.expand(text, unquoted)?;
            let name = shift(&call).0;
            if self.own(name).is_some() || self.cx.read(name).is_ok() || self.is_readable(name) {
                return self.handler(&call);
            }
        }
        Ok(unquote(&expand(text, true, 0, self)?))
    }

    /// Whether an element has a handler of this name that is read, whatever it answers.
    fn is_readable(&mut self, name: &str) -> bool {
        let Some((element, handler)) = name.rsplit_once('.') else {
            return false;
        };
        let known = self.cx.read(&format!("{element}.handlers"));
        known.is_ok_and(|known| {
            let mut known = known.lines().filter_map(|line| line.split_once('\t'));
            known.any(|(name, mode)| name == handler && mode.starts_with('r'))
        })
    }

    fn print(&mut self, text: &str, newline: bool, unquoted: bool) -> Result<(), HandlerError> {
        let file = text.strip_prefix(">>").or_else(|| text.strip_prefix('>'));
        let Some(rest) = file else {
            let said = self.printed(text, unquoted)?;
            let mut out = io::stdout().lock();
            // Nobody reads it: nothing to be done about that.
            let _ = write_line(&mut out, &said, newline);
            return Ok(());
        };
        let (name, rest) = shift(rest);
        let (name, said) = (self.expand(name, true)?, self.printed(rest, unquoted)?);
        if name == "-" {
            let _ = write_line(&mut io::stdout().lock(), &said, newline);
            return Ok(());
        }
        let failed =
            |error: io::Error| HandlerError::new(format!("cannot write `{name}`: {error}"));
        let Some(path) = self.script.host.path(&name).map_err(failed)? else {
            return Ok(());
        };
        let mut options = File::options();
        let options = if text.starts_with(">>") {
            options.append(true)
        } else {
            options.write(true).truncate(true)
        };
        let written = options
            .create(true)
            .open(path)
            .and_then(|mut file| write_line(&mut file, &said, newline));
        written.map_err(failed)
    }

    fn read(&mut self, text: &str, unquoted: bool) -> Result<(), HandlerError> {
        let call = self.expand(text, unquoted)?;
        let said = self.handler(&call)?;
        let _ = writeln!(io::stderr().lock(), "{}:\n{said}", shift(&call).0);
        Ok(())
    }

    fn write(&mut self, text: &str, unquoted: bool) -> Result<(), HandlerError> {
        let call = self.expand(text, false)?;
        let (handler, value) = shift(&call);
        let plain = unquoted.then(|| unquote(value));
        let value = plain.as_deref().unwrap_or(value);
        match self.own(handler) {
            Some(own) => self.script.told(own, value),
            None => {
                self.script.gives_way = [".run", ".goto", ".step"]
                    .iter()
                    .any(|it| handler.ends_with(it));
                self.cx.write(handler, value)
            }
        }
    }

    /// Whether a condition holds: there is none, or it is true, or a number but 0.
    fn holds(&mut self, condition: &str) -> Result<bool, HandlerError> {
        if condition.is_empty() {
            return Ok(true);
        }
        let text = self.expand(condition, true)?;
        let text = text.trim();
        let number = || f64::parse(text).map(|number| number != 0.0);
        // What was put in may be nothing.
        let empty = || text.is_empty().then_some(false);
        bool::parse(text)
            .or_else(number)
            .or_else(empty)
            .ok_or_else(|| HandlerError::new(format!("expected a condition, found `{text}`")))
    }

    fn leave(&mut self, how: Leave, text: &str) -> Result<(), HandlerError> {
        self.script.go_to(self.script.instructions.len());
        match how {
            Leave::End => {}
            Leave::Stop if self.script.kind != Kind::Driver && tell_driver(self.cx) => {}
            Leave::Stop => self.cx.stop(),
            Leave::Error { unquoted } => {
                let message = self.expand(text, unquoted)?;
                if !message.is_empty() {
                    let _ = writeln!(io::stderr().lock(), "{}: {message}", self.cx.name());
                }
            }
        }
        Ok(())
    }

    /// Does what an instruction says; false if it waits there.
    fn perform(&mut self, instruction: &Instruction) -> Result<bool, HandlerError> {
        match instruction {
            Instruction::Wait(time) => {
                let time = self.expand(time, true)?;
                let expected = || {
                    HandlerError::new(format!("expected {}, found `{time}`", Duration::EXPECTED))
                };
                let span = Duration::parse(time.trim()).ok_or_else(expected)?;
                self.script.waits_until = Some(self.cx.now() + span);
            }
            Instruction::Pause(count) => {
                let script = &mut *self.script;
                let taken = script.steps.min(count - script.paused);
                (script.steps, script.paused) = (script.steps - taken, script.paused + taken);
                if script.paused < *count {
                    script.at -= 1;
                    return Ok(false);
                }
                script.paused = 0;
            }
            Instruction::Print {
                text,
                newline,
                unquoted,
            } => self.print(text, *newline, *unquoted)?,
            Instruction::Read { handler, unquoted } => self.read(handler, *unquoted)?,
            Instruction::Write { handler, unquoted } => self.write(handler, *unquoted)?,
            Instruction::Set {
                when: When::First, ..
            }
            | Instruction::Label(_) => {}
            Instruction::Set {
                name,
                value,
                unquoted,
                ..
            } => {
                let value = self.expand(value, *unquoted)?;
                self.script.variables.insert(name.clone(), value);
            }
            Instruction::Goto { target, condition } => {
                if self.holds(condition)? {
                    match *target {
                        Target::At(at) => self.script.at = at,
                        Target::Leave(how) => self.leave(how, "")?,
                    }
                }
            }
            Instruction::Return { value, unquoted } => {
                self.script.returned = self.expand(value, *unquoted)?;
                self.leave(Leave::End, "")?;
            }
            Instruction::Leave(how, text) => self.leave(*how, text)?,
        }
        Ok(true)
    }
}

impl Values for Call<'_, '_, '_> {
    fn variable(&self, name: &str) -> Result<String, HandlerError> {
        self.script.variable(name)
    }

    fn handler(&mut self, call: &str) -> Result<String, HandlerError> {
        let (handler, arguments) = shift(call);
        match self.own(handler) {
            Some(own) => self.script.read(own, arguments),
            None => Ok(self.cx.read(call)?.trim_end().to_owned()),
        }
    }
}

fn write_line(out: &mut impl Write, text: &str, newline: bool) -> io::Result<()> {
    let end = if newline && !text.ends_with('\n') {
        "\n"
    } else {
        ""
    };
    write!(out, "{text}{end}")?;
    out.flush()
}

impl Script {
    /// Does the next instruction; false if there is nothing to do now.
    pub(super) fn step(&mut self, cx: &mut Cx<'_>) -> Result<bool, HandlerError> {
        self.now = cx.now();
        let instructions = Arc::clone(&self.instructions);
        if !std::mem::replace(&mut self.begun, true) {
            self.begin(&instructions, cx)?;
        }
        if let Some(until) = self.waits_until {
            if self.is_early(until) {
                cx.set_timer(Some(until));
                return Ok(false);
            }
            cx.set_timer(None);
            self.waits_until = None;
        }
        let Some(instruction) = instructions.get(self.at) else {
            self.steps = 0;
            if self.kind == Kind::Driver {
                cx.stop();
            }
            return Ok(false);
        };
        self.at += 1;
        let script = self;
        Call { script, cx }.perform(instruction)
    }

    /// Whether it has to wait on; a step that was asked for ends the wait.
    fn is_early(&mut self, until: Instant) -> bool {
        let early = self.now < until;
        if early && self.steps > 0 {
            self.steps -= 1;
            return false;
        }
        early
    }

    /// Sets the variables that are set before the script begins.
    fn begin(&mut self, instructions: &[Instruction], cx: &mut Cx<'_>) -> Result<(), HandlerError> {
        for instruction in instructions {
            if let Instruction::Set {
                name,
                value,
                unquoted,
                when: When::First,
            } = instruction
            {
                let value = Call { script: self, cx }.expand(value, *unquoted)?;
                self.variables.insert(name.clone(), value);
            }
        }
        Ok(())
    }
}

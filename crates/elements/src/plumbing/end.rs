//! What a source does when it is done.

use std::io::{self, Write};

use waypost_graph::{Args, ConfigError, Cx, Element};

use crate::args::TypedArgs;

/// What a source does when it is done: the keywords `STOP` and `END_CALL`.
#[derive(Clone, Debug, Default)]
pub(super) struct End {
    action: Action,
    /// It was done.
    done: bool,
}

#[derive(Clone, Debug, Default)]
enum Action {
    #[default]
    Nothing,
    Stop,
    Write(Call),
}

/// A write handler, and what is written to it.
#[derive(Clone, Debug)]
pub(super) struct Call {
    handler: String,
    value: String,
}

impl Call {
    /// `element.handler VALUE`; nothing if there is no handler.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (handler, value) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        (!handler.is_empty()).then(|| Self {
            handler: handler.to_owned(),
            value: value.trim().to_owned(),
        })
    }

    /// Writes it for an element. What the handler refuses is said on standard error, and stops the graph.
    pub(super) fn write<E: Element>(&self, element: &mut E, why: &str, cx: &mut Cx<'_>) {
        // The engine cannot call an element that is being called.
        let own = self
            .handler
            .rsplit_once('.')
            .filter(|(name, _)| *name == cx.name())
            .filter(|(_, handler)| {
                let mut known = element.handlers().iter();
                known.any(|it| it.name == *handler && it.is_write())
            });
        let result = match own {
            Some((_, handler)) => element.write(handler, &self.value, cx),
            None => cx.write(&self.handler, &self.value),
        };
        if let Err(error) = result {
            let _ = writeln!(io::stderr().lock(), "{}: {why}: {error}", cx.name());
            cx.stop();
        }
    }
}

impl End {
    pub(super) fn parse(args: &mut Args) -> Self {
        let stop = args.keyword("STOP").unwrap_or(false);
        let call = args.take("END_CALL");
        let call = call.map(|call| waypost_graph::unquote_text(&call).unwrap_or(call));
        let action = match (stop, call.as_deref()) {
            (false, None) => Action::Nothing,
            (true, None) => Action::Stop,
            (true, Some(_)) => {
                let wrong = ConfigError::new("STOP and END_CALL exclude each other");
                args.refuse("END_CALL", wrong);
                Action::Stop
            }
            (false, Some(call)) => {
                let parsed = Call::parse(call);
                let expected = "a write handler for END_CALL";
                args.require("END_CALL", parsed.is_some(), expected, call);
                parsed.map_or(Action::Nothing, Action::Write)
            }
        };
        Self {
            action,
            done: false,
        }
    }

    /// Whether a handler is written in the end, which may have the source go on.
    pub(super) fn calls(&self) -> bool {
        matches!(self.action, Action::Write(_))
    }

    /// What `STOP` does.
    pub(super) fn stop(cx: &mut Cx<'_>) {
        if !tell_driver(cx) {
            cx.finish();
        }
    }

    /// The source is not done any more: it will be another time.
    pub(super) fn again(&mut self) {
        self.done = false;
    }
}

/// Does what is to be done when a source is done, once.
pub(super) fn reached<E: Element>(
    source: &mut E,
    end: impl FnOnce(&mut E) -> &mut End,
    cx: &mut Cx<'_>,
) {
    let end = end(source);
    if std::mem::replace(&mut end.done, true) {
        return;
    }
    match end.action.clone() {
        Action::Nothing => {}
        Action::Stop => End::stop(cx),
        Action::Write(call) => call.write(source, "END_CALL", cx),
    }
}

/// Tells the script that manages stop events that somebody asks the graph to stop; false if there is none.
pub(super) fn tell_driver(cx: &mut Cx<'_>) -> bool {
    let elements = cx.read("list").unwrap_or_default();
    // The first line is their number.
    elements.lines().skip(1).any(|name| {
        let mut is = |handler: &str, answers: &[&str]| {
            let answer = cx.read(&format!("{name}.{handler}"));
            answer.is_ok_and(|it| answers.contains(&&*it))
        };
        is("class", &["DriverManager", "Script"])
            && is("type", &["DRIVER"])
            && cx.write(&format!("{name}.step"), "router").is_ok()
    })
}

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
    Write {
        handler: String,
        value: String,
    },
}

impl End {
    pub(super) fn parse(args: &mut Args) -> Result<Self, ConfigError> {
        let stop = args.keyword("STOP")?.unwrap_or(false);
        let call = args.take("END_CALL");
        let call = call.map(|call| waypost_graph::unquote_text(&call).unwrap_or(call));
        let action = match (stop, call.as_deref().map(str::trim)) {
            (false, None) => Action::Nothing,
            (true, None) => Action::Stop,
            (true, Some(_)) => {
                return Err(ConfigError::new("STOP and END_CALL exclude each other"));
            }
            (false, Some("")) => {
                return Err(ConfigError::expected("a write handler for END_CALL", ""));
            }
            (false, Some(call)) => {
                let (handler, value) = call.split_once(char::is_whitespace).unwrap_or((call, ""));
                Action::Write {
                    handler: handler.to_owned(),
                    value: value.trim().to_owned(),
                }
            }
        };
        Ok(Self {
            action,
            done: false,
        })
    }

    /// Whether a handler is written in the end, which may have the source go on.
    pub(super) fn calls(&self) -> bool {
        matches!(self.action, Action::Write { .. })
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

/// Does what is to be done when a source is done, once. What a handler refuses is said on standard error, and stops the graph.
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
        Action::Write { handler, value } => {
            // The engine cannot call an element that is being called.
            let own = handler
                .rsplit_once('.')
                .filter(|(element, _)| *element == cx.name())
                .filter(|(_, handler)| {
                    let mut known = source.handlers().iter();
                    known.any(|it| it.name == *handler && it.is_write())
                });
            let result = match own {
                Some((_, handler)) => source.write(handler, &value, cx),
                None => cx.write(&handler, &value),
            };
            if let Err(error) = result {
                let _ = writeln!(io::stderr().lock(), "{}: END_CALL: {error}", cx.name());
                cx.stop();
            }
        }
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

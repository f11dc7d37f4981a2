//! Element classes: what a text can name.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use waypost_graph_text::{ArgError, ArgMistake, Args, ClassInfo, Classes, CodeError};
use waypost_packet::Pool;

use crate::classifier::{Classifier, LiftClassifier};
use crate::concurrent::{AsyncProcessor, Order, concurrent};
use crate::element::Element;
use crate::handler::Handler;
use crate::kind::Kind;
use crate::processor::{Lift, Processor};

/// An element class: its ports, its documentation, and how its elements are made.
#[derive(Clone)]
pub struct ElementClass {
    /// Its name in texts.
    pub name: &'static str,
    /// How many inputs and outputs, as `1/1-2`.
    pub ports: &'static str,
    /// Which push and which pull, as `a/ah`.
    pub processing: &'static str,
    /// From which inputs packets flow to which outputs, as `x/x`.
    pub flow: &'static str,
    /// Its documentation, in Markdown: the first line is a summary.
    pub doc: &'static str,
    /// Its handlers, for the documentation.
    pub handlers: &'static [Handler],
    /// Makes an element.
    pub build: Build,
}

/// Makes an element from its arguments.
pub type Build = fn(&mut Args, &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError>;

impl fmt::Debug for ElementClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ElementClass")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl ElementClass {
    /// Makes an element.
    ///
    /// # Errors
    /// All that is wrong with its arguments.
    pub(crate) fn make(
        &self,
        args: &mut Args,
        cx: &mut BuildCx<'_>,
    ) -> Result<Box<dyn Element>, Vec<ArgMistake>> {
        let error = match (self.build)(args, cx) {
            Ok(made) => match args.finish() {
                Ok(()) => return Ok(made),
                Err(_) => return Err(args.mistakes()),
            },
            Err(error) => error,
        };
        let mut mistakes = args.mistakes();
        // It may be one of them, which ended the making.
        if !mistakes
            .iter()
            .any(|it| it.error.to_string() == error.message)
        {
            let keyword = error.keyword.as_deref();
            let number = keyword.and_then(|keyword| args.number_of(keyword));
            let error = error.into();
            mistakes.push(ArgMistake { number, error });
        }
        Err(mistakes)
    }

    /// What the checker asks; where a code is not well-formed, which, and why.
    pub(crate) fn info(&self) -> Result<ClassInfo, String> {
        Ok(ClassInfo {
            ports: field("ports", self.ports)?,
            processing: field("processing", self.processing)?,
            flow: field("flow", self.flow)?,
        })
    }
}

/// A code that a class says of itself.
fn field<T: FromStr<Err = CodeError>>(name: &str, code: &str) -> Result<T, String> {
    code.parse()
        .map_err(|error| format!("its `{name}` is `{code}`: {error}"))
}

/// What an element's maker knows beside its arguments.
pub struct BuildCx<'a> {
    /// The element's name.
    pub name: &'a str,
    /// How many inputs are connected.
    pub inputs: usize,
    /// How many outputs are connected.
    pub outputs: usize,
    /// For which worker, from 0.
    pub worker: usize,
    /// How many workers there are.
    pub workers: usize,
    /// The pool of the graph's packets.
    pub pool: &'a Pool,
    pub(crate) commons: &'a Commons,
}

impl BuildCx<'_> {
    /// What the copies of this element on all workers have in common: made by the first, shared by the others.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn common<T: Send + Sync + 'static>(
        &self,
        make: impl FnOnce() -> Result<T, ConfigError>,
    ) -> Result<Arc<T>, ConfigError> {
        self.shared(self.name, make)
    }

    /// What elements of this graph share by a `key` that they agree on, such as a device of which one receives and another
    /// sends: made by the first that asks. Elements without outputs are made last.
    ///
    /// # Errors
    /// Those of `make`; what is shared under the key is something else.
    pub fn shared<T: Send + Sync + 'static>(
        &self,
        key: &str,
        make: impl FnOnce() -> Result<T, ConfigError>,
    ) -> Result<Arc<T>, ConfigError> {
        let mut commons = self.commons.map();
        if let Some(found) = commons.get(key) {
            let found = Arc::clone(found).downcast::<T>();
            return found.map_err(|_| {
                ConfigError::new(format!("what is shared as `{key}` is something else"))
            });
        }
        let made = Arc::new(make()?);
        commons.insert(key.to_owned(), made.clone());
        Ok(made)
    }
}

/// What elements have in common, by the element's name or the key that they agree on.
#[derive(Default)]
pub(crate) struct Commons(Mutex<HashMap<String, Arc<dyn Any + Send + Sync>>>);

impl Commons {
    pub(crate) fn insert(&self, key: &str, value: Arc<dyn Any + Send + Sync>) {
        self.map().insert(key.to_owned(), value);
    }

    fn map(&self) -> MutexGuard<'_, HashMap<String, Arc<dyn Any + Send + Sync>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is in it now, without what comes to it later.
impl Clone for Commons {
    fn clone(&self) -> Self {
        Self(Mutex::new(self.map().clone()))
    }
}

/// An element's configuration is refused, in words that say what was expected and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    message: String,
    help: Option<String>,
    /// The keyword of the argument that is wrong.
    keyword: Option<String>,
}

impl ConfigError {
    /// A refusal.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: None,
            keyword: None,
        }
    }

    /// A value that does not parse: "expected a port number, found `x`".
    pub fn expected(what: &str, found: &str) -> Self {
        Self::new(format!("expected {what}, found `{found}`"))
    }

    /// Says which argument is wrong, by the keyword that it was taken by (also if it was given by its position): in a text that
    /// argument is underlined, else all of the element.
    #[must_use]
    pub fn about(mut self, keyword: impl Into<String>) -> Self {
        self.keyword = Some(keyword.into());
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl From<ArgError> for ConfigError {
    fn from(error: ArgError) -> Self {
        let help = error.help().map(str::to_owned);
        Self {
            message: error.to_string(),
            help,
            keyword: None,
        }
    }
}

impl From<ConfigError> for ArgError {
    fn from(error: ConfigError) -> Self {
        let ConfigError { message, help, .. } = error;
        Self::Refused { message, help }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ConfigError {}

/// The element classes that a text may name.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    classes: BTreeMap<&'static str, ElementClass>,
}

impl Registry {
    /// A registry without classes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a class, in place of one of the same name. A text that uses a class whose `ports`, `processing` or `flow` is
    /// not well-formed is refused, in words that say so.
    pub fn add(&mut self, class: ElementClass) {
        self.classes.insert(class.name, class);
    }

    /// All classes, by name.
    pub fn classes(&self) -> impl Iterator<Item = &ElementClass> {
        self.classes.values()
    }

    /// A class by its name.
    pub fn find(&self, name: &str) -> Option<&ElementClass> {
        self.classes.get(name)
    }
}

impl Classes for Registry {
    fn class(&self, name: &str) -> Option<ClassInfo> {
        self.classes.get(name)?.info().ok()
    }

    fn malformed(&self, name: &str) -> Option<String> {
        self.classes.get(name)?.info().err()
    }

    fn names(&self) -> Vec<String> {
        self.classes.keys().map(|&name| name.to_owned()).collect()
    }
}

/// A processor as an element, for a class's `build`.
pub fn processor<P>(processor: P) -> Box<dyn Element>
where
    P: Processor + 'static,
    P::Input: Kind,
    P::Output: Kind,
{
    Box::new(Lift::new(processor))
}

/// A classifier as an element, for a class's `build`. Its class of elements has as many outputs as the
/// classifier has classes: a packet for an output that is not connected is lost, and counted.
pub fn classifier<C>(classifier: C) -> Box<dyn Element>
where
    C: Classifier + 'static,
    C::Packet: Kind,
{
    Box::new(LiftClassifier(classifier))
}

/// An asynchronous processor as an element, for a class's `build`: `CONCURRENCY` packets at once (64), and
/// `ORDER`, true by default, keep them in order.
///
/// # Errors
/// An argument does not parse.
pub fn async_processor<P: AsyncProcessor>(
    processor: P,
    args: &mut Args,
) -> Result<Box<dyn Element>, ConfigError> {
    let places = args.take("CONCURRENCY").map_or(64, |text| {
        let places = text.parse().ok().filter(|it| (1..=65536).contains(it));
        if places.is_none() {
            let wrong = ConfigError::expected("CONCURRENCY from 1 to 65536", &text);
            args.refuse("CONCURRENCY", wrong);
        }
        places.unwrap_or(1)
    });
    let order = match args.take("ORDER").as_deref() {
        None | Some("true") => Order::Kept,
        Some("false") => Order::AsDone,
        Some(text) => {
            args.refuse("ORDER", ConfigError::expected("ORDER true or false", text));
            Order::Kept
        }
    };
    Ok(concurrent(processor, places, order))
}

#[cfg(test)]
mod tests {
    use waypost_graph_text::{Options, Source};

    use super::*;
    use crate::Program;

    fn refused(ports: &'static str, processing: &'static str, flow: &'static str) -> String {
        let mut registry = Registry::new();
        registry.add(ElementClass {
            name: "Mine",
            ports,
            processing,
            flow,
            doc: "",
            handlers: &[],
            build: |_, _| Err(ConfigError::new("not to be built")),
        });
        let source = Source::new("mine.click", "m :: Mine; Mine -> m;");
        let wrong = Program::parse(&source, &registry, &mut Options::default()).err();
        wrong.map_or_else(String::new, |wrong| {
            wrong.iter().map(|it| format!("{it:#}")).collect()
        })
    }

    #[test]
    fn a_malformed_class_is_said_to_be_so_where_it_is_used() {
        for (codes, field) in [
            (
                ["1/x", "a/a", "x/x"],
                "its `ports` is `1/x`: expected a port count, found `x`",
            ),
            (
                ["1", "push", "x/x"],
                "its `processing` is `push`: expected a processing code, found `push`",
            ),
            (
                ["1", "a/a", ""],
                "its `flow` is ``: expected a flow code, found ``",
            ),
        ] {
            let [ports, processing, flow] = codes;
            let said = refused(ports, processing, flow);
            let head =
                format!("error[malformed-class]: element class `Mine` is malformed: {field}\n");
            assert!(said.starts_with(&head), "{said}");
            assert!(
                said.contains("mine.click:1:6") && said.contains("mine.click:1:12"),
                "{said}"
            );
            assert!(!said.contains("unknown"), "{said}");
        }
        assert!(!refused("1", "a/a", "x/x").contains("malformed"));
    }
}

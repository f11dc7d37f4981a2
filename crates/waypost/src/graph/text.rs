//! Reading texts: from a file, from standard input, from the command line.

use std::io::Read;
use std::path::PathBuf;

use clap::Args;
use waypost_elements::host::Host;
use waypost_graph::{Options, Pool, Program, Registry, Source};
use waypost_graph_text::Libraries;

use crate::out::{self, Failure};

/// Where a text comes from.
#[derive(Args, Debug)]
pub(crate) struct Text {
    /// The text's file (`-`: standard input), and variables for it, as `VAR=value`
    #[arg(value_name = "FILE | VAR=value")]
    words: Vec<String>,
    /// The text itself, in place of a file
    #[arg(short = 'e', long = "expression", value_name = "TEXT")]
    expression: Option<String>,
}

impl Text {
    /// The text, and the variables given with it.
    fn source(&self) -> Result<(Source, Vec<(String, String)>), Failure> {
        let (mut file, mut variables) = (None, Vec::new());
        for word in &self.words {
            match word.split_once('=').filter(|(name, _)| is_variable(name)) {
                Some((name, value)) => variables.push((name.to_owned(), value.to_owned())),
                None if file.is_none() && self.expression.is_none() => file = Some(word),
                None => {
                    let known = if self.expression.is_some() {
                        "-e"
                    } else {
                        "an earlier argument"
                    };
                    return Err(Failure::new(format!(
                        "`{word}` is a second text: the first came from {known}"
                    )));
                }
            }
        }
        let source = match (&self.expression, file) {
            (Some(text), _) => Source::new("command line", text),
            (None, Some(file)) => read(file)?,
            (None, None) => {
                return Err(Failure::new(
                    "no text: name a file, `-` for standard input, or give it with -e TEXT",
                ));
            }
        };
        Ok((source, variables))
    }

    /// The text, checked.
    pub(crate) fn program<'r>(&self, registry: &'r Registry) -> Result<Program<'r>, Failure> {
        let (source, variables) = self.source()?;
        let mut libraries = Files;
        let mut options = Options {
            variables,
            libraries: Some(&mut libraries),
            ..Options::default()
        };
        let program = Program::parse(&source, registry, &mut options)?;
        super::warn(&program);
        Ok(program)
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// `require(library …)`: a file beside the one that requires it.
struct Files;

impl Libraries for Files {
    fn load(&mut self, name: &str, from: &Source) -> Result<Source, String> {
        library(name, from)
    }
}

/// The text of a library: a file beside the one that requires it.
pub(crate) fn library(name: &str, from: &Source) -> Result<Source, String> {
    let beside = PathBuf::from(from.name())
        .parent()
        .map(|folder| folder.join(name))
        .unwrap_or_default();
    match std::fs::read(&beside) {
        Ok(bytes) => Ok(Source::from_bytes(beside.display().to_string(), &bytes)),
        Err(error) => Err(format!("cannot read `{}`: {error}", beside.display())),
    }
}

fn read(file: &str) -> Result<Source, Failure> {
    let mut bytes = Vec::new();
    let read = if file == "-" {
        std::io::stdin().lock().read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file).and_then(|mut file| file.read_to_end(&mut bytes))
    };
    match read {
        Ok(_) => Ok(Source::from_bytes(
            if file == "-" { "standard input" } else { file },
            &bytes,
        )),
        Err(error) => Err(Failure::new(format!("cannot read `{file}`: {error}"))),
    }
}

/// `waypost graph check`: all elements are made, on a machine of which nothing is touched, and thrown away.
pub(crate) fn check(arguments: &Text) -> Result<(), Failure> {
    let registry = waypost_elements::registry();
    let program = arguments.program(&registry)?;
    let program = program.share(Host::KEY, Host::default().untouched());
    // No packet is ever made.
    let pool = Pool::builder().small(1).build();
    let pool = pool.map_err(|error| Failure::new(format!("no memory for the check: {error}")))?;
    program.instances(1, &pool)?;
    let graph = program.graph().graph();
    let (elements, connections) = (graph.elements().len(), graph.connections().len());
    out::line(format_args!(
        "{elements} elements, {connections} connections, no mistakes"
    ));
    Ok(())
}

/// `waypost graph flatten`
pub(crate) fn print_flat(arguments: &Text) -> Result<(), Failure> {
    let registry = waypost_elements::registry();
    out::text(arguments.program(&registry)?.graph().graph());
    Ok(())
}

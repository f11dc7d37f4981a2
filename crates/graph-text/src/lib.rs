//! The Click language: from a text to a graph of elements that is known to fit together, and back to text.
//!
//! | Step | Function | From | To |
//! |---|---|---|---|
//! | Parse | [`parse`] | a [`Source`] | an [`Ast`] and what is wrong with its grammar |
//! | Flatten | [`flatten`] | the syntax tree | a [`FlatGraph`]: compounds opened, variables expanded, tunnels joined |
//! | Check | [`check`] | the flat graph and a table of [`Classes`] | a [`CheckedGraph`]: every port is connected and known to push or pull |
//! | Show | `Display`, [`dot`], [`svg`] | a graph | Click text, Graphviz, a drawing |
//!
//! Each step tells all that is wrong at once, as [`Diagnostics`] with their places in the text, and no text makes any of them
//! panic or take more than its [`Limits`]. The crate knows the language and no element: what classes there are, and which
//! ports and processing they have, comes in from outside.
//!
//! ```
//! use waypost_graph_text::{ClassInfo, ClassTable, Options, Source, check, flatten, parse};
//!
//! let mut table = ClassTable::new();
//! table.insert("Source", ClassInfo::new("0/1", "h/h", "x/x")?);
//! table.insert("Sink", ClassInfo::new("1/0", "h/h", "x/x")?);
//!
//! let (ast, wrong) = parse(&Source::new("two.click", "a :: Source -> b :: Sink;"));
//! assert!(wrong.is_empty());
//! let graph = check(&flatten(&ast, &mut Options::default())?, &table)?;
//! assert_eq!(graph.graph().to_string(), "a :: Source;\nb :: Sink;\n\na -> b;\n");
//!
//! let (ast, _) = parse(&Source::new("two.click", "Source -> Snik;"));
//! let wrong = check(&flatten(&ast, &mut Options::default())?, &table).unwrap_err();
//! assert!(wrong.to_string().contains("Snik"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod arg_error;
mod args;
pub mod ast;
mod body;
mod check;
mod choose;
mod class;
mod codes;
mod complain;
mod connect;
mod diagnostic;
mod dot;
mod drawing;
mod expand;
mod flatten;
mod graph;
mod infer;
mod lexer;
mod limits;
mod overload;
mod parser;
mod print;
mod quote;
mod resolve;
mod scan;
mod snippet;
mod source;
mod suggest;
mod svg;
mod tunnel;

pub use arg_error::{ArgError, ArgMistake};
pub use args::{Args, split_words};
pub use ast::Ast;
pub use check::{CheckedGraph, check};
pub use class::{ClassInfo, ClassTable, Classes};
pub use codes::{CodeError, CountRange, FlowCode, PortCounts, Processing, ProcessingCode};
pub use diagnostic::{Code, Diagnostic, Diagnostics, Label, Severity};
pub use dot::dot;
pub use drawing::Drawing;
pub use flatten::{Libraries, Options, flatten};
pub use graph::{Connection, ElementId, FlatElement, FlatGraph, GraphError, Instance, Requirement};
pub use limits::Limits;
pub use parser::{parse, parse_within};
pub use quote::{quote, unquote, unquote_text};
pub use source::{Place, Position, Source, Span};
pub use suggest::nearest;
pub use svg::svg;

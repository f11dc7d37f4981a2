//! The Click language: flat graphs, the checker, and what diagnostics are made of.
#![forbid(unsafe_code)]

mod args;
pub mod ast;
mod body;
mod check;
mod choose;
mod class;
mod complain;
mod connect;
mod diagnostic;
mod dot;
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

pub use args::{ArgError, Args, split_words};
pub use ast::Ast;
pub use check::{CheckedGraph, check};
pub use class::{
    ClassInfo, ClassTable, Classes, CodeError, CountRange, FlowCode, PortCounts, Processing,
    ProcessingCode,
};
pub use diagnostic::{Code, Diagnostic, Diagnostics, Label, Severity};
pub use dot::dot;
pub use flatten::{Libraries, Options, flatten};
pub use graph::{Connection, ElementId, FlatElement, FlatGraph, GraphError, Instance, Requirement};
pub use limits::Limits;
pub use parser::{parse, parse_within};
pub use quote::{quote, unquote, unquote_text};
pub use source::{Place, Position, Source, Span};
pub use svg::svg;

//! The Click language: flat graphs, the checker, and what diagnostics are made of.
#![forbid(unsafe_code)]

mod args;
mod check;
mod class;
mod complain;
mod diagnostic;
mod graph;
mod infer;
mod limits;
mod print;
mod quote;
mod scan;
mod snippet;
mod source;
mod suggest;

pub use args::{ArgError, Args, split_words};
pub use check::{CheckedGraph, check};
pub use class::{
    ClassInfo, ClassTable, Classes, CodeError, CountRange, FlowCode, PortCounts, Processing,
    ProcessingCode,
};
pub use diagnostic::{Code, Diagnostic, Diagnostics, Label, Severity};
pub use graph::{Connection, ElementId, FlatElement, FlatGraph, GraphError, Instance, Requirement};
pub use limits::Limits;
pub use quote::{quote, unquote, unquote_text};
pub use source::{Place, Position, Source, Span};

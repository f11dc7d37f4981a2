//! The engine in which packets move.
#![forbid(unsafe_code)]

mod builder;
mod class;
mod classifier;
mod concurrent;
mod control;
mod cx;
mod drop;
mod element;
mod engine;
mod handler;
mod kind;
mod plan;
mod processor;
mod program;
mod runtime;
mod schedule;
mod statistics;
mod trace;

pub use builder::{Builder, ElementPorts, Input, Mode, Output, Ports, Pull, Push, Typed};
pub use class::{
    Build, BuildCx, ConfigError, ElementClass, Registry, async_processor, classifier, processor,
};
pub use classifier::{Class, Classifier};
pub use concurrent::{AsyncProcessor, Order, concurrent};
pub use cx::Cx;
pub use drop::{DropReason, OnFull};
pub use element::{Credit, Element, Progress, Readiness, ReadinessSource, Spread};
pub use handler::{Access, Handler, HandlerError, Merge};
pub use kind::Kind;
pub use plan::BuildError;
pub use processor::{Dropped, Each, Processor, Then, Verdict, each};
pub use program::Program;
pub use runtime::{Handle, Running, Runtime, now};
pub use schedule::Instance;
pub use statistics::ElementStatistics;
pub use trace::{TraceEvent, TraceStep};

pub use waypost_graph_text::{
    Args, Diagnostics, Options, Source, split_words, unquote, unquote_text,
};
pub use waypost_packet::{Allocator, Batch, Packet, Pool};
pub use waypost_wire::{Duration, Instant};

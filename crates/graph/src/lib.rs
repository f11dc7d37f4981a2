//! The engine in which packets move.
#![forbid(unsafe_code)]

mod builder;
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
mod schedule;
mod trace;

pub use builder::{Builder, ElementPorts, Input, Mode, Output, Ports, Pull, Push, Typed};
pub use classifier::{Class, Classifier};
pub use concurrent::{AsyncProcessor, Order, concurrent};
pub use cx::Cx;
pub use drop::{DropReason, OnFull};
pub use element::{Credit, Element, Progress, Readiness, Spread};
pub use handler::{Access, Handler, HandlerError, Merge};
pub use kind::Kind;
pub use plan::BuildError;
pub use processor::{Dropped, Each, Processor, Then, Verdict, each};
pub use schedule::Instance;
pub use trace::{TraceEvent, TraceStep};

pub use waypost_netdev::Wakeup;
pub use waypost_packet::{Allocator, Batch, Packet, Pool};
pub use waypost_wire::{Duration, Instant};

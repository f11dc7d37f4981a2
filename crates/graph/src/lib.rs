//! The engine in which packets move: elements, connected by edges, called a batch at a time.
//!
//! | What one writes | when | is called |
//! |---|---|---|
//! | [`Processor`] | one packet in, one or none out | with each packet, in a loop that the compiler sees through |
//! | [`Classifier`] | one of several outputs for each packet | the same |
//! | [`AsyncProcessor`] | something has to be awaited for a packet | as a future, so many at once, in order or not |
//! | [`Element`] | all else: several ports, timers, packets held, packets pulled | with each batch, once |
//!
//! A graph of them is built in Rust by [`Builder`], whose ports carry the type of their packets, so that a wrong connection does
//! not compile; or read from a text in the Click language by [`Program`], whose classes a [`Registry`] lists. Both give
//! [`Instance`]s, one for each worker, which a [`Runtime`] drives, or a test by hand:
//!
//! ```
//! use waypost_graph::{Builder, Element, Batch, Cx, Input, Instant, Output, Packet, Pool, Progress, Typed, Verdict, each};
//!
//! /// Makes packets, as many as it holds.
//! struct Source(usize);
//!
//! impl Element for Source {
//!     fn push(&mut self, _: usize, _: &mut Batch, _: &mut Cx<'_>) {}
//!
//!     fn is_task(&self) -> bool {
//!         true
//!     }
//!
//!     fn run(&mut self, budget: usize, cx: &mut Cx<'_>) -> Progress {
//!         let mut batch = cx.take_batch();
//!         self.0 -= cx.frames().fill(&mut batch, budget.min(self.0));
//!         cx.push(0, &mut batch);
//!         cx.put_batch(batch);
//!         if self.0 == 0 { Progress::Finished } else { Progress::Worked }
//!     }
//! }
//!
//! impl Typed for Source {
//!     type Inputs = ();
//!     type Outputs = Output<Packet>;
//! }
//!
//! struct Sink;
//!
//! impl Element for Sink {
//!     fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
//!         cx.free(batch);
//!     }
//! }
//!
//! impl Typed for Sink {
//!     type Inputs = Input<Packet>;
//!     type Outputs = ();
//! }
//!
//! let mut graph = Builder::new();
//! let ((), packets) = graph.add("source", Source(1000));
//! let painted = graph.chain("paint", packets, each(|mut packet: Packet| {
//!     packet.set_paint(1);
//!     Verdict::Next(packet)
//! }));
//! let (sink, ()) = graph.add("sink", Sink);
//! graph.connect(painted, sink);
//!
//! let pool = Pool::builder().small(256).build()?;
//! let mut running = graph.build(pool.allocator())?;
//! running.run_until_idle(Instant::ZERO, 1000);
//! assert_eq!(running.read("sink.packets")?, "1000");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Elements of a class that a text can name go into such a graph by [`Builder::add_class`], with their arguments as in a text.
//! Either graph is drawn by [`dot`] or [`svg`] from what [`Instance::drawing`] says of it.
//!
//! # Invariants
//! - **Who drives.** Sources (`is_task`) are asked to run with a budget: as many packets as everything behind them has room for
//!   ([`Element::credit`]). What they hand on is carried through all elements to the next queue or sink at once. Nothing is read
//!   that nobody has asked for: that is the back-pressure, and it reaches a device's ring.
//! - **When an edge's far side is full**, packets wait on the edge, and all that feeds it waits ([`OnFull::Block`]), or they are
//!   lost and counted with a reason ([`OnFull::Drop`]). No packet is ever lost uncounted.
//! - **Costs.** One `dyn` call for an element and a batch. For a packet: no allocation, no lock, no atomic operation.
//! - **Workers** share nothing but what elements ask to share ([`BuildCx::common`], [`BuildCx::shared`]).
//! - What is off costs nothing that can be measured: traces, profiles.
//! - Deliberately absent: protocols, devices, a clock. The time is handed in.
#![forbid(unsafe_code)]

mod add_class;
mod backlog;
mod builder;
mod class;
mod classifier;
mod concurrent;
mod control;
mod cx;
mod drawing;
mod drop;
mod element;
mod engine;
mod finish;
mod handle;
mod handler;
mod kind;
mod peers;
mod plan;
mod processor;
mod profile;
mod program;
mod runtime;
mod schedule;
mod slot;
mod statistics;
mod trace;
mod ways;

pub use builder::{Builder, ElementPorts, Input, Mode, Output, Ports, Pull, Push, Typed};
pub use class::{
    Build, BuildCx, ConfigError, ElementClass, Registry, async_processor, classifier, processor,
};
pub use classifier::{Class, Classifier};
pub use concurrent::{AsyncProcessor, Order, concurrent};
pub use cx::Cx;
pub use drop::{DropReason, OnFull};
pub use element::{Credit, Element, Progress, Readiness, ReadinessSource, Spread};
pub use handle::Handle;
pub use handler::{Access, Handler, HandlerError, Merge};
pub use kind::Kind;
pub use plan::BuildError;
pub use processor::{Dropped, Each, Processor, Then, Verdict, each};
pub use program::Program;
pub use runtime::{Running, Runtime, now};
pub use schedule::Instance;
pub use statistics::ElementStatistics;
pub use trace::{TraceEvent, TraceStep};

pub use waypost_graph_text::{
    Args, Diagnostics, Drawing, Options, Source, dot, split_words, svg, unquote, unquote_text,
};
pub use waypost_packet::{Allocator, Batch, Packet, Pool};
pub use waypost_wire::{Duration, Instant};

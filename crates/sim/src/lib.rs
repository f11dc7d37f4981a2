//! A network under virtual time, for whatever sends and receives frames: protocol cores, devices, whole routers.
//!
//! A [`Simulation`] is nodes and the links between them. It is a discrete-event simulation: time jumps from one event to the
//! next, so that an hour of a quiet network takes no time, and a run of a seed can be repeated, octet by octet. A [`Node`] is
//! any core that is told of frames and of time ([`Core`] is one shape of it); a [`Device`] is an end of a link for whoever uses a
//! [`NetDev`](waypost_netdev::NetDev), and [`Driven`] a program that does, such as a graph. A [`LinkConfig`] says what becomes of
//! frames: rate, delay, queue, loss, and all that goes wrong on wires. A [`Log`] has a digest, which is the identity of
//! a run. For two cores and the link between them there is [`Pair`]; what is to go wrong, and when, is a
//! [`FaultSchedule`], which shrinks to the least that makes a run fail.
//!
//! ```
//! use waypost_sim::{DropReason, Frame, LinkConfig, Loss, Node, Output, Side, Simulation};
//! use waypost_wire::{Duration, Instant};
//!
//! /// Sends a frame each millisecond.
//! struct Source(Instant);
//!
//! impl Node for Source {
//!     fn receive(&mut self, _: Instant, _: usize, _: Frame, _: &mut Output<'_>) {}
//!     fn poll(&mut self, now: Instant, out: &mut Output<'_>) {
//!         if now >= self.0 {
//!             out.send(0, Frame::zeroed(1000));
//!             self.0 += Duration::from_millis(1);
//!         }
//!     }
//!     fn next_poll(&self) -> Option<Instant> {
//!         Some(self.0)
//!     }
//! }
//!
//! struct Sink;
//!
//! impl Node for Sink {
//!     fn receive(&mut self, _: Instant, _: usize, _: Frame, _: &mut Output<'_>) {}
//! }
//!
//! let run = |seed| {
//!     let mut net = Simulation::new(seed);
//!     let (source, sink) = (net.add("source", Source(Instant::ZERO))?, net.add("sink", Sink)?);
//!     let link = net.connect("wire", source, sink, LinkConfig {
//!         rate: Some(10_000_000),
//!         delay: Duration::from_millis(20),
//!         loss: Loss::Random { ppm: 100_000 },
//!         ..LinkConfig::ethernet()
//!     })?;
//!     net.run_until(Instant::from_secs(1))?;
//!     let counters = net.counters(link, Side::A).unwrap_or_default();
//!     Ok::<_, Box<dyn std::error::Error>>((counters, net.log().digest()))
//! };
//! let (counters, digest) = run(1)?;
//! assert_eq!(counters.sent, 1001);
//! assert!((50..150).contains(&counters.dropped(DropReason::Lost)));
//! assert_eq!(run(1)?, (counters, digest));
//! assert_ne!(run(2)?.1, digest);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Invariants: no clock, no thread, no waiting. Events are in a total order. All chance comes from the seed, by generators that
//! are told apart by name: adding a link or a fault changes no decision about others. Nothing is allocated for an event in
//! the steady state. Deliberately absent: models of the cost of computing, radio, and hosts of their own; those are what
//! the project's other crates are.
#![forbid(unsafe_code)]

mod device;
mod digest;
mod driven;
mod error;
mod fault;
mod frame;
mod ids;
mod link;
mod log;
mod meter;
mod network;
mod node;
mod observe;
mod pair;
mod plot;
mod rng;
mod sans_io;
mod schedule;
mod series;
mod simulation;
mod switch;
mod talker;
mod timers;
mod traffic;
pub mod units;
mod vlan;

pub use device::Device;
pub use driven::{Driven, DrivenNode, Restart};
pub use error::{BuildError, Storm, Stuck};
pub use fault::{
    Change, Disturbance, Fault, FaultBounds, FaultKind, FaultSchedule, FaultTextError, Shrunk,
};
pub use frame::Frame;
pub use ids::{LinkId, NodeId, Side};
pub use link::{DropReason, Fate, Framing, Jitter, LinkConfig, LinkCounters, Loss, Queue};
pub use log::{Entry, Keep, Log, What};
pub use meter::LinkMeter;
pub use node::{Node, Output};
pub use observe::{Observer, ObserverId, Seen};
pub use pair::{Outcome, Pair};
pub use plot::Plot;
pub use rng::Rng;
pub use sans_io::{Core, CoreNode};
pub use schedule::Schedule;
pub use series::Series;
pub use simulation::{PORT_MAX, Simulation};
pub use switch::{Switch, SwitchCounters};
pub use talker::{Talker, TalkerCounters};

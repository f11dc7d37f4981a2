//! Waypost: a user-space network platform, one packet path from the frame on the wire up.
//!
//! This crate gathers the libraries under one name; each is useful alone.
//!
//! | module | what for |
//! |---|---|
//! | [`wire`] | typed zero-copy headers, addresses, prefixes, checksums, time |
//! | [`ip`] | the algorithms of IP: neighbours, fragments, ICMP errors, prefix tables, timers |
//! | [`netdev`], [`device`] | the device trait; AF_XDP, AF_PACKET, TAP, capture files |
//! | [`packet`] | pool, packets, batches, rings |
//! | [`graph`], [`graph_text`] | the engine in which packets move; the Click language |
//! | [`elements`] | Click's elements |
//! | [`sim`], [`simulated`] | networks under virtual time, and graphs as nodes of them |
//!
//! ```
//! use waypost::elements::registry;
//! use waypost::graph::{Instant, Options, Pool, Program, Source};
//!
//! let text = Source::new("example", "InfiniteSource(LIMIT 1000) -> count :: Counter -> Discard;");
//! let registry = registry();
//! let program = Program::parse(&text, &registry, &mut Options::default())?;
//! let mut graph = program.instances(1, &Pool::builder().small(1024).build()?)?.remove(0);
//! graph.run_until_idle(Instant::ZERO, 1000);
//! assert_eq!(graph.read("count.count")?, "1000");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

pub mod simulated;

pub use waypost_device as device;
pub use waypost_elements as elements;
pub use waypost_graph as graph;
pub use waypost_graph_text as graph_text;
pub use waypost_ip as ip;
pub use waypost_netdev as netdev;
pub use waypost_packet as packet;
pub use waypost_sim as sim;
pub use waypost_wire as wire;

/// The README's example compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
pub struct Readme;

/// So do the programs of the page about processors.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/your-own-processor.md")]
pub struct YourOwnProcessor;

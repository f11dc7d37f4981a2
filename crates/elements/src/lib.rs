//! Click's elements on the engine of `waypost-graph`: the same names, arguments, handlers and
//! behaviour as Click documents.
//!
//! ```
//! use waypost_elements::registry;
//! use waypost_graph::{Instant, Options, Pool, Program, Source};
//!
//! let text = "InfiniteSource(LIMIT 1000) -> c :: Counter -> Discard;";
//! let registry = registry();
//! let program = Program::parse(&Source::new("example.click", text), &registry, &mut Options::default())?;
//! let pool = Pool::builder().small(1024).build()?;
//! let mut graph = program.instances(1, &pool)?.remove(0);
//! graph.run_until_idle(Instant::ZERO, 1_000);
//! assert_eq!(graph.read("c.count")?, "1000");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Each class is one file: its documentation, its arguments, the element, its tests. Where one
//! deviates from Click, its documentation says so under *Deviations*; `docs/elements.md` is made from it.
#![forbid(unsafe_code)]

mod args;
pub mod host;
pub mod ip;
mod output;
pub mod plumbing;
#[cfg(test)]
mod testing;

pub use plumbing::device;
use waypost_graph::Registry;

/// All element classes of this crate.
pub fn registry() -> Registry {
    let mut registry = Registry::new();
    for class in plumbing::CLASSES.iter().chain(ip::CLASSES) {
        registry.add(class.clone());
    }
    registry
}

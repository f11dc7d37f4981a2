//! Sources, sinks, queues, switches, schedulers: what packets flow through whatever they are.

use waypost_graph::ElementClass;

/// The classes of this folder.
pub const CLASSES: &[ElementClass] = &[];

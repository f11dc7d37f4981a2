//! IP and Ethernet elements.

use waypost_graph::ElementClass;

/// The classes of this folder.
pub const CLASSES: &[ElementClass] = &[];

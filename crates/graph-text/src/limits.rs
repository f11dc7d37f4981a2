//! How much a text may ask for.

/// Bounds on what parsing, flattening and checking do. Reaching one is an error with [`Code::Limit`](crate::Code::Limit) that
/// names it; the defaults leave room for any configuration written by hand or by a generator in its right mind.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of one text.
    pub source_bytes: usize,
    /// Levels of compounds and groups inside each other, as written, as instantiated, and of libraries that require libraries.
    pub nesting: usize,
    /// Elements of the flat graph.
    pub elements: usize,
    /// Alternatives of one compound, those of the classes that it extends included.
    pub alternatives: usize,
    /// Connections of the flat graph and, before that, of the text and all its compounds as they are written.
    pub connections: usize,
    /// Bytes that expanding variables may produce in one run of flattening, and twice that in substitutions made.
    pub expansion_bytes: usize,
    /// Libraries that one text may require, directly or not.
    pub libraries: usize,
    /// Errors reported for one text or graph; further ones are counted.
    pub diagnostics: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            source_bytes: 16 << 20,
            nesting: 50, // as in Click
            elements: 1 << 18,
            alternatives: 1000,
            connections: 1 << 20,
            expansion_bytes: 64 << 20,
            libraries: 256,
            diagnostics: 100,
        }
    }
}

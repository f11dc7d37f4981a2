//! Every reader of the wire formats, over any bytes.

#[path = "../../crates/wire/tests/support/mod.rs"]
mod support;

/// Reads the bytes as each header there is, and calls every accessor.
pub(crate) fn target(data: &[u8]) {
    support::every_accessor(data);
}

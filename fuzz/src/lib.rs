//! Fuzz targets: functions that any bytes may be given to, and that never panic.
//!
//! Each has a folder `corpus/NAME` with a few inputs to start from and every input that once made it panic;
//! `cargo test` replays them. The program of this package runs a target live: see `src/main.rs`.
#![forbid(unsafe_code)]

mod arguments;
mod graph_text;
mod ip;
mod pcap;
mod wire;

/// A target: the name of its folder, and what is called.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("arguments", arguments::target),
    ("graph-text", graph_text::target),
    ("ip", ip::target),
    ("pcap", pcap::target),
    ("wire", wire::target),
];

/// The target of a name.
pub fn target(name: &str) -> Option<fn(&[u8])> {
    TARGETS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, target)| *target)
}

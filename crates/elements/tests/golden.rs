//! Golden vectors: for every element class that needs neither an interface nor a second worker, a text, the frames
//! that go in, and what comes out: frames, octet by octet, annotations, counts, and losses with their reasons. Black-box:
//! all goes through texts and handlers, in virtual time.

use std::collections::BTreeSet;

use waypost_elements::registry;

#[path = "golden/harness.rs"]
mod harness;

#[path = "golden/arp.rs"]
mod arp;
#[path = "golden/classify.rs"]
mod classify;
#[path = "golden/dumps.rs"]
mod dumps;
#[path = "golden/expression.rs"]
mod expression;
#[path = "golden/files.rs"]
mod files;
#[path = "golden/fragment.rs"]
mod fragment;
#[path = "golden/header.rs"]
mod header;
#[path = "golden/icmp.rs"]
mod icmp;
#[path = "golden/lookup.rs"]
mod lookup;
#[path = "golden/output.rs"]
mod output;
#[path = "golden/plumbing.rs"]
mod plumbing;
#[path = "golden/prints.rs"]
mod prints;
#[path = "golden/schedulers.rs"]
mod schedulers;
#[path = "golden/scripts.rs"]
mod scripts;
#[path = "golden/sources.rs"]
mod sources;

/// The texts of this test.
const TEXTS: &[&str] = &[
    include_str!("golden/arp.rs"),
    include_str!("golden/classify.rs"),
    include_str!("golden/dumps.rs"),
    include_str!("golden/expression.rs"),
    include_str!("golden/files.rs"),
    include_str!("golden/fragment.rs"),
    include_str!("golden/header.rs"),
    include_str!("golden/icmp.rs"),
    include_str!("golden/lookup.rs"),
    include_str!("golden/plumbing.rs"),
    include_str!("golden/prints.rs"),
    include_str!("golden/schedulers.rs"),
    include_str!("golden/scripts.rs"),
    include_str!("golden/sources.rs"),
];

/// Classes whose packets come from, or go, where no text alone leads, and what tests them.
const ELSEWHERE: &[(&str, &str)] = &[
    (
        "FromDevice",
        "plumbing::device, and the workspace's tests of devices",
    ),
    (
        "KernelTap",
        "plumbing::device, and the workspace's tests of interfaces",
    ),
    ("Pipeliner", "tests/workers.rs"),
    (
        "ToDevice",
        "plumbing::device, and the workspace's tests of devices",
    ),
];

#[test]
fn every_class_has_its_vectors() {
    let words = |text: &'static str| text.split(|sign: char| !sign.is_ascii_alphanumeric());
    let named: BTreeSet<&str> = TEXTS.iter().copied().flat_map(words).collect();
    for class in registry().classes() {
        let elsewhere = ELSEWHERE.iter().any(|(name, _)| *name == class.name);
        assert!(
            named.contains(class.name) != elsewhere,
            "expected `{}` either in a text of this test or among those tested elsewhere",
            class.name
        );
    }
}

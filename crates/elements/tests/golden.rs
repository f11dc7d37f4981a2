//! Golden vectors: for every element class, a text, the frames that go in, and what comes out: frames, octet
//! by octet, annotations, counts, and losses with their reasons. Black-box: all goes through texts and
//! handlers, in virtual time.

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

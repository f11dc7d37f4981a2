//! The algorithms of IP, sans-IO: what the router, the graph's elements and the stack share.
//!
//! Nothing here reads a clock, owns a socket or starts a thread: time comes in as
//! [`Instant`](waypost_wire::Instant), packets and events come out. The crate needs neither `std` nor an
//! allocator: tables stand on storage that the caller brings ([`storage::Store`]); with the feature
//! `alloc` a `Vec` is such storage, and the prefix table is there too.
//!
//! Invariant: no input, packet or call makes anything here panic, but for an allocator that has no more
//! (`Fib::over` can tell of it instead), and every table has a limit with a counter for reaching it.
//! Deliberately absent: header types (they are in `waypost_wire`), sockets, and randomness of its own.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod drops;
#[cfg(feature = "alloc")]
pub mod fib;
pub mod flow;
pub mod fragment;
mod hash;
pub mod icmp;
pub mod neighbor;
pub mod pmtu;
pub mod rate;
pub mod reassembly;
pub mod slab;
pub mod storage;
pub mod wheel;

pub use drops::{DropCounters, DropReason};

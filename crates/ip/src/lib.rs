//! The algorithms of IP, sans-IO: what the router, the graph's elements and the stack share.
//!
//! Nothing here reads a clock, owns a socket or starts a thread: time comes in as
//! [`Instant`](waypost_wire::Instant), packets and events come out. The crate needs neither `std` nor an
//! allocator: tables stand on storage that the caller brings ([`storage::Store`]); with the feature
//! `alloc` a `Vec` is such storage, and the prefix table is there too.
//!
//! ```
//! use core::net::Ipv4Addr;
//! use waypost_ip::neighbor::{Event, FixedNeighbors, NeighborConfig, NeighborTable, Sent};
//! use waypost_wire::Instant;
//!
//! // A packet to somebody whose address on the link nobody knows yet waits, and the table says whom to ask.
//! let peer = Ipv4Addr::new(10, 0, 0, 2);
//! let mut table = NeighborTable::new(FixedNeighbors::<_, _, 16, 64, 64>::new(), NeighborConfig::default());
//! assert_eq!(table.send(Instant::ZERO, peer, "a packet"), Sent::Held);
//! assert_eq!(table.poll_event(), Some(Event::Request { target: peer, to: None }));
//! assert!(table.poll_timeout().is_some(), "it asks again, and gives the packet back in the end");
//! ```
//!
//! Invariant: no input, packet or call makes anything here panic, but for an allocator that has no more
//! (forwarding tables ask it before they take memory for entries, and say so: `FibFull::Memory`; lists grow
//! as every `Vec` does), and every table has a limit with a counter for reaching it.
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

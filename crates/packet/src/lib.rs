//! Packet buffers: [`Pool`], [`Packet`], [`Batch`], [`Shared`], rings between threads, a flag for who
//! waits at one, and an RCU cell.
//!
//! ```
//! use waypost_packet::{Batch, Pool};
//!
//! let pool = Pool::builder().small(1024).build()?;
//! let mut frames = pool.allocator();
//! let mut packet = frames.packet().expect("1024 are free");
//! packet.append(60).expect("2 KiB of room").fill(0);
//! let header = packet.prepend(14).expect("headroom"); // nothing is copied
//! header[..6].fill(0xff);
//! assert_eq!(packet.len(), 74);
//!
//! let mut batch = Batch::new();
//! batch.push(packet).expect("room for 256");
//! frames.free(&mut batch); // in bulk, without an atomic operation
//! # Ok::<(), waypost_packet::PoolError>(())
//! ```
//!
//! # Invariants
//! - A packet has one owner. Whoever holds a [`Packet`] may write it: where two packets share octets
//!   ([`Packet::share`]), the first write gives the writer octets of its own.
//! - A buffer is never lost: dropped anywhere, on any thread, it returns to its pool, and a pool's
//!   memory lives until the last packet is back.
//! - Every lock-free structure of the project is in this crate, and has a model-checked test.
//! - Deliberately absent: clocks, devices, protocols, growth. A pool has the size it was built with;
//!   copies on write that find it empty take memory from the heap, and are counted.
#![no_std]
#![deny(unsafe_code)]

extern crate alloc;

mod allocator;
mod annotations;
mod batch;
mod descriptor;
mod frame;
mod idle;
mod memory;
mod packet;
mod pool;
mod rcu;
mod ring;
mod segment;
mod shared;
mod sync;

pub use allocator::Allocator;
pub use annotations::LinkDestination;
pub use batch::{Batch, Drain};
pub use frame::{IntoPacket, NoMemory, PoolTx, SendPacket};
pub use idle::IdleFlag;
pub use memory::{HeapMemory, Memory};
pub use packet::{Notes, Packet};
pub use pool::{Class, Pool, PoolBuilder, PoolError, PoolStatistics};
pub use rcu::{Rcu, RcuReader, RcuWriter};
pub use ring::mpsc;
pub use ring::spsc;
pub use shared::Shared;

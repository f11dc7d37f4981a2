//! The network device, as one trait for a packet graph, a socket stack and bare metal.
//!
//! A [`NetDev`] moves frames in batches, in both directions. Whether frames are *owned* (packets of a
//! pool that leave the device for good) or *lent* (views of ring memory, valid during one call) is
//! the device's choice, made by two associated types; a loop over the frames of a batch is
//! monomorphised for it. [`FrameMeta`] says what a frame's octets do not: checksum and segmentation
//! state, a stripped VLAN tag, a time stamp. [`Capabilities`] says what a device can complete.
//!
//! ```
//! use waypost_netdev::{FrameMeta, NetDev, Pair, RxFrame, TxFrame};
//! use waypost_wire::Instant;
//!
//! let pair = Pair::<8>::new(1514);
//! let (mut left, mut right) = pair.ends();
//! left.transmit(Instant::ZERO, 1, |slot| slot.send(60, FrameMeta::default(), |octets| octets.fill(7)))?;
//! let count = right.receive(Instant::ZERO, 32, |frame| assert_eq!(frame.octets(), [7; 60]))?;
//! assert_eq!(count, 1);
//! # Ok::<(), waypost_netdev::DeviceError>(())
//! ```
//!
//! Invariants: no std, no alloc, no clock (the time is an argument), no device of an operating system
//! (those are in `waypost-device`). A frame handed to a device is sent, or counted as dropped by it.
#![no_std]
#![forbid(unsafe_code)]

mod capabilities;
mod error;
mod frame;
mod meta;
mod offload;

pub use capabilities::{Capabilities, Medium, Offloads};
pub use error::DeviceError;
pub use frame::{LentRx, LentTx, NetDev, RxFrame, TxFrame, Wakeup};
pub use meta::{ChecksumState, FrameMeta, Segmentation, SegmentationKind, VlanTag};
pub use offload::complete_checksum;

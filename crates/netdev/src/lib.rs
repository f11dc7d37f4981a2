//! The network device, as one trait for a packet graph, a socket stack and bare metal.
//!
//! A [`NetDev`] moves frames in batches, in both directions. Whether frames are *owned* (packets of a
//! pool that leave the device for good) or *lent* (views of ring memory, valid during one call) is
//! the device's choice, made by two associated types; a loop over the frames of a batch is
//! monomorphised for it. [`FrameMeta`] says what a frame's octets do not: checksum and segmentation
//! state, a stripped VLAN tag, a time stamp. [`Capabilities`] says what a device can complete.
//!
//! Devices in memory, and wrappers around any device, which compose:
//!
//! | | |
//! |---|---|
//! | [`Loopback`] | what is sent is received |
//! | [`Wire`] | what one [`WireEnd`] sends, the other receives |
//! | [`Fault`] | frames are lost, duplicated, damaged, reordered and cut, by a seed |
//! | [`RateLimit`] | no more is sent than a rate and a burst allow |
//! | [`Trace`] | each frame is shown as it crosses |
//!
//! A device of one's own is a few lines; this one gives back what is sent, one frame at a time:
//!
//! ```
//! use waypost_netdev::{Capabilities, DeviceError, FrameMeta, LentRx, LentTx, Medium, NetDev, Offloads, RxFrame, TxFrame};
//! use waypost_wire::Instant;
//!
//! struct Mirror {
//!     octets: [u8; 1514],
//!     sent: Option<(usize, FrameMeta)>,
//! }
//!
//! impl NetDev for Mirror {
//!     type RxFrame<'a> = LentRx<'a>;
//!     type TxFrame<'a> = LentTx<'a>;
//!
//!     fn capabilities(&self) -> Capabilities {
//!         Capabilities { medium: Medium::Ip, mtu: 1514, offloads: Offloads::default() }
//!     }
//!
//!     fn receive(&mut self, _: Instant, max: usize, mut each: impl FnMut(LentRx<'_>)) -> Result<usize, DeviceError> {
//!         let Some((len, meta)) = self.sent.filter(|_| max > 0) else { return Ok(0) };
//!         let mut left = false;
//!         each(LentRx::new(&mut self.octets[..len], meta, &mut left));
//!         if !left {
//!             self.sent = None;
//!         }
//!         Ok(usize::from(!left))
//!     }
//!
//!     fn transmit(&mut self, now: Instant, max: usize, mut each: impl FnMut(LentTx<'_>)) -> Result<usize, DeviceError> {
//!         if max.min(self.room(now)) == 0 {
//!             return Ok(0);
//!         }
//!         each(LentTx::new(&mut self.octets, &mut self.sent));
//!         Ok(usize::from(self.sent.is_some()))
//!     }
//!
//!     fn room(&mut self, _: Instant) -> usize {
//!         usize::from(self.sent.is_none())
//!     }
//! }
//!
//! let mut mirror = Mirror { octets: [0; 1514], sent: None };
//! let now = Instant::ZERO;
//! let sent = mirror.transmit(now, 8, |slot| slot.send(60, FrameMeta::default(), |octets| octets.fill(7)))?;
//! assert_eq!((sent, mirror.room(now)), (1, 0));
//! let count = mirror.receive(now, 8, |frame| assert_eq!(frame.octets(), [7; 60]))?;
//! assert_eq!((count, mirror.room(now)), (1, 1));
//! # Ok::<(), DeviceError>(())
//! ```
//!
//! Invariants: no std, no alloc, no clock (the time is an argument), no device of an operating system
//! (those are in `waypost-device`). A frame handed to a device is sent, or counted as dropped by it.
#![no_std]
#![forbid(unsafe_code)]

mod capabilities;
mod error;
mod fault;
mod forward;
mod frame;
mod loopback;
mod meta;
mod observed;
mod offload;
mod pair;
mod queue;
mod rate_limit;
mod seen;
mod segment;
mod slot;
mod statistics;
mod trace;

pub use capabilities::{Capabilities, Medium, Offloads};
pub use error::DeviceError;
pub use fault::{Fault, FaultCounters, Faults};
pub use frame::{LentRx, LentTx, NetDev, RxFrame, TxFrame, Wakeup};
pub use loopback::Loopback;
pub use meta::{ChecksumState, FrameMeta, Segmentation, SegmentationKind, VlanTag};
pub use observed::ObservedTx;
pub use offload::complete_checksum;
pub use pair::{Wire, WireEnd};
pub use rate_limit::{BurstTooShort, RateLimit};
pub use seen::Seen;
pub use segment::{SegmentError, Segments, network_offset};
pub use statistics::DeviceStatistics;
pub use trace::{Direction, Trace};

//! Network devices of an operating system, and files of captured packets.
//!
//! | module | what | frames |
//! |---|---|---|
//! | [`xdp`] | a queue of a Linux interface, by rings over a pool's region | owned |
//! | [`af_packet`] | any Linux interface, by a ring shared with the kernel | lent in, owned out |
//! | [`tap`] | an interface of the kernel whose other end is this process | lent in, owned out |
//! | [`pcap`] | capture files, pcap and pcapng, read and written | – |
//!
//! Each device implements [`NetDev`](waypost_netdev::NetDev). Devices can be opened in another network namespace
//! ([`Namespace`]): the calling thread stays in its own. The offloads of the hosts around stay on:
//! frames come and go with unfinished checksums and as super-segments, and their metadata says so. (AF_XDP has no metadata: see
//! there.)
//!
//! An interface whose frames come here, and go back as they came:
//!
//! ```no_run
//! use waypost_device::tap::Tap;
//! use waypost_netdev::{NetDev, RxFrame, TxFrame};
//! use waypost_wire::Instant;
//!
//! let mut tap = Tap::builder("echo0").address([10, 9, 0, 1].into(), 24).open()?;
//! let mut frames = Vec::new();
//! loop {
//!     // Of what comes no more is taken than can be sent.
//!     let now = Instant::ZERO;
//!     let room = tap.room(now).min(32);
//!     tap.receive(now, room, |frame| frames.push((frame.octets().to_vec(), frame.meta())))?;
//!     for (octets, meta) in frames.drain(..) {
//!         tap.transmit(now, 1, |slot| slot.send(octets.len(), meta, |to| to.copy_from_slice(&octets)))?;
//!     }
//! }
//! # #[allow(unreachable_code)]
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! DPDK is not among them: AF_XDP gives user space the same frames without taking the card away from
//! the kernel, and whoever needs DPDK can add a `NetDev` for it.
#![deny(unsafe_code)]

#[allow(unsafe_code)]
pub mod af_packet;
mod error;
#[allow(unsafe_code)]
mod ethtool;
#[allow(unsafe_code)]
mod memory;
#[allow(unsafe_code)]
mod namespace;
mod pace;
pub mod pcap;
#[allow(unsafe_code)]
mod sys;
#[allow(unsafe_code)]
pub mod tap;
mod transmit;
mod vnet;
pub mod xdp;

pub use error::{CallSubject, OpenError, interface_names};
pub use memory::{MappedMemory, MappedWords, WordMemory, advise_huge_pages};
pub use namespace::Namespace;
pub use waypost_netdev::DeviceStatistics;

//! Files of captured packets: pcap and pcapng, read and written.
//!
//! ```
//! use waypost_device::pcap::{Format, LinkType, Reader, Writer};
//! use waypost_wire::WallTime;
//!
//! let mut file = Vec::new();
//! let mut writer = Writer::new(&mut file, Format::Pcapng, LinkType::ETHERNET, 65_535)?;
//! writer.write(WallTime::from_unix_secs(1), &[0; 60], 60, Some("a comment"))?;
//! let mut reader = Reader::new(&file[..])?;
//! let record = reader.next()?.expect("one record");
//! assert_eq!((record.octets.len(), record.time), (60, WallTime::from_unix_secs(1)));
//! assert!(reader.next()?.is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Capture`] writes what crosses a device.

mod capture;
mod ng;
mod reader;
mod writer;

use std::{fmt, io};

pub use capture::Capture;
pub use reader::{Reader, Record};
pub use writer::Writer;

/// The longest record that is read, in octets; a longer one is taken for a broken file.
pub const RECORD_MAX: usize = 256 << 10;

/// The two file formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The older: one interface, times in nanoseconds.
    Pcap,
    /// The newer: interfaces with names, comments.
    Pcapng,
}

/// What a captured packet begins with, as the registry of link types numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkType(pub u32);

impl LinkType {
    /// An Ethernet header.
    pub const ETHERNET: Self = Self(1);
    /// An IPv4 or IPv6 header.
    pub const RAW: Self = Self(101);
}

/// A capture file could not be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum PcapError {
    /// It does not begin as such files do.
    NotACapture,
    /// It breaks off inside a record.
    Truncated {
        /// Where the record begins, in octets from the start of the file.
        offset: u64,
    },
    /// A record says of itself what cannot be.
    Malformed {
        /// Where the record begins, in octets from the start of the file.
        offset: u64,
        /// What it says.
        what: String,
    },
    /// It could not be read.
    Io(io::Error),
}

impl fmt::Display for PcapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotACapture => write!(f, "expected a pcap or pcapng file, found something else"),
            Self::Truncated { offset } => {
                write!(
                    f,
                    "the file breaks off inside the record that begins at octet {offset}: was it still being written?"
                )
            }
            Self::Malformed { offset, what } => {
                write!(f, "the record at octet {offset} is broken: {what}")
            }
            Self::Io(error) => write!(f, "the file cannot be read: {error}"),
        }
    }
}

impl std::error::Error for PcapError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for PcapError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

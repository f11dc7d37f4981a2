//! Reading, one record after the other.

use std::io::{self, Read};

use waypost_netdev::Direction;
use waypost_wire::WallTime;

use super::ng::{Blocks, Order};
use super::{LinkType, PcapError, RECORD_MAX};

/// A captured packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// When it was captured.
    pub time: WallTime,
    /// What was captured of it.
    pub octets: &'a [u8],
    /// How long it was, which may be more.
    pub original_len: usize,
    /// What it begins with.
    pub link_type: LinkType,
    /// The number of the interface, in the order in which the file names them.
    pub interface: u32,
    /// Whether the interface received or sent it, where the file says so.
    pub direction: Option<Direction>,
}

/// Reads a capture file of either format, in either byte order.
#[derive(Debug)]
pub struct Reader<R> {
    input: Input<R>,
    kind: Kind,
    buffer: Vec<u8>,
}

#[derive(Debug)]
enum Kind {
    Pcap {
        order: Order,
        nanos_per_unit: u64,
        link_type: LinkType,
    },
    Pcapng(Blocks),
}

/// A stream that knows how far it was read.
#[derive(Debug)]
pub(super) struct Input<R> {
    pub(super) stream: R,
    pub(super) offset: u64,
}

impl<R: Read> Input<R> {
    /// Fills `room`; false if the stream had ended before.
    pub(super) fn fill(&mut self, room: &mut [u8], record: u64) -> Result<bool, PcapError> {
        let mut filled = 0;
        while filled < room.len() {
            match self.stream.read(&mut room[filled..]) {
                Ok(0) if filled == 0 && self.offset == record => return Ok(false),
                Ok(0) => return Err(PcapError::Truncated { offset: record }),
                Ok(count) => {
                    filled += count;
                    self.offset += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }
}

impl<R: Read> Reader<R> {
    /// Reads the head of a file.
    ///
    /// # Errors
    /// It is none of the two formats, or cannot be read.
    pub fn new(stream: R) -> Result<Self, PcapError> {
        let mut input = Input { stream, offset: 0 };
        let mut magic = [0; 4];
        if !input.fill(&mut magic, 0).map_err(|error| match error {
            PcapError::Truncated { .. } => PcapError::NotACapture,
            error => error,
        })? {
            return Err(PcapError::NotACapture);
        }
        let pcap = |order, nanos_per_unit| Some((order, nanos_per_unit));
        let kind = match u32::from_be_bytes(magic) {
            0x0a0d_0d0a => None,
            0xa1b2_c3d4 => pcap(Order::Big, 1000),
            0xa1b2_3c4d => pcap(Order::Big, 1),
            0xd4c3_b2a1 => pcap(Order::Little, 1000),
            0x4d3c_b2a1 => pcap(Order::Little, 1),
            _ => return Err(PcapError::NotACapture),
        };
        let kind = match kind {
            None => Kind::Pcapng(Blocks::first(&mut input)?),
            Some((order, nanos_per_unit)) => {
                let mut head = [0; 20];
                input.fill(&mut head, 0)?;
                // The upper bits say how long the frame check sequence is.
                let link_type = LinkType(order.u32(&head[16..]) & 0x0fff_ffff);
                Kind::Pcap {
                    order,
                    nanos_per_unit,
                    link_type,
                }
            }
        };
        Ok(Self {
            input,
            kind,
            buffer: Vec::new(),
        })
    }

    /// The next record; `None` at the end.
    ///
    /// # Errors
    /// The file breaks off, says what cannot be, or cannot be read. Nothing can be read after it.
    #[allow(
        clippy::should_implement_trait,
        reason = "a record borrows from the reader"
    )]
    pub fn next(&mut self) -> Result<Option<Record<'_>>, PcapError> {
        match &mut self.kind {
            Kind::Pcapng(blocks) => blocks.next(&mut self.input, &mut self.buffer),
            &mut Kind::Pcap {
                order,
                nanos_per_unit,
                link_type,
            } => {
                let offset = self.input.offset;
                let mut head = [0; 16];
                if !self.input.fill(&mut head, offset)? {
                    return Ok(None);
                }
                let len = order.u32(&head[8..]) as usize;
                if len > RECORD_MAX {
                    let what =
                        format!("it says that it holds {len} octets, of at most {RECORD_MAX}");
                    return Err(PcapError::Malformed { offset, what });
                }
                self.buffer.resize(len, 0);
                self.input.fill(&mut self.buffer, offset)?;
                let (seconds, parts) = (order.u32(&head), order.u32(&head[4..]));
                let nanos = u64::from(seconds) * 1_000_000_000 + u64::from(parts) * nanos_per_unit;
                Ok(Some(Record {
                    time: WallTime::from_unix_nanos(nanos),
                    octets: &self.buffer,
                    original_len: order.u32(&head[12..]) as usize,
                    link_type,
                    interface: 0,
                    direction: None,
                }))
            }
        }
    }
}

//! The blocks of pcapng (draft-ietf-opsawg-pcapng): section headers, interface descriptions, packets.

use std::io::Read;

use waypost_netdev::Direction;
use waypost_wire::WallTime;

use super::reader::{Input, Record};
use super::{LinkType, PcapError, RECORD_MAX};

pub(super) const SECTION: u32 = 0x0a0d_0d0a;
pub(super) const INTERFACE: u32 = 1;
pub(super) const SIMPLE_PACKET: u32 = 3;
pub(super) const ENHANCED_PACKET: u32 = 6;
pub(super) const BYTE_ORDER: u32 = 0x1a2b_3c4d;
pub(super) const OPTION_COMMENT: u16 = 1;
pub(super) const OPTION_NAME: u16 = 2;
/// The same number, but of packets.
pub(super) const OPTION_FLAGS: u16 = 2;
pub(super) const OPTION_RESOLUTION: u16 = 9;
const OPTION_OFFSET: u16 = 14;

/// Interfaces of a section, at most.
const INTERFACES_MAX: usize = 4096;

/// The order of octets in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Big,
    Little,
}

impl Order {
    /// The number in the first four octets; 0 if there are fewer.
    pub(super) fn u32(self, octets: &[u8]) -> u32 {
        match (octets.first_chunk(), self) {
            (Some(octets), Self::Big) => u32::from_be_bytes(*octets),
            (Some(octets), Self::Little) => u32::from_le_bytes(*octets),
            (None, _) => 0,
        }
    }

    fn u16(self, octets: &[u8]) -> u16 {
        match (octets.first_chunk(), self) {
            (Some(octets), Self::Big) => u16::from_be_bytes(*octets),
            (Some(octets), Self::Little) => u16::from_le_bytes(*octets),
            (None, _) => 0,
        }
    }
}

/// What is known while the blocks of a file are read.
#[derive(Debug)]
pub(super) struct Blocks {
    order: Order,
    interfaces: Vec<Interface>,
}

#[derive(Clone, Copy, Debug)]
struct Interface {
    link_type: LinkType,
    snaplen: u32,
    /// Units a second, and seconds to add.
    units: u64,
    seconds: i64,
}

impl Blocks {
    /// Reads the first block, whose type was read.
    pub(super) fn first<R: Read>(input: &mut Input<R>) -> Result<Self, PcapError> {
        let mut blocks = Self {
            order: Order::Little,
            interfaces: Vec::new(),
        };
        blocks.section(input, 0)?;
        Ok(blocks)
    }

    /// Reads a section header, whose type was read: the order of octets may change.
    fn section<R: Read>(&mut self, input: &mut Input<R>, offset: u64) -> Result<(), PcapError> {
        let mut head = [0; 8];
        input.fill(&mut head, offset)?;
        self.order = match u32::from_be_bytes([head[4], head[5], head[6], head[7]]) {
            BYTE_ORDER => Order::Big,
            magic if magic.swap_bytes() == BYTE_ORDER => Order::Little,
            magic => {
                return Err(malformed(
                    offset,
                    format!("its byte order mark is {magic:#010x}"),
                ));
            }
        };
        let len = self.block_len(&head, offset)?;
        let mut rest = vec![0; (len - 12).min(RECORD_MAX)];
        if len - 12 > RECORD_MAX {
            return Err(malformed(
                offset,
                format!("a section header of {len} octets"),
            ));
        }
        input.fill(&mut rest, offset)?;
        self.interfaces.clear();
        Ok(())
    }

    /// A block's length: all of it, which must be whole words.
    fn block_len(&self, octets: &[u8], offset: u64) -> Result<usize, PcapError> {
        let len = self.order.u32(octets) as usize;
        if len < 12 || !len.is_multiple_of(4) {
            return Err(malformed(
                offset,
                format!("it says that it is {len} octets long"),
            ));
        }
        Ok(len)
    }

    /// The next packet; `None` at the end.
    pub(super) fn next<'b, R: Read>(
        &mut self,
        input: &mut Input<R>,
        buffer: &'b mut Vec<u8>,
    ) -> Result<Option<Record<'b>>, PcapError> {
        loop {
            let offset = input.offset;
            let mut kind = [0; 4];
            if !input.fill(&mut kind, offset)? {
                return Ok(None);
            }
            // The type of a section header reads the same in both orders.
            if u32::from_be_bytes(kind) == SECTION {
                self.section(input, offset)?;
                continue;
            }
            let mut len = [0; 4];
            input.fill(&mut len, offset)?;
            let len = self.block_len(&len, offset)? - 8;
            // A record, and options beside it.
            if len > 2 * RECORD_MAX {
                return Err(malformed(
                    offset,
                    format!("it says that it is {len} octets long"),
                ));
            }
            buffer.resize(len, 0);
            input.fill(buffer, offset)?;
            let body = &buffer[..len - 4];
            let found = match self.order.u32(&kind) {
                INTERFACE => {
                    self.interface(body, offset)?;
                    None
                }
                ENHANCED_PACKET => Some(self.enhanced(body, offset)?),
                SIMPLE_PACKET => Some(self.simple(body, offset)?),
                _ => None,
            };
            if let Some(packet) = found {
                return Ok(Some(Record {
                    time: packet.time,
                    octets: &buffer[packet.start..packet.start + packet.len],
                    original_len: packet.original_len,
                    link_type: packet.link_type,
                    interface: packet.interface,
                    direction: packet.direction,
                }));
            }
        }
    }

    fn interface(&mut self, body: &[u8], offset: u64) -> Result<(), PcapError> {
        if body.len() < 8 || self.interfaces.len() == INTERFACES_MAX {
            return Err(malformed(
                offset,
                "an interface description that cannot be".to_owned(),
            ));
        }
        let order = self.order;
        let link_type = LinkType(order.u16(body).into());
        let mut interface = Interface {
            link_type,
            snaplen: order.u32(&body[4..]),
            units: 1_000_000,
            seconds: 0,
        };
        for (code, value) in options(order, &body[8..]) {
            match (code, value) {
                (OPTION_RESOLUTION, &[power, ..]) if power & 0x80 == 0 => {
                    interface.units = 10_u64.checked_pow(power.into()).unwrap_or(u64::MAX);
                }
                (OPTION_RESOLUTION, &[power, ..]) => {
                    interface.units = 1_u64.checked_shl((power & 0x7f).into()).unwrap_or(u64::MAX);
                }
                (OPTION_OFFSET, value) if value.len() == 8 => {
                    let (first, second) = (order.u32(value), order.u32(&value[4..]));
                    let (high, low) = if order == Order::Big {
                        (first, second)
                    } else {
                        (second, first)
                    };
                    interface.seconds = (u64::from(high) << 32 | u64::from(low)) as i64;
                }
                _ => {}
            }
        }
        self.interfaces.push(interface);
        Ok(())
    }

    fn enhanced(&self, body: &[u8], offset: u64) -> Result<Packet, PcapError> {
        let order = self.order;
        if body.len() < 20 {
            return Err(malformed(
                offset,
                "a packet block without room for its head".to_owned(),
            ));
        }
        let number = order.u32(body);
        let Some(interface) = self.interfaces.get(number as usize) else {
            return Err(malformed(
                offset,
                format!("a packet of interface {number}, which is not described"),
            ));
        };
        let units = u64::from(order.u32(&body[4..])) << 32 | u64::from(order.u32(&body[8..]));
        let len = order.u32(&body[12..]) as usize;
        if len > body.len() - 20 || len > RECORD_MAX {
            return Err(malformed(
                offset,
                format!("it says that it holds {len} octets"),
            ));
        }
        let nanos = u128::from(units) * 1_000_000_000 / u128::from(interface.units.max(1));
        let nanos = (nanos as i128 + i128::from(interface.seconds) * 1_000_000_000)
            .clamp(0, u64::MAX.into());
        Ok(Packet {
            time: WallTime::from_unix_nanos(nanos as u64),
            start: 20,
            len,
            original_len: order.u32(&body[16..]) as usize,
            link_type: interface.link_type,
            interface: number,
            direction: options(
                order,
                body.get(20 + len.next_multiple_of(4)..).unwrap_or_default(),
            )
            .find(|&(code, value)| code == OPTION_FLAGS && value.len() == 4)
            .and_then(|(_, value)| direction(order.u32(value))),
        })
    }

    fn simple(&self, body: &[u8], offset: u64) -> Result<Packet, PcapError> {
        let Some(interface) = self.interfaces.first().filter(|_| body.len() >= 4) else {
            return Err(malformed(
                offset,
                "a simple packet without an interface".to_owned(),
            ));
        };
        let original_len = self.order.u32(body) as usize;
        let limit = if interface.snaplen == 0 {
            usize::MAX
        } else {
            interface.snaplen as usize
        };
        let len = original_len.min(limit).min(body.len() - 4);
        let link_type = interface.link_type;
        Ok(Packet {
            time: WallTime::UNIX_EPOCH,
            start: 4,
            len,
            original_len,
            link_type,
            interface: 0,
            direction: None,
        })
    }
}

/// A packet that lies in the buffer.
struct Packet {
    time: WallTime,
    start: usize,
    len: usize,
    original_len: usize,
    link_type: LinkType,
    interface: u32,
    direction: Option<Direction>,
}

/// The options of a block, up to the one that says it is the last, or to where they break off.
fn options(order: Order, mut octets: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (code, len) = (order.u16(octets), usize::from(order.u16(octets.get(2..)?)));
        let value = octets.get(4..4 + len).filter(|_| code != 0)?;
        octets = octets
            .get(4 + len.next_multiple_of(4)..)
            .unwrap_or_default();
        Some((code, value))
    })
}

/// The two lowest bits of a packet's flags say where it went.
pub(super) fn flags(direction: Direction) -> u32 {
    match direction {
        Direction::Receive => 1,
        Direction::Transmit => 2,
    }
}

fn direction(flags: u32) -> Option<Direction> {
    match flags & 3 {
        1 => Some(Direction::Receive),
        2 => Some(Direction::Transmit),
        _ => None,
    }
}

fn malformed(offset: u64, what: String) -> PcapError {
    PcapError::Malformed { offset, what }
}

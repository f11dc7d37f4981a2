//! TCP (RFC 9293).
//!
//! [`TcpHeader`] is the fixed 20 octets over any bytes; [`TcpSegment`] exists only where the data
//! offset was checked. Options are read one by one with [`TcpOptions`] and written with
//! [`TcpOptionsBuilder`]. The state machine is not here.

mod flags;
mod options;
mod options_builder;
mod segment;

use core::fmt;

use crate::checksum::ChecksumDelta;
use crate::integers::{U16, U32};
use crate::ip::{Ip, IpProtocol};
use crate::seq::SeqNumber;
use crate::view::header;

pub use flags::TcpFlags;
pub use options::{SackBlock, TcpOption, TcpOptionError, TcpOptions};
pub use options_builder::{NoRoom, TcpOptionsBuilder};
pub use segment::{TcpError, TcpSegment, TcpSegmentMut};

header! {
    /// The fixed part of the header.
    pub struct TcpHeader {
        /// Port of the sender.
        source_port: U16 => u16, set_source_port;
        /// Port of the receiver.
        destination_port: U16 => u16, set_destination_port;
        /// Number of the first octet of data, or of SYN.
        sequence: U32 => SeqNumber, set_sequence;
        /// Number of the next octet expected; meaningful with ACK.
        acknowledgment: U32 => SeqNumber, set_acknowledgment;
        offset_flags: U16;
        /// Octets that the sender will take from `acknowledgment` on, not yet scaled (RFC 7323 §2).
        window: U16 => u16, set_window;
        /// Checksum over pseudo-header, header and data.
        checksum: U16 => u16, set_checksum;
        /// Where urgent data ends, from `sequence` on; meaningful with URG.
        urgent_pointer: U16 => u16, set_urgent_pointer;
    }
}

impl TcpHeader {
    /// The longest header, with options, in octets.
    pub const MAX_LEN: usize = 60;

    /// A header without options and without a checksum; the urgent pointer is 0.
    #[inline]
    pub const fn new(
        source_port: u16,
        destination_port: u16,
        sequence: SeqNumber,
        acknowledgment: SeqNumber,
        flags: TcpFlags,
        window: u16,
    ) -> Self {
        Self {
            source_port: U16::new(source_port),
            destination_port: U16::new(destination_port),
            sequence: U32::new(sequence.value()),
            acknowledgment: U32::new(acknowledgment.value()),
            offset_flags: U16::new(0x5000 | flags.bits()),
            window: U16::new(window),
            checksum: U16::new(0),
            urgent_pointer: U16::new(0),
        }
    }

    /// The header length in octets as the data offset says it: a multiple of 4 up to 60, and less
    /// than 20 in a malformed one.
    #[inline]
    pub const fn header_len(&self) -> usize {
        (self.offset_flags.get() >> 12) as usize * 4
    }

    /// Sets the header length in octets, rounded down to a multiple of 4, modulo 64.
    #[inline]
    pub const fn set_header_len(&mut self, octets: usize) {
        let offset = ((octets / 4) & 0x0f) as u16;
        self.offset_flags = U16::new(self.offset_flags.get() & 0x0fff | offset << 12);
    }

    /// The flags.
    #[inline]
    pub const fn flags(&self) -> TcpFlags {
        TcpFlags::from_bits(self.offset_flags.get())
    }

    /// Sets the flags; the three reserved bits become 0.
    #[inline]
    pub const fn set_flags(&mut self, flags: TcpFlags) {
        self.offset_flags = U16::new(self.offset_flags.get() & 0xf000 | flags.bits());
    }

    /// Fills in the checksum between these addresses, over the header, its options and the data.
    #[inline]
    pub fn fill_checksum<A: Ip>(
        &mut self,
        source: A,
        destination: A,
        options: &[u8],
        payload: &[u8],
    ) {
        self.checksum = U16::new(0);
        let length = (Self::LEN + options.len() + payload.len()) as u32;
        let sum = A::pseudo_header(source, destination, IpProtocol::TCP, length)
            .add_bytes(self.as_bytes())
            .add_bytes(options)
            .add_bytes(payload);
        self.checksum = U16::new(sum.finish());
    }

    /// Corrects the checksum after ports, addresses or anything else under it was changed (RFC
    /// 1624).
    #[inline]
    pub const fn update_checksum(&mut self, delta: ChecksumDelta) {
        self.checksum = U16::new(delta.apply(self.checksum.get()));
    }
}

/// `TCP 40000 > 80 [S.], seq 1, ack 2, win 65535`
impl fmt::Display for TcpHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = self.flags();
        let (from, to) = (self.source_port, self.destination_port);
        write!(f, "TCP {from} > {to} [{flags}], seq {}", self.sequence)?;
        if flags.contains(TcpFlags::ACK) {
            write!(f, ", ack {}", self.acknowledgment)?;
        }
        write!(f, ", win {}", self.window)?;
        if flags.contains(TcpFlags::URG) {
            write!(f, ", urg {}", self.urgent_pointer)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    const HEADER: [u8; 20] = [
        0x9c, 0x40, 0x00, 0x50, // 40000 to 80
        0xff, 0xff, 0xff, 0xff, // sequence
        0x00, 0x00, 0x00, 0x02, // acknowledgment
        0x50, 0x12, 0xff, 0xff, // 20 octets, SYN and ACK, window
        0x00, 0x00, 0x00, 0x00, // checksum, urgent pointer
    ];

    #[test]
    fn reads_and_builds() {
        let built = TcpHeader::new(
            40_000,
            80,
            SeqNumber::new(u32::MAX),
            SeqNumber::new(2),
            TcpFlags::SYN | TcpFlags::ACK,
            65_535,
        );
        assert_eq!(built, TcpHeader::from_bytes(HEADER));
        assert_eq!(
            (built.header_len(), built.flags()),
            (20, TcpFlags::SYN | TcpFlags::ACK)
        );
        assert_eq!(
            built.to_string(),
            "TCP 40000 > 80 [S.], seq 4294967295, ack 2, win 65535"
        );
    }

    #[test]
    fn offset_and_flags_do_not_touch_each_other() {
        let mut header = TcpHeader::from_bytes(HEADER);
        header.set_header_len(60);
        header.set_flags(TcpFlags::FIN | TcpFlags::AE);
        assert_eq!(header.as_bytes()[12..14], [0xf1, 0x01]);
        header.set_header_len(21);
        assert_eq!(
            (header.header_len(), header.flags()),
            (20, TcpFlags::FIN | TcpFlags::AE)
        );
    }
}

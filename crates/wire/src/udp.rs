//! UDP (RFC 768; over IPv6 RFC 8200 §8.1).

use core::fmt;

use crate::checksum::ChecksumDelta;
use crate::integers::U16;
use crate::ip::{Ip, IpProtocol};
use crate::view::{Truncated, header};

header! {
    /// The 8 octets at the beginning of a datagram.
    pub struct UdpHeader {
        /// Port of the sender, 0 if it expects no answer.
        source_port: U16 => u16, set_source_port;
        /// Port of the receiver.
        destination_port: U16 => u16, set_destination_port;
        /// Length of header and payload in octets.
        length: U16 => u16, set_length;
        /// Checksum over pseudo-header, header and payload; 0 means that the sender made none.
        checksum: U16 => u16, set_checksum;
    }
}

impl UdpHeader {
    /// A header without a checksum.
    ///
    /// `payload_len` is in octets; more than 65527 do not fit, and the length then saturates at
    /// 65535.
    #[inline]
    pub const fn new(source_port: u16, destination_port: u16, payload_len: u16) -> Self {
        Self {
            source_port: U16::new(source_port),
            destination_port: U16::new(destination_port),
            length: U16::new(payload_len.saturating_add(Self::LEN as u16)),
            checksum: U16::new(0),
        }
    }

    /// Fills in the checksum between these addresses, over the length that the header says and this
    /// payload.
    ///
    /// A sum that comes out as 0 is sent as 0xffff, since 0 means that there is none.
    #[inline]
    pub fn fill_checksum<A: Ip>(&mut self, source: A, destination: A, payload: &[u8]) {
        self.checksum = U16::new(0);
        let sum = A::pseudo_header(
            source,
            destination,
            IpProtocol::UDP,
            self.length.get().into(),
        )
        .add_bytes(self.as_bytes())
        .add_bytes(payload);
        self.checksum = U16::new(nonzero(sum.finish()));
    }

    /// Corrects the checksum after ports, addresses or payload were changed (RFC 1624), unless the
    /// sender made none.
    #[inline]
    pub const fn update_checksum(&mut self, delta: ChecksumDelta) {
        let old = self.checksum.get();
        if old != 0 {
            self.checksum = U16::new(nonzero(delta.apply(old)));
        }
    }
}

#[inline]
const fn nonzero(checksum: u16) -> u16 {
    if checksum == 0 { 0xffff } else { checksum }
}

/// `UDP 40000 > 53, length 30`
impl fmt::Display for UdpHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "UDP {} > {}, length {}",
            self.source_port, self.destination_port, self.length
        )
    }
}

/// Why bytes are no UDP datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UdpError {
    /// Fewer bytes than the header.
    Truncated(Truncated),
    /// The length field is less than the header's 8 octets. (0 would be a jumbogram, RFC 2675,
    /// which is not supported.)
    Length {
        /// The length found, in octets.
        found: u16,
    },
    /// The length field is more than there is.
    Incomplete {
        /// The length field, in octets.
        length: u16,
        /// Bytes that are there.
        found: usize,
    },
}

impl From<Truncated> for UdpError {
    fn from(error: Truncated) -> Self {
        Self::Truncated(error)
    }
}

impl fmt::Display for UdpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated(error) => write!(f, "UDP header: {error}"),
            Self::Length { found } => {
                write!(
                    f,
                    "expected a UDP length of at least 8 octets, found {found}"
                )
            }
            Self::Incomplete { length, found } => {
                write!(
                    f,
                    "expected the {length} octets of the UDP length, found {found}"
                )
            }
        }
    }
}

impl core::error::Error for UdpError {}

/// The length of the datagram at the beginning of `bytes`, where 8 <= length <= `bytes.len()`.
#[inline]
fn check(bytes: &[u8]) -> Result<usize, UdpError> {
    let (header, _) = UdpHeader::split_from(bytes)?;
    let length = header.length();
    if usize::from(length) < UdpHeader::LEN {
        return Err(UdpError::Length { found: length });
    }
    if usize::from(length) > bytes.len() {
        return Err(UdpError::Incomplete {
            length,
            found: bytes.len(),
        });
    }
    Ok(usize::from(length))
}

/// A datagram whose length was checked. What followed it is cut off.
#[derive(Clone, Copy, Debug)]
pub struct UdpDatagram<'a> {
    header: &'a UdpHeader,
    payload: &'a [u8],
}

impl<'a> UdpDatagram<'a> {
    /// Checks the datagram at the beginning of `bytes`.
    ///
    /// # Errors
    /// Says which length is wrong.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, UdpError> {
        let length = check(bytes)?;
        let (header, payload) = UdpHeader::split_from(&bytes[..length])?;
        Ok(Self { header, payload })
    }

    /// The header.
    #[inline]
    pub const fn header(&self) -> &'a UdpHeader {
        self.header
    }

    /// What the datagram carries.
    #[inline]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// Whether the checksum is right between these addresses.
    ///
    /// No checksum (0) is right over IPv4 and wrong over IPv6 (RFC 8200 §8.1), where only tunnels
    /// that know each other may go without (RFC 6935).
    #[inline]
    pub fn has_valid_checksum<A: Ip>(&self, source: A, destination: A) -> bool {
        if self.header.checksum() == 0 {
            return A::VERSION == 4;
        }
        let length = self.header.length().into();
        A::pseudo_header(source, destination, IpProtocol::UDP, length)
            .add_bytes(self.header.as_bytes())
            .add_bytes(self.payload)
            .is_valid()
    }
}

impl fmt::Display for UdpDatagram<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.header.fmt(f)
    }
}

/// [`UdpDatagram`], to be changed. Where the payload ends stays as it was when parsed, whatever is
/// written.
#[derive(Debug)]
pub struct UdpDatagramMut<'a> {
    header: &'a mut UdpHeader,
    payload: &'a mut [u8],
}

impl<'a> UdpDatagramMut<'a> {
    /// Checks the datagram at the beginning of `bytes`.
    ///
    /// # Errors
    /// As [`UdpDatagram::parse`].
    #[inline]
    pub fn parse(bytes: &'a mut [u8]) -> Result<Self, UdpError> {
        let length = check(bytes)?;
        let (header, payload) = UdpHeader::split_from_mut(&mut bytes[..length])?;
        Ok(Self { header, payload })
    }

    /// The header.
    #[inline]
    pub const fn header(&self) -> &UdpHeader {
        self.header
    }

    /// The header, to be changed.
    #[inline]
    pub const fn header_mut(&mut self) -> &mut UdpHeader {
        self.header
    }

    /// What the datagram carries, to be changed.
    #[inline]
    pub const fn payload_mut(&mut self) -> &mut [u8] {
        self.payload
    }

    /// Fills in the checksum between these addresses, as [`UdpHeader::fill_checksum`].
    #[inline]
    pub fn fill_checksum<A: Ip>(&mut self, source: A, destination: A) {
        self.header.fill_checksum(source, destination, self.payload);
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use core::net::{Ipv4Addr, Ipv6Addr};
    use std::string::ToString;

    const A: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
    const B: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);

    /// "hi!" from port 40000 to 53 between A and B, then an octet of padding.
    const DATAGRAM: [u8; 12] = [
        0x9c, 0x40, 0x00, 0x35, 0x00, 0x0b, 0xed, 0xc1, b'h', b'i', b'!', 0xee,
    ];

    #[test]
    fn reads_and_verifies() {
        let datagram = UdpDatagram::parse(&DATAGRAM).unwrap();
        assert_eq!(
            (
                datagram.header().source_port(),
                datagram.header().destination_port()
            ),
            (40_000, 53)
        );
        assert_eq!(datagram.payload(), b"hi!");
        assert!(datagram.has_valid_checksum(A, B));
        assert!(!datagram.has_valid_checksum(A, A));
        assert_eq!(datagram.to_string(), "UDP 40000 > 53, length 11");
    }

    #[test]
    fn builds_the_same() {
        let mut header = UdpHeader::new(40_000, 53, 3);
        header.fill_checksum(A, B, b"hi!");
        assert_eq!(header.as_bytes()[..], DATAGRAM[..8]);
    }

    #[test]
    fn a_sum_of_zero_is_sent_as_all_ones() {
        let mut header = UdpHeader::new(1, 2, 2);
        header.fill_checksum(A, B, &[0, 0]);
        let payload = header.checksum().to_be_bytes(); // makes the sum come out as 0
        header.fill_checksum(A, B, &payload);
        assert_eq!(header.checksum(), 0xffff);
        let mut bytes = [0; 10];
        bytes[..8].copy_from_slice(header.as_bytes());
        bytes[8..].copy_from_slice(&payload);
        assert!(UdpDatagram::parse(&bytes).unwrap().has_valid_checksum(A, B));
        // Changing a port and changing it back must not fall on 0 either.
        let delta = ChecksumDelta::new().replace_u16(1, 9);
        header.update_checksum(delta);
        header.update_checksum(delta.inverse());
        assert_eq!(header.checksum(), 0xffff);
    }

    #[test]
    fn no_checksum_is_fine_over_ipv4_only() {
        let mut bytes = DATAGRAM;
        bytes[6..8].fill(0);
        let datagram = UdpDatagram::parse(&bytes).unwrap();
        assert!(datagram.has_valid_checksum(A, B));
        assert!(!datagram.has_valid_checksum(Ipv6Addr::LOCALHOST, Ipv6Addr::LOCALHOST));
        let mut header = *datagram.header();
        header.update_checksum(ChecksumDelta::new().replace_u16(1, 2));
        assert_eq!(header.checksum(), 0);
    }

    #[test]
    fn wrong_lengths_are_told_apart() {
        let mut bytes = DATAGRAM;
        assert_eq!(
            UdpDatagram::parse(&bytes[..7]).unwrap_err(),
            Truncated {
                needed: 8,
                found: 7
            }
            .into()
        );
        assert_eq!(
            UdpDatagram::parse(&bytes[..10]).unwrap_err(),
            UdpError::Incomplete {
                length: 11,
                found: 10
            }
        );
        bytes[5] = 7;
        assert_eq!(
            UdpDatagramMut::parse(&mut bytes).unwrap_err(),
            UdpError::Length { found: 7 }
        );
    }
}

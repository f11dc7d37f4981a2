//! IPv4 packets whose lengths were checked.

use core::fmt;

use super::{Ipv4Header, Ipv4Options};
use crate::checksum::Checksum;
use crate::view::Truncated;

/// Why bytes are no IPv4 packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ipv4Error {
    /// Fewer bytes than the fixed header.
    Truncated(Truncated),
    /// The version is not 4.
    Version {
        /// The version found.
        found: u8,
    },
    /// The header length is less than 20 octets.
    HeaderLength {
        /// The header length found, in octets.
        found: usize,
    },
    /// The total length is less than the header length.
    TotalLength {
        /// The total length found, in octets.
        found: u16,
        /// The header length, in octets.
        header_len: usize,
    },
    /// The total length is more than there is: the packet was cut off on its way here.
    Incomplete {
        /// The total length, in octets.
        total_length: u16,
        /// Bytes that are there.
        found: usize,
    },
}

impl From<Truncated> for Ipv4Error {
    fn from(error: Truncated) -> Self {
        Self::Truncated(error)
    }
}

impl fmt::Display for Ipv4Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated(error) => write!(f, "IPv4 header: {error}"),
            Self::Version { found } => write!(f, "expected IP version 4, found {found}"),
            Self::HeaderLength { found } => {
                write!(
                    f,
                    "expected an IPv4 header length of at least 20 octets, found {found}"
                )
            }
            Self::TotalLength { found, header_len } => write!(
                f,
                "expected an IPv4 total length of at least the header's {header_len} octets, found {found}"
            ),
            Self::Incomplete {
                total_length,
                found,
            } => {
                write!(
                    f,
                    "expected the {total_length} octets of the IPv4 total length, found {found}"
                )
            }
        }
    }
}

impl core::error::Error for Ipv4Error {}

/// The header length and total length of the packet at the beginning of `bytes`, where
/// 20 <= header length <= total length <= `bytes.len()`.
#[inline]
fn check(bytes: &[u8]) -> Result<(usize, usize), Ipv4Error> {
    let (header, _) = Ipv4Header::split_from(bytes)?;
    if header.version() != 4 {
        return Err(Ipv4Error::Version {
            found: header.version(),
        });
    }
    let header_len = header.header_len();
    if header_len < Ipv4Header::LEN {
        return Err(Ipv4Error::HeaderLength { found: header_len });
    }
    let total_length = header.total_length();
    if usize::from(total_length) < header_len {
        return Err(Ipv4Error::TotalLength {
            found: total_length,
            header_len,
        });
    }
    if usize::from(total_length) > bytes.len() {
        return Err(Ipv4Error::Incomplete {
            total_length,
            found: bytes.len(),
        });
    }
    Ok((header_len, usize::from(total_length)))
}

/// A packet whose version and lengths were checked. What followed it in the frame, Ethernet's
/// padding, is cut off.
#[derive(Clone, Copy, Debug)]
pub struct Ipv4Packet<'a> {
    bytes: &'a [u8],
    header: &'a Ipv4Header,
    options: &'a [u8],
    payload: &'a [u8],
}

impl<'a> Ipv4Packet<'a> {
    /// Checks the packet at the beginning of `bytes`.
    ///
    /// # Errors
    /// Says which length is wrong, or that it is another version.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Ipv4Error> {
        let (header_len, total_length) = check(bytes)?;
        let bytes = &bytes[..total_length];
        let (head, payload) = bytes.split_at(header_len);
        let (header, options) = Ipv4Header::split_from(head)?;
        Ok(Self {
            bytes,
            header,
            options,
            payload,
        })
    }

    /// The fixed header.
    #[inline]
    pub const fn header(&self) -> &'a Ipv4Header {
        self.header
    }

    /// The options, one after the other.
    #[inline]
    pub const fn options(&self) -> Ipv4Options<'a> {
        Ipv4Options::new(self.options)
    }

    /// The octets of the options.
    #[inline]
    pub const fn options_bytes(&self) -> &'a [u8] {
        self.options
    }

    /// What the packet carries.
    #[inline]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The whole packet, without what followed it.
    #[inline]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether the header checksum is right, options included.
    #[inline]
    pub fn has_valid_checksum(&self) -> bool {
        if self.options.is_empty() {
            self.header.has_valid_checksum()
        } else {
            Checksum::new()
                .add_bytes(self.header.as_bytes())
                .add_bytes(self.options)
                .is_valid()
        }
    }
}

impl fmt::Display for Ipv4Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.header.fmt(f)?;
        for option in self.options() {
            match option {
                Ok(option) => write!(f, ", {option}")?,
                Err(error) => write!(f, ", bad option: {error}")?,
            }
        }
        Ok(())
    }
}

/// [`Ipv4Packet`], to be changed. Where header ends and payload begins stays as it was when parsed,
/// whatever is written.
#[derive(Debug)]
pub struct Ipv4PacketMut<'a> {
    header: &'a mut Ipv4Header,
    options: &'a mut [u8],
    payload: &'a mut [u8],
}

impl<'a> Ipv4PacketMut<'a> {
    /// Checks the packet at the beginning of `bytes`.
    ///
    /// # Errors
    /// As [`Ipv4Packet::parse`].
    #[inline]
    pub fn parse(bytes: &'a mut [u8]) -> Result<Self, Ipv4Error> {
        let (header_len, total_length) = check(bytes)?;
        let (head, payload) = bytes[..total_length].split_at_mut(header_len);
        let (header, options) = Ipv4Header::split_from_mut(head)?;
        Ok(Self {
            header,
            options,
            payload,
        })
    }

    /// The fixed header.
    #[inline]
    pub const fn header(&self) -> &Ipv4Header {
        self.header
    }

    /// The fixed header, to be changed.
    #[inline]
    pub const fn header_mut(&mut self) -> &mut Ipv4Header {
        self.header
    }

    /// The octets of the options, to be changed.
    #[inline]
    pub const fn options_bytes_mut(&mut self) -> &mut [u8] {
        self.options
    }

    /// What the packet carries.
    #[inline]
    pub const fn payload(&self) -> &[u8] {
        self.payload
    }

    /// What the packet carries, to be changed.
    #[inline]
    pub const fn payload_mut(&mut self) -> &mut [u8] {
        self.payload
    }

    /// Header and payload at once, for transports whose checksum needs the addresses.
    #[inline]
    pub fn into_parts(self) -> (&'a mut Ipv4Header, &'a mut [u8]) {
        (self.header, self.payload)
    }

    /// Fills in the header checksum, options included.
    #[inline]
    pub fn fill_checksum(&mut self) {
        self.header.set_checksum(0);
        let sum = Checksum::new()
            .add_bytes(self.header.as_bytes())
            .add_bytes(self.options);
        self.header.set_checksum(sum.finish());
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    /// An IGMP report with the router alert option (RFC 2113), 32 octets in a frame padded to 46;
    /// checksum worked out apart from this code.
    const PADDED: [u8; 46] = {
        let mut bytes = [0; 46];
        let packet: [u8; 32] = [
            0x46, 0xc0, 0x00, 0x20, 0x00, 0x00, 0x40, 0x00, 0x01, 0x02, 0xfa, 0x00, 10, 0, 0, 1,
            224, 0, 0, 22, 0x94, 0x04, 0x00, 0x00, 0x22, 0x00, 0xdd, 0xff, 0, 0, 0, 0,
        ];
        let mut index = 0;
        while index < packet.len() {
            bytes[index] = packet[index];
            index += 1;
        }
        bytes
    };

    #[test]
    fn padding_is_cut_off_and_options_are_apart() {
        let packet = Ipv4Packet::parse(&PADDED).unwrap();
        assert_eq!(packet.as_bytes(), &PADDED[..32]);
        assert_eq!(packet.options_bytes(), [0x94, 4, 0, 0]);
        assert_eq!(packet.payload(), &PADDED[24..32]);
        assert!(packet.has_valid_checksum());
        assert!(
            packet.to_string().ends_with("length 32, router alert 0"),
            "{packet}"
        );
    }

    #[test]
    fn the_checksum_covers_the_options() {
        let mut bytes = PADDED;
        bytes[23] = 1;
        assert!(!Ipv4Packet::parse(&bytes).unwrap().has_valid_checksum());
        Ipv4PacketMut::parse(&mut bytes).unwrap().fill_checksum();
        assert!(Ipv4Packet::parse(&bytes).unwrap().has_valid_checksum());
    }

    #[test]
    fn wrong_lengths_are_told_apart() {
        let parse = |change: &[(usize, u8)], len: usize| {
            let mut bytes = PADDED;
            for &(index, value) in change {
                bytes[index] = value;
            }
            Ipv4Packet::parse(&bytes[..len]).map(|packet| packet.as_bytes().len())
        };
        assert_eq!(parse(&[], 46), Ok(32));
        assert_eq!(
            parse(&[], 31),
            Err(Ipv4Error::Incomplete {
                total_length: 32,
                found: 31
            })
        );
        assert_eq!(
            parse(&[], 19),
            Err(Truncated {
                needed: 20,
                found: 19
            }
            .into())
        );
        assert_eq!(
            parse(&[(0, 0x66)], 46),
            Err(Ipv4Error::Version { found: 6 })
        );
        assert_eq!(
            parse(&[(0, 0x44)], 46),
            Err(Ipv4Error::HeaderLength { found: 16 })
        );
        assert_eq!(
            parse(&[(3, 23)], 46),
            Err(Ipv4Error::TotalLength {
                found: 23,
                header_len: 24
            })
        );
        assert_eq!(parse(&[(3, 24)], 46), Ok(24));
    }
}

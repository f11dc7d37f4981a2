//! IPv6 packets whose lengths were checked.

use core::fmt;

use super::{ExtensionError, ExtensionHeaders, Ipv6Header, UpperLayer};
use crate::view::Truncated;

/// Why bytes are no IPv6 packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ipv6Error {
    /// Fewer bytes than the fixed header.
    Truncated(Truncated),
    /// The version is not 6.
    Version {
        /// The version found.
        found: u8,
    },
    /// The payload length is more than there is: the packet was cut off on its way here.
    Incomplete {
        /// The payload length, in octets.
        payload_length: u16,
        /// Bytes that follow the fixed header.
        found: usize,
    },
}

impl From<Truncated> for Ipv6Error {
    fn from(error: Truncated) -> Self {
        Self::Truncated(error)
    }
}

impl fmt::Display for Ipv6Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated(error) => write!(f, "IPv6 header: {error}"),
            Self::Version { found } => write!(f, "expected IP version 6, found {found}"),
            Self::Incomplete {
                payload_length,
                found,
            } => write!(
                f,
                "expected the {payload_length} octets of the IPv6 payload length, found {found}"
            ),
        }
    }
}

impl core::error::Error for Ipv6Error {}

/// The length of the whole packet at the beginning of `bytes`, where 40 <= length <= `bytes.len()`.
#[inline]
fn check(bytes: &[u8]) -> Result<usize, Ipv6Error> {
    let (header, rest) = Ipv6Header::split_from(bytes)?;
    if header.version() != 6 {
        return Err(Ipv6Error::Version {
            found: header.version(),
        });
    }
    let payload_length = header.payload_length();
    if usize::from(payload_length) > rest.len() {
        return Err(Ipv6Error::Incomplete {
            payload_length,
            found: rest.len(),
        });
    }
    Ok(Ipv6Header::LEN + usize::from(payload_length))
}

/// A packet whose version and payload length were checked. What followed it in the frame,
/// Ethernet's padding, is cut off.
#[derive(Clone, Copy, Debug)]
pub struct Ipv6Packet<'a> {
    bytes: &'a [u8],
    header: &'a Ipv6Header,
    payload: &'a [u8],
}

impl<'a> Ipv6Packet<'a> {
    /// Checks the packet at the beginning of `bytes`.
    ///
    /// # Errors
    /// Says which length is wrong, or that it is another version.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Ipv6Error> {
        let bytes = &bytes[..check(bytes)?];
        let (header, payload) = Ipv6Header::split_from(bytes)?;
        Ok(Self {
            bytes,
            header,
            payload,
        })
    }

    /// The fixed header.
    #[inline]
    pub const fn header(&self) -> &'a Ipv6Header {
        self.header
    }

    /// What follows the fixed header, extension headers included.
    #[inline]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The whole packet, without what followed it.
    #[inline]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The extension headers, one after the other.
    #[inline]
    pub fn extension_headers(&self) -> ExtensionHeaders<'a> {
        ExtensionHeaders::new(self.header.next_header(), self.payload)
    }

    /// What comes after the extension headers.
    ///
    /// # Errors
    /// [`ExtensionError`] if the chain of extension headers is broken.
    #[inline]
    pub fn upper_layer(&self) -> Result<UpperLayer<'a>, ExtensionError> {
        self.extension_headers().upper_layer()
    }
}

impl fmt::Display for Ipv6Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.header.fmt(f)?;
        for extension in self.extension_headers() {
            match extension {
                Ok(extension) => write!(f, ", {extension}")?,
                Err(error) => write!(f, ", bad extension header: {error}")?,
            }
        }
        Ok(())
    }
}

/// [`Ipv6Packet`], to be changed. Where the payload ends stays as it was when parsed, whatever is
/// written.
#[derive(Debug)]
pub struct Ipv6PacketMut<'a> {
    header: &'a mut Ipv6Header,
    payload: &'a mut [u8],
}

impl<'a> Ipv6PacketMut<'a> {
    /// Checks the packet at the beginning of `bytes`.
    ///
    /// # Errors
    /// As [`Ipv6Packet::parse`].
    #[inline]
    pub fn parse(bytes: &'a mut [u8]) -> Result<Self, Ipv6Error> {
        let length = check(bytes)?;
        let (header, payload) = Ipv6Header::split_from_mut(&mut bytes[..length])?;
        Ok(Self { header, payload })
    }

    /// The fixed header.
    #[inline]
    pub const fn header(&self) -> &Ipv6Header {
        self.header
    }

    /// The fixed header, to be changed.
    #[inline]
    pub const fn header_mut(&mut self) -> &mut Ipv6Header {
        self.header
    }

    /// What follows the fixed header.
    #[inline]
    pub const fn payload(&self) -> &[u8] {
        self.payload
    }

    /// What follows the fixed header, to be changed.
    #[inline]
    pub const fn payload_mut(&mut self) -> &mut [u8] {
        self.payload
    }

    /// The extension headers, one after the other.
    #[inline]
    pub fn extension_headers(&self) -> ExtensionHeaders<'_> {
        ExtensionHeaders::new(self.header.next_header(), self.payload)
    }

    /// Header and payload at once, for transports whose checksum needs the addresses.
    #[inline]
    pub fn into_parts(self) -> (&'a mut Ipv6Header, &'a mut [u8]) {
        (self.header, self.payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ip::IpProtocol;
    use core::net::Ipv6Addr;

    #[test]
    fn lengths_are_checked_and_padding_is_cut_off() {
        let (a, b) = (Ipv6Addr::LOCALHOST, Ipv6Addr::UNSPECIFIED);
        let header = Ipv6Header::new(IpProtocol::UDP, a, b, 5);
        let mut bytes = [7; 46];
        bytes[..40].copy_from_slice(header.as_bytes());
        let packet = Ipv6Packet::parse(&bytes).unwrap();
        assert_eq!(
            (packet.payload(), packet.as_bytes().len()),
            (&[7; 5][..], 45)
        );
        assert_eq!(
            Ipv6PacketMut::parse(&mut bytes).unwrap().payload_mut(),
            [7; 5]
        );
        let parse = |bytes: &[u8]| Ipv6Packet::parse(bytes).unwrap_err();
        assert_eq!(
            parse(&bytes[..44]),
            Ipv6Error::Incomplete {
                payload_length: 5,
                found: 4
            }
        );
        assert_eq!(
            parse(&bytes[..39]),
            Truncated {
                needed: 40,
                found: 39
            }
            .into()
        );
        bytes[0] = 0x45;
        assert_eq!(parse(&bytes), Ipv6Error::Version { found: 4 });
    }
}

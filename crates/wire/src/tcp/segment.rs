//! TCP segments whose data offset was checked.

use core::fmt;

use super::{TcpFlags, TcpHeader, TcpOptions};
use crate::ip::{Ip, IpProtocol};
use crate::view::Truncated;

/// Why bytes are no TCP segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TcpError {
    /// Fewer bytes than the fixed header.
    Truncated(Truncated),
    /// The data offset points into the fixed header.
    HeaderLength {
        /// The header length found, in octets.
        found: usize,
    },
    /// The data offset points beyond the end.
    Incomplete {
        /// The header length, in octets.
        header_len: usize,
        /// Bytes that are there.
        found: usize,
    },
}

impl From<Truncated> for TcpError {
    fn from(error: Truncated) -> Self {
        Self::Truncated(error)
    }
}

impl fmt::Display for TcpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated(error) => write!(f, "TCP header: {error}"),
            Self::HeaderLength { found } => {
                write!(
                    f,
                    "expected a TCP data offset of at least 20 octets, found {found}"
                )
            }
            Self::Incomplete { header_len, found } => {
                write!(
                    f,
                    "expected the {header_len} octets of the TCP data offset, found {found}"
                )
            }
        }
    }
}

impl core::error::Error for TcpError {}

/// The header length of the segment, where 20 <= header length <= `bytes.len()`.
#[inline]
fn check(bytes: &[u8]) -> Result<usize, TcpError> {
    let (header, _) = TcpHeader::split_from(bytes)?;
    let header_len = header.header_len();
    if header_len < TcpHeader::LEN {
        return Err(TcpError::HeaderLength { found: header_len });
    }
    if header_len > bytes.len() {
        return Err(TcpError::Incomplete {
            header_len,
            found: bytes.len(),
        });
    }
    Ok(header_len)
}

/// A segment whose data offset was checked. TCP has no length of its own, so it is as long as the
/// payload of IP.
#[derive(Clone, Copy, Debug)]
pub struct TcpSegment<'a> {
    bytes: &'a [u8],
    header: &'a TcpHeader,
    options: &'a [u8],
    payload: &'a [u8],
}

impl<'a> TcpSegment<'a> {
    /// Checks the segment that takes all of `bytes`.
    ///
    /// # Errors
    /// Says which length is wrong.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, TcpError> {
        let (head, payload) = bytes.split_at(check(bytes)?);
        let (header, options) = TcpHeader::split_from(head)?;
        Ok(Self {
            bytes,
            header,
            options,
            payload,
        })
    }

    /// The fixed header.
    #[inline]
    pub const fn header(&self) -> &'a TcpHeader {
        self.header
    }

    /// The options, one after the other.
    #[inline]
    pub const fn options(&self) -> TcpOptions<'a> {
        TcpOptions::new(self.options)
    }

    /// The octets of the options.
    #[inline]
    pub const fn options_bytes(&self) -> &'a [u8] {
        self.options
    }

    /// The data.
    #[inline]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// How many sequence numbers the segment takes: its data, SYN and FIN (`SEG.LEN` of RFC 9293
    /// §3.4).
    #[inline]
    pub fn sequence_len(&self) -> u32 {
        (self.payload.len() as u32).wrapping_add(self.header.flags().sequence_len())
    }

    /// Whether the checksum is right between these addresses.
    #[inline]
    pub fn has_valid_checksum<A: Ip>(&self, source: A, destination: A) -> bool {
        A::pseudo_header(
            source,
            destination,
            IpProtocol::TCP,
            self.bytes.len() as u32,
        )
        .add_bytes(self.bytes)
        .is_valid()
    }
}

impl fmt::Display for TcpSegment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.header.fmt(f)?;
        for (index, option) in self.options().enumerate() {
            f.write_str(if index == 0 { ", options [" } else { "," })?;
            match option {
                Ok(option) => option.fmt(f)?,
                Err(error) => error.fmt(f)?,
            }
        }
        f.write_str(if self.options.is_empty() { "" } else { "]" })?;
        write!(f, ", length {}", self.payload.len())
    }
}

/// [`TcpSegment`], to be changed. Where the header ends stays as it was when parsed, whatever is
/// written.
#[derive(Debug)]
pub struct TcpSegmentMut<'a> {
    header: &'a mut TcpHeader,
    options: &'a mut [u8],
    payload: &'a mut [u8],
}

impl<'a> TcpSegmentMut<'a> {
    /// Checks the segment that takes all of `bytes`.
    ///
    /// # Errors
    /// As [`TcpSegment::parse`].
    #[inline]
    pub fn parse(bytes: &'a mut [u8]) -> Result<Self, TcpError> {
        let header_len = check(bytes)?;
        let (head, payload) = bytes.split_at_mut(header_len);
        let (header, options) = TcpHeader::split_from_mut(head)?;
        Ok(Self {
            header,
            options,
            payload,
        })
    }

    /// The fixed header.
    #[inline]
    pub const fn header(&self) -> &TcpHeader {
        self.header
    }

    /// The fixed header, to be changed.
    #[inline]
    pub const fn header_mut(&mut self) -> &mut TcpHeader {
        self.header
    }

    /// The octets of the options, to be changed (an MSS clamp does).
    #[inline]
    pub const fn options_bytes_mut(&mut self) -> &mut [u8] {
        self.options
    }

    /// The data, to be changed.
    #[inline]
    pub const fn payload_mut(&mut self) -> &mut [u8] {
        self.payload
    }

    /// Lowers the maximum segment size of a SYN to `limit` octets and corrects the checksum;
    /// returns whether it was higher (RFC 4459 §3.2 describes the practice).
    pub fn clamp_maximum_segment_size(&mut self, limit: u16) -> bool {
        if !self.header.flags().contains(TcpFlags::SYN) {
            return false;
        }
        let mut options = TcpOptions::new(self.options);
        let mut offset = 0;
        while let Some(Ok(option)) = options.next() {
            if let super::TcpOption::MaximumSegmentSize(found) = option {
                return found > limit && self.replace_maximum_segment_size(offset, limit);
            }
            offset = self.options.len() - options.remaining().len();
        }
        false
    }

    /// Writes the value of the option that begins at `offset`, with all octets changed counted
    /// where they lie: the option need not begin at an even one.
    fn replace_maximum_segment_size(&mut self, offset: usize, limit: u16) -> bool {
        let Some(value) = self.options.get_mut(offset + 2..offset + 4) else {
            return false;
        };
        let word = |bytes: &[u8]| match *bytes {
            [high, low] if offset.is_multiple_of(2) => u16::from_be_bytes([high, low]),
            [high, low] => u16::from_le_bytes([high, low]),
            _ => 0,
        };
        let old = word(value);
        value.copy_from_slice(&limit.to_be_bytes());
        let delta = crate::ChecksumDelta::new().replace_u16(old, word(value));
        self.header.update_checksum(delta);
        true
    }

    /// Fills in the checksum between these addresses.
    #[inline]
    pub fn fill_checksum<A: Ip>(&mut self, source: A, destination: A) {
        self.header
            .fill_checksum(source, destination, self.options, self.payload);
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use core::net::Ipv4Addr;
    use std::string::ToString;

    const A: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
    const B: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);

    /// A SYN with a maximum segment size at an odd offset, window scale, and two octets of data
    /// (RFC 7413 allows them).
    const SYN: [u8; 30] = [
        0x9c, 0x40, 0x00, 0x50, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x70, 0x02, 0xff,
        0xff, 0xe2, 0x94, 0x00, 0x00, 1, 2, 4, 0x05, 0xb4, 3, 3, 7, b'h', b'i',
    ];

    #[test]
    fn reads_and_verifies() {
        let segment = TcpSegment::parse(&SYN).unwrap();
        assert_eq!(
            (segment.options_bytes().len(), segment.payload()),
            (8, &b"hi"[..])
        );
        assert_eq!(segment.sequence_len(), 3);
        assert!(segment.has_valid_checksum(A, B) && !segment.has_valid_checksum(A, A));
        assert_eq!(
            segment.to_string(),
            "TCP 40000 > 80 [S], seq 1, win 65535, options [nop,mss 1460,wscale 7], length 2"
        );
    }

    #[test]
    fn the_checksum_is_filled_in_over_options_and_data() {
        let mut bytes = SYN;
        bytes[16..18].fill(0);
        TcpSegmentMut::parse(&mut bytes)
            .unwrap()
            .fill_checksum(A, B);
        assert_eq!(bytes, SYN);
    }

    #[test]
    fn a_clamped_segment_size_keeps_the_checksum_right() {
        let mut bytes = SYN;
        let mut segment = TcpSegmentMut::parse(&mut bytes).unwrap();
        assert!(!segment.clamp_maximum_segment_size(1460));
        assert!(segment.clamp_maximum_segment_size(1220));
        let segment = TcpSegment::parse(&bytes).unwrap();
        assert!(segment.to_string().contains("mss 1220"));
        assert!(segment.has_valid_checksum(A, B));
        bytes[13] = 0x10;
        assert!(
            !TcpSegmentMut::parse(&mut bytes)
                .unwrap()
                .clamp_maximum_segment_size(100)
        );
    }

    #[test]
    fn wrong_offsets_are_told_apart() {
        let mut bytes = SYN;
        assert_eq!(
            TcpSegment::parse(&bytes[..19]).unwrap_err(),
            Truncated {
                needed: 20,
                found: 19
            }
            .into()
        );
        assert_eq!(
            TcpSegment::parse(&bytes[..24]).unwrap_err(),
            TcpError::Incomplete {
                header_len: 28,
                found: 24
            }
        );
        bytes[12] = 0x40;
        assert_eq!(
            TcpSegmentMut::parse(&mut bytes).unwrap_err(),
            TcpError::HeaderLength { found: 16 }
        );
    }
}

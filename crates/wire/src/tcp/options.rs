//! TCP options as they are read (RFC 9293 §3.2; IANA "TCP Option Kind Numbers").

use core::fmt;

use crate::integers::U32;
use crate::options::options;
use crate::seq::SeqNumber;
use crate::view::{View, header};

header! {
    /// A block of data that arrived out of order (RFC 2018 §3).
    pub struct SackBlock {
        /// The first octet of the block.
        left: U32 => SeqNumber, set_left;
        /// The first octet after the block.
        right: U32 => SeqNumber, set_right;
    }
}

impl SackBlock {
    /// The octets from `left` up to, not including, `right`.
    #[inline]
    pub const fn new(left: SeqNumber, right: SeqNumber) -> Self {
        Self {
            left: U32::new(left.value()),
            right: U32::new(right.value()),
        }
    }
}

/// `100:200`
impl fmt::Display for SackBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.left, self.right)
    }
}

/// One option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TcpOption<'a> {
    /// End of the list (kind 0): what follows is padding.
    EndOfList,
    /// No operation (kind 1): padding between options.
    NoOperation,
    /// Octets of the largest segment that the sender can take (kind 2, RFC 9293 §3.7.1); in SYN
    /// only.
    MaximumSegmentSize(u16),
    /// How many bits the sender's windows are to be shifted left (kind 3, RFC 7323 §2.2); in SYN
    /// only. More than 14 count as 14.
    WindowScale(u8),
    /// The sender understands selective acknowledgments (kind 4, RFC 2018 §2); in SYN only.
    SackPermitted,
    /// Selective acknowledgments (kind 5, RFC 2018 §3), at most four that fit.
    Sack(&'a [SackBlock]),
    /// Timestamps (kind 8, RFC 7323 §3.2).
    Timestamps {
        /// The clock of the sender when it sent this segment.
        value: u32,
        /// The latest clock value that it got from the other side; meaningful with ACK.
        echo: u32,
    },
    /// Any other option.
    Unknown {
        /// Its kind.
        kind: u8,
        /// What follows kind and length.
        data: &'a [u8],
    },
}

impl TcpOption<'_> {
    /// The option kind octet.
    pub const fn kind(&self) -> u8 {
        match self {
            Self::EndOfList => 0,
            Self::NoOperation => 1,
            Self::MaximumSegmentSize(_) => 2,
            Self::WindowScale(_) => 3,
            Self::SackPermitted => 4,
            Self::Sack(_) => 5,
            Self::Timestamps { .. } => 8,
            Self::Unknown { kind, .. } => *kind,
        }
    }
}

impl fmt::Display for TcpOption<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndOfList => f.write_str("eol"),
            Self::NoOperation => f.write_str("nop"),
            Self::MaximumSegmentSize(octets) => write!(f, "mss {octets}"),
            Self::WindowScale(shift) => write!(f, "wscale {shift}"),
            Self::SackPermitted => f.write_str("sackOK"),
            Self::Sack(blocks) => {
                f.write_str("sack")?;
                blocks.iter().try_for_each(|block| write!(f, " {block}"))
            }
            Self::Timestamps { value, echo } => write!(f, "TS val {value} ecr {echo}"),
            Self::Unknown { kind, data } => write!(f, "option {kind}, {} octets", data.len()),
        }
    }
}

options! {
    /// The options of a header, one after the other. It ends after the end-of-list option and after an
    /// error.
    TcpOptions of TcpOption,
    /// Why an option cannot be read.
    TcpOptionError,
    /// The length found, kind and length octet included.
    found,
    alone: alone, octets: usize::from, read: read,
    truncated: "expected all of TCP option {}, found its first {} octets",
    length: "expected TCP option {} in a length of its own, found {} octets",
}

/// An option that is its kind alone, and whether it ends the list.
const fn alone(kind: u8) -> Option<(TcpOption<'static>, bool)> {
    match kind {
        0 => Some((TcpOption::EndOfList, true)),
        1 => Some((TcpOption::NoOperation, false)),
        _ => None,
    }
}

/// The option that takes exactly these octets, or `None` if its kind takes another length.
fn read(kind: u8, option: &[u8]) -> Option<TcpOption<'_>> {
    let data = option.get(2..)?;
    Some(match (kind, data) {
        (2, &[high, low]) => TcpOption::MaximumSegmentSize(u16::from_be_bytes([high, low])),
        (3, &[shift]) => TcpOption::WindowScale(shift),
        (4, []) => TcpOption::SackPermitted,
        (5, blocks) => {
            let (blocks @ [_, ..], []) = SackBlock::view_slice(blocks) else {
                return None;
            };
            TcpOption::Sack(blocks)
        }
        (8, &[a, b, c, d, e, f, g, h]) => TcpOption::Timestamps {
            value: u32::from_be_bytes([a, b, c, d]),
            echo: u32::from_be_bytes([e, f, g, h]),
        },
        (2 | 3 | 4 | 8, _) => return None,
        _ => TcpOption::Unknown { kind, data },
    })
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;
    use std::vec::Vec;

    fn all(bytes: &[u8]) -> Vec<Result<TcpOption<'_>, TcpOptionError>> {
        TcpOptions::new(bytes).collect()
    }

    #[test]
    fn every_kind_is_read() {
        let bytes = [
            2, 4, 0x05, 0xb4, // maximum segment size
            1, 3, 3, 7, // no operation, window scale
            4, 2, // selective acknowledgments permitted
            5, 10, 0, 0, 0, 100, 0, 0, 0, 200, // one block
            8, 10, 0, 0, 0, 1, 0, 0, 0, 2, // timestamps
            34, 2, // fast open, which we only name
            0, 77, // end, then padding
        ];
        let options = all(&bytes);
        let block = SackBlock::new(SeqNumber::new(100), SeqNumber::new(200));
        assert_eq!(
            options,
            [
                Ok(TcpOption::MaximumSegmentSize(1460)),
                Ok(TcpOption::NoOperation),
                Ok(TcpOption::WindowScale(7)),
                Ok(TcpOption::SackPermitted),
                Ok(TcpOption::Sack(&[block])),
                Ok(TcpOption::Timestamps { value: 1, echo: 2 }),
                Ok(TcpOption::Unknown {
                    kind: 34,
                    data: &[]
                }),
                Ok(TcpOption::EndOfList),
            ]
        );
        assert_eq!(options[4].unwrap().to_string(), "sack 100:200");
    }

    #[test]
    fn bad_lengths_end_the_list() {
        assert_eq!(
            all(&[2]),
            [Err(TcpOptionError::Truncated { kind: 2, found: 1 })]
        );
        assert_eq!(
            all(&[2, 4, 5]),
            [Err(TcpOptionError::Truncated { kind: 2, found: 3 })]
        );
        assert_eq!(
            all(&[34, 0, 1]),
            [Err(TcpOptionError::Length { kind: 34, found: 0 })]
        );
        assert_eq!(
            all(&[2, 3, 5, 1]),
            [Err(TcpOptionError::Length { kind: 2, found: 3 })]
        );
        assert_eq!(
            all(&[5, 2]),
            [Err(TcpOptionError::Length { kind: 5, found: 2 })]
        );
        assert_eq!(
            all(&[5, 6, 0, 0, 0, 0]),
            [Err(TcpOptionError::Length { kind: 5, found: 6 })]
        );
    }
}

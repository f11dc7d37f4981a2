//! TCP options as they are written.

use core::fmt;

use super::{TcpHeader, TcpOption};
use crate::view::View;

/// The option does not fit into what is left of the 40 octets that a TCP header has for options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom {
    /// Octets that the option takes.
    pub needed: usize,
    /// Octets that are left.
    pub left: usize,
}

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "expected room for a TCP option of {} octets, found {}",
            self.needed, self.left
        )
    }
}

impl core::error::Error for NoRoom {}

/// The options of a header to be sent, padded to a multiple of 4 octets at any time.
///
/// ```
/// use waypost_wire::tcp::{TcpOption, TcpOptionsBuilder};
///
/// let mut options = TcpOptionsBuilder::new();
/// options.push(TcpOption::MaximumSegmentSize(1460))?;
/// options.push(TcpOption::WindowScale(7))?;
/// assert_eq!(options.as_bytes(), [2, 4, 5, 180, 3, 3, 7, 0]);
/// assert_eq!(options.header_len(), 28);
/// # Ok::<(), waypost_wire::tcp::NoRoom>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpOptionsBuilder {
    bytes: Bytes,
    len: usize,
}

/// Room for the longest options, zero (end of list) where nothing was written.
#[derive(Clone, Copy, Debug)]
struct Bytes([u8; TcpHeader::MAX_LEN - TcpHeader::LEN]);

impl Default for Bytes {
    fn default() -> Self {
        Self([0; TcpHeader::MAX_LEN - TcpHeader::LEN])
    }
}

impl TcpOptionsBuilder {
    /// No options.
    #[inline]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an option.
    ///
    /// # Errors
    /// [`NoRoom`] if it does not fit; nothing is added then.
    pub fn push(&mut self, option: TcpOption<'_>) -> Result<(), NoRoom> {
        let kind = option.kind();
        match option {
            TcpOption::EndOfList | TcpOption::NoOperation => self.append(&[&[kind]]),
            TcpOption::MaximumSegmentSize(octets) => {
                self.append(&[&[kind, 4], &octets.to_be_bytes()])
            }
            TcpOption::WindowScale(shift) => self.append(&[&[kind, 3, shift]]),
            TcpOption::SackPermitted => self.append(&[&[kind, 2]]),
            TcpOption::Sack(blocks) => {
                let needed = 2 + blocks.len() * 8;
                let left = self.left();
                if needed > left {
                    return Err(NoRoom { needed, left });
                }
                self.append(&[&[kind, needed as u8]])?;
                blocks
                    .iter()
                    .try_for_each(|block| self.append(&[block.bytes()]))
            }
            TcpOption::Timestamps { value, echo } => {
                self.append(&[&[kind, 10], &value.to_be_bytes(), &echo.to_be_bytes()])
            }
            // A length that does not fit into its octet does not fit into the header either.
            TcpOption::Unknown { data, .. } => {
                self.append(&[&[kind, (2 + data.len()) as u8], data])
            }
        }
    }

    /// Octets not yet used.
    #[inline]
    pub const fn left(&self) -> usize {
        self.bytes.0.len() - self.len
    }

    /// The options, padded with zeros to a multiple of 4 octets.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes.0[..self.len.next_multiple_of(4)]
    }

    /// The length of a header with these options, for [`TcpHeader::set_header_len`].
    #[inline]
    pub const fn header_len(&self) -> usize {
        TcpHeader::LEN + self.len.next_multiple_of(4)
    }

    fn append(&mut self, parts: &[&[u8]]) -> Result<(), NoRoom> {
        let needed = parts.iter().map(|part| part.len()).sum();
        if needed > self.left() {
            return Err(NoRoom {
                needed,
                left: self.left(),
            });
        }
        for part in parts {
            self.bytes.0[self.len..][..part.len()].copy_from_slice(part);
            self.len += part.len();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{SackBlock, TcpOptions};
    use super::*;
    use crate::seq::SeqNumber;

    #[test]
    fn what_is_written_is_read_back() {
        let blocks = [SackBlock::new(SeqNumber::new(1), SeqNumber::new(2)); 2];
        let written = [
            TcpOption::NoOperation,
            TcpOption::Timestamps { value: 7, echo: 9 },
            TcpOption::Sack(&blocks),
            TcpOption::Unknown {
                kind: 254,
                data: &[1, 2],
            },
        ];
        let mut options = TcpOptionsBuilder::new();
        for option in written {
            options.push(option).unwrap();
        }
        assert_eq!(
            (
                options.as_bytes().len(),
                options.header_len(),
                options.left()
            ),
            (36, 56, 7)
        );
        let mut read = TcpOptions::new(options.as_bytes());
        for option in written {
            assert_eq!(read.next(), Some(Ok(option)));
        }
        assert_eq!(read.next(), Some(Ok(TcpOption::EndOfList)));
        assert_eq!(read.next(), None);
    }

    #[test]
    fn what_does_not_fit_changes_nothing() {
        let mut options = TcpOptionsBuilder::new();
        let block = SackBlock::new(SeqNumber::new(1), SeqNumber::new(2));
        options.push(TcpOption::Sack(&[block; 4])).unwrap();
        let before = options.left();
        let timestamps = TcpOption::Timestamps { value: 1, echo: 1 };
        assert_eq!(
            options.push(timestamps),
            Err(NoRoom {
                needed: 10,
                left: 6
            })
        );
        assert_eq!(
            options.push(TcpOption::Sack(&[block; 40])),
            Err(NoRoom {
                needed: 322,
                left: 6
            })
        );
        let long = TcpOption::Unknown {
            kind: 9,
            data: &[0; 300],
        };
        assert_eq!(
            options.push(long),
            Err(NoRoom {
                needed: 302,
                left: 6
            })
        );
        assert_eq!(options.left(), before);
    }
}

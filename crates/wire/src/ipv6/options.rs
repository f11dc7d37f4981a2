//! Options of hop-by-hop and destination headers (RFC 8200 §4.2).

use core::fmt;

use crate::options::options;

/// What to do with a packet whose option one does not know: the two highest bits of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownOptionAction {
    /// Skip the option.
    Skip,
    /// Discard the packet.
    Discard,
    /// Discard the packet and send an ICMP parameter problem, code 2.
    DiscardAndReport,
    /// The same, but send nothing about multicasts.
    DiscardAndReportUnlessMulticast,
}

/// One option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ipv6Option<'a> {
    /// One octet of padding (type 0).
    Pad1,
    /// That many octets of padding, type and length included (type 1): 2 or more.
    PadN(usize),
    /// Routers should look closer (type 5, RFC 2711).
    RouterAlert(u16),
    /// Any other option.
    Unknown {
        /// Its type.
        kind: u8,
        /// What follows type and length.
        data: &'a [u8],
    },
}

impl Ipv6Option<'_> {
    /// The option type octet.
    pub const fn kind(&self) -> u8 {
        match self {
            Self::Pad1 => 0,
            Self::PadN(_) => 1,
            Self::RouterAlert(_) => 5,
            Self::Unknown { kind, .. } => *kind,
        }
    }

    /// What a node does that does not know the option.
    pub const fn unknown_action(&self) -> UnknownOptionAction {
        match self.kind() >> 6 {
            0 => UnknownOptionAction::Skip,
            1 => UnknownOptionAction::Discard,
            2 => UnknownOptionAction::DiscardAndReport,
            _ => UnknownOptionAction::DiscardAndReportUnlessMulticast,
        }
    }

    /// Whether routers may change the option on the way.
    pub const fn may_change(&self) -> bool {
        self.kind() & 0x20 != 0
    }
}

impl fmt::Display for Ipv6Option<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pad1 => f.write_str("pad 1"),
            Self::PadN(octets) => write!(f, "pad {octets}"),
            Self::RouterAlert(value) => write!(f, "router alert {value}"),
            Self::Unknown { kind, data } => write!(f, "option {kind:#04x}, {} octets", data.len()),
        }
    }
}

options! {
    /// The options of a header, one after the other, padding included: what follows the next-header and length octets. It ends
    /// after an error.
    Ipv6Options of Ipv6Option,
    /// Why an option cannot be read.
    Ipv6OptionError,
    /// The length of the data found, in octets.
    found,
    alone: alone, octets: |len: u8| 2 + usize::from(len), read: read,
    truncated: "expected all of IPv6 option {:#04x}, found its first {} octets",
    length: "expected IPv6 option {:#04x} in a length of its own, found {} octets",
}

/// An option that is its type alone; none ends the list.
const fn alone(kind: u8) -> Option<(Ipv6Option<'static>, bool)> {
    match kind {
        0 => Some((Ipv6Option::Pad1, false)),
        _ => None,
    }
}

/// The option that takes exactly these octets, or `None` if its type takes another length.
fn read(kind: u8, option: &[u8]) -> Option<Ipv6Option<'_>> {
    let data = option.get(2..)?;
    Some(match (kind, data) {
        (1, padding) => Ipv6Option::PadN(2 + padding.len()),
        (5, &[high, low]) => Ipv6Option::RouterAlert(u16::from_be_bytes([high, low])),
        (5, _) => return None,
        _ => Ipv6Option::Unknown { kind, data },
    })
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    fn all(bytes: &[u8]) -> Vec<Result<Ipv6Option<'_>, Ipv6OptionError>> {
        Ipv6Options::new(bytes).collect()
    }

    #[test]
    fn every_kind_is_read() {
        let jumbo = Ipv6Option::Unknown {
            kind: 0xc2,
            data: &[0, 1, 0, 0],
        };
        assert_eq!(
            all(&[0, 5, 2, 0, 1, 1, 0, 1, 1, 0, 0xc2, 4, 0, 1, 0, 0]),
            [
                Ok(Ipv6Option::Pad1),
                Ok(Ipv6Option::RouterAlert(1)),
                Ok(Ipv6Option::PadN(2)),
                Ok(Ipv6Option::PadN(3)),
                Ok(jumbo),
            ]
        );
        assert_eq!(
            jumbo.unknown_action(),
            UnknownOptionAction::DiscardAndReportUnlessMulticast
        );
        assert_eq!(Ipv6Option::Pad1.unknown_action(), UnknownOptionAction::Skip);
        assert!(
            Ipv6Option::Unknown {
                kind: 0x22,
                data: &[]
            }
            .may_change()
                && !jumbo.may_change()
        );
    }

    #[test]
    fn bad_lengths_end_the_list() {
        assert_eq!(
            all(&[9]),
            [Err(Ipv6OptionError::Truncated { kind: 9, found: 1 })]
        );
        assert_eq!(
            all(&[1, 2, 0]),
            [Err(Ipv6OptionError::Truncated { kind: 1, found: 3 })]
        );
        assert_eq!(
            all(&[5, 1, 0, 0]),
            [Err(Ipv6OptionError::Length { kind: 5, found: 1 })]
        );
    }
}

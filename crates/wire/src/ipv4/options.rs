//! IPv4 options (RFC 791 §3.1, RFC 2113; IANA "IP Option Numbers").

use core::fmt;
use core::net::Ipv4Addr;

use crate::options::options;
use crate::view::View;

/// One option.
///
/// A `pointer` counts octets from the beginning of the option, from 1, as the RFC does; it may
/// point anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ipv4Option<'a> {
    /// End of the list (type 0): what follows is padding.
    EndOfList,
    /// No operation (type 1): padding between options.
    NoOperation,
    /// Routers write down their addresses (type 7).
    RecordRoute {
        /// Where the next address goes; beyond the end, the option is full.
        pointer: u8,
        /// The places for addresses.
        route: &'a [[u8; 4]],
    },
    /// The way to take, with other hops between (type 131).
    LooseSourceRoute {
        /// Where the next hop stands; beyond the end, the route is used up.
        pointer: u8,
        /// The hops.
        route: &'a [[u8; 4]],
    },
    /// The way to take, hop by hop (type 137).
    StrictSourceRoute {
        /// Where the next hop stands; beyond the end, the route is used up.
        pointer: u8,
        /// The hops.
        route: &'a [[u8; 4]],
    },
    /// Routers write down the time (type 68).
    Timestamp {
        /// Where the next entry goes.
        pointer: u8,
        /// How many routers found no place, from 0 to 15.
        overflow: u8,
        /// 0: times only; 1: addresses and times; 3: times at the given addresses.
        flag: u8,
        /// The entries.
        data: &'a [u8],
    },
    /// Routers should look closer (type 148, RFC 2113): 0 means every router.
    RouterAlert(u16),
    /// Any other option.
    Unknown {
        /// Its type: copied flag, class and number.
        kind: u8,
        /// What follows type and length.
        data: &'a [u8],
    },
}

impl Ipv4Option<'_> {
    /// The option type octet.
    pub const fn kind(&self) -> u8 {
        match self {
            Self::EndOfList => 0,
            Self::NoOperation => 1,
            Self::RecordRoute { .. } => 7,
            Self::Timestamp { .. } => 68,
            Self::LooseSourceRoute { .. } => 131,
            Self::StrictSourceRoute { .. } => 137,
            Self::RouterAlert(_) => 148,
            Self::Unknown { kind, .. } => *kind,
        }
    }

    /// Whether the option goes into every fragment, not only the first (RFC 791 §3.1).
    pub const fn is_copied(&self) -> bool {
        self.kind() & 0x80 != 0
    }
}

impl fmt::Display for Ipv4Option<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, route) = match self {
            Self::EndOfList => return f.write_str("end of options"),
            Self::NoOperation => return f.write_str("nop"),
            Self::RouterAlert(value) => return write!(f, "router alert {value}"),
            Self::Timestamp { flag, data, .. } => {
                return write!(f, "timestamp flag {flag}, {} octets", data.len());
            }
            Self::Unknown { kind, data } => {
                return write!(f, "option {kind}, {} octets", data.len());
            }
            Self::RecordRoute { route, .. } => ("record route", route),
            Self::LooseSourceRoute { route, .. } => ("loose source route", route),
            Self::StrictSourceRoute { route, .. } => ("strict source route", route),
        };
        f.write_str(name)?;
        route
            .iter()
            .try_for_each(|hop| write!(f, " {}", Ipv4Addr::from_octets(*hop)))
    }
}

options! {
    /// The options of a header, one after the other. It ends after the end-of-list option and after an
    /// error.
    Ipv4Options of Ipv4Option,
    /// Why an option cannot be read.
    Ipv4OptionError,
    /// The length found, type and length octet included.
    found,
    alone: alone, octets: usize::from, read: read,
    truncated: "expected all of IPv4 option {}, found its first {} octets",
    length: "expected IPv4 option {} in a length of its own, found {} octets",
}

/// An option that is its type alone, and whether it ends the list.
const fn alone(kind: u8) -> Option<(Ipv4Option<'static>, bool)> {
    match kind {
        0 => Some((Ipv4Option::EndOfList, true)),
        1 => Some((Ipv4Option::NoOperation, false)),
        _ => None,
    }
}

/// The option that takes exactly these octets, or `None` if its type takes another length.
fn read(kind: u8, option: &[u8]) -> Option<Ipv4Option<'_>> {
    let data = option.get(2..)?;
    Some(match (kind, data) {
        (7 | 131 | 137, &[pointer, ref addresses @ ..]) => {
            let (route, []) = <[u8; 4]>::view_slice(addresses) else {
                return None;
            };
            match kind {
                7 => Ipv4Option::RecordRoute { pointer, route },
                131 => Ipv4Option::LooseSourceRoute { pointer, route },
                _ => Ipv4Option::StrictSourceRoute { pointer, route },
            }
        }
        (68, &[pointer, overflow_flag, ref data @ ..]) => Ipv4Option::Timestamp {
            pointer,
            overflow: overflow_flag >> 4,
            flag: overflow_flag & 0x0f,
            data,
        },
        (148, &[high, low]) => Ipv4Option::RouterAlert(u16::from_be_bytes([high, low])),
        (7 | 68 | 131 | 137 | 148, _) => return None,
        _ => Ipv4Option::Unknown { kind, data },
    })
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    fn all(bytes: &[u8]) -> Vec<Result<Ipv4Option<'_>, Ipv4OptionError>> {
        Ipv4Options::new(bytes).collect()
    }

    #[test]
    fn every_kind_is_read() {
        let bytes = [
            1, // no operation
            7, 7, 4, 0, 0, 0, 0, // record route, empty
            131, 11, 8, 10, 0, 0, 1, 10, 0, 0, 2, // loose source route at its second hop
            68, 8, 5, 0x31, 0, 0, 0, 9, // timestamp, three overflows, flag 1
            148, 4, 0, 0, // router alert
            130, 3, 7, // basic security, which we only name
            0, 255, 255, // end, then padding
        ];
        assert_eq!(
            all(&bytes),
            [
                Ok(Ipv4Option::NoOperation),
                Ok(Ipv4Option::RecordRoute {
                    pointer: 4,
                    route: &[[0; 4]]
                }),
                Ok(Ipv4Option::LooseSourceRoute {
                    pointer: 8,
                    route: &[[10, 0, 0, 1], [10, 0, 0, 2]]
                }),
                Ok(Ipv4Option::Timestamp {
                    pointer: 5,
                    overflow: 3,
                    flag: 1,
                    data: &[0, 0, 0, 9]
                }),
                Ok(Ipv4Option::RouterAlert(0)),
                Ok(Ipv4Option::Unknown {
                    kind: 130,
                    data: &[7]
                }),
                Ok(Ipv4Option::EndOfList),
            ]
        );
        let strict = all(&[137, 3, 4]);
        assert_eq!(
            strict,
            [Ok(Ipv4Option::StrictSourceRoute {
                pointer: 4,
                route: &[]
            })]
        );
        assert!(strict[0].unwrap().is_copied() && !Ipv4Option::NoOperation.is_copied());
    }

    #[test]
    fn bad_lengths_end_the_list() {
        assert_eq!(
            all(&[7]),
            [Err(Ipv4OptionError::Truncated { kind: 7, found: 1 })]
        );
        assert_eq!(
            all(&[7, 9, 1]),
            [Err(Ipv4OptionError::Truncated { kind: 7, found: 3 })]
        );
        assert_eq!(
            all(&[130, 1, 1]),
            [Err(Ipv4OptionError::Length {
                kind: 130,
                found: 1
            })]
        );
        assert_eq!(
            all(&[130, 0, 1]),
            [Err(Ipv4OptionError::Length {
                kind: 130,
                found: 0
            })]
        );
        assert_eq!(
            all(&[7, 5, 4, 0, 0, 1]),
            [Err(Ipv4OptionError::Length { kind: 7, found: 5 })]
        );
        assert_eq!(
            all(&[148, 3, 0]),
            [Err(Ipv4OptionError::Length {
                kind: 148,
                found: 3
            })]
        );
    }
}

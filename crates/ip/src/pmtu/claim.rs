//! What a report claims, and whether it can be true at all.

use waypost_wire::Ip;

use super::{Ignored, PmtuConfig};
use crate::fragment::{MIN_IPV6_MTU, MIN_MTU};
use crate::icmp::{ErrorKind, ErrorReport};

/// What a "packet too big", or "fragmentation needed", says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooBig {
    /// What would fit, in octets; 0 if an old router of IPv4 does not say it.
    pub mtu: u32,
    /// How long the quoted packet was, in octets; 0 if that is not known.
    pub quoted_len: u32,
    /// How long its header was, in octets; 0 if that is not known.
    pub header_len: u32,
}

impl TooBig {
    /// What an error that came says; `None` if it is another error.
    pub fn of<A>(report: &ErrorReport<'_, A>) -> Option<Self> {
        match report.kind {
            ErrorKind::TooBig { mtu } => Some(Self {
                mtu,
                quoted_len: report.flow.len,
                header_len: report.flow.header_len,
            }),
            _ => None,
        }
    }

    /// The MTU that it claims, of a path that is thought to carry `current` octets.
    pub(super) fn claim<A: Ip>(self, current: u32, config: &PmtuConfig) -> Result<u32, Ignored> {
        let least = least::<A>(config);
        let mtu = match (A::VERSION, self.mtu) {
            (4, 0) => {
                // Some old routers count the header twice, and which do is not known: where the length is one
                // that was not to be sent, or barely, they are thought to (RFC 1191 §5).
                let len = match self.quoted_len {
                    0 => current,
                    len if len >= current => len.saturating_sub(self.header_len).min(current),
                    len => len,
                };
                plateau_below(len).ok_or(Ignored::BelowLeast)?
            }
            (4, mtu) => mtu,
            // RFC 8201 §4: discarded. Nor is a fragment header added to what is sent (RFC 8021 §4).
            (_, mtu) if mtu < MIN_IPV6_MTU as u32 => return Err(Ignored::BelowLeast),
            (_, mtu) => mtu,
        };
        let mtu = mtu.max(least);
        if mtu > current {
            return Err(Ignored::NotSmaller);
        }
        if self.quoted_len != 0 && mtu >= self.quoted_len {
            return Err(Ignored::WouldFit);
        }
        Ok(mtu)
    }
}

/// What is taken of a claim about a path whose estimate was lowered often: no more than the next usual MTU, so
/// that there is an end to it.
pub(super) fn coarse<A: Ip>(claimed: u32, current: u32, config: &PmtuConfig) -> u32 {
    let plateau = plateau_below(current).unwrap_or(0);
    claimed.min(plateau.max(least::<A>(config)))
}

/// What no report lowers an estimate below (RFC 1191 §3, RFC 8201 §4).
fn least<A: Ip>(config: &PmtuConfig) -> u32 {
    config.least.max(least_of_version::<A>())
}

/// What every link carries: RFC 791 §3.2, RFC 8200 §5.
pub(super) fn least_of_version<A: Ip>() -> u32 {
    let least = match A::VERSION {
        4 => MIN_MTU,
        _ => MIN_IPV6_MTU,
    };
    least as u32
}

/// MTUs that links have (RFC 1191 §7), for routers that do not say theirs (RFC 1191 §3).
const PLATEAUS: [u32; 11] = [
    65535, 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68,
];

/// The largest of them below `len`.
fn plateau_below(len: u32) -> Option<u32> {
    PLATEAUS.into_iter().find(|plateau| *plateau < len)
}

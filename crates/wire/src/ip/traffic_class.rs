//! The traffic class octet: DSCP and ECN.

use core::fmt;

/// A differentiated services code point: six bits (RFC 2474 §3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dscp(u8);

impl Dscp {
    /// Default forwarding (RFC 2474 §4.1).
    pub const DEFAULT: Self = Self(0);
    /// Expedited forwarding (RFC 3246).
    pub const EF: Self = Self(46);
    /// Capacity-admitted voice (RFC 5865).
    pub const VOICE_ADMIT: Self = Self(44);
    /// Lower effort (RFC 8622).
    pub const LE: Self = Self(1);
    /// Class selector 6, network control (RFC 2474 §4.2.2).
    pub const CS6: Self = Self(48);
    /// Class selector 7, network control (RFC 2474 §4.2.2).
    pub const CS7: Self = Self(56);

    /// The code point with this value, or `None` above 63.
    #[inline]
    pub const fn new(value: u8) -> Option<Self> {
        if value < 64 { Some(Self(value)) } else { None }
    }

    /// The code point in the upper six bits of a traffic class octet.
    #[inline]
    pub const fn from_traffic_class(octet: u8) -> Self {
        Self(octet >> 2)
    }

    /// The class selector of a precedence from 0 to 7 (RFC 2474 §4.2.2), or `None` above.
    #[inline]
    pub const fn class_selector(precedence: u8) -> Option<Self> {
        if precedence < 8 {
            Some(Self(precedence << 3))
        } else {
            None
        }
    }

    /// Assured forwarding (RFC 2597 §6): class 1 to 4, drop precedence 1 to 3; `None` for any
    /// other.
    #[inline]
    pub const fn assured_forwarding(class: u8, drop_precedence: u8) -> Option<Self> {
        match (class, drop_precedence) {
            (1..=4, 1..=3) => Some(Self(class << 3 | drop_precedence << 1)),
            _ => None,
        }
    }

    /// The value, below 64.
    #[inline]
    pub const fn value(self) -> u8 {
        self.0
    }
}

/// `CS3`, `AF21`, `EF`, `LE`, or the number.
impl fmt::Display for Dscp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 >> 3, self.0 & 7) {
            (class, 0) => write!(f, "CS{class}"),
            (class @ 1..=4, low @ (2 | 4 | 6)) => write!(f, "AF{class}{}", low / 2),
            (5, 6) => f.write_str("EF"),
            (5, 4) => f.write_str("VA"),
            (0, 1) => f.write_str("LE"),
            _ => write!(f, "{}", self.0),
        }
    }
}

/// Explicit congestion notification: the lower two bits of the traffic class octet (RFC 3168 §5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Ecn {
    /// Not ECN-capable transport.
    #[default]
    NotEct = 0b00,
    /// ECN-capable transport, ECT(1): low latency, low loss (RFC 9331).
    Ect1 = 0b01,
    /// ECN-capable transport, ECT(0).
    Ect0 = 0b10,
    /// Congestion experienced.
    Ce = 0b11,
}

impl Ecn {
    /// The two lower bits of a traffic class octet.
    #[inline]
    pub const fn from_traffic_class(octet: u8) -> Self {
        match octet & 0b11 {
            0b00 => Self::NotEct,
            0b01 => Self::Ect1,
            0b10 => Self::Ect0,
            _ => Self::Ce,
        }
    }

    /// Whether a router may mark the packet instead of dropping it.
    #[inline]
    pub const fn is_capable(self) -> bool {
        !matches!(self, Self::NotEct)
    }
}

impl fmt::Display for Ecn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NotEct => "Not-ECT",
            Self::Ect1 => "ECT(1)",
            Self::Ect0 => "ECT(0)",
            Self::Ce => "CE",
        })
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn code_points_have_their_names() {
        for (dscp, name) in [
            (Some(Dscp::EF), "EF"),
            (Some(Dscp::LE), "LE"),
            (Some(Dscp::DEFAULT), "CS0"),
            (Dscp::class_selector(6), "CS6"),
            (Dscp::assured_forwarding(2, 1), "AF21"),
            (Dscp::new(63), "63"),
        ] {
            assert_eq!(dscp.unwrap().to_string(), name);
        }
        assert_eq!(Dscp::assured_forwarding(4, 3), Dscp::new(38));
        assert_eq!(
            (
                Dscp::new(64),
                Dscp::class_selector(8),
                Dscp::assured_forwarding(1, 4)
            ),
            (None, None, None)
        );
    }

    #[test]
    fn ecn_is_the_lower_two_bits() {
        for octet in 0..=255 {
            assert_eq!(Ecn::from_traffic_class(octet) as u8, octet & 3);
        }
        assert!(Ecn::Ect1.is_capable() && !Ecn::NotEct.is_capable());
    }
}

//! Fragmentation of IPv4 (RFC 791 §3.2) and IPv6 (RFC 8200 §4.5).
//!
//! Sans-IO and without a buffer of its own: [`Fragments`] and [`Ipv6Fragments`] yield for each fragment the
//! header to write and which part of the payload follows it, so that a caller copies each octet once into
//! whatever buffers it has. What puts fragments together again is [`reassembly`](crate::reassembly).
//!
//! Deliberately absent: fragments that are the whole packet ("atomic", RFC 6946). A packet that fits is
//! never given a fragment header, whatever MTU was reported (RFC 8021 §4).

mod v4;
mod v6;

use core::fmt;

use waypost_wire::ipv4::Ipv4OptionError;
use waypost_wire::ipv6::ExtensionError;

pub use v4::{Fragment, Fragments, MIN_MTU};
pub use v6::{Ipv6Fragment, Ipv6Fragments, MIN_IPV6_MTU};

pub(crate) use v6::upper_header_len;

/// Why a packet is not fragmented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FragmentError {
    /// The packet is longer than the link carries and says "don't fragment": its sender is to be told the
    /// MTU (RFC 1191 §4).
    DontFragment {
        /// The MTU, in octets.
        mtu: usize,
    },
    /// The MTU is less than every link of this version of IP has: [`MIN_MTU`], [`MIN_IPV6_MTU`].
    Mtu {
        /// The least MTU, in octets.
        least: usize,
        /// The MTU, in octets.
        found: usize,
    },
    /// The packet is itself a fragment, and reaches beyond what a packet may be long.
    Overlong {
        /// Where its payload would end in the whole.
        end: usize,
    },
    /// The options cannot be read, so it is not known which to copy.
    Options(Ipv4OptionError),
    /// The extension headers cannot be read, so it is not known where the packet may be cut.
    Extensions(ExtensionError),
    /// The packet has a fragment header already: only the source of an IPv6 packet fragments it.
    AlreadyFragment,
    /// The headers up to that of the upper layer, which the first fragment must hold, do not fit into it.
    HeaderChain {
        /// Octets that they take, the fragment header included.
        needed: usize,
        /// Octets that the link carries.
        mtu: usize,
    },
}

impl fmt::Display for FragmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DontFragment { mtu } => {
                write!(
                    f,
                    "the packet is longer than the MTU of {mtu} octets and must not be fragmented"
                )
            }
            Self::Mtu { least, found } => {
                write!(
                    f,
                    "expected an MTU of at least {least} octets, found {found}"
                )
            }
            Self::Overlong { end } => {
                write!(
                    f,
                    "expected a fragment that ends within 65535 octets, found {end}"
                )
            }
            Self::Options(error) => error.fmt(f),
            Self::Extensions(error) => error.fmt(f),
            Self::AlreadyFragment => {
                f.write_str("expected an IPv6 packet without a fragment header, found one")
            }
            Self::HeaderChain { needed, mtu } => write!(
                f,
                "expected IPv6 headers that fit into the first fragment of {mtu} octets, found {needed} octets of them"
            ),
        }
    }
}

impl core::error::Error for FragmentError {}

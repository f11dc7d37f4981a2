//! The fixed parts of options, which are also how options are built (RFC 4861 §4.6, RFC 8106 §5.1).

use core::net::Ipv6Addr;

use super::options::NdpOption;
use crate::addr::MacAddr;
use crate::integers::{U16, U32};
use crate::prefix::{Ipv6Prefix, PrefixError};
use crate::view::header;

header! {
    /// A link-layer address of Ethernet, as an option (RFC 4861 §4.6.1).
    pub struct LinkLayerAddressOption {
        kind: u8;
        length: u8;
        /// The address.
        address: MacAddr => MacAddr, set_address;
    }
}

impl LinkLayerAddressOption {
    /// The address of the sender.
    #[inline]
    pub const fn source(address: MacAddr) -> Self {
        Self {
            kind: NdpOption::SOURCE_LINK_LAYER_ADDRESS,
            length: 1,
            address,
        }
    }

    /// The address of the target.
    #[inline]
    pub const fn target(address: MacAddr) -> Self {
        Self {
            kind: NdpOption::TARGET_LINK_LAYER_ADDRESS,
            length: 1,
            address,
        }
    }
}

header! {
    /// A prefix of the link (RFC 4861 §4.6.2).
    pub struct PrefixInformation {
        kind: u8;
        length: u8;
        /// How many bits of `address` count; more than 128 in a malformed option.
        prefix_length: u8 => u8, set_prefix_length;
        flags: u8;
        /// For how many seconds the prefix is on the link; 0xffffffff means forever.
        valid_lifetime_secs: U32 => u32, set_valid_lifetime_secs;
        /// For how many seconds addresses made from it are preferred; 0xffffffff means forever.
        preferred_lifetime_secs: U32 => u32, set_preferred_lifetime_secs;
        reserved: [u8; 4];
        /// An address that begins with the prefix.
        address: [u8; 16] => Ipv6Addr, set_address;
    }
}

impl PrefixInformation {
    const ON_LINK: u8 = 0x80;
    const AUTONOMOUS: u8 = 0x40;

    /// The option without flags and with lifetimes of 0.
    #[inline]
    pub const fn new(prefix: Ipv6Prefix) -> Self {
        Self {
            kind: NdpOption::PREFIX_INFORMATION,
            length: 4,
            prefix_length: prefix.length(),
            flags: 0,
            valid_lifetime_secs: U32::new(0),
            preferred_lifetime_secs: U32::new(0),
            reserved: [0; 4],
            address: prefix.network().octets(),
        }
    }

    /// The prefix; bits behind it are ignored, as the RFC asks.
    ///
    /// # Errors
    /// [`PrefixError`] if the prefix length is more than 128.
    #[inline]
    pub fn prefix(&self) -> Result<Ipv6Prefix, PrefixError> {
        Ipv6Prefix::new_truncated(self.address(), self.prefix_length)
    }

    /// Whether addresses with this prefix are on the link ("L").
    #[inline]
    pub const fn is_on_link(&self) -> bool {
        self.flags & Self::ON_LINK != 0
    }

    /// Sets whether addresses with this prefix are on the link.
    #[inline]
    pub const fn set_on_link(&mut self, set: bool) {
        super::set_bit(&mut self.flags, Self::ON_LINK, set);
    }

    /// Whether hosts may make themselves addresses from it ("A", RFC 4862).
    #[inline]
    pub const fn is_autonomous(&self) -> bool {
        self.flags & Self::AUTONOMOUS != 0
    }

    /// Sets whether hosts may make themselves addresses from it.
    #[inline]
    pub const fn set_autonomous(&mut self, set: bool) {
        super::set_bit(&mut self.flags, Self::AUTONOMOUS, set);
    }
}

header! {
    /// What comes before the quoted packet in a redirect (RFC 4861 §4.6.3).
    pub struct RedirectedHeaderOption {
        kind: u8;
        length: u8;
        reserved: [u8; 6];
    }
}

impl RedirectedHeaderOption {
    /// The beginning of an option that quotes that many octets of a packet, rounded down to a
    /// multiple of 8, at most 2032.
    #[inline]
    pub const fn new(quoted_len: usize) -> Self {
        let units = quoted_len / 8;
        let length = if units > 254 { 255 } else { units as u8 + 1 };
        Self {
            kind: NdpOption::REDIRECTED_HEADER,
            length,
            reserved: [0; 6],
        }
    }
}

header! {
    /// The MTU of the link (RFC 4861 §4.6.4).
    pub struct MtuOption {
        kind: u8;
        length: u8;
        reserved: [u8; 2];
        /// The MTU in octets.
        mtu: U32 => u32, set_mtu;
    }
}

impl MtuOption {
    /// The option with this MTU, in octets.
    #[inline]
    pub const fn new(mtu: u32) -> Self {
        Self {
            kind: NdpOption::MTU,
            length: 1,
            reserved: [0; 2],
            mtu: U32::new(mtu),
        }
    }
}

header! {
    /// What comes before the addresses of DNS servers (RFC 8106 §5.1).
    pub struct RdnssOption {
        kind: u8;
        length: u8;
        reserved: U16;
        /// For how many seconds the servers may be used; 0xffffffff means forever.
        lifetime_secs: U32 => u32, set_lifetime_secs;
    }
}

impl RdnssOption {
    /// The beginning of an option with that many servers, at most 127.
    #[inline]
    pub const fn new(servers: usize, lifetime_secs: u32) -> Self {
        let length = if servers > 127 {
            255
        } else {
            1 + 2 * servers as u8
        };
        Self {
            kind: NdpOption::RDNSS,
            length,
            reserved: U16::new(0),
            lifetime_secs: U32::new(lifetime_secs),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn a_prefix_ignores_what_comes_behind_it() {
        let mut option = PrefixInformation::new(Ipv6Prefix::DEFAULT);
        option.set_address(Ipv6Addr::LOCALHOST);
        option.set_prefix_length(64);
        assert_eq!(option.prefix().unwrap().to_string(), "::/64");
        option.set_prefix_length(129);
        assert!(option.prefix().is_err());
    }

    #[test]
    fn counts_in_length_octets_saturate() {
        assert_eq!(RedirectedHeaderOption::new(2032).as_bytes()[1], 255);
        assert_eq!(RedirectedHeaderOption::new(1 << 20).as_bytes()[1], 255);
        assert_eq!(RdnssOption::new(127, 0).as_bytes()[1], 255);
        assert_eq!(RdnssOption::new(1 << 20, 0).as_bytes()[1], 255);
    }
}

//! Neighbour discovery (RFC 4861): five messages and their options.
//!
//! Each message is a header of its own, whole as the RFC draws it, from type and checksum on; its
//! options follow and are read with [`NdpOptions`].

mod option_headers;
mod options;

use core::fmt;
use core::net::Ipv6Addr;

use super::Icmpv6Type;
use crate::integers::{U16, U32};
use crate::time::Duration;
use crate::view::header;

pub use option_headers::{
    LinkLayerAddressOption, MtuOption, PrefixInformation, RdnssOption, RedirectedHeaderOption,
};
pub use options::{NdpOption, NdpOptionError, NdpOptions};

header! {
    /// "Is there a router?" (RFC 4861 §4.1).
    pub struct RouterSolicitation {
        message_type: u8;
        code: u8;
        /// Checksum over pseudo-header and message.
        checksum: U16 => u16, set_checksum;
        reserved: [u8; 4];
    }
}

impl RouterSolicitation {
    /// The message, without a checksum.
    #[inline]
    pub const fn new() -> Self {
        let message_type = Icmpv6Type::ROUTER_SOLICITATION.0;
        Self {
            message_type,
            code: 0,
            checksum: U16::new(0),
            reserved: [0; 4],
        }
    }
}

impl Default for RouterSolicitation {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for RouterSolicitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("router solicitation")
    }
}

header! {
    /// A router tells of itself (RFC 4861 §4.2).
    pub struct RouterAdvertisement {
        message_type: u8;
        code: u8;
        /// Checksum over pseudo-header and message.
        checksum: U16 => u16, set_checksum;
        /// Hop limit for packets that hosts send; 0 says nothing.
        hop_limit: u8 => u8, set_hop_limit;
        flags: u8;
        /// For how many seconds this is a default router; 0 means that it is none.
        router_lifetime_secs: U16 => u16, set_router_lifetime_secs;
        /// For how many milliseconds a neighbour counts as reachable once it was; 0 says nothing.
        reachable_time_ms: U32 => u32, set_reachable_time_ms;
        /// After how many milliseconds a solicitation is sent again; 0 says nothing.
        retrans_timer_ms: U32 => u32, set_retrans_timer_ms;
    }
}

impl RouterAdvertisement {
    const MANAGED: u8 = 0x80;
    const OTHER_CONFIG: u8 = 0x40;

    /// The message of a router that is a default router for this long (whole seconds, at most
    /// 65535), without a checksum and with everything else left unsaid.
    #[inline]
    pub const fn new(router_lifetime: Duration) -> Self {
        let secs = router_lifetime.as_secs();
        Self {
            message_type: Icmpv6Type::ROUTER_ADVERTISEMENT.0,
            code: 0,
            checksum: U16::new(0),
            hop_limit: 0,
            flags: 0,
            router_lifetime_secs: U16::new(if secs > 0xffff { 0xffff } else { secs as u16 }),
            reachable_time_ms: U32::new(0),
            retrans_timer_ms: U32::new(0),
        }
    }

    /// Whether addresses are to be had from DHCPv6 ("M").
    #[inline]
    pub const fn managed(&self) -> bool {
        self.flags & Self::MANAGED != 0
    }

    /// Sets whether addresses are to be had from DHCPv6.
    #[inline]
    pub const fn set_managed(&mut self, set: bool) {
        set_bit(&mut self.flags, Self::MANAGED, set);
    }

    /// Whether other configuration is to be had from DHCPv6 ("O").
    #[inline]
    pub const fn other_config(&self) -> bool {
        self.flags & Self::OTHER_CONFIG != 0
    }

    /// Sets whether other configuration is to be had from DHCPv6.
    #[inline]
    pub const fn set_other_config(&mut self, set: bool) {
        set_bit(&mut self.flags, Self::OTHER_CONFIG, set);
    }
}

impl fmt::Display for RouterAdvertisement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "router advertisement, hop limit {}", self.hop_limit)?;
        f.write_str(if self.managed() { ", managed" } else { "" })?;
        f.write_str(if self.other_config() {
            ", other config"
        } else {
            ""
        })?;
        write!(f, ", lifetime {}s", self.router_lifetime_secs)
    }
}

header! {
    /// "Who has this address?" (RFC 4861 §4.3).
    pub struct NeighborSolicitation {
        message_type: u8;
        code: u8;
        /// Checksum over pseudo-header and message.
        checksum: U16 => u16, set_checksum;
        reserved: [u8; 4];
        /// The address in question.
        target: [u8; 16] => Ipv6Addr, set_target;
    }
}

impl NeighborSolicitation {
    /// The message, without a checksum.
    #[inline]
    pub const fn new(target: Ipv6Addr) -> Self {
        Self {
            message_type: Icmpv6Type::NEIGHBOR_SOLICITATION.0,
            code: 0,
            checksum: U16::new(0),
            reserved: [0; 4],
            target: target.octets(),
        }
    }
}

impl fmt::Display for NeighborSolicitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "neighbor solicitation, who has {}", self.target())
    }
}

header! {
    /// "I have it" (RFC 4861 §4.4).
    pub struct NeighborAdvertisement {
        message_type: u8;
        code: u8;
        /// Checksum over pseudo-header and message.
        checksum: U16 => u16, set_checksum;
        flags: u8;
        reserved: [u8; 3];
        /// The address in question.
        target: [u8; 16] => Ipv6Addr, set_target;
    }
}

impl NeighborAdvertisement {
    const ROUTER: u8 = 0x80;
    const SOLICITED: u8 = 0x40;
    const OVERRIDE: u8 = 0x20;

    /// The message, without flags and without a checksum.
    #[inline]
    pub const fn new(target: Ipv6Addr) -> Self {
        Self {
            message_type: Icmpv6Type::NEIGHBOR_ADVERTISEMENT.0,
            code: 0,
            checksum: U16::new(0),
            flags: 0,
            reserved: [0; 3],
            target: target.octets(),
        }
    }

    /// Whether the sender is a router ("R").
    #[inline]
    pub const fn is_router(&self) -> bool {
        self.flags & Self::ROUTER != 0
    }

    /// Sets whether the sender is a router.
    #[inline]
    pub const fn set_router(&mut self, set: bool) {
        set_bit(&mut self.flags, Self::ROUTER, set);
    }

    /// Whether this answers a solicitation, and so proves that the neighbour is reachable ("S").
    #[inline]
    pub const fn is_solicited(&self) -> bool {
        self.flags & Self::SOLICITED != 0
    }

    /// Sets whether this answers a solicitation.
    #[inline]
    pub const fn set_solicited(&mut self, set: bool) {
        set_bit(&mut self.flags, Self::SOLICITED, set);
    }

    /// Whether another link-layer address is to be forgotten for this one ("O").
    #[inline]
    pub const fn is_override(&self) -> bool {
        self.flags & Self::OVERRIDE != 0
    }

    /// Sets whether another link-layer address is to be forgotten for this one.
    #[inline]
    pub const fn set_override(&mut self, set: bool) {
        set_bit(&mut self.flags, Self::OVERRIDE, set);
    }
}

impl fmt::Display for NeighborAdvertisement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "neighbor advertisement, target {}", self.target())?;
        f.write_str(if self.is_router() { ", router" } else { "" })?;
        f.write_str(if self.is_solicited() {
            ", solicited"
        } else {
            ""
        })?;
        f.write_str(if self.is_override() { ", override" } else { "" })
    }
}

header! {
    /// "There is a better way" (RFC 4861 §4.5).
    pub struct NdpRedirect {
        message_type: u8;
        code: u8;
        /// Checksum over pseudo-header and message.
        checksum: U16 => u16, set_checksum;
        reserved: [u8; 4];
        /// The better first hop; the same as `destination` if that is a neighbour itself.
        target: [u8; 16] => Ipv6Addr, set_target;
        /// For packets to this address.
        destination: [u8; 16] => Ipv6Addr, set_destination;
    }
}

impl NdpRedirect {
    /// The message, without a checksum.
    #[inline]
    pub const fn new(target: Ipv6Addr, destination: Ipv6Addr) -> Self {
        Self {
            message_type: Icmpv6Type::REDIRECT.0,
            code: 0,
            checksum: U16::new(0),
            reserved: [0; 4],
            target: target.octets(),
            destination: destination.octets(),
        }
    }
}

impl fmt::Display for NdpRedirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "redirect {} to {}", self.destination(), self.target())
    }
}

#[inline]
const fn set_bit(flags: &mut u8, bit: u8, set: bool) {
    *flags = if set { *flags | bit } else { *flags & !bit };
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::MacAddr;
    use crate::icmpv6::{Icmpv6Body, Icmpv6Message};
    use std::string::ToString;

    const HOST: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
    const TARGET: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);
    const GROUP: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 2);

    /// HOST, 02:00:00:00:00:01, asks for TARGET; checksum worked out apart from this code.
    const SOLICITATION: [u8; 32] = [
        135, 0, 0x7a, 0x97, 0, 0, 0, 0, // type, code, checksum, reserved
        0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, // target
        1, 1, 2, 0, 0, 0, 0, 1, // source link-layer address
    ];

    #[test]
    fn reads_a_solicitation() {
        let message = Icmpv6Message::parse(&SOLICITATION).unwrap();
        assert!(message.has_valid_checksum(HOST, GROUP));
        let Ok(Icmpv6Body::NeighborSolicitation(solicitation, mut options)) = message.body() else {
            panic!("{message}");
        };
        assert_eq!(solicitation.target(), TARGET);
        let mac = MacAddr::new([2, 0, 0, 0, 0, 1]);
        assert_eq!(options.next().unwrap().unwrap().mac(), Some(mac));
        assert_eq!(
            message.to_string(),
            "ICMPv6 neighbor solicitation, who has fe80::2, source link-layer address 02:00:00:00:00:01"
        );
    }

    #[test]
    fn builds_the_same() {
        let option = LinkLayerAddressOption::source(MacAddr::new([2, 0, 0, 0, 0, 1]));
        let mut solicitation = NeighborSolicitation::new(TARGET);
        solicitation.fill_checksum(HOST, GROUP, option.as_bytes());
        assert_eq!(solicitation.as_bytes()[..], SOLICITATION[..24]);
        assert_eq!(option.as_bytes()[..], SOLICITATION[24..]);
    }

    #[test]
    fn flags_do_not_touch_each_other() {
        let mut advertisement = NeighborAdvertisement::new(TARGET);
        advertisement.set_solicited(true);
        advertisement.set_override(true);
        assert_eq!(advertisement.as_bytes()[4..8], [0x60, 0, 0, 0]);
        advertisement.set_router(true);
        advertisement.set_override(false);
        assert_eq!(
            advertisement.to_string(),
            "neighbor advertisement, target fe80::2, router, solicited"
        );

        let mut advertisement = RouterAdvertisement::new(Duration::from_secs(1800));
        advertisement.set_hop_limit(64);
        advertisement.set_other_config(true);
        advertisement.set_managed(true);
        assert_eq!(advertisement.as_bytes()[4..8], [64, 0xc0, 0x07, 0x08]);
        let forever = RouterAdvertisement::new(Duration::MAX);
        assert_eq!(forever.router_lifetime_secs(), 0xffff);
    }

    #[test]
    fn every_message_is_found_by_its_type() {
        let redirect = NdpRedirect::new(TARGET, HOST);
        let text = |bytes: &[u8]| Icmpv6Message::parse(bytes).unwrap().to_string();
        assert_eq!(
            text(redirect.as_bytes()),
            "ICMPv6 redirect fe80::1 to fe80::2"
        );
        assert_eq!(
            text(RouterSolicitation::new().as_bytes()),
            "ICMPv6 router solicitation"
        );
        assert_eq!(
            text(RouterAdvertisement::new(Duration::ZERO).as_bytes()),
            "ICMPv6 router advertisement, hop limit 0, lifetime 0s"
        );
    }
}

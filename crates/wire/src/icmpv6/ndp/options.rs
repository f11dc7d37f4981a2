//! Options as they are read (RFC 4861 §4.6, RFC 8106 §5.1).

use core::fmt;
use core::net::Ipv6Addr;

use super::{MtuOption, PrefixInformation, RdnssOption};
use crate::addr::MacAddr;
use crate::options::options;
use crate::view::{Stored, View};

/// One option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NdpOption<'a> {
    /// The link-layer address of the sender, with the padding that its link prescribes.
    SourceLinkLayerAddress(&'a [u8]),
    /// The link-layer address of the target, with the padding that its link prescribes.
    TargetLinkLayerAddress(&'a [u8]),
    /// A prefix of the link.
    PrefixInformation(&'a PrefixInformation),
    /// The beginning of the packet that is redirected.
    RedirectedHeader(&'a [u8]),
    /// The MTU of the link in octets.
    Mtu(u32),
    /// DNS servers, at least one.
    Rdnss {
        /// For how many seconds they may be used; 0xffffffff means forever.
        lifetime_secs: u32,
        /// Their addresses.
        servers: &'a [[u8; 16]],
    },
    /// Any other option.
    Unknown {
        /// Its type.
        kind: u8,
        /// What follows type and length.
        data: &'a [u8],
    },
}

impl NdpOption<'_> {
    pub(super) const SOURCE_LINK_LAYER_ADDRESS: u8 = 1;
    pub(super) const TARGET_LINK_LAYER_ADDRESS: u8 = 2;
    pub(super) const PREFIX_INFORMATION: u8 = 3;
    pub(super) const REDIRECTED_HEADER: u8 = 4;
    pub(super) const MTU: u8 = 5;
    pub(super) const RDNSS: u8 = 25;

    /// The option type octet.
    pub const fn kind(&self) -> u8 {
        match self {
            Self::SourceLinkLayerAddress(_) => Self::SOURCE_LINK_LAYER_ADDRESS,
            Self::TargetLinkLayerAddress(_) => Self::TARGET_LINK_LAYER_ADDRESS,
            Self::PrefixInformation(_) => Self::PREFIX_INFORMATION,
            Self::RedirectedHeader(_) => Self::REDIRECTED_HEADER,
            Self::Mtu(_) => Self::MTU,
            Self::Rdnss { .. } => Self::RDNSS,
            Self::Unknown { kind, .. } => *kind,
        }
    }

    /// The Ethernet address of a link-layer address option; `None` in others, and of other links.
    pub fn mac(&self) -> Option<MacAddr> {
        match *self {
            Self::SourceLinkLayerAddress(address) | Self::TargetLinkLayerAddress(address) => {
                <[u8; 6]>::try_from(address).ok().map(MacAddr::new)
            }
            _ => None,
        }
    }
}

impl fmt::Display for NdpOption<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, address) = match self {
            Self::SourceLinkLayerAddress(address) => ("source", address),
            Self::TargetLinkLayerAddress(address) => ("target", address),
            Self::PrefixInformation(option) => {
                write!(f, "prefix {}/{}", option.address(), option.prefix_length())?;
                f.write_str(if option.is_on_link() { " onlink" } else { "" })?;
                f.write_str(if option.is_autonomous() { " auto" } else { "" })?;
                return write!(
                    f,
                    " valid {}s preferred {}s",
                    option.valid_lifetime_secs(),
                    option.preferred_lifetime_secs()
                );
            }
            Self::RedirectedHeader(quoted) => {
                return write!(f, "redirected header, {} octets", quoted.len());
            }
            Self::Mtu(mtu) => return write!(f, "mtu {mtu}"),
            Self::Rdnss {
                lifetime_secs,
                servers,
            } => {
                write!(f, "rdnss {lifetime_secs}s")?;
                return servers.iter().try_for_each(|server| {
                    let server: Ipv6Addr = server.load();
                    write!(f, " {server}")
                });
            }
            Self::Unknown { kind, data } => {
                return write!(f, "option {kind}, {} octets", data.len());
            }
        };
        write!(f, "{name} link-layer address ")?;
        match self.mac() {
            Some(mac) => mac.fmt(f),
            None => write!(f, "of {} octets", address.len()),
        }
    }
}

options! {
    /// The options of a message, one after the other. It ends after an error.
    NdpOptions of NdpOption,
    /// Why an option cannot be read. The whole message is then to be discarded (RFC 4861 §4.6).
    NdpOptionError,
    /// The length found, in units of 8 octets; 0 fits no type.
    found,
    alone: |_| None, octets: |len: u8| usize::from(len) * 8, read: read,
    truncated: "expected all of neighbour discovery option {}, found its first {} octets",
    length: "expected neighbour discovery option {} in a length of its own, found {} times 8 octets",
}

/// The option that takes exactly these octets, or `None` if its type takes another length.
fn read(kind: u8, option: &[u8]) -> Option<NdpOption<'_>> {
    let data = option.get(2..)?;
    Some(match kind {
        NdpOption::SOURCE_LINK_LAYER_ADDRESS => NdpOption::SourceLinkLayerAddress(data),
        NdpOption::TARGET_LINK_LAYER_ADDRESS => NdpOption::TargetLinkLayerAddress(data),
        NdpOption::PREFIX_INFORMATION => match PrefixInformation::split_from(option) {
            Ok((information, [])) => NdpOption::PrefixInformation(information),
            _ => return None,
        },
        NdpOption::REDIRECTED_HEADER => NdpOption::RedirectedHeader(option.get(8..)?),
        NdpOption::MTU => match MtuOption::split_from(option) {
            Ok((mtu, [])) => NdpOption::Mtu(mtu.mtu()),
            _ => return None,
        },
        NdpOption::RDNSS => {
            let (header, servers) = RdnssOption::split_from(option).ok()?;
            let (servers @ [_, ..], []) = <[u8; 16]>::view_slice(servers) else {
                return None;
            };
            NdpOption::Rdnss {
                lifetime_secs: header.lifetime_secs(),
                servers,
            }
        }
        _ => NdpOption::Unknown { kind, data },
    })
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::super::{LinkLayerAddressOption, RedirectedHeaderOption};
    use super::*;
    use std::string::ToString;
    use std::vec::Vec;

    fn all(bytes: &[u8]) -> Vec<Result<NdpOption<'_>, NdpOptionError>> {
        NdpOptions::new(bytes).collect()
    }

    #[test]
    fn what_is_built_is_read_back() {
        let mac = MacAddr::new([2, 0, 0, 0, 0, 1]);
        let mut prefix = PrefixInformation::new("2001:db8::/64".parse().unwrap());
        prefix.set_on_link(true);
        prefix.set_autonomous(true);
        prefix.set_valid_lifetime_secs(86_400);
        let server = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x53).octets();
        let bytes = [
            &LinkLayerAddressOption::source(mac).as_bytes()[..],
            LinkLayerAddressOption::target(mac).as_bytes(),
            prefix.as_bytes(),
            MtuOption::new(1500).as_bytes(),
            RdnssOption::new(1, 600).as_bytes(),
            &server,
            RedirectedHeaderOption::new(8).as_bytes(),
            &[0x60; 8],
            &[14, 1, 1, 2, 3, 4, 5, 6], // a nonce (RFC 3971), which we only name
        ]
        .concat();
        let options = all(&bytes);
        assert_eq!(
            options,
            [
                Ok(NdpOption::SourceLinkLayerAddress(&mac.octets())),
                Ok(NdpOption::TargetLinkLayerAddress(&mac.octets())),
                Ok(NdpOption::PrefixInformation(&prefix)),
                Ok(NdpOption::Mtu(1500)),
                Ok(NdpOption::Rdnss {
                    lifetime_secs: 600,
                    servers: &[server]
                }),
                Ok(NdpOption::RedirectedHeader(&[0x60; 8])),
                Ok(NdpOption::Unknown {
                    kind: 14,
                    data: &[1, 2, 3, 4, 5, 6]
                }),
            ]
        );
        let texts: Vec<_> = options
            .iter()
            .map(|option| option.unwrap().to_string())
            .collect();
        assert_eq!(
            texts[2],
            "prefix 2001:db8::/64 onlink auto valid 86400s preferred 0s"
        );
        assert_eq!(texts[4], "rdnss 600s 2001:db8::53");
        assert_eq!(options[0].unwrap().mac(), Some(mac));
    }

    #[test]
    fn bad_lengths_end_the_list() {
        assert_eq!(
            all(&[1]),
            [Err(NdpOptionError::Truncated { kind: 1, found: 1 })]
        );
        assert_eq!(
            all(&[1, 0, 0]),
            [Err(NdpOptionError::Length { kind: 1, found: 0 })]
        );
        assert_eq!(
            all(&[1, 1, 0]),
            [Err(NdpOptionError::Truncated { kind: 1, found: 3 })]
        );
        let mut bytes = [0; 32];
        for (kind, len) in [(3, 3), (5, 2), (25, 1), (25, 2)] {
            bytes[..2].copy_from_slice(&[kind, len]);
            let found = len;
            assert_eq!(all(&bytes)[0], Err(NdpOptionError::Length { kind, found }));
        }
    }
}

//! Messages of neighbour discovery that passed the checks of RFC 4861 §6.1.1, §6.1.2, §7.1.1, §7.1.2, §8.1
//! (which RFC 4862 §5.4.1 asks for as well), as what they say to a neighbour table, a check for duplicates,
//! or a list of routers.

use core::fmt;
use core::net::Ipv6Addr;

use waypost_wire::MacAddr;
use waypost_wire::icmpv6::ndp::{NdpOption, NdpOptionError, NdpOptions, NeighborAdvertisement};
use waypost_wire::icmpv6::{Icmpv6Body, Icmpv6Message};
use waypost_wire::view::Truncated;

/// The hop limit of a packet that no router passed on.
const HOP_LIMIT: u8 = 255;
/// The type of the option that holds a nonce (RFC 3971 §5.3.2).
const NONCE: u8 = 14;

/// All nodes of the link.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// The group in which a node listens for solicitations for one of its addresses (RFC 4291 §2.7.1).
pub const fn solicited_node(addr: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = addr.octets();
    let last = u16::from_be_bytes([b, c]);
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | a as u16, last)
}

/// A random number that a sender recognises its own solicitations by (RFC 7527 §4.1), in the length that
/// leaves no padding.
pub type Nonce = [u8; 6];

/// A message that is to be believed as far as itself shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NdpMessage {
    /// Who sent it; unspecified if by somebody without an address.
    pub source: Ipv6Addr,
    /// To whom.
    pub destination: Ipv6Addr,
    /// What it says.
    pub body: NdpBody,
}

/// What a message says to those who keep neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NdpBody {
    /// "Who has `target`?"
    Solicitation {
        /// The address asked for.
        target: Ipv6Addr,
        /// The sender's address on the link.
        mac: Option<MacAddr>,
        /// By which the sender knows it again.
        nonce: Option<Nonce>,
    },
    /// "I have `target`."
    Advertisement {
        /// The address it is about.
        target: Ipv6Addr,
        /// The target's address on the link.
        mac: Option<MacAddr>,
        /// The target is a router.
        router: bool,
        /// It answers a solicitation.
        solicited: bool,
        /// Its address on the link replaces another.
        overrides: bool,
    },
    /// "Is there a router?"
    RouterSolicitation {
        /// The sender's address on the link.
        mac: Option<MacAddr>,
    },
    /// "I am a router."
    RouterAdvertisement {
        /// The sender's address on the link.
        mac: Option<MacAddr>,
    },
    /// "Send packets for `destination` to `target`."
    Redirect {
        /// The better first hop.
        target: Ipv6Addr,
        /// The destination; the same as `target` if that is a neighbour.
        destination: Ipv6Addr,
        /// The target's address on the link.
        mac: Option<MacAddr>,
    },
}

/// Why a message is to be discarded without a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NdpError {
    /// It is shorter than its type takes.
    Truncated(Truncated),
    /// It is of another kind.
    OtherType,
    /// It may have come from beyond a router.
    HopLimit {
        /// The hop limit found.
        found: u8,
    },
    /// The checksum is wrong.
    Checksum,
    /// The code is not 0.
    Code {
        /// The code found.
        found: u8,
    },
    /// An option cannot be read.
    Option(NdpOptionError),
    /// The target cannot be a neighbour's.
    Target,
    /// The sender may not say this, with this address, or to this destination.
    Source,
    /// A group is told that it had asked.
    SolicitedGroup,
}

impl From<Truncated> for NdpError {
    fn from(error: Truncated) -> Self {
        Self::Truncated(error)
    }
}

impl fmt::Display for NdpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated(error) => write!(f, "message of neighbour discovery: {error}"),
            Self::OtherType => f.write_str("expected a message of neighbour discovery"),
            Self::HopLimit { found } => write!(f, "expected hop limit {HOP_LIMIT}, found {found}"),
            Self::Checksum => f.write_str("expected another checksum"),
            Self::Code { found } => write!(f, "expected code 0, found {found}"),
            Self::Option(error) => error.fmt(f),
            Self::Target => f.write_str("expected a neighbour's address as target"),
            Self::Source => f.write_str("expected another source for this destination and options"),
            Self::SolicitedGroup => f.write_str(
                "expected an unsolicited advertisement, found a solicited one to a group",
            ),
        }
    }
}

impl core::error::Error for NdpError {}

impl NdpMessage {
    /// Checks a message with what its IPv6 header said.
    ///
    /// # Errors
    /// Says why the message is to be discarded.
    pub fn check(
        source: Ipv6Addr,
        destination: Ipv6Addr,
        hop_limit: u8,
        message: &Icmpv6Message<'_>,
    ) -> Result<Self, NdpError> {
        let body = message.body()?;
        if !matches!(
            body,
            Icmpv6Body::NeighborSolicitation(..)
                | Icmpv6Body::NeighborAdvertisement(..)
                | Icmpv6Body::RouterSolicitation(..)
                | Icmpv6Body::RouterAdvertisement(..)
                | Icmpv6Body::Redirect(..)
        ) {
            return Err(NdpError::OtherType);
        }
        if hop_limit != HOP_LIMIT {
            return Err(NdpError::HopLimit { found: hop_limit });
        }
        if message.header().code() != 0 {
            let found = message.header().code();
            return Err(NdpError::Code { found });
        }
        if !message.has_valid_checksum(source, destination) {
            return Err(NdpError::Checksum);
        }
        // A group is nobody: neither does it send, nor is it a neighbour.
        if source.is_multicast() {
            return Err(NdpError::Source);
        }
        Ok(Self {
            source,
            destination,
            body: read(source, destination, body)?,
        })
    }
}

/// Checks what depends on the type.
fn read(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    body: Icmpv6Body<'_>,
) -> Result<NdpBody, NdpError> {
    let nobody = source.is_unspecified();
    Ok(match body {
        // RFC 4861 §7.1.1
        Icmpv6Body::NeighborSolicitation(solicitation, options) => {
            let target = neighbor(solicitation.target())?;
            let options = Options::read(options)?;
            let to_group = destination == solicited_node(destination);
            if nobody && (options.has_source || !to_group) {
                return Err(NdpError::Source);
            }
            NdpBody::Solicitation {
                target,
                mac: options.source,
                nonce: options.nonce,
            }
        }
        // RFC 4861 §7.1.2
        Icmpv6Body::NeighborAdvertisement(advertisement, options) => {
            let target = neighbor(advertisement.target())?;
            if destination.is_multicast() && advertisement.is_solicited() {
                return Err(NdpError::SolicitedGroup);
            }
            NdpBody::Advertisement {
                target,
                mac: Options::read(options)?.target,
                router: advertisement.is_router(),
                solicited: advertisement.is_solicited(),
                overrides: advertisement.is_override(),
            }
        }
        // RFC 4861 §6.1.1
        Icmpv6Body::RouterSolicitation(_, options) => {
            let options = Options::read(options)?;
            if nobody && options.has_source {
                return Err(NdpError::Source);
            }
            NdpBody::RouterSolicitation {
                mac: options.source,
            }
        }
        // RFC 4861 §6.1.2
        Icmpv6Body::RouterAdvertisement(_, options) => {
            if !source.is_unicast_link_local() {
                return Err(NdpError::Source);
            }
            NdpBody::RouterAdvertisement {
                mac: Options::read(options)?.source,
            }
        }
        // RFC 4861 §8.1
        Icmpv6Body::Redirect(redirect, options) => {
            let (target, destination) = (redirect.target(), redirect.destination());
            if !source.is_unicast_link_local() {
                return Err(NdpError::Source);
            }
            let fits = target.is_unicast_link_local() || target == destination;
            if destination.is_multicast() || !fits {
                return Err(NdpError::Target);
            }
            NdpBody::Redirect {
                target: neighbor(target)?,
                destination,
                mac: Options::read(options)?.target,
            }
        }
        _ => return Err(NdpError::OtherType),
    })
}

fn neighbor(target: Ipv6Addr) -> Result<Ipv6Addr, NdpError> {
    if target.is_multicast() || target.is_unspecified() {
        return Err(NdpError::Target);
    }
    Ok(target)
}

/// The options that matter here, in any order. Others are passed over, whatever is in them (RFC 4861 §4.6,
/// §4.6.1, §6.1.1, §6.1.2, §7.1.1, §7.1.2, §8.1, §9); only where one ends must be known.
#[derive(Default)]
struct Options {
    /// Whether there is a source link-layer address of any length.
    has_source: bool,
    source: Option<MacAddr>,
    target: Option<MacAddr>,
    nonce: Option<Nonce>,
}

impl Options {
    fn read(mut options: NdpOptions<'_>) -> Result<Self, NdpError> {
        let mut found = Self::default();
        loop {
            let before = options.remaining();
            let Some(option) = options.next() else {
                return Ok(found);
            };
            // A length that does not fit the type makes the option unreadable, and not the message.
            if let Err(NdpOptionError::Length {
                found: units @ 1.., ..
            }) = option
            {
                let after = before.get(usize::from(units) * 8..);
                options = NdpOptions::new(after.unwrap_or_default());
                continue;
            }
            match option.map_err(NdpError::Option)? {
                option @ NdpOption::SourceLinkLayerAddress(_) => {
                    found.has_source = true;
                    found.source = found.source.or_else(|| option.mac());
                }
                option @ NdpOption::TargetLinkLayerAddress(_) => {
                    found.target = found.target.or_else(|| option.mac());
                }
                NdpOption::Unknown { kind: NONCE, data } => {
                    found.nonce = found.nonce.or_else(|| data.try_into().ok());
                }
                _ => {}
            }
        }
    }
}

/// The option that carries a nonce in a solicitation (RFC 3971 §5.3.2): its 8 octets.
pub const fn nonce_option(nonce: Nonce) -> [u8; 8] {
    let [a, b, c, d, e, f] = nonce;
    [NONCE, 1, a, b, c, d, e, f]
}

/// An advertisement that is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advertisement {
    /// The address it is about.
    pub target: Ipv6Addr,
    /// To whom it goes: who asked, or all nodes.
    pub to: Ipv6Addr,
    /// The address of that on the link if the solicitation told it; else it is the group's, or the table's
    /// to find.
    pub mac: Option<MacAddr>,
    /// We are a router.
    pub router: bool,
    /// It answers a solicitation.
    pub solicited: bool,
    /// It replaces what was known of the target.
    pub overrides: bool,
    /// Others may answer too, so this is to wait for a random time below
    /// [`MAX_ANYCAST_DELAY`](super::MAX_ANYCAST_DELAY): give it to an [`Announcer`](super::Announcer).
    pub delayed: bool,
}

impl Advertisement {
    /// One that nobody asked for, to all nodes, and that says so (RFC 4861 §4.4, §7.2.6).
    pub const fn unsolicited(target: Ipv6Addr, router: bool, overrides: bool) -> Self {
        Self {
            target,
            to: ALL_NODES,
            mac: None,
            router,
            solicited: false,
            overrides,
            delayed: false,
        }
    }

    /// The message, without a checksum. The option with our own address on the link belongs to it.
    pub const fn header(&self) -> NeighborAdvertisement {
        let mut header = NeighborAdvertisement::new(self.target);
        header.set_router(self.router);
        header.set_solicited(self.solicited);
        header.set_override(self.overrides);
        header
    }
}

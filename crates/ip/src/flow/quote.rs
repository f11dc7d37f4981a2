//! ICMP errors, mapped to the flow that they are about by the beginning of the packet that they quote.
//!
//! The quoted packet went the other way than the error does, so the flow is that of the quote's reverse.
//! Nothing here touches the flow: an error neither refreshes nor ends one (RFC 4787 §9, RFC 5382 §7.3,
//! RFC 5508 §4.3), since anybody can forge it.

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};

use waypost_wire::ipv6::{ExtensionHeaders, Ipv6Header};
use waypost_wire::{Ip, Ipv4Header};

use super::key::{FlowKey, NoKey};
use super::{FlowStorage, FlowTable, Found};

impl FlowKey<Ipv4Addr> {
    /// The key of the packet whose beginning an error quotes: its header with its options and 8 octets are
    /// enough, and all that has to be there (RFC 792). No checksum of what follows is looked at
    /// (RFC 5508 §4.1, REQ-3).
    ///
    /// # Errors
    /// Says why the quote belongs to no flow.
    pub fn of_quoted_ipv4(quoted: &[u8]) -> Result<Self, NoKey> {
        let truncated = NoKey::Truncated(quoted.len());
        let (header, _) = Ipv4Header::split_from(quoted).map_err(|_| truncated)?;
        if header.version() != 4 || header.header_len() < Ipv4Header::LEN {
            return Err(NoKey::Version(header.version()));
        }
        if header.fragment_offset() != 0 {
            return Err(NoKey::LaterFragment);
        }
        let payload = quoted.get(header.header_len()..).ok_or(truncated)?;
        let (source, destination) = (header.source(), header.destination());
        Self::of_payload(header.protocol(), source, destination, payload)
    }
}

impl FlowKey<Ipv6Addr> {
    /// The key of the packet whose beginning an error quotes.
    ///
    /// # Errors
    /// Says why the quote belongs to no flow.
    pub fn of_quoted_ipv6(quoted: &[u8]) -> Result<Self, NoKey> {
        let truncated = NoKey::Truncated(quoted.len());
        let (header, payload) = Ipv6Header::split_from(quoted).map_err(|_| truncated)?;
        if header.version() != 6 {
            return Err(NoKey::Version(header.version()));
        }
        let upper = ExtensionHeaders::new(header.next_header(), payload)
            .upper_layer()
            .map_err(|_| truncated)?;
        if !upper.is_beginning() {
            return Err(NoKey::LaterFragment);
        }
        let (source, destination) = (header.source(), header.destination());
        Self::of_payload(upper.protocol, source, destination, upper.payload)
    }
}

/// What is to be done with an error that belongs to a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorMatch<A> {
    /// The flow, and which way the error goes.
    pub found: Found,
    /// What the quoted packet is to say: its own key as its sender knows it (RFC 5508 §4.2).
    pub quoted: FlowKey<A>,
    /// Where the error is to go.
    pub destination: A,
    /// Whom it is to come from; `None` if a router on the way sent it, whose address no rewriting of the
    /// flow changes. One inside is to be hidden by an address of the NAT itself (RFC 5508 §4.2.2).
    pub source: Option<A>,
}

/// Why an error belongs to no flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoErrorMatch {
    /// There is no flow of the quoted packet.
    Unknown,
    /// The error does not go to the quoted packet's source.
    Misdirected,
}

impl fmt::Display for NoErrorMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "expected a quoted packet of a flow, found another",
            Self::Misdirected => {
                "expected an error to the quoted packet's source, found another destination"
            }
        })
    }
}

impl core::error::Error for NoErrorMatch {}

impl<A: Ip, D, S: FlowStorage<A, D>> FlowTable<A, D, S> {
    /// The flow of an ICMP error of any type, of one between two hosts inside too (RFC 5508 §5, §7.1.2), from
    /// `source`, whoever that is (RFC 4787 §9, REQ-12a), to `destination` about a packet with the key `quoted`,
    /// which it quotes.
    ///
    /// # Errors
    /// Says why it belongs to none; such an error is to be dropped (RFC 5508 §4.2.1).
    pub fn lookup_error(
        &self,
        source: A,
        destination: A,
        quoted: &FlowKey<A>,
    ) -> Result<ErrorMatch<A>, NoErrorMatch> {
        if destination != quoted.source {
            return Err(NoErrorMatch::Misdirected);
        }
        let found = self
            .lookup(&quoted.reversed())
            .ok_or(NoErrorMatch::Unknown)?;
        let flow = self.flow(found.id).ok_or(NoErrorMatch::Unknown)?;
        let rewritten = flow.rewritten(found.direction);
        Ok(ErrorMatch {
            found,
            quoted: rewritten.reversed(),
            destination: rewritten.destination,
            source: (source == quoted.destination).then_some(rewritten.source),
        })
    }
}

//! ICMPv6: which errors may be sent, what they quote, and answers to echo requests (RFC 4443).

use core::net::Ipv6Addr;

use waypost_wire::icmpv6::{Icmpv6Header, Icmpv6Type, ParameterProblem};
use waypost_wire::ipv6::{ExtensionHeader, Ipv6Header, Ipv6Packet, Ipv6PacketMut};
use waypost_wire::{ChecksumDelta, IpProtocol};

use super::{NotAnswered, NotSent};

/// How long an error is at most, in octets: what every link carries (RFC 4443 §2.4 (c)).
pub const MAX_ERROR_LEN: usize = 1280;

/// Octets ahead of what an error quotes.
const HEAD: usize = Ipv6Header::LEN + Icmpv6Header::LEN;

/// What an error quotes at least, if the packet has it: the fixed header and 8 octets, by which its sender knows
/// it again.
const MIN_QUOTED: usize = Ipv6Header::LEN + 8;

/// How and from where an error is sent, and what only the link and the routes know about the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The sender: the address to which the packet came, if that is this node's own, or else the one that is
    /// chosen for packets to the source (RFC 4443 §2.2).
    pub source: Ipv6Addr,
    /// Hops that the error may make.
    pub hop_limit: u8,
    /// Whether the packet came to all or to a group of stations of its link.
    pub link_broadcast: bool,
    /// Whether the packet's source is known to be an anycast address.
    pub anycast_source: bool,
}

impl Origin {
    /// From `source`, with a hop limit of 64, about a packet that came to this station alone.
    pub const fn new(source: Ipv6Addr) -> Self {
        Self {
            source,
            hop_limit: 64,
            link_broadcast: false,
            anycast_source: false,
        }
    }
}

/// Whether `message` may be sent about `packet` (RFC 4443 §2.4 (e)): not about an error or a redirect, nor to who
/// is not one node; and about a packet to many only where the path's MTU or an option that asks for it is at
/// stake. A later fragment of ICMPv6 does not tell whether it is of an error, so that none is sent about it; the
/// first fragment, which is no shorter, tells.
///
/// # Errors
/// Says why not.
pub fn may_send(
    packet: &Ipv6Packet<'_>,
    message: &Icmpv6Header,
    origin: &Origin,
) -> Result<(), NotSent> {
    if let Ok(upper) = packet.upper_layer()
        && upper.protocol == IpProtocol::ICMPV6
    {
        let kind = upper.payload.first().filter(|_| upper.is_beginning());
        let kind = kind.map(|kind| Icmpv6Type(*kind));
        if kind.is_none_or(|kind| kind.is_error() || kind == Icmpv6Type::REDIRECT) {
            return Err(NotSent::AboutError);
        }
    }
    let header = packet.header();
    if !is_for_all(packet, message) {
        if header.destination().is_multicast() {
            return Err(NotSent::Destination);
        }
        if origin.link_broadcast {
            return Err(NotSent::LinkBroadcast);
        }
    }
    if !is_one_node(header.source()) || origin.anycast_source {
        return Err(NotSent::Source);
    }
    Ok(())
}

/// Writes an error about `packet`, with its IP header, to the beginning of `buffer` and returns its length.
///
/// It quotes the packet as far as [`MAX_ERROR_LEN`] and the buffer allow. The quoted packet should be as it
/// was received.
///
/// # Errors
/// Says why no error may be sent; nothing has been written.
pub fn write_error(
    buffer: &mut [u8],
    packet: &Ipv6Packet<'_>,
    mut message: Icmpv6Header,
    origin: &Origin,
) -> Result<usize, NotSent> {
    may_send(packet, &message, origin)?;
    let quoted_len = packet.as_bytes().len().min(MAX_ERROR_LEN - HEAD);
    let len = (HEAD + quoted_len).min(buffer.len());
    if len < HEAD + quoted_len.min(MIN_QUOTED) {
        return Err(NotSent::NoRoom);
    }
    let quoted = &packet.as_bytes()[..len - HEAD];
    let (source, destination) = (origin.source, packet.header().source());
    message.fill_checksum(source, destination, quoted);
    let payload_len = (len - Ipv6Header::LEN) as u16;
    let mut header = Ipv6Header::new(IpProtocol::ICMPV6, source, destination, payload_len);
    header.set_hop_limit(origin.hop_limit);
    let octets = header
        .as_bytes()
        .iter()
        .chain(message.as_bytes())
        .chain(quoted);
    for (to, from) in buffer.iter_mut().zip(octets) {
        *to = *from;
    }
    Ok(len)
}

/// Makes an echo request the reply to it, in place (RFC 4443 §4.2): same data and extension headers, from the
/// address that was asked, or from `own`, which is to be given where that is a group's or an anycast address:
/// a unicast address of the interface by which the request came. Returns the length of the reply, in octets from
/// its IPv6 header on.
///
/// A routing header that is used up is passed over, whatever its type (RFC 8200 §4.4), and left out of the reply,
/// which takes no route back (RFC 8200 §8.4): the reply is shorter then than the request, and the view still that
/// of the request.
///
/// The checksum is corrected, not computed anew, so that a request that was damaged becomes a reply that is.
///
/// # Errors
/// Says why it is not to be answered; the packet has not changed then.
pub fn reply_to_echo(
    packet: &mut Ipv6PacketMut<'_>,
    hop_limit: u8,
    own: Option<Ipv6Addr>,
) -> Result<usize, NotAnswered> {
    let mut walk = packet.extension_headers();
    for extension in walk.by_ref() {
        match extension {
            Ok(ExtensionHeader::Fragment(_)) => return Err(NotAnswered::Fragment),
            Ok(ExtensionHeader::Routing {
                segments_left: 1.., ..
            }) => return Err(NotAnswered::SourceRoute),
            Ok(_) => {}
            Err(_) => return Err(NotAnswered::NotEcho),
        }
    }
    let (protocol, offset) = (walk.next_header(), walk.offset());
    if protocol != IpProtocol::ICMPV6 {
        return Err(NotAnswered::NotEcho);
    }
    let (source, asked) = (packet.header().source(), packet.header().destination());
    let own = own.unwrap_or(asked);
    if !is_one_node(own) || !is_one_node(source) {
        return Err(NotAnswered::Address);
    }
    let message = packet.payload_mut().get_mut(offset..).unwrap_or_default();
    let Ok((message, _)) = Icmpv6Header::split_from_mut(message) else {
        return Err(NotAnswered::NotEcho);
    };
    if message.message_type() != Icmpv6Type::ECHO_REQUEST || message.code() != 0 {
        return Err(NotAnswered::NotEcho);
    }
    message.set_message_type(Icmpv6Type::ECHO_REPLY);
    let kind = |kind: Icmpv6Type| u16::from_be_bytes([kind.0, 0]);
    let delta = ChecksumDelta::new()
        .replace_u16(kind(Icmpv6Type::ECHO_REQUEST), kind(Icmpv6Type::ECHO_REPLY))
        .replace_ipv6(asked, own);
    message.update_checksum(delta);
    let header = packet.header_mut();
    header.set_source(own);
    header.set_destination(source);
    header.set_hop_limit(hop_limit);
    while leave_out_routing(packet) {}
    Ok(Ipv6Header::LEN + usize::from(packet.header().payload_length()))
}

/// Closes the gap that the first routing header leaves; `false` if there is none. What is behind the end of the
/// packet then is of no meaning.
fn leave_out_routing(packet: &mut Ipv6PacketMut<'_>) -> bool {
    let mut walk = packet.extension_headers();
    let (mut before, mut start) = (None, 0);
    loop {
        match walk.next() {
            Some(Ok(ExtensionHeader::Routing { .. })) => break,
            Some(Ok(_)) => {
                before = Some(start);
                start = walk.offset();
            }
            Some(Err(_)) | None => return false,
        }
    }
    let (next, end) = (walk.next_header(), walk.offset());
    let payload = packet.payload_mut();
    payload.copy_within(end.., start);
    // Every extension header begins with what follows it, as the fixed one ends.
    match before.and_then(|before| payload.get_mut(before)) {
        Some(place) => *place = next.0,
        None => packet.header_mut().set_next_header(next),
    }
    let header = packet.header_mut();
    // No header is longer than the payload that it is in.
    header.set_payload_length(header.payload_length() - (end - start) as u16);
    true
}

/// Whether a message may be sent about a packet to many: for the path's MTU to be found for groups, and about
/// an option whose type has `10` as its highest bits (RFC 4443 §2.4 (e.3)).
fn is_for_all(packet: &Ipv6Packet<'_>, message: &Icmpv6Header) -> bool {
    match message.message_type() {
        Icmpv6Type::PACKET_TOO_BIG => true,
        Icmpv6Type::PARAMETER_PROBLEM if message.code() == ParameterProblem::UNKNOWN_OPTION.0 => {
            let pointer = usize::try_from(message.word()).unwrap_or(usize::MAX);
            let option = packet.as_bytes().get(pointer);
            option.is_some_and(|kind| kind >> 6 == 0b10)
        }
        _ => false,
    }
}

fn is_one_node(addr: Ipv6Addr) -> bool {
    !addr.is_unspecified() && !addr.is_multicast()
}

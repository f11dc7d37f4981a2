//! ICMP for IPv4: which errors may be sent, what they quote, and answers to echo requests (RFC 792, 1122,
//! 1191, 1812).
//!
//! Not done, on purpose: an error about a packet with a source route does not take the route back (RFC
//! 1812 §4.3.2.6 SHOULD), since such packets are themselves advised to be dropped (RFC 7126 §4.3, §4.4); and a reply
//! adds no time to a timestamp option (RFC 1122 §3.2.2.6 SHOULD), which would take the time of day, for an option that
//! is advised to be dropped as well (RFC 7126 §4.7).

use core::net::Ipv4Addr;

use waypost_wire::icmpv4::{Icmpv4Header, Icmpv4Type};
use waypost_wire::ipv4::{Ipv4Header, Ipv4Option, Ipv4Options, Ipv4Packet, Ipv4PacketMut};
use waypost_wire::{ChecksumDelta, Dscp, IpProtocol};

use super::{NotAnswered, NotSent};

/// How long an error is at most, in octets (RFC 1812 §4.3.2.3).
pub const MAX_ERROR_LEN: usize = 576;

/// What an error quotes at least beyond the packet's header, if the packet has it (RFC 792).
const MIN_QUOTED_PAYLOAD: usize = 8;

/// Octets ahead of what an error quotes.
const HEAD: usize = Ipv4Header::LEN + Icmpv4Header::LEN;

/// How and from where an error is sent, and what only the link and the routes know about the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The sender: an address of the interface by which the error leaves (RFC 1812 §4.3.2.4). Many routers take one of the
    /// interface that the packet came in on, which shows the way there and not the way back.
    pub source: Ipv4Addr,
    /// Hops that the error may make; nothing that the packet's own tell (RFC 1812 §4.3.2.2).
    pub ttl: u8,
    /// The identification of the error: needs to be unlike that of others only as far as errors may be
    /// fragmented, which at their length they hardly are.
    pub identification: u16,
    /// Whether the packet came to all or to a group of stations of its link.
    pub link_broadcast: bool,
    /// Whether the packet's destination is a broadcast address of a network, as only routes tell.
    pub directed_broadcast: bool,
    /// Whether the packet's source is one.
    pub broadcast_source: bool,
}

impl Origin {
    /// From `source`, with a TTL of 64, about a packet that came to this station alone.
    pub const fn new(source: Ipv4Addr) -> Self {
        Self {
            source,
            ttl: 64,
            identification: 0,
            link_broadcast: false,
            directed_broadcast: false,
            broadcast_source: false,
        }
    }
}

/// Whether an error may be sent about `packet`.
///
/// None is sent about an ICMP error, a packet to many, by broadcast or multicast of IP or of the link, a
/// fragment but the first, or a packet whose source is not one host (RFC 1122 §3.2.2, RFC 1812 §4.3.2.7).
///
/// What a packet must pass before it is asked here: the header's checks (RFC 1812 §5.2.2), since a packet
/// that fails those is answered by nothing.
///
/// # Errors
/// Says why not.
pub fn may_send(packet: &Ipv4Packet<'_>, origin: &Origin) -> Result<(), NotSent> {
    let header = packet.header();
    if header.fragment_offset() != 0 {
        return Err(NotSent::LaterFragment);
    }
    if header.protocol() == IpProtocol::ICMP
        && packet
            .payload()
            .first()
            .is_none_or(|message_type| Icmpv4Type(*message_type).is_error())
    {
        return Err(NotSent::AboutError);
    }
    let destination = header.destination();
    if destination.is_multicast() || destination.is_broadcast() || origin.directed_broadcast {
        return Err(NotSent::Destination);
    }
    if origin.link_broadcast {
        return Err(NotSent::LinkBroadcast);
    }
    if !is_one_host(header.source()) || origin.broadcast_source {
        return Err(NotSent::Source);
    }
    Ok(())
}

/// Writes an error about `packet`, with its IP header, to the beginning of `buffer` and returns its length.
///
/// It quotes the packet as far as [`MAX_ERROR_LEN`] and the buffer allow. The quoted packet should be as it
/// was received, its TTL included (RFC 1812 §4.3.2.3).
///
/// # Errors
/// Says why no error may be sent; nothing has been written.
pub fn write_error(
    buffer: &mut [u8],
    packet: &Ipv4Packet<'_>,
    mut message: Icmpv4Header,
    origin: &Origin,
) -> Result<usize, NotSent> {
    may_send(packet, origin)?;
    let quoted_len = packet.as_bytes().len().min(MAX_ERROR_LEN - HEAD);
    let least = quoted_len.min(packet.header().header_len() + MIN_QUOTED_PAYLOAD);
    let len = (HEAD + quoted_len).min(buffer.len());
    if len < HEAD + least {
        return Err(NotSent::NoRoom);
    }
    let quoted = &packet.as_bytes()[..len - HEAD];
    message.fill_checksum(quoted);

    let payload_len = (len - Ipv4Header::LEN) as u16;
    let destination = packet.header().source();
    let mut header = Ipv4Header::new(IpProtocol::ICMP, origin.source, destination, payload_len);
    // RFC 1812 §4.3.2.5: precedence 6; RFC 1349 §5.1: no type of service. Together: CS6.
    if let Some(dscp) = Dscp::class_selector(6) {
        header.set_dscp(dscp);
    }
    header.set_ttl(origin.ttl);
    header.set_identification(origin.identification);
    header.fill_checksum();

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

/// Makes an echo request the reply to it, in place (RFC 1122 §3.2.2.6): same data, options, precedence and
/// type of service (RFC 1812 §4.3.2.5), from the address that was asked, with a TTL of its own. A recorded route
/// goes on through this host.
///
/// A request to a group or by broadcast may be answered or not. Who answers it gives `own`, the address of the interface
/// by which it came, as that which was asked (RFC 1122 §3.2.1.3); without it, none to a group or to 255.255.255.255 is
/// answered. What only routes and the link tell is the caller's to look at: whether the destination is the
/// broadcast address of a network, and whether the packet came to all or to a group of stations.
///
/// Checksums are corrected, not computed anew, so that a request that was damaged becomes a reply that is.
///
/// # Errors
/// Says why it is not to be answered; the packet has not changed then.
pub fn reply_to_echo(
    packet: &mut Ipv4PacketMut<'_>,
    ttl: u8,
    own: Option<Ipv4Addr>,
) -> Result<(), NotAnswered> {
    let header = packet.header();
    let (source, asked) = (header.source(), header.destination());
    if header.protocol() != IpProtocol::ICMP {
        return Err(NotAnswered::NotEcho);
    }
    if header.is_fragment() {
        return Err(NotAnswered::Fragment);
    }
    let own = own.unwrap_or(asked);
    if ![source, own]
        .iter()
        .all(|it| is_one_host(*it) || it.is_loopback())
    {
        return Err(NotAnswered::Address);
    }
    if Ipv4Options::new(packet.options_bytes_mut()).any(|option| {
        matches!(
            option,
            Err(_) | Ok(Ipv4Option::LooseSourceRoute { .. } | Ipv4Option::StrictSourceRoute { .. })
        )
    }) {
        return Err(NotAnswered::SourceRoute);
    }
    let Ok((message, _)) = Icmpv4Header::split_from_mut(packet.payload_mut()) else {
        return Err(NotAnswered::NotEcho);
    };
    if message.message_type() != Icmpv4Type::ECHO_REQUEST || message.code() != 0 {
        return Err(NotAnswered::NotEcho);
    }
    message.set_message_type(Icmpv4Type::ECHO_REPLY);
    let request = u16::from_be_bytes([Icmpv4Type::ECHO_REQUEST.0, 0]);
    message.update_checksum(ChecksumDelta::new().replace_u16(request, 0));

    let recorded = record_route(packet.options_bytes_mut(), own);
    let header = packet.header_mut();
    let hops = |ttl: u8, protocol: IpProtocol| u16::from_be_bytes([ttl, protocol.0]);
    // The source, which becomes the destination, leaves the sum as it is.
    let delta = recorded.replace_ipv4(asked, own).replace_u16(
        hops(header.ttl(), IpProtocol::ICMP),
        hops(ttl, IpProtocol::ICMP),
    );
    header.set_source(own);
    header.set_destination(source);
    header.set_ttl(ttl);
    header.update_checksum(delta);
    Ok(())
}

/// Writes this host into the next place of a recorded route, if there is one left (RFC 791 §3.1): how that changes
/// the header's checksum.
fn record_route(options: &mut [u8], own: Ipv4Addr) -> ChecksumDelta {
    let mut delta = ChecksumDelta::new();
    let mut walk = Ipv4Options::new(options);
    let found = loop {
        let before = walk.remaining();
        match walk.next() {
            Some(Ok(Ipv4Option::RecordRoute { pointer, route })) => {
                break Some((options.len() - before.len(), pointer, route.len()));
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => break None,
        }
    };
    // The pointer counts from 1, and the first place is behind type, length and pointer.
    let Some((start, pointer @ 4.., places)) = found else {
        return delta;
    };
    let place = start + usize::from(pointer) - 1;
    if place + 4 > start + 3 + 4 * places {
        return delta;
    }
    let entry = own.octets().into_iter().zip(place..);
    for (octet, place) in entry.chain([(pointer + 4, start + 2)]) {
        if let Some(old) = options.get_mut(place) {
            // An option may begin anywhere: each octet counts as the half of its word that it is.
            let shift = if place.is_multiple_of(2) { 8 } else { 0 };
            delta = delta.replace_u16(u16::from(*old) << shift, u16::from(octet) << shift);
            *old = octet;
        }
    }
    delta
}

/// Whether an address is that of one host beyond this one (RFC 1812 §4.3.2.7, §5.3.7): not of network 0,
/// not a loopback, multicast or reserved one.
fn is_one_host(addr: Ipv4Addr) -> bool {
    let [first, ..] = addr.octets();
    first != 0 && first != 127 && first < 224
}

//! ICMPPingResponder: answers to echo requests.

use waypost_graph::{Batch, Cx, DropReason, Element, ElementClass, Packet};
use waypost_ip::icmp::reply_to_echo;
use waypost_packet::LinkDestination;
use waypost_wire::{IpProtocol, Ipv4Header, Ipv4PacketMut};

use super::filter::LINK_BROADCAST;

/// What is no echo request is not answered.
pub const NOT_ECHO: DropReason = DropReason::new("not an echo request");

pub(crate) const CLASS: ElementClass = ElementClass {
    name: "ICMPPingResponder",
    ports: "1/1-2",
    processing: "a/ah",
    flow: "x/x",
    doc: "Makes of ICMP echo requests the replies (RFC 792, RFC 1122 §3.2.2.6), sets their destination annotation and clears their paint.
Everything else goes to output 1, or is dropped without one. The network header must be marked.

Checksums are corrected, not computed anew, and that of ICMP is not looked at: the reply to a damaged request is as damaged.

What came to all, or to a group, of its link is not answered (RFC 1122 §3.2.2.6). The element knows no addresses of its own, nor networks:
it replies from whatever single address was asked, which may be the broadcast address of a network if the packet came to this station alone.
Routes that lead here should be those of the router's own addresses.

Deviations: replies have a TTL of 64, where Click has 255, and the time of the request; a recorded route goes on through the address
that was asked. Fragments are not answered, nor what came by a source route, by broadcast or multicast of the link, or from or to an
address that is not that of one host: Click answers all of them.",
    handlers: &[],
    build: |_, _| Ok(Box::new(IcmpPingResponder)),
};

/// Hops that a reply may make.
const TTL: u8 = 64;

/// The type of an echo request (RFC 792).
const ECHO_REQUEST: u8 = 8;

struct IcmpPingResponder;

/// Makes the packet the reply to it, or says why it is none; it has not changed then.
fn answer(packet: &mut Packet) -> Result<(), DropReason> {
    // A look first: what is left as it is need not be this packet's own.
    let looks_right = packet.network().and_then(|octets| {
        let (header, _) = Ipv4Header::split_from(octets).ok()?;
        let kind = octets.get(header.header_len())?;
        Some(header.protocol() == IpProtocol::ICMP && *kind == ECHO_REQUEST)
    });
    if looks_right != Some(true) {
        return Err(NOT_ECHO);
    }
    if matches!(
        packet.link_destination(),
        LinkDestination::Broadcast | LinkDestination::Multicast
    ) {
        return Err(LINK_BROADCAST);
    }
    let octets = packet.network_mut().ok_or(NOT_ECHO)?;
    let mut request = Ipv4PacketMut::parse(octets).map_err(|_| NOT_ECHO)?;
    reply_to_echo(&mut request, TTL, None).map_err(|_| NOT_ECHO)?;
    let to = request.header().destination();
    packet.set_destination(to);
    packet.set_paint(0);
    Ok(())
}

impl Element for IcmpPingResponder {
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        batch.filter_map(|mut packet| {
            match answer(&mut packet) {
                Ok(()) => return Some(packet),
                Err(reason) => cx.emit_or_drop(1, packet, reason),
            }
            None
        });
    }
}

#[cfg(test)]
mod tests {
    use waypost_graph::{Packet, Pool};

    use super::answer;

    #[test]
    fn what_is_no_request_stays_shared() {
        let pool = Pool::builder().small(8).build().unwrap();
        let mut frames = pool.allocator();
        for (protocol, kind, answered) in [(1, 8, true), (1, 0, false), (17, 8, false)] {
            let mut octets = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, protocol, 0, 0];
            octets.extend([10, 0, 0, 1, 10, 0, 0, 2, kind, 0, 0xf7, 0xff, 0, 0, 0, 0]);
            let mut packet: Packet = frames.copy(&octets).unwrap();
            packet.set_network_offset(0);
            let other = packet.share(&mut frames).unwrap();
            assert_eq!(answer(&mut packet).is_ok(), answered, "{protocol} {kind}");
            assert_eq!(packet.is_shared(), !answered);
            assert_eq!(other.octets(), octets);
        }
    }
}

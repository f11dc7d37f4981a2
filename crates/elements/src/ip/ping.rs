//! ICMPPingResponder: answers to echo requests.

use waypost_graph::{Batch, Cx, DropReason, Element, ElementClass, Packet};
use waypost_ip::icmp::reply_to_echo;
use waypost_wire::{IpProtocol, Ipv4Header, Ipv4PacketMut};

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

Deviations: replies have a TTL of 64, where Click has 255, and the time of the request. Fragments are not answered, nor what came by a
source route, or from or to an address that is not that of one host.",
    handlers: &[],
    build: |_, _| Ok(Box::new(IcmpPingResponder)),
};

/// Hops that a reply may make.
const TTL: u8 = 64;

/// The type of an echo request (RFC 792).
const ECHO_REQUEST: u8 = 8;

struct IcmpPingResponder;

fn answer(packet: &mut Packet) -> bool {
    // A look first: what is left as it is need not be this packet's own.
    let looks_right = packet.network().and_then(|octets| {
        let (header, _) = Ipv4Header::split_from(octets).ok()?;
        let kind = octets.get(header.header_len())?;
        Some(header.protocol() == IpProtocol::ICMP && *kind == ECHO_REQUEST)
    });
    if looks_right != Some(true) {
        return false;
    }
    let Some(octets) = packet.network_mut() else {
        return false;
    };
    let Ok(mut request) = Ipv4PacketMut::parse(octets) else {
        return false;
    };
    if reply_to_echo(&mut request, TTL).is_err() {
        return false;
    }
    let to = request.header().destination();
    packet.set_destination(to);
    packet.set_paint(0);
    true
}

impl Element for IcmpPingResponder {
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        batch.filter_map(|mut packet| {
            if answer(&mut packet) {
                return Some(packet);
            }
            cx.emit_or_drop(1, packet, NOT_ECHO);
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
            assert_eq!(answer(&mut packet), answered, "{protocol} {kind}");
            assert_eq!(packet.is_shared(), !answered);
            assert_eq!(other.octets(), octets);
        }
    }
}

//! ICMPPingResponder: answers to echo requests.

use waypost_graph::{Batch, Cx, DropReason, Element, ElementClass, Packet};
use waypost_ip::icmp::reply_to_echo;
use waypost_wire::Ipv4PacketMut;

/// What is no echo request is not answered.
pub const NOT_ECHO: DropReason = DropReason::new("not an echo request");

pub(crate) const CLASS: ElementClass = ElementClass {
    name: "ICMPPingResponder",
    ports: "1/1-2",
    processing: "a/ah",
    flow: "x/x",
    doc: "Makes of ICMP echo requests the replies (RFC 792, RFC 1122 §3.2.2.6), sets their destination annotation and clears their paint.
Everything else goes to output 1, or is dropped without one. The network header must be marked.",
    handlers: &[],
    build: |_, _| Ok(Box::new(IcmpPingResponder)),
};

/// Hops that a reply may make.
const TTL: u8 = 64;

struct IcmpPingResponder;

fn answer(packet: &mut Packet) -> bool {
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

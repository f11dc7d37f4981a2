//! DecIPTTL: one hop less to go.

use waypost_graph::{
    Args, Batch, BuildCx, ConfigError, Cx, DropReason, Element, ElementClass, Handler,
    HandlerError, Input, Output, Packet, Typed,
};
use waypost_wire::Ipv4Header;

use super::{BAD_HEADER, Ipv4};
use crate::args::{TypedArgs, handler_value};

/// A packet has no hop left to go.
pub const TTL_EXPIRED: DropReason = DropReason::new("TTL expired");

pub(crate) const CLASS: ElementClass = ElementClass {
    name: "DecIPTTL",
    ports: "1/1-2",
    processing: "a/ah",
    flow: "x/x",
    doc: "Counts the time to live of packets down by one, and corrects the checksum (RFC 1812 §5.3.1, RFC 1624). A packet
that has 1 or 0 left goes to output 1 as it is, or is dropped without one. One whose network header is not marked is dropped.

Arguments (keywords): `ACTIVE`: false changes nothing; `MULTICAST`: false passes packets to groups as they are.",
    handlers: HANDLERS,
    build,
};

const HANDLERS: &[Handler] = &[
    Handler::sum("drops", "packets that had no hop left to go"),
    Handler::read_write("active", "whether anything is counted down"),
];

fn build(args: &mut Args, _: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let (active, multicast) = (
        args.keyword("ACTIVE")?.unwrap_or(true),
        args.keyword("MULTICAST")?.unwrap_or(true),
    );
    Ok(Box::new(DecIpTtl {
        active,
        multicast,
        expired: 0,
    }))
}

/// Counts the time to live of packets down by one.
#[derive(Clone, Copy, Debug)]
pub struct DecIpTtl {
    active: bool,
    multicast: bool,
    expired: u64,
}

impl Default for DecIpTtl {
    fn default() -> Self {
        Self {
            active: true,
            multicast: true,
            expired: 0,
        }
    }
}

impl DecIpTtl {
    #[inline(always)]
    fn may_go_on(&self, packet: &mut Packet) -> bool {
        let Some(octets) = packet.network_mut() else {
            return false;
        };
        let Ok((header, _)) = Ipv4Header::split_from_mut(octets) else {
            return false;
        };
        if !self.multicast && header.destination().is_multicast() {
            return true;
        }
        header.decrement_ttl()
    }
}

/// Whether there is a header to count down in: without, nobody can be told that the time is up.
fn has_header(packet: &Packet) -> bool {
    let octets = packet.network();
    octets.is_some_and(|octets| Ipv4Header::split_from(octets).is_ok())
}

impl Element for DecIpTtl {
    #[inline]
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        if !self.active {
            return;
        }
        let mut expired = 0;
        batch.retain_or(
            |packet| self.may_go_on(packet),
            |packet| {
                if !has_header(&packet) {
                    cx.drop(packet, BAD_HEADER);
                    return;
                }
                expired += 1;
                cx.emit_or_drop(1, packet, TTL_EXPIRED);
            },
        );
        self.expired += expired;
    }

    fn handlers(&self) -> &'static [Handler] {
        HANDLERS
    }

    fn read(&self, handler: &str, _: &str) -> Result<String, HandlerError> {
        match handler {
            "drops" => Ok(self.expired.to_string()),
            "active" => Ok(self.active.to_string()),
            _ => Err(HandlerError::unknown(handler)),
        }
    }

    fn write(&mut self, handler: &str, value: &str, _: &mut Cx<'_>) -> Result<(), HandlerError> {
        match handler {
            "active" => self.active = handler_value(value)?,
            _ => return Err(HandlerError::unknown(handler)),
        }
        Ok(())
    }
}

impl Typed for DecIpTtl {
    type Inputs = Input<Ipv4>;
    /// What may go on, and what had no hop left.
    type Outputs = (Output<Ipv4>, Output<Ipv4>);
}

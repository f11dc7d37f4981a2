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
        args.keyword("ACTIVE").unwrap_or(true),
        args.keyword("MULTICAST").unwrap_or(true),
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
        if packet.is_shared() && !self.changes(packet) {
            return self.passes_as_it_is(packet);
        }
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

    /// Whether the packet will be changed: octets that others share are copied for that alone.
    #[cold]
    fn changes(&self, packet: &Packet) -> bool {
        header(packet).is_some_and(|header| header.ttl() > 1) && !self.passes_as_it_is(packet)
    }

    fn passes_as_it_is(&self, packet: &Packet) -> bool {
        !self.multicast && header(packet).is_some_and(|it| it.destination().is_multicast())
    }
}

fn header(packet: &Packet) -> Option<&Ipv4Header> {
    let (header, _) = Ipv4Header::split_from(packet.network()?).ok()?;
    Some(header)
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
                // Without one nobody can be told that the time is up.
                if header(&packet).is_none() {
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

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use waypost_graph::Pool;

    use super::*;

    #[test]
    fn what_is_not_counted_down_stays_shared() {
        let pool = Pool::builder().small(8).build().unwrap();
        let mut frames = pool.allocator();
        let element = DecIpTtl {
            multicast: false,
            ..DecIpTtl::default()
        };
        for (ttl, last, goes_on, changes) in [
            (64, [10, 0, 0, 2], true, true),
            (2, [10, 0, 0, 2], true, true),
            (1, [10, 0, 0, 2], false, false),
            (0, [10, 0, 0, 2], false, false),
            (64, [224, 0, 0, 5], true, false),
        ] {
            let mut header = Ipv4Header::new(
                waypost_wire::IpProtocol::UDP,
                Ipv4Addr::new(10, 0, 0, 1),
                Ipv4Addr::from(last),
                0,
            );
            header.set_ttl(ttl);
            header.fill_checksum();
            let mut packet: Packet = frames.copy(header.as_bytes()).unwrap();
            packet.set_network_offset(0);
            let other = packet.share(&mut frames).unwrap();
            assert_eq!(element.may_go_on(&mut packet), goes_on, "{ttl} {last:?}");
            assert_eq!(packet.is_shared(), !changes, "{ttl} {last:?}");
            assert_eq!(other.octets(), header.as_bytes());
        }
    }
}

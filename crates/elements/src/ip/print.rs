//! IPPrint: IP packets as text.

use std::io::{self, Write};

use waypost_graph::{Args, Batch, BuildCx, ConfigError, Cx, Element, ElementClass, Packet};
use waypost_wire::{Icmpv4Message, IpProtocol, Ipv4Packet, TcpSegment, UdpDatagram};

use crate::args::TypedArgs;

pub(crate) const CLASS: ElementClass = ElementClass {
    name: "IPPrint",
    ports: "1",
    processing: "a/a",
    flow: "x/x",
    doc: "Writes each IPv4 packet that passes to standard error, as one line. The network header must be marked.

Arguments: `IPPrint(LABEL)`. Keywords: `ACTIVE`: false shows nothing; `TIMESTAMP`: true shows when packets came.

Deviations: Click's `CONTENTS`, `PAYLOAD`, `OUTFILE` and further arguments are not there.",
    handlers: &[],
    build,
};

fn build(args: &mut Args, _: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let label = args.optional::<String>("LABEL")?.unwrap_or_default();
    let timestamp = args.keyword("TIMESTAMP")?.unwrap_or(false);
    Ok(Box::new(IpPrint {
        label,
        timestamp,
        active: args.keyword("ACTIVE")?.unwrap_or(true),
    }))
}

struct IpPrint {
    label: String,
    timestamp: bool,
    active: bool,
}

impl IpPrint {
    fn line(&self, packet: &Packet) -> String {
        let mut line = String::new();
        if !self.label.is_empty() {
            line = format!("{}: ", self.label);
        }
        if self.timestamp
            && let Some(time) = packet.timestamp()
        {
            line.push_str(&format!("{time}: "));
        }
        let Some(ip) = packet
            .network()
            .and_then(|octets| Ipv4Packet::parse(octets).ok())
        else {
            line.push_str("not an IPv4 packet");
            return line;
        };
        line.push_str(&ip.header().to_string());
        if ip.header().fragment_offset() > 0 {
            return line;
        }
        let transport = match ip.header().protocol() {
            IpProtocol::UDP => UdpDatagram::parse(ip.payload())
                .ok()
                .map(|it| it.header().to_string()),
            IpProtocol::TCP => TcpSegment::parse(ip.payload())
                .ok()
                .map(|it| it.header().to_string()),
            IpProtocol::ICMP => Icmpv4Message::parse(ip.payload())
                .ok()
                .map(|it| it.to_string()),
            _ => None,
        };
        if let Some(transport) = transport {
            line.push_str(&format!(": {transport}"));
        }
        line
    }
}

impl Element for IpPrint {
    fn push(&mut self, _: usize, batch: &mut Batch, _: &mut Cx<'_>) {
        if !self.active {
            return;
        }
        let mut out = io::stderr().lock();
        for packet in batch.iter() {
            // Nobody reads it: nothing to be done about that.
            let _ = writeln!(out, "{}", self.line(packet));
        }
    }
}

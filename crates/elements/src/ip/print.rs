//! IPPrint: IP packets as text.

use std::fmt::Write as _;
use std::io::{self, Write};

use waypost_graph::{
    Args, Batch, BuildCx, ConfigError, Cx, Element, ElementClass, Handler, HandlerError, Packet,
};
use waypost_wire::{IpProtocol, Ipv4Header};

use super::print_transport::transport;
use crate::args::{TypedArgs, handler_value};
use crate::host::Host;
use crate::output::OutputFile;
use crate::plumbing::{Contents, seconds};

pub(crate) const CLASS: ElementClass = ElementClass {
    name: "IPPrint",
    ports: "1",
    processing: "a/a",
    flow: "x/x",
    doc: "Writes each IPv4 packet that passes to standard error, as one line, much as tcpdump does. Packets whose network header is not
marked pass in silence.

Arguments: `IPPrint(LABEL)`; keywords:

- `CONTENTS`: `HEX` or `ASCII` shows the packet's octets below its line; `NONE` is the default. `PAYLOAD`: the same of what its
  headers carry, alone.
- `MAXLENGTH` (`NBYTES` of old): octets shown, at most; 1500 by default, -1 for all.
- `TIMESTAMP`: false does not show when the packet came, in seconds since 1970.
- `ID`, `TTL`, `TOS`, `LENGTH`, `PAINT`: true shows these too.
- `SWAP`: false shows the numbers of echo requests with their octets the other way round.
- `OUTFILE`: a file that is written instead.
- `ACTIVE`: false shows nothing.

Deviations: Click's `AGGREGATE` and `CHANNEL` are not there. Of ICMP errors, the packet that they are about is not shown. Several workers write one `OUTFILE`
each, with `.1`, `.2` and so on behind the name.",
    handlers: HANDLERS,
    build,
};

const HANDLERS: &[Handler] = &[Handler::read_write("active", "whether packets are shown")];

fn build(args: &mut Args, cx: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let label = args.optional::<String>("LABEL").unwrap_or_default();
    let whole = Contents::parse(args, "CONTENTS").unwrap_or(Contents::None);
    let payload = Contents::parse(args, "PAYLOAD").unwrap_or(Contents::None);
    if whole != Contents::None && payload != Contents::None {
        args.refuse(
            "PAYLOAD",
            ConfigError::new("CONTENTS and PAYLOAD exclude each other"),
        );
    }
    let len = args.keyword::<i64>("MAXLENGTH");
    let of_old = args.keyword("NBYTES");
    let len = len.or(of_old).unwrap_or(1500);
    let out = args.keyword::<String>("OUTFILE");
    let mut shows = |keyword| args.keyword(keyword).unwrap_or(false);
    let (id, ttl, tos) = (shows("ID"), shows("TTL"), shows("TOS"));
    let (length, paint) = (shows("LENGTH"), shows("PAINT"));
    let timestamp = args.keyword("TIMESTAMP").unwrap_or(true);
    let swap = args.keyword("SWAP").unwrap_or(true);
    let active = args.keyword("ACTIVE").unwrap_or(true);
    args.finish()?;
    let out = match out {
        Some(mut name) => {
            if cx.worker > 0 {
                let _ = write!(name, ".{}", cx.worker);
            }
            let failed = |error| ConfigError::new(format!("cannot write `{name}`: {error}"));
            Some(Host::of(cx)?.open(&name).map_err(failed)?)
        }
        None => None,
    };
    Ok(Box::new(IpPrint {
        label,
        contents: if whole == Contents::None {
            payload
        } else {
            whole
        },
        payload: payload != Contents::None,
        len: usize::try_from(len).unwrap_or(usize::MAX),
        id,
        ttl,
        tos,
        length,
        paint,
        timestamp,
        swap,
        out,
        active,
    }))
}

struct IpPrint {
    label: String,
    contents: Contents,
    /// Whether that is what the headers carry.
    payload: bool,
    len: usize,
    id: bool,
    ttl: bool,
    tos: bool,
    length: bool,
    paint: bool,
    timestamp: bool,
    swap: bool,
    /// Standard error, if none.
    out: Option<OutputFile>,
    active: bool,
}

impl IpPrint {
    /// The line of a packet, without its end.
    fn line(&self, packet: &Packet) -> Option<String> {
        let octets = packet.network()?;
        let mut line = String::new();
        if !self.label.is_empty() {
            line = format!("{}: ", self.label);
        }
        if self.timestamp {
            line.push_str(&format!("{}: ", seconds(packet)));
        }
        if self.paint {
            line.push_str(&format!("paint {}: ", packet.paint()));
        }
        let Ok((header, _)) = Ipv4Header::split_from(octets) else {
            line.push_str("truncated-ip");
            return Some(line);
        };
        let (header_len, total) = (header.header_len(), usize::from(header.total_length()));
        let payload_len = total.saturating_sub(header_len);
        let carried = octets.get(header_len..).unwrap_or_default();
        let carried = &carried[..carried.len().min(payload_len)];
        for (shows, name, value) in [
            (self.id, "id", usize::from(header.identification())),
            (self.ttl, "ttl", header.ttl().into()),
            (self.tos, "tos", header.traffic_class().into()),
            (self.length, "length", total),
        ] {
            if shows {
                line.push_str(&format!("{name} {value} "));
            }
        }
        transport(header, carried, packet.len(), self.swap, &mut line);
        if header.is_fragment() {
            let (at, more) = (header.fragment_offset(), header.more_fragments());
            line.push_str(&format!(
                " (frag {}:{payload_len}@{at}{})",
                header.identification(),
                if more { "+" } else { "" }
            ));
        }
        let shown = if self.payload {
            behind_headers(header, octets.get(header_len..).unwrap_or_default())
        } else {
            packet.octets()
        };
        let shown = &shown[..shown.len().min(self.len)];
        self.contents.show(shown, 6, "\n  ", &mut line);
        Some(line)
    }
}

/// What the transport header carries, or what there is in its place.
fn behind_headers<'a>(header: &Ipv4Header, carried: &'a [u8]) -> &'a [u8] {
    let len = match header.protocol() {
        _ if header.fragment_offset() > 0 => 0,
        IpProtocol::TCP => carried.get(12).map_or(0, |it| usize::from(it >> 4) * 4),
        IpProtocol::UDP => 8,
        _ => 0,
    };
    carried.get(len..).unwrap_or_default()
}

impl Element for IpPrint {
    fn begin(&mut self) {
        if let Some(out) = &mut self.out {
            // The first line tries it again.
            let _ = out.begin();
        }
    }

    fn push(&mut self, _: usize, batch: &mut Batch, _: &mut Cx<'_>) {
        if !self.active {
            return;
        }
        for packet in batch.iter() {
            let Some(line) = self.line(packet) else {
                continue;
            };
            // Nobody reads it: nothing to be done about that.
            let _ = match &mut self.out {
                Some(out) => writeln!(out, "{line}"),
                None => writeln!(io::stderr().lock(), "{line}"),
            };
        }
    }

    fn handlers(&self) -> &'static [Handler] {
        HANDLERS
    }

    fn read(&self, handler: &str, _: &str) -> Result<String, HandlerError> {
        match handler {
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

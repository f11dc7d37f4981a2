//! ICMPError: messages about packets that cannot go on.

use std::net::Ipv4Addr;

use waypost_graph::{
    Args, Batch, BuildCx, ConfigError, Cx, DropReason, Element, ElementClass, Handler,
    HandlerError, Packet,
};
use waypost_ip::icmp::{Origin, write_error};
use waypost_packet::LinkDestination;
use waypost_wire::{Icmpv4Header, Ipv4Packet};

use crate::args::{Arg, TypedArgs, handler_value};

/// No message may be sent about a packet (RFC 1812 §4.3.2.7).
pub const NO_ERROR_ALLOWED: DropReason = DropReason::new("no ICMP error may be sent");

pub(crate) const CLASS: ElementClass = ElementClass {
    name: "ICMPError",
    ports: "1",
    processing: "a/a",
    flow: "x/x",
    doc: "Makes of each packet an ICMP error message about it (RFC 792, RFC 1812 §4.3.2), to its sender. The message's
destination annotation is set, and so is the annotation by which `FixIPSrc` gives it the source address of the interface by
which it leaves. Where no message may be sent (about errors, fragments but the first, broadcasts, and so on), the packet is
dropped.

Arguments: `ICMPError(SRC, TYPE, CODE, BADADDRS)`: the router's address; type and code, as numbers or names: `unreachable`
(`net`, `host`, `protocol`, `port`, `needfrag`, `filterprohibited`), `redirect` (`net`, `host`), `timeexceeded` (`transit`,
`reassembly`), `parameterproblem` (`erroratptr`, `missingopt`, `length`), `sourcequench`; the code is 0 by default. Keywords:

- `BADADDRS`: addresses from and to which packets are answered by no message.
- `PMTU`: octets that the next hop's link carries, told with `needfrag` (RFC 1191); 0, which is unknown, by default.
- `MTU`: octets of a message, at most; 576 by default.
- `USE_FIX_ANNO`, `SET_FIX_ANNO`: false leaves the source address as it is.

A `redirect` names the packet's destination annotation as the gateway.

Deviations: no message is longer than 576 octets (RFC 1812 §4.3.2.3), whatever `MTU` says. Messages have a TTL of 64 and
precedence 6 (RFC 1812 §4.3.2.5), where Click has 200 and 0. The pointer of a `parameterproblem` is 0, since no
element says where the fault is. A source route is not taken back. Packets from reserved addresses are not answered either. There
is no limit of rate, as in Click.",
    handlers: HANDLERS,
    build,
};

const HANDLERS: &[Handler] = &[
    Handler::sum("count", "messages that were made"),
    Handler::read_write("src", "the router's address"),
    Handler::read_write("mtu", "octets of a message, at most"),
    Handler::read_write("pmtu", "octets that the next hop's link carries"),
];

fn build(args: &mut Args, _: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let source = args.mandatory("SRC");
    let said: Result<String, _> = args.mandatory("TYPE");
    let kind = said.as_deref().ok().and_then(|said| {
        let kind = number(said, TYPES).filter(|it| TYPES.iter().any(|(_, known)| known == it));
        args.require("TYPE", kind.is_some(), "an ICMP error's TYPE", said);
        kind
    });
    let code = args.take_or_positional("CODE").unwrap_or_default();
    let bad = args.take_or_positional("BADADDRS").unwrap_or_default();
    let code = match (code.is_empty(), kind) {
        (true, _) => Some(0),
        // Which codes there are hangs on the type.
        (false, None) => None,
        (false, Some(kind)) => {
            let found = number(&code, codes(kind));
            let expected = format!("a CODE of ICMP type {kind}");
            args.require("CODE", found.is_some(), &expected, &code);
            found
        }
    };
    let mtu = args
        .keyword::<usize>("MTU")
        .unwrap_or(waypost_ip::icmp::MAX_ERROR_LEN);
    let pmtu = args.keyword("PMTU").unwrap_or(0);
    let (fix, of_old) = (args.keyword("SET_FIX_ANNO"), args.keyword("USE_FIX_ANNO"));
    let fix = fix.or(of_old).unwrap_or(true);
    let mut addresses = Vec::new();
    for word in bad.split_whitespace() {
        let address = word.parse::<Ipv4Addr>();
        args.require("BADADDRS", address.is_ok(), "an address in BADADDRS", word);
        addresses.extend(address);
    }
    args.finish()?;
    Ok(Box::new(IcmpError {
        source: source?,
        kind: kind.unwrap_or_default(),
        code: code.unwrap_or_default(),
        mtu,
        pmtu,
        fix,
        bad: addresses.into(),
        count: 0,
    }))
}

const UNREACHABLE: u8 = 3;
const REDIRECT: u8 = 5;
const TIME_EXCEEDED: u8 = 11;
const PARAMETER_PROBLEM: u8 = 12;
const NEED_FRAGMENTATION: u8 = 4;

const TYPES: &[(&str, u8)] = &[
    ("unreachable", UNREACHABLE),
    ("redirect", REDIRECT),
    ("timeexceeded", TIME_EXCEEDED),
    ("parameterproblem", PARAMETER_PROBLEM),
    ("sourcequench", 4),
];

/// The names of a type's codes (RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1).
fn codes(kind: u8) -> &'static [(&'static str, u8)] {
    match kind {
        UNREACHABLE => &[
            ("net", 0),
            ("host", 1),
            ("protocol", 2),
            ("port", 3),
            ("needfrag", NEED_FRAGMENTATION),
            ("srcroutefail", 5),
            ("filterprohibited", 13),
        ],
        REDIRECT => &[("net", 0), ("host", 1), ("tosnet", 2), ("toshost", 3)],
        TIME_EXCEEDED => &[("transit", 0), ("reassembly", 1)],
        PARAMETER_PROBLEM => &[("erroratptr", 0), ("missingopt", 1), ("length", 2)],
        _ => &[],
    }
}

fn number(text: &str, names: &[(&str, u8)]) -> Option<u8> {
    let text = text.trim().to_ascii_lowercase();
    <u8 as Arg>::parse(&text).or_else(|| {
        names
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, number)| *number)
    })
}

struct IcmpError {
    source: Ipv4Addr,
    kind: u8,
    code: u8,
    mtu: usize,
    pmtu: u16,
    fix: bool,
    bad: Box<[Ipv4Addr]>,
    count: u64,
}

impl IcmpError {
    fn header(&self, packet: &Packet) -> Icmpv4Header {
        let rest = match (self.kind, self.code) {
            (UNREACHABLE, NEED_FRAGMENTATION) => u32::from(self.pmtu).to_be_bytes(),
            (REDIRECT, _) => packet.destination().octets(),
            _ => [0; 4],
        };
        let [a, b, c, d] = rest;
        Icmpv4Header::from_bytes([self.kind, self.code, 0, 0, a, b, c, d])
    }

    fn message(&mut self, packet: &Packet, cx: &mut Cx<'_>) -> Result<Packet, DropReason> {
        let about = packet
            .network()
            .and_then(|octets| Ipv4Packet::parse(octets).ok())
            .ok_or(NO_ERROR_ALLOWED)?;
        let to = about.header().source();
        if self.bad.contains(&to) || self.bad.contains(&about.header().destination()) {
            return Err(NO_ERROR_ALLOWED);
        }
        let link = packet.link_destination();
        let origin = Origin {
            identification: self.count as u16,
            link_broadcast: matches!(
                link,
                LinkDestination::Broadcast | LinkDestination::Multicast
            ),
            ..Origin::new(self.source)
        };
        let mut message = cx
            .frames()
            .packet_for(waypost_ip::icmp::MAX_ERROR_LEN)
            .ok_or(DropReason::NO_BUFFER)?;
        let room = message
            .append(waypost_ip::icmp::MAX_ERROR_LEN.min(self.mtu))
            .ok_or(DropReason::NO_BUFFER)?;
        let len = write_error(room, &about, self.header(packet), &origin)
            .map_err(|_| NO_ERROR_ALLOWED)?;
        message.truncate(len);
        message.set_network_offset(0);
        message.set_transport_offset(20);
        message.set_destination(to);
        message.set_fixes_source(self.fix);
        message.set_trace(packet.trace());
        self.count += 1;
        Ok(message)
    }
}

impl Element for IcmpError {
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        batch.filter_map(|packet| match self.message(&packet, cx) {
            Ok(message) => {
                cx.frames().free_packet(packet);
                Some(message)
            }
            Err(reason) => {
                cx.drop(packet, reason);
                None
            }
        });
    }

    fn handlers(&self) -> &'static [Handler] {
        HANDLERS
    }

    fn read(&self, handler: &str, _: &str) -> Result<String, HandlerError> {
        match handler {
            "count" => Ok(self.count.to_string()),
            "src" => Ok(self.source.to_string()),
            "mtu" => Ok(self.mtu.to_string()),
            "pmtu" => Ok(self.pmtu.to_string()),
            _ => Err(HandlerError::unknown(handler)),
        }
    }

    fn write(&mut self, handler: &str, value: &str, _: &mut Cx<'_>) -> Result<(), HandlerError> {
        match handler {
            "src" => self.source = handler_value(value)?,
            "mtu" => self.mtu = handler_value(value)?,
            "pmtu" => self.pmtu = handler_value(value)?,
            _ => return Err(HandlerError::unknown(handler)),
        }
        Ok(())
    }
}

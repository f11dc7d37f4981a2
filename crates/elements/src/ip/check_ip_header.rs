//! CheckIPHeader: what is an IPv4 packet, and what is not.

use std::net::Ipv4Addr;

use std::cell::Cell;

use waypost_graph::{
    Args, Batch, BuildCx, ConfigError, Cx, DropReason, Element, ElementClass, Handler,
    HandlerError, Input, Merge, Output, Packet, Typed,
};
use waypost_wire::{Ipv4Header, Ipv4Packet};

use super::Ipv4;
use crate::args::{Arg, InterfaceAddress, TypedArgs, handler_value};

/// A packet is no IPv4 packet that a router may forward.
pub const BAD_HEADER: DropReason = DropReason::new("bad IP header");

pub(crate) const CLASS: ElementClass = ElementClass {
    name: "CheckIPHeader",
    ports: "1/1-2",
    processing: "a/ah",
    flow: "x/x",
    doc: "Lets pass what is an IPv4 packet: version, header length, total length and header checksum are right (RFC 1812
§5.2.2), and the source is not among the bad ones (RFC 1812 §5.3.7). Others go to output 1, or are dropped without one.

It marks the network and the transport header, sets the destination annotation, and cuts off what follows the packet, such
as Ethernet's padding.

Arguments: `CheckIPHeader(OFFSET)`, or, as of old, `CheckIPHeader(BADSRC, OFFSET)`, where 0.0.0.0 and 255.255.255.255 are
bad sources too. Keywords:

- `OFFSET`: where the IP header begins; 0 by default.
- `BADSRC`: source addresses that are not let pass; none by default.
- `GOODDST`: destinations whose packets are let pass from any source.
- `INTERFACES`: the router's own addresses with their prefixes, as `ADDR/LENGTH` or `ADDR/MASK`. Their broadcast addresses, 0.0.0.0 and
  255.255.255.255 are bad sources then, and the addresses themselves good destinations. An address without a prefix is its own
  broadcast address; a prefix of 31 has none (RFC 3021).
- `CHECKSUM`: false does not verify the checksum.
- `VERBOSE`, `DETAILS`: change nothing.

Deviations: no message is printed about bad packets, whatever `VERBOSE` says; the handler `drop_details` tells of them,
whatever `DETAILS` says, in words of its own. In Click a prefix of 31 has a broadcast address.",
    handlers: HANDLERS,
    build,
};

const HANDLERS: &[Handler] = &[
    Handler::sum("drops", "packets that did not pass"),
    Handler {
        merge: Merge::Lines,
        ..Handler::read("drop_details", "packets that did not pass, by reason")
    },
];

fn build(args: &mut Args, _: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let (mut bad_sources, mut good_destinations) = (Vec::new(), Vec::new());
    if let Some(text) = args.take("INTERFACES") {
        for word in text.split_whitespace() {
            match InterfaceAddress::parse(word) {
                Some(InterfaceAddress { address, network }) => {
                    // An address alone is a network of its own, as in Click. The last of a network of two is a host's
                    // (RFC 3021).
                    let broadcast =
                        network.map_or(Some(address), |it| (it.length() != 31).then(|| it.last()));
                    bad_sources.extend(broadcast);
                    good_destinations.push(address);
                }
                None => {
                    let expected = "INTERFACES such as 10.0.0.1/24";
                    args.refuse("INTERFACES", ConfigError::expected(expected, word));
                }
            }
        }
        bad_sources.extend(BAD_SOURCES);
    }
    for (keyword, list) in [
        ("BADSRC", &mut bad_sources),
        ("GOODDST", &mut good_destinations),
    ] {
        if let Some(text) = args.take(keyword) {
            match addresses(keyword, &text) {
                Ok(addresses) => list.extend(addresses),
                Err(wrong) => args.refuse(keyword, wrong),
            }
        }
    }
    let mut offset = args.keyword("OFFSET").unwrap_or(0);
    let verify = args.keyword("CHECKSUM").unwrap_or(true);
    // Nothing hangs on them.
    let _: [Option<bool>; 2] = [args.keyword("VERBOSE"), args.keyword("DETAILS")];
    if let Some((number, first)) = args.take_positional() {
        let second = args.take_positional();
        match (usize::parse(first.trim()), second) {
            (Some(only), None) => offset = only,
            (_, second) => {
                match addresses("BADSRC", &first) {
                    Ok(addresses) => bad_sources.extend(addresses),
                    Err(wrong) => args.refuse_number(number, wrong),
                }
                bad_sources.extend(BAD_SOURCES);
                if let Some((number, word)) = second {
                    match handler_value(&word) {
                        Ok(second) => offset = second,
                        Err(wrong) => args.refuse_number(number, wrong.to_string()),
                    }
                }
            }
        }
    }
    Ok(Box::new(CheckIpHeader {
        bad_sources: bad_sources.into(),
        good_destinations: good_destinations.into(),
        // No packet is longer.
        offset: u32::try_from(offset).unwrap_or(u32::MAX),
        verify,
        bad: [0; Fault::ALL.len()],
    }))
}

/// Addresses that no packet comes from (RFC 1122 §3.2.1.3).
const BAD_SOURCES: [Ipv4Addr; 2] = [Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST];

fn addresses(keyword: &str, text: &str) -> Result<Vec<Ipv4Addr>, ConfigError> {
    let parse = |word: &str| {
        Ipv4Addr::parse(word).ok_or_else(|| {
            ConfigError::expected(&format!("{} for {keyword}", Ipv4Addr::EXPECTED), word)
        })
    };
    text.split_whitespace().map(parse).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Truncated,
    Version,
    HeaderLength,
    TotalLength,
    Checksum,
    Source,
}

impl Fault {
    const ALL: [Self; 6] = [
        Self::Truncated,
        Self::Version,
        Self::HeaderLength,
        Self::TotalLength,
        Self::Checksum,
        Self::Source,
    ];

    fn text(self) -> &'static str {
        match self {
            Self::Truncated => "shorter than a header",
            Self::Version => "not version 4",
            Self::HeaderLength => "bad header length",
            Self::TotalLength => "bad total length",
            Self::Checksum => "bad checksum",
            Self::Source => "bad source",
        }
    }
}

/// Lets pass what is an IPv4 packet, as the class `CheckIPHeader` says.
#[derive(Clone, Debug)]
pub struct CheckIpHeader {
    bad_sources: Box<[Ipv4Addr]>,
    good_destinations: Box<[Ipv4Addr]>,
    offset: u32,
    verify: bool,
    bad: [u64; Fault::ALL.len()],
}

impl Default for CheckIpHeader {
    /// The header at the packet's first octet, its checksum verified, 0.0.0.0 and 255.255.255.255 bad sources.
    fn default() -> Self {
        Self {
            bad_sources: BAD_SOURCES.into(),
            good_destinations: Box::default(),
            offset: 0,
            verify: true,
            bad: [0; Fault::ALL.len()],
        }
    }
}

impl CheckIpHeader {
    #[inline(always)]
    fn check(&self, packet: &mut Packet) -> Result<(), Fault> {
        let offset = self.offset as usize;
        let octets = packet.octets().get(offset..).ok_or(Fault::Truncated)?;
        let (header, _) = Ipv4Header::split_from(octets).map_err(|_| Fault::Truncated)?;
        let (header_len, total_len) = (header.header_len(), usize::from(header.total_length()));
        // Version 4 without options: one comparison, and a checksum over octets whose number is known.
        let right = if header.as_bytes()[0] == PLAIN {
            header.has_valid_checksum()
        } else {
            check_options(header, octets, self.verify)?
        };
        if total_len < header_len || total_len > octets.len() {
            return Err(Fault::TotalLength);
        }
        if !right && self.verify {
            return Err(Fault::Checksum);
        }
        let destination = header.destination();
        if self.bad_sources.contains(&header.source())
            && !self.good_destinations.contains(&destination)
        {
            return Err(Fault::Source);
        }
        packet.truncate(offset + total_len);
        packet.set_network_offset(offset);
        packet.set_transport_offset(offset + header_len);
        packet.set_destination(destination);
        Ok(())
    }
}

/// The first octet of a header of version 4 without options.
const PLAIN: u8 = 0x45;

/// A header that is not plain: whether its checksum is right, if anybody wants to know.
#[cold]
fn check_options(header: &Ipv4Header, octets: &[u8], verify: bool) -> Result<bool, Fault> {
    if header.version() != 4 {
        return Err(Fault::Version);
    }
    let header_len = header.header_len();
    if header_len < Ipv4Header::LEN || header_len > octets.len() {
        return Err(Fault::HeaderLength);
    }
    let sum = || waypost_wire::Checksum::new().add_bytes(&octets[..header_len]);
    Ok(!verify || sum().is_valid())
}

impl Element for CheckIpHeader {
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        let fault = Cell::new(Fault::Truncated);
        let bad = &mut [0; Fault::ALL.len()];
        batch.retain_or(
            |packet| match self.check(packet) {
                Ok(()) => true,
                Err(found) => {
                    fault.set(found);
                    false
                }
            },
            |packet| {
                bad[fault.get() as usize] += 1;
                cx.emit_or_drop(1, packet, BAD_HEADER);
            },
        );
        for (all, more) in self.bad.iter_mut().zip(bad) {
            *all += *more;
        }
    }

    fn handlers(&self) -> &'static [Handler] {
        HANDLERS
    }

    fn read(&self, handler: &str, _: &str) -> Result<String, HandlerError> {
        match handler {
            "drops" => Ok(self.bad.iter().sum::<u64>().to_string()),
            "drop_details" => {
                let lines = Fault::ALL
                    .iter()
                    .zip(self.bad)
                    .map(|(fault, count)| format!("{count}\t{}", fault.text()));
                Ok(lines.collect::<Vec<_>>().join("\n"))
            }
            _ => Err(HandlerError::unknown(handler)),
        }
    }

    fn note(&self, packet: &Packet) -> Option<String> {
        let packet = Ipv4Packet::parse(packet.network()?).ok()?;
        Some(packet.header().to_string())
    }
}

impl Typed for CheckIpHeader {
    type Inputs = Input<Packet>;
    /// What passed, and what did not.
    type Outputs = (Output<Ipv4>, Output<Packet>);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(octets: &[u8]) -> Result<(), Fault> {
        let check = CheckIpHeader::default();
        let mut packet = Packet::on_heap(octets).unwrap();
        check.check(&mut packet)?;
        assert_eq!(packet.len(), 28, "the padding is cut off");
        assert_eq!(packet.destination(), Ipv4Addr::new(10, 0, 0, 2));
        assert_eq!(packet.transport().unwrap().len(), 8);
        Ok(())
    }

    fn packet() -> Vec<u8> {
        let mut header = Ipv4Header::new(
            waypost_wire::IpProtocol::UDP,
            Ipv4Addr::new(10, 0, 0, 1),
            Ipv4Addr::new(10, 0, 0, 2),
            8,
        );
        header.fill_checksum();
        [&header.as_bytes()[..], &[0; 8], &[0; 18]].concat()
    }

    #[test]
    fn each_fault_is_found() {
        assert_eq!(faults(&packet()), Ok(()));
        let broken = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut octets = packet();
            change(&mut octets);
            faults(&octets).unwrap_err()
        };
        assert_eq!(broken(&|octets| octets.truncate(19)), Fault::Truncated);
        assert_eq!(broken(&|octets| octets[0] = 0x65), Fault::Version);
        assert_eq!(broken(&|octets| octets[0] = 0x44), Fault::HeaderLength);
        assert_eq!(broken(&|octets| octets[3] = 200), Fault::TotalLength);
        assert_eq!(broken(&|octets| octets[3] = 10), Fault::TotalLength);
        assert_eq!(broken(&|octets| octets[10] ^= 1), Fault::Checksum);
        let zero_source = |octets: &mut Vec<u8>| {
            octets[12..16].fill(0);
            octets[10..12].fill(0);
            let sum = waypost_wire::Checksum::new()
                .add_bytes(&octets[..20])
                .finish();
            octets[10..12].copy_from_slice(&sum.to_be_bytes());
        };
        assert_eq!(broken(&zero_source), Fault::Source);
    }
}

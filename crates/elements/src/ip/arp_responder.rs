//! ARPResponder: answers to those who ask for addresses.

use waypost_graph::{
    Args, Batch, BuildCx, ConfigError, Cx, DropReason, Element, ElementClass, Handler,
    HandlerError, Packet,
};
use waypost_wire::arp::{ArpHeader, ArpOperation};
use waypost_wire::{EtherType, EthernetHeader, Ipv4Prefix, MacAddr};

use super::arp_packet;
use crate::args::Arg;

/// An ARP packet asks for nothing that is answered here.
pub const NOT_ASKED: DropReason = DropReason::new("ARP packet that asks for none of ours");

pub(crate) const CLASS: ElementClass = ElementClass {
    name: "ARPResponder",
    ports: "1/1-2",
    processing: "a/ah",
    flow: "x/x",
    doc: "Answers ARP requests (RFC 826) for addresses that it stands for. Everything else goes to output 1, or is dropped without
one.

Arguments: entries, each `ADDR… ETH`: addresses, or prefixes, and the link address that is answered for them. Of the entries
that hold an address that with the longest prefix counts, and of two such the later.

Deviations: one who asks for its own address, to announce it, is not answered. The handlers show link addresses with colons, where
Click has dashes. The answer keeps the request's annotations.",
    handlers: HANDLERS,
    build,
};

const HANDLERS: &[Handler] = &[
    Handler::read("table", "the entries, one a line"),
    Handler::read(
        "lookup",
        "the link address for the address given behind the handler's name",
    ),
    Handler::write("add", "adds an entry, as among the arguments"),
    Handler::write("remove", "removes a prefix's entries"),
];

fn build(args: &mut Args, _: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let mut responder = ArpResponder {
        entries: Vec::new(),
    };
    args.read_rest(|text| responder.add(text));
    Ok(Box::new(responder))
}

struct ArpResponder {
    entries: Vec<(Ipv4Prefix, MacAddr)>,
}

impl ArpResponder {
    fn add(&mut self, text: &str) -> Result<(), String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let Some((mac, addresses)) = words
            .split_last()
            .filter(|(_, addresses)| !addresses.is_empty())
        else {
            return Err(format!("expected an entry `ADDR ETH`, found `{text}`"));
        };
        let mac = MacAddr::parse(mac)
            .ok_or_else(|| format!("expected {}, found `{mac}`", MacAddr::EXPECTED))?;
        for word in addresses {
            let prefix = Ipv4Prefix::parse(word)
                .ok_or_else(|| format!("expected {}, found `{word}`", Ipv4Prefix::EXPECTED))?;
            self.entries.push((prefix, mac));
        }
        Ok(())
    }

    fn lookup(&self, address: std::net::Ipv4Addr) -> Option<MacAddr> {
        let holding = self
            .entries
            .iter()
            .filter(|(prefix, _)| prefix.contains(address));
        holding
            .max_by_key(|(prefix, _)| prefix.length())
            .map(|(_, mac)| *mac)
    }

    /// The answer to a request, if it asks for one of ours.
    fn answer(&self, octets: &[u8]) -> Option<[u8; EthernetHeader::LEN + ArpHeader::LEN]> {
        let request = arp_packet(octets)?;
        let request = request.header();
        let asked = request.target_ip();
        // One who announces its own address asks for nothing.
        if request.operation() != ArpOperation::REQUEST || request.sender_ip() == asked {
            return None;
        }
        let mac = self.lookup(asked)?;
        let to = request.sender_mac();
        let frame = EthernetHeader::new(to, mac, EtherType::ARP);
        let reply = ArpHeader::reply(mac, asked, to, request.sender_ip());
        let mut octets = [0; EthernetHeader::LEN + ArpHeader::LEN];
        octets[..EthernetHeader::LEN].copy_from_slice(frame.as_bytes());
        octets[EthernetHeader::LEN..].copy_from_slice(reply.as_bytes());
        Some(octets)
    }
}

impl Element for ArpResponder {
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        batch.filter_map(|mut packet: Packet| {
            let Some(answer) = self.answer(packet.octets()) else {
                cx.emit_or_drop(1, packet, NOT_ASKED);
                return None;
            };
            // A request has at least the answer's length: the frame becomes the answer.
            packet.truncate(answer.len());
            packet.octets_mut().copy_from_slice(&answer);
            Some(packet)
        });
    }

    fn handlers(&self) -> &'static [Handler] {
        HANDLERS
    }

    fn read(&self, handler: &str, argument: &str) -> Result<String, HandlerError> {
        match handler {
            "table" => Ok(self
                .entries
                .iter()
                .map(|(prefix, mac)| format!("{prefix}\t{mac}"))
                .collect::<Vec<_>>()
                .join("\n")),
            "lookup" => {
                let address = argument.parse().map_err(|_| {
                    HandlerError::new(format!("expected an address, found `{argument}`"))
                })?;
                Ok(self
                    .lookup(address)
                    .map(|mac| mac.to_string())
                    .unwrap_or_default())
            }
            _ => Err(HandlerError::unknown(handler)),
        }
    }

    fn write(&mut self, handler: &str, value: &str, _: &mut Cx<'_>) -> Result<(), HandlerError> {
        match handler {
            "add" => self.add(value).map_err(HandlerError::new),
            "remove" => {
                let prefix = crate::args::handler_value::<Ipv4Prefix>(value)?;
                let before = self.entries.len();
                self.entries.retain(|(it, _)| *it != prefix);
                if self.entries.len() == before {
                    Err(HandlerError::new(format!("no entry for {prefix}")))
                } else {
                    Ok(())
                }
            }
            _ => Err(HandlerError::unknown(handler)),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::run;

    #[test]
    fn answers_for_its_addresses_alone() {
        let text = "InfiniteSource(DATA \\<ffffffffffff 020000000002 0806 0001 0800 06 04 0001 020000000002 0a000002 000000000000 0a000001
                000000000000000000000000000000000000>, LIMIT 2) -> r :: ARPResponder(10.0.0.1 2:0:0:0:0:1, 10.1.0.0/16 2:0:0:0:0:3);
            InfiniteSource(DATA \\<ffffffffffff 020000000002 0806 0001 0800 06 04 0001 020000000002 0a000002 000000000000 0a000009>, LIMIT 3) -> r;
            r[0] -> k :: Classifier(0/020000000002020000000001 12/08060001080006040002 22/020000000001 28/0a000001 32/020000000002 38/0a000002, -);
            k[0] -> right :: Counter -> Discard; k[1] -> wrong :: Discard; r[1] -> others :: Discard;";
        let graph = run(text);
        let read = [
            "right.count",
            "right.byte_count",
            "wrong.count",
            "others.count",
        ]
        .map(|it| graph.read(it).unwrap());
        assert_eq!(read, ["2", "84", "0", "3"]);
        assert_eq!(
            graph.read("r.lookup 10.1.7.7").unwrap(),
            "02:00:00:00:00:03"
        );
    }
}

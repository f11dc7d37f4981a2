//! What IPPrint says of addresses, ports and transport headers.

use std::fmt::Write as _;

use waypost_wire::{IpProtocol, Ipv4Header};

use super::expression::icmp_type_name;

/// Puts what an IP packet carries behind a line; `octets` may end early, `packet_len` is that of the whole packet.
pub(super) fn transport(
    header: &Ipv4Header,
    octets: &[u8],
    packet_len: usize,
    swap: bool,
    line: &mut String,
) {
    let first = header.fragment_offset() == 0;
    let protocol = header.protocol();
    let (from, to) = (header.source(), header.destination());
    let name = match protocol {
        IpProtocol::TCP => "tcp",
        IpProtocol::UDP => "udp",
        IpProtocol::ICMP => "icmp",
        IpProtocol(number) => {
            let _ = write!(line, "{from} > {to}: ip-proto-{number}");
            return;
        }
    };
    let ports = half(octets, 0).zip(half(octets, 2));
    // A text takes all.
    let _ = match (protocol, ports) {
        _ if !first => write!(line, "{from} > {to}: {name}"),
        (IpProtocol::ICMP, _) => write!(line, "{from} > {to}: {}", icmp(octets, swap)),
        (_, None) => write!(line, "{from} > {to}: truncated-{name}"),
        (_, Some((source, destination))) => {
            let said = match protocol {
                IpProtocol::TCP => tcp(header, octets, packet_len),
                _ => half(octets, 4)
                    .filter(|_| octets.len() >= 8)
                    .map_or_else(|| "truncated-udp".to_owned(), |len| format!("udp {len}")),
            };
            write!(line, "{from}.{source} > {to}.{destination}: {said}")
        }
    };
}

fn half(octets: &[u8], at: usize) -> Option<u16> {
    let octets = octets.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(*octets))
}

fn word(octets: &[u8], at: usize) -> Option<u32> {
    let octets = octets.get(at..)?.first_chunk()?;
    Some(u32::from_be_bytes(*octets))
}

/// The flags that have a letter, and their bits.
const FLAGS: [(u8, char); 4] = [(2, 'S'), (1, 'F'), (4, 'R'), (8, 'P')];
const ACK: u8 = 16;

fn tcp(header: &Ipv4Header, octets: &[u8], packet_len: usize) -> String {
    let (Some(&flags), Some(sequence), Some(acknowledged)) =
        (octets.get(13), word(octets, 4), word(octets, 8))
    else {
        return "truncated-tcp".to_owned();
    };
    let total = header.total_length();
    let headers = header.header_len() + usize::from(octets[12] >> 4) * 4;
    // Both ends of a connection have a number of their own.
    let ends = (flags & 2 != 0) as usize + (flags & 1 != 0) as usize;
    let len = usize::from(total).saturating_sub(headers) + ends;
    let mut said: String = FLAGS
        .iter()
        .filter(|(bit, _)| flags & bit != 0)
        .map(|(_, letter)| letter)
        .collect();
    if said.is_empty() {
        said.push('.');
    }
    let end = sequence.wrapping_add(len as u32);
    let _ = write!(said, " {sequence}:{end}({len},{packet_len},{total})");
    if flags & ACK != 0 {
        let _ = write!(said, " ack {acknowledged}");
    }
    match half(octets, 14) {
        Some(window) => {
            let _ = write!(said, " win {window}");
        }
        None => said.push_str("truncated-tcp"),
    }
    said
}

fn icmp(octets: &[u8], swap: bool) -> String {
    let &[kind, code, ..] = octets else {
        return "truncated-icmp".to_owned();
    };
    let name = icmp_type_name(kind).map_or_else(|| format!("type {kind}"), str::to_owned);
    if matches!(kind, 0 | 8) {
        // In the order of the network, unless it is to be the other.
        let number = |at| half(octets, at).map(|it| if swap { it } else { it.swap_bytes() });
        return match number(4).zip(number(6)) {
            Some((id, sequence)) => format!("icmp {name} ({id}, {sequence})"),
            None => format!("icmp {name} truncated-icmp"),
        };
    }
    let mut said = format!("icmp {name}");
    if code != 0 {
        let _ = write!(said, " code {code}");
    }
    said
}

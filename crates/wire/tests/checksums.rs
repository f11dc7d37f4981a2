//! Checksums against their definition, and incremental updates against computing afresh.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use waypost_wire::*;

/// RFC 1071 §1, word by word.
fn definition(bytes: &[u8]) -> u16 {
    let mut sum = 0_u64;
    for pair in bytes.chunks(2) {
        sum += u64::from(pair[0]) << 8 | u64::from(pair.get(1).copied().unwrap_or(0));
    }
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// A header as a router meets it: any fields, right checksum.
fn ipv4_header() -> impl Strategy<Value = Ipv4Header> {
    any::<[u8; 20]>().prop_map(|mut bytes| {
        bytes[0] = 0x45;
        let mut header = Ipv4Header::from_bytes(bytes);
        header.fill_checksum();
        header
    })
}

proptest! {
    #[test]
    fn any_bytes_cut_anywhere(
        bytes in prop::collection::vec(any::<u8>(), 0..2000),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
    ) {
        let expected = definition(&bytes);
        prop_assert_eq!(Checksum::new().add_bytes(&bytes).finish(), expected);
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        cuts.push(bytes.len());
        let (mut whole, mut combined, mut start) = (Checksum::new(), Checksum::new(), 0);
        for cut in cuts {
            whole = whole.add_bytes(&bytes[start..cut]);
            combined = combined.combine(Checksum::new().add_bytes(&bytes[start..cut]));
            start = cut;
        }
        prop_assert_eq!(whole.finish(), expected);
        prop_assert_eq!(combined.finish(), expected);
    }

    #[test]
    fn bytes_of_ones_and_zeros_only(bits in prop::collection::vec(any::<bool>(), 0..300)) {
        let bytes: Vec<u8> = bits.iter().map(|&bit| if bit { 0xff } else { 0 }).collect();
        prop_assert_eq!(Checksum::new().add_bytes(&bytes).finish(), definition(&bytes));
    }

    #[test]
    fn a_delta_equals_computing_afresh(
        mut words in prop::collection::vec(any::<u16>(), 12..40),
        place in any::<prop::sample::Index>(),
        new2: u16, new4: u32, new16: u128,
    ) {
        words[0] |= 1; // all zeros is the one exception
        let sum = |words: &[u16]| words.iter().fold(Checksum::new(), |sum, &word| sum.add_u16(word)).finish();
        let before = sum(&words);

        let at = 1 + place.index(words.len() - 11);
        let mut changed = words.clone();
        let delta = ChecksumDelta::new().replace_u16(words[at], new2);
        changed[at] = new2;
        prop_assert_eq!(delta.apply(before), sum(&changed));

        let old4 = u32::from(words[at + 1]) << 16 | u32::from(words[at + 2]);
        let delta = delta.replace_u32(old4, new4);
        changed[at + 1..at + 3].copy_from_slice(&[(new4 >> 16) as u16, new4 as u16]);
        prop_assert_eq!(delta.apply(before), sum(&changed));

        let old16 = changed[at + 3..at + 11].iter().fold(0, |old, &word| old << 16 | u128::from(word));
        let other = ChecksumDelta::new().replace_ipv6(Ipv6Addr::from_bits(old16), Ipv6Addr::from_bits(new16));
        changed[at + 3..at + 11].copy_from_slice(&Ipv6Addr::from_bits(new16).segments());
        prop_assert_eq!(delta.combine(other).apply(before), sum(&changed));
        prop_assert_eq!(delta.combine(other).inverse().apply(sum(&changed)), before);
    }

    #[test]
    fn a_hop_equals_computing_afresh(header in ipv4_header()) {
        let mut hop = header;
        let went_on = hop.decrement_ttl();
        prop_assert_eq!(went_on, header.ttl() > 1);
        let mut afresh = header;
        if went_on {
            afresh.set_ttl(header.ttl() - 1);
            afresh.fill_checksum();
        }
        prop_assert_eq!(hop, afresh);
    }

    #[test]
    fn a_congestion_mark_equals_computing_afresh(header in ipv4_header()) {
        let mut marked = header;
        let mut afresh = header;
        if marked.mark_congestion() {
            afresh.set_ecn(Ecn::Ce);
            afresh.fill_checksum();
        }
        prop_assert_eq!(marked, afresh);
    }

    #[test]
    fn the_short_way_over_twenty_octets_is_the_definition(bytes: [u8; 20]) {
        let header = Ipv4Header::from_bytes(bytes);
        prop_assert_eq!(header.has_valid_checksum(), definition(&bytes) == 0);
        let mut filled = header;
        filled.fill_checksum();
        let mut zeroed = bytes;
        zeroed[10..12].fill(0);
        prop_assert_eq!(filled.checksum(), definition(&zeroed));
    }

    #[test]
    fn translation_equals_computing_afresh(
        source: u32, destination: u32, new_source: u32, port: u16, new_port: u16,
        payload in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let (source, new_source) = (Ipv4Addr::from_bits(source), Ipv4Addr::from_bits(new_source));
        let destination = Ipv4Addr::from_bits(destination);
        let delta = ChecksumDelta::new().replace_ipv4(source, new_source).replace_u16(port, new_port);

        let mut udp = UdpHeader::new(port, 53, payload.len() as u16);
        udp.fill_checksum(source, destination, &payload);
        udp.set_source_port(new_port);
        udp.update_checksum(delta);
        let mut afresh = UdpHeader::new(new_port, 53, payload.len() as u16);
        afresh.fill_checksum(new_source, destination, &payload);
        prop_assert_eq!(udp, afresh);

        let zero = SeqNumber::new(0);
        let mut tcp = TcpHeader::new(port, 80, zero, zero, TcpFlags::ACK, 100);
        tcp.fill_checksum(source, destination, &[], &payload);
        tcp.set_source_port(new_port);
        tcp.update_checksum(delta);
        let mut afresh = TcpHeader::new(new_port, 80, zero, zero, TcpFlags::ACK, 100);
        afresh.fill_checksum(new_source, destination, &[], &payload);
        prop_assert_eq!(tcp, afresh);
    }

    #[test]
    fn what_was_filled_in_is_valid(
        a: u128, b: u128, ports: (u16, u16), mut payload in prop::collection::vec(any::<u8>(), 0..100), bit: u8, place: prop::sample::Index,
    ) {
        let (a6, b6) = (Ipv6Addr::from_bits(a), Ipv6Addr::from_bits(b));
        let (a4, b4) = (Ipv4Addr::from_bits(a as u32), Ipv4Addr::from_bits(b as u32));
        let mut udp = UdpHeader::new(ports.0, ports.1, payload.len() as u16);
        udp.fill_checksum(a6, b6, &payload);
        let mut bytes = [&udp.as_bytes()[..], &payload].concat();
        prop_assert!(UdpDatagram::parse(&bytes).unwrap().has_valid_checksum(a6, b6));
        if !payload.is_empty() {
            let place = 8 + place.index(payload.len());
            bytes[place] ^= 1 << (bit % 8);
            prop_assert!(!UdpDatagram::parse(&bytes).unwrap().has_valid_checksum(a6, b6));
        }

        let mut tcp = TcpHeader::new(ports.0, ports.1, SeqNumber::new(a as u32), SeqNumber::new(b as u32), TcpFlags::PSH, 9);
        tcp.fill_checksum(a4, b4, &[], &payload);
        let bytes = [&tcp.as_bytes()[..], &payload].concat();
        prop_assert!(TcpSegment::parse(&bytes).unwrap().has_valid_checksum(a4, b4));

        let mut icmp = Icmpv4Header::echo_request(ports.0, ports.1);
        icmp.fill_checksum(&payload);
        let bytes = [&icmp.as_bytes()[..], &payload].concat();
        prop_assert!(Icmpv4Message::parse(&bytes).unwrap().has_valid_checksum());

        payload.push(1);
        let mut icmp = Icmpv6Header::echo_request(ports.0, ports.1);
        icmp.fill_checksum(a6, b6, &payload);
        let bytes = [&icmp.as_bytes()[..], &payload].concat();
        prop_assert!(Icmpv6Message::parse(&bytes).unwrap().has_valid_checksum(a6, b6));
    }
}

//! No bytes make any reader panic: random ones of every length, and packets that are almost right.

mod support;

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use support::every_accessor;
use waypost_wire::icmpv6::ndp;
use waypost_wire::tcp::{SackBlock, TcpOption, TcpOptionsBuilder};
use waypost_wire::*;

/// One packet of each kind, from the outside in; each suffix that begins with a header is read,
/// too.
fn packets() -> Vec<Vec<u8>> {
    let (a4, b4) = (Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(198, 51, 100, 2));
    let (a6, b6) = (
        Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1),
        Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2),
    );
    let mac = MacAddr::new([2, 0, 0, 0, 0, 1]);
    let ethernet = |ethertype| EthernetHeader::new(MacAddr::BROADCAST, mac, ethertype);

    let mut udp = UdpHeader::new(40_000, 53, 4);
    udp.fill_checksum(a4, b4, b"data");
    let udp = [&udp.as_bytes()[..], b"data"].concat();

    let mut options = TcpOptionsBuilder::new();
    let block = SackBlock::new(SeqNumber::new(1), SeqNumber::new(2));
    for option in [
        TcpOption::MaximumSegmentSize(1460),
        TcpOption::Timestamps { value: 1, echo: 2 },
        TcpOption::WindowScale(7),
        TcpOption::SackPermitted,
        TcpOption::Sack(&[block]),
    ] {
        options.push(option).unwrap();
    }
    let seq = SeqNumber::new(1);
    let mut tcp = TcpHeader::new(40_000, 80, seq, seq, TcpFlags::SYN, 65_535);
    tcp.set_header_len(options.header_len());
    tcp.fill_checksum(a6, b6, options.as_bytes(), b"data");
    let tcp = [&tcp.as_bytes()[..], options.as_bytes(), b"data"].concat();

    let mut ipv4 = Ipv4Header::new(IpProtocol::UDP, a4, b4, udp.len() as u16 + 12);
    ipv4.set_header_len(32);
    let ipv4_options = [148, 4, 0, 0, 7, 7, 4, 10, 0, 0, 1, 0];
    let mut ipv4 = [&ipv4.as_bytes()[..], &ipv4_options, &udp].concat();
    Ipv4PacketMut::parse(&mut ipv4).unwrap().fill_checksum();

    let extensions = [
        &[43, 0, 5, 2, 0, 0, 1, 0][..],
        &[60, 0, 4, 0, 0, 0, 0, 0],
        &[51, 0, 1, 4, 0, 0, 0, 0],
        &[44, 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 9, 9, 9, 9],
        &[6, 0, 0, 1, 0, 0, 0, 7],
    ]
    .concat();
    let payload_length = (extensions.len() + tcp.len()) as u16;
    let ipv6 = Ipv6Header::new(IpProtocol::HOP_BY_HOP, a6, b6, payload_length);
    let ipv6 = [&ipv6.as_bytes()[..], &extensions, &tcp].concat();

    let mut advertisement = ndp::RouterAdvertisement::new(Duration::from_secs(1800));
    let options = [
        &ndp::LinkLayerAddressOption::source(mac).as_bytes()[..],
        ndp::PrefixInformation::new("2001:db8::/64".parse().unwrap()).as_bytes(),
        ndp::MtuOption::new(1500).as_bytes(),
        ndp::RdnssOption::new(1, 600).as_bytes(),
        &a6.octets(),
    ]
    .concat();
    advertisement.fill_checksum(a6, b6, &options);
    let icmpv6 = [&advertisement.as_bytes()[..], &options].concat();

    let tags = [0x00, 0x64, 0x81, 0x00, 0x00, 0x0a, 0x08, 0x00];
    vec![
        [
            &ethernet(EtherType::ARP).as_bytes()[..],
            ArpHeader::request(mac, a4, b4).as_bytes(),
        ]
        .concat(),
        ArpHeader::request(mac, a4, b4).as_bytes().to_vec(),
        [
            &ethernet(EtherType::SERVICE_VLAN).as_bytes()[..],
            &tags,
            &ipv4,
        ]
        .concat(),
        ipv4,
        udp,
        ipv6,
        extensions,
        tcp,
        Icmpv4Header::fragmentation_needed(1400).as_bytes().to_vec(),
        icmpv6,
        options,
    ]
}

#[test]
fn valid_packets_and_all_their_beginnings() {
    for packet in packets() {
        for len in 0..=packet.len() {
            every_accessor(&packet[..len]);
        }
    }
}

#[test]
fn uniform_bytes_of_every_length() {
    for byte in [0x00, 0x01, 0x45, 0x4f, 0x60, 0x80, 0xff] {
        for len in 0..=150 {
            every_accessor(&vec![byte; len]);
        }
    }
}

proptest! {
    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        every_accessor(&bytes);
    }

    #[test]
    fn random_bytes_with_likely_beginnings(
        begin in prop::sample::select(vec![
            &[0x45][..], &[0x46, 0, 0, 40], &[0x4f, 0, 0, 100], &[0x60, 0, 0, 0, 0, 60, 0], &[133], &[134], &[135], &[136], &[137],
            &[60, 60, 0], &[44], &[51], &[43], &[0],
        ]),
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        every_accessor(&[begin, &bytes].concat());
    }

    #[test]
    fn packets_with_flipped_bits(
        which in 0..packets().len(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8_u8), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut packet = packets().swap_remove(which);
        for (place, bit) in flips {
            let place = place.index(packet.len());
            packet[place] ^= 1 << bit;
        }
        every_accessor(&packet);
        every_accessor(&packet[..cut.index(packet.len())]);
    }
}

//! Every reader of the crate over any bytes, for property tests here and for fuzz targets, which
//! include this file by its path.

use std::fmt::Debug;
use std::hint::black_box;
use std::net::{Ipv4Addr, Ipv6Addr};

use waypost_wire::icmpv6::ndp;
use waypost_wire::ipv4::Ipv4Options;
use waypost_wire::ipv6::{ExtensionHeader, ExtensionHeaders, Ipv6FragmentHeader, Ipv6Options};
use waypost_wire::tcp::{SackBlock, TcpOptions, TcpOptionsBuilder};
use waypost_wire::*;

/// Calls methods without arguments and prints what they return, so that its `Debug` runs, too.
macro_rules! call {
    ($value:expr; $($method:ident)*) => {{
        let value = $value;
        $( show(&value.$method()); )*
        let _ = value; // of those without methods
    }};
}

/// Reads bytes as a header, by reference, by value and to be changed, and calls the given methods.
macro_rules! header {
    ($bytes:expr, $header:ty; $($method:ident)*) => {
        if let Ok((header, rest)) = <$header>::split_from($bytes) {
            call!(header; $($method)*);
            assert_eq!(rest.len() + <$header>::LEN, $bytes.len());
            assert_eq!(<$header>::from_bytes(*header.as_bytes()), *header);
            let mut copy = $bytes.to_vec();
            let (twin, _) = <$header>::split_from_mut(&mut copy).expect("it was long enough before");
            assert_eq!(twin, header);
            show(header);
        } else {
            assert!($bytes.len() < <$header>::LEN);
        }
    };
}

fn show(value: &dyn Debug) {
    black_box(format!("{value:?}"));
}

fn print(value: &dyn std::fmt::Display) {
    black_box(value.to_string());
}

/// Reads `bytes` as everything that this crate can read, and calls every accessor, walk and printer
/// on it.
///
/// # Panics
/// If anything in the crate does, or if a checked type does not keep what it promises.
pub(crate) fn every_accessor(bytes: &[u8]) {
    link_layer(bytes);
    ipv4(bytes);
    ipv6(bytes);
    transports(bytes);
    icmp(bytes);
    text(bytes);
}

fn link_layer(bytes: &[u8]) {
    header!(bytes, EthernetHeader; destination source ethertype);
    match EthernetFrame::parse(bytes) {
        Ok(frame) => {
            print(&frame);
            let (ethertype, payload) = (frame.header().ethertype(), frame.payload());
            call!(ethertype; is_length is_vlan name);
            call!(frame.header().source(); is_broadcast is_zero is_multicast is_unicast is_local is_link_local_group
                to_u64 to_interface_id);
            let mut tags = VlanTags::new(ethertype, payload);
            assert!(tags.by_ref().count() <= payload.len() / VlanTag::LEN + 1);
            call!(tags; ethertype payload);
        }
        Err(error) => print(&error),
    }
    header!(bytes, VlanTag; control ethertype vlan_id priority is_drop_eligible);
    if let Ok((tag, _)) = VlanTag::split_from(bytes) {
        print(tag);
    }
    header!(bytes, ArpHeader; hardware_type protocol_type hardware_len protocol_len operation sender_mac sender_ip
        target_mac target_ip is_probe is_announcement);
    match ArpPacket::parse(bytes) {
        Ok(packet) => {
            print(&packet);
            assert_eq!(
                (
                    packet.header().hardware_len(),
                    packet.header().protocol_len()
                ),
                (6, 4)
            );
        }
        Err(error) => print(&error),
    }
    if let Ok((header, _)) = ArpHeader::split_from(bytes) {
        print(header);
    }
}

fn ipv4(bytes: &[u8]) {
    header!(bytes, Ipv4Header; version header_len traffic_class dscp ecn total_length identification dont_fragment
        more_fragments fragment_offset is_fragment ttl protocol checksum source destination has_valid_checksum);
    if let Ok((header, _)) = Ipv4Header::split_from(bytes) {
        print(header);
        show(&header.pseudo_header(8).finish());
        let mut header = *header;
        let _ = header.decrement_ttl();
        let _ = header.mark_congestion();
        header.fill_checksum();
        assert!(header.has_valid_checksum());
    }
    match Ipv4Packet::parse(bytes) {
        Ok(packet) => {
            print(&packet);
            call!(packet; header options_bytes payload as_bytes has_valid_checksum);
            let header_len = Ipv4Header::LEN + packet.options_bytes().len();
            assert_eq!(header_len + packet.payload().len(), packet.as_bytes().len());
            assert_eq!(
                usize::from(packet.header().total_length()),
                packet.as_bytes().len()
            );
            let mut copy = bytes.to_vec();
            let mut twin = Ipv4PacketMut::parse(&mut copy).expect("it was a packet before");
            call!(&mut twin; header header_mut options_bytes_mut payload payload_mut);
            twin.fill_checksum();
            show(&twin.into_parts());
            assert!(Ipv4Packet::parse(&copy).is_ok_and(|packet| packet.has_valid_checksum()));
        }
        Err(error) => {
            print(&error);
            assert_eq!(Ipv4PacketMut::parse(&mut bytes.to_vec()).err(), Some(error));
        }
    }
    let mut options = Ipv4Options::new(bytes);
    let mut steps = 0;
    while let Some(option) = options.next() {
        match option {
            Ok(option) => {
                print(&option);
                call!(option; kind is_copied);
            }
            Err(error) => print(&error),
        }
        steps += 1;
        assert!(
            options.remaining().len() + steps <= bytes.len(),
            "each step takes an octet"
        );
    }
}

fn ipv6(bytes: &[u8]) {
    header!(bytes, Ipv6Header; version traffic_class dscp ecn flow_label payload_length next_header hop_limit source
        destination);
    if let Ok((header, _)) = Ipv6Header::split_from(bytes) {
        print(header);
        show(&header.pseudo_header(IpProtocol::UDP, 8).finish());
        let mut header = *header;
        let _ = header.decrement_hop_limit();
        let _ = header.mark_congestion();
    }
    match Ipv6Packet::parse(bytes) {
        Ok(packet) => {
            print(&packet);
            call!(packet; header payload as_bytes extension_headers upper_layer);
            if let Ok(upper) = packet.upper_layer() {
                assert_eq!(upper.payload, &packet.payload()[upper.offset..]);
                show(&upper.is_beginning());
            }
            let mut copy = bytes.to_vec();
            let mut twin = Ipv6PacketMut::parse(&mut copy).expect("it was a packet before");
            call!(&mut twin; header header_mut payload payload_mut extension_headers);
            show(&twin.into_parts());
        }
        Err(error) => {
            print(&error);
            assert_eq!(Ipv6PacketMut::parse(&mut bytes.to_vec()).err(), Some(error));
        }
    }
    header!(bytes, Ipv6FragmentHeader; next_header fragment_offset more_fragments is_atomic identification);
    // The first byte says what the rest begins with, so that every kind of chain comes up.
    if let Some((&next_header, rest)) = bytes.split_first() {
        let mut walk = ExtensionHeaders::new(IpProtocol(next_header), rest);
        while let Some(extension) = walk.next() {
            call!(&walk; next_header offset remaining);
            match extension {
                Ok(
                    extension @ (ExtensionHeader::HopByHop(options)
                    | ExtensionHeader::Destination(options)),
                ) => {
                    print(&extension);
                    ipv6_options(options);
                }
                Ok(extension) => print(&extension),
                Err(error) => print(&error),
            }
        }
    }
    ipv6_options(bytes);
}

fn ipv6_options(bytes: &[u8]) {
    for option in Ipv6Options::new(bytes) {
        match option {
            Ok(option) => {
                print(&option);
                call!(option; kind unknown_action may_change);
            }
            Err(error) => print(&error),
        }
    }
}

fn transports(bytes: &[u8]) {
    let (a4, b4) = (Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2));
    let (a6, b6) = (Ipv6Addr::LOCALHOST, Ipv6Addr::UNSPECIFIED);

    header!(bytes, UdpHeader; source_port destination_port length checksum);
    match UdpDatagram::parse(bytes) {
        Ok(datagram) => {
            print(&datagram);
            call!(datagram; header payload);
            show(&(
                datagram.has_valid_checksum(a4, b4),
                datagram.has_valid_checksum(a6, b6),
            ));
            let mut copy = bytes.to_vec();
            let mut twin = UdpDatagramMut::parse(&mut copy).expect("it was a datagram before");
            call!(&mut twin; header header_mut payload_mut);
            twin.fill_checksum(a6, b6);
            assert!(
                UdpDatagram::parse(&copy).is_ok_and(|datagram| datagram.has_valid_checksum(a6, b6))
            );
        }
        Err(error) => print(&error),
    }

    header!(bytes, TcpHeader; source_port destination_port sequence acknowledgment header_len flags window checksum
        urgent_pointer);
    match TcpSegment::parse(bytes) {
        Ok(segment) => {
            print(&segment);
            call!(segment; header options options_bytes payload sequence_len);
            show(&(
                segment.has_valid_checksum(a4, b4),
                segment.has_valid_checksum(a6, b6),
            ));
            let mut copy = bytes.to_vec();
            let mut twin = TcpSegmentMut::parse(&mut copy).expect("it was a segment before");
            call!(&mut twin; header header_mut options_bytes_mut payload_mut);
            twin.fill_checksum(a4, b4);
            twin.clamp_maximum_segment_size(500);
            assert!(
                TcpSegment::parse(&copy).is_ok_and(|segment| segment.has_valid_checksum(a4, b4))
            );
        }
        Err(error) => print(&error),
    }
    let mut written = TcpOptionsBuilder::new();
    let mut options = TcpOptions::new(bytes);
    let mut steps = 0;
    while let Some(option) = options.next() {
        match option {
            Ok(option) => {
                print(&option);
                show(&(option.kind(), written.push(option)));
                call!(written; left as_bytes header_len);
            }
            Err(error) => print(&error),
        }
        steps += 1;
        assert!(
            options.remaining().len() + steps <= bytes.len(),
            "each step takes an octet"
        );
    }
    header!(bytes, SackBlock; left right);
}

fn icmp(bytes: &[u8]) {
    header!(bytes, Icmpv4Header; message_type code checksum word_1 word_2 rest);
    match Icmpv4Message::parse(bytes) {
        Ok(message) => {
            print(&message);
            call!(message; header payload body has_valid_checksum);
            call!(message.body(); quoted);
            call!(message.header().message_type(); is_error);
        }
        Err(error) => print(&error),
    }

    header!(bytes, Icmpv6Header; message_type code checksum word_1 word_2 word);
    header!(bytes, ndp::RouterSolicitation; checksum);
    header!(bytes, ndp::RouterAdvertisement; checksum hop_limit managed other_config router_lifetime_secs
        reachable_time_ms retrans_timer_ms);
    header!(bytes, ndp::NeighborSolicitation; checksum target);
    header!(bytes, ndp::NeighborAdvertisement; checksum is_router is_solicited is_override target);
    header!(bytes, ndp::NdpRedirect; checksum target destination);
    match Icmpv6Message::parse(bytes) {
        Ok(message) => {
            print(&message);
            call!(message; header payload body);
            show(&message.has_valid_checksum(Ipv6Addr::LOCALHOST, Ipv6Addr::LOCALHOST));
            if let Ok(body) = message.body() {
                call!(body; quoted);
            }
            call!(message.header().message_type(); is_error);
        }
        Err(error) => print(&error),
    }
    header!(bytes, ndp::LinkLayerAddressOption; address);
    header!(bytes, ndp::PrefixInformation; prefix_length prefix is_on_link is_autonomous valid_lifetime_secs
        preferred_lifetime_secs address);
    header!(bytes, ndp::MtuOption; mtu);
    header!(bytes, ndp::RdnssOption; lifetime_secs);
    header!(bytes, ndp::RedirectedHeaderOption;);
    let mut options = ndp::NdpOptions::new(bytes);
    let mut steps = 0;
    while let Some(option) = options.next() {
        match option {
            Ok(option) => {
                print(&option);
                call!(option; kind mac);
            }
            Err(error) => print(&error),
        }
        steps += 1;
        assert!(
            options.remaining().len() + steps <= bytes.len(),
            "each step takes an octet"
        );
    }
}

fn text(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Err(error) = text.parse::<MacAddr>() {
        print(&error);
    }
    if let Err(error) = text.parse::<IpPrefix>() {
        print(&error);
    }
    if let Some(nanos) = bytes.first_chunk() {
        let nanos = u64::from_be_bytes(*nanos);
        print(&Duration::from_nanos(nanos));
        print(&Instant::from_nanos(nanos));
        print(&WallTime::from_unix_nanos(nanos));
    }
}

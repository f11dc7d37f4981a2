//! What is written is read back: every field of every header, every option, every text form.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use waypost_wire::icmpv6::ndp;
use waypost_wire::ipv6::Ipv6FragmentHeader;
use waypost_wire::tcp::{SackBlock, TcpOption, TcpOptions, TcpOptionsBuilder};
use waypost_wire::*;

/// Copies every field from a header of random bytes into one of zeros; but for reserved bits, the
/// bytes must then be the same.
///
/// This shows at once that each setter writes what its accessor reads, that none touches another
/// field, and that no bit of the header is out of reach.
macro_rules! fields {
    ($name:ident, $header:ty, from $blank:expr, reserved $reserved:expr; $($field:ident $setter:ident)*) => {
        proptest! {
            #[test]
            fn $name(bytes in any::<[u8; <$header>::LEN]>()) {
                let read = <$header>::from_bytes(bytes);
                prop_assert_eq!(read.as_bytes(), &bytes);
                let mut written: $header = $blank;
                $( written.$setter(read.$field()); )*
                $( prop_assert_eq!(written.$field(), read.$field()); )*
                let mut expected = bytes;
                let reserved: &[(usize, u8, u8)] = &$reserved;
                for &(index, mask, value) in reserved {
                    expected[index] = expected[index] & !mask | value;
                }
                prop_assert_eq!(written.as_bytes(), &expected);
            }
        }
    };
}

const A4: Ipv4Addr = Ipv4Addr::UNSPECIFIED;
const A6: Ipv6Addr = Ipv6Addr::UNSPECIFIED;

fields!(ethernet, EthernetHeader, from EthernetHeader::from_bytes([0; 14]), reserved [];
    destination set_destination source set_source ethertype set_ethertype);
fields!(vlan_tag, VlanTag, from VlanTag::from_bytes([0; 4]), reserved [];
    control set_control ethertype set_ethertype);
fields!(arp, ArpHeader, from ArpHeader::from_bytes([0; 28]), reserved [];
    hardware_type set_hardware_type protocol_type set_protocol_type hardware_len set_hardware_len
    protocol_len set_protocol_len operation set_operation sender_mac set_sender_mac sender_ip set_sender_ip
    target_mac set_target_mac target_ip set_target_ip);
fields!(ipv4, Ipv4Header, from Ipv4Header::new(IpProtocol(0), A4, A4, 0), reserved [(0, 0xf0, 0x40), (6, 0x80, 0)];
    header_len set_header_len dscp set_dscp ecn set_ecn total_length set_total_length
    identification set_identification dont_fragment set_dont_fragment more_fragments set_more_fragments
    fragment_offset set_fragment_offset ttl set_ttl protocol set_protocol checksum set_checksum
    source set_source destination set_destination);
fields!(ipv6, Ipv6Header, from Ipv6Header::new(IpProtocol(0), A6, A6, 0), reserved [(0, 0xf0, 0x60)];
    dscp set_dscp ecn set_ecn flow_label set_flow_label payload_length set_payload_length
    next_header set_next_header hop_limit set_hop_limit source set_source destination set_destination);
fields!(ipv6_fragment, Ipv6FragmentHeader, from Ipv6FragmentHeader::from_bytes([0; 8]),
    reserved [(1, 0xff, 0), (3, 0x06, 0)];
    next_header set_next_header fragment_offset set_fragment_offset more_fragments set_more_fragments
    identification set_identification);
fields!(udp, UdpHeader, from UdpHeader::new(0, 0, 0), reserved [];
    source_port set_source_port destination_port set_destination_port length set_length checksum set_checksum);
fields!(tcp, TcpHeader, from TcpHeader::from_bytes([0; 20]), reserved [(12, 0x0e, 0)];
    source_port set_source_port destination_port set_destination_port sequence set_sequence
    acknowledgment set_acknowledgment header_len set_header_len flags set_flags window set_window
    checksum set_checksum urgent_pointer set_urgent_pointer);
fields!(sack_block, SackBlock, from SackBlock::from_bytes([0; 8]), reserved []; left set_left right set_right);
fields!(icmpv4, Icmpv4Header, from Icmpv4Header::from_bytes([0; 8]), reserved [];
    message_type set_message_type code set_code checksum set_checksum word_1 set_word_1 word_2 set_word_2);
fields!(icmpv6, Icmpv6Header, from Icmpv6Header::from_bytes([0; 8]), reserved [];
    message_type set_message_type code set_code checksum set_checksum word_1 set_word_1 word_2 set_word_2);
fields!(router_solicitation, ndp::RouterSolicitation, from ndp::RouterSolicitation::new(),
    reserved [(0, 0xff, 133), (1, 0xff, 0), (4, 0xff, 0), (5, 0xff, 0), (6, 0xff, 0), (7, 0xff, 0)];
    checksum set_checksum);
fields!(router_advertisement, ndp::RouterAdvertisement, from ndp::RouterAdvertisement::new(Duration::ZERO),
    reserved [(0, 0xff, 134), (1, 0xff, 0), (5, 0x3f, 0)];
    checksum set_checksum hop_limit set_hop_limit managed set_managed other_config set_other_config
    router_lifetime_secs set_router_lifetime_secs reachable_time_ms set_reachable_time_ms
    retrans_timer_ms set_retrans_timer_ms);
fields!(neighbor_solicitation, ndp::NeighborSolicitation, from ndp::NeighborSolicitation::new(A6),
    reserved [(0, 0xff, 135), (1, 0xff, 0), (4, 0xff, 0), (5, 0xff, 0), (6, 0xff, 0), (7, 0xff, 0)];
    checksum set_checksum target set_target);
fields!(neighbor_advertisement, ndp::NeighborAdvertisement, from ndp::NeighborAdvertisement::new(A6),
    reserved [(0, 0xff, 136), (1, 0xff, 0), (4, 0x1f, 0), (5, 0xff, 0), (6, 0xff, 0), (7, 0xff, 0)];
    checksum set_checksum is_router set_router is_solicited set_solicited is_override set_override
    target set_target);
fields!(ndp_redirect, ndp::NdpRedirect, from ndp::NdpRedirect::new(A6, A6),
    reserved [(0, 0xff, 137), (1, 0xff, 0), (4, 0xff, 0), (5, 0xff, 0), (6, 0xff, 0), (7, 0xff, 0)];
    checksum set_checksum target set_target destination set_destination);
fields!(link_layer_address_option, ndp::LinkLayerAddressOption, from ndp::LinkLayerAddressOption::source(MacAddr::ZERO),
    reserved [(0, 0xff, 1), (1, 0xff, 1)]; address set_address);
fields!(prefix_information, ndp::PrefixInformation, from ndp::PrefixInformation::new(Ipv6Prefix::DEFAULT),
    reserved [(0, 0xff, 3), (1, 0xff, 4), (3, 0x3f, 0), (12, 0xff, 0), (13, 0xff, 0), (14, 0xff, 0), (15, 0xff, 0)];
    prefix_length set_prefix_length is_on_link set_on_link is_autonomous set_autonomous
    valid_lifetime_secs set_valid_lifetime_secs preferred_lifetime_secs set_preferred_lifetime_secs
    address set_address);
fields!(mtu_option, ndp::MtuOption, from ndp::MtuOption::new(0),
    reserved [(0, 0xff, 5), (1, 0xff, 1), (2, 0xff, 0), (3, 0xff, 0)]; mtu set_mtu);
fields!(rdnss_option, ndp::RdnssOption, from ndp::RdnssOption::new(0, 0),
    reserved [(0, 0xff, 25), (1, 0xff, 1), (2, 0xff, 0), (3, 0xff, 0)]; lifetime_secs set_lifetime_secs);

/// An option that owns what it refers to.
#[derive(Clone, Debug)]
enum Owned {
    NoOperation,
    MaximumSegmentSize(u16),
    WindowScale(u8),
    SackPermitted,
    Sack(Vec<(u32, u32)>),
    Timestamps(u32, u32),
    Unknown(u8, Vec<u8>),
}

fn tcp_option() -> impl Strategy<Value = Owned> {
    prop_oneof![
        Just(Owned::NoOperation),
        any::<u16>().prop_map(Owned::MaximumSegmentSize),
        any::<u8>().prop_map(Owned::WindowScale),
        Just(Owned::SackPermitted),
        prop::collection::vec(any::<(u32, u32)>(), 1..6).prop_map(Owned::Sack),
        any::<(u32, u32)>().prop_map(|(value, echo)| Owned::Timestamps(value, echo)),
        (9_u8.., prop::collection::vec(any::<u8>(), 0..50))
            .prop_map(|(kind, data)| Owned::Unknown(kind, data)),
    ]
}

fn borrow<'a>(option: &'a Owned, blocks: &'a [SackBlock]) -> TcpOption<'a> {
    match option {
        Owned::NoOperation => TcpOption::NoOperation,
        Owned::MaximumSegmentSize(octets) => TcpOption::MaximumSegmentSize(*octets),
        Owned::WindowScale(shift) => TcpOption::WindowScale(*shift),
        Owned::SackPermitted => TcpOption::SackPermitted,
        Owned::Sack(_) => TcpOption::Sack(blocks),
        Owned::Timestamps(value, echo) => TcpOption::Timestamps {
            value: *value,
            echo: *echo,
        },
        Owned::Unknown(kind, data) => TcpOption::Unknown { kind: *kind, data },
    }
}

proptest! {
    #[test]
    fn tcp_options(options in prop::collection::vec(tcp_option(), 0..8)) {
        let blocks: Vec<Vec<SackBlock>> = options
            .iter()
            .map(|option| match option {
                Owned::Sack(blocks) => blocks
                    .iter()
                    .map(|&(left, right)| SackBlock::new(SeqNumber::new(left), SeqNumber::new(right)))
                    .collect(),
                _ => Vec::new(),
            })
            .collect();
        let mut builder = TcpOptionsBuilder::new();
        let mut fitting = Vec::new();
        for (option, blocks) in options.iter().zip(&blocks) {
            let option = borrow(option, blocks);
            if builder.push(option).is_ok() {
                fitting.push(option);
            }
        }
        prop_assert!(builder.as_bytes().len() <= 40 && builder.as_bytes().len().is_multiple_of(4));
        let read: Vec<_> = TcpOptions::new(builder.as_bytes())
            .map(Result::unwrap)
            .filter(|option| *option != TcpOption::EndOfList)
            .collect();
        prop_assert_eq!(read, fitting);
    }

    #[test]
    fn vlan_tags(id in 1..=4094_u16, priority in 0..8_u8, eligible: bool, ethertype: u16) {
        let mut tag = VlanTag::new(VlanId::new(id).unwrap(), EtherType(ethertype));
        tag.set_priority(priority);
        tag.set_drop_eligible(eligible);
        prop_assert_eq!(tag.vlan_id().map(VlanId::value), Some(id));
        prop_assert_eq!((tag.priority(), tag.is_drop_eligible()), (priority, eligible));
        prop_assert_eq!(tag.ethertype(), EtherType(ethertype));
    }

    #[test]
    fn mac_addresses_as_text(octets: [u8; 6]) {
        let mac = MacAddr::new(octets);
        prop_assert_eq!(mac.to_string().parse(), Ok(mac));
        prop_assert_eq!(mac.to_string().replace(':', "-").to_uppercase().parse(), Ok(mac));
    }

    #[test]
    fn prefixes_as_text(v4: u32, v6: u128, length4 in 0..=32_u8, length6 in 0..=128_u8) {
        let v4 = Prefix::new_truncated(Ipv4Addr::from_bits(v4), length4).unwrap();
        let v6 = Prefix::new_truncated(Ipv6Addr::from_bits(v6), length6).unwrap();
        prop_assert_eq!(v4.to_string().parse(), Ok(v4));
        prop_assert_eq!(format!("{}/{}", v4.network(), v4.mask()).parse(), Ok(v4));
        prop_assert_eq!(v6.to_string().parse(), Ok(v6));
        prop_assert_eq!(v4.to_string().parse(), Ok(IpPrefix::V4(v4)));
        prop_assert_eq!(v6.to_string().parse(), Ok(IpPrefix::V6(v6)));
    }
}

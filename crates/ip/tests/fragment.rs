//! Fragmentation of IPv6, through the public interface. That of IPv4 has its tests beside its code, and both
//! are put together again in `reassembly.rs`.

use proptest::prelude::*;
use waypost_ip::fragment::{FragmentError, Ipv6Fragments, MIN_IPV6_MTU};
use waypost_wire::ipv6::{ExtensionError, Ipv6FragmentHeader};
use waypost_wire::{IpProtocol, Ipv6Header, Ipv6Packet};

/// Hop-by-hop options, destination options, a routing header: 8 octets each, whatever comes next.
const HOP_BY_HOP: (u8, [u8; 7]) = (0, [0, 1, 4, 0, 0, 0, 0]);
const DESTINATION: (u8, [u8; 7]) = (60, [0, 1, 4, 0, 0, 0, 0]);
const ROUTING: (u8, [u8; 7]) = (43, [0, 4, 0, 0, 0, 0, 0]);

fn packet(extensions: &[(u8, [u8; 7])], upper: u8, payload: usize) -> Vec<u8> {
    let kinds = extensions.iter().map(|(kind, _)| *kind).chain([upper]);
    let kinds: Vec<u8> = kinds.collect();
    let len = (extensions.len() * 8 + payload) as u16;
    let mut header = Ipv6Header::new(
        IpProtocol(kinds[0]),
        "2001:db8::1".parse().unwrap(),
        "2001:db8::2".parse().unwrap(),
        len,
    );
    header.set_flow_label(0x12345);
    let mut bytes = header.as_bytes().to_vec();
    for ((_, data), next) in extensions.iter().zip(&kinds[1..]) {
        bytes.push(*next);
        bytes.extend(data);
    }
    bytes.extend((0..payload).map(|n| (n / 3) as u8));
    bytes
}

fn cut(bytes: &[u8], mtu: usize) -> Result<Vec<Vec<u8>>, FragmentError> {
    let packet = Ipv6Packet::parse(bytes).unwrap();
    let fragments = Ipv6Fragments::new(&packet, mtu, 0xfeed_beef)?;
    Ok(fragments
        .map(|fragment| {
            let mut made = vec![0; fragment.header_len()];
            assert_eq!(fragment.write_header(&mut made), Some(made.len()));
            let short = made.len() - 1;
            assert_eq!(fragment.write_header(&mut made[..short]), None);
            made.extend(&packet.payload()[fragment.payload()]);
            assert_eq!(made.len(), fragment.len());
            made
        })
        .collect())
}

#[test]
fn what_fits_gets_no_fragment_header() {
    let bytes = packet(&[HOP_BY_HOP], 17, 1232);
    assert_eq!(bytes.len(), 1280);
    assert_eq!(cut(&bytes, 1280).unwrap(), [bytes]);
}

#[test]
fn nothing_is_cut_below_the_least_mtu() {
    let bytes = packet(&[], 17, 3000);
    let (least, found) = (MIN_IPV6_MTU, 1279);
    assert_eq!(cut(&bytes, 1279), Err(FragmentError::Mtu { least, found }));
}

#[test]
fn the_unfragmentable_part_ends_with_routing_or_hop_by_hop_options() {
    for (extensions, kept, next) in [
        (&[][..], 0, 17),
        (&[DESTINATION], 0, 60),
        (&[HOP_BY_HOP], 8, 17),
        (&[HOP_BY_HOP, DESTINATION], 8, 60),
        (&[DESTINATION, ROUTING], 16, 17),
        (&[HOP_BY_HOP, DESTINATION, ROUTING, DESTINATION], 24, 60),
    ] {
        let bytes = packet(extensions, 17, 3000);
        let original = Ipv6Packet::parse(&bytes).unwrap();
        let mut whole: Vec<u8> = Vec::new();
        for bytes in cut(&bytes, 1400).unwrap() {
            let fragment = Ipv6Packet::parse(&bytes).unwrap();
            assert_eq!(fragment.as_bytes().len(), bytes.len());
            assert_eq!(fragment.header().flow_label(), 0x12345);
            let found = fragment.upper_layer().unwrap().fragment.unwrap();
            assert_eq!(found.next_header(), IpProtocol(next));
            assert_eq!(found.identification(), 0xfeed_beef);
            assert_eq!(usize::from(found.fragment_offset()), whole.len());
            // Ahead of it, all is as it was but the octet that names it.
            let (ahead, rest) = fragment.payload().split_at(kept);
            assert_eq!(&rest[..8], found.as_bytes());
            let changed = ahead.iter().zip(original.payload());
            let changed = changed.filter(|(octet, was)| octet != was).count();
            assert_eq!(changed, usize::from(kept > 0));
            whole.extend(&rest[8..]);
        }
        assert_eq!(whole, &original.payload()[kept..]);
    }
}

#[test]
fn the_first_fragment_holds_all_headers() {
    let long = (60, [0; 7]);
    let mut bytes = packet(&[long], 6, 4000);
    // The destination options take all of 1240 octets: nothing of TCP would be in the first fragment.
    bytes[41] = (1240 / 8 - 1) as u8;
    bytes[40 + 1240 + 12] = 5 << 4;
    let (needed, mtu) = (40 + 8 + 1240 + 20, 1280);
    assert_eq!(
        cut(&bytes, 1280),
        Err(FragmentError::HeaderChain { needed, mtu })
    );
    assert!(cut(&bytes, 1400).is_ok());
}

#[test]
fn what_cannot_be_cut_is_refused() {
    let fragment = Ipv6FragmentHeader::new(IpProtocol::UDP, 0, true, 1);
    let data = *fragment.as_bytes().last_chunk::<7>().unwrap();
    let bytes = packet(&[(44, data)], 17, 3000);
    assert_eq!(cut(&bytes, 1280), Err(FragmentError::AlreadyFragment));
    let bytes = packet(&[DESTINATION, HOP_BY_HOP], 17, 3000);
    let offset = 8;
    assert_eq!(
        cut(&bytes, 1280),
        Err(FragmentError::Extensions(
            ExtensionError::MisplacedHopByHop { offset }
        ))
    );
}

proptest! {
    #[test]
    fn fragments_fit_and_their_lengths_are_multiples_of_8(
        payload in 0usize..20_000,
        mtu in MIN_IPV6_MTU..9000,
        routing: bool,
    ) {
        let extensions = if routing { &[HOP_BY_HOP, ROUTING][..] } else { &[HOP_BY_HOP] };
        let fragments = cut(&packet(extensions, 17, payload), mtu).unwrap();
        let (last, others) = fragments.split_last().unwrap();
        prop_assert!(last.len() <= mtu);
        for bytes in others {
            prop_assert!(bytes.len() <= mtu);
            let upper = Ipv6Packet::parse(bytes).unwrap().upper_layer().unwrap();
            prop_assert!(upper.fragment.unwrap().more_fragments());
            prop_assert_eq!(upper.payload.len() % 8, 0);
            prop_assert!(!upper.payload.is_empty());
        }
    }

    #[test]
    fn no_packet_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 1300..1500), next in prop::sample::select(vec![0u8, 43, 44, 60, 51, 6, 17])) {
        let mut bytes = bytes;
        let len = (bytes.len() - 40) as u16;
        bytes[0] = 0x60;
        bytes[4..6].copy_from_slice(&len.to_be_bytes());
        bytes[6] = next;
        let packet = Ipv6Packet::parse(&bytes).unwrap();
        if let Ok(fragments) = Ipv6Fragments::new(&packet, MIN_IPV6_MTU, 1) {
            prop_assert!(fragments.count() <= 200);
        }
    }
}

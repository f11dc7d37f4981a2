//! Packets of any octets: random ones, and ones that were valid until something happened to them.

use std::net::Ipv4Addr;

use proptest::prelude::*;
use waypost_graph::{Allocator, Packet};
use waypost_netdev::{ChecksumState, FrameMeta, Segmentation, SegmentationKind, VlanTag};
use waypost_packet::LinkDestination;

/// What a packet is made of.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    octets: Vec<u8>,
    /// Where the network header and the transport header are said to begin, before octets are stripped.
    network: Option<usize>,
    transport: Option<usize>,
    /// Octets that are stripped off the front after all else, so that marks may lie before it.
    stripped: usize,
    meta: FrameMeta,
    pub(crate) paint: u8,
    link: LinkDestination,
    destination: Option<[u8; 4]>,
}

impl Template {
    pub(crate) fn packet(&self, frames: &mut Allocator) -> Packet {
        let mut packet = frames.copy(&self.octets).expect("a frame for a test");
        packet.set_frame_meta(self.meta);
        if let Some(offset) = self.network {
            packet.set_network_offset(offset);
        }
        if let Some(offset) = self.transport {
            packet.set_transport_offset(offset);
        }
        packet.set_paint(self.paint);
        packet.set_link_destination(self.link);
        if let Some(octets) = self.destination {
            packet.set_destination(Ipv4Addr::from(octets));
        }
        // A packet that is shorter stays as it is.
        let _ = packet.strip_front(self.stripped);
        packet
    }
}

pub(crate) fn template() -> impl Strategy<Value = Template> {
    let octets = prop_oneof![
        1 => prop::collection::vec(any::<u8>(), 0..=2000).prop_map(|octets| (octets, 0)),
        4 => mutated(),
    ];
    // Where a header is, or somewhere else; `None` is not marked.
    let wrong = || {
        prop_oneof![
            1 => Just(None),
            4 => prop::sample::select(vec![0_usize, 14, 34, 60_000, 65_535, 70_000]).prop_map(Some),
            1 => (0_usize..2100).prop_map(Some),
        ]
    };
    let offset = || prop_oneof![3 => Just(None), 2 => wrong().prop_map(Some)];
    let stripped = prop_oneof![8 => Just(0), 2 => Just(14), 1 => Just(34), 1 => 0_usize..200];
    let link = prop_oneof![
        5 => Just(LinkDestination::Host),
        1 => Just(LinkDestination::Broadcast),
        1 => Just(LinkDestination::Multicast),
        1 => Just(LinkDestination::OtherHost),
    ];
    let paint = prop_oneof![0_u8..4, Just(255), any::<u8>()];
    let destination = prop_oneof![
        2 => Just(None),
        2 => Just(Some([10, 0, 0, 2])),
        1 => Just(Some([224, 0, 0, 1])),
        1 => any::<[u8; 4]>().prop_map(Some),
    ];
    (
        octets,
        offset(),
        offset(),
        stripped,
        meta(),
        paint,
        link,
        destination,
    )
        .prop_map(
            |((octets, at), network, transport, stripped, meta, paint, link, destination)| {
                Template {
                    octets,
                    network: network.unwrap_or(Some(at)),
                    transport: transport.unwrap_or(Some(at + 20)),
                    stripped,
                    meta,
                    paint,
                    link,
                    destination,
                }
            },
        )
}

/// What a device may say, and what none would.
fn meta() -> impl Strategy<Value = FrameMeta> {
    let place = || prop_oneof![Just(0), Just(14), Just(16), Just(34), Just(6), any::<u16>()];
    let checksum = prop_oneof![
        2 => Just(ChecksumState::Unverified),
        1 => Just(ChecksumState::Verified),
        3 => (place(), place()).prop_map(|(start, offset)| ChecksumState::Partial { start, offset }),
    ];
    let kind = prop_oneof![
        any::<bool>().prop_map(|ecn| SegmentationKind::Tcp4 { ecn }),
        any::<bool>().prop_map(|ecn| SegmentationKind::Tcp6 { ecn }),
        Just(SegmentationKind::Udp),
    ];
    let size = prop_oneof![Just(0), Just(1), 0_u16..200, Just(1460), any::<u16>()];
    let segmentation =
        prop::option::of((size, kind).prop_map(|(size, kind)| Segmentation { size, kind }));
    let vlan = prop::option::of(any::<(u16, u16)>())
        .prop_map(|tag| tag.map(|(tpid, tci)| VlanTag { tpid, tci }));
    (checksum, segmentation, vlan, any::<u32>()).prop_map(
        |(checksum, segmentation, vlan, flow_hash)| FrameMeta {
            checksum,
            flow_hash,
            segmentation,
            timestamp: None,
            vlan,
        },
    )
}

/// A frame that is valid, but for what then happens to it: a mutation of its lengths, flipped bits, an end that is missing or
/// of which there is more; and where its network header begins. Perhaps with the header's checksum set right after that, so that it is not for that that it is refused.
fn mutated() -> impl Strategy<Value = (Vec<u8>, usize)> {
    let flips = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
    let ends = prop_oneof![
        3 => Just(None),
        1 => (0_usize..100).prop_map(Some),
        1 => (0_usize..=2000).prop_map(Some),
    ];
    let lengths = prop_oneof![
        8 => Just(None),
        1 => any::<(u8, u16)>().prop_map(Some),
        1 => (0_u8..16, 0_u16..2100).prop_map(|(words, total)| Some((0x40 | words, total))),
    ];
    (valid(), any::<bool>(), lengths, flips, ends, any::<bool>()).prop_map(
        |(mut frame, bare, lengths, flips, end, mends)| {
            let ip = frame[12..14] == [8, 0];
            if let (Some((first, total)), true) = (lengths, ip) {
                frame[14] = first;
                frame[16..18].copy_from_slice(&total.to_be_bytes());
            }
            for (index, mask) in flips {
                let at = index.index(frame.len().min(80));
                frame[at] ^= mask;
            }
            if let Some(end) = end {
                frame.resize(end, 0xee);
            }
            if ip && mends {
                mend(&mut frame);
            }
            if bare {
                frame.drain(..frame.len().min(14));
            }
            (frame, if bare { 0 } else { 14 })
        },
    )
}

/// A frame with nothing wrong.
fn valid() -> impl Strategy<Value = Vec<u8>> {
    let body = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..60),
        3 => prop::collection::vec(any::<u8>(), 1000..1900),
    ];
    let fields = (
        prop::sample::select(vec![1_u8, 6, 17, 50]),
        prop_oneof![4 => Just(0_usize), 1 => 0_usize..=10],
        prop_oneof![4 => Just(0_u16), 1 => Just(0x4000), 1 => any::<u16>()],
        prop::sample::select(vec![0_u8, 1, 2, 64]),
    );
    (fields, body, any::<[u8; 8]>(), 0_u8..4).prop_map(
        |((protocol, options, fragment, ttl), body, random, choice)| {
            let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
            if choice == 0 {
                // A request or a reply of ARP.
                let operation = 1 + random[0] % 2;
                frame.extend([
                    8, 6, 0, 1, 8, 0, 6, 4, 0, operation, 2, 0, 0, 0, 0, 2, 10, 0, 0, 2,
                ]);
                frame.extend([2, 0, 0, 0, 0, 1, 10, 0, 0, random[1] % 4]);
                return frame;
            }
            let [a, b, c, d, e, f, g, h] = random;
            let transport: Vec<u8> = match protocol {
                1 => vec![[8, 8, 8, 0, 3, 11][usize::from(a % 6)], 0, 0, 0, b, c, d, e],
                6 => {
                    let words = 5 + a % 3;
                    let mut header = vec![
                        b,
                        c,
                        0,
                        80,
                        d,
                        e,
                        f,
                        g,
                        h,
                        a,
                        b,
                        c,
                        words << 4,
                        h,
                        0,
                        64,
                        0,
                        0,
                        0,
                        0,
                    ];
                    header.resize(usize::from(words) * 4, 1);
                    header
                }
                17 => {
                    let [high, low] = (8 + body.len() as u16).to_be_bytes();
                    vec![a, b, 0, 53, high, low, 0, 0]
                }
                _ => Vec::new(),
            };
            let total = (20 + options * 4 + transport.len() + body.len()) as u16;
            frame.extend([8, 0, 0x45 + options as u8, 0]);
            frame.extend(total.to_be_bytes());
            frame.extend([a, b]);
            frame.extend(fragment.to_be_bytes());
            frame.extend([ttl, protocol, 0, 0, 10, 0, c % 2, d, 10, 0, 0, 2]);
            // Options of all kinds: their types and lengths are what they happen to be.
            frame.extend(random.iter().cycle().take(options * 4));
            let payload = frame.len();
            frame.extend(transport);
            frame.extend(body);
            if protocol == 1 {
                let sum = checksum(&frame[payload..]).to_be_bytes();
                frame[payload + 2..payload + 4].copy_from_slice(&sum);
            }
            mend(&mut frame);
            frame
        },
    )
}

/// Sets the checksum of the IP header of a frame right, if it is there.
fn mend(frame: &mut [u8]) {
    let Some(header) = frame.get_mut(14..) else {
        return;
    };
    let len = header
        .first()
        .map_or(0, |first| usize::from(first & 15) * 4);
    if let Some(header) = header.get_mut(..len).filter(|header| header.len() >= 20) {
        header[10..12].fill(0);
        let sum = checksum(header).to_be_bytes();
        header[10..12].copy_from_slice(&sum);
    }
}

/// The checksum of RFC 1071, as one would write it down.
fn checksum(octets: &[u8]) -> u16 {
    let words = octets
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !(sum as u16)
}

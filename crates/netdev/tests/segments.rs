//! Super-segments of any shape: each piece is a packet that a host would accept, and together they are the whole.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use waypost_netdev::{
    ChecksumState, FrameMeta, Medium, SegmentError, Segmentation, SegmentationKind, Segments,
};
use waypost_wire::{
    Checksum, IpProtocol, Ipv4Packet, Ipv6Packet, MacAddr, TcpSegment, UdpDatagram,
};

const V4: (Ipv4Addr, Ipv4Addr) = (Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(198, 51, 100, 7));
const V6: (Ipv6Addr, Ipv6Addr) = (
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1),
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2),
);
const SEQUENCE: u32 = u32::MAX - 700;
const FLAGS: u8 = 0x80 | 0x10 | 0x08 | 0x01; // CWR ACK PSH FIN

#[derive(Clone, Debug)]
struct Shape {
    v6: bool,
    tcp: bool,
    ecn: bool,
    tags: usize,
    /// Words of IPv4 and of TCP options.
    options: (usize, usize),
    payload: Vec<u8>,
    size: u16,
}

fn shape() -> impl Strategy<Value = Shape> {
    (
        any::<(bool, bool, bool)>(),
        0..3_usize,
        (0..=10_usize, 0..=10_usize),
        prop::collection::vec(any::<u8>(), 0..5000),
        1..2000_u16,
    )
        .prop_map(|((v6, tcp, ecn), tags, options, payload, size)| Shape {
            v6,
            tcp,
            ecn,
            tags,
            options,
            payload,
            size,
        })
}

/// The frame, as a sending host leaves it, with where the network and the transport header begin.
fn build(shape: &Shape) -> (Vec<u8>, FrameMeta, usize) {
    let mut frame = vec![2; 12];
    for _ in 0..shape.tags {
        frame.extend([0x81, 0, 0, 5]);
    }
    frame.extend(if shape.v6 { [0x86, 0xdd] } else { [8, 0] });
    let network = frame.len();
    let (protocol, transport_header) = if shape.tcp {
        (6, 20 + 4 * shape.options.1)
    } else {
        (17, 8)
    };
    let len = transport_header + shape.payload.len();
    let pseudo = if shape.v6 {
        frame.extend([0x60, 0, 0, 0]);
        frame.extend((len as u16).to_be_bytes());
        frame.extend([protocol, 64]);
        frame.extend(V6.0.octets());
        frame.extend(V6.1.octets());
        Checksum::ipv6_pseudo_header(V6.0, V6.1, IpProtocol(protocol), len as u32)
    } else {
        let header = 20 + 4 * shape.options.0;
        frame.extend([0x40 | (header / 4) as u8, 0]);
        frame.extend(((header + len) as u16).to_be_bytes());
        frame.extend([0xff, 0xff, 0x40, 0, 64, protocol, 0, 0]);
        frame.extend(V4.0.octets());
        frame.extend(V4.1.octets());
        frame.extend(vec![1; 4 * shape.options.0]); // no-operation
        Checksum::ipv4_pseudo_header(V4.0, V4.1, IpProtocol(protocol), len as u16)
    };
    let transport = frame.len();
    frame.extend([0x13, 0x88, 0, 80]);
    if shape.tcp {
        frame.extend(SEQUENCE.to_be_bytes());
        frame.extend([0, 0, 0, 9, (transport_header << 2) as u8, FLAGS, 1, 0]);
        frame.extend(pseudo.folded().to_be_bytes());
        frame.extend([0, 0]);
        frame.extend(vec![1; 4 * shape.options.1]);
    } else {
        frame.extend((len as u16).to_be_bytes());
        frame.extend(pseudo.folded().to_be_bytes());
    }
    frame.extend(&shape.payload);
    let kind = match (shape.tcp, shape.v6) {
        (false, _) => SegmentationKind::Udp,
        (true, false) => SegmentationKind::Tcp4 { ecn: shape.ecn },
        (true, true) => SegmentationKind::Tcp6 { ecn: shape.ecn },
    };
    let meta = FrameMeta {
        checksum: ChecksumState::Partial {
            start: transport as u16,
            offset: if shape.tcp { 16 } else { 6 },
        },
        segmentation: Some(Segmentation {
            size: shape.size,
            kind,
        }),
        ..FrameMeta::default()
    };
    (frame, meta, network)
}

/// The transport part of a piece, whose checksums are right.
fn transport<'a>(piece: &'a [u8], shape: &Shape, number: usize) -> &'a [u8] {
    if shape.v6 {
        let packet = Ipv6Packet::parse(piece).unwrap();
        assert_eq!(
            usize::from(packet.header().payload_length()) + 40,
            piece.len()
        );
        packet.payload()
    } else {
        let packet = Ipv4Packet::parse(piece).unwrap();
        assert!(packet.has_valid_checksum());
        assert_eq!(usize::from(packet.header().total_length()), piece.len());
        assert_eq!(
            packet.header().identification(),
            0xffff_u16.wrapping_add(number as u16)
        );
        packet.payload()
    }
}

fn any_medium() -> Medium {
    Medium::Ethernet(MacAddr::BROADCAST)
}

proptest! {
    #[test]
    fn pieces_are_packets_and_make_the_whole(shape in shape()) {
        let (frame, meta, network) = build(&shape);
        let mut segments = Segments::new(&frame, &meta, any_medium()).unwrap();
        let (mut payload, mut number) = (Vec::<u8>::new(), 0);
        while let Some(len) = segments.next_len() {
            let mut piece = vec![0xaa; len];
            let said = segments.write_next(&mut piece).unwrap();
            prop_assert_eq!(said.segmentation, None);
            prop_assert_eq!(&piece[..12], &frame[..12]);
            let part = transport(&piece[network..], &shape, number);
            let last = segments.next_len().is_none();
            if shape.tcp {
                let segment = TcpSegment::parse(part).unwrap();
                let valid = if shape.v6 { segment.has_valid_checksum(V6.0, V6.1) } else { segment.has_valid_checksum(V4.0, V4.1) };
                prop_assert!(valid);
                prop_assert_eq!(&part[4..8], &SEQUENCE.wrapping_add(payload.len() as u32).to_be_bytes());
                let flags = part[13];
                prop_assert_eq!(flags & 0x09 != 0, last, "FIN and PSH on the last");
                prop_assert_eq!(flags & 0x80 != 0, number == 0 || !shape.ecn, "CWR on the first");
                payload.extend(segment.payload());
            } else {
                let datagram = UdpDatagram::parse(part).unwrap();
                let valid = if shape.v6 { datagram.has_valid_checksum(V6.0, V6.1) } else { datagram.has_valid_checksum(V4.0, V4.1) };
                prop_assert!(valid);
                payload.extend(datagram.payload());
            }
            let full = (payload.len() - number * usize::from(shape.size)) == usize::from(shape.size);
            prop_assert!(full || last);
            number += 1;
        }
        prop_assert_eq!(payload, shape.payload);
        prop_assert!(segments.write_next(&mut []).is_none());
    }

    #[test]
    fn no_octets_panic(
        mut octets in prop::collection::vec(any::<u8>(), 0..200),
        ethernet: bool,
        version in prop::sample::select(&[0x45_u8, 0x60, 0x4f, 0]),
        start in 0..200_u16,
        offset in prop::sample::select(&[6_u16, 16, 0, 60000]),
        size in 0..100_u16,
        kind in 0..3,
    ) {
        if let Some(first) = octets.first_mut().filter(|_| !ethernet) {
            *first = version;
        }
        let kind = match kind {
            0 => SegmentationKind::Udp,
            1 => SegmentationKind::Tcp4 { ecn: true },
            _ => SegmentationKind::Tcp6 { ecn: false },
        };
        let meta = FrameMeta {
            checksum: ChecksumState::Partial { start, offset },
            segmentation: Some(Segmentation { size, kind }),
            ..FrameMeta::default()
        };
        let medium = if ethernet { any_medium() } else { Medium::Ip };
        if let Ok(mut segments) = Segments::new(&octets, &meta, medium) {
            while let Some(len) = segments.next_len() {
                prop_assert!(segments.write_next(&mut vec![0; len]).is_some());
            }
        }
    }
}

#[test]
fn what_is_no_super_segment_is_refused() {
    let shape = Shape {
        v6: false,
        tcp: true,
        ecn: false,
        tags: 0,
        options: (0, 3),
        payload: vec![7; 3000],
        size: 1448,
    };
    let (frame, meta, _) = build(&shape);
    let new =
        |octets: &[u8], meta: FrameMeta| Segments::new(octets, &meta, any_medium()).map(|_| ());
    assert_eq!(new(&frame, meta), Ok(()));
    assert_eq!(new(&frame, FrameMeta::default()), Err(SegmentError::Whole));
    assert_eq!(new(&frame[..40], meta), Err(SegmentError::Malformed));
    let mut other = meta;
    other.checksum = ChecksumState::Verified;
    assert_eq!(new(&frame, other), Err(SegmentError::Malformed));
    other = meta;
    other.segmentation = Some(Segmentation {
        size: 0,
        kind: SegmentationKind::Tcp4 { ecn: false },
    });
    assert_eq!(new(&frame, other), Err(SegmentError::Malformed));
    other.segmentation = Some(Segmentation {
        size: 1448,
        kind: SegmentationKind::Tcp6 { ecn: false },
    });
    assert_eq!(new(&frame, other), Err(SegmentError::Malformed));
    other.segmentation = Some(Segmentation {
        size: 1448,
        kind: SegmentationKind::Udp,
    });
    assert_eq!(new(&frame, other), Err(SegmentError::Malformed));
}
